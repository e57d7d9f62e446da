//! Crowds: 64 threads of one process, and 8 processes that open, claim and close like a shell script,
//! claim all there is. No task twice, none lost; what a claim cost is printed.

use crate::worker::{NOW, request, spawn};
use northstar_engine::Options;
use northstar_engine::queue::{NewTask, State, TaskQueue};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

const THREADS: usize = 64;
const PROCESSES: u64 = 8;

/// Tasks to claim: so many by default, or as the environment says.
fn tasks(default: u64) -> u64 {
    let told = std::env::var("NORTHSTAR_QUEUE_TASKS").ok();
    told.and_then(|number| number.parse().ok()).unwrap_or(default)
}

fn filled(path: &Path, tasks: u64) -> TaskQueue {
    let queue = TaskQueue::new(Options::new().open(path).expect("a new database"));
    let mut left = tasks;
    while left > 0 {
        let count = left.min(500);
        left -= count;
        let new: Vec<_> = (0..count)
            .map(|n| NewTask::new([&b"mail"[..], b"report", b"sweep"][n as usize % 3], b"payload"))
            .collect();
        queue.enqueue_all(NOW, &new).expect("tasks");
    }
    queue
}

/// Every task is claimed, and was handed out once.
fn all_once(queue: &TaskQueue, by_worker: &[Vec<u64>], tasks: u64) -> String {
    let all: Vec<u64> = by_worker.concat();
    let distinct: BTreeSet<u64> = all.iter().copied().collect();
    let duplicates = all.len() - distinct.len();
    let mut claimed = 0;
    let see = |task: northstar_engine::queue::Task| {
        claimed += u64::from(distinct.contains(&task.id));
        ControlFlow::Continue(())
    };
    queue.visit(Some(State::Claimed), None, see).expect("a sound queue");
    let lost = tasks - claimed;
    assert_eq!((duplicates, lost), (0, 0), "duplicates, lost");
    assert_eq!(queue.stats().expect("stats").total().claimed, tasks);
    assert_eq!(queue.verify().expect("a read"), []);
    let (least, most) = by_worker
        .iter()
        .map(Vec::len)
        .fold((usize::MAX, 0), |(least, most), count| (least.min(count), most.max(count)));
    format!("{tasks} tasks, {duplicates} duplicates, {lost} lost, {least} to {most} a worker")
}

#[test]
fn threads_claim_every_task_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let tasks = tasks(4_000);
    let queue = filled(&folder.path().join("queue.ns"), tasks);
    let before = queue.db().stats();
    let start = Instant::now();
    let by_thread: Vec<Vec<u64>> = std::thread::scope(|scope| {
        let agent = |agent: usize| {
            let queue = queue.clone();
            scope.spawn(move || {
                let owner = format!("agent-{agent}");
                let mut ids = Vec::new();
                while let Some(claim) = queue.claim(NOW, &request(&owner, 1)).expect("claim") {
                    ids.push(claim.id);
                }
                ids
            })
        };
        let agents: Vec<_> = (0..THREADS).map(agent).collect();
        agents.into_iter().map(|agent| agent.join().expect("an agent")).collect()
    });
    let seconds = start.elapsed().as_secs_f64();
    let stats = queue.db().stats();
    let syncs = stats.log_syncs + stats.data_syncs - before.log_syncs - before.data_syncs;
    let outcome = all_once(&queue, &by_thread, tasks);
    let (rate, syncs) = (tasks as f64 / seconds, syncs as f64 / tasks as f64);
    println!("{THREADS} threads: {outcome}; {rate:.0} claims/s, {syncs:.3} syncs a claim");
    assert!(syncs < 0.7, "{THREADS} agents share syncs, but there were {syncs} a claim");
}

/// Runs the processes, each claiming `count` tasks at a time.
fn processes(tasks: u64, count: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("queue.ns");
    filled(&path, tasks).db().clone().close().expect("close");
    let start = Instant::now();
    let workers: Vec<_> = (0..PROCESSES)
        .map(|worker| {
            let mut child = spawn("shell", worker, count, &path);
            let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
            let heard = std::thread::spawn(|| lines.map_while(Result::ok).collect::<Vec<_>>());
            (child, heard)
        })
        .collect();
    let (mut by_process, mut claims, mut syncs) = (Vec::new(), 0, 0);
    let looks = look_on(&path, tasks, || workers.iter().all(|(_, heard)| heard.is_finished()));
    for (mut child, heard) in workers {
        assert!(child.wait().expect("wait").success(), "a worker failed");
        let heard = heard.join().expect("lines");
        let number = |word: Option<&str>| word.and_then(|n| n.parse::<u64>().ok());
        let id = |line: &String| number(line.strip_prefix("claimed "));
        by_process.push(heard.iter().filter_map(id).collect());
        let total = heard.iter().find_map(|line| line.strip_prefix("total ")).expect("a total");
        let mut words = total.split(' ');
        claims += number(words.next()).expect("claims");
        syncs += number(words.next()).expect("syncs");
    }
    let seconds = start.elapsed().as_secs_f64();
    let queue = TaskQueue::new(Options::new().open(&path).expect("open"));
    let outcome = all_once(&queue, &by_process, tasks);
    let (rate, turns) = (tasks as f64 / seconds, claims as f64 / seconds);
    let syncs = syncs as f64 / claims as f64;
    println!(
        "{PROCESSES} processes, {count} at a time: {outcome}; {rate:.0} tasks/s, {turns:.0} openings/s, \
         {syncs:.2} syncs an opening; {looks} read-only openings meanwhile"
    );
}

/// Opens the database for reading over and over, beside writers that come and go: each time it opens, at
/// a whole state. How often.
fn look_on(path: &Path, tasks: u64, done: impl Fn() -> bool) -> u64 {
    let mut looks = 0;
    while !done() {
        let db = Options::new().read_only(true).create(false).open(path).expect("a look");
        let total = TaskQueue::new(db).stats().expect("stats").total();
        assert_eq!(total.ready + total.claimed, tasks, "{total:?}");
        looks += 1;
        std::thread::yield_now();
    }
    looks
}

#[test]
fn processes_claim_every_task_once() {
    processes(tasks(240), 1);
}

#[test]
fn processes_claim_batches() {
    processes(tasks(2_400), 50);
}
