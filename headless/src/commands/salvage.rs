//! `salvage`: every row that verifies, from pages and log, into a new database.
//!
//! Opens nothing as a database but the new one. Order matters: rows of the newest tree on pages; rows
//! of leaves that a broken node cut off; what the log says about the holes up to that state; all that
//! the log says behind it. Memory: the cache of the new database, and the list of holes.

mod log;
mod pages;

use super::{must_be_file, shown};
use crate::{
    exit::{Exit, Told},
    output::{Out, Printable, hex::Hex, json, json::Bytes},
};
use clap::Args;
use color_eyre::eyre::{Result, WrapErr};
use northstar_engine::{Corrupt, Db, Durability, Options, TxnId, WriteTxn, inspect::Source};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Operations in one transaction of the new database.
const BATCH: u64 = 10_000;

/// Save every row that verifies into a new database
///
/// Reads the damaged file and its log as they are and changes neither. Key ranges that a broken page
/// held are listed, with what the log could give back of them. Exit status 3 when anything may be lost,
/// 0 when nothing is.
#[derive(Args, Debug)]
pub struct Salvage {
    /// The damaged database
    #[arg(value_name = "DB", value_hint = clap::ValueHint::FilePath)]
    path: PathBuf,
    /// The database to make
    #[arg(value_hint = clap::ValueHint::FilePath)]
    out: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// A key range whose rows could not be read from the tree.
#[derive(Debug)]
struct Hole {
    from: Vec<u8>,
    /// The first key behind it; `None` for no bound.
    to: Option<Vec<u8>>,
    problem: Corrupt,
}

/// Everything that was found out.
#[derive(Debug, Default)]
struct Findings {
    /// The state whose tree was read; genesis when no meta can be used.
    txn_id: TxnId,
    holes: Vec<Hole>,
    rows_from_pages: u64,
    rows_from_cut_off_leaves: u64,
    operations_from_log: u64,
    /// Whether the log tells everything about the holes: it reaches back to the first transaction.
    log_is_whole: bool,
    /// What is wrong with the log.
    log_problems: Vec<String>,
    last_txn: TxnId,
}

/// What `salvage --json` prints.
#[derive(Debug, Serialize)]
struct SalvageJson<'a> {
    rows: u64,
    rows_from_pages: u64,
    rows_from_cut_off_leaves: u64,
    operations_from_log: u64,
    pages_txn: u64,
    last_txn: u64,
    whole: bool,
    holes: Vec<HoleJson<'a>>,
    log_problems: &'a [String],
}

#[derive(Debug, Serialize)]
struct HoleJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_hex: Option<Hex<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_hex: Option<Hex<'a>>,
    lost: bool,
    problem: &'a Corrupt,
}

/// The new database, written in batches.
struct Sink {
    db: Db,
    txn: Option<WriteTxn>,
    pending: u64,
}

impl Salvage {
    pub(crate) fn run(self, out: &mut Out) -> Result<Exit> {
        must_be_file(&self.path)?;
        if self.out.symlink_metadata().is_ok() {
            return Err(Told::no(format!("{} exists already", shown(&self.out)))
                .hint("salvage makes a new database and never overwrites one")
                .into());
        }
        let source = Source::open(&self.path)
            .wrap_err_with(|| format!("cannot open {}", shown(&self.path)))?;
        let mut sink = Sink::create(&self.out)?;
        let mut findings = Findings::default();
        pages::save(&source, &mut sink, &mut findings)?;
        log::save(&self.path, &source, &mut sink, &mut findings)?;
        let rows = sink.finish()?;
        if self.json {
            json::document(out, &findings.json(rows))?;
        } else {
            findings.print(out, &self.out, rows)?;
        }
        Ok(if findings.is_whole() { Exit::Done } else { Exit::Corrupt })
    }
}

impl Hole {
    fn contains(&self, key: &[u8]) -> bool {
        key >= self.from.as_slice() && self.to.as_ref().is_none_or(|to| key < to.as_slice())
    }
}

impl Findings {
    /// Whether nothing can be missing.
    fn is_whole(&self) -> bool {
        self.log_problems.is_empty() && (self.holes.is_empty() || self.log_is_whole)
    }

    fn is_in_hole(&self, key: &[u8]) -> bool {
        self.holes.iter().any(|hole| hole.contains(key))
    }

    fn json(&self, rows: u64) -> SalvageJson<'_> {
        let holes = self.holes.iter().map(|hole| {
            let (from, to) = (Bytes(&hole.from), hole.to.as_deref().map(Bytes));
            HoleJson {
                from: from.text(),
                from_hex: from.hex(),
                to: to.and_then(Bytes::text),
                to_hex: to.and_then(Bytes::hex),
                lost: !self.log_is_whole,
                problem: &hole.problem,
            }
        });
        SalvageJson {
            rows,
            rows_from_pages: self.rows_from_pages,
            rows_from_cut_off_leaves: self.rows_from_cut_off_leaves,
            operations_from_log: self.operations_from_log,
            pages_txn: self.txn_id.get(),
            last_txn: self.last_txn.get(),
            whole: self.is_whole(),
            holes: holes.collect(),
            log_problems: &self.log_problems,
        }
    }

    fn print(&self, out: &mut Out, path: &Path, rows: u64) -> Result<()> {
        for hole in &self.holes {
            let verdict = if self.log_is_whole { "restored from the log" } else { "LOST in part" };
            let from = Printable::capped(&hole.from, 100);
            let to = hole.to.as_ref().map(|to| Printable::capped(to, 100));
            let to = to.as_ref().map_or("the end", Printable::as_str);
            let problem = Printable::message(hole.problem.to_string(), 400);
            out.line(format_args!("{verdict}: keys from {from} to {to}: {problem}"))?;
        }
        for problem in &self.log_problems {
            out.line(format_args!("LOST: {}", Printable::message(problem, 400)))?;
        }
        let Self { rows_from_pages, rows_from_cut_off_leaves, operations_from_log, .. } = self;
        out.line(format_args!(
            "{}: {rows} rows; {rows_from_pages} from the tree as of transaction {}, \
             {rows_from_cut_off_leaves} from leaves cut off from it, then {operations_from_log} \
             operations from the log up to transaction {}",
            shown(path),
            self.txn_id,
            self.last_txn
        ))
    }
}

impl Sink {
    fn create(path: &Path) -> Result<Self> {
        let db = Options::new().open(path);
        let db = db.wrap_err_with(|| format!("cannot make {}", shown(path)))?;
        Ok(Self { db, txn: None, pending: 0 })
    }

    /// Runs one operation in the open transaction.
    fn apply(
        &mut self,
        operation: impl FnOnce(&mut WriteTxn) -> northstar_engine::Result<()>,
    ) -> northstar_engine::Result<()> {
        let txn = match &mut self.txn {
            Some(txn) => txn,
            None => self.txn.insert(self.db.begin_write()?),
        };
        operation(txn)?;
        self.pending += 1;
        if self.pending >= BATCH { self.commit() } else { Ok(()) }
    }

    fn put(&mut self, key: &[u8], value: &[u8]) -> northstar_engine::Result<()> {
        self.apply(|txn| txn.put(key, value))
    }

    fn commit(&mut self) -> northstar_engine::Result<()> {
        self.pending = 0;
        if let Some(txn) = self.txn.take() {
            txn.commit_with(Durability::Eventual)?;
        }
        Ok(())
    }

    /// Makes everything durable; how many rows there are.
    fn finish(mut self) -> Result<u64> {
        self.commit()?;
        self.db.sync()?;
        let rows = self.db.begin_read()?.len();
        self.db.close()?;
        Ok(rows)
    }
}
