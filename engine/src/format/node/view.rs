//! Reading a node: search and accessors over the bytes of a page.
//!
//! Called by `tree` on pages that [`super::check_node`] has accepted. No accessor panics on any
//! bytes; on bytes that were not accepted the answers mean nothing. Cost of a search: the header's
//! two cache lines, the prefix's, about five slots, one key. Which slots is known once the header has
//! come, which key once the slots have: three waits for memory that is not near.

use super::super::field::Scalar;
use super::super::overflow::ValueDescriptor;
use super::super::page::PageType;
use super::{HINT_COUNT, HINTED_COUNT_MIN, NodeHeader, OVERFLOW_BIT, SLOTS_OFFSET, Slot};
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

/// Cache lines of [`Node::first_slots`].
pub const FIRST_SLOT_LINES: usize = 14;
const FIRST_SLOTS_BYTES: usize = FIRST_SLOT_LINES * 64;

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

/// A search under way in a node; see [`Node::begin_search`].
#[derive(Clone, Copy, Debug)]
pub struct Probe<'k> {
    suffix: &'k [u8],
    head: u32,
    low: usize,
    high: usize,
}

/// A node, read.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    bytes: &'a [u8; PAGE_BYTES],
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
    fn u16_at(self, offset: usize) -> usize {
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
    fn slot_bytes(self, index: usize) -> &'a [u8; Slot::BYTES] {
        // Wrapping is no harm: an index that is in no slot means nothing, and the page is the bound.
        let offset = index.wrapping_mul(Slot::BYTES).wrapping_add(SLOTS_OFFSET);
        match self.bytes.get(offset..).and_then(|rest| rest.first_chunk()) {
            Some(slot) => slot,
            None => &[0; Slot::BYTES],
        }
    }

    #[inline]
    fn head(self, index: usize) -> u32 {
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

    /// Where `key` is in a leaf, or where it would be inserted.
    #[inline]
    pub fn search(self, key: &[u8]) -> Result<usize, usize> {
        match self.behind_prefix(key) {
            Ok(suffix) => self.search_suffix(suffix, 0),
            Err(Ordering::Less) => Err(0),
            Err(_) => Err(self.count()),
        }
    }

    /// The slot of an internal node whose subtree `key` belongs to.
    #[inline]
    pub fn find_child(self, key: &[u8]) -> usize {
        match self.behind_prefix(key) {
            Ok(suffix) => match self.search_suffix(suffix, 1) {
                Ok(index) => index,
                Err(index) => index.saturating_sub(1),
            },
            Err(Ordering::Less) => 0,
            Err(_) => self.count().saturating_sub(1),
        }
    }

    /// What of `key` is behind the prefix, or how `key` compares with the keys here when it does not
    /// start with it.
    #[inline]
    fn behind_prefix(self, key: &[u8]) -> Result<&[u8], Ordering> {
        let prefix = self.prefix();
        // A key that is the front of the prefix is less, which is what comparing says too.
        key.strip_prefix(prefix).ok_or_else(|| key.cmp(prefix))
    }

    /// The slots that `head` can be in or in front of, from the hints alone: `low..=high`.
    #[inline]
    pub fn hinted(self, head: u32, low: usize) -> (usize, usize) {
        let count = self.count();
        if count < HINTED_COUNT_MIN {
            return (low.min(count), count);
        }
        let distance = count / (HINT_COUNT + 1);
        let (mut below, mut not_above) = (0, 0);
        let hints = self.bytes.get(HINTS_OFFSET..SLOTS_OFFSET).unwrap_or_default();
        // Counting instead of leaving early: no branch to mispredict, and it vectorises.
        for hint in hints.as_chunks::<4>().0 {
            let hint = u32::from_le_bytes(*hint);
            below += u32::from(hint < head);
            not_above += u32::from(hint <= head);
        }
        let (below, not_above) = (below as usize, not_above as usize);
        let start = below * distance;
        let end = if not_above < HINT_COUNT { (not_above + 1) * distance } else { count };
        (start.max(low), end)
    }

    /// The first third of a search, for look-ups that go on side by side: prefix and hints.
    #[inline]
    pub fn begin_search<'k>(self, key: &'k [u8]) -> Probe<'k> {
        let first = usize::from(!self.is_leaf());
        match self.behind_prefix(key) {
            Ok(suffix) => {
                let head = head_of(suffix);
                let (low, high) = self.hinted(head, first);
                Probe { suffix, head, low, high }
            }
            Err(order) => {
                let at = if order.is_lt() { first } else { self.count() };
                Probe { suffix: &[], head: 0, low: at, high: at }
            }
        }
    }

    /// Where slots are before it is known how many there are: asking for them does not wait for the
    /// header. As many as a leaf of rows of some 150 bytes has.
    #[inline]
    pub fn first_slots(self) -> &'a [u8] {
        self.bytes.get(SLOTS_OFFSET..SLOTS_OFFSET + FIRST_SLOTS_BYTES).unwrap_or_default()
    }

    /// The bytes that the second third looks at.
    #[inline]
    pub fn slots_near(self, probe: &Probe<'_>) -> &'a [u8] {
        let place = |slot: usize| slot.wrapping_mul(Slot::BYTES).wrapping_add(SLOTS_OFFSET);
        self.bytes.get(place(probe.low)..place(probe.high)).unwrap_or_default()
    }

    /// The second third: heads. What is left begins with the first slot whose head is not below.
    #[inline]
    pub fn narrow(self, probe: &mut Probe<'_>) {
        probe.low = self.first_head_not_below(probe.head, probe.low, probe.high);
    }

    /// The bytes that the last third looks at first: the cell of the likely slot.
    #[inline]
    pub fn cell_near(self, probe: &Probe<'_>) -> &'a [u8] {
        let found = probe.low < probe.high && self.head(probe.low) == probe.head;
        let likely = if found { probe.low } else { probe.low.saturating_sub(1) };
        self.cell(likely).from_suffix_on()
    }

    /// The last third: whole keys. As [`Self::search`].
    #[inline]
    pub fn end_search(self, probe: &Probe<'_>) -> Result<usize, usize> {
        self.search_from(probe.suffix, probe.head, probe.low, probe.high)
    }

    /// The last third in an internal node. As [`Self::find_child`].
    #[inline]
    pub fn end_find_child(self, probe: &Probe<'_>) -> usize {
        self.end_search(probe).unwrap_or_else(|index| index.saturating_sub(1))
    }

    /// Hint `index`.
    #[inline]
    pub fn hint(self, index: usize) -> u32 {
        self.bytes.get(HINTS_OFFSET + 4 * index..).and_then(u32::read).unwrap_or(0)
    }

    #[inline]
    fn search_suffix(self, suffix: &[u8], low: usize) -> Result<usize, usize> {
        let head = head_of(suffix);
        let (low, high) = self.hinted(head, low);
        let low = self.first_head_not_below(head, low, high);
        self.search_from(suffix, head, low, high)
    }

    /// The first slot of `low..high` whose head is `head` or above; `high` when there is none. Steps
    /// without branches: which way a step goes is a coin toss, and a wrong guess costs more than all
    /// steps together.
    #[inline]
    fn first_head_not_below(self, head: u32, mut low: usize, high: usize) -> usize {
        let mut left = high.saturating_sub(low);
        while left > 1 {
            let half = left / 2;
            let is_below = self.head(low.wrapping_add(half).wrapping_sub(1)) < head;
            low = low.wrapping_add(usize::from(is_below).wrapping_neg() & half);
            left -= half;
        }
        low.wrapping_add(usize::from(left == 1 && self.head(low) < head))
    }

    /// Searches for `suffix`, which starts with `head`, in the slots `low..high` or behind them.
    /// Slots before `low` have lower heads; the one at `low` decides nearly always.
    #[inline]
    fn search_from(
        self,
        suffix: &[u8],
        head: u32,
        low: usize,
        high: usize,
    ) -> Result<usize, usize> {
        if low >= high || self.head(low) != head {
            return Err(low);
        }
        match self.suffix(low).cmp(suffix) {
            Ordering::Equal => Ok(low),
            Ordering::Greater => Err(low),
            Ordering::Less => self.search_between(suffix, head, low + 1, high),
        }
    }

    /// As [`Self::search_from`], among slots that may have any head.
    fn search_between(
        self,
        suffix: &[u8],
        head: u32,
        mut low: usize,
        mut high: usize,
    ) -> Result<usize, usize> {
        while low < high {
            let middle = low.midpoint(high);
            let order = match self.head(middle).cmp(&head) {
                Ordering::Equal => self.suffix(middle).cmp(suffix),
                unequal => unequal,
            };
            match order {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Ok(middle),
            }
        }
        Err(low)
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
