//! skeleton

use super::scan::Tail;
use super::segments::Chain;
use crate::{
    error::Result,
    ids::{Lsn, TxnId},
};

/// A meta's place in the log: its log fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// End of the meta's commit record.
    pub lsn: Lsn,
    /// Generation of the segment that holds the byte before; 0 for a backup or none.
    pub generation: u64,
    /// Identity of that record; 0 for none.
    pub crc: u32,
    /// The meta's TxnId.
    pub txn_id: TxnId,
}

/// What a log holds behind a meta.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Where replay starts.
    pub from: Lsn,
    /// Where the next record goes.
    pub tail: Lsn,
    /// Below: proven durable before this open.
    pub proven: Lsn,
    /// The last committed transaction.
    pub last: Position,
    /// Transactions to replay.
    pub commits: u64,
    /// What followed the last record.
    pub found: Tail,
    /// What was done about it.
    pub action: Action,
}

/// How a tail was made safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing was needed (or the log was only read).
    InPlace,
    /// Idle checkpoint records were overwritten with zeros.
    Erased,
    /// Records were copied into a new segment.
    Copied {
        /// Its generation.
        generation: u64,
    },
}

/// Judges a log without writing: what a read-only opener does.
///
/// # Errors
/// `Corrupt` when a meta's position is not in the chain or damage is proven to be corruption.
pub fn assess(chain: &Chain, metas: &[Position]) -> Result<Recovery> {
    let _ = (chain, metas);
    todo!()
}
