//! Errors that come from below: failed syncs, full disks, closed handles, forks.

use crate::support::{Place, latest, memory, put};
use northstar_engine::{
    Db, Error, Options,
    disk::{ManualClock, MemoryStorage, SeededEntropy},
    sim::{Call, Fault, FaultDisk, Repeat, Rule},
};
use std::sync::Arc;

#[test]
fn close_waits_for_nobody_and_says_so() {
    let db = memory();
    put(&db, &[("a", "1")]);
    let (other, reader) = (db.clone(), db.begin_read().unwrap());
    assert!(matches!(db.clone().close(), Err(Error::Busy)));
    drop(reader);
    let w = db.begin_write().unwrap();
    assert!(matches!(db.clone().close(), Err(Error::Busy)));
    w.abort();
    put(&db, &[("b", "2")]);
    db.close().unwrap();
    assert!(matches!(other.begin_read(), Err(Error::InvalidArgument(_))));
    assert!(matches!(other.begin_write(), Err(Error::InvalidArgument(_))));
    assert!(matches!(other.sync(), Err(Error::InvalidArgument(_))));
    assert!(matches!(other.checkpoint(), Err(Error::InvalidArgument(_))));
    assert!(matches!(other.history(), Err(Error::InvalidArgument(_))));
    assert!(matches!(other.verify(), Err(Error::InvalidArgument(_))));
    other.close().unwrap();
}

#[test]
fn errors_are_told_in_one_line_and_carry_their_numbers() {
    let db = memory();
    let error = db.begin_read_at(northstar_engine::TxnId::new(7)).unwrap_err();
    let copy = error.clone();
    assert_eq!(copy.to_string(), error.to_string());
    assert!(copy.to_string().contains('7') && !copy.to_string().contains('\n'), "{copy}");
    let missing = Options::new().create(false).open("/nowhere/at/all.ns").unwrap_err();
    assert!(std::error::Error::source(&missing).is_some(), "{missing}");
    assert!(missing.to_string().contains("/nowhere"), "{missing}");
}

#[test]
fn in_memory_read_only_makes_no_sense() {
    let refused = Options::new().read_only(true).open_in_memory();
    assert!(matches!(refused, Err(Error::InvalidArgument(_))));
}

#[test]
fn backup_does_not_replace_a_file() {
    let place = Place::new();
    let db = place.open();
    std::fs::write(place.file("copy.ns"), b"precious").unwrap();
    assert!(matches!(db.backup(place.file("copy.ns")), Err(Error::InvalidArgument(_))));
    assert_eq!(std::fs::read(place.file("copy.ns")).unwrap(), b"precious");
    assert_eq!(place.bytes().len(), 3, "no temporary file stays");
}

/// A database on a memory storage with a fault script.
fn faulty() -> (FaultDisk<MemoryStorage>, Db) {
    let storage = FaultDisk::new(MemoryStorage::new());
    let db = open_on(&storage).unwrap();
    put(&db, &[("a", "1")]);
    db.checkpoint().unwrap();
    (storage, db)
}

fn open_on(storage: &FaultDisk<MemoryStorage>) -> Result<Db, Error> {
    let entropy = Arc::new(SeededEntropy::new(1));
    Options::new().background(false).cache_bytes(2 << 20).open_on(
        Arc::new(storage.clone()),
        entropy,
        Arc::new(ManualClock::new()),
        "/d/app.ns",
    )
}

fn rule(call: Call, file: &str, fault: Fault, repeat: Repeat) -> Rule {
    Rule { call, file: file.to_owned(), nth: 0, repeat, fault }
}

#[test]
fn a_failed_sync_poisons_the_handle_and_reads_go_on() {
    for file in ["app.ns.log", ""] {
        let (storage, db) = faulty();
        let old = db.begin_read().unwrap();
        storage.inject(rule(Call::Sync, file, Fault::Eio, Repeat::Once));
        let mut w = db.begin_write().unwrap();
        w.put(b"b", b"2").unwrap();
        let error = w.commit().unwrap_err();
        assert!(matches!(error, Error::Io { op: "sync", .. }), "{error}");
        assert!(matches!(db.begin_write(), Err(Error::Poisoned)));
        assert!(matches!(db.sync(), Err(Error::Poisoned)));
        assert!(matches!(db.checkpoint(), Err(Error::Poisoned)));
        assert_eq!(latest(&db), ["a=1"], "the visible state stands still");
        assert_eq!(old.len(), 1);
        let syncs = storage.calls().iter().filter(|record| record.call == Call::Sync).count();
        drop(old);
        assert!(matches!(db.close(), Err(Error::Poisoned)));
        let after = storage.calls().iter().filter(|record| record.call == Call::Sync).count();
        assert_eq!(syncs, after, "a failed sync is never tried again");
        let db = open_on(&storage).unwrap();
        let rows = latest(&db);
        assert!(rows == ["a=1"] || rows == ["a=1", "b=2"], "{rows:?}");
        put(&db, &[("c", "3")]);
        assert!(db.verify().unwrap().is_clean());
    }
}

/// A sync may fail with "no space": what was written before may be lost all the same, so that it was
/// wrong to take it for a full disk that can be tried again.
#[test]
fn a_sync_that_finds_the_disk_full_poisons_too() {
    for nth in 0..3 {
        let (storage, db) = faulty();
        db.close().unwrap();
        let db = open_on(&storage).unwrap();
        put(&db, &[("b", "2")]);
        // The first sync is that of the slot that was opened with, before anything is reserved.
        let full = rule(Call::Sync, "app.ns", Fault::Enospc, Repeat::Once);
        storage.inject(Rule { nth, ..full });
        assert!(db.checkpoint().is_err(), "sync {nth}");
        assert!(matches!(db.begin_write(), Err(Error::Poisoned)), "sync {nth}");
        assert_eq!(latest(&db), ["a=1", "b=2"], "sync {nth}");
        drop(db);
        storage.heal();
        let db = open_on(&storage).unwrap();
        assert_eq!(latest(&db), ["a=1", "b=2"], "sync {nth}: reopened");
        assert!(db.verify().unwrap().is_clean(), "sync {nth}");
    }
}

#[test]
fn streams_of_a_closed_database_say_so() {
    let db = memory();
    put(&db, &[("a", "1")]);
    put(&db, &[("b", "2")]);
    let one = northstar_engine::TxnId::new(1);
    let mut commits = db.commits(one..).unwrap();
    let mut follow = db.follow(one, std::time::Duration::ZERO).unwrap();
    assert!(commits.next().unwrap().is_ok() && follow.next().unwrap().is_ok());
    db.close().unwrap();
    assert!(matches!(commits.next(), Some(Err(Error::InvalidArgument(_)))));
    assert!(commits.next().is_none(), "nothing behind an error");
    assert!(matches!(follow.next(), Some(Err(Error::InvalidArgument(_)))));
    assert!(follow.next().is_none(), "nothing behind an error");
}

#[test]
fn a_failed_page_write_or_meta_write_poisons_and_reopening_recovers() {
    for nth in 0..4 {
        let (storage, db) = faulty();
        put(&db, &[("b", "2")]);
        let script = Rule { nth, ..rule(Call::Write, "app.ns", Fault::Eio, Repeat::Forever) };
        storage.inject(script);
        let result = db.checkpoint();
        if result.is_ok() {
            continue; // Fewer writes than that.
        }
        assert!(matches!(db.begin_write(), Err(Error::Poisoned)), "write {nth}");
        assert_eq!(latest(&db), ["a=1", "b=2"]);
        drop(db);
        storage.heal();
        let db = open_on(&storage).unwrap();
        assert_eq!(latest(&db), ["a=1", "b=2"], "write {nth}");
        assert!(db.verify().unwrap().is_clean());
    }
}

#[test]
fn a_full_disk_refuses_and_changes_nothing() {
    let (storage, db) = faulty();
    storage.inject(rule(Call::Write, "", Fault::Enospc, Repeat::Forever));
    storage.inject(rule(Call::SetLen, "", Fault::Enospc, Repeat::Forever));
    storage.inject(rule(Call::Create, "", Fault::Enospc, Repeat::Forever));
    let mut refused = 0;
    for _ in 0..3 {
        let mut w = db.begin_write().unwrap();
        let big = w.put(b"big", vec![1; 3 << 20]).and_then(|()| w.commit().map(drop));
        if let Err(error) = big {
            assert!(matches!(error, Error::OutOfSpace), "{error}");
            refused += 1;
        }
    }
    assert_eq!(refused, 3, "three megabytes fit into no prepared log");
    assert_eq!(latest(&db), ["a=1"]);
    storage.heal();
    let mut w = db.begin_write().unwrap();
    w.put(b"big", vec![1; 3 << 20]).unwrap();
    w.commit().unwrap();
    assert_eq!(db.begin_read().unwrap().len(), 2, "the same handle goes on");

    storage.inject(rule(Call::Write, "app.ns", Fault::Enospc, Repeat::Once));
    storage.inject(rule(Call::SetLen, "app.ns", Fault::Enospc, Repeat::Once));
    assert!(matches!(db.checkpoint(), Err(Error::OutOfSpace)));
    storage.heal();
    put(&db, &[("c", "3")]);
    db.checkpoint().unwrap();
    assert!(db.verify().unwrap().is_clean());
    db.close().unwrap();
    assert_eq!(open_on(&storage).unwrap().begin_read().unwrap().len(), 3);
}

#[test]
fn a_failed_read_is_told_and_may_pass() {
    let (storage, db) = faulty();
    let mut w = db.begin_write().unwrap();
    for n in 0..40_000_u32 {
        w.put(n.to_be_bytes(), [5; 100]).unwrap();
    }
    w.commit().unwrap();
    db.close().unwrap();
    let db = open_on(&storage).unwrap();
    let r = db.begin_read().unwrap();
    storage.inject(rule(Call::Read, "app.ns", Fault::Eio, Repeat::Forever));
    let key = 20_000_u32.to_be_bytes();
    let error = r.get(key).unwrap_err();
    assert!(matches!(error, Error::Io { op: "read", .. }), "{error}");
    let mut rows = r.iter().unwrap();
    assert!(rows.any(|row| row.is_err()), "the scan meets it too");
    assert!(rows.next().is_none(), "and ends there");
    storage.heal();
    assert_eq!(r.get(key).unwrap().as_deref(), Some(&[5; 100][..]), "bad reads are not kept");
    put(&db, &[("still", "writable")]);
}

#[cfg(unix)]
#[test]
fn closing_the_file_elsewhere_takes_no_lock_away() {
    // The lock's half: what a child inherits and closes takes nothing away. The handle's half is a
    // unit test of `db`, which can play the child.
    let place = Place::new();
    let db = place.open();
    put(&db, &[("a", "1")]);
    let status = std::process::Command::new("sh")
        .args(["-c", "exec 9<>\"$0\"; exec 9>&-"])
        .arg(place.path())
        .status()
        .unwrap();
    assert!(status.success());
    assert!(
        matches!(Options::new().open(place.path()), Err(Error::Locked { .. })),
        "another process that opens and closes the file takes no lock away"
    );
    put(&db, &[("b", "2")]);
}
