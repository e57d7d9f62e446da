//! Real processes on a real disk: killed at random with acknowledgements over a pipe, watched by
//! strace, raced for the lock, run out of disk.
//!
//! The child is this test binary again, started on the one test [`child`] with its orders in the
//! environment. Content follows from transaction numbers alone, so that any state can be rebuilt:
//! transaction t of a seed always does the same.

use crate::runner::{Rows, same_rows};
use northstar_engine::{
    Db, Durability, Error, History, LogRetention, Options, disk::SeededEntropy,
};
use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

const ORDERS: &str = "NORTHSTAR_CHILD";

/// What transaction `t` of `seed` does.
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
        // Every transaction changes something, so that each takes an id.
        .chain([(b"transaction".to_vec(), Some(t.to_string().into_bytes()))])
        .collect()
}

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

fn commit(db: &Db, seed: u64, t: u64, durability: Durability) -> Result<u64, Error> {
    let mut write = db.begin_write()?;
    for (key, value) in ops(seed, t) {
        match value {
            Some(value) => write.put(key, value)?,
            None => drop(write.del(key)?),
        }
    }
    Ok(write.commit_with(durability)?.get())
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

/// Not a test of its own: what a child process runs.
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
    match kind {
        "work" => work(seed, limit, Path::new(path)),
        "race" => race(Path::new(path)),
        other => panic!("unknown order {other:?}"),
    }
}

/// Commits until `limit` commits are done, with everything else in between.
fn work(seed: u64, limit: u64, path: &Path) {
    let random = SeededEntropy::new(seed ^ std::process::id() as u64);
    say("begin");
    let mut db = options(seed).open(path).expect("open");
    let mut at = db.begin_read().expect("a snapshot").txn_id().get();
    say(&format!("open {at}"));
    for _ in 0..limit {
        match random.below(30) {
            0 => {
                db.checkpoint().expect("checkpoint");
                say(&format!("ack {at}"));
            }
            1 => {
                db.sync().expect("sync");
                say(&format!("ack {at}"));
            }
            2 if seed % 4 == 1 => {
                let copy = path.with_extension("copy");
                drop(std::fs::remove_file(&copy));
                db.backup(&copy).expect("backup");
            }
            3 => {
                db.close().expect("close");
                say(&format!("ack {at}"));
                db = options(seed).open(path).expect("open again");
            }
            _ => {
                let durability =
                    if random.below(4) == 0 { Durability::Eventual } else { Durability::Immediate };
                say(&format!("issue {}", at + 1));
                at = commit(&db, seed, at + 1, durability).expect("commit");
                if durability == Durability::Immediate {
                    say(&format!("ack {at}"));
                }
            }
        }
    }
    say("done");
}

/// Tries to open for writing; says what came of it, and holds the lock until it is told to go.
fn race(path: &Path) {
    match Options::new().create(false).open(path) {
        Ok(db) => {
            say("won");
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).expect("a line");
            drop(db);
        }
        Err(Error::Locked { .. }) => say("locked"),
        Err(other) => say(&format!("error {other}")),
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

/// Reopens after the death of a child and asks for the promises; the state found.
fn judge(path: &Path, seed: u64, told: Told) -> Result<u64, String> {
    let db = match Options::new().cache_bytes(1 << 20).open(path) {
        Ok(db) => db,
        Err(error) => return Err(format!("open fails: {error}")),
    };
    let snapshot = db.begin_read().map_err(|error| error.to_string())?;
    let txn = snapshot.txn_id().get();
    crate::oracle::in_bounds(txn, told.acked, told.issued.max(told.acked))?;
    same_rows(&snapshot, &model(seed, txn)).map_err(|what| format!("state {txn}: {what}"))?;
    drop(snapshot);
    let report = db.verify().map_err(|error| error.to_string())?;
    if let Some(problem) = report.problems.first() {
        return Err(format!("verify: {problem}"));
    }
    db.close().map_err(|error| format!("close: {error}"))?;
    Ok(txn)
}

/// kill -9 at a random moment: nothing acknowledged is lost, nothing is there in part.
#[test]
fn killed_at_any_moment() {
    let rounds = std::env::var("NORTHSTAR_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(60);
    let folder = folder();
    let mut path = PathBuf::new();
    let (mut seed, mut told) = (0, Told::default());
    let mut lines_heard = 0;
    for round in 0..rounds {
        // Every few rounds a new database; in between the old one lives through more.
        if round % 6 == 0 {
            seed = round / 6;
            told = Told::default();
            path = folder.path().join(format!("app{seed}.ns"));
        }
        let mut child = spawn(&format!("work {seed} 100000 {}", path.display()));
        let random = SeededEntropy::new(round);
        let lines_until_death = random.below(60);
        let pause = Duration::from_micros(random.below(3_000));
        let stdout = child.stdout.take().expect("a pipe");
        let mut lines = BufReader::new(stdout).lines();
        let mut heard = 0;
        for line in lines.by_ref() {
            let line = line.expect("text");
            told.hear(&line);
            heard += u64::from(!line.is_empty());
            if heard > lines_until_death {
                break;
            }
        }
        std::thread::sleep(pause);
        child.kill().expect("kill");
        // What it said between the decision and its death counts, too.
        for line in lines.map_while(Result::ok) {
            told.hear(&line);
        }
        child.wait().expect("wait");
        lines_heard += heard;
        let opened = if path.exists() { judge(&path, seed, told) } else { Ok(0) };
        let txn =
            opened.unwrap_or_else(|what| panic!("round {round}, seed {seed}, {told:?}: {what}"));
        assert!(path.exists() || told.acked == 0, "round {round}: the file is gone");
        told.acked = told.acked.max(txn);
    }
    println!("killed {rounds} times, {lines_heard} lines heard");
}

/// Two processes, one file: one writer at a time, and a second open in one process is refused, too.
#[test]
fn two_processes_and_one_lock() {
    let folder = folder();
    let path = folder.path().join("app.ns");
    let db = Options::new().open(&path).expect("create");
    let ask = |path: &Path| {
        let mut child = spawn(&format!("race 0 0 {}", path.display()));
        let stdout = child.stdout.take().expect("a pipe");
        let answer = BufReader::new(stdout)
            .lines()
            .map_while(Result::ok)
            .find(|line| ["won", "locked", "error"].iter().any(|word| line.starts_with(word)));
        (child, answer.unwrap_or_default())
    };
    let (mut child, answer) = ask(&path);
    assert_eq!(answer, "locked", "while this process has it open");
    child.wait().expect("wait");
    let second = Options::new().open(&path).map(drop);
    assert!(matches!(second, Err(Error::Locked { .. })), "twice in one process: {second:?}");
    #[cfg(unix)]
    for (name, link) in [("symlink", "soft"), ("hard link", "hard")] {
        let link = folder.path().join(link);
        match name {
            "symlink" => std::os::unix::fs::symlink(&path, &link).expect("link"),
            _ => std::fs::hard_link(&path, &link).expect("link"),
        }
        let (mut child, answer) = ask(&link);
        assert_ne!(answer, "won", "through a {name}");
        child.wait().expect("wait");
    }
    db.close().expect("close");
    let (mut first, answer) = ask(&path);
    assert_eq!(answer, "won");
    let (mut second, answer) = ask(&path);
    assert_eq!(answer, "locked");
    second.wait().expect("wait");
    first.kill().expect("kill");
    first.wait().expect("wait");
    let (mut third, answer) = ask(&path);
    assert_eq!(answer, "won", "the lock of a killed process is gone");
    writeln!(third.stdin.take().expect("a pipe"), "go").expect("a listener");
    third.wait().expect("wait");
}

/// Reading changes nothing: same bytes, same names, same times.
#[test]
fn a_read_only_open_writes_nothing() {
    let folder = folder();
    let path = folder.path().join("app.ns");
    let db = Options::new().open(&path).expect("create");
    for t in 1..20 {
        commit(&db, 1, t, Durability::Immediate).expect("commit");
    }
    drop(db);
    let snapshot = |folder: &Path| {
        let mut files: Vec<(PathBuf, Vec<u8>, std::time::SystemTime)> = std::fs::read_dir(folder)
            .expect("a folder")
            .map(|entry| {
                let path = entry.expect("an entry").path();
                let modified = path.metadata().and_then(|m| m.modified()).expect("times");
                let bytes = std::fs::read(&path).expect("bytes");
                (path, bytes, modified)
            })
            .collect();
        files.sort();
        files
    };
    let before = snapshot(folder.path());
    let db = Options::new().read_only(true).open(&path).expect("read-only");
    let read = db.begin_read().expect("a snapshot");
    same_rows(&read, &model(1, 19)).expect("all rows");
    assert!(matches!(db.begin_write().map(drop), Err(Error::ReadOnly)));
    drop(read);
    db.verify().expect("verify");
    drop(db);
    assert_eq!(before, snapshot(folder.path()));
}

/// One system call of interest, from strace's output.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    /// Bytes written to a file.
    Write {
        path: String,
        offset: u64,
    },
    Sync {
        path: String,
    },
    Rename,
    Create {
        path: String,
    },
    Say(String),
}

/// The order of system calls: no acknowledgement before the log is synced, no meta before the pages
/// are, a directory sync behind every creation and renaming.
#[test]
fn system_calls_come_in_order() {
    let has_strace =
        Command::new("strace").arg("-V").output().is_ok_and(|out| out.status.success());
    if !has_strace {
        println!("no strace here: the order of system calls was not watched");
        return;
    }
    let folder = folder();
    let (path, log) = (folder.path().join("app.ns"), folder.path().join("trace"));
    let calls = "trace=openat,write,pwrite64,pwritev,fsync,fdatasync,rename,renameat,renameat2";
    let wrapper =
        ["strace", "-f", "-y", "-s", "40", "-e", calls, "-o", log.to_str().expect("text")];
    let orders = format!("work 2 60 {}", path.display());
    let output = command(&orders, &wrapper).output().expect("strace runs");
    if !output.status.success() {
        println!("strace may not trace here: {}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let text = std::fs::read_to_string(&log).expect("a trace");
    let seen: Vec<Seen> = text.lines().filter_map(|line| parse_call(line, folder.path())).collect();
    let said = |seen: &Seen| matches!(seen, Seen::Say(line) if line.starts_with("ack"));
    assert!(seen.iter().filter(|seen| said(seen)).count() > 10, "too little was seen:\n{text}");
    in_order(&seen).unwrap_or_else(|wrong| panic!("{wrong}\n{text}"));
    println!("strace: {} calls in order", seen.len());
}

fn parse_call(line: &str, folder: &Path) -> Option<Seen> {
    // "PID call(fd<path>, …) = result", a call that was interrupted is resumed later: not used here.
    let call = line.split_once(' ')?.1.trim_start();
    let (name, rest) = call.split_once('(')?;
    let named =
        |rest: &str| rest.split_once('<')?.1.split_once('>').map(|(path, _)| path.to_owned());
    let ours = |path: &String| path.starts_with(folder.to_str().unwrap_or_default());
    match name {
        "pwrite64" | "pwritev" => {
            let path = named(rest).filter(ours)?;
            let arguments = rest.rsplit_once(')')?.0;
            let offset = arguments.rsplit_once(", ")?.1.parse().ok()?;
            Some(Seen::Write { path, offset })
        }
        "fsync" | "fdatasync" => named(rest).filter(ours).map(|path| Seen::Sync { path }),
        "rename" | "renameat" | "renameat2" => rest.contains("app.ns").then_some(Seen::Rename),
        "openat" if rest.contains("O_CREAT") => {
            let path = rest.split('"').nth(1)?.to_owned();
            ours(&path).then_some(Seen::Create { path })
        }
        "write" if rest.starts_with("1<") => {
            let line = rest.split('"').nth(1)?.trim_end_matches("\\n").to_owned();
            Some(Seen::Say(line))
        }
        _ => None,
    }
}

fn in_order(seen: &[Seen]) -> Result<(), String> {
    let is_log = |path: &str| path.contains(".log");
    let is_database = |path: &str| path.ends_with("app.ns");
    let mut log_dirty: Option<usize> = None;
    let mut pages_dirty: Option<usize> = None;
    let mut names_dirty: Option<usize> = None;
    for (at, call) in seen.iter().enumerate() {
        match call {
            Seen::Write { path, offset } if is_database(path) => {
                let meta = *offset < 2 * 16_384;
                if meta && let Some(page) = pages_dirty {
                    return Err(format!(
                        "call {at}: a meta is written, page write {page} is not synced"
                    ));
                }
                if meta && let Some(record) = log_dirty {
                    return Err(format!(
                        "call {at}: a meta is written, log write {record} is not synced"
                    ));
                }
                if !meta {
                    pages_dirty = Some(at);
                }
            }
            Seen::Write { path, .. } if is_log(path) => log_dirty = Some(at),
            Seen::Sync { path } if is_log(path) => log_dirty = None,
            Seen::Sync { path } if is_database(path) => pages_dirty = None,
            // Anything else that is synced is the directory, or a file that is renamed later.
            Seen::Sync { path } if Path::new(path).extension().is_none() => names_dirty = None,
            Seen::Rename | Seen::Create { .. } => names_dirty = Some(at),
            Seen::Say(line) if line.starts_with("ack") => {
                if let Some(record) = log_dirty {
                    return Err(format!("call {at}: {line:?} before log write {record} is synced"));
                }
                if let Some(name) = names_dirty {
                    return Err(format!(
                        "call {at}: {line:?} before the directory is synced after {name}"
                    ));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// A file system that is full: refused, nothing lost, and it goes on when there is room.
#[cfg(target_os = "linux")]
#[test]
fn a_full_tmpfs() {
    let folder = folder();
    let mount = folder.path().join("small");
    std::fs::create_dir(&mount).expect("a folder");
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(&mount)
        .output()
        .is_ok_and(|out| out.status.success());
    if !mounted {
        println!("no right to mount a tmpfs: a full file system was not tried");
        return;
    }
    let result = std::panic::catch_unwind(|| fill(&mount));
    let unmounted = Command::new("umount").arg(&mount).status();
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
    assert!(unmounted.is_ok_and(|status| status.success()), "umount");
}

#[cfg(target_os = "linux")]
fn fill(folder: &Path) {
    let path = folder.join("app.ns");
    let open =
        || Options::new().cache_bytes(1 << 20).log_retention(LogRetention::Recovery).open(&path);
    let db = open().expect("room for an empty database");
    let ballast = folder.join("ballast");
    let mut acked = 0;
    let mut refused = 0;
    for round in 0..4 {
        std::fs::write(&ballast, vec![1; 200_000]).ok();
        for _ in 0..400 {
            match commit(&db, 3, acked + 1, Durability::Immediate) {
                Ok(id) => acked = id,
                Err(Error::OutOfSpace) => {
                    refused += 1;
                    break;
                }
                Err(other) => panic!("round {round} after {acked}: {other:?}"),
            }
            if acked % 40 == 0 {
                match db.checkpoint() {
                    Ok(()) | Err(Error::OutOfSpace) => {}
                    Err(other) => panic!("round {round}: checkpoint: {other:?}"),
                }
            }
        }
        let read = db.begin_read().expect("reads go on");
        same_rows(&read, &model(3, acked)).expect("all rows");
        drop(read);
        std::fs::remove_file(&ballast).ok();
        db.checkpoint().expect("there is room again");
    }
    assert!(refused > 0, "the disk was never full");
    drop(db);
    let told = Told { acked, issued: acked, done: true };
    judge(&path, 3, told).unwrap_or_else(|what| panic!("at the end: {what}"));
    println!("full tmpfs: refused {refused} times, {acked} commits kept");
}
