//! A pinned page: its bytes stay where they are as long as the reference lives.

use super::frame::Pin;
use super::region::Page;
use crate::format::page::PageHeader;
use std::ops::Deref;

/// A page that stays in memory while this lives. Cost to make and drop: one atomic addition each.
pub struct PageRef<'p> {
    hold: Hold<'p>,
}

pub(super) enum Hold<'p> {
    /// A frame of the pool.
    Pinned(Pin<'p>),
    /// A page of the caller's own edit, which cannot change while it is borrowed.
    Private(&'p Page),
    /// A page that found no frame: all were unwritten or pinned.
    Alone(Box<Page>),
}

impl<'p> PageRef<'p> {
    pub(super) fn new(hold: Hold<'p>) -> Self {
        Self { hold }
    }

    /// The page's header; the checksum in it is meaningless in memory.
    pub fn header(&self) -> PageHeader {
        PageHeader::decode(&self[..]).expect("a page is longer than its header")
    }
}

impl Deref for PageRef<'_> {
    type Target = Page;
    #[inline]
    fn deref(&self) -> &Page {
        match &self.hold {
            Hold::Pinned(pin) => pin.bytes(),
            Hold::Private(page) => page,
            Hold::Alone(page) => page,
        }
    }
}

impl Clone for PageRef<'_> {
    fn clone(&self) -> Self {
        Self::new(match &self.hold {
            Hold::Pinned(pin) => Hold::Pinned(pin.clone()),
            Hold::Private(page) => Hold::Private(page),
            Hold::Alone(page) => Hold::Alone(page.clone()),
        })
    }
}

impl std::fmt::Debug for PageRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PageRef").field(&self.header()).finish()
    }
}
