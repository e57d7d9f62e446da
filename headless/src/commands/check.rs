//! `check`: every invariant of every structure of a file, and of what lies beside it.

use super::{must_be_file, shown};
use crate::{
    exit::Exit,
    output::{Out, Printable, json, progress::Progress},
};
use clap::Args;
use color_eyre::eyre::{Result, WrapErr};
use northstar_engine::{
    Place,
    cartridge::is_cartridge,
    examine::{Examination, Lint, check_cartridge, examine},
    inspect::{Report, Severity, Source},
};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Check every invariant of a database, its log and its cartridges
///
/// Reads only, takes no lock, and works on files that do not open. Damage is exit status 3, with place,
/// broken rule, what was expected and what was found. Cartridges are found beside the database: files
/// whose name starts with its name and a dot. A log segment or a cartridge can be given alone. Lints are
/// listed apart and change no exit status: what breaks no rule and is worth knowing, as a tree that is
/// mostly empty or a cartridge that is stale.
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
    lints: Vec<LintJson<'a>>,
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

#[derive(Debug, Serialize)]
struct LintJson<'a> {
    rule: &'a str,
    file: String,
    place: Place,
    found: &'a str,
    advice: &'a str,
}

impl Check {
    pub(crate) fn run(self, out: &mut Out) -> Result<Exit> {
        must_be_file(&self.path)?;
        let mut found = Examination::default();
        if is_cartridge(&self.path) {
            found.cartridges = 1;
            check_cartridge(&self.path, &mut found.survey.report)
                .wrap_err_with(|| format!("cannot check {}", shown(&self.path)))?;
        } else {
            let source = Source::open(&self.path)
                .wrap_err_with(|| format!("cannot open {}", shown(&self.path)))?;
            let bar = Progress::pages();
            found = examine(&source, &mut |done, total| {
                bar.of(done, total);
                true
            });
        }
        if self.json {
            json::document(out, &CheckJson::new(&self.path, &found))?;
        } else {
            print(out, &self.path, &found)?;
        }
        // What could not be looked at is no answer, whatever the rest says.
        if let Some((path, error)) = found.unread.into_iter().next() {
            return Err(error).wrap_err_with(|| format!("cannot check {}", shown(&path)));
        }
        Ok(if found.survey.report.is_clean() { Exit::Done } else { Exit::Corrupt })
    }
}

/// The file in front of a line, when it is not the one that was asked about.
fn file_of(file: &Path, path: &Path) -> String {
    let other = if file == path { None } else { file.file_name() };
    other.map_or(String::new(), |name| {
        format!("{}: ", Printable::capped(name.as_encoded_bytes(), 200))
    })
}

fn print(out: &mut Out, path: &Path, found: &Examination) -> Result<()> {
    let Examination { survey, cartridges, lints, .. } = found;
    let report = &survey.report;
    for problem in &report.problems {
        let file = file_of(&problem.file, path);
        out.line(format_args!("{file}{}", Printable::message(problem.to_string(), 1000)))?;
    }
    if report.problems_unlisted > 0 {
        out.line(format_args!("and {} more problems", report.problems_unlisted))?;
    }
    for lint in lints {
        let file = file_of(&lint.file, path);
        out.line(format_args!("{file}{}", Printable::message(lint.to_string(), 1000)))?;
    }
    let count = |severity| report.problems.iter().filter(|p| p.severity == severity).count() as u64;
    let verdict = if report.is_clean() {
        String::from("clean")
    } else {
        format!("DAMAGED, {} errors", count(Severity::Error) + report.problems_unlisted)
    };
    let (warnings, notes) = (count(Severity::Warning), count(Severity::Note));
    let lints = lints.len();
    let Report { pages, rows, log_records, .. } = report;
    let state =
        report.txn_id.map_or(String::new(), |txn_id| format!(", pages as of transaction {txn_id}"));
    out.line(format_args!(
        "{}: {verdict}; {warnings} warnings, {notes} notes, {lints} lints; checked {pages} pages, \
         {rows} rows, {log_records} log records, {cartridges} cartridges{state}",
        shown(path)
    ))
}

impl<'a> CheckJson<'a> {
    fn new(path: &Path, found: &'a Examination) -> Self {
        let report = &found.survey.report;
        let problems = report.problems.iter().map(|problem| ProblemJson {
            severity: problem.severity,
            rule: problem.rule,
            file: shown(&problem.file).into_string(),
            place: problem.place,
            expected: &problem.expected,
            found: &problem.found,
        });
        let lints = found.lints.iter().map(|lint: &Lint| LintJson {
            rule: lint.rule,
            file: shown(&lint.file).into_string(),
            place: lint.place,
            found: &lint.found,
            advice: &lint.advice,
        });
        Self {
            file: shown(path).into_string(),
            clean: report.is_clean(),
            problems: problems.collect(),
            problems_unlisted: report.problems_unlisted,
            lints: lints.collect(),
            pages: report.pages,
            rows: report.rows,
            log_records: report.log_records,
            cartridges: found.cartridges,
            txn_id: report.txn_id,
        }
    }
}
