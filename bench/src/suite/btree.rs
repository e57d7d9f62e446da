//! Suite `btree`: building, getting, scanning, updating and deleting rows.

use super::support::{self, KEY_BYTES, RECORDS, TXN_ROWS, VALUE_BYTES, expect, missing};
use crate::{
    catalog::{Bench, Entry, Ops, Parameter, Verification, single},
    context::Context,
    error::{Error, Result},
    recorder::Recorder,
    result::{Better, Class},
    rng::{Checksum, KeyOrder, Rows, SplitMix, permutation},
};
use northstar_engine::{Db, Durability, Stats};

const BUILD: &[Parameter] = &[RECORDS, KEY_BYTES, VALUE_BYTES, TXN_ROWS];
const READ: &[Parameter] = &[RECORDS, KEY_BYTES, VALUE_BYTES];

/// The suite's list.
pub const ENTRIES: &[Entry] = &[
    Entry {
        id: "btree/build_sequential_insert_1m",
        version: 1,
        why: "Loading sorted data, log included: rightmost splits must leave full pages.",
        critical: true,
        class: Class::Exact,
        parameters: BUILD,
        words: None,
        ops: Ops::Records,
        warmup_ops: (1_000, 10_000),
        unit: "row",
        sample_every: 4,
        granule: txn_rows,
        setup: |context| Build::setup(context, KeyOrder::Sequential),
    },
    Entry {
        id: "btree/build_random_insert_1m",
        version: 1,
        why: "Loading unsorted data, log included: the write amplification of copy-on-write shows here.",
        critical: true,
        class: Class::Exact,
        parameters: BUILD,
        words: None,
        ops: Ops::Records,
        warmup_ops: (1_000, 10_000),
        unit: "row",
        sample_every: 4,
        granule: txn_rows,
        setup: |context| Build::setup(context, KeyOrder::Scattered),
    },
    Entry {
        id: "btree/point_get_hot_1m",
        version: 1,
        why: "The operation most programs do most: one row by key, everything in the pool.",
        critical: true,
        class: Class::Exact,
        parameters: READ,
        words: None,
        ops: Ops::Fixed(200_000, 4_000_000),
        warmup_ops: (20_000, 1_000_000),
        unit: "get",
        sample_every: 8,
        granule: single,
        setup: Gets::setup,
    },
    Entry {
        id: "btree/get_many_16_hot_1m",
        version: 1,
        why: "Sixteen look-ups at once hide each other's cache misses: must beat single gets clearly.",
        critical: true,
        class: Class::Exact,
        parameters: READ,
        words: None,
        ops: Ops::Fixed(200_000, 4_000_000),
        warmup_ops: (16_000, 1_000_000),
        unit: "get",
        sample_every: 1,
        granule: |_| GET_MANY as u64,
        setup: GetMany::setup,
    },
    Entry {
        id: "btree/range_scan_1k_rows_hot",
        version: 1,
        why: "Reading a thousand neighbours from a random start: the cursor must stay on its leaf.",
        critical: true,
        class: Class::Exact,
        parameters: &[
            RECORDS,
            KEY_BYTES,
            VALUE_BYTES,
            Parameter { name: "scan_rows", unit: "rows", ci: 1000, full: 1000 },
        ],
        words: None,
        ops: Ops::Fixed(500, 20_000),
        warmup_ops: (20, 1_000),
        unit: "scan",
        sample_every: 1,
        granule: single,
        setup: Scans::setup,
    },
    Entry {
        id: "btree/point_put_update_10pct_hot",
        version: 1,
        why: "Updating a tenth of the rows, durable: the bigger the transaction, the more rows a second.",
        critical: true,
        class: Class::Exact,
        parameters: READ,
        words: Some(("txn_rows", &["1", "10", "100"])),
        ops: Ops::RecordsPercent(10),
        warmup_ops: (100, 1_000),
        unit: "row",
        sample_every: 1,
        granule: txn_rows_word,
        setup: Updates::setup,
    },
    Entry {
        id: "btree/delete_10pct",
        version: 1,
        why: "Deleting a random tenth: merges must keep the tree balanced and give pages back.",
        critical: true,
        class: Class::Exact,
        parameters: BUILD,
        words: None,
        ops: Ops::RecordsPercent(10),
        warmup_ops: (0, 0),
        unit: "row",
        sample_every: 1,
        granule: txn_rows,
        setup: Deletes::setup,
    },
];

/// Keys looked up by one `get_many`.
const GET_MANY: usize = 16;

fn txn_rows(context: &Context) -> u64 {
    context.number("txn_rows").unwrap_or(1)
}

fn txn_rows_word(context: &Context) -> u64 {
    context.word("txn_rows").ok().and_then(|word| word.parse().ok()).unwrap_or(1)
}

/// Inserts rows in transactions that do not wait; one sync at the end.
struct Build {
    context: Context,
    db: Db,
    rows: Rows,
    next: u64,
    txn_rows: u64,
}

impl Build {
    fn setup(context: &Context, order: KeyOrder) -> Result<Box<dyn Bench>> {
        let db = context.open("build.ns", context.options())?;
        let rows = support::rows(context, order)?;
        let txn_rows = context.number("txn_rows")?;
        Ok(Box::new(Self { context: context.clone(), db, rows, next: 0, txn_rows }))
    }
}

impl Bench for Build {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        let (db, rows, txn_rows) = (&self.db, &mut self.rows, self.txn_rows);
        let end = self.next + ops;
        let mut number = self.next;
        recorder.timed(ops, |lane| {
            while number < end {
                let last = (number + txn_rows).min(end);
                let mut txn = db.begin_write()?;
                for number in number..last {
                    let key = rows.key(number);
                    let value = rows.value(number, 0);
                    lane.op(|| txn.put(key, value))?;
                }
                txn.commit_with(Durability::Eventual)?;
                number = last;
            }
            Ok(())
        })?;
        self.next = end;
        Ok(())
    }

    fn warm_up(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        // On a database of its own: what is measured starts empty.
        let db = self.context.open("warm.ns", self.context.options())?;
        let mut rows = self.rows.clone();
        recorder.timed(ops, |_| support::put_rows(&db, &mut rows, 0..ops, self.txn_rows))?;
        Ok(db.close()?)
    }

    fn finish(&mut self, recorder: &mut Recorder) -> Result<()> {
        recorder.timed(0, |_| Ok(self.db.sync()?))
    }

    fn stats(&self) -> Option<Stats> {
        Some(self.db.stats())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        let (count, sum) = support::sum_of(&self.db)?;
        expect("rows built", count, self.next)?;
        report.checksum = sum;
        self.db.checkpoint()?;
        let page = northstar_engine::limits::PAGE_BYTES as u64;
        let user = (self.next * self.rows.row_bytes()).max(1) as f64;
        let file = (self.db.stats().page_count * page) as f64;
        report.metric("file_bytes_per_user_byte", "1", Better::Lower, file / user);
        Ok(())
    }
}

/// Gets single rows, all in the pool.
struct Gets {
    db: Db,
    rows: Rows,
    records: u64,
    random: SplitMix,
    sum: Checksum,
}

impl Gets {
    fn setup(context: &Context) -> Result<Box<dyn Bench>> {
        let records = context.number("records")?;
        let mut rows = support::rows(context, KeyOrder::Scattered)?;
        let db = support::filled(context, "get.ns", context.options(), &mut rows, records)?;
        let random = SplitMix::new(context.seed);
        Ok(Box::new(Self { db, rows, records, random, sum: Checksum::default() }))
    }
}

impl Bench for Gets {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        let read = self.db.begin_read()?;
        let (rows, random, records) = (&self.rows, &mut self.random, self.records);
        let mut total = 0_u64;
        recorder.timed(ops, |lane| {
            for _ in 0..ops {
                let number = random.below(records);
                lane.op(|| -> Result<()> {
                    let value = read.get(rows.key(number))?.ok_or_else(|| missing(number))?;
                    total = total.wrapping_add(u64::from(value[0]) + value.len() as u64);
                    Ok(())
                })?;
            }
            Ok(())
        })?;
        self.sum.add_number(total);
        Ok(())
    }

    fn stats(&self) -> Option<Stats> {
        Some(self.db.stats())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        let read = self.db.begin_read()?;
        for number in (0..self.records).step_by(61) {
            let value = read.get(self.rows.key(number))?.ok_or_else(|| missing(number))?;
            if *value != *self.rows.value(number, 0) {
                return Err(Error::wrong(format!("row {number} has another value")));
            }
        }
        let absent = self.rows.key(self.records + 1);
        if read.get(absent)?.is_some() {
            return Err(Error::wrong("a row that was never put is there"));
        }
        report.checksum = self.sum;
        Ok(())
    }
}

/// Gets sixteen rows at once, all in the pool.
struct GetMany {
    db: Db,
    rows: Rows,
    records: u64,
    random: SplitMix,
    sum: Checksum,
}

impl GetMany {
    fn setup(context: &Context) -> Result<Box<dyn Bench>> {
        let records = context.number("records")?;
        let mut rows = support::rows(context, KeyOrder::Scattered)?;
        let db = support::filled(context, "get.ns", context.options(), &mut rows, records)?;
        let random = SplitMix::new(context.seed);
        Ok(Box::new(Self { db, rows, records, random, sum: Checksum::default() }))
    }
}

impl Bench for GetMany {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        let read = self.db.begin_read()?;
        let (rows, random, records) = (&self.rows, &mut self.random, self.records);
        let mut total = 0_u64;
        recorder.timed(ops, |lane| {
            let mut left = ops as usize;
            let mut keys = Vec::with_capacity(GET_MANY);
            while left > 0 {
                let count = left.min(GET_MANY);
                left -= count;
                keys.clear();
                keys.extend((0..count).map(|_| rows.key(random.below(records))));
                lane.op(|| -> Result<()> {
                    for value in read.get_many(&keys)? {
                        let value = value.ok_or_else(|| Error::wrong("a row is not there"))?;
                        total = total.wrapping_add(u64::from(value[0]) + value.len() as u64);
                    }
                    Ok(())
                })?;
            }
            Ok(())
        })?;
        self.sum.add_number(total);
        Ok(())
    }

    fn stats(&self) -> Option<Stats> {
        Some(self.db.stats())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        let read = self.db.begin_read()?;
        let numbers: Vec<u64> = (0..self.records).step_by(53).collect();
        let keys: Vec<_> = numbers.iter().map(|number| self.rows.key(*number)).collect();
        for (number, value) in numbers.iter().zip(read.get_many(&keys)?) {
            let value = value.ok_or_else(|| missing(*number))?;
            if *value != *self.rows.value(*number, 0) {
                return Err(Error::wrong(format!("row {number} has another value")));
            }
        }
        report.checksum = self.sum;
        report.note("a latency is that of a whole get_many of 16 keys; an operation is one key");
        Ok(())
    }
}

/// Scans a thousand rows from random starts.
struct Scans {
    db: Db,
    records: u64,
    scan_rows: u64,
    rows: Rows,
    random: SplitMix,
    sum: Checksum,
    scanned: u64,
}

impl Scans {
    fn setup(context: &Context) -> Result<Box<dyn Bench>> {
        let records = context.number("records")?;
        let mut rows = support::rows(context, KeyOrder::Sequential)?;
        let db = support::filled(context, "scan.ns", context.options(), &mut rows, records)?;
        let scan_rows = context.number("scan_rows")?.min(records);
        let random = SplitMix::new(context.seed);
        let sum = Checksum::default();
        Ok(Box::new(Self { db, records, scan_rows, rows, random, sum, scanned: 0 }))
    }
}

impl Bench for Scans {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        let read = self.db.begin_read()?;
        let mut cursor = read.cursor()?;
        let (mut total, mut scanned) = (0_u64, 0_u64);
        recorder.timed(ops, |lane| {
            for _ in 0..ops {
                let start = self.random.below(self.records - self.scan_rows + 1);
                let key = self.rows.key(start);
                lane.op(|| -> Result<()> {
                    cursor.seek(key)?;
                    for _ in 0..self.scan_rows {
                        let Some((key, value)) = cursor.next()? else {
                            return Err(Error::wrong("a scan ended early"));
                        };
                        total =
                            total.wrapping_add(u64::from(key[key.len() - 1]) + u64::from(value[0]));
                        scanned += 1;
                    }
                    Ok(())
                })?;
            }
            Ok(())
        })?;
        self.sum.add_number(total);
        self.scanned += scanned;
        Ok(())
    }

    fn stats(&self) -> Option<Stats> {
        Some(self.db.stats())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        let (count, sum) = support::sum_of(&self.db)?;
        expect("rows", count, self.records)?;
        report.checksum = self.sum;
        report.checksum.add(sum.to_hex().as_bytes());
        report.metric("rows_per_scan", "rows", Better::Neither, self.scan_rows as f64);
        Ok(())
    }
}

/// Updates rows in place of their older versions, each transaction durable.
struct Updates {
    db: Db,
    rows: Rows,
    records: u64,
    order: Vec<u32>,
    next: usize,
    txn_rows: u64,
}

impl Updates {
    fn setup(context: &Context) -> Result<Box<dyn Bench>> {
        let records = context.number("records")?;
        let mut rows = support::rows(context, KeyOrder::Scattered)?;
        let db = support::filled(context, "update.ns", context.options(), &mut rows, records)?;
        let order = permutation(records, context.seed);
        let txn_rows = txn_rows_word(context);
        Ok(Box::new(Self { db, rows, records, order, next: 0, txn_rows }))
    }
}

impl Bench for Updates {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        let Self { db, rows, order, next, txn_rows, .. } = self;
        recorder.timed(ops, |lane| {
            let mut left = ops;
            while left > 0 {
                let count = left.min(*txn_rows);
                left -= count;
                // An operation is a row, a latency that of its whole transaction.
                lane.op(|| -> Result<()> {
                    let mut txn = db.begin_write()?;
                    for _ in 0..count {
                        let number = u64::from(order[*next % order.len()]);
                        *next += 1;
                        txn.put(rows.key(number), rows.value(number, 1))?;
                    }
                    txn.commit()?;
                    Ok(())
                })?;
            }
            Ok(())
        })
    }

    fn stats(&self) -> Option<Stats> {
        Some(self.db.stats())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        let (count, sum) = support::sum_of(&self.db)?;
        expect("rows", count, self.records)?;
        let updated = self.next.min(self.order.len());
        let read = self.db.begin_read()?;
        for (at, number) in self.order.iter().enumerate().step_by(29) {
            let number = u64::from(*number);
            let value = read.get(self.rows.key(number))?.ok_or_else(|| missing(number))?;
            let round = u64::from(at < updated);
            if *value != *self.rows.value(number, round) {
                return Err(Error::wrong(format!("row {number} is not in version {round}")));
            }
        }
        report.checksum = sum;
        Ok(())
    }
}

/// Deletes a random tenth of the rows.
struct Deletes {
    db: Db,
    rows: Rows,
    records: u64,
    order: Vec<u32>,
    next: usize,
    txn_rows: u64,
}

impl Deletes {
    fn setup(context: &Context) -> Result<Box<dyn Bench>> {
        let records = context.number("records")?;
        let mut rows = support::rows(context, KeyOrder::Scattered)?;
        let db = support::filled(context, "delete.ns", context.options(), &mut rows, records)?;
        let order = permutation(records, context.seed);
        let txn_rows = context.number("txn_rows")?;
        Ok(Box::new(Self { db, rows, records, order, next: 0, txn_rows }))
    }
}

impl Bench for Deletes {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        let Self { db, rows, order, next, txn_rows, .. } = self;
        recorder.timed(ops, |lane| {
            let mut left = ops;
            while left > 0 {
                let count = left.min(*txn_rows);
                left -= count;
                let mut txn = db.begin_write()?;
                for _ in 0..count {
                    let number = u64::from(order[*next]);
                    *next += 1;
                    if !lane.op(|| txn.del(rows.key(number)))? {
                        return Err(missing(number));
                    }
                }
                txn.commit_with(Durability::Eventual)?;
            }
            Ok(())
        })
    }

    fn warm_up(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        // Deleting is what is measured and cannot be done twice: the warm-up reads the rows.
        let read = self.db.begin_read()?;
        let (rows, records) = (&self.rows, self.records);
        recorder.timed(ops, |lane| {
            for number in 0..ops {
                let number = number % records;
                lane.op(|| read.get(rows.key(number)).map(|value| value.is_some()))?;
            }
            Ok(())
        })
    }

    fn finish(&mut self, recorder: &mut Recorder) -> Result<()> {
        recorder.timed(0, |_| Ok(self.db.sync()?))
    }

    fn stats(&self) -> Option<Stats> {
        Some(self.db.stats())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        let (count, sum) = support::sum_of(&self.db)?;
        expect("rows left", count, self.records - self.next as u64)?;
        let read = self.db.begin_read()?;
        for (at, number) in self.order.iter().enumerate().step_by(31) {
            let there = read.get(self.rows.key(u64::from(*number)))?.is_some();
            if there != (at >= self.next) {
                return Err(Error::wrong(format!("row {number} should be gone, or should not")));
            }
        }
        report.checksum = sum;
        Ok(())
    }
}
