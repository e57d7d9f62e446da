//! The file that records go to, and what is counted there.
//!
//! Part of [`super::LogWriter`]: the group's leader writes and syncs through it. Keeps crash rule 18:
//! after the file has grown, the next sync is a full one.

use super::super::group::Device;
use super::super::segments::LogPaths;
use super::Progress;
use crate::disk::{File, Storage, SyncKind};
use crate::error::Result;
use crate::ids::Lsn;
use crate::limits::SEGMENT_HEADER_BYTES;
use crate::sabotage::{self, Switch};
use std::{
    io::IoSlice,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// The file that records go to: what the group's leader drives.
pub(super) struct Port {
    pub(super) current: Mutex<(Arc<dyn File>, Lsn)>,
    pub(super) hook: OnceLock<Box<dyn Fn(Progress) + Send + Sync>>,
    pub(super) counters: Counters,
    /// How often the file has grown, and how many of these a full sync has covered.
    pub(super) grown: AtomicU64,
    pub(super) grown_synced: AtomicU64,
}

#[derive(Debug, Default)]
pub(in crate::log) struct Counters {
    pub(super) syncs: AtomicU64,
    pub(super) dir_syncs: AtomicU64,
    pub(super) writes: AtomicU64,
    pub(super) bytes_written: AtomicU64,
    pub(super) record_bytes: AtomicU64,
    pub(super) records: AtomicU64,
    pub(super) rotations: AtomicU64,
}

/// Makes creations and renames of the log's files durable.
pub(in crate::log) fn sync_dir(
    storage: &Arc<dyn Storage>,
    paths: &LogPaths,
    counters: &Counters,
) -> Result<()> {
    if sabotage::on(Switch::SkipDirSync) {
        return Ok(());
    }
    count(&counters.dir_syncs, 1);
    storage.sync_dir(&paths.directory())
}

pub(super) fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

impl Counters {
    pub(in crate::log) fn wrote(&self, bytes: u64) {
        count(&self.writes, 1);
        count(&self.bytes_written, bytes);
    }

    pub(in crate::log) fn sync(&self, file: &dyn File, kind: SyncKind) -> Result<()> {
        count(&self.syncs, 1);
        file.sync(kind)
    }
}

impl Device for Port {
    fn write(&self, at: Lsn, chunks: &[Vec<u8>]) -> Result<()> {
        let (file, start) = self.current();
        let offset = SEGMENT_HEADER_BYTES as u64 + (at.get() - start.get());
        let slices: Vec<IoSlice<'_>> = chunks.iter().map(|chunk| IoSlice::new(chunk)).collect();
        self.counters.wrote(chunks.iter().map(|chunk| chunk.len() as u64).sum());
        match chunks {
            [one] => file.write_at(one, offset),
            _ => file.write_vectored_at(&slices, offset),
        }
    }

    fn sync(&self) -> Result<()> {
        if sabotage::on(Switch::SkipLogSync) {
            return Ok(());
        }
        self.sync_file(&*self.current().0)
    }

    fn announce(&self, progress: Progress) {
        if let Some(hook) = self.hook.get() {
            hook(progress);
        }
    }
}

impl Port {
    /// Syncs the data, and the length too when it has changed since the last time.
    pub(super) fn sync_file(&self, file: &dyn File) -> Result<()> {
        let grown = self.grown.load(Ordering::Acquire);
        let covered = self.grown_synced.load(Ordering::Acquire) >= grown;
        let kind = if covered { SyncKind::Data } else { SyncKind::Full };
        self.counters.sync(file, kind)?;
        self.grown_synced.fetch_max(grown, Ordering::AcqRel);
        Ok(())
    }

    fn current(&self) -> (Arc<dyn File>, Lsn) {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
