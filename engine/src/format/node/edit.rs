//! Changing a node in place, and writing one anew from a sequence of cells.
//!
//! Called by `tree` on pages of an edit. What it writes, [`super::check_node`] accepts. Cost of an
//! insertion: moving the slots behind it; a compaction rewrites the page.

use super::cells::{Cells, Insert};
use super::view::{
    COUNT_OFFSET, DEAD_OFFSET, HEAP_OFFSET, HINTS_OFFSET, Node, PREFIX_OFFSET, SIBLING_OFFSET,
    head_of,
};
use super::{HINT_COUNT, HINTED_COUNT_MIN, NODE_BYTES, OVERFLOW_BIT, SLOTS_OFFSET, Slot};
use crate::format::field::Scalar;
use crate::ids::{PageId, Pointer};
use crate::limits::PAGE_BYTES;
use std::ops::Range;

/// Room for a copy of a page while the page is written anew; taken when it is first needed.
#[derive(Debug, Default)]
pub struct Scratch(Option<Box<[u8; PAGE_BYTES]>>);

impl Scratch {
    /// A copy of `page`, valid until the next one.
    pub fn copy_of(&mut self, page: &[u8; PAGE_BYTES]) -> &[u8; PAGE_BYTES] {
        let copy = self.0.get_or_insert_with(|| Box::new([0; PAGE_BYTES]));
        copy.copy_from_slice(page);
        copy
    }
}

/// A node being changed. Its page header is the pager's to fill in.
#[derive(Debug)]
pub struct NodeMut<'a> {
    bytes: &'a mut [u8; PAGE_BYTES],
}

impl<'a> NodeMut<'a> {
    /// Looks at `bytes` as a node to change.
    pub fn new(bytes: &'a mut [u8; PAGE_BYTES]) -> Self {
        Self { bytes }
    }

    /// The same node, to read.
    #[inline]
    pub fn node(&self) -> Node<'_> {
        Node::new(self.bytes)
    }

    fn set_u16(&mut self, offset: usize, value: usize) {
        let value = u16::try_from(value).expect("offsets and lengths in a page fit 16 bits");
        self.bytes[offset..offset + 2].copy_from_slice(&value.to_le_bytes());
    }

    /// Names the right neighbour; see [`Node::right_sibling`].
    pub fn set_right_sibling(&mut self, page: PageId) {
        self.bytes[SIBLING_OFFSET..SIBLING_OFFSET + 8].copy_from_slice(&page.get().to_le_bytes());
    }

    /// Empties it.
    pub fn clear(&mut self) {
        self.set_u16(COUNT_OFFSET, 0);
        self.set_u16(PREFIX_OFFSET, 0);
        self.set_u16(HEAP_OFFSET, PAGE_BYTES);
        self.set_u16(DEAD_OFFSET, 0);
        self.bytes[HINTS_OFFSET..SLOTS_OFFSET].fill(0);
    }

    /// Puts a cell in; `false` when the node is too full, even when compacted, and nothing changed.
    #[must_use]
    pub fn insert(&mut self, insert: Insert<'_>, cells_max: usize, scratch: &mut Scratch) -> bool {
        let node = self.node();
        let count = node.count();
        if count >= cells_max {
            return false;
        }
        let prefix = node.prefix();
        let cell_bytes = insert.key.len() + insert.value.len() + Slot::BYTES;
        if insert.key.starts_with(prefix) {
            let suffix = &insert.key[prefix.len()..];
            if cell_bytes - prefix.len() <= node.gap_bytes() {
                self.place(insert.index, (&[], suffix), insert.value, insert.overflow);
                self.update_hints(insert.index, count);
                return true;
            }
        }
        let cells = Cells::new(node, Some(insert));
        let whole = 0..count + 1;
        let old_prefix = prefix.len();
        let keyed = count - usize::from(!node.is_leaf());
        let whole_cells = (node.used_bytes() - old_prefix) + keyed * old_prefix + cell_bytes;
        if whole_cells - keyed * cells.prefix_bytes(&whole) > NODE_BYTES {
            return false;
        }
        let copy = Node::new(scratch.copy_of(self.bytes));
        self.encode(&Cells::new(copy, Some(insert)), whole);
        true
    }

    /// Takes slot `index` out.
    pub fn remove(&mut self, index: usize) {
        self.remove_range(index..index + 1);
    }

    /// Takes the slots of `range` out.
    pub fn remove_range(&mut self, range: Range<usize>) {
        let count = self.node().count();
        let mut dead = self.node().dead_bytes();
        for index in range.clone() {
            let slot = self.node().slot(index);
            dead += usize::from(slot.key_bytes) + usize::from(slot.value_bytes & !OVERFLOW_BIT);
        }
        let at = |index: usize| SLOTS_OFFSET + index * Slot::BYTES;
        self.bytes.copy_within(at(range.end)..at(count), at(range.start));
        self.set_u16(COUNT_OFFSET, count - range.len());
        if count == range.len() {
            return self.clear();
        }
        self.set_u16(DEAD_OFFSET, dead);
        if range.start == 0 && !self.node().is_leaf() {
            self.open_first();
        }
        self.update_hints(range.start, count);
    }

    /// Makes slot 0 of an internal node stand for minus infinity: its key is dropped.
    fn open_first(&mut self) {
        let slot = self.node().slot(0);
        let dead = self.node().dead_bytes() + usize::from(slot.key_bytes);
        let offset = slot.offset + slot.key_bytes;
        self.write_slot(0, Slot { offset, key_bytes: 0, head: 0, ..slot });
        self.set_u16(DEAD_OFFSET, dead);
    }

    /// Replaces the value of slot `index` where it stands; `false` when it is longer than the old
    /// one, and nothing changed.
    #[must_use]
    pub fn set_value(&mut self, index: usize, value: &[u8], overflow: bool) -> bool {
        let slot = self.node().slot(index);
        let old_bytes = usize::from(slot.value_bytes & !OVERFLOW_BIT);
        if value.len() > old_bytes {
            return false;
        }
        let start = usize::from(slot.offset) + usize::from(slot.key_bytes);
        self.bytes[start..start + value.len()].copy_from_slice(value);
        if value.len() < old_bytes || overflow != (slot.value_bytes & OVERFLOW_BIT != 0) {
            let value_bytes = value.len() as u16 | if overflow { OVERFLOW_BIT } else { 0 };
            self.write_slot(index, Slot { value_bytes, ..slot });
            let dead = self.node().dead_bytes() + old_bytes - value.len();
            self.set_u16(DEAD_OFFSET, dead);
        }
        true
    }

    /// Replaces the child of slot `index` of an internal node.
    pub fn set_child(&mut self, index: usize, child: Pointer) {
        let set = self.set_value(index, &child_bytes(child), false);
        assert!(set, "all children have one width");
    }

    /// Writes the node anew from the cells of `range`. The right sibling stays.
    pub fn encode(&mut self, cells: &Cells<'_>, range: Range<usize>) {
        let leaf = cells.is_leaf();
        let prefix_bytes = cells.prefix_bytes(&range);
        self.clear();
        if prefix_bytes > 0 {
            let first = cells.cell(range.start + usize::from(!leaf));
            let start = PAGE_BYTES - prefix_bytes;
            let front = first.front.len().min(prefix_bytes);
            let (left, right) = self.bytes[start..].split_at_mut(front);
            left.copy_from_slice(&first.front[..front]);
            right.copy_from_slice(&first.back[..prefix_bytes - front]);
            self.set_u16(PREFIX_OFFSET, prefix_bytes);
            self.set_u16(HEAP_OFFSET, start);
        }
        for (index, source) in range.enumerate() {
            let cell = cells.cell(source);
            let open_ended = index == 0 && !leaf;
            let key = if open_ended { (&[][..], &[][..]) } else { cell.suffix(prefix_bytes) };
            self.place(index, key, cell.value, cell.overflow);
        }
        self.update_hints(0, 0);
    }

    /// Empties it and gives it the common prefix of the cells to come; for a bulk build.
    pub fn begin(&mut self, prefix: &[u8]) {
        self.clear();
        let start = PAGE_BYTES - prefix.len();
        self.bytes[start..].copy_from_slice(prefix);
        self.set_u16(PREFIX_OFFSET, prefix.len());
        self.set_u16(HEAP_OFFSET, start);
    }

    /// Appends a cell behind all others. Its key starts with the prefix that was begun with; the
    /// caller has counted the bytes.
    pub fn push(&mut self, key: &[u8], value: &[u8], overflow: bool) {
        let (count, prefix) = (self.node().count(), self.node().prefix_bytes());
        let suffix = if count == 0 && !self.node().is_leaf() { &[] } else { &key[prefix..] };
        self.place(count, (&[], suffix), value, overflow);
    }

    /// All cells are pushed.
    pub fn end(&mut self) {
        self.update_hints(0, 0);
    }

    fn write_slot(&mut self, index: usize, slot: Slot) {
        let at = SLOTS_OFFSET + index * Slot::BYTES;
        let bytes = &mut self.bytes[at..at + Slot::BYTES];
        bytes[0..2].copy_from_slice(&slot.offset.to_le_bytes());
        bytes[2..4].copy_from_slice(&slot.key_bytes.to_le_bytes());
        bytes[4..6].copy_from_slice(&slot.value_bytes.to_le_bytes());
        bytes[6..10].copy_from_slice(&slot.head.to_le_bytes());
    }

    /// Writes a cell into the gap, which has room, and its slot before slot `index`.
    fn place(&mut self, index: usize, suffix: (&[u8], &[u8]), value: &[u8], overflow: bool) {
        let count = self.node().count();
        let key_bytes = suffix.0.len() + suffix.1.len();
        let offset = self.node().heap_start() - key_bytes - value.len();
        assert!(offset >= SLOTS_OFFSET + (count + 1) * Slot::BYTES, "the gap has room");
        let at = |index: usize| SLOTS_OFFSET + index * Slot::BYTES;
        if index < count {
            self.bytes.copy_within(at(index)..at(count), at(index + 1));
        }
        let cell = &mut self.bytes[offset..offset + key_bytes + value.len()];
        let (front, rest) = cell.split_at_mut(suffix.0.len());
        let (back, end) = rest.split_at_mut(suffix.1.len());
        front.copy_from_slice(suffix.0);
        back.copy_from_slice(suffix.1);
        end.copy_from_slice(value);
        let head = head_of(&self.bytes[offset..offset + key_bytes]);
        let value_bytes = value.len() as u16 | if overflow { OVERFLOW_BIT } else { 0 };
        let slot = Slot { offset: offset as u16, key_bytes: key_bytes as u16, value_bytes, head };
        self.write_slot(index, slot);
        self.set_u16(COUNT_OFFSET, count + 1);
        self.set_u16(HEAP_OFFSET, offset);
    }

    /// Brings the hints up to date after slots from `changed` on moved; there were `old_count`.
    fn update_hints(&mut self, changed: usize, old_count: usize) {
        let count = self.node().count();
        if count < HINTED_COUNT_MIN {
            if old_count >= HINTED_COUNT_MIN {
                self.bytes[HINTS_OFFSET..SLOTS_OFFSET].fill(0);
            }
            return;
        }
        let distance = count / (HINT_COUNT + 1);
        let same = old_count >= HINTED_COUNT_MIN && old_count / (HINT_COUNT + 1) == distance;
        let first = if same { (changed / distance).saturating_sub(1) } else { 0 };
        for index in first..HINT_COUNT {
            let head = self.node().slot((index + 1) * distance).head;
            let at = HINTS_OFFSET + 4 * index;
            self.bytes[at..at + 4].copy_from_slice(&head.to_le_bytes());
        }
    }
}

/// The stored form of a child pointer: the value of an internal cell.
pub fn child_bytes(child: Pointer) -> [u8; super::CHILD_BYTES] {
    let mut bytes = [0; super::CHILD_BYTES];
    bytes[0..8].copy_from_slice(&child.page.get().to_le_bytes());
    bytes[8..16].copy_from_slice(&child.birth.get().to_le_bytes());
    bytes[16..20].copy_from_slice(&child.nonce.to_le_bytes());
    debug_assert_eq!(Pointer::read(&bytes), Some(child));
    bytes
}
