//! `backup`: a consistent copy while writers go on.

use super::{Database, shown};
use crate::{
    exit::{Exit, Told},
    output::Out,
};
use clap::Args;
use color_eyre::eyre::{Result, WrapErr};
use std::path::PathBuf;

/// Copy a database while it is in use
///
/// The copy is the latest durable state, synced and verified before it gets its name. An existing file
/// is never overwritten.
#[derive(Args, Debug)]
pub struct Backup {
    #[command(flatten)]
    db: Database,
    /// The file to make
    #[arg(value_hint = clap::ValueHint::FilePath)]
    dest: PathBuf,
}

impl Backup {
    pub(crate) fn run(self, out: &mut Out) -> Result<Exit> {
        let db = self.db.open_for_reading()?;
        if self.dest.symlink_metadata().is_ok() {
            return Err(Told::no(format!("{} exists already", shown(&self.dest)))
                .hint("a backup never overwrites: choose another name, or remove that file first")
                .into());
        }
        db.backup(&self.dest)
            .wrap_err_with(|| format!("cannot write the copy {}", shown(&self.dest)))?;
        let bytes = std::fs::metadata(&self.dest).map_or(0, |metadata| metadata.len());
        out.line(format_args!("{}: {bytes} bytes", shown(&self.dest)))?;
        Ok(Exit::Done)
    }
}
