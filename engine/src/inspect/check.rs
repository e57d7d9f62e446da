//! Every invariant of every structure of a file, without opening it.
//!
//! Called by `northstar-headless check`, the workbench's problems screen, `Db::verify` and the tests
//! after each crash. Cost: every reachable page and every log record once.

use super::find::{Survey, survey};
use super::metas::metas;
use super::recovery::recovery;
use super::source::{FileKind, Source};
use super::{Problem, Progress, Report, Severity};
use crate::error::{Corrupt, Error, Place};
use crate::format::meta::Meta;
use crate::ids::Lsn;
use crate::log::paths::LogPaths;
use crate::log::segments::Chain;
use crate::log::verify::verify;
use std::path::Path;

#[cfg(test)]
mod tests;

/// How often the check starts anew because a writer took the ground from under it.
const ATTEMPTS_MAX: usize = 3;

/// Checks everything in the file at `path` and its log.
///
/// Works on files that `open` refuses. A live writer may go on meanwhile.
///
/// # Errors
/// `Io` when the file cannot be read at all.
pub fn check(path: impl AsRef<Path>) -> crate::Result<Report> {
    Ok(check_source(&Source::open(path)?, &mut super::no_progress()))
}

/// The same for a source, with progress in pages.
pub fn check_source(source: &Source, progress: Progress<'_>) -> Report {
    check_with_survey(source, progress).report
}

/// The same, with everything the walk learned.
pub fn check_with_survey(source: &Source, progress: Progress<'_>) -> Survey {
    let mut attempt = 1;
    loop {
        let before = sequence(source);
        let mut found = match source.kind() {
            FileKind::LogSegment => Survey::default(),
            _ => survey(source, progress),
        };
        check_log(source, &mut found.report);
        let moved = sequence(source) != before;
        if !moved || found.report.is_clean() || found.report.cancelled {
            return found;
        }
        if attempt == ATTEMPTS_MAX {
            // Pages that were free a moment ago may be in use by now: no proof of damage.
            for problem in &mut found.report.problems {
                problem.severity = problem.severity.min(Severity::Warning);
            }
            let corrupt = Corrupt::at(
                Place::File,
                "FILE-3",
                "a file that keeps still while it is checked",
                "checkpoints of a live writer: what is reported may be the traces of its work",
            );
            found.report.push(Problem::new(Severity::Note, source.path(), corrupt));
            return found;
        }
        attempt = attempt.saturating_add(1);
    }
}

/// The sequence of the meta that recovery would choose.
fn sequence(source: &Source) -> Option<u64> {
    metas(source).meta().map(|meta| meta.sequence)
}

/// The log beside the file: that it is there, that the metas' positions are in it, and every record
/// of every segment. The log's own checkers do the work.
fn check_log(source: &Source, report: &mut Report) {
    let paths = match source.kind() {
        FileKind::LogSegment => LogPaths::of_log(source.path()),
        _ => Some(LogPaths::of_database(source.path())),
    };
    let Some(paths) = paths else { return };
    let judgement = metas(source);
    let metas: Vec<&Meta> =
        judgement.meta().into_iter().chain(judgement.judgement.other()).collect();
    let is_backup = metas.first().is_none_or(|meta| meta.log_generation == 0);
    let chain = match Chain::discover(source.storage(), &paths) {
        Ok(chain) => chain,
        Err(error) => return note(source, report, error),
    };
    if !is_backup && let Err(error) = recovery(source, &judgement) {
        note(source, report, error);
    }
    let proven = metas.iter().map(|meta| meta.log_lsn).max().unwrap_or_default();
    let proven = if is_backup { Lsn::default() } else { proven };
    match verify(&chain, proven) {
        Ok(found) => {
            report.log_records = report.log_records.saturating_add(found.commits);
            for corrupt in found.problems {
                // Older segments that do not join are not needed to open the database.
                let older = chain.broken() == Some(&corrupt);
                let severity = if older { Severity::Warning } else { Severity::Error };
                push(source, report, severity, corrupt);
            }
            if let Some(torn) = found.torn {
                let found = format!("{} bytes of a write that a crash cut short", torn.bytes);
                let place = Place::Lsn(torn.at);
                let corrupt = Corrupt::at(place, torn.fault.rule(), "a whole record", found);
                push(source, report, Severity::Note, corrupt);
            }
        }
        Err(error) => note(source, report, error),
    }
}

/// Adds a problem, unless it is in the report already: one damage is found in more than one way.
fn push(source: &Source, report: &mut Report, severity: Severity, corrupt: Corrupt) {
    let problem = Problem::new(severity, source.path(), corrupt);
    let known = report
        .problems
        .iter()
        .any(|other| (other.rule, &other.place) == (problem.rule, &problem.place));
    if !known {
        report.push(problem);
    }
}

/// An error as a problem: damage by its rule, all else as a log that cannot be read (FILE-4).
fn note(source: &Source, report: &mut Report, error: Error) {
    let corrupt = match error {
        Error::Corrupt(corrupt) => *corrupt,
        error => Corrupt::at(Place::File, "FILE-4", "a log that can be read", error),
    };
    push(source, report, Severity::Error, corrupt);
}
