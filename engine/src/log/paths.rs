//! The names of a log's files.
//!
//! ```text
//!  app.ns.log.next ──rename──▶ app.ns.log ──rename──▶ app.ns.log.N ──▶ removed, or
//!    being prepared              newest                 older             renamed to .log.next
//! ```
//!
//! Used by whoever opens, makes or renames a segment. Keeps crash rule 14's names: derived from the
//! database's path alone, never read from a file.

use std::path::{Path, PathBuf};

const LOG_SUFFIX: &str = ".log";
const NEXT_SUFFIX: &str = "next";

/// The names of one database's log files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPaths {
    active: PathBuf,
}

impl LogPaths {
    /// The log of the database at `path`: `app.ns` has `app.ns.log`.
    pub fn of_database(path: &Path) -> Self {
        Self { active: with_suffix(path, LOG_SUFFIX) }
    }

    /// The log that the segment at `path` (`app.ns.log`, `app.ns.log.7`) belongs to; `None` when it
    /// is no segment's name.
    pub fn of_log(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        if name.len() > LOG_SUFFIX.len() && name.ends_with(LOG_SUFFIX) {
            return Some(Self { active: path.to_path_buf() });
        }
        let (stem, number) = name.rsplit_once('.')?;
        parse_number(number)?;
        let is_log = stem.len() > LOG_SUFFIX.len() && stem.ends_with(LOG_SUFFIX);
        is_log.then(|| Self { active: path.with_file_name(stem) })
    }

    /// The newest segment.
    pub fn active(&self) -> PathBuf {
        self.active.clone()
    }

    /// An older segment.
    pub fn numbered(&self, number: u64) -> PathBuf {
        with_suffix(&self.active, &format!(".{number}"))
    }

    /// A segment being prepared; never read.
    pub fn next(&self) -> PathBuf {
        with_suffix(&self.active, &format!(".{NEXT_SUFFIX}"))
    }

    /// Where the files are.
    pub fn directory(&self) -> PathBuf {
        match self.active.parent() {
            Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
            Some(parent) => parent.to_path_buf(),
            None => PathBuf::from("."),
        }
    }

    pub(super) fn base_name(&self) -> String {
        self.active.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A segment's number as this program writes it: no sign, no leading zero.
pub(super) fn parse_number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}
