//! Fault scripts: each call of a run fails in turn, in each way; each sync fails having persisted
//! nothing, a part or all. Afterwards the handle gives errors or right data, and what is on the disk
//! opens at a state within the bounds.

use northstar_engine::{
    Error,
    sim::{
        Action, Call, Fault, FaultDisk, Model, Persisted, Repeat, Rule, Search, SimDisk, SimOp,
        SyncOutcome, Trace,
    },
};
use northstar_harness::{
    long,
    oracle::{self, Depth, Expectation},
    runner::{LOG, PATH, Session, run},
    tally::Suite,
    workload::{Step, Workload},
};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, Once},
};

/// Every kind of call comes up: creation, growth, rotation, checkpoints, reopening.
const WORKLOADS: &[&str] = &["0R5-pPekdkx", "2B5-PPPPPkPPokmckrqex"];

fn workloads() -> impl Iterator<Item = Workload> {
    WORKLOADS.iter().map(|text| Workload::parse(text).expect("known steps"))
}

/// What a run did until, and after, its first error.
struct Outcome {
    error: Option<Error>,
    panicked: bool,
    session: Option<Session>,
}

/// Runs until something fails; `strike` plants the fault before creation.
fn run_until_error(workload: &Workload, disk: &FaultDisk<SimDisk>) -> Outcome {
    let sim = disk.inner().clone();
    let mut session = Session::new(workload, sim, Arc::new(disk.clone()));
    let mut steps = std::iter::once(None).chain(workload.steps.iter().copied().map(Some));
    loop {
        let Some(step) = steps.next() else {
            return Outcome { error: None, panicked: false, session: Some(session) };
        };
        let done = catch_unwind(AssertUnwindSafe(|| match step {
            None => session.create(),
            Some(step) => session.step(step),
        }));
        match done {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                return Outcome { error: Some(error), panicked: false, session: Some(session) };
            }
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                assert!(text.contains("scripted panic"), "{workload}: panic: {text}");
                return Outcome { error: None, panicked: true, session: Some(session) };
            }
        }
    }
}

/// After an error: what is visible is right, and nothing is acknowledged that is not durable.
fn after_error(session: &mut Session, panicked: bool) -> Result<(), String> {
    let (acked, issued) = session.timeline.bounds(usize::MAX);
    let Some(db) = &session.db else { return Ok(()) };
    if let Ok(snapshot) = db.begin_read() {
        let txn = snapshot.txn_id().get();
        oracle::in_bounds(txn, 0, issued)?;
        // An Eventual commit may be visible and not durable; an acknowledged one is visible.
        if txn < acked {
            return Err(format!("{acked} was acknowledged, the handle shows {txn}"));
        }
        let model = &session.timeline.models[txn as usize];
        northstar_harness::rows::same_rows(&snapshot, model)
            .map_err(|what| format!("the handle shows state {txn}: {what}"))?;
    }
    // The next commit is refused, or goes on from what is visible: the timeline asks for its id.
    match session.try_again() {
        Ok(()) => session.check_latest().map_err(|what| format!("after going on: {what}")),
        Err(Error::Poisoned | Error::ReadOnly | Error::Io { .. } | Error::OutOfSpace) => Ok(()),
        Err(Error::WriteBusy) if panicked => Ok(()),
        Err(other) => Err(format!("a commit after an error: {other:?}")),
    }
}

/// Whatever is on the disk now, and whatever a power cut makes of it, opens within the bounds.
pub fn judge_disk(workload: &Workload, session: Session, models: &[Model]) -> Result<u64, String> {
    let sim = session.sim.clone();
    let (trace, timeline) = session.kill();
    let (acked, issued) = timeline.bounds(usize::MAX);
    let expect = Expectation { workload, timeline: &timeline, acked, issued };
    let visible = sim.visible();
    oracle::check(&visible, &expect, Depth::Full)
        .map_err(|what| format!("after a kill: {what}"))?;
    let mut states = 1;
    for state in cut_states(&trace, models) {
        oracle::check(&state, &expect, Depth::Light)
            .map_err(|what| format!("after a power cut: {what}"))?;
        states += 1;
    }
    Ok(states)
}

fn cut_states(trace: &Trace, models: &[Model]) -> Vec<northstar_engine::sim::SimImage> {
    let point = trace.crash_at(trace.len());
    let mut images = vec![point.image_none_kept()];
    for &model in models {
        let search = Search { model, exhaustive_bits: 2, spread_max: 6, samples: 2, seed: 3 };
        images.extend(point.states(&search).map(|state| state.image));
    }
    images
}

/// Scripted panics are expected here: their messages would hide the ones that matter.
pub fn quiet_scripted_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let text = info.payload().downcast_ref::<String>();
            if !text.is_some_and(|text| text.contains("scripted panic")) {
                before(info);
            }
        }));
    });
}

fn calls_by_kind(workload: &Workload) -> BTreeMap<Call, u64> {
    let disk = FaultDisk::new(SimDisk::new());
    let outcome = run_until_error(workload, &disk);
    assert!(outcome.error.is_none(), "{workload}: healthy run: {:?}", outcome.error);
    let mut counts = BTreeMap::new();
    for record in disk.calls() {
        *counts.entry(record.call).or_default() += 1;
    }
    counts
}

/// Strikes every site of these calls with this fault.
fn every_site(name: &str, calls: &[Call], fault: Fault, repeat: Repeat, short: usize) {
    strike_every_site(name, calls, fault, repeat, false, short);
}

/// The same; `harmless`: the run must not notice.
fn strike_every_site(
    name: &str,
    calls: &[Call],
    fault: Fault,
    repeat: Repeat,
    harmless: bool,
    short: usize,
) {
    quiet_scripted_panics();
    let suite = Suite::begin(name);
    let stride = long::stride(short) as u64;
    let mut sites = 0;
    for workload in workloads() {
        let counts = calls_by_kind(&workload);
        for &call in calls {
            let count = counts.get(&call).copied().unwrap_or(0);
            // Rare calls all, frequent ones spread out.
            for nth in (0..count).filter(|nth| count < 12 || nth % stride == 0) {
                sites += 1;
                let disk =
                    FaultDisk::new(SimDisk::new().with_sector_bytes(workload.sector_bytes()));
                disk.inject(Rule { call, file: String::new(), nth, repeat, fault });
                let place = format!("{workload}: {fault:?} {repeat:?} at {call:?} {nth}");
                let outcome = run_until_error(&workload, &disk);
                let mut session = outcome.session.expect("every run keeps its session");
                if harmless {
                    assert!(outcome.error.is_none(), "{place}: {:?}", outcome.error);
                    session.check_latest().unwrap_or_else(|what| panic!("{place}: {what}"));
                    continue;
                }
                if let Some(Error::Corrupt(corrupt)) = &outcome.error {
                    panic!("{place}: a fault is taken for corruption: {corrupt}");
                }
                let result = after_error(&mut session, outcome.panicked).and_then(|()| {
                    disk.heal();
                    judge_disk(&workload, session, &[Model::Subset])
                });
                result.unwrap_or_else(|what| panic!("{place}: {what}"));
            }
        }
    }
    suite.cases(sites);
}

const CHANGES: &[Call] = &[
    Call::Create,
    Call::Write,
    Call::SetLen,
    Call::Sync,
    Call::SyncDir,
    Call::Rename,
    Call::Unlink,
];
const QUESTIONS: &[Call] =
    &[Call::Open, Call::Exists, Call::List, Call::Len, Call::Read, Call::Lock];

#[test]
fn io_errors_at_every_change() {
    every_site("EIO once at changes", CHANGES, Fault::Eio, Repeat::Once, 2);
    every_site("EIO for ever at changes", CHANGES, Fault::Eio, Repeat::Forever, 3);
}

#[test]
fn io_errors_at_every_question() {
    every_site("EIO at questions", QUESTIONS, Fault::Eio, Repeat::Once, 2);
    every_site("EACCES at questions", QUESTIONS, Fault::Eacces, Repeat::Forever, 3);
}

#[test]
fn full_disks_and_half_done_calls() {
    every_site("ENOSPC at changes", CHANGES, Fault::Enospc, Repeat::Once, 2);
    every_site("EIO half way", CHANGES, Fault::EioAfter(600), Repeat::Once, 3);
    every_site("writes of nothing", &[Call::Write], Fault::Zero, Repeat::Once, 4);
}

#[test]
fn interrupted_and_short_transfers_do_no_harm() {
    let transfers = [Call::Read, Call::Write];
    for (fault, repeat) in [
        (Fault::Eintr, Repeat::Forever),
        (Fault::Short(1), Repeat::Once),
        (Fault::Short(511), Repeat::Forever),
    ] {
        strike_every_site(&format!("{fault:?} {repeat:?}"), &transfers, fault, repeat, true, 8);
    }
}

#[test]
fn panics_below_the_engine_leave_a_usable_or_poisoned_handle() {
    every_site("panics at changes", CHANGES, Fault::Panic, Repeat::Once, 3);
    every_site("panics at questions", QUESTIONS, Fault::Panic, Repeat::Once, 5);
}

#[test]
fn every_sync_fails_once_and_is_never_retried() {
    let suite = Suite::begin("syncs that fail");
    let mut sites = 0;
    let mut states = 0;
    for workload in workloads() {
        let syncs = run(&workload).trace.syncs().count() as u64;
        for nth in 0..syncs {
            for persisted in [Persisted::None, Persisted::Part(nth + 1), Persisted::All] {
                sites += 1;
                let place = format!("{workload}: sync {nth} fails, {persisted:?} persisted");
                let sim = SimDisk::new().with_sector_bytes(workload.sector_bytes());
                sim.fail_sync(nth, persisted);
                let disk = FaultDisk::new(sim.clone());
                let outcome = run_until_error(&workload, &disk);
                assert!(!sim.sync_failure_pending(), "{place}: there is no such sync");
                assert!(outcome.error.is_some(), "{place}: nobody was told");
                let mut session = outcome.session.expect("every run keeps its session");
                let models = [Model::Subset, Model::Sectors];
                let result = poisoned(&mut session)
                    .and_then(|()| after_error(&mut session, false))
                    .and_then(|()| reopen_over_the_page_cache(&mut session))
                    .and_then(|()| judge_disk(&workload, session, &models));
                states += result.unwrap_or_else(|what| panic!("{place}: {what}"));
            }
        }
    }
    println!("failed syncs: {sites} sites");
    suite.cases(states);
}

/// The page cache shows what the failed sync lost: the next process must not believe it.
fn reopen_over_the_page_cache(session: &mut Session) -> Result<(), String> {
    if session.timeline.created.is_none() {
        return Ok(());
    }
    oracle::guarded(|| {
        session.die_and_reopen().map_err(|error| format!("reopening on the same disk: {error}"))?;
        session.step(Step('p')).map_err(|error| format!("going on after reopening: {error}"))
    })
}

/// After a failed sync of the log, the pages or a meta nothing is acknowledged any more. A segment
/// that was only being prepared is thrown away, and the next try makes another.
fn poisoned(session: &mut Session) -> Result<(), String> {
    let trace = session.sim.trace();
    let failed = |op: &&SimOp| {
        let (Action::Sync { outcome, .. } | Action::SyncDir { outcome }) = &op.action else {
            return false;
        };
        matches!(outcome, SyncOutcome::Failed(_))
    };
    let path = trace.ops().iter().find(failed).map(|op| op.path.clone());
    let live = path.is_some_and(|path| *path == *Path::new(PATH) || *path == *Path::new(LOG));
    if session.db.is_none() || !live {
        return Ok(());
    }
    for letter in ['p', 's', 'k'] {
        match session.step(Step(letter)) {
            Ok(()) => return Err(format!("step {letter} is acknowledged after a failed sync")),
            Err(Error::Poisoned | Error::Io { .. }) => {}
            Err(other) => return Err(format!("step {letter} after a failed sync: {other:?}")),
        }
    }
    Ok(())
}

/// A disk too small for the workload: `OutOfSpace`, old data intact, and it goes on once there is
/// room again, in the same handle.
#[test]
fn a_full_disk_is_survived_by_the_handle() {
    let workload = Workload::parse("0R5-pPPPkPPPPPkPPx").expect("known steps");
    let most = {
        let disk = FaultDisk::new(SimDisk::new());
        let session = run_until_error(&workload, &disk).session.expect("kept");
        session.sim.used_bytes()
    };
    let suite = Suite::begin("full disks of every size");
    let (mut refused, mut cases) = (0, 0);
    for capacity in (0..=most).step_by(20_480) {
        cases += 1;
        let sim = SimDisk::new();
        let disk = FaultDisk::new(sim.clone());
        sim.set_capacity(Some(capacity));
        let outcome = run_until_error(&workload, &disk);
        let mut session = outcome.session.expect("kept");
        match outcome.error {
            None => {}
            Some(Error::OutOfSpace) => {
                refused += 1;
                sim.set_capacity(None);
                if session.db.is_some() {
                    session
                        .check_latest()
                        .unwrap_or_else(|what| panic!("{capacity} bytes: {what}"));
                    for letter in ['p', 'P', 'k'] {
                        let done = session.step(Step(letter));
                        assert!(
                            done.is_ok(),
                            "{capacity} bytes: step {letter} once there is room: {done:?}"
                        );
                    }
                }
            }
            Some(other) => panic!("{capacity} bytes: {other:?}"),
        }
        judge_disk(&workload, session, &[Model::Subset])
            .unwrap_or_else(|what| panic!("{capacity} bytes: {what}"));
    }
    assert!(refused > 5, "{refused} sizes refused at some point");
    suite.cases(cases);
}
