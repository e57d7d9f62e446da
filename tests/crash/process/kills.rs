//! kill -9 at any moment, and aimed at opens, checkpoints, compacts and backups.

use super::{Told, commit, folder, judge, options, say, spawn, step_of};
use northstar_engine::{Db, Durability, Options, disk::SeededEntropy};
use northstar_harness::{long::kills, tally::Suite};
use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    time::Duration,
};

/// Opens and says at which step.
fn begin(seed: u64, path: &Path) -> (Db, u64) {
    say("begin");
    let db = options(seed).open(path).expect("open");
    let at = step_of(&db.begin_read().expect("a snapshot")).expect("a row");
    say(&format!("open {at}"));
    (db, at)
}

fn next(db: &Db, seed: u64, at: &mut u64, durability: Durability) {
    say(&format!("issue {}", *at + 1));
    commit(db, seed, *at + 1, durability).expect("commit");
    *at += 1;
    if durability == Durability::Immediate {
        say(&format!("ack {at}"));
    }
}

/// Child: commits until `limit` things are done, with everything else in between.
pub fn work(seed: u64, limit: u64, path: &Path) {
    let random = SeededEntropy::new(seed ^ u64::from(std::process::id()));
    let (mut db, mut at) = begin(seed, path);
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
            2 if seed % 4 == 3 => {
                db.compact().expect("compact");
                say(&format!("ack {at}"));
            }
            3 => {
                db.close().expect("close");
                say(&format!("ack {at}"));
                db = options(seed).open(path).expect("open again");
            }
            _ => {
                let eventual = random.below(4) == 0;
                let durability =
                    if eventual { Durability::Eventual } else { Durability::Immediate };
                next(&db, seed, &mut at, durability);
            }
        }
    }
    say("done");
}

/// Child: one open with whatever the last death left, then commits.
pub fn opens(seed: u64, limit: u64, path: &Path) {
    let (db, mut at) = begin(seed, path);
    for n in 0..limit {
        let durability = if n % 3 == 0 { Durability::Eventual } else { Durability::Immediate };
        next(&db, seed, &mut at, durability);
    }
}

/// Child: the same work around `inside`, again and again.
fn around(seed: u64, limit: u64, path: &Path, mut inside: impl FnMut(&Db, u64)) {
    let (db, mut at) = begin(seed, path);
    for n in 0..limit {
        for k in 0..3 {
            let durability = if k == 1 { Durability::Eventual } else { Durability::Immediate };
            next(&db, seed, &mut at, durability);
        }
        say("inside");
        inside(&db, n);
        say("outside");
    }
}

/// Child: checkpoints.
pub fn checkpoints(seed: u64, limit: u64, path: &Path) {
    around(seed, limit, path, |db, _| db.checkpoint().expect("checkpoint"));
}

/// Child: compacts, each with something to move.
pub fn compacts(seed: u64, limit: u64, path: &Path) {
    around(seed, limit, path, |db, _| {
        db.compact().expect("compact");
    });
}

/// Child: backups, each of another name.
pub fn backups(seed: u64, limit: u64, path: &Path) {
    let own = std::process::id();
    around(seed, limit, path, |db, n| {
        db.backup(path.with_extension(format!("copy-{own}-{n}"))).expect("backup");
    });
}

/// Listens to a child, kills it, and hears what it said before it died; whether it died between
/// `inside` and `outside`.
fn kill(orders: &str, told: &mut Told, until: impl Fn(&str) -> bool, pause: Duration) -> bool {
    let mut child = spawn(orders);
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut inside = false;
    let mut hear = |line: &str| {
        told.hear(line);
        inside = (inside || line == "inside") && line != "outside";
    };
    for line in lines.by_ref() {
        let line = line.expect("text");
        hear(&line);
        if until(&line) {
            break;
        }
    }
    std::thread::sleep(pause);
    child.kill().expect("kill");
    for line in lines.map_while(Result::ok) {
        hear(&line);
    }
    child.wait().expect("wait");
    inside
}

/// A database that lives through several deaths.
struct Victim {
    folder: tempfile::TempDir,
    path: PathBuf,
    seed: u64,
    told: Told,
}

impl Victim {
    fn new(seed: u64) -> Self {
        let folder = folder();
        let path = folder.path().join("app.ns");
        Self { folder, path, seed, told: Told::default() }
    }

    fn orders(&self, kind: &str) -> String {
        format!("{kind} {} 100000 {}", self.seed, self.path.display())
    }

    /// Asks for the promises; what was found is promised from now on.
    fn judge(&mut self, name: &str) {
        let Self { path, seed, told, .. } = self;
        if !path.exists() {
            assert_eq!(told.acked, 0, "{name}: the file is gone");
            return;
        }
        let step = judge(path, *seed, *told);
        let step = step.unwrap_or_else(|what| panic!("{name}, seed {seed}, {told:?}: {what}"));
        told.acked = told.acked.max(step);
    }

    /// Every backup that has its name is whole; what has none is read by nobody.
    fn judge_backups(&self, name: &str) -> u64 {
        let mut whole = 0;
        for entry in self.folder.path().read_dir().expect("a folder") {
            let path = entry.expect("an entry").path();
            let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_copy = file_name.contains("copy-") && !file_name.contains(".log");
            if is_copy && !file_name.contains(".new-") {
                let told = Told { acked: 0, issued: self.told.issued, done: false };
                judge(&path, self.seed, told)
                    .unwrap_or_else(|what| panic!("{name}: backup {file_name}: {what}"));
                whole += 1;
            }
            if file_name.contains("copy-") && path.exists() {
                std::fs::remove_file(&path).expect("it can be removed");
            }
        }
        whole
    }
}

/// kill -9 at a random moment: nothing acknowledged is lost, nothing is there in part.
#[test]
fn killed_at_any_moment() {
    let suite = Suite::begin("kills at any moment");
    let rounds = kills(100);
    let mut victim = Victim::new(0);
    for round in 0..rounds {
        // Every few rounds a new database; in between the old one lives through more.
        if round % 6 == 0 {
            victim = Victim::new(round / 6);
        }
        let random = SeededEntropy::new(round);
        let lines = std::cell::Cell::new(random.below(60));
        let until = |_: &str| lines.replace(lines.get().saturating_sub(1)) == 0;
        let pause = Duration::from_micros(random.below(3_000));
        kill(&victim.orders("work"), &mut victim.told, until, pause);
        victim.judge(&format!("round {round}"));
    }
    suite.cases(rounds);
}

/// kill -9 aimed at one thing: after one of its first `times` beginnings, within a time that often is
/// not enough.
fn killed_inside(kind: &str, line: &str, times: u64, rounds: u64) {
    let suite = Suite::begin(format!("kills around {kind}"));
    let (mut victim, mut inside, mut backups) = (Victim::new(0), 0, 0);
    for round in 0..rounds {
        if round % 8 == 0 {
            victim = Victim::new(round / 8);
        }
        let random = SeededEntropy::new(round ^ 0xd1e);
        let times = std::cell::Cell::new(random.below(times));
        let until = |heard: &str| {
            heard.starts_with(line) && times.replace(times.get().saturating_sub(1)) == 0
        };
        let most = [200, 1_500, 12_000][round as usize % 3];
        let pause = Duration::from_micros(random.below(most));
        inside += u64::from(kill(&victim.orders(kind), &mut victim.told, until, pause));
        let name = format!("{kind}, round {round}");
        backups += victim.judge_backups(&name);
        victim.judge(&name);
    }
    println!("killed around {kind} {rounds} times, inside it {inside}; {backups} backups whole");
    suite.cases(rounds);
}

#[test]
fn killed_while_opening() {
    killed_inside("open", "begin", 1, kills(25));
}

#[test]
fn killed_in_checkpoints() {
    killed_inside("checkpoint", "inside", 3, kills(25));
}

#[test]
fn killed_in_compacts() {
    killed_inside("compact", "inside", 3, kills(25));
}

#[test]
fn killed_in_backups() {
    killed_inside("backup", "inside", 3, kills(25));
}

/// The names of a child's steps are those that the judge knows.
#[test]
fn a_child_that_is_left_alone_says_done() {
    let folder = folder();
    let path = folder.path().join("app.ns");
    let mut told = Told::default();
    let orders = format!("work 3 40 {}", path.display());
    kill(&orders, &mut told, |line| line == "done", Duration::ZERO);
    assert!(told.done && told.acked > 0, "{told:?}");
    judge(&path, 3, told).expect("nothing is lost");
    Options::new().read_only(true).open(&path).expect("nobody holds it");
}
