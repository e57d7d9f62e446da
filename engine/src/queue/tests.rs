//! Task rows, and the queue's rules when rows are damaged. Behaviour: `tests/queue`.

use super::row::{State, Task};
use super::*;
use crate::db::Options;
use proptest::prelude::*;

fn memory() -> TaskQueue {
    TaskQueue::new(Options::new().open_in_memory().expect("a database in memory"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

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

#[test]
fn claims_that_wait_share_a_commit_and_a_bad_one_harms_no_other() {
    const AGENTS: u64 = 8;
    for bad in [None, Some(0), Some(3)] {
        let queue = memory();
        let tasks: Vec<_> = (0..AGENTS).map(|_| NewTask::new(b"mail", b"x")).collect();
        queue.enqueue_all(0, &tasks).unwrap();
        let before = queue.db.stats().latest_txn;
        let gate_held = queue.db.begin_write().unwrap();
        let claims: Vec<_> = (0..AGENTS)
            .map(|agent| {
                let agents_queue = queue.clone();
                let thread = std::thread::spawn(move || {
                    let owner = if bad == Some(agent) { String::new() } else { format!("{agent}") };
                    agents_queue.claim(0, &ClaimRequest::any(owner.as_bytes()))
                });
                let handle = &queue.db.handle;
                // The first stands at the gate, the others in its line.
                while handle.gate.waiting() + handle.combiner.waiting() <= agent as usize {
                    std::thread::yield_now();
                }
                thread
            })
            .collect();
        drop(gate_held);
        let mut ids = Vec::new();
        for (agent, claim) in claims.into_iter().enumerate() {
            match claim.join().unwrap() {
                Ok(claim) => ids.push(claim.expect("a task for each").id),
                Err(error) => {
                    assert!(matches!(error, Error::InvalidArgument(_)), "{error}");
                    assert_eq!(bad, Some(agent as u64));
                }
            }
        }
        ids.sort_unstable();
        assert_eq!(ids, (1..=AGENTS - u64::from(bad.is_some())).collect::<Vec<_>>());
        let commits = queue.db.stats().latest_txn - before;
        assert_eq!(commits, if bad.is_some() { AGENTS - 1 } else { 1 });
        assert_eq!(queue.verify().unwrap(), []);
    }
}
