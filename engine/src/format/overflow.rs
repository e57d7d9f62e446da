//! Values too long for a leaf: runs of overflow pages (extents), each naming the next.
//!
//! Written by `txn::write` through `pager::value`, read by value guards and by `inspect`. Bytes:
//! `spec/file_format_v0.md`, overflow. Keeps OVF-1 to OVF-5.

#[cfg(test)]
mod tests;

use super::field::{Crc, layout};
use super::page::{FORMAT_VERSION, PAGE_MAGIC, PageHeader, PageType, seal_page};
use crate::error::Corrupt;
use crate::ids::{FileUuid, PageId, Pointer};
use crate::limits::{PAGE_BYTES, PAGE_COUNT_MAX, VALUE_BYTES_MAX};

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
pub const DATA_OFFSET: usize = PageHeader::BYTES + OverflowHeader::BYTES;
/// Bytes of a value that one overflow page holds.
pub const DATA_BYTES_MAX: usize = PAGE_BYTES - DATA_OFFSET;

impl ValueDescriptor {
    /// Pages that a value of this length needs.
    pub const fn pages_needed(&self) -> u64 {
        (self.total_bytes as u64).div_ceil(DATA_BYTES_MAX as u64)
    }

    /// OVF-1: the descriptor in a leaf names a value that can be, in pages that can be.
    ///
    /// # Errors
    /// `OVF-1`, at page `leaf`.
    pub fn check(&self, leaf: PageId) -> Result<(), Corrupt> {
        let bytes = self.total_bytes as usize;
        let pages = u64::from(self.first_count);
        let end = self.first.page.get().checked_add(pages);
        let sound = bytes > 0
            && bytes <= VALUE_BYTES_MAX
            && (1..=self.pages_needed()).contains(&pages)
            && self.first.page.get() >= 2
            && end.is_some_and(|end| end <= PAGE_COUNT_MAX);
        if sound {
            return Ok(());
        }
        Err(Corrupt::page(
            leaf,
            "OVF-1",
            format_args!("1 to {VALUE_BYTES_MAX} bytes in pages of the file"),
            format_args!("{bytes} bytes, {pages} pages from {:?}", self.first),
        ))
    }
}

impl OverflowHeader {
    /// A sealed overflow page with `data` in it.
    ///
    /// `at` is the pointer of the *extent* (birth and nonce that all its pages share); the page's
    /// own id is `at.page + index`. Panics when `data` is longer than [`DATA_BYTES_MAX`].
    pub fn to_page(&self, uuid: FileUuid, at: Pointer, data: &[u8]) -> Box<[u8; PAGE_BYTES]> {
        assert!(data.len() <= DATA_BYTES_MAX, "overflow data is cut to pages by the caller");
        let mut page = Box::new([0; PAGE_BYTES]);
        let header = Self { data_bytes: data.len() as u32, ..*self };
        let parts = page
            .get_mut(PageHeader::BYTES..)
            .and_then(|rest| rest.split_at_mut_checked(Self::BYTES));
        if let Some((front, rest)) = parts {
            front.copy_from_slice(&header.to_bytes());
            if let Some(place) = rest.get_mut(..data.len()) {
                place.copy_from_slice(data);
            }
        }
        let page_header = PageHeader {
            magic: PAGE_MAGIC,
            crc: Crc(0),
            version: FORMAT_VERSION,
            page_type: PageType::Overflow as u8,
            level: 0,
            payload_bytes: (Self::BYTES + data.len()) as u32,
            page_id: PageId::new(at.page.get().saturating_add(u64::from(self.index))),
            birth: at.birth,
            nonce: at.nonce,
            reserved: 0,
        };
        seal_page(&mut page, uuid, page_header);
        page
    }

    /// Reads an overflow page that [`super::verify_page`] has passed: its header and its data.
    ///
    /// # Errors
    /// `OVF-2` (index, count, lengths), `OVF-3` (only an extent's first page names the next).
    pub fn decode_page<'a>(
        bytes: &'a [u8],
        page: &PageHeader,
    ) -> Result<(Self, &'a [u8]), Corrupt> {
        let id = page.page_id;
        if page.page_type != PageType::Overflow as u8 || page.level != 0 {
            let found = format!("type {} of level {}", page.page_type, page.level);
            return Err(Corrupt::page(id, "OVF-2", "an overflow page", found));
        }
        let header = bytes.get(PageHeader::BYTES..).and_then(Self::decode);
        let Some(header) = header else {
            return Err(Corrupt::page(id, "OVF-2", "an overflow header", "too few bytes"));
        };
        let data_bytes = header.data_bytes as usize;
        let payload = data_bytes.checked_add(Self::BYTES);
        let sound = header.index < header.count
            && header.reserved == 0
            && (1..=DATA_BYTES_MAX).contains(&data_bytes)
            && payload == Some(page.payload_bytes as usize);
        if !sound {
            return Err(Corrupt::page(
                id,
                "OVF-2",
                format_args!(
                    "index below count, 1 to {DATA_BYTES_MAX} bytes, as the page header says"
                ),
                format_args!(
                    "index {} of {}, {data_bytes} bytes, payload {}",
                    header.index, header.count, page.payload_bytes
                ),
            ));
        }
        let has_next = header.next != Pointer::NULL;
        let next_sound = has_next == (header.next_count > 0)
            && (!has_next || (header.index == 0 && header.next.page.get() >= 2));
        if !next_sound {
            return Err(Corrupt::page(
                id,
                "OVF-3",
                "a next extent in the first page of an extent only",
                format_args!(
                    "next {:?} ({} pages) in page {}",
                    header.next, header.next_count, header.index
                ),
            ));
        }
        let data = bytes.get(DATA_OFFSET..).and_then(|rest| rest.get(..data_bytes));
        match data {
            Some(data) => Ok((header, data)),
            None => Err(Corrupt::page(id, "OVF-2", "data inside the page", data_bytes)),
        }
    }

    /// OVF-4: this page is the one of its extent that the reader expects next.
    ///
    /// # Errors
    /// `OVF-4` with index and count of both.
    pub fn check_place(&self, id: PageId, index: u32, count: u32) -> Result<(), Corrupt> {
        if self.index == index && self.count == count {
            return Ok(());
        }
        Err(Corrupt::page(
            id,
            "OVF-4",
            format_args!("page {index} of an extent of {count}"),
            format_args!("page {} of {}", self.index, self.count),
        ))
    }
}
