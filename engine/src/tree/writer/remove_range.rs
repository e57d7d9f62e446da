//! Removal of all rows between two bounds: whole subtrees are retired, only the two edges are edited.
//!
//! Called by `txn::write` and by replay. Recursion is bounded by the depth, which every hop checks.
//! Cost: the leaves in the range are read (their rows are counted, their long values retired), the
//! pages on the two edges are copied.

use super::{Writer, mutable};
use crate::error::Result;
use crate::format::node::{CellValue, Node, NodeMut};
use crate::format::overflow::ValueDescriptor;
use crate::ids::Pointer;
use crate::pager::Want;
use crate::tree::path::top;
use std::ops::{Bound, Range};

type Bounds<'k> = (Bound<&'k [u8]>, Bound<&'k [u8]>);

impl Writer {
    /// Removes all rows in the range, whole subtrees at once; how many there were.
    ///
    /// # Errors
    /// As [`Self::insert`].
    pub fn remove_range(&mut self, start: Bound<&[u8]>, end: Bound<&[u8]>) -> Result<u64> {
        self.edit.make_room()?;
        self.finger.clear();
        let Some((root, level)) = top(&self.root)? else { return Ok(0) };
        let before = self.root.key_count;
        match self.prune(root, level, (start, end))? {
            Some(pruned) => {
                self.root.root = pruned;
                if self.edit.is_mutable(pruned) {
                    self.settle_root()?;
                }
            }
            None => self.root = super::TreeRoot::EMPTY,
        }
        Ok(before - self.root.key_count)
    }

    /// The subtree without the rows in `bounds`; `None` when nothing is left.
    fn prune(
        &mut self,
        pointer: Pointer,
        level: u8,
        bounds: Bounds<'_>,
    ) -> Result<Option<Pointer>> {
        if level == 0 {
            return self.prune_leaf(pointer, bounds);
        }
        let view = self.edit.view();
        let page = view.fetch(pointer, Want::Node { level })?;
        let node = Node::new(&page);
        let (start, end) = bounds;
        let first = match start {
            Bound::Unbounded => 0,
            Bound::Included(key) | Bound::Excluded(key) => node.find_child(key),
        };
        let last = match end {
            Bound::Unbounded => node.count().saturating_sub(1),
            Bound::Included(key) | Bound::Excluded(key) => node.find_child(key),
        };
        if first > last {
            return Ok(Some(pointer));
        }
        let children: Vec<Pointer> = (first..=last).map(|index| node.child(index)).collect();
        let count = node.count();
        drop(page);
        let mut left: Vec<Option<Pointer>> = Vec::with_capacity(children.len());
        for (index, child) in children.iter().enumerate() {
            let start = if index == 0 { start } else { Bound::Unbounded };
            let end = if index + 1 == children.len() { end } else { Bound::Unbounded };
            left.push(match (start, end) {
                (Bound::Unbounded, Bound::Unbounded) => {
                    self.drop_subtree(*child, level - 1)?;
                    None
                }
                bounds => self.prune(*child, level - 1, bounds)?,
            });
        }
        if left.iter().zip(&children).all(|(left, child)| *left == Some(*child)) {
            return Ok(Some(pointer));
        }
        if count == children.len() && left.iter().all(Option::is_none) {
            self.edit.retire(pointer, 1);
            return Ok(None);
        }
        let owned = self.edit.make_mut(pointer, level)?;
        self.close_gap(owned, first, &left, level - 1)?;
        Ok(Some(owned))
    }

    /// Writes what is `left` of the children from `first` on into their parent, and joins the two
    /// edges when they have become small.
    fn close_gap(
        &mut self,
        parent: Pointer,
        first: usize,
        left: &[Option<Pointer>],
        level: u8,
    ) -> Result<()> {
        let mut node = NodeMut::new(mutable(&mut self.edit, parent));
        for (offset, child) in left.iter().enumerate().rev() {
            match child {
                Some(child) => node.set_child(first + offset, *child),
                None => node.remove(first + offset),
            }
        }
        let kept = left.iter().flatten().count();
        let mut index = first + kept;
        while index > first.saturating_sub(1) {
            index -= 1;
            let node = Node::new(mutable(&mut self.edit, parent));
            if index >= node.count() {
                continue;
            }
            let child = node.child(index);
            if self.edit.is_mutable(child) && self.is_underfull(child) {
                self.balance_child(parent, index, level)?;
            }
        }
        Ok(())
    }

    fn prune_leaf(
        &mut self,
        pointer: Pointer,
        (start, end): Bounds<'_>,
    ) -> Result<Option<Pointer>> {
        let view = self.edit.view();
        let page = view.fetch(pointer, Want::Node { level: 0 })?;
        let node = Node::new(&page);
        let low = crate::tree::range::first_inside(node, start);
        let high = crate::tree::range::count_inside(node, end);
        let whole = low == 0 && high == node.count();
        let values = long_values(node, low..high.max(low));
        drop(page);
        if low >= high {
            return Ok(Some(pointer));
        }
        for descriptor in values {
            self.retire_value(pointer.page, descriptor)?;
        }
        self.root.key_count = self.root.key_count.saturating_sub((high - low) as u64);
        if whole {
            self.edit.retire(pointer, 1);
            return Ok(None);
        }
        let owned = self.edit.make_mut(pointer, 0)?;
        NodeMut::new(mutable(&mut self.edit, owned)).remove_range(low..high);
        Ok(Some(owned))
    }

    fn drop_subtree(&mut self, pointer: Pointer, level: u8) -> Result<()> {
        let view = self.edit.view();
        let page = view.fetch(pointer, Want::Node { level })?;
        let node = Node::new(&page);
        if level > 0 {
            let children: Vec<Pointer> = (0..node.count()).map(|at| node.child(at)).collect();
            drop(page);
            for child in children {
                self.drop_subtree(child, level - 1)?;
            }
        } else {
            let rows = node.count() as u64;
            let values = long_values(node, 0..node.count());
            drop(page);
            for descriptor in values {
                self.retire_value(pointer.page, descriptor)?;
            }
            self.root.key_count = self.root.key_count.saturating_sub(rows);
        }
        self.edit.retire(pointer, 1);
        Ok(())
    }
}

/// The long values among the rows of `range`.
pub(super) fn long_values(node: Node<'_>, range: Range<usize>) -> Vec<ValueDescriptor> {
    let values = range.map(|index| node.value(index));
    values
        .filter_map(|value| match value {
            CellValue::Overflow(descriptor) => Some(descriptor),
            CellValue::Inline(_) => None,
        })
        .collect()
}
