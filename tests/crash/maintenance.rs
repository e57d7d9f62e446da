//! Checkpoint, compact and backup beside a full disk, failing calls and panics, at every call of each:
//! no row changes, nothing is lost, what can be tried again works when tried again, and no page leaks.

use crate::faults::{judge_disk, quiet_scripted_panics};
use northstar_engine::{
    Durability, Error,
    disk::Storage,
    inspect::Severity,
    sim::{Call, Fault, FaultDisk, Model, Repeat, Rule, SimDisk},
};
use northstar_harness::{
    long,
    oracle::guarded,
    runner::{COPY, Session, open, open_copy},
    tally::Suite,
    workload::{Step, Workload},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
    time::Duration,
};

/// Holes to fill, pages to move, something in the log that no checkpoint has.
const BEFORE: &str = "2R5-ffPkrdkfrmPpe";
const DEEDS: &[(&str, char)] = &[("checkpoint", 'k'), ("compact", 'C'), ("backup", 'B')];

/// A database with work to do, on a disk that can be told to fail.
fn prepared(workload: &Workload) -> (Session, FaultDisk<SimDisk>) {
    let sim = SimDisk::new();
    let disk = FaultDisk::new(sim.clone());
    let mut session = Session::new(workload, sim, Arc::new(disk.clone()));
    session.create().expect("a healthy disk");
    for step in &workload.steps {
        session.step(*step).expect("a healthy disk");
    }
    (session, disk)
}

/// No page is in use that nothing uses, and the other way round.
fn check_accounts(session: &mut Session) -> Result<(), String> {
    session.step(Step('k')).map_err(|error| format!("checkpoint: {error}"))?;
    let db = session.db.as_ref().ok_or("the session is open")?;
    let report = db.verify().map_err(|error| format!("verify: {error}"))?;
    match report.problems.iter().find(|problem| problem.severity > Severity::Note) {
        Some(problem) => Err(format!("verify: {problem}")),
        None => Ok(()),
    }
}

/// A temporary file of a backup that did not come to its end.
fn leftovers(sim: &SimDisk) -> Vec<String> {
    let image = sim.visible();
    let names = image.paths().map(|path| path.display().to_string());
    names.filter(|name| name.contains(".new-")).collect()
}

/// A disk that has room for so much more and no more: `OutOfSpace`, everything as before, and the same
/// handle does it once there is room.
#[test]
fn a_disk_that_fills_up_in_maintenance_can_be_tried_again() {
    let workload = Workload::parse(BEFORE).expect("known steps");
    for &(name, letter) in DEEDS {
        let suite = Suite::begin(format!("full disk in {name}"));
        let needed = {
            let (mut session, _) = prepared(&workload);
            let before = session.sim.used_bytes();
            session.step(Step(letter)).expect("a healthy disk");
            // More than it leaves behind: it may need room on the way.
            (session.sim.used_bytes().saturating_sub(before)).max(512 << 10) * 2
        };
        let points = if long::is_asked_for() { 100 } else { 25 };
        let mut refused = 0;
        for point in 0..points {
            let room = needed * point / points;
            let (mut session, _) = prepared(&workload);
            session.sim.set_capacity(Some(session.sim.used_bytes() + room));
            let done = session.step(Step(letter));
            refused += u64::from(done.is_err());
            let result = guarded(|| {
                match done {
                    Ok(()) => {}
                    Err(Error::OutOfSpace) => session.check_latest()?,
                    Err(other) => return Err(format!("{other:?}")),
                }
                if letter == 'B' && !leftovers(&session.sim).is_empty() {
                    return Err(format!("left behind: {:?}", leftovers(&session.sim)));
                }
                session.sim.set_capacity(None);
                for again in [letter, 'p', 'P'] {
                    session.step(Step(again)).map_err(|e| format!("{again} with room: {e}"))?;
                }
                session.check_latest()?;
                check_accounts(&mut session)
            });
            let result = result.and_then(|()| judge_disk(&workload, session, &[Model::Subset]));
            result.unwrap_or_else(|what| panic!("{name} with {room} bytes of room: {what}"));
        }
        println!("{name}: refused at {refused} of {points} sizes");
        assert!(refused > 0 || letter == 'k', "{name}: the disk was never full");
        suite.cases(points);
    }
}

/// Every call of each deed fails, or panics, once.
fn every_call(fault: Fault) {
    quiet_scripted_panics();
    let workload = Workload::parse(BEFORE).expect("known steps");
    for &(name, letter) in DEEDS {
        let suite = Suite::begin(format!("{fault:?} in {name}"));
        let calls = {
            let (mut session, disk) = prepared(&workload);
            let before = disk.calls().len();
            session.step(Step(letter)).expect("a healthy disk");
            disk.calls().split_off(before)
        };
        let mut cases = 0;
        for call in Call::ALL {
            let count = calls.iter().filter(|record| record.call == call).count() as u64;
            // Rare calls all, frequent ones spread out.
            let stride = if count < 8 { 1 } else { long::stride(9) as u64 };
            for nth in (0..count).step_by(stride as usize) {
                let place = format!("{name}: {fault:?} at {call:?} {nth}");
                strike(
                    &workload,
                    letter,
                    Rule { call, file: String::new(), nth, repeat: Repeat::Once, fault },
                )
                .unwrap_or_else(|what| panic!("{place}: {what}"));
                cases += 1;
            }
        }
        suite.cases(cases);
    }
}

fn strike(workload: &Workload, letter: char, rule: Rule) -> Result<(), String> {
    let (mut session, disk) = prepared(workload);
    disk.inject(rule);
    let done = catch_unwind(AssertUnwindSafe(|| session.step(Step(letter))));
    disk.heal();
    let failed = !matches!(done, Ok(Ok(())));
    match done {
        Ok(Err(Error::Corrupt(corrupt))) => {
            return Err(format!("a fault is taken for corruption: {corrupt}"));
        }
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
            if !text.contains("scripted panic") {
                return Err(format!("panic: {text}"));
            }
        }
        _ => {}
    }
    guarded(|| {
        session.check_latest()?;
        if letter == 'B' && failed && disk.inner().exists(Path::new(COPY)).unwrap_or(false) {
            // Its name came last: what has it is whole.
            let copy = open_copy(Arc::new(disk.inner().clone()));
            copy.map_err(|error| format!("a backup that failed has its name: {error}"))?;
        }
        match session.step(Step('p')) {
            Ok(()) => check_accounts(&mut session),
            Err(Error::Poisoned) => Ok(()),
            Err(other) => Err(format!("a commit afterwards: {other:?}")),
        }
    })?;
    judge_disk(workload, session, &[Model::Subset]).map(drop)
}

/// A commit that does not wait becomes visible while a backup waits for the log's sync, which need not
/// cover it: the backup holds no state that a power cut takes back.
#[test]
fn a_backup_beside_a_commit_that_does_not_wait_holds_what_is_durable() {
    let sim = SimDisk::new();
    let disk = FaultDisk::new(sim.clone());
    let db = open(Arc::new(disk.clone()), 7).expect("create");
    let commit = |key: &[u8]| {
        let mut write = db.begin_write().expect("no other writer");
        write.put(key, b"value").expect("room");
        write.commit_with(Durability::Eventual).expect("a commit");
    };
    commit(b"first");
    let calls = disk.calls().len();
    disk.inject(Rule {
        call: Call::Sync,
        file: ".log".to_owned(),
        nth: 0,
        repeat: Repeat::Once,
        fault: Fault::Delay(Duration::from_millis(300)),
    });
    std::thread::scope(|scope| {
        let backup = scope.spawn(|| db.backup(COPY));
        while !disk.calls().iter().skip(calls).any(|record| record.call == Call::Sync) {
            std::thread::yield_now();
        }
        commit(b"second");
        backup.join().expect("no panic").expect("a backup");
    });
    let copy = open_copy(Arc::new(sim)).expect("a whole backup");
    let copied = copy.begin_read().expect("a snapshot").txn_id();
    let durable = db.commits(..).expect("a stream").map(|commit| commit.expect("a commit").txn_id);
    let durable = durable.last().expect("two commits");
    assert!(copied <= durable, "the backup holds state {copied}, {durable} is known durable");
}

#[test]
fn io_errors_in_maintenance_lose_nothing() {
    every_call(Fault::Eio);
}

#[test]
fn panics_in_maintenance_leak_no_page() {
    every_call(Fault::Panic);
}
