//! Several processes and one file: the lock, links to the file, races for it, and readers that write
//! nothing.

use super::{commit, folder, model, say, spawn};
use northstar_engine::{Durability, Error, Options};
use northstar_harness::{long, rows::same_rows, tally::Suite};
use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
};

/// Tries to open for writing; says what came of it, and holds the lock until it is told to go.
pub fn race(path: &Path) {
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

/// Two processes that open at once: one wins, the other is told.
#[test]
fn races_for_the_lock_have_one_winner() {
    let suite = Suite::begin("races of two processes");
    let folder = folder();
    let path = folder.path().join("app.ns");
    Options::new().open(&path).expect("create").close().expect("close");
    let races = if long::is_asked_for() { 500 } else { 20 };
    for race in 0..races {
        let orders = format!("race 0 0 {}", path.display());
        let mut children = [spawn(&orders), spawn(&orders)];
        let answers = children.each_mut().map(|child| {
            let stdout = child.stdout.take().expect("a pipe");
            let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
            let words = ["won", "locked", "error"];
            let answer = lines.find(|line| words.iter().any(|word| line.starts_with(word)));
            (answer.unwrap_or_default(), lines)
        });
        let won = answers.iter().filter(|(answer, _)| answer == "won").count();
        let locked = answers.iter().filter(|(answer, _)| answer == "locked").count();
        let told: Vec<&str> = answers.iter().map(|(answer, _)| &answer[..]).collect();
        assert_eq!((won, locked), (1, 1), "race {race}: {told:?}");
        for child in &mut children {
            // The loser has ended, and its pipe with it.
            drop(writeln!(child.stdin.take().expect("a pipe"), "go"));
            child.wait().expect("wait");
        }
    }
    suite.cases(races);
}

/// The same in one process: handles are given out once.
#[test]
fn threads_that_open_at_once_have_one_winner() {
    let suite = Suite::begin("races of two threads");
    let folder = folder();
    let path = folder.path().join("app.ns");
    for race in 0..50 {
        let barrier = std::sync::Barrier::new(2);
        let open = || {
            barrier.wait();
            Options::new().background(false).open(&path)
        };
        let opened = std::thread::scope(|scope| {
            [scope.spawn(open), scope.spawn(open)].map(|thread| thread.join().expect("no panic"))
        });
        let won = opened.iter().filter(|opened| opened.is_ok()).count();
        let locked = opened.iter().filter(|opened| matches!(opened, Err(Error::Locked { .. })));
        assert_eq!((won, locked.count()), (1, 1), "race {race}");
    }
    suite.cases(50);
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
