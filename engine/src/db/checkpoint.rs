//! The checkpoint: pages and one meta slot on disk, log and free tail cut.
//!
//! Called by `Db::checkpoint`, by closing, by the background thread and by simulations, which call
//! [`Checkpoint::step`] themselves. Spec: `spec/semantics_v0.md`, checkpoints; crash rules 1 to 6, 12
//! and 22.
//!
//! ```text
//! Begin ─▶ Reserve ─▶ Pages… ─▶ SyncData ─▶ WriteMeta ─▶ SyncMeta ─▶ Trim ─▶ Done
//!   │         │          │
//!   │         └──────────┴─ full disk: everything as before, try again later
//!   └ history, retired rows and free space taken as of one state, under one lock
//! ```
//!
//! Any other failure of a write or sync poisons the handle. Writers go on all the while: what they
//! chain is younger than the state stored here. Cost: each dirty page once, two syncs.

use crate::db::chains::{self, Chains, Written};
use crate::db::metas::{Metas, Slot};
use crate::db::options::LogRetention;
use crate::db::shared::Shared;
use crate::db::space;
use crate::disk::SyncKind;
use crate::error::{Error, Result};
use crate::format::meta::{META_MAGIC, Meta, SLOT_BYTES};
use crate::ids::{Lsn, PageId, TxnId};
use crate::limits::PAGE_BYTES;
use crate::log::Position;
use crate::pager::{FreeSpace, Run, WriteBack};
use crate::sabotage::{self, Switch};
use crate::sync::MutexGuard;
use crate::txn::core::{Counters, closed_error};
use crate::txn::event::{CheckpointStep, Event};
use crate::txn::reclaim::{self, Keeper};
use crate::txn::snapshot::Snapshot;
use std::sync::atomic::Ordering;

/// Pages written in one step, so that commits do not stall behind one.
const STEP_PAGES: usize = 256;

/// A checkpoint under way. Dropping it before it is done gives its pages back.
pub(crate) struct Checkpoint<'a> {
    shared: &'a Shared,
    metas: MutexGuard<'a, Metas>,
    run: u64,
    phase: Phase,
    taken: Option<Taken>,
}

enum Phase {
    Begin,
    Reserve,
    Pages(WriteBack),
    SyncData,
    WriteMeta,
    SyncMeta,
    Trim,
    Done,
}

/// The state that is stored, and everything that goes with it.
struct Taken {
    state: Snapshot,
    position: Position,
    history: Vec<Snapshot>,
    retired: Vec<reclaim::Run>,
    free_space: FreeSpace,
    written: Written,
    /// Whether [`Written::pages`] are given back when the checkpoint is given up.
    pages_owned: bool,
}

impl Shared {
    /// A whole checkpoint, if there is anything to store that the newest meta, or the one before it,
    /// does not have.
    pub(crate) fn checkpoint_if_needed(&self) -> Result<()> {
        let visible = self.core.registry.visible().txn_id;
        let metas = self.metas();
        let stored = metas.current().meta.txn_id == visible
            && metas.older().is_none_or(|older| older.meta.txn_id == visible);
        drop(metas);
        if stored && !self.settings_changed() { Ok(()) } else { self.checkpoint_now() }
    }

    /// A whole checkpoint of the visible state.
    pub(crate) fn checkpoint_now(&self) -> Result<()> {
        let mut checkpoint = self.begin_checkpoint()?;
        while !checkpoint.step()? {}
        Ok(())
    }

    /// Starts a checkpoint. Waits for one that is under way.
    ///
    /// # Errors
    /// `InvalidArgument` once the files were let go of; those of finding out what is free.
    pub(crate) fn begin_checkpoint(&self) -> Result<Checkpoint<'_>> {
        space::prepare(self)?;
        let mut metas = self.metas();
        if metas.let_go {
            return Err(closed_error());
        }
        metas.next_run += 1;
        let run = metas.next_run;
        Ok(Checkpoint { shared: self, metas, run, phase: Phase::Begin, taken: None })
    }
}

impl Checkpoint<'_> {
    /// Does the next step; whether it was the last.
    ///
    /// # Errors
    /// `OutOfSpace`, and `Busy` when values that readers hold fill the cache, while nothing has changed: begin
    /// again when there is space. Any other error poisons the handle.
    pub(crate) fn step(&mut self) -> Result<bool> {
        if self.shared.core.is_poisoned() {
            return Err(Error::Poisoned);
        }
        let result = self.advance();
        if let Err(error) = &result {
            let retryable = matches!(error, Error::OutOfSpace | Error::Busy)
                && matches!(self.phase, Phase::Begin | Phase::Reserve | Phase::Pages(_));
            if !retryable && !matches!(self.phase, Phase::Done) {
                self.shared.core.poison();
            }
        }
        result.map(|()| matches!(self.phase, Phase::Done))
    }

    fn advance(&mut self) -> Result<()> {
        match &mut self.phase {
            Phase::Begin => {
                self.rewrite_meta()?;
                self.take();
                self.phase = Phase::Reserve;
            }
            Phase::Reserve => {
                self.reserve()?;
                if sabotage::on(Switch::FlipMetaFirst) {
                    self.write_slot(&self.next_meta())?;
                    self.sync(SyncKind::Data)?;
                }
                let up_to = self.taken().state.txn_id;
                self.phase = Phase::Pages(self.shared.core.pager.begin_write_back(up_to));
            }
            Phase::Pages(write_back) => {
                let step = self.shared.core.pager.write_back_step(write_back, STEP_PAGES)?;
                self.tell(CheckpointStep::PagesWritten { pages: step.pages });
                if step.done {
                    self.phase = Phase::SyncData;
                }
            }
            Phase::SyncData => {
                // The log up to this state is durable before any meta says so (rule 3).
                self.shared.core.log()?.wait_durable(self.taken().position.lsn)?;
                if !sabotage::on(Switch::SkipDataSync) {
                    self.sync_data()?;
                }
                self.tell(CheckpointStep::DataSynced);
                self.phase = Phase::WriteMeta;
            }
            Phase::WriteMeta => {
                let mut meta = self.next_meta();
                if sabotage::on(Switch::TrimBeforeMeta) {
                    self.shared.core.log()?.trim(meta.log_lsn)?;
                }
                if sabotage::on(Switch::PositionAtEnd) {
                    meta.log_lsn = self.shared.core.log()?.end_lsn();
                }
                self.write_slot(&meta)?;
                self.tell(CheckpointStep::MetaWritten { sequence: meta.sequence });
                self.phase = Phase::SyncMeta;
            }
            Phase::SyncMeta => {
                self.sync(SyncKind::Data)?;
                self.install();
                self.tell(CheckpointStep::MetaSynced);
                Counters::add(&self.shared.core.counters.checkpoints);
                self.phase = Phase::Trim;
            }
            Phase::Trim => {
                // The checkpoint counts already: what fails here is tried again by the next one.
                self.phase = Phase::Done;
                self.trim()?;
            }
            Phase::Done => {}
        }
        Ok(())
    }

    /// Rule 19: what the page cache showed at open need not be on disk.
    fn rewrite_meta(&mut self) -> Result<()> {
        if self.metas.rewrite && !sabotage::on(Switch::SkipMetaRewrite) {
            let meta = self.metas.current().meta;
            self.write_slot(&meta)?;
            self.sync(SyncKind::Data)?;
            self.metas.rewrite = false;
        }
        Ok(())
    }

    /// Takes state, history, retired rows and free space as of one moment (rule 2), and holds their
    /// roots (rule 10).
    fn take(&mut self) {
        let core = &self.shared.core;
        let mut pipeline = core.pipeline();
        core.reclaim(&mut pipeline);
        let state = *pipeline.visible();
        let position = pipeline.visible_position();
        let history: Vec<Snapshot> = pipeline.history().rows().copied().collect();
        let retired = pipeline.retired.rows(state.txn_id);
        let roots = history.iter().map(|row| row.txn_id).chain([state.txn_id]);
        pipeline.keep(Keeper::Running(self.run), roots);
        let later = sabotage::on(Switch::BitmapOfLater);
        let as_of = if later { TxnId::new(u64::MAX) } else { state.txn_id };
        let mut free_space = core.pager.free_space(as_of);
        drop(pipeline);
        // The chains of other metas are theirs alone: whoever opens this one adds those it finds.
        for slot in self.metas.needed() {
            chains::mark_free(&mut free_space, &slot.pages);
        }
        let written = Written::default();
        self.taken = Some(Taken {
            state,
            position,
            history,
            retired,
            free_space,
            written,
            pages_owned: false,
        });
    }

    /// Allocates and fills the chains' pages and makes the file long enough (rule 5).
    fn reserve(&mut self) -> Result<()> {
        let pager = &self.shared.core.pager;
        let with_bitmap = self.metas.withheld.is_none();
        let Some(taken) = &mut self.taken else { unreachable!("taken in the step before") };
        let mut edit = pager.edit(taken.state.txn_id);
        let chains = Chains {
            free_space: &mut taken.free_space,
            history: &taken.history,
            retired: &taken.retired,
            with_bitmap,
        };
        taken.written = chains::write(&mut edit, chains)?;
        let page_count = taken.free_space.page_count;
        pager.reserve(page_count)?;
        edit.finish();
        taken.pages_owned = true;
        self.tell(CheckpointStep::Reserved { page_count });
        Ok(())
    }

    fn next_meta(&self) -> Meta {
        let taken = self.taken();
        let (retention, retention_bytes) = self.metas.retention.to_meta();
        Meta {
            magic: META_MAGIC,
            version: 0,
            page_bytes: PAGE_BYTES as u32,
            flags: 0,
            uuid: self.shared.uuid,
            sequence: self.metas.sequence + 1,
            txn_id: taken.state.txn_id,
            root: taken.state.root,
            depth: taken.state.depth,
            alias_count: taken.state.alias_count,
            key_count: taken.state.key_count,
            page_count: taken.free_space.page_count,
            bitmap: taken.written.bitmap,
            history: taken.written.history,
            retired: taken.written.retired,
            log_lsn: taken.position.lsn,
            log_generation: taken.position.generation,
            log_crc: taken.position.crc,
            retention,
            retention_bytes,
            history_last: self.metas.history_limit,
            options_reserved: [0; 48],
        }
    }

    /// Writes the 512 bytes of a slot that ever change after creation.
    fn write_slot(&self, meta: &Meta) -> Result<()> {
        let page = meta.to_page();
        let offset = meta.slot() as u64 * PAGE_BYTES as u64;
        Counters::add(&self.shared.core.counters.meta_writes);
        self.shared.file.write_at(&page[..SLOT_BYTES], offset)
    }

    /// Makes the pages durable, and the file's length when it has changed since the last time.
    fn sync_data(&mut self) -> Result<()> {
        let bytes = self.shared.file.len()?;
        let kind =
            if self.metas.synced_bytes == Some(bytes) { SyncKind::Data } else { SyncKind::Full };
        self.sync(kind)?;
        self.metas.synced_bytes = Some(bytes);
        Ok(())
    }

    fn sync(&self, kind: SyncKind) -> Result<()> {
        Counters::add(&self.shared.core.counters.data_syncs);
        match self.shared.file.sync(kind) {
            Err(_) if sabotage::on(Switch::IgnoreSyncError) => Ok(()),
            // Rule 18, whatever the error: a full disk too may be told by a sync, and then what was
            // written before may be lost.
            synced => synced.inspect_err(|_| self.shared.core.poison()),
        }
    }

    /// The new meta is durable: it takes the place of the older one, which lets go of its roots,
    /// unless a reader of another process holds on to them (rules 4 and 22).
    fn install(&mut self) {
        let meta = self.next_meta();
        let Some(taken) = &mut self.taken else { unreachable!("taken in the first step") };
        taken.pages_owned = false;
        let slot = Slot {
            meta,
            pages: std::mem::take(&mut taken.written.pages),
            roots: taken.history.iter().map(|row| row.txn_id).chain([meta.txn_id]).collect(),
        };
        let mut pipeline = self.shared.core.pipeline();
        pipeline.keep(Keeper::Meta(meta.sequence), slot.roots.iter().copied());
        pipeline.let_go(Keeper::Running(self.run));
        drop(pipeline);
        self.metas.sequence = meta.sequence;
        self.shared.core.counters.stored_txn.store(meta.txn_id.get(), Ordering::Relaxed);
        let overwritten = self.metas.slots[meta.slot()].replace(slot);
        self.metas.held.extend(overwritten);
    }

    /// Lets go of overwritten slots that nobody reads, cuts the free tail and the log.
    fn trim(&mut self) -> Result<()> {
        self.release_held()?;
        let core = &self.shared.core;
        let mut pipeline = core.pipeline();
        core.reclaim(&mut pipeline);
        let reuse = !pipeline.reuse_forbidden;
        drop(pipeline);
        if reuse {
            let mut least = self.metas.page_count_min();
            if sabotage::on(Switch::CutToNewerMeta) {
                least = self.metas.current().meta.page_count;
            }
            if core.pager.truncate_tail(least)? {
                // A length that was cut, and may have grown back meanwhile, is not a synced one.
                self.metas.synced_bytes = None;
            }
        }
        let log = core.log()?;
        // Rule 12: never at or behind the older valid meta's position, or a foreign reader's.
        let needed = if sabotage::on(Switch::TrimToNewerMeta) {
            Some(self.metas.current().meta.log_lsn)
        } else {
            self.metas.needed().map(|slot| slot.meta.log_lsn).min()
        };
        let floor = needed.unwrap_or(Lsn::new(0)).get();
        let keep_from = match self.metas.retention {
            LogRetention::Recovery => floor,
            LogRetention::Bytes(bytes) => floor.min(log.end_lsn().get().saturating_sub(bytes)),
            LogRetention::All => 0,
        };
        if reuse && keep_from > 0 {
            log.trim(Lsn::new(keep_from))?;
        }
        let log_bytes = log.counters().segment_bytes;
        self.tell(CheckpointStep::Trimmed { log_bytes });
        Ok(())
    }

    /// Asks, after the sync of the meta that dropped them, whether foreign readers still use
    /// overwritten slots (rule 22).
    fn release_held(&mut self) -> Result<()> {
        let mut readers = self.shared.file.foreign_readers()?.unwrap_or_default();
        if sabotage::on(Switch::IgnoreForeignReaders) {
            readers.clear();
        }
        let core = &self.shared.core;
        let (still, free): (Vec<Slot>, Vec<Slot>) = std::mem::take(&mut self.metas.held)
            .into_iter()
            .partition(|slot| readers.binary_search(&slot.meta.sequence).is_ok());
        self.metas.held = still;
        let unknown = space::unknown_readers(self.shared, &self.metas)?;
        let mut pipeline = core.pipeline();
        pipeline.reuse_forbidden = unknown;
        for slot in free {
            pipeline.let_go(Keeper::Meta(slot.meta.sequence));
            for run in slot.pages {
                // Chain pages belong to their meta alone: no tree reaches them.
                core.pager.release(run);
            }
        }
        if !unknown && let Some(withheld) = self.metas.withheld.take() {
            for page in 2..withheld.page_count {
                if !withheld.is_used(PageId::new(page)) {
                    core.pager.release(Run { page: PageId::new(page), count: 1 });
                }
            }
        }
        Ok(())
    }

    fn taken(&self) -> &Taken {
        self.taken.as_ref().unwrap_or_else(|| unreachable!("taken in the first step"))
    }

    fn tell(&self, step: CheckpointStep) {
        let Some(taken) = &self.taken else { return };
        let txn_id = taken.state.txn_id;
        self.shared.core.observe(|| Event::Checkpoint { txn_id, step });
        self.shared.core.observe_pool();
    }
}

impl Drop for Checkpoint<'_> {
    fn drop(&mut self) {
        let core = &self.shared.core;
        if std::thread::panicking() {
            // The storage panicked under a write or a sync: what is on disk is not known.
            core.poison();
        }
        let Some(taken) = &self.taken else { return };
        let mut pipeline = core.pipeline();
        pipeline.let_go(Keeper::Running(self.run));
        // After a failed write or sync nothing is reused any more; the pages do not matter.
        if taken.pages_owned && !core.is_poisoned() {
            for &run in &taken.written.pages {
                core.pager.release(run);
            }
        }
    }
}
