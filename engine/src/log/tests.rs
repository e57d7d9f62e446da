//! The log as a whole: what is committed comes back, whatever happened in between.

use super::recover::Action;
use super::segments::Chain;
use super::testing::*;
use super::*;
use crate::disk::Storage;
use crate::error::{Error, Place};
use crate::ids::{Lsn, TxnId};
use std::sync::Arc;

fn history(config: LogConfig, commits: u64) -> (Arc<dyn Storage>, LogDb) {
    let storage = memory();
    let mut db = LogDb::create(&storage, config).expect("created");
    for _ in 0..commits {
        db.commit().expect("committed");
    }
    (storage, db)
}

#[test]
fn what_is_committed_is_replayed_across_segments() {
    let (storage, db) = history(SMALL, 300);
    let chain = discover(&storage).expect("a chain");
    assert!(chain.segments().len() > 4, "{} segments", chain.segments().len());
    let (state, txn) = state_of(&chain, None).expect("replayed");
    assert_eq!((state, txn), (db.state.clone(), TxnId::new(300)));
    let report = verify::verify(&chain, db.log.progress().durable).expect("verified");
    assert_eq!(report.problems, []);
    assert_eq!((report.first_txn, report.last_txn), (Some(TxnId::new(1)), Some(TxnId::new(300))));
    assert_eq!((report.torn, report.end_lsn), (None, db.log.end_lsn()));
}

#[test]
fn a_lone_commit_costs_one_write_and_one_sync() {
    let (_, mut db) = history(LogConfig::default(), 1);
    let before = db.log.counters();
    let commits = 20;
    for _ in 0..commits {
        db.commit().expect("committed");
    }
    let after = db.log.counters();
    assert_eq!(after.syncs - before.syncs, commits);
    assert_eq!(after.writes - before.writes, commits);
}

#[test]
fn a_log_opened_after_a_clean_close_goes_on_in_place() {
    let (storage, db) = history(SMALL, 40);
    // The last commit is durable, and a meta says so.
    let meta = db.last;
    db.log.close().expect("closed");
    let entropy = crate::disk::entropy::SeededEntropy::new(5);
    let (log, recovery) =
        LogWriter::open(Arc::clone(&storage), paths(), UUID, &entropy, SMALL, &[meta])
            .expect("opened");
    assert_eq!(recovery.action, Action::InPlace);
    assert_eq!((recovery.commits, recovery.last), (0, meta));
    assert_eq!(log.generation(), db.log.generation());
    let mut again = LogDb { log: Arc::new(log), state: db.state.clone(), txn: 40, last: meta };
    for _ in 0..40 {
        again.commit().expect("committed");
    }
    let (state, txn) = state_of(&discover(&storage).expect("a chain"), None).expect("replayed");
    assert_eq!((state, txn), (again.state, TxnId::new(80)));
}

/// The thread that proves read the tip, then a commit came: its record said "transaction 2" behind
/// transaction 3, and the log was refused at the next open.
#[test]
fn a_proof_asked_for_with_an_old_tip_names_the_last_commit() {
    let (storage, db) = history(LogConfig::default(), 3);
    assert!(db.log.prove_idle(TxnId::new(2)).expect("proved"));
    let chain = discover(&storage).expect("a chain");
    let report = verify::verify(&chain, db.log.progress().durable).expect("verified");
    assert_eq!((report.problems, report.last_txn), (Vec::new(), Some(TxnId::new(3))));
}

#[test]
fn an_idle_proof_is_erased_again_by_the_next_open() {
    let (storage, db) = history(LogConfig::default(), 3);
    assert!(db.log.prove_idle(TxnId::new(3)).expect("proved"));
    assert!(!db.log.prove_idle(TxnId::new(3)).expect("proved already"));
    let chain = discover(&storage).expect("a chain");
    let recovery = recover::assess(&chain, UUID, &[Position::default()]).expect("judged");
    assert_eq!(recovery.proven, db.last.lsn, "the proof is what other processes go by");
    let entropy = crate::disk::entropy::SeededEntropy::new(5);
    let config = LogConfig::default();
    let (log, recovery) =
        LogWriter::open(Arc::clone(&storage), paths(), UUID, &entropy, config, &[db.last])
            .expect("opened");
    assert_eq!((recovery.action, recovery.tail), (Action::Erased, db.last.lsn));
    let mut again = LogDb { log: Arc::new(log), state: db.state, txn: 3, last: db.last };
    again.commit().expect("committed");
    let (state, txn) = state_of(&discover(&storage).expect("a chain"), None).expect("replayed");
    assert_eq!((state, txn), (model_at(4), TxnId::new(4)));
}

#[test]
fn a_log_cut_at_any_byte_is_a_clean_prefix_and_stays_one() {
    let (storage, db) = history(LogConfig::default(), 6);
    let states = models(8);
    let ends = ends_of(&discover(&storage).expect("a chain"));
    let (path, bytes) = files(&storage).remove(0);
    let used = 4096 + db.log.end_lsn().get() as usize;
    for length in 4096..=used + 1 {
        let name = format!("cut to {length} bytes");
        let cut = with_files(&[(path.clone(), bytes[..length].to_vec())]);
        let whole = ends.iter().filter(|end| 4096 + end.get() as usize <= length).count() as u64;
        let (mut again, recovery) =
            LogDb::open(&cut, LogConfig::default(), 9).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(again.txn, whole, "{name}");
        assert_eq!(again.state, states[whole as usize], "{name}");
        let untouched = recovery.action == Action::InPlace;
        assert_eq!(untouched, whole == 0 && length == 4096, "{name}: {recovery:?}");
        again.commit().unwrap_or_else(|e| panic!("{name}: {e}"));
        let (twice, _) = LogDb::open(&cut, LogConfig::default(), 10).expect(&name);
        assert_eq!((twice.txn, &twice.state), (whole + 1, &states[whole as usize + 1]), "{name}");
    }
}

/// Ends of the commit records.
fn ends_of(chain: &Chain) -> Vec<Lsn> {
    let mut transactions = Transactions::of(chain.clone()).expect("a chain");
    let mut ends = Vec::new();
    while let Some(transaction) = transactions.next().expect("sound") {
        ends.push(transaction.end_lsn);
    }
    ends
}

#[test]
fn a_flipped_byte_of_a_proven_record_is_corruption_with_its_position() {
    let (storage, db) = history(LogConfig::default(), 6);
    let states = models(6);
    let ends = ends_of(&discover(&storage).expect("a chain"));
    let (path, bytes) = files(&storage).remove(0);
    let used = db.log.end_lsn().get() as usize;
    for at in 0..used {
        for flip in [0x01, 0xff] {
            let name = format!("byte {at} ^ {flip:#x}");
            let mut damaged = bytes.clone();
            damaged[4096 + at] ^= flip;
            let damaged = with_files(&[(path.clone(), damaged)]);
            let hit = ends.iter().filter(|end| end.get() as usize <= at).count();
            let start = if hit == 0 { Lsn::default() } else { ends[hit - 1] };
            match LogDb::open(&damaged, LogConfig::default(), 9) {
                Err(Error::Corrupt(corrupt)) if hit < 5 => {
                    assert_eq!(corrupt.place, Place::Lsn(start), "{name}: {corrupt}");
                }
                Ok((again, _)) if hit == 5 => {
                    // No later record proves the last one: it looks like a torn tail.
                    assert_eq!((again.txn, &again.state), (5, &states[5]), "{name}");
                }
                other => panic!("{name}, in record {hit}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_flipped_byte_of_the_last_record_is_corruption_where_a_meta_proves_it() {
    let (storage, db) = history(LogConfig::default(), 3);
    let ends = ends_of(&discover(&storage).expect("a chain"));
    let (path, bytes) = files(&storage).remove(0);
    let genesis = Position::default();
    for at in ends[1].get()..ends[2].get() {
        let mut damaged = bytes.clone();
        damaged[4096 + at as usize] ^= 0x10;
        let damaged = with_files(&[(path.clone(), damaged)]);
        let chain = discover(&damaged).expect("a chain");
        for metas in [vec![db.last], vec![genesis, db.last]] {
            let found = recover::assess(&chain, UUID, &metas);
            assert!(matches!(found, Err(Error::Corrupt(_))), "byte {at}, {metas:?}: {found:?}");
        }
    }
    let cut = with_files(&[(path, bytes[..4096 + ends[1].get() as usize].to_vec())]);
    let chain = discover(&cut).expect("a chain");
    let found = recover::assess(&chain, UUID, &[genesis, db.last]);
    assert!(found.is_err_and(|error| error.is_corrupt()), "cut at a record's edge");
}

#[test]
fn records_of_another_place_are_never_taken() {
    let (storage, _) = history(LogConfig::default(), 6);
    let (other_storage, _) = history(LogConfig::default(), 6);
    let ends = ends_of(&discover(&storage).expect("a chain"));
    let (path, bytes) = files(&storage).remove(0);
    let (_, other) = files(&other_storage).remove(0);
    assert_eq!(bytes, other, "same seed, same log");
    let range = |index: usize| {
        let start = if index == 0 { 0 } else { ends[index - 1].get() };
        4096 + start as usize..4096 + ends[index].get() as usize
    };
    let mut tried = 0;
    for source in 0..6 {
        for target in 0..6 {
            // A record copied over another one, cut or padded to its place.
            let mut damaged = bytes.clone();
            let record = bytes[range(source)].to_vec();
            let place = range(target);
            let length = record.len().min(place.len());
            damaged[place.start..place.start + length].copy_from_slice(&record[..length]);
            if damaged == bytes {
                continue;
            }
            tried += 1;
            let name = format!("record {source} copied over {target}");
            match LogDb::open(&with_files(&[(path.clone(), damaged)]), LogConfig::default(), 9) {
                Err(Error::Corrupt(_)) if target < 5 => {}
                Ok((again, _)) if target == 5 => assert_eq!(again.txn, 5, "{name}"),
                other => panic!("{name}: {other:?}"),
            }
        }
    }
    assert!(tried > 20, "{tried}");
}

#[test]
fn a_segment_of_another_database_or_generation_is_refused() {
    let (storage, _) = history(SMALL, 120);
    let files = files(&storage);
    let chain = discover(&storage).expect("a chain");
    assert!(chain.segments().len() >= 3);
    let uuid = crate::ids::FileUuid([8; 16]);
    let found = recover::assess(&chain, uuid, &[Position::default()]);
    assert!(matches!(&found, Err(Error::Corrupt(c)) if c.rule == "SEG-5"), "{found:?}");
    // An older segment beside a newer number: the newest was put back from an older copy.
    let mut renamed = files.clone();
    let active = renamed.iter().position(|(path, _)| *path == paths().active()).expect("active");
    let (_, old) = files.iter().find(|(path, _)| *path == paths().numbered(1)).expect("first");
    renamed[active].1 = old.clone();
    let found = discover(&with_files(&renamed));
    assert!(matches!(&found, Err(Error::Corrupt(c)) if c.rule == "SEG-4"), "{found:?}");
    // A gap: what is below it is not part of the chain, and genesis is not covered.
    let gap: Vec<_> =
        files.iter().filter(|(path, _)| *path != paths().numbered(2)).cloned().collect();
    let chain = discover(&with_files(&gap)).expect("a chain");
    assert_eq!(chain.segments().first().map(|s| s.header.number), Some(3));
    assert!(chain.broken().is_some_and(|c| c.rule == "SEG-4"), "{:?}", chain.broken());
    let found = recover::assess(&chain, UUID, &[Position::default()]);
    assert!(found.is_err_and(|error| error.is_corrupt()));
}

#[test]
fn trimming_keeps_what_is_asked_for_and_recycles() {
    let (storage, mut db) = history(SMALL, 200);
    let chain = db.log.chain();
    let third = chain.segments()[2].header.start_lsn;
    let pin = db.log.pin(chain.segments()[1].header.start_lsn);
    assert_eq!(db.log.trim(third).expect("trimmed"), 1, "a pin holds the second segment");
    drop(pin);
    assert_eq!(db.log.trim(third).expect("trimmed"), 1);
    assert_eq!(discover(&storage).expect("a chain").start_lsn(), Some(third));
    let meta = db.last;
    let end = db.log.end_lsn();
    db.log.trim(end).expect("trimmed");
    assert_eq!(discover(&storage).expect("a chain").segments().len(), 1);
    assert!(storage.exists(&paths().next()).expect("asked"), "one segment is kept for reuse");
    let before = db.log.counters();
    for _ in 0..100 {
        db.commit().expect("committed");
    }
    assert!(db.log.counters().rotations > before.rotations);
    // Recovery from the meta sees all 100, and nothing stale from the recycled segment.
    let chain = discover(&storage).expect("a chain");
    let recovery = recover::assess(&chain, UUID, &[meta]).expect("judged");
    assert_eq!((recovery.commits, recovery.last), (100, db.last));
    let found = recover::assess(&chain, UUID, &[Position::default()]);
    assert!(found.is_err_and(|error| error.is_corrupt()), "genesis is no longer covered");
}

#[test]
fn a_long_transaction_is_a_chain_that_counts_only_with_its_commit() {
    let storage = memory();
    let mut db = LogDb::create(&storage, LogConfig::default()).expect("created");
    db.commit().expect("committed");
    let long = |salt: u8| -> Vec<ModelOp> {
        (0..40_u8).map(|i| ModelOp::Put(vec![salt, i], vec![salt; 100_000])).collect()
    };
    let before = db.state.clone();
    // Given up: the model forgets it, the log keeps an abort flag.
    let builder = db.build(&long(1)).expect("built");
    assert!(builder.chain_first().is_some() && builder.op_count() == 40);
    builder.abort(&db.log).expect("aborted");
    db.state = before;
    let appended = db.append(&long(2)).expect("appended");
    db.log.wait_durable(appended.end_lsn).expect("durable");
    db.commit().expect("committed");
    let chain = discover(&storage).expect("a chain");
    let (state, txn) = state_of(&chain, None).expect("replayed");
    assert_eq!((&state, txn), (&db.state, TxnId::new(3)));
    let report = verify::verify(&chain, db.log.progress().durable).expect("verified");
    assert_eq!((report.problems, report.commits), (vec![], 3));
    // Torn before its commit: it never was.
    let unfinished = db.build(&long(3)).expect("built");
    drop(unfinished);
    db.log.sync_all().expect("synced");
    let (mut again, recovery) = LogDb::open(&storage, LogConfig::default(), 3).expect("opened");
    assert_eq!((again.txn, &again.state), (3, &state), "{recovery:?}");
    again.commit().expect("committed");
    let (twice, _) = LogDb::open(&storage, LogConfig::default(), 4).expect("opened");
    assert_eq!((twice.txn, twice.state), (4, again.state));
}

#[test]
fn a_reader_of_the_durable_stream_goes_on_where_it_stopped() {
    let (_, mut db) = history(SMALL, 10);
    let until = db.log.progress().durable;
    let scanner = Scanner::new(db.log.chain(), Lsn::default()).expect("a scan").until(until);
    let mut transactions = Transactions::new(scanner, Some(TxnId::GENESIS));
    let mut seen = 0;
    for round in 0..20 {
        while let Some(transaction) = transactions.next().expect("sound") {
            seen += 1;
            assert_eq!(transaction.txn_id, TxnId::new(seen), "round {round}");
        }
        assert_eq!(seen, db.txn, "round {round}");
        for _ in 0..7 {
            db.commit().expect("committed");
        }
        transactions.scanner_mut().resume(db.log.chain(), db.log.progress().durable);
    }
}

#[test]
fn verify_goes_on_behind_damage() {
    let (storage, db) = history(LogConfig::default(), 9);
    let ends = ends_of(&discover(&storage).expect("a chain"));
    let (path, mut bytes) = files(&storage).remove(0);
    for record in [2, 5] {
        bytes[4096 + ends[record - 1].get() as usize + 70] ^= 4;
    }
    let chain = discover(&with_files(&[(path, bytes)])).expect("a chain");
    let report = verify::verify(&chain, db.last.lsn).expect("verified");
    let places: Vec<_> = report.problems.iter().map(|problem| problem.place).collect();
    assert_eq!(places, [Place::Lsn(ends[1]), Place::Lsn(ends[4])]);
    assert_eq!((report.commits, report.last_txn), (7, Some(TxnId::new(9))));
}
