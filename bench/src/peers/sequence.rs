//! redb's published benchmark as a second yardstick: one database goes through all of its phases.
//!
//! The phases are those of `crates/redb-bench` in redb's repository (`github.com/cberner/redb`): a bulk load in
//! one durable transaction, which is the rate of this workload; then, as named metrics, single and batched
//! durable writes, single ones that do not wait, `len()`, random and range reads, reads on 4 to 32 threads, the
//! removal of half of all rows in one transaction, and the size before and after compaction. Keys are 24
//! bytes, values 150. Published are figures of 5 M rows (`--records 5000000`); every other count is in
//! proportion. It reads three times and takes the middle; here that is what repeats are for. Its newer phases
//! (removal by predicate, popping) have no call in every engine and are left out.

use super::{
    Open, chosen,
    engine::{Deletes, Engine, Puts, missing},
    space,
};
use crate::{
    catalog::{Bench, Verification},
    context::Context,
    error::{Error, Result},
    recorder::{CostFault, Recorder},
    result::Better,
    rng::{KeyOrder, Rows, SplitMix},
    suite::support,
};
use std::{ops::Range, path::PathBuf};

/// Rows of a batched write, and of a range read.
const BATCH_ROWS: u64 = 1_000;
const RANGE_ROWS: u64 = 10;
/// Fewest records that leave something to do in each phase.
const RECORDS_MIN: u64 = 50_000;
const THREADS: [usize; 4] = [4, 8, 16, 32];

/// The database on its way through the phases.
pub(super) struct Sequence {
    /// Taken when the database is closed.
    engine: Option<Box<dyn Engine>>,
    open: Open,
    folder: PathBuf,
    rows: Rows,
    records: u64,
    /// Rows put so far.
    next: u64,
    random: SplitMix,
}

impl Sequence {
    pub(super) fn setup(context: &Context) -> Result<Box<dyn Bench>> {
        let records = context.number("records")?;
        if records < RECORDS_MIN {
            return Err(Error::Usage(format!("records must be at least {RECORDS_MIN}")));
        }
        let (open, folder) = chosen(context)?;
        let engine = Some(open(&folder)?);
        let rows = support::rows(context, KeyOrder::Scattered)?;
        let random = SplitMix::new(context.seed);
        Ok(Box::new(Self { engine, open, folder, rows, records, next: 0, random }))
    }

    fn engine(&self) -> Result<&dyn Engine> {
        self.engine.as_deref().ok_or_else(|| Error::wrong("the database is closed"))
    }

    /// Puts the next `count` rows in transactions of `size`.
    fn put(&mut self, count: u64, size: u64, durable: bool) -> Result<()> {
        let engine =
            self.engine.as_deref().ok_or_else(|| Error::wrong("the database is closed"))?;
        let end = self.next + count;
        while self.next < end {
            let until = (self.next + size).min(end);
            engine.commit(&mut Puts::new(&mut self.rows, self.next..until), durable)?;
            self.next = until;
        }
        Ok(())
    }

    fn writes(&mut self, report: &mut Verification) -> Result<()> {
        let (singles, batched) = (self.records / 5_000, self.records / 50_000 * BATCH_ROWS);
        let unsynced = self.records / 100;
        rate(report, "durable_singles_per_second", singles, || self.put(singles, 1, true))?;
        let batches = || self.put(batched, BATCH_ROWS, true);
        rate(report, "durable_batched_rows_per_second", batched, batches)?;
        rate(report, "eventual_singles_per_second", unsynced, || self.put(unsynced, 1, false))
    }

    fn reads(&mut self, report: &mut Verification) -> Result<()> {
        let (gets, ranges) = (self.records / 5, self.records / 10);
        self.count(report)?;
        let mut random = self.random.clone();
        let all = 0..self.next;
        rate(report, "gets_per_second", gets, || self.get(gets, all.clone(), &mut random))?;
        rate(report, "range_reads_per_second", ranges, || self.read_ranges(ranges, &mut random))?;
        for threads in THREADS {
            let share = self.next / threads as u64;
            let mut recorder = fresh();
            recorder.timed_threads(share * threads as u64, threads, |thread, _| {
                let start = thread as u64 * share;
                let mut random = SplitMix::new(thread as u64);
                self.get(share, start..start + share, &mut random)
            })?;
            told(report, &format!("gets_{threads}_threads_per_second"), &recorder);
        }
        Ok(())
    }

    /// Gets `count` random rows among those with the given numbers.
    fn get(&self, count: u64, numbers: Range<u64>, random: &mut SplitMix) -> Result<()> {
        self.engine()?.read(&mut |reader| {
            for _ in 0..count {
                let number = numbers.start + random.below(numbers.end - numbers.start);
                reader.get(self.rows.key(number).as_ref())?.ok_or_else(missing)?;
            }
            Ok(())
        })
    }

    /// Reads ranges that start anywhere in the lower half of the keys, so that none runs into the end.
    fn read_ranges(&self, count: u64, random: &mut SplitMix) -> Result<()> {
        self.engine()?.read(&mut |reader| {
            for _ in 0..count {
                let mut start = (random.next() >> 1).to_be_bytes();
                start[7] |= 1;
                reader.scan(&start, RANGE_ROWS)?;
            }
            Ok(())
        })
    }

    fn count(&self, report: &mut Verification) -> Result<()> {
        let mut recorder = fresh();
        self.engine()?.read(&mut |reader| {
            let mut len = 0;
            recorder.timed(1, |_| {
                len = reader.row_count()?;
                Ok(())
            })?;
            if len == self.next { Ok(()) } else { Err(Error::wrong("len() is not right")) }
        })?;
        report.metric("len_ns", "ns", Better::Lower, recorder.elapsed_ns() as f64);
        Ok(())
    }

    /// Removes the first half of all rows in one transaction.
    fn remove(&mut self, report: &mut Verification) -> Result<()> {
        let half = self.next / 2;
        let numbers: Vec<u32> = (0..half as u32).collect();
        let changes = || {
            let (rows, key) = (&self.rows, self.rows.key(0));
            self.engine()?.commit(&mut Deletes { rows, numbers: numbers.iter(), key }, true)
        };
        rate(report, "removals_per_second", half, changes)?;
        self.check(half)
    }

    /// Whether exactly the rows from number `from` on are there, by samples.
    fn check(&self, from: u64) -> Result<()> {
        self.engine()?.read(&mut |reader| {
            for number in (0..self.next).step_by(101) {
                let there = reader.get(self.rows.key(number).as_ref())?.is_some();
                if there != (number >= from) {
                    return Err(Error::wrong("a row should be gone, or should not"));
                }
            }
            Ok(())
        })
    }
}

impl Bench for Sequence {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        recorder.timed(ops, |lane| lane.op(|| self.put(ops, ops, true)))
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        self.writes(report)?;
        self.reads(report)?;
        self.remove(report)?;
        drop(self.engine.take());
        let half = self.next / 2;
        let user_bytes = (self.next - half) * self.rows.row_bytes();
        space::report(self.open, &self.folder, user_bytes, report)?;
        self.engine = Some((self.open)(&self.folder)?);
        self.check(half)?;
        report.checksum.add_number(self.next - half);
        Ok(())
    }
}

fn fresh() -> Recorder {
    Recorder::discarding(1, CostFault::default())
}

/// Times `work`, which does `ops` operations, and reports their rate.
fn rate(
    report: &mut Verification,
    name: &str,
    ops: u64,
    work: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let mut recorder = fresh();
    recorder.timed(ops, |_| work())?;
    told(report, name, &recorder);
    Ok(())
}

fn told(report: &mut Verification, name: &str, recorder: &Recorder) {
    let seconds = recorder.elapsed_ns().max(1) as f64 / 1e9;
    report.metric(name, "1/s", Better::Higher, recorder.ops() as f64 / seconds);
}
