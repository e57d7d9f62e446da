//! The writer gate alone: exclusion, order, timeouts.

use super::*;
use std::sync::{
    atomic::{AtomicUsize, Ordering},
    mpsc,
};

const LONG: Duration = Duration::from_secs(60);

fn wait_until(condition: impl Fn() -> bool) {
    while !condition() {
        std::thread::yield_now();
    }
}

#[test]
fn one_at_a_time() {
    let gate = WriterGate::default();
    assert!(gate.try_enter());
    assert!(!gate.try_enter(), "somebody is inside");
    assert!(!gate.enter_within(Duration::ZERO), "no patience");
    assert_eq!(gate.waiting(), 0, "who gave up stands in no line");
    gate.leave();
    assert!(!gate.is_held());
    assert!(gate.enter_within(Duration::ZERO), "free: no waiting needed");
}

#[test]
fn waiters_enter_in_the_order_they_came_and_nobody_overtakes() {
    let gate = Arc::new(WriterGate::default());
    assert!(gate.try_enter());
    let (sender, receiver) = mpsc::channel();
    let threads: Vec<_> = (0..8)
        .map(|number| {
            let (gate_inside, sender) = (Arc::clone(&gate), sender.clone());
            let thread = std::thread::spawn(move || {
                assert!(gate_inside.enter_within(LONG));
                sender.send(number).unwrap();
                assert!(!gate_inside.try_enter(), "overtaken");
                gate_inside.leave();
            });
            wait_until(|| gate.waiting() == number + 1);
            thread
        })
        .collect();
    assert!(!gate.try_enter(), "somebody waits");
    gate.leave();
    for thread in threads {
        thread.join().unwrap();
    }
    drop(sender);
    assert_eq!(receiver.iter().collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
    assert!(gate.try_enter());
}

#[test]
fn a_waiter_that_gives_up_does_not_hold_the_line() {
    let gate = Arc::new(WriterGate::default());
    assert!(gate.try_enter());
    let impatient = {
        let gate = Arc::clone(&gate);
        std::thread::spawn(move || gate.enter_within(Duration::from_millis(1)))
    };
    wait_until(|| impatient.is_finished() || gate.waiting() == 1);
    let patient = {
        let gate = Arc::clone(&gate);
        std::thread::spawn(move || {
            let entered = gate.enter_within(LONG);
            gate.leave();
            entered
        })
    };
    assert!(!impatient.join().unwrap());
    wait_until(|| gate.waiting() == 1);
    gate.leave();
    assert!(patient.join().unwrap());
    assert!(!gate.is_held());
}

#[test]
fn under_contention_the_count_inside_is_never_two() {
    let gate = Arc::new(WriterGate::default());
    let inside = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (gate, inside) = (Arc::clone(&gate), Arc::clone(&inside));
            std::thread::spawn(move || {
                for round in 0..200 {
                    // Patience so short that grants and timeouts race.
                    let patience = Duration::from_nanos(round * 200);
                    if gate.enter_within(patience) {
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        gate.leave();
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert!(gate.try_enter(), "no grant was lost");
}

/// `compact` used to make `begin_write` answer `WriteBusy`, which only another writer may.
#[test]
fn upkeep_turns_no_writer_away() {
    let gate = Arc::new(WriterGate::default());
    gate.enter_for_upkeep();
    let writer = {
        let gate = Arc::clone(&gate);
        std::thread::spawn(move || gate.try_enter())
    };
    wait_until(|| gate.waiting() == 1);
    assert!(!gate.try_enter(), "a writer waits");
    let upkeep = {
        let gate = Arc::clone(&gate);
        std::thread::spawn(move || gate.enter_for_upkeep())
    };
    wait_until(|| gate.waiting() == 2);
    gate.leave();
    assert!(writer.join().unwrap(), "it waited for the upkeep to end");
    assert!(!gate.try_enter(), "and is inside");
    gate.leave();
    upkeep.join().unwrap();
    gate.leave();
    assert!(!gate.is_held());
}
