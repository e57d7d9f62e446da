//! The database handle: opening, transactions, care of the file.
//!
//! Everything a user calls starts here. Reading order: how it is opened (`open`, `create`, `replay`),
//! how pages reach the disk (`checkpoint`, `chains`, `space`), what runs by itself (`background`), and
//! what can be done with an open database.

mod background;
mod backup;
mod chains;
mod checkpoint;
mod commits;
mod compact;
mod create;
mod diff;
mod environment;
mod judge;
mod metas;
#[cfg(all(test, loom))]
mod model_tests;
mod open;
pub mod options;
mod replay;
mod salvage;
mod shared;
mod space;
pub mod stats;
#[cfg(all(test, not(loom)))]
mod tests;
mod time_travel;
mod verify;

pub use crate::pager::{PooledPage, PooledState};
pub use crate::txn::Origin;
pub use crate::txn::event::{CheckpointStep, Event, Observer};
pub use commits::{CommitOp, CommitRecord, Commits, Follow};
pub use compact::CompactReport;
pub use diff::{Change, Diff};
pub use options::{Durability, History, LogRetention, Options};
pub use salvage::{LostRange, SalvageReport, SalvageRoute, salvage, salvage_into};
pub use stats::Stats;
pub use time_travel::HistoryEntry;

use crate::error::{Error, Result};
use crate::ids::{FileUuid, Lsn, TxnId};
use crate::inspect::Report;
use crate::log::Chain;
use crate::txn::combiner::Door;
use crate::txn::core::Handle;
use crate::txn::read::ReadTxn;
use crate::txn::write::{Pass, WriteTxn};
use shared::Shared;
use std::{ops::RangeBounds, path::Path, sync::Arc, time::Duration};

/// An open database. A cheap handle: clones share one database.
///
/// When the last handle, transaction and iterator is gone, the database closes as [`Db::close`]
/// would, errors ignored; an open write transaction is discarded, never committed.
///
/// ```
/// use northstar_engine::Options;
/// let db = Options::new().open_in_memory()?;
/// let mut w = db.begin_write()?;
/// w.put(b"greeting", b"hello")?;
/// let id = w.commit()?;
/// let r = db.begin_read()?;
/// assert_eq!(r.get(b"greeting")?.as_deref(), Some(&b"hello"[..]));
/// assert_eq!(r.txn_id(), id);
/// # Ok::<(), northstar_engine::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Db {
    // Dropped in this order: the handle closes the database that `shared` holds.
    pub(crate) handle: Arc<Handle>,
    pub(crate) shared: Arc<Shared>,
}

impl Db {
    /// Opens `path` with the default [`Options`].
    ///
    /// # Errors
    /// As [`Options::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Options::new().open(path)
    }

    /// The latest state. Never blocks and is never blocked. Cost: a few atomic operations.
    ///
    /// # Errors
    /// `InvalidArgument` once the database is closed.
    #[inline]
    pub fn begin_read(&self) -> Result<ReadTxn> {
        ReadTxn::begin(&self.handle)
    }

    /// Exactly the state `txn_id`: one that the history keeps, or one that the log covers, which is
    /// then rebuilt in memory ([`ReadTxn::origin`] tells).
    ///
    /// # Errors
    /// `SnapshotNotFound` with the states that can be opened; those of reading.
    pub fn begin_read_at(&self, txn_id: TxnId) -> Result<ReadTxn> {
        time_travel::begin_read_at(&self.handle, &self.shared, txn_id)
    }

    /// Starts the one write transaction.
    ///
    /// # Errors
    /// `WriteBusy` while another writer lives or waits; `ReadOnly`, `Poisoned`; `InvalidArgument`
    /// once closed and in a forked child; `Corrupt` when the free space contradicts the tree.
    pub fn begin_write(&self) -> Result<WriteTxn> {
        self.begin_write_when(|| self.handle.gate.try_enter())
    }

    /// Waits in line for the write transaction, at most `timeout`. Nobody who came later is let in
    /// before.
    ///
    /// # Errors
    /// `WriteBusy` when the time is up; else as [`Self::begin_write`].
    pub fn begin_write_timeout(&self, timeout: Duration) -> Result<WriteTxn> {
        self.begin_write_when(|| self.handle.gate.enter_within(timeout))
    }

    /// Runs `step` in a write transaction that steps of other threads may share, and commits it with
    /// the database's durability; what the step gave. It may run more than once, and counts once.
    ///
    /// # Errors
    /// What the step says: then nothing of it is left. `WriteBusy` when its turn does not come within
    /// `patience` (within twice that, when who stood at the gate for it gives up); those of a commit.
    pub(crate) fn write_shared<T: Send + 'static>(
        &self,
        patience: Duration,
        step: impl FnMut(&mut WriteTxn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.handle.check_writable()?;
        self.handle.combiner.run(&SharedDoor { db: self, patience }, step)
    }

    fn begin_write_when(&self, enter: impl FnOnce() -> bool) -> Result<WriteTxn> {
        self.handle.check_writable()?;
        space::prepare(&self.shared)?;
        if !enter() {
            return Err(Error::WriteBusy);
        }
        WriteTxn::begin(Pass::new(Arc::clone(&self.handle)))
    }

    /// All earlier Eventual commits are durable on return. One sync, or none when they are already.
    ///
    /// # Errors
    /// `Io` when the sync failed, and `Poisoned` from then on; `ReadOnly`.
    pub fn sync(&self) -> Result<()> {
        self.handle.sync_all()
    }

    /// Pages and meta on disk, log trimmed per retention. Does nothing when nothing has changed.
    /// Writers go on meanwhile.
    ///
    /// # Errors
    /// `OutOfSpace` when the disk is full: nothing changed, try again. `Io`, and `Poisoned` from then
    /// on; `ReadOnly`.
    pub fn checkpoint(&self) -> Result<()> {
        self.handle.sync_all()?;
        self.shared.checkpoint_if_needed()
    }

    /// What changed between two states, in key order: what leads from `from` to `to`, which may be
    /// the older one. Skips what both share, so its cost follows the change.
    ///
    /// # Errors
    /// `SnapshotNotFound` when one of them cannot be opened; those of reading.
    pub fn diff(&self, from: TxnId, to: TxnId) -> Result<Diff> {
        Ok(Diff::new(self.begin_read_at(from)?, self.begin_read_at(to)?))
    }

    /// The durable commit stream, finite: commits of `range` that are durable now, in order.
    ///
    /// # Errors
    /// `SnapshotNotFound` when the log does not reach back to the first; `Corrupt`, `Io`.
    pub fn commits(&self, range: impl RangeBounds<TxnId>) -> Result<Commits> {
        let bounds = (range.start_bound().cloned(), range.end_bound().cloned());
        Commits::open(&self.handle, &self.shared, bounds)
    }

    /// The durable commit stream from `from` on; `next` waits for commits to come, up to `patience`
    /// each time, and can be asked again after a `None`.
    ///
    /// # Errors
    /// As [`Self::commits`].
    pub fn follow(&self, from: TxnId, patience: Duration) -> Result<Follow> {
        Follow::open(&self.handle, &self.shared, from, patience)
    }

    /// The states that have pages of their own, oldest first, the latest included. The log may rebuild
    /// others: [`Self::begin_read_at`] tries, and to list them the whole log has to be read.
    ///
    /// # Errors
    /// `InvalidArgument` once the database is closed.
    pub fn history(&self) -> Result<Vec<HistoryEntry>> {
        time_travel::history(&self.handle)
    }

    /// Checks every reachable page, the log and the free space, while readers and writers go on.
    ///
    /// # Errors
    /// `Io`. What is wrong with bytes is no error but a finding of the report.
    pub fn verify(&self) -> Result<Report> {
        verify::verify(&self.handle, &self.shared)
    }

    /// Writes a consistent copy of the latest state while writers go on: compact, without history,
    /// ready to be opened.
    ///
    /// # Errors
    /// `InvalidArgument` when `destination` exists; `Corrupt`, `Io`, `OutOfSpace`.
    pub fn backup(&self, destination: impl AsRef<Path>) -> Result<()> {
        backup::backup(&self.handle, &self.shared, destination.as_ref())
    }

    /// Gives space back to the file system while readers and writers go on: packs leaves that have room
    /// left, moves the pages of the file's end into free ones, and cuts the end off. States that
    /// readers and the history keep stay where they are; while there are any, little is packed. Cost:
    /// reads all leaves, writes about those that change; the file grows meanwhile by at most 128 MiB.
    ///
    /// # Errors
    /// As a commit and [`Self::checkpoint`].
    pub fn compact(&self) -> Result<CompactReport> {
        space::prepare_writable(&self.handle, &self.shared)?;
        compact::compact(&self.handle, &self.shared)
    }

    /// The file's identity, drawn when it was made. A backup has its source's.
    pub fn uuid(&self) -> FileUuid {
        self.shared.uuid
    }

    /// The resolved path of the database file.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Counters and gauges.
    pub fn stats(&self) -> Stats {
        stats::collect(&self.handle)
    }

    /// Every page in the pool, in page order: for a program that shows what its engine does. While others
    /// work it is told at no one instant, page after page.
    ///
    /// Cost: one pass over the frames in use and one short lock; readers and writers pay nothing for it.
    pub fn pool(&self) -> Vec<PooledPage> {
        self.handle.pager.census()
    }

    /// Syncs, checkpoints and closes. Other handles answer `InvalidArgument` from then on.
    ///
    /// # Errors
    /// `Busy` while transactions live: nothing happened, the database stays open. Else what the last
    /// sync or checkpoint failed with; the file is let go of all the same.
    pub fn close(self) -> Result<()> {
        self.shared.close()
    }
}

impl Shared {
    /// The segments of the log as of now.
    pub(crate) fn log_chain(&self) -> Result<Chain> {
        match &self.core.log {
            Some(log) => Ok(log.chain()),
            None => Chain::discover(&self.environment.storage, &self.log_paths),
        }
    }

    /// Everything of the log below is durable. Read-only: as far as was replayed.
    pub(crate) fn durable_lsn(&self) -> Lsn {
        match &self.core.log {
            Some(log) => log.progress().durable,
            None => self.core.registry.visible().lsn,
        }
    }
}

/// The writer gate of a database, for steps that share a transaction.
struct SharedDoor<'a> {
    db: &'a Db,
    patience: Duration,
}

impl Door for SharedDoor<'_> {
    type Txn = WriteTxn;

    fn begin(&self) -> Result<WriteTxn> {
        self.db.begin_write_timeout(self.patience)
    }

    fn commit(&self, txn: WriteTxn) -> Result<()> {
        txn.commit().map(drop)
    }

    fn patience(&self) -> Duration {
        self.patience
    }
}
