//! A file under inspection: read-only, without a lock, re-read on every call.
//!
//! A writer may change the file at any time: a page that does not verify is read again a few times,
//! and when it kept changing under the reader it is marked *moved*. Locks are not taken, so nothing
//! here disturbs a writer; pages reached through an old root may have been used again, which
//! pointers (birth and nonce) reveal.

use crate::disk::file::RealStorage;
use crate::disk::memory::MemoryStorage;
use crate::disk::{File, OpenMode, Storage};
use crate::error::{Error, Result};
use crate::format::meta::{META_MAGIC, Meta};
use crate::format::page::{PAGE_MAGIC, PageHeader, verify_page};
use crate::format::segment::{SEGMENT_MAGIC, SegmentHeader};
use crate::ids::{FileUuid, PageId};
use crate::limits::PAGE_BYTES;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

#[cfg(test)]
mod tests;

/// How often a page that does not verify is read again.
const READ_AGAIN_MAX: usize = 4;

/// What a file seems to be, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FileKind {
    /// Pages: a database.
    Database,
    /// A log segment.
    LogSegment,
    /// Neither, or too damaged to tell.
    Unknown,
}

/// The bytes of one page, as far as the file has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageBytes {
    /// Which page.
    pub id: PageId,
    /// Its bytes: 16,384; fewer at a file's ragged end; none behind it.
    pub bytes: Vec<u8>,
    /// The page changed while it was read and no reading of it verified: a writer was faster.
    pub moved: bool,
}

/// A log segment's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SegmentFile {
    /// Its path.
    pub path: PathBuf,
    /// Its name without the directory.
    pub name: String,
    /// Whether it is the active one, `app.ns.log`.
    pub active: bool,
}

/// A file that was opened, by its path.
type Opened = (PathBuf, Arc<dyn File>);

/// A file under inspection, with its log segments.
#[derive(Clone, Debug)]
pub struct Source {
    storage: Arc<dyn Storage>,
    file: Arc<dyn File>,
    path: PathBuf,
    kind: FileKind,
    uuid: FileUuid,
    /// The file opened last beside this one: reading a log asks for the same one again and again.
    beside: Arc<Mutex<Option<Opened>>>,
}

impl Source {
    /// Opens any regular file of the real disk for reading: a database, a log segment, or something
    /// else altogether.
    ///
    /// # Errors
    /// `Io` when the file cannot be opened or read. Never because of what is in it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_on(Arc::new(RealStorage::new()), path)
    }

    /// The same on another storage (the simulated disk).
    ///
    /// # Errors
    /// As [`Source::open`].
    pub fn open_on(storage: Arc<dyn Storage>, path: impl AsRef<Path>) -> Result<Self> {
        let path = storage.canonical(path.as_ref())?;
        let file = storage.open(&path, OpenMode::Read)?;
        let mut source = Self {
            storage,
            file,
            path,
            kind: FileKind::Unknown,
            uuid: FileUuid::default(),
            beside: Arc::default(),
        };
        source.kind = source.guess_kind()?;
        source.uuid = source.find_uuid()?;
        Ok(source)
    }

    /// Bytes in memory: a database file, and segments by suffix (`log`, `log.1`).
    ///
    /// # Errors
    /// None that a caller can meet; the signature is that of the others.
    pub fn from_bytes(database: &[u8], segments: &[(&str, &[u8])]) -> Result<Self> {
        let storage = MemoryStorage::new();
        let path = PathBuf::from("/memory.ns");
        storage.open(&path, OpenMode::CreateNew)?.write_at(database, 0)?;
        for (suffix, bytes) in segments {
            let path = PathBuf::from(format!("/memory.ns.{suffix}"));
            storage.open(&path, OpenMode::CreateNew)?.write_at(bytes, 0)?;
        }
        Self::open_on(Arc::new(storage), path)
    }

    /// The file's path, links resolved.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file seems to be.
    pub const fn kind(&self) -> FileKind {
        self.kind
    }

    /// The identity that the file's checksums are judged with: of a valid meta, else what a damaged
    /// meta or the log claims, else zero.
    pub const fn uuid(&self) -> FileUuid {
        self.uuid
    }

    /// Bytes in the file, now.
    ///
    /// # Errors
    /// `Io`.
    pub fn bytes(&self) -> Result<u64> {
        self.file.len()
    }

    /// Pages of the file, now; a last one that is cut counts.
    ///
    /// # Errors
    /// `Io`.
    pub fn page_count(&self) -> Result<u64> {
        Ok(self.file.len()?.div_ceil(PAGE_BYTES as u64))
    }

    /// Whether the path no longer names the file that was opened (replaced or removed).
    ///
    /// # Errors
    /// `Io`.
    pub fn is_replaced(&self) -> Result<bool> {
        Ok(!self.file.still_named()?)
    }

    /// Whether the file system it lies on is mounted read-only: no process writes it by that mount. It may
    /// change all the same, by another mount of the same storage. `false` where this cannot be told.
    pub fn is_on_read_only_mount(&self) -> bool {
        self.file.is_on_read_only_mount()
    }

    /// Reads up to `length` bytes at `offset`; fewer at the end of the file.
    ///
    /// # Errors
    /// `Io`.
    pub fn read_range(&self, offset: u64, length: usize) -> Result<Vec<u8>> {
        read_range(self.file.as_ref(), offset, length)
    }

    /// The first byte at or behind `offset` that the file system has stored; the file's end when only a
    /// hole is left. What lies before it is zero and need not be read. `offset` where this cannot be told.
    pub fn next_data(&self, offset: u64) -> u64 {
        match self.file.next_data(offset) {
            Ok(Some(data)) => data,
            Ok(None) => self.file.len().unwrap_or(offset).max(offset),
            Err(_) => offset,
        }
    }

    /// Reads page `id`, again when it does not verify, since a writer may be at it.
    ///
    /// # Errors
    /// `Io`.
    pub fn read_page(&self, id: PageId) -> Result<PageBytes> {
        let offset = id.get().saturating_mul(PAGE_BYTES as u64);
        let mut bytes = self.read_range(offset, PAGE_BYTES)?;
        let mut moved = false;
        for _ in 0..READ_AGAIN_MAX {
            if bytes.len() < PAGE_BYTES || verify_page(&bytes, self.uuid, id).is_ok() {
                moved = false;
                break;
            }
            let again = self.read_range(offset, PAGE_BYTES)?;
            if again == bytes {
                break;
            }
            moved = true;
            bytes = again;
        }
        Ok(PageBytes { id, bytes, moved })
    }

    /// The log segments beside the file, oldest first; listed anew on every call.
    ///
    /// For a log segment: it and its siblings. `.log.next`, a segment being prepared, is left out.
    ///
    /// # Errors
    /// `Io`.
    pub fn segments(&self) -> Result<Vec<SegmentFile>> {
        let (Some(directory), Some(name)) = (self.path.parent(), self.path.file_name()) else {
            return Ok(Vec::new());
        };
        let name = name.to_string_lossy();
        let stem = match self.kind {
            FileKind::LogSegment => log_stem(&name).unwrap_or(&name).to_owned(),
            _ => format!("{name}.log"),
        };
        let mut numbered: Vec<(u64, SegmentFile)> = self
            .storage
            .list(directory, &stem)?
            .into_iter()
            .filter_map(|name| {
                let number = match name.strip_prefix(&stem)? {
                    "" => u64::MAX,
                    rest => rest.strip_prefix('.')?.parse().ok()?,
                };
                let active = number == u64::MAX;
                Some((number, SegmentFile { path: directory.join(&name), name, active }))
            })
            .collect();
        numbered.sort_by_key(|(number, _)| *number);
        Ok(numbered.into_iter().map(|(_, segment)| segment).collect())
    }

    /// Opens one of [`Source::segments`], or any other file beside this one, for reading.
    ///
    /// # Errors
    /// `Io`.
    pub fn open_beside(&self, path: &Path) -> Result<Arc<dyn File>> {
        let mut beside = self.beside.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, file)) = beside.as_ref()
            && known == path
            && file.still_named()?
        {
            return Ok(Arc::clone(file));
        }
        let file = self.storage.open(path, OpenMode::Read)?;
        *beside = Some((path.to_owned(), Arc::clone(&file)));
        Ok(file)
    }

    /// The storage the file is on.
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    fn guess_kind(&self) -> Result<FileKind> {
        let magic = self.read_range(0, 4)?;
        if magic == SEGMENT_MAGIC.0 {
            return Ok(FileKind::LogSegment);
        }
        let second = self.read_range(PAGE_BYTES as u64, 4)?;
        let database = magic == PAGE_MAGIC.0 || second == PAGE_MAGIC.0;
        Ok(if database { FileKind::Database } else { FileKind::Unknown })
    }

    fn find_uuid(&self) -> Result<FileUuid> {
        if self.kind == FileKind::LogSegment {
            let front = self.read_range(0, SegmentHeader::BYTES)?;
            return Ok(SegmentHeader::decode(&front).map(|h| h.uuid).unwrap_or_default());
        }
        let mut claimed = None;
        let mut best: Option<Meta> = None;
        for slot in 0..2 {
            let bytes = self.read_page(PageId::new(slot))?.bytes;
            let meta = bytes.get(PageHeader::BYTES..).and_then(Meta::decode);
            if let Some(meta) = meta.filter(|meta| meta.magic == META_MAGIC) {
                claimed.get_or_insert(meta.uuid);
            }
            if let Ok(meta) = Meta::decode_slot(&bytes, slot)
                && best.is_none_or(|best| best.sequence < meta.sequence)
            {
                best = Some(meta);
            }
        }
        if let Some(uuid) = best.map(|meta| meta.uuid).or(claimed) {
            return Ok(uuid);
        }
        for segment in self.segments()?.iter().rev() {
            let Ok(file) = self.open_beside(&segment.path) else { continue };
            let front = read_range(file.as_ref(), 0, SegmentHeader::BYTES)?;
            if let Some(header) = SegmentHeader::decode(&front)
                && header.magic == SEGMENT_MAGIC
            {
                return Ok(header.uuid);
            }
        }
        Ok(FileUuid::default())
    }
}

/// `app.ns.log` of `app.ns.log` or `app.ns.log.7`.
fn log_stem(name: &str) -> Option<&str> {
    match name.rsplit_once('.') {
        Some((stem, number)) if number.parse::<u64>().is_ok() => Some(stem),
        _ => Some(name),
    }
}

/// Reads up to `length` bytes, fewer at the end of the file; a file that shrank meanwhile is fine.
pub(super) fn read_range(file: &dyn File, offset: u64, length: usize) -> Result<Vec<u8>> {
    for _ in 0..READ_AGAIN_MAX {
        let there = file.len()?.saturating_sub(offset);
        if there == 0 {
            break;
        }
        let mut bytes = vec![0; usize::try_from(there).unwrap_or(usize::MAX).min(length)];
        match file.read_at(&mut bytes, offset) {
            Ok(()) => return Ok(bytes),
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::UnexpectedEof => {
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Vec::new())
}
