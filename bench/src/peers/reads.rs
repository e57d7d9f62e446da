//! Reading workloads: gets, scans, snapshots. The database is loaded and settled before.

use super::{
    engine::{Engine, missing},
    open,
    workloads::load,
};
use crate::{
    catalog::{Bench, Verification},
    context::Context,
    error::{Error, Result},
    recorder::{Lane, Recorder},
    result::Better,
    rng::{Checksum, KeyOrder, Rows, SplitMix},
    suite::support,
};

/// An engine with rows in it, and where to look next.
struct Loaded {
    engine: Box<dyn Engine>,
    rows: Rows,
    records: u64,
    random: SplitMix,
    sum: Checksum,
}

impl Loaded {
    fn new(context: &Context, order: KeyOrder, records: u64) -> Result<Self> {
        let engine = open(context)?;
        let mut rows = support::rows(context, order)?;
        load(engine.as_ref(), &mut rows, records)?;
        engine.settle()?;
        let random = SplitMix::new(context.seed);
        Ok(Self { engine, rows, records, random, sum: Checksum::default() })
    }

    /// A row that was never put must not be there.
    fn check_absent(&self) -> Result<()> {
        let absent = self.rows.key(self.records + 1);
        self.engine.read(&mut |reader| match reader.get(absent.as_ref())? {
            Some(_) => Err(Error::wrong("a row that was never put is there")),
            None => Ok(()),
        })
    }
}

/// Who gets rows, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readers {
    One,
    OneWithSixteenKeys,
    Two,
}

/// Point look-ups.
pub(super) struct Gets {
    loaded: Loaded,
    readers: Readers,
    batches: u64,
}

impl Gets {
    pub(super) fn setup(context: &Context, readers: Readers) -> Result<Box<dyn Bench>> {
        let records = context.number("records")?;
        let loaded = Loaded::new(context, KeyOrder::Scattered, records)?;
        Ok(Box::new(Self { loaded, readers, batches: 0 }))
    }

    fn two_threads(&self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        let Loaded { engine, rows, records, .. } = &self.loaded;
        let work = |thread: usize, lane: &mut Lane| {
            let mut random = SplitMix::new(self.batches * 2 + thread as u64);
            engine.read(&mut |reader| {
                for _ in 0..(ops + 1 - thread as u64) / 2 {
                    let key = rows.key(random.below(*records));
                    lane.op(|| reader.get(key.as_ref()))?.ok_or_else(missing)?;
                }
                Ok(())
            })
        };
        recorder.timed_threads(ops, 2, work)
    }
}

impl Bench for Gets {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        self.batches += 1;
        let at_once = match self.readers {
            Readers::Two => return self.two_threads(ops, recorder),
            Readers::One => 1,
            Readers::OneWithSixteenKeys => 16,
        };
        let Loaded { engine, rows, records, random, sum } = &mut self.loaded;
        let mut total = 0_u64;
        let mut keys = Vec::with_capacity(at_once as usize);
        engine.read(&mut |reader| {
            recorder.timed(ops, |lane| {
                let mut left = ops;
                while left > 0 {
                    let count = left.min(at_once);
                    left -= count;
                    if at_once == 1 {
                        let key = rows.key(random.below(*records));
                        let found = lane.op(|| reader.get(key.as_ref()))?;
                        total = total.wrapping_add(found.ok_or_else(missing)?);
                    } else {
                        keys.clear();
                        keys.extend((0..count).map(|_| rows.key(random.below(*records))));
                        total = total.wrapping_add(lane.op(|| reader.get_many(&keys))?);
                    }
                }
                Ok(())
            })
        })?;
        sum.add_number(total);
        Ok(())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        self.loaded.check_absent()?;
        report.checksum = self.loaded.sum;
        report.checksum.add_number(self.batches);
        Ok(())
    }
}

/// Scans of so many rows from a random start, or of everything.
pub(super) struct Scans {
    loaded: Loaded,
    rows: u64,
    of_everything: bool,
}

impl Scans {
    pub(super) fn setup(context: &Context, rows: Option<u64>) -> Result<Box<dyn Bench>> {
        let records = context.number("records")?;
        let of_everything = rows.is_none();
        let rows = rows.unwrap_or(records);
        if records < rows {
            return Err(Error::Usage(format!("records must be at least {rows}")));
        }
        let loaded = Loaded::new(context, KeyOrder::Sequential, records)?;
        Ok(Box::new(Self { loaded, rows, of_everything }))
    }
}

impl Bench for Scans {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        let (scan_rows, of_everything) = (self.rows, self.of_everything);
        // An operation is a row when everything is read, else a scan.
        let scans = if of_everything { ops.div_ceil(scan_rows) } else { ops };
        let Loaded { engine, rows, records, random, sum } = &mut self.loaded;
        let mut total = 0_u64;
        engine.read(&mut |reader| {
            recorder.timed(ops, |lane| {
                for _ in 0..scans {
                    let first = rows.key(random.below(*records - scan_rows + 1));
                    let start = if of_everything { &[] } else { first.as_ref() };
                    total = total.wrapping_add(lane.op(|| reader.scan(start, scan_rows))?);
                }
                Ok(())
            })
        })?;
        sum.add_number(total);
        Ok(())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        self.loaded.check_absent()?;
        report.checksum = self.loaded.sum;
        report.metric("rows_per_scan", "rows", Better::Neither, self.rows as f64);
        Ok(())
    }
}

/// Snapshots opened and closed.
pub(super) struct Snapshots {
    loaded: Loaded,
    opened: u64,
}

impl Snapshots {
    pub(super) fn setup(context: &Context) -> Result<Box<dyn Bench>> {
        let records = context.number("records")?.min(1000);
        let loaded = Loaded::new(context, KeyOrder::Scattered, records)?;
        Ok(Box::new(Self { loaded, opened: 0 }))
    }
}

impl Bench for Snapshots {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        self.opened += ops;
        let engine = self.loaded.engine.as_ref();
        recorder.timed(ops, |lane| (0..ops).try_for_each(|_| lane.op(|| engine.snapshot())))
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        self.loaded.check_absent()?;
        report.checksum.add_number(self.opened);
        Ok(())
    }
}
