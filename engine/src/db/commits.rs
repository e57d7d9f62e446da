//! The durable commit stream: `Db::commits` and `Db::follow`.
//!
//! Called by users, cartridges and the command line. Reads the log's segments and never the pages.
//! Spec: `spec/semantics_v0.md`, commit stream; crash rules 17, 21, 24 and 25.

use crate::db::shared::Shared;
use crate::error::{Error, Result};
use crate::format::op::Op;
use crate::ids::{Lsn, TxnId};
use crate::log::{LogPin, Scanner, Transaction, Transactions};
use crate::sabotage::{self, Switch};
use crate::txn::core::Handle;
use std::{ops::Bound, sync::Arc, time::Duration};

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

impl CommitRecord {
    /// The transaction that `transactions` has just found, with its operations.
    pub(crate) fn read(transactions: &mut Transactions, found: Transaction) -> Result<Self> {
        let mut ops = Vec::new();
        transactions.ops(&mut |op| {
            ops.push(CommitOp::from(op));
            Ok(())
        })?;
        Ok(Self {
            txn_id: found.txn_id,
            lsn: found.lsn,
            generation: found.generation,
            crc: found.crc,
            relocate: found.is_relocation(),
            ops,
        })
    }
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
    stream: Option<Stream>,
    last: Option<TxnId>,
    handle: Arc<Handle>,
}

/// A place in the log, and what keeps the log from there on.
#[derive(Debug)]
struct Stream {
    transactions: Transactions,
    /// Found when it was opened, not handed out yet.
    first: Option<Transaction>,
    pin: Option<LogPin>,
}

impl Stream {
    /// Starts with transaction `first`, which is durable.
    ///
    /// # Errors
    /// Rule 21: `SnapshotNotFound` names the oldest commit there is, when `first` is gone.
    fn open(handle: &Handle, shared: &Shared, first: TxnId) -> Result<Self> {
        let mut pin = handle.log.as_ref().map(|log| log.pin(Lsn::default()));
        let until = shared.durable_lsn();
        let chain = shared.log_chain()?;
        // The log may hold no commit at all: just trimmed, or the new one of a backup.
        let latest = handle.pipeline().durable();
        let none = Error::SnapshotNotFound { requested: first, oldest: latest.next(), latest };
        if chain.segments().is_empty() {
            return Err(none);
        }
        let from = chain.start_for(first)?;
        if let Some(pin) = &mut pin {
            pin.advance(from);
        }
        let scanner = Scanner::new(chain, from)?.until(until);
        let mut transactions = Transactions::new(scanner, None);
        while let Some(found) = transactions.next()? {
            let is_first = found.txn_id == first || sabotage::on(Switch::SkipMissing);
            if is_first {
                return Ok(Self { transactions, first: Some(found), pin });
            }
            if found.txn_id > first {
                let oldest = found.txn_id;
                return Err(Error::SnapshotNotFound { requested: first, oldest, latest });
            }
        }
        Err(none)
    }

    /// Goes on with what has become durable since.
    fn resume(&mut self, shared: &Shared) -> Result<()> {
        let position = self.transactions.scanner().position();
        if let Some(pin) = &mut self.pin {
            // Up to the start of an open chain the log is still needed.
            pin.advance(self.transactions.open_chain().unwrap_or(position));
        }
        let until = shared.durable_lsn();
        let chain = shared.log_chain()?;
        self.transactions.scanner_mut().resume(chain, until);
        Ok(())
    }

    /// The next commit, if it has come yet.
    fn read(&mut self, handle: &Handle) -> Result<Option<CommitRecord>> {
        self.read_here().map_err(|error| self.if_trimmed(handle).unwrap_or(error))
    }

    fn read_here(&mut self) -> Result<Option<CommitRecord>> {
        let found = match self.first.take() {
            Some(first) => Some(first),
            None => self.transactions.next()?,
        };
        found.map(|found| CommitRecord::read(&mut self.transactions, found)).transpose()
    }

    /// Rule 21, for a reader beside the writer of another process, which holds no log before its meta: what
    /// looks damaged or missing there may be trimmed, and made a new segment.
    fn if_trimmed(&self, handle: &Handle) -> Option<Error> {
        let scanner = self.transactions.scanner();
        let now = if self.pin.is_none() { scanner.chain().again().ok()? } else { return None };
        if now.start_lsn().is_some_and(|start| start <= scanner.position()) {
            return None;
        }
        let oldest = Transactions::of(now).and_then(|mut all| all.next()).ok()??.txn_id;
        let requested = self.transactions.last_txn()?.next();
        Some(Error::SnapshotNotFound { requested, oldest, latest: handle.pipeline().durable() })
    }
}

impl Commits {
    /// Commits of `range` that are durable now.
    pub(crate) fn open(
        handle: &Arc<Handle>,
        shared: &Shared,
        (start, end): (Bound<TxnId>, Bound<TxnId>),
    ) -> Result<Self> {
        handle.check_open()?;
        let next = match start {
            Bound::Unbounded => TxnId::new(1),
            Bound::Included(id) => id.max(TxnId::new(1)),
            Bound::Excluded(id) => id.next(),
        };
        let last = match end {
            Bound::Unbounded => None,
            Bound::Included(id) => Some(id),
            Bound::Excluded(id) => Some(TxnId::new(id.get().saturating_sub(1))),
        };
        let is_empty = next > handle.pipeline().durable() || last.is_some_and(|last| last < next);
        let stream = if is_empty { None } else { Some(Stream::open(handle, shared, next)?) };
        Ok(Self { stream, last, handle: Arc::clone(handle) })
    }
}

impl Iterator for Commits {
    type Item = Result<CommitRecord>;
    fn next(&mut self) -> Option<Self::Item> {
        let mut stream = self.stream.take()?;
        let found = self.handle.check_open().and_then(|()| stream.read(&self.handle)).transpose();
        if let Some(Ok(commit)) = &found
            && self.last.is_none_or(|last| commit.txn_id < last)
        {
            self.stream = Some(stream);
        }
        found
    }
}

/// How often a follower looks for new commits.
const FOLLOW_POLL: Duration = Duration::from_millis(5);

/// Iterator over durable commits that waits for more: `None` when none came within its patience,
/// and then it can be asked again. After an error it yields nothing more.
///
/// Keeps its place in the log: what it costs follows from what is new, and nothing that it has not
/// given yet is trimmed while it lives.
#[derive(Debug)]
pub struct Follow {
    next: TxnId,
    patience: Duration,
    stream: Option<Stream>,
    /// Holds the log while the first commit has not come.
    waiting: Option<LogPin>,
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
        handle.check_open()?;
        let next = from.max(TxnId::new(1));
        let pipeline = handle.pipeline();
        let is_there = next <= pipeline.durable();
        // Under the lock, so that what becomes durable later is behind it.
        let pin = handle.log.as_ref().map(|log| log.pin(pipeline.durable_end()));
        drop(pipeline);
        let stream = if is_there { Some(Stream::open(handle, shared, next)?) } else { None };
        let waiting = if is_there { None } else { pin };
        let (handle, shared) = (Arc::clone(handle), Arc::clone(shared));
        Ok(Self { next, patience, stream, waiting, failed: false, handle, shared })
    }

    /// The next commit, if it is durable.
    fn look(&mut self) -> Result<Option<CommitRecord>> {
        self.handle.check_open()?;
        if self.handle.pipeline().durable() < self.next {
            return Ok(None);
        }
        let stream = match &mut self.stream {
            Some(stream) => stream,
            empty => {
                let stream = Stream::open(&self.handle, &self.shared, self.next)?;
                self.waiting = None;
                empty.insert(stream)
            }
        };
        if let Some(commit) = stream.read(&self.handle)? {
            return Ok(Some(commit));
        }
        stream.resume(&self.shared)?;
        stream.read(&self.handle)
    }
}

impl Iterator for Follow {
    type Item = Result<CommitRecord>;
    fn next(&mut self) -> Option<Self::Item> {
        let mut waited = Duration::ZERO;
        while !self.failed {
            match self.look() {
                Ok(Some(commit)) => {
                    self.next = commit.txn_id.next();
                    return Some(Ok(commit));
                }
                Ok(None) if waited >= self.patience => return None,
                Ok(None) => {
                    let pause = FOLLOW_POLL.min(self.patience - waited);
                    std::thread::sleep(pause);
                    waited += pause;
                }
                Err(error) => {
                    self.failed = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}
