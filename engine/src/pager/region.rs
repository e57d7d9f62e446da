//! The memory that frames lie in: one allocation, aligned for huge pages.
//!
//! Made and dropped by `frame`, which rules who may touch which bytes of it and when.

#![allow(unsafe_code)]

use crate::limits::PAGE_BYTES;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

/// The bytes of a page.
pub type Page = [u8; PAGE_BYTES];

/// Frames lie at multiples of this, so that the system can back them with huge pages.
const ALIGNMENT: usize = 2 << 20;

/// One allocation for all frames. Zeroed by the system, so untouched frames cost no memory.
pub(super) struct Region {
    base: NonNull<u8>,
    layout: Layout,
    first: NonNull<Page>,
    pub(super) frames: usize,
}

// SAFETY: the region owns its allocation; access to the bytes is ruled by `Pool`.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// `None` when the system has no memory for that many.
    pub(super) fn new(frames: usize) -> Option<Self> {
        let bytes = frames * PAGE_BYTES;
        // Aligned by hand: an aligned `alloc_zeroed` would write all of it now.
        let layout = Layout::from_size_align(bytes + ALIGNMENT, 16).ok()?;
        // SAFETY: the layout's size is not zero.
        let base = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        let skipped = base.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        // SAFETY: `skipped` is at most `ALIGNMENT`, which the allocation has room for.
        let first = unsafe { base.add(skipped) };
        super::huge::advise(first, bytes);
        Some(Self { base, layout, first: first.cast(), frames })
    }

    /// Has memory given to frames `first..end` before they are touched. They stay as they are.
    pub(super) fn populate(&self, first: u32, end: u32) {
        let end = (end as usize).min(self.frames);
        if (first as usize) < end {
            let bytes = (end - first as usize) * PAGE_BYTES;
            super::huge::populate(self.frame(first).cast(), bytes);
        }
    }

    /// Where a frame is.
    pub(super) fn frame(&self, frame: u32) -> NonNull<Page> {
        assert!((frame as usize) < self.frames, "frame number inside the pool");
        // SAFETY: inside the allocation, by the assertion.
        unsafe { self.first.add(frame as usize) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout, and nobody borrows from it any more.
        unsafe { dealloc(self.base.as_ptr(), self.layout) }
    }
}
