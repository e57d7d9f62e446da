//! Group commit: nothing is acknowledged that is not durable, and syncs are shared.

use crate::disk::entropy::SeededEntropy;
use crate::disk::{File, LockRange, OpenMode, Storage, SyncKind};
use crate::error::Result;
use crate::ids::TxnId;
use crate::ids::{Lsn, Pointer};
use crate::log::builder::{CommitInfo, RecordBuilder};
use crate::log::position::Position;
use crate::log::testing::{SMALL, UUID, discover, memory, paths};
use crate::log::{LogConfig, LogWriter, Transactions};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// A storage whose syncs take long enough for others to queue behind them.
#[derive(Debug)]
struct Slow(Arc<dyn Storage>);

#[derive(Debug)]
struct SlowFile(Arc<dyn File>);

impl Storage for Slow {
    fn open(&self, path: &Path, mode: OpenMode) -> Result<Arc<dyn File>> {
        Ok(Arc::new(SlowFile(self.0.open(path, mode)?)))
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

impl File for SlowFile {
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
        for _ in 0..200 {
            std::thread::yield_now();
        }
        self.0.sync(kind)
    }
    fn try_lock(&self, range: LockRange, exclusive: bool) -> Result<bool> {
        self.0.try_lock(range, exclusive)
    }
    fn unlock(&self, range: LockRange) -> Result<()> {
        self.0.unlock(range)
    }
    fn foreign_readers(&self) -> Result<Option<Vec<u64>>> {
        self.0.foreign_readers()
    }
    fn identity(&self) -> Result<(u64, u64)> {
        self.0.identity()
    }
    fn still_named(&self) -> Result<bool> {
        self.0.still_named()
    }
}

/// Commits from many threads, every third one only written; gives commits and syncs.
fn run(config: LogConfig, threads: u64, each: u64) -> (u64, u64) {
    let storage: Arc<dyn Storage> = Arc::new(Slow(memory()));
    let entropy = SeededEntropy::new(1);
    let log = LogWriter::create(
        Arc::clone(&storage),
        paths(),
        UUID,
        &entropy,
        config,
        Position::default(),
    );
    let log = Arc::new(log.expect("created"));
    let published = Arc::new(AtomicU64::new(0));
    let hook = Arc::clone(&published);
    log.on_progress(Box::new(move |progress| {
        let before = hook.swap(progress.durable.get(), Ordering::SeqCst);
        assert!(before <= progress.durable.get(), "progress never goes back");
        assert!(progress.durable <= progress.written);
    }));
    let gate = Mutex::new(0);
    let before = log.counters().syncs;
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (log, gate, published) = (&log, &gate, &published);
            scope.spawn(move || {
                for index in 0..each {
                    let mut txn = gate.lock().expect("no panic");
                    let mut builder = RecordBuilder::new(TxnId::new(*txn + 1));
                    let key = [thread as u8, index as u8];
                    builder.put(log, &key, &[0; 100]).expect("added");
                    builder.reserve(log).expect("reserved");
                    let info = CommitInfo { root: Pointer::NULL, depth: 1, key_count: 0, flags: 0 };
                    let appended = builder.commit(log, info).expect("appended");
                    *txn += 1;
                    drop(txn);
                    if index % 3 == 2 {
                        log.wait_written(appended.end_lsn).expect("written");
                        assert!(log.progress().written >= appended.end_lsn);
                    } else {
                        log.wait_durable(appended.end_lsn).expect("durable");
                        assert!(Lsn::new(published.load(Ordering::SeqCst)) >= appended.end_lsn);
                    }
                }
            });
        }
    });
    log.sync_all().expect("synced");
    let mut transactions = Transactions::of(discover(&storage).expect("a chain")).expect("one");
    let mut found = 0;
    while transactions.next().expect("sound").is_some() {
        found += 1;
    }
    assert_eq!(found, threads * each, "every acknowledged record is there");
    (found, log.counters().syncs - before)
}

#[test]
fn many_threads_share_syncs_and_lose_nothing() {
    let (commits, syncs) = run(LogConfig::default(), 8, 60);
    assert!(syncs < commits, "{syncs} syncs for {commits} commits");
}

#[test]
fn rotations_under_load_lose_nothing() {
    let (commits, _) = run(SMALL, 6, 50);
    assert_eq!(commits, 300);
}
