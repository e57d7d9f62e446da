//! The whole check of a database: its own structures and the cartridges named for it.
//!
//! Called by `northstar-headless check` and by the workbench: one check, two faces, the same lists. A
//! *problem* breaks a rule of a format. A *lint* ([`Lint`]) breaks none: it is worth knowing and counts as
//! no damage. Bytes from outside are read by [`crate::inspect`] and [`crate::cartridge`], which believe none of them.
//!
//! Cost: that of [`check_with_survey`], each cartridge read once, and the commits since it was built.

mod lint;
#[cfg(test)]
mod tests;

pub use lint::Lint;

use crate::cartridge::Cartridge;
use crate::error::{Error, Result};
use crate::ids::{Lsn, TxnId};
use crate::inspect::find::Survey;
use crate::inspect::log::newest_commit;
use crate::inspect::{Problem, Progress, Report, Severity, Source, check_with_survey, metas};
use crate::shelf;
use std::cmp::Reverse;
use std::path::{Path, PathBuf};

/// What was found.
#[derive(Debug, Default)]
pub struct Examination {
    /// Everything about the database. Its report has the cartridges' problems too, the gravest first.
    pub survey: Survey,
    /// The newest state of the database, by which cartridges are judged; none when none can be told.
    pub newest: Option<TxnId>,
    /// Cartridges looked at.
    pub cartridges: u64,
    /// What breaks no rule and is worth knowing.
    pub lints: Vec<Lint>,
    /// Cartridges that could not be read at all, and why: no proof of damage, and no proof that there is none.
    pub unread: Vec<(PathBuf, Error)>,
}

/// Checks everything in `source`, its log and the cartridges named for it, on the real disk.
///
/// Works on files that `open` refuses, takes no lock, and never fails: what cannot be read is a problem, a
/// lint, or among the unread. When `progress` says stop, what is left of it is left out.
pub fn examine(source: &Source, progress: Progress<'_>) -> Examination {
    let survey = check_with_survey(source, &mut *progress);
    let mut found = Examination { survey, ..Examination::default() };
    if found.survey.report.cancelled {
        return found;
    }
    found.lints = lint::low_fill(source.path(), &found.survey.levels);
    found.newest = newest(source);
    let pages = found.survey.report.pages;
    for path in shelf::named_for(source.path()) {
        if !progress(pages, pages) {
            found.survey.report.cancelled = true;
            return found;
        }
        found.cartridges = found.cartridges.saturating_add(1);
        match check_cartridge(&path, &mut found.survey.report) {
            Ok(Some(cartridge)) => {
                found.lints.extend(
                    found.newest.and_then(|newest| lint::stale(source, newest, &cartridge)),
                );
            }
            Ok(None) => {}
            Err(error) => {
                found.lints.push(lint::unread(&path, &error));
                found.unread.push((path, error));
            }
        }
    }
    // The gravest first, each in the order it was found: a long list is read from its top.
    found.survey.report.problems.sort_by_key(|problem| Reverse(problem.severity));
    found
}

/// Checks the cartridge at `path` alone and adds what is wrong with it to `report`; the cartridge, when
/// nothing is.
///
/// # Errors
/// What is no damage: `Io`; `UnsupportedFormat` for one of a newer version.
pub fn check_cartridge(path: &Path, report: &mut Report) -> Result<Option<Cartridge>> {
    let checked = Cartridge::read(path).and_then(|cartridge| {
        shelf::check(&cartridge)?;
        Ok(cartridge)
    });
    match checked {
        Ok(cartridge) => Ok(Some(cartridge)),
        Err(Error::Corrupt(corrupt)) => {
            report.push(Problem::new(Severity::Error, path, *corrupt));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The newest state of the database: that of the last commit in its log, else that of its pages.
fn newest(source: &Source) -> Option<TxnId> {
    let metas = metas(source);
    let from = metas.meta().map_or(Lsn::new(0), |meta| meta.log_lsn);
    let logged = newest_commit(source, from).map(|(_, txn_id)| txn_id);
    logged.max(metas.meta().map(|meta| meta.txn_id))
}
