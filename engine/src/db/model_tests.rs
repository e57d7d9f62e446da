//! The whole engine in every order of a few steps: commits, readers, a checkpoint, closing.
//!
//! On a storage in memory, with a cache of a few pages. What is modelled is the real code from
//! `Db::begin_write` to the log's group commit; the storage is one step at a time.

use super::*;
use crate::disk::{ManualClock, MemoryStorage, SeededEntropy};
use crate::sync::model_tests::explore;
use loom::thread;

const PATIENT: Duration = Duration::MAX;

/// A database with one state: the row `k` is `0`. Everything that threads share has been used once.
fn database() -> Db {
    let opened = Options::new().cache_bytes(0).background(false).open_on(
        Arc::new(MemoryStorage::new()),
        Arc::new(SeededEntropy::new(1)),
        Arc::new(ManualClock::new()),
        "/d/app.ns",
    );
    let db = opened.expect("a new database");
    assert_eq!(put(&db, "0", Durability::Immediate), 1);
    drop(db.begin_read().expect("open"));
    db
}

fn put(db: &Db, value: &str, durability: Durability) -> u64 {
    let mut w = db.begin_write_timeout(PATIENT).expect("its turn comes");
    w.put(b"k", value).expect("put");
    w.commit_with(durability).expect("commit").get()
}

/// What a reader that begins now reads: its state, and the number in it.
fn read(db: &Db) -> (u64, u64) {
    let r = db.begin_read().expect("open");
    let value = r.get(b"k").expect("readable").expect("always there");
    let number = std::str::from_utf8(&value).expect("digits").parse().expect("a number");
    (r.txn_id().get(), number)
}

fn beside<T: 'static>(db: &Db, act: impl FnOnce(&Db) -> T + 'static) -> thread::JoinHandle<T> {
    let db = db.clone();
    thread::spawn(move || act(&db))
}

#[test]
fn a_reader_beside_a_commit_sees_all_of_it_or_nothing() {
    explore("engine: commit, reader", 1, || {
        let db = database();
        let writer = beside(&db, |db| put(db, "1", Durability::Immediate));
        let (txn_id, number) = read(&db);
        assert_eq!(txn_id, number + 1, "a state and its row");
        assert_eq!(writer.join().unwrap(), 2);
        assert_eq!(read(&db), (2, 1), "a commit that has returned is visible");
    });
}

#[test]
fn two_commits_get_their_ids_in_turn_and_are_visible_on_return() {
    explore("engine: two commits", 1, || {
        let db = database();
        let other = beside(&db, |db| {
            let id = put(db, "1", Durability::Eventual);
            assert!(read(db).0 >= id, "visible on return");
            id
        });
        let id = put(&db, "2", Durability::Immediate);
        assert!(read(&db).0 >= id, "visible on return");
        let mut ids = [id, other.join().unwrap()];
        ids.sort_unstable();
        assert_eq!(ids, [2, 3]);
        let stats = db.stats();
        assert!(stats.durable_txn >= id && stats.latest_txn == 3, "{stats:?}");
    });
}

#[test]
fn a_snapshot_outlives_a_commit_and_a_checkpoint() {
    explore("engine: snapshot, commit and checkpoint", 1, || {
        let db = database();
        let reader = beside(&db, |db| {
            let r = db.begin_read().expect("open");
            let clone = r.clone();
            drop(r);
            let value = clone.get(b"k").expect("its pages stay").expect("there").to_vec();
            let id = clone.txn_id().get();
            assert_eq!(value, (id - 1).to_string().as_bytes());
        });
        put(&db, "1", Durability::Eventual);
        db.checkpoint().expect("checkpoint");
        reader.join().unwrap();
        put(&db, "2", Durability::Eventual);
        assert_eq!(read(&db), (3, 2));
    });
}

#[test]
fn closing_finds_every_reader_or_the_reader_finds_it_closed() {
    explore("engine: close, reader", 2, || {
        let db = database();
        let reader = beside(&db, |db| match db.begin_read() {
            Ok(r) => {
                let found = r.get(b"k").expect("readable").is_some();
                assert!(found && !db.handle.is_closed(), "closed under a reader");
            }
            Err(error) => assert!(matches!(error, Error::InvalidArgument(_)), "{error}"),
        });
        match db.clone().close() {
            Ok(()) => assert!(matches!(db.begin_read(), Err(Error::InvalidArgument(_)))),
            Err(error) => assert!(matches!(error, Error::Busy), "{error}"),
        }
        reader.join().unwrap();
        db.close().expect("nobody reads any more");
    });
}
