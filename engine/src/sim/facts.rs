//! What a crash may keep or lose, one fact at a time, and what becomes of it.
//!
//! Found by `crash` in a journal; chosen for by `states`; drawn by whoever shows a crash.

use super::{describe, image::FileId};
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Something a crash may keep or lose.
#[derive(Clone, Debug)]
pub struct Fact {
    /// The operation it comes from.
    pub op: usize,
    /// The file's path at that time.
    pub path: Arc<Path>,
    /// What may be kept.
    pub kind: FactKind,
    /// A failed sync has dropped it: no later sync makes it durable. Not so for names: a directory
    /// whose sync failed keeps what is pending.
    pub(super) dropped: bool,
}

/// What a fact is about.
#[derive(Clone, Debug)]
pub enum FactKind {
    /// Bytes within one sector.
    Sector {
        /// The file.
        file: FileId,
        /// Number of the sector in the file.
        sector: u64,
        /// Where the bytes start in the file.
        offset: u64,
        /// The bytes of the whole write,
        bytes: Arc<[u8]>,
        /// and which of them are in this sector.
        range: (usize, usize),
    },
    /// A length.
    Length {
        /// The file.
        file: FileId,
        /// The new length.
        bytes: u64,
        /// Whether it cut the file.
        cut: bool,
    },
    /// A change of names in a directory.
    Name(NameChange),
}

/// A change of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameChange {
    /// A name for a new file.
    Create {
        /// The file.
        file: FileId,
        /// Its name.
        path: PathBuf,
    },
    /// Another name for a file.
    Rename {
        /// The file.
        file: FileId,
        /// The name it loses.
        from: PathBuf,
        /// The name it gets.
        to: PathBuf,
    },
    /// A name gone.
    Unlink {
        /// The file.
        file: FileId,
        /// The name.
        path: PathBuf,
    },
}

/// What a crash does to a fact. Lengths and names know only kept and lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Fate {
    /// It is on the disk.
    #[default]
    Kept,
    /// It is not.
    Lost,
    /// Sector in flight: zeros are.
    Zeros,
    /// Sector in flight: ones are.
    Ones,
    /// Sector in flight: noise from this seed is.
    Noise(u64),
    /// Sector in flight: what another file held at that place is.
    Foreign,
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        write!(f, "op {}: ", self.op)?;
        match &self.kind {
            FactKind::Sector { sector, bytes, range, .. } => {
                write!(f, "{path} sector {sector}")?;
                let meaning = bytes.get(range.0..range.1).and_then(describe::content);
                meaning.map_or(Ok(()), |meaning| write!(f, " ({meaning})"))
            }
            FactKind::Length { bytes, .. } => write!(f, "{path} length {bytes}"),
            FactKind::Name(NameChange::Create { .. }) => write!(f, "name {path}"),
            FactKind::Name(NameChange::Rename { from, to, .. }) => {
                write!(f, "rename {} to {}", from.display(), to.display())
            }
            FactKind::Name(NameChange::Unlink { .. }) => write!(f, "removal of {path}"),
        }
    }
}

impl Fact {
    pub(super) fn file(&self) -> Option<FileId> {
        match self.kind {
            FactKind::Sector { file, .. } | FactKind::Length { file, .. } => Some(file),
            FactKind::Name(_) => None,
        }
    }

    /// Whether this is the name of something in `directory`.
    pub(super) fn is_name_in(&self, directory: &Path) -> bool {
        let within = |path: &Path| path.parent() == Some(directory);
        match &self.kind {
            FactKind::Name(NameChange::Rename { from, to, .. }) => within(from) || within(to),
            FactKind::Name(NameChange::Create { path, .. } | NameChange::Unlink { path, .. }) => {
                within(path)
            }
            _ => false,
        }
    }

    /// What this is a version of: a sector of a file, or (`None`) its length.
    pub(super) fn version_of(&self) -> Option<(FileId, Option<u64>)> {
        match self.kind {
            FactKind::Sector { file, sector, .. } => Some((file, Some(sector))),
            FactKind::Length { file, .. } => Some((file, None)),
            FactKind::Name(_) => None,
        }
    }

    pub(super) fn is_name(&self) -> bool {
        matches!(self.kind, FactKind::Name(_))
    }
}
