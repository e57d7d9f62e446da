//! The segment after the active one: prepared ahead of need, from nothing or from one that nobody
//! needs any more.
//!
//! Part of [`super::LogWriter`]; the picture is in [`super::space`]. Keeps crash rules 12 and 14. Cost of
//! preparing: a write of zeros and a sync, seldom paid by a commit.

use super::super::segment_file::{sync_dir, write_zeros};
use super::super::segments::Segment;
use super::LogWriter;
use super::space::{HEADER_BYTES, Space};
use crate::disk::{File, OpenMode, SyncKind};
use crate::error::Result;
use crate::ids::Lsn;
use crate::sync::MutexGuard;
use std::path::Path;
use std::sync::{Arc, PoisonError};

/// A segment file of zeros, synced, under the name `.log.next`.
#[derive(Debug)]
pub(super) struct PreparedSegment {
    pub(super) file: Arc<dyn File>,
    pub(super) file_bytes: u64,
    pub(super) capacity: u64,
}

impl LogWriter {
    pub(super) fn next(&self) -> MutexGuard<'_, Option<PreparedSegment>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The prepared next segment with room for `bytes`, made now if there is none.
    pub(super) fn take_next(
        &self,
        next: &mut Option<PreparedSegment>,
        space: &Space,
        bytes: u64,
    ) -> Result<PreparedSegment> {
        let least = HEADER_BYTES.saturating_add(bytes);
        let mut next = match next.take() {
            Some(next) => next,
            None => {
                // A record that is larger than a segment leaves some room behind it.
                let room = bytes.saturating_add(self.config.segment_bytes_min);
                let capacity = self.next_capacity(space);
                let capacity = if bytes > capacity { room } else { capacity };
                let first = capacity.min(self.config.prepare_bytes) + HEADER_BYTES;
                self.create_next(capacity, first.max(least))?
            }
        };
        if next.file_bytes < least {
            self.prepare(&*next.file, next.file_bytes, least)?;
            next.file_bytes = least;
        }
        next.capacity = next.capacity.max(bytes).max(next.file_bytes - HEADER_BYTES);
        Ok(next)
    }

    /// Four times the active segment, up to the cap: in a load each rotation holds commits up for its
    /// syncs, and a log that stays small stays in small segments all the same.
    pub(super) fn next_capacity(&self, space: &Space) -> u64 {
        let larger = (space.active.header.capacity + HEADER_BYTES).saturating_mul(4);
        let least = self.config.segment_bytes_min;
        let most = self.config.segment_bytes_max.max(least);
        larger.clamp(least, most).saturating_sub(HEADER_BYTES).max(4096)
    }

    fn create_next(&self, capacity: u64, file_bytes: u64) -> Result<PreparedSegment> {
        let path = self.paths.next();
        if self.storage.exists(&path)? {
            self.storage.unlink(&path)?;
        }
        let file = self.storage.open(&path, OpenMode::CreateNew)?;
        self.fill_next(file, capacity, file_bytes)
    }

    /// Makes the empty `.log.next` that long, of zeros, and syncs it; removes it again when that
    /// fails.
    fn fill_next(
        &self,
        file: Arc<dyn File>,
        capacity: u64,
        file_bytes: u64,
    ) -> Result<PreparedSegment> {
        let filled = self.prepare(&*file, 0, file_bytes);
        self.sync_next(file, filled, capacity, file_bytes)
    }

    fn sync_next(
        &self,
        file: Arc<dyn File>,
        filled: Result<()>,
        capacity: u64,
        file_bytes: u64,
    ) -> Result<PreparedSegment> {
        let counters = &self.port.counters;
        match filled.and_then(|()| counters.sync(&*file, SyncKind::Full)) {
            Ok(()) => Ok(PreparedSegment { file, file_bytes, capacity }),
            Err(error) => {
                drop(file);
                self.storage.unlink(&self.paths.next())?;
                Err(error)
            }
        }
    }

    /// Prepares space ahead of need, so that `reserve` seldom has to wait for it; whether there was
    /// something to do. For the background thread.
    ///
    /// # Errors
    /// As [`LogWriter::reserve`].
    pub fn prepare_ahead(&self) -> Result<bool> {
        self.check_sound()?;
        let mut space = self.space();
        let end = self.end_lsn().get();
        let full = space.active.end_of_capacity();
        let prepared = space.prepared_lsn().get();
        let ahead = self.config.prepare_bytes / 2;
        if prepared < full & !7 {
            // Small segments are cheap to extend when it comes to it.
            let used = prepared - space.active.header.start_lsn.get();
            if prepared.saturating_sub(end) >= ahead.min(used / 2) {
                return Ok(false);
            }
            self.extend(&mut space, prepared)?;
            // A rotation that comes before the sync must not have its growth taken for synced.
            let (file, grown) = (Arc::clone(&space.active.file), self.port.grown());
            drop(space);
            self.port.sync_file(&*file, grown).inspect_err(|_| self.poison())?;
            return Ok(true);
        }
        let capacity = space.active.header.capacity;
        let soon = (capacity / 4).max(ahead).min(capacity / 2);
        let capacity = self.next_capacity(&space);
        drop(space);
        if full.saturating_sub(end) > soon {
            return Ok(false);
        }
        self.make_next(capacity)
    }

    /// Makes the segment after the active one, unless there is one; whether it did.
    pub(super) fn make_next(&self, capacity: u64) -> Result<bool> {
        let mut next = self.next();
        if next.is_some() {
            return Ok(false);
        }
        self.check_names()?;
        let first = capacity.min(self.config.prepare_bytes) + HEADER_BYTES;
        *next = Some(self.create_next(capacity, first)?);
        Ok(true)
    }

    /// Removes or recycles segments that end at or below `keep_from` and that no pin needs; how
    /// many. The caller keeps rule 12: never above the older valid meta's position.
    ///
    /// # Errors
    /// `Io`; what was not removed is tried again by the next trim.
    pub fn trim(&self, keep_from: Lsn) -> Result<u64> {
        self.check_sound()?;
        let mut space = self.space();
        self.check_names()?;
        let keep_from = self.pins.lowest().map_or(keep_from, |pinned| pinned.min(keep_from));
        let unneeded = |segment: &Segment| segment.end.is_some_and(|end| end <= keep_from);
        let count = space.older.iter().take_while(|segment| unneeded(segment)).count();
        // Leftovers lie before the oldest segment: until nothing from there on is asked for, they may be
        // sound ones behind which a damaged one breaks the chain.
        let are_old = keep_from >= space.start_lsn();
        let mut unwanted = if are_old { std::mem::take(&mut space.leftovers) } else { Vec::new() };
        let removed: Vec<Segment> = space.older.drain(..count).collect();
        let wanted = HEADER_BYTES + self.next_capacity(&space);
        drop(space);
        // Without the lock: zeroing a large segment takes a while, and commits go on meanwhile.
        let mut next = self.next();
        let mut outcome = Ok(());
        for segment in removed {
            if outcome.is_ok() && next.is_none() && segment.file_bytes >= wanted {
                match self.recycle(&segment.path) {
                    Ok(prepared) => *next = Some(prepared),
                    Err(error) => {
                        outcome = Err(error);
                        unwanted.push(segment.path);
                    }
                }
            } else {
                unwanted.push(segment.path);
            }
        }
        drop(next);
        while let (true, Some(path)) = (outcome.is_ok(), unwanted.first()) {
            outcome = self.remove(path);
            if outcome.is_ok() {
                unwanted.remove(0);
            }
        }
        self.space().leftovers.extend(unwanted);
        outcome?;
        if count > 0 {
            sync_dir(&self.storage, &self.paths, &self.port.counters)?;
        }
        Ok(count as u64)
    }

    fn remove(&self, path: &Path) -> Result<()> {
        if self.storage.exists(path)? { self.storage.unlink(path) } else { Ok(()) }
    }

    /// Makes an old segment the next one: renamed first, so that it is no one's log any more, then
    /// zeroed or emptied, so that what it held can never be taken for a torn tail.
    fn recycle(&self, path: &Path) -> Result<PreparedSegment> {
        let next = self.paths.next();
        self.storage.rename(path, &next)?;
        sync_dir(&self.storage, &self.paths, &self.port.counters)?;
        let file = self.storage.open(&next, OpenMode::ReadWrite)?;
        let file_bytes = file.len()?;
        let capacity = file_bytes.saturating_sub(HEADER_BYTES);
        if self.is_bulk() {
            file.set_len(0)?;
            return self.fill_next(file, capacity, file_bytes);
        }
        let zeroed = write_zeros(&*file, 0, file_bytes, &self.port.counters);
        self.sync_next(file, zeroed, capacity, file_bytes)
    }
}
