//! Where empty frames come from: the free list, limbo, memory never touched, and eviction.
//!
//! Called by `pager` for every page that comes into memory or leaves it. Memory never touched comes
//! after limbo: the first touch of a frame costs more than the page that goes there. The background
//! thread has it given ahead of its use. Cost: one lock a frame; an eviction puts out many pages at
//! once.

use super::{OwnedFrame, Pool};
use crate::ids::PageId;
use crate::pager::table::{State, Word};
use crate::sync::atomic::Ordering;
use crate::sync::{MutexGuard, yield_now};
use std::collections::VecDeque;
use std::sync::PoisonError;

/// Frames in limbo that are looked at in one go.
const LIMBO_BATCH: usize = 2 * EVICTION_BATCH;
/// How many pages an eviction puts out at once, so that one wait for epochs serves many.
const EVICTION_BATCH: usize = 32;

/// Frames that hold nothing, or that wait until nobody can look at them.
#[derive(Default)]
pub(super) struct Spare {
    pub(super) free: Vec<u32>,
    limbo: VecDeque<(u64, u32)>,
    pub(super) untouched: u32,
    /// What [`Pool::populate_ahead`] saw last, and how far it went.
    seen_untouched: u32,
    populated: u32,
    hand: u32,
}

/// Most frames that memory is asked for ahead of their use.
const POPULATE_MAX: u32 = 512;

#[cfg(all(test, not(loom)))]
impl Spare {
    pub(super) fn populated(&self) -> u32 {
        self.populated
    }
}

/// Who may use frames beyond the budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pager) enum Need {
    /// Readers do without: they get a page of their own.
    Budget,
    /// A change under way cannot stop in the middle.
    Reserve,
}

impl Pool {
    pub(super) fn spare(&self) -> MutexGuard<'_, Spare> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Frames that hold a page.
    pub(in crate::pager) fn resident(&self) -> u64 {
        let spare = self.spare();
        u64::from(spare.untouched) - (spare.free.len() + spare.limbo.len()) as u64
    }

    /// A frame for exclusive use, an evicted one if need be. `None` when all are unwritten or
    /// pinned. Never call it inside an epoch: it may wait for all of them to end.
    pub(in crate::pager) fn acquire(&self, need: Need) -> Option<OwnedFrame<'_>> {
        loop {
            let mut spare = self.spare();
            if let Some(frame) = spare.free.pop() {
                return Some(OwnedFrame { pool: self, frame });
            }
            // Before memory that was never touched: a frame used lately is in the processor's cache.
            if self.leave_limbo(&mut spare) {
                continue;
            }
            if spare.untouched < self.budget {
                spare.untouched += 1;
                return Some(OwnedFrame { pool: self, frame: spare.untouched - 1 });
            }
            if spare.limbo.iter().all(|(_, frame)| self.pins(*frame) > 0) && !self.evict(&mut spare)
            {
                if need == Need::Reserve && (spare.untouched as usize) < self.region.frames {
                    spare.untouched += 1;
                    return Some(OwnedFrame { pool: self, frame: spare.untouched - 1 });
                }
                return None;
            }
            drop(spare);
            // Operations do not block inside an epoch, so this ends soon.
            yield_now();
        }
    }

    /// Has memory given to the next frames that will be touched, when some were since the last call: as
    /// many as then, and no more than `POPULATE_MAX`. The first touch of 2 MiB of memory can take
    /// milliseconds, which no commit has to wait for then.
    pub(in crate::pager) fn populate_ahead(&self) {
        let (first, end) = {
            let mut spare = self.spare();
            let taken = spare.untouched.saturating_sub(spare.seen_untouched);
            spare.seen_untouched = spare.untouched;
            let end = spare.untouched.saturating_add(taken.min(POPULATE_MAX)).min(self.budget);
            let first = spare.untouched.max(spare.populated);
            spare.populated = spare.populated.max(end);
            (first, end)
        };
        self.region.populate(first, end);
    }

    /// Moves frames that nobody can look at any more to the free list; whether there were any.
    fn leave_limbo(&self, spare: &mut Spare) -> bool {
        let oldest = self.epochs.oldest_running();
        let before = spare.free.len();
        for _ in 0..spare.limbo.len().min(LIMBO_BATCH) {
            let Some((epoch, frame)) = spare.limbo.pop_front() else { break };
            if epoch <= oldest && self.pins(frame) == 0 {
                spare.free.push(frame);
            } else {
                spare.limbo.push_back((epoch, frame));
            }
        }
        spare.free.len() > before
    }

    /// Second chance: takes the referenced bit of pages it passes, puts out those without one.
    /// Whether it put any out.
    fn evict(&self, spare: &mut Spare) -> bool {
        let start = spare.limbo.len();
        for _ in 0..2 * spare.untouched as usize {
            spare.hand = (spare.hand + 1) % spare.untouched;
            let frame = spare.hand;
            let page = PageId::new(self.meta(frame).page.load(Ordering::Relaxed));
            let word = self.table.load(page);
            if word.frame() != frame {
                continue;
            }
            if word.state() == Some(State::Clean) && word.is_referenced() {
                self.table.replace(page, word, word.unreferenced());
            } else if self.put_out(spare, page, word) && spare.limbo.len() - start >= EVICTION_BATCH
            {
                break;
            }
        }
        let evicted = spare.limbo.len() - start;
        self.tag_limbo(spare, start);
        self.evictions.fetch_add(evicted as u64, Ordering::Relaxed);
        evicted > 0
    }

    /// Takes `page`, seen as `word`, out of memory if it is clean and not pinned; whether it did. The
    /// caller tags the frame.
    fn put_out(&self, spare: &mut Spare, page: PageId, word: Word) -> bool {
        let frame = word.frame();
        let out = word.state() == Some(State::Clean)
            && self.pins(frame) == 0
            && self.table.replace(page, word, Word::ABSENT);
        if out {
            spare.limbo.push_back((0, frame));
        }
        out
    }

    /// Takes those of `pages` out of memory that are clean and not pinned.
    pub(in crate::pager) fn drop_clean(&self, pages: impl Iterator<Item = PageId>) {
        let mut spare = self.spare();
        let start = spare.limbo.len();
        for page in pages {
            self.put_out(&mut spare, page, self.table.load(page));
        }
        if spare.limbo.len() > start {
            self.tag_limbo(&mut spare, start);
        }
    }

    /// Takes `page` out of memory, whatever its state: it was released or given up.
    pub(in crate::pager) fn forget(&self, page: PageId) {
        self.put_aside(self.table.swap(page, Word::ABSENT));
    }

    /// Sends the frame of a word that was taken out of the table to limbo.
    pub(super) fn put_aside(&self, word: Word) {
        let Some(state) = word.state() else { return };
        if state != State::Clean {
            self.unclean.fetch_sub(1, Ordering::Relaxed);
        }
        let mut spare = self.spare();
        let epoch = self.epochs.advance();
        spare.limbo.push_back((epoch, word.frame()));
    }

    /// Takes `pages` out of memory, as [`Self::forget`] does one, under one lock.
    pub(in crate::pager) fn forget_all(&self, pages: impl Iterator<Item = PageId>) {
        let mut spare = self.spare();
        let start = spare.limbo.len();
        let mut unclean = 0;
        for page in pages {
            let word = self.table.swap(page, Word::ABSENT);
            let Some(state) = word.state() else { continue };
            unclean += u64::from(state != State::Clean);
            spare.limbo.push_back((0, word.frame()));
        }
        self.unclean.fetch_sub(unclean, Ordering::Relaxed);
        self.tag_limbo(&mut spare, start);
    }

    /// Tells the frames in limbo from `start` on, just taken out of the table, when they may leave it.
    fn tag_limbo(&self, spare: &mut Spare, start: usize) {
        let epoch = self.epochs.advance();
        for (tag, _) in spare.limbo.iter_mut().skip(start) {
            *tag = epoch;
        }
    }
}
