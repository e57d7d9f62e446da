//! Underfull nodes after removals: joined with a neighbour where both fit one page, dropped when
//! empty; the root follows.
//!
//! Called by the parent module. Keeps NODE-1 (no empty node). Cost: two pages looked at per level.

use super::{Turn, Writer, mutable};
use crate::error::Result;
use crate::format::node::{Cells, NODE_BYTES, Node, NodeMut};
use crate::ids::Pointer;
use crate::pager::Want;
use crate::tree::TreeRoot;

impl Writer {
    /// Puts the nodes of the finger in order after a removal in its leaf.
    pub(super) fn balance_path(&mut self) -> Result<()> {
        let mut changed = false;
        for at in (0..self.finger.len()).rev() {
            let Turn { pointer, .. } = self.finger[at];
            if !self.is_underfull(pointer) {
                break;
            }
            if at == 0 {
                changed |= self.settle_root()?;
                break;
            }
            let level = (self.finger.len() - 1 - at) as u8;
            let Turn { pointer: parent, index, .. } = self.finger[at - 1];
            if !self.balance_child(parent, index, level)? {
                break;
            }
            changed = true;
        }
        if changed {
            self.finger.clear();
        }
        Ok(())
    }

    pub(super) fn is_underfull(&mut self, pointer: Pointer) -> bool {
        let node = Node::new(mutable(&mut self.edit, pointer));
        node.used_bytes() < NODE_BYTES / 4 || node.count() < 2
    }

    /// Drops child `index` of `parent`, both mutable, if it is empty, else joins it with a neighbour
    /// if both fit one page. Whether the parent lost a slot. `level` is the child's.
    pub(super) fn balance_child(
        &mut self,
        parent: Pointer,
        index: usize,
        level: u8,
    ) -> Result<bool> {
        let node = Node::new(mutable(&mut self.edit, parent));
        let (count, child) = (node.count(), node.child(index));
        if Node::new(mutable(&mut self.edit, child)).count() == 0 {
            self.edit.retire(child, 1);
            NodeMut::new(mutable(&mut self.edit, parent)).remove(index);
            return Ok(true);
        }
        if count < 2 {
            return Ok(false);
        }
        let neighbours = [(index + 1 < count).then(|| index + 1), index.checked_sub(1)];
        for neighbour in neighbours.into_iter().flatten() {
            if self.join(parent, index, neighbour, level)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Joins children `index` (mutable) and `neighbour` of `parent` in the page of `index`, if they
    /// fit.
    fn join(&mut self, parent: Pointer, index: usize, neighbour: usize, level: u8) -> Result<bool> {
        let (left, right) = (index.min(neighbour), index.max(neighbour));
        let node = Node::new(mutable(&mut self.edit, parent));
        let separator = node.key(right);
        let (kept, dropped) = (node.child(index), node.child(neighbour));
        let own = Node::new(self.scratch.copy_of(mutable(&mut self.edit, kept)));
        let view = self.edit.view();
        let other = view.fetch(dropped, Want::Node { level })?;
        let other_node = Node::new(&other);
        // Not worth copying the other one when it is clear that they do not fit.
        if own.used_bytes() + other_node.used_bytes() > 2 * NODE_BYTES {
            return Ok(false);
        }
        let (left_node, right_node) =
            if index == left { (own, other_node) } else { (other_node, own) };
        let cells = Cells::joined(left_node, &separator, right_node);
        if !cells.fit_one_node(self.cells_max) {
            return Ok(false);
        }
        let mut joined = Box::new(*own.bytes());
        let mut joined_node = NodeMut::new(&mut joined);
        joined_node.encode(&cells, 0..cells.count());
        joined_node.set_right_sibling(right_node.right_sibling());
        drop(other);
        mutable(&mut self.edit, kept).copy_from_slice(&joined[..]);
        self.edit.retire(dropped, 1);
        let mut node = NodeMut::new(mutable(&mut self.edit, parent));
        node.remove(right);
        node.set_child(left, kept);
        Ok(true)
    }

    /// Takes roots with one child off the tree, and the root leaf when it is empty. The root is
    /// mutable.
    pub(super) fn settle_root(&mut self) -> Result<bool> {
        let mut changed = false;
        while self.root.depth > 0 {
            let view = self.edit.view();
            let level = (self.root.depth - 1) as u8;
            let page = view.fetch(self.root.root, Want::Node { level })?;
            let node = Node::new(&page);
            let (count, child) = (node.count(), node.child(0));
            drop(page);
            let old = self.root.root;
            match (count, level) {
                (0, _) => self.root = TreeRoot::EMPTY,
                (1, 1..) => {
                    self.root.root = child;
                    self.root.depth -= 1;
                }
                _ => break,
            }
            self.edit.retire(old, 1);
            changed = true;
        }
        Ok(changed)
    }
}
