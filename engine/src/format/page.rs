//! The header every page starts with, and the judgement of a page's bytes.
//!
//! Bytes: `spec/file_format_v0.md`, page header. Keeps PAGE-1 to PAGE-7.

#[cfg(test)]
mod tests;

use super::checksum::{CRC_OFFSET, page_crc};
use super::field::{Crc, Magic, layout};
use crate::error::Corrupt;
use crate::ids::{FileUuid, PageId, Pointer, TxnId};
use crate::limits::PAGE_BYTES;
use crate::sabotage::{self, Switch};

/// First bytes of every page.
pub const PAGE_MAGIC: Magic = Magic(*b"NSDB");
/// The page format this program writes and reads.
pub const FORMAT_VERSION: u16 = 0;

layout! {
    /// First bytes of every page.
    pub struct PageHeader = 40, "page header", "file_format_v0#page-header" {
        magic: Magic = "ASCII NSDB: this is a page of a northstar database.",
        crc: Crc = "CRC32C over the file's UUID, the page id and the whole page with this field zero. A page of another file, of another place or with a torn write does not verify.",
        version: u16 = "Page format version, 0.",
        page_type: u8 = "0 meta, 1 internal node, 2 leaf, 3 free-space bitmap, 4 overflow, 5 history rows, 6 retired rows.",
        level: u8 = "Distance from the leaves: 0 in a leaf, and always the parent's level minus one. Ends every descent.",
        payload_bytes: u32 = "How many bytes behind this header mean something.",
        page_id: PageId = "Must equal the place the page is stored in; catches a write that went elsewhere.",
        birth: TxnId = "The transaction that wrote this page. The parent's pointer stores the same number: a stale page is found out.",
        nonce: u32 = "Drawn at random when the page was allocated and stored in the parent's pointer too: tells apart two pages that used one id in turn.",
        reserved: u32 = "Zero.",
    }
}

/// What a page holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum PageType {
    /// Slot A or B of the file's state.
    Meta = 0,
    /// Separators and child pointers.
    Internal = 1,
    /// Rows.
    Leaf = 2,
    /// Which pages are in use.
    Bitmap = 3,
    /// Part of a large value.
    Overflow = 4,
    /// Roots of past states.
    History = 5,
    /// Pages that only past states use.
    Retired = 6,
}

impl PageType {
    /// The type numbered `value`.
    pub const fn from_u8(value: u8) -> Option<Self> {
        Some(match value {
            0 => Self::Meta,
            1 => Self::Internal,
            2 => Self::Leaf,
            3 => Self::Bitmap,
            4 => Self::Overflow,
            5 => Self::History,
            6 => Self::Retired,
            _ => return None,
        })
    }

    /// Its name, one lower-case word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Internal => "internal",
            Self::Leaf => "leaf",
            Self::Bitmap => "bitmap",
            Self::Overflow => "overflow",
            Self::History => "history",
            Self::Retired => "retired",
        }
    }
}

/// Writes `header` and its checksum into `page`. [`verify_page`] accepts exactly what this wrote.
pub fn seal_page(page: &mut [u8; PAGE_BYTES], uuid: FileUuid, header: PageHeader) {
    let bytes = PageHeader { crc: Crc(0), ..header }.to_bytes();
    if let Some(front) = page.first_chunk_mut::<{ PageHeader::BYTES }>() {
        *front = bytes;
    }
    let crc = page_crc(uuid, header.page_id, page);
    if let Some(field) = page.get_mut(CRC_OFFSET..CRC_OFFSET + 4) {
        field.copy_from_slice(&crc.to_le_bytes());
    }
}

/// Reads the header of page `id` of file `uuid`, believing no byte of it.
///
/// Checks length, magic, version, checksum, page id and type: what every page must have. What the
/// page holds is judged by the validator of its type.
///
/// # Errors
/// The first rule that is broken, with what was expected and what was found.
pub fn verify_page(bytes: &[u8], uuid: FileUuid, id: PageId) -> Result<PageHeader, Corrupt> {
    if bytes.len() != PAGE_BYTES {
        return Err(Corrupt::page(id, "PAGE-1", format_args!("{PAGE_BYTES} bytes"), bytes.len()));
    }
    let Some(header) = PageHeader::decode(bytes) else {
        return Err(Corrupt::page(id, "PAGE-1", "a page header", "too few bytes"));
    };
    if header.magic != PAGE_MAGIC {
        let found = header.magic.0.escape_ascii();
        return Err(Corrupt::page(id, "PAGE-2", "magic NSDB", found));
    }
    let crc = page_crc(uuid, id, bytes);
    if header.crc.0 != crc {
        return Err(Corrupt::page(
            id,
            "PAGE-3",
            format_args!("checksum {crc:08x} (computed)"),
            format_args!("{:08x} (stored)", header.crc.0),
        ));
    }
    if header.version != FORMAT_VERSION {
        return Err(Corrupt::page(id, "PAGE-2", "format version 0", header.version));
    }
    if header.page_id != id {
        return Err(Corrupt::page(id, "PAGE-4", format_args!("page id {id}"), header.page_id));
    }
    if PageType::from_u8(header.page_type).is_none() {
        return Err(Corrupt::page(id, "PAGE-5", "a page type of 0 to 6", header.page_type));
    }
    if header.payload_bytes as usize > PAGE_BYTES - PageHeader::BYTES || header.reserved != 0 {
        return Err(Corrupt::page(
            id,
            "PAGE-7",
            "a payload inside the page, reserved bytes zero",
            format_args!("{} bytes, reserved {}", header.payload_bytes, header.reserved),
        ));
    }
    Ok(header)
}

/// PAGE-6: the page is the very one its parent meant: same birth, same nonce (crash rule 8).
///
/// To be asked on every hop, whether the page came from the pool or from the disk: the checksum
/// proves a page whole, only this proves it current.
///
/// # Errors
/// `PAGE-6` with both pairs.
pub fn check_pointer(header: &PageHeader, pointer: Pointer) -> Result<(), Corrupt> {
    let current = header.birth == pointer.birth && header.nonce == pointer.nonce;
    if current || sabotage::on(Switch::TrustStalePage) {
        return Ok(());
    }
    Err(Corrupt::page(
        pointer.page,
        "PAGE-6",
        format_args!("birth {} nonce {:08x} (the parent's)", pointer.birth, pointer.nonce),
        format_args!("birth {} nonce {:08x}", header.birth, header.nonce),
    ))
}

/// TREE-1: a node's level is its parent's minus one, and level 0 means leaf.
///
/// # Errors
/// `TREE-1` with both levels.
pub fn check_level(header: &PageHeader, level: u8) -> Result<(), Corrupt> {
    let node = match PageType::from_u8(header.page_type) {
        Some(PageType::Leaf) => header.level == 0,
        Some(PageType::Internal) => header.level > 0,
        _ => false,
    };
    if node && header.level == level {
        return Ok(());
    }
    Err(Corrupt::page(
        header.page_id,
        "TREE-1",
        format_args!("a node of level {level}"),
        format_args!("page type {} of level {}", header.page_type, header.level),
    ))
}

/// Judges the bytes of a tree's root page: whole (PAGE-1 to PAGE-5), the one meant (PAGE-6), and of
/// the level that the tree's depth says (TREE-1).
///
/// # Errors
/// The first rule that is broken.
pub fn check_root(
    bytes: &[u8],
    uuid: FileUuid,
    root: Pointer,
    depth: u32,
) -> Result<PageHeader, Corrupt> {
    let header = verify_page(bytes, uuid, root.page)?;
    check_pointer(&header, root)?;
    let level = depth.checked_sub(1).and_then(|level| u8::try_from(level).ok());
    match level {
        Some(level) => check_level(&header, level)?,
        None => return Err(Corrupt::page(root.page, "TREE-1", "a depth of 1 to 64", depth)),
    }
    Ok(header)
}
