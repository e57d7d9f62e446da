//! A tree being changed: an edit and the root it has come to.
//!
//! Called by `txn::write` and by recovery. Keeps CRASH-9 through [`Edit`]. Cost: one page copy per
//! level for the first change below it, none for further ones; a change next to the last one needs
//! no descent (the finger).

mod balance;
mod pack;
mod relocate;
mod remove_range;
mod sweep;

pub use sweep::Swept;

use super::path::top;
use super::{TreeRoot, value};
use crate::error::Result;
use crate::format::node::{CellValue, Cells, Insert, Node, NodeMut, Scratch, SplitAt, child_bytes};
use crate::format::overflow::ValueDescriptor;
use crate::format::page::PageType;
use crate::ids::{PageId, Pointer};
use crate::limits::INLINE_ROW_BYTES_MAX;
use crate::pager::{Edit, Finished, Page, View, Want};

/// After so many insertions in rising order a split leaves the left node full, wherever in the tree
/// it is: keys that rise behind a common front (a queue's, a series') fill their pages, too.
const RISING_MIN: u32 = 16;

/// A node on the way to a leaf.
#[derive(Clone, Copy, Debug)]
struct Turn {
    pointer: Pointer,
    /// The child that was taken; in the leaf, nothing.
    index: usize,
    /// Whether there is no node to its right on its level.
    is_last: bool,
}

/// How the leaf of a key was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Located {
    /// It is the leaf of the change before, and with all above it the edit's own.
    AtFinger,
    /// By a descent: pages may be other transactions'.
    Descended,
}

/// Changes a tree. Readers of the old root see the old tree.
pub struct Writer {
    edit: Edit,
    root: TreeRoot,
    /// From the root to the leaf of the last change; empty when that is not known any more.
    finger: Vec<Turn>,
    finger_spills: u64,
    cells_max: usize,
    scratch: Scratch,
    /// Insertions in a row that each went right behind the one before.
    rising: u32,
    /// Leaf and slot of the last insertion; not known after a split.
    last: Option<(Pointer, usize)>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer")
            .field("root", &self.root)
            .field("edit", &self.edit)
            .finish_non_exhaustive()
    }
}

impl Writer {
    /// Starts from `root`.
    pub fn new(edit: Edit, root: TreeRoot) -> Self {
        let cells_max = edit.pager().cells_max();
        Self {
            edit,
            root,
            finger: Vec::new(),
            finger_spills: 0,
            cells_max,
            scratch: Scratch::default(),
            rising: 0,
            last: None,
        }
    }

    /// Where the tree has come to.
    pub fn root(&self) -> &TreeRoot {
        &self.root
    }

    /// For reading the changed tree with the functions of this module.
    pub fn view(&self) -> View<'_> {
        self.edit.view()
    }

    /// The pages behind it.
    pub fn edit(&self) -> &Edit {
        &self.edit
    }

    /// Stores `value` under `key`; whether a row was replaced. Limits are the caller's to check.
    ///
    /// # Errors
    /// `Corrupt`, `Io`, `OutOfSpace`. The tree is then undefined: abort.
    pub fn insert(&mut self, key: &[u8], value: &[u8]) -> Result<bool> {
        self.edit.make_room()?;
        if key.len() + value.len() <= INLINE_ROW_BYTES_MAX {
            return self.put(key, value, false);
        }
        let descriptor = value::write(&mut self.edit, value)?.to_bytes();
        self.put(key, &descriptor, true)
    }

    fn put(&mut self, key: &[u8], value: &[u8], overflow: bool) -> Result<bool> {
        if self.root.depth == 0 {
            self.plant()?;
        }
        if self.locate(key)? == Located::Descended {
            // While the nodes above it are copied, the leaf comes near.
            self.edit.prefetch_node(self.leaf());
            self.own_path()?;
        }
        let leaf = self.leaf();
        let page = mutable(&mut self.edit, leaf);
        let (index, replaced) = match place_of(Node::new(page), key, self.rising > 0) {
            Err(index) => (index, false),
            Ok(index) => {
                let old = Node::new(page).value(index);
                let old = match old {
                    CellValue::Overflow(descriptor) => Some(descriptor),
                    CellValue::Inline(_) => None,
                };
                let mut node = NodeMut::new(page);
                let in_place = node.set_value(index, value, overflow);
                if !in_place {
                    node.remove(index);
                }
                if let Some(descriptor) = old {
                    self.retire_value(leaf.page, descriptor)?;
                }
                if in_place {
                    return Ok(true);
                }
                (index, true)
            }
        };
        let follows = self.last.is_none_or(|(last, at)| last == leaf && at + 1 == index);
        self.rising = if follows { self.rising.saturating_add(1) } else { 0 };
        self.last = Some((leaf, index));
        self.put_cell(Insert { index, key, value, overflow })?;
        self.root.key_count = self.root.key_count.saturating_add(u64::from(!replaced));
        Ok(replaced)
    }

    /// Says that `key` is changed after the next change: brings its leaf near, when that hangs on the
    /// parent of the last changed one.
    pub fn expect(&self, key: &[u8]) {
        if self.rising >= RISING_MIN {
            return; // The same leaf most likely, else a new one.
        }
        let [.., parent, leaf] = self.finger.as_slice() else { return };
        let Some(page) = self.edit.own_page(parent.pointer) else { return };
        let node = Node::new(page);
        let child = node.child(node.find_child(key));
        if child != leaf.pointer {
            self.edit.prefetch_node(child);
        }
    }

    /// Removes `key`; whether it was there.
    ///
    /// # Errors
    /// As [`Self::insert`].
    pub fn remove(&mut self, key: &[u8]) -> Result<bool> {
        self.edit.make_room()?;
        if self.root.depth == 0 {
            return Ok(false);
        }
        if self.locate(key)? == Located::Descended {
            // All of it: what the search does not look at is copied next.
            self.edit.prefetch_node(self.leaf());
        }
        let leaf = self.leaf();
        let page = self.view().fetch(leaf, Want::Node { level: 0 })?;
        let node = Node::new(&page);
        let Ok(index) = node.search(key) else { return Ok(false) };
        let value = node.value(index);
        let descriptor = match value {
            CellValue::Overflow(descriptor) => Some(descriptor),
            CellValue::Inline(_) => None,
        };
        drop(page);
        self.own_path()?;
        if let Some(descriptor) = descriptor {
            self.retire_value(leaf.page, descriptor)?;
        }
        let leaf = self.leaf();
        NodeMut::new(mutable(&mut self.edit, leaf)).remove(index);
        self.root.key_count = self.root.key_count.saturating_sub(1);
        self.balance_path()?;
        Ok(true)
    }

    /// Ends it: the new tree, and what became of the pages.
    pub fn finish(self) -> (TreeRoot, Finished) {
        (self.root, self.edit.finish())
    }

    /// The first leaf of an empty tree.
    fn plant(&mut self) -> Result<()> {
        let leaf = self.edit.alloc(PageType::Leaf, 0)?;
        NodeMut::new(mutable(&mut self.edit, leaf)).clear();
        self.root = TreeRoot { root: leaf, depth: 1, key_count: 0 };
        self.finger.clear();
        Ok(())
    }

    fn leaf(&self) -> Pointer {
        self.finger.last().map_or(Pointer::NULL, |turn| turn.pointer)
    }

    /// Brings the finger to the leaf that `key` belongs to, by a descent unless it is there.
    fn locate(&mut self, key: &[u8]) -> Result<Located> {
        if self.finger_spills == self.edit.spill_count() && self.finger_is_at(key) {
            return Ok(Located::AtFinger);
        }
        self.finger_spills = self.edit.spill_count();
        self.finger.clear();
        let Some((mut pointer, mut level)) = top(&self.root)? else {
            return Ok(Located::Descended);
        };
        let mut is_last = true;
        let view = self.edit.view();
        let mut step = |page: &Page, pointer: Pointer| {
            let node = Node::new(page);
            let index = node.find_child(key);
            self.finger.push(Turn { pointer, index, is_last });
            is_last &= index + 1 == node.count();
            node.child(index)
        };
        while level > 0 {
            let reading = view.enter();
            while level > 0
                && let Some(page) = reading.page(pointer, Want::Node { level })?
            {
                (pointer, level) = (step(&page, pointer), level - 1);
            }
            drop(reading);
            if level > 0 {
                let page = view.fetch(pointer, Want::Node { level })?;
                (pointer, level) = (step(&page, pointer), level - 1);
            }
        }
        self.finger.push(Turn { pointer, index: 0, is_last });
        Ok(Located::Descended)
    }

    /// Whether `key` certainly belongs to the leaf of the finger.
    fn finger_is_at(&self, key: &[u8]) -> bool {
        let Some(turn) = self.finger.last() else { return false };
        let Some(page) = self.edit.own_page(turn.pointer) else { return false };
        let node = Node::new(page);
        node.count() > 0 && node.spans(key, turn.is_last)
    }

    /// Makes every page of the finger one of this edit, from the root down, and tells the parents.
    fn own_path(&mut self) -> Result<()> {
        if self.edit.is_mutable(self.leaf()) {
            // Then all above it are, too: who copies a page writes its new id into its parent.
            return Ok(());
        }
        let mut level = self.finger.len() as u8;
        let mut parent: Option<(Pointer, usize)> = None;
        for at in 0..self.finger.len() {
            level -= 1;
            let Turn { pointer, index, .. } = self.finger[at];
            let owned = self.edit.make_mut(pointer, level)?;
            if owned != pointer {
                match parent {
                    None => self.root.root = owned,
                    Some((parent, index)) => {
                        NodeMut::new(mutable(&mut self.edit, parent)).set_child(index, owned);
                    }
                }
                self.finger[at].pointer = owned;
            }
            parent = Some((owned, index));
        }
        Ok(())
    }

    /// Puts a cell into the leaf of the finger, and splits upwards as far as needed.
    fn put_cell(&mut self, insert: Insert<'_>) -> Result<()> {
        let leaf = self.leaf();
        let mut node = NodeMut::new(mutable(&mut self.edit, leaf));
        if node.insert(insert, self.cells_max, &mut self.scratch) {
            return Ok(());
        }
        let mut at = self.finger.len() - 1;
        let (mut separator, mut right) = self.split(at, insert)?;
        loop {
            let level = (self.finger.len() - at) as u8;
            if at == 0 {
                self.grow(level, &separator, right)?;
                break;
            }
            at -= 1;
            let Turn { pointer, index, .. } = self.finger[at];
            let child = child_bytes(right);
            let insert =
                Insert { index: index + 1, key: &separator, value: &child, overflow: false };
            let mut node = NodeMut::new(mutable(&mut self.edit, pointer));
            if node.insert(insert, self.cells_max, &mut self.scratch) {
                break;
            }
            (separator, right) = self.split(at, insert)?;
        }
        self.finger.clear();
        self.last = None;
        Ok(())
    }

    /// Splits the node at turn `at` with `insert` put in; the separator and the new right node.
    fn split(&mut self, at: usize, insert: Insert<'_>) -> Result<(Vec<u8>, Pointer)> {
        let Turn { pointer, is_last, .. } = self.finger[at];
        let level = (self.finger.len() - 1 - at) as u8;
        let page_type = if level == 0 { PageType::Leaf } else { PageType::Internal };
        let right = self.edit.alloc(page_type, level)?;
        if level == 0 && is_last && insert.index == mutable_count(&mut self.edit, pointer) {
            return Ok(self.split_off(pointer, right, insert));
        }
        let node = Node::new(self.scratch.copy_of(mutable(&mut self.edit, pointer)));
        let at_end = insert.index == node.count();
        let leaf_at = self.finger.len() - 1;
        let rising = self.rising >= RISING_MIN;
        let cells = Cells::new(node, Some(insert));
        let split_at = match (at_end, at_end && is_last || rising) {
            (true, true) => SplitAt::End,
            // Above the leaves the middle is right: the children of both sides will grow.
            (false, true) if at == leaf_at => SplitAt::Behind(insert.index),
            _ => SplitAt::Middle,
        };
        let place = cells.split_point(split_at, self.cells_max);
        let separator = cells.separator(place);
        let mut right_node = NodeMut::new(mutable(&mut self.edit, right));
        right_node.encode(&cells, place..cells.count());
        right_node.set_right_sibling(node.right_sibling());
        let mut left_node = NodeMut::new(mutable(&mut self.edit, pointer));
        left_node.encode(&cells, 0..place);
        left_node.set_right_sibling(right.page);
        Ok((separator, right))
    }

    /// Splits the last leaf behind its last row: `insert`, which comes behind that, starts the right
    /// one, and the left one stays as it is. The right one begins with what both keys share: rows that
    /// go on rising most likely share it too.
    fn split_off(
        &mut self,
        left: Pointer,
        right: Pointer,
        insert: Insert<'_>,
    ) -> (Vec<u8>, Pointer) {
        let page = mutable(&mut self.edit, left);
        let sibling = Node::new(page).right_sibling();
        let separator = Cells::new(Node::new(page), Some(insert)).separator(insert.index);
        NodeMut::new(page).set_right_sibling(right.page);
        let shared = separator.len().saturating_sub(1);
        let mut node = NodeMut::new(mutable(&mut self.edit, right));
        node.begin(&insert.key[..shared]);
        node.push(insert.key, insert.value, insert.overflow);
        node.set_right_sibling(sibling);
        (separator, right)
    }

    /// A new root above the old one and `right`.
    fn grow(&mut self, level: u8, separator: &[u8], right: Pointer) -> Result<()> {
        let root = self.edit.alloc(PageType::Internal, level)?;
        let mut node = NodeMut::new(mutable(&mut self.edit, root));
        node.clear();
        let (old, new) = (child_bytes(self.root.root), child_bytes(right));
        for (index, key, value) in [(0, &[][..], &old), (1, separator, &new)] {
            let insert = Insert { index, key, value, overflow: false };
            let fits = node.insert(insert, usize::MAX, &mut self.scratch);
            assert!(fits, "two children fit an empty node");
        }
        self.root.root = root;
        self.root.depth += 1;
        Ok(())
    }

    /// Retires the pages of a long value that leaf `leaf` described.
    fn retire_value(&mut self, leaf: PageId, descriptor: ValueDescriptor) -> Result<()> {
        let mut extents = Vec::new();
        value::extents(self.edit.view(), leaf, descriptor, &mut |extent| extents.push(extent))?;
        for extent in extents {
            self.edit.retire(extent.first, extent.count);
        }
        Ok(())
    }
}

/// Slots of a page that is mutable.
fn mutable_count(edit: &mut Edit, pointer: Pointer) -> usize {
    Node::new(mutable(edit, pointer)).count()
}

/// Where `key` is in a leaf or would be; when keys are `rising`, behind the last one most likely.
fn place_of(node: Node<'_>, key: &[u8], rising: bool) -> std::result::Result<usize, usize> {
    match node.count() {
        count @ 1.. if rising && node.compare_key(count - 1, key).is_lt() => Err(count),
        _ => node.search(key),
    }
}

/// A page that this edit has made mutable before.
fn mutable(edit: &mut Edit, pointer: Pointer) -> &mut Page {
    edit.page_mut(pointer).expect("pages on the path are the edit's own until it makes room")
}
