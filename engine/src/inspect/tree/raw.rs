//! Reads a node's bytes without believing them: every access is checked, nothing is ordered.
//!
//! The engine's own node type expects a page that has passed its validator; this one reads what it
//! can of any page.

use crate::format::field::Scalar;
use crate::format::node::{NodeHeader, OVERFLOW_BIT, SLOTS_OFFSET, Slot};
use crate::format::overflow::ValueDescriptor;
use crate::format::page::{PageHeader, PageType};
use crate::ids::Pointer;
use std::cmp::Ordering;
use std::ops::Range;

/// A node's bytes, as far as they can be read.
#[derive(Clone, Copy, Debug)]
pub(in crate::inspect) struct RawNode<'a> {
    pub(in crate::inspect) bytes: &'a [u8],
    pub(in crate::inspect) page: PageHeader,
    pub(in crate::inspect) header: NodeHeader,
    pub(in crate::inspect) leaf: bool,
}

/// One slot and what it names.
#[derive(Clone, Copy, Debug)]
pub(in crate::inspect) struct RawEntry<'a> {
    pub(in crate::inspect) slot: Slot,
    /// The key behind the prefix; empty when it leaves the page.
    pub(in crate::inspect) suffix: &'a [u8],
    /// The value; empty when it leaves the page.
    pub(in crate::inspect) value: &'a [u8],
    /// Whether key and value are inside the page's heap.
    pub(in crate::inspect) inside: bool,
}

impl<'a> RawNode<'a> {
    /// Reads page header and node header; `None` when the page is too short or no node.
    pub(in crate::inspect) fn new(bytes: &'a [u8]) -> Option<Self> {
        let page = PageHeader::decode(bytes)?;
        let leaf = match PageType::from_u8(page.page_type)? {
            PageType::Leaf => true,
            PageType::Internal => false,
            _ => return None,
        };
        let header = NodeHeader::decode(bytes.get(PageHeader::BYTES..)?)?;
        Some(Self { bytes, page, header, leaf })
    }

    /// Slots that the page can hold and the header claims.
    pub(in crate::inspect) fn count(&self) -> usize {
        let room = self.bytes.len().saturating_sub(SLOTS_OFFSET);
        usize::from(self.header.count).min(room.checked_div(Slot::BYTES).unwrap_or(0))
    }

    /// Where slot `index` stands.
    pub(in crate::inspect) fn slot_range(index: usize) -> Range<usize> {
        let start = SLOTS_OFFSET.saturating_add(index.saturating_mul(Slot::BYTES));
        start..start.saturating_add(Slot::BYTES)
    }

    /// Where the common prefix stands.
    pub(in crate::inspect) fn prefix_range(&self) -> Range<usize> {
        let end = self.bytes.len();
        end.saturating_sub(usize::from(self.header.prefix_bytes))..end
    }

    pub(in crate::inspect) fn prefix(&self) -> &'a [u8] {
        self.bytes.get(self.prefix_range()).unwrap_or_default()
    }

    /// Where key suffix and value of a slot stand, whether inside the page or not.
    pub(in crate::inspect) fn cell_ranges(slot: &Slot) -> (Range<usize>, Range<usize>) {
        let start = usize::from(slot.offset);
        let value = start.saturating_add(usize::from(slot.key_bytes));
        let end = value.saturating_add(usize::from(slot.value_bytes & !OVERFLOW_BIT));
        (start..value, value..end)
    }

    pub(in crate::inspect) fn entry(&self, index: usize) -> Option<RawEntry<'a>> {
        if index >= self.count() {
            return None;
        }
        let slot = Slot::decode(self.bytes.get(Self::slot_range(index))?)?;
        let (key, value) = Self::cell_ranges(&slot);
        let first = Self::slot_range(self.count()).start;
        let inside = key.start >= first && value.end <= self.prefix_range().start;
        let read = |range| self.bytes.get::<Range<usize>>(range).unwrap_or_default();
        Some(RawEntry { slot, suffix: read(key), value: read(value), inside })
    }

    /// Whether the entry stands for minus infinity.
    pub(in crate::inspect) fn is_lowest(&self, index: usize) -> bool {
        !self.leaf && index == 0
    }

    /// The whole key of entry `index`; empty for minus infinity.
    pub(in crate::inspect) fn key(&self, index: usize) -> Option<Vec<u8>> {
        let entry = self.entry(index)?;
        if self.is_lowest(index) {
            return Some(Vec::new());
        }
        Some([self.prefix(), entry.suffix].concat())
    }

    /// The child pointer of entry `index`.
    pub(in crate::inspect) fn child(&self, index: usize) -> Option<Pointer> {
        let entry = self.entry(index).filter(|_| !self.leaf)?;
        Pointer::read(entry.value)
    }

    /// The descriptor of entry `index`, when its value is in overflow pages.
    pub(in crate::inspect) fn descriptor(&self, index: usize) -> Option<ValueDescriptor> {
        let entry = self.entry(index).filter(|_| self.leaf)?;
        (entry.slot.value_bytes & OVERFLOW_BIT != 0)
            .then(|| ValueDescriptor::decode(entry.value))
            .flatten()
    }

    /// How the key of entry `index` compares with `key`.
    pub(in crate::inspect) fn compare(&self, index: usize, key: &[u8]) -> Option<Ordering> {
        if self.is_lowest(index) {
            return Some(Ordering::Less);
        }
        let entry = self.entry(index)?;
        let prefix = self.prefix();
        let (front, rest) = key.split_at_checked(prefix.len()).unwrap_or((key, &[]));
        Some(prefix.cmp(front).then_with(|| entry.suffix.cmp(rest)))
    }

    /// Bytes of slots, live cells and prefix, and the bytes there is room for.
    pub(in crate::inspect) fn fill(&self) -> (usize, usize) {
        let room = self.bytes.len().saturating_sub(SLOTS_OFFSET);
        let heap = self.bytes.len().saturating_sub(usize::from(self.header.heap_start));
        let live = heap.saturating_sub(usize::from(self.header.dead_bytes));
        let slots = self.count().saturating_mul(Slot::BYTES);
        (slots.saturating_add(live).min(room), room)
    }
}
