//! The only definition of correct: what must hold of a disk after a crash.
//!
//! After reopening at transaction R, with `acked` the highest transaction acknowledged as durable and
//! `issued` the highest whose commit was called:
//!
//! 1. acked <= R <= issued;
//! 2. scans both ways and gets of every key and of absent ones show exactly `model[R]`;
//! 3. `verify` finds nothing, and the file is not longer than what was ever needed;
//! 4. every listed past state equals its model, and the promised ones are listed;
//! 5. the commit stream, where the log has it, leads from its base to `model[R]`;
//! 6. more commits work, survive a reopen, and verify;
//! 7. recovering the same image again gives the same R; a crash inside recovery obeys 1 to 6;
//! 8. a backup that has its name is whole, and one of the states;
//! 9. a commit that returned an error is in or out, whole (it counts as issued).
//!
//! On a disk that lied or was damaged only detection is promised: any openable state is `model[R]` for
//! some R <= issued, or there is a typed error.

use crate::{
    rows::{Rows, key, same_rows, value},
    runner::{COPY, PATH, open_copy, open_with, options},
    timeline::Timeline,
    workload::Workload,
};
use northstar_engine::{
    CommitOp, Db, Error, TxnId,
    disk::{ManualClock, SeededEntropy, Storage},
    inspect::Severity,
    log::{
        Chain, LogPaths, Transactions,
        replay::{MemoryState, replay as replay_all},
    },
    sim::{SimDisk, SimImage, Trace},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

/// How much is asked of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Rules 1 to 3 (without verify).
    Light,
    /// All but nested crashes.
    Full,
}

/// What a crash may have left.
pub struct Expectation<'a> {
    pub workload: &'a Workload,
    pub timeline: &'a Timeline,
    pub acked: u64,
    pub issued: u64,
}

/// What recovery made of an image.
pub struct Recovered {
    /// The state it opened.
    pub txn: u64,
    /// The journal of the recovery alone.
    pub trace: Trace,
}

/// Says what is wrong, a panic included.
pub fn guarded<T>(check: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(check)) {
        Ok(result) => result,
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(format!("panic: {}", text.unwrap_or_default()))
        }
    }
}

/// Judges an image of an honest disk.
pub fn check(
    image: &SimImage,
    expect: &Expectation<'_>,
    depth: Depth,
) -> Result<Recovered, String> {
    guarded(|| check_unguarded(image, expect, depth))
}

fn check_unguarded(
    image: &SimImage,
    expect: &Expectation<'_>,
    depth: Depth,
) -> Result<Recovered, String> {
    let disk = image.to_disk();
    let tuning = expect.workload.tuning();
    let db = open_with(tuning, Arc::new(disk.clone()), 1)
        .map_err(|error| format!("open fails: {error}"))?;
    let trace = disk.trace();
    let txn = check_state(&db, expect)?;
    check_copy(&disk, expect)?;
    if depth == Depth::Full {
        check_verify(&db)?;
        check_history(&db, expect, txn)?;
        check_stream(&db, expect.timeline, txn)?;
        check_replay(&disk, expect.timeline, txn)?;
        let db = check_goes_on(db, &disk, &expect.timeline.models[txn as usize], txn)?;
        leave(db, &disk);
        let again = image.to_disk();
        let db = open_with(tuning, Arc::new(again.clone()), 2)
            .map_err(|error| format!("opening the same image again fails: {error}"))?;
        let second = db.begin_read().map_err(|error| error.to_string())?.txn_id().get();
        leave(db, &again);
        if second != txn {
            return Err(format!("the same image opens at {txn} and then at {second}"));
        }
    } else {
        leave(db, &disk);
    }
    Ok(Recovered { txn, trace })
}

/// Drops a handle without the close that a drop does.
fn leave(db: Db, disk: &SimDisk) {
    disk.power_off();
    drop(db);
}

/// Rules 1 and 2.
fn check_state(db: &Db, expect: &Expectation<'_>) -> Result<u64, String> {
    let snapshot = db.begin_read().map_err(|error| format!("begin_read fails: {error}"))?;
    let txn = snapshot.txn_id().get();
    in_bounds(txn, expect.acked, expect.issued)?;
    let model = &expect.timeline.models[txn as usize];
    same_rows(&snapshot, model).map_err(|what| format!("state {txn}: {what}"))?;
    Ok(txn)
}

/// Rule 8.
fn check_copy(disk: &SimDisk, expect: &Expectation<'_>) -> Result<(), String> {
    if !disk.exists(Path::new(COPY)).map_err(|error| error.to_string())? {
        return Ok(());
    }
    let told = |error: Error| format!("the backup has its name, and opening it fails: {error}");
    let copy = open_copy(Arc::new(disk.clone())).map_err(told)?;
    let read = copy.begin_read().map_err(told)?;
    let txn = read.txn_id().get();
    in_bounds(txn, 0, expect.issued).map_err(|what| format!("backup: {what}"))?;
    let model = &expect.timeline.models[txn as usize];
    same_rows(&read, model).map_err(|what| format!("backup of state {txn}: {what}"))
}

/// Rule 1.
pub fn in_bounds(txn: u64, acked: u64, issued: u64) -> Result<(), String> {
    if txn < acked {
        return Err(format!(
            "transaction {acked} was acknowledged, and the database opens at {txn}"
        ));
    }
    if txn > issued {
        return Err(format!("the database opens at {txn}, but only {issued} were called"));
    }
    Ok(())
}

/// Rule 3.
fn check_verify(db: &Db) -> Result<(), String> {
    let report = db.verify().map_err(|error| format!("verify fails: {error}"))?;
    match report.problems.iter().find(|problem| problem.severity > Severity::Note) {
        Some(problem) => Err(format!("verify after recovery: {problem}")),
        None => Ok(()),
    }
}

/// Rule 4.
fn check_history(db: &Db, expect: &Expectation<'_>, txn: u64) -> Result<(), String> {
    let models = &expect.timeline.models;
    let listed = db.history().map_err(|error| format!("history fails: {error}"))?;
    for entry in &listed {
        let id = entry.txn_id;
        let snapshot = db
            .begin_read_at(id)
            .map_err(|error| format!("history lists {id}, but opening it fails: {error}"))?;
        let model = models
            .get(id.get() as usize)
            .filter(|_| id.get() <= txn)
            .ok_or_else(|| format!("history lists {id} at state {txn}"))?;
        same_rows(&snapshot, model).map_err(|what| format!("past state {id}: {what}"))?;
    }
    let kept = match expect.workload.history {
        '2' => 2,
        'A' => txn,
        _ => 0,
    };
    // Relocations do not count as states, so with them more ids are listed, never fewer.
    for id in txn.saturating_sub(kept).max(1)..=txn {
        if !listed.iter().any(|entry| entry.txn_id.get() == id) {
            let ids: Vec<u64> = listed.iter().map(|entry| entry.txn_id.get()).collect();
            return Err(format!("state {id} is promised at {txn}, history lists {ids:?}"));
        }
    }
    Ok(())
}

/// Rule 5.
fn check_stream(db: &Db, timeline: &Timeline, txn: u64) -> Result<(), String> {
    // The oldest transaction the log still has: `commits` says it when asked for the first.
    let mut from = 1;
    let records = loop {
        match db.commits(TxnId::new(from)..) {
            Ok(records) => break records,
            Err(Error::SnapshotNotFound { oldest, .. }) if oldest.get() > from => {
                from = oldest.get();
            }
            // Nothing is left of the log but its position.
            Err(Error::SnapshotNotFound { .. }) if from >= txn => return Ok(()),
            Err(error) => return Err(format!("the commit stream from {from} fails: {error}")),
        }
    };
    let mut expected = from;
    for record in records {
        let record = record.map_err(|error| format!("the commit stream fails: {error}"))?;
        if record.txn_id.get() != expected || expected > txn {
            return Err(format!("the commit stream gives {} for {expected}", record.txn_id));
        }
        let mut rows = Rows::clone(&timeline.models[expected as usize - 1]);
        apply(&mut rows, &record.ops)?;
        if rows != *timeline.models[expected as usize] {
            return Err(format!("commit {expected} of the stream does not lead to its state"));
        }
        expected += 1;
    }
    if expected != txn + 1 && from <= txn {
        return Err(format!("the commit stream ends before {expected}, the state is {txn}"));
    }
    Ok(())
}

/// Rule 5, without the database: the log alone leads to the same content.
fn check_replay(disk: &SimDisk, timeline: &Timeline, txn: u64) -> Result<(), String> {
    let storage: Arc<dyn Storage> = Arc::new(disk.clone());
    let paths = LogPaths::of_database(Path::new(PATH));
    let chain = Chain::discover(&storage, &paths).map_err(|error| format!("the log: {error}"))?;
    let reached = replay(chain, timeline)?;
    // A log without a whole transaction leads nowhere: everything is in the pages.
    if reached != txn && reached != 0 {
        return Err(format!("the log replays to {reached}, the database opens at {txn}"));
    }
    Ok(())
}

/// Replays a log from its first whole transaction to its end; the transaction reached.
pub fn replay(chain: Chain, timeline: &Timeline) -> Result<u64, String> {
    let told = |error: Error| format!("replay of the log: {error}");
    let first = Transactions::of(chain.clone()).map_err(told)?.next().map_err(told)?;
    let Some(first) = first else { return Ok(0) };
    let base = first.txn_id.get() - 1;
    let rows = |txn: u64| timeline.models.get(txn as usize).map(|rows| Rows::clone(rows));
    let start = rows(base).ok_or_else(|| format!("the log starts behind {base}"))?;
    let mut state = MemoryState::from_rows(start);
    let mut transactions = Transactions::of(chain).map_err(told)?;
    let reached =
        replay_all(&mut transactions, TxnId::new(base), None, &mut state).map_err(told)?;
    if Some(state.rows()) != rows(reached.get()).as_ref() {
        return Err(format!("the log replays to other rows than those of {reached}"));
    }
    Ok(reached.get())
}

pub fn apply(rows: &mut Rows, ops: &[CommitOp]) -> Result<(), String> {
    for op in ops {
        match op {
            CommitOp::Put { key, value } => {
                rows.insert(key.clone(), value.clone());
            }
            CommitOp::Del { key } => {
                rows.remove(key);
            }
            CommitOp::DelRange { start, end, count } => {
                let before = rows.len();
                rows.retain(|key, _| key < start || end.as_ref().is_some_and(|end| key >= end));
                let gone = (before - rows.len()) as u64;
                if gone != *count {
                    return Err(format!("a DelRange of {count} rows removes {gone}"));
                }
            }
        }
    }
    Ok(())
}

/// Rule 6.
fn check_goes_on(db: Db, disk: &SimDisk, model: &Rows, txn: u64) -> Result<Db, String> {
    let told = |error: Error| format!("going on after recovery: {error}");
    let mut rows = model.clone();
    for n in 0..3 {
        let mut write = db.begin_write().map_err(told)?;
        let (key, value) = (key(40 + n), value(9_000 + n, n, if n == 1 { 9_000 } else { 300 }));
        write.put(&key, &value).map_err(told)?;
        rows.insert(key, value);
        if n == 2
            && let Some(first) = model.keys().next()
        {
            write.del(first).map_err(told)?;
            rows.remove(first);
        }
        let id = write.commit().map_err(told)?.get();
        if id != txn + n + 1 {
            return Err(format!("going on after recovery: id {id} after {txn}"));
        }
        if n == 1 {
            db.checkpoint().map_err(told)?;
        }
    }
    // Killed and opened again: what was committed after the recovery is there.
    let image = disk.visible();
    leave(db, disk);
    let disk = image.to_disk();
    let db = options()
        .open_on(
            Arc::new(disk),
            Arc::new(SeededEntropy::new(3)),
            Arc::new(ManualClock::new()),
            PATH,
        )
        .map_err(told)?;
    let snapshot = db.begin_read().map_err(told)?;
    if snapshot.txn_id().get() != txn + 3 {
        return Err(format!("three commits after {txn} reopen at {}", snapshot.txn_id()));
    }
    same_rows(&snapshot, &rows).map_err(|what| format!("after going on: {what}"))?;
    drop(snapshot);
    check_verify(&db)?;
    Ok(db)
}

/// What came of an image that an honest disk cannot leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The newest state that could be promised, whole.
    Whole,
    /// An earlier state, whole.
    Earlier,
    /// A typed error.
    Refused,
}

/// Judges an image of a disk that lied or was damaged: right data or a typed error, nothing else.
pub fn check_damaged(image: &SimImage, expect: &Expectation<'_>) -> Result<Verdict, String> {
    guarded(|| {
        let disk = image.to_disk();
        let db = match open_with(expect.workload.tuning(), Arc::new(disk.clone()), 1) {
            Ok(db) => db,
            Err(error) => return typed(&error).map(|()| Verdict::Refused),
        };
        let verdict = check_damaged_state(&db, expect);
        leave(db, &disk);
        verdict
    })
}

fn check_damaged_state(db: &Db, expect: &Expectation<'_>) -> Result<Verdict, String> {
    let snapshot = match db.begin_read() {
        Ok(snapshot) => snapshot,
        Err(error) => return typed(&error).map(|()| Verdict::Refused),
    };
    let txn = snapshot.txn_id().get();
    if txn > expect.issued {
        return Err(format!("opens at {txn}, but only {} were called", expect.issued));
    }
    let model = &expect.timeline.models[txn as usize];
    let mut refused = false;
    // Every read is right or refused; a scan stops at its first error and never skips.
    for (key, value) in model.iter() {
        match snapshot.get(key) {
            Ok(found) if found.as_deref() == Some(&value[..]) => {}
            Ok(_) => {
                return Err(format!("state {txn}: get({}) gives wrong data", key.escape_ascii()));
            }
            Err(error) => refused = typed(&error).map(|()| true)?,
        }
    }
    for reverse in [false, true] {
        let rows = match snapshot.iter() {
            Ok(rows) => rows,
            Err(error) => {
                refused = typed(&error).map(|()| true)?;
                continue;
            }
        };
        let rows: Box<dyn Iterator<Item = _>> =
            if reverse { Box::new(rows.rev()) } else { Box::new(rows) };
        let mut expected: Box<dyn Iterator<Item = _>> =
            if reverse { Box::new(model.iter().rev()) } else { Box::new(model.iter()) };
        let mut stopped = false;
        for row in rows {
            if stopped {
                return Err(format!("state {txn}: a scan goes on after an error"));
            }
            match row {
                Ok((key, value)) => match expected.next() {
                    Some((k, v)) if k[..] == *key && v[..] == *value => {}
                    _ => return Err(format!("state {txn}: a scan gives wrong data")),
                },
                Err(error) => {
                    stopped = true;
                    refused = typed(&error).map(|()| true)?;
                }
            }
        }
        if !stopped && expected.next().is_some() {
            return Err(format!("state {txn}: a scan ends early without an error"));
        }
    }
    drop(snapshot);
    match db.verify() {
        Ok(report) => {
            let found = report.problems.iter().any(|p| p.severity == Severity::Error);
            if refused && !found {
                return Err(format!("state {txn}: reads are refused, and verify finds nothing"));
            }
        }
        Err(error) => typed(&error)?,
    }
    // A write into what opened must end in an answer, too.
    match write_some(db) {
        Ok(()) => {}
        Err(error) => typed(&error)?,
    }
    Ok(match (refused, txn >= expect.acked) {
        (true, _) => Verdict::Refused,
        (false, true) => Verdict::Whole,
        (false, false) => Verdict::Earlier,
    })
}

fn write_some(db: &Db) -> Result<(), Error> {
    let mut write = db.begin_write()?;
    for n in 0..6 {
        write.put(key(n), value(77, n, if n == 4 { 9_000 } else { 200 }))?;
    }
    write.commit()?;
    db.checkpoint()
}

/// An error that says that bytes are wrong, or that nothing can be written any more.
fn typed(error: &Error) -> Result<(), String> {
    match error {
        Error::Corrupt(_) | Error::UnsupportedFormat { .. } | Error::ReadOnly | Error::Poisoned => {
            Ok(())
        }
        other => Err(format!("damage shows as {other:?}")),
    }
}
