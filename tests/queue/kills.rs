//! Workers killed with SIGKILL at random moments, with acknowledgements over a pipe.
//!
//! One worker alone does the steps of the reference model: after each death the queue is the model after
//! as many steps as were acknowledged, or one more. Several agents of one process claim and complete
//! side by side: no acknowledged claim or completion is lost, and no task is claimed twice, over all
//! deaths of a database.

use crate::model::{Model, Pair, steps_of};
use crate::worker::{NOW, say, spawn, work_through};
use northstar_engine::disk::entropy::SeededEntropy;
use northstar_engine::queue::{NewTask, State, TaskQueue};
use northstar_engine::{LogRetention, Options};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Child;
use std::time::Duration;

/// Deaths of each kind.
fn kills() -> u64 {
    std::env::var("NORTHSTAR_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(40)
}

/// Deaths that one database lives through.
const DEATHS_OF_ONE: u64 = 8;

fn options(seed: u64) -> Options {
    let retention = if seed.is_multiple_of(2) { LogRetention::Recovery } else { LogRetention::All };
    Options::new().cache_bytes(1 << 20).log_retention(retention)
}

fn queue_at(path: &Path, seed: u64) -> TaskQueue {
    TaskQueue::new(options(seed).open(path).expect("open"))
}

/// The worker that takes the model's steps, until it is killed.
pub(crate) fn take_steps(path: &Path, seed: u64) {
    let random = SeededEntropy::new(seed ^ u64::from(std::process::id()));
    let mut pair = Pair::new(queue_at(path, seed), seed).expect("a queue");
    loop {
        match random.below(25) {
            0 => pair.queue.db().checkpoint().expect("checkpoint"),
            1 => {
                let db = pair.queue.db().clone();
                drop(pair);
                db.close().expect("close");
                pair = Pair::new(queue_at(path, seed), seed).expect("a queue");
            }
            _ => {}
        }
        pair.step().expect("a step");
        say(&format!("step {}", pair.steps));
    }
}

/// The process whose agents claim and complete, until it is killed or nothing is left.
pub(crate) fn be_agents(path: &Path, agents: u64, life: u64) {
    let queue = queue_at(path, agents);
    say("open");
    std::thread::scope(|scope| {
        for agent in 0..agents {
            let queue = queue.clone();
            scope.spawn(move || work_through(&queue, &format!("{life}.{agent}")));
        }
    });
    say("idle");
}

/// Kills `child` after `lines` lines and `pause`; everything it said.
fn kill_after(mut child: Child, lines: u64, pause: Duration) -> Vec<String> {
    let stdout = child.stdout.take().expect("a pipe");
    let mut incoming = BufReader::new(stdout).lines();
    let mut heard: Vec<String> = Vec::new();
    for line in incoming.by_ref().map_while(Result::ok) {
        heard.push(line);
        if heard.len() as u64 > lines {
            break;
        }
    }
    std::thread::sleep(pause);
    child.kill().expect("kill");
    // What it said between the decision and its death counts, too.
    heard.extend(incoming.map_while(Result::ok));
    child.wait().expect("wait");
    heard
}

#[test]
fn killed_workers_leave_a_prefix_of_the_model() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut acknowledged, mut in_flight) = (0, 0);
    for round in 0..kills() {
        let seed = round / DEATHS_OF_ONE;
        let path = folder.path().join(format!("queue{seed}.ns"));
        let random = SeededEntropy::new(round);
        let child = spawn("steps", seed, 0, &path);
        let pause = Duration::from_micros(random.below(3_000));
        let heard = kill_after(child, random.below(60), pause);
        let step = |line: &String| line.strip_prefix("step ")?.parse::<u64>().ok();
        let acked = heard.iter().filter_map(step).max();
        acknowledged += heard.iter().filter_map(step).count();
        if !path.exists() {
            assert_eq!(acked, None, "round {round}: the file is gone");
            continue;
        }
        let queue = queue_at(&path, seed);
        let found = steps_of(&queue).expect("a read");
        if let Some(acked) = acked {
            let place = format!("round {round}, seed {seed}: {acked} steps acknowledged");
            assert!((acked..=acked + 1).contains(&found), "{place}, {found} found");
            in_flight += found - acked;
        }
        let compared = Model::after(seed, found).compare(&queue);
        compared.unwrap_or_else(|why| panic!("round {round}, seed {seed}, step {found}: {why}"));
    }
    let kills = kills();
    println!("{kills} kills, {acknowledged} steps acknowledged, {in_flight} in flight were kept");
}

/// What agents said over all their lives.
#[derive(Default)]
struct Heard {
    claimed: BTreeMap<u64, String>,
    done: BTreeSet<u64>,
}

impl Heard {
    fn hear(&mut self, line: &str) {
        let mut words = line.split(' ');
        let (kind, id, owner) = (words.next(), words.next(), words.next());
        let (Some(kind), Some(Ok(id)), Some(owner)) = (kind, id.map(str::parse), owner) else {
            return;
        };
        match kind {
            "claimed" => {
                let other = self.claimed.insert(id, owner.to_owned());
                assert_eq!(other, None, "task {id} was claimed twice, the second time by {owner}");
            }
            "done" => assert!(self.done.insert(id), "task {id} was done twice"),
            _ => {}
        }
    }

    /// Every promise, held to the queue that the deaths left.
    fn judge(&self, queue: &TaskQueue, tasks: u64) -> Result<(), String> {
        let text = |error: northstar_engine::Error| error.to_string();
        for (&id, owner) in &self.claimed {
            let found = queue.task(id).map_err(text)?;
            let is_done = self.done.contains(&id);
            match found {
                Some(task) if is_done => return Err(format!("{id} is done, found {task:?}")),
                Some(task) if task.state != State::Claimed || task.owner != owner.as_bytes() => {
                    return Err(format!("{id} is {owner}'s, found {task:?}"));
                }
                // Gone without a word: the completion was durable, its owner died before saying so.
                None if !is_done && id % 3 == 0 => return Err(format!("{id} is lost")),
                _ => {}
            }
        }
        let total = queue.stats().map_err(text)?.total();
        if total.ready + total.claimed + total.done != tasks || total.dead + total.delayed > 0 {
            return Err(format!("{tasks} tasks were added, found {total:?}"));
        }
        let (claimed, done) = (self.claimed.len() as u64, self.done.len() as u64);
        if total.claimed + total.done < claimed || total.done < done {
            return Err(format!("{claimed} claims and {done} completions said, found {total:?}"));
        }
        match queue.verify().map_err(text)?.first() {
            Some(problem) => Err(format!("{problem:?}")),
            None => Ok(()),
        }
    }
}

#[test]
fn killed_agents_lose_and_double_nothing() {
    const AGENTS: u64 = 4;
    const TASKS: u64 = 600;
    let folder = tempfile::tempdir().expect("a folder");
    let (mut claims, mut completions) = (0, 0);
    let mut heard = Heard::default();
    for round in 0..kills() {
        let path = folder.path().join(format!("queue{}.ns", round / DEATHS_OF_ONE));
        if round % DEATHS_OF_ONE == 0 {
            claims += heard.claimed.len();
            completions += heard.done.len();
            heard = Heard::default();
            let queue = queue_at(&path, AGENTS);
            let tasks: Vec<_> = (0..TASKS).map(|_| NewTask::new(b"t", b"work")).collect();
            queue.enqueue_all(NOW, &tasks).expect("tasks");
        }
        let random = SeededEntropy::new(round ^ 0x51);
        let child = spawn("agents", AGENTS, round, &path);
        let pause = Duration::from_micros(random.below(2_000));
        let said = kill_after(child, random.below(120), pause);
        said.iter().for_each(|line| heard.hear(line));
        let judged = heard.judge(&queue_at(&path, AGENTS), TASKS);
        judged.unwrap_or_else(|why| panic!("round {round}: {why}"));
    }
    claims += heard.claimed.len();
    completions += heard.done.len();
    let kills = kills();
    println!(
        "{kills} kills, {claims} claims and {completions} completions acknowledged, none lost"
    );
}
