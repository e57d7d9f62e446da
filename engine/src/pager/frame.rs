//! The frames that hold pages, and who may touch which.
//!
//! Called by the rest of `pager` through safe types only. A frame is in exactly one of these hands:
//!
//! ```text
//! free list ──acquire──▶ OwnedFrame (exclusive) ──share──▶ word CLEAN or DIRTY: read by anybody
//!     ▲                       └──privatise──▶ word PRIVATE: read and written through one Owner
//!     │                                             └──open──▶ CLEAN, DIRTY
//!     └── limbo ◀──detach (word ABSENT; epoch advanced)──── any word
//! ```
//!
//! The bytes of a frame are written only by its `OwnedFrame` or by its `Owner`. They are read by
//! whoever saw its word CLEAN, DIRTY or WRITING inside an epoch, or pins it. A frame leaves limbo when
//! every epoch that was running when its word became ABSENT has ended, and nothing pins it.

#![allow(unsafe_code)]

mod census;
mod supply;

pub use census::{PooledPage, PooledState};
pub(super) use supply::Need;

use super::apart::Apart;
use super::epoch::{Epochs, Running};
use super::region::{Page, Region};
use super::table::{State, Table, Word, Zeroed, zeroed};
use crate::ids::{PageId, TxnId};
use crate::limits::PAGE_BYTES;
use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::sync::{Mutex, Watch};
use supply::Spare;

/// Most frames of a pool: 64 GiB.
const FRAMES_MAX: u32 = 1 << 22;

#[derive(Default)]
struct FrameMeta {
    page: AtomicU64,
    birth: AtomicU64,
    owner: AtomicU64,
    pins: AtomicU32,
    watch: Watch,
}

// SAFETY: all its fields are atomic integers, of which all zeros are the number 0.
unsafe impl Zeroed for FrameMeta {}

/// All frames and the translation from page ids to them.
pub(super) struct Pool {
    region: Region,
    meta: Box<[FrameMeta]>,
    table: Table,
    epochs: Epochs,
    budget: u32,
    /// What who fills and empties frames writes, apart from what readers look at.
    spare: Apart<Mutex<Spare>>,
    next_owner: Apart<AtomicU64>,
    evictions: Apart<AtomicU64>,
    unclean: Apart<AtomicU64>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("budget", &self.budget).finish_non_exhaustive()
    }
}

impl Pool {
    /// `budget` frames, or fewer when the system has no memory for them, and `reserve` more for
    /// changes under way.
    ///
    /// # Panics
    /// When there is no memory for the reserve alone, or for what is known of each frame.
    pub(super) fn new(budget: u32, reserve: u32) -> Self {
        let mut budget = budget.min(FRAMES_MAX);
        let region = loop {
            match Region::new((budget + reserve) as usize) {
                Some(region) => break region,
                None => assert!(budget > 1, "memory for the smallest cache"),
            }
            budget /= 2;
        };
        let frames = region.frames;
        Self {
            region,
            meta: zeroed(frames).expect("memory for what is known of each frame"),
            table: Table::new(),
            epochs: Epochs::new(),
            budget,
            spare: Apart::default(),
            next_owner: Apart(AtomicU64::new(1)),
            evictions: Apart::default(),
            unclean: Apart::default(),
        }
    }

    fn meta(&self, frame: u32) -> &FrameMeta {
        &self.meta[frame as usize]
    }

    pub(super) fn budget(&self) -> u32 {
        self.budget
    }

    pub(super) fn evictions(&self) -> u64 {
        self.evictions.load(Ordering::Relaxed)
    }

    pub(super) fn hits(&self) -> u64 {
        self.epochs.hits()
    }

    /// Pages not yet written, private ones included.
    pub(super) fn unclean(&self) -> u64 {
        self.unclean.load(Ordering::Relaxed)
    }

    /// Starts an operation of a reader. Keep it short, and never read the disk or ask for a frame
    /// inside it.
    #[inline]
    pub(super) fn enter(&self) -> Epoch<'_> {
        Epoch { running: self.epochs.enter(), pool: self }
    }

    pub(super) fn new_owner(&self) -> Owner {
        Owner { number: self.next_owner.fetch_add(1, Ordering::Relaxed) }
    }

    fn pins(&self, frame: u32) -> u32 {
        self.meta(frame).pins.load(Ordering::Acquire)
    }

    /// Moves `page` from one state to another; `false` when it is not in `from`, or elsewhere.
    fn change(&self, page: PageId, frame: u32, from: State, to: State) -> bool {
        loop {
            let word = self.table.load(page);
            if word.state() != Some(from) || word.frame() != frame {
                return false;
            }
            if self.table.replace(page, word, Word::new(frame, to)) {
                match (from == State::Clean, to == State::Clean) {
                    (true, false) => self.unclean.fetch_add(1, Ordering::Relaxed),
                    (false, true) => self.unclean.fetch_sub(1, Ordering::Relaxed),
                    _ => 0,
                };
                return true;
            }
        }
    }

    /// Makes a private page of `owner` part of the shared state: `Dirty`, or `Clean` when it was
    /// just written. `false` when it is no private page of `owner`.
    pub(super) fn open(&self, owner: &mut Owner, page: PageId, state: State) -> bool {
        match self.private_frame(owner, page) {
            Some(frame) => self.change(page, frame, State::Private, state),
            None => false,
        }
    }

    fn private_frame(&self, owner: &Owner, page: PageId) -> Option<u32> {
        let word = self.table.load(page);
        let frame = word.frame();
        (word.state() == Some(State::Private)
            && self.meta(frame).owner.load(Ordering::Relaxed) == owner.number)
            .then_some(frame)
    }

    /// Whether `page` is private to `owner`.
    pub(super) fn is_private(&self, owner: &Owner, page: PageId) -> bool {
        self.private_frame(owner, page).is_some()
    }

    /// A private page of `owner`, to read.
    #[inline]
    pub(super) fn private<'a>(&'a self, owner: &'a Owner, page: PageId) -> Option<&'a Page> {
        let frame = self.private_frame(owner, page)?;
        self.meta(frame).watch.read();
        // SAFETY: a private page is written only through `&mut Owner`, and `owner` is borrowed.
        Some(unsafe { self.region.frame(frame).as_ref() })
    }

    /// A private page of `owner`, to write.
    pub(super) fn private_mut<'a>(
        &'a self,
        owner: &'a mut Owner,
        page: PageId,
    ) -> Option<&'a mut Page> {
        let frame = self.private_frame(owner, page)?;
        self.meta(frame).watch.write();
        // SAFETY: a private page is seen only through its owner, which is borrowed exclusively and
        // exists once; nobody else looks at the bytes before `open`.
        Some(unsafe { self.region.frame(frame).as_mut() })
    }

    /// Pins a page seen in `word` inside an epoch.
    fn pinned(&self, frame: u32) -> Pin<'_> {
        self.meta(frame).pins.fetch_add(1, Ordering::Relaxed);
        Pin { pool: self, frame }
    }

    /// Takes a dirty page for writing: it stays readable, and nobody else takes it.
    pub(super) fn begin_writing(&self, page: PageId) -> Option<Writing<'_>> {
        let epoch = self.enter();
        let word = self.table.load(page);
        if word.state() != Some(State::Dirty) {
            return None;
        }
        let pin = self.pinned(word.frame());
        if !self.change(page, pin.frame, State::Dirty, State::Writing) {
            return None;
        }
        drop(epoch);
        Some(Writing { pin, page, written: false })
    }

    /// Pages in one of `states` that were born in `up_to` or before, in no order.
    pub(super) fn pages_in(
        &self,
        states: &[State],
        up_to: TxnId,
        owner: Option<&Owner>,
    ) -> Vec<PageId> {
        let touched = self.spare().untouched as usize;
        let mut pages = Vec::new();
        for (frame, meta) in self.meta.iter().enumerate().take(touched) {
            let page = PageId::new(meta.page.load(Ordering::Relaxed));
            let word = self.table.load(page);
            let owned =
                owner.is_none_or(|owner| meta.owner.load(Ordering::Relaxed) == owner.number);
            if word.state().is_some_and(|state| states.contains(&state))
                && word.frame() as usize == frame
                && meta.birth.load(Ordering::Relaxed) <= up_to.get()
                && owned
            {
                pages.push(page);
            }
        }
        pages
    }

    /// Brings the table and the first bytes of `page` near, if it is in memory.
    #[inline]
    pub(super) fn prefetch(&self, page: PageId) {
        let word = self.table.load(page);
        if word.state().is_some() {
            let frame = self.region.frame(word.frame()).as_ptr().cast::<u8>();
            super::prefetch::near(frame);
            near_edges(frame);
        }
    }

    /// Brings all lines of a node near that are likely in use: slots at its front, and the heap behind
    /// the gap.
    pub(super) fn prefetch_node(&self, page: PageId) {
        const LINE: usize = 64;
        const SLOTS_END: usize = 24 * LINE;
        const HEAP_START: usize = PAGE_BYTES / 4;
        let word = self.table.load(page);
        if word.state().is_some() {
            let frame = self.region.frame(word.frame()).as_ptr().cast::<u8>();
            for at in (0..SLOTS_END).step_by(LINE).chain((HEAP_START..PAGE_BYTES).step_by(LINE)) {
                super::prefetch::near(frame.wrapping_add(at));
            }
        }
    }
}

/// Brings near what a look at a node needs right after its first cache line: the rest of its header,
/// and its prefix at the end.
#[inline]
fn near_edges(frame: *const u8) {
    super::prefetch::near(frame.wrapping_add(64));
    super::prefetch::near(frame.wrapping_add(PAGE_BYTES - 1));
}

/// The right to read and write a set of private pages. Exists once; not to be copied.
#[derive(Debug)]
pub(super) struct Owner {
    number: u64,
}

/// A frame that nobody else knows.
pub(super) struct OwnedFrame<'p> {
    pool: &'p Pool,
    frame: u32,
}

impl<'p> OwnedFrame<'p> {
    /// Its bytes: what the page before left there.
    pub(super) fn bytes(&mut self) -> &mut Page {
        self.pool.meta(self.frame).watch.write();
        // SAFETY: the frame came from the free list, where nobody can look at it, and is in no word
        // until `share` or `privatise` give it away.
        unsafe { self.pool.region.frame(self.frame).as_mut() }
    }

    fn place(self, page: PageId, birth: TxnId, owner: u64) -> (&'p Pool, u32) {
        let (pool, frame) = (self.pool, self.frame);
        std::mem::forget(self);
        let meta = pool.meta(frame);
        meta.page.store(page.get(), Ordering::Relaxed);
        meta.birth.store(birth.get(), Ordering::Relaxed);
        meta.owner.store(owner, Ordering::Relaxed);
        (pool, frame)
    }

    /// Publishes a page that was read and verified, pinned. `None` when another thread was faster.
    pub(super) fn share(self, page: PageId, birth: TxnId) -> Option<Pin<'p>> {
        if !self.pool.table.make_room(page) {
            return None;
        }
        let (pool, frame) = self.place(page, birth, 0);
        let pin = pool.pinned(frame);
        if pool.table.replace(page, Word::ABSENT, Word::new(frame, State::Clean)) {
            return Some(pin);
        }
        drop(pin);
        drop(OwnedFrame { pool, frame });
        None
    }

    /// Makes it a private page of `owner`.
    ///
    /// # Panics
    /// When the system has no memory for the translation of `page`.
    pub(super) fn privatise(self, owner: &mut Owner, page: PageId, birth: TxnId) {
        assert!(self.pool.table.make_room(page), "memory for the translation of {page:?}");
        let (pool, frame) = self.place(page, birth, owner.number);
        pool.unclean.fetch_add(1, Ordering::Relaxed);
        pool.put_aside(pool.table.swap(page, Word::new(frame, State::Private)));
    }
}

impl Drop for OwnedFrame<'_> {
    fn drop(&mut self) {
        self.pool.spare().free.push(self.frame);
    }
}

/// One running operation of a reader: what it has seen stays where it is until this ends.
#[derive(Debug)]
pub(super) struct Epoch<'p> {
    running: Running<'p>,
    pool: &'p Pool,
}

impl<'p> Epoch<'p> {
    /// The shared page `page`, if it is in memory.
    #[inline]
    pub(super) fn page(&self, page: PageId) -> Option<Seen<'_, 'p>> {
        let frame = self.frame(page)?;
        self.pool.meta(frame).watch.read();
        let start = self.pool.region.frame(frame);
        near_edges(start.as_ptr().cast());
        // SAFETY: the word was seen in a shared state inside this epoch, so the frame is not
        // written, and not given away before the epoch ends; the borrow ends with it.
        let bytes = unsafe { start.as_ref() };
        Some(Seen { bytes, pool: self.pool, frame })
    }

    #[inline]
    fn frame(&self, page: PageId) -> Option<u32> {
        let word = self.pool.table.load(page);
        match word.state() {
            None | Some(State::Private) => None,
            Some(_) => {
                if !word.is_referenced() {
                    self.pool.table.replace(page, word, word.referenced());
                }
                self.running.count_hit();
                Some(word.frame())
            }
        }
    }

    /// Pins the shared page `page`, if it is in memory.
    #[inline]
    pub(super) fn pin(&self, page: PageId) -> Option<Pin<'p>> {
        Some(self.pool.pinned(self.frame(page)?))
    }
}

/// A shared page, seen inside an epoch.
pub(super) struct Seen<'e, 'p> {
    bytes: &'e Page,
    pool: &'p Pool,
    frame: u32,
}

impl<'p> Seen<'_, 'p> {
    #[inline]
    pub(super) fn bytes(&self) -> &Page {
        self.bytes
    }

    /// Keeps it behind the epoch. The epoch is still running: it is borrowed.
    #[inline]
    pub(super) fn pin(&self) -> Pin<'p> {
        self.pool.pinned(self.frame)
    }

    /// Says that it will be pinned: the count of its pins is rarely near.
    #[inline]
    pub(super) fn will_pin(&self) {
        super::prefetch::near(std::ptr::from_ref(self.pool.meta(self.frame)).cast());
    }
}

/// A frame that stays as it is while this lives.
pub(super) struct Pin<'p> {
    pool: &'p Pool,
    frame: u32,
}

impl Pin<'_> {
    #[inline]
    pub(super) fn bytes(&self) -> &Page {
        self.pool.meta(self.frame).watch.read();
        // SAFETY: pinned inside an epoch in which its word was shared, or by who published it: it
        // is not written, and not given away while it is pinned.
        unsafe { self.pool.region.frame(self.frame).as_ref() }
    }
}

impl Clone for Pin<'_> {
    fn clone(&self) -> Self {
        self.pool.pinned(self.frame)
    }
}

impl Drop for Pin<'_> {
    #[inline]
    fn drop(&mut self) {
        self.pool.meta(self.frame).pins.fetch_sub(1, Ordering::Release);
    }
}

/// A dirty page on its way to the disk. Dropping it leaves the page dirty.
pub(super) struct Writing<'p> {
    pin: Pin<'p>,
    page: PageId,
    written: bool,
}

impl Writing<'_> {
    pub(super) fn page(&self) -> PageId {
        self.page
    }

    pub(super) fn bytes(&self) -> &Page {
        self.pin.bytes()
    }

    /// The write has returned: the page is clean.
    pub(super) fn finish(mut self) {
        self.written = true;
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let to = if self.written { State::Clean } else { State::Dirty };
        // `false`: it was released meanwhile.
        let _changed = self.pin.pool.change(self.page, self.pin.frame, State::Writing, to);
    }
}

#[cfg(all(test, loom))]
mod model_tests;
#[cfg(all(test, not(loom)))]
mod tests;
