//! The log on the simulated disk: every crash state of every moment, every failed call.
//!
//! What must hold afterwards: no acknowledged transaction is lost, the state is that of one
//! transaction, and recovering once more, or being interrupted while recovering, changes nothing.

use super::replay::MemoryState;
use super::testing::*;
use super::{LogConfig, Position};
use crate::disk::Storage;
use crate::disk::entropy::mix;
use crate::error::Error;
use crate::sim::{
    Call, CrashPoint, Fault, FaultDisk, Model, Persisted, Repeat, Rule, Search, SimDisk, SimImage,
};
use std::sync::Arc;

/// Segments of 4 KiB of records, and records of one or two operations: chains and rotations abound.
const TINY: LogConfig = LogConfig {
    segment_bytes_min: 4096,
    segment_bytes_max: 8192,
    prepare_bytes: 1024,
    payload_bytes_max: 250,
};

fn search(model: Model) -> Search {
    Search { exhaustive_bits: 7, samples: 16, spread_max: 80, ..Search::new(model) }
}

/// Runs `commits` commits; `acked(op)` afterwards tells which transaction was acknowledged when.
struct Run {
    disk: SimDisk,
    /// Operation count of the disk when each transaction, from 0 on, was acknowledged.
    acked_at: Vec<usize>,
    issued: u64,
}

impl Run {
    /// On `image`: opens or creates the log, commits, sometimes without waiting, trims nothing.
    fn on(image: &SimImage, commits: u64, seed: u64) -> Self {
        let disk = image.to_disk();
        let storage: Arc<dyn Storage> = Arc::new(disk.clone());
        let exists = storage.exists(&paths().active()).expect("asked");
        let mut db = if exists {
            LogDb::open(&storage, TINY, seed).expect("opened").0
        } else {
            LogDb::create(&storage, TINY).expect("created")
        };
        let mut acked_at = vec![disk.op_count(); db.txn as usize + 1];
        for index in 0..commits {
            let appended = db.append(&ops_of(db.txn + 1)).expect("appended");
            match mix(seed ^ index) % 5 {
                0 => {}
                1 | 2 => db.log.wait_written(appended.end_lsn).expect("written"),
                _ => {
                    db.log.wait_durable(appended.end_lsn).expect("durable");
                    acked_at.resize(db.txn as usize + 1, disk.op_count());
                }
            }
            if mix(seed ^ index ^ 99).is_multiple_of(4) {
                db.log.prove_idle(crate::ids::TxnId::new(db.txn)).expect("proved");
            }
        }
        Self { disk, acked_at, issued: db.txn }
    }

    fn acked(&self, op: usize) -> u64 {
        self.acked_at.iter().rposition(|&at| at <= op).unwrap_or(0) as u64
    }
}

/// Opens what a crash left; checks it against the model, commits twice more and opens again.
fn check(name: &str, image: &SimImage, acked: u64, issued: u64, states: &[MemoryState]) {
    let storage: Arc<dyn Storage> = Arc::new(image.to_disk());
    let has_log = !storage.list(&paths().directory(), "app.ns.log").expect("listed").is_empty();
    let whole = has_log && discover(&storage).is_ok_and(|chain| chain.newest().is_some());
    if !whole && acked == 0 {
        // Power was lost while the log was created: the database has no name yet either.
        return;
    }
    let (mut db, recovery) =
        LogDb::open(&storage, TINY, 77).unwrap_or_else(|error| panic!("{name}: {error}"));
    let reached = db.txn;
    assert!(
        acked <= reached && reached <= issued,
        "{name}: {acked} <= {reached} <= {issued}: {recovery:?}"
    );
    assert_eq!(db.state, states[reached as usize], "{name}");
    for _ in 0..2 {
        db.commit().unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let (again, _) =
        LogDb::open(&storage, TINY, 78).unwrap_or_else(|error| panic!("{name}, again: {error}"));
    assert_eq!((again.txn, &again.state), (reached + 2, &states[reached as usize + 2]), "{name}");
}

fn every_state(point: &CrashPoint, model: Model, mut visit: impl FnMut(usize, &SimImage)) {
    for state in point.states(&search(model)) {
        visit(state.choice, &state.image);
    }
}

#[test]
fn no_crash_loses_an_acknowledged_transaction() {
    let states = models(40);
    let mut tried = 0;
    for seed in 1..=3 {
        let run = Run::on(&SimImage::new(), 12, seed);
        let trace = run.disk.trace();
        for point in trace.crash_points(0) {
            for model in Model::HONEST {
                every_state(&point, model, |choice, image| {
                    tried += 1;
                    let op = trace.describe(point.at());
                    let name = format!("seed {seed}, {model} at {} ({op}), {choice}", point.at());
                    check(&name, image, run.acked(point.at()), run.issued, &states);
                });
            }
        }
    }
    assert!(tried > 1000, "{tried} states");
}

/// A checkpoint, as far as the log is concerned: from operation `at` on the disk has this meta.
struct Stored {
    at: usize,
    meta: (Position, MemoryState),
}

#[test]
fn no_crash_around_trims_and_recycling_loses_anything() {
    let states = models(40);
    let disk = SimDisk::new();
    let storage: Arc<dyn Storage> = Arc::new(disk.clone());
    let mut db = LogDb::create(&storage, TINY).expect("created");
    let genesis = Stored { at: 0, meta: (db.last, MemoryState::default()) };
    let mut stored = vec![genesis];
    let mut acked_at = vec![disk.op_count()];
    for _ in 0..30 {
        db.commit().expect("committed");
        acked_at.push(disk.op_count());
        if db.txn.is_multiple_of(5) {
            // The newer meta's position is never trimmed to: rule 12.
            let older = stored.last().expect("genesis").meta.0.lsn;
            stored.push(Stored { at: disk.op_count(), meta: (db.last, db.state.clone()) });
            db.log.trim(older).expect("trimmed");
        }
        if db.txn.is_multiple_of(3) {
            db.log.prepare_ahead().expect("prepared");
        }
    }
    assert!(db.log.chain().start_lsn() > Some(Default::default()), "something was trimmed");
    let trace = disk.trace();
    let mut tried = 0;
    for point in trace.crash_points(acked_at[0]) {
        let acked = acked_at.iter().rposition(|&at| at <= point.at()).unwrap_or(0) as u64;
        let valid = stored.iter().rev().filter(|stored| stored.at <= point.at()).take(2);
        let metas: Vec<_> = valid.map(|stored| stored.meta.clone()).collect();
        for model in [Model::Subset, Model::Garbage, Model::Names] {
            every_state(&point, model, |choice, image| {
                tried += 1;
                let op = trace.describe(point.at());
                let name = format!("{model} at {} ({op}), {choice}", point.at());
                // The older meta alone must do as well: the newer one's slot may be damaged.
                for from in 0..metas.len() {
                    let storage: Arc<dyn Storage> = Arc::new(image.to_disk());
                    let (mut again, _) = LogDb::open_behind(&storage, TINY, 77, &metas[from..])
                        .unwrap_or_else(|error| panic!("{name}, meta {from}: {error}"));
                    assert!(acked <= again.txn, "{name}: {acked} <= {}", again.txn);
                    assert_eq!(again.state, states[again.txn as usize], "{name}");
                    again.commit().unwrap_or_else(|error| panic!("{name}: {error}"));
                }
            });
        }
    }
    assert!(tried > 300, "{tried} states");
}

#[test]
fn a_crash_during_recovery_loses_nothing_either() {
    let states = models(40);
    let run = Run::on(&SimImage::new(), 12, 2);
    let trace = run.disk.trace();
    let mut tried = 0;
    // Moments late enough that there is a tail to recover; states that keep some of it.
    for point in trace.crash_points(trace.len() / 2) {
        let acked = run.acked(point.at());
        let mut tails = Vec::new();
        every_state(&point, Model::Subset, |_, image| tails.push(image.clone()));
        tails.truncate(6);
        for tail in tails {
            let disk = tail.to_disk();
            let storage: Arc<dyn Storage> = Arc::new(disk.clone());
            let (db, _) = LogDb::open(&storage, TINY, 5).expect("opened");
            let reached = db.txn;
            drop(db);
            let recovering = disk.trace();
            for inner in recovering.crash_points(0) {
                let done = inner.at() == recovering.len();
                for model in [Model::Subset, Model::Sectors, Model::Garbage, Model::Names] {
                    every_state(&inner, model, |choice, image| {
                        tried += 1;
                        let name = format!(
                            "recovery {} of crash {}, {model} choice {choice}",
                            recovering.describe(inner.at()),
                            point.at()
                        );
                        // Once recovery has returned, what it found counts as acknowledged.
                        let acked = if done { reached } else { acked };
                        check(&name, image, acked, run.issued, &states);
                    });
                }
            }
        }
    }
    assert!(tried > 500, "{tried} states");
}

#[test]
fn a_failed_sync_is_never_followed_by_an_acknowledgement() {
    let states = models(40);
    let total = Run::on(&SimImage::new(), 12, 1).disk.sync_count();
    for nth in 0..total {
        for persisted in [Persisted::None, Persisted::Part(nth), Persisted::All] {
            let name = format!("sync {nth}, {persisted:?}");
            let disk = SimDisk::new();
            disk.fail_sync(nth, persisted);
            let storage: Arc<dyn Storage> = Arc::new(disk.clone());
            let Ok(mut db) = LogDb::create(&storage, TINY) else { continue };
            let mut acked = 0;
            let mut failed = false;
            for _ in 0..12 {
                match db.commit() {
                    Ok(_) => {
                        // Preparing the next segment may fail and leave the log as it was.
                        assert!(!failed || db.log.poisoned().is_none(), "{name}: acknowledged");
                        acked = db.txn;
                    }
                    Err(_) => failed = true,
                }
            }
            assert!(failed, "{name}: the failure was told to someone");
            let issued = db.txn;
            drop(db);
            let trace = disk.trace();
            let point = trace.crash_at(trace.len());
            for image in [point.image_none_kept(), point.image_all_kept()] {
                check(&name, &image, acked, issued, &states);
            }
        }
    }
}

#[test]
fn a_failed_call_leaves_a_log_that_opens() {
    let states = models(40);
    let calls = [
        Call::Open,
        Call::Rename,
        Call::Unlink,
        Call::SyncDir,
        Call::Write,
        Call::Sync,
        Call::SetLen,
    ];
    let mut struck = 0;
    for call in calls {
        for fault in [Fault::Eio, Fault::Enospc] {
            for nth in 0..40 {
                let name = format!("{call:?} {nth}: {fault:?}");
                let disk = FaultDisk::new(SimDisk::new());
                let storage: Arc<dyn Storage> = Arc::new(disk.clone());
                let mut db = LogDb::create(&storage, TINY).expect("created");
                let file = String::new();
                disk.inject(Rule { call, file, nth, repeat: Repeat::Once, fault });
                let mut acked = 0;
                for _ in 0..10 {
                    if db.commit().is_ok() {
                        acked = db.txn;
                    }
                }
                if disk.hits() == 0 {
                    break;
                }
                struck += 1;
                if db.log.poisoned().is_some() {
                    assert!(matches!(db.commit(), Err(Error::Poisoned)), "{name}: not poisoned");
                }
                let issued = db.txn;
                drop(db);
                let image = disk.inner().visible();
                check(&name, &image, acked, issued, &states);
            }
        }
    }
    assert!(struck > 35, "{struck} faults struck");
}

#[test]
fn a_full_disk_chains_nothing_and_goes_on_once_there_is_space() {
    let states = models(200);
    for capacity in (8192..40_000).step_by(1024) {
        let name = format!("{capacity} bytes of disk");
        let disk = SimDisk::new();
        let storage: Arc<dyn Storage> = Arc::new(disk.clone());
        let mut db = LogDb::create(&storage, SMALL).expect("created");
        disk.set_capacity(Some(capacity));
        let mut full = false;
        for _ in 0..150 {
            match db.commit() {
                Ok(_) => {}
                Err(Error::OutOfSpace) => {
                    full = true;
                    break;
                }
                Err(other) => panic!("{name}: {other}"),
            }
        }
        assert!(full, "{name}: filled up");
        assert!(db.log.poisoned().is_none(), "{name}: retryable");
        let acked = db.txn;
        disk.set_capacity(None);
        for _ in 0..20 {
            db.commit().unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        drop(db);
        let (again, _) = LogDb::open(&storage, SMALL, 4).expect(&name);
        assert_eq!((again.txn, &again.state), (acked + 20, &states[acked as usize + 20]), "{name}");
    }
}
