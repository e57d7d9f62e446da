//! Which pages are free: a bitmap in memory, written only by checkpoints.
//!
//! Called by `pager`. Keeps rule 2 (a checkpoint's image excludes what later edits allocated).

use crate::ids::PageId;

/// Consecutive pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Run {
    /// The first.
    pub page: PageId,
    /// How many.
    pub count: u32,
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
        let mut free_space = Self { page_count, used: vec![0; page_count.div_ceil(64) as usize] };
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
        for page in run.page.get()..run.page.get().saturating_add(run.count.into()) {
            let Some(word) = self.used.get_mut((page / 64) as usize) else { break };
            let bit = 1 << (page % 64);
            twice |= *word & bit != 0;
            *word |= bit;
        }
        twice
    }

    /// Free pages.
    pub fn free_pages(&self) -> u64 {
        let used: u64 = self.used.iter().map(|word| u64::from(word.count_ones())).sum();
        self.page_count.saturating_sub(used)
    }
}
