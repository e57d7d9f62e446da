//! The one error type of the engine.
//!
//! Two lanes: *bytes are wrong* is [`Error::Corrupt`] with place, expectation and finding; *the
//! program is wrong* is an assertion. Each variant says what the caller does next.

use crate::ids::{Lsn, PageId, TxnId};
use serde::Serialize;
use std::{fmt, io, path::PathBuf, sync::Arc};

/// The engine's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation did not happen.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// Another write transaction is alive. Try again when it has ended, or wait with a timeout.
    WriteBusy,
    /// Transactions are alive that the operation would pull the ground from. End them, then try again.
    Busy,
    /// The state `requested` cannot be opened: neither retained nor covered by the log.
    SnapshotNotFound {
        /// The state that was asked for.
        requested: TxnId,
        /// The oldest state that can be opened.
        oldest: TxnId,
        /// The newest state that can be opened.
        latest: TxnId,
    },
    /// Bytes break the format. Look with `northstar-headless check`, recover with `salvage`.
    Corrupt(Box<Corrupt>),
    /// The file is of a version, or of a kind, that this program does not read.
    UnsupportedFormat {
        /// Which file.
        path: PathBuf,
        /// What was found there.
        found: String,
    },
    /// The operating system refused `op` on `path`.
    Io {
        /// What was tried, as a verb: "read", "sync".
        op: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// The disk, the quota or the file size limit is used up. Nothing changed; free space, then retry.
    OutOfSpace,
    /// The call makes no sense as asked; the text says why.
    InvalidArgument(String),
    /// A key is longer than [`crate::limits::KEY_BYTES_MAX`].
    KeyTooLarge {
        /// Bytes of the key.
        bytes: usize,
    },
    /// A value is longer than [`crate::limits::VALUE_BYTES_MAX`].
    ValueTooLarge {
        /// Bytes of the value.
        bytes: usize,
    },
    /// Another process has the file open for writing.
    Locked {
        /// Which file.
        path: PathBuf,
    },
    /// The database, or the storage it is on, was opened for reading only.
    ReadOnly,
    /// An earlier write or sync failed: what is on disk is not known. Reopen to go on.
    Poisoned,
    /// The caller's own progress function said to stop. Nothing changed.
    Stopped,
}

/// One place where bytes are not what the format says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Corrupt {
    /// Which file, where known.
    pub file: Option<PathBuf>,
    /// Where in it.
    pub place: Place,
    /// Which rule is broken: an id of `spec/invariants.md`.
    pub rule: &'static str,
    /// What the rule asks for.
    pub expected: String,
    /// What is there.
    pub found: String,
}

/// Where in a file something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Place {
    /// A page of the database file.
    Page(PageId),
    /// A position of the log stream.
    Lsn(Lsn),
    /// A byte offset of a file that is neither (a segment header, a cartridge).
    Offset(u64),
    /// The file as a whole.
    File,
}

impl Corrupt {
    /// A finding at a page.
    pub fn page(
        id: PageId,
        rule: &'static str,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        Self::at(Place::Page(id), rule, expected, found)
    }

    /// A finding anywhere.
    pub fn at(
        place: Place,
        rule: &'static str,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        Self { file: None, place, rule, expected: expected.to_string(), found: found.to_string() }
    }

    /// The same finding with the file named.
    #[must_use]
    pub fn in_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }
}

impl From<Corrupt> for Error {
    fn from(corrupt: Corrupt) -> Self {
        Self::Corrupt(Box::new(corrupt))
    }
}

impl Error {
    /// Wraps what the operating system said; a full disk becomes [`Error::OutOfSpace`].
    pub fn io(op: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        if matches!(source.kind(), StorageFull | QuotaExceeded | FileTooLarge) {
            return Self::OutOfSpace;
        }
        Self::Io { op, path: path.into(), source: Arc::new(source) }
    }

    /// Whether bytes on disk are broken (the command line's exit status 3).
    pub fn is_corrupt(&self) -> bool {
        matches!(self, Self::Corrupt(_))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Page(id) => write!(f, "page {id}"),
            Self::Lsn(lsn) => write!(f, "log position {lsn}"),
            Self::Offset(offset) => write!(f, "offset {offset:#x}"),
            Self::File => f.write_str("file"),
        }
    }
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}: expected {}, found {}",
            self.place, self.rule, self.expected, self.found
        )?;
        match &self.file {
            Some(path) => write!(f, " in {}", path.display()),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WriteBusy => f.write_str("another write transaction is alive"),
            Self::Busy => f.write_str("transactions are still alive"),
            Self::SnapshotNotFound { requested, oldest, latest } => {
                write!(f, "transaction {requested} cannot be opened, only {oldest} to {latest}")
            }
            Self::Corrupt(corrupt) => write!(f, "corrupt: {corrupt}"),
            Self::UnsupportedFormat { path, found } => {
                write!(f, "{} is not a file this version reads: {found}", path.display())
            }
            Self::Io { op, path, source } => {
                write!(f, "cannot {op} {}: {source}", path.display())
            }
            Self::OutOfSpace => f.write_str("no space left for the file"),
            Self::InvalidArgument(why) => f.write_str(why),
            Self::KeyTooLarge { bytes } => {
                write!(
                    f,
                    "key of {bytes} bytes is over the limit of {}",
                    crate::limits::KEY_BYTES_MAX
                )
            }
            Self::ValueTooLarge { bytes } => write!(
                f,
                "value of {bytes} bytes is over the limit of {}",
                crate::limits::VALUE_BYTES_MAX
            ),
            Self::Locked { path } => {
                write!(f, "{} is open for writing in another process", path.display())
            }
            Self::ReadOnly => f.write_str("the database is open for reading only"),
            Self::Poisoned => {
                f.write_str("an earlier write or sync failed; reopen the database to go on")
            }
            Self::Stopped => f.write_str("stopped before the end, as asked"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source.as_ref()),
            _ => None,
        }
    }
}
