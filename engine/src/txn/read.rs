//! Read transactions: one state, as long as they live.

use crate::db::Origin;
use crate::error::Result;
use crate::ids::TxnId;
use std::{
    marker::PhantomData,
    ops::{Deref, RangeBounds},
};

/// One state of the database. Cloning is cheap; every clone reads the same state.
#[derive(Clone, Debug)]
pub struct ReadTxn {}

#[allow(unused_variables)]
impl ReadTxn {
    /// The state this reads.
    pub fn txn_id(&self) -> TxnId {
        todo!()
    }
    /// Whether the state has its own pages or was rebuilt from the log.
    pub fn origin(&self) -> Origin {
        todo!()
    }
    /// The value under `key`.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Value<'_>>> {
        Ok(todo!())
    }
    /// The values under `keys`, look-ups interleaved.
    pub fn get_many<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<Vec<Option<Value<'_>>>> {
        todo!()
    }
    /// Rows in this state.
    pub fn len(&self) -> u64 {
        todo!()
    }
    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Rows whose keys are in `range`, in key order; both ends can be taken from.
    pub fn range<K: AsRef<[u8]>, R: RangeBounds<K>>(&self, range: R) -> Result<Range<'_>> {
        todo!()
    }
    /// Rows whose keys start with `prefix`.
    pub fn prefix(&self, prefix: impl AsRef<[u8]>) -> Result<Range<'_>> {
        todo!()
    }
    /// All rows.
    pub fn iter(&self) -> Result<Range<'_>> {
        todo!()
    }
    /// A cursor: the fast lane for scans.
    pub fn cursor(&self) -> Result<Cursor<'_>> {
        todo!()
    }
}

/// Bytes of a key or value: a view into a pinned page, or owned where they had to be put together.
#[derive(Debug)]
pub struct Value<'a> {
    marker: PhantomData<&'a ()>,
}

impl Deref for Value<'_> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        todo!()
    }
}

impl AsRef<[u8]> for Value<'_> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// Iterator over rows. After an error it yields nothing more.
#[derive(Debug)]
pub struct Range<'a> {
    marker: PhantomData<&'a ()>,
}

impl<'a> Iterator for Range<'a> {
    type Item = Result<(Value<'a>, Value<'a>)>;
    fn next(&mut self) -> Option<Self::Item> {
        todo!()
    }
}

impl DoubleEndedIterator for Range<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        todo!()
    }
}

/// A position in the key order that lends rows.
#[derive(Debug)]
pub struct Cursor<'a> {
    marker: PhantomData<&'a ()>,
}

#[allow(unused_variables)]
impl Cursor<'_> {
    /// Goes before the first row whose key is not less than `key`.
    pub fn seek(&mut self, key: impl AsRef<[u8]>) -> Result<()> {
        todo!()
    }
    /// The next row, valid until the next call.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        todo!()
    }
    /// The previous row, valid until the next call.
    pub fn prev(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        todo!()
    }
}
