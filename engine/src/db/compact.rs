//! Gives space back to the file system while readers and writers go on (rule 25).
//!
//! Called by `Db::compact`. Pages at the end of the file move to free ids further down, in commits of
//! their own that are flagged RELOCATE, hold no operations and change no content. Two checkpoints
//! later no meta names the old places, and the tail is cut. Each commit moves a bounded number of
//! pages, so that writers wait no longer for it than for each other, and none is told `WriteBusy`
//! because of it.

use crate::db::shared::Shared;
use crate::error::Result;
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
    /// Pages that were moved.
    pub pages_moved: u64,
}

/// Pages moved in one commit.
const COMMIT_PAGES: u64 = 512;
/// Rounds of moving and cutting: each needs what the one before freed.
const ROUNDS_MAX: usize = 16;

/// Moves what can be moved and cuts what is free.
pub(crate) fn compact(handle: &Arc<Handle>, shared: &Arc<Shared>) -> Result<CompactReport> {
    handle.check_writable()?;
    let bytes_before = shared.file.len()?;
    let mut pages_moved = 0;
    settle(handle, shared)?;
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
    Ok(CompactReport { bytes_before, bytes_after: shared.file.len()?, pages_moved })
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

/// Moves pages from behind the place where the file would end if it had no holes.
fn move_down(handle: &Arc<Handle>) -> Result<u64> {
    let mut all = 0;
    loop {
        let (pages, free) = (handle.pager.page_count(), handle.pager.free_pages());
        if free == 0 {
            return Ok(all);
        }
        handle.gate.enter_for_upkeep();
        let mut txn = WriteTxn::begin(Pass::new(Arc::clone(handle)))?;
        let moved = txn.relocate(pages - free, COMMIT_PAGES)?;
        if moved == 0 {
            return Ok(all);
        }
        txn.commit_relocation()?;
        all += moved;
        if moved < COMMIT_PAGES {
            return Ok(all);
        }
    }
}
