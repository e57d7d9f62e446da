//! The write transaction.
//!
//! Made by `Db::begin_write`; works on `tree::Writer`, records what it does in `log::RecordBuilder`
//! and ends in the pipeline of `txn::commit`. Spec: `spec/semantics_v0.md`, writing. Keeps: TXN-1
//! (it is alone: it holds the writer gate), TXN-7 (after an error inside an operation it can only be
//! given up).

mod bounds;
mod finish;
mod pending;
mod work;

use crate::error::{Error, Result};
use crate::format::log_record::FLAG_RELOCATE;
use crate::ids::TxnId;
use crate::limits::{KEY_BYTES_MAX, VALUE_BYTES_MAX};
use crate::log::RecordBuilder;
use crate::pager::View;
use crate::tree::{self, TreeRoot, Writer};
use crate::txn::core::Handle;
use crate::txn::event::Event;
use crate::txn::read::{self, Cursor, Range, Value};
use crate::txn::snapshot::{Durability, Snapshot};
use bounds::half_open;
use std::{
    cell::OnceCell,
    fmt,
    ops::{Bound, RangeBounds},
    sync::Arc,
};
use work::{Settling, Work};

/// The one write transaction. Dropping it discards it, as [`Self::abort`] does.
///
/// Reads through it see its own writes. Puts are applied together, in key order, when something is
/// read or removed and at the commit: that is where their I/O and corruption errors come up. After
/// such an error every further call returns it: give the transaction up and begin again.
pub struct WriteTxn {
    /// Empty only while it ends.
    work: Settling,
    /// Why it can only be given up.
    failed: OnceCell<Error>,
    base: Snapshot,
    txn_id: TxnId,
    pass: Pass,
}

impl fmt::Debug for WriteTxn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteTxn")
            .field("txn_id", &self.txn_id)
            .field("base", &self.base)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
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
        let record = RecordBuilder::begin(handle.log()?, txn_id);
        handle.observe(|| {
            let waiting = handle.gate.waiting() + handle.combiner.waiting();
            Event::WriteBegun { txn_id, waiting }
        });
        let work = Settling::new(Work::new(writer, record));
        Ok(Self { work, failed: OnceCell::new(), base, txn_id, pass })
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
        self.alter(|work, handle| work.put(handle.log()?, key, value))
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
            self.tree()?;
            // Until the callback has returned for the last time: a panic in it is an error that stays.
            let panicked = Error::InvalidArgument("a callback of retain panicked".to_owned());
            self.failed = OnceCell::from(panicked);
            let doomed = self.doomed(&from, end.as_deref(), &mut keep, &mut kept);
            self.failed = OnceCell::new();
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
        let mut cursor = tree::Cursor::new(self.work().writer.view(), self.root());
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
        let (view, root) = self.tree()?;
        let row = end(view, root);
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
        let (view, root) = self.tree()?;
        tree::get(view, root, key.as_ref())
    }

    /// The values under `keys`, its own writes included.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn get_many<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<Vec<Option<Value<'_>>>> {
        let (view, root) = self.tree()?;
        tree::get_many(view, root, keys)
    }

    /// Rows, its own writes included.
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
        let (view, root) = self.tree()?;
        read::range_of(view, root, &range)
    }

    /// Rows whose keys start with `prefix`, its own writes included.
    ///
    /// # Errors
    /// The error that an earlier operation failed with.
    pub fn prefix(&self, prefix: impl AsRef<[u8]>) -> Result<Range<'_>> {
        let (view, root) = self.tree()?;
        read::prefix_of(view, root, prefix.as_ref())
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
        let (view, root) = self.tree()?;
        Ok(Cursor::new(view, root))
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

    /// Moves pages at or above `page_min` to lower free ids, from the leaf of `from` on, up to
    /// `pages_max` (rule 25).
    pub(crate) fn relocate(
        &mut self,
        from: &[u8],
        page_min: u64,
        pages_max: u64,
    ) -> Result<tree::Swept> {
        self.change(|work, _| work.writer.relocate(from, page_min, pages_max))
    }

    /// Packs leaves from that of `from` on, writing up to `pages_max` (rule 25).
    pub(crate) fn pack(&mut self, from: &[u8], pages_max: u64) -> Result<tree::Swept> {
        self.change(|work, _| work.writer.pack(from, pages_max))
    }

    /// Commits what [`Self::relocate`] moved or [`Self::pack`] packed.
    pub(crate) fn commit_relocation(self) -> Result<TxnId> {
        debug_assert_eq!(self.work().record.op_count(), 0, "a relocation has no operations");
        self.finish(Durability::Immediate, FLAG_RELOCATE)
    }

    /// Runs a change of the settled tree.
    fn change<T>(&mut self, change: impl FnOnce(&mut Work, &Handle) -> Result<T>) -> Result<T> {
        self.alter(|work, handle| {
            work.settle()?;
            change(work, handle)
        })
    }

    /// Runs a change; after an error the tree is undefined, so the error stays (TXN-7).
    fn alter<T>(&mut self, change: impl FnOnce(&mut Work, &Handle) -> Result<T>) -> Result<T> {
        self.check_usable()?;
        let Some(work) = self.work.get_mut() else { unreachable!("not ended yet") };
        let result = change(work, &self.pass.handle);
        self.latch(result)
    }

    fn latch<T>(&self, result: Result<T>) -> Result<T> {
        result.inspect_err(|error| {
            self.failed.set(error.clone()).ok();
        })
    }

    fn check_usable(&self) -> Result<()> {
        self.failed.get().map_or(Ok(()), |error| Err(error.clone()))
    }

    /// The settled work; [`Self::check_usable`] says afterwards whether settling failed.
    fn work(&self) -> &Work {
        self.work.get(|error| {
            self.failed.set(error).ok();
        })
    }

    /// The tree with all writes in it, to read.
    fn tree(&self) -> Result<(View<'_>, &TreeRoot)> {
        let work = self.work();
        self.check_usable()?;
        Ok((work.writer.view(), work.writer.root()))
    }

    fn root(&self) -> &TreeRoot {
        self.work().writer.root()
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
