//! A process that forks while the database is open: the child writes nothing, and its end takes no
//! lock away.

use super::{Told, commit, folder, judge, options, say, spawn};
use northstar_engine::{Db, Durability, Error, Options};
use northstar_harness::tally::Suite;
use std::{
    io::{BufRead, BufReader},
    path::Path,
};

const SEED: u64 = 6;
/// How the forked child ends when a promise is broken.
const BROKEN: libc::c_int = 7;

/// Child: forks `limit` times, between commits; each fork tries everything and ends.
pub fn forks(limit: u64, path: &Path) {
    // No background thread: in a fork only the calling thread goes on.
    let db = options(SEED).background(false).open(path).expect("open");
    let mut inherited = None;
    for t in 1..=limit {
        commit(&db, SEED, t, Durability::Immediate).expect("commit");
        say(&format!("ack {t}"));
        if t % 2 == 0 {
            // In every other round the fork inherits a transaction, too.
            let mut write = db.begin_write().expect("no other writer");
            write.put(b"inherited", b"by the fork").expect("room");
            inherited = Some(write);
        }
        fork_once(&db, path);
        drop(inherited.take());
        let second = Options::new().open(path).map(drop);
        assert!(matches!(second, Err(Error::Locked { .. })), "after fork {t}: {second:?}");
    }
    commit(&db, SEED, limit + 1, Durability::Immediate).expect("the parent goes on");
    say(&format!("ack {}", limit + 1));
    say("done");
}

#[allow(unsafe_code, reason = "a fork is what is tested")]
fn fork_once(db: &Db, path: &Path) {
    // SAFETY: this process has no other thread that holds a lock: it runs one test, on its main
    // thread or with libtest's main thread waiting for it, and the database has no background thread.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork: {}", std::io::Error::last_os_error());
    if pid == 0 {
        let sound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| in_fork(db, path)));
        let status = if matches!(sound, Ok(true)) { 0 } else { BROKEN };
        // SAFETY: ends this process without running anything of the parent's.
        unsafe { libc::_exit(status) };
    }
    let mut status = 0;
    // SAFETY: `status` is a valid place for the answer; `pid` is a child of ours.
    let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!(waited, pid, "waitpid: {}", std::io::Error::last_os_error());
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "the fork: {status:#x}");
}

/// In the fork: reading works, writing is refused, closing touches nothing.
fn in_fork(db: &Db, path: &Path) -> bool {
    let refused = |error: Option<Error>| matches!(error, Some(Error::InvalidArgument(_)));
    let before = std::fs::read(path).expect("bytes");
    let reads = db.begin_read().is_ok_and(|read| read.get(super::NUMBER).is_ok());
    let refuses = refused(db.begin_write().err())
        && refused(db.sync().err())
        && refused(db.checkpoint().err())
        && refused(db.compact().err());
    let closes = db.clone().close().is_ok();
    reads && refuses && closes && before == std::fs::read(path).expect("bytes")
}

#[test]
fn a_forked_child_neither_writes_nor_unlocks() {
    let suite = Suite::begin("forks");
    let folder = folder();
    let path = folder.path().join("app.ns");
    let mut child = spawn(&format!("fork {SEED} 20 {}", path.display()));
    let mut told = Told::default();
    for line in BufReader::new(child.stdout.take().expect("a pipe")).lines() {
        told.hear(&line.expect("text"));
    }
    assert!(child.wait().expect("wait").success() && told.done, "the child failed: {told:?}");
    told.issued = told.acked;
    assert_eq!(judge(&path, SEED, told).expect("sound"), 21);
    suite.cases(20);
}
