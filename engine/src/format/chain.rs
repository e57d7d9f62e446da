//! Chains of pages that a meta points to: the free-space bitmap, history rows and retired rows.
//!
//! Written by the checkpoint, read at open, by the checker and by salvage. Bytes:
//! `spec/file_format_v0.md`, chains. Keeps MAP-1 to MAP-3, HIST-1, HIST-2, RET-1 and RET-2; crash
//! rule 2 says what the entries describe. A reader follows a chain with a bound: at most as many
//! pages as the file has.

#[cfg(test)]
mod tests;

use super::field::{Crc, layout};
use super::page::{FORMAT_VERSION, PAGE_MAGIC, PageHeader, PageType, seal_page};
use crate::error::Corrupt;
use crate::ids::{FileUuid, Lsn, PageId, Pointer, TxnId};
use crate::limits::{DEPTH_MAX, PAGE_BYTES, PAGE_COUNT_MAX};

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
pub const ENTRIES_OFFSET: usize = PageHeader::BYTES + ChainHeader::BYTES;
/// Bytes for entries in a chain page.
pub const ENTRIES_BYTES: usize = PAGE_BYTES - ENTRIES_OFFSET;
/// Pages that one bitmap page covers. A set bit means: in use.
pub const BITMAP_BITS: u64 = ENTRIES_BYTES as u64 * 8;
/// History rows in a page.
pub const HISTORY_ROWS: usize = ENTRIES_BYTES / HistoryRow::BYTES;
/// Retired rows in a page.
pub const RETIRED_ROWS: usize = ENTRIES_BYTES / RetiredRow::BYTES;

/// What a page of a chain has to agree with: the chain's kind and what came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainPlace {
    /// Bitmap, history or retired.
    pub page_type: PageType,
    /// What [`ChainHeader::first`] must be: the sum of the counts before.
    pub first: u64,
}

/// Bytes that `count` entries of a chain of this type take; `None` for other page types.
pub fn entry_bytes(page_type: PageType, count: u32) -> Option<usize> {
    let count = count as usize;
    match page_type {
        PageType::Bitmap => Some(count.div_ceil(8)),
        PageType::History => count.checked_mul(HistoryRow::BYTES),
        PageType::Retired => count.checked_mul(RetiredRow::BYTES),
        _ => None,
    }
}

/// Most entries that one page of a chain of this type holds; 0 for other page types.
pub const fn entries_max(page_type: PageType) -> u64 {
    match page_type {
        PageType::Bitmap => BITMAP_BITS,
        PageType::History => HISTORY_ROWS as u64,
        PageType::Retired => RETIRED_ROWS as u64,
        _ => 0,
    }
}

impl ChainHeader {
    /// A sealed page of a chain: this header, then `entries`, at the place and under the birth and
    /// nonce that `at` says. `entries` are the bytes of `count` bits or rows.
    ///
    /// Panics when they do not fit or do not match the count: the caller cuts them to pages.
    pub fn to_page(
        &self,
        uuid: FileUuid,
        at: Pointer,
        page_type: PageType,
        entries: &[u8],
    ) -> Box<[u8; PAGE_BYTES]> {
        assert!(entries.len() <= ENTRIES_BYTES, "entries are cut to pages by the caller");
        assert_eq!(entry_bytes(page_type, self.count), Some(entries.len()), "count and entries");
        let mut page = Box::new([0; PAGE_BYTES]);
        let parts = page
            .get_mut(PageHeader::BYTES..)
            .and_then(|rest| rest.split_at_mut_checked(Self::BYTES));
        if let Some((front, rest)) = parts {
            front.copy_from_slice(&self.to_bytes());
            if let Some(place) = rest.get_mut(..entries.len()) {
                place.copy_from_slice(entries);
            }
        }
        let header = PageHeader {
            magic: PAGE_MAGIC,
            crc: Crc(0),
            version: FORMAT_VERSION,
            page_type: page_type as u8,
            level: 0,
            payload_bytes: (Self::BYTES + entries.len()) as u32,
            page_id: at.page,
            birth: at.birth,
            nonce: at.nonce,
            reserved: 0,
        };
        seal_page(&mut page, uuid, header);
        page
    }

    /// Reads a page of a chain that [`super::verify_page`] has passed: its header and the bytes of
    /// its entries.
    ///
    /// # Errors
    /// `MAP-1`, `HIST-1` or `RET-1`, by the type of the chain.
    pub fn decode_page<'a>(
        bytes: &'a [u8],
        page: &PageHeader,
        place: ChainPlace,
    ) -> Result<(Self, &'a [u8]), Corrupt> {
        let id = page.page_id;
        let rule = match place.page_type {
            PageType::Bitmap => "MAP-1",
            PageType::History => "HIST-1",
            _ => "RET-1",
        };
        if page.page_type != place.page_type as u8 || page.level != 0 {
            let expected = format!("a page of a chain of {} pages", place.page_type.name());
            let found = format!("type {} of level {}", page.page_type, page.level);
            return Err(Corrupt::page(id, rule, expected, found));
        }
        let Some(header) = bytes.get(PageHeader::BYTES..).and_then(Self::decode) else {
            return Err(Corrupt::page(id, rule, "a chain header", "too few bytes"));
        };
        let entries = entry_bytes(place.page_type, header.count);
        let payload = entries.and_then(|bytes| bytes.checked_add(Self::BYTES));
        let sound = (1..=entries_max(place.page_type)).contains(&u64::from(header.count))
            && header.first == place.first
            && payload == Some(page.payload_bytes as usize)
            && (header.next == Pointer::NULL || header.next.page.get() >= 2);
        let data = bytes.get(ENTRIES_OFFSET..).and_then(|rest| rest.get(..entries?));
        match data {
            Some(data) if sound => Ok((header, data)),
            _ => Err(Corrupt::page(
                id,
                rule,
                format_args!(
                    "1 to {} entries that fill the payload, the first being number {}",
                    entries_max(place.page_type),
                    place.first
                ),
                format_args!(
                    "{} entries, first {}, payload {}, next {:?}",
                    header.count, header.first, page.payload_bytes, header.next
                ),
            )),
        }
    }
}

/// MAP-2 and MAP-3 of one bitmap page: bits behind the last are zero, and the meta slots are in use.
///
/// # Errors
/// `MAP-2` or `MAP-3`.
pub fn check_bitmap(id: PageId, header: &ChainHeader, bits: &[u8]) -> Result<(), Corrupt> {
    let used_in_last = header.count % 8;
    let last = bits.last().copied().unwrap_or(0);
    if used_in_last != 0 && last.checked_shr(used_in_last).unwrap_or(0) != 0 {
        return Err(Corrupt::page(
            id,
            "MAP-2",
            "zero bits behind the last",
            format!("{last:#010b}"),
        ));
    }
    let metas = bits.first().copied().unwrap_or(0) & 0b11;
    if header.first == 0 && metas != 0b11 {
        return Err(Corrupt::page(id, "MAP-3", "pages 0 and 1 in use", format!("{metas:#04b}")));
    }
    Ok(())
}

/// The rows of a history page.
pub fn history_rows(entries: &[u8]) -> impl Iterator<Item = HistoryRow> + '_ {
    entries.chunks_exact(HistoryRow::BYTES).filter_map(HistoryRow::decode)
}

/// The rows of a retired page.
pub fn retired_rows(entries: &[u8]) -> impl Iterator<Item = RetiredRow> + '_ {
    entries.chunks_exact(RetiredRow::BYTES).filter_map(RetiredRow::decode)
}

impl HistoryRow {
    /// HIST-2: the state lies behind `after` (its aliases too) and before `latest`, and its numbers
    /// are ones that a tree can have.
    ///
    /// `after` is the row before it, `latest` the meta's own TxnId; a row for the meta's own state
    /// is not kept.
    ///
    /// # Errors
    /// `HIST-2`, at page `id`.
    pub fn check(&self, id: PageId, after: Option<TxnId>, latest: TxnId) -> Result<(), Corrupt> {
        let first = self.txn_id.get().checked_sub(u64::from(self.alias_count));
        let empty = self.root.is_null();
        let sound = first.is_some_and(|first| after.is_none_or(|after| first > after.get()))
            && self.txn_id < latest
            && self.depth as usize <= DEPTH_MAX
            && empty == (self.depth == 0)
            && empty == (self.key_count == 0)
            && (empty || self.root.page.get() >= 2)
            && self.root.birth <= self.txn_id
            && self.reserved == 0;
        if sound {
            return Ok(());
        }
        Err(Corrupt::page(
            id,
            "HIST-2",
            format_args!(
                "a state above {} and below {latest}, with a root that can be",
                after.map_or_else(|| "none".to_owned(), |after| after.to_string())
            ),
            format_args!(
                "state {} ({} aliases), root {:?}, depth {}, {} keys",
                self.txn_id, self.alias_count, self.root, self.depth, self.key_count
            ),
        ))
    }
}

impl RetiredRow {
    /// RET-2: a run of pages of the file, written before it was retired, and retired no later than
    /// the meta's state.
    ///
    /// # Errors
    /// `RET-2`, at page `id`.
    pub fn check(&self, id: PageId, page_count: u64, latest: TxnId) -> Result<(), Corrupt> {
        let end = self.page.get().checked_add(u64::from(self.count));
        let sound = self.count > 0
            && self.page.get() >= 2
            && end.is_some_and(|end| end <= page_count.min(PAGE_COUNT_MAX))
            && self.birth < self.retired
            && self.retired <= latest
            && self.reserved == 0;
        if sound {
            return Ok(());
        }
        Err(Corrupt::page(
            id,
            "RET-2",
            format_args!("a run of pages below {page_count}, retired after birth and by {latest}"),
            format_args!(
                "{} pages from {}, birth {}, retired {}",
                self.count, self.page, self.birth, self.retired
            ),
        ))
    }
}
