//! Pages in memory: a pool of frames with a translation array, pins, epochs, free space, write-back.
//!
//! Called by `tree` (pages of nodes and values), `txn` (reuse of retired pages) and `db` (checkpoint,
//! opening). Obeys crash rules 8 to 11: birth, nonce and level are compared on every hop; a page that
//! was written is frozen; only ids that the allocator calls free are handed out.
//!
//! ```text
//! word of a page id:  ABSENT ──load──▶ CLEAN ──evict──▶ ABSENT
//!                        └──Edit::alloc──▶ PRIVATE ──finish──▶ DIRTY ──write-back──▶ CLEAN
//!                                             └──spill (frozen)──▶ CLEAN
//!                     any ──release, retire in the same edit──▶ ABSENT
//! ```
//!
//! A page's bytes do not change between publication and release, so readers take no lock: they
//! announce an epoch for the length of one operation, and a returned value pins its page. A frame
//! is used again only when no epoch that could have seen it is running and nothing pins it.

pub mod allocator;
pub mod edit;
pub mod page_ref;
pub mod value;
pub mod view;
pub mod write_back;

pub use allocator::{FreeSpace, Run};
pub use edit::{Edit, Finished, RetiredRun};
pub use page_ref::{Page, PageRef};
pub use value::Value;
pub use view::View;
pub use write_back::{Step, WriteBack};

use crate::disk;
use crate::error::Result;
use crate::ids::{FileUuid, Pointer, TxnId};
use std::sync::Arc;

/// What a page must be, said by whoever follows a pointer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// A node this many levels above the leaves; 0 is a leaf.
    Node {
        /// Distance from the leaves.
        level: u8,
    },
    /// A page of an extent of a large value.
    Overflow {
        /// Its place in the extent.
        index: u32,
        /// Pages of the extent.
        count: u32,
    },
    /// A page of the free-space bitmap.
    Bitmap,
    /// A page of history rows.
    History,
    /// A page of retired rows.
    Retired,
}

/// What a pager is made of.
#[derive(Clone, Debug)]
pub struct Config {
    /// The database file.
    pub file: Arc<dyn disk::File>,
    /// Its identity, part of every page's checksum.
    pub uuid: FileUuid,
    /// Budget for frames in bytes; at least [`crate::limits::CACHE_BYTES_MIN`] is used.
    pub cache_bytes: usize,
    /// Pages of the file, the two meta slots included.
    pub page_count: u64,
    /// Draws nonces.
    pub entropy: Arc<dyn disk::Entropy>,
    /// Most cells in a node: a small number makes deep trees in tests. `None` in earnest.
    pub cells_max: Option<usize>,
}

/// Gauges and counters of a pager.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "named and explained in db::Stats")]
pub struct PagerStats {
    pub data_reads: u64,
    pub data_bytes_read: u64,
    pub data_writes: u64,
    pub data_bytes_written: u64,
    pub page_count: u64,
    pub free_pages: u64,
    pub cache_hits: u64,
    pub cache_misses: u64,
    pub cache_evictions: u64,
    pub cache_spills: u64,
    pub cache_frames: u64,
    pub cache_resident: u64,
    pub cache_dirty: u64,
    pub pages_allocated: u64,
}

/// The pages of one database file.
#[derive(Debug)]
pub struct Pager {}

#[allow(unused_variables)]
impl Pager {
    /// A pager with nothing loaded. All pages below `page_count` count as used until
    /// [`Self::install_free_space`] says otherwise, so that nothing is reused by mistake.
    pub fn new(config: Config) -> Arc<Self> {
        todo!()
    }

    /// What committed readers see; hand it to the functions of [`crate::tree`].
    pub fn view(&self) -> View<'_> {
        todo!()
    }

    /// The page that `pointer` names, pinned. Read and verified when it is not in memory.
    ///
    /// # Errors
    /// `Corrupt` when the page is not what `pointer` and `want` say; `Io` when it cannot be read. A
    /// page that failed is not kept: a later call reads it again.
    pub fn fetch(&self, pointer: Pointer, want: Want) -> Result<PageRef<'_>> {
        todo!()
    }

    /// Starts a write set whose pages are born in `birth`. Several may live at a time (the writer's,
    /// and the checkpoint's for its chains).
    pub fn edit(self: &Arc<Self>, birth: TxnId) -> Edit {
        todo!()
    }

    /// Gives a retired run back: its ids are free, its frames are dropped, written or not. The
    /// caller has decided that no live root needs it (crash rule 10).
    pub fn release(&self, run: Run) {
        todo!()
    }

    /// Starts writing all dirty pages born in `up_to` or before, in page order.
    pub fn begin_write_back(&self, up_to: TxnId) -> WriteBack {
        todo!()
    }

    /// Writes up to `pages_max` more pages in as few write calls as their order allows.
    ///
    /// # Errors
    /// The write's; the pages stay dirty.
    pub fn write_back_step(&self, write_back: &mut WriteBack, pages_max: usize) -> Result<Step> {
        todo!()
    }

    /// Bytes of pages not yet written, uncommitted ones included.
    pub fn dirty_bytes(&self) -> u64 {
        todo!()
    }

    /// Pages of the file as far as ids were handed out, the two meta slots included.
    pub fn page_count(&self) -> u64 {
        todo!()
    }

    /// Pages below `page_count` that are free.
    pub fn free_pages(&self) -> u64 {
        todo!()
    }

    /// The free space as of `txn`: what later or open edits allocated is free in it (crash rule 2).
    /// What they retired is still used, because it is not yet released. `page_count` of the result
    /// is the last used page plus one.
    pub fn free_space(&self, txn: TxnId) -> FreeSpace {
        todo!()
    }

    /// Takes over which pages are used, from a bitmap that was read or from a walk. Before the first
    /// edit only.
    pub fn install_free_space(&self, free_space: FreeSpace) {
        todo!()
    }

    /// Extends the file to hold `page_count` pages, so that a full disk shows here and not later.
    ///
    /// # Errors
    /// `OutOfSpace`, `Io`.
    pub fn reserve(&self, page_count: u64) -> Result<()> {
        todo!()
    }

    /// Forgets free pages at the end and cuts the file there, never below `page_count_min` (the
    /// larger of what both valid metas name). Returns the new page count.
    ///
    /// # Errors
    /// `Io`.
    pub fn truncate_tail(&self, page_count_min: u64) -> Result<u64> {
        todo!()
    }

    /// Gauges and counters.
    pub fn stats(&self) -> PagerStats {
        todo!()
    }
}
