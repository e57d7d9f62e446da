//! Past states, time travel, differences and the commit stream.

use crate::support::{Place, latest, memory, put, rows};
use northstar_engine::format::meta::SlotChoice;
use northstar_engine::inspect::{Source, check_source, metas, no_progress};
use northstar_engine::limits::PAGE_BYTES;
use northstar_engine::{
    Change, CommitOp, Durability, Error, History, LogRetention, Options, Origin, TxnId,
};
use std::time::Duration;

fn id(id: u64) -> TxnId {
    TxnId::new(id)
}

/// Five states: state n has the rows 1 to n.
fn five(place: &Place, options: Options) -> northstar_engine::Db {
    let db = place.open_with(options);
    for n in 1..=5 {
        put(&db, &[(&n.to_string(), "x")]);
    }
    db
}

fn listed(db: &northstar_engine::Db) -> Vec<u64> {
    db.history().unwrap().iter().map(|entry| entry.txn_id.get()).collect()
}

#[test]
fn history_keeps_what_it_is_told_to_across_reopening() {
    let cases: [(History, &[u64]); 4] = [
        (History::Last(0), &[5]),
        (History::Last(2), &[3, 4, 5]),
        (History::Last(99), &[0, 1, 2, 3, 4, 5]),
        (History::All, &[0, 1, 2, 3, 4, 5]),
    ];
    for (keep, expected) in cases {
        let place = Place::new();
        let db = five(&place, Options::new().history(keep));
        assert_eq!(listed(&db), expected, "{keep:?}");
        let check = |db: &northstar_engine::Db, how: &str| {
            for entry in db.history().unwrap() {
                assert_eq!(entry.origin, Origin::Exact);
                let r = db.begin_read_at(entry.txn_id).unwrap();
                assert_eq!(r.len(), entry.txn_id.get(), "{keep:?}: state {} {how}", entry.txn_id);
                assert_eq!((r.len(), r.txn_id()), (entry.key_count, entry.txn_id));
                assert_eq!(rows(&r).len() as u64, r.len());
            }
        };
        check(&db, "before");
        db.close().unwrap();
        let db = place.open();
        assert_eq!(listed(&db), expected, "{keep:?}: the file remembers");
        check(&db, "after");
        put(&db, &[("6", "x")]);
        assert_eq!(db.history().unwrap().len(), expected.len() + usize::from(keep.grows(6)));
        assert!(db.verify().unwrap().is_clean(), "{keep:?}");
    }
}

trait Grows {
    fn grows(&self, states: u64) -> bool;
}

impl Grows for History {
    fn grows(&self, states: u64) -> bool {
        match self {
            History::Last(n) => *n >= states,
            History::All => true,
        }
    }
}

#[test]
fn a_state_that_is_not_kept_is_named_with_those_that_are() {
    let place = Place::new();
    let options = Options::new().history(History::Last(1)).log_retention(LogRetention::Recovery);
    let db = five(&place, options.background(false));
    let not_yet = db.begin_read_at(id(6)).unwrap_err();
    let Error::SnapshotNotFound { requested, oldest, latest } = not_yet else {
        panic!("{not_yet}");
    };
    assert_eq!((requested, latest), (id(6), id(5)));
    assert!(oldest <= id(4));
}

#[test]
fn a_reader_of_an_old_state_keeps_its_rows_through_everything() {
    let place = Place::new();
    let db = place.open_with(Options::new().history(History::Last(1)));
    put(&db, &[("k", "old")]);
    put(&db, &[("k", "newer")]);
    let old = db.begin_read_at(id(1)).unwrap();
    for n in 0..50 {
        put(&db, &[("k", &n.to_string()), ("other", &n.to_string())]);
        if n % 10 == 0 {
            db.checkpoint().unwrap();
        }
    }
    assert_eq!(rows(&old), ["k=old"]);
    let oldest = db.stats().oldest_reader.expect("there is one");
    assert_eq!(oldest.txn_id, 1);
    assert!(oldest.pages_kept >= 1, "its leaf");
    drop(old);
    assert!(db.stats().oldest_reader.is_none());
}

#[test]
fn space_is_used_again_once_nobody_reads_it() {
    let place = Place::new();
    let db = place.open_with(Options::new().background(false));
    let reader = db.begin_read().unwrap();
    let churn = |db: &northstar_engine::Db| {
        for round in 0..40 {
            let mut w = db.begin_write().unwrap();
            for n in 0..200_u32 {
                w.put(n.to_be_bytes(), [round; 100]).unwrap();
            }
            w.commit_with(Durability::Eventual).unwrap();
        }
        db.checkpoint().unwrap();
    };
    churn(&db);
    let first = db.stats().page_count;
    churn(&db);
    let second = db.stats().page_count;
    assert!(second <= first + 40, "a reader of the empty state keeps nothing: {first}, {second}");
    drop(reader);
    let pinned = db.begin_read().unwrap();
    churn(&db);
    assert!(db.stats().oldest_reader.expect("pinned").pages_kept > 0);
    drop(pinned);
    churn(&db);
    churn(&db);
    assert!(db.stats().page_count <= second + 80, "freed pages came back");
    assert!(db.verify().unwrap().is_clean());
}

#[test]
fn options_are_stored_and_a_setter_not_called_keeps_them() {
    let place = Place::new();
    place.open_with(Options::new().history(History::Last(3))).close().unwrap();
    let db = five(&place, Options::new());
    assert_eq!(listed(&db), [2, 3, 4, 5], "kept from the file");
    db.close().unwrap();
    let db = place.open_with(Options::new().history(History::Last(1)));
    assert_eq!(listed(&db), [4, 5], "asked for less");
    db.close().unwrap();
    let db = place.open();
    assert_eq!(listed(&db), [4, 5]);
    put(&db, &[("6", "x")]);
    assert_eq!(listed(&db), [5, 6], "and stored");
}

#[test]
fn diff_tells_what_leads_from_one_state_to_another() {
    let db = Options::new().history(History::All).open_in_memory().unwrap();
    put(&db, &[("a", "1"), ("b", "2"), ("c", "3")]);
    let mut w = db.begin_write().unwrap();
    w.put(b"b", b"changed").unwrap();
    w.del(b"c").unwrap();
    w.put(b"d", b"new").unwrap();
    w.put(b"a", b"1").unwrap();
    w.commit().unwrap();
    let changes = |from: u64, to: u64| -> Vec<Change> {
        db.diff(id(from), id(to)).unwrap().map(Result::unwrap).collect()
    };
    let put = |key: &str, value: &str| Change::Put {
        key: key.as_bytes().to_vec(),
        value: value.as_bytes().to_vec(),
    };
    let del = |key: &str| Change::Del { key: key.as_bytes().to_vec() };
    assert_eq!(changes(1, 2), [put("b", "changed"), del("c"), put("d", "new")]);
    assert_eq!(changes(2, 1), [put("b", "2"), put("c", "3"), del("d")], "and back");
    assert_eq!(changes(2, 2), []);
    assert_eq!(changes(0, 1), [put("a", "1"), put("b", "2"), put("c", "3")]);
    assert!(matches!(db.diff(id(1), id(9)).err(), Some(Error::SnapshotNotFound { .. })));
}

#[test]
fn diff_of_many_changes_is_in_order_and_complete() {
    let db = Options::new().history(History::All).open_in_memory().unwrap();
    let mut w = db.begin_write().unwrap();
    for n in 0..20_000_u32 {
        w.put(n.to_be_bytes(), b"first").unwrap();
    }
    w.commit().unwrap();
    let mut w = db.begin_write().unwrap();
    for n in (0..20_000_u32).step_by(3) {
        w.put(n.to_be_bytes(), b"second").unwrap();
    }
    w.commit().unwrap();
    let mut expected = (0..20_000_u32).step_by(3);
    for change in db.diff(id(1), id(2)).unwrap() {
        let key = expected.next().expect("no more than changed").to_be_bytes().to_vec();
        assert_eq!(change.unwrap(), Change::Put { key, value: b"second".to_vec() });
    }
    assert_eq!(expected.next(), None);
}

#[test]
fn the_commit_stream_tells_every_operation_in_order() {
    let db = memory();
    put(&db, &[("a", "1"), ("b", "2")]);
    let mut w = db.begin_write().unwrap();
    w.del(b"a").unwrap();
    w.put(b"c", b"3").unwrap();
    w.del_range(b"b".as_slice()..b"z".as_slice()).unwrap();
    w.commit().unwrap();
    let commits: Vec<_> = db.commits(..).unwrap().map(Result::unwrap).collect();
    assert_eq!(commits.iter().map(|commit| commit.txn_id.get()).collect::<Vec<_>>(), [1, 2]);
    let put = |key: &[u8], value: &[u8]| CommitOp::Put { key: key.to_vec(), value: value.to_vec() };
    assert_eq!(commits[0].ops, [put(b"a", b"1"), put(b"b", b"2")]);
    let range = CommitOp::DelRange { start: b"b".to_vec(), end: Some(b"z".to_vec()), count: 2 };
    assert_eq!(commits[1].ops, [CommitOp::Del { key: b"a".to_vec() }, put(b"c", b"3"), range]);
    assert!(commits[0].lsn < commits[1].lsn);
    assert_eq!(db.commits(id(2)..).unwrap().count(), 1);
    assert_eq!(db.commits(id(1)..id(2)).unwrap().count(), 1);
    assert_eq!(db.commits(id(3)..).unwrap().count(), 0, "none yet");
}

#[test]
fn a_follower_waits_for_commits_to_come() {
    let db = memory();
    put(&db, &[("a", "1")]);
    let mut follow = db.follow(id(1), Duration::from_secs(30)).unwrap();
    assert_eq!(follow.next().unwrap().unwrap().txn_id, id(1));
    let writer = {
        let db = db.clone();
        std::thread::spawn(move || put(&db, &[("b", "2")]))
    };
    assert_eq!(follow.next().unwrap().unwrap().txn_id, id(2));
    writer.join().unwrap();
    let mut impatient = db.follow(id(3), Duration::from_millis(1)).unwrap();
    assert!(impatient.next().is_none());
    put(&db, &[("c", "3")]);
    assert_eq!(impatient.next().unwrap().unwrap().txn_id, id(3), "asked again");
    assert_eq!(latest(&db).len(), 3);
}

/// Opening took the newer meta's page count for the file's end. The older one's history lay behind it,
/// was taken for damaged, and its pages were used again while it was still a valid meta.
#[test]
fn the_older_meta_keeps_its_history_behind_the_newer_ones_end() {
    let place = Place::new();
    let options = Options::new().background(false).history(History::Last(4)).cache_bytes(1 << 20);
    let db = options.clone().open(place.path()).unwrap();
    let fill = |db: &northstar_engine::Db, from: u32, byte: u8| {
        let mut w = db.begin_write().unwrap();
        for n in from..from + 200 {
            w.put(n.to_be_bytes(), vec![byte; 1000]).unwrap();
        }
        w.commit().unwrap()
    };
    let slots = || metas(&Source::open(place.path()).unwrap()).judgement;
    let mut older = None;
    for round in 0..60_u32 {
        fill(&db, round * 37 % 1000, round as u8);
        db.checkpoint().unwrap();
        let judged = slots();
        let (a, b) = (judged.slot(SlotChoice::A), judged.slot(SlotChoice::B));
        let mut both = [*a.unwrap(), *b.unwrap()];
        both.sort_by_key(|meta| meta.sequence);
        if both[0].page_count > both[1].page_count && round > 8 {
            older = Some(both[0]);
            break;
        }
    }
    let older = older.expect("a checkpoint that knows of fewer pages than the one before");
    let crashed = Place::new();
    for (name, bytes) in place.bytes() {
        std::fs::write(crashed.file(&name), bytes).unwrap();
    }
    // Much is written after reopening, most of it before any checkpoint: the cache is small.
    let again = options.clone().open(crashed.path()).unwrap();
    for round in 0..12 {
        fill(&again, round * 83 % 1000, 200);
    }
    // The power fails, and the newer meta is damaged.
    let fallen = Place::new();
    for (name, bytes) in crashed.bytes() {
        std::fs::write(fallen.file(&name), bytes).unwrap();
    }
    let mut bytes = std::fs::read(fallen.path()).unwrap();
    bytes[(1 - older.slot()) * PAGE_BYTES + 100] ^= 1;
    std::fs::write(fallen.path(), bytes).unwrap();
    let source = Source::open(fallen.path()).unwrap();
    assert_eq!(metas(&source).judgement.meta().unwrap().sequence, older.sequence);
    let report = check_source(&source, &mut no_progress());
    assert!(report.problems.iter().all(|problem| problem.rule.starts_with("META")), "{report:#?}");
    drop(again);
    let db = options.open(fallen.path()).unwrap();
    assert!(db.verify().unwrap().is_clean());
}
