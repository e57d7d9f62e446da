//! A reader beside a committing writer: how much of its rate and its 99th percentile the reader keeps.
//!
//! Alone and beside take turns, batch by batch, so that a slow minute of the machine hits both.

use super::{
    engine::{Engine, Puts, missing},
    open,
    workloads::load,
};
use crate::{
    catalog::{Bench, Verification},
    context::Context,
    error::{Error, Result},
    recorder::{CostFault, Lane, Recorder},
    result::Better,
    rng::{KeyOrder, Rows, SplitMix},
    suite::support,
};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Gets of a reader before it takes a fresh snapshot.
const GETS_PER_SNAPSHOT: u64 = 64;
/// Every how many gets one is timed alone, as in the list.
const SAMPLE_EVERY: u64 = 8;

/// Gets, alone and beside a writer.
pub(super) struct Beside {
    engine: Box<dyn Engine>,
    rows: Rows,
    records: u64,
    random: SplitMix,
    alone: Recorder,
    beside_ns: u64,
    beside_p99_ns: u64,
    written: u64,
    written_in_warm_up: u64,
}

impl Beside {
    pub(super) fn setup(context: &Context) -> Result<Box<dyn Bench>> {
        let engine = open(context)?;
        let mut rows = support::rows(context, KeyOrder::Scattered)?;
        let records = context.number("records")?;
        load(engine.as_ref(), &mut rows, records)?;
        engine.settle()?;
        let random = SplitMix::new(context.seed);
        Ok(Box::new(Self {
            engine,
            rows,
            records,
            random,
            alone: fresh(),
            beside_ns: 0,
            beside_p99_ns: 0,
            written: 0,
            written_in_warm_up: 0,
        }))
    }
}

/// Gets `ops` rows, from a fresh snapshot every [`GETS_PER_SNAPSHOT`].
fn get_rows(
    engine: &dyn Engine,
    (rows, records): (&Rows, u64),
    random: &mut SplitMix,
    ops: u64,
    lane: &mut Lane,
) -> Result<()> {
    let mut left = ops;
    while left > 0 {
        let count = left.min(GETS_PER_SNAPSHOT);
        left -= count;
        engine.read(&mut |reader| {
            for _ in 0..count {
                let key = rows.key(random.below(records));
                lane.op(|| reader.get(key.as_ref()))?.ok_or_else(missing)?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn fresh() -> Recorder {
    Recorder::discarding(SAMPLE_EVERY, CostFault::default())
}

/// Puts one row after the other, each durable and each time another value, until told to stop; how many.
fn write_until(
    engine: &dyn Engine,
    rows: &mut Rows,
    records: u64,
    first_round: u64,
    stop: &AtomicBool,
) -> Result<u64> {
    let mut random = SplitMix::new(99);
    let mut written = 0;
    while !stop.load(Relaxed) {
        let number = random.below(records);
        written += 1;
        engine
            .commit(&mut Puts::new(rows, number..number + 1).again(first_round + written), true)?;
    }
    Ok(written)
}

impl Bench for Beside {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        if recorder.ops() == 0 {
            // What the warm-up did does not count; its rounds are used up.
            self.alone = fresh();
            self.written_in_warm_up = self.written;
        }
        let Self { engine, rows, records, random, alone, written, .. } = self;
        let (engine, records) = (engine.as_ref(), *records);
        alone.timed(ops, |lane| get_rows(engine, (rows, records), random, ops, lane))?;
        let (stop, mut writers_rows) = (AtomicBool::new(false), rows.clone());
        let before = *written;
        let write = || write_until(engine, &mut writers_rows, records, before, &stop);
        *written += std::thread::scope(|scope| {
            let writer = scope.spawn(write);
            let timed =
                recorder.timed(ops, |lane| get_rows(engine, (rows, records), random, ops, lane));
            stop.store(true, Relaxed);
            let ended = writer.join();
            timed.and(ended.unwrap_or_else(|_| Err(Error::wrong("the writer panicked"))))
        })?;
        self.beside_ns = recorder.elapsed_ns();
        self.beside_p99_ns = recorder.latency()?.p99_ns;
        Ok(())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        let written = self.written - self.written_in_warm_up;
        if written == 0 {
            return Err(Error::wrong("the writer never came to commit"));
        }
        let (alone_ns, alone) = (self.alone.elapsed_ns().max(1) as f64, self.alone.latency()?);
        let (rate, p99) = (alone_ns / self.beside_ns.max(1) as f64, alone.p99_ns.max(1) as f64);
        report.metric("reader_rate_kept", "1", Better::Higher, rate);
        report.metric("reader_p99_over_alone", "1", Better::Lower, self.beside_p99_ns as f64 / p99);
        let commits = written as f64 / (self.beside_ns.max(1) as f64 / 1e9);
        report.metric("commits_beside_per_second", "1/s", Better::Higher, commits);
        report.checksum.add_number(self.records);
        Ok(())
    }
}
