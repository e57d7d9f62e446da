//! Times batches of operations and samples single latencies: the only place of the library that times.
//!
//! A benchmark calls [`Recorder::timed`] (one thread) or [`Recorder::timed_threads`] for each batch;
//! everything else it does is not timed. Between batches the recorder tells a sample at most ten times
//! a second. Allocation counting is on exactly while a batch runs.
//! Cost in a timed section: one decrement an operation; two clock readings for each sampled one.

pub mod histogram;
mod lane;

use crate::{
    alloc,
    error::{Error, Result},
    events::{SAMPLE_INTERVAL_NS, Sample, WorkerEvent},
    result::{Latency, Slice},
    storage::CountingStorage,
};
use histogram::{Histogram, encode_histogram};
pub use histogram::{bars, decode_histogram};
pub(crate) use lane::spin_for;
pub use lane::{CostFault, Lane};
use std::{
    sync::Barrier,
    time::{Duration, Instant},
};

/// Slices of a result's throughput over time.
const SERIES_SLICES_MAX: usize = 200;

/// Where progress is told to.
pub type Sink = Box<dyn FnMut(WorkerEvent)>;

/// Measures one step of one repeat.
pub struct Recorder {
    histogram: Histogram,
    sample_every: u64,
    countdown: u64,
    fault: CostFault,
    elapsed: Duration,
    ops: u64,
    series: Vec<Slice>,
    storage: Option<CountingStorage>,
    syncs_at_start: u64,
    bytes_at_start: u64,
    sink: Option<Sink>,
    last_sample: Option<(Instant, Duration, u64)>,
    slowest_batch_ns_per_op: u64,
    count_allocations: bool,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("ops", &self.ops).field("elapsed", &self.elapsed).finish()
    }
}

impl Recorder {
    /// A recorder for the warm-up: nothing it sees is kept.
    #[must_use]
    pub fn discarding(sample_every: u64, fault: CostFault) -> Self {
        Self::new(sample_every, fault, None, None, false)
    }

    /// A recorder that times every `sample_every`-th operation alone.
    #[must_use]
    pub fn new(
        sample_every: u64,
        fault: CostFault,
        storage: Option<CountingStorage>,
        sink: Option<Sink>,
        count_allocations: bool,
    ) -> Self {
        let calls = storage.as_ref().map(CountingStorage::calls).unwrap_or_default();
        Self {
            histogram: histogram::empty(),
            sample_every: sample_every.max(1),
            countdown: sample_every.max(1),
            fault,
            elapsed: Duration::ZERO,
            ops: 0,
            series: Vec::with_capacity(1024),
            storage,
            syncs_at_start: calls.syncs(),
            bytes_at_start: calls.bytes_written,
            sink,
            last_sample: None,
            slowest_batch_ns_per_op: 0,
            count_allocations,
        }
    }

    /// Times `work`, which does `ops` operations through its lane.
    ///
    /// # Errors
    /// What `work` says.
    pub fn timed(&mut self, ops: u64, work: impl FnOnce(&mut Lane) -> Result<()>) -> Result<()> {
        let mut lane = Lane::new(self.sample_every, self.fault);
        std::mem::swap(&mut lane.histogram, &mut self.histogram);
        lane.countdown = self.countdown;
        alloc::set_counting(self.count_allocations);
        let start = Instant::now();
        let result = work(&mut lane);
        let elapsed = self.slowed(start);
        alloc::set_counting(false);
        std::mem::swap(&mut lane.histogram, &mut self.histogram);
        // Batches smaller than the sampling step are sampled all the same.
        self.countdown = lane.countdown;
        self.add_batch(ops, elapsed);
        result
    }

    /// Times `work` on `threads` threads at once, which together do `ops` operations. The clock runs
    /// from the moment the first of them starts, when all are ready, to the moment the last one is done.
    ///
    /// # Errors
    /// The first error of any thread.
    pub fn timed_threads(
        &mut self,
        ops: u64,
        threads: usize,
        work: impl Fn(usize, &mut Lane) -> Result<()> + Sync,
    ) -> Result<()> {
        let barrier = Barrier::new(threads + 1);
        let (sample_every, fault) = (self.sample_every, self.fault);
        let count = self.count_allocations;
        let (work, barrier_ref) = (&work, &barrier);
        let mut elapsed = Duration::ZERO;
        let lanes: Vec<Result<(Lane, Instant)>> = std::thread::scope(|scope| {
            let spawn = |index: usize| {
                scope.spawn(move || {
                    let mut lane = Lane::new(sample_every, fault);
                    barrier_ref.wait();
                    // Not this one's caller's clock: where threads are many, it may come last.
                    let start = Instant::now();
                    work(index, &mut lane).map(|()| (lane, start))
                })
            };
            let handles: Vec<_> = (0..threads).map(spawn).collect();
            alloc::set_counting(count);
            barrier_ref.wait();
            let crashed = || Error::wrong("a benchmark's thread panicked");
            let lanes: Vec<Result<(Lane, Instant)>> = handles
                .into_iter()
                .map(|handle| handle.join().unwrap_or_else(|_| Err(crashed())))
                .collect();
            let starts = lanes.iter().flatten().map(|(_, start)| *start);
            elapsed = starts.min().map_or(Duration::ZERO, |start| self.slowed(start));
            alloc::set_counting(false);
            lanes
        });
        for lane in lanes {
            let add = self.histogram.add(&lane?.0.histogram);
            add.map_err(|error| Error::wrong(format!("histograms do not add up: {error}")))?;
        }
        self.add_batch(ops, elapsed);
        Ok(())
    }

    /// Adds a latency that the benchmark timed itself (an operation that spans a whole batch).
    pub fn record_latency(&mut self, elapsed: Duration) {
        let mut lane = Lane::new(1, self.fault);
        std::mem::swap(&mut lane.histogram, &mut self.histogram);
        lane.record(elapsed);
        std::mem::swap(&mut lane.histogram, &mut self.histogram);
    }

    /// Operations timed so far.
    #[must_use]
    pub fn ops(&self) -> u64 {
        self.ops
    }

    /// Timed nanoseconds so far.
    #[must_use]
    pub fn elapsed_ns(&self) -> u64 {
        u64::try_from(self.elapsed.as_nanos()).unwrap_or(u64::MAX)
    }

    /// Time since `start`, after spinning for the injected slowdown.
    fn slowed(&self, start: Instant) -> Duration {
        let elapsed = start.elapsed();
        if self.fault.slow_percent == 0 {
            return elapsed;
        }
        let goal = elapsed + elapsed * self.fault.slow_percent as u32 / 100;
        while start.elapsed() < goal {
            std::hint::spin_loop();
        }
        start.elapsed()
    }

    fn add_batch(&mut self, ops: u64, elapsed: Duration) {
        self.elapsed += elapsed;
        self.ops += ops;
        self.series.push(Slice { at_ns: self.elapsed_ns(), ops });
        let per_op = elapsed.as_nanos() / u128::from(ops.max(1));
        let per_op = u64::try_from(per_op).unwrap_or(u64::MAX);
        self.slowest_batch_ns_per_op = self.slowest_batch_ns_per_op.max(per_op);
        self.tell();
    }

    /// Tells a sample, unless the last one is less than a tenth of a second old.
    fn tell(&mut self) {
        let now = Instant::now();
        let Some(mut sink) = self.sink.take() else { return };
        let due = self.last_sample.is_none_or(|(at, ..)| {
            now.duration_since(at) >= Duration::from_nanos(SAMPLE_INTERVAL_NS)
        });
        if due {
            let (_, elapsed, ops) = self.last_sample.unwrap_or((now, Duration::ZERO, 0));
            let seconds = (self.elapsed - elapsed).as_secs_f64();
            let rate = if seconds > 0.0 { (self.ops - ops) as f64 / seconds } else { 0.0 };
            sink(WorkerEvent::Sample(self.sample(rate)));
            self.last_sample = Some((now, self.elapsed, self.ops));
            self.slowest_batch_ns_per_op = 0;
        }
        self.sink = Some(sink);
    }

    fn sample(&self, ops_per_second: f64) -> Sample {
        let calls = self.storage.as_ref().map(CountingStorage::calls);
        let at = |quantile| self.histogram.value_at_quantile(quantile);
        Sample {
            elapsed_ns: self.elapsed_ns(),
            ops_done: self.ops,
            ops_per_second,
            slowest_batch_ns_per_op: self.slowest_batch_ns_per_op,
            p50_ns: at(0.50),
            p95_ns: at(0.95),
            p99_ns: at(0.99),
            p999_ns: at(0.999),
            max_ns: self.histogram.max(),
            bars: bars(&self.histogram),
            syncs: calls.map(|calls| calls.syncs() - self.syncs_at_start),
            bytes_written: calls.map(|calls| calls.bytes_written - self.bytes_at_start),
        }
    }

    /// Latencies of all batches, with the histogram encoded.
    ///
    /// # Errors
    /// [`Error::Wrong`] when no operation was timed.
    pub fn latency(&self) -> Result<Latency> {
        if self.histogram.is_empty() {
            return Err(Error::wrong(
                "no operation was timed: fewer operations than the sampling step",
            ));
        }
        let at = |quantile| self.histogram.value_at_quantile(quantile);
        Ok(Latency {
            samples: self.histogram.len(),
            sample_every: self.sample_every,
            min_ns: self.histogram.min(),
            p50_ns: at(0.50),
            p95_ns: at(0.95),
            p99_ns: at(0.99),
            p999_ns: at(0.999),
            max_ns: self.histogram.max(),
            mean_ns: self.histogram.mean(),
            histogram: encode_histogram(&self.histogram)?,
        })
    }

    /// Throughput over time, in at most 200 slices.
    #[must_use]
    pub fn series(&self) -> Vec<Slice> {
        let step = self.series.len().div_ceil(SERIES_SLICES_MAX).max(1);
        let merge = |slices: &[Slice]| Slice {
            at_ns: slices.last().map_or(0, |slice| slice.at_ns),
            ops: slices.iter().map(|slice| slice.ops).sum(),
        };
        self.series.chunks(step).map(merge).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{cell::RefCell, rc::Rc};

    #[test]
    fn counts_samples_and_tells() {
        let told = Rc::new(RefCell::new(Vec::new()));
        let sink = Rc::clone(&told);
        let sink: Sink = Box::new(move |event| sink.borrow_mut().push(event));
        let mut recorder = Recorder::new(10, CostFault::default(), None, Some(sink), false);
        for _ in 0..5 {
            recorder
                .timed(100, |lane| {
                    (0..100).for_each(|_| lane.op(|| ()));
                    Ok(())
                })
                .expect("nothing fails");
        }
        assert_eq!(recorder.ops(), 500);
        let latency = recorder.latency().expect("sampled");
        assert_eq!((latency.samples, latency.sample_every), (50, 10));
        let back = decode_histogram(&latency.histogram).expect("encoded");
        assert_eq!(back.len(), 50);
        assert_eq!(back.max(), latency.max_ns);
        let series = recorder.series();
        assert_eq!(series.iter().map(|slice| slice.ops).sum::<u64>(), 500);
        assert_eq!(series.last().map(|slice| slice.at_ns), Some(recorder.elapsed_ns()));
        assert_eq!(told.borrow().len(), 1, "five fast batches, one sample: ten a second at most");
    }

    #[test]
    fn threads_add_up_and_their_errors_come_through() {
        let mut recorder = Recorder::new(1, CostFault::default(), None, None, false);
        let work = |_: usize, lane: &mut Lane| {
            (0..25).for_each(|_| lane.op(|| ()));
            Ok(())
        };
        recorder.timed_threads(100, 4, work).expect("nothing fails");
        assert_eq!(recorder.latency().expect("sampled").samples, 100);
        let failing = |index: usize, _: &mut Lane| {
            if index == 2 { Err(Error::wrong("two")) } else { Ok(()) }
        };
        assert!(matches!(recorder.timed_threads(4, 4, failing), Err(Error::Wrong(_))));
    }

    #[test]
    fn injected_costs_cost() {
        let busy = || {
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(4) {
                std::hint::spin_loop();
            }
        };
        let mut slow = Recorder::new(
            1,
            CostFault { slow_percent: 50, ..CostFault::default() },
            None,
            None,
            false,
        );
        slow.timed(1, |lane| {
            lane.op(busy);
            Ok(())
        })
        .expect("nothing fails");
        assert!(slow.elapsed_ns() >= 6_000_000, "{} ns", slow.elapsed_ns());
        assert!(slow.latency().expect("one").min_ns >= 5_900_000);
    }
}
