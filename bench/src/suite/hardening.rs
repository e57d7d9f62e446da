//! Suite `hardening`: how long it takes to open after a crash.

use super::support::{self, KEY_BYTES, VALUE_BYTES, expect, missing};
use crate::{
    catalog::{Bench, Entry, Ops, Parameter, Verification, single},
    context::Context,
    error::{Error, Result},
    recorder::Recorder,
    result::{Better, Class},
    rng::{Checksum, KeyOrder, Rows},
};
use northstar_engine::{
    Db,
    disk::{OpenMode, Storage},
};

/// The suite's list.
pub const ENTRIES: &[Entry] = &[Entry {
    id: "hardening/recovery_time",
    version: 1,
    why: "Opening after a crash replays the log's tail: bounded, and under a second for 64 MiB of it.",
    critical: true,
    class: Class::Exact,
    parameters: &[
        Parameter { name: "records", unit: "rows in the tail", ci: 5_000, full: 400_000 },
        KEY_BYTES,
        VALUE_BYTES,
        Parameter { name: "txn_rows", unit: "rows", ci: 10, full: 10 },
    ],
    words: None,
    ops: Ops::Fixed(6, 10),
    warmup_ops: (1, 1),
    unit: "open after a crash, and first get",
    sample_every: 1,
    granule: single,
    setup: Recovery::setup,
}];

/// Opens copies of a database as a crash would have left it.
struct Recovery {
    context: Context,
    /// File name's ending after the database's name, and bytes: the state at the crash.
    files: Vec<(String, Vec<u8>)>,
    tail_bytes: u64,
    rows: Rows,
    records: u64,
    copies: u64,
    last: Option<Db>,
}

const NAME: &str = "crash.ns";

impl Recovery {
    fn setup(context: &Context) -> Result<Box<dyn Bench>> {
        let records = context.number("records")?;
        let mut rows = support::rows(context, KeyOrder::Scattered)?;
        let db = context.open(NAME, context.options())?;
        db.checkpoint()?;
        support::put_rows(&db, &mut rows, 0..records, context.number("txn_rows")?)?;
        db.sync()?;
        let tail_bytes = db.stats().log_bytes_written;
        // What is on storage now is what a crash would leave: nothing was checkpointed since.
        let files = Self::read_files(context)?;
        db.close()?;
        Ok(Box::new(Self {
            context: context.clone(),
            files,
            tail_bytes,
            rows,
            records,
            copies: 0,
            last: None,
        }))
    }

    fn read_files(context: &Context) -> Result<Vec<(String, Vec<u8>)>> {
        let path = context.path(NAME);
        let folder = path.parent().ok_or_else(|| Error::wrong("a path without a folder"))?;
        let mut files = Vec::new();
        for name in context.storage.list(folder, NAME)? {
            let file = context.storage.open(&folder.join(&name), OpenMode::Read)?;
            let mut bytes = vec![0; usize::try_from(file.len()?).map_err(Error::wrong)?];
            file.read_at(&mut bytes, 0)?;
            files.push((name[NAME.len()..].to_owned(), bytes));
        }
        if files.len() < 2 {
            return Err(Error::wrong("the database has no log beside it"));
        }
        Ok(files)
    }

    /// Puts a fresh copy of the crashed files down; its name.
    fn copy(&mut self) -> Result<String> {
        self.copies += 1;
        let name = format!("copy{}.ns", self.copies);
        for (ending, bytes) in &self.files {
            let path = self.context.path(&format!("{name}{ending}"));
            let file = self.context.storage.open(&path, OpenMode::CreateNew)?;
            file.write_at(bytes, 0)?;
        }
        Ok(name)
    }
}

impl Bench for Recovery {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        for _ in 0..ops {
            self.last = None;
            let name = self.copy()?;
            let (context, rows, last) = (&self.context, &self.rows, &mut self.last);
            let number = self.records / 2;
            recorder.timed(1, |lane| {
                lane.op(|| -> Result<()> {
                    let db = context.open(&name, context.options())?;
                    db.begin_read()?.get(rows.key(number))?.ok_or_else(|| missing(number))?;
                    *last = Some(db);
                    Ok(())
                })
            })?;
        }
        Ok(())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        let db = self.last.as_ref().ok_or_else(|| Error::wrong("nothing was recovered"))?;
        let (count, sum) = support::sum_of(db)?;
        expect("rows recovered", count, self.records)?;
        let read = db.begin_read()?;
        let mut expected = Checksum::default();
        for number in 0..self.records {
            let value = read.get(self.rows.key(number))?.ok_or_else(|| missing(number))?;
            if *value != *self.rows.value(number, 0) {
                return Err(Error::wrong(format!("row {number} came back with another value")));
            }
            expected.add(&value);
        }
        report.checksum = sum;
        report.checksum.add(expected.to_hex().as_bytes());
        report.metric("log_tail_bytes", "B", Better::Neither, self.tail_bytes as f64);
        Ok(())
    }
}
