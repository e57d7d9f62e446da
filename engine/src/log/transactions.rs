//! skeleton

use super::scan::{Scanner, Tail};
use crate::{
    error::Result,
    format::log_record::CommitHeader,
    format::op::Op,
    ids::{Lsn, TxnId},
};

/// Reads whole committed transactions forward, chains of continuations joined.
#[derive(Debug)]
pub struct Transactions {}

/// A committed transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The state it made.
    pub txn_id: TxnId,
    /// Where its first record starts.
    pub first_lsn: Lsn,
    /// Where its commit record starts.
    pub lsn: Lsn,
    /// Where its commit record ends.
    pub end_lsn: Lsn,
    /// Generation of the commit record's segment.
    pub generation: u64,
    /// Identity of the commit record.
    pub crc: u32,
    /// Flags of the commit record.
    pub flags: u32,
    /// What the commit record says.
    pub commit: CommitHeader,
}

impl Transactions {
    /// Reads what `scanner` yields; the first transaction must be the one after `after`, if given.
    pub fn new(scanner: Scanner, after: Option<TxnId>) -> Self {
        let _ = (scanner, after);
        todo!()
    }
    /// The next transaction; `None` at the tail.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Transaction>> {
        todo!()
    }
    /// Calls `visit` with each operation of the transaction that `next` gave last, in order.
    pub fn ops(&mut self, visit: &mut dyn FnMut(Op<'_>) -> Result<()>) -> Result<()> {
        let _ = visit;
        todo!()
    }
    /// How the scan ended, once `next` gave `None`.
    pub fn tail(&self) -> Option<Tail> {
        todo!()
    }
}
