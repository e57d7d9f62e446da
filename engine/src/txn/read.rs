//! Read transactions: one state, as long as they live.
//!
//! Made by `Db::begin_read` and `begin_read_at`. Reads through `tree` and `pager`; takes no lock.
//! Spec: `spec/semantics_v0.md`, reading. Keeps: TXN-3 (the state is live while this is). Cost: begin
//! and drop are a few atomic operations each.

use crate::error::Result;
use crate::ids::TxnId;
use crate::pager::View;
use crate::tree::{self, TreeRoot};
use crate::txn::core::Handle;
use crate::txn::registry::SlotIndex;
use crate::txn::snapshot::{Origin, Snapshot};
use std::{
    ops::{Bound, RangeBounds},
    sync::Arc,
};

pub use crate::pager::Value;
pub use crate::tree::Range;

/// One state of the database. Cloning is cheap; every clone reads the same state.
///
/// Holds the pages that its state uses, so that they are not used again: drop it when done.
///
/// ```
/// # use northstar_engine::{Options, Error};
/// let db = Options::new().open_in_memory()?;
/// let mut w = db.begin_write()?;
/// w.put(b"k", b"old")?;
/// w.commit()?;
/// let before = db.begin_read()?;
/// let mut w = db.begin_write()?;
/// w.put(b"k", b"new")?;
/// w.commit()?;
/// assert_eq!(before.get(b"k")?.as_deref(), Some(&b"old"[..]));
/// assert_eq!(db.begin_read()?.get(b"k")?.as_deref(), Some(&b"new"[..]));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct ReadTxn {
    tree: TreeRoot,
    txn_id: TxnId,
    origin: Origin,
    slot: SlotIndex,
    handle: Arc<Handle>,
    /// The database this was rebuilt for, when it was: it stays open, and counts this reader.
    rebuilt_for: Option<Box<ReadTxn>>,
}

impl ReadTxn {
    /// The visible state.
    #[inline]
    pub(crate) fn begin(handle: &Arc<Handle>) -> Result<Self> {
        let handle = Arc::clone(handle);
        loop {
            let (snapshot, slot) = handle.registry.begin();
            // Looked at behind the pin: either closing sees the pin, or this sees that it is closed.
            if !handle.is_closed() {
                return Ok(Self::new(handle, &snapshot, snapshot.txn_id, slot));
            }
            handle.registry.end(&slot);
            handle.check_closed_for_good()?;
        }
    }

    /// The state `snapshot` under the name `txn_id`. The caller holds the pipeline's lock, which
    /// keeps it live and the database open, until this returns.
    ///
    /// # Errors
    /// `InvalidArgument` once the database is closed.
    pub(crate) fn begin_kept(
        handle: &Arc<Handle>,
        snapshot: &Snapshot,
        txn_id: TxnId,
    ) -> Result<Self> {
        handle.check_open()?;
        let slot = handle.registry.pin(snapshot.txn_id);
        Ok(Self::new(Arc::clone(handle), snapshot, txn_id, slot))
    }

    /// A state that was rebuilt in a database of its own, which `rebuilt` reads; `reader` keeps the
    /// database open that it was rebuilt for.
    pub(crate) fn rebuilt(mut rebuilt: Self, txn_id: TxnId, reader: Self) -> Self {
        rebuilt.txn_id = txn_id;
        rebuilt.origin = Origin::Replayed;
        rebuilt.rebuilt_for = Some(Box::new(reader));
        rebuilt
    }

    fn new(handle: Arc<Handle>, snapshot: &Snapshot, txn_id: TxnId, slot: SlotIndex) -> Self {
        let tree = snapshot.tree();
        Self { tree, txn_id, origin: Origin::Exact, slot, handle, rebuilt_for: None }
    }

    /// The state this reads.
    pub fn txn_id(&self) -> TxnId {
        self.txn_id
    }

    /// Whether the state has its own pages or was rebuilt from the log.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// The value under `key`. The value keeps its page in memory while it lives; it is no copy,
    /// unless it is longer than a page.
    ///
    /// # Errors
    /// `Corrupt` and `Io` when a page had to be read and could not be.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Value<'_>>> {
        tree::get(self.view(), &self.tree, key.as_ref())
    }

    /// The values under `keys`, in their order. Look-ups go on side by side, so that their memory
    /// and disk latencies overlap: about twice as fast as one by one.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn get_many<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<Vec<Option<Value<'_>>>> {
        tree::get_many(self.view(), &self.tree, keys)
    }

    /// Rows in this state. Costs nothing.
    pub fn len(&self) -> u64 {
        self.tree.key_count
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows whose keys are in `range`, in key order; both ends can be taken from. After an error the
    /// iterator yields nothing more.
    ///
    /// # Errors
    /// `InvalidArgument` when the range ends before it starts.
    pub fn range<K: AsRef<[u8]>, R: RangeBounds<K>>(&self, range: R) -> Result<Range<'_>> {
        range_of(self.view(), &self.tree, &range)
    }

    /// Rows whose keys start with `prefix`.
    ///
    /// # Errors
    /// None today; kept for the same shape as [`Self::range`].
    pub fn prefix(&self, prefix: impl AsRef<[u8]>) -> Result<Range<'_>> {
        prefix_of(self.view(), &self.tree, prefix.as_ref())
    }

    /// All rows.
    ///
    /// # Errors
    /// None today; kept for the same shape as [`Self::range`].
    pub fn iter(&self) -> Result<Range<'_>> {
        range_of::<&[u8], _>(self.view(), &self.tree, &..)
    }

    /// A cursor: the fast lane for scans. It stands before the first row.
    ///
    /// # Errors
    /// None today; kept for the same shape as [`Self::range`].
    pub fn cursor(&self) -> Result<Cursor<'_>> {
        Ok(Cursor::new(self.view(), &self.tree))
    }

    pub(crate) fn view(&self) -> View<'_> {
        self.handle.pager.view()
    }

    pub(crate) fn tree(&self) -> &TreeRoot {
        &self.tree
    }
}

impl Clone for ReadTxn {
    fn clone(&self) -> Self {
        Self {
            tree: self.tree,
            txn_id: self.txn_id,
            origin: self.origin,
            slot: self.handle.registry.copy(&self.slot),
            handle: Arc::clone(&self.handle),
            rebuilt_for: self.rebuilt_for.clone(),
        }
    }
}

impl Drop for ReadTxn {
    #[inline]
    fn drop(&mut self) {
        self.handle.registry.end(&self.slot);
    }
}

/// Rows of a tree in a range.
pub(crate) fn range_of<'p, K: AsRef<[u8]>, R: RangeBounds<K>>(
    view: View<'p>,
    tree: &TreeRoot,
    range: &R,
) -> Result<Range<'p>> {
    let (start, end) = bounds_of(range);
    check_order(start, end)?;
    Ok(Range::new(view, tree, start, end))
}

/// Rows of a tree whose keys start with `prefix`.
pub(crate) fn prefix_of<'p>(view: View<'p>, tree: &TreeRoot, prefix: &[u8]) -> Result<Range<'p>> {
    let behind = behind_prefix(prefix);
    let end = behind.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    Ok(Range::new(view, tree, Bound::Included(prefix), end))
}

/// A range's bounds as bytes.
pub(crate) fn bounds_of<'r, K: AsRef<[u8]> + 'r, R: RangeBounds<K>>(
    range: &'r R,
) -> (Bound<&'r [u8]>, Bound<&'r [u8]>) {
    (range.start_bound().map(K::as_ref), range.end_bound().map(K::as_ref))
}

/// A range must not end before it starts, as in the standard library.
///
/// # Errors
/// `InvalidArgument`.
pub(crate) fn check_order(start: Bound<&[u8]>, end: Bound<&[u8]>) -> Result<()> {
    let backwards = match (start, end) {
        (Bound::Excluded(start), Bound::Excluded(end)) => start >= end,
        (
            Bound::Included(start) | Bound::Excluded(start),
            Bound::Included(end) | Bound::Excluded(end),
        ) => start > end,
        _ => false,
    };
    if backwards {
        return Err(crate::Error::InvalidArgument("the range ends before it starts".to_owned()));
    }
    Ok(())
}

/// The first key behind all keys that start with `prefix`; `None` when there is none.
pub(crate) fn behind_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&byte| byte != u8::MAX)?;
    let mut behind = prefix.get(..=last)?.to_vec();
    if let Some(byte) = behind.last_mut() {
        *byte += 1;
    }
    Some(behind)
}

/// A position between two rows that lends them: the fast lane for scans. Pins one page at a time.
///
/// ```
/// # use northstar_engine::{Options, Error};
/// # let db = Options::new().open_in_memory()?;
/// # let mut w = db.begin_write()?;
/// # for key in [b"a", b"b", b"c"] { w.put(key, b"")?; }
/// # w.commit()?;
/// let r = db.begin_read()?;
/// let mut c = r.cursor()?;
/// c.seek(b"b")?;
/// let mut keys = Vec::new();
/// while let Some((key, _)) = c.next()? {
///     keys.extend_from_slice(key);
/// }
/// assert_eq!(keys, b"bc");
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Cursor<'a> {
    cursor: tree::Cursor<'a>,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(view: View<'a>, tree: &TreeRoot) -> Self {
        Self { cursor: tree::Cursor::new(view, tree) }
    }

    /// Goes before the first row whose key is not less than `key`.
    ///
    /// # Errors
    /// `Corrupt` and `Io` when a page had to be read and could not be.
    pub fn seek(&mut self, key: impl AsRef<[u8]>) -> Result<()> {
        self.cursor.seek(key.as_ref())
    }

    /// Goes behind the last row.
    ///
    /// # Errors
    /// As [`Self::seek`].
    pub fn seek_end(&mut self) -> Result<()> {
        self.cursor.seek_end()
    }

    /// The next row, valid until the next call; the cursor then stands behind it.
    ///
    /// # Errors
    /// As [`Self::seek`]; after an error there are no rows until the next seek.
    #[allow(clippy::should_implement_trait, reason = "it lends, which Iterator cannot")]
    #[inline]
    pub fn next(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        self.cursor.next()
    }

    /// The previous row, valid until the next call; the cursor then stands before it.
    ///
    /// # Errors
    /// As [`Self::next`].
    #[inline]
    pub fn prev(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        self.cursor.prev()
    }
}
