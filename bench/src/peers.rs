//! Suite `peers`: other engines under the same workloads, in the same run (feature `peers`).
//!
//! Each engine is behind [`Engine`], tuned as its documentation advises for this load; the settings, the
//! durability class and the syncs of a durable commit are in [`Facts`], and shown in the table. Files
//! lie in the data folder, with real syncs. Repeats are interleaved like any other run's, and
//! allocations are not counted, since engines in C would seem to have none.

pub(crate) mod claims;
mod fjall;
mod lmdb;
mod northstar;
mod redb;
mod sqlite;

use crate::{
    catalog::{Bench, Entry, Ops, Parameter, Verification, single},
    context::Context,
    error::{Error, Result},
    recorder::Recorder,
    result::{Better, Class},
    rng::{Checksum, Key, KeyOrder, Rows, SplitMix, permutation},
    suite::support::{KEY_BYTES, VALUE_BYTES},
};
use std::path::{Path, PathBuf};

/// What a reader of the table must know about an engine.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// The engine's name, as in `engine=...`.
    pub name: &'static str,
    /// What it is and how it was set.
    pub settings: &'static str,
    /// What a durable commit means there.
    pub durable: &'static str,
    /// What an eventual commit means there.
    pub eventual: &'static str,
    /// Syncs of one durable commit, by its documentation and source.
    pub syncs_per_commit: &'static str,
}

/// An engine under test. Everything goes through trait objects, ours too: the same for all.
pub trait Engine: Send + Sync {
    /// Applies `changes` in one transaction; waits for durability if `durable`.
    ///
    /// # Errors
    /// What the engine says.
    fn commit(&self, changes: &mut dyn FnMut() -> Option<OwnedChange>, durable: bool)
    -> Result<()>;

    /// A snapshot to read from, for one thread.
    ///
    /// # Errors
    /// What the engine says.
    fn reader(&self) -> Result<Box<dyn Reader + '_>>;

    /// Opens and closes a snapshot, as cheaply as the engine allows.
    ///
    /// # Errors
    /// What the engine says.
    fn snapshot(&self) -> Result<()>;

    /// Makes everything durable.
    ///
    /// # Errors
    /// What the engine says.
    fn sync(&self) -> Result<()>;
}

/// One change with its bytes on the stack or in a reused buffer.
#[derive(Clone, Debug)]
pub enum OwnedChange {
    /// Store a row.
    Put(Key, Vec<u8>),
    /// Remove a row.
    Delete(Key),
}

/// A snapshot of an engine, in one thread's hands.
pub trait Reader {
    /// First byte plus length of the value under `key`; `None` if it is not there.
    ///
    /// # Errors
    /// What the engine says.
    fn get(&mut self, key: &[u8]) -> Result<Option<u64>>;

    /// The same for sixteen keys at once, where the engine has a call for it.
    ///
    /// # Errors
    /// What the engine says; a key that is not there.
    fn get_many(&mut self, keys: &[Key]) -> Result<u64> {
        let mut total = 0_u64;
        for key in keys {
            let found = self.get(key.as_ref())?;
            total = total.wrapping_add(found.ok_or_else(|| Error::wrong("a row is not there"))?);
        }
        Ok(total)
    }

    /// Reads `rows` rows from `start` on; the sum of each value's first byte and the last of its key.
    ///
    /// # Errors
    /// What the engine says; [`Error::Wrong`] when there are fewer rows.
    fn scan(&mut self, start: &[u8], rows: u64) -> Result<u64>;
}

type Open = fn(&Path) -> Result<Box<dyn Engine>>;

/// Every engine: how it is opened and what it is.
const ENGINES: &[(Facts, Open)] = &[
    (northstar::FACTS, northstar::open),
    (lmdb::FACTS, lmdb::open),
    (redb::FACTS, redb::open),
    (fjall::FACTS, fjall::open),
    (sqlite::FACTS, sqlite::open),
];

/// Names of all engines, ours first.
pub const NAMES: &[&str] = &["northstar", "lmdb", "redb", "fjall", "sqlite"];

/// What must be known about the engine called `name`.
#[must_use]
pub fn facts(name: &str) -> Option<Facts> {
    ENGINES.iter().find(|(facts, _)| facts.name == name).map(|(facts, _)| *facts)
}

fn open(context: &Context) -> Result<(Box<dyn Engine>, PathBuf)> {
    let name = context.word("engine")?;
    let found = ENGINES.iter().find(|(facts, _)| facts.name == name);
    let (_, open) = found.ok_or_else(|| Error::Usage(format!("no engine is called {name:?}")))?;
    let folder = context.scratch().join(name);
    std::fs::create_dir_all(&folder).map_err(|e| Error::io("create", &folder, e))?;
    Ok((open(&folder)?, folder))
}

const WORDS: Option<(&str, &[&str])> = Some(("engine", NAMES));
const RECORDS: Parameter =
    Parameter { name: "records", unit: "rows", ci: 100_000, full: 1_000_000 };
const PARAMETERS: &[Parameter] = &[RECORDS, KEY_BYTES, VALUE_BYTES];

const fn entry(
    id: &'static str,
    why: &'static str,
    ops: Ops,
    setup: fn(&Context) -> Result<Box<dyn Bench>>,
) -> Entry {
    Entry {
        id,
        version: 1,
        why,
        critical: false,
        class: Class::Threaded,
        parameters: PARAMETERS,
        words: WORDS,
        ops,
        warmup_ops: (1_000, 100_000),
        unit: "operation",
        sample_every: 1,
        granule: single,
        setup,
    }
}

/// The suite's list.
pub const ENTRIES: &[Entry] = &[
    Entry {
        sample_every: 8,
        ..entry(
            "peers/point_get_hot",
            "One row by key, one thread, everything in memory.",
            Ops::Fixed(500_000, 3_000_000),
            |context| Gets::setup(context, 1),
        )
    },
    Entry {
        granule: |_| 16,
        ..entry(
            "peers/get_many_16_hot",
            "Sixteen rows by key in one call, where an engine has one; a latency is that of sixteen.",
            Ops::Fixed(480_000, 3_000_000),
            |context| Gets::setup(context, 16),
        )
    },
    Entry {
        sample_every: 8,
        granule: |_| 2,
        ..entry(
            "peers/point_get_hot_2_threads",
            "One row by key on two threads at once: readers must not slow each other.",
            Ops::Fixed(500_000, 4_000_000),
            |context| Gets::setup(context, 0),
        )
    },
    Entry {
        warmup_ops: (20, 500),
        ..entry(
            "peers/range_scan_1k_rows_hot",
            "A thousand neighbours from a random start.",
            Ops::Fixed(1_000, 10_000),
            Scans::setup,
        )
    },
    Entry {
        sample_every: 16,
        ..entry(
            "peers/snapshot_open_close",
            "What beginning and ending a read costs.",
            Ops::Fixed(300_000, 3_000_000),
            Snapshots::setup,
        )
    },
    Entry {
        granule: |_| 1000,
        warmup_ops: (0, 0),
        ..entry(
            "peers/build_sequential",
            "Loading sorted rows in transactions of 1,000, one sync at the end.",
            Ops::Records,
            |context| Writes::setup(context, Load::Sequential),
        )
    },
    Entry {
        granule: |_| 1000,
        warmup_ops: (0, 0),
        ..entry(
            "peers/build_random",
            "Loading unsorted rows in transactions of 1,000, one sync at the end.",
            Ops::Records,
            |context| Writes::setup(context, Load::Random),
        )
    },
    Entry {
        warmup_ops: (20, 100),
        ..entry(
            "peers/durable_commit_1",
            "A durable transaction of one row: the device's sync and little else.",
            Ops::Fixed(500, 3_000),
            |context| Writes::setup(context, Load::Commits { rows: 1, durable: true }),
        )
    },
    Entry {
        granule: |_| 100,
        warmup_ops: (500, 1_000),
        ..entry(
            "peers/durable_commit_100",
            "A durable transaction of a hundred rows; an operation is a row.",
            Ops::Fixed(20_000, 100_000),
            |context| Writes::setup(context, Load::Commits { rows: 100, durable: true }),
        )
    },
    Entry {
        warmup_ops: (100, 1_000),
        ..entry(
            "peers/eventual_commit_1",
            "A transaction of one row that does not wait for the device.",
            Ops::Fixed(20_000, 200_000),
            |context| Writes::setup(context, Load::Commits { rows: 1, durable: false }),
        )
    },
    Entry {
        granule: |_| 1000,
        warmup_ops: (0, 0),
        ..entry(
            "peers/delete_10pct",
            "Deleting a random tenth in transactions of 1,000, one sync at the end.",
            Ops::RecordsPercent(10),
            |context| Writes::setup(context, Load::Deletes),
        )
    },
    Entry {
        warmup_ops: (1, 2),
        ..entry(
            "peers/open_first_get",
            "Opening a cleanly closed database and getting one row.",
            Ops::Fixed(20, 50),
            Opens::setup,
        )
    },
];

/// Rows a transaction while a database is filled, and of the builds.
const TXN_ROWS: u64 = 1000;

fn rows(context: &Context, order: KeyOrder) -> Result<Rows> {
    crate::suite::support::rows(context, order)
}

fn fill(engine: &dyn Engine, rows: &mut Rows, count: u64) -> Result<()> {
    let mut next = 0;
    while next < count {
        let end = (next + TXN_ROWS * 10).min(count);
        let mut change = || {
            (next < end).then(|| {
                let change = OwnedChange::Put(rows.key(next), rows.value(next, 0).to_vec());
                next += 1;
                change
            })
        };
        engine.commit(&mut change, false)?;
    }
    engine.sync()
}

fn missing() -> Error {
    Error::wrong("a row is not there")
}

/// Point look-ups: one at a time, sixteen at a time, or (0) on two threads.
struct Gets {
    engine: Box<dyn Engine>,
    rows: Rows,
    records: u64,
    at_once: usize,
    random: SplitMix,
    sum: Checksum,
    batches: u64,
}

impl Gets {
    fn setup(context: &Context, at_once: usize) -> Result<Box<dyn Bench>> {
        let (engine, _) = open(context)?;
        let mut rows = rows(context, KeyOrder::Scattered)?;
        let records = context.number("records")?;
        fill(engine.as_ref(), &mut rows, records)?;
        let (random, sum) = (SplitMix::new(context.seed), Checksum::default());
        Ok(Box::new(Self { engine, rows, records, at_once, random, sum, batches: 0 }))
    }
}

impl Bench for Gets {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        let Self { engine, rows, records, random, .. } = self;
        let (rows, records) = (&*rows, *records);
        self.batches += 1;
        if self.at_once == 0 {
            let (engine, batch) = (engine.as_ref(), self.batches);
            return recorder.timed_threads(ops, 2, |thread, lane| {
                let mut reader = engine.reader()?;
                let mut random = SplitMix::new(batch * 2 + thread as u64);
                for _ in 0..(ops + 1 - thread as u64) / 2 {
                    let key = rows.key(random.below(records));
                    lane.op(|| reader.get(key.as_ref()))?.ok_or_else(missing)?;
                }
                Ok(())
            });
        }
        let at_once = self.at_once as u64;
        let mut reader = engine.reader()?;
        let mut total = 0_u64;
        let mut keys = Vec::with_capacity(at_once as usize);
        recorder.timed(ops, |lane| {
            let mut left = ops;
            while left > 0 {
                let count = left.min(at_once);
                left -= count;
                if at_once == 1 {
                    let key = rows.key(random.below(records));
                    let found = lane.op(|| reader.get(key.as_ref()))?;
                    total = total.wrapping_add(found.ok_or_else(missing)?);
                } else {
                    keys.clear();
                    keys.extend((0..count).map(|_| rows.key(random.below(records))));
                    total = total.wrapping_add(lane.op(|| reader.get_many(&keys))?);
                }
            }
            Ok(())
        })?;
        self.sum.add_number(total);
        Ok(())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        let mut reader = self.engine.reader()?;
        let absent = self.rows.key(self.records + 1);
        if reader.get(absent.as_ref())?.is_some() {
            return Err(Error::wrong("a row that was never put is there"));
        }
        report.checksum = self.sum;
        report.checksum.add_number(self.batches);
        Ok(())
    }
}

/// Scans of a thousand rows.
struct Scans {
    engine: Box<dyn Engine>,
    rows: Rows,
    records: u64,
    random: SplitMix,
    sum: Checksum,
}

const SCAN_ROWS: u64 = 1000;

impl Scans {
    fn setup(context: &Context) -> Result<Box<dyn Bench>> {
        let (engine, _) = open(context)?;
        let mut rows = rows(context, KeyOrder::Sequential)?;
        let records = context.number("records")?;
        if records < SCAN_ROWS {
            return Err(Error::Usage("records must be at least 1000".into()));
        }
        fill(engine.as_ref(), &mut rows, records)?;
        let random = SplitMix::new(context.seed);
        Ok(Box::new(Self { engine, rows, records, random, sum: Checksum::default() }))
    }
}

impl Bench for Scans {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        let Self { engine, rows, records, random, .. } = self;
        let mut reader = engine.reader()?;
        let mut total = 0_u64;
        recorder.timed(ops, |lane| {
            for _ in 0..ops {
                let start = rows.key(random.below(*records - SCAN_ROWS + 1));
                let sum = lane.op(|| reader.scan(start.as_ref(), SCAN_ROWS))?;
                total = total.wrapping_add(sum);
            }
            Ok(())
        })?;
        self.sum.add_number(total);
        Ok(())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        report.checksum = self.sum;
        report.metric("rows_per_scan", "rows", Better::Neither, SCAN_ROWS as f64);
        Ok(())
    }
}

/// Snapshots opened and closed.
struct Snapshots {
    engine: Box<dyn Engine>,
    opened: u64,
}

impl Snapshots {
    fn setup(context: &Context) -> Result<Box<dyn Bench>> {
        let (engine, _) = open(context)?;
        fill(engine.as_ref(), &mut rows(context, KeyOrder::Scattered)?, 1000)?;
        Ok(Box::new(Self { engine, opened: 0 }))
    }
}

impl Bench for Snapshots {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        self.opened += ops;
        let engine = self.engine.as_ref();
        recorder.timed(ops, |lane| (0..ops).try_for_each(|_| lane.op(|| engine.snapshot())))
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        report.checksum.add_number(self.opened);
        Ok(())
    }
}

/// What a writing workload does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Load {
    Sequential,
    Random,
    Commits { rows: u64, durable: bool },
    Deletes,
}

/// Transactions of one kind.
struct Writes {
    engine: Box<dyn Engine>,
    folder: PathBuf,
    rows: Rows,
    load: Load,
    order: Vec<u32>,
    next: u64,
    filled: u64,
}

impl Writes {
    fn setup(context: &Context, load: Load) -> Result<Box<dyn Bench>> {
        let (engine, folder) = open(context)?;
        let order =
            if load == Load::Sequential { KeyOrder::Sequential } else { KeyOrder::Scattered };
        let mut rows = rows(context, order)?;
        let records = context.number("records")?;
        let filled = match load {
            Load::Deletes => records,
            Load::Commits { .. } => records.min(100_000),
            Load::Sequential | Load::Random => 0,
        };
        fill(engine.as_ref(), &mut rows, filled)?;
        let order =
            if load == Load::Deletes { permutation(records, context.seed) } else { Vec::new() };
        Ok(Box::new(Self { engine, folder, rows, load, order, next: filled, filled }))
    }

    fn transaction(&mut self, count: u64, durable: bool) -> Result<()> {
        let Self { engine, rows, load, order, next, filled, .. } = self;
        let mut left = count;
        let mut change = || {
            left = left.checked_sub(1)?;
            let number = *next;
            *next += 1;
            Some(if *load == Load::Deletes {
                OwnedChange::Delete(rows.key(u64::from(order[(number - *filled) as usize])))
            } else {
                OwnedChange::Put(rows.key(number), rows.value(number, 0).to_vec())
            })
        };
        engine.commit(&mut change, durable)
    }
}

impl Bench for Writes {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        let (size, durable) = match self.load {
            Load::Commits { rows, durable } => (rows, durable),
            _ => (TXN_ROWS, false),
        };
        recorder.timed(ops, |lane| {
            let mut left = ops;
            while left > 0 {
                let count = left.min(size);
                left -= count;
                lane.op(|| self.transaction(count, durable))?;
            }
            Ok(())
        })
    }

    fn finish(&mut self, recorder: &mut Recorder) -> Result<()> {
        match self.load {
            Load::Commits { .. } => Ok(()),
            _ => recorder.timed(0, |_| self.engine.sync()),
        }
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        self.engine.sync()?;
        let mut reader = self.engine.reader()?;
        let done = self.next - self.filled;
        match self.load {
            Load::Deletes => {
                for (at, number) in self.order.iter().enumerate().step_by(101) {
                    let there = reader.get(self.rows.key(u64::from(*number)).as_ref())?.is_some();
                    if there == ((at as u64) < done) {
                        return Err(Error::wrong("a row should be gone, or should not"));
                    }
                }
            }
            _ => {
                for number in (0..self.next).step_by(101) {
                    reader.get(self.rows.key(number).as_ref())?.ok_or_else(missing)?;
                }
            }
        }
        drop(reader);
        let user = (self.next * self.rows.row_bytes()).max(1) as f64;
        if matches!(self.load, Load::Sequential | Load::Random) {
            let files = folder_bytes(&self.folder)? as f64;
            report.metric("file_bytes_per_user_byte", "1", Better::Lower, files / user);
        }
        report.checksum.add_number(done);
        Ok(())
    }
}

/// Bytes the files under `folder` occupy on the device.
fn folder_bytes(folder: &Path) -> Result<u64> {
    let fail = |error| Error::io("list", folder, error);
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let metadata = entry.metadata().map_err(fail)?;
        bytes +=
            if metadata.is_dir() { folder_bytes(&entry.path())? } else { allocated(&metadata) };
    }
    Ok(bytes)
}

#[cfg(unix)]
fn allocated(metadata: &std::fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    // LMDB's file may be sparse: its length says little.
    metadata.blocks() * 512
}

#[cfg(not(unix))]
fn allocated(metadata: &std::fs::Metadata) -> u64 {
    metadata.len()
}

/// Opens of a closed database.
struct Opens {
    open: Open,
    folder: PathBuf,
    key: Key,
    sum: u64,
}

impl Opens {
    fn setup(context: &Context) -> Result<Box<dyn Bench>> {
        let (engine, folder) = open(context)?;
        let mut rows = rows(context, KeyOrder::Scattered)?;
        fill(engine.as_ref(), &mut rows, context.number("records")?)?;
        drop(engine);
        let name = context.word("engine")?;
        let found = ENGINES.iter().find(|(facts, _)| facts.name == name);
        let (_, open) = found.ok_or_else(missing)?;
        Ok(Box::new(Self { open: *open, folder, key: rows.key(7), sum: 0 }))
    }
}

impl Bench for Opens {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        for _ in 0..ops {
            let mut opened = None;
            recorder.timed(1, |lane| {
                lane.op(|| -> Result<()> {
                    let engine = (self.open)(&self.folder)?;
                    let found = engine.reader()?.get(self.key.as_ref())?.ok_or_else(missing)?;
                    self.sum = self.sum.wrapping_add(found);
                    opened = Some(engine);
                    Ok(())
                })
            })?;
            // Closing is not what is timed.
            drop(opened);
        }
        Ok(())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        report.checksum.add_number(self.sum);
        Ok(())
    }
}
