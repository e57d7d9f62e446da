//! A consistent copy of one state, while writers go on.
//!
//! Called by `Db::backup`. The rows are read from a snapshot and built bottom-up into a new file, so
//! the copy is compact whatever the source looks like. It keeps the source's identity and TxnId, and
//! its meta's log generation is 0: it needs no log, and gets one when it is first opened for writing
//! (crash rule 7). Past states are not copied.
//!
//! Order: temporary file, sync, check of every page as read back, rename that replaces nothing, sync
//! of the directory.

use crate::db::chains::{self, Chains};
use crate::db::create::beside;
use crate::db::environment::Environment;
use crate::db::judge::judge_file;
use crate::db::shared::Shared;
use crate::disk::{File, OpenMode, SyncKind};
use crate::error::{Corrupt, Error, Result};
use crate::format::meta::{META_MAGIC, Meta};
use crate::ids::{Lsn, Pointer};
use crate::limits::PAGE_BYTES;
use crate::pager::{self, FreeSpace, Pager};
use crate::tree::{self, TreeRoot};
use crate::txn::core::Handle;
use crate::txn::read::ReadTxn;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Pages written at a time.
const STEP_PAGES: usize = 256;
/// Memory for building and checking the copy.
const CACHE_BYTES: usize = 16 << 20;

/// Copies the newest state to `destination`.
pub(crate) fn backup(handle: &Arc<Handle>, shared: &Arc<Shared>, destination: &Path) -> Result<()> {
    handle.check_open()?;
    let storage = &shared.environment.storage;
    let destination = storage.canonical(destination)?;
    if storage.exists(&destination)? {
        let why = format!("{} exists already", destination.display());
        return Err(Error::InvalidArgument(why));
    }
    if handle.log.is_some() {
        handle.sync_all()?;
    }
    let pipeline = handle.pipeline();
    let state = *pipeline.visible();
    let reader = ReadTxn::begin_kept(handle, &state, state.txn_id)?;
    drop(pipeline);
    if let Some(log) = &handle.log {
        // Rule 24: a backup holds durable commits only, and meanwhile one that does not wait for its
        // sync may have become visible.
        log.wait_durable(state.lsn)?;
        handle.publish()?;
    }
    let suffix = format!(".new-{:016x}", shared.environment.entropy.next_u64());
    let temporary = Temporary::new(&shared.environment, beside(&destination, &suffix))?;
    let meta = write_copy(shared, &reader, state.lsn, &temporary.file)?;
    check_copy(shared, &temporary.file, &meta)?;
    temporary.rename(&destination)
}

/// A file that is removed unless it gets its final name.
struct Temporary<'a> {
    environment: &'a Environment,
    path: PathBuf,
    file: Arc<dyn File>,
    renamed: bool,
}

impl<'a> Temporary<'a> {
    fn new(environment: &'a Environment, path: PathBuf) -> Result<Self> {
        let file = environment.storage.open(&path, OpenMode::CreateNew)?;
        Ok(Self { environment, path, file, renamed: false })
    }

    fn rename(mut self, destination: &Path) -> Result<()> {
        self.environment.sync_directory(destination)?;
        self.environment.storage.rename_new(&self.path, destination)?;
        self.renamed = true;
        self.environment.sync_directory(destination)
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.renamed {
            // Best effort: what stays behind has a name that nothing reads.
            self.environment.storage.unlink(&self.path).ok();
        }
    }
}

fn pager_of(shared: &Shared, file: &Arc<dyn File>, page_count: u64) -> Arc<Pager> {
    Pager::new(pager::Config {
        file: Arc::clone(file),
        uuid: shared.uuid,
        cache_bytes: CACHE_BYTES,
        page_count,
        entropy: Arc::clone(&shared.environment.entropy),
        cells_max: shared.options.tuning.cells_max,
    })
}

fn write_copy(shared: &Shared, reader: &ReadTxn, lsn: Lsn, file: &Arc<dyn File>) -> Result<Meta> {
    let pager = pager_of(shared, file, 2);
    pager.install_free_space(FreeSpace::empty(2));
    let mut edit = pager.edit(reader.txn_id());
    let tree = tree::build(&mut edit, reader.iter()?)?;
    edit.finish();
    if tree.key_count != reader.len() {
        let page = reader.tree().root.page;
        let expected = format!("{} rows", reader.len());
        return Err(Corrupt::page(page, "TREE-3", expected, tree.key_count).into());
    }
    let mut free_space = pager.free_space(reader.txn_id());
    let mut edit = pager.edit(reader.txn_id());
    let chains =
        Chains { free_space: &mut free_space, history: &[], retired: &[], with_bitmap: true };
    let written = chains::write(&mut edit, chains)?;
    edit.finish();
    pager.reserve(free_space.page_count)?;
    let mut write_back = pager.begin_write_back(reader.txn_id());
    while !pager.write_back_step(&mut write_back, STEP_PAGES)?.done {}

    let (limit, retention) = {
        let metas = shared.metas();
        (metas.history_limit, metas.retention)
    };
    let (retention, retention_bytes) = retention.to_meta();
    let meta = Meta {
        magic: META_MAGIC,
        version: 0,
        page_bytes: PAGE_BYTES as u32,
        flags: 0,
        uuid: shared.uuid,
        sequence: 1,
        txn_id: reader.txn_id(),
        root: tree.root,
        depth: tree.depth,
        alias_count: 0,
        key_count: tree.key_count,
        page_count: free_space.page_count,
        bitmap: written.bitmap,
        history: Pointer::NULL,
        retired: Pointer::NULL,
        log_lsn: lsn,
        log_generation: 0,
        log_crc: 0,
        retention,
        retention_bytes,
        history_last: limit,
        options_reserved: [0; 48],
    };
    // The other slot names the same tree but no bitmap: chain pages belong to one meta alone.
    let other = Meta { sequence: 0, bitmap: Pointer::NULL, ..meta };
    for meta in [other, meta] {
        file.write_at(meta.to_page().as_slice(), meta.sequence * PAGE_BYTES as u64)?;
    }
    file.sync(SyncKind::Full)?;
    Ok(meta)
}

/// Reads the copy back, from the file alone.
fn check_copy(shared: &Shared, file: &Arc<dyn File>, meta: &Meta) -> Result<()> {
    let judgement = judge_file(file.as_ref())?;
    if judgement.meta() != Some(meta) {
        let found = judgement.reason;
        return Err(Corrupt::page(meta.root.page, "META-11", "the meta written", found).into());
    }
    let pager = pager_of(shared, file, meta.page_count);
    let tree = TreeRoot { root: meta.root, depth: meta.depth, key_count: meta.key_count };
    let mut found = Ok(());
    tree::check(pager.view(), &tree, &mut |_| (), &mut |error| {
        if found.is_ok() {
            found = Err(error);
        }
    });
    found
}
