//! Values too long for a leaf: runs of overflow pages (extents), each naming the next.

use super::field::layout;
use crate::ids::Pointer;
use crate::limits::PAGE_BYTES;

layout! {
    /// In the leaf, in place of a long value.
    pub struct ValueDescriptor = 28, "value descriptor", "file_format_v0#overflow" {
        total_bytes: u32 = "Bytes of the whole value.",
        first: Pointer = "First page of the first extent.",
        first_count: u32 = "Pages of the first extent.",
    }
}

layout! {
    /// Behind the page header of an overflow page.
    pub struct OverflowHeader = 40, "overflow header", "file_format_v0#overflow" {
        index: u32 = "This page's place in its extent, from 0. All pages of an extent share birth and nonce.",
        count: u32 = "Pages of this extent.",
        data_bytes: u32 = "Bytes of the value in this page.",
        next: Pointer = "First page of the next extent; null at the end and in every page but an extent's first.",
        next_count: u32 = "Pages of the next extent.",
        reserved: u32 = "Zero.",
    }
}

/// Where an overflow page's data starts.
pub const DATA_OFFSET: usize = super::page::PageHeader::BYTES + OverflowHeader::BYTES;
/// Bytes of a value that one overflow page holds.
pub const DATA_BYTES_MAX: usize = PAGE_BYTES - DATA_OFFSET;
