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
        let grown = self.grown();
        let synced = self.sync_file(&*file, grown);
        if synced.is_err() && sabotage::on(Switch::RetrySync) {
            return self.sync_file(&*file, grown);
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
    /// How often the file has grown.
    pub(super) fn grown(&self) -> u64 {
        self.grown.load(Ordering::Acquire)
    }

    /// Syncs the data, and the length too when it has changed since the last time. `grown` was asked
    /// while `file` was the one that records go to: growth of its successor is not covered by its sync.
    pub(super) fn sync_file(&self, file: &dyn File, grown: u64) -> Result<()> {
        let covered = self.grown_synced.load(Ordering::Acquire) >= grown;
        let kind = if covered { SyncKind::Data } else { SyncKind::Full };
        self.counters.sync(file, kind)?;
        self.grown_synced.fetch_max(grown, Ordering::AcqRel);
        Ok(())
    }

    pub(super) fn current(&self) -> (Arc<dyn File>, Lsn) {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{OpenMode, Storage};
    use crate::sim::{Action, SimDisk};
    use std::path::Path;

    /// The background thread extends a segment, and comes to sync it only when the writer has gone to the
    /// next one and extended that: the next commit's sync covers the new length all the same.
    #[test]
    fn the_sync_of_an_older_segment_covers_no_growth_of_its_successor() {
        let disk = SimDisk::new();
        let make = |name| disk.open(Path::new(name), OpenMode::CreateNew).expect("a file");
        let (old, new) = (make("/log.1"), make("/log"));
        let port = Port {
            current: Mutex::new((Arc::clone(&old), Lsn::new(0))),
            hook: OnceLock::new(),
            counters: Counters::default(),
            grown: AtomicU64::new(1),
            grown_synced: AtomicU64::new(0),
            durable: AtomicU64::new(0),
            synced_at_once: AtomicU64::new(0),
        };
        let grown = port.grown();
        *port.current.lock().expect("no panic") = (Arc::clone(&new), Lsn::new(4096));
        port.grown.fetch_add(1, Ordering::AcqRel);
        port.sync_file(&*old, grown).expect("a healthy disk");
        port.sync().expect("a healthy disk");
        let trace = disk.trace();
        let last = trace.ops().last().map(|op| &op.action);
        let full = matches!(last, Some(Action::Sync { kind: SyncKind::Full, .. }));
        assert!(full, "{last:?}");
    }
}
