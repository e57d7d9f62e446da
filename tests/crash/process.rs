//! Real processes on a real disk: killed at random with acknowledgements over a pipe, watched and
//! failed by strace, raced for the lock, run out of disk.
//!
//! The child is this test binary again, started on the one test [`child`] with its orders in the
//! environment. Content follows from numbers alone, so that any state can be rebuilt: step t of a seed
//! always does the same, and its number is a row of its own. (A TxnId would not do: relocations take
//! some.)

mod errors;
#[cfg(unix)]
mod fork;
mod kills;
mod locks;
mod order;
mod replaced;
mod space;

use northstar_engine::{
    Db, Durability, Error, History, LogRetention, Options, ReadTxn, disk::SeededEntropy,
};
use northstar_harness::rows::{Rows, same_rows};
use std::{
    io::Write,
    path::Path,
    process::{Child, Command, Stdio},
};

const ORDERS: &str = "NORTHSTAR_CHILD";
/// The row that says which step was the last.
const NUMBER: &[u8] = b"transaction";

/// What step `t` of `seed` does.
fn ops(seed: u64, t: u64) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let random = SeededEntropy::new(seed ^ (t << 20));
    (0..=random.below(6))
        .map(|n| {
            let key = format!("key {:03}", random.below(200)).into_bytes();
            let bytes = if random.below(12) == 0 { 9_000 } else { 10 + random.below(300) };
            let value = format!("{t}/{n};").into_bytes();
            let put = random.below(4) != 0;
            (key, put.then(|| value.into_iter().cycle().take(bytes as usize).collect()))
        })
        // Every step changes something, so that each is a transaction.
        .chain([(NUMBER.to_vec(), Some(t.to_string().into_bytes()))])
        .collect()
}

/// The rows after step `t`.
fn model(seed: u64, t: u64) -> Rows {
    let mut rows = Rows::new();
    for t in 1..=t {
        for (key, value) in ops(seed, t) {
            match value {
                Some(value) => rows.insert(key, value),
                None => rows.remove(&key),
            };
        }
    }
    rows
}

/// Which step a state is.
fn step_of(state: &ReadTxn) -> Result<u64, Error> {
    let number = state.get(NUMBER)?;
    Ok(number.map_or(0, |text| String::from_utf8_lossy(&text).parse().expect("a number")))
}

/// Commits step `t`.
fn commit(db: &Db, seed: u64, t: u64, durability: Durability) -> Result<(), Error> {
    let mut write = db.begin_write()?;
    for (key, value) in ops(seed, t) {
        match value {
            Some(value) => write.put(key, value)?,
            None => drop(write.del(key)?),
        }
    }
    write.commit_with(durability).map(drop)
}

/// Says something to the parent, at once.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").expect("the parent listens");
    out.flush().expect("the parent listens");
}

fn options(seed: u64) -> Options {
    let retention = if seed.is_multiple_of(2) { LogRetention::Recovery } else { LogRetention::All };
    Options::new().cache_bytes(1 << 20).history(History::Last(seed % 3)).log_retention(retention)
}

/// Not a test of its own: what a child process runs. `KIND SEED LIMIT PATH`.
#[test]
fn child() {
    let Ok(orders) = std::env::var(ORDERS) else { return };
    let mut parts = orders.splitn(4, ' ');
    let (Some(kind), Some(seed), Some(limit), Some(path)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        panic!("orders: {orders:?}");
    };
    let (seed, limit) = (seed.parse().expect("a seed"), limit.parse().expect("a limit"));
    let path = Path::new(path);
    match kind {
        "work" => kills::work(seed, limit, path),
        "open" => kills::opens(seed, limit, path),
        "checkpoint" => kills::checkpoints(seed, limit, path),
        "compact" => kills::compacts(seed, limit, path),
        "backup" => kills::backups(seed, limit, path),
        "errors" => errors::until_an_error(seed, limit, path),
        "race" => locks::race(path),
        #[cfg(unix)]
        "fork" => fork::forks(limit, path),
        other => panic!("unknown order {other:?}"),
    }
}

/// This binary, about to run [`child`] with these orders; `wrapper` goes before it.
fn command(orders: &str, wrapper: &[&str]) -> Command {
    let own = std::env::current_exe().expect("a path");
    let mut command = match wrapper {
        [] => Command::new(own),
        [program, rest @ ..] => {
            let mut command = Command::new(program);
            command.args(rest).arg(own);
            command
        }
    };
    command.args(["--exact", "process::child", "--nocapture", "--test-threads", "1", "-q"]);
    command.env(ORDERS, orders).stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

fn spawn(orders: &str) -> Child {
    command(orders, &[]).stderr(Stdio::null()).spawn().expect("a child")
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// What a child told before it died.
#[derive(Debug, Default, Clone, Copy)]
struct Told {
    acked: u64,
    issued: u64,
    done: bool,
}

impl Told {
    fn hear(&mut self, line: &str) {
        let number = || line.split(' ').nth(1).and_then(|n| n.parse().ok()).unwrap_or(0);
        match line.split(' ').next() {
            Some("ack") => self.acked = self.acked.max(number()),
            Some("issue") => self.issued = number(),
            // What an open shows has been made durable before.
            Some("open") => {
                self.acked = self.acked.max(number());
                self.issued = number();
            }
            Some("done") => self.done = true,
            _ => {}
        }
    }
}

/// Reopens after the death of a child and asks for the promises; the step found.
fn judge(path: &Path, seed: u64, told: Told) -> Result<u64, String> {
    let db = match Options::new().cache_bytes(1 << 20).open(path) {
        Ok(db) => db,
        Err(error) => return Err(format!("open fails: {error}")),
    };
    let snapshot = db.begin_read().map_err(|error| error.to_string())?;
    let step = step_of(&snapshot).map_err(|error| error.to_string())?;
    northstar_harness::oracle::in_bounds(step, told.acked, told.issued.max(told.acked))?;
    same_rows(&snapshot, &model(seed, step)).map_err(|what| format!("state {step}: {what}"))?;
    drop(snapshot);
    for entry in db.history().map_err(|error| error.to_string())? {
        let past = db.begin_read_at(entry.txn_id).map_err(|error| error.to_string())?;
        let step = step_of(&past).map_err(|error| error.to_string())?;
        same_rows(&past, &model(seed, step)).map_err(|what| format!("past {step}: {what}"))?;
    }
    let report = db.verify().map_err(|error| error.to_string())?;
    if let Some(problem) = report.problems.first() {
        return Err(format!("verify: {problem}"));
    }
    db.close().map_err(|error| format!("close: {error}"))?;
    Ok(step)
}
