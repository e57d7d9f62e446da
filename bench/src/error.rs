//! The one error type of the benchmark library.
//!
//! Each variant says what the caller does next; the command line maps them to its exit status.

use std::{fmt, io, path::PathBuf};

/// The library's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a benchmark, a comparison or a gate could not do what it was asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The engine refused or failed; the benchmark's result does not exist.
    Engine(northstar_engine::Error),
    /// A file of ours could not be read or written.
    Io {
        /// What was tried, as a verb.
        op: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not what `bench/results.schema.json` says; each line names a place in it.
    Schema {
        /// The file, or what would have been written there.
        path: PathBuf,
        /// Where and why, one line each.
        problems: Vec<String>,
    },
    /// The benchmark ran, and what it computed is wrong.
    Wrong(String),
    /// A worker process died or did not speak the protocol.
    Worker(String),
    /// The request makes no sense; the text says why.
    Usage(String),
}

impl Error {
    /// Wraps what the operating system said about a file of ours.
    pub fn io(op: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io { op, path: path.into(), source }
    }

    /// A result that is not what the benchmark must compute.
    pub fn wrong(what: impl fmt::Display) -> Self {
        Self::Wrong(what.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(error) => write!(f, "the engine: {error}"),
            Self::Io { op, path, source } => {
                write!(f, "cannot {op} {}: {source}", path.display())
            }
            Self::Schema { path, problems } => {
                write!(f, "{} is no valid result file", path.display())?;
                problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
            }
            Self::Wrong(what) => write!(f, "wrong result: {what}"),
            Self::Worker(what) => write!(f, "worker: {what}"),
            Self::Usage(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Engine(error) => Some(error),
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<northstar_engine::Error> for Error {
    fn from(error: northstar_engine::Error) -> Self {
        Self::Engine(error)
    }
}
