//! Power cuts under a working queue: after reopening it is a prefix of the reference model, and no
//! acknowledged claim is lost or doubled.
//!
//! The queue runs on the simulated disk; at every operation of a seeded workload the power fails and
//! crash states of all honest models are opened and compared with the model after as many steps.

use crate::model::{Model as Reference, Pair, steps_of};
use northstar_engine::disk::{clock::ManualClock, entropy::SeededEntropy};
use northstar_engine::queue::{ClaimRequest, TaskQueue};
use northstar_engine::sim::{Model, Search, SimDisk, SimImage};
use northstar_engine::{Db, Options, Result};
use std::sync::Arc;

const PATH: &str = "/queue.ns";
const SEEDS: u64 = 2;
const STEPS: u64 = 24;

fn open(disk: SimDisk, seed: u64) -> Result<Db> {
    let entropy = Arc::new(SeededEntropy::new(seed));
    let clock = Arc::new(ManualClock::default());
    Options::new().background(false).open_on(Arc::new(disk), entropy, clock, PATH)
}

/// A run of the workload: what was acknowledged when.
struct Run {
    disk: SimDisk,
    /// (operations of the disk so far, steps acknowledged).
    acknowledged: Vec<(usize, u64)>,
}

fn run(seed: u64) -> Result<Run> {
    let disk = SimDisk::new();
    let queue = TaskQueue::new(open(disk.clone(), seed)?);
    let mut pair = Pair::new(queue, seed)?;
    let mut acknowledged = vec![(0, 0)];
    let random = SeededEntropy::new(seed ^ 0x9e37);
    for _ in 0..STEPS {
        if random.below(10) == 0 {
            pair.queue.db().checkpoint()?;
        }
        pair.step()?;
        acknowledged.push((disk.op_count(), pair.steps));
    }
    Ok(Run { disk, acknowledged })
}

/// Opens a crash state and compares it with the model.
fn judge(image: &SimImage, acked: u64, seed: u64) -> std::result::Result<(), String> {
    let text = |error: northstar_engine::Error| error.to_string();
    let db = open(image.to_disk(), seed + 1).map_err(|error| format!("does not open: {error}"))?;
    let queue = TaskQueue::new(db);
    let found = steps_of(&queue).map_err(text)?;
    if found < acked {
        return Err(format!("opens after step {found}, {acked} were acknowledged"));
    }
    Reference::after(seed, found).compare(&queue).map_err(|why| format!("step {found}: {why}"))?;
    // Work goes on: whoever claims next gets a task nobody holds.
    queue.claim(1_000_000, &ClaimRequest::any(b"after")).map_err(text)?;
    Ok(())
}

#[test]
fn power_cuts_leave_a_prefix_of_the_queue() {
    let times = std::env::var("NORTHSTAR_CRASH_STATES").ok().and_then(|n| n.parse().ok());
    let seeds = SEEDS * times.unwrap_or(1_u64).clamp(1, 50);
    let (mut states, mut points) = (0, 0);
    for seed in 0..seeds {
        let run = run(seed).expect("the workload runs on a sound disk");
        let trace = run.disk.trace();
        for point in trace.crash_points(0) {
            points += 1;
            let before = run.acknowledged.iter().rev().find(|(ops, _)| *ops <= point.at());
            let acked = before.map_or(0, |(_, steps)| *steps);
            for model in Model::HONEST {
                let search = Search {
                    exhaustive_bits: 3,
                    samples: 1,
                    spread_max: 4,
                    seed,
                    ..Search::new(model)
                };
                for state in point.states(&search) {
                    if acked == 0 && !state.image.paths().any(|path| path.ends_with("queue.ns")) {
                        continue; // Nothing was promised yet.
                    }
                    states += 1;
                    if let Err(why) = judge(&state.image, acked, seed) {
                        let place = format!("{seed}:{}:{model}:{}", point.at(), state.choice);
                        panic!("crash state {place}: {why}");
                    }
                }
            }
        }
    }
    println!("power cut at {points} points of {seeds} runs, {states} crash states opened");
    assert!(states > 500, "only {states} crash states were opened");
}
