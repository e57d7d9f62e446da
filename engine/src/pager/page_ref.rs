//! A pinned page: its bytes stay where they are as long as the reference lives.

use crate::format::page::PageHeader;
use crate::limits::PAGE_BYTES;
use std::marker::PhantomData;
use std::ops::Deref;

/// The bytes of a page.
pub type Page = [u8; PAGE_BYTES];

/// A page that stays in memory while this lives. Cost to make and drop: one atomic addition each.
#[derive(Debug)]
pub struct PageRef<'p> {
    marker: PhantomData<&'p ()>,
}

impl PageRef<'_> {
    /// The page's header; the checksum in it is meaningless in memory.
    pub fn header(&self) -> PageHeader {
        todo!()
    }
}

impl Deref for PageRef<'_> {
    type Target = Page;
    fn deref(&self) -> &Page {
        todo!()
    }
}
