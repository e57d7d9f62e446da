//! The combiner alone: who shares a transaction, and what a failure, a panic and a time-out leave.

use super::testing::{Caller, Store, Txn};
use super::*;
use std::thread::{self, JoinHandle};

const LONG: Duration = Duration::from_secs(60);

/// A step that gives something.
type Giving<T> = Box<dyn FnMut(&mut Txn) -> Result<T> + Send>;

fn wait_until(condition: impl Fn() -> bool) {
    while !condition() {
        thread::yield_now();
    }
}

/// A closed gate with one thread a step before it, in this order: the first leads.
fn before_a_closed_gate<T: Send + 'static>(
    steps: Vec<Giving<T>>,
) -> (Arc<Store>, Vec<JoinHandle<Result<T>>>) {
    let store = Arc::new(Store::default());
    assert!(store.gate.try_enter());
    let threads = steps.into_iter().enumerate().map(|(number, step)| {
        let caller = Caller(Arc::clone(&store), LONG);
        let thread = thread::spawn(move || caller.0.combiner.run(&caller, step));
        wait_until(|| store.gate.waiting() == 1 && store.combiner.waiting() == number);
        thread
    });
    let threads = threads.collect();
    (store, threads)
}

fn putting(number: u32) -> Giving<u32> {
    Box::new(move |txn| {
        txn.numbers.push(number);
        Ok(number)
    })
}

#[test]
fn steps_that_wait_share_one_transaction_and_each_gets_its_own_answer() {
    let (store, threads) = before_a_closed_gate((0..8).map(putting).collect());
    store.gate.leave();
    let answers: Vec<u32> = threads.into_iter().map(|t| t.join().unwrap().unwrap()).collect();
    assert_eq!(answers, (0..8).collect::<Vec<_>>());
    assert_eq!(store.committed(), ((0..8).collect(), 1));
    assert_eq!(Caller(Arc::clone(&store), LONG).put(8).unwrap(), 8, "and the line goes on");
}

#[test]
fn a_crowd_takes_as_many_transactions_as_it_needs() {
    let crowd = STEPS_MAX as u32 + 40;
    let (store, threads) = before_a_closed_gate((0..crowd).map(putting).collect());
    store.gate.leave();
    for thread in threads {
        thread.join().unwrap().unwrap();
    }
    assert_eq!(store.committed(), ((0..crowd).collect(), 2));
}

#[test]
fn a_step_that_fails_leaves_nothing_behind_and_the_others_unharmed() {
    for failing in 0..3 {
        let mut steps: Vec<_> = (0..3).map(putting).collect();
        steps[failing] = Box::new(|txn| {
            txn.numbers.push(99);
            Err(Error::InvalidArgument("of its own".into()))
        });
        let (store, threads) = before_a_closed_gate(steps);
        store.gate.leave();
        for (number, thread) in threads.into_iter().enumerate() {
            match thread.join().unwrap() {
                Ok(answer) => assert_eq!(answer, number as u32),
                Err(error) => {
                    assert!(matches!(error, Error::InvalidArgument(_)), "{error:?}");
                    assert_eq!(number, failing);
                }
            }
        }
        let others = (0..3).filter(|number| *number != failing as u32).collect();
        assert_eq!(store.committed(), (others, 2), "each in a transaction of its own");
    }
}

#[test]
fn a_step_that_panics_does_so_on_its_own_thread() {
    for panicking in 0..3 {
        let mut steps: Vec<_> = (0..3).map(putting).collect();
        steps[panicking] = Box::new(|_| panic!("scripted"));
        let (store, threads) = before_a_closed_gate(steps);
        store.gate.leave();
        for (number, thread) in threads.into_iter().enumerate() {
            assert_eq!(thread.join().is_err(), number == panicking, "thread {number}");
        }
        assert_eq!(store.committed().0.len(), 2);
        assert_eq!(Caller(Arc::clone(&store), LONG).put(7).unwrap(), 7, "the line goes on");
    }
}

#[test]
fn a_commit_that_fails_is_told_to_all_who_were_in_it() {
    let (store, threads) = before_a_closed_gate((0..4).map(putting).collect());
    *locked(&store.fails) = Some(Error::OutOfSpace);
    store.gate.leave();
    for thread in threads {
        assert!(matches!(thread.join().unwrap(), Err(Error::OutOfSpace)));
    }
    assert_eq!(store.committed(), (Vec::new(), 0));
}

#[test]
fn who_has_no_patience_leaves_the_line() {
    let (store, threads) = before_a_closed_gate(vec![putting(0)]);
    let answer = Caller(Arc::clone(&store), Duration::ZERO).put(1);
    assert!(matches!(answer, Err(Error::WriteBusy)), "{answer:?}");
    assert_eq!(store.combiner.waiting(), 0);
    store.gate.leave();
    for thread in threads {
        thread.join().unwrap().unwrap();
    }
    assert_eq!(store.committed(), (vec![0], 1));
}

#[test]
fn a_leader_that_gives_up_calls_the_next() {
    let store = Arc::new(Store::default());
    assert!(store.gate.try_enter());
    let first = Caller(Arc::clone(&store), Duration::from_millis(300));
    let first = thread::spawn(move || first.put(0));
    wait_until(|| store.gate.waiting() == 1);
    let others = [1, 2].map(|number| {
        let caller = Caller(Arc::clone(&store), LONG);
        let thread = thread::spawn(move || caller.put(number));
        wait_until(|| store.combiner.waiting() == number as usize);
        thread
    });
    assert!(matches!(first.join().unwrap(), Err(Error::WriteBusy)));
    wait_until(|| store.gate.waiting() == 1 && store.combiner.waiting() == 1);
    store.gate.leave();
    for thread in others {
        thread.join().unwrap().unwrap();
    }
    assert_eq!(store.committed(), (vec![1, 2], 1));
}
