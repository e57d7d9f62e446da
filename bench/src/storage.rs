//! A storage that counts: wraps any other and counts calls, bytes and syncs by kind.
//!
//! The suites open every database on it, so the counts do not depend on what the engine says about
//! itself: a sync that the engine counts and does not make is not counted here. Also where the
//! self-test injects faults of cost: an extra sync, or a sync that is left out.
//! Cost: a few relaxed atomic additions a call.

use crate::recorder::spin_for;
use northstar_engine::{
    Result,
    disk::{File, LockRange, OpenMode, Storage, SyncKind},
};
use std::{
    io::IoSlice,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// What a storage was asked to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Syncs of data and length.
    pub fsyncs: u64,
    /// Syncs of data.
    pub fdatasyncs: u64,
    /// Of both, those of log segments.
    pub log_syncs: u64,
    /// Syncs of directories.
    pub dir_syncs: u64,
    /// Write calls.
    pub write_calls: u64,
    /// Bytes written.
    pub bytes_written: u64,
    /// Bytes written to log segments.
    pub log_bytes_written: u64,
    /// Read calls.
    pub read_calls: u64,
    /// Bytes read.
    pub bytes_read: u64,
    /// Files created.
    pub files_created: u64,
    /// Files renamed or removed.
    pub names_changed: u64,
}

#[derive(Debug, Default)]
struct Tally {
    fsyncs: AtomicU64,
    fdatasyncs: AtomicU64,
    log_syncs: AtomicU64,
    dir_syncs: AtomicU64,
    write_calls: AtomicU64,
    bytes_written: AtomicU64,
    log_bytes_written: AtomicU64,
    read_calls: AtomicU64,
    bytes_read: AtomicU64,
    files_created: AtomicU64,
    names_changed: AtomicU64,
}

/// What a self-test breaks on purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallFault {
    /// One sync more after every this many; 0 for none.
    pub extra_sync_every: u64,
    /// Every this many-th sync is left out; 0 for none.
    pub skip_sync_every: u64,
    /// Nanoseconds that every sync of a file takes longer.
    pub sync_ns: u64,
    /// Nanoseconds that every write call takes longer.
    pub write_ns: u64,
    /// Nanoseconds that every read call takes longer.
    pub read_ns: u64,
}

/// Counts what goes to the storage under it.
#[derive(Clone, Debug)]
pub struct CountingStorage {
    inner: Arc<dyn Storage>,
    tally: Arc<Tally>,
    fault: CallFault,
    seen: Arc<AtomicU64>,
}

impl CountingStorage {
    /// Counts on `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn Storage>, fault: CallFault) -> Self {
        Self { inner, tally: Arc::default(), fault, seen: Arc::default() }
    }

    /// What was counted so far, over all files.
    #[must_use]
    pub fn calls(&self) -> Calls {
        let tally = &self.tally;
        Calls {
            fsyncs: tally.fsyncs.load(Relaxed),
            fdatasyncs: tally.fdatasyncs.load(Relaxed),
            log_syncs: tally.log_syncs.load(Relaxed),
            dir_syncs: tally.dir_syncs.load(Relaxed),
            write_calls: tally.write_calls.load(Relaxed),
            bytes_written: tally.bytes_written.load(Relaxed),
            log_bytes_written: tally.log_bytes_written.load(Relaxed),
            read_calls: tally.read_calls.load(Relaxed),
            bytes_read: tally.bytes_read.load(Relaxed),
            files_created: tally.files_created.load(Relaxed),
            names_changed: tally.names_changed.load(Relaxed),
        }
    }
}

impl Calls {
    /// All syncs together.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.fsyncs + self.fdatasyncs + self.dir_syncs
    }

    /// Syncs of files, without those of directories.
    #[must_use]
    pub fn file_syncs(&self) -> u64 {
        self.fsyncs + self.fdatasyncs
    }

    /// What happened since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            fsyncs: self.fsyncs - earlier.fsyncs,
            fdatasyncs: self.fdatasyncs - earlier.fdatasyncs,
            log_syncs: self.log_syncs - earlier.log_syncs,
            dir_syncs: self.dir_syncs - earlier.dir_syncs,
            write_calls: self.write_calls - earlier.write_calls,
            bytes_written: self.bytes_written - earlier.bytes_written,
            log_bytes_written: self.log_bytes_written - earlier.log_bytes_written,
            read_calls: self.read_calls - earlier.read_calls,
            bytes_read: self.bytes_read - earlier.bytes_read,
            files_created: self.files_created - earlier.files_created,
            names_changed: self.names_changed - earlier.names_changed,
        }
    }
}

impl Storage for CountingStorage {
    fn open(&self, path: &Path, mode: OpenMode) -> Result<Arc<dyn File>> {
        let inner = self.inner.open(path, mode)?;
        if mode == OpenMode::CreateNew {
            self.tally.files_created.fetch_add(1, Relaxed);
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_log = name.contains(".log");
        Ok(Arc::new(CountingFile {
            inner,
            is_log,
            tally: Arc::clone(&self.tally),
            fault: self.fault,
            seen: Arc::clone(&self.seen),
        }))
    }

    fn exists(&self, path: &Path) -> Result<bool> {
        self.inner.exists(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.tally.names_changed.fetch_add(1, Relaxed);
        self.inner.rename(from, to)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> Result<()> {
        self.tally.names_changed.fetch_add(1, Relaxed);
        self.inner.rename_new(from, to)
    }

    fn unlink(&self, path: &Path) -> Result<()> {
        self.tally.names_changed.fetch_add(1, Relaxed);
        self.inner.unlink(path)
    }

    fn sync_dir(&self, directory: &Path) -> Result<()> {
        self.tally.dir_syncs.fetch_add(1, Relaxed);
        self.inner.sync_dir(directory)
    }

    fn list(&self, directory: &Path, prefix: &str) -> Result<Vec<String>> {
        self.inner.list(directory, prefix)
    }

    fn canonical(&self, path: &Path) -> Result<PathBuf> {
        self.inner.canonical(path)
    }
}

#[derive(Debug)]
struct CountingFile {
    inner: Arc<dyn File>,
    is_log: bool,
    tally: Arc<Tally>,
    fault: CallFault,
    seen: Arc<AtomicU64>,
}

impl CountingFile {
    fn count_write(&self, bytes: u64) {
        spin_for(self.fault.write_ns);
        self.tally.write_calls.fetch_add(1, Relaxed);
        self.tally.bytes_written.fetch_add(bytes, Relaxed);
        if self.is_log {
            self.tally.log_bytes_written.fetch_add(bytes, Relaxed);
        }
    }

    fn sync_once(&self, kind: SyncKind) -> Result<()> {
        spin_for(self.fault.sync_ns);
        match kind {
            SyncKind::Full => self.tally.fsyncs.fetch_add(1, Relaxed),
            SyncKind::Data => self.tally.fdatasyncs.fetch_add(1, Relaxed),
        };
        self.tally.log_syncs.fetch_add(u64::from(self.is_log), Relaxed);
        self.inner.sync(kind)
    }
}

impl File for CountingFile {
    fn path(&self) -> &Path {
        self.inner.path()
    }

    fn len(&self) -> Result<u64> {
        self.inner.len()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        spin_for(self.fault.read_ns);
        self.tally.read_calls.fetch_add(1, Relaxed);
        self.tally.bytes_read.fetch_add(buffer.len() as u64, Relaxed);
        self.inner.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.count_write(bytes.len() as u64);
        self.inner.write_at(bytes, offset)
    }

    fn write_vectored_at(&self, slices: &[IoSlice<'_>], offset: u64) -> Result<()> {
        self.count_write(slices.iter().map(|slice| slice.len() as u64).sum());
        self.inner.write_vectored_at(slices, offset)
    }

    fn set_len(&self, bytes: u64) -> Result<()> {
        self.inner.set_len(bytes)
    }

    fn allocate(&self, from: u64, to: u64) -> Result<bool> {
        self.inner.allocate(from, to)
    }

    fn sync(&self, kind: SyncKind) -> Result<()> {
        let number = self.seen.fetch_add(1, Relaxed) + 1;
        let hits = |every: u64| every != 0 && number.is_multiple_of(every);
        if hits(self.fault.skip_sync_every) {
            return Ok(());
        }
        self.sync_once(kind)?;
        if hits(self.fault.extra_sync_every) { self.sync_once(kind) } else { Ok(()) }
    }

    fn try_lock(&self, range: LockRange, exclusive: bool) -> Result<bool> {
        self.inner.try_lock(range, exclusive)
    }

    fn unlock(&self, range: LockRange) -> Result<()> {
        self.inner.unlock(range)
    }

    fn foreign_readers(&self) -> Result<Option<Vec<u64>>> {
        self.inner.foreign_readers()
    }

    fn identity(&self) -> Result<(u64, u64)> {
        self.inner.identity()
    }

    fn still_named(&self) -> Result<bool> {
        self.inner.still_named()
    }
}
