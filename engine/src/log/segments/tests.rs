//! Names of segments, and chains that an interrupted step left behind.

use super::*;
use crate::disk::entropy::SeededEntropy;
use crate::ids::{Pointer, TxnId};
use crate::log::builder::{CommitInfo, RecordBuilder};
use crate::log::recover::Action;
use crate::log::testing::*;
use crate::log::{LogConfig, LogWriter};

#[test]
fn names() {
    let paths = LogPaths::of_database(Path::new("/x/app.ns"));
    assert_eq!(paths.active(), Path::new("/x/app.ns.log"));
    assert_eq!(paths.numbered(7), Path::new("/x/app.ns.log.7"));
    assert_eq!(paths.next(), Path::new("/x/app.ns.log.next"));
    assert_eq!(paths.directory(), Path::new("/x"));
    assert_eq!(LogPaths::of_database(Path::new("app.ns")).directory(), Path::new("."));
    let cases: &[(&str, Option<&str>)] = &[
        ("/x/app.ns.log", Some("/x/app.ns.log")),
        ("/x/app.ns.log.12", Some("/x/app.ns.log")),
        ("a.log", Some("a.log")),
        ("/x/app.ns", None),
        ("/x/app.ns.log.next", None),
        ("/x/app.ns.log.012", None),
        ("/x/app.ns.log.+1", None),
        ("/x/.log", None),
        ("/x/app.12", None),
    ];
    for (name, active) in cases {
        let found = LogPaths::of_log(Path::new(name)).map(|paths| paths.active());
        assert_eq!(found.as_deref(), active.map(Path::new), "{name}");
    }
}

fn grown() -> (Arc<dyn Storage>, LogDb) {
    let storage = memory();
    let mut db = LogDb::create(&storage, SMALL).expect("created");
    while db.log.counters().rotations < 3 {
        db.commit().expect("committed");
    }
    (storage, db)
}

#[test]
fn a_rotation_interrupted_between_its_renames_is_finished_by_the_next_open() {
    let (storage, db) = grown();
    let number = discover(&storage).expect("a chain").newest().expect("one").header.number;
    storage.rename(&paths().active(), &paths().numbered(number)).expect("renamed");
    let file = storage.open(&paths().next(), OpenMode::CreateNew).expect("created");
    file.write_at(&[7; 100], 0).expect("written");
    let chain = discover(&storage).expect("a chain");
    assert_eq!(chain.newest().map(|segment| segment.header.number), Some(number));
    let (again, recovery) = LogDb::open(&storage, SMALL, 5).expect("opened");
    assert_eq!((again.txn, &again.state), (db.txn, &db.state));
    assert!(storage.exists(&paths().active()).expect("asked"), "{recovery:?}");
    assert!(!storage.exists(&paths().next()).expect("asked"), "never read, but removed");
}

#[test]
fn a_position_is_found_by_its_place_and_its_generation() {
    let (storage, db) = grown();
    let chain = discover(&storage).expect("a chain");
    assert!(chain.check_position(db.last).is_ok());
    let wrong: &[(&str, Position)] = &[
        ("another record", Position { crc: db.last.crc ^ 1, ..db.last }),
        ("another generation", Position { generation: db.last.generation ^ 1, ..db.last }),
        ("inside a record", Position { lsn: Lsn::new(db.last.lsn.get() - 8), ..db.last }),
        ("behind the end", Position { lsn: Lsn::new(db.last.lsn.get() + 8), ..db.last }),
        ("far behind the end", Position { lsn: Lsn::new(1 << 60), ..db.last }),
        ("another start", Position { lsn: Lsn::default(), crc: 5, ..db.last }),
    ];
    for (name, position) in wrong {
        let found = chain.check_position(*position);
        assert!(found.is_err_and(|error| error.is_corrupt()), "{name}");
    }
}

#[test]
fn reading_starts_near_a_transaction_and_meets_all_of_it() {
    let (storage, db) = grown();
    let chain = discover(&storage).expect("a chain");
    let mut starts = Vec::new();
    for txn in 1..=db.txn {
        let start = chain.start_for(TxnId::new(txn)).expect("found");
        let scanner = crate::log::Scanner::new(chain.clone(), start).expect("a scan");
        let mut transactions = crate::log::Transactions::new(scanner, None);
        let first = transactions.next().expect("sound").expect("one").txn_id;
        assert!(first <= TxnId::new(txn), "{txn}: started behind it, at {first}");
        starts.push(start);
    }
    assert!(starts.is_sorted());
    starts.dedup();
    assert!(
        starts.len() + 1 >= chain.segments().len(),
        "nearly each segment is a start: {starts:?}"
    );
}

/// The proof of an idle writer came first in a segment while a long transaction was open: reading began there, behind
/// that transaction's start, and took it for one that is gone.
#[test]
fn a_proof_inside_a_chain_hides_nothing_of_it() {
    let config = LogConfig { payload_bytes_max: 256, ..SMALL };
    let mut seen = 0;
    for bytes in (3400..3900).step_by(8) {
        let storage = memory();
        let mut db = LogDb::create(&storage, config).expect("created");
        db.commit().expect("committed");
        let mut long = RecordBuilder::new(TxnId::new(2));
        for value in [vec![1; bytes], vec![2; 200]] {
            long.put(&db.log, b"key", &value).expect("put");
        }
        db.log.sync_all().expect("synced");
        let before = db.log.counters().rotations;
        assert!(db.log.prove_idle(TxnId::new(1)).expect("proven"));
        seen += db.log.counters().rotations - before;
        let key_count = db.state.rows().len() as u64 + 1;
        let info = CommitInfo { root: Pointer::NULL, depth: 0, key_count, flags: 0 };
        long.reserve(&db.log).expect("room");
        let end = long.commit(&db.log, info).expect("appended").end_lsn;
        db.log.wait_durable(end).expect("durable");
        let chain = discover(&storage).expect("a chain");
        let start = chain.start_for(TxnId::new(2)).expect("found");
        let scanner = crate::log::Scanner::new(chain, start).expect("a scan");
        let mut transactions = crate::log::Transactions::new(scanner, None);
        let found = std::iter::from_fn(|| transactions.next().expect("sound"));
        assert_eq!(found.last().map(|found| found.txn_id), Some(TxnId::new(2)), "{bytes} bytes");
    }
    assert!(seen > 0, "the proof started a segment now and then");
}

#[test]
fn a_superseded_generation_below_the_copied_position_is_the_same_record() {
    let storage = memory();
    let mut db = LogDb::create(&storage, LogConfig::default()).expect("created");
    db.commit().expect("committed");
    db.commit().expect("committed");
    let first = db.last;
    // Two recoveries that copy: each supersedes the generation before.
    for seed in [5, 6] {
        let (again, recovery) = LogDb::open(&storage, LogConfig::default(), seed).expect("opened");
        assert!(matches!(recovery.action, Action::Copied { .. }), "{recovery:?}");
        assert_ne!(again.last.generation, first.generation);
        assert_eq!(again.last.lsn, first.lsn);
        db = again;
    }
    let chain = discover(&storage).expect("a chain");
    assert_eq!(chain.segments().len(), 3);
    assert!(chain.check_position(db.last).is_ok());
    assert!(chain.check_position(first).is_ok(), "copied twice");
    db.commit().expect("committed");
    let later = Position { lsn: db.last.lsn, ..first };
    let chain = discover(&storage).expect("a chain");
    assert!(chain.check_position(later).is_err(), "written after the copy: another record");
}

#[test]
fn a_log_goes_on_where_a_backup_ends() {
    let storage = memory();
    let start = Position { lsn: Lsn::new(4096), generation: 0, crc: 77, txn_id: TxnId::new(12) };
    let entropy = SeededEntropy::new(3);
    let create = || {
        let storage = Arc::clone(&storage);
        LogWriter::create(storage, paths(), UUID, &entropy, SMALL, start)
    };
    let log = create().expect("created");
    assert_eq!(log.end_lsn(), start.lsn);
    assert!(create().is_err(), "a log that exists is never overwritten");
    drop(log);
    let chain = discover(&storage).expect("a chain");
    assert!(chain.check_position(start).is_ok());
    assert!(chain.check_position(Position { crc: 78, ..start }).is_err());
    let open = |metas: &[Position]| {
        let storage = Arc::clone(&storage);
        LogWriter::open(storage, paths(), UUID, &entropy, SMALL, metas)
    };
    let (_, recovery) = open(&[start]).expect("opened");
    assert_eq!((recovery.commits, recovery.last), (0, start));
    assert!(open(&[Position::default()]).is_err(), "genesis is not in this log");
}
