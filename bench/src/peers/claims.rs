//! Workloads `peers/task_claims_*`: agents claim tasks from a durable queue, in each engine.
//!
//! The queue is written for each engine as someone who knows it would: SQLite gets a table with partial
//! indexes and one statement a claim, the key-value engines get a ready index, task rows and a lease
//! index. What a claim does is the same everywhere: look for expired leases, take the most urgent ready
//! task of a type, record owner, attempt and lease, durably. Ours keeps counts by type besides and
//! gets no credit for it. A claim is a durable transaction, which
//! ours may share with claims that wait at the same time; the settings are those of the other workloads.

mod fjall;
mod lmdb;
mod northstar;
mod redb;
mod rows;
mod sqlite;

use crate::{
    catalog::{Bench, Entry, Ops, Parameter, Verification},
    context::Context,
    error::{Error, Result},
    recorder::{Lane, Recorder},
    result::{Better, Class},
};
use std::{collections::BTreeSet, path::Path, sync::Mutex};

const TASKS: Parameter = Parameter { name: "tasks", unit: "tasks", ci: 4_000, full: 40_000 };
const PAYLOAD_BYTES: Parameter = Parameter { name: "payload_bytes", unit: "B", ci: 128, full: 128 };

/// Types of tasks; each agent asks for one after the other.
const TYPES: u64 = 16;
/// Tasks added by one transaction.
const ADD_TASKS: u64 = 500;
/// The time every claim is told, ms: nothing expires.
const NOW: u64 = 1_000;
/// When every lease ends.
const LEASE_UNTIL: u64 = NOW + 3_600_000;

/// A durable queue in some engine.
trait ClaimQueue: Send + Sync {
    /// Adds ready tasks `ids`, task n of type n modulo [`TYPES`], in one durable transaction.
    fn add(&self, ids: std::ops::Range<u64>, payload: &[u8]) -> Result<()>;

    /// Claims the most urgent task of the type for an hour, durably; its number.
    fn claim(&self, task_type: u64, owner: &str) -> Result<Option<u64>>;

    /// Tasks that have an owner, and tasks that are ready, counted by looking at all of them.
    fn counts(&self) -> Result<(u64, u64)>;

    /// Syncs of files so far, where the engine tells.
    fn syncs(&self) -> Option<u64> {
        None
    }
}

type Open = fn(&Path) -> Result<Box<dyn ClaimQueue>>;

const ENGINES: &[(&str, Open)] = &[
    ("northstar", northstar::open),
    ("lmdb", lmdb::open),
    ("redb", redb::open),
    ("fjall", fjall::open),
    ("sqlite", sqlite::open),
];

/// The engines there is a queue for.
const WORDS: Option<(&str, &[&str])> =
    Some(("engine", &["northstar", "lmdb", "redb", "fjall", "sqlite"]));

const fn entry(
    id: &'static str,
    why: &'static str,
    granule: fn(&Context) -> u64,
    setup: fn(&Context) -> Result<Box<dyn Bench>>,
) -> Entry {
    Entry {
        id,
        version: 1,
        why,
        critical: false,
        class: Class::Threaded,
        parameters: &[TASKS, PAYLOAD_BYTES],
        words: WORDS,
        ops: Ops::Fixed(1_600, 16_000),
        warmup_ops: (64, 640),
        unit: "claim",
        sample_every: 1,
        granule,
        setup,
    }
}

/// The workloads, for the catalog.
pub(crate) const ENTRIES: &[Entry] = &[
    entry(
        "peers/task_claims_1_agent",
        "One agent claims tasks durably: what a sync and the transaction around it cost.",
        |_| 1,
        |context| Claims::setup(context, 1),
    ),
    entry(
        "peers/task_claims_32_agents",
        "Agents claim tasks durably side by side: whether they share syncs, or wait for each other's.",
        |_| 32,
        |context| Claims::setup(context, 32),
    ),
];

/// Agents on a queue.
struct Claims {
    queue: Box<dyn ClaimQueue>,
    agents: usize,
    tasks: u64,
    claimed: Mutex<Vec<u64>>,
    /// Claims and syncs before the counted ones.
    start: (usize, Option<u64>),
}

impl Claims {
    fn setup(context: &Context, agents: usize) -> Result<Box<dyn Bench>> {
        let name = context.word("engine")?;
        let found = ENGINES.iter().find(|(engine, _)| *engine == name);
        let (_, open) = found.ok_or_else(|| Error::Usage(format!("no queue in {name:?}")))?;
        let folder = context.scratch().join(name);
        std::fs::create_dir_all(&folder).map_err(|e| Error::io("create", &folder, e))?;
        let queue = open(&folder)?;
        let tasks = context.number("tasks")?;
        let payload = vec![b'x'; context.number("payload_bytes")? as usize];
        let mut next = 1;
        while next <= tasks {
            let end = (next + ADD_TASKS).min(tasks + 1);
            queue.add(next..end, &payload)?;
            next = end;
        }
        let claimed = Mutex::default();
        Ok(Box::new(Self { queue, agents, tasks, claimed, start: (0, None) }))
    }

    fn ids(&self) -> Vec<u64> {
        self.claimed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    fn claim_many(
        queue: &dyn ClaimQueue,
        agent: usize,
        count: u64,
        lane: &mut Lane,
    ) -> Result<Vec<u64>> {
        let owner = format!("agent-{agent}");
        let mut ids = Vec::with_capacity(count as usize);
        for turn in 0..count {
            let task_type = (agent as u64 + turn) % TYPES;
            let id = lane.op(|| queue.claim(task_type, &owner))?;
            ids.push(id.ok_or_else(|| Error::wrong("the queue ran dry"))?);
        }
        Ok(ids)
    }
}

impl Bench for Claims {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        if recorder.ops() == 0 {
            self.start = (self.ids().len(), self.queue.syncs());
        }
        let Self { queue, agents, claimed, .. } = self;
        let (queue, agents, claimed) = (queue.as_ref(), *agents, &*claimed);
        let keep = |ids: Vec<u64>| {
            claimed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(ids);
        };
        if agents == 1 {
            return recorder.timed(ops, |lane| {
                keep(Self::claim_many(queue, 0, ops, lane)?);
                Ok(())
            });
        }
        recorder.timed_threads(ops, agents, |agent, lane| {
            let share = (ops + agents as u64 - 1 - agent as u64) / agents as u64;
            keep(Self::claim_many(queue, agent, share, lane)?);
            Ok(())
        })
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        let syncs = self.queue.syncs();
        let ids = self.ids();
        let unique: BTreeSet<u64> = ids.iter().copied().collect();
        let duplicates = ids.len() - unique.len();
        let (owned, ready) = self.queue.counts()?;
        let lost = self.tasks.abs_diff(owned + ready);
        report.metric("duplicate_claims", "claims", Better::Lower, duplicates as f64);
        report.metric("lost_tasks", "tasks", Better::Lower, lost as f64);
        if let (Some(before), Some(now)) = (self.start.1, syncs) {
            let counted = (ids.len() - self.start.0).max(1);
            let syncs_per_claim = (now - before) as f64 / counted as f64;
            report.metric("syncs_per_claim", "1", Better::Lower, syncs_per_claim);
        }
        if duplicates > 0 || lost > 0 || owned != ids.len() as u64 {
            return Err(Error::wrong(format!(
                "{} claims, {duplicates} twice; {owned} owned and {ready} ready of {} tasks",
                ids.len(),
                self.tasks
            )));
        }
        // Which agent got which task depends on the threads; how many there are does not.
        report.checksum.add_number(owned);
        Ok(())
    }
}
