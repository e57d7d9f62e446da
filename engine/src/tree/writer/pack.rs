//! Packing leaves: rows of neighbours move together, so that fewer leaves hold them.
//!
//! Called by `db::compact` only (crash rule 25). Random insertion leaves leaves about 69 % full (ln 2:
//! Yao, "On random 2-3 trees", 1978); packed they are [`FILL_BYTES`] full, which leaves a little room for the
//! next rows. All leaves under one parent are written anew, if that saves enough of them. Cost: every
//! leaf is read; those of a packed parent are written, and their old pages retired.

use super::sweep::{Sweep, Swept};
use super::{Writer, mutable};
use crate::error::Result;
use crate::format::node::{NODE_BYTES, Node, NodeMut, child_bytes};
use crate::format::page::PageType;
use crate::ids::{PageId, Pointer};
use crate::pager::{Edit, Want};
use crate::tree::bulk::{Open, shortest_above, write_node};

/// Bytes of a packed leaf.
const FILL_BYTES: usize = NODE_BYTES / 16 * 15;
/// A parent is packed when one in so many of its leaves is saved.
const WORTH_ONE_IN: usize = 16;

/// The new leaves of one parent.
#[derive(Default)]
struct Packed {
    open: Open,
    /// The last key of the leaf before the open one.
    last_key: Vec<u8>,
    /// What stands before a leaf in the parent, and the leaf.
    leaves: Vec<(Vec<u8>, Pointer)>,
}

impl Writer {
    /// Packs leaves, parent by parent, from the one over key `from` on, writing about `pages_max` pages;
    /// how many were saved. No row changes. For `compact` only (crash rule 25).
    ///
    /// # Errors
    /// As [`Self::insert`].
    pub fn pack(&mut self, from: &[u8], pages_max: u64) -> Result<Swept> {
        self.sweep(from, Sweep::new(1, pages_max), &mut |writer, pointer, level, sweep| {
            if level == 1 { writer.pack_parent(pointer, sweep) } else { Ok(pointer) }
        })
    }

    fn pack_parent(&mut self, parent: Pointer, sweep: &mut Sweep) -> Result<Pointer> {
        let page = self.edit.view().fetch(parent, Want::Node { level: 1 })?;
        let node = Node::new(&page);
        let leaves: Vec<Pointer> = (0..node.count()).map(|at| node.child(at)).collect();
        drop(page);
        sweep.saw(leaves.len() as u64);
        if !self.is_worth_packing(&leaves)? {
            return Ok(parent);
        }
        let packed = self.packed(&leaves)?;
        let children = packed.parent(self.cells_max);
        let Some(children) = children.filter(|_| packed.leaves.len() < leaves.len()) else {
            packed.leaves.iter().for_each(|(_, leaf)| self.edit.retire(*leaf, 1));
            return Ok(parent);
        };
        let saved = leaves.len() - packed.leaves.len();
        for leaf in leaves {
            self.edit.retire(leaf, 1);
        }
        let parent = self.edit.make_mut(parent, 1)?;
        write_node(mutable(&mut self.edit, parent), &children, false);
        sweep.wrote(packed.leaves.len() as u64 + 1, saved as u64);
        Ok(parent)
    }

    /// Whether their rows fit into so many fewer leaves that it is worth writing them.
    fn is_worth_packing(&self, leaves: &[Pointer]) -> Result<bool> {
        let mut bytes = 0;
        for leaf in leaves {
            let page = self.edit.view().fetch(*leaf, Want::Node { level: 0 })?;
            bytes += Node::new(&page).used_bytes();
        }
        let needed = bytes.div_ceil(FILL_BYTES).max(2);
        Ok(needed + (leaves.len() / WORTH_ONE_IN).max(1) <= leaves.len())
    }

    /// Writes the rows of `leaves` into new ones.
    fn packed(&mut self, leaves: &[Pointer]) -> Result<Packed> {
        let mut packed = Packed::default();
        let mut right_sibling = PageId::default();
        for leaf in leaves {
            let page = self.edit.view().fetch(*leaf, Want::Node { level: 0 })?;
            let node = Node::new(self.scratch.copy_of(&page));
            drop(page);
            right_sibling = node.right_sibling();
            for index in 0..node.count() {
                let (key, (value, overflow)) = (node.key(index), node.stored_value(index));
                if packed.open.is_full_for((&key, value), true, (self.cells_max, FILL_BYTES)) {
                    packed.close(&mut self.edit)?;
                }
                packed.open.push(&key, value, overflow, true);
            }
        }
        packed.close(&mut self.edit)?;
        packed.name_right_sibling(&mut self.edit, right_sibling);
        Ok(packed)
    }
}

impl Packed {
    /// Writes the open leaf.
    fn close(&mut self, edit: &mut Edit) -> Result<()> {
        edit.make_room()?;
        let leaf = edit.alloc(PageType::Leaf, 0)?;
        self.name_right_sibling(edit, leaf.page);
        let open = std::mem::take(&mut self.open);
        write_node(mutable(edit, leaf), &open, true);
        let first_key = open.key(0).unwrap_or_default();
        let separator = match self.leaves.len() {
            0 => Vec::new(),
            _ => shortest_above(&self.last_key, first_key),
        };
        self.last_key = open.last_key().unwrap_or_default().to_vec();
        self.leaves.push((separator, leaf));
        Ok(())
    }

    /// Tells the last leaf its neighbour, unless it is on disk already: it is a hint.
    fn name_right_sibling(&self, edit: &mut Edit, right: PageId) {
        if let Some((_, last)) = self.leaves.last()
            && let Some(page) = edit.page_mut(*last)
        {
            NodeMut::new(page).set_right_sibling(right);
        }
    }

    /// The parent of these leaves, if they fit one: separators may be longer than those they replace.
    fn parent(&self, cells_max: usize) -> Option<Open> {
        let mut parent = Open::default();
        for (separator, leaf) in &self.leaves {
            let child = child_bytes(*leaf);
            if parent.is_full_for((separator, &child), false, (cells_max, NODE_BYTES)) {
                return None;
            }
            parent.push(separator, &child, false, false);
        }
        (self.leaves.len() > 1).then_some(parent)
    }
}
