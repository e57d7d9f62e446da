//! The durable commit stream: `Db::commits` and `Db::follow`.
//!
//! Called by users, cartridges and the command line. Reads the log's segments and never the pages.
//! Spec: `spec/semantics_v0.md`, commit stream; crash rules 17, 21, 24 and 25.

use crate::db::shared::Shared;
use crate::error::{Error, Result};
use crate::format::op::Op;
use crate::ids::{Lsn, TxnId};
use crate::log::{LogPin, Scanner, Transactions};
use crate::txn::core::Handle;
use std::{
    ops::Bound,
    sync::Arc,
    time::{Duration, Instant},
};

/// One durable commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitRecord {
    /// The state it made.
    pub txn_id: TxnId,
    /// Where its record starts in the log.
    pub lsn: Lsn,
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

impl From<Op<'_>> for CommitOp {
    fn from(op: Op<'_>) -> Self {
        match op {
            Op::Put { key, value } => Self::Put { key: key.to_vec(), value: value.to_vec() },
            Op::Del { key } => Self::Del { key: key.to_vec() },
            Op::DelRange { start, end, count } => {
                Self::DelRange { start: start.to_vec(), end: end.map(<[u8]>::to_vec), count }
            }
        }
    }
}

/// Iterator over durable commits. After an error it yields nothing more.
#[derive(Debug)]
pub struct Commits {
    stream: Option<Transactions>,
    /// The first commit, read when the stream was opened, so that a gap shows there.
    ready: Option<CommitRecord>,
    first: TxnId,
    last: Option<TxnId>,
    /// Keeps the log that is still to be read.
    _pin: Option<LogPin>,
    _handle: Arc<Handle>,
}

impl Commits {
    /// Commits of `range` that are durable now.
    pub(crate) fn open(
        handle: &Arc<Handle>,
        shared: &Shared,
        (start, end): (Bound<TxnId>, Bound<TxnId>),
    ) -> Result<Self> {
        handle.check_open()?;
        let first = match start {
            Bound::Unbounded => TxnId::new(1),
            Bound::Included(id) => id.max(TxnId::new(1)),
            Bound::Excluded(id) => id.next(),
        };
        let last = match end {
            Bound::Unbounded => None,
            Bound::Included(id) => Some(id),
            Bound::Excluded(id) => Some(TxnId::new(id.get().saturating_sub(1))),
        };
        let none = Self {
            stream: None,
            ready: None,
            first,
            last,
            _pin: None,
            _handle: Arc::clone(handle),
        };
        let durable = handle.pipeline().durable();
        if first > durable || last.is_some_and(|last| last < first) {
            return Ok(none);
        }
        let pin = handle.log.as_ref().map(|log| log.pin(Lsn::new(0)));
        let chain = shared.log_chain()?;
        let until = shared.durable_lsn();
        let Some(from) = chain.start_lsn() else { return Err(shared.not_found(first)) };
        let stream = Transactions::new(Scanner::new(chain, from)?.until(until), None);
        let mut commits = Self { stream: Some(stream), _pin: pin, ..none };
        commits.ready = commits.advance().transpose()?;
        Ok(commits)
    }

    fn step(&mut self, stream: &mut Transactions) -> Result<Option<CommitRecord>> {
        while let Some(found) = stream.next()? {
            if found.txn_id < self.first {
                continue;
            }
            if self.last.is_some_and(|last| found.txn_id > last) {
                return Ok(None);
            }
            if found.txn_id != self.first {
                // Rule 21: the log does not reach back to what was asked for.
                let (requested, oldest) = (self.first, found.txn_id);
                let latest = self._handle.pipeline().durable();
                return Err(Error::SnapshotNotFound { requested, oldest, latest });
            }
            let mut ops = Vec::new();
            stream.ops(&mut |op| {
                ops.push(CommitOp::from(op));
                Ok(())
            })?;
            self.first = found.txn_id.next();
            return Ok(Some(CommitRecord {
                txn_id: found.txn_id,
                lsn: found.lsn,
                generation: found.generation,
                crc: found.crc,
                relocate: found.is_relocation(),
                ops,
            }));
        }
        Ok(None)
    }
}

impl Commits {
    /// The next commit; after an error, and at the end, there is none.
    fn advance(&mut self) -> Option<Result<CommitRecord>> {
        let mut stream = self.stream.take()?;
        let found = self.step(&mut stream).transpose();
        if matches!(found, Some(Ok(_))) {
            self.stream = Some(stream);
        }
        found
    }
}

impl Iterator for Commits {
    type Item = Result<CommitRecord>;
    fn next(&mut self) -> Option<Self::Item> {
        self.ready.take().map(Ok).or_else(|| self.advance())
    }
}

/// How often a follower looks for new commits.
const FOLLOW_POLL: Duration = Duration::from_millis(5);

/// Iterator over durable commits that waits for more: `None` when none came within its patience,
/// and then it can be asked again.
#[derive(Debug)]
pub struct Follow {
    next: TxnId,
    patience: Duration,
    commits: Option<Commits>,
    failed: bool,
    handle: Arc<Handle>,
    shared: Arc<Shared>,
}

impl Follow {
    /// From `from` on.
    pub(crate) fn open(
        handle: &Arc<Handle>,
        shared: &Arc<Shared>,
        from: TxnId,
        patience: Duration,
    ) -> Result<Self> {
        let commits = Commits::open(handle, shared, (Bound::Included(from), Bound::Unbounded))?;
        Ok(Self {
            next: from.max(TxnId::new(1)),
            patience,
            commits: Some(commits),
            failed: false,
            handle: Arc::clone(handle),
            shared: Arc::clone(shared),
        })
    }
}

impl Iterator for Follow {
    type Item = Result<CommitRecord>;
    fn next(&mut self) -> Option<Self::Item> {
        let deadline = Instant::now().checked_add(self.patience);
        while !self.failed {
            if let Some(found) = self.commits.as_mut().and_then(Iterator::next) {
                match &found {
                    Ok(commit) => self.next = commit.txn_id.next(),
                    Err(_) => self.failed = true,
                }
                return Some(found);
            }
            self.commits = None;
            if self.handle.pipeline().durable() >= self.next {
                let from = (Bound::Included(self.next), Bound::Unbounded);
                match Commits::open(&self.handle, &self.shared, from) {
                    Ok(commits) => self.commits = Some(commits),
                    Err(error) => {
                        self.failed = true;
                        return Some(Err(error));
                    }
                }
                continue;
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return None;
            }
            std::thread::sleep(FOLLOW_POLL);
        }
        None
    }
}
