//! `load`: imports rows from JSON lines, CSV or TSV, in batches, in bounded memory.
//!
//! `records` cuts the input into records with a cap on their length; `jsonl` and `delimited` make
//! a row of each; `source` opens and sniffs. A batch is one transaction: what was reported as
//! committed stays, whatever happens afterwards.

mod delimited;
mod jsonl;
mod records;
mod source;
mod survey;

use super::{Database, QUEUE_PREFIX, shown};
use crate::{
    exit::{ClosedPipe, Exit, Told},
    output::{Out, json, note, progress::Progress},
};
use clap::{Args, ValueEnum};
use color_eyre::eyre::{Result, WrapErr};
use northstar_engine::{
    Db, TxnId, WriteTxn,
    limits::{KEY_BYTES_MAX, VALUE_BYTES_MAX},
};
use records::{Record, Records};
use serde::Serialize;
use std::path::PathBuf;
pub use survey::{Survey, survey};

/// A batch ends early when its rows hold this many bytes, so that a transaction stays small.
const BATCH_BYTES_MAX: usize = 8 << 20;

/// So many bad lines are shown one by one with --skip-bad; the rest is only counted.
const BAD_SHOWN_MAX: u64 = 20;

/// Import rows from JSON lines, CSV or TSV
///
/// Makes the database when there is none; a key that is there already gets the new value. CSV and TSV:
/// the first column is the key, the rest of the line the value. JSON lines: field `key` (or `key_hex`)
/// is the key and `value` (or `value_hex`) the value; without those two the whole object is the value.
///
/// Rows are committed in batches, each one durable transaction. A bad line ends the load with exit
/// status 1; the rows before it are committed, so a load can go on behind them.
#[derive(Args, Debug)]
pub struct Load {
    #[command(flatten)]
    db: Database,
    /// The file to read, or - for standard input
    #[arg(value_name = "FILE|-", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// What the input is [default: by the file's extension, else by its first line]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// CSV, TSV: the first line names the columns
    #[arg(long)]
    header: bool,
    /// The field that is the key: a name, or for CSV and TSV a column's number, counted from 1
    #[arg(long, value_name = "FIELD")]
    key: Option<String>,
    /// Rows a transaction
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    batch: u64,
    /// Report bad lines and go on
    #[arg(long)]
    skip_bad: bool,
    /// Longest line accepted, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    max_line: u16,
    /// Rows under the task queue's prefix are good too
    #[arg(long)]
    with_queue: bool,
    /// Print a JSON object for each batch once it is durable
    #[arg(long)]
    json: bool,
}

/// What the input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One JSON object a line
    Jsonl,
    /// Columns between commas, quoted as RFC 4180 says
    Csv,
    /// Columns between tabs, no quoting
    Tsv,
}

/// A line of `load --json`: a batch that is durable now.
#[derive(Debug, Serialize)]
struct BatchJson {
    txn_id: u64,
    rows: u64,
    line: u64,
}

/// Turns one record into a row.
trait Parse {
    /// `Ok(None)` for a record that holds no row: a blank line, the header.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the line.
    fn row(&mut self, record: &[u8]) -> Result<Option<Row<'_>>, String>;
}

/// A row of the input.
struct Row<'a> {
    key: std::borrow::Cow<'a, [u8]>,
    value: std::borrow::Cow<'a, [u8]>,
}

impl Load {
    pub(crate) fn run(self, out: &mut Out) -> Result<Exit> {
        let mut source = source::open(&self.file)?;
        let format = self.format.map_or_else(|| source.guess_format(&self.file), Ok)?;
        let mut parse = parser(format, self.header, self.key.as_deref())?;
        let record_bytes_max = usize::from(self.max_line) << 20;
        let mut records = Records::new(source.reader, format == Format::Csv, record_bytes_max);
        let db = self.db.open_or_create()?;
        let mut load = Running {
            db: &db,
            args: &self,
            out,
            progress: Progress::bytes(source.bytes),
            txn: None,
            rows_before: 0,
            batch_rows: 0,
            batch_bytes: 0,
            totals: Totals::default(),
        };
        let outcome = load.all(&mut records, parse.as_mut());
        let totals = load.totals.clone();
        drop(load);
        match outcome {
            Ok(()) => {
                db.close()?;
                if self.json {
                    note(&totals)
                } else {
                    out.line(&totals)?
                }
                Ok(Exit::Done)
            }
            Err(report) if report.chain().any(|cause| cause.is::<ClosedPipe>()) => Ok(Exit::No),
            Err(report) => {
                Err(report.wrap_err(format!("the load stopped; {}", totals.committed())))
            }
        }
    }
}

/// What makes rows of records of this format.
fn parser(format: Format, header: bool, key: Option<&str>) -> Result<Box<dyn Parse>> {
    let delimiter = match format {
        Format::Jsonl => {
            if header {
                return Err(Told::usage("--header is for CSV and TSV").into());
            }
            return Ok(Box::new(jsonl::Jsonl::new(key)));
        }
        Format::Csv => b',',
        Format::Tsv => b'\t',
    };
    Ok(Box::new(delimited::Delimited::new(delimiter, header, key.map(str::to_owned))?))
}

/// A load under way.
struct Running<'a> {
    db: &'a Db,
    args: &'a Load,
    out: &'a mut Out,
    progress: Progress,
    txn: Option<WriteTxn>,
    /// Rows in the database when the batch began.
    rows_before: u64,
    batch_rows: u64,
    batch_bytes: usize,
    totals: Totals,
}

/// What the summary tells.
#[derive(Clone, Debug, Default)]
struct Totals {
    /// Lines read.
    lines: u64,
    /// Rows committed.
    rows: u64,
    /// Of those, rows whose key was there already.
    replaced: u64,
    /// Lines skipped because they were bad.
    bad: u64,
    /// Transactions made.
    batches: u64,
    /// The last of them.
    txn_id: Option<TxnId>,
    /// The last line whose rows are committed.
    committed_line: u64,
}

impl Running<'_> {
    fn all(&mut self, records: &mut Records, parse: &mut dyn Parse) -> Result<()> {
        let mut record = Vec::new();
        loop {
            let read = records.next(&mut record).wrap_err("cannot read the input");
            let (first_line, row) = match read {
                Ok(Record::End) => break,
                Ok(Record::Whole { first_line }) => (first_line, parse.row(&record)),
                Ok(Record::Bad { first_line, why }) => (first_line, Err(why)),
                Err(report) => {
                    self.commit()?;
                    return Err(report);
                }
            };
            match row.and_then(|row| row.map(|row| self.acceptable(row)).transpose()) {
                Ok(None) => {}
                Ok(Some(row)) => self.put(&row)?,
                Err(why) => self.bad_line(first_line, &why)?,
            }
            self.totals.lines = records.lines();
            if self.batch_rows >= self.args.batch || self.batch_bytes >= BATCH_BYTES_MAX {
                self.commit()?;
            }
            if first_line % 4096 == 0 {
                self.progress.at(records.bytes(), format!("{} rows", self.totals.rows));
            }
        }
        self.totals.lines = records.lines();
        self.commit()
    }

    /// Refuses a row that the database would refuse, or that is not ours to write.
    fn acceptable<'r>(&self, row: Row<'r>) -> Result<Row<'r>, String> {
        let (key, value) = (row.key.len(), row.value.len());
        if key > KEY_BYTES_MAX {
            return Err(format!("the key has {key} bytes, more than {KEY_BYTES_MAX}"));
        }
        if value > VALUE_BYTES_MAX {
            return Err(format!("the value has {value} bytes, more than {VALUE_BYTES_MAX}"));
        }
        if row.key.starts_with(QUEUE_PREFIX) && !self.args.with_queue {
            return Err(String::from("the key belongs to the task queue; --with-queue loads it"));
        }
        Ok(row)
    }

    fn put(&mut self, row: &Row<'_>) -> Result<()> {
        let txn = match &mut self.txn {
            Some(txn) => txn,
            None => {
                let txn = self.db.begin_write()?;
                self.rows_before = txn.len();
                self.txn.insert(txn)
            }
        };
        txn.put(&row.key, &row.value)?;
        self.batch_rows += 1;
        self.batch_bytes += row.key.len() + row.value.len();
        Ok(())
    }

    fn bad_line(&mut self, line: u64, why: &str) -> Result<()> {
        if !self.args.skip_bad {
            self.commit()?;
            let bad = Told::no(format!("line {line}: {why}"));
            return Err(bad.hint("--skip-bad reports such lines and goes on").into());
        }
        self.totals.bad += 1;
        if self.totals.bad <= BAD_SHOWN_MAX {
            self.progress.note(format_args!("line {line}: {why}; skipped"));
        } else if self.totals.bad == BAD_SHOWN_MAX + 1 {
            self.progress.note("more bad lines: only counted from here on");
        }
        Ok(())
    }

    /// Makes the open batch durable and reports it.
    fn commit(&mut self) -> Result<()> {
        let Some(txn) = self.txn.take() else { return Ok(()) };
        let rows_after = txn.len();
        let txn_id = txn.commit()?;
        let rows = std::mem::take(&mut self.batch_rows);
        self.batch_bytes = 0;
        self.totals.rows += rows;
        self.totals.replaced += rows.saturating_sub(rows_after.saturating_sub(self.rows_before));
        self.totals.batches += 1;
        self.totals.txn_id = Some(txn_id);
        self.totals.committed_line = self.totals.lines;
        if self.args.json {
            let batch = BatchJson { txn_id: txn_id.get(), rows, line: self.totals.lines };
            json::line(self.out, &batch)?;
            self.out.flush()?;
        }
        Ok(())
    }
}

impl Totals {
    /// What is safe, for a load that did not end well.
    fn committed(&self) -> String {
        match self.txn_id {
            None => String::from("nothing was committed"),
            Some(txn_id) => format!(
                "{} rows up to line {} are committed, the last in transaction {txn_id}",
                self.rows, self.committed_line
            ),
        }
    }
}

impl std::fmt::Display for Totals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { lines, rows, replaced, bad, batches, .. } = self;
        write!(
            f,
            "{lines} lines, {rows} rows, {replaced} replaced, {bad} bad, {batches} transactions"
        )?;
        match self.txn_id {
            Some(txn_id) => write!(f, ", the last is {txn_id}"),
            None => Ok(()),
        }
    }
}
