//! States that only the log covers, and the commit stream over segments, trims and reopening.

use crate::support::{Place, put, rows};
use northstar_engine::{Db, Durability, Error, History, LogRetention, Options, Origin, TxnId};
use std::collections::BTreeMap;
use std::time::Duration;

fn id(id: u64) -> TxnId {
    TxnId::new(id)
}

/// Commits with puts, removals and ranges; the rows after each, as text.
fn changing(db: &Db, commits: u64) -> Vec<Vec<String>> {
    let mut model: BTreeMap<String, String> = BTreeMap::new();
    let mut states = vec![Vec::new()];
    for n in 1..=commits {
        let mut w = db.begin_write().unwrap();
        for key in [n * 7 % 20, n * 11 % 20, n * 13 % 20] {
            let (key, value) = (format!("{key:02}"), format!("{n}"));
            w.put(&key, &value).unwrap();
            model.insert(key, value);
        }
        if n % 3 == 0 {
            let key = format!("{:02}", n * 5 % 20);
            assert_eq!(w.del(&key).unwrap(), model.remove(&key).is_some());
        }
        if n % 5 == 0 {
            let gone = w.del_range("12".."15").unwrap();
            let before = model.len();
            model.retain(|key, _| !("12".."15").contains(&key.as_str()));
            assert_eq!(gone, (before - model.len()) as u64);
        }
        w.commit().unwrap();
        states.push(model.iter().map(|(key, value)| format!("{key}={value}")).collect());
    }
    states
}

fn check_all(db: &Db, states: &[Vec<String>], exact_from: u64, name: &str) {
    for (n, expected) in states.iter().enumerate() {
        let n = n as u64;
        let r = db.begin_read_at(id(n)).unwrap_or_else(|e| panic!("{name}, state {n}: {e}"));
        assert_eq!(&rows(&r), expected, "{name}, state {n}");
        assert_eq!((r.txn_id(), r.len()), (id(n), expected.len() as u64), "{name}, state {n}");
        let origin = if n >= exact_from { Origin::Exact } else { Origin::Replayed };
        assert_eq!(r.origin(), origin, "{name}, state {n}");
    }
}

#[test]
fn a_state_that_only_the_log_covers_is_rebuilt() {
    for (keep, exact_from) in [(History::Last(0), 30), (History::Last(4), 26)] {
        let name = format!("{keep:?}");
        let place = Place::new();
        let options = || Options::new().history(keep).log_retention(LogRetention::All);
        let db = place.open_with(options());
        let states = changing(&db, 30);
        check_all(&db, &states, exact_from, &name);
        db.checkpoint().unwrap();
        check_all(&db, &states, exact_from, &name);
        db.close().unwrap();
        let db = place.open_with(options());
        check_all(&db, &states, exact_from, &format!("{name}, reopened"));
        let missing = db.begin_read_at(id(31));
        assert!(matches!(missing, Err(Error::SnapshotNotFound { .. })), "{name}");
    }
}

#[test]
fn a_rebuilt_state_outlives_what_comes_after_it() {
    let db = Options::new().log_retention(LogRetention::All).open_in_memory().unwrap();
    let states = changing(&db, 10);
    let old = db.begin_read_at(id(4)).unwrap();
    let twin = old.clone();
    for _ in 0..10 {
        put(&db, &[("00", "other"), ("99", "more")]);
    }
    db.checkpoint().unwrap();
    assert_eq!(rows(&old), states[4]);
    drop(old);
    assert_eq!(rows(&twin), states[4]);
    assert!(matches!(db.clone().close(), Err(Error::Busy)), "a rebuilt state counts as a reader");
    drop(twin);
    db.close().unwrap();
}

/// A commit of 10 KiB.
fn big(db: &Db, n: u64) {
    let mut w = db.begin_write().unwrap();
    w.put("k", vec![n as u8; 10_000]).unwrap();
    assert_eq!(w.commit().unwrap(), id(n));
}

#[test]
fn a_stream_from_a_trimmed_commit_names_the_first_there_is() {
    let place = Place::new();
    let options = Options::new().log_retention(LogRetention::Recovery).background(false);
    let db = place.open_with(options);
    for n in 1..=200 {
        big(&db, n);
        if n % 20 == 0 {
            db.checkpoint().unwrap();
        }
    }
    let Err(Error::SnapshotNotFound { requested, oldest, latest }) = db.commits(id(1)..) else {
        panic!("the first commits are gone");
    };
    assert_eq!((requested, latest), (id(1), id(200)));
    assert!(oldest > id(1));
    let found: Vec<_> = db.commits(oldest..).unwrap().map(|c| c.unwrap().txn_id.get()).collect();
    let all: Vec<_> = (oldest.get()..=200).collect();
    assert_eq!(found, all, "and from there on it is whole");
    assert!(matches!(db.begin_read_at(id(1)), Err(Error::SnapshotNotFound { .. })));
}

#[test]
fn a_range_of_the_stream_is_what_was_asked_for() {
    let place = Place::new();
    let db = place.open_with(Options::new().log_retention(LogRetention::All));
    for n in 1..=40 {
        big(&db, n);
    }
    let ids = |range: (std::ops::Bound<TxnId>, std::ops::Bound<TxnId>)| -> Vec<u64> {
        db.commits(range).unwrap().map(|commit| commit.unwrap().txn_id.get()).collect()
    };
    use std::ops::Bound::{Excluded, Included, Unbounded};
    assert_eq!(ids((Unbounded, Unbounded)), (1..=40).collect::<Vec<_>>());
    assert_eq!(ids((Included(id(17)), Excluded(id(20)))), [17, 18, 19]);
    assert_eq!(ids((Excluded(id(38)), Unbounded)), [39, 40]);
    assert_eq!(ids((Included(id(0)), Included(id(1)))), [1]);
    assert_eq!(ids((Included(id(41)), Unbounded)), [0; 0]);
    assert_eq!(ids((Included(id(9)), Excluded(id(9)))), [0; 0]);
}

#[test]
fn a_follower_sees_each_durable_commit_once() {
    let place = Place::new();
    let db = place.open();
    let writer = db.clone();
    let thread = std::thread::spawn(move || {
        for n in 1..=120 {
            big(&writer, n);
        }
    });
    let mut seen = 0;
    let mut follow = db.follow(id(1), Duration::from_secs(20)).unwrap();
    while seen < 120 {
        let commit = follow.next().expect("within its patience").unwrap();
        seen += 1;
        assert_eq!((commit.txn_id, commit.ops.len()), (id(seen), 1));
    }
    thread.join().unwrap();
    let mut follow = db.follow(id(121), Duration::ZERO).unwrap();
    assert!(follow.next().is_none(), "nothing yet");
    let mut w = db.begin_write().unwrap();
    w.put("later", "x").unwrap();
    w.commit_with(Durability::Eventual).unwrap();
    db.sync().unwrap();
    assert_eq!(follow.next().expect("durable now").unwrap().txn_id, id(121));
    assert!(follow.next().is_none(), "once");
    put(&db, &[("last", "y")]);
    assert_eq!(follow.next().expect("durable").unwrap().txn_id, id(122));
}

/// A follower of what is to come held nothing until it was first asked: commits that came and were
/// checkpointed meanwhile were trimmed before it.
#[test]
fn a_follower_that_is_asked_late_has_missed_nothing() {
    let place = Place::new();
    let options = Options::new().log_retention(LogRetention::Recovery).background(false);
    let db = place.open_with(options);
    big(&db, 1);
    let mut follow = db.follow(id(2), Duration::ZERO).unwrap();
    for n in 2..=60 {
        big(&db, n);
        if n % 10 == 0 {
            db.checkpoint().unwrap();
        }
    }
    for n in 2..=60 {
        assert_eq!(follow.next().expect("durable").unwrap().txn_id, id(n));
    }
    assert!(follow.next().is_none());
    let held = db.stats().log_bytes;
    drop(follow);
    db.checkpoint().unwrap();
    big(&db, 61);
    db.checkpoint().unwrap();
    assert!(db.stats().log_bytes < held, "and then the log is let go of");
}

#[test]
fn the_stream_of_a_backup_starts_behind_it() {
    let place = Place::new();
    let db = place.open();
    big(&db, 1);
    big(&db, 2);
    db.backup(place.file("copy.ns")).unwrap();
    let copy = Options::new().open(place.file("copy.ns")).unwrap();
    let Err(Error::SnapshotNotFound { requested, oldest, latest }) = copy.commits(id(1)..) else {
        panic!("the copy has no log of the past");
    };
    assert_eq!((requested, oldest, latest), (id(1), id(3), id(2)), "the first there will be");
    assert_eq!(copy.commits(oldest..).unwrap().count(), 0);
    big(&copy, 3);
    assert_eq!(copy.commits(oldest..).unwrap().count(), 1);
}

/// What lies before a reader's meta is not held for it: a stream that the writer has overtaken names the first commit
/// there is, and calls nothing damaged.
#[cfg(target_os = "linux")]
#[test]
fn a_stream_that_the_writer_of_another_process_trims_is_not_corrupt() {
    let place = Place::new();
    let options = Options::new().background(false).log_retention(LogRetention::Bytes(1 << 20));
    let db = place.open_with(options);
    (1..=90).for_each(|n| big(&db, n));
    db.checkpoint().unwrap();
    db.checkpoint().unwrap();
    let beside = Options::new().read_only(true).open(place.path()).unwrap();
    let mut stream = beside.commits(id(1)..).unwrap();
    assert_eq!(stream.next().unwrap().unwrap().txn_id, id(1));
    for n in 91..=540 {
        big(&db, n);
        if n % 150 == 0 {
            db.checkpoint().unwrap();
        }
    }
    let ended = stream.find_map(Result::err);
    assert!(
        matches!(ended, Some(Error::SnapshotNotFound { oldest, .. }) if oldest > id(2)),
        "{ended:?}"
    );
}
