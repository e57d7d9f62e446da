//! What only the inside can play: a forked child.

use super::*;
use crate::disk::{ManualClock, MemoryStorage, SeededEntropy};

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
