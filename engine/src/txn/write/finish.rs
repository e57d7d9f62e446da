//! How a write transaction ends: in the chain of states, or as if it had never been.
//!
//! Called by the parent module. Keeps crash rule 18 (a full disk shows before the id counts) and TXN-4.
//! After the record is appended there is no way back: whatever fails then poisons the handle.

use super::WriteTxn;
use super::work::Work;
use crate::error::{Error, Result};
use crate::format::log_record::{FLAG_EVENTUAL, FLAG_RELOCATE};
use crate::ids::{Lsn, TxnId};
use crate::log::CommitInfo;
use crate::txn::core::{Counters, Handle};
use crate::txn::event::Event;
use crate::txn::pipeline::Chained;
use crate::txn::snapshot::{Durability, Snapshot};
use std::sync::Arc;

impl WriteTxn {
    pub(super) fn finish(mut self, durability: Durability, flags: u32) -> Result<TxnId> {
        self.check_usable()?;
        self.pass.handle.check_writable()?;
        self.change(|_, _| Ok(()))?;
        let handle = Arc::clone(&self.pass.handle);
        let (txn_id, end_lsn) = if self.work().record.op_count() == 0 && flags == 0 {
            let base = self.base;
            drop(self);
            (base.txn_id, base.lsn)
        } else {
            self.chain(durability, flags)?
        };
        match handle.settle(txn_id, end_lsn, durability) {
            // `OutOfSpace` promises that nothing happened, and the record may be in the log.
            Err(Error::OutOfSpace) => Err(Error::Poisoned),
            settled => settled.map(|()| txn_id),
        }
    }

    /// Appends the record and chains the root, then lets the next writer in.
    fn chain(mut self, durability: Durability, flags: u32) -> Result<(TxnId, Lsn)> {
        let handle = Arc::clone(&self.pass.handle);
        let log = handle.log()?;
        // Rule 18: a full disk shows here, while nothing has happened yet.
        self.work().record.reserve(log)?;
        let Some(work) = self.work.take() else { unreachable!("not ended yet") };
        let Work { writer, record, .. } = *work;
        let tree = *writer.root();
        let eventual = if durability == Durability::Eventual { FLAG_EVENTUAL } else { 0 };
        let info = CommitInfo {
            root: tree.root,
            depth: tree.depth,
            key_count: tree.key_count,
            flags: flags | eventual,
        };
        // Between record and root there is no way back: a panic leaves an id that is taken.
        let unchained = PoisonUnlessChained { handle: &handle };
        let appended = record.commit(log, info).inspect_err(|_| handle.poison())?;
        let position = log.position_of(appended, self.txn_id);
        let (tree, finished) = writer.finish();
        let relocated = flags & FLAG_RELOCATE != 0;
        let snapshot = Snapshot {
            txn_id: self.txn_id,
            root: tree.root,
            depth: tree.depth,
            key_count: tree.key_count,
            alias_count: if relocated { self.base.alias_count.saturating_add(1) } else { 0 },
            lsn: appended.end_lsn,
        };
        let mut pipeline = handle.pipeline();
        pipeline.chain(Chained { snapshot, position, durability }, finished.retired);
        let unpublished = pipeline.unpublished();
        drop(pipeline);
        drop(unchained);
        Counters::add(&handle.counters.commits);
        handle.observe(|| Event::Chained {
            txn_id: self.txn_id,
            lsn: appended.lsn,
            end_lsn: appended.end_lsn,
            unpublished,
        });
        handle.wake_background();
        Ok((self.txn_id, appended.end_lsn))
    }
}

/// Poisons the handle when it is dropped by a panic.
struct PoisonUnlessChained<'a> {
    handle: &'a Handle,
}

impl Drop for PoisonUnlessChained<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.handle.poison();
        }
    }
}

impl Drop for WriteTxn {
    fn drop(&mut self) {
        let Some(work) = self.work.take() else { return };
        let handle = &self.pass.handle;
        if handle.is_forked() {
            // The parent's locks may be held by threads that do not exist here, and its log is its.
            std::mem::forget(work);
            return;
        }
        let Work { writer, record, .. } = *work;
        drop(writer);
        if let Ok(log) = handle.log()
            && record.abort(log).is_err()
        {
            // Continuations without their commit count for nothing; the log has poisoned itself if
            // what is on disk is not known.
        }
        Counters::add(&handle.counters.aborts);
        handle.observe(|| Event::WriteAborted { txn_id: self.txn_id });
    }
}
