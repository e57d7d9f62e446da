//! skeleton

use super::transactions::Transactions;
use crate::{
    error::Result,
    format::{content_hash::ContentHash, op::Op},
    ids::TxnId,
};
use std::collections::BTreeMap;

/// A state in memory, built by applying operations.
#[derive(Clone, Debug, Default)]
pub struct MemoryState {}

impl MemoryState {
    /// Applies one operation; a DelRange must remove exactly as many rows as it says.
    pub fn apply(&mut self, op: Op<'_>) -> Result<()> {
        let _ = op;
        todo!()
    }
    /// The rows.
    pub fn rows(&self) -> &BTreeMap<Vec<u8>, Vec<u8>> {
        todo!()
    }
    /// The content hash.
    pub fn content_hash(&self) -> ContentHash {
        todo!()
    }
}

/// Applies `transactions` up to `to` (all when `None`) to `state`; the last one applied.
pub fn replay(
    transactions: &mut Transactions,
    to: Option<TxnId>,
    state: &mut MemoryState,
) -> Result<Option<TxnId>> {
    let _ = (transactions, to, state);
    todo!()
}
