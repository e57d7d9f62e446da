//! The commit pipeline: from a chained root to one that readers see.
//!
//! Called by `txn::write` (chain, settle), by the checkpoint and by recovery. Spec:
//! `spec/semantics_v0.md`, commits.
//!
//! ```text
//!   under the writer gate      reserve log space ─▶ append record ─▶ chain root     (rule 18)
//!   gate open, next writer     wait: written (Eventual) or durable (Immediate)
//!   whoever waited             publish, in TxnId order                              (rule 24)
//! ```
//!
//! Keeps: TXN-4 (ids rise by one), TXN-5 (a state is visible only when all before it are), TXN-6
//! (nothing becomes visible after a failed write or sync). Every commit that waits publishes all
//! that its wait made publishable before it returns, so no other thread is needed for progress.

use crate::error::{Error, Result};
use crate::ids::{Lsn, TxnId};
use crate::pager::{self, RetiredRun};
use crate::sabotage::{self, Switch};
use crate::txn::core::Core;
use crate::txn::event::Event;
use crate::txn::pipeline::{Chained, Pipeline};
use crate::txn::reclaim::Run;
use crate::txn::snapshot::Durability;

impl Core {
    /// Gives pages back that no live root needs any more (rule 10).
    pub(crate) fn reclaim(&self, pipeline: &mut Pipeline) {
        if pipeline.reuse_forbidden {
            return;
        }
        let mut pins = std::mem::take(&mut pipeline.pins);
        self.registry.pins(&mut pins);
        let visible = pipeline.visible.txn_id;
        let gone = std::mem::take(&mut pipeline.gone);
        let mut found = std::mem::take(&mut pipeline.reclaimed);
        pipeline.retired.reclaim(visible, &pipeline.kept, &pins, &gone, &mut found);
        let pages = |run: &Run| pager::Run { page: run.page, count: run.count };
        self.pager.drop_clean(found.cold.iter().map(pages));
        if !found.free.is_empty() {
            // Checkpoints store the visible state, and it only moves on.
            self.pager.settle(visible);
            self.pager.release_all(found.free.iter().map(pages));
            let pages = found.free.iter().map(|run| u64::from(run.count)).sum();
            let retired = pipeline.retired.page_count();
            self.observe(|| Event::Reclaimed { pages, retired });
        }
        pipeline.pins = pins;
        pipeline.reclaimed = found;
    }

    /// Chains and shows a state that recovery has rebuilt from the log: it is durable already.
    pub(crate) fn adopt(&self, commit: Chained, retired: Vec<RetiredRun>) {
        let mut pipeline = self.pipeline();
        let before = pipeline.visible;
        pipeline.retire(commit.snapshot.txn_id, retired);
        pipeline.step_to(&commit, self.clock.now());
        pipeline.durable = commit.snapshot.txn_id;
        pipeline.durable_end = commit.position.lsn;
        assert!(before.txn_id < pipeline.visible.txn_id, "TXN-4: ids rise");
        self.registry.publish(pipeline.visible);
    }

    /// Publishes whatever the log's progress allows.
    pub(crate) fn publish(&self) -> Result<()> {
        let log = self.log()?;
        let mut pipeline = self.pipeline();
        if self.is_poisoned() {
            return Err(Error::Poisoned); // TXN-6: the visible root is frozen.
        }
        if let Some(visible) = pipeline.publish(log.progress(), self.clock.now()) {
            self.registry.publish(visible);
            drop(pipeline);
            self.observe(|| Event::Published { txn_id: visible.txn_id });
        }
        Ok(())
    }

    /// Returns once `txn_id`, which ends at `end_lsn`, is visible, and durable if `durability` says so.
    pub(crate) fn settle(&self, txn_id: TxnId, end_lsn: Lsn, durability: Durability) -> Result<()> {
        let log = self.log()?;
        match durability {
            Durability::Immediate => log.wait_durable(end_lsn)?,
            Durability::Eventual => {
                log.wait_written(end_lsn)?;
                // Rule 24: behind an Immediate commit that is not synced yet, wait for it.
                let obstacle = self.pipeline().obstacle(txn_id);
                if let Some(lsn) = obstacle
                    && !sabotage::on(Switch::PublishEarly)
                {
                    log.wait_durable(lsn)?;
                }
            }
        }
        self.publish()?;
        debug_assert!(self.registry.visible().txn_id >= txn_id, "TXN-5: settled and not visible");
        let durable = durability == Durability::Immediate;
        self.observe(|| Event::Settled { txn_id, durable, log_syncs: log.counters().syncs });
        self.observe_pool();
        Ok(())
    }

    /// Makes every commit so far durable and visible.
    pub(crate) fn sync_all(&self) -> Result<()> {
        self.check_writable()?;
        self.log()?.sync_all()?;
        self.publish()
    }
}
