//! Moving pages towards the front of the file, so that its tail becomes free and can be cut.
//!
//! Called by `db::compact` only (crash rule 25). Cost: the internal nodes and leaves are read; moved
//! pages and those above them are copied.

use super::remove_range::long_values;
use super::{Writer, mutable};
use crate::error::Result;
use crate::format::node::{CellValue, Node, NodeMut};
use crate::ids::Pointer;
use crate::pager::Want;
use crate::tree::path::top;
use crate::tree::value;

/// What one relocation may still do.
struct Task {
    page_min: u64,
    pages_left: u64,
    moved: u64,
}

impl Writer {
    /// Moves pages of the tree whose ids are at or above `page_min` to the lowest free ids, about
    /// `pages_max` of them at most; how many. For `compact` only (crash rule 25). The caller sees to
    /// it that there are free pages below `page_min`.
    ///
    /// # Errors
    /// As [`Self::insert`].
    pub fn relocate(&mut self, page_min: u64, pages_max: u64) -> Result<u64> {
        self.finger.clear();
        let Some((root, level)) = top(&self.root)? else { return Ok(0) };
        let mut task = Task { page_min, pages_left: pages_max, moved: 0 };
        self.root.root = self.relocate_node(root, level, &mut task)?;
        Ok(task.moved)
    }

    fn relocate_node(&mut self, pointer: Pointer, level: u8, task: &mut Task) -> Result<Pointer> {
        let mut pointer = pointer;
        if task.pages_left == 0 {
            return Ok(pointer);
        }
        // Each node is an operation of its own: a commit may move more pages than the cache has frames.
        self.edit.make_room()?;
        if level == 0 {
            pointer = self.relocate_values(pointer, task)?;
        } else {
            let page = self.edit.view().fetch(pointer, Want::Node { level })?;
            let node = Node::new(&page);
            let children: Vec<Pointer> = (0..node.count()).map(|at| node.child(at)).collect();
            drop(page);
            for (index, child) in children.into_iter().enumerate() {
                let moved = self.relocate_node(child, level - 1, task)?;
                if moved != child {
                    // Anew each time: moving what is below may have frozen the copy.
                    pointer = self.edit.make_mut(pointer, level)?;
                    NodeMut::new(mutable(&mut self.edit, pointer)).set_child(index, moved);
                }
            }
        }
        if pointer.page.get() >= task.page_min && !self.edit.is_mutable(pointer) {
            pointer = self.edit.make_mut(pointer, level)?;
            task.count(1);
        }
        Ok(pointer)
    }

    fn relocate_values(&mut self, leaf: Pointer, task: &mut Task) -> Result<Pointer> {
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
                high |= extent.first.page.get() + u64::from(extent.count) > task.page_min;
                extents.push(extent);
            })?;
            if !high || task.pages_left == 0 {
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
            task.count(descriptor.pages_needed());
        }
        Ok(leaf)
    }
}

impl Task {
    fn count(&mut self, pages: u64) {
        self.moved += pages;
        self.pages_left = self.pages_left.saturating_sub(pages);
    }
}
