//! The file that records go to, and what is counted there.
//!
//! Part of [`super::LogWriter`]: the group's leader writes and syncs through it. Keeps crash rule 18:
//! after the file has grown, the next sync is a full one.

use super::super::group::Device;
use super::super::position::Progress;
use super::super::segment_file::Counters;
use crate::disk::{File, SyncKind};
use crate::error::Result;
use crate::ids::Lsn;
use crate::limits::SEGMENT_HEADER_BYTES;
use crate::sabotage::{self, Switch};
use crate::sync::Mutex;
use std::{
    io::IoSlice,
    sync::{
        Arc, OnceLock, PoisonError,
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
    /// What was announced durable last, and how many bytes that sync made so.
    pub(super) durable: AtomicU64,
    pub(super) synced_at_once: AtomicU64,
}

impl Device for Port {
    fn write(&self, at: Lsn, chunks: &[Vec<u8>]) -> Result<()> {
        let (file, start) = self.current();
        let offset = SEGMENT_HEADER_BYTES as u64 + (at.get() - start.get());
        self.counters.wrote(chunks.iter().map(|chunk| chunk.len() as u64).sum());
        match chunks {
            [one] => file.write_at(one, offset),
            _ => {
                let slices: Vec<_> = chunks.iter().map(|chunk| IoSlice::new(chunk)).collect();
                file.write_vectored_at(&slices, offset)
            }
        }
    }

    fn sync(&self) -> Result<()> {
        if sabotage::on(Switch::SkipLogSync) {
            return Ok(());
        }
        let file = self.current().0;
        let synced = self.sync_file(&*file);
        if synced.is_err() && sabotage::on(Switch::RetrySync) {
            return self.sync_file(&*file);
        }
        synced
    }

    fn announce(&self, progress: Progress) {
        let durable = progress.durable.get();
        let before = self.durable.swap(durable, Ordering::Relaxed);
        if durable > before {
            self.synced_at_once.store(durable - before, Ordering::Relaxed);
        }
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
