//! `check`: every invariant of every structure of a file, and of what lies beside it.

use super::{must_be_file, shown};
use crate::{
    exit::Exit,
    output::{Out, Printable, json, progress::Progress},
};
use clap::Args;
use color_eyre::eyre::{Result, WrapErr};
use northstar_engine::{
    Error, Place,
    cartridge::{Cartridge, is_cartridge},
    inspect::{Problem, Report, Severity, Source, check_source},
};
use serde::Serialize;
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

/// Check every invariant of a database, its log and its cartridges
///
/// Reads only, takes no lock, and works on files that do not open. Damage is exit status 3, with place,
/// broken rule, what was expected and what was found. Cartridges are found beside the database: files
/// whose name starts with its name and a dot. A log segment or a cartridge can be given alone.
#[derive(Args, Debug)]
pub struct Check {
    /// The database, a log segment, or a cartridge
    #[arg(value_name = "DB", value_hint = clap::ValueHint::FilePath)]
    path: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What `check --json` prints.
#[derive(Debug, Serialize)]
struct CheckJson<'a> {
    file: String,
    clean: bool,
    problems: Vec<ProblemJson<'a>>,
    problems_unlisted: u64,
    pages: u64,
    rows: u64,
    log_records: u64,
    cartridges: u64,
    txn_id: Option<u64>,
}

#[derive(Debug, Serialize)]
struct ProblemJson<'a> {
    severity: Severity,
    rule: &'a str,
    file: String,
    place: Place,
    expected: &'a str,
    found: &'a str,
}

impl Check {
    pub(crate) fn run(self, out: &mut Out) -> Result<Exit> {
        must_be_file(&self.path)?;
        let mut report = Report::default();
        let mut cartridges = 0;
        if is_cartridge(&self.path) {
            cartridges = 1;
            check_cartridge(&self.path, &mut report)?;
        } else {
            let source = Source::open(&self.path)
                .wrap_err_with(|| format!("cannot open {}", shown(&self.path)))?;
            let bar = Progress::pages();
            report = check_source(&source, &mut |done, total| {
                bar.of(done, total);
                true
            });
            drop(bar);
            for path in cartridges_beside(&self.path) {
                cartridges += 1;
                check_cartridge(&path, &mut report)?;
            }
        }
        if self.json {
            json::document(out, &CheckJson::new(&self.path, &report, cartridges))?;
        } else {
            print(out, &self.path, &report, cartridges)?;
        }
        Ok(if report.is_clean() { Exit::Done } else { Exit::Corrupt })
    }
}

/// Cartridges in the database's folder that carry its name, sorted.
fn cartridges_beside(db: &Path) -> Vec<PathBuf> {
    let folder = db.parent().filter(|folder| !folder.as_os_str().is_empty());
    let Ok(entries) = std::fs::read_dir(folder.unwrap_or(Path::new("."))) else {
        return Vec::new();
    };
    let prefix = [db.file_name().map_or(&b""[..], OsStr::as_encoded_bytes), b"."].concat();
    let mut paths: Vec<_> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name();
            let named = name.as_encoded_bytes().starts_with(&prefix);
            (named && is_cartridge(&entry.path())).then(|| entry.path())
        })
        .collect();
    paths.sort();
    paths
}

/// Adds what is wrong with a cartridge to the report.
fn check_cartridge(path: &Path, report: &mut Report) -> Result<()> {
    let checked = Cartridge::read(path).and_then(|cartridge| super::cartridge::check(&cartridge));
    match checked {
        Err(Error::Corrupt(corrupt)) => {
            report.push(Problem::new(Severity::Error, path, *corrupt));
            Ok(())
        }
        other => other.wrap_err_with(|| format!("cannot check {}", shown(path))),
    }
}

fn print(out: &mut Out, path: &Path, report: &Report, cartridges: u64) -> Result<()> {
    for problem in &report.problems {
        let file = if problem.file == path { None } else { problem.file.file_name() };
        let file = file.map_or(String::new(), |name| {
            format!("{}: ", Printable::capped(name.as_encoded_bytes(), 200))
        });
        out.line(format_args!("{file}{}", Printable::message(problem.to_string(), 1000)))?;
    }
    if report.problems_unlisted > 0 {
        out.line(format_args!("and {} more problems", report.problems_unlisted))?;
    }
    let count = |severity| report.problems.iter().filter(|p| p.severity == severity).count() as u64;
    let verdict = if report.is_clean() {
        String::from("clean")
    } else {
        format!("DAMAGED, {} errors", count(Severity::Error) + report.problems_unlisted)
    };
    let (warnings, notes) = (count(Severity::Warning), count(Severity::Note));
    let Report { pages, rows, log_records, .. } = report;
    let state =
        report.txn_id.map_or(String::new(), |txn_id| format!(", pages as of transaction {txn_id}"));
    out.line(format_args!(
        "{}: {verdict}; {warnings} warnings, {notes} notes; checked {pages} pages, {rows} rows, \
         {log_records} log records, {cartridges} cartridges{state}",
        shown(path)
    ))
}

impl<'a> CheckJson<'a> {
    fn new(path: &Path, report: &'a Report, cartridges: u64) -> Self {
        let problems = report.problems.iter().map(|problem| ProblemJson {
            severity: problem.severity,
            rule: problem.rule,
            file: shown(&problem.file).into_string(),
            place: problem.place,
            expected: &problem.expected,
            found: &problem.found,
        });
        Self {
            file: shown(path).into_string(),
            clean: report.is_clean(),
            problems: problems.collect(),
            problems_unlisted: report.problems_unlisted,
            pages: report.pages,
            rows: report.rows,
            log_records: report.log_records,
            cartridges,
            txn_id: report.txn_id,
        }
    }
}
