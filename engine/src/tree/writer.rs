//! A tree being changed: an edit and the root it has come to.
//!
//! Called by `txn::write` and by recovery. Keeps PAGE-1 through [`Edit`]. Cost: one page copy per
//! level for the first change below it, none for further ones; a change next to the last one needs
//! no descent.

use super::TreeRoot;
use crate::error::Result;
use crate::pager::{Edit, Finished, View};
use std::ops::Bound;

/// Changes a tree. Readers of the old root see the old tree.
#[derive(Debug)]
pub struct Writer {}

#[allow(unused_variables)]
impl Writer {
    /// Starts from `root`.
    pub fn new(edit: Edit, root: TreeRoot) -> Self {
        todo!()
    }

    /// Where the tree has come to.
    pub fn root(&self) -> &TreeRoot {
        todo!()
    }

    /// For reading the changed tree with the functions of this module.
    pub fn view(&self) -> View<'_> {
        todo!()
    }

    /// The pages behind it.
    pub fn edit(&self) -> &Edit {
        todo!()
    }

    /// Stores `value` under `key`; whether a row was replaced. Limits are the caller's to check.
    ///
    /// # Errors
    /// `Corrupt`, `Io`, `OutOfSpace`. The tree is then undefined: abort.
    pub fn insert(&mut self, key: &[u8], value: &[u8]) -> Result<bool> {
        todo!()
    }

    /// Removes `key`; whether it was there.
    ///
    /// # Errors
    /// As [`Self::insert`].
    pub fn remove(&mut self, key: &[u8]) -> Result<bool> {
        todo!()
    }

    /// Removes all rows in the range, whole subtrees at once; how many there were.
    ///
    /// # Errors
    /// As [`Self::insert`].
    pub fn remove_range(&mut self, start: Bound<&[u8]>, end: Bound<&[u8]>) -> Result<u64> {
        todo!()
    }

    /// Moves every page of the tree whose id is at or above `page_min` to a lower free id, if there
    /// is one, up to `pages_max` pages; how many. For `compact` only (crash rule 25).
    ///
    /// # Errors
    /// As [`Self::insert`].
    pub fn relocate(&mut self, page_min: u64, pages_max: u64) -> Result<u64> {
        todo!()
    }

    /// Ends it: the new tree, and what became of the pages.
    pub fn finish(self) -> (TreeRoot, Finished) {
        todo!()
    }
}
