//! Worker processes: this test binary again, started on the one test [`child`] with its orders in the
//! environment. What it has to say it says on standard output, a line at a time.

use northstar_engine::queue::{ClaimRequest, Settled, TaskQueue};
use northstar_engine::{Db, Error, Options, Result};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const ORDERS: &str = "NORTHSTAR_QUEUE_WORKER";

/// Not a test of its own: what a worker process runs.
#[test]
fn child() {
    let Ok(orders) = std::env::var(ORDERS) else { return };
    let mut parts = orders.splitn(4, ' ');
    let mut next = || parts.next().expect("orders: kind, two numbers, path");
    let (kind, first, second, path) = (next(), next(), next(), Path::new(next()));
    let (first, second) = (first.parse().expect("a number"), second.parse().expect("a number"));
    match kind {
        "steps" => crate::kills::take_steps(path, first),
        "agents" => crate::kills::be_agents(path, first, second),
        "shell" => claim_like_a_shell(path, first, second),
        other => panic!("unknown order {other:?}"),
    }
}

/// Starts a worker.
pub(crate) fn spawn(kind: &str, first: u64, second: u64, path: &Path) -> Child {
    let own = std::env::current_exe().expect("a path");
    Command::new(own)
        .args(["--exact", "worker::child", "--nocapture", "--test-threads", "1", "-q"])
        .env(ORDERS, format!("{kind} {first} {second} {}", path.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("a child")
}

/// Says something to the parent, at once and in one piece.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes()).expect("the parent listens");
    out.flush().expect("the parent listens");
}

/// The time every worker tells: no lease ends while it runs.
pub(crate) const NOW: u64 = 1_000;
const LEASE: u64 = 1 << 40;

/// A claim that no test outlives.
pub(crate) fn request(owner: &str, count: usize) -> ClaimRequest<'_> {
    ClaimRequest { lease: LEASE, count, ..ClaimRequest::any(owner.as_bytes()) }
}

/// Opens the database, waiting while another process has it: as the command line does.
pub(crate) fn open_waiting(path: &Path) -> Result<Db> {
    loop {
        match Options::new().create(false).open(path) {
            Err(Error::Locked { .. }) => std::thread::sleep(Duration::from_millis(1)),
            opened => return opened,
        }
    }
}

/// Claims `count` tasks at a time until there are none: a database opened, claimed from and closed for
/// each. Says every id, then how often it claimed and what was synced for it.
fn claim_like_a_shell(path: &Path, worker: u64, count: u64) {
    let owner = format!("worker-{worker}");
    let (mut claims, mut syncs) = (0_u64, 0_u64);
    loop {
        let db = open_waiting(path).expect("open");
        let queue = TaskQueue::new(db.clone());
        let found = queue.claim_batch(NOW, &request(&owner, count as usize)).expect("claim");
        drop(queue);
        let watch = db.clone();
        db.close().expect("close");
        let stats = watch.stats();
        syncs += stats.log_syncs + stats.data_syncs + stats.dir_syncs;
        if found.is_empty() {
            break;
        }
        claims += 1;
        found.iter().for_each(|claim| say(&format!("claimed {}", claim.id)));
    }
    say(&format!("total {claims} {syncs}"));
}

/// Claims and completes until there is nothing left, or it is killed; says what is durable.
pub(crate) fn work_through(queue: &TaskQueue, owner: &str) {
    while let Some(claim) = queue.claim(NOW, &request(owner, 1)).expect("claim") {
        say(&format!("claimed {} {owner}", claim.id));
        // Every third is kept: what a killed worker leaves behind.
        if claim.id % 3 != 0 {
            let settled = queue.complete(NOW, claim.id, owner.as_bytes()).expect("complete");
            assert_eq!(settled, Settled::Yes, "task {}", claim.id);
            say(&format!("done {} {owner}", claim.id));
        }
    }
}
