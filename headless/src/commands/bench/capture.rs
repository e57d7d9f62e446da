//! `bench capture-baseline`: runs a profile and stores what later runs are judged by.

use super::{control, progress, run::ProfileName, told};
use crate::{
    exit::{Exit, Told},
    output::Out,
};
use clap::Args;
use color_eyre::eyre::Result;
use northstar_bench::{
    baseline,
    plan::{Plan, Request},
    profile::Profile,
    result::{RunState, StorageKind},
    runner::{self, Settings},
};
use std::path::PathBuf;

/// Run a profile and store it as the baseline that `bench gate` judges by
///
/// The profile ci keeps counters only, which are the same on every machine of one kind; dev_nvme keeps
/// timings too, valid on this machine alone. A long run can be made in pieces, with `bench run --resume`, and
/// taken with --from.
#[derive(Args, Debug)]
pub(super) struct CaptureBaseline {
    /// Which profile
    #[arg(long, value_enum)]
    profile: ProfileName,
    /// Where to, instead of bench/baselines/PROFILE
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    target: Option<PathBuf>,
    /// Store this finished run instead of running
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    from: Option<PathBuf>,
    /// Repeats of each benchmark
    #[arg(long, value_name = "N")]
    repeats: Option<u32>,
    /// Keep counters only, whatever the profile: for a machine whose timings mean nothing
    #[arg(long)]
    counters_only: bool,
    /// Databases in memory, whatever the profile
    #[arg(long)]
    in_memory: bool,
}

impl CaptureBaseline {
    pub(super) fn run(self, out: &mut Out) -> Result<Exit> {
        let profile = Profile::from(self.profile);
        let target =
            self.target.unwrap_or_else(|| PathBuf::from("bench/baselines").join(profile.name()));
        let keep_timings = baseline::keeps_timings(profile) && !self.counters_only;
        let own = PathBuf::from(format!("target/bench-capture-{}", std::process::id()));
        let folder = match &self.from {
            Some(folder) => folder.clone(),
            None => {
                let mut request = Request::new(profile);
                request.repeats = self.repeats;
                request.storage = self.in_memory.then_some(StorageKind::Memory);
                let plan = Plan::new(&request).map_err(told)?;
                let watcher = progress::Watcher::new(progress::Mode::Bar);
                let settings = Settings::new(&own).map_err(told)?;
                let run = runner::run(&plan, &settings, &control()?, &mut |e| watcher.see(e))
                    .map_err(told)?;
                if run.state != RunState::Complete {
                    let reasons: Vec<String> =
                        run.failures.iter().map(|f| format!("{}: {}", f.bench, f.reason)).collect();
                    let text = format!("the run did not complete; {}", reasons.join("; "));
                    return Err(Told::no(text).into());
                }
                own.clone()
            }
        };
        let count = baseline::capture(&folder, &target, profile, keep_timings).map_err(told)?;
        if self.from.is_none() {
            // Only a temporary copy is lost if this fails.
            std::fs::remove_dir_all(&own).unwrap_or_default();
        }
        let kept = if keep_timings { "counters and timings" } else { "counters" };
        out.line(format_args!("{count} results, {kept}, in {}", target.display()))?;
        Ok(Exit::Done)
    }
}
