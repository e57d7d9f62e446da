//! The journal of a simulated disk: every change and every sync, in order, with its bytes.

use super::{
    crash::{CrashPoint, Replay},
    describe,
    disk::{Persisted, Start},
    image::FileId,
};
use crate::disk::SyncKind;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// What a sync did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncOutcome {
    /// Made durable what was pending.
    Done,
    /// Returned an error, having made this much durable.
    Failed(Persisted),
}

/// One operation of a journal.
#[derive(Clone, Debug)]
pub struct SimOp {
    /// Its place in the journal, from 0.
    pub number: usize,
    /// The path it was called with; empty for a mark.
    pub path: Arc<Path>,
    /// What it did.
    pub action: Action,
}

/// What an operation did.
#[derive(Clone, Debug)]
pub enum Action {
    /// A new, empty file under a new name.
    Create {
        /// The file.
        file: FileId,
    },
    /// Bytes written.
    Write {
        /// The file.
        file: FileId,
        /// Where.
        offset: u64,
        /// What.
        bytes: Arc<[u8]>,
        /// The file's length before.
        len_before: u64,
    },
    /// The length set.
    SetLen {
        /// The file.
        file: FileId,
        /// The new length.
        bytes: u64,
        /// The length before.
        len_before: u64,
    },
    /// A file synced.
    Sync {
        /// The file.
        file: FileId,
        /// How much was asked for. `Data` leaves the length undecided.
        kind: SyncKind,
        /// What came of it.
        outcome: SyncOutcome,
    },
    /// A directory synced.
    SyncDir {
        /// What came of it.
        outcome: SyncOutcome,
    },
    /// A file's name changed, from `path`.
    Rename {
        /// The file.
        file: FileId,
        /// Its new name.
        to: PathBuf,
    },
    /// A name removed.
    Unlink {
        /// The file it named.
        file: FileId,
    },
    /// A note of the program that ran.
    Mark {
        /// Its text.
        text: String,
    },
}

/// A journal, frozen. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Trace {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) sector_bytes: usize,
    pub(super) start: Arc<Start>,
    pub(super) ops: Vec<SimOp>,
}

impl Trace {
    pub(super) fn new(sector_bytes: usize, start: Arc<Start>, ops: Vec<SimOp>) -> Self {
        Self { inner: Arc::new(Inner { sector_bytes, start, ops }) }
    }

    /// The operations.
    pub fn ops(&self) -> &[SimOp] {
        &self.inner.ops
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.inner.ops.len()
    }

    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.inner.ops.is_empty()
    }

    /// The unit in which writes tear.
    pub fn sector_bytes(&self) -> usize {
        self.inner.sector_bytes
    }

    /// What operation `number` meant, in one line: which page, meta slot, record or segment.
    pub fn describe(&self, number: usize) -> String {
        self.ops().get(number).map_or_else(String::new, describe::op)
    }

    /// The moment before operation `at` (`len()`: after the last one).
    ///
    /// A crash inside a write or a sync is among the states of the moment after the write and of the
    /// moment before the sync.
    pub fn crash_at(&self, at: usize) -> CrashPoint {
        self.crash_at_with_lies(at, &|_| false)
    }

    /// As [`Self::crash_at`], on a disk that did nothing in the syncs for which `lied` says so.
    pub fn crash_at_with_lies(&self, at: usize, lied: &dyn Fn(usize) -> bool) -> CrashPoint {
        let mut replay = Replay::new(self);
        for op in self.ops().iter().take(at) {
            replay.step(op, lied(op.number));
        }
        replay.point(self, at.min(self.len()))
    }

    /// The moments that cover every crash state: before each sync from operation `from` on, and the
    /// end. Between two syncs undecided facts only grow, so the states before the second one include
    /// those of every moment before it.
    pub fn crash_points(&self, from: usize) -> impl Iterator<Item = CrashPoint> + '_ {
        let mut replay = Replay::new(self);
        let mut ops = self.ops().iter();
        let mut ended = false;
        std::iter::from_fn(move || {
            for op in ops.by_ref() {
                let is_sync = matches!(op.action, Action::Sync { .. } | Action::SyncDir { .. });
                let point = (is_sync && op.number >= from).then(|| replay.point(self, op.number));
                replay.step(op, false);
                if point.is_some() {
                    return point;
                }
            }
            let first_end = !std::mem::replace(&mut ended, true);
            first_end.then(|| replay.point(self, self.len()))
        })
    }

    /// Numbers of the syncs, of files and directories.
    pub fn syncs(&self) -> impl Iterator<Item = usize> + '_ {
        let is_sync =
            |op: &&SimOp| matches!(op.action, Action::Sync { .. } | Action::SyncDir { .. });
        self.ops().iter().filter(is_sync).map(|op| op.number)
    }
}
