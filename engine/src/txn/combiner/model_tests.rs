//! The combiner in every order: no step lost, none done twice, nobody left waiting.

use super::testing::{Caller, Store};
use super::*;
use crate::sync::model_tests::explore;
use loom::thread;

/// Stands in line for ever.
const PATIENT: Duration = Duration::MAX;
/// Gives up at whatever moment; see [`wait_while_at_most`].
const IMPATIENT: Duration = Duration::ZERO;

fn putting(store: &Arc<Store>, patience: Duration, number: u32) -> thread::JoinHandle<Result<u32>> {
    let caller = Caller(Arc::clone(store), patience);
    thread::spawn(move || caller.put(number))
}

#[test]
fn three_steps_are_each_done_once_and_answered() {
    explore("combiner: three patient threads", 3, || {
        let store = Arc::new(Store::default());
        let others = [putting(&store, PATIENT, 1), putting(&store, PATIENT, 2)];
        assert_eq!(Caller(Arc::clone(&store), PATIENT).put(3).unwrap(), 3);
        let answers = others.map(|other| other.join().unwrap().unwrap());
        assert_eq!(answers, [1, 2]);
        let (numbers, transactions) = store.committed();
        assert_eq!(numbers, [1, 2, 3]);
        assert!((1..=3).contains(&transactions));
    });
}

#[test]
fn a_step_is_done_or_its_thread_knows_that_it_is_not() {
    explore("combiner: time-outs in the line and at the gate", 4, || {
        let store = Arc::new(Store::default());
        assert!(store.gate.try_enter());
        let others = [putting(&store, IMPATIENT, 1), putting(&store, PATIENT, 2)];
        store.gate.leave();
        let [impatient, patient] = others.map(|other| other.join().unwrap());
        assert_eq!(patient.unwrap(), 2, "whoever waits long enough is served");
        let expected = if impatient.is_ok() { vec![1, 2] } else { vec![2] };
        assert_eq!(store.committed().0, expected);
    });
}
