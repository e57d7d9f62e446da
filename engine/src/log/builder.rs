//! skeleton

use super::writer::{Appended, LogWriter};
use crate::{
    error::Result,
    ids::{Pointer, TxnId},
};

/// Collects the operations of one write transaction as the bytes of its record.
#[derive(Debug)]
pub struct RecordBuilder {}

/// What a commit record says besides its operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitInfo {
    /// The root it made.
    pub root: Pointer,
    /// Levels of that tree.
    pub depth: u32,
    /// Rows of that tree.
    pub key_count: u64,
    /// `FLAG_RELOCATE`, `FLAG_EVENTUAL`.
    pub flags: u32,
}

#[allow(unused_variables)]
impl RecordBuilder {
    /// Starts the record of transaction `txn_id`.
    pub fn new(txn_id: TxnId) -> Self {
        todo!()
    }
    /// Adds a Put. When the record is full it goes to the log as a continuation: memory stays bounded.
    pub fn put(&mut self, log: &LogWriter, key: &[u8], value: &[u8]) -> Result<()> {
        todo!()
    }
    /// Adds a Del.
    pub fn del(&mut self, log: &LogWriter, key: &[u8]) -> Result<()> {
        todo!()
    }
    /// Adds a DelRange that removed `count` rows.
    pub fn del_range(
        &mut self,
        log: &LogWriter,
        start: &[u8],
        end: Option<&[u8]>,
        count: u64,
    ) -> Result<()> {
        todo!()
    }
    /// Operations so far, continuations included.
    pub fn op_count(&self) -> u64 {
        todo!()
    }
    /// Where the open chain's first continuation starts; a meta's position may not pass it (rule 3).
    pub fn chain_first(&self) -> Option<crate::ids::Lsn> {
        todo!()
    }
    /// Reserves and writes the log space of the commit record (rule 18): call it before the TxnId counts as
    /// assigned. After it `commit` fails only on a poisoned log.
    pub fn reserve(&self, log: &LogWriter) -> Result<()> {
        todo!()
    }
    /// Appends the commit record to the group buffer. Not durable yet: `LogWriter::wait_durable(end_lsn)`.
    pub fn commit(self, log: &LogWriter, info: CommitInfo) -> Result<Appended> {
        todo!()
    }
    /// Gives the transaction up; an open chain gets its abort record.
    pub fn abort(self, log: &LogWriter) -> Result<()> {
        todo!()
    }
}
