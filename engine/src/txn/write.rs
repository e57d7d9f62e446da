//! The write transaction.

use crate::db::Durability;
use crate::error::Result;
use crate::ids::TxnId;
use crate::txn::read::{Cursor, Range, Value};
use std::ops::RangeBounds;

/// The one write transaction. Dropping it discards it.
#[derive(Debug)]
pub struct WriteTxn {}

#[allow(unused_variables)]
impl WriteTxn {
    /// Stores `value` under `key`, replacing an earlier value. Durable after `commit`, not before.
    pub fn put(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<()> {
        todo!()
    }
    /// Removes `key`; whether it was there.
    pub fn del(&mut self, key: impl AsRef<[u8]>) -> Result<bool> {
        todo!()
    }
    /// Removes all rows in `range`, whole subtrees at once; how many there were.
    pub fn del_range<K: AsRef<[u8]>, R: RangeBounds<K>>(&mut self, range: R) -> Result<u64> {
        todo!()
    }
    /// Keeps the rows in `range` for which `keep` says so; how many were kept.
    pub fn retain<K: AsRef<[u8]>, R: RangeBounds<K>>(
        &mut self,
        range: R,
        keep: impl FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<u64> {
        todo!()
    }
    /// Takes the first row out.
    pub fn pop_first(&mut self) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        todo!()
    }
    /// Takes the last row out.
    pub fn pop_last(&mut self) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        todo!()
    }
    /// The value under `key`, its own writes included.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Value<'_>>> {
        Ok(todo!())
    }
    /// The values under `keys`.
    pub fn get_many<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<Vec<Option<Value<'_>>>> {
        todo!()
    }
    /// Rows, its own writes included.
    pub fn len(&self) -> u64 {
        todo!()
    }
    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Rows whose keys are in `range`.
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
    /// A cursor.
    pub fn cursor(&self) -> Result<Cursor<'_>> {
        todo!()
    }
    /// Commits with the database's durability.
    pub fn commit(self) -> Result<TxnId> {
        todo!()
    }
    /// Commits with the given durability.
    pub fn commit_with(self, durability: Durability) -> Result<TxnId> {
        let _ = durability;
        todo!()
    }
    /// Discards it.
    pub fn abort(self) {
        todo!()
    }
}
