//! Moving pages towards the front of the file, so that its tail becomes free and can be cut.
//!
//! Called by `db::compact` only (crash rule 25). Cost: the internal nodes and leaves are read; moved
//! pages and those above them are copied.

use super::remove_range::long_values;
use super::sweep::{Sweep, Swept};
use super::{Writer, mutable};
use crate::error::Result;
use crate::format::node::{CellValue, Node, NodeMut};
use crate::ids::Pointer;
use crate::pager::Want;
use crate::tree::value;

impl Writer {
    /// Moves pages of the tree whose ids are at or above `page_min` to the lowest free ids, about
    /// `pages_max` of them at most, from the leaf of key `from` on. For `compact` only (crash rule
    /// 25). The caller sees to it that there are free pages below `page_min`.
    ///
    /// # Errors
    /// As [`Self::insert`].
    pub fn relocate(&mut self, from: &[u8], page_min: u64, pages_max: u64) -> Result<Swept> {
        let mut visit = |writer: &mut Self, pointer: Pointer, level: u8, sweep: &mut Sweep| {
            writer.relocate_node(pointer, level, page_min, sweep)
        };
        self.sweep(from, Sweep::new(0, pages_max), &mut visit)
    }

    fn relocate_node(
        &mut self,
        pointer: Pointer,
        level: u8,
        page_min: u64,
        sweep: &mut Sweep,
    ) -> Result<Pointer> {
        let mut pointer = pointer;
        if level == 0 {
            sweep.saw(1);
            pointer = self.relocate_values(pointer, page_min, sweep)?;
        }
        if pointer.page.get() >= page_min && !self.edit.is_mutable(pointer) {
            pointer = self.edit.make_mut(pointer, level)?;
            sweep.wrote(1, 1);
        }
        Ok(pointer)
    }

    fn relocate_values(
        &mut self,
        leaf: Pointer,
        page_min: u64,
        sweep: &mut Sweep,
    ) -> Result<Pointer> {
        let mut leaf = leaf;
        let page = self.edit.view().fetch(leaf, Want::Node { level: 0 })?;
        let count = Node::new(&page).count();
        let any = !long_values(Node::new(&page), 0..count).is_empty();
        drop(page);
        for index in 0..if any { count } else { 0 } {
            let page = self.edit.view().fetch(leaf, Want::Node { level: 0 })?;
            let CellValue::Overflow(descriptor) = Node::new(&page).value(index) else { continue };
            drop(page);
            let (mut extents, mut high) = (Vec::new(), false);
            value::extents(self.edit.view(), leaf.page, descriptor, &mut |extent| {
                high |= extent.first.page.get() + u64::from(extent.count) > page_min;
                extents.push(extent);
            })?;
            if !high || sweep.is_over() {
                continue;
            }
            let mut bytes = Vec::new();
            value::read(self.edit.view(), leaf.page, descriptor, &mut bytes)?;
            let moved = value::write(&mut self.edit, &bytes)?;
            for extent in extents {
                self.edit.retire(extent.first, extent.count);
            }
            leaf = self.edit.make_mut(leaf, 0)?;
            let mut node = NodeMut::new(mutable(&mut self.edit, leaf));
            let set = node.set_value(index, &moved.to_bytes(), true);
            assert!(set, "all descriptors have one width");
            let pages = descriptor.pages_needed();
            sweep.wrote(pages, pages);
        }
        Ok(leaf)
    }
}
