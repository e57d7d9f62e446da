//! Is this the page that a pointer meant? On each hop cheaply, on each load in full.
//!
//! Called by `view` and by the pager's loads. Keeps PAGE-6, TREE-1 and OVF-4 on each hop (crash
//! rule 8); once per load PAGE-1 to PAGE-7 and the rules of the page's type.

use super::Want;
use super::region::Page;
use crate::error::{Corrupt, Error, Result};
use crate::format::node::check_node;
use crate::format::overflow::OverflowHeader;
use crate::format::page::{PageHeader, PageType};
use crate::format::verify_page;
use crate::ids::{FileUuid, PageId, Pointer};
use crate::sabotage::{self, Switch};

impl Want {
    fn type_and_level(self) -> (PageType, u8) {
        match self {
            Self::Node { level: 0 } => (PageType::Leaf, 0),
            Self::Node { level } => (PageType::Internal, level),
            Self::Overflow { .. } => (PageType::Overflow, 0),
            Self::Bitmap => (PageType::Bitmap, 0),
            Self::History => (PageType::History, 0),
            Self::Retired => (PageType::Retired, 0),
        }
    }
}

const PAGE_TYPE: usize = PageHeader::LAYOUT.fields[3].offset;
const BIRTH: usize = PageHeader::LAYOUT.fields[7].offset;
const NONCE: usize = PageHeader::LAYOUT.fields[8].offset;
const _: () = assert!(PageHeader::LAYOUT.fields[4].offset == PAGE_TYPE + 1, "level follows type");

/// `N` bytes of `page` from `AT`. Both are constants, so no check is left at run time.
#[inline]
fn part<const AT: usize, const N: usize>(page: &Page) -> [u8; N] {
    page.get(AT..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

/// PAGE-6, TREE-1, OVF-4: the page is of the allocation that `pointer` names, and of the type and level that
/// `want` asks for.
#[inline]
pub(super) fn check_hop(page: &Page, pointer: Pointer, want: Want) -> Result<()> {
    let (page_type, level) = want.type_and_level();
    let birth = u64::from_le_bytes(part::<BIRTH, 8>(page));
    let nonce = u32::from_le_bytes(part::<NONCE, 4>(page));
    if birth == pointer.birth.get()
        && nonce == pointer.nonce
        && part::<PAGE_TYPE, 2>(page) == [page_type as u8, level]
    {
        let Want::Overflow { index, count } = want else { return Ok(()) };
        let extent = page.get(PageHeader::BYTES..).and_then(OverflowHeader::decode);
        if extent.is_some_and(|extent| extent.index == index && extent.count == count) {
            return Ok(());
        }
    }
    if sabotage::on(Switch::TrustStalePage)
        && part::<PAGE_TYPE, 2>(page) == [page_type as u8, level]
    {
        return Ok(());
    }
    Err(wrong_page(page, pointer, want))
}

#[cold]
fn wrong_page(page: &Page, pointer: Pointer, want: Want) -> Error {
    let (page_type, level) = want.type_and_level();
    let header = PageHeader::decode(page);
    let rule = match header {
        Some(header) if header.birth != pointer.birth || header.nonce != pointer.nonce => "PAGE-6",
        Some(header) if header.page_type == page_type as u8 && header.level == level => "OVF-4",
        _ => "TREE-1",
    };
    let found = header.map(|header| {
        let found = Pointer { page: header.page_id, birth: header.birth, nonce: header.nonce };
        let page_type = PageType::from_u8(header.page_type).map_or("unknown", PageType::name);
        format!("{found:?}, {page_type}, level {}", header.level)
    });
    let mut expected = format!("{pointer:?}, {}, level {level}", page_type.name());
    let mut found = found.unwrap_or_default();
    if let Want::Overflow { index, count } = want {
        expected += &format!(", {index} of {count}");
        if let Some(extent) = page.get(PageHeader::BYTES..).and_then(OverflowHeader::decode) {
            found += &format!(", {} of {}", extent.index, extent.count);
        }
    }
    Corrupt::page(pointer.page, rule, expected, found).into()
}

/// Everything that a page of its type has to obey, after it was read.
pub(super) fn check_page(page: &Page, uuid: FileUuid, id: PageId) -> Result<(), Corrupt> {
    let header = verify_page(page, uuid, id)?;
    match PageType::from_u8(header.page_type) {
        Some(PageType::Leaf | PageType::Internal) => check_node(page, &header),
        Some(PageType::Overflow) => OverflowHeader::decode_page(page, &header).map(drop),
        // Chains are judged by who follows them, against what came before.
        _ => Ok(()),
    }
}
