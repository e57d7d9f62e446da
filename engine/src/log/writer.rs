//! skeleton

use super::recover::{Position, Recovery};
use super::segments::{Chain, LogPaths};
use crate::{
    disk::{Entropy, Storage},
    error::{Error, Result},
    ids::{FileUuid, Lsn, TxnId},
};
use std::sync::Arc;

/// Sizes that tests make small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// Bytes of the first segment's file.
    pub segment_bytes_min: u64,
    /// Bytes of the largest segment's file, unless one record needs more.
    pub segment_bytes_max: u64,
    /// Bytes that are preallocated at a time.
    pub prepare_bytes: u64,
}

/// Where an appended record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its start.
    pub lsn: Lsn,
    /// Its end: what to wait for.
    pub end_lsn: Lsn,
    /// Its identity.
    pub crc: u32,
    /// Generation of its segment.
    pub generation: u64,
}

/// How far the log has come; each only rises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Below: handed to the operating system.
    pub written: Lsn,
    /// Below: synced.
    pub durable: Lsn,
}

/// What the log did since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogCounters {
    /// Syncs of segments.
    pub syncs: u64,
    /// Syncs of the directory.
    pub dir_syncs: u64,
    /// Write calls.
    pub writes: u64,
    /// Bytes written, preallocation included.
    pub bytes_written: u64,
    /// Records appended.
    pub records: u64,
    /// Bytes of all segment files now.
    pub segment_bytes: u64,
}

/// The open log: appends, group commit, rotation, trimming. Shared by all threads.
#[derive(Debug)]
pub struct LogWriter {}

#[allow(unused_variables)]
impl LogWriter {
    /// Makes the log of a new database (or of a backup, whose stream starts at `start.lsn`): one
    /// segment, synced, and the directory synced. Fails when `app.ns.log` exists.
    pub fn create(
        storage: Arc<dyn Storage>,
        paths: LogPaths,
        uuid: FileUuid,
        entropy: &dyn Entropy,
        config: LogConfig,
        start: Position,
    ) -> Result<Self> {
        todo!()
    }

    /// Opens the log for appending: finishes an interrupted rotation, judges the tail against what
    /// `metas` (all valid ones, the chosen one first) prove, and makes the tail safe to append to
    /// (rule 19). Replay is then a scan of `chain()` from `metas[0].lsn` to `Recovery::tail`.
    pub fn open(
        storage: Arc<dyn Storage>,
        paths: LogPaths,
        uuid: FileUuid,
        entropy: &dyn Entropy,
        config: LogConfig,
        metas: &[Position],
    ) -> Result<(Self, Recovery)> {
        todo!()
    }

    /// Calls `hook` after every write and every sync, in order, before anyone who waits for it is
    /// woken: this is where roots are published. Set once, before the first append.
    pub fn on_progress(&self, hook: Box<dyn Fn(Progress) + Send + Sync>) {
        todo!()
    }

    /// Makes sure that `bytes` more of records fit: rotates or preallocates when they do not.
    /// `OutOfSpace` leaves everything as it was. Called by the one writer, before its TxnId counts.
    pub fn reserve(&self, bytes: u64) -> Result<()> {
        todo!()
    }
    /// Returns once everything below `end_lsn` is durable. Whoever finds the device free writes and
    /// syncs everything queued; the others wait for it (group commit).
    pub fn wait_durable(&self, end_lsn: Lsn) -> Result<()> {
        todo!()
    }
    /// Returns once everything below `end_lsn` has been handed to the operating system.
    pub fn wait_written(&self, end_lsn: Lsn) -> Result<()> {
        todo!()
    }
    /// Makes everything appended durable.
    pub fn sync_all(&self) -> Result<()> {
        todo!()
    }
    /// Appends one unsynced checkpoint-type record when the last commit is durable but nothing in
    /// the log proves it (rule 23); whether it did. `last` is the newest chained TxnId.
    pub fn prove_idle(&self, last: TxnId) -> Result<bool> {
        todo!()
    }
    /// Prepares space ahead of need, so that `reserve` rarely has to: for the background thread.
    pub fn prepare_ahead(&self) -> Result<bool> {
        todo!()
    }
    /// How far the log has come.
    pub fn progress(&self) -> Progress {
        todo!()
    }
    /// End of the last appended record.
    pub fn end_lsn(&self) -> Lsn {
        todo!()
    }
    /// Position for a meta at the end of the record `appended`.
    pub fn position_of(&self, appended: Appended) -> Position {
        todo!()
    }
    /// The segments as of now; scan them up to `progress().durable`.
    pub fn chain(&self) -> Result<Chain> {
        todo!()
    }
    /// Removes or recycles segments that end at or below `keep_from` and no `pin` needs; how many.
    /// The caller keeps rule 12: never above the older valid meta's position.
    pub fn trim(&self, keep_from: Lsn) -> Result<u64> {
        todo!()
    }
    /// Keeps everything from `lsn` on from being trimmed while the pin lives.
    pub fn pin(self: &Arc<Self>, lsn: Lsn) -> LogPin {
        todo!()
    }
    /// Refuses everything from now on: a write or sync of the database failed somewhere.
    pub fn poison(&self) {
        todo!()
    }
    /// Why the log refuses, if it does.
    pub fn poisoned(&self) -> Option<Error> {
        todo!()
    }
    /// Counters.
    pub fn counters(&self) -> LogCounters {
        todo!()
    }
    /// Syncs and gives unused preallocated space back.
    pub fn close(&self) -> Result<()> {
        todo!()
    }
}

/// Holds back trimming.
#[derive(Debug)]
pub struct LogPin {}
