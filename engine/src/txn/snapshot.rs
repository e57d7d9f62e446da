//! What is known of one committed state: its root, its size and where the log is at its end.
//!
//! Made by `txn::commit` and by recovery, published through `txn::registry`, kept as history rows
//! and in metas. Spec: `spec/semantics_v0.md`, states. Cost: a small copyable struct.

use crate::format::chain::HistoryRow;
use crate::ids::{Lsn, Pointer, TxnId};
use crate::tree::TreeRoot;

/// How a snapshot came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Its own pages.
    Exact,
    /// Rebuilt in memory from the log.
    Replayed,
}

/// When a commit returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Durability {
    /// Once it is durable.
    #[default]
    Immediate,
    /// Once the operating system has it; durable within a second, or after `sync`.
    Eventual,
}

/// A tree: everything a reader needs of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Snapshot {
    /// The state's number.
    pub(crate) txn_id: TxnId,
    /// Its root node; null when it has no rows.
    pub(crate) root: Pointer,
    /// Levels of its tree.
    pub(crate) depth: u32,
    /// Rows in it.
    pub(crate) key_count: u64,
    /// How many ids directly before it name the same content (rule 25).
    pub(crate) alias_count: u32,
    /// End of its commit record in the log.
    pub(crate) lsn: Lsn,
}

impl Snapshot {
    /// Its tree.
    pub(crate) fn tree(&self) -> TreeRoot {
        TreeRoot { root: self.root, depth: self.depth, key_count: self.key_count }
    }

    /// The lowest id that names this content.
    pub(crate) fn first_alias(&self) -> TxnId {
        TxnId::new(self.txn_id.get().saturating_sub(u64::from(self.alias_count)))
    }

    /// Whether `txn_id` names this content.
    pub(crate) fn is_named(&self, txn_id: TxnId) -> bool {
        self.first_alias() <= txn_id && txn_id <= self.txn_id
    }

    /// As a history row.
    pub(crate) fn to_row(self) -> HistoryRow {
        HistoryRow {
            txn_id: self.txn_id,
            root: self.root,
            depth: self.depth,
            key_count: self.key_count,
            lsn: self.lsn,
            alias_count: self.alias_count,
            reserved: 0,
        }
    }

    /// From a history row.
    pub(crate) fn from_row(row: &HistoryRow) -> Self {
        Self {
            txn_id: row.txn_id,
            root: row.root,
            depth: row.depth,
            key_count: row.key_count,
            alias_count: row.alias_count,
            lsn: row.lsn,
        }
    }
}
