//! What an engine's pool holds, page by page: of an engine that this program runs itself, the only kind that
//! can be asked. Made by the job that had it work; plain data from then on.

use super::Class;
use crate::text;
use northstar_engine::Db;
use northstar_engine::db::{PooledPage, PooledState};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::Range;

/// Why a pool is not shown.
pub const POOL_UNSEEN: &str = "The pool is memory of the process that writes the file. This is another \
    process: it sees the file only, so it cannot tell which pages are in a pool. The engine of a lesson's \
    scratch database runs in this one: there it can.";

/// A pool as of the moment the engine was asked.
#[derive(Debug, Default)]
pub struct PoolView {
    pages: BTreeMap<u64, PooledPage>,
    frames: u64,
}

impl PoolView {
    /// Asks `db`.
    pub fn of(db: &Db) -> Self {
        let pages = db.pool().into_iter().map(|found| (found.page.get(), found)).collect();
        Self { pages, frames: db.stats().cache_frames }
    }

    /// The page behind the last one that it holds: pages that are not written yet may lie behind the file's end.
    pub fn end(&self) -> u64 {
        self.pages.last_key_value().map_or(0, |(page, _)| page.saturating_add(1))
    }

    /// Whether a page waits to be written.
    pub fn has_dirty(&self) -> bool {
        self.count(|found| found.state == PooledState::Dirty) > 0
    }

    fn count(&self, which: impl Fn(&PooledPage) -> bool) -> u64 {
        self.pages.values().filter(|found| which(found)).count() as u64
    }

    /// What a page is shown as.
    pub fn class(&self, page: u64) -> Class {
        self.pages.get(&page).map_or(Class::NotPooled, class_of)
    }

    /// What pages of a range together are shown as: what asks for most attention.
    pub fn class_of_range(&self, range: Range<u64>) -> Class {
        let classes = self.pages.range(range).map(|(_, found)| class_of(found));
        classes.min_by_key(|class| *class as u8).unwrap_or(Class::NotPooled)
    }

    /// `pages` pages by what they are shown as.
    pub fn legend(&self, pages: u64) -> Vec<(Class, u64)> {
        let mut counts: BTreeMap<u8, (Class, u64)> = BTreeMap::new();
        for found in self.pages.values() {
            let class = class_of(found);
            counts.entry(class as u8).or_insert((class, 0)).1 += 1;
        }
        let mut legend: Vec<(Class, u64)> = counts.into_values().collect();
        let absent = pages.saturating_sub(self.pages.len() as u64);
        legend.extend((absent > 0).then_some((Class::NotPooled, absent)));
        legend
    }

    /// All of it in a line.
    pub fn in_words(&self) -> String {
        let dirty = self.count(|found| found.state != PooledState::Clean);
        let pinned = self.count(|found| found.pins > 0);
        let hot = self.count(|found| found.hot);
        let (pages, frames) = (self.pages.len(), text::count(self.frames));
        format!(
            "of {frames} frames {pages} hold a page: {dirty} not written yet, {pinned} pinned, {hot} hot"
        )
    }

    /// One page in a line.
    pub fn page_in_words(&self, page: u64) -> String {
        let Some(found) = self.pages.get(&page) else { return "not in the pool".to_owned() };
        let state = match found.state {
            PooledState::Clean => "clean: as on disk",
            PooledState::Dirty => "dirty: not written yet",
            PooledState::Private => "being built by a writer",
            PooledState::Writing => "being written",
        };
        let pins = match found.pins {
            0 => String::new(),
            pins => format!(", pinned {pins} times"),
        };
        format!("in the pool, {state}{pins}, {}", if found.hot { "hot" } else { "cold" })
    }

    /// The same as data.
    pub fn json(&self) -> Value {
        let pages: Vec<&PooledPage> = self.pages.values().collect();
        json!({ "visible": true, "frames": self.frames, "pages": pages })
    }
}

/// The same for a pool that cannot be seen.
pub fn unseen_json() -> Value {
    json!({ "visible": false, "why": POOL_UNSEEN })
}

fn class_of(found: &PooledPage) -> Class {
    match found.state {
        _ if found.pins > 0 => Class::Pinned,
        PooledState::Private => Class::Private,
        PooledState::Writing => Class::BeingWritten,
        PooledState::Dirty => Class::Dirty,
        PooledState::Clean if found.hot => Class::Hot,
        PooledState::Clean => Class::Cold,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use northstar_engine::{PageId, TxnId};

    fn view(pages: &[(u64, PooledState, u32, bool)]) -> PoolView {
        let found = pages.iter().map(|(page, state, pins, hot)| {
            let birth = TxnId::new(1);
            let id = PageId::new(*page);
            (*page, PooledPage { page: id, birth, state: *state, pins: *pins, hot: *hot })
        });
        PoolView { pages: found.collect(), frames: 64 }
    }

    #[test]
    fn each_page_has_its_class_and_a_cell_of_many_shows_the_most_pressing() {
        use PooledState::{Clean, Dirty, Private, Writing};
        let pool = view(&[
            (2, Clean, 0, true),
            (3, Clean, 0, false),
            (5, Dirty, 0, true),
            (6, Private, 0, true),
            (7, Writing, 1, true),
            (9, Clean, 2, false),
        ]);
        let classes: Vec<Class> = (2..10).map(|page| pool.class(page)).collect();
        let expected = [
            Class::Hot,
            Class::Cold,
            Class::NotPooled,
            Class::Dirty,
            Class::Private,
            Class::Pinned,
            Class::NotPooled,
            Class::Pinned,
        ];
        assert_eq!(classes, expected);
        assert_eq!(pool.class_of_range(0..2), Class::NotPooled);
        assert_eq!(pool.class_of_range(2..6), Class::Dirty);
        assert_eq!(pool.class_of_range(2..10), Class::Pinned);
        assert_eq!(pool.end(), 10);
        let counted: u64 = pool.legend(12).iter().map(|(_, count)| count).sum();
        assert_eq!(counted, 12, "every page is counted once");
        let words = "of 64 frames 6 hold a page: 3 not written yet, 2 pinned, 4 hot";
        assert_eq!(pool.in_words(), words);
        assert_eq!(pool.page_in_words(9), "in the pool, clean: as on disk, pinned 2 times, cold");
        assert_eq!(pool.page_in_words(4), "not in the pool");
    }
}
