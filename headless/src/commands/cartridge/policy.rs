//! When a cartridge counts as stale, from arguments; how old a file is.

use crate::exit::Told;
use clap::Args;
use color_eyre::eyre::Result;
use northstar_engine::cartridge::Policy;
use std::{path::Path, time::Duration};

/// When a cartridge is stale.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct PolicyArgs {
    /// Stale when more transactions than this have passed since
    #[arg(long, value_name = "N")]
    txns_max: Option<u64>,
    /// Stale when the file is older than so many seconds
    #[arg(long, value_name = "S", value_parser = crate::commands::queue::seconds)]
    age_max: Option<Duration>,
    /// Not stale when commits touched what it reads: only by --txns-max and --age-max
    #[arg(long)]
    ignore_inputs: bool,
}

impl PolicyArgs {
    /// Refuses rules that nobody would ask for.
    ///
    /// # Errors
    /// Wrong usage, when there are any and nothing is judged; `needed` is what they go with.
    pub(super) fn only_with(self, judged: bool, needed: &str) -> Result<()> {
        let given = self.txns_max.is_some() || self.age_max.is_some() || self.ignore_inputs;
        if judged || !given {
            return Ok(());
        }
        let what = "--txns-max, --age-max and --ignore-inputs go with";
        Err(Told::usage(format!("{what} {needed}")).into())
    }

    pub(super) fn policy(self) -> Policy {
        Policy {
            txns_max: self.txns_max,
            on_input_change: !self.ignore_inputs,
            age_max: self.age_max,
        }
    }
}

/// How long ago the file was written; `None` where nobody can tell.
pub(super) fn age_of(file: &Path) -> Option<Duration> {
    std::fs::metadata(file).and_then(|metadata| metadata.modified()).ok()?.elapsed().ok()
}
