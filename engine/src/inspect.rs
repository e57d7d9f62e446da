//! Forensic reading of any bytes: fields, links, verdicts, gaps, problems. No lock, no pager.

use crate::error::Place;
use serde::Serialize;
use std::path::PathBuf;

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

/// The result of checking everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// What is wrong; empty when all is well.
    pub problems: Vec<Problem>,
    /// Pages looked at.
    pub pages: u64,
    /// Rows counted.
    pub rows: u64,
    /// Log records looked at.
    pub log_records: u64,
}

impl Report {
    /// Whether no problem is an error.
    pub fn is_clean(&self) -> bool {
        self.problems.iter().all(|problem| problem.severity != Severity::Error)
    }
}
