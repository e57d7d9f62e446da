//! What a walk through everything found: the state of each page, the problems, the counts.
//!
//! Filled by `survey` and `walk`; asked by the page map, by the tree's screen and by `check`.

use super::free_map::FreeMap;
use crate::format::chain::RetiredRow;
use crate::ids::{PageId, TxnId};
use crate::inspect::bits::Bits;
use crate::inspect::report::Report;
use crate::inspect::tree::Root;
use serde::Serialize;

/// Nodes of one level of the current tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LevelStats {
    /// How many.
    pub nodes: u64,
    /// Rows or children in them.
    pub entries: u64,
    /// Bytes of slots, live cells and prefixes.
    pub bytes_used: u64,
    /// Bytes there is room for.
    pub bytes_room: u64,
}

/// What a walk through everything found.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// Every problem, and what was counted.
    pub report: Report,
    /// Pages the file has.
    pub file_pages: u64,
    /// Pages the chosen meta knows of.
    pub page_count: u64,
    /// The state recovery would open.
    pub txn_id: Option<TxnId>,
    /// Levels of the current tree, leaves first.
    pub levels: Vec<LevelStats>,
    /// Overflow pages of the current tree.
    pub overflow_pages: u64,
    /// Every tree that is named: of the metas and of their history.
    pub roots: Vec<Root>,
    /// Runs of the chosen meta's retired rows.
    pub retired_rows: Vec<RetiredRow>,
    pub(super) live: Bits,
    pub(super) kept: Bits,
    pub(super) chains: Bits,
    pub(super) retired: Bits,
    pub(super) doubles: Bits,
    pub(super) bad: Bits,
    pub(super) free_map: Option<FreeMap>,
}

impl Survey {
    /// What a page is to the file.
    pub fn state(&self, page: PageId) -> PageState {
        let id = page.get();
        if self.bad.contains(id) {
            PageState::Bad
        } else if id < 2 {
            PageState::Meta
        } else if self.live.contains(id) {
            PageState::Live
        } else if self.chains.contains(id) {
            PageState::Chain
        } else if self.kept.contains(id) {
            PageState::Kept
        } else if self.retired.contains(id) {
            PageState::Retired
        } else if id >= self.page_count {
            PageState::Outside
        } else {
            match &self.free_map {
                Some(map) if map.is_used(page) => PageState::Orphan,
                _ => PageState::Free,
            }
        }
    }

    /// Pages of the current tree.
    pub const fn live_pages(&self) -> u64 {
        self.live.len()
    }

    /// Pages that only other kept states use.
    pub const fn kept_pages(&self) -> u64 {
        self.kept.len()
    }

    /// Pages of bitmap, history and retired rows.
    pub const fn chain_pages(&self) -> u64 {
        self.chains.len()
    }

    /// Pages that two parents point at.
    pub fn double_references(&self) -> impl Iterator<Item = PageId> + '_ {
        self.doubles.iter().map(PageId::new)
    }

    /// Pages with a problem.
    pub fn bad_pages(&self) -> impl Iterator<Item = PageId> + '_ {
        self.bad.iter().map(PageId::new)
    }

    /// Pages marked in use that nothing reaches: space lost until a compact.
    pub fn orphans(&self) -> impl Iterator<Item = PageId> + '_ {
        let used = self.free_map.iter().flat_map(FreeMap::used);
        used.filter(|&page| self.state(page) == PageState::Orphan)
    }

    /// The chosen meta's bitmap, when it could be read.
    pub const fn free_map(&self) -> Option<&FreeMap> {
        self.free_map.as_ref()
    }

    /// Marks a page as reached; whether it was new to all trees.
    pub(super) fn mark(&mut self, page: u64, current: bool) -> bool {
        if current {
            return self.live.insert(page);
        }
        !self.live.contains(page) && self.kept.insert(page)
    }

    pub(super) fn add_level(&mut self, level: u8, stats: &LevelStats) {
        let level = usize::from(level);
        if self.levels.len() <= level {
            self.levels.resize(level.saturating_add(1), LevelStats::default());
        }
        if let Some(sum) = self.levels.get_mut(level) {
            sum.nodes = sum.nodes.saturating_add(stats.nodes);
            sum.entries = sum.entries.saturating_add(stats.entries);
            sum.bytes_used = sum.bytes_used.saturating_add(stats.bytes_used);
            sum.bytes_room = sum.bytes_room.saturating_add(stats.bytes_room);
        }
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
