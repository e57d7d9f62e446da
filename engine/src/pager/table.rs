//! The translation array: one word per page id says whether and where the page is in memory.
//!
//! Called by `frame`. Grows by doubling chunks that never move, so a look-up is two loads and no lock.

#![allow(unsafe_code)]

use crate::ids::PageId;
use crate::limits::PAGE_COUNT_MAX;
use crate::sync::atomic::{AtomicU64, Ordering};
use std::sync::OnceLock;

/// What is true of a page in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(super) enum State {
    /// As on disk; may be put out.
    Clean = 1,
    /// Shared, and not yet written.
    Dirty = 2,
    /// Being built by an edit.
    Private = 3,
    /// Shared, and being written.
    Writing = 4,
}

/// Frame number (32 bits), state (3 bits), referenced bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word(u64);

const STATE_SHIFT: u32 = 32;
const REFERENCED: u64 = 1 << 40;

impl Word {
    /// The page is not in memory.
    pub(super) const ABSENT: Self = Self(0);

    pub(super) fn new(frame: u32, state: State) -> Self {
        Self(u64::from(frame) | (state as u64) << STATE_SHIFT | REFERENCED)
    }

    #[inline]
    pub(super) fn state(self) -> Option<State> {
        match self.0 >> STATE_SHIFT & 7 {
            1 => Some(State::Clean),
            2 => Some(State::Dirty),
            3 => Some(State::Private),
            4 => Some(State::Writing),
            _ => None,
        }
    }

    #[inline]
    pub(super) fn frame(self) -> u32 {
        self.0 as u32
    }

    #[inline]
    pub(super) fn is_referenced(self) -> bool {
        self.0 & REFERENCED != 0
    }

    pub(super) fn referenced(self) -> Self {
        Self(self.0 | REFERENCED)
    }

    pub(super) fn unreferenced(self) -> Self {
        Self(self.0 & !REFERENCED)
    }
}

/// Page ids of the first chunk; chunk `n` after it has `FIRST << (n - 1)`.
const FIRST: u64 = if cfg!(loom) { 32 } else { 1 << 12 };
const CHUNKS: usize = (PAGE_COUNT_MAX / FIRST).ilog2() as usize + 1;

pub(super) struct Table {
    chunks: [OnceLock<Box<[AtomicU64]>>; CHUNKS],
}

impl Table {
    pub(super) fn new() -> Self {
        Self { chunks: [const { OnceLock::new() }; CHUNKS] }
    }

    #[inline]
    fn place(page: PageId) -> (usize, usize) {
        let id = page.get();
        if id < FIRST {
            return (0, id as usize);
        }
        let chunk = (id / FIRST).ilog2();
        (chunk as usize + 1, (id - (FIRST << chunk)) as usize)
    }

    #[inline]
    fn word(&self, page: PageId) -> Option<&AtomicU64> {
        let (chunk, index) = Self::place(page);
        self.chunks.get(chunk)?.get()?.get(index)
    }

    /// Makes sure that `page` has a word; `false` when there is no memory for it.
    pub(super) fn make_room(&self, page: PageId) -> bool {
        let (chunk, _) = Self::place(page);
        let Some(lock) = self.chunks.get(chunk) else { return false };
        if lock.get().is_some() {
            return true;
        }
        let words = FIRST << chunk.saturating_sub(1);
        let Some(fresh) = zeroed(words as usize) else { return false };
        // Another thread may have been faster; its chunk is as good.
        lock.get_or_init(|| fresh);
        true
    }

    #[inline]
    pub(super) fn load(&self, page: PageId) -> Word {
        // Sequentially consistent, as the epochs are: a reader that entered after a page was taken
        // out must see that it is absent. Costs nothing more than an acquire on x86 and ARM.
        self.word(page).map_or(Word::ABSENT, |word| Word(word.load(Ordering::SeqCst)))
    }

    pub(super) fn swap(&self, page: PageId, new: Word) -> Word {
        self.word(page).map_or(Word::ABSENT, |word| Word(word.swap(new.0, Ordering::SeqCst)))
    }

    pub(super) fn replace(&self, page: PageId, old: Word, new: Word) -> bool {
        self.word(page).is_some_and(|word| {
            word.compare_exchange(old.0, new.0, Ordering::SeqCst, Ordering::SeqCst).is_ok()
        })
    }
}

/// A type of which all zeros are a value.
///
/// # Safety
/// They must be, and its size must not be zero.
pub(super) unsafe trait Zeroed: Default {}

// SAFETY: all zeros are the number 0.
unsafe impl Zeroed for AtomicU64 {}

/// Zeroed values that cost neither time nor memory before they are touched. `None` when there is no
/// memory, or for none of them.
#[cfg(not(loom))]
pub(super) fn zeroed<T: Zeroed>(count: usize) -> Option<Box<[T]>> {
    use std::alloc::{Layout, alloc_zeroed};
    let layout = Layout::array::<T>(count).ok().filter(|layout| layout.size() > 0)?;
    // SAFETY: the layout's size is not zero.
    let start = unsafe { alloc_zeroed(layout) }.cast::<T>();
    if start.is_null() {
        return None;
    }
    let slice = std::ptr::slice_from_raw_parts_mut(start, count);
    // SAFETY: allocated just now by the global allocator with the layout of this slice; all zeros
    // are a value of `T`.
    Some(unsafe { Box::from_raw(slice) })
}

/// The atomics of a model are more than their bytes.
#[cfg(loom)]
pub(super) fn zeroed<T: Zeroed>(count: usize) -> Option<Box<[T]>> {
    Some((0..count).map(|_| T::default()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_has_its_own_word() {
        let table = Table::new();
        let ids = [0, 1, 2, 4095, 4096, 8191, 8192, 16383, 16384, 100_000];
        for (frame, id) in ids.into_iter().enumerate() {
            let page = PageId::new(id);
            assert_eq!(table.load(page), Word::ABSENT, "page {id} before");
            assert!(table.make_room(page), "page {id}");
            let word = Word::new(frame as u32, State::Dirty);
            assert!(table.replace(page, Word::ABSENT, word), "page {id}");
        }
        for (frame, id) in ids.into_iter().enumerate() {
            let word = table.load(PageId::new(id));
            assert_eq!((word.frame(), word.state()), (frame as u32, Some(State::Dirty)), "{id}");
        }
        for id in [PAGE_COUNT_MAX, u64::MAX] {
            assert_eq!(table.load(PageId::new(id)), Word::ABSENT, "page {id} is past all files");
            assert!(!table.make_room(PageId::new(id)), "page {id}");
        }
        let last = Table::place(PageId::new(PAGE_COUNT_MAX - 1));
        assert_eq!(last.0, CHUNKS - 1);
    }
}
