//! skeleton

use crate::{
    disk::Storage,
    error::{Corrupt, Result},
    format::segment::SegmentHeader,
    ids::Lsn,
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// The names of one database's log files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPaths {}

impl LogPaths {
    /// The log of the database at `path`: `app.ns` has `app.ns.log`.
    pub fn of_database(path: &Path) -> Self {
        let _ = path;
        todo!()
    }
    /// The log that the segment at `path` (`app.ns.log`, `app.ns.log.7`) belongs to; `None` when it is no log's name.
    pub fn of_log(path: &Path) -> Option<Self> {
        let _ = path;
        todo!()
    }
    /// The newest segment.
    pub fn active(&self) -> PathBuf {
        todo!()
    }
    /// An older segment.
    pub fn numbered(&self, number: u64) -> PathBuf {
        let _ = number;
        todo!()
    }
    /// A segment being prepared; never read.
    pub fn next(&self) -> PathBuf {
        todo!()
    }
}

/// One segment of a judged chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its header.
    pub header: SegmentHeader,
    /// Its file.
    pub path: PathBuf,
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Where its successor starts; `None` for the newest.
    pub end: Option<Lsn>,
}

/// The segments of a log, oldest first, judged against each other.
#[derive(Clone, Debug)]
pub struct Chain {}

impl Chain {
    /// Finds and judges the segments. Empty when there is no log at all.
    pub fn discover(storage: &Arc<dyn Storage>, paths: &LogPaths) -> Result<Self> {
        let _ = (storage, paths);
        todo!()
    }
    /// The segments, oldest first.
    pub fn segments(&self) -> &[Segment] {
        todo!()
    }
    /// The first position there is.
    pub fn start_lsn(&self) -> Option<Lsn> {
        todo!()
    }
    /// Why older segments beside the log could not be joined to it; they are not needed to open.
    pub fn broken(&self) -> Option<&Corrupt> {
        todo!()
    }
}
