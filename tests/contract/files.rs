//! Opening and the files on disk: create, reopen, lock, read-only, refuse.

use crate::support::{Place, latest, put, rows};
use northstar_engine::{Durability, Error, History, LogRetention, Options, Origin, TxnId};

#[test]
fn a_database_survives_closing_dropping_and_reopening() {
    let place = Place::new();
    for n in 0..6_u64 {
        let db = place.open();
        assert_eq!(db.begin_read().unwrap().txn_id(), TxnId::new(n));
        put(&db, &[(&n.to_string(), "x")]);
        if n % 2 == 0 { db.close().unwrap() } else { drop(db) }
    }
    let db = place.open();
    assert_eq!(latest(&db).len(), 6);
    assert!(db.verify().unwrap().is_clean());
}

#[test]
fn what_a_killed_process_committed_is_replayed() {
    // The files are copied while the database is open: that is what a kill leaves.
    let (place, copy) = (Place::new(), Place::new());
    let db = place.open_with(Options::new().background(false).history(History::Last(2)));
    for n in 0..30_u32 {
        let mut w = db.begin_write().unwrap();
        for row in 0..40_u32 {
            w.put((n * 7 + row).to_be_bytes(), [n as u8; 60]).unwrap();
        }
        w.del((n * 5).to_be_bytes()).unwrap();
        if n % 9 == 8 {
            w.del_range((n + 10).to_be_bytes()..(n + 30).to_be_bytes()).unwrap();
        }
        w.commit().unwrap();
        if n == 12 {
            db.checkpoint().unwrap();
        }
    }
    for (name, bytes) in place.bytes() {
        std::fs::write(copy.file(&name), bytes).unwrap();
    }
    let recovered = copy.open();
    assert_eq!(recovered.stats().checkpoint_txn, 13, "from the log, not from the pages");
    for id in [28, 29, 30].map(TxnId::new) {
        let (a, b) = (db.begin_read_at(id).unwrap(), recovered.begin_read_at(id).unwrap());
        assert_eq!(rows(&a), rows(&b), "state {id}");
    }
    assert!(recovered.verify().unwrap().is_clean());
    put(&recovered, &[("more", "rows")]);
    assert_eq!(recovered.begin_read().unwrap().txn_id(), TxnId::new(31));
}

#[test]
fn an_empty_database_is_small() {
    let place = Place::new();
    place.open().close().unwrap();
    let all: usize = place.bytes().iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(all < 100_000, "{all} bytes");
}

#[test]
fn a_second_opener_is_told_that_it_is_locked() {
    let place = Place::new();
    let db = place.open();
    for _ in 0..2 {
        match Options::new().open(place.path()) {
            Err(Error::Locked { path }) => assert_eq!(path, place.path().canonicalize().unwrap()),
            other => panic!("{other:?}"),
        }
    }
    put(&db, &[("still", "works")]);
    db.close().unwrap();
    place.open();
}

#[cfg(unix)]
#[test]
fn links_lead_to_the_same_database_and_its_log() {
    let place = Place::new();
    let db = place.open();
    put(&db, &[("a", "1")]);
    let link = place.file("link.ns");
    std::os::unix::fs::symlink(place.path(), &link).unwrap();
    assert!(matches!(Options::new().open(&link), Err(Error::Locked { .. })));
    drop(db);
    let db = Options::new().open(&link).unwrap();
    assert_eq!(latest(&db), ["a=1"]);
}

#[cfg(unix)]
#[test]
fn files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let db = place.open();
    put(&db, &[("a", "1")]);
    db.checkpoint().unwrap();
    db.backup(place.file("copy.ns")).unwrap();
    drop(db);
    drop(Options::new().open(place.file("copy.ns")).unwrap());
    let mut files = 0;
    for entry in std::fs::read_dir(place.folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
        files += 1;
    }
    assert_eq!(files, 4, "two databases, each with its log");
}

#[test]
fn a_missing_file_is_made_only_when_asked_for() {
    let place = Place::new();
    for options in [Options::new().create(false), Options::new().read_only(true)] {
        match options.open(place.path()) {
            Err(Error::Io { source, .. }) => {
                assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(place.bytes().is_empty(), "nothing was made");
    place.open().close().unwrap();
    Options::new().create(false).open(place.path()).unwrap();
}

#[test]
fn read_only_writes_no_byte() {
    let place = Place::new();
    let db = place.open_with(Options::new().background(false).history(History::Last(1)));
    put(&db, &[("a", "1")]);
    db.checkpoint().unwrap();
    put(&db, &[("b", "2")]);
    let before = place.fingerprint();
    // Beside the writer: what is proven. The last commit may not be yet.
    let beside = place.open_with(Options::new().read_only(true));
    assert!(!latest(&beside).is_empty());
    drop(beside);
    assert_eq!(place.fingerprint(), before);
    let crashed = Place::new();
    for (name, bytes) in place.bytes() {
        std::fs::write(crashed.file(&name), bytes).unwrap();
    }
    let prints = crashed.fingerprint();
    let alone = crashed.open_with(Options::new().read_only(true));
    assert_eq!(latest(&alone), ["a=1", "b=2"], "the whole tail, replayed in memory");
    assert_eq!(rows(&alone.begin_read_at(TxnId::new(1)).unwrap()), ["a=1"]);
    assert!(alone.verify().unwrap().is_clean());
    assert!(matches!(alone.begin_write(), Err(Error::ReadOnly)));
    assert!(matches!(alone.sync(), Err(Error::ReadOnly)));
    assert!(matches!(alone.checkpoint(), Err(Error::ReadOnly)));
    assert!(matches!(alone.compact(), Err(Error::ReadOnly)));
    alone.close().unwrap();
    assert_eq!(crashed.fingerprint(), prints);
}

/// A tail of small changes all over the file makes more pages than its bytes suggest: a read-only
/// opener ran out of its budget and tried to write some out.
#[test]
fn a_read_only_opener_replays_changes_all_over_the_file_in_memory() {
    let place = Place::new();
    let db = place.open_with(Options::new().background(false));
    let mut w = db.begin_write().unwrap();
    for n in 0..4000_u32 {
        w.put(n.to_be_bytes(), [1; 1000]).unwrap();
    }
    w.commit().unwrap();
    db.checkpoint().unwrap();
    let mut w = db.begin_write().unwrap();
    for n in (0..4000_u32).step_by(10) {
        w.put(n.to_be_bytes(), b"2").unwrap();
    }
    w.commit().unwrap();
    let crashed = Place::new();
    for (name, bytes) in place.bytes() {
        std::fs::write(crashed.file(&name), bytes).unwrap();
    }
    let options = Options::new().read_only(true).cache_bytes(0);
    let alone = options.open(crashed.path()).unwrap();
    let r = alone.begin_read().unwrap();
    assert_eq!((r.txn_id(), r.len()), (TxnId::new(2), 4000));
    for (n, row) in (0..4000_u32).zip(r.iter().unwrap()) {
        let (key, value) = row.unwrap();
        assert_eq!(key[..], n.to_be_bytes());
        assert_eq!(value.len(), if n % 10 == 0 { 1 } else { 1000 });
    }
}

/// Each state that the history keeps has a root of its own after a replay: a few hundred of them did not fit into the
/// reader's cache, and it tried to write.
#[cfg(target_os = "linux")]
#[test]
fn a_read_only_opener_behind_more_kept_states_than_its_cache_holds() {
    let place = Place::new();
    let db = place.open_with(Options::new().background(false).history(History::All));
    for n in 1..=401_u32 {
        let mut w = db.begin_write().unwrap();
        w.put(n.to_be_bytes(), [1; 100]).unwrap();
        w.commit_with(Durability::Eventual).unwrap();
        if n == 400 {
            db.sync().unwrap(); // The next record proves it.
        }
    }
    let options = Options::new().read_only(true).cache_bytes(0);
    let beside = options.open(place.path()).unwrap();
    let latest = beside.begin_read().unwrap();
    assert_eq!((latest.txn_id().get(), latest.len()), (400, 400));
    for n in (1..latest.len()).step_by(43).chain([latest.len() - 1]) {
        let then = beside.begin_read_at(TxnId::new(n)).unwrap();
        assert_eq!((then.txn_id().get(), then.len()), (n, n));
    }
    let origin = |n| beside.begin_read_at(TxnId::new(n)).unwrap().origin();
    assert_eq!((origin(1), origin(399)), (Origin::Replayed, Origin::Exact));
}

#[cfg(target_os = "linux")]
#[test]
fn a_reader_beside_the_writer_keeps_what_it_reads() {
    let place = Place::new();
    let db = place.open_with(Options::new().background(false));
    let mut w = db.begin_write().unwrap();
    for n in 0..2000_u32 {
        w.put(n.to_be_bytes(), [1; 100]).unwrap();
    }
    w.commit().unwrap();
    db.checkpoint().unwrap();
    // A cache so small that nearly every look-up reads the file.
    let options = Options::new().read_only(true).cache_bytes(0);
    let beside = options.open(place.path()).unwrap();
    assert_eq!(beside.begin_read().unwrap().txn_id(), TxnId::new(1));
    for round in 2..20_u8 {
        let mut w = db.begin_write().unwrap();
        for n in 0..2000_u32 {
            w.put(n.to_be_bytes(), [round; 100]).unwrap();
        }
        w.commit_with(Durability::Eventual).unwrap();
        db.checkpoint().unwrap();
    }
    let r = beside.begin_read().unwrap();
    for row in r.iter().unwrap() {
        assert_eq!(&row.unwrap().1[..], &[1; 100]);
    }
    let grown = db.stats().page_count;
    drop(r);
    beside.close().unwrap();
    for round in 20..30_u8 {
        let mut w = db.begin_write().unwrap();
        for n in 0..2000_u32 {
            w.put(n.to_be_bytes(), [round; 100]).unwrap();
        }
        w.commit_with(Durability::Eventual).unwrap();
        db.checkpoint().unwrap();
    }
    assert!(db.stats().page_count <= grown + 64, "its pages are free once it is gone");
    assert!(db.verify().unwrap().is_clean());
}

#[cfg(target_os = "linux")]
#[test]
fn a_reader_of_a_meta_that_the_next_writer_does_not_know_keeps_what_it_reads() {
    let place = Place::new();
    let round = |db: &northstar_engine::Db, byte: u8| {
        let mut w = db.begin_write().unwrap();
        for n in 0..2000_u32 {
            w.put(n.to_be_bytes(), [byte; 100]).unwrap();
        }
        w.commit().unwrap();
        db.checkpoint().unwrap();
    };
    let db = place.open_with(Options::new().background(false));
    round(&db, 1);
    let beside = Options::new().read_only(true).cache_bytes(0).open(place.path()).unwrap();
    for byte in 2..6 {
        round(&db, byte);
    }
    db.close().unwrap();
    // Both slots have been overwritten: this writer cannot know what the reader's meta named.
    let db = place.open_with(Options::new().background(false));
    let before = db.stats().page_count;
    for byte in 6..12 {
        round(&db, byte);
    }
    assert!(db.stats().page_count > before + 5 * 15, "nothing is used again, the file only grows");
    for row in beside.begin_read().unwrap().iter().unwrap() {
        assert_eq!(&row.unwrap().1[..], &[1; 100]);
    }
    assert!(db.verify().unwrap().is_clean());
    beside.close().unwrap();
    round(&db, 12);
    let grown = db.stats().page_count;
    for byte in 13..30 {
        round(&db, byte);
    }
    assert!(db.stats().page_count <= grown, "once it is gone, everything is used again");
    assert!(db.verify().unwrap().problems.is_empty(), "{:?}", db.verify().unwrap().problems);
    db.close().unwrap();
    let db = place.open();
    assert_eq!(db.begin_read().unwrap().len(), 2000);
    assert!(db.verify().unwrap().problems.is_empty());
}

/// A reader that locks a meta just when two checkpoints have overwritten it looks again and lets go. The writer that
/// saw that lock never used a page again, and never cut its log.
#[cfg(target_os = "linux")]
#[test]
fn a_passing_lock_on_an_unknown_meta_forbids_reuse_only_while_it_is_there() {
    use northstar_engine::disk::{LockRange, OpenMode, RealStorage, Storage};
    let place = Place::new();
    let options = Options::new().background(false).log_retention(LogRetention::Recovery);
    let db = place.open_with(options);
    let rounds = |bytes: std::ops::Range<u8>| {
        for byte in bytes {
            let mut w = db.begin_write().unwrap();
            for n in 0..2000_u32 {
                w.put(n.to_be_bytes(), [byte; 100]).unwrap();
            }
            w.commit_with(Durability::Eventual).unwrap();
            db.checkpoint().unwrap();
        }
        db.stats()
    };
    let before = rounds(0..4);
    let passing = RealStorage::new().open(&place.path(), OpenMode::Read).unwrap();
    assert!(passing.try_lock(LockRange::ReaderOf { sequence: 1 << 40 }, false).unwrap());
    let beside = rounds(4..8);
    assert!(beside.page_count > before.page_count, "whose pages these are is not known");
    drop(passing);
    let grown = rounds(8..12);
    let after = rounds(12..30);
    assert!(after.page_count <= grown.page_count, "{} pages", after.page_count);
    let log = db.commits(TxnId::new(12)..).map(drop);
    assert!(matches!(log, Err(Error::SnapshotNotFound { .. })), "the log is cut: {log:?}");
}

#[test]
fn a_file_that_is_no_database_is_refused_and_not_touched() {
    let text: &[u8] = b"Dear diary, today I opened a text file as a database.\n";
    let cases: [(&str, Vec<u8>); 4] = [
        ("empty", vec![]),
        ("text", text.to_vec()),
        ("zeros", vec![0; 70_000]),
        ("long text", text.repeat(2000)),
    ];
    for (name, bytes) in cases {
        let place = Place::new();
        std::fs::write(place.path(), &bytes).unwrap();
        for options in [Options::new(), Options::new().read_only(true)] {
            match options.open(place.path()) {
                Err(Error::UnsupportedFormat { .. } | Error::Corrupt(_)) => {}
                other => panic!("{name}: {other:?}"),
            }
        }
        let untouched = [("app.ns".to_owned(), bytes.len(), crc32c::crc32c(&bytes))];
        assert_eq!(place.fingerprint(), untouched, "{name}");
    }
    let place = Place::new();
    std::fs::create_dir(place.path()).unwrap();
    assert!(Options::new().open(place.path()).is_err());
}

/// Where a file system cannot rename without replacing, the new name is a link, and a crash comes before the old one is
/// removed: the log was refused, as if an older copy had been put back.
#[cfg(unix)]
#[test]
fn a_log_segment_with_two_names_is_one_segment() {
    use northstar_engine::disk::{RealStorage, Storage};
    use northstar_engine::log::{Chain, LogPaths};
    let place = Place::new();
    let long = vec![7; 8 << 10];
    let fill = |db: &northstar_engine::Db| {
        for n in 0..12_u8 {
            let mut w = db.begin_write().unwrap();
            w.put([n], &long).unwrap();
            w.commit().unwrap();
        }
    };
    let db = place.open_with(Options::new().background(false));
    fill(&db);
    drop(db);
    let storage: std::sync::Arc<dyn Storage> = std::sync::Arc::new(RealStorage::new());
    let chain = Chain::discover(&storage, &LogPaths::of_database(&place.path())).unwrap();
    let number = chain.newest().expect("a log").header.number;
    let second = place.file(&format!("app.ns.log.{number}"));
    std::fs::hard_link(place.file("app.ns.log"), &second).unwrap();
    let reader = Options::new().read_only(true).open(place.path()).unwrap();
    assert_eq!(reader.begin_read().unwrap().len(), 12);
    drop(reader);
    let db = place.open_with(Options::new().background(false));
    assert!(!second.exists(), "the name that was not meant yet");
    (0..3).for_each(|_| fill(&db));
    assert!(second.exists(), "the log has gone on");
    drop(db);
    assert_eq!(place.open().begin_read().unwrap().len(), 12);
}

/// Somebody puts a backup in the place of a database that is still open: the log of the one that was open gave the
/// new one's log another name, and took its place.
#[cfg(unix)]
#[test]
fn a_handle_whose_files_were_replaced_leaves_the_new_ones_alone() {
    let place = Place::new();
    let old = place.open_with(Options::new().background(false));
    put(&old, &[("old", "1")]);
    for name in ["app.ns", "app.ns.log"] {
        std::fs::rename(place.file(name), place.file(&format!("old-{name}"))).unwrap();
    }
    let new = place.open_with(Options::new().background(false));
    put(&new, &[("new", "1")]);
    let mut refused = None;
    for n in 0..64_u8 {
        let mut w = old.begin_write().unwrap();
        w.put([n], vec![n; 8 << 10]).unwrap();
        if let Err(error) = w.commit() {
            refused = Some(error);
            break;
        }
    }
    let refused = refused.expect("the next segment has no name to take");
    assert!(refused.to_string().contains("moved or replaced"), "{refused}");
    assert!(matches!(old.begin_write(), Err(Error::Poisoned)));
    put(&new, &[("more", "2")]);
    drop((old, new));
    assert_eq!(latest(&place.open()), ["more=2", "new=1"]);
}

#[test]
fn a_meta_that_claims_more_pages_than_the_file_has_is_refused_at_once() {
    use northstar_engine::format::meta::Meta;
    let place = Place::new();
    place.open().close().unwrap();
    let mut bytes = std::fs::read(place.path()).unwrap();
    for slot in 0..2 {
        let page = slot * 16_384..(slot + 1) * 16_384;
        let meta = Meta::decode_slot(&bytes[page.clone()], slot as u64).unwrap();
        let forged = Meta { page_count: 1 << 33, ..meta };
        bytes[page].copy_from_slice(forged.to_page().as_slice());
    }
    std::fs::write(place.path(), &bytes).unwrap();
    for options in [Options::new(), Options::new().read_only(true)] {
        let error = options.open(place.path()).unwrap_err();
        assert!(error.is_corrupt(), "{error}");
    }
}

#[test]
fn a_missing_log_is_corruption_and_a_log_alone_is_never_overwritten() {
    let place = Place::new();
    let db = place.open();
    put(&db, &[("a", "1")]);
    db.close().unwrap();
    let log = place.file("app.ns.log");
    let aside = place.file("aside");
    std::fs::rename(&log, &aside).unwrap();
    let error = Options::new().open(place.path()).unwrap_err();
    assert!(error.is_corrupt(), "{error}");
    std::fs::rename(&aside, &log).unwrap();

    std::fs::rename(place.path(), &aside).unwrap();
    let before = place.fingerprint();
    let error = Options::new().open(place.path()).unwrap_err();
    assert!(error.is_corrupt(), "{error}");
    assert_eq!(place.fingerprint(), before);
    std::fs::rename(&aside, place.path()).unwrap();
    assert_eq!(latest(&place.open()), ["a=1"]);
}

#[test]
fn what_an_unfinished_creation_left_is_cleared_away() {
    let place = Place::new();
    std::fs::write(place.file("app.ns.new"), b"half a file").unwrap();
    std::fs::write(place.file("app.ns.log"), b"half a header").unwrap();
    std::fs::write(place.file("app.ns.log.next"), b"").unwrap();
    let db = place.open();
    put(&db, &[("a", "1")]);
    db.close().unwrap();
    let names: Vec<_> = place.bytes().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["app.ns", "app.ns.log"]);
}

#[test]
fn every_cut_of_the_file_opens_with_all_data_or_is_refused() {
    let place = Place::new();
    let db = place.open_with(Options::new().background(false));
    for n in 0..40 {
        put(&db, &[(&n.to_string(), "0123456789".repeat(60).as_str())]);
    }
    db.close().unwrap();
    let bytes = std::fs::read(place.path()).unwrap();
    let edges = (0..=bytes.len() / 16_384).flat_map(|page| {
        let edge = page * 16_384;
        [edge.saturating_sub(1), edge, edge + 1]
    });
    for cut in edges.filter(|&cut| cut < bytes.len()) {
        std::fs::write(place.path(), &bytes[..cut]).unwrap();
        match Options::new().read_only(true).open(place.path()) {
            Err(Error::Corrupt(_) | Error::UnsupportedFormat { .. }) => {}
            Err(other) => panic!("cut at {cut}: {other}"),
            Ok(db) => assert_eq!(latest(&db).len(), 40, "cut at {cut}"),
        }
    }
    let mut longer = bytes.clone();
    longer.extend_from_slice(&[7; 100_000]);
    std::fs::write(place.path(), &longer).unwrap();
    let db = place.open();
    assert_eq!(latest(&db).len(), 40);
    put(&db, &[("more", "")]);
    assert!(db.verify().unwrap().is_clean());
}

#[test]
fn a_damaged_byte_of_either_meta_costs_nothing() {
    let place = Place::new();
    let db = place.open_with(Options::new().background(false));
    put(&db, &[("a", "1")]);
    db.checkpoint().unwrap();
    put(&db, &[("b", "2")]);
    db.close().unwrap();
    let bytes = std::fs::read(place.path()).unwrap();
    for slot in 0..2 {
        for at in (0..280).step_by(7) {
            let mut damaged = bytes.clone();
            damaged[slot * 16_384 + at] ^= 0x55;
            std::fs::write(place.path(), &damaged).unwrap();
            let db = place.open_with(Options::new().read_only(true));
            assert_eq!(latest(&db), ["a=1", "b=2"], "byte {at} of slot {slot}");
        }
    }
    std::fs::write(place.path(), &bytes).unwrap();
    let mut damaged = bytes.clone();
    damaged[4] ^= 1;
    std::fs::write(place.path(), &damaged).unwrap();
    let db = place.open();
    put(&db, &[("c", "3")]);
    db.close().unwrap();
    assert_eq!(latest(&place.open()), ["a=1", "b=2", "c=3"], "writing goes on from there");
}
