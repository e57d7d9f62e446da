//! The queue does what its model does, step by step, and what it does beside the model.

use crate::model::{Model, Pair};
use northstar_engine::Options;
use northstar_engine::queue::{
    ClaimRequest, Failure, NewTask, Settled, State, TaskQueue, TypeStats,
};
use std::ops::ControlFlow;

fn memory() -> TaskQueue {
    TaskQueue::new(Options::new().open_in_memory().expect("a database in memory"))
}

fn ids(queue: &TaskQueue, state: Option<State>, task_type: Option<&[u8]>) -> Vec<u64> {
    let mut ids = Vec::new();
    let see = |task: northstar_engine::queue::Task| {
        ids.push(task.id);
        ControlFlow::Continue(())
    };
    queue.visit(state, task_type, see).expect("a sound queue");
    ids
}

#[test]
fn the_queue_does_what_its_model_does() {
    for seed in 0..24 {
        let mut pair = Pair::new(memory(), seed).expect("a new queue");
        for _ in 0..150 {
            pair.step().expect("a step");
        }
        pair.model.compare(&pair.queue).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        assert_eq!(pair.model, Model::after(seed, 150), "seed {seed}: a run can be rebuilt");
    }
}

#[test]
fn tasks_are_listed_in_the_order_of_their_state() {
    let queue = memory();
    let add = |task_type: &'static [u8], priority, due| {
        let task = NewTask { priority, due, attempts_max: 1, ..NewTask::new(task_type, b"x") };
        queue.enqueue(10, &task).expect("a task")
    };
    let (low, high, late, soon) =
        (add(b"t", 1, 0), add(b"t", 9, 0), add(b"t", 5, 90), add(b"u", 5, 50));
    assert_eq!(ids(&queue, None, None), [low, high, late, soon], "all by id");
    assert_eq!(ids(&queue, Some(State::Ready), None), [high, low], "in the order of claims");
    assert_eq!(ids(&queue, Some(State::Delayed), None), [soon, late], "by due time");
    assert_eq!(ids(&queue, Some(State::Delayed), Some(b"t")), [late]);
    let request = ClaimRequest { count: 2, ..ClaimRequest::any(b"w") };
    assert_eq!(queue.claim_batch(20, &request).expect("claims").len(), 2);
    assert_eq!(ids(&queue, Some(State::Claimed), None), [low, high], "by the end of the lease");
    assert_eq!(ids(&queue, Some(State::Dead), Some(b"t")), []);
    let mut seen = 0;
    let one = |_| {
        seen += 1;
        ControlFlow::Break(())
    };
    queue.visit(None, None, one).expect("a sound queue");
    assert_eq!(seen, 1, "stops when told to");
}

#[test]
fn dead_tasks_come_back_or_go() {
    let queue = memory();
    let task = NewTask { attempts_max: 1, ..NewTask::new(b"t", b"x") };
    let (first, second) = (queue.enqueue(1, &task).unwrap(), queue.enqueue(1, &task).unwrap());
    assert!(!queue.revive(1, first).unwrap(), "a ready task is not dead");
    assert!(!queue.discard(first).unwrap(), "a ready task is not dead");
    for _ in 0..2 {
        let claim = queue.claim(2, &ClaimRequest::any(b"w")).unwrap().expect("a task");
        let failure = Failure { error: b"broken", retry_at: 0 };
        assert_eq!(queue.fail(3, claim.id, b"w", failure).unwrap(), Settled::Yes);
    }
    assert_eq!(ids(&queue, Some(State::Dead), None), [first, second]);
    assert!(queue.revive(4, first).unwrap());
    assert!(queue.discard(second).unwrap());
    assert!(!queue.discard(second).unwrap() && !queue.revive(4, 99).unwrap(), "gone, never was");
    let back = queue.task(first).unwrap().expect("it is there");
    assert_eq!((back.state, back.attempts, &back.error[..]), (State::Ready, 0, &b"broken"[..]));
    let total = queue.stats().unwrap().total();
    assert_eq!(
        total,
        TypeStats { ready: 1, ..TypeStats::default() },
        "a discarded task is not done"
    );
    assert_eq!(queue.verify().unwrap(), []);
    let claim = queue.claim(5, &ClaimRequest::any(b"w")).unwrap().expect("the revived task");
    assert_eq!((claim.id, claim.attempt), (first, 1));
}

#[test]
fn queues_under_different_prefixes_do_not_meet() {
    let db = Options::new().open_in_memory().expect("a database in memory");
    let [a, b] = [&b"jobs/a/"[..], b"jobs/b/"].map(|p| TaskQueue::with_prefix(db.clone(), p));
    for n in 0..20 {
        a.enqueue(n, &NewTask::new(b"r", b"x")).unwrap();
        b.enqueue(n, &NewTask::new(b"t", b"y")).unwrap();
    }
    assert_eq!(b.claim(30, &ClaimRequest::any(b"w")).unwrap().expect("one").task_type, b"t");
    assert_eq!((a.verify().unwrap(), b.verify().unwrap()), (vec![], vec![]));
    let ready = [&a, &b].map(|queue| queue.stats().unwrap().total().ready);
    assert_eq!(ready, [20, 19]);
}
