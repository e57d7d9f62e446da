//! The reference model: what the queue promises, without rows, indexes or transactions; and seeded steps
//! that both sides can do.
//!
//! Step n of a seed follows from the seed and the model's state before it, so a run can be rebuilt from
//! its seed and the number of its last step.

use northstar_engine::queue::{
    ClaimRequest, Failure, NewTask, Settled, State, Task, TaskQueue, TypeStats,
};
use northstar_engine::{Result, WriteTxn, disk::entropy::SeededEntropy};
use std::collections::BTreeMap;

pub(crate) const TYPES: [&[u8]; 3] = [b"a", b"ab", b"mail"];
pub(crate) const OWNERS: [&[u8]; 3] = [b"w1", b"w2", b"w3"];

/// One step. Types and owners are numbers into the lists above.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Enqueue { task_type: usize, priority: u8, delay: u64, attempts_max: u32 },
    Claim { owner: usize, task_type: Option<usize>, lease: u64, count: usize },
    Complete { id: u64, owner: usize },
    Fail { id: u64, owner: usize, pause: u64 },
    Heartbeat { id: u64, owner: usize, lease: u64 },
}

/// What a step answered: ids that were made or claimed, or whether a claim could be settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Ids(Vec<u64>),
    Settled(bool),
}

/// The tasks there are, and how many are gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) tasks: BTreeMap<u64, Task>,
    pub(crate) done: BTreeMap<Vec<u8>, u64>,
    next: u64,
}

fn owned(number: usize) -> Vec<u8> {
    OWNERS[number].to_vec()
}

impl Model {
    /// The state after `steps` steps of `seed`.
    pub(crate) fn after(seed: u64, steps: u64) -> Self {
        let mut model = Self::default();
        for number in 1..=steps {
            let step = model.choose(seed, number);
            model.apply(time_of(number), &step);
        }
        model
    }

    /// Step `number` of `seed`, to be done in this state.
    pub(crate) fn choose(&self, seed: u64, number: u64) -> Step {
        let random = SeededEntropy::new(seed ^ number << 20);
        let owner = random.below(3) as usize;
        // Mostly a task that is claimed, by the one who claimed it.
        let claimed: Vec<&Task> =
            self.tasks.values().filter(|task| task.state == State::Claimed).collect();
        let (id, holder) = match claimed.len() as u64 {
            count if count > 0 && random.below(5) > 0 => {
                let task = claimed[random.below(count) as usize];
                (task.id, OWNERS.iter().position(|name| *name == task.owner).unwrap_or(owner))
            }
            _ => (1 + random.below(self.next + 2), owner),
        };
        match random.below(12) {
            0..=3 => Step::Enqueue {
                task_type: random.below(3) as usize,
                priority: random.below(4) as u8,
                delay: if random.below(3) == 0 { random.below(60) } else { 0 },
                attempts_max: random.below(4) as u32,
            },
            4..=7 => Step::Claim {
                owner,
                task_type: [None, None, Some(0), Some(1), Some(2)][random.below(5) as usize],
                lease: 1 + random.below(80),
                count: if random.below(5) == 0 { 3 } else { 1 },
            },
            8..=9 => Step::Complete { id, owner: holder },
            10 => Step::Fail { id, owner: holder, pause: random.below(2) * random.below(40) },
            _ => Step::Heartbeat { id, owner: holder, lease: 1 + random.below(60) },
        }
    }

    /// Does a step; what it answers.
    pub(crate) fn apply(&mut self, now: u64, step: &Step) -> Answer {
        match *step {
            Step::Enqueue { task_type, priority, delay, attempts_max } => {
                let due = if delay == 0 { 0 } else { now + delay };
                let task_type = TYPES[task_type].to_vec();
                Answer::Ids(vec![self.enqueue(now, task_type, priority, due, attempts_max)])
            }
            Step::Claim { owner, task_type, lease, count } => {
                Answer::Ids(self.claim(now, owner, task_type.map(|n| TYPES[n]), lease, count))
            }
            Step::Complete { id, owner } => {
                let Some(task) = self.held(now, id, owner) else { return Answer::Settled(false) };
                let task_type = task.task_type.clone();
                self.tasks.remove(&id);
                *self.done.entry(task_type).or_default() += 1;
                Answer::Settled(true)
            }
            Step::Fail { id, owner, pause } => {
                let held = self.held(now, id, owner);
                let settled = held.map(|task| give_back(task, now, b"no", now + pause)).is_some();
                Answer::Settled(settled)
            }
            Step::Heartbeat { id, owner, lease } => {
                let held = self.held(now, id, owner);
                Answer::Settled(held.map(|task| task.lease_until = now + lease).is_some())
            }
        }
    }

    fn enqueue(
        &mut self,
        now: u64,
        task_type: Vec<u8>,
        priority: u8,
        due: u64,
        attempts_max: u32,
    ) -> u64 {
        self.next += 1;
        let task = Task {
            id: self.next,
            state: if due > now { State::Delayed } else { State::Ready },
            priority,
            attempts: 0,
            attempts_max,
            created: now,
            due,
            lease_until: 0,
            task_type,
            owner: Vec::new(),
            error: Vec::new(),
            payload: payload(self.next),
        };
        self.tasks.insert(self.next, task);
        self.next
    }

    /// Takes back leases that are over, and makes tasks ready that are due.
    fn tick(&mut self, now: u64) {
        for task in self.tasks.values_mut() {
            if task.state == State::Claimed && task.lease_until <= now {
                give_back(task, now, b"lease expired", 0);
            }
            if task.state == State::Delayed && task.due <= now {
                task.state = State::Ready;
            }
        }
    }

    fn claim(
        &mut self,
        now: u64,
        owner: usize,
        only: Option<&[u8]>,
        lease: u64,
        count: usize,
    ) -> Vec<u64> {
        self.tick(now);
        let mut ids = Vec::new();
        while ids.len() < count {
            let ready = self.tasks.values_mut().filter(|task| {
                task.state == State::Ready && only.is_none_or(|only| only == task.task_type)
            });
            let best = ready.min_by_key(|task| (u8::MAX - task.priority, task.due, task.id));
            let Some(task) = best else { break };
            task.state = State::Claimed;
            task.owner = owned(owner);
            task.attempts += 1;
            task.lease_until = now + lease;
            ids.push(task.id);
        }
        ids
    }

    fn held(&mut self, now: u64, id: u64, owner: usize) -> Option<&mut Task> {
        self.tasks.get_mut(&id).filter(|task| {
            task.state == State::Claimed && task.owner == OWNERS[owner] && now < task.lease_until
        })
    }

    /// The counts that `stats` must show; types without any are left out.
    fn counts(&self) -> BTreeMap<Vec<u8>, TypeStats> {
        let mut counts: BTreeMap<Vec<u8>, TypeStats> = BTreeMap::new();
        for task in self.tasks.values() {
            let of_type = counts.entry(task.task_type.clone()).or_default();
            match task.state {
                State::Ready => of_type.ready += 1,
                State::Delayed => of_type.delayed += 1,
                State::Claimed => of_type.claimed += 1,
                State::Dead => of_type.dead += 1,
            }
        }
        for (task_type, done) in &self.done {
            counts.entry(task_type.clone()).or_default().done = *done;
        }
        counts
    }

    /// Whether the queue is in this state: every task, every count, every rule.
    pub(crate) fn compare(&self, queue: &TaskQueue) -> std::result::Result<(), String> {
        let text = |error: northstar_engine::Error| error.to_string();
        let mut found = BTreeMap::new();
        let see = |task: Task| {
            found.insert(task.id, task);
            std::ops::ControlFlow::Continue(())
        };
        queue.visit(None, None, see).map_err(text)?;
        if found != self.tasks {
            let differs = |id: &&u64| found.get(id) != self.tasks.get(id);
            let id = found.keys().chain(self.tasks.keys()).find(differs).unwrap_or(&0);
            let (found, expected) = (found.get(id), self.tasks.get(id));
            return Err(format!("task {id} is {found:?}, should be {expected:?}"));
        }
        let mut stats = queue.stats().map_err(text)?.types;
        stats.retain(|_, counts| *counts != TypeStats::default());
        if stats != self.counts() {
            return Err(format!("counts are {stats:?}, should be {:?}", self.counts()));
        }
        match queue.verify().map_err(text)?.first() {
            Some(problem) => Err(format!("{problem:?}")),
            None => Ok(()),
        }
    }
}

fn give_back(task: &mut Task, now: u64, error: &[u8], retry_at: u64) {
    task.owner.clear();
    task.lease_until = 0;
    task.error = error.to_vec();
    task.state = if task.attempts_max != 0 && task.attempts >= task.attempts_max {
        State::Dead
    } else if retry_at > now {
        task.due = retry_at;
        State::Delayed
    } else {
        State::Ready
    };
}

/// The payload of task `id`: some are longer than a page holds.
fn payload(id: u64) -> Vec<u8> {
    let bytes = if id.is_multiple_of(17) { 9_000 } else { 20 + id as usize % 90 };
    format!("task {id};").into_bytes().into_iter().cycle().take(bytes).collect()
}

/// The time at which step `number` is done.
pub(crate) fn time_of(number: u64) -> u64 {
    1_000 + number * 7
}

/// Does a step on the queue, in a transaction. `next` is the id the next task will get.
pub(crate) fn apply_in(
    queue: &TaskQueue,
    txn: &mut WriteTxn,
    now: u64,
    step: &Step,
    next: u64,
) -> Result<Answer> {
    let settled = |outcome: Settled| Answer::Settled(outcome == Settled::Yes);
    Ok(match *step {
        Step::Enqueue { task_type, priority, delay, attempts_max } => {
            let due = if delay == 0 { 0 } else { now + delay };
            let (task_type, payload) = (TYPES[task_type], payload(next));
            let task = NewTask { task_type, payload: &payload, priority, due, attempts_max };
            Answer::Ids(vec![queue.enqueue_in(txn, now, &task)?])
        }
        Step::Claim { owner, task_type, lease, count } => {
            let task_type = task_type.map(|number| TYPES[number]);
            let request = ClaimRequest { owner: OWNERS[owner], task_type, lease, count };
            let claims = queue.claim_in(txn, now, &request)?;
            Answer::Ids(claims.iter().map(|claim| claim.id).collect())
        }
        Step::Complete { id, owner } => settled(queue.complete_in(txn, now, id, OWNERS[owner])?),
        Step::Fail { id, owner, pause } => {
            let failure = Failure { error: b"no", retry_at: now + pause };
            settled(queue.fail_in(txn, now, id, OWNERS[owner], failure)?)
        }
        Step::Heartbeat { id, owner, lease } => {
            settled(queue.heartbeat_in(txn, now, id, OWNERS[owner], lease)?)
        }
    })
}

/// The row that says how many steps a database has seen: written by the transaction of each.
const STEPS: &[u8] = b"steps";

/// How many steps the latest state has seen.
pub(crate) fn steps_of(queue: &TaskQueue) -> Result<u64> {
    let found = queue.db().begin_read()?;
    let steps = found.get(STEPS)?;
    Ok(steps.and_then(|bytes| bytes.first_chunk().copied()).map_or(0, u64::from_le_bytes))
}

/// A queue and its model, step by step.
pub(crate) struct Pair {
    pub(crate) queue: TaskQueue,
    pub(crate) model: Model,
    pub(crate) steps: u64,
    seed: u64,
}

impl Pair {
    /// Goes on where the queue stands.
    pub(crate) fn new(queue: TaskQueue, seed: u64) -> Result<Self> {
        let steps = steps_of(&queue)?;
        Ok(Self { queue, model: Model::after(seed, steps), steps, seed })
    }

    /// The next step, on both sides, in one durable transaction; they must answer the same.
    pub(crate) fn step(&mut self) -> Result<()> {
        let number = self.steps + 1;
        let (step, now) = (self.model.choose(self.seed, number), time_of(number));
        let mut txn = self.queue.db().begin_write()?;
        let next = self.model.next + 1;
        let answer = apply_in(&self.queue, &mut txn, now, &step, next)?;
        assert_eq!(answer, self.model.apply(now, &step), "step {number}: {step:?}");
        txn.put(STEPS, number.to_le_bytes())?;
        txn.commit()?;
        self.steps = number;
        Ok(())
    }
}
