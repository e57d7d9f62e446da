//! The database handle: opening, transactions, care of the file.

pub mod options;
pub mod stats;

use crate::error::Result;
use crate::ids::TxnId;
use crate::txn::{read::ReadTxn, write::WriteTxn};
pub use options::{Durability, History, LogRetention, Options};
pub use stats::Stats;
use std::{ops::RangeBounds, path::Path, time::Duration};

/// An open database. A cheap handle: clones share one database.
#[derive(Clone, Debug)]
pub struct Db {}

impl Db {
    /// Opens `path` with the default [`Options`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Options::new().open(path)
    }
    /// The latest state. Never blocks and is never blocked.
    pub fn begin_read(&self) -> Result<ReadTxn> {
        todo!()
    }
    /// Exactly the state `txn_id`.
    pub fn begin_read_at(&self, txn_id: TxnId) -> Result<ReadTxn> {
        let _ = txn_id;
        todo!()
    }
    /// Starts the one write transaction.
    pub fn begin_write(&self) -> Result<WriteTxn> {
        todo!()
    }
    /// Waits in line for the write transaction.
    pub fn begin_write_timeout(&self, timeout: Duration) -> Result<WriteTxn> {
        let _ = timeout;
        todo!()
    }
    /// All earlier Eventual commits are durable on return.
    pub fn sync(&self) -> Result<()> {
        todo!()
    }
    /// Pages and meta on disk, log trimmed per retention.
    pub fn checkpoint(&self) -> Result<()> {
        todo!()
    }
    /// What changed between two states, in key order.
    pub fn diff(&self, from: TxnId, to: TxnId) -> Result<Diff> {
        let _ = (from, to);
        todo!()
    }
    /// The durable commit stream, finite.
    pub fn commits(&self, range: impl RangeBounds<TxnId>) -> Result<Commits> {
        let _ = range.start_bound();
        todo!()
    }
    /// The durable commit stream; `next` waits for commits to come, up to `patience` each time.
    pub fn follow(&self, from: TxnId, patience: Duration) -> Result<Follow> {
        let _ = (from, patience);
        todo!()
    }
    /// The openable states, oldest first.
    pub fn history(&self) -> Result<Vec<HistoryEntry>> {
        todo!()
    }
    /// Checks every reachable page, the log and the free space.
    pub fn verify(&self) -> Result<crate::inspect::Report> {
        todo!()
    }
    /// Writes a consistent copy while writers go on.
    pub fn backup(&self, destination: impl AsRef<Path>) -> Result<()> {
        let _ = destination.as_ref();
        todo!()
    }
    /// Gives space back to the file system while writers go on.
    pub fn compact(&self) -> Result<CompactReport> {
        todo!()
    }
    /// The file's identity.
    pub fn uuid(&self) -> crate::ids::FileUuid {
        todo!()
    }
    /// Counters.
    pub fn stats(&self) -> Stats {
        todo!()
    }
    /// Syncs, checkpoints and closes. [`crate::Error::Busy`] while transactions live.
    pub fn close(self) -> Result<()> {
        todo!()
    }
}

/// One difference between two states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The row is new, or has another value.
    Put {
        /// Its key.
        key: Vec<u8>,
        /// Its value in the later state.
        value: Vec<u8>,
    },
    /// The row is gone.
    Del {
        /// Its key.
        key: Vec<u8>,
    },
}

/// Iterator over the changes between two states.
#[derive(Debug)]
pub struct Diff {}

impl Iterator for Diff {
    type Item = Result<Change>;
    fn next(&mut self) -> Option<Self::Item> {
        todo!()
    }
}

/// One durable commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitRecord {
    /// The state it made.
    pub txn_id: TxnId,
    /// Where its record starts in the log.
    pub lsn: crate::ids::Lsn,
    /// Generation of the log segment it is in.
    pub generation: u64,
    /// The record's checksum: with TxnId, LSN and generation it identifies the commit for ever.
    pub crc: u32,
    /// Whether it moved pages and changed no content.
    pub relocate: bool,
    /// What it did, in order.
    pub ops: Vec<CommitOp>,
}

/// One operation of a commit, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitOp {
    /// Store a row.
    Put {
        /// Its key.
        key: Vec<u8>,
        /// Its value.
        value: Vec<u8>,
    },
    /// Remove a row.
    Del {
        /// Its key.
        key: Vec<u8>,
    },
    /// Remove all rows with `start <= key < end`.
    DelRange {
        /// First key of the range.
        start: Vec<u8>,
        /// First key behind the range; `None` for no bound.
        end: Option<Vec<u8>>,
        /// How many rows that removed.
        count: u64,
    },
}

/// Iterator over durable commits.
#[derive(Debug)]
pub struct Commits {}

impl Iterator for Commits {
    type Item = Result<CommitRecord>;
    fn next(&mut self) -> Option<Self::Item> {
        todo!()
    }
}

/// Iterator over durable commits that waits for more.
#[derive(Debug)]
pub struct Follow {}

impl Iterator for Follow {
    type Item = Result<CommitRecord>;
    fn next(&mut self) -> Option<Self::Item> {
        todo!()
    }
}

/// A state that can be opened.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct HistoryEntry {
    /// The state.
    pub txn_id: TxnId,
    /// Rows in it.
    pub key_count: u64,
    /// How it is opened: from its own pages, or by replay of the log.
    pub origin: Origin,
}

/// How a snapshot came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Its own pages.
    Exact,
    /// Rebuilt in memory from the log.
    Replayed,
}

/// What a compact gave back.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct CompactReport {
    /// Bytes of the file before.
    pub bytes_before: u64,
    /// Bytes of the file after.
    pub bytes_after: u64,
    /// Pages that were moved.
    pub pages_moved: u64,
}
