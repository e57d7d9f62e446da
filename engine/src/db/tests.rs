//! What only the inside can play: a forked child, a checkpoint that comes too late, a busy meta.

mod one_lock;

use super::*;
use crate::db::chains::Chains;
use crate::disk::{ManualClock, MemoryStorage, SeededEntropy};
use crate::format::meta::Meta;
use crate::ids::{PageId, Pointer};
use crate::pager::{Config, Pager};
use crate::txn::snapshot::Snapshot;
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

/// Between the proof of an idle writer's last commit and its checkpoint the background thread slept for a
/// quarter of a minute, whatever was committed: it was neither synced nor proven, so that a power cut took it
/// and readers of other processes did not see it.
#[test]
fn commits_after_an_idle_while_are_synced_and_proven_in_time() {
    let db = Options::new().cache_bytes(0).open_in_memory().unwrap();
    let records = || db.stats().commits + proofs(&db);
    for round in 1..=2 {
        let mut w = db.begin_write().unwrap();
        w.put(b"a", [round]).unwrap();
        w.commit_with(Durability::Eventual).unwrap();
        let start = Instant::now();
        while db.stats().durable_txn < round.into() || records() < u64::from(2 * round) {
            assert!(start.elapsed() < Duration::from_secs(6), "commit {round} waits for nobody");
            std::thread::sleep(Duration::from_millis(5));
        }
        // The thread looks once more, and goes to sleep.
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Records in the log that are no commits.
fn proofs(db: &Db) -> u64 {
    let records = db.handle.log().unwrap().counters().records;
    records - db.stats().commits
}

/// A checkpoint whose rows of history need more pages than the cache has frames found none, and poisoned the handle.
#[test]
fn a_checkpoint_stores_more_history_than_the_cache_holds() {
    let db = open(&MemoryStorage::new()).unwrap();
    db.begin_write().unwrap().abort();
    let root = |page| Pointer { page: PageId::new(page), birth: TxnId::new(1), nonce: 7 };
    let state = |txn_id| Snapshot {
        txn_id: TxnId::new(txn_id),
        root: root(2 + txn_id % 7),
        depth: 1,
        key_count: 1,
        ..Snapshot::default()
    };
    let history: Vec<Snapshot> = (1..=100_000).map(state).collect();
    let pager = &db.handle.pager;
    let newest = TxnId::new(200_000);
    let mut free_space = pager.free_space(TxnId::GENESIS);
    let mut edit = pager.edit(newest);
    let rows =
        Chains { free_space: &mut free_space, history: &history, retired: &[], with_bitmap: true };
    let written = chains::write(&mut edit, rows).expect("written out as they come");
    edit.finish();
    let mut write_back = pager.begin_write_back(newest);
    while !pager.write_back_step(&mut write_back, 256).unwrap().done {}
    let stored = db.shared.metas().current().meta;
    let page_count = free_space.page_count;
    let meta = Meta { txn_id: newest, history: written.history, page_count, ..stored };
    let fresh = Pager::new(Config {
        file: Arc::clone(&db.shared.file),
        uuid: db.uuid(),
        cache_bytes: 0,
        page_count,
        entropy: Arc::new(SeededEntropy::new(2)),
        cells_max: None,
    });
    let (read, pages) = chains::read_history(&fresh, &meta).unwrap();
    assert_eq!((read == history, pages.len()), (true, 100_000_usize.div_ceil(291)));
}

/// What the pool is told to hold agrees with what it counts, whoever is at work.
#[test]
fn the_pool_can_be_asked_page_by_page() {
    let storage = MemoryStorage::new();
    let db = open(&storage).unwrap();
    let agreed = || {
        let (pool, stats) = (db.pool(), db.stats());
        assert!(pool.is_sorted_by(|a, b| a.page < b.page), "in page order, each once");
        let unclean = pool.iter().filter(|page| page.state != PooledState::Clean).count() as u64;
        assert_eq!((pool.len() as u64, unclean), (stats.cache_resident, stats.cache_dirty));
        pool
    };
    let of = |state: PooledState| agreed().iter().filter(|page| page.state == state).count();
    let mut w = db.begin_write().unwrap();
    for key in 0..500u32 {
        w.put(key.to_be_bytes(), [7u8; 100]).unwrap();
    }
    assert!(w.get(7u32.to_be_bytes()).unwrap().is_some(), "a look puts what waits into the tree");
    assert!(of(PooledState::Private) > 2 && of(PooledState::Dirty) == 0, "{:?}", agreed());
    let txn_id = w.commit().unwrap();
    assert!(of(PooledState::Private) == 0 && of(PooledState::Dirty) > 2, "{:?}", agreed());
    assert!(agreed().iter().all(|page| page.birth == txn_id && page.pins == 0 && page.hot));

    db.checkpoint().unwrap();
    assert_eq!(of(PooledState::Dirty), 0);
    let reader = db.begin_read().unwrap();
    let value = reader.get(7u32.to_be_bytes()).unwrap();
    let pinned = || agreed().iter().filter(|page| page.pins > 0).count();
    assert_eq!(pinned(), 1, "the leaf of the value that is kept");
    drop(value);
    assert_eq!(pinned(), 0);
}

/// In a pool that is too small eviction tells hot from cold.
#[test]
fn pages_that_nobody_looked_at_again_are_cold() {
    let storage = MemoryStorage::new();
    let db = open(&storage).unwrap();
    let mut w = db.begin_write().unwrap();
    for key in 0..20_000u32 {
        w.put(key.to_be_bytes(), [7u8; 100]).unwrap();
    }
    w.commit().unwrap();
    db.checkpoint().unwrap();
    let reader = db.begin_read().unwrap();
    assert_eq!(reader.iter().unwrap().count(), 20_000);
    let (pool, stats) = (db.pool(), db.stats());
    assert_eq!(pool.len() as u64, stats.cache_resident);
    assert!(stats.cache_evictions > 0, "the tree is larger than the pool");
    let hot = pool.iter().filter(|page| page.hot).count();
    assert!(hot > 0 && hot < pool.len(), "{hot} of {} are hot", pool.len());
}
