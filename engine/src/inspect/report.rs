//! Problems and reports: what checking finds.

use crate::error::{Corrupt, Place};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// One broken rule at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Id of the rule in `spec/invariants.md`.
    pub rule: &'static str,
    /// Which file.
    pub file: PathBuf,
    /// Where in it.
    pub place: Place,
    /// How bad it is.
    pub severity: Severity,
    /// What the rule asks for.
    pub expected: String,
    /// What is there.
    pub found: String,
}

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; nothing is lost.
    Note,
    /// Repaired or worked around on open; nothing is lost.
    Warning,
    /// Data is damaged.
    Error,
}

impl Severity {
    /// Its name, one lower-case word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl Problem {
    /// A problem out of what a validator said; the file is `file` unless the finding names one.
    pub fn new(severity: Severity, file: &Path, corrupt: Corrupt) -> Self {
        Self {
            rule: corrupt.rule,
            file: corrupt.file.unwrap_or_else(|| file.to_owned()),
            place: corrupt.place,
            severity,
            expected: corrupt.expected,
            found: corrupt.found,
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { rule, place, severity, expected, found, .. } = self;
        write!(f, "{}: {place}: {rule}: expected {expected}, found {found}", severity.name())
    }
}

/// The result of checking everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// What is wrong; empty when all is well. At most [`Report::PROBLEMS_MAX`].
    pub problems: Vec<Problem>,
    /// Problems beyond that limit, counted only.
    pub problems_unlisted: u64,
    /// Pages looked at.
    pub pages: u64,
    /// Rows counted.
    pub rows: u64,
    /// Log records looked at.
    pub log_records: u64,
    /// The state that was checked: the one recovery would open from pages alone.
    pub txn_id: Option<u64>,
    /// Whether the work was stopped before its end.
    pub cancelled: bool,
}

impl Report {
    /// Most problems that are listed one by one: a ruined file has millions.
    pub const PROBLEMS_MAX: usize = 10_000;

    /// Whether no problem is an error.
    pub fn is_clean(&self) -> bool {
        self.problems_unlisted == 0
            && self.problems.iter().all(|problem| problem.severity != Severity::Error)
    }

    /// Adds a problem.
    pub fn push(&mut self, problem: Problem) {
        if self.problems.len() < Self::PROBLEMS_MAX {
            self.problems.push(problem);
        } else {
            self.problems_unlisted = self.problems_unlisted.saturating_add(1);
        }
    }
}
