//! Which pages are free: a bitmap in memory, written only by checkpoints.
//!
//! Called by `pager` under its lock. Keeps rule 2: a checkpoint's image excludes what later edits
//! allocated, told by a journal of allocations since the last image. The lowest free page goes
//! first, so that files stay dense and their tails can be cut. Cost: one word per allocation.

use crate::ids::{PageId, TxnId};
use crate::limits::PAGE_COUNT_MAX;

/// Consecutive pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Run {
    /// The first.
    pub page: PageId,
    /// How many.
    pub count: u32,
}

impl Run {
    /// Its pages.
    pub fn pages(self) -> impl Iterator<Item = PageId> {
        let start = self.page.get();
        (start..start.saturating_add(self.count.into())).map(PageId::new)
    }
}

/// Which pages of a file are used.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct FreeSpace {
    /// Pages of the file.
    pub page_count: u64,
    /// One bit a page, the lowest bit of the first word is page 0; set means used.
    pub used: Vec<u64>,
}

impl FreeSpace {
    /// A file of `page_count` pages of which only the two meta slots are used.
    pub fn empty(page_count: u64) -> Self {
        let words = page_count.div_ceil(64) as usize;
        let mut free_space = Self { page_count, used: vec![0; words] };
        free_space.set_used(Run { page: PageId::new(0), count: 2 });
        free_space
    }

    /// Whether `page` is used; a page past the end is not.
    pub fn is_used(&self, page: PageId) -> bool {
        let word = self.used.get((page.get() / 64) as usize).copied().unwrap_or(0);
        word >> (page.get() % 64) & 1 == 1
    }

    /// Marks `run` as used, as far as it is inside the file. Returns whether any page was already.
    pub fn set_used(&mut self, run: Run) -> bool {
        let mut twice = false;
        for page in run.pages() {
            if page.get() >= self.page_count {
                break;
            }
            let Some(word) = self.used.get_mut((page.get() / 64) as usize) else { break };
            let bit = 1 << (page.get() % 64);
            twice |= *word & bit != 0;
            *word |= bit;
        }
        twice
    }

    /// Adds free pages at the end, up to `page_count` in all; a file that has more keeps them.
    pub fn grow(&mut self, page_count: u64) {
        self.page_count = self.page_count.max(page_count);
        self.used.resize(self.page_count.div_ceil(64) as usize, 0);
    }

    fn set_free(&mut self, page: PageId) -> bool {
        let Some(word) = self.used.get_mut((page.get() / 64) as usize) else { return false };
        let bit = 1 << (page.get() % 64);
        let was_used = *word & bit != 0;
        *word &= !bit;
        was_used
    }

    /// Free pages.
    pub fn free_pages(&self) -> u64 {
        let used: u64 = self.used.iter().map(|word| u64::from(word.count_ones())).sum();
        self.page_count.saturating_sub(used)
    }

    /// Drops free pages at the end.
    fn trim(&mut self, page_count_min: u64) {
        let last = self.used.iter().rposition(|word| *word != 0);
        let used_end = last.map_or(0, |index| {
            (index as u64 + 1) * 64 - u64::from(self.used[index].leading_zeros())
        });
        self.page_count = used_end.max(page_count_min);
        self.used.truncate(self.page_count.div_ceil(64) as usize);
    }
}

/// Words looked at for a free run before the file grows instead: 4 GiB of file.
const RUN_SEARCH_WORDS: usize = 4096;
/// Journal entries below which it is not compacted.
const JOURNAL_MIN: usize = 4096;

/// Hands out page ids.
#[derive(Debug)]
pub(super) struct Allocator {
    space: FreeSpace,
    free_pages: u64,
    /// No word below it has a free page.
    low_word: usize,
    journal: Vec<(TxnId, Run)>,
    journal_limit: usize,
    /// No image is asked for of a state before this one.
    settled: TxnId,
    /// The newest birth that the journal has seen.
    newest_birth: TxnId,
    allocated: u64,
}

impl Allocator {
    /// Everything below `page_count` is used.
    pub(super) fn new(page_count: u64) -> Self {
        let mut allocator = Self {
            space: FreeSpace { page_count: 0, used: Vec::new() },
            free_pages: 0,
            low_word: 0,
            journal: Vec::new(),
            journal_limit: JOURNAL_MIN,
            settled: TxnId::GENESIS,
            newest_birth: TxnId::GENESIS,
            allocated: 0,
        };
        allocator.space.page_count = page_count;
        allocator.space.used = vec![u64::MAX; (page_count / 64) as usize];
        if !page_count.is_multiple_of(64) {
            allocator.space.used.push((1 << (page_count % 64)) - 1);
        }
        allocator
    }

    pub(super) fn install(&mut self, space: FreeSpace) {
        assert!(self.journal.is_empty(), "free space is installed before the first edit");
        self.free_pages = space.free_pages();
        self.space = space;
        self.low_word = 0;
    }

    pub(super) fn page_count(&self) -> u64 {
        self.space.page_count
    }

    pub(super) fn free_pages(&self) -> u64 {
        self.free_pages
    }

    pub(super) fn allocated(&self) -> u64 {
        self.allocated
    }

    fn take(&mut self, run: Run, birth: TxnId) {
        let grown = run.page.get() + u64::from(run.count);
        if grown > self.space.page_count {
            self.free_pages += grown - self.space.page_count;
            self.space.page_count = grown;
            self.space.used.resize(grown.div_ceil(64) as usize, 0);
        }
        let twice = self.space.set_used(run);
        assert!(!twice, "a free page is handed out once: {run:?}");
        self.free_pages -= u64::from(run.count);
        self.allocated += u64::from(run.count);
        if birth < self.newest_birth {
            self.forget(run);
        }
        self.newest_birth = self.newest_birth.max(birth);
        self.journal.push((birth, run));
        if self.journal.len() > self.journal_limit {
            self.compact_journal();
        }
    }

    /// Takes `run` out of the journal: an edit that allocated it has given it back since, and an
    /// older one (a checkpoint's, beside the writer) takes it now.
    fn forget(&mut self, run: Run) {
        let (start, end) = (run.page.get(), run.page.get() + u64::from(run.count));
        let mut rest = Vec::with_capacity(self.journal.len() + 1);
        for (birth, old) in self.journal.drain(..) {
            let (old_start, old_end) = (old.page.get(), old.page.get() + u64::from(old.count));
            for (from, to) in [(old_start, old_end.min(start)), (old_start.max(end), old_end)] {
                if from < to {
                    rest.push((birth, Run { page: PageId::new(from), count: (to - from) as u32 }));
                }
            }
        }
        self.journal = rest;
    }

    /// Says that images are asked for of `state` and later ones only.
    pub(super) fn settle(&mut self, state: TxnId) {
        self.settled = self.settled.max(state);
    }

    /// The newest entry of each page that is still used is all a later image needs, and of those only
    /// what is younger than every image to come.
    fn compact_journal(&mut self) {
        self.journal.retain(|(birth, _)| *birth > self.settled);
        if self.journal.len() <= self.journal_limit / 2 {
            return;
        }
        self.journal.sort_by_key(|(birth, run)| (run.page, *birth));
        let space = &self.space;
        let mut kept: Vec<(TxnId, Run)> = Vec::with_capacity(self.journal.len() / 2);
        for entry in self.journal.drain(..) {
            if entry.1.count == 1 && !space.is_used(entry.1.page) {
                continue;
            }
            match kept.last_mut() {
                Some(last) if last.1 == entry.1 => *last = entry,
                _ => kept.push(entry),
            }
        }
        self.journal = kept;
        self.journal_limit = (2 * self.journal.len()).max(JOURNAL_MIN);
    }

    /// The lowest free page, or a new one at the end; `None` at the greatest size of a file.
    pub(super) fn alloc(&mut self, birth: TxnId) -> Option<PageId> {
        while let Some(word) = self.space.used.get(self.low_word) {
            if *word != u64::MAX {
                let page = self.low_word as u64 * 64 + u64::from(word.trailing_ones());
                if page < self.space.page_count {
                    let page = PageId::new(page);
                    self.take(Run { page, count: 1 }, birth);
                    return Some(page);
                }
                break;
            }
            self.low_word += 1;
        }
        self.grow(1, birth).map(|run| run.page)
    }

    fn grow(&mut self, count: u32, birth: TxnId) -> Option<Run> {
        let page = PageId::new(self.space.page_count);
        if self.space.page_count + u64::from(count) > PAGE_COUNT_MAX {
            return None;
        }
        let run = Run { page, count };
        self.take(run, birth);
        Some(run)
    }

    /// A run of `count` pages, or a shorter one of at least a quarter when the file has that free:
    /// fragmentation costs extents, it does not block a write.
    pub(super) fn alloc_run(&mut self, count: u32, birth: TxnId) -> Option<Run> {
        let mut best: Option<Run> = None;
        let mut open: Option<Run> = None;
        let words = self.space.used.len();
        let looked_at = self.low_word..words.min(self.low_word + RUN_SEARCH_WORDS);
        'search: for index in looked_at {
            let word = self.space.used[index];
            if word == u64::MAX {
                open = None;
                continue;
            }
            for bit in 0..64 {
                let page = PageId::new(index as u64 * 64 + bit);
                if word >> bit & 1 == 1 || page.get() >= self.space.page_count {
                    open = None;
                    continue;
                }
                let run =
                    open.map_or(Run { page, count: 1 }, |run| Run { count: run.count + 1, ..run });
                open = Some(run);
                if best.is_none_or(|best| run.count > best.count) {
                    best = Some(run);
                }
                if run.count >= count {
                    break 'search;
                }
            }
        }
        match best {
            Some(run) if run.count >= count.div_ceil(4) => {
                self.take(run, birth);
                Some(run)
            }
            _ => self.grow(count, birth),
        }
    }

    /// Makes `run` free.
    pub(super) fn free(&mut self, run: Run) {
        for page in run.pages() {
            // A page that is free already, or past the end, was named by a damaged file.
            self.free_pages += u64::from(self.space.set_free(page));
        }
        self.low_word = self.low_word.min((run.page.get() / 64) as usize);
    }

    /// What is used as of `txn`.
    pub(super) fn image(&mut self, txn: TxnId) -> FreeSpace {
        debug_assert!(self.settled <= txn, "images are of the newest state or later ones");
        self.journal.retain(|(birth, _)| *birth > txn);
        let mut image = self.space.clone();
        for (_, run) in &self.journal {
            for page in run.pages() {
                image.set_free(page);
            }
        }
        image.trim(2);
        image
    }

    /// Drops free pages at the end; the new page count.
    pub(super) fn trim(&mut self, page_count_min: u64) -> u64 {
        let before = self.space.page_count;
        self.space.trim(page_count_min.min(before));
        self.free_pages -= before - self.space.page_count;
        self.low_word = self.low_word.min(self.space.used.len());
        self.space.page_count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(page: u64, count: u32) -> Run {
        Run { page: PageId::new(page), count }
    }

    fn allocator(page_count: u64) -> Allocator {
        let mut allocator = Allocator::new(page_count);
        allocator.install(FreeSpace::empty(page_count));
        allocator
    }

    #[test]
    fn without_a_bitmap_nothing_is_reused() {
        let mut allocator = Allocator::new(70);
        assert_eq!(allocator.alloc(TxnId::new(1)), Some(PageId::new(70)));
        assert_eq!(allocator.free_pages(), 0);
    }

    #[test]
    fn the_lowest_free_page_goes_first() {
        let mut allocator = allocator(200);
        for expected in 2..200 {
            assert_eq!(allocator.alloc(TxnId::new(1)), Some(PageId::new(expected)));
        }
        assert_eq!(allocator.alloc(TxnId::new(1)), Some(PageId::new(200)), "the file grows");
        allocator.free(run(150, 1));
        allocator.free(run(64, 1));
        assert_eq!(allocator.free_pages(), 2);
        assert_eq!(allocator.alloc(TxnId::new(2)), Some(PageId::new(64)));
        assert_eq!(allocator.alloc(TxnId::new(2)), Some(PageId::new(150)));
        assert_eq!(allocator.alloc(TxnId::new(2)), Some(PageId::new(201)));
    }

    #[test]
    fn runs_prefer_one_piece_and_take_less_before_growing() {
        let mut allocator = allocator(100);
        assert_eq!(allocator.alloc_run(98, TxnId::new(1)), Some(run(2, 98)));
        allocator.free(run(10, 3));
        allocator.free(run(60, 8));
        let cases = [(8, run(60, 8)), (12, run(10, 3)), (12, run(100, 12)), (1, run(112, 1))];
        for (count, expected) in cases {
            assert_eq!(allocator.alloc_run(count, TxnId::new(1)), Some(expected), "{count} pages");
        }
    }

    #[test]
    fn an_image_holds_nothing_of_later_edits() {
        let mut allocator = allocator(2);
        let (one, two, three) = (TxnId::new(1), TxnId::new(2), TxnId::new(3));
        let first = allocator.alloc(one).unwrap();
        let second = allocator.alloc(two).unwrap();
        let third = allocator.alloc_run(3, three).unwrap();
        let image = allocator.image(two);
        assert_eq!(image.page_count, 4, "later pages at the end are cut");
        assert!(image.is_used(first) && image.is_used(second) && !image.is_used(third.page));
        allocator.free(run(first.get(), 1));
        assert_eq!(allocator.alloc(three), Some(first), "a freed page is used again");
        assert!(!allocator.image(two).is_used(first), "by a later edit");
        assert!(allocator.image(three).is_used(first));
    }

    #[test]
    fn a_page_given_back_by_a_later_edit_belongs_to_the_older_one_that_takes_it() {
        let mut allocator = allocator(2);
        let (one, two) = (TxnId::new(1), TxnId::new(2));
        let given_back = allocator.alloc_run(3, two).unwrap();
        allocator.free(given_back);
        assert_eq!(allocator.alloc(one), Some(given_back.page));
        let image = allocator.image(one);
        assert!(image.is_used(given_back.page));
        assert_eq!(image.page_count, 3);
        assert!(allocator.image(one).is_used(given_back.page), "asked again");
    }

    #[test]
    fn the_journal_stays_small() {
        let mut allocator = allocator(2);
        for birth in 1..50_000 {
            let page = allocator.alloc(TxnId::new(birth)).unwrap();
            if !birth.is_multiple_of(100) {
                allocator.free(Run { page, count: 1 });
            }
        }
        assert!(allocator.journal.len() <= 2 * JOURNAL_MIN, "{}", allocator.journal.len());
        let image = allocator.image(TxnId::new(25_000));
        assert_eq!(image.page_count - 2, image.used[0].count_ones() as u64 - 2 + 250 - 62);
    }

    #[test]
    fn the_journal_forgets_what_every_image_to_come_holds() {
        let mut allocator = allocator(2);
        let pages: Vec<PageId> =
            (1..=5000).map(|birth| allocator.alloc(TxnId::new(birth)).unwrap()).collect();
        allocator.settle(TxnId::new(4990));
        allocator.compact_journal();
        assert_eq!(allocator.journal.len(), 10);
        let image = allocator.image(TxnId::new(4995));
        for (page, birth) in pages.iter().zip(1..) {
            assert_eq!(image.is_used(*page), birth <= 4995, "{birth}");
        }
    }

    #[test]
    fn trimming_cuts_free_pages_at_the_end_only() {
        let mut allocator = allocator(300);
        allocator.alloc_run(200, TxnId::new(1)).unwrap();
        allocator.free(run(150, 52));
        assert_eq!(allocator.trim(180), 180, "not below what a meta names");
        assert_eq!(allocator.trim(0), 150);
        assert_eq!(allocator.free_pages(), 0);
        assert_eq!(allocator.alloc(TxnId::new(2)), Some(PageId::new(150)));
    }
}
