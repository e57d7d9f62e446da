//! The write set of one edit: pages it made, pages it no longer needs.
//!
//! Called by `tree` and by `db::checkpoint` for its chains. Keeps PAGE-1: a page of another
//! transaction, and a page that was spilled, is copied and never written in place (crash rule 9).

use super::{Page, Run, View};
use crate::error::Result;
use crate::format::page::PageType;
use crate::ids::{PageId, Pointer, TxnId};

/// Pages that an edit made unnecessary for all later states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetiredRun {
    /// The first page.
    pub page: PageId,
    /// How many.
    pub count: u32,
    /// The transaction that wrote them.
    pub birth: TxnId,
}

impl RetiredRun {
    /// The pages alone.
    pub fn run(self) -> Run {
        Run { page: self.page, count: self.count }
    }
}

/// What is left of an edit once it is part of the chain of states.
#[derive(Clone, Debug, Default)]
pub struct Finished {
    /// Pages of earlier transactions that this one no longer uses.
    pub retired: Vec<RetiredRun>,
    /// How many pages it made that are still in use.
    pub born_count: u64,
}

/// A set of new pages, invisible to everybody else until [`Edit::finish`]. Dropping it aborts it.
#[derive(Debug)]
pub struct Edit {}

#[allow(unused_variables)]
impl Edit {
    /// The transaction its pages are born in.
    pub fn birth(&self) -> TxnId {
        todo!()
    }

    /// What the edit sees: its own pages too.
    pub fn view(&self) -> View<'_> {
        todo!()
    }

    /// A new page, zero behind its header.
    ///
    /// # Errors
    /// Those of a spill: `Io`, `OutOfSpace`.
    pub fn alloc(&mut self, page_type: PageType, level: u8) -> Result<Pointer> {
        todo!()
    }

    /// A new extent of 1 to `pages_max` overflow pages, zero behind their headers, in one run. The
    /// second number is how many. Page `i` of it is the pointer with `page + i`.
    ///
    /// # Errors
    /// As [`Self::alloc`].
    pub fn alloc_extent(&mut self, pages_max: u32) -> Result<(Pointer, u32)> {
        todo!()
    }

    /// The bytes of a page that this edit made and that is not frozen, else `None`. The page header
    /// is filled in already; its checksum and payload length are set when it is written.
    pub fn page_mut(&mut self, pointer: Pointer) -> Option<&mut Page> {
        todo!()
    }

    /// A page of this edit with the content of the node `pointer`: itself when this edit made it and
    /// it is not frozen, else a copy under a new id, and `pointer` is retired.
    ///
    /// # Errors
    /// Those of reading the page and of [`Self::alloc`].
    pub fn make_mut(&mut self, pointer: Pointer, level: u8) -> Result<Pointer> {
        todo!()
    }

    /// Says that no later state needs these pages. Pages of this edit are free at once.
    pub fn retire(&mut self, pointer: Pointer, count: u32) {
        todo!()
    }

    /// Pages made so far and still in use.
    pub fn born_count(&self) -> u64 {
        todo!()
    }

    /// Makes its pages part of the shared state: dirty, unchangeable, reachable by whoever gets the
    /// root.
    pub fn finish(self) -> Finished {
        todo!()
    }

    /// Gives all ids and frames back. The same as dropping it.
    pub fn abort(self) {
        drop(self);
    }
}
