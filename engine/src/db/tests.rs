//! What only the inside can play: a forked child, a checkpoint that comes too late, a busy meta.

use super::*;
use crate::disk::{ManualClock, MemoryStorage, SeededEntropy};
use std::time::Instant;

fn open(storage: &MemoryStorage) -> Result<Db> {
    Options::new().cache_bytes(0).background(false).open_on(
        Arc::new(storage.clone()),
        Arc::new(SeededEntropy::new(1)),
        Arc::new(ManualClock::new()),
        "/d/app.ns",
    )
}

#[test]
fn a_forked_child_reads_and_neither_writes_nor_unlocks() {
    let storage = MemoryStorage::new();
    let db = open(&storage).unwrap();
    let mut w = db.begin_write().unwrap();
    w.put(b"a", b"1").unwrap();
    w.commit().unwrap();
    let mut inherited = db.begin_write().unwrap();
    inherited.put(b"b", b"2").unwrap();
    db.handle.core.pretend_to_be_forked();

    assert!(db.begin_read().unwrap().get(b"a").unwrap().is_some(), "reading works");
    let refused = [
        db.begin_write().err(),
        inherited.commit().err(),
        db.sync().err(),
        db.checkpoint().err(),
        db.compact().err(),
    ];
    for (index, error) in refused.into_iter().enumerate() {
        assert!(matches!(error, Some(Error::InvalidArgument(_))), "call {index}: {error:?}");
    }
    db.clone().close().unwrap();
    drop(db);
    // The parent's lock is still there, and its file is as it was: nothing was checkpointed.
    assert!(matches!(open(&storage), Err(Error::Locked { .. })));
}

/// A checkpoint that waited for one of a closing handle wrote its meta after the lock was let go, when
/// the file may be another process's.
#[test]
fn a_checkpoint_that_comes_after_closing_writes_nothing() {
    let storage = MemoryStorage::new();
    let db = open(&storage).unwrap();
    let mut w = db.begin_write().unwrap();
    w.put(b"a", b"1").unwrap();
    w.commit().unwrap();
    let late = Arc::clone(&db.shared);
    db.close().unwrap();
    let meta_writes = || late.core.counters.meta_writes.load(std::sync::atomic::Ordering::Relaxed);
    let before = meta_writes();
    assert!(matches!(late.checkpoint_now(), Err(Error::InvalidArgument(_))));
    assert!(matches!(late.checkpoint_if_needed(), Err(Error::InvalidArgument(_))));
    assert_eq!(meta_writes(), before);
}

/// The background thread used to wait for whoever makes a checkpoint or verifies, and Eventual commits
/// waited with it.
#[test]
fn eventual_commits_are_synced_while_somebody_holds_the_metas() {
    let db = Options::new().cache_bytes(0).open_in_memory().unwrap();
    db.begin_write().unwrap().abort();
    let metas = db.shared.metas();
    let mut w = db.begin_write().unwrap();
    w.put(b"a", b"1").unwrap();
    w.commit_with(Durability::Eventual).unwrap();
    let start = Instant::now();
    while db.stats().durable_txn < 1 {
        assert!(start.elapsed() < Duration::from_secs(20), "nobody syncs");
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(metas);
}
