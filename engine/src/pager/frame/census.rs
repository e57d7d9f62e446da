//! What the pool holds, page by page: for a program that shows what its engine does.
//!
//! Called by `Db::pool`. Readers and writers pay nothing for it: it reads the words and counts that are there
//! anyway, and takes one lock, to ask how many frames are in use. Cost: one pass over those.

use super::{Pool, State};
use crate::ids::{PageId, TxnId};
use crate::sync::atomic::Ordering;
use serde::Serialize;

/// A page in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PooledPage {
    /// Which.
    pub page: PageId,
    /// The transaction that wrote it.
    pub birth: TxnId,
    /// How it stands to the disk.
    pub state: PooledState,
    /// How many hold it in place: values that readers keep, cursors, a write that is under way.
    pub pins: u32,
    /// Whether somebody looked at it since eviction last came past. A cold one goes first.
    pub hot: bool,
}

/// How a page in memory stands to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PooledState {
    /// As on disk.
    Clean,
    /// Part of a committed state, and not yet written.
    Dirty,
    /// Being built by a write transaction or a checkpoint; nobody else sees it.
    Private,
    /// Being written.
    Writing,
}

impl From<State> for PooledState {
    fn from(state: State) -> Self {
        match state {
            State::Clean => Self::Clean,
            State::Dirty => Self::Dirty,
            State::Private => Self::Private,
            State::Writing => Self::Writing,
        }
    }
}

impl Pool {
    /// Every page in memory, in page order. Others go on meanwhile: each page is told as it is when it is
    /// looked at, all of them together at no one instant.
    pub(in crate::pager) fn census(&self) -> Vec<PooledPage> {
        let in_use = self.spare().untouched as usize;
        let mut pages = Vec::new();
        for (frame, meta) in self.meta.iter().enumerate().take(in_use) {
            let page = PageId::new(meta.page.load(Ordering::Relaxed));
            let held = || {
                let word = self.table.load(page);
                word.state().filter(|_| word.frame() as usize == frame).map(|state| (word, state))
            };
            let Some((word, state)) = held() else { continue };
            let found = PooledPage {
                page,
                birth: TxnId::new(meta.birth.load(Ordering::Relaxed)),
                state: state.into(),
                pins: meta.pins.load(Ordering::Relaxed),
                hot: word.is_referenced(),
            };
            // The frame may have gone to another page while it was looked at.
            if held().is_some() {
                pages.push(found);
            }
        }
        pages.sort_unstable_by_key(|found| found.page);
        pages
    }
}
