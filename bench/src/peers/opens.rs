//! Opening a database and getting one row: after a clean close, and as a kill -9 left it.
//!
//! What a killed process leaves is what the system's cache holds of its files, so a copy of the files of
//! a live, idle engine is exactly that.

use super::{
    Open, chosen,
    engine::{Engine, missing},
    workloads::load,
};
use crate::{
    catalog::{Bench, Verification},
    context::Context,
    error::{Error, Result},
    recorder::Recorder,
    rng::{Key, KeyOrder},
    suite::support,
};
use std::path::{Path, PathBuf};

/// How the process that wrote the database ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shutdown {
    Clean,
    Killed,
}

/// Opens of one database.
pub(super) struct Opens {
    open: Open,
    shutdown: Shutdown,
    /// The database, or what a killed process left of it.
    folder: PathBuf,
    key: Key,
    sum: u64,
}

impl Opens {
    pub(super) fn setup(context: &Context, shutdown: Shutdown) -> Result<Box<dyn Bench>> {
        let (open, mut folder) = chosen(context)?;
        let engine = open(&folder)?;
        let mut rows = support::rows(context, KeyOrder::Scattered)?;
        load(engine.as_ref(), &mut rows, context.number("records")?)?;
        if shutdown == Shutdown::Killed {
            let left = context.scratch().join("left");
            copy_folder(&folder, &left)?;
            folder = left;
        }
        drop(engine);
        Ok(Box::new(Self { open, shutdown, folder, key: rows.key(7), sum: 0 }))
    }

    /// The folder to open: each open of what a kill left needs a fresh copy.
    fn place(&self) -> Result<PathBuf> {
        if self.shutdown == Shutdown::Clean {
            return Ok(self.folder.clone());
        }
        let copy = self.folder.with_file_name("copy");
        copy_folder(&self.folder, &copy)?;
        Ok(copy)
    }
}

impl Bench for Opens {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        for _ in 0..ops {
            let place = self.place()?;
            let mut opened: Option<Box<dyn Engine>> = None;
            recorder.timed(1, |lane| {
                lane.op(|| -> Result<()> {
                    let engine = (self.open)(&place)?;
                    engine.read(&mut |reader| {
                        let found = reader.get(self.key.as_ref())?.ok_or_else(missing)?;
                        self.sum = self.sum.wrapping_add(found);
                        Ok(())
                    })?;
                    opened = Some(engine);
                    Ok(())
                })
            })?;
            // Closing is not what is timed.
            drop(opened);
            if place != self.folder {
                std::fs::remove_dir_all(&place).map_err(|e| Error::io("remove", place, e))?;
            }
        }
        Ok(())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        report.checksum.add_number(self.sum);
        Ok(())
    }
}

/// Copies the files under `from` to the new folder `to`.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to).map_err(|error| Error::io("create", to, error))?;
    let fail = |error| Error::io("copy", from, error);
    for entry in std::fs::read_dir(from).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_folder(&source, &target)?;
        } else {
            std::fs::copy(&source, &target).map_err(|error| Error::io("copy", source, error))?;
        }
    }
    Ok(())
}
