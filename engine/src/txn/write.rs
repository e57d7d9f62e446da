//! The write transaction.
//!
//! Made by `Db::begin_write`; works on `tree::Writer`, records what it does in `log::RecordBuilder`
//! and ends in the pipeline of `txn::commit`. Spec: `spec/semantics_v0.md`, writing. Keeps: TXN-1
//! (it is alone: it holds the writer gate), TXN-7 (after an error inside an operation it can only be
//! given up).

use crate::error::{Error, Result};
use crate::format::log_record::{FLAG_EVENTUAL, FLAG_RELOCATE};
use crate::ids::TxnId;
use crate::limits::{KEY_BYTES_MAX, VALUE_BYTES_MAX};
use crate::log::{CommitInfo, RecordBuilder};
use crate::pager::View;
use crate::tree::{self, TreeRoot, Writer};
use crate::txn::core::{Counters, Handle};
use crate::txn::event::Event;
use crate::txn::pipeline::Chained;
use crate::txn::read::{self, Cursor, Range, Value};
use crate::txn::snapshot::{Durability, Snapshot};
use std::{
    ops::{Bound, RangeBounds},
    sync::Arc,
};

/// The one write transaction. Dropping it discards it, as [`Self::abort`] does.
///
/// Reads through it see its own writes. After an operation failed with an I/O or corruption error,
/// every further call returns that error: give it up and begin again.
#[derive(Debug)]
pub struct WriteTxn {
    /// `None` only while it ends.
    work: Option<Work>,
    /// Why it can only be given up.
    failed: Option<Error>,
    base: Snapshot,
    txn_id: TxnId,
    pass: Pass,
}

#[derive(Debug)]
struct Work {
    writer: Writer,
    record: RecordBuilder,
}

/// Keys to remove, and the key to go on from.
type Doomed = (Vec<Vec<u8>>, Option<Vec<u8>>);

/// Being inside the writer gate. Dropping it lets the next writer in.
#[derive(Debug)]
pub(crate) struct Pass {
    handle: Arc<Handle>,
}

impl Pass {
    /// For a caller that has just entered the gate of `handle`.
    pub(crate) fn new(handle: Arc<Handle>) -> Self {
        Self { handle }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        // In a forked child the gate's lock may be held by a thread that does not exist there.
        if !self.handle.is_forked() {
            self.handle.gate.leave();
        }
    }
}

impl WriteTxn {
    /// Starts from the newest chained state.
    pub(crate) fn begin(pass: Pass) -> Result<Self> {
        let handle = &pass.handle;
        handle.check_writable()?;
        let mut pipeline = handle.pipeline();
        handle.reclaim(&mut pipeline);
        let base = pipeline.tip();
        drop(pipeline);
        let txn_id = base.txn_id.next();
        let writer = Writer::new(handle.pager.edit(txn_id), base.tree());
        let record = RecordBuilder::new(txn_id);
        handle.observe(|| Event::WriteBegun { txn_id, waiting: handle.gate.waiting() });
        Ok(Self { work: Some(Work { writer, record }), failed: None, base, txn_id, pass })
    }

    /// The id that its commit will have, if it has operations.
    pub fn txn_id(&self) -> TxnId {
        self.txn_id
    }

    /// Stores `value` under `key`, replacing an earlier value. Durable after `commit`, not before.
    ///
    /// Keys are 0..=4096 bytes, values up to 1 GiB. Copies both. Cost: one page a tree level for the
    /// first write under it.
    ///
    /// # Errors
    /// `KeyTooLarge`, `ValueTooLarge`; `OutOfSpace`, `Io`, `Corrupt`, `Poisoned`.
    pub fn put(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<()> {
        let (key, value) = (key.as_ref(), value.as_ref());
        check_row(key, value)?;
        self.change(|work, handle| {
            work.writer.insert(key, value)?;
            work.record.put(handle.log()?, key, value)
        })
    }

    /// Removes `key`; whether it was there. Removing what is not there is no operation.
    ///
    /// # Errors
    /// `KeyTooLarge`; `OutOfSpace`, `Io`, `Corrupt`, `Poisoned`.
    pub fn del(&mut self, key: impl AsRef<[u8]>) -> Result<bool> {
        let key = key.as_ref();
        check_key(key)?;
        self.change(|work, handle| {
            let was_there = work.writer.remove(key)?;
            if was_there {
                work.record.del(handle.log()?, key)?;
            }
            Ok(was_there)
        })
    }

    /// Removes all rows in `range`, whole subtrees at once; how many there were. One operation in the
    /// log, however many rows.
    ///
    /// # Errors
    /// `InvalidArgument` when the range ends before it starts; `OutOfSpace`, `Io`, `Corrupt`,
    /// `Poisoned`.
    pub fn del_range<K: AsRef<[u8]>, R: RangeBounds<K>>(&mut self, range: R) -> Result<u64> {
        let (start, end) = read::bounds_of(&range);
        read::check_order(start, end)?;
        let Some((start, end)) = half_open(start, end) else { return Ok(0) };
        self.change(|work, handle| {
            let behind = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
            let count = work.writer.remove_range(Bound::Included(&start), behind)?;
            if count > 0 {
                work.record.del_range(handle.log()?, &start, end.as_deref(), count)?;
            }
            Ok(count)
        })
    }

    /// Keeps the rows in `range` for which `keep` says so and removes the others; how many were
    /// kept. When `keep` panics, the transaction can only be given up.
    ///
    /// # Errors
    /// As [`Self::del_range`].
    pub fn retain<K: AsRef<[u8]>, R: RangeBounds<K>>(
        &mut self,
        range: R,
        mut keep: impl FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<u64> {
        let (start, end) = read::bounds_of(&range);
        read::check_order(start, end)?;
        let Some((mut from, end)) = half_open(start, end) else { return Ok(0) };
        let mut kept = 0;
        loop {
            self.check_usable()?;
            // Until the callback has returned for the last time: a panic in it is an error that stays.
            self.failed = Some(Error::InvalidArgument("a callback of retain panicked".to_owned()));
            let doomed = self.doomed(&from, end.as_deref(), &mut keep, &mut kept);
            self.failed = None;
            let (doomed, next) = self.latch(doomed)?;
            for key in doomed {
                self.del(&key)?;
            }
            match next {
                Some(next) => from = next,
                None => return Ok(kept),
            }
        }
    }

    /// Keys from `from` on that `keep` refuses, some at a time; and where to go on.
    fn doomed(
        &self,
        from: &[u8],
        end: Option<&[u8]>,
        keep: &mut dyn FnMut(&[u8], &[u8]) -> bool,
        kept: &mut u64,
    ) -> Result<Doomed> {
        /// Bytes of keys that are held at a time.
        const DOOMED_BYTES_MAX: usize = 1 << 20;
        let mut cursor = tree::Cursor::new(self.view(), self.root());
        cursor.seek(from)?;
        let (mut doomed, mut bytes) = (Vec::new(), 0);
        while let Some((key, value)) = cursor.next()? {
            if end.is_some_and(|end| key >= end) {
                break;
            }
            if bytes >= DOOMED_BYTES_MAX {
                let next = key.to_vec();
                return Ok((doomed, Some(next)));
            }
            if keep(key, value) {
                *kept += 1;
            } else {
                bytes += key.len() + size_of::<Vec<u8>>();
                doomed.push(key.to_vec());
            }
        }
        Ok((doomed, None))
    }

    /// Takes the first row out.
    ///
    /// # Errors
    /// `OutOfSpace`, `Io`, `Corrupt`, `Poisoned`.
    pub fn pop_first(&mut self) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        self.pop(tree::first)
    }

    /// Takes the last row out.
    ///
    /// # Errors
    /// As [`Self::pop_first`].
    pub fn pop_last(&mut self) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        self.pop(tree::last)
    }

    fn pop(
        &mut self,
        end: impl for<'p> Fn(View<'p>, &TreeRoot) -> Result<Option<(Value<'p>, Value<'p>)>>,
    ) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        self.check_usable()?;
        let row = end(self.view(), self.root());
        let row = row.map(|row| row.map(|(key, value)| (key.to_vec(), value.to_vec())));
        let row = self.latch(row)?;
        if let Some((key, _)) = &row {
            self.del(key)?;
        }
        Ok(row)
    }

    /// The value under `key`, its own writes included.
    ///
    /// # Errors
    /// `Corrupt` and `Io` when a page had to be read and could not be.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Value<'_>>> {
        self.check_usable()?;
        tree::get(self.view(), self.root(), key.as_ref())
    }

    /// The values under `keys`, its own writes included.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn get_many<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<Vec<Option<Value<'_>>>> {
        self.check_usable()?;
        tree::get_many(self.view(), self.root(), keys)
    }

    /// Rows, its own writes included. Costs nothing.
    pub fn len(&self) -> u64 {
        self.root().key_count
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows whose keys are in `range`, its own writes included.
    ///
    /// # Errors
    /// `InvalidArgument` when the range ends before it starts.
    pub fn range<K: AsRef<[u8]>, R: RangeBounds<K>>(&self, range: R) -> Result<Range<'_>> {
        self.check_usable()?;
        read::range_of(self.view(), self.root(), &range)
    }

    /// Rows whose keys start with `prefix`, its own writes included.
    ///
    /// # Errors
    /// The error that an earlier operation failed with.
    pub fn prefix(&self, prefix: impl AsRef<[u8]>) -> Result<Range<'_>> {
        self.check_usable()?;
        read::prefix_of(self.view(), self.root(), prefix.as_ref())
    }

    /// All rows, its own writes included.
    ///
    /// # Errors
    /// The error that an earlier operation failed with.
    pub fn iter(&self) -> Result<Range<'_>> {
        self.range::<&[u8], _>(..)
    }

    /// A cursor over all rows, its own writes included.
    ///
    /// # Errors
    /// The error that an earlier operation failed with.
    pub fn cursor(&self) -> Result<Cursor<'_>> {
        self.check_usable()?;
        Ok(Cursor::new(self.view(), self.root()))
    }

    /// Commits with the database's durability: all of it, or after a crash none of it. Returns the
    /// id of the state it made, which readers now see.
    ///
    /// Without operations there is no new state: it waits for the newest one to be as durable as
    /// asked for and returns its id. Cost of a durable commit: one sync, shared with whoever commits
    /// at the same time.
    ///
    /// # Errors
    /// `OutOfSpace` when the log has no room: nothing happened. After `Io` and `Poisoned` the commit
    /// may be in or out, whole; reopen to find out.
    pub fn commit(self) -> Result<TxnId> {
        let durability = self.pass.handle.durability;
        self.commit_with(durability)
    }

    /// Commits with the given durability. `Eventual` returns once the operating system has the
    /// record: it survives the process, and within a second the machine too.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub fn commit_with(self, durability: Durability) -> Result<TxnId> {
        self.finish(durability, 0)
    }

    /// Discards it: nothing of it ever happened.
    pub fn abort(self) {
        drop(self);
    }

    /// Moves pages at or above `page_min` to lower free ids, up to `pages_max`; how many (rule 25).
    pub(crate) fn relocate(&mut self, page_min: u64, pages_max: u64) -> Result<u64> {
        self.change(|work, _| work.writer.relocate(page_min, pages_max))
    }

    /// Commits what [`Self::relocate`] moved.
    pub(crate) fn commit_relocation(self) -> Result<TxnId> {
        debug_assert_eq!(self.work().record.op_count(), 0, "a relocation has no operations");
        self.finish(Durability::Immediate, FLAG_RELOCATE)
    }

    fn finish(self, durability: Durability, flags: u32) -> Result<TxnId> {
        self.check_usable()?;
        self.pass.handle.check_writable()?;
        let handle = Arc::clone(&self.pass.handle);
        let (txn_id, end_lsn) = if self.work().record.op_count() == 0 && flags == 0 {
            let base = self.base;
            drop(self);
            (base.txn_id, base.lsn)
        } else {
            self.chain(durability, flags)?
        };
        match handle.settle(txn_id, end_lsn, durability) {
            // `OutOfSpace` promises that nothing happened, and the record may be in the log.
            Err(Error::OutOfSpace) => Err(Error::Poisoned),
            settled => settled.map(|()| txn_id),
        }
    }

    /// Appends the record and chains the root, then lets the next writer in.
    fn chain(mut self, durability: Durability, flags: u32) -> Result<(TxnId, crate::ids::Lsn)> {
        let handle = Arc::clone(&self.pass.handle);
        let log = handle.log()?;
        // Rule 18: a full disk shows here, while nothing has happened yet.
        self.work().record.reserve(log)?;
        let Some(Work { writer, record }) = self.work.take() else { unreachable!("not ended yet") };
        let tree = *writer.root();
        let eventual = if durability == Durability::Eventual { FLAG_EVENTUAL } else { 0 };
        let info = CommitInfo {
            root: tree.root,
            depth: tree.depth,
            key_count: tree.key_count,
            flags: flags | eventual,
        };
        // Between record and root there is no way back: a panic leaves an id that is taken.
        let unchained = PoisonUnlessChained { handle: &handle };
        let appended = record.commit(log, info).inspect_err(|_| handle.poison())?;
        let position = log.position_of(appended, self.txn_id);
        let (tree, finished) = writer.finish();
        let relocated = flags & FLAG_RELOCATE != 0;
        let snapshot = Snapshot {
            txn_id: self.txn_id,
            root: tree.root,
            depth: tree.depth,
            key_count: tree.key_count,
            alias_count: if relocated { self.base.alias_count.saturating_add(1) } else { 0 },
            lsn: appended.end_lsn,
        };
        let mut pipeline = handle.pipeline();
        pipeline.chain(Chained { snapshot, position, durability }, finished.retired);
        let unpublished = pipeline.unpublished();
        drop(pipeline);
        drop(unchained);
        Counters::add(&handle.counters.commits);
        handle.observe(|| Event::Chained {
            txn_id: self.txn_id,
            lsn: appended.lsn,
            end_lsn: appended.end_lsn,
            unpublished,
        });
        handle.wake_background();
        Ok((self.txn_id, appended.end_lsn))
    }

    /// Runs a change; after an error the tree is undefined, so the error stays (TXN-7).
    fn change<T>(&mut self, change: impl FnOnce(&mut Work, &Handle) -> Result<T>) -> Result<T> {
        self.check_usable()?;
        let Some(work) = &mut self.work else { unreachable!("not ended yet") };
        let result = change(work, &self.pass.handle);
        self.latch(result)
    }

    fn latch<T>(&mut self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result {
            self.failed = Some(error.clone());
        }
        result
    }

    fn check_usable(&self) -> Result<()> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn work(&self) -> &Work {
        self.work.as_ref().unwrap_or_else(|| unreachable!("not ended yet"))
    }

    fn root(&self) -> &TreeRoot {
        self.work().writer.root()
    }

    fn view(&self) -> View<'_> {
        self.work().writer.view()
    }
}

/// Poisons the handle when it is dropped by a panic.
struct PoisonUnlessChained<'a> {
    handle: &'a Handle,
}

impl Drop for PoisonUnlessChained<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.handle.poison();
        }
    }
}

impl Drop for WriteTxn {
    fn drop(&mut self) {
        let Some(Work { writer, record }) = self.work.take() else { return };
        let handle = &self.pass.handle;
        if handle.is_forked() {
            // The parent's locks may be held by threads that do not exist here, and its log is its.
            std::mem::forget((writer, record));
            return;
        }
        drop(writer);
        if let Ok(log) = handle.log()
            && record.abort(log).is_err()
        {
            // Continuations without their commit count for nothing; the log has poisoned itself if
            // what is on disk is not known.
        }
        Counters::add(&handle.counters.aborts);
        handle.observe(|| Event::WriteAborted { txn_id: self.txn_id });
    }
}

fn check_key(key: &[u8]) -> Result<()> {
    if key.len() > KEY_BYTES_MAX {
        return Err(Error::KeyTooLarge { bytes: key.len() });
    }
    Ok(())
}

fn check_row(key: &[u8], value: &[u8]) -> Result<()> {
    check_key(key)?;
    if value.len() > VALUE_BYTES_MAX {
        return Err(Error::ValueTooLarge { bytes: value.len() });
    }
    Ok(())
}

/// Any range as `start <= key < end`, with bounds that are keys; `None` when no key is in it.
fn half_open(start: Bound<&[u8]>, end: Bound<&[u8]>) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    let start = match start {
        Bound::Unbounded => Vec::new(),
        Bound::Included(key) => at_or_after(key)?,
        Bound::Excluded(key) => after(key)?,
    };
    let end = match end {
        Bound::Unbounded => None,
        Bound::Included(key) => after(key),
        Bound::Excluded(key) => at_or_after(key),
    };
    let empty = end.as_ref().is_some_and(|end| *end <= start);
    (!empty).then_some((start, end))
}

/// The lowest key that is not below `bytes`, which may be longer than a key; `None` above them all.
fn at_or_after(bytes: &[u8]) -> Option<Vec<u8>> {
    match bytes.get(..KEY_BYTES_MAX) {
        Some(front) if bytes.len() > KEY_BYTES_MAX => read::behind_prefix(front),
        _ => Some(bytes.to_vec()),
    }
}

/// The lowest key above `bytes`.
fn after(bytes: &[u8]) -> Option<Vec<u8>> {
    match bytes.get(..KEY_BYTES_MAX) {
        Some(front) => read::behind_prefix(front),
        None => Some([bytes, &[0]].concat()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_range_has_a_half_open_form() {
        let long = |byte: u8| vec![byte; KEY_BYTES_MAX];
        let over = |byte: u8| vec![byte; KEY_BYTES_MAX + 1];
        let behind_long = |byte: u8| {
            let mut key = vec![byte; KEY_BYTES_MAX];
            key[KEY_BYTES_MAX - 1] += 1;
            key
        };
        use Bound::{Excluded, Included, Unbounded};
        type Case<'a> =
            (&'a str, Bound<Vec<u8>>, Bound<Vec<u8>>, Option<(Vec<u8>, Option<Vec<u8>>)>);
        let cases: &[Case<'_>] = &[
            ("all", Unbounded, Unbounded, Some((vec![], None))),
            ("start in", Included(b"a".to_vec()), Unbounded, Some((b"a".to_vec(), None))),
            ("start out", Excluded(b"a".to_vec()), Unbounded, Some((b"a\0".to_vec(), None))),
            ("end in", Unbounded, Included(b"a".to_vec()), Some((vec![], Some(b"a\0".to_vec())))),
            ("end out", Unbounded, Excluded(b"a".to_vec()), Some((vec![], Some(b"a".to_vec())))),
            (
                "one",
                Included(b"a".to_vec()),
                Included(b"a".to_vec()),
                Some((b"a".to_vec(), Some(b"a\0".to_vec()))),
            ),
            ("empty", Included(b"a".to_vec()), Excluded(b"a".to_vec()), None),
            ("before the empty key", Unbounded, Excluded(vec![]), None),
            ("longest out", Excluded(long(7)), Unbounded, Some((behind_long(7), None))),
            ("longest in", Unbounded, Included(long(7)), Some((vec![], Some(behind_long(7))))),
            ("above the highest key", Excluded(long(255)), Unbounded, None),
            ("to the highest key", Unbounded, Included(long(255)), Some((vec![], None))),
            (
                "bounds longer than keys",
                Included(over(7)),
                Excluded(over(9)),
                Some((behind_long(7), Some(behind_long(9)))),
            ),
        ];
        for (name, start, end, expected) in cases {
            let got = half_open(start.as_ref().map(Vec::as_slice), end.as_ref().map(Vec::as_slice));
            assert_eq!(&got, expected, "{name}");
        }
    }
}
