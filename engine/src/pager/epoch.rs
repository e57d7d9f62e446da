//! Epochs: which operations of readers are running, so that nobody takes a frame from under them.
//!
//! Called by `frame`. An operation claims one of a fixed number of slots and writes the current epoch
//! there; to take a frame back, the epoch is advanced and all slots are looked at. Slots belong to
//! nobody: a thread tries the one it had last time first. Cost: one compare-exchange, one store.

use super::apart::Apart;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Spread, thread_local, yield_now};
use std::cell::Cell;

/// Operations that run at one time; more wait for one to end. Few in a model, where every look at
/// one is a step.
const SLOTS: usize = if cfg!(loom) { 2 } else { 64 };

#[derive(Debug, Default)]
struct Slot {
    /// 0 when free.
    epoch: AtomicU64,
    /// Pages found by operations of this slot; written by whoever holds it.
    hits: AtomicU64,
}

#[derive(Debug)]
pub(super) struct Epochs {
    current: Apart<AtomicU64>,
    slots: Box<[Apart<Slot>]>,
}

static FIRST_HINTS: Spread = Spread::new();
thread_local! {
    /// The slot this thread had last, of whatever pager. Any value is right; this one is fast.
    static HINT: Cell<usize> = Cell::new(FIRST_HINTS.draw());
}

impl Epochs {
    pub(super) fn new() -> Self {
        let slots = (0..SLOTS).map(|_| Apart::default()).collect();
        Self { current: Apart(AtomicU64::new(1)), slots }
    }

    #[inline]
    pub(super) fn enter(&self) -> Running<'_> {
        let hint = HINT.with(Cell::get);
        self.try_enter(hint).unwrap_or_else(|| self.enter_elsewhere(hint))
    }

    #[inline]
    fn try_enter(&self, hint: usize) -> Option<Running<'_>> {
        let slot = &self.slots[hint % SLOTS];
        let epoch = self.current.load(Ordering::SeqCst);
        let claim = slot.epoch.compare_exchange(0, epoch, Ordering::SeqCst, Ordering::Relaxed);
        claim.ok().map(|_| Running { slot, hits: Cell::new(0) })
    }

    #[cold]
    fn enter_elsewhere(&self, mut hint: usize) -> Running<'_> {
        loop {
            hint = hint.wrapping_add(1);
            if let Some(running) = self.try_enter(hint) {
                HINT.with(|cell| cell.set(hint));
                return running;
            }
            if hint.is_multiple_of(SLOTS) {
                yield_now();
            }
        }
    }

    /// Starts a new epoch. What was made unreachable before is seen by no operation of it.
    pub(super) fn advance(&self) -> u64 {
        self.current.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Pages that operations found in memory.
    pub(super) fn hits(&self) -> u64 {
        self.slots.iter().map(|slot| slot.hits.load(Ordering::Relaxed)).sum()
    }

    /// The epoch of the oldest operation under way; the greatest number when there is none.
    pub(super) fn oldest_running(&self) -> u64 {
        let running = self.slots.iter().map(|slot| slot.epoch.load(Ordering::SeqCst));
        running.filter(|epoch| *epoch != 0).min().unwrap_or(u64::MAX)
    }
}

/// An operation under way.
#[derive(Debug)]
pub(super) struct Running<'p> {
    slot: &'p Slot,
    hits: Cell<u64>,
}

impl Running<'_> {
    /// Counts a page that was in memory.
    #[inline]
    pub(super) fn count_hit(&self) {
        self.hits.set(self.hits.get() + 1);
    }
}

impl Drop for Running<'_> {
    #[inline]
    fn drop(&mut self) {
        // The slot is ours: no addition of another thread can be lost.
        let hits = self.slot.hits.load(Ordering::Relaxed) + self.hits.get();
        self.slot.hits.store(hits, Ordering::Relaxed);
        self.slot.epoch.store(0, Ordering::Release);
    }
}
