//! The files behind the open log: preallocation and rotation; [`super::next`] makes the successors.
//!
//! ```text
//!             create: zeros, sync                  rotate: header, sync, two renames
//!  (nothing) ────────────────────▶ app.ns.log.next ─────────────────────────────────▶ app.ns.log
//!                 zeros again, sync   ▲                                                   │ full
//!                                     │ recycle: rename, sync directory                   ▼ rename
//!                                     └───────────────────────────────────────────── app.ns.log.N
//!                                        trim: no one needs it ─▶ removed
//! ```
//!
//! Part of [`super::LogWriter`]. Keeps crash rules 12, 14 and 18. A segment is full before its
//! successor starts and is synced before that, so only the newest can have a torn tail. Cost: an
//! extension is a write of zeros, or in a bulk load space taken unwritten, and makes the next sync a
//! full one; a rotation is four syncs.

use super::super::paths::LogPaths;
use super::super::position::Position;
use super::super::segment_file::{Counters, count, header_of, sync_dir, write_header, write_zeros};
use super::super::segments::Segment;
use super::next::PreparedSegment;
use super::{Appender, LogConfig, LogWriter};
use crate::disk::{File, OpenMode, Storage, SyncKind};
use crate::error::{Corrupt, Error, Place, Result};
use crate::format::segment::SegmentHeader;
use crate::ids::{FileUuid, Lsn};
use crate::limits::SEGMENT_HEADER_BYTES;
use crate::sabotage::{self, Switch};
use crate::sync::MutexGuard;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, atomic::Ordering};

pub(super) const HEADER_BYTES: u64 = SEGMENT_HEADER_BYTES as u64;
/// Shares of a preallocation step that make a bulk load: a record of 64 KiB, and 512 KiB between two
/// syncs. See `LogWriter::is_bulk`.
const LONG_SHARE: u64 = 64;
const BULK_SHARE: u64 = 8;
/// Steps that a bulk load takes at once: space taken unwritten costs the same however much it is, and waits
/// for the file system's journal each time.
const BULK_STEPS: u64 = 8;
/// A clean close gives preallocated space back when there is more of it than this.
const SLACK_BYTES: u64 = 64 * 1024;

/// The segments of the open log.
#[derive(Debug)]
pub(super) struct Space {
    pub(super) older: Vec<Segment>,
    pub(super) active: Active,
    /// Files of the log's name that are no part of it any more.
    pub(super) leftovers: Vec<PathBuf>,
}

#[derive(Debug)]
pub(super) struct Active {
    pub(super) header: SegmentHeader,
    path: PathBuf,
    pub(super) file: Arc<dyn File>,
    /// Bytes of the file that are allocated and written.
    pub(super) file_bytes: u64,
}

impl Active {
    pub(super) fn end_of_capacity(&self) -> u64 {
        self.header.start_lsn.get().saturating_add(self.header.capacity)
    }
}

impl Space {
    pub(super) fn create(
        storage: &Arc<dyn Storage>,
        paths: &LogPaths,
        uuid: FileUuid,
        generation: u64,
        config: LogConfig,
        start: Position,
        counters: &Counters,
    ) -> Result<Self> {
        let next = paths.next();
        if storage.exists(&next)? {
            storage.unlink(&next)?;
        }
        let capacity = config.segment_bytes_min.saturating_sub(HEADER_BYTES).max(4096);
        let header = header_of(uuid, 1, generation, start.lsn, start.crc, capacity);
        let file = storage.open(&next, OpenMode::CreateNew)?;
        let file_bytes = HEADER_BYTES + capacity;
        write_zeros(&*file, HEADER_BYTES, file_bytes, counters)?;
        write_header(&*file, &header, counters)?;
        counters.sync(&*file, SyncKind::Full)?;
        storage.rename_new(&next, &paths.active())?;
        sync_dir(storage, paths, counters)?;
        let active = Active { header, path: paths.active(), file, file_bytes };
        Ok(Self { older: Vec::new(), active, leftovers: Vec::new() })
    }

    pub(super) fn open(storage: &Arc<dyn Storage>, chain: &super::Chain) -> Result<Self> {
        let Some((newest, older)) = chain.segments().split_last() else {
            let path = chain.paths().active();
            let corrupt = Corrupt::at(Place::File, "LOG-13", "a log beside the database", "none");
            return Err(corrupt.in_file(path).into());
        };
        let file = storage.open(&newest.path, OpenMode::ReadWrite)?;
        let file_bytes = file.len()?.max(HEADER_BYTES);
        let active = Active { header: newest.header, path: newest.path.clone(), file, file_bytes };
        let leftovers = chain.leftovers().to_vec();
        Ok(Self { older: older.to_vec(), active, leftovers })
    }

    pub(super) fn active(&self) -> (Arc<dyn File>, SegmentHeader) {
        (Arc::clone(&self.active.file), self.active.header)
    }

    /// End of the space that records may be written to without another sync of metadata.
    pub(super) fn prepared_lsn(&self) -> Lsn {
        let bytes = self.active.file_bytes.saturating_sub(HEADER_BYTES);
        let end = self.active.header.start_lsn.get().saturating_add(bytes);
        // Records are 8-byte aligned; an odd tail of the file is not used.
        Lsn::new(end.min(self.active.end_of_capacity()) & !7)
    }

    /// The first position there is.
    pub(super) fn start_lsn(&self) -> Lsn {
        self.older.first().map_or(self.active.header, |oldest| oldest.header).start_lsn
    }

    pub(super) fn file_bytes(&self) -> u64 {
        let older: u64 = self.older.iter().map(|segment| segment.file_bytes).sum();
        older + self.active.file_bytes
    }

    pub(super) fn segments(&self) -> Vec<Segment> {
        let mut segments = self.older.clone();
        segments.push(Segment {
            header: self.active.header,
            path: self.active.path.clone(),
            file_bytes: self.active.file_bytes,
            end: None,
        });
        segments
    }
}

impl LogWriter {
    pub(super) fn space(&self) -> MutexGuard<'_, Space> {
        self.space.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes room for `bytes` behind the appender's position.
    pub(super) fn make_room(&self, appender: &mut Appender, bytes: u64) -> Result<()> {
        let Some(needed) = appender.at.checked_add(bytes) else { return Err(Error::OutOfSpace) };
        if needed.get() <= self.prepared.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut space = self.space();
        if needed <= space.prepared_lsn() {
            return Ok(());
        }
        if needed.get() <= space.active.end_of_capacity() {
            self.extend(&mut space, needed.get())
        } else {
            self.rotate(&mut space, appender, bytes)
        }
    }

    /// Whether zeros cost more than they save: records are long, and many go between two syncs.
    ///
    /// Zeros spare a sync the metadata of space that is written for the first time, and a short
    /// write the preparation of its page.
    pub(super) fn is_bulk(&self) -> bool {
        let long = self.config.prepare_bytes / LONG_SHARE;
        if self.last_reserved.load(Ordering::Relaxed) < long {
            return false;
        }
        let (progress, end) = self.group.progress();
        let unsynced = end.get().saturating_sub(progress.durable.get());
        let at_once = self.port.synced_at_once.load(Ordering::Relaxed);
        unsynced.max(at_once) >= self.config.prepare_bytes / BULK_SHARE
    }

    /// Makes the bytes `from..to` behind the end of `file` part of it, as zeros.
    pub(super) fn prepare(&self, file: &dyn File, from: u64, to: u64) -> Result<()> {
        if self.is_bulk() && to > from && file.allocate(from, to)? {
            return Ok(());
        }
        write_zeros(file, from, to, &self.port.counters)
    }

    /// Preallocates the active segment up to `needed` or more. When that fails everything is as it
    /// was. The next sync of the file is a full one, since its length has changed.
    pub(super) fn extend(&self, space: &mut Space, needed: u64) -> Result<()> {
        let active = &mut space.active;
        let full = HEADER_BYTES + active.header.capacity;
        let least = HEADER_BYTES + (needed - active.header.start_lsn.get());
        let target = |step: u64| (active.file_bytes + step).max(least).min(full);
        let step = active.file_bytes.min(self.config.prepare_bytes);
        let bulk = step.saturating_mul(BULK_STEPS);
        let target = match self.is_bulk() {
            // Room for the large step may be missing where there is some for the small one.
            true if matches!(active.file.allocate(active.file_bytes, target(bulk)), Ok(true)) => {
                target(bulk)
            }
            _ => {
                self.prepare(&*active.file, active.file_bytes, target(step))?;
                target(step)
            }
        };
        self.port.grown.fetch_add(1, Ordering::AcqRel);
        active.file_bytes = target;
        self.prepared.store(space.prepared_lsn().get(), Ordering::Release);
        Ok(())
    }

    /// The log's names are ours as long as the active segment has its own: who moves or replaces the files of an
    /// open database puts others there, which may be another process's log. They are left alone.
    pub(super) fn check_names(&self) -> Result<()> {
        let path = self.paths.active();
        let ours = match self.storage.open(&path, OpenMode::Read) {
            Ok(there) => there.identity()? == self.port.current().0.identity()?,
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        if ours {
            return Ok(());
        }
        self.poison();
        let why = io::Error::other("it was moved or replaced while the database was open");
        Err(Error::io("go on in", path, why))
    }

    /// Starts the next segment at the appender's position (rule 14).
    fn rotate(&self, space: &mut Space, appender: &Appender, bytes: u64) -> Result<()> {
        // Held until the file has its own name: who comes late to make or to recycle one must not take it
        // for a leftover.
        let mut next = self.next();
        self.check_names()?;
        let PreparedSegment { file, file_bytes, capacity } =
            self.take_next(&mut next, space, bytes)?;
        let old = space.active.header;
        let counters = &self.port.counters;
        let header = header_of(
            self.uuid,
            old.number + 1,
            self.generation,
            appender.at,
            appender.previous_crc,
            capacity,
        );
        let prepared = write_header(&*file, &header, counters).and_then(|()| {
            let skip = sabotage::on(Switch::RenameBeforeSync);
            if skip { Ok(()) } else { counters.sync(&*file, SyncKind::Full) }
        });
        if let Err(error) = prepared {
            // Nothing names it yet: the log goes on as it was.
            drop(file);
            self.storage.unlink(&self.paths.next())?;
            return Err(error);
        }
        let numbered = self.paths.numbered(old.number);
        self.group.exclusive(&self.port, || {
            self.rename_in(&numbered).inspect_err(|_| self.poison())?;
            let file = self.reopened(file);
            let mut current = self.port.current.lock().unwrap_or_else(PoisonError::into_inner);
            *current = (Arc::clone(&file), header.start_lsn);
            drop(current);
            let path = self.paths.active();
            let active = Active { header, path, file, file_bytes };
            let full = std::mem::replace(&mut space.active, active);
            space.older.push(Segment {
                header: full.header,
                path: numbered,
                file_bytes: full.file_bytes,
                end: Some(header.start_lsn),
            });
            Ok(())
        })?;
        count(&counters.rotations, 1);
        self.prepared.store(space.prepared_lsn().get(), Ordering::Release);
        Ok(())
    }

    /// The two renames of a rotation, each durable before the next step.
    fn rename_in(&self, numbered: &Path) -> Result<()> {
        let counters = &self.port.counters;
        self.storage.rename_new(&self.paths.active(), numbered)?;
        sync_dir(&self.storage, &self.paths, counters)?;
        self.storage.rename_new(&self.paths.next(), &self.paths.active())?;
        sync_dir(&self.storage, &self.paths, counters)
    }

    /// The same file under its new name, so that messages name it; the old handle if that fails.
    fn reopened(&self, file: Arc<dyn File>) -> Arc<dyn File> {
        self.storage.open(&self.paths.active(), OpenMode::ReadWrite).unwrap_or(file)
    }

    /// Syncs everything and gives unused preallocated space back. The log is not used afterwards.
    ///
    /// # Errors
    /// As [`LogWriter::sync_all`].
    pub fn close(&self) -> Result<()> {
        self.sync_all()?;
        let appender = self.appender();
        let mut space = self.space();
        if self.next().take().is_some() {
            self.check_names()?;
            self.storage.unlink(&self.paths.next())?;
        }
        let used = HEADER_BYTES + (appender.at.get() - space.active.header.start_lsn.get());
        let keep = used.next_multiple_of(4096).max(self.config.segment_bytes_min);
        if space.active.file_bytes.saturating_sub(keep) > SLACK_BYTES {
            space.active.file.set_len(keep)?;
            self.port.counters.sync(&*space.active.file, SyncKind::Full)?;
            space.active.file_bytes = keep;
            self.prepared.store(space.prepared_lsn().get(), Ordering::Release);
        }
        Ok(())
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
