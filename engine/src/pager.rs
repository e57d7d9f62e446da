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

mod allocator;
mod apart;
mod edit;
mod epoch;
mod frame;
mod huge;
mod judge;
mod page_ref;
pub(crate) mod prefetch;
mod region;
mod table;
#[cfg(all(test, not(loom)))]
mod tests;
mod value;
mod view;
mod write_back;

pub use allocator::{FreeSpace, Run};
pub use edit::{Edit, Finished, RetiredRun};
pub use frame::{PooledPage, PooledState};
pub use page_ref::PageRef;
pub use region::Page;
pub use value::Value;
pub(crate) use view::Seen;
pub use view::View;
pub use write_back::{Step, WriteBack};

use crate::disk;
use crate::error::{Corrupt, Error, Result};
use crate::ids::{FileUuid, Pointer, TxnId};
use crate::limits::{CACHE_BYTES_MIN, PAGE_BYTES};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard};
use allocator::Allocator;
use frame::{Need, OwnedFrame, Pool};
use page_ref::Hold;
use std::io::ErrorKind;
use std::sync::{Arc, PoisonError};

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

/// Frames beyond the budget for a change under way: copies of two paths of the deepest tree, and
/// the pages that splits add.
const RESERVE_FRAMES: u32 = if cfg!(loom) { 8 } else { 3 * crate::limits::DEPTH_MAX as u32 };
/// The budget of a model's pool, where every frame costs time.
const FRAMES_IN_MODELS: u32 = 4;

/// The pages of one database file.
#[derive(Debug)]
pub struct Pager {
    file: Arc<dyn disk::File>,
    uuid: FileUuid,
    cells_max: usize,
    pool: Pool,
    /// Unwritten pages beyond which an edit writes some out; the rest of the budget is for readers.
    unclean_max: u64,
    allocator: Mutex<Allocator>,
    page_count: AtomicU64,
    nonce_seed: u64,
    nonces: AtomicU64,
    /// Held while pages are written and while the file's length is changed.
    write_lock: Mutex<()>,
    on_the_way: Mutex<write_back::OnTheWay>,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Counters {
    reads: AtomicU64,
    writes: AtomicU64,
    bytes_written: AtomicU64,
    spills: AtomicU64,
}

impl Counters {
    fn wrote(&self, bytes: usize) {
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.bytes_written.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// A lock whose holder cannot have left a half-done change behind: a panic elsewhere is no reason to
/// refuse it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pager {
    /// A pager with nothing loaded. All pages below `page_count` count as used until
    /// [`Self::install_free_space`] says otherwise, so that nothing is reused by mistake.
    pub fn new(config: Config) -> Arc<Self> {
        let frames = config.cache_bytes.max(CACHE_BYTES_MIN) / PAGE_BYTES;
        let frames = u32::try_from(frames).unwrap_or(u32::MAX / 2);
        let frames = if cfg!(loom) { FRAMES_IN_MODELS } else { frames };
        let pool = Pool::new(frames, RESERVE_FRAMES);
        Arc::new(Self {
            file: config.file,
            uuid: config.uuid,
            cells_max: config.cells_max.unwrap_or(usize::MAX).max(4),
            unclean_max: u64::from(pool.budget()) * 3 / 4,
            pool,
            allocator: Mutex::new(Allocator::new(config.page_count)),
            page_count: AtomicU64::new(config.page_count),
            nonce_seed: config.entropy.next_u64(),
            nonces: AtomicU64::new(0),
            write_lock: Mutex::new(()),
            on_the_way: Mutex::new(write_back::OnTheWay::default()),
            counters: Counters::default(),
        })
    }

    /// What committed readers see; hand it to the functions of [`crate::tree`].
    #[inline]
    pub fn view(&self) -> View<'_> {
        View::new(self, None)
    }

    /// The page that `pointer` names, pinned. Read and verified when it is not in memory.
    ///
    /// # Errors
    /// `Corrupt` when the page is not what `pointer` and `want` say; `Io` when it cannot be read. A
    /// page that failed is not kept: a later call reads it again.
    pub fn fetch(&self, pointer: Pointer, want: Want) -> Result<PageRef<'_>> {
        self.view().fetch(pointer, want)
    }

    /// Reads and verifies a page that was not in memory.
    #[cold]
    fn load(&self, pointer: Pointer, want: Want) -> Result<PageRef<'_>> {
        if pointer.page.get() < 2 || pointer.page.get() >= self.page_count() {
            let expected = format_args!("a page of 2 to {}", self.page_count());
            let corrupt = Corrupt::page(pointer.page, "TREE-5", expected, pointer.page);
            return Err(self.named(corrupt));
        }
        let page = match self.pool.acquire(Need::Budget) {
            Some(frame) => self.load_into(frame, pointer)?,
            None => {
                let mut page = Box::new([0; PAGE_BYTES]);
                self.read(&mut page, pointer)?;
                PageRef::new(Hold::Alone(page))
            }
        };
        judge::check_hop(&page, pointer, want)?;
        Ok(page)
    }

    fn load_into<'p>(&'p self, mut frame: OwnedFrame<'p>, pointer: Pointer) -> Result<PageRef<'p>> {
        self.read(frame.bytes(), pointer)?;
        match frame.share(pointer.page, pointer.birth) {
            Some(pin) => Ok(view::pinned(pin)),
            // Another thread was faster. Its page may be gone again already, so read on our own.
            None => {
                let mut page = Box::new([0; PAGE_BYTES]);
                self.read(&mut page, pointer)?;
                Ok(PageRef::new(Hold::Alone(page)))
            }
        }
    }

    fn read(&self, page: &mut Page, pointer: Pointer) -> Result<()> {
        let id = pointer.page;
        self.counters.reads.fetch_add(1, Ordering::Relaxed);
        self.file.read_at(page, id.get() * PAGE_BYTES as u64).map_err(|error| match &error {
            Error::Io { source, .. } if source.kind() == ErrorKind::UnexpectedEof => {
                self.named(Corrupt::page(id, "PAGE-1", "a whole page", "the end of the file"))
            }
            _ => error,
        })?;
        judge::check_page(page, self.uuid, id).map_err(|corrupt| self.named(corrupt))
    }

    fn named(&self, corrupt: Corrupt) -> Error {
        corrupt.in_file(self.file.path()).into()
    }

    /// Starts a write set whose pages are born in `birth`. Several may live at a time (the writer's,
    /// and the checkpoint's for its chains).
    pub fn edit(self: &Arc<Self>, birth: TxnId) -> Edit {
        Edit::new(Arc::clone(self), birth)
    }

    /// Most cells in a node.
    pub(crate) fn cells_max(&self) -> usize {
        self.cells_max
    }

    fn allocator(&self) -> AllocatorGuard<'_> {
        AllocatorGuard { guard: locked(&self.allocator), page_count: &self.page_count }
    }

    /// Two allocations of one page never share a nonce by design, but by a chance of 1 in 2^32.
    fn next_nonce(&self) -> u32 {
        let step = self.nonces.fetch_add(1, Ordering::Relaxed);
        let mut bits = self.nonce_seed.wrapping_add(step.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ bits >> 31) as u32
    }

    fn count_spills(&self, pages: u64) {
        self.counters.spills.fetch_add(pages, Ordering::Relaxed);
    }

    /// Gives a retired run back: its ids are free, its frames are dropped, written or not. The
    /// caller has decided that no live root needs it (crash rule 10).
    pub fn release(&self, run: Run) {
        self.release_all([run].into_iter());
    }

    /// The same for many runs, at the cost of three locks in all.
    pub fn release_all(&self, runs: impl Iterator<Item = Run> + Clone) {
        // Held until the pages are out of memory: none of them goes on its way meanwhile.
        let mut on_the_way = locked(&self.on_the_way);
        let here = |on_the_way: &write_back::OnTheWay, run: &Run| !on_the_way.holds(*run);
        let released = runs.clone().filter(|run| here(&on_the_way, run));
        self.pool.forget_all(released.flat_map(Run::pages));
        let mut allocator = self.allocator();
        for run in runs {
            if !on_the_way.put_off(run) {
                allocator.free(run);
            }
        }
    }

    /// Takes pages out of memory that are written and that nobody looks at: only states that are not
    /// open need them. Their frames go to the next pages, which beats memory never touched before.
    pub(crate) fn drop_clean(&self, runs: impl Iterator<Item = Run>) {
        self.pool.drop_clean(runs.flat_map(Run::pages));
    }

    /// For a thread that has time: see [`Pool::populate_ahead`].
    pub(crate) fn populate_ahead(&self) {
        self.pool.populate_ahead();
    }

    /// Bytes of pages not yet written, uncommitted ones included.
    pub fn dirty_bytes(&self) -> u64 {
        self.pool.unclean() * PAGE_BYTES as u64
    }

    /// Pages of the file as far as ids were handed out, the two meta slots included.
    pub fn page_count(&self) -> u64 {
        self.page_count.load(Ordering::Acquire)
    }

    /// Pages below `page_count` that are free.
    pub fn free_pages(&self) -> u64 {
        self.allocator().free_pages()
    }

    /// The free space as of `txn`: what later or open edits allocated is free in it (crash rule 2).
    /// What they retired is still used, because it is not yet released. `page_count` of the result
    /// is the last used page plus one. Later calls are for the same or a later `txn`.
    pub fn free_space(&self, txn: TxnId) -> FreeSpace {
        self.allocator().image(txn)
    }

    /// Says that [`Self::free_space`] will be asked for `txn` and later states only.
    pub(crate) fn settle(&self, txn: TxnId) {
        self.allocator().settle(txn);
    }

    /// Takes over which pages are used, from a bitmap that was read or from a walk. Before the first
    /// edit only.
    pub fn install_free_space(&self, free_space: FreeSpace) {
        self.allocator().install(free_space);
    }

    /// Extends the file to hold `page_count` pages, so that a full disk shows here and not later.
    ///
    /// # Errors
    /// `OutOfSpace`, `Io`.
    pub fn reserve(&self, page_count: u64) -> Result<()> {
        // Nothing is written between the look at the length and the change: an edit that spills far
        // behind would have its pages cut off.
        let _no_writes = locked(&self.write_lock);
        let bytes = page_count * PAGE_BYTES as u64;
        if self.file.len()? < bytes {
            self.file.set_len(bytes)?;
        }
        Ok(())
    }

    /// Forgets free pages at the end and cuts the file there, never below `page_count_min` (the
    /// larger of what both valid metas name). Whether it cut anything.
    ///
    /// # Errors
    /// `Io`.
    pub fn truncate_tail(&self, page_count_min: u64) -> Result<bool> {
        // Under both locks, so that nothing is allocated or written behind the cut meanwhile.
        let _no_writes = locked(&self.write_lock);
        let mut allocator = self.allocator();
        let page_count = allocator.trim(page_count_min);
        let bytes = page_count * PAGE_BYTES as u64;
        let cut = self.file.len()? > bytes;
        if cut {
            self.file.set_len(bytes)?;
        }
        Ok(cut)
    }

    /// Every page in memory, in page order; each as it is when it is looked at.
    pub fn census(&self) -> Vec<PooledPage> {
        self.pool.census()
    }

    /// Gauges and counters.
    pub fn stats(&self) -> PagerStats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let allocator = self.allocator();
        PagerStats {
            data_reads: count(&self.counters.reads),
            data_bytes_read: count(&self.counters.reads) * PAGE_BYTES as u64,
            data_writes: count(&self.counters.writes),
            data_bytes_written: count(&self.counters.bytes_written),
            page_count: allocator.page_count(),
            free_pages: allocator.free_pages(),
            cache_hits: self.pool.hits(),
            cache_misses: count(&self.counters.reads),
            cache_evictions: self.pool.evictions(),
            cache_spills: count(&self.counters.spills),
            cache_frames: self.pool.budget().into(),
            cache_resident: self.pool.resident(),
            cache_dirty: self.pool.unclean(),
            pages_allocated: allocator.allocated(),
        }
    }
}

/// The locked allocator; publishes the page count when it is let go.
struct AllocatorGuard<'p> {
    guard: MutexGuard<'p, Allocator>,
    page_count: &'p AtomicU64,
}

impl std::ops::Deref for AllocatorGuard<'_> {
    type Target = Allocator;
    fn deref(&self) -> &Allocator {
        &self.guard
    }
}

impl std::ops::DerefMut for AllocatorGuard<'_> {
    fn deref_mut(&mut self) -> &mut Allocator {
        &mut self.guard
    }
}

impl Drop for AllocatorGuard<'_> {
    fn drop(&mut self) {
        self.page_count.store(self.guard.page_count(), Ordering::Release);
    }
}
