//! Care of a database: checkpoints, backups, compaction, verification, counters, the observer.

use crate::support::{Place, latest, put, rows};
use northstar_engine::{Db, Durability, Event, History, LogRetention, Observer, Options, TxnId};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

fn fill(db: &Db, from: u32, to: u32, byte: u8) {
    let mut w = db.begin_write().unwrap();
    for n in from..to {
        w.put(n.to_be_bytes(), vec![byte; 200]).unwrap();
    }
    w.commit().unwrap();
}

#[test]
fn a_checkpoint_stores_the_state_and_an_idle_one_does_nothing() {
    let place = Place::new();
    let db = place.open_with(Options::new().background(false));
    fill(&db, 0, 3000, 1);
    assert_eq!(db.stats().checkpoint_txn, 0);
    db.checkpoint().unwrap();
    assert_eq!((db.stats().checkpoint_txn, db.stats().checkpoints), (1, 1));
    db.checkpoint().unwrap(); // So that the older slot stores it too.
    let before = place.fingerprint();
    let writes = db.stats().data_writes;
    db.checkpoint().unwrap();
    assert_eq!(db.stats().data_writes, writes, "nothing to do");
    assert_eq!(place.fingerprint(), before);
}

#[test]
fn a_checkpoint_includes_eventual_commits_and_makes_them_durable() {
    let place = Place::new();
    let db = place.open_with(Options::new().background(false).durability(Durability::Eventual));
    fill(&db, 0, 100, 1);
    db.checkpoint().unwrap();
    let stats = db.stats();
    assert_eq!((stats.durable_txn, stats.checkpoint_txn), (1, 1));
}

#[test]
fn checkpoints_go_on_beside_a_writer_and_do_not_see_it() {
    let place = Place::new();
    let copy = Place::new();
    let db = place.open_with(Options::new().background(false).history(History::Last(2)));
    fill(&db, 0, 2000, 1);
    let mut w = db.begin_write().unwrap();
    for n in 1000..4000_u32 {
        w.put(n.to_be_bytes(), vec![2; 300]).unwrap();
    }
    db.checkpoint().unwrap();
    for (name, bytes) in place.bytes() {
        std::fs::write(copy.file(&name), bytes).unwrap();
    }
    w.commit().unwrap();
    db.checkpoint().unwrap();
    db.checkpoint().unwrap();
    assert!(db.verify().unwrap().problems.is_empty(), "{:?}", db.verify().unwrap().problems);
    let crashed = copy.open_with(Options::new().background(false));
    assert_eq!(crashed.begin_read().unwrap().txn_id(), TxnId::new(1));
    assert_eq!(crashed.begin_read().unwrap().len(), 2000);
    assert!(crashed.verify().unwrap().problems.is_empty(), "the open writer left no trace");
}

#[test]
fn log_retention_trims_what_recovery_does_not_need() {
    let log_bytes = |retention: LogRetention| {
        let place = Place::new();
        let db = place.open_with(Options::new().background(false).log_retention(retention));
        for round in 0..30 {
            fill(&db, 0, 1000, round);
            if round % 5 == 4 {
                db.checkpoint().unwrap();
            }
        }
        db.checkpoint().unwrap();
        let commits = db.commits(TxnId::new(1)..).map(|commits| commits.count());
        let bytes = db.stats().log_bytes;
        db.close().unwrap();
        assert_eq!(place.open().begin_read().unwrap().len(), 1000, "{retention:?}");
        (bytes, commits)
    };
    let (all, commits) = log_bytes(LogRetention::All);
    assert_eq!(commits.unwrap(), 30, "everything is kept");
    assert!(all > 6_000_000, "30 times 1000 rows of 200 bytes: {all}");
    let (some, _) = log_bytes(LogRetention::Bytes(2_000_000));
    let (least, commits) = log_bytes(LogRetention::Recovery);
    assert!(least <= some && some < all, "{least}, {some}, {all}");
    assert!(commits.is_err(), "the first commits are gone");
}

#[test]
fn a_backup_is_the_latest_state_while_a_writer_goes_on() {
    let place = Place::new();
    let db = place.open_with(Options::new().history(History::Last(3)));
    fill(&db, 0, 3000, 1);
    let mut w = db.begin_write().unwrap();
    w.put(b"big", vec![9; 100_000]).unwrap();
    w.commit().unwrap();
    let mut open = db.begin_write().unwrap();
    open.put(b"not yet", b"").unwrap();
    db.backup(place.file("copy.ns")).unwrap();
    open.commit().unwrap();
    let copy = Options::new().open(place.file("copy.ns")).unwrap();
    let r = copy.begin_read().unwrap();
    assert_eq!((r.txn_id(), r.len()), (TxnId::new(2), 3001));
    assert_eq!(rows(&r), rows(&db.begin_read_at(TxnId::new(2)).unwrap()));
    assert_eq!(copy.uuid(), db.uuid());
    assert!(copy.verify().unwrap().problems.is_empty());
    drop(r);
    put(&copy, &[("life of", "its own")]);
    copy.close().unwrap();
    let copy = Options::new().open(place.file("copy.ns")).unwrap();
    assert_eq!(copy.begin_read().unwrap().len(), 3002);
    assert!(copy.verify().unwrap().problems.is_empty());
}

#[test]
fn a_backup_needs_no_log_to_be_read() {
    let place = Place::new();
    let db = place.open();
    put(&db, &[("a", "1")]);
    db.backup(place.file("copy.ns")).unwrap();
    let copy = Options::new().read_only(true).open(place.file("copy.ns")).unwrap();
    assert_eq!(latest(&copy), ["a=1"]);
    assert!(!place.file("copy.ns.log").exists());
}

#[test]
fn a_backup_of_an_empty_database() {
    let place = Place::new();
    place.open().backup(place.file("copy.ns")).unwrap();
    let copy = Options::new().open(place.file("copy.ns")).unwrap();
    assert!(copy.begin_read().unwrap().is_empty());
    put(&copy, &[("a", "1")]);
}

#[test]
fn compact_shrinks_the_file_and_changes_no_row() {
    let place = Place::new();
    let db = place.open_with(Options::new().background(false));
    fill(&db, 0, 20_000, 1);
    db.checkpoint().unwrap();
    let mut w = db.begin_write().unwrap();
    assert_eq!(w.del_range(100_u32.to_be_bytes()..19_000_u32.to_be_bytes()).unwrap(), 18_900);
    w.commit().unwrap();
    let before = rows(&db.begin_read().unwrap());
    let report = db.compact().unwrap();
    assert!(report.bytes_after * 4 < report.bytes_before, "{report:?}");
    assert_eq!(std::fs::metadata(place.path()).unwrap().len(), report.bytes_after);
    assert_eq!(rows(&db.begin_read().unwrap()), before);
    assert!(db.verify().unwrap().problems.is_empty(), "{:?}", db.verify().unwrap().problems);
    let again = db.compact().unwrap();
    assert_eq!(again.bytes_after, report.bytes_after, "there is nothing left to do");
    db.close().unwrap();
    let db = place.open();
    assert_eq!(rows(&db.begin_read().unwrap()), before);
    assert!(db.verify().unwrap().problems.is_empty());
}

#[test]
fn relocations_are_states_of_their_own_that_change_nothing() {
    let place = Place::new();
    let db = place.open_with(Options::new().background(false).history(History::Last(2)));
    fill(&db, 0, 4000, 1);
    fill(&db, 0, 4000, 2);
    let mut w = db.begin_write().unwrap();
    w.del_range(0_u32.to_be_bytes()..3900_u32.to_be_bytes()).unwrap();
    let third = w.commit().unwrap();
    let before = rows(&db.begin_read().unwrap());
    let report = db.compact().unwrap();
    let latest_id = db.begin_read().unwrap().txn_id();
    if report.pages_moved > 0 {
        assert!(latest_id > third, "a relocation has an id");
        for id in third.get()..=latest_id.get() {
            assert_eq!(rows(&db.begin_read_at(TxnId::new(id)).unwrap()), before, "state {id}");
        }
        assert_eq!(db.diff(third, latest_id).unwrap().count(), 0);
        let moves: Vec<_> = db.commits(third.next()..).unwrap().map(Result::unwrap).collect();
        assert!(moves.iter().all(|commit| commit.relocate && commit.ops.is_empty()));
    }
    assert_eq!(db.begin_read_at(TxnId::new(1)).unwrap().len(), 4000, "Last(2) still counts states");
    db.close().unwrap();
    let db = place.open();
    assert_eq!(db.begin_read().unwrap().txn_id(), latest_id);
    assert_eq!(rows(&db.begin_read_at(third).unwrap()), before);
    assert!(db.verify().unwrap().problems.is_empty());
}

/// Rows in random order, as many a commit, each under a key that no other has.
fn fill_at_random(db: &Db, rows: u32) {
    for batch in 0..rows.div_ceil(500) {
        let mut w = db.begin_write().unwrap();
        for n in batch * 500..(batch * 500 + 500).min(rows) {
            let scattered = n.wrapping_mul(0x9e37_79b1); // Odd: no two are the same.
            w.put(scattered.to_be_bytes(), vec![n as u8; 200]).unwrap();
        }
        w.commit().unwrap();
    }
}

#[test]
fn compact_packs_leaves_that_random_insertion_left_half_full() {
    let place = Place::new();
    let db = place.open_with(Options::new().background(false));
    fill_at_random(&db, 40_000);
    let before = latest(&db);
    let report = db.compact().unwrap();
    let pages = report.bytes_after / 16_384;
    assert!(report.leaves_saved > pages / 5, "{report:?}");
    let user_bytes = 40_000 * 204;
    assert!(report.bytes_after * 100 < user_bytes * 118, "{report:?}: at most 1.18 of the rows");
    assert_eq!(latest(&db), before);
    assert!(db.verify().unwrap().is_clean());
    let again = db.compact().unwrap();
    assert_eq!((again.leaves_saved, again.bytes_after), (0, report.bytes_after), "it is packed");
    db.close().unwrap();
    let db = place.open();
    assert_eq!(latest(&db), before);
    assert!(db.verify().unwrap().is_clean());
}

#[test]
fn compact_packs_little_while_a_reader_keeps_the_old_pages() {
    let place = Place::new();
    let db = place.open_with(Options::new().background(false));
    fill_at_random(&db, 100_000);
    db.checkpoint().unwrap();
    let reader = db.begin_read().unwrap();
    let (len, before) = (reader.len(), std::fs::metadata(place.path()).unwrap().len());
    let report = db.compact().unwrap();
    assert!(report.bytes_after <= before + (600 << 14), "no more than one commit: {report:?}");
    assert_eq!(reader.iter().unwrap().count() as u64, len);
    drop(reader);
    let report = db.compact().unwrap();
    assert!(report.bytes_after * 5 < before * 4, "{report:?}");
    assert!(db.verify().unwrap().is_clean());
}

/// A commit that moves pages moves more of them than the smallest cache has frames: it ended with
/// `Busy`.
#[test]
fn compact_moves_more_pages_than_the_cache_holds() {
    let place = Place::new();
    let options = Options::new().background(false).cache_bytes(0);
    let db = options.open(place.path()).unwrap();
    for batch in 0..30 {
        fill(&db, batch * 2000, (batch + 1) * 2000, 1);
    }
    let mut w = db.begin_write().unwrap();
    w.del_range(0_u32.to_be_bytes()..30_000_u32.to_be_bytes()).unwrap();
    w.commit().unwrap();
    let before = latest(&db);
    let report = db.compact().unwrap();
    assert!(report.pages_moved > 320, "{report:?}");
    assert!(report.bytes_after < report.bytes_before * 2 / 3, "{report:?}");
    assert_eq!(latest(&db), before);
    assert!(db.verify().unwrap().is_clean());
}

#[test]
fn compact_goes_on_beside_a_committing_thread() {
    let place = Place::new();
    let db = place.open();
    fill(&db, 0, 10_000, 1);
    let mut w = db.begin_write().unwrap();
    w.del_range(0_u32.to_be_bytes()..9_000_u32.to_be_bytes()).unwrap();
    w.commit().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (db, stop) = (db.clone(), Arc::clone(&stop));
        std::thread::spawn(move || {
            let mut commits = 0_u32;
            while !stop.load(Ordering::Relaxed) {
                let mut w = db.begin_write().expect("never turned away because of a compact");
                w.put((100_000 + commits % 50).to_be_bytes(), commits.to_be_bytes()).unwrap();
                w.commit_with(Durability::Eventual).unwrap();
                commits += 1;
            }
            commits
        })
    };
    db.compact().unwrap();
    stop.store(true, Ordering::Relaxed);
    let commits = writer.join().unwrap();
    assert_eq!(db.begin_read().unwrap().len(), 1000 + u64::from(commits.min(50)));
    assert!(db.verify().unwrap().problems.is_empty());
}

#[test]
fn verify_counts_and_finds_a_damaged_page() {
    let place = Place::new();
    let db = place.open_with(Options::new().background(false));
    fill(&db, 0, 5000, 1);
    let report = db.verify().unwrap();
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    assert_eq!(report.rows, 5000);
    assert!(report.pages > 60 && report.log_records >= 1, "{report:?}");
    db.close().unwrap();
    let mut bytes = std::fs::read(place.path()).unwrap();
    let pages = bytes.len() / 16_384;
    let middle = (pages / 2) * 16_384 + 9_000;
    bytes[middle] ^= 0x20;
    std::fs::write(place.path(), bytes).unwrap();
    let db = place.open_with(Options::new().read_only(true));
    let report = db.verify().unwrap();
    assert!(!report.is_clean(), "a flipped bit in the middle of page {}", pages / 2);
}

#[derive(Debug, Default)]
struct Listener(Mutex<Vec<Event>>);

impl Observer for Listener {
    fn event(&self, event: &Event) {
        self.0.lock().unwrap().push(*event);
    }
}

#[test]
fn an_observer_is_told_what_happens_in_order() {
    let listener = Arc::new(Listener::default());
    let options =
        Options::new().background(false).observer(Arc::clone(&listener) as Arc<dyn Observer>);
    let db = options.open_in_memory().unwrap();
    put(&db, &[("a", "1")]);
    db.begin_write().unwrap().abort();
    db.checkpoint().unwrap();
    let told: Vec<String> = listener
        .0
        .lock()
        .unwrap()
        .iter()
        .map(|event| {
            let json = serde_json::to_value(event).unwrap();
            let text = |key: &str| json[key].as_str().map(str::to_owned);
            let step = json["step"]["step"].as_str().map(str::to_owned);
            step.or_else(|| text("event")).unwrap()
        })
        .collect();
    let expected = [
        "write_begun",
        "chained",
        "published",
        "settled",
        "pool",
        "write_begun",
        "write_aborted",
        "reserved",
        "pages_written",
        "data_synced",
        "meta_written",
        "meta_synced",
        "trimmed",
        "pool",
    ];
    let mut rest = told.iter();
    for wanted in expected {
        assert!(rest.any(|event| event == wanted), "{wanted} in {told:?}");
    }
}

#[test]
fn counters_count() {
    let place = Place::new();
    let db = place.open_with(Options::new().background(false));
    let zero = db.stats();
    assert_eq!((zero.commits, zero.readers, zero.key_count), (0, 0, 0));
    fill(&db, 0, 2000, 1);
    let reader = db.begin_read().unwrap();
    db.begin_write().unwrap().abort();
    db.checkpoint().unwrap();
    let stats = db.stats();
    assert_eq!((stats.commits, stats.aborts, stats.checkpoints, stats.readers), (1, 1, 1, 1));
    assert_eq!((stats.latest_txn, stats.durable_txn, stats.checkpoint_txn), (1, 1, 1));
    assert_eq!(stats.key_count, 2000);
    assert!(stats.page_count > 25 && stats.data_bytes_written >= 25 * 16_384, "{stats:?}");
    assert!(stats.log_bytes > 400_000 && stats.log_bytes_written > 400_000, "{stats:?}");
    assert!(stats.meta_writes >= 1 && stats.data_syncs >= 2, "{stats:?}");
    drop(reader);
    assert_eq!(db.stats().readers, 0);
    let json = serde_json::to_value(db.stats()).unwrap();
    assert_eq!(json["key_count"], 2000);
}
