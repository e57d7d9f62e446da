//! A system that cannot lock ranges: one lock for the whole file, so that readers and writers exclude each other.

use super::*;
use crate::disk::{File, LockRange, OpenMode, Storage, SyncKind};
use std::path::PathBuf;

#[derive(Clone, Debug)]
struct OneLock(MemoryStorage);

#[derive(Debug)]
struct OneLockFile(Arc<dyn File>);

impl Storage for OneLock {
    fn open(&self, path: &Path, mode: OpenMode) -> Result<Arc<dyn File>> {
        Ok(Arc::new(OneLockFile(self.0.open(path, mode)?)))
    }
    fn exists(&self, path: &Path) -> Result<bool> {
        self.0.exists(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.0.rename(from, to)
    }
    fn rename_new(&self, from: &Path, to: &Path) -> Result<()> {
        self.0.rename_new(from, to)
    }
    fn unlink(&self, path: &Path) -> Result<()> {
        self.0.unlink(path)
    }
    fn sync_dir(&self, directory: &Path) -> Result<()> {
        self.0.sync_dir(directory)
    }
    fn list(&self, directory: &Path, prefix: &str) -> Result<Vec<String>> {
        self.0.list(directory, prefix)
    }
    fn canonical(&self, path: &Path) -> Result<PathBuf> {
        self.0.canonical(path)
    }
}

impl File for OneLockFile {
    fn path(&self) -> &Path {
        self.0.path()
    }
    fn len(&self) -> Result<u64> {
        self.0.len()
    }
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.0.read_at(buffer, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.0.write_at(bytes, offset)
    }
    fn set_len(&self, bytes: u64) -> Result<()> {
        self.0.set_len(bytes)
    }
    fn sync(&self, kind: SyncKind) -> Result<()> {
        self.0.sync(kind)
    }
    /// As `disk::lock` does it where there are no ranges.
    fn try_lock(&self, range: LockRange, exclusive: bool) -> Result<bool> {
        self.0.try_lock(LockRange::Writer, exclusive || range == LockRange::Writer)
    }
    fn unlock(&self, _range: LockRange) -> Result<()> {
        self.0.unlock(LockRange::Writer)
    }
    fn foreign_readers(&self) -> Result<Option<Vec<u64>>> {
        Ok(None)
    }
    fn identity(&self) -> Result<(u64, u64)> {
        self.0.identity()
    }
    fn still_named(&self) -> Result<bool> {
        self.0.still_named()
    }
}

/// The look for a writer took the one lock and gave it back, and with it the reader's own: a writer came in and used
/// the reader's pages again.
#[test]
fn a_reader_keeps_writers_out_where_there_is_one_lock_for_the_whole_file() {
    let storage = OneLock(MemoryStorage::new());
    let open = |read_only| {
        Options::new().cache_bytes(0).background(false).read_only(read_only).open_on(
            Arc::new(storage.clone()),
            Arc::new(SeededEntropy::new(1)),
            Arc::new(ManualClock::new()),
            "/d/app.ns",
        )
    };
    let is_locked = |opened: Result<Db>| matches!(opened, Err(Error::Locked { .. }));
    let db = open(false).unwrap();
    let mut w = db.begin_write().unwrap();
    w.put(b"a", b"1").unwrap();
    w.commit().unwrap();
    assert!(is_locked(open(true)), "no reader beside a writer");
    // Killed: what is behind the last checkpoint is in the log.
    db.shared.file.unlock(LockRange::Writer).unwrap();
    std::mem::forget(db);

    let (one, two) = (open(true).unwrap(), open(true).unwrap());
    for reader in [one, two] {
        assert!(is_locked(open(false)), "no writer beside a reader");
        assert!(reader.begin_read().unwrap().get(b"a").unwrap().is_some());
        drop(reader);
    }
    let db = open(false).unwrap();
    assert!(db.begin_read().unwrap().get(b"a").unwrap().is_some());
    assert!(is_locked(open(true)));
}
