//! Suite `macro`: whole uses of the engine, the task queue and its cartridge.

use super::support::expect;
use crate::{
    catalog::{Bench, Entry, Ops, Parameter, Verification, single},
    context::Context,
    error::{Error, Result},
    recorder::Recorder,
    result::{Better, Class},
    rng::{Checksum, SplitMix},
    storage::{Calls, CountingStorage},
};
use northstar_engine::{
    Stats,
    cartridge::{BuildRequest, Cartridge, build},
    queue::{
        ClaimRequest, NewTask, TaskQueue,
        pending_tasks::{Pending, PendingTasks},
    },
};
use std::{collections::BTreeSet, sync::Mutex};

const TASKS: Parameter = Parameter { name: "tasks", unit: "tasks", ci: 4_000, full: 40_000 };
const PAYLOAD_BYTES: Parameter = Parameter { name: "payload_bytes", unit: "B", ci: 128, full: 128 };
const TYPES: Parameter = Parameter { name: "types", unit: "task types", ci: 16, full: 16 };

/// The suite's list.
pub const ENTRIES: &[Entry] = &[
    Entry {
        id: "macro/task_queue_claims",
        version: 1,
        why: "M agents claim tasks durably: no task twice, none lost, and the agents share their syncs.",
        critical: true,
        class: Class::Threaded,
        parameters: &[TASKS, PAYLOAD_BYTES, TYPES],
        words: Some(("agents", &["1", "32"])),
        ops: Ops::Fixed(2_000, 20_000),
        warmup_ops: (32, 320),
        unit: "claim",
        sample_every: 1,
        granule: |context| agents_of(context) as u64,
        setup: |context| Claims::setup(context, agents_of(context)),
    },
    Entry {
        id: "macro/task_queue_steps",
        version: 1,
        why: "The same claims by agents that take turns on one thread: what a claim writes and syncs, exactly.",
        critical: true,
        class: Class::Exact,
        parameters: &[TASKS, PAYLOAD_BYTES, TYPES],
        words: None,
        ops: Ops::Fixed(1_000, 10_000),
        warmup_ops: (16, 160),
        unit: "claim",
        sample_every: 1,
        granule: single,
        setup: |context| Claims::setup(context, 1),
    },
    Entry {
        id: "macro/pending_tasks_cartridge",
        version: 1,
        why: "The same questions to a cartridge and to a scan of the queue: what the artefact is worth.",
        critical: false,
        class: Class::Exact,
        parameters: &[TASKS, PAYLOAD_BYTES, TYPES],
        words: Some(("by", &["cartridge", "scan"])),
        ops: Ops::Fixed(400, 10_000),
        warmup_ops: (20, 100),
        unit: "question",
        sample_every: 1,
        granule: single,
        setup: Questions::setup,
    },
];

/// The time every step is told: nothing expires while a benchmark runs.
const NOW: u64 = 1_000;
/// How long a claim is held.
const LEASE_MS: u64 = 3_600_000;

fn agents_of(context: &Context) -> usize {
    context.word("agents").ok().and_then(|word| word.parse().ok()).unwrap_or(1)
}

/// A queue with tasks of all types in a seeded order, and the number of each type.
fn filled_queue(context: &Context) -> Result<(TaskQueue, Vec<Vec<u8>>, Vec<u64>)> {
    let db = context.open("queue.ns", context.options())?;
    let queue = TaskQueue::new(db);
    let types: Vec<Vec<u8>> = (0..context.number("types")?)
        .map(|number| format!("type-{number:02}").into_bytes())
        .collect();
    let mut counts = vec![0; types.len()];
    let mut random = SplitMix::new(context.seed);
    let payload = vec![b'x'; context.number("payload_bytes")? as usize];
    let mut left = context.number("tasks")?;
    while left > 0 {
        let count = left.min(500);
        left -= count;
        let mut tasks = Vec::new();
        for _ in 0..count {
            let at = random.below(types.len() as u64) as usize;
            counts[at] += 1;
            tasks.push(NewTask::new(&types[at], &payload));
        }
        queue.enqueue_all(NOW, &tasks)?;
    }
    queue.db().checkpoint()?;
    Ok((queue, types, counts))
}

/// Agents claim tasks, each claim durable.
struct Claims {
    queue: TaskQueue,
    agents: usize,
    tasks: u64,
    claimed: Mutex<Vec<u64>>,
    storage: CountingStorage,
    start: Calls,
    counted_from: usize,
}

impl Claims {
    fn setup(context: &Context, agents: usize) -> Result<Box<dyn Bench>> {
        let (queue, ..) = filled_queue(context)?;
        let tasks = context.number("tasks")?;
        let storage = context.storage.clone();
        let start = storage.calls();
        let claimed = Mutex::new(Vec::with_capacity(tasks as usize));
        Ok(Box::new(Self { queue, agents, tasks, claimed, storage, start, counted_from: 0 }))
    }

    fn claim_many(
        queue: &TaskQueue,
        agent: usize,
        count: u64,
        lane: &mut crate::recorder::Lane,
    ) -> Result<Vec<u64>> {
        let owner = format!("agent-{agent}");
        let request = ClaimRequest { lease: LEASE_MS, ..ClaimRequest::any(owner.as_bytes()) };
        let mut ids = Vec::with_capacity(count as usize);
        for _ in 0..count {
            let claim = lane.op(|| queue.claim(NOW, &request))?;
            ids.push(claim.ok_or_else(|| Error::wrong("the queue ran dry"))?.id);
        }
        Ok(ids)
    }

    fn ids(&self) -> Vec<u64> {
        self.claimed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

impl Bench for Claims {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        if recorder.ops() == 0 {
            self.start = self.storage.calls();
            self.counted_from = self.ids().len();
        }
        let Self { queue, agents, claimed, .. } = self;
        let (queue, agents, claimed) = (&*queue, *agents, &*claimed);
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

    fn stats(&self) -> Option<Stats> {
        Some(self.queue.db().stats())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        let ids = self.ids();
        let unique: BTreeSet<u64> = ids.iter().copied().collect();
        let duplicates = ids.len() - unique.len();
        let total = self.queue.stats()?.total();
        let lost = self.tasks.abs_diff(total.ready + total.claimed);
        report.metric("duplicate_claims", "claims", Better::Lower, duplicates as f64);
        report.metric("lost_tasks", "tasks", Better::Lower, lost as f64);
        let calls = self.storage.calls().since(&self.start);
        let counted = (ids.len() - self.counted_from).max(1) as f64;
        report.metric("syncs_per_claim", "1", Better::Lower, calls.syncs() as f64 / counted);
        expect("tasks claimed twice", duplicates as u64, 0)?;
        expect("tasks claimed, by the queue's own count", total.claimed, ids.len() as u64)?;
        expect("tasks lost", lost, 0)?;
        if let Some(problem) = self.queue.verify()?.first() {
            return Err(Error::wrong(format!("the queue: {problem:?}")));
        }
        // Which agent got which task depends on the threads; the set of tasks does not.
        for id in unique {
            report.checksum.add_number(id);
        }
        Ok(())
    }
}

/// Asks how many tasks of a type wait, and for the first ten of them.
struct Questions {
    queue: TaskQueue,
    types: Vec<Vec<u8>>,
    counts: Vec<u64>,
    cartridge: Option<Cartridge>,
    random: SplitMix,
    sum: Checksum,
    build_bytes: u64,
}

/// Tasks listed by a question.
const LISTED: usize = 10;

impl Questions {
    fn setup(context: &Context) -> Result<Box<dyn Bench>> {
        let (queue, types, counts) = filled_queue(context)?;
        let mut bench = Self {
            queue,
            types,
            counts,
            cartridge: None,
            random: SplitMix::new(context.seed),
            sum: Checksum::default(),
            build_bytes: 0,
        };
        if context.word("by")? == "cartridge" {
            let path = context.scratch().join("pending.cart");
            let kind = PendingTasks::default();
            let report = build(bench.queue.db(), &kind, &path, BuildRequest::default())?;
            bench.build_bytes = report.bytes;
            bench.cartridge = Some(Cartridge::open(&path)?);
        }
        Ok(Box::new(bench))
    }

    /// The number of waiting tasks of a type and the ids of the first ten.
    fn ask(&self, at: usize, ids: &mut Vec<u64>) -> Result<u64> {
        ids.clear();
        match &self.cartridge {
            Some(cartridge) => {
                let tasks = Pending::new(cartridge)?.tasks(&self.types[at])?;
                let count = tasks.len() as u64;
                ids.extend(tasks.take(LISTED).map(|task| task.id));
                Ok(count)
            }
            None => {
                let layout = self.queue.layout();
                let read = self.queue.db().begin_read()?;
                let mut count = 0;
                for row in read.prefix(layout.ready(&self.types[at]))? {
                    let (key, _) = row?;
                    if ids.len() < LISTED {
                        let ready = layout.parse_ready(&key);
                        ids.push(ready.ok_or_else(|| Error::wrong("a strange ready key"))?.id);
                    }
                    count += 1;
                }
                Ok(count)
            }
        }
    }
}

impl Bench for Questions {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        let types = self.types.len() as u64;
        let asked: Vec<usize> = (0..ops).map(|_| self.random.below(types) as usize).collect();
        let mut sum = self.sum;
        let mut ids = Vec::with_capacity(LISTED);
        recorder.timed(ops, |lane| {
            for at in asked {
                let count = lane.op(|| self.ask(at, &mut ids))?;
                sum.add_number(count);
                ids.iter().for_each(|id| sum.add_number(*id));
            }
            Ok(())
        })?;
        self.sum = sum;
        Ok(())
    }

    fn stats(&self) -> Option<Stats> {
        Some(self.queue.db().stats())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        let mut ids = Vec::new();
        for (at, expected) in self.counts.iter().enumerate() {
            expect("waiting tasks of a type", self.ask(at, &mut ids)?, *expected)?;
            expect("tasks listed", ids.len() as u64, (*expected).min(LISTED as u64))?;
        }
        if self.cartridge.is_some() {
            report.metric("cartridge_bytes", "B", Better::Lower, self.build_bytes as f64);
        }
        // The same for both ways of asking: the answers are.
        report.checksum = self.sum;
        Ok(())
    }
}
