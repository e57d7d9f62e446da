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

#[cfg_attr(
    not(test),
    expect(clippy::indexing_slicing, reason = "edits nodes that passed the validator")
)]
mod cells;
mod check;
#[cfg_attr(
    not(test),
    expect(clippy::indexing_slicing, reason = "edits nodes that passed the validator")
)]
mod edit;
mod search;
mod view;

pub use cells::{Cells, Insert, SplitAt};
pub use check::check_node;
pub use edit::{NodeMut, Scratch, child_bytes};
pub use search::{FIRST_SLOT_LINES, Probe};
pub use view::{Cell, CellValue, Node, head_of};

use super::field::layout;
use super::overflow::ValueDescriptor;
use crate::ids::Pointer;
use crate::limits::{INLINE_ROW_BYTES_MAX, KEY_BYTES_MAX, PAGE_BYTES};

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

/// Fewest slots at which hints are sampled.
pub const HINTED_COUNT_MIN: usize = 2 * (HINT_COUNT + 1);
/// Bytes of a node for slots, cells and the prefix.
pub const NODE_BYTES: usize = PAGE_BYTES - SLOTS_OFFSET;
/// Bytes of a child pointer, the value of an internal cell.
pub const CHILD_BYTES: usize = <Pointer as super::field::Scalar>::BYTES;

// Three cells of the greatest size fit a node of either kind, so that a split always finds a place
// that leaves two children a side.
const LEAF_CELL_BYTES_MAX: usize = if INLINE_ROW_BYTES_MAX > KEY_BYTES_MAX + ValueDescriptor::BYTES
{
    INLINE_ROW_BYTES_MAX
} else {
    KEY_BYTES_MAX + ValueDescriptor::BYTES
};
const _: () = assert!(3 * (LEAF_CELL_BYTES_MAX + Slot::BYTES) <= NODE_BYTES);
const _: () = assert!(3 * (KEY_BYTES_MAX + CHILD_BYTES + Slot::BYTES) <= NODE_BYTES);
// Lengths and offsets fit their 16-bit fields, and an inline length never looks like an overflow.
const _: () = assert!(PAGE_BYTES <= u16::MAX as usize);
const _: () = assert!(INLINE_ROW_BYTES_MAX < OVERFLOW_BIT as usize);

#[cfg(test)]
mod tests;
