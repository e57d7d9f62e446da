//! Building a cartridge again: the one job of the workbench that writes beside a database.
//!
//! The database is opened for reading, as any other process's reader is: not a byte of it is written, and
//! while the build reads, a writer leaves alone the pages it reads. What is written is the cartridge: a
//! temporary file beside it, synced, renamed over it. Done only when somebody asked and said yes.

use super::find::name_of;
use crate::job::{Data, Desk, Job};
use northstar_engine::cartridge::{BuildReport, BuildRequest, Cartridge};
use northstar_engine::shelf::Kind;
use northstar_engine::{Error, Options};
use std::cell::RefCell;
use std::path::PathBuf;

/// Builds a cartridge again, from the one that is there where that works.
#[derive(Debug)]
pub struct Rebuild {
    /// Its file.
    pub path: PathBuf,
    /// Its type, with the options it was built with.
    pub kind: Kind,
}

/// A cartridge was built again.
#[derive(Clone, Debug)]
pub struct Rebuilt {
    /// Its file's name, printable.
    pub name: String,
    /// What was built.
    pub report: BuildReport,
}

impl Job for Rebuild {
    fn name(&self) -> String {
        format!("build {} again", name_of(&self.path))
    }

    fn cleans_up(&self) -> bool {
        true
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let database = desk.path().to_owned();
        let db = Options::new().read_only(true).create(false).open(&database);
        let db = db.map_err(|error| format!("cannot read {}: {error}", name_of(&database)))?;
        // One that cannot be read is no start; the database has everything it holds.
        let previous = Cartridge::read(&self.path).ok();
        let desk = RefCell::new(desk);
        let progress = |count| desk.borrow_mut().progress(count, 0);
        let request = BuildRequest {
            previous: previous.as_ref(),
            progress: Some(&progress),
            ..BuildRequest::default()
        };
        let name = name_of(&self.path);
        match self.kind.build(&db, &self.path, request) {
            Ok(report) => Ok(Box::new(Rebuilt { name, report })),
            Err(Error::Stopped) => Err(format!("stopped: {name} is as it was")),
            Err(error) => Err(format!("cannot build {name}: {error}")),
        }
    }
}
