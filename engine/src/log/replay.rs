//! A state built in memory from the log alone.
//!
//! Called by `replay LOG`, `begin_read_at` for states that only the log covers, cartridges and
//! tests. Keeps LOG-20: a DelRange removes exactly as many rows as it says, and after each commit
//! there are as many rows as it says. Deterministic. Cost: a sorted map of all rows.

use super::transactions::{Transaction, Transactions};
use crate::error::{Corrupt, Error, Place, Result};
use crate::format::content_hash::{ContentHash, ContentHasher};
use crate::format::op::Op;
use crate::ids::{Lsn, TxnId};
use std::collections::{BTreeMap, btree_map::Entry};
use std::ops::Bound;

/// Rows in key order.
pub type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// A state in memory, built by applying operations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryState {
    rows: Rows,
}

impl MemoryState {
    /// A state that starts from `rows`.
    pub fn from_rows(rows: Rows) -> Self {
        Self { rows }
    }

    /// Applies one operation of the record at `lsn`.
    ///
    /// # Errors
    /// `Corrupt` when a DelRange does not remove exactly as many rows as it says.
    pub fn apply(&mut self, op: Op<'_>, lsn: Lsn) -> Result<()> {
        match op {
            Op::Put { key, value } => match self.rows.entry(key.to_vec()) {
                Entry::Occupied(mut row) => {
                    row.get_mut().clear();
                    row.get_mut().extend_from_slice(value);
                }
                Entry::Vacant(row) => {
                    row.insert(value.to_vec());
                }
            },
            Op::Del { key } => {
                self.rows.remove(key);
            }
            Op::DelRange { start, end, count } => {
                let removed = self.remove_range(start, end);
                if removed != count {
                    let expected = format!("a DelRange of {count} rows");
                    return Err(Corrupt::at(Place::Lsn(lsn), "LOG-20", expected, removed).into());
                }
            }
        }
        Ok(())
    }

    fn remove_range(&mut self, start: &[u8], end: Option<&[u8]>) -> u64 {
        if end.is_some_and(|end| end <= start) {
            return 0;
        }
        let end = end.map_or(Bound::Unbounded, Bound::Excluded);
        let keys: Vec<Vec<u8>> = self
            .rows
            .range::<[u8], _>((Bound::Included(start), end))
            .map(|(key, _)| key.clone())
            .collect();
        for key in &keys {
            self.rows.remove(key);
        }
        keys.len() as u64
    }

    /// The rows, in key order.
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// Gives the rows away.
    pub fn into_rows(self) -> Rows {
        self.rows
    }

    /// The content hash.
    pub fn content_hash(&self) -> ContentHash {
        let mut hasher = ContentHasher::default();
        for (key, value) in &self.rows {
            hasher.row(key, value);
        }
        hasher.finish()
    }
}

/// Applies the operations of the transaction that `transactions.next()` gave last.
///
/// # Errors
/// `Corrupt` when an operation, or the number of rows afterwards, is not what the record says.
pub fn apply(
    transactions: &mut Transactions,
    transaction: &Transaction,
    state: &mut MemoryState,
) -> Result<()> {
    let lsn = transaction.lsn;
    transactions.ops(&mut |op| state.apply(op, lsn))?;
    let rows = state.rows.len() as u64;
    if rows == transaction.commit.key_count {
        return Ok(());
    }
    let expected =
        format!("{} rows after transaction {}", transaction.commit.key_count, transaction.txn_id);
    Err(Corrupt::at(Place::Lsn(lsn), "LOG-20", expected, rows).into())
}

/// Applies transactions to `state`, which is the state `base`, up to `to` (to the end when `None`);
/// the state reached.
///
/// # Errors
/// `SnapshotNotFound` when the log does not start at or before the one behind `base`, or ends
/// before `to`; `Corrupt`; `Io`.
pub fn replay(
    transactions: &mut Transactions,
    base: TxnId,
    to: Option<TxnId>,
    state: &mut MemoryState,
) -> Result<TxnId> {
    let mut reached = base;
    let mut oldest = None;
    while to.is_none_or(|to| reached < to) {
        let Some(transaction) = transactions.next()? else { break };
        oldest.get_or_insert(transaction.txn_id);
        if transaction.txn_id <= base {
            continue;
        }
        if transaction.txn_id != reached.next() {
            let requested = to.unwrap_or(reached.next());
            let latest = transaction.txn_id;
            return Err(Error::SnapshotNotFound { requested, oldest: latest, latest });
        }
        apply(transactions, &transaction, state)?;
        reached = transaction.txn_id;
    }
    if let Some(latest) = transactions.last_txn().filter(|&last| last > reached) {
        // Of that commit only the end is there: no way leads to its state.
        let (requested, oldest) = (reached.next(), latest.next());
        return Err(Error::SnapshotNotFound { requested, oldest, latest });
    }
    match to {
        Some(requested) if reached < requested => Err(Error::SnapshotNotFound {
            requested,
            oldest: oldest.unwrap_or(base),
            latest: reached,
        }),
        _ => Ok(reached),
    }
}

#[cfg(test)]
mod tests;
