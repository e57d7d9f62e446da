//! What a reader may see: all shared pages, and for the writer its own too.
//!
//! Called by `tree`. Every hop compares type, level, birth and nonce with the pointer that led there
//! (crash rule 8), in memory or not. Cost of a hop in memory: two loads for the translation and the
//! page's first cache line.

use super::frame::{self, Epoch, Owner, Pin};
use super::page_ref::{Hold, PageRef};
use super::region::Page;
use super::{Pager, Want, judge};
use crate::error::Result;
use crate::ids::Pointer;
use std::ops::Deref;

/// Access to pages on behalf of one reader. Costs nothing to copy.
#[derive(Clone, Copy)]
pub struct View<'p> {
    pager: &'p Pager,
    owner: Option<&'p Owner>,
}

impl std::fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").field("owner", &self.owner).finish_non_exhaustive()
    }
}

impl<'p> View<'p> {
    pub(super) fn new(pager: &'p Pager, owner: Option<&'p Owner>) -> Self {
        Self { pager, owner }
    }

    /// Starts one operation; see [`Reading`].
    #[inline]
    pub(crate) fn enter(self) -> Reading<'p> {
        Reading { view: self, epoch: self.pager.pool.enter() }
    }

    /// The page that `pointer` names, pinned, read when it is not in memory. Not inside a
    /// [`Reading`] of the same thread: it may wait for all of them.
    #[inline]
    pub(crate) fn fetch(self, pointer: Pointer, want: Want) -> Result<PageRef<'p>> {
        if let Some(page) = self.enter().pin(pointer, want)? {
            return Ok(page);
        }
        self.pager.load(pointer, want)
    }

    /// Brings a page near that will be asked for soon, if it is in memory.
    #[inline]
    pub(crate) fn prefetch(self, pointer: Pointer) {
        self.pager.pool.prefetch(pointer.page);
    }

    /// Whether pointers mean the same in both views.
    pub(crate) fn is_of_one_file(self, other: View<'_>) -> bool {
        std::ptr::eq(self.pager, other.pager)
    }

    /// Pages of the file, for bounds on what bytes may claim.
    pub(crate) fn page_count(self) -> u64 {
        self.pager.page_count()
    }
}

/// One short operation: pages it has seen stay while it lives. It never reads the disk.
pub(crate) struct Reading<'p> {
    view: View<'p>,
    epoch: Epoch<'p>,
}

impl<'p> Reading<'p> {
    /// The page, if it is in memory and is what `pointer` and `want` say.
    #[inline]
    pub(crate) fn page(&self, pointer: Pointer, want: Want) -> Result<Option<Seen<'_, 'p>>> {
        let kind = match self.epoch.page(pointer.page) {
            Some(page) => SeenKind::Shared(page),
            None => match self.private(pointer) {
                Some(page) => SeenKind::Private(page),
                None => return Ok(None),
            },
        };
        let seen = Seen { kind };
        judge::check_hop(&seen, pointer, want)?;
        Ok(Some(seen))
    }

    #[inline]
    fn private(&self, pointer: Pointer) -> Option<&'p Page> {
        self.view.pager.pool.private(self.view.owner?, pointer.page)
    }

    /// The same, to keep behind the operation.
    #[inline]
    pub(crate) fn pin(&self, pointer: Pointer, want: Want) -> Result<Option<PageRef<'p>>> {
        let hold = match self.epoch.pin(pointer.page) {
            Some(pin) => Hold::Pinned(pin),
            None => match self.private(pointer) {
                Some(page) => Hold::Private(page),
                None => return Ok(None),
            },
        };
        let page = PageRef::new(hold);
        judge::check_hop(&page, pointer, want)?;
        Ok(Some(page))
    }

    /// Brings a page near that this operation will ask for.
    #[inline]
    pub(crate) fn prefetch(&self, pointer: Pointer) {
        self.view.prefetch(pointer);
    }
}

/// A page seen in an operation, for as long as that lasts.
pub(crate) struct Seen<'e, 'p> {
    kind: SeenKind<'e, 'p>,
}

enum SeenKind<'e, 'p> {
    /// A page of the pool.
    Shared(frame::Seen<'e, 'p>),
    /// A page of the caller's own edit.
    Private(&'p Page),
}

impl<'p> Seen<'_, 'p> {
    /// Says that [`Self::keep`] comes next.
    #[inline]
    pub(crate) fn will_keep(&self) {
        if let SeenKind::Shared(page) = &self.kind {
            page.will_pin();
        }
    }

    /// The page, to keep behind the operation.
    #[inline]
    pub(crate) fn keep(&self) -> PageRef<'p> {
        PageRef::new(match &self.kind {
            SeenKind::Shared(page) => Hold::Pinned(page.pin()),
            SeenKind::Private(page) => Hold::Private(page),
        })
    }
}

impl Deref for Seen<'_, '_> {
    type Target = Page;
    #[inline]
    fn deref(&self) -> &Page {
        match &self.kind {
            SeenKind::Shared(page) => page.bytes(),
            SeenKind::Private(page) => page,
        }
    }
}

pub(super) fn pinned(pin: Pin<'_>) -> PageRef<'_> {
    PageRef::new(Hold::Pinned(pin))
}
