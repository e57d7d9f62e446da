//! One writer at a time, and a fair line before the door.
//!
//! Called by `begin_write` and by whatever ends a write transaction. No I/O, no clock: the wait is
//! the condition variable's own.
//!
//! ```text
//!            enter, line empty                        leave, line empty
//!   open ───────────────────────────▶ inside ──────────────────────────▶ open
//!                                      │ ▲
//!                                      └─┘ leave, line not empty: handed to the longest waiter
//! ```
//!
//! Keeps: TXN-1 (one writer), TXN-2 (nobody overtakes a waiter: `try_enter` answers busy while a
//! writer waits). The gate never opens between two waiters, so a newcomer cannot slip in. Upkeep
//! (`compact`) enters by the same door, and no writer is turned away because of it: who would not
//! wait for a writer waits for upkeep, which is inside for one bounded commit at a time.

use crate::sync::{Condvar, Mutex, MutexGuard, wait_while_at_most};
use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError},
    time::Duration,
};

#[cfg(all(test, loom))]
mod model_tests;
#[cfg(all(test, not(loom)))]
mod tests;

/// The door that one writer at a time is behind.
#[derive(Debug, Default)]
pub(crate) struct WriterGate {
    state: Mutex<Line>,
}

/// Who is inside, or wants to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Writer,
    Upkeep,
}

#[derive(Debug, Default)]
struct Line {
    inside: Option<Who>,
    waiters: VecDeque<Arc<Waiter>>,
}

#[derive(Debug)]
struct Waiter {
    who: Who,
    called: Condvar,
    /// Written under the gate's mutex only.
    granted: Mutex<bool>,
}

impl WriterGate {
    /// Enters unless a writer is inside (TXN-1) or waits (TXN-2). Waits for upkeep to leave.
    pub(crate) fn try_enter(&self) -> bool {
        let line = self.lock();
        let waits = line.waiters.iter().any(|waiter| waiter.who == Who::Writer);
        let busy = line.inside == Some(Who::Writer) || waits;
        !busy && self.enter(line, Who::Writer, Duration::MAX)
    }

    /// Waits in line, at most `patience`. Whether it entered.
    pub(crate) fn enter_within(&self, patience: Duration) -> bool {
        self.enter(self.lock(), Who::Writer, patience)
    }

    /// Waits in line as long as it takes, to do a bounded piece of work that nobody asked for.
    pub(crate) fn enter_for_upkeep(&self) {
        let entered = self.enter(self.lock(), Who::Upkeep, Duration::MAX);
        assert!(entered, "patience without end is enough");
    }

    fn enter(&self, mut line: MutexGuard<'_, Line>, who: Who, patience: Duration) -> bool {
        if line.inside.is_none() {
            line.inside = Some(who); // Nobody waits before an open gate.
            return true;
        }
        let waiter = Arc::new(Waiter { who, called: Condvar::new(), granted: Mutex::new(false) });
        line.waiters.push_back(Arc::clone(&waiter));
        drop(line);

        let granted = waiter.granted.lock().unwrap_or_else(PoisonError::into_inner);
        if *wait_while_at_most(&waiter.called, granted, patience, |granted| !*granted) {
            return true;
        }
        // The grant may have come between the timeout and this lock: under the lock it is final.
        let mut line = self.lock();
        let granted = *waiter.granted.lock().unwrap_or_else(PoisonError::into_inner);
        if !granted {
            line.waiters.retain(|other| !Arc::ptr_eq(other, &waiter));
        }
        granted
    }

    /// Leaves; the longest waiter is inside at once, so that nobody slips in between (TXN-2).
    pub(crate) fn leave(&self) {
        let mut line = self.lock();
        assert!(line.inside.is_some(), "the writer gate is left by somebody who is not inside");
        let next = line.waiters.pop_front();
        line.inside = next.as_ref().map(|next| next.who);
        let Some(next) = next else { return };
        *next.granted.lock().unwrap_or_else(PoisonError::into_inner) = true;
        // Outside the lock, or it would wake up only to wait for that.
        drop(line);
        next.called.notify_one();
    }

    /// Whether somebody is inside.
    #[cfg(test)]
    pub(crate) fn is_held(&self) -> bool {
        self.lock().inside.is_some()
    }

    /// How many wait in line.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().waiters.len()
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
