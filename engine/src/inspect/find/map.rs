//! What each page is: for the page map, by window.

use super::survey::Survey;
use crate::format::chain::{ChainHeader, ChainPlace};
use crate::format::checksum::page_crc;
use crate::format::meta::Meta;
use crate::format::node::{NodeHeader, SLOTS_OFFSET, Slot};
use crate::format::overflow::{DATA_BYTES_MAX, OverflowHeader};
use crate::format::page::{PAGE_MAGIC, PageHeader, PageType, check_pointer, verify_page};
use crate::ids::{PageId, TxnId};
use crate::inspect::bits::Bits;
use crate::inspect::source::Source;
use crate::limits::PAGE_BYTES;
use serde::Serialize;
use std::ops::Range;

/// Which pages are in use, as a bitmap chain says.
#[derive(Clone, Debug, Default)]
pub struct FreeMap {
    used: Bits,
    page_count: u64,
}

impl FreeMap {
    /// Reads the bitmap of a meta; `None` when there is none or it is damaged. Cost: one page per
    /// 130,000 pages of the file.
    pub fn read(source: &Source, meta: &Meta) -> Option<Self> {
        let mut map = Self::default();
        let mut at = meta.bitmap;
        while !at.is_null() {
            let page = source.read_page(at.page).ok()?;
            let header = verify_page(&page.bytes, source.uuid(), at.page).ok()?;
            check_pointer(&header, at).ok()?;
            let place = ChainPlace { page_type: PageType::Bitmap, first: map.page_count };
            let (header, bits) = ChainHeader::decode_page(&page.bytes, &header, place).ok()?;
            // Each page covers at least one page of the file, so a cycle ends here.
            if map.page_count >= meta.page_count {
                return None;
            }
            map.add(header.first, header.count, bits);
            at = header.next;
        }
        (map.page_count > 0).then_some(map)
    }

    pub(super) fn add(&mut self, first: u64, count: u32, bits: &[u8]) {
        // Bits behind the last are zero (MAP-2); where they are not, they are behind the count.
        for (index, bytes) in bits.chunks(8).enumerate() {
            let at = (index as u64).saturating_mul(64);
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(bytes) {
                *to = *from;
            }
            let left = u64::from(count).saturating_sub(at).min(64);
            let mask = if left == 64 { u64::MAX } else { (1_u64 << left).wrapping_sub(1) };
            let word = u64::from_le_bytes(word) & mask;
            let page = first.saturating_add(at);
            if page.is_multiple_of(64) {
                self.used.insert_word(page, word);
            } else {
                for bit in (0..64).filter(|bit| word >> bit & 1 == 1) {
                    self.used.insert(page.saturating_add(bit));
                }
            }
        }
        self.page_count = first.saturating_add(u64::from(count));
    }

    /// Whether a page is marked in use.
    pub fn is_used(&self, page: PageId) -> bool {
        self.used.contains(page.get())
    }

    /// Pages it has a bit for.
    pub const fn page_count(&self) -> u64 {
        self.page_count
    }

    /// Pages in use.
    pub const fn used_count(&self) -> u64 {
        self.used.len()
    }

    /// The pages in use, in rising order.
    pub fn used(&self) -> impl Iterator<Item = PageId> + '_ {
        self.used.iter().map(PageId::new)
    }
}

/// What a page is to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PageState {
    /// A meta slot.
    Meta,
    /// Part of the current tree.
    Live,
    /// Part of another state that a meta or the history names.
    Kept,
    /// Bitmap, history or retired rows.
    Chain,
    /// Retired, and not yet free: a snapshot may need it.
    Retired,
    /// Free for reuse.
    Free,
    /// In use, and nothing reaches it.
    Orphan,
    /// Behind the pages that the meta knows of.
    Outside,
    /// Broken.
    Bad,
    /// In use; which way is not known without a survey.
    Used,
}

impl PageState {
    /// Its name, one lower-case word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Live => "live",
            Self::Kept => "kept",
            Self::Chain => "chain",
            Self::Retired => "retired",
            Self::Free => "free",
            Self::Orphan => "orphan",
            Self::Outside => "outside",
            Self::Bad => "bad",
            Self::Used => "used",
        }
    }
}

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
pub fn summaries(
    source: &Source,
    pages: Range<u64>,
    depth: SummaryDepth,
    survey: Option<&Survey>,
    free_map: Option<&FreeMap>,
) -> Vec<PageSummary> {
    let end = pages.end.min(source.page_count().unwrap_or(0));
    (pages.start..end).map(|id| summary(source, PageId::new(id), depth, survey, free_map)).collect()
}

fn summary(
    source: &Source,
    id: PageId,
    depth: SummaryDepth,
    survey: Option<&Survey>,
    free_map: Option<&FreeMap>,
) -> PageSummary {
    let offset = id.get().saturating_mul(PAGE_BYTES as u64);
    let bytes = match depth {
        SummaryDepth::Header => source.read_range(offset, SLOTS_OFFSET).unwrap_or_default(),
        SummaryDepth::Whole => source.read_page(id).map(|page| page.bytes).unwrap_or_default(),
    };
    let header = PageHeader::decode(&bytes).filter(|header| header.magic == PAGE_MAGIC);
    let checksum = (depth == SummaryDepth::Whole)
        .then(|| header.is_some_and(|header| header.crc.0 == page_crc(source.uuid(), id, &bytes)));
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
        fill_permille: header.map_or(0, |header| fill_permille(&header, &bytes)),
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
