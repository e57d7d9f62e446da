//! What an engine does, told as it happens to a program that runs it: lessons, Crash Lab, benchmarks.
//!
//! Called by `txn` and `db` at the places named. Nothing is computed when nobody listens.

use crate::ids::{Lsn, TxnId};
use serde::Serialize;
use std::fmt;

/// Listens to an engine. Called on the thread that does the work: be quick, and call nothing of the
/// same database back.
pub trait Observer: Send + Sync + fmt::Debug {
    /// Something happened.
    fn event(&self, event: &Event);
}

/// One thing that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "event")]
#[non_exhaustive]
pub enum Event {
    /// A write transaction began.
    WriteBegun {
        /// The id it will have.
        txn_id: TxnId,
        /// How many wait for their turn; of these, steps that share a transaction may come in by this one.
        waiting: usize,
    },
    /// A write transaction ended without a commit.
    WriteAborted {
        /// The id it would have had.
        txn_id: TxnId,
    },
    /// A commit's record is in the log buffer and its root in the chain; the next writer may begin.
    Chained {
        /// The commit.
        txn_id: TxnId,
        /// Where its record starts.
        lsn: Lsn,
        /// Where it ends.
        end_lsn: Lsn,
        /// Commits in the chain that nobody sees yet, this one included.
        unpublished: usize,
    },
    /// A commit is as durable as it asked to be.
    Settled {
        /// The commit.
        txn_id: TxnId,
        /// Whether it waited for a sync.
        durable: bool,
        /// Syncs of the log so far: equal numbers shared one.
        log_syncs: u64,
    },
    /// New readers see this state.
    Published {
        /// The state.
        txn_id: TxnId,
    },
    /// Pages became free.
    Reclaimed {
        /// How many.
        pages: u64,
        /// How many still wait for a reader, a meta or the history.
        retired: u64,
    },
    /// The page pool as it is after a commit and after each step of a checkpoint.
    Pool {
        /// Frames that hold a page.
        resident: u64,
        /// Frames that hold a page not yet written.
        dirty: u64,
        /// Pages put out since the database was opened.
        evictions: u64,
        /// Dirty pages written before their checkpoint since the database was opened.
        spills: u64,
    },
    /// A checkpoint made a step.
    Checkpoint {
        /// The state it stores.
        txn_id: TxnId,
        /// The step.
        step: CheckpointStep,
    },
    /// A write or sync failed; from now on nothing is written.
    Poisoned,
}

/// The steps of a checkpoint, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum CheckpointStep {
    /// The pages for bitmap, history and retired rows are reserved and filled.
    Reserved {
        /// Pages of the file.
        page_count: u64,
    },
    /// Dirty pages were written.
    PagesWritten {
        /// How many in this step.
        pages: u64,
    },
    /// The pages are durable.
    DataSynced,
    /// The meta slot is written.
    MetaWritten {
        /// Its sequence; the slot is its lowest bit.
        sequence: u64,
    },
    /// The meta is durable: the checkpoint counts.
    MetaSynced,
    /// Log and free tail are cut.
    Trimmed {
        /// Bytes of log kept.
        log_bytes: u64,
    },
}
