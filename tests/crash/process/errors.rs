//! System calls that fail in a real process, by strace: what the engine makes of the kernel's errors,
//! and what is on the disk afterwards.

use super::{Told, command, commit, folder, judge, options, say, step_of};
use northstar_engine::{Durability, Error};
use northstar_harness::{long, tally::Suite};
use std::{path::Path, process::Command};

/// Groups of calls that are one thing to us, and the errors that they can give.
const CALLS: &[(&str, &[&str])] = &[
    ("openat", &["EIO", "EACCES", "EMFILE", "ENOSPC"]),
    ("pwrite64,pwritev", &["EIO", "ENOSPC", "EINTR"]),
    ("pread64", &["EIO", "EINTR"]),
    ("fsync,fdatasync", &["EIO", "ENOSPC"]),
    ("ftruncate,fallocate", &["EIO", "ENOSPC"]),
    ("rename,renameat,renameat2", &["EIO", "ENOSPC", "EACCES"]),
    ("unlink,unlinkat", &["EIO", "EACCES"]),
    ("flock,fcntl", &["EIO", "EINTR"]),
];

/// Child: works until something fails, says what, and shows that reading goes on.
pub fn until_an_error(seed: u64, limit: u64, path: &Path) {
    say("begin");
    let error = match options(seed).background(false).open(path) {
        Err(error) => Some(error),
        Ok(db) => {
            let mut at = step_of(&db.begin_read().expect("a snapshot")).expect("a row");
            say(&format!("open {at}"));
            let mut work = |t: u64| -> Result<(), Error> {
                say(&format!("issue {}", at + 1));
                commit(&db, seed, at + 1, Durability::Immediate)?;
                at += 1;
                say(&format!("ack {at}"));
                if t % 8 == 7 { db.checkpoint() } else { Ok(()) }
            };
            let error = (0..limit).find_map(|t| work(t).err());
            let read = db.begin_read().expect("the memory of the last state is there");
            if let Err(error) = step_of(&read) {
                assert!(matches!(error, Error::Io { .. }), "a read afterwards: {error:?}");
            }
            error.or_else(|| {
                drop(read);
                db.close().err()
            })
        }
    };
    match error {
        None => say("done"),
        Some(Error::Corrupt(corrupt)) => panic!("a fault is taken for corruption: {corrupt}"),
        Some(error) => say(&format!("error {error}")),
    }
}

#[test]
fn system_calls_that_fail_are_told_and_lose_nothing() {
    let suite = Suite::begin("system calls that fail");
    let folder = folder();
    let log = folder.path().join("trace");
    let may = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    if !may.is_ok_and(|output| output.status.success()) {
        println!("no strace here: system calls were not made to fail");
        return;
    }
    let (mut cases, mut struck) = (0, 0);
    for (calls, errors) in CALLS {
        for error in *errors {
            // The first ones are those of creation and of the first commits.
            for nth in (1..=60).filter(|nth| long::is_asked_for() || [2, 9].contains(nth)) {
                let path = folder.path().join(format!("app{cases}.ns"));
                let inject = format!("inject={calls}:error={error}:when={nth}");
                cases += 1;
                let found = strike(&path, &log, &inject);
                struck += u64::from(found.unwrap_or_else(|what| panic!("{inject}: {what}")));
            }
        }
    }
    println!("strace: {struck} of {cases} faults struck");
    assert!(struck > cases / 4, "the faults do not reach the files");
    suite.cases(cases);
}

/// One run with one fault, confined to the database's files; whether it struck.
fn strike(path: &Path, log: &Path, inject: &str) -> Result<bool, String> {
    let name = path.to_str().expect("text");
    let files = ["", ".log", ".log.next", ".log.1", ".log.2"].map(|end| format!("{name}{end}"));
    let folder = path.parent().and_then(Path::to_str).expect("text");
    let mut wrapper = vec!["strace", "-f", "-o", log.to_str().expect("text"), "-e", inject];
    for file in files.iter().map(String::as_str).chain([folder]) {
        wrapper.extend(["-P", file]);
    }
    let orders = format!("errors 2 24 {name}");
    let output = command(&orders, &wrapper).output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        return Err(format!("the process failed: {}\n{text}\n{told}", output.status));
    }
    let mut told = Told::default();
    text.lines().for_each(|line| told.hear(line));
    let struck = std::fs::read_to_string(log).is_ok_and(|trace| trace.contains("(INJECTED)"));
    let failed = text.lines().any(|line| line.starts_with("error "));
    if !told.done && !failed {
        return Err(format!("neither done nor an error: {text}"));
    }
    if path.exists() {
        judge(path, 2, told)?;
    } else if told.acked > 0 {
        return Err("the file is gone".to_owned());
    }
    Ok(struck)
}
