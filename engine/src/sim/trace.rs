//! The journal of a simulated disk: every change and every sync, in order, with its bytes.

use super::image::{Content, FileId};
use crate::disk::SyncKind;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

/// How much of what was pending a failed sync made durable all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persisted {
    /// Nothing.
    None,
    /// Each pending fact with an even chance, by this seed.
    Part(u64),
    /// Everything.
    All,
}

/// What a sync did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncOutcome {
    /// Made durable what was pending.
    Done,
    /// Returned an error, having made this much durable.
    Failed(Persisted),
}

/// What the disk held durably when its journal began.
#[derive(Debug, Default)]
pub(super) struct Start {
    pub(super) names: BTreeMap<PathBuf, FileId>,
    pub(super) files: BTreeMap<FileId, Content>,
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

    /// Numbers of the syncs, of files and directories.
    pub fn syncs(&self) -> impl Iterator<Item = usize> + '_ {
        let is_sync =
            |op: &&SimOp| matches!(op.action, Action::Sync { .. } | Action::SyncDir { .. });
        self.ops().iter().filter(is_sync).map(|op| op.number)
    }
}
