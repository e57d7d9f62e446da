//! Power cuts under a working queue: after reopening it is a prefix of the reference model, and no
//! acknowledged claim is lost or doubled.
//!
//! The queue runs on the simulated disk; at every operation of a seeded workload the power fails and
//! crash states of all honest models are opened and compared with the state of the same TxnId.

use northstar_engine::disk::{clock::ManualClock, entropy::SeededEntropy};
use northstar_engine::queue::{ClaimRequest, Failure, NewTask, Settled, TaskQueue};
use northstar_engine::sim::{Model, Search, SimDisk, SimImage};
use northstar_engine::{Db, Options, Result};
use std::collections::BTreeMap;
use std::sync::Arc;

const PATH: &str = "/queue.ns";
const SEEDS: u64 = 2;
const STEPS: usize = 24;

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

fn open(disk: SimDisk, seed: u64) -> Result<Db> {
    let entropy = Arc::new(SeededEntropy::new(seed));
    let clock = Arc::new(ManualClock::default());
    Options::new().background(false).open_on(Arc::new(disk), entropy, clock, PATH)
}

fn rows(db: &Db) -> Result<Rows> {
    let txn = db.begin_read()?;
    txn.iter()?.map(|row| row.map(|(key, value)| (key.to_vec(), value.to_vec()))).collect()
}

/// A run of the workload: what each TxnId looked like, and what was acknowledged when.
struct Run {
    disk: SimDisk,
    states: BTreeMap<u64, Rows>,
    /// (operations of the disk so far, newest acknowledged TxnId).
    acknowledged: Vec<(usize, u64)>,
}

fn run(seed: u64) -> Result<Run> {
    let disk = SimDisk::new();
    let db = open(disk.clone(), seed)?;
    let queue = TaskQueue::new(db.clone());
    let mut run =
        Run { disk, states: BTreeMap::from([(0, Rows::new())]), acknowledged: vec![(0, 0)] };
    let random = SeededEntropy::new(seed ^ 0x9e37);
    let (mut now, mut claims): (u64, Vec<(u64, &[u8])>) = (1_000, Vec::new());
    for _ in 0..STEPS {
        now += random.below(20);
        let owner: &[u8] = [&b"w1"[..], b"w2"][random.below(2) as usize];
        match random.below(10) {
            0..=3 => {
                let due = if random.below(3) == 0 { now + 15 } else { 0 };
                let task = NewTask { due, attempts_max: 2, ..NewTask::new(b"mail", b"payload") };
                queue.enqueue(now, &task)?;
            }
            4..=6 => {
                let request = ClaimRequest { lease: 25, ..ClaimRequest::any(owner) };
                claims.extend(queue.claim(now, &request)?.map(|claim| (claim.id, owner)));
            }
            7 => {
                if let Some((id, owner)) = claims.pop() {
                    let (Settled::Yes | Settled::NotYours) = queue.complete(now, id, owner)?;
                }
            }
            8 => {
                if let Some((id, owner)) = claims.pop() {
                    let failure = Failure { error: b"no", retry_at: now + 10 };
                    let (Settled::Yes | Settled::NotYours) = queue.fail(now, id, owner, failure)?;
                }
            }
            _ => db.checkpoint()?,
        }
        let txn = db.begin_read()?.txn_id().get();
        run.states.insert(txn, rows(&db)?);
        run.acknowledged.push((run.disk.op_count(), txn));
    }
    Ok(run)
}

/// Opens a crash state and compares it with the model.
fn judge(run: &Run, image: &SimImage, acked: u64, seed: u64) -> std::result::Result<(), String> {
    let text = |error: northstar_engine::Error| error.to_string();
    let db = match open(image.to_disk(), seed + 1) {
        Ok(db) => db,
        Err(error) => return Err(format!("does not open: {error}")),
    };
    let found = db.begin_read().map_err(text)?.txn_id().get();
    if found < acked {
        return Err(format!("opens at {found}, {acked} was acknowledged"));
    }
    let Some(expected) = run.states.get(&found) else {
        return Err(format!("opens at {found}, which was never committed"));
    };
    if rows(&db).map_err(text)? != *expected {
        return Err(format!("rows differ from those of {found}"));
    }
    let queue = TaskQueue::new(db);
    let problems = queue.verify().map_err(text)?;
    if !problems.is_empty() {
        return Err(format!("{problems:?}"));
    }
    // Work goes on: whoever claims next gets a task nobody holds.
    queue.claim(1_000_000, &ClaimRequest::any(b"after")).map_err(text)?;
    Ok(())
}

#[test]
fn power_cuts_leave_a_prefix_of_the_queue() {
    let mut states = 0;
    for seed in 0..SEEDS {
        let run = run(seed).expect("the workload runs on a sound disk");
        let trace = run.disk.trace();
        for point in trace.crash_points(0) {
            let before = run.acknowledged.iter().rev().find(|(ops, _)| *ops <= point.at());
            let acked = before.map_or(0, |(_, txn)| *txn);
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
                    if let Err(why) = judge(&run, &state.image, acked, seed) {
                        let place = format!("{seed}:{}:{model}:{}", point.at(), state.choice);
                        panic!("crash state {place}: {why}");
                    }
                }
            }
        }
    }
    assert!(states > 500, "only {states} crash states were opened");
}
