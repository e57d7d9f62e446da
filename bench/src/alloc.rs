//! A counting allocator: how many allocations, how many bytes, how many at once.
//!
//! A binary declares it (`#[global_allocator] static A: Counting = Counting::new();`); the worker
//! switches the counting on around the timed sections, so that only those count. Off, an allocation
//! costs one relaxed load more than the system's. The only `unsafe` of this crate is here.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
};

static COUNTING: AtomicBool = AtomicBool::new(false);
static INSTALLED: AtomicBool = AtomicBool::new(false);
static COUNT: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);
static LIVE: AtomicI64 = AtomicI64::new(0);
static PEAK: AtomicI64 = AtomicI64::new(0);

/// The system's allocator, counting while asked to.
#[derive(Debug, Default)]
pub struct Counting;

/// What was allocated while counting was on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allocations {
    /// Calls that handed out memory; a reallocation is one.
    pub count: u64,
    /// Bytes they asked for; a reallocation counts what it grew by.
    pub bytes: u64,
    /// Most bytes that were alive at once, of those allocated while counting.
    pub peak_bytes: u64,
}

impl Counting {
    /// The allocator, to be declared as the program's.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

/// Whether this program has the counting allocator at all; without it the counts are unknown.
#[must_use]
pub fn installed() -> bool {
    drop(std::hint::black_box(Box::new(0_u8)));
    INSTALLED.load(Relaxed)
}

/// Starts or stops counting, on all threads.
pub fn set_counting(on: bool) {
    COUNTING.store(on, Relaxed);
}

/// Forgets what was counted.
pub fn reset() {
    COUNT.store(0, Relaxed);
    BYTES.store(0, Relaxed);
    LIVE.store(0, Relaxed);
    PEAK.store(0, Relaxed);
}

/// What was counted since `reset`.
#[must_use]
pub fn counted() -> Allocations {
    Allocations {
        count: COUNT.load(Relaxed),
        bytes: BYTES.load(Relaxed),
        peak_bytes: PEAK.load(Relaxed).max(0).unsigned_abs(),
    }
}

fn grew(bytes: usize) {
    COUNT.fetch_add(1, Relaxed);
    BYTES.fetch_add(bytes as u64, Relaxed);
    let live = LIVE.fetch_add(bytes as i64, Relaxed) + bytes as i64;
    if live > PEAK.load(Relaxed) {
        PEAK.fetch_max(live, Relaxed);
    }
}

fn shrank(bytes: usize) {
    LIVE.fetch_sub(bytes as i64, Relaxed);
}

// SAFETY: every call goes to `System` with the caller's own arguments and its answer is returned
// unchanged; the counters are atomics and allocate nothing.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A load first: a store on every call would bounce the line between the cores.
        if !INSTALLED.load(Relaxed) {
            INSTALLED.store(true, Relaxed);
        }
        if COUNTING.load(Relaxed) {
            grew(layout.size());
        }
        // SAFETY: `layout` is the caller's, who promises what `System::alloc` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if COUNTING.load(Relaxed) {
            grew(layout.size());
        }
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if COUNTING.load(Relaxed) {
            shrank(layout.size());
        }
        // SAFETY: the caller promises that `pointer` came from this allocator, which means from
        // `System`, with this `layout`.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        if COUNTING.load(Relaxed) {
            if bytes >= layout.size() {
                grew(bytes - layout.size());
            } else {
                COUNT.fetch_add(1, Relaxed);
                shrank(layout.size() - bytes);
            }
        }
        // SAFETY: as in `dealloc`, and the caller promises that `bytes` is a valid new size.
        unsafe { System.realloc(pointer, layout, bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[global_allocator]
    static ALLOCATOR: Counting = Counting::new();

    #[test]
    fn counts_only_while_on() {
        // Other tests of this process allocate and free at the same time, blocks from before the
        // counting among them: a block far larger than theirs leaves room for that.
        const LARGE: u64 = 256 << 20;
        assert!(installed());
        set_counting(true);
        reset();
        // Zeroed memory that is never touched costs address space only.
        let block = std::hint::black_box(vec![0_u8; LARGE as usize]);
        let during = counted();
        set_counting(false);
        drop(block);
        assert!(during.count >= 1, "{during:?}");
        assert!(during.bytes >= LARGE / 2, "{during:?}");
        assert!(during.peak_bytes >= LARGE / 2, "{during:?}");
        let after = counted();
        drop(std::hint::black_box(vec![0_u8; LARGE as usize]));
        assert!(counted().bytes - after.bytes < LARGE / 2, "off means off");
    }
}
