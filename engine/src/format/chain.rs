//! Chains of pages that a meta points to: the free-space bitmap, history rows and retired rows.

use super::field::layout;
use crate::ids::{Lsn, PageId, Pointer, TxnId};
use crate::limits::PAGE_BYTES;

layout! {
    /// Behind the page header of bitmap, history and retired pages.
    pub struct ChainHeader = 32, "chain header", "file_format_v0#chain" {
        next: Pointer = "The next page of the chain; null at its end.",
        count: u32 = "Entries in this page: bits of a bitmap, else rows.",
        first: u64 = "Bitmap: the page id of bit 0. Else the number of rows in the pages before this one.",
    }
}

layout! {
    /// A past state that can still be opened.
    pub struct HistoryRow = 56, "history row", "file_format_v0#history-rows" {
        txn_id: TxnId = "The state.",
        root: Pointer = "Its root; null when its tree was empty.",
        depth: u32 = "Levels of its tree.",
        key_count: u64 = "Rows in it.",
        lsn: Lsn = "End of its commit record in the log.",
        alias_count: u32 = "How many TxnIds directly before it name the same content.",
        reserved: u32 = "Zero.",
    }
}

layout! {
    /// Pages that the current state no longer uses, but an older one that is kept does.
    pub struct RetiredRow = 32, "retired row", "file_format_v0#retired-rows" {
        page: PageId = "The first page of the run.",
        count: u32 = "Pages in the run.",
        reserved: u32 = "Zero.",
        birth: TxnId = "The transaction that wrote them.",
        retired: TxnId = "The transaction that no longer needed them.",
    }
}

/// Where a chain page's entries start.
pub const ENTRIES_OFFSET: usize = super::page::PageHeader::BYTES + ChainHeader::BYTES;
/// Bytes for entries in a chain page.
pub const ENTRIES_BYTES: usize = PAGE_BYTES - ENTRIES_OFFSET;
/// Pages that one bitmap page covers. A set bit means: in use.
pub const BITMAP_BITS: u64 = ENTRIES_BYTES as u64 * 8;
/// History rows in a page.
pub const HISTORY_ROWS: usize = ENTRIES_BYTES / HistoryRow::BYTES;
/// Retired rows in a page.
pub const RETIRED_ROWS: usize = ENTRIES_BYTES / RetiredRow::BYTES;
