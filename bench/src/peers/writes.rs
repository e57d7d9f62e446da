//! Writing workloads: loads, commits, deletions; and, after the loads, what they took: bytes written,
//! file size before and after compaction. Single durable commits are held against the bare device.

use super::{
    Open, chosen,
    engine::{Deletes, Engine, Puts, missing},
    raw::RawSyncs,
    space,
    workloads::{TXN_ROWS, load},
};
use crate::{
    catalog::{Bench, Verification},
    context::Context,
    error::{Error, Result},
    machine,
    recorder::Recorder,
    result::Better,
    rng::{KeyOrder, Rows, permutation},
    suite::support,
};
use std::path::PathBuf;

/// What a writing workload does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Load {
    Sequential,
    Random,
    Commits { rows: u64, durable: bool },
    Deletes,
}

/// Most rows in a database that commits are measured on.
const COMMIT_ROWS_MAX: u64 = 100_000;
/// Syncs of the bare device after each batch of commits. So many whatever the batch: `syncs` takes the
/// difference of two runs with as many batches.
const RAW_SYNCS: u64 = 10;

/// Transactions of one kind.
pub(super) struct Writes {
    /// Taken when the database is closed, to see what is left of it.
    engine: Option<Box<dyn Engine>>,
    open: Open,
    folder: PathBuf,
    rows: Rows,
    load: Load,
    order: Vec<u32>,
    next: u64,
    filled: u64,
    written_at_start: Option<u64>,
    /// The bare device, beside single durable commits.
    raw: Option<RawSyncs>,
    commit_p50_ns: u64,
}

impl Writes {
    pub(super) fn setup(context: &Context, kind: Load) -> Result<Box<dyn Bench>> {
        let (open, folder) = chosen(context)?;
        let engine = open(&folder)?;
        let order =
            if kind == Load::Sequential { KeyOrder::Sequential } else { KeyOrder::Scattered };
        let mut rows = support::rows(context, order)?;
        let records = context.number("records")?;
        let filled = match kind {
            Load::Deletes => records,
            Load::Commits { .. } => records.min(COMMIT_ROWS_MAX),
            Load::Sequential | Load::Random => 0,
        };
        load(engine.as_ref(), &mut rows, filled)?;
        engine.settle()?;
        let order =
            if kind == Load::Deletes { permutation(records, context.seed) } else { Vec::new() };
        let single = kind == Load::Commits { rows: 1, durable: true };
        let raw = if single { Some(RawSyncs::new(context.scratch())?) } else { None };
        let written_at_start = machine::bytes_handed_to_writes();
        Ok(Box::new(Self {
            engine: Some(engine),
            open,
            folder,
            rows,
            load: kind,
            order,
            next: filled,
            filled,
            written_at_start,
            raw,
            commit_p50_ns: 0,
        }))
    }

    fn engine(&self) -> Result<&dyn Engine> {
        self.engine.as_deref().ok_or_else(|| Error::wrong("the database is closed"))
    }

    fn transaction(&mut self, count: u64, durable: bool) -> Result<()> {
        let engine =
            self.engine.as_deref().ok_or_else(|| Error::wrong("the database is closed"))?;
        let (rows, first) = (&mut self.rows, self.next);
        self.next += count;
        if self.load == Load::Deletes {
            let (from, to) = ((first - self.filled) as usize, (self.next - self.filled) as usize);
            let numbers = self.order[from..to].iter();
            let key = rows.key(0);
            return engine.commit(&mut Deletes { rows, numbers, key }, durable);
        }
        engine.commit(&mut Puts::new(rows, first..self.next), durable)
    }

    fn check_rows(&self) -> Result<()> {
        let deleted = self.next - self.filled;
        self.engine()?.read(&mut |reader| {
            if self.load != Load::Deletes {
                for number in (0..self.next).step_by(101) {
                    reader.get(self.rows.key(number).as_ref())?.ok_or_else(missing)?;
                }
                return Ok(());
            }
            for (at, number) in self.order.iter().enumerate().step_by(101) {
                let there = reader.get(self.rows.key(u64::from(*number)).as_ref())?.is_some();
                if there == ((at as u64) < deleted) {
                    return Err(Error::wrong("a row should be gone, or should not"));
                }
            }
            Ok(())
        })
    }

    /// Closes, measures the files, compacts, measures again.
    fn report_space(&mut self, report: &mut Verification) -> Result<()> {
        let user = (self.next * self.rows.row_bytes()).max(1);
        drop(self.engine.take());
        // Closing belongs to the load: what it writes is counted.
        let written = machine::bytes_handed_to_writes().zip(self.written_at_start);
        if let Some((now, then)) = written {
            let times = (now - then) as f64 / user as f64;
            report.metric("bytes_written_per_user_byte", "1", Better::Lower, times);
        }
        space::report(self.open, &self.folder, user, report)?;
        self.engine = Some((self.open)(&self.folder)?);
        self.check_rows()
    }
}

impl Writes {
    fn transactions(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
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
}

impl Bench for Writes {
    fn warm_up(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        self.transactions(ops, recorder)
    }

    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        self.transactions(ops, recorder)?;
        if let Some(raw) = &mut self.raw {
            raw.turn(RAW_SYNCS)?;
            self.commit_p50_ns = recorder.latency()?.p50_ns;
        }
        Ok(())
    }

    fn finish(&mut self, recorder: &mut Recorder) -> Result<()> {
        match self.load {
            Load::Commits { .. } => Ok(()),
            _ => recorder.timed(0, |_| self.engine()?.sync()),
        }
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        self.engine()?.sync()?;
        self.check_rows()?;
        if matches!(self.load, Load::Sequential | Load::Random) {
            self.report_space(report)?;
        }
        if let Some(raw) = &self.raw {
            let over = self.commit_p50_ns as f64 / raw.p50_ns()?.max(1) as f64;
            report.metric("p50_over_raw_sync", "1", Better::Lower, over);
        }
        report.checksum.add_number(self.next - self.filled);
        Ok(())
    }
}
