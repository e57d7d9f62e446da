//! The queue against a reference model, under threads, and its rules when rows are damaged.

use super::row::{State, Task};
use super::*;
use crate::db::Options;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn memory() -> TaskQueue {
    TaskQueue::new(Options::new().open_in_memory().expect("a database in memory"))
}

/// What the queue promises, without indexes or rows.
#[derive(Default)]
struct Model {
    tasks: BTreeMap<u64, Task>,
    done: BTreeMap<Vec<u8>, u64>,
    next: u64,
}

impl Model {
    fn enqueue(&mut self, now: Millis, task: &NewTask<'_>) -> u64 {
        self.next += 1;
        let state = if task.due > now { State::Delayed } else { State::Ready };
        let row = Task {
            id: self.next,
            state,
            priority: task.priority,
            attempts: 0,
            attempts_max: task.attempts_max,
            created: now,
            due: task.due,
            lease_until: 0,
            task_type: task.task_type.to_vec(),
            owner: Vec::new(),
            error: Vec::new(),
            payload: task.payload.to_vec(),
        };
        self.tasks.insert(self.next, row);
        self.next
    }

    fn give_back(task: &mut Task, now: Millis, error: &[u8], retry_at: Millis) {
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

    fn expire(&mut self, now: Millis) {
        for task in self.tasks.values_mut() {
            if task.state == State::Claimed && task.lease_until <= now {
                Self::give_back(task, now, b"lease expired", 0);
            }
        }
    }

    fn claim(&mut self, now: Millis, request: &ClaimRequest<'_>) -> Option<u64> {
        self.expire(now);
        for task in self.tasks.values_mut() {
            if task.state == State::Delayed && task.due <= now {
                task.state = State::Ready;
            }
        }
        let wanted = |task: &&mut Task| {
            task.state == State::Ready
                && request.task_type.is_none_or(|only| only == task.task_type)
        };
        let best = self
            .tasks
            .values_mut()
            .filter(wanted)
            .min_by_key(|task| (u8::MAX - task.priority, task.due, task.id))?;
        best.state = State::Claimed;
        best.owner = request.owner.to_vec();
        best.attempts += 1;
        best.lease_until = now + request.lease;
        Some(best.id)
    }

    fn owned(&mut self, now: Millis, id: u64, owner: &[u8]) -> Option<&mut Task> {
        self.tasks.get_mut(&id).filter(|task| {
            task.state == State::Claimed && task.owner == owner && now < task.lease_until
        })
    }
}

#[derive(Clone, Debug)]
enum Step {
    Enqueue { task_type: u8, priority: u8, delay: u64, attempts_max: u32 },
    Claim { owner: u8, task_type: Option<u8>, lease: u64 },
    Complete { id: u64, owner: u8 },
    Fail { id: u64, owner: u8, pause: u64 },
    Heartbeat { id: u64, owner: u8, lease: u64 },
    Expire,
    Wait { ms: u64 },
}

const TYPES: [&[u8]; 3] = [b"a", b"ab", b"mail"];
const OWNERS: [&[u8]; 3] = [b"w1", b"w2", b"w3"];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0u8..3, 0u8..4, prop_oneof![Just(0u64), 1u64..40], 0u32..3).prop_map(
            |(task_type, priority, delay, attempts_max)| Step::Enqueue { task_type, priority, delay, attempts_max }),
        4 => (0u8..3, prop::option::of(0u8..3), 0u64..30)
            .prop_map(|(owner, task_type, lease)| Step::Claim { owner, task_type, lease }),
        2 => (1u64..30, 0u8..3).prop_map(|(id, owner)| Step::Complete { id, owner }),
        2 => (1u64..30, 0u8..3, 0u64..20).prop_map(|(id, owner, pause)| Step::Fail { id, owner, pause }),
        1 => (1u64..30, 0u8..3, 0u64..40).prop_map(|(id, owner, lease)| Step::Heartbeat { id, owner, lease }),
        1 => Just(Step::Expire),
        2 => (0u64..25).prop_map(|ms| Step::Wait { ms }),
    ]
}

/// Runs one step on both sides and compares what they answer.
fn run(queue: &TaskQueue, model: &mut Model, now: &mut Millis, step: &Step) {
    let yes = |settled: Settled| settled == Settled::Yes;
    match *step {
        Step::Enqueue { task_type, priority, delay, attempts_max } => {
            let due = if delay == 0 { 0 } else { *now + delay };
            let task_type = TYPES[usize::from(task_type)];
            let task = NewTask { task_type, payload: b"work", priority, due, attempts_max };
            assert_eq!(queue.enqueue(*now, &task).unwrap(), model.enqueue(*now, &task));
        }
        Step::Claim { owner, task_type, lease } => {
            let task_type = task_type.map(|index| TYPES[usize::from(index)]);
            let request =
                ClaimRequest { owner: OWNERS[usize::from(owner)], task_type, lease, count: 1 };
            let claimed = queue.claim(*now, &request).unwrap();
            assert_eq!(claimed.map(|claim| claim.id), model.claim(*now, &request), "{request:?}");
        }
        Step::Complete { id, owner } => {
            let owner = OWNERS[usize::from(owner)];
            let expected = model.owned(*now, id, owner).map(|task| task.task_type.clone());
            assert_eq!(yes(queue.complete(*now, id, owner).unwrap()), expected.is_some());
            if let Some(task_type) = expected {
                model.tasks.remove(&id);
                *model.done.entry(task_type).or_default() += 1;
            }
        }
        Step::Fail { id, owner, pause } => {
            let owner = OWNERS[usize::from(owner)];
            let failure = Failure { error: b"no", retry_at: *now + pause };
            let expected = model.owned(*now, id, owner).map(|task| {
                Model::give_back(task, *now, failure.error, failure.retry_at);
            });
            assert_eq!(yes(queue.fail(*now, id, owner, failure).unwrap()), expected.is_some());
        }
        Step::Heartbeat { id, owner, lease } => {
            let owner = OWNERS[usize::from(owner)];
            let expected = model.owned(*now, id, owner).map(|task| task.lease_until = *now + lease);
            assert_eq!(yes(queue.heartbeat(*now, id, owner, lease).unwrap()), expected.is_some());
        }
        Step::Expire => {
            queue.release_expired(*now).unwrap();
            model.expire(*now);
        }
        Step::Wait { ms } => *now += ms,
    }
}

fn same_state(queue: &TaskQueue, model: &Model) {
    assert_eq!(queue.verify().unwrap(), []);
    let mut counted: BTreeMap<Vec<u8>, TypeStats> = BTreeMap::new();
    for task in model.tasks.values() {
        assert_eq!(queue.task(task.id).unwrap().as_ref(), Some(task));
        *counted.entry(task.task_type.clone()).or_default().of_mut(task.state) += 1;
    }
    for (task_type, done) in &model.done {
        counted.entry(task_type.clone()).or_default().done = *done;
    }
    let stats = queue.stats().unwrap().types;
    for (task_type, counts) in counted {
        assert_eq!(stats.get(&task_type), Some(&counts), "{}", task_type.escape_ascii());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_queue_does_what_its_model_does(steps in prop::collection::vec(step(), 1..120)) {
        let (queue, mut model, mut now) = (memory(), Model::default(), 1_000);
        for step in &steps {
            run(&queue, &mut model, &mut now, step);
        }
        same_state(&queue, &model);
    }

    #[test]
    fn task_rows_come_back_as_they_went(
        task_type in prop::collection::vec(1u8.., 1..20), owner in prop::collection::vec(1u8.., 0..20),
        payload in prop::collection::vec(any::<u8>(), 0..200), numbers in any::<[u64; 4]>(),
        state in prop::sample::select(vec![State::Ready, State::Delayed, State::Claimed, State::Dead]),
    ) {
        let [id, created, due, lease_until] = numbers;
        let error = b"why".to_vec();
        let task = Task { id, state, priority: 7, attempts: 3, attempts_max: 9, created, due, lease_until, task_type, owner, error, payload };
        prop_assert_eq!(Task::decode(id, &task.encode()), Some(task.clone()));
        let mut short = task.encode();
        short.pop();
        prop_assert_eq!(Task::decode(id, &short), None, "a row one byte short");
    }

    #[test]
    fn any_bytes_are_a_row_or_none(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Some(task) = Task::decode(1, &bytes) {
            prop_assert_eq!(task.encode().len(), bytes.len());
        }
    }
}

#[test]
fn many_threads_claim_each_task_once() {
    const TASKS: usize = 400;
    let queue = memory();
    let tasks: Vec<_> = (0..TASKS).map(|n| [b"a", b"b"][n % 2]).collect();
    for chunk in tasks.chunks(100) {
        let new: Vec<_> = chunk.iter().map(|task_type| NewTask::new(*task_type, b"x")).collect();
        queue.enqueue_all(0, &new).unwrap();
    }
    let claimed: Vec<Vec<u64>> = std::thread::scope(|scope| {
        let agents: Vec<_> = (0..8)
            .map(|agent| {
                let queue = queue.clone();
                scope.spawn(move || {
                    let owner = format!("agent-{agent}");
                    let mut ids = Vec::new();
                    while let Some(claim) =
                        queue.claim(1, &ClaimRequest::any(owner.as_bytes())).unwrap()
                    {
                        ids.push(claim.id);
                        assert_eq!(
                            queue.complete(2, claim.id, owner.as_bytes()).unwrap(),
                            Settled::Yes
                        );
                    }
                    ids
                })
            })
            .collect();
        agents.into_iter().map(|agent| agent.join().unwrap()).collect()
    });
    let all: Vec<u64> = claimed.concat();
    let distinct: BTreeSet<u64> = all.iter().copied().collect();
    assert_eq!((all.len(), distinct.len()), (TASKS, TASKS), "claims, distinct tasks");
    assert_eq!(queue.stats().unwrap().total().done, TASKS as u64);
    assert_eq!(queue.verify().unwrap(), []);
}

#[test]
fn verify_names_the_broken_rule() {
    type Damage = fn(&TaskQueue, &mut WriteTxn);
    let cases: &[(&str, &str, Damage)] = &[
        ("task row cut", "QUEUE-1", |queue, txn| txn.put(queue.layout.task(1), b"short").unwrap()),
        ("index entry gone", "QUEUE-2", |queue, txn| {
            let task = queue.indexed(txn, 1).unwrap();
            assert!(txn.del(queue.layout.index(&task)).unwrap());
        }),
        ("index entry without a task", "QUEUE-2", |queue, txn| {
            let mut task = queue.indexed(txn, 1).unwrap();
            task.id = 77;
            txn.put(queue.layout.index(&task), []).unwrap();
        }),
        ("counts off by one", "QUEUE-3", |queue, txn| {
            queue.count(txn, b"mail", |counts| counts.ready += 1).unwrap();
        }),
        ("owner without a claim", "QUEUE-4", |queue, txn| {
            let mut task = queue.indexed(txn, 1).unwrap();
            task.owner = b"ghost".to_vec();
            txn.put(queue.layout.task(1), task.encode()).unwrap();
        }),
        ("counter behind the ids", "QUEUE-5", |queue, txn| {
            txn.put(queue.layout.counter(), 1u64.to_le_bytes()).unwrap();
        }),
    ];
    for (name, rule, damage) in cases {
        let queue = memory();
        queue.enqueue(0, &NewTask::new(b"mail", b"x")).unwrap();
        assert_eq!(queue.verify().unwrap(), [], "{name}: sound before the damage");
        let mut txn = queue.db.begin_write().unwrap();
        damage(&queue, &mut txn);
        txn.commit().unwrap();
        let rules: Vec<_> = queue.verify().unwrap().iter().map(|problem| problem.rule).collect();
        assert!(rules.contains(rule), "{name}: {rules:?}");
    }
}

#[test]
fn bad_names_are_refused() {
    let queue = memory();
    let long = vec![b'x'; NAME_BYTES_MAX + 1];
    for name in [&b""[..], b"a\0b", &long] {
        let refused = queue.enqueue(0, &NewTask::new(name, b""));
        assert!(matches!(refused, Err(Error::InvalidArgument(_))), "type of {} bytes", name.len());
        let refused = queue.claim(0, &ClaimRequest::any(name));
        assert!(matches!(refused, Err(Error::InvalidArgument(_))), "owner of {} bytes", name.len());
    }
}
