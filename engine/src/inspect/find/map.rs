//! What each page is: for the page map, by window.

use super::found::{PageState, Survey};
use super::free_map::FreeMap;
use crate::format::checksum::page_crc;
use crate::format::node::{NodeHeader, SLOTS_OFFSET, Slot};
use crate::format::overflow::{DATA_BYTES_MAX, OverflowHeader};
use crate::format::page::{PAGE_MAGIC, PageHeader, PageType};
use crate::ids::{FileUuid, PageId, TxnId};
use crate::inspect::source::Source;
use crate::limits::PAGE_BYTES;
use serde::Serialize;
use std::ops::Range;

/// One page of a map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PageSummary {
    /// Which.
    pub id: PageId,
    /// What it holds, as its header says; `None` when it is no page.
    pub page_type: Option<PageType>,
    /// What it is to the file; `None` when neither survey nor bitmap was given.
    pub state: Option<PageState>,
    /// The transaction that wrote it.
    pub birth: Option<TxnId>,
    /// Its level.
    pub level: u8,
    /// How full, per mille.
    pub fill_permille: u16,
    /// Whether every byte that was looked at is zero.
    pub zero: bool,
    /// Whether the checksum holds; `None` when only the header was read.
    pub checksum: Option<bool>,
}

/// How much of each page is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SummaryDepth {
    /// The first 120 bytes: everything but the checksum.
    Header,
    /// All of it.
    Whole,
}

/// Describes the pages of a window. Pages behind the file's end are left out; pages that cannot be
/// read are described as bad.
///
/// Cost: reads the window. Of a hole in a sparse file the first page is read and the rest is told by one
/// question to the file system.
pub fn summaries(
    source: &Source,
    pages: Range<u64>,
    depth: SummaryDepth,
    survey: Option<&Survey>,
    free_map: Option<&FreeMap>,
) -> Vec<PageSummary> {
    let end = pages.end.min(source.page_count().unwrap_or(0));
    let whole = depth == SummaryDepth::Whole;
    // Pages before this one lie in a hole.
    let mut stored = 0;
    let mut out = Vec::new();
    for id in pages.start..end {
        let id = PageId::new(id);
        let bytes = match depth {
            _ if id.get() < stored => Vec::new(),
            SummaryDepth::Header => {
                let offset = id.get().saturating_mul(PAGE_BYTES as u64);
                source.read_range(offset, SLOTS_OFFSET).unwrap_or_default()
            }
            SummaryDepth::Whole => source.read_page(id).map(|page| page.bytes).unwrap_or_default(),
        };
        let summary = summary(source.uuid(), id, &bytes, whole, survey, free_map);
        if summary.zero && id.get() >= stored {
            let behind = id.get().saturating_add(1).saturating_mul(PAGE_BYTES as u64);
            stored = source.next_data(behind).checked_div(PAGE_BYTES as u64).unwrap_or(0);
        }
        out.push(summary);
    }
    out
}

/// Describes a page by its bytes; by none of them, one that was never written. `whole`: they are all there.
fn summary(
    uuid: FileUuid,
    id: PageId,
    bytes: &[u8],
    whole: bool,
    survey: Option<&Survey>,
    free_map: Option<&FreeMap>,
) -> PageSummary {
    let header = PageHeader::decode(bytes).filter(|header| header.magic == PAGE_MAGIC);
    let checksum =
        whole.then(|| header.is_some_and(|header| header.crc.0 == page_crc(uuid, id, bytes)));
    let zero = bytes.iter().all(|&byte| byte == 0);
    let state = match (survey, free_map) {
        (Some(survey), _) => Some(survey.state(id)),
        (None, Some(_)) if id.get() < 2 => Some(PageState::Meta),
        (None, Some(map)) if id.get() >= map.page_count() => Some(PageState::Outside),
        (None, Some(map)) if map.is_used(id) => Some(PageState::Used),
        (None, Some(_)) => Some(PageState::Free),
        (None, None) => None,
    };
    // A free page may hold anything: only one in use can be bad.
    let in_use = !matches!(state, Some(PageState::Free | PageState::Outside));
    let broken = in_use && !zero && checksum == Some(false);
    PageSummary {
        id,
        page_type: header.and_then(|header| PageType::from_u8(header.page_type)),
        state: if broken { Some(PageState::Bad) } else { state },
        birth: header.map(|header| header.birth),
        level: header.map_or(0, |header| header.level),
        fill_permille: header.map_or(0, |header| fill_permille(&header, bytes)),
        zero,
        checksum,
    }
}

/// How full a page is, from its headers alone.
fn fill_permille(header: &PageHeader, bytes: &[u8]) -> u16 {
    let rest = bytes.get(PageHeader::BYTES..).unwrap_or_default();
    let (used, room) = match PageType::from_u8(header.page_type) {
        Some(PageType::Internal | PageType::Leaf) => {
            let Some(node) = NodeHeader::decode(rest) else { return 0 };
            let heap = PAGE_BYTES.saturating_sub(usize::from(node.heap_start));
            let live = heap.saturating_sub(usize::from(node.dead_bytes));
            let slots = usize::from(node.count).saturating_mul(Slot::BYTES);
            (live.saturating_add(slots), PAGE_BYTES.saturating_sub(SLOTS_OFFSET))
        }
        Some(PageType::Overflow) => {
            let Some(overflow) = OverflowHeader::decode(rest) else { return 0 };
            (overflow.data_bytes as usize, DATA_BYTES_MAX)
        }
        _ => {
            let room = PAGE_BYTES.saturating_sub(PageHeader::BYTES);
            (header.payload_bytes as usize, room)
        }
    };
    let permille = (used as u64).saturating_mul(1000).checked_div(room as u64).unwrap_or(0);
    permille.min(1000) as u16
}
