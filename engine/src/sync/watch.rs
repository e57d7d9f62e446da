//! Tells a model who reads and writes plain memory, and when: loom watches atomics and locks only.
//!
//! Used by `pager::frame` for the bytes of frames, and by models for what only one thread may touch.
//! Nothing in other builds.

#![cfg_attr(loom, allow(unsafe_code))]

/// A piece of memory, for loom's eyes.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    #[cfg(loom)]
    cell: loom::cell::UnsafeCell<()>,
}

// SAFETY: the cell holds nothing, and loom itself judges who touches it at which time.
#[cfg(loom)]
unsafe impl Sync for Watch {}

impl Watch {
    /// It is read now. A model fails when a write is not ordered before this.
    #[inline]
    pub(crate) fn read(&self) {
        #[cfg(loom)]
        self.cell.with(|_| ());
    }

    /// It is written now. A model fails when a read or a write is not ordered before this.
    #[inline]
    pub(crate) fn write(&self) {
        #[cfg(loom)]
        self.cell.with_mut(|_| ());
    }
}
