//! The past states that stay openable: `History::Last(n)` or all, with relocations left out.
//!
//! Called by the publisher of commits, by `begin_read_at` and by the checkpoint, which stores the
//! rows. Spec: `spec/semantics_v0.md`, history. Keeps: HIST-2 (rows rise, and end before the visible
//! state), crash rule 25 (a relocation takes its predecessor's place and both ids open it).

use crate::ids::TxnId;
use crate::sabotage::{self, Switch};
use crate::txn::snapshot::Snapshot;
use std::collections::VecDeque;

#[cfg(test)]
mod tests;

/// Which past states stay openable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// The last `n` besides the current one.
    Last(u64),
    /// All of them.
    All,
}

impl History {
    /// How many past states that is at most; what the meta stores.
    pub(crate) fn limit(self) -> u64 {
        match self {
            Self::Last(count) => count.min(u64::MAX - 1),
            Self::All => u64::MAX,
        }
    }

    /// From what the meta stores.
    pub(crate) fn from_limit(limit: u64) -> Self {
        if limit == u64::MAX { Self::All } else { Self::Last(limit) }
    }
}

/// The states before the visible one that can still be opened, oldest first.
#[derive(Clone, Debug)]
pub(crate) struct HistoryRows {
    keep: History,
    rows: VecDeque<Snapshot>,
}

impl HistoryRows {
    /// Takes over stored rows, oldest first; what `keep` does not ask for is dropped and returned.
    pub(crate) fn new(
        keep: History,
        rows: impl IntoIterator<Item = Snapshot>,
    ) -> (Self, Vec<TxnId>) {
        let mut history = Self { keep, rows: rows.into_iter().collect() };
        let dropped = history.trim();
        (history, dropped)
    }

    /// `next` became visible after `before`. Returns the states that are kept no longer.
    pub(crate) fn advance(&mut self, before: Snapshot, next: &Snapshot) -> Vec<TxnId> {
        debug_assert!(self.rows.back().is_none_or(|last| last.txn_id < before.txn_id), "HIST-2");
        if next.is_named(before.txn_id) && !sabotage::on(Switch::CountRelocations) {
            return Vec::new(); // A relocation: it stands for its predecessor (rule 25).
        }
        self.rows.push_back(before);
        let mut dropped = self.trim();
        // What was pushed and trimmed at once was never kept.
        dropped.retain(|&state| state != before.txn_id);
        dropped
    }

    /// The kept state that `txn_id` names.
    pub(crate) fn find(&self, txn_id: TxnId) -> Option<&Snapshot> {
        let index = self.rows.partition_point(|row| row.txn_id < txn_id);
        self.rows.get(index).filter(|row| row.is_named(txn_id))
    }

    /// The newest kept state at or before `txn_id`: where a replay towards it can start.
    pub(crate) fn at_or_before(&self, txn_id: TxnId) -> Option<&Snapshot> {
        let index = self.rows.partition_point(|row| row.first_alias() <= txn_id);
        self.rows.get(index.checked_sub(1)?)
    }

    /// All rows, oldest first.
    pub(crate) fn rows(&self) -> impl DoubleEndedIterator<Item = &Snapshot> + ExactSizeIterator {
        self.rows.iter()
    }

    fn trim(&mut self) -> Vec<TxnId> {
        let excess = (self.rows.len() as u64).saturating_sub(self.keep.limit());
        self.rows.drain(..excess as usize).map(|row| row.txn_id).collect()
    }
}
