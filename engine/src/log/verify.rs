//! skeleton

use super::segments::Chain;
use crate::{
    error::{Corrupt, Result},
    ids::{Lsn, TxnId},
};

/// What a check of the whole log found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogReport {
    /// Sound records.
    pub records: u64,
    /// Committed transactions.
    pub commits: u64,
    /// The first committed transaction there is.
    pub first_txn: Option<TxnId>,
    /// The last one.
    pub last_txn: Option<TxnId>,
    /// What is broken.
    pub problems: Vec<Corrupt>,
    /// A torn tail: position and bytes. No problem, but worth showing.
    pub torn: Option<(Lsn, u64)>,
}

/// Checks every record of every segment. `proven`: positions below are known durable.
pub fn verify(chain: &Chain, proven: Lsn) -> Result<LogReport> {
    let _ = (chain, proven);
    todo!()
}
