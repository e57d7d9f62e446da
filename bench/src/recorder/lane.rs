//! One thread's hand in a timed batch: does operations, and times every n-th alone.
//!
//! Cost an operation: one decrement and one branch; two clock readings for each sampled one.

use super::histogram::{self, Histogram};
use std::{
    hint,
    time::{Duration, Instant},
};

/// What a self-test adds to every operation on purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CostFault {
    /// Every batch takes this many percent longer.
    pub slow_percent: u64,
    /// One allocation more every this many operations; 0 for none.
    pub alloc_every: u64,
    /// Every operation takes this many nanoseconds longer.
    pub op_ns: u64,
}

impl CostFault {
    const fn is_per_op(self) -> bool {
        self.alloc_every != 0 || self.op_ns != 0
    }
}

/// One thread's hand in a timed batch.
#[derive(Debug)]
pub struct Lane {
    pub(super) histogram: Histogram,
    sample_every: u64,
    pub(super) countdown: u64,
    fault: CostFault,
    is_faulty: bool,
    alloc_countdown: u64,
}

impl Lane {
    pub(super) fn new(sample_every: u64, fault: CostFault) -> Self {
        Self {
            histogram: histogram::empty(),
            sample_every,
            countdown: sample_every,
            fault,
            is_faulty: fault.is_per_op(),
            alloc_countdown: fault.alloc_every,
        }
    }

    /// Does one operation; every n-th is timed alone.
    #[inline]
    pub fn op<T>(&mut self, work: impl FnOnce() -> T) -> T {
        if self.is_faulty {
            self.inject();
        }
        self.countdown -= 1;
        if self.countdown != 0 {
            return work();
        }
        self.countdown = self.sample_every;
        let start = Instant::now();
        let result = work();
        let elapsed = start.elapsed();
        self.record(elapsed);
        result
    }

    pub(super) fn record(&mut self, elapsed: Duration) {
        let nanoseconds = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        let slower = nanoseconds.saturating_mul(self.fault.slow_percent) / 100;
        let slowed = nanoseconds.saturating_add(slower).saturating_add(self.fault.op_ns);
        self.histogram.saturating_record(slowed.max(1));
    }

    #[cold]
    fn inject(&mut self) {
        spin_for(self.fault.op_ns);
        if self.alloc_countdown != 0 {
            self.alloc_countdown -= 1;
            if self.alloc_countdown == 0 {
                self.alloc_countdown = self.fault.alloc_every;
                drop(hint::black_box(Box::new(0_u64)));
            }
        }
    }
}

/// Keeps the processor busy for at least so long; returns at once for 0.
pub(crate) fn spin_for(nanoseconds: u64) {
    if nanoseconds == 0 {
        return;
    }
    let start = Instant::now();
    while start.elapsed() < Duration::from_nanos(nanoseconds) {
        hint::spin_loop();
    }
}
