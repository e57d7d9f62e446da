//! Reading a node: accessors over the bytes of a page.
//!
//! Called by `tree` on pages that [`super::check_node`] has accepted. No accessor panics on any
//! bytes; on bytes that were not accepted the answers mean nothing.

use super::super::field::Scalar;
use super::super::overflow::ValueDescriptor;
use super::super::page::PageType;
use super::{NodeHeader, OVERFLOW_BIT, SLOTS_OFFSET, Slot};
use crate::ids::{PageId, Pointer};
use crate::limits::PAGE_BYTES;
use std::cmp::Ordering;

pub(super) const PAGE_TYPE_OFFSET: usize = 10;
pub(super) const LEVEL_OFFSET: usize = 11;
pub(super) const COUNT_OFFSET: usize = 40;
pub(super) const PREFIX_OFFSET: usize = 42;
pub(super) const HEAP_OFFSET: usize = 44;
pub(super) const DEAD_OFFSET: usize = 46;
pub(super) const SIBLING_OFFSET: usize = 48;
pub(super) const HINTS_OFFSET: usize = 56;

#[allow(clippy::indexing_slicing, reason = "evaluated at compile time")]
const _: () = {
    let fields = NodeHeader::LAYOUT.fields;
    assert!(fields[0].offset + 40 == COUNT_OFFSET);
    assert!(fields[1].offset + 40 == PREFIX_OFFSET);
    assert!(fields[2].offset + 40 == HEAP_OFFSET);
    assert!(fields[3].offset + 40 == DEAD_OFFSET);
    assert!(fields[4].offset + 40 == SIBLING_OFFSET);
    assert!(fields[5].offset + 40 == HINTS_OFFSET);
    let page = super::super::page::PageHeader::LAYOUT.fields;
    assert!(page[3].offset == PAGE_TYPE_OFFSET);
    assert!(page[4].offset == LEVEL_OFFSET);
    assert!(super::super::page::PageHeader::BYTES == 40);
    assert!(Slot::LAYOUT.fields[3].offset == 6);
};

/// The first four bytes of a key suffix as a number that orders like them.
#[inline]
pub fn head_of(suffix: &[u8]) -> u32 {
    if let Some(bytes) = suffix.first_chunk::<4>() {
        return u32::from_be_bytes(*bytes);
    }
    let mut head = 0;
    for (index, byte) in suffix.iter().take(4).enumerate() {
        head |= u32::from(*byte) << (24 - 8 * index);
    }
    head
}

/// A cell's value in a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellValue<'a> {
    /// The value itself.
    Inline(&'a [u8]),
    /// Where the value is.
    Overflow(ValueDescriptor),
}

/// A cell as it lies in the page: a key's suffix with its stored value behind it.
#[derive(Clone, Copy, Debug)]
pub struct Cell<'a> {
    /// From the cell's start to the end of the page.
    rest: &'a [u8],
    key_bytes: usize,
    value_bytes: usize,
    overflow: bool,
}

impl<'a> Cell<'a> {
    /// The key behind the node's prefix.
    #[inline]
    pub fn suffix(self) -> &'a [u8] {
        self.rest.get(..self.key_bytes).unwrap_or_default()
    }

    /// The suffix and what follows it up to the end of the page: at least as long as the suffix. For
    /// who copies by whole chunks.
    #[inline]
    pub fn from_suffix_on(self) -> &'a [u8] {
        self.rest
    }

    /// The stored value: a row's bytes, or a descriptor when it is in pages of its own.
    #[inline]
    pub fn value(self) -> &'a [u8] {
        self.rest.get(self.key_bytes..self.key_bytes + self.value_bytes).unwrap_or_default()
    }

    /// Whether the value is in pages of its own.
    #[inline]
    pub fn is_overflow(self) -> bool {
        self.overflow
    }

    /// Where the stored value starts in the page.
    #[inline]
    pub fn value_start(self) -> usize {
        PAGE_BYTES.saturating_sub(self.rest.len()) + self.key_bytes
    }
}

/// A node, read.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    pub(super) bytes: &'a [u8; PAGE_BYTES],
}

impl std::fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("level", &self.level())
            .field("count", &self.count())
            .field("prefix", &self.prefix().escape_ascii().to_string())
            .finish_non_exhaustive()
    }
}

impl<'a> Node<'a> {
    /// Looks at `bytes` as a node.
    #[inline]
    pub fn new(bytes: &'a [u8; PAGE_BYTES]) -> Self {
        Self { bytes }
    }

    /// The whole page.
    #[inline]
    pub fn bytes(self) -> &'a [u8; PAGE_BYTES] {
        self.bytes
    }

    #[inline]
    pub(super) fn u16_at(self, offset: usize) -> usize {
        self.bytes.get(offset..).and_then(u16::read).unwrap_or(0).into()
    }

    /// Distance from the leaves.
    #[inline]
    pub fn level(self) -> u8 {
        self.bytes.get(LEVEL_OFFSET).copied().unwrap_or(0)
    }

    /// Whether this holds rows.
    #[inline]
    pub fn is_leaf(self) -> bool {
        self.bytes.get(PAGE_TYPE_OFFSET).copied() == Some(PageType::Leaf as u8)
    }

    /// Slots.
    #[inline]
    pub fn count(self) -> usize {
        self.u16_at(COUNT_OFFSET)
    }

    /// Length of the common prefix.
    #[inline]
    pub fn prefix_bytes(self) -> usize {
        self.u16_at(PREFIX_OFFSET)
    }

    /// What all keys start with; slot 0 of an internal node aside.
    #[inline]
    pub fn prefix(self) -> &'a [u8] {
        let start = PAGE_BYTES.saturating_sub(self.prefix_bytes());
        self.bytes.get(start..).unwrap_or_default()
    }

    /// Lowest used offset of the heap.
    #[inline]
    pub fn heap_start(self) -> usize {
        self.u16_at(HEAP_OFFSET)
    }

    /// Bytes of the heap that no slot names.
    #[inline]
    pub fn dead_bytes(self) -> usize {
        self.u16_at(DEAD_OFFSET)
    }

    /// The right neighbour at the time of the split or build; a hint, not to be followed.
    pub fn right_sibling(self) -> PageId {
        PageId::new(self.bytes.get(SIBLING_OFFSET..).and_then(u64::read).unwrap_or(0))
    }

    /// Bytes between the slots and the heap.
    #[inline]
    pub fn gap_bytes(self) -> usize {
        self.heap_start().saturating_sub(self.count() * Slot::BYTES + SLOTS_OFFSET)
    }

    /// Bytes that slots, live cells and the prefix take.
    pub fn used_bytes(self) -> usize {
        let heap = PAGE_BYTES.saturating_sub(self.heap_start());
        (self.count() * Slot::BYTES + heap).saturating_sub(self.dead_bytes())
    }

    /// Slot `index`; all zero past the end of the page.
    #[inline]
    #[allow(clippy::indexing_slicing, reason = "constants below the array's length")]
    pub fn slot(self, index: usize) -> Slot {
        let bytes = self.slot_bytes(index);
        let field = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        Slot {
            offset: field(0),
            key_bytes: field(2),
            value_bytes: field(4),
            head: u32::from_le_bytes([bytes[6], bytes[7], bytes[8], bytes[9]]),
        }
    }

    #[inline]
    pub(super) fn slot_bytes(self, index: usize) -> &'a [u8; Slot::BYTES] {
        // Wrapping is no harm: an index that is in no slot means nothing, and the page is the bound.
        let offset = index.wrapping_mul(Slot::BYTES).wrapping_add(SLOTS_OFFSET);
        match self.bytes.get(offset..).and_then(|rest| rest.first_chunk()) {
            Some(slot) => slot,
            None => &[0; Slot::BYTES],
        }
    }

    #[inline]
    pub(super) fn head(self, index: usize) -> u32 {
        let bytes = self.slot_bytes(index);
        u32::from_le_bytes([bytes[6], bytes[7], bytes[8], bytes[9]])
    }

    /// The cell of slot `index`.
    #[inline]
    pub fn cell(self, index: usize) -> Cell<'a> {
        let slot = self.slot(index);
        Cell {
            rest: self.bytes.get(usize::from(slot.offset)..).unwrap_or_default(),
            key_bytes: slot.key_bytes.into(),
            value_bytes: (slot.value_bytes & !OVERFLOW_BIT).into(),
            overflow: slot.value_bytes & OVERFLOW_BIT != 0,
        }
    }

    /// The key in slot `index` without the prefix.
    #[inline]
    pub fn suffix(self, index: usize) -> &'a [u8] {
        let slot = self.slot(index);
        let start = usize::from(slot.offset);
        self.bytes.get(start..start + usize::from(slot.key_bytes)).unwrap_or_default()
    }

    /// The whole key in slot `index`, put together; empty for slot 0 of an internal node.
    pub fn key(self, index: usize) -> Vec<u8> {
        let (front, back) = self.key_parts(index);
        [front, back].concat()
    }

    /// The key in slot `index` in two parts.
    #[inline]
    pub fn key_parts(self, index: usize) -> (&'a [u8], &'a [u8]) {
        if index == 0 && !self.is_leaf() {
            return (&[], &[]);
        }
        (self.prefix(), self.suffix(index))
    }

    /// The stored value of slot `index` as bytes, and whether they are a descriptor.
    #[inline]
    pub fn stored_value(self, index: usize) -> (&'a [u8], bool) {
        let cell = self.cell(index);
        (cell.value(), cell.is_overflow())
    }

    /// The value of slot `index` of a leaf.
    #[inline]
    pub fn value(self, index: usize) -> CellValue<'a> {
        let (bytes, overflow) = self.stored_value(index);
        match overflow.then(|| ValueDescriptor::decode(bytes)).flatten() {
            Some(descriptor) => CellValue::Overflow(descriptor),
            None => CellValue::Inline(bytes),
        }
    }

    /// The child in slot `index` of an internal node; null when there is none.
    #[inline]
    pub fn child(self, index: usize) -> Pointer {
        Pointer::read(self.stored_value(index).0).unwrap_or(Pointer::NULL)
    }

    /// Whether `key` lies between the first and the last key of this leaf, both included, or behind
    /// the last one of a leaf that is `open_ended`.
    pub fn spans(self, key: &[u8], open_ended: bool) -> bool {
        let last = self.count().saturating_sub(1);
        match self.behind_prefix(key) {
            Ok(suffix) => self.suffix(0) <= suffix && (open_ended || suffix <= self.suffix(last)),
            Err(order) => open_ended && order == Ordering::Greater,
        }
    }

    /// How the key in slot `index` compares with `key`.
    pub fn compare_key(self, index: usize, key: &[u8]) -> Ordering {
        compare_parts(self.key_parts(index), key)
    }

    /// How the key in slot `index` compares with the one in slot `other_index` of `other`.
    pub fn compare_keys(self, index: usize, other: Node<'_>, other_index: usize) -> Ordering {
        let (front, back) = self.key_parts(index);
        let (other_front, other_back) = other.key_parts(other_index);
        match other_front.split_at_checked(front.len()) {
            Some((left, right)) => {
                let rest = || compare_parts((right, other_back), back).reverse();
                front.cmp(left).then_with(rest)
            }
            None => other.compare_keys(other_index, self, index).reverse(),
        }
    }
}

/// How a key in two parts compares with `key`.
fn compare_parts((front, back): (&[u8], &[u8]), key: &[u8]) -> Ordering {
    match key.split_at_checked(front.len()) {
        Some((left, right)) => front.cmp(left).then_with(|| back.cmp(right)),
        // `key` is shorter than the front: equal so far means that it is less.
        None => front.cmp(key),
    }
}
