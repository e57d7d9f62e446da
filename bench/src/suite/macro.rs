//! Suite `macro`: whole uses of the engine, the task queue and its cartridge.

mod claims;
mod questions;

use crate::{
    catalog::{Entry, Ops, Parameter, single},
    context::Context,
    error::Result,
    result::Class,
    rng::SplitMix,
};
use claims::{Claims, agents_of};
use northstar_engine::queue::{NewTask, TaskQueue};
use questions::Questions;

const TASKS: Parameter = Parameter { name: "tasks", unit: "tasks", ci: 4_000, full: 40_000 };
const PENDING: Parameter = Parameter { name: "tasks", unit: "tasks", ci: 4_000, full: 100_000 };
const PENDING_1K: Parameter = Parameter { name: "tasks", unit: "tasks", ci: 1_000, full: 1_000 };
const PENDING_1M: Parameter =
    Parameter { name: "tasks", unit: "tasks", ci: 20_000, full: 1_000_000 };
const PAYLOAD_BYTES: Parameter = Parameter { name: "payload_bytes", unit: "B", ci: 128, full: 128 };
const TYPES: Parameter = Parameter { name: "types", unit: "task types", ci: 16, full: 16 };

/// The time every step is told: nothing expires while a benchmark runs.
const NOW: u64 = 1_000;

const QUESTIONS: Entry = Entry {
    id: "macro/pending_tasks_cartridge",
    version: 2,
    why: "The same questions to a cartridge and to a scan of the queue, 100,000 tasks: what the artefact is worth.",
    critical: false,
    class: Class::Exact,
    parameters: &[PENDING, PAYLOAD_BYTES, TYPES],
    words: Some(("by", &["cartridge", "scan"])),
    ops: Ops::Fixed(400, 2_000),
    warmup_ops: (20, 100),
    unit: "question",
    sample_every: 1,
    granule: single,
    setup: Questions::setup,
};

/// The suite's list.
pub const ENTRIES: &[Entry] = &[
    Entry {
        id: "macro/task_queue_claims",
        version: 2,
        why: "M agents claim tasks durably: no task twice, none lost, and the agents share their syncs.",
        critical: true,
        class: Class::Threaded,
        parameters: &[TASKS, PAYLOAD_BYTES, TYPES],
        words: Some(("agents", &["1", "8", "32", "64", "128"])),
        ops: Ops::Fixed(2_000, 20_000),
        warmup_ops: (32, 320),
        unit: "claim",
        sample_every: 1,
        // Long batches: at the end of each, agents that are done wait for the last one.
        granule: |context| 16 * agents_of(context) as u64,
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
    QUESTIONS,
    Entry {
        id: "macro/pending_tasks_cartridge_1k",
        version: 1,
        why: "The same with 1,000 tasks: whether a small queue is worth a cartridge.",
        parameters: &[PENDING_1K, PAYLOAD_BYTES, TYPES],
        ..QUESTIONS
    },
    Entry {
        id: "macro/pending_tasks_cartridge_1m",
        version: 1,
        why: "The same with a million tasks: where a scan takes milliseconds.",
        parameters: &[PENDING_1M, PAYLOAD_BYTES, TYPES],
        ops: Ops::Fixed(200, 400),
        ..QUESTIONS
    },
];

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
