//! The visible state, and who reads which: begin and end of a read in a few atomic operations.
//!
//! Called by `begin_read`, by the publisher of commits and by reclaim. No lock, no allocation after
//! the first 64 readers, no system call. Keeps: TXN-3 (a state that a reader holds is live for
//! reclaim from the moment the reader sees it).
//!
//! Why no reader slips through (rule 10). All marked operations are sequentially consistent:
//!
//! ```text
//! reader                                   publisher, then reclaim
//!   sequence = visible.sequence   (1)        visible.sequence += 1        (4)
//!   read the state                           visible state is live anyway
//!   slot = state's id + 1         (2)        scan the slots               (5)
//!   visible.sequence unchanged?   (3)
//! ```
//!
//! If (3) still sees the old sequence, (3) is before (4), so (2) is before (5): the scan finds the
//! slot. If (3) sees another, the reader starts again with the newer state.
//!
//! A clone takes a slot of its own before the original gives up its slot, and a scan between the two
//! may pass the first while it is empty and the second when it is empty again. So clones are counted
//! (after their claim, before the original can end), and a scan during which one came is made again.
//!
//! The state itself is in two cells that take turns, so that a reader never waits for a publisher:
//! the cell of the current sequence is written again only two publications later, which (3) notices.

use crate::ids::{Lsn, PageId, Pointer, TxnId};
use crate::sync::{
    Spread,
    atomic::{AtomicU64, AtomicUsize, Ordering::*},
    thread_local,
};
use crate::txn::snapshot::Snapshot;
use std::cell::Cell;
use std::sync::{OnceLock, atomic::AtomicUsize as Hint};

#[cfg(all(test, loom))]
mod model_tests;
#[cfg(all(test, not(loom)))]
mod tests;

/// Slots of the first chunk; each further chunk doubles.
const FIRST_CHUNK_SLOTS: usize = if cfg!(loom) { 3 } else { 64 };
/// Enough chunks for 2^32 readers.
const CHUNKS: usize = 26;
/// Slots of all chunks.
const SLOTS_MAX: usize = ((1 << CHUNKS) - 1) * FIRST_CHUNK_SLOTS;

/// See the module's header.
#[derive(Debug)]
pub(crate) struct Registry {
    visible: Visible,
    chunks: [OnceLock<Box<[Slot]>>; CHUNKS],
    /// One more than the highest slot ever claimed: bounds the scan.
    slots_used: AtomicUsize,
    /// How many pins were taken from other pins.
    copies: AtomicU64,
    /// Slots below were all taken when somebody looked: where a look for a free one begins. A hint that nothing is
    /// decided by.
    full_below: Hint,
}

#[derive(Debug, Default)]
struct Visible {
    sequence: AtomicU64,
    cells: [StateCell; 2],
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct StateCell {
    txn_id: AtomicU64,
    page: AtomicU64,
    birth: AtomicU64,
    /// Nonce in the low half, depth in the high half.
    nonce_depth: AtomicU64,
    key_count: AtomicU64,
    alias_count: AtomicU64,
    lsn: AtomicU64,
}

/// One reader's pin: 0 for none, else the state's id plus 1.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Slot {
    pin: AtomicU64,
}

/// Where a reader's pin is; given back with [`Registry::end`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SlotIndex(usize);

thread_local! {
    /// The slot this thread used last: most likely free again, and in this core's cache.
    static LAST_SLOT: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Spreads the first slots of threads over the first chunk.
static FIRST_SLOTS: Spread = Spread::new();

impl Registry {
    /// A registry whose visible state is `snapshot`.
    pub(crate) fn new(snapshot: Snapshot) -> Self {
        let registry = Self {
            visible: Visible::default(),
            chunks: [const { OnceLock::new() }; CHUNKS],
            slots_used: AtomicUsize::new(0),
            copies: AtomicU64::new(0),
            full_below: Hint::new(0),
        };
        registry.publish(snapshot);
        registry
    }

    /// Makes `snapshot` what new readers see. One caller at a time: the publisher's lock.
    pub(crate) fn publish(&self, snapshot: Snapshot) {
        let sequence = self.visible.sequence.load(Relaxed).wrapping_add(1);
        self.visible.cells[(sequence & 1) as usize].store(&snapshot);
        self.visible.sequence.store(sequence, SeqCst);
    }

    /// What new readers see.
    pub(crate) fn visible(&self) -> Snapshot {
        loop {
            let sequence = self.visible.sequence.load(SeqCst);
            let snapshot = self.visible.cells[(sequence & 1) as usize].load();
            if self.visible.sequence.load(SeqCst) == sequence {
                return snapshot;
            }
        }
    }

    /// Pins the visible state: from here on it is live for reclaim (TXN-3).
    pub(crate) fn begin(&self) -> (Snapshot, SlotIndex) {
        let mut claimed = None;
        loop {
            let sequence = self.visible.sequence.load(SeqCst);
            let snapshot = self.visible.cells[(sequence & 1) as usize].load();
            let pin = snapshot.txn_id.get().wrapping_add(1);
            let index = match claimed {
                None => self.claim(pin),
                Some(index) => {
                    self.slot(index).pin.store(pin, SeqCst);
                    index
                }
            };
            if self.visible.sequence.load(SeqCst) == sequence {
                return (snapshot, SlotIndex(index));
            }
            claimed = Some(index);
        }
    }

    /// Pins what `original` holds, which lives until this has returned.
    pub(crate) fn copy(&self, original: &SlotIndex) -> SlotIndex {
        let copy = self.pin(self.pinned(original));
        self.copies.fetch_add(1, SeqCst);
        copy
    }

    /// Pins `txn_id`, which the caller keeps live meanwhile by the lock under which pins are asked
    /// for.
    pub(crate) fn pin(&self, txn_id: TxnId) -> SlotIndex {
        SlotIndex(self.claim(txn_id.get().wrapping_add(1)))
    }

    /// The state that a pin holds.
    pub(crate) fn pinned(&self, index: &SlotIndex) -> TxnId {
        TxnId::new(self.slot(index.0).pin.load(Relaxed).wrapping_sub(1))
    }

    /// Gives a pin back.
    pub(crate) fn end(&self, index: &SlotIndex) {
        self.slot(index.0).pin.store(0, Release);
        if index.0 < self.full_below.load(Relaxed) {
            self.full_below.fetch_min(index.0, Relaxed);
        }
    }

    /// All pinned states, sorted, each once; into `pins`, so that its memory is used again.
    pub(crate) fn pins(&self, pins: &mut Vec<TxnId>) {
        loop {
            let copies = self.copies.load(SeqCst);
            pins.clear();
            self.each_pin(|pin| pins.push(pin));
            if self.copies.load(SeqCst) == copies {
                break;
            }
        }
        pins.sort_unstable();
        pins.dedup();
    }

    /// How many readers there are.
    pub(crate) fn readers(&self) -> u64 {
        loop {
            let (copies, mut readers) = (self.copies.load(SeqCst), 0);
            self.each_pin(|_| readers += 1);
            if self.copies.load(SeqCst) == copies {
                return readers;
            }
        }
    }

    fn each_pin(&self, mut visit: impl FnMut(TxnId)) {
        let mut left = self.slots_used.load(SeqCst);
        for chunk in self.chunks.iter().map_while(OnceLock::get) {
            for slot in chunk.iter().take(left) {
                if let Some(txn_id) = slot.pin.load(SeqCst).checked_sub(1) {
                    visit(TxnId::new(txn_id));
                }
            }
            left = left.saturating_sub(chunk.len());
        }
    }

    /// Takes a free slot and stores `pin` in it.
    fn claim(&self, pin: u64) -> usize {
        let first = LAST_SLOT.with(|last| {
            if last.get() == usize::MAX {
                last.set(FIRST_SLOTS.draw() % FIRST_CHUNK_SLOTS);
            }
            last.get()
        });
        if self.try_claim(first, pin) {
            return first;
        }
        let start = self.full_below.load(Relaxed);
        let Some(found) =
            (start..SLOTS_MAX).chain(0..start).find(|&slot| self.try_claim(slot, pin))
        else {
            unreachable!("more than 2^32 read transactions at once");
        };
        // Who holds many of them at once does not look at all of them each time.
        self.full_below.store(found + 1, Relaxed);
        LAST_SLOT.with(|last| last.set(found));
        found
    }

    fn try_claim(&self, index: usize, pin: u64) -> bool {
        if self.slots_used.load(Relaxed) <= index {
            self.slots_used.fetch_max(index + 1, SeqCst);
        }
        let slot = self.slot(index);
        slot.pin.load(Relaxed) == 0 && slot.pin.compare_exchange(0, pin, SeqCst, Relaxed).is_ok()
    }

    fn slot(&self, index: usize) -> &Slot {
        if let (true, Some(chunk)) = (index < FIRST_CHUNK_SLOTS, self.chunks[0].get()) {
            return &chunk[index];
        }
        let (mut chunk, mut base) = (0, 0);
        while index - base >= chunk_slots(chunk) {
            base += chunk_slots(chunk);
            chunk += 1;
        }
        // Chunks before this one exist too: the scan stops at the first that does not.
        let mut slots: &[Slot] = &[];
        for (number, cell) in self.chunks.iter().enumerate().take(chunk + 1) {
            slots =
                cell.get_or_init(|| (0..chunk_slots(number)).map(|_| Slot::default()).collect());
        }
        &slots[index - base]
    }
}

impl StateCell {
    fn store(&self, snapshot: &Snapshot) {
        let nonce_depth = u64::from(snapshot.root.nonce) | u64::from(snapshot.depth) << 32;
        self.txn_id.store(snapshot.txn_id.get(), Release);
        self.page.store(snapshot.root.page.get(), Release);
        self.birth.store(snapshot.root.birth.get(), Release);
        self.nonce_depth.store(nonce_depth, Release);
        self.key_count.store(snapshot.key_count, Release);
        self.alias_count.store(u64::from(snapshot.alias_count), Release);
        self.lsn.store(snapshot.lsn.get(), Release);
    }

    fn load(&self) -> Snapshot {
        let nonce_depth = self.nonce_depth.load(Acquire);
        Snapshot {
            txn_id: TxnId::new(self.txn_id.load(Acquire)),
            root: Pointer {
                page: PageId::new(self.page.load(Acquire)),
                birth: TxnId::new(self.birth.load(Acquire)),
                nonce: nonce_depth as u32,
            },
            depth: (nonce_depth >> 32) as u32,
            key_count: self.key_count.load(Acquire),
            alias_count: self.alias_count.load(Acquire) as u32,
            lsn: Lsn::new(self.lsn.load(Acquire)),
        }
    }
}

/// Slots of chunk `index`.
fn chunk_slots(index: usize) -> usize {
    FIRST_CHUNK_SLOTS << index
}
