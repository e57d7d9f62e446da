//! Past states: which can be opened, and how.
//!
//! Called by `Db::begin_read_at` and `Db::history`. A state that the history keeps is read from its
//! own pages; one that only the log covers is rebuilt in memory. Spec: `spec/semantics_v0.md`,
//! history; crash rules 20, 21 and 25.

use crate::db::environment::Environment;
use crate::db::options::{LogRetention, Options};
use crate::db::replay;
use crate::db::shared::Shared;
use crate::db::{Db, space};
use crate::disk::memory::MemoryStorage;
use crate::error::{Error, Result};
use crate::ids::TxnId;
use crate::log::{Action, Chain, Position, Recovery, Scanner, Tail, Transactions};
use crate::tree::Writer;
use crate::txn::History;
use crate::txn::core::{Core, Handle};
use crate::txn::pipeline::Chained;
use crate::txn::read::ReadTxn;
use crate::txn::snapshot::{Durability, Origin, Snapshot};
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
    let pipeline = handle.pipeline();
    handle.check_open()?;
    if let Some(snapshot) = pipeline.find(txn_id) {
        // Pinned under the lock that could let go of it.
        return ReadTxn::begin_kept(handle, snapshot, txn_id);
    }
    drop(pipeline);
    rebuild(handle, shared, txn_id)?.ok_or_else(|| shared.not_found(txn_id))
}

/// The state `txn_id` rebuilt in memory from the log, if the log covers it (rule 21): contiguous
/// from genesis, or from the newest kept state before it.
///
/// Cost: the rows of that state and the log from there are read, and both are in memory as long as
/// the result lives.
fn rebuild(handle: &Arc<Handle>, shared: &Arc<Shared>, txn_id: TxnId) -> Result<Option<ReadTxn>> {
    if txn_id > handle.pipeline().durable() {
        return Ok(None);
    }
    let (base, reader) = base_of(handle, txn_id)?;
    let after = base.txn_id;
    let pin = handle.log.as_ref().map(|log| log.pin(base.lsn));
    let chain = shared.log_chain()?;
    let covered = chain.start_lsn().is_some_and(|start| start <= base.lsn);
    if txn_id != after && !covered {
        return Ok(None);
    }
    let memory = memory_for(shared)?;
    copy_rows(&memory.shared.core, &base, reader.as_ref())?;
    if txn_id != after {
        let Some(recovery) = stretch(&chain, &base, txn_id)? else { return Ok(None) };
        replay::replay(&memory.shared.core, chain, &recovery, after, History::Last(0))?;
    }
    drop((pin, reader));
    let rebuilt = memory.begin_read()?;
    // Never written to again: closing it is letting go of it.
    memory.handle.mark_closed();
    Ok(Some(ReadTxn::rebuilt(rebuilt, txn_id, ReadTxn::begin(handle)?)))
}

/// The newest kept state before `txn_id` and a reader that holds it; genesis, which needs none, when
/// no state is kept.
fn base_of(handle: &Arc<Handle>, txn_id: TxnId) -> Result<(Snapshot, Option<ReadTxn>)> {
    let pipeline = handle.pipeline();
    match pipeline.history().at_or_before(txn_id) {
        Some(kept) => {
            let reader = ReadTxn::begin_kept(handle, kept, kept.txn_id)?;
            Ok((*kept, Some(reader)))
        }
        None => Ok((Snapshot::default(), None)),
    }
}

/// An empty database in memory, for one rebuilt state.
fn memory_for(shared: &Shared) -> Result<Db> {
    let options = Options::new()
        .background(false)
        .cache_bytes(shared.options.cache_bytes)
        .log_retention(LogRetention::Recovery);
    let storage = Arc::new(MemoryStorage::new());
    let Environment { entropy, clock, .. } = &shared.environment;
    let memory =
        options.open_on(storage, Arc::clone(entropy), Arc::clone(clock), "/memory/rebuilt.ns")?;
    space::prepare(&memory.shared)?;
    Ok(memory)
}

/// Makes the rows of `reader` the first state of `core`.
fn copy_rows(core: &Core, base: &Snapshot, reader: Option<&ReadTxn>) -> Result<()> {
    let Some(reader) = reader.filter(|_| base.txn_id > TxnId::GENESIS) else { return Ok(()) };
    let genesis = core.pipeline().tip();
    let mut writer = Writer::new(core.pager.edit(base.txn_id), genesis.tree());
    let mut cursor = reader.cursor()?;
    while let Some((key, value)) = cursor.next()? {
        writer.insert(key, value)?;
    }
    let (tree, finished) = writer.finish();
    let snapshot = Snapshot {
        root: tree.root,
        depth: tree.depth,
        key_count: tree.key_count,
        alias_count: 0,
        ..*base
    };
    let position = Position { lsn: base.lsn, txn_id: base.txn_id, ..Position::default() };
    let commit = Chained { snapshot, position, durability: Durability::Immediate };
    core.adopt(commit, finished.retired);
    Ok(())
}

/// The log from the end of `base` to the end of transaction `txn_id`, as recovery would see it;
/// `None` when it ends before.
fn stretch(chain: &Chain, base: &Snapshot, txn_id: TxnId) -> Result<Option<Recovery>> {
    let scanner = Scanner::new(chain.clone(), base.lsn)?;
    let mut transactions = Transactions::new(scanner, Some(base.txn_id));
    let mut commits = 0;
    while let Some(found) = transactions.next()? {
        commits += 1;
        if found.txn_id == txn_id {
            let (crc, generation) = (found.crc, found.generation);
            let end = found.end_lsn;
            return Ok(Some(Recovery {
                from: base.lsn,
                tail: end,
                proven: end,
                last: Position { lsn: end, generation, crc, txn_id },
                commits,
                found: Tail::Clean { at: end },
                action: Action::InPlace,
            }));
        }
    }
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
