//! Suite `mvcc`: snapshots, many readers, and a writer beside them.

use super::support::{Filled, KEY_BYTES, RECORDS, VALUE_BYTES, expect, missing};
use crate::{
    catalog::{Bench, Entry, Ops, Parameter, Verification, single},
    context::Context,
    error::{Error, Result},
    recorder::Recorder,
    result::{Better, Class},
    rng::{KeyOrder, Rows, SplitMix},
};
use northstar_engine::{Db, ReadTxn, Stats};
use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// The suite's list.
pub const ENTRIES: &[Entry] = &[
    Entry {
        id: "mvcc/snapshot_open_close",
        version: 1,
        why: "Every read begins and ends with a snapshot: it must cost less than a hundred nanoseconds.",
        critical: true,
        class: Class::Exact,
        parameters: &[
            Parameter { name: "records", unit: "rows", ci: 1_000, full: 1_000 },
            KEY_BYTES,
            VALUE_BYTES,
        ],
        words: None,
        ops: Ops::Fixed(500_000, 20_000_000),
        warmup_ops: (10_000, 1_000_000),
        unit: "snapshot",
        sample_every: 16,
        granule: single,
        setup: Snapshots::setup,
    },
    Entry {
        id: "mvcc/readers_256_point_get_hot",
        version: 1,
        why: "Readers must not slow each other: N snapshots of different ages read by all cores at once.",
        critical: true,
        class: Class::Threaded,
        parameters: &[
            RECORDS,
            KEY_BYTES,
            VALUE_BYTES,
            Parameter { name: "readers", unit: "snapshots", ci: 256, full: 256 },
            Parameter { name: "threads", unit: "threads", ci: 2, full: 2 },
        ],
        words: None,
        ops: Ops::Fixed(200_000, 8_000_000),
        warmup_ops: (20_000, 1_000_000),
        unit: "get",
        sample_every: 8,
        granule: |_| 256,
        setup: Readers::setup,
    },
    Entry {
        id: "mvcc/writer_commits_with_readers_128",
        version: 1,
        why: "A writer beside open snapshots and a busy reader: neither may wait for the other.",
        critical: true,
        class: Class::Threaded,
        parameters: &[
            RECORDS,
            KEY_BYTES,
            VALUE_BYTES,
            Parameter { name: "readers", unit: "snapshots", ci: 128, full: 128 },
        ],
        words: None,
        ops: Ops::Fixed(2_000, 20_000),
        warmup_ops: (50, 500),
        unit: "commit",
        sample_every: 1,
        granule: single,
        setup: WriterBesideReaders::setup,
    },
];

/// Opens and closes snapshots.
struct Snapshots {
    filled: Filled,
    opened: u64,
    rows_seen: u64,
}

impl Snapshots {
    fn setup(context: &Context) -> Result<Box<dyn Bench>> {
        let filled = Filled::new(context, context.options(), KeyOrder::Scattered)?;
        Ok(Box::new(Self { filled, opened: 0, rows_seen: 0 }))
    }
}

impl Bench for Snapshots {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        let (db, seen) = (&self.filled.db, &mut self.rows_seen);
        recorder.timed(ops, |lane| {
            for _ in 0..ops {
                lane.op(|| -> Result<()> {
                    *seen = seen.wrapping_add(db.begin_read()?.len());
                    Ok(())
                })?;
            }
            Ok(())
        })?;
        self.opened += ops;
        Ok(())
    }

    fn stats(&self) -> Option<Stats> {
        Some(self.filled.db.stats())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        let expected = self.opened * self.filled.records;
        expect("rows seen through all snapshots", self.rows_seen, expected)?;
        expect("snapshots still open", self.filled.db.stats().readers, 0)?;
        report.checksum.add_number(self.rows_seen);
        Ok(())
    }
}

/// Row 0 tells a snapshot's age: each commit before it rewrites it with the next round.
fn snapshots_of_ages(db: &Db, rows: &mut Rows, count: u64) -> Result<Vec<ReadTxn>> {
    let mut snapshots = Vec::new();
    for age in 0..count {
        let mut txn = db.begin_write()?;
        txn.put(rows.key(0), rows.value(0, age))?;
        txn.commit()?;
        snapshots.push(db.begin_read()?);
    }
    Ok(snapshots)
}

fn check_ages(snapshots: &[ReadTxn], rows: &mut Rows) -> Result<()> {
    for (age, snapshot) in snapshots.iter().enumerate() {
        let value = snapshot.get(rows.key(0))?.ok_or_else(|| missing(0))?;
        if *value != *rows.value(0, age as u64) {
            return Err(Error::wrong(format!("snapshot {age} sees another state than its own")));
        }
    }
    Ok(())
}

/// Many open snapshots of different ages, read by several threads.
struct Readers {
    db: Db,
    rows: Rows,
    records: u64,
    threads: usize,
    snapshots: Vec<ReadTxn>,
    seed: u64,
    batches: u64,
    found: u64,
}

impl Readers {
    fn setup(context: &Context) -> Result<Box<dyn Bench>> {
        let Filled { db, mut rows, records } =
            Filled::new(context, context.options(), KeyOrder::Scattered)?;
        let snapshots = snapshots_of_ages(&db, &mut rows, context.number("readers")?)?;
        let threads = context.number("threads")?.max(1) as usize;
        let seed = context.seed;
        Ok(Box::new(Self { db, rows, records, threads, snapshots, seed, batches: 0, found: 0 }))
    }
}

impl Bench for Readers {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        self.batches += 1;
        let found = AtomicU64::new(0);
        let Self { rows, records, threads, snapshots, seed, batches, .. } = self;
        let (rows, snapshots, records, threads) = (&*rows, &*snapshots, *records, *threads);
        let (seed, batch) = (*seed, *batches);
        recorder.timed_threads(ops, threads, |thread, lane| {
            let mut random = SplitMix::new(seed ^ (batch << 8) ^ thread as u64);
            // Shares that add up to `ops`.
            let share = (ops + threads as u64 - 1 - thread as u64) / threads as u64;
            let mut mine = 0_u64;
            for at in 0..share {
                let snapshot = &snapshots[(at as usize * threads + thread) % snapshots.len()];
                let number = random.below(records);
                let value = lane.op(|| snapshot.get(rows.key(number)))?;
                mine += u64::from(value.is_some_and(|value| !value.is_empty()));
            }
            found.fetch_add(mine, Relaxed);
            Ok(())
        })?;
        expect("rows found", found.load(Relaxed), ops)?;
        self.found += ops;
        Ok(())
    }

    fn stats(&self) -> Option<Stats> {
        Some(self.db.stats())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        check_ages(&self.snapshots, &mut self.rows)?;
        expect("open snapshots", self.db.stats().readers, self.snapshots.len() as u64)?;
        report.checksum.add_number(self.found);
        Ok(())
    }
}

/// One writer commits while snapshots are open and a thread reads all the time.
struct WriterBesideReaders {
    db: Db,
    rows: Rows,
    records: u64,
    snapshots: Vec<ReadTxn>,
    random: SplitMix,
    committed: u64,
    reads_beside: u64,
    time_beside: Duration,
    rate_alone: f64,
}

/// How long the reader is timed alone, before the writer begins.
const ALONE: Duration = Duration::from_millis(60);

impl WriterBesideReaders {
    fn setup(context: &Context) -> Result<Box<dyn Bench>> {
        let Filled { db, mut rows, records } =
            Filled::new(context, context.options(), KeyOrder::Scattered)?;
        let snapshots = snapshots_of_ages(&db, &mut rows, context.number("readers")?)?;
        let random = SplitMix::new(context.seed);
        let stop = AtomicBool::new(false);
        let start = Instant::now();
        let reads = std::thread::scope(|scope| {
            let reader = scope.spawn(|| read_until(&db, &rows, records, &stop));
            std::thread::sleep(ALONE);
            stop.store(true, Relaxed);
            reader.join().unwrap_or_else(|_| Err(Error::wrong("the reader panicked")))
        })?;
        let rate_alone = reads as f64 / start.elapsed().as_secs_f64();
        Ok(Box::new(Self {
            db,
            rows,
            records,
            snapshots,
            random,
            committed: 0,
            reads_beside: 0,
            time_beside: Duration::ZERO,
            rate_alone,
        }))
    }
}

/// Gets rows from fresh snapshots until told to stop; how many.
fn read_until(db: &Db, rows: &Rows, records: u64, stop: &AtomicBool) -> Result<u64> {
    let mut random = SplitMix::new(99);
    let mut reads = 0;
    while !stop.load(Relaxed) {
        let snapshot = db.begin_read()?;
        for _ in 0..64 {
            let number = random.below(records);
            snapshot.get(rows.key(number))?.ok_or_else(|| missing(number))?;
            reads += 1;
        }
    }
    Ok(reads)
}

impl Bench for WriterBesideReaders {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        let stop = AtomicBool::new(false);
        let Self { db, records, random, .. } = self;
        let (db, records) = (&*db, *records);
        let rows = self.rows.clone();
        let mut mine = self.rows.clone();
        let start = Instant::now();
        let reads = std::thread::scope(|scope| {
            let reader = scope.spawn(|| read_until(db, &rows, records, &stop));
            let timed = recorder.timed(ops, |lane| {
                for _ in 0..ops {
                    let number = random.below(records);
                    lane.op(|| -> Result<()> {
                        let mut txn = db.begin_write()?;
                        txn.put(mine.key(number), mine.value(number, 7))?;
                        txn.commit()?;
                        Ok(())
                    })?;
                }
                Ok(())
            });
            stop.store(true, Relaxed);
            let reads = reader.join().unwrap_or_else(|_| Err(Error::wrong("the reader panicked")));
            timed.and(reads)
        })?;
        self.reads_beside += reads;
        self.time_beside += start.elapsed();
        self.committed += ops;
        Ok(())
    }

    fn stats(&self) -> Option<Stats> {
        Some(self.db.stats())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        check_ages(&self.snapshots, &mut self.rows)?;
        let expected = self.committed + self.snapshots.len() as u64;
        let latest = self.db.begin_read()?;
        let filled = latest.txn_id().get() - expected;
        expect("transactions", latest.txn_id().get(), filled + expected)?;
        expect("rows", latest.len(), self.records)?;
        let beside = self.reads_beside as f64 / self.time_beside.as_secs_f64().max(1e-9);
        report.metric("reader_rate_alone", "1/s", Better::Higher, self.rate_alone);
        report.metric("reader_rate_beside_writer", "1/s", Better::Higher, beside);
        report.metric("reader_rate_kept", "1", Better::Higher, beside / self.rate_alone.max(1e-9));
        report.checksum.add_number(self.committed);
        Ok(())
    }
}
