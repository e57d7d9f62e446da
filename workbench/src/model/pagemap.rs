//! Every page of the file in sixteen bytes, with what can be counted of them kept up to date.
//!
//! The map screen draws from this; a scan fills it batch by batch. Counting happens when pages come in,
//! never when a frame is drawn: ten million pages cost a frame nothing.

mod ages;
pub mod class;
pub mod pool;

use ages::Ages;
pub use class::{CLASSES, Class, Mode, state_text};
use northstar_engine::format::page::PageType;
use northstar_engine::inspect::find::{PageState, PageSummary, Survey};
use northstar_engine::{PageId, TxnId};
use pool::PoolView;
use std::ops::Range;
use std::sync::Arc;

/// One page, in as few bytes as a map needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brief {
    /// The transaction that wrote it, where its header can be believed.
    pub birth: Option<TxnIdBits>,
    /// How full, per mille.
    pub fill_permille: u16,
    /// What its header says it holds.
    pub page_type: Option<PageType>,
    /// What it is to the file, as far as a survey has told.
    pub state: Option<PageState>,
    /// Its level.
    pub level: u8,
    /// Never written: all zero.
    pub zero: bool,
    /// Whether its checksum holds.
    pub verified: bool,
}

/// A TxnId above 0 without room for its absence.
pub type TxnIdBits = std::num::NonZeroU64;

const _: () = assert!(size_of::<Brief>() == 16);

impl Brief {
    /// What is kept of `summary`; `survey` tells its state.
    pub fn new(summary: &PageSummary, survey: Option<&Survey>) -> Self {
        Self {
            birth: summary.birth.and_then(|txn| TxnIdBits::new(txn.get())),
            fill_permille: summary.fill_permille,
            page_type: summary.page_type,
            state: survey.map(|survey| survey.state(summary.id)),
            level: summary.level,
            zero: summary.zero,
            verified: summary.checksum == Some(true),
        }
    }

    /// Whether it is broken, or in use for nothing. A free page may hold anything.
    pub fn is_problem(&self) -> bool {
        match self.state {
            Some(state) => matches!(state, PageState::Bad | PageState::Orphan),
            None => !self.zero && !self.verified,
        }
    }
}

/// Pages by mode and class.
#[derive(Debug)]
struct Counts([[u64; CLASSES]; Mode::ALL.len()]);

impl Default for Counts {
    fn default() -> Self {
        Self([[0; CLASSES]; Mode::ALL.len()])
    }
}

/// The pages, as far as they are known.
#[derive(Debug, Default)]
pub struct PageMap {
    pages: Vec<Brief>,
    /// The scan under way replaces pages from here; what is behind is from the scan before.
    scanned: usize,
    complete: bool,
    counts: Counts,
    problems: u64,
    ages: Ages,
    /// Pages born after this state are what the last checkpoint wrote.
    base: Option<TxnId>,
    /// The pool of the engine that has the file open, if it can be seen.
    pool: Option<Arc<PoolView>>,
}

impl PageMap {
    /// A scan begins: pages that come in replace those that are there. `base` is the state of the
    /// checkpoint before the newest.
    pub fn begin(&mut self, base: Option<TxnId>) {
        self.scanned = 0;
        self.complete = false;
        if self.base != base {
            self.base = base;
            self.recount();
        }
    }

    /// Pages from `first` on have been read. Returns which places of the map changed.
    pub fn take(
        &mut self,
        first: u64,
        pages: &[PageSummary],
        survey: Option<&Survey>,
    ) -> Range<usize> {
        let first = usize::try_from(first).unwrap_or(usize::MAX).min(self.pages.len());
        for (at, summary) in (first..).zip(pages) {
            let brief = Brief::new(summary, survey);
            match self.pages.get(at).copied() {
                Some(old) => {
                    self.count(&old, at, false);
                    self.pages[at] = brief;
                }
                None => self.pages.push(brief),
            }
            self.count(&brief, at, true);
        }
        self.scanned = first + pages.len();
        first..self.scanned
    }

    /// Room for so many pages, so that a long scan does not copy what it has.
    pub fn reserve(&mut self, pages: u64) {
        let more = usize::try_from(pages).unwrap_or(0).saturating_sub(self.pages.len());
        // What cannot be had at once is had page by page.
        drop(self.pages.try_reserve_exact(more));
    }

    /// The scan is through: what the file no longer has is gone.
    pub fn end(&mut self) {
        self.complete = true;
        self.pages.truncate(self.scanned);
        self.recount();
    }

    /// A survey tells the state of every page.
    pub fn survey(&mut self, survey: &Survey) {
        for (id, brief) in (0..).zip(&mut self.pages) {
            brief.state = Some(survey.state(PageId::new(id)));
        }
        self.recount();
    }

    /// Takes over what is known of the pool; whether that is new.
    pub fn set_pool(&mut self, pool: Option<&Arc<PoolView>>) -> bool {
        let known = match (&self.pool, pool) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new),
            (None, None) => true,
            _ => false,
        };
        self.pool = pool.cloned();
        !known
    }

    /// What is known of the pool.
    pub fn pool(&self) -> Option<&PoolView> {
        self.pool.as_deref()
    }

    /// How many pages are known.
    pub fn len(&self) -> usize {
        self.pages.len()
    }

    /// How many pages `mode` has something to say of: a pool holds pages that the file does not have yet.
    pub fn extent(&self, mode: Mode) -> usize {
        let pooled = self.pool.as_ref().filter(|_| mode == Mode::Pool).map_or(0, |pool| pool.end());
        self.pages.len().max(usize::try_from(pooled).unwrap_or(usize::MAX))
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// Whether the scan is through.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// All pages that are known.
    pub fn pages(&self) -> &[Brief] {
        &self.pages
    }

    /// What page `at` is shown as in `mode`.
    pub fn class(&self, at: usize, mode: Mode) -> Class {
        if let (Mode::Pool, Some(pool)) = (mode, &self.pool) {
            return pool.class(at as u64);
        }
        match self.pages.get(at) {
            Some(brief) => self.class_of(brief, at, mode),
            None => Class::Unread,
        }
    }

    fn class_of(&self, brief: &Brief, at: usize, mode: Mode) -> Class {
        class::of(brief, at, mode, self.ages.newest(), self.base)
    }

    /// What pages of `range` together are shown as: a problem if one is, else what most of them are.
    pub fn class_of_range(&self, range: Range<usize>, mode: Mode) -> Class {
        if let (Mode::Pool, Some(pool)) = (mode, &self.pool) {
            return pool.class_of_range(range.start as u64..range.end as u64);
        }
        let mut counts = [0_u32; CLASSES];
        let end = range.end.min(self.pages.len());
        for at in range.start..end {
            let class = self.class(at, mode);
            if class.is_problem() {
                return class;
            }
            counts[class as usize] += 1;
        }
        let most = (0..CLASSES).max_by_key(|at| (counts[*at], std::cmp::Reverse(*at)));
        match most.filter(|at| counts[*at] > 0) {
            Some(at) => Class::ALL[at],
            None => Class::Unread,
        }
    }

    /// Pages by what they are shown as in `mode`, in the order of the classes. The heat modes count
    /// kinds: their steps are the picture. Of a pool that cannot be seen nothing is counted.
    pub fn legend(&self, mode: Mode) -> Vec<(Class, u64)> {
        if mode == Mode::Pool {
            let pages = self.extent(mode) as u64;
            return self.pool.as_ref().map(|pool| pool.legend(pages)).unwrap_or_default();
        }
        let counts = &self.counts.0[mode.counted() as usize];
        let counted = Class::ALL.into_iter().zip(counts.iter().copied());
        counted.filter(|(_, count)| *count > 0).collect()
    }

    /// How many pages are a problem.
    pub fn problems(&self) -> u64 {
        self.problems
    }

    /// The next problem from `from` in either direction, round and round.
    pub fn problem_from(&self, from: u64, forward: bool) -> Option<u64> {
        if self.problems == 0 {
            return None;
        }
        let len = self.pages.len();
        let here = usize::try_from(from).unwrap_or(0).min(len);
        (1..=len)
            .map(|by| if forward { here + by } else { here + len - by } % len)
            .find(|at| self.pages.get(*at).is_some_and(Brief::is_problem))
            .map(|at| at as u64)
    }

    /// The newest birth of a sound page.
    pub fn newest(&self) -> u64 {
        self.ages.newest()
    }

    /// Sound pages by birth, from TxnId 0 to the newest, in `columns` equal parts.
    pub fn ages(&self, columns: usize) -> Vec<u64> {
        self.ages.columns(columns)
    }

    /// The state the changed mode compares with.
    pub fn base(&self) -> Option<TxnId> {
        self.base
    }

    fn count(&mut self, brief: &Brief, at: usize, in_: bool) {
        let change = |count: &mut u64| {
            *count = if in_ { count.saturating_add(1) } else { count.saturating_sub(1) };
        };
        for mode in Mode::ALL.into_iter().filter(|mode| mode.counted() == *mode) {
            let class = self.class_of(brief, at, mode);
            change(&mut self.counts.0[mode as usize][class as usize]);
        }
        if brief.is_problem() {
            change(&mut self.problems);
        }
        if let Some(birth) = brief.birth.filter(|_| brief.verified) {
            self.ages.count(birth.get(), in_);
        }
    }

    fn recount(&mut self) {
        self.counts = Counts::default();
        self.problems = 0;
        self.ages = Ages::default();
        let pages = std::mem::take(&mut self.pages);
        for (at, brief) in pages.iter().enumerate() {
            self.count(brief, at, true);
        }
        self.pages = pages;
    }
}

#[cfg(test)]
mod tests;
