//! The writer gate in every order: one inside, nobody forgotten, nobody overtaken.

use super::*;
use crate::sync::Watch;
use crate::sync::model_tests::explore;
use loom::thread;
use std::sync::atomic::{AtomicBool, Ordering};

/// Stands in line for ever.
const PATIENT: Duration = Duration::MAX;
/// Gives up at whatever moment; see [`wait_while_at_most`].
const IMPATIENT: Duration = Duration::ZERO;

/// The gate, and what only the one inside may touch.
#[derive(Default)]
struct Room {
    gate: WriterGate,
    inside: Watch,
}

impl Room {
    /// Waits for its turn, works and leaves; whether the turn came.
    fn visit(&self, patience: Duration) -> bool {
        let entered = self.gate.enter_within(patience);
        if entered {
            self.work_and_leave();
        }
        entered
    }

    fn work_and_leave(&self) {
        self.inside.write();
        self.gate.leave();
    }
}

fn visitor(room: &Arc<Room>, patience: Duration) -> thread::JoinHandle<bool> {
    let room = Arc::clone(room);
    thread::spawn(move || room.visit(patience))
}

#[test]
fn three_writers_are_inside_one_after_the_other() {
    explore("gate: three patient writers", 5, || {
        let room = Arc::new(Room::default());
        let others = [visitor(&room, PATIENT), visitor(&room, PATIENT)];
        assert!(room.visit(PATIENT));
        assert!(others.into_iter().all(|other| other.join().unwrap()), "each had its turn");
        assert!(!room.gate.is_held(), "and the gate is open");
    });
}

#[test]
fn a_turn_is_not_lost_in_one_who_gives_up() {
    explore("gate: time-out and hand-over", 6, || {
        let room = Arc::new(Room::default());
        assert!(room.gate.try_enter());
        let others = [visitor(&room, IMPATIENT), visitor(&room, PATIENT)];
        room.work_and_leave();
        let [impatient, patient] = others.map(|other| other.join().unwrap());
        assert!(
            patient,
            "whoever waits long enough gets in, wherever the other gave up: {impatient}"
        );
        assert!(!room.gate.is_held() && room.gate.waiting() == 0, "nothing of them is left");
    });
}

#[test]
fn nobody_overtakes_a_waiter() {
    explore("gate: a newcomer beside a waiter", 6, || {
        let room = Arc::new(Room::default());
        let waiter_was_in = Arc::new(AtomicBool::new(false));
        assert!(room.gate.try_enter());
        let waiter = {
            let (room, was_in) = (Arc::clone(&room), Arc::clone(&waiter_was_in));
            thread::spawn(move || {
                assert!(room.gate.enter_within(PATIENT));
                was_in.store(true, Ordering::Relaxed);
                room.work_and_leave();
            })
        };
        let newcomer = {
            let (room, was_in) = (Arc::clone(&room), Arc::clone(&waiter_was_in));
            thread::spawn(move || {
                let in_line_before = room.gate.waiting() == 1;
                if room.gate.try_enter() {
                    let overtook = in_line_before && !was_in.load(Ordering::Relaxed);
                    room.work_and_leave();
                    assert!(!overtook, "entered before one who stood in line");
                }
            })
        };
        room.work_and_leave();
        waiter.join().unwrap();
        newcomer.join().unwrap();
        assert!(!room.gate.is_held());
    });
}
