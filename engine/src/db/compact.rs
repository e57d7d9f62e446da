//! Gives space back to the file system while readers and writers go on (rule 25).
//!
//! Called by `Db::compact`.
//!
//! ```text
//!  pack leaves ─▶ settle ─▶ move pages of the tail to free ids in front ─▶ settle, cut the tail ─▶ …
//! ```
//!
//! Packing and moving are commits of their own that are flagged RELOCATE, hold no operations and change
//! no content. Two checkpoints later no meta names the old places, and the tail is cut. Each commit
//! changes a bounded number of pages and looks at a bounded number, so that writers wait no longer for
//! it than for each other, and none is told `WriteBusy` because of it. Packing gives up when somebody
//! keeps the old pages (a reader, the history): then it would make the file larger.

use crate::db::shared::Shared;
use crate::error::Result;
use crate::tree::Swept;
use crate::txn::core::Handle;
use crate::txn::write::{Pass, WriteTxn};
use std::sync::Arc;

/// What a compact gave back.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct CompactReport {
    /// Bytes of the file before.
    pub bytes_before: u64,
    /// Bytes of the file after.
    pub bytes_after: u64,
    /// Leaves fewer than before, because rows moved together.
    pub leaves_saved: u64,
    /// Pages that were moved.
    pub pages_moved: u64,
}

/// Pages changed in one commit.
const COMMIT_PAGES: u64 = 512;
/// Commits of packing between two looks at whether it helps: bounds what it adds to the file meanwhile.
const PACK_COMMITS: usize = 16;
/// Rounds of moving and cutting: each needs what the one before freed.
const ROUNDS_MAX: usize = 16;

/// Packs what can be packed, moves what can be moved, and cuts what is free.
pub(crate) fn compact(handle: &Arc<Handle>, shared: &Arc<Shared>) -> Result<CompactReport> {
    handle.check_writable()?;
    let bytes_before = shared.file.len()?;
    settle(handle, shared)?;
    let leaves_saved = pack(handle, shared)?;
    let mut pages_moved = 0;
    for _ in 0..ROUNDS_MAX {
        let before = handle.pager.page_count();
        let moved = move_down(handle)?;
        pages_moved += moved;
        if moved == 0 {
            break;
        }
        settle(handle, shared)?;
        if handle.pager.page_count() >= before {
            break;
        }
    }
    let bytes_after = shared.file.len()?;
    Ok(CompactReport { bytes_before, bytes_after, leaves_saved, pages_moved })
}

/// Two checkpoints until no meta names an old place any more, and two until no meta counts the pages
/// that became free by that.
fn settle(handle: &Handle, shared: &Shared) -> Result<()> {
    handle.sync_all()?;
    for _ in 0..4 {
        shared.checkpoint_now()?;
    }
    Ok(())
}

/// One bounded commit of upkeep; none when there was nothing to do.
fn commit(
    handle: &Arc<Handle>,
    change: impl FnOnce(&mut WriteTxn) -> Result<Swept>,
) -> Result<Swept> {
    handle.gate.enter_for_upkeep();
    let mut txn = WriteTxn::begin(Pass::new(Arc::clone(handle)))?;
    let swept = change(&mut txn)?;
    if swept.pages > 0 {
        txn.commit_relocation()?;
    }
    Ok(swept)
}

/// Packs leaves while that makes pages free; how many it saved.
fn pack(handle: &Arc<Handle>, shared: &Shared) -> Result<u64> {
    let used = || handle.pager.page_count() - handle.pager.free_pages();
    let (mut all, mut next, mut used_before) = (0, Some(Vec::new()), used());
    // The first look comes early: where nothing is gained, little is lost.
    let mut commits = 1;
    while next.is_some() {
        let mut saved = 0;
        for _ in 0..commits {
            let Some(from) = next.take() else { break };
            let swept = commit(handle, |txn| txn.pack(&from, COMMIT_PAGES))?;
            saved += swept.pages;
            next = swept.next;
        }
        if saved == 0 {
            continue;
        }
        all += saved;
        settle(handle, shared)?;
        if used() >= used_before {
            break;
        }
        (used_before, commits) = (used(), PACK_COMMITS);
    }
    Ok(all)
}

/// Moves pages from behind the place where the file would end if it had no holes.
fn move_down(handle: &Arc<Handle>) -> Result<u64> {
    let (mut all, mut next) = (0, Some(Vec::new()));
    while let Some(from) = next {
        let (pages, free) = (handle.pager.page_count(), handle.pager.free_pages());
        if free == 0 {
            break;
        }
        let swept = commit(handle, |txn| txn.relocate(&from, pages - free, COMMIT_PAGES))?;
        all += swept.pages;
        next = swept.next;
    }
    Ok(all)
}
