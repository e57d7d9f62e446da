//! Files in memory, with names and locks as on a disk: `Options::open_in_memory` and quick tests.
//!
//! Every open of a name shares one file; locks conflict between opens. Syncs do nothing.

use super::{File, LockRange, OpenMode, Storage, SyncKind};
use crate::error::{Error, Result};
use std::{
    collections::BTreeMap,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// A place in memory where files live. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct MemoryStorage {
    names: Arc<Mutex<BTreeMap<PathBuf, Arc<Content>>>>,
    next_id: Arc<AtomicU64>,
}

/// A file's bytes and the locks on it, shared by every open of it.
#[derive(Debug)]
struct Content {
    id: u64,
    bytes: RwLock<Vec<u8>>,
    locks: Mutex<LockTable>,
}

/// The locks on one file: who holds what.
#[derive(Debug, Default)]
pub(crate) struct LockTable {
    held: Vec<(u64, LockRange, bool)>,
}

impl LockTable {
    /// Takes `range` for `owner` unless another owner is in the way; replaces what it held there.
    pub(crate) fn try_lock(&mut self, owner: u64, range: LockRange, exclusive: bool) -> bool {
        let in_the_way = |&(other, held, alone): &(u64, LockRange, bool)| {
            other != owner && held == range && (alone || exclusive)
        };
        if self.held.iter().any(in_the_way) {
            return false;
        }
        self.unlock(owner, range);
        self.held.push((owner, range, exclusive));
        true
    }

    /// Gives `range` back.
    pub(crate) fn unlock(&mut self, owner: u64, range: LockRange) {
        self.held.retain(|&(other, held, _)| other != owner || held != range);
    }

    /// Gives back all that `owner` holds.
    pub(crate) fn release(&mut self, owner: u64) {
        self.held.retain(|&(other, ..)| other != owner);
    }

    /// Reader sequences held by others, sorted.
    pub(crate) fn foreign_readers(&self, owner: u64) -> Vec<u64> {
        let foreign = self.held.iter().filter(|(other, ..)| *other != owner);
        let mut sequences: Vec<u64> = foreign
            .filter_map(|(_, range, _)| match range {
                LockRange::ReaderOf { sequence } => Some(*sequence),
                LockRange::Writer => None,
            })
            .collect();
        sequences.sort_unstable();
        sequences.dedup();
        sequences
    }
}

/// An error of a kind, for a path: what a file system would have said.
pub(crate) fn refused(op: &'static str, path: &Path, kind: ErrorKind) -> Error {
    Error::io(op, path, io::Error::from(kind))
}

/// The same path without `.` and doubled slashes; memory has no links.
pub(crate) fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| !matches!(part, std::path::Component::CurDir)).collect()
}

/// Names in `directory` that start with `prefix`, of names in order.
pub(crate) fn names_in<'a>(
    names: impl Iterator<Item = &'a PathBuf>,
    directory: &Path,
    prefix: &str,
) -> Vec<String> {
    let directory = plain(directory);
    names
        .filter(|path| path.parent() == Some(&directory))
        .filter_map(|path| path.file_name()?.to_str())
        .filter(|name| name.starts_with(prefix))
        .map(str::to_owned)
        .collect()
}

impl MemoryStorage {
    /// An empty place.
    pub fn new() -> Self {
        Self::default()
    }

    fn names(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Arc<Content>>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fresh_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }
}

impl Storage for MemoryStorage {
    fn open(&self, path: &Path, mode: OpenMode) -> Result<Arc<dyn File>> {
        let path = plain(path);
        let mut names = self.names();
        let content = match (names.get(&path), mode) {
            (Some(_), OpenMode::CreateNew) => {
                return Err(refused("open", &path, ErrorKind::AlreadyExists));
            }
            (Some(content), _) => Arc::clone(content),
            (None, OpenMode::CreateNew) => {
                let content = Arc::new(Content {
                    id: self.fresh_id(),
                    bytes: RwLock::default(),
                    locks: Mutex::default(),
                });
                names.insert(path.clone(), Arc::clone(&content));
                content
            }
            (None, _) => return Err(refused("open", &path, ErrorKind::NotFound)),
        };
        let (owner, storage) = (self.fresh_id(), self.clone());
        Ok(Arc::new(MemoryFile { path, content, owner, storage, writable: mode != OpenMode::Read }))
    }

    fn exists(&self, path: &Path) -> Result<bool> {
        Ok(self.names().contains_key(&plain(path)))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        let mut names = self.names();
        let content = names
            .remove(&plain(from))
            .ok_or_else(|| refused("rename", from, ErrorKind::NotFound))?;
        names.insert(plain(to), content);
        Ok(())
    }

    fn rename_new(&self, from: &Path, to: &Path) -> Result<()> {
        let mut names = self.names();
        if names.contains_key(&plain(to)) {
            return Err(refused("rename to", to, ErrorKind::AlreadyExists));
        }
        let content = names
            .remove(&plain(from))
            .ok_or_else(|| refused("rename", from, ErrorKind::NotFound))?;
        names.insert(plain(to), content);
        Ok(())
    }

    fn unlink(&self, path: &Path) -> Result<()> {
        let removed = self.names().remove(&plain(path));
        removed.map(drop).ok_or_else(|| refused("remove", path, ErrorKind::NotFound))
    }

    fn sync_dir(&self, _directory: &Path) -> Result<()> {
        Ok(())
    }

    fn list(&self, directory: &Path, prefix: &str) -> Result<Vec<String>> {
        Ok(names_in(self.names().keys(), directory, prefix))
    }

    fn canonical(&self, path: &Path) -> Result<PathBuf> {
        Ok(plain(path))
    }
}

/// An open file in memory.
#[derive(Debug)]
struct MemoryFile {
    path: PathBuf,
    content: Arc<Content>,
    owner: u64,
    storage: MemoryStorage,
    writable: bool,
}

impl MemoryFile {
    fn locks(&self) -> MutexGuard<'_, LockTable> {
        self.content.locks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the bytes, if this open may.
    fn change(&self, op: &'static str, change: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        if !self.writable {
            return Err(refused(op, &self.path, ErrorKind::PermissionDenied));
        }
        change(&mut self.content.bytes.write().unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }

    /// An offset as an index, `None` past what memory can hold.
    fn index(&self, op: &'static str, offset: u64, bytes: usize) -> Result<(usize, usize)> {
        usize::try_from(offset)
            .ok()
            .and_then(|start| Some((start, start.checked_add(bytes)?)))
            .filter(|&(_, end)| isize::try_from(end).is_ok())
            .ok_or_else(|| refused(op, &self.path, ErrorKind::FileTooLarge))
    }
}

impl File for MemoryFile {
    fn path(&self) -> &Path {
        &self.path
    }

    fn len(&self) -> Result<u64> {
        Ok(self.content.bytes.read().unwrap_or_else(PoisonError::into_inner).len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let bytes = self.content.bytes.read().unwrap_or_else(PoisonError::into_inner);
        let (start, end) = self.index("read", offset, buffer.len())?;
        if buffer.is_empty() {
            return Ok(());
        }
        let source = bytes
            .get(start..end)
            .ok_or_else(|| refused("read", &self.path, ErrorKind::UnexpectedEof))?;
        buffer.copy_from_slice(source);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let (start, end) = self.index("write", offset, bytes.len())?;
        self.change("write", |content| {
            if bytes.is_empty() {
                return;
            }
            if content.len() < end {
                content.resize(end, 0);
            }
            content[start..end].copy_from_slice(bytes);
        })
    }

    fn set_len(&self, bytes: u64) -> Result<()> {
        let (_, end) = self.index("resize", bytes, 0)?;
        self.change("resize", |content| content.resize(end, 0))
    }

    fn allocate(&self, _from: u64, to: u64) -> Result<bool> {
        self.set_len(to).map(|()| true)
    }

    fn sync(&self, _kind: SyncKind) -> Result<()> {
        Ok(())
    }

    fn try_lock(&self, range: LockRange, exclusive: bool) -> Result<bool> {
        Ok(self.locks().try_lock(self.owner, range, exclusive))
    }

    fn unlock(&self, range: LockRange) -> Result<()> {
        self.locks().unlock(self.owner, range);
        Ok(())
    }

    fn foreign_readers(&self) -> Result<Option<Vec<u64>>> {
        Ok(Some(self.locks().foreign_readers(self.owner)))
    }

    fn identity(&self) -> Result<(u64, u64)> {
        Ok((Arc::as_ptr(&self.storage.names) as usize as u64, self.content.id))
    }

    fn still_named(&self) -> Result<bool> {
        let names = self.storage.names();
        Ok(names.get(&self.path).is_some_and(|content| Arc::ptr_eq(content, &self.content)))
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        self.locks().release(self.owner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behaves_as_a_disk_does() {
        let storage = MemoryStorage::new();
        let (a, b) = (Path::new("/d/a.ns"), Path::new("/d/./b"));
        let file = storage.open(a, OpenMode::CreateNew).unwrap();
        assert!(storage.open(a, OpenMode::CreateNew).is_err(), "the name is taken");
        assert!(storage.open(b, OpenMode::Read).is_err(), "nothing there");
        file.write_at(b"hello", 3).unwrap();
        let again = storage.open(a, OpenMode::Read).unwrap();
        let mut bytes = [9; 8];
        again.read_at(&mut bytes, 0).unwrap();
        assert_eq!(&bytes, b"\0\0\0hello");
        assert!(again.read_at(&mut bytes, 1).is_err(), "past the end");
        again.read_at(&mut [], 99).expect("nothing is read anywhere, as on a disk");
        assert!(again.write_at(b"x", 0).is_err(), "opened for reading");
        assert!(file.write_at(b"x", u64::MAX).is_err(), "no such offset");
        file.set_len(4).unwrap();
        file.set_len(6).unwrap();
        again.read_at(&mut bytes[..6], 0).unwrap();
        assert_eq!(&bytes[..6], b"\0\0\0h\0\0", "new bytes are zero");
        assert_eq!(again.identity().unwrap(), file.identity().unwrap());

        storage.open(b, OpenMode::CreateNew).unwrap();
        assert_eq!(storage.list(Path::new("/d"), "").unwrap(), ["a.ns", "b"]);
        assert_eq!(storage.list(Path::new("/d"), "a").unwrap(), ["a.ns"]);
        assert!(storage.rename_new(b, a).is_err(), "the name is taken");
        assert!(file.still_named().unwrap());
        storage.rename(b, a).unwrap();
        assert!(!file.still_named().unwrap(), "another file took the name");
        storage.unlink(a).unwrap();
        assert!(!storage.exists(a).unwrap());
        file.read_at(&mut bytes[..6], 0).unwrap();
        assert!(storage.unlink(a).is_err());
    }

    #[test]
    fn two_opens_conflict_and_locks_vanish_with_their_file() {
        let storage = MemoryStorage::new();
        let path = Path::new("/f");
        let one = storage.open(path, OpenMode::CreateNew).unwrap();
        let two = storage.open(path, OpenMode::ReadWrite).unwrap();
        assert!(one.try_lock(LockRange::Writer, true).unwrap());
        assert!(one.try_lock(LockRange::Writer, true).unwrap(), "again by its holder");
        assert!(!two.try_lock(LockRange::Writer, true).unwrap());
        let range = LockRange::ReaderOf { sequence: 4 };
        assert!(two.try_lock(range, false).unwrap());
        assert!(one.try_lock(range, false).unwrap(), "readers share");
        assert!(!one.try_lock(range, true).unwrap());
        assert_eq!(one.foreign_readers().unwrap(), Some(vec![4]));
        two.unlock(range).unwrap();
        assert_eq!(one.foreign_readers().unwrap(), Some(vec![]));
        drop(one);
        assert!(two.try_lock(LockRange::Writer, true).unwrap());
    }
}
