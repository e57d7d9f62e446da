//! Slotted nodes: internal nodes and leaves share one layout.
//!
//! ```text
//! | page header 40 | node header 80 | slots, 10 each, in key order → |   gap   | ← heap: cells | prefix |
//! ```
//!
//! A cell is the key's suffix (the key without the node's common prefix) followed by its value: row
//! bytes or a [`super::overflow::ValueDescriptor`] in a leaf, a 20-byte [`crate::ids::Pointer`] in an
//! internal node. Slot 0 of an internal node has an empty key and stands for minus infinity: it is
//! left out of the common prefix and never compared.
//!
//! Key heads in slots and sampled hints: LeanStore and vmcache (`BTreeNode`), by Leis et al.

use super::field::layout;

/// Hints in a node header.
pub const HINT_COUNT: usize = 16;
/// Where the slots start in a page.
pub const SLOTS_OFFSET: usize = super::page::PageHeader::BYTES + NodeHeader::BYTES;
/// Set in a slot's `value_bytes` when the value in the cell is a descriptor of overflow pages.
pub const OVERFLOW_BIT: u16 = 0x8000;

layout! {
    /// Behind the page header of internal nodes and leaves.
    pub struct NodeHeader = 80, "node header", "file_format_v0#node" {
        count: u16 = "Slots.",
        prefix_bytes: u16 = "Bytes that all keys of the node start with; stored once, at the end of the page.",
        heap_start: u16 = "Lowest used offset of the heap, which grows down towards the slots.",
        dead_bytes: u16 = "Bytes of the heap that no slot names any more.",
        right_sibling: u64 = "Page id of the right neighbour when this node was split or built, 0 for none. A hint: stale once the neighbour was copied, so cursors do not follow it.",
        hints: [u8; 64] = "16 key heads (u32 each) sampled at equal distances, to narrow the search before slots are touched. Zero while the node has fewer than 34 slots.",
    }
}

layout! {
    /// One entry of a node's slot array.
    pub struct Slot = 10, "slot", "file_format_v0#slot" {
        offset: u16 = "Where the cell starts in the page.",
        key_bytes: u16 = "Bytes of the key behind the common prefix.",
        value_bytes: u16 = "Bytes of the value behind the key; the top bit marks a descriptor of overflow pages.",
        head: u32 = "First 4 bytes of the key behind the prefix, as a big-endian number padded with zeros: most comparisons end here.",
    }
}
