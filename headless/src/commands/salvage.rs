//! `salvage`: every row that verifies, from pages and log, into a new database.

use super::{must_be_file, shown};
use crate::{
    exit::{Exit, Told},
    output::{Out, Printable, hex::Hex, json, json::Bytes, progress::Progress},
};
use clap::Args;
use color_eyre::eyre::{Result, WrapErr};
use northstar_engine::{
    Corrupt,
    db::{LostRange, SalvageReport, SalvageRoute, salvage},
};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Save every row that verifies into a new database
///
/// Reads the damaged file and its log as they are and changes neither. Where the log reaches back to the
/// first transaction the latest state comes out exactly, whatever the pages look like. Else key ranges
/// that a broken page held are listed: rows are missing there, or may be older ones. Exit status 3 when
/// the new database may not hold the latest state exactly.
#[derive(Args, Debug)]
pub struct Salvage {
    /// The damaged database, or its log
    #[arg(value_name = "DB", value_hint = clap::ValueHint::FilePath)]
    path: PathBuf,
    /// The database to make
    #[arg(value_hint = clap::ValueHint::FilePath)]
    out: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What `salvage --json` prints.
#[derive(Debug, Serialize)]
struct SalvageJson<'a> {
    exact: bool,
    route: SalvageRoute,
    txn_id: Option<u64>,
    rows: u64,
    rows_from_tree: u64,
    rows_from_leaves: u64,
    transactions: u64,
    lost: Vec<LostJson<'a>>,
    log_problems: &'a [Corrupt],
}

#[derive(Debug, Serialize)]
struct LostJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_hex: Option<Hex<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_hex: Option<Hex<'a>>,
    problem: &'a Corrupt,
}

impl Salvage {
    pub(crate) fn run(self, out: &mut Out) -> Result<Exit> {
        must_be_file(&self.path)?;
        if self.out.symlink_metadata().is_ok() {
            return Err(Told::no(format!("{} exists already", shown(&self.out)))
                .hint("salvage makes a new database and never overwrites one")
                .into());
        }
        let bar = Progress::pages();
        let report = salvage(&self.path, &self.out, &mut |done, total| {
            bar.of(done, total);
            true
        })
        .wrap_err_with(|| format!("cannot salvage {}", shown(&self.path)))?;
        drop(bar);
        if self.json {
            json::document(out, &SalvageJson::new(&report))?;
        } else {
            print(out, &self.out, &report)?;
        }
        Ok(if report.exact { Exit::Done } else { Exit::Corrupt })
    }
}

fn print(out: &mut Out, path: &Path, report: &SalvageReport) -> Result<()> {
    for LostRange { from, to, problem } in &report.lost {
        let from = Printable::capped(from, 100);
        let to = to.as_ref().map(|to| Printable::capped(to, 100));
        let to = to.as_ref().map_or("the end", Printable::as_str);
        let problem = Printable::message(problem.to_string(), 400);
        out.line(format_args!("LOST or out of date: keys from {from} to {to}: {problem}"))?;
    }
    for problem in &report.log_problems {
        out.line(format_args!("LOG: {}", Printable::message(problem.to_string(), 400)))?;
    }
    let route = match report.route {
        SalvageRoute::Tree => "from the tree and the log behind it",
        SalvageRoute::Log => "from the log alone",
        SalvageRoute::Pieces => "from pieces of the tree, older leaves and the log behind it",
        SalvageRoute::Leaves => "from all leaves and the log there is",
    };
    let verdict = if report.exact { "the latest state, exactly" } else { "what there is" };
    let state = report.txn_id.map_or(String::new(), |txn_id| format!(", transaction {txn_id}"));
    out.line(format_args!("{}: {} rows {route}: {verdict}{state}", shown(path), report.rows))
}

impl<'a> SalvageJson<'a> {
    fn new(report: &'a SalvageReport) -> Self {
        let lost = report.lost.iter().map(|LostRange { from, to, problem }| {
            let (from, to) = (Bytes(from), to.as_deref().map(Bytes));
            LostJson {
                from: from.text(),
                from_hex: from.hex(),
                to: to.and_then(Bytes::text),
                to_hex: to.and_then(Bytes::hex),
                problem,
            }
        });
        Self {
            exact: report.exact,
            route: report.route,
            txn_id: report.txn_id.map(|txn_id| txn_id.get()),
            rows: report.rows,
            rows_from_tree: report.rows_from_tree,
            rows_from_leaves: report.rows_from_leaves,
            transactions: report.transactions,
            lost: lost.collect(),
            log_problems: &report.log_problems,
        }
    }
}
