//! The storage the engine runs on: files with positions, and nothing else.
//!
//! Three back ends behind one trait: the real disk ([`mod@file`]), memory ([`memory`]) and, with the
//! feature `sim`, a simulated disk that can lose power (`crate::sim`). Nothing else in the engine
//! touches `std::fs`.
//!
//! Positional reads and writes only, no cursor, no memory map: errors and checks have one place.

pub mod clock;
pub mod entropy;
pub mod file;
pub mod lock;
pub mod memory;
mod os;

pub use clock::{ManualClock, SystemClock};
pub use entropy::{SeededEntropy, SystemEntropy};
pub use file::RealStorage;
pub use memory::MemoryStorage;

use crate::error::Result;
use std::{
    fmt,
    io::IoSlice,
    path::{Path, PathBuf},
    sync::Arc,
};

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// Reading only; the file must exist.
    Read,
    /// Reading and writing; the file must exist.
    ReadWrite,
    /// Reading and writing; the file must not exist. Created with mode 0600.
    CreateNew,
}

/// How much a sync makes durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncKind {
    /// The data, and of the metadata only what is needed to read it (fdatasync).
    Data,
    /// Data and metadata (fsync; F_FULLFSYNC on macOS). Needed after the length changed.
    Full,
}

/// A place where files live.
pub trait Storage: Send + Sync + fmt::Debug {
    /// Opens a regular file. A directory, a pipe or a device is refused with a clear error.
    fn open(&self, path: &Path, mode: OpenMode) -> Result<Arc<dyn File>>;
    /// Whether `path` names anything. Any answer but yes or "not found" is an error.
    fn exists(&self, path: &Path) -> Result<bool>;
    /// Gives a file another name, replacing what had it.
    fn rename(&self, from: &Path, to: &Path) -> Result<()>;
    /// Gives a file another name; an error when that name is taken.
    fn rename_new(&self, from: &Path, to: &Path) -> Result<()>;
    /// Removes a name.
    fn unlink(&self, path: &Path) -> Result<()>;
    /// Makes creations, renames and removals in `directory` durable.
    fn sync_dir(&self, directory: &Path) -> Result<()>;
    /// File names in `directory` that start with `prefix`, sorted.
    fn list(&self, directory: &Path, prefix: &str) -> Result<Vec<String>>;
    /// The path with all links resolved, so that a linked database finds its own log.
    fn canonical(&self, path: &Path) -> Result<PathBuf>;
}

/// A range of lock bytes far beyond any data, by number. Bytes are locked, never written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockRange {
    /// The writer's lock.
    Writer,
    /// A reader of the meta with this sequence.
    ReaderOf {
        /// The meta's sequence.
        sequence: u64,
    },
}

/// An open file. Reads and writes are whole or an error: interrupted and short transfers are
/// continued inside, an end of file inside a read is `UnexpectedEof`.
#[allow(clippy::len_without_is_empty)] // A length is asked of the system and can fail.
pub trait File: Send + Sync + fmt::Debug {
    /// The path it was opened by; for messages.
    fn path(&self) -> &Path;
    /// Bytes in the file.
    fn len(&self) -> Result<u64>;
    /// Fills `buffer` from `offset`.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<()>;
    /// Writes all of `bytes` at `offset`.
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()>;
    /// Writes the slices one behind the other at `offset`.
    fn write_vectored_at(&self, slices: &[IoSlice<'_>], offset: u64) -> Result<()> {
        let mut at = offset;
        for slice in slices {
            self.write_at(slice, at)?;
            at += slice.len() as u64;
        }
        Ok(())
    }
    /// Cuts or extends the file; new bytes are zero.
    fn set_len(&self, bytes: u64) -> Result<()>;
    /// Takes space for the bytes from `from`, the file's end or beyond it, up to `to`, without writing
    /// them: the file is longer then, and they are zero. `false` when this file cannot: nothing has
    /// changed, and the caller writes zeros.
    fn allocate(&self, _from: u64, _to: u64) -> Result<bool> {
        Ok(false)
    }
    /// The first byte at or behind `from` that the file system has stored, behind a hole if `from` lies in
    /// one; `None` when only a hole is left. Where this cannot be told, it is `from`.
    fn next_data(&self, from: u64) -> Result<Option<u64>> {
        Ok(Some(from))
    }
    /// Whether the file system it was opened on is mounted read-only: nobody writes it by this way. `false`
    /// where this cannot be told.
    fn is_on_read_only_mount(&self) -> bool {
        false
    }
    /// Makes every write that has returned durable. A failure is final: never retry it.
    fn sync(&self, kind: SyncKind) -> Result<()>;
    /// Tries to lock; `false` when another open file holds a conflicting lock. Vanishes with the file.
    fn try_lock(&self, range: LockRange, exclusive: bool) -> Result<bool>;
    /// Gives a lock back.
    fn unlock(&self, range: LockRange) -> Result<()>;
    /// Sequences that other open files hold reader locks on; `None` where the system cannot tell.
    fn foreign_readers(&self) -> Result<Option<Vec<u64>>>;
    /// Whether another open file holds the writer's lock, asked without taking it; `None` where the system
    /// cannot tell.
    fn foreign_writer(&self) -> Result<Option<bool>> {
        Ok(None)
    }
    /// A number that two opens of one file share, and two files do not.
    fn identity(&self) -> Result<(u64, u64)>;
    /// Whether the path still names this file.
    fn still_named(&self) -> Result<bool>;
}

/// A number that is another one in a forked child than in its parent.
pub(crate) fn fork_count() -> u32 {
    #[cfg(unix)]
    {
        os::fork_count()
    }
    #[cfg(not(unix))]
    {
        0
    }
}

/// What draws random numbers: file identities, generations, nonces. Seeded in simulations.
pub trait Entropy: Send + Sync + fmt::Debug {
    /// 64 random bits.
    fn next_u64(&self) -> u64;
}

/// What tells how much time has passed. No correctness depends on it.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Time since some fixed point; never goes back.
    fn now(&self) -> std::time::Duration;
}
