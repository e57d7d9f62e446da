//! One writer at a time, and a fair line before the door.
//!
//! Called by `begin_write` and by whatever ends a write transaction. No I/O, no clock: the wait is
//! the condition variable's own.
//!
//! ```text
//!            try_enter, line empty                    leave, line empty
//!   open ───────────────────────────▶ held ────────────────────────────▶ open
//!                                      │ ▲
//!                                      └─┘ leave, line not empty: handed to the longest waiter
//! ```
//!
//! Keeps: TXN-1 (one writer), TXN-2 (nobody overtakes a waiter: `try_enter` answers busy while
//! somebody waits). The gate never opens between two waiters, so a newcomer cannot slip in.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

#[cfg(test)]
mod tests;

/// The door that one writer at a time is behind.
#[derive(Debug, Default)]
pub(crate) struct WriterGate {
    state: Mutex<Line>,
}

#[derive(Debug, Default)]
struct Line {
    held: bool,
    waiters: VecDeque<Arc<Waiter>>,
}

#[derive(Debug, Default)]
struct Waiter {
    called: Condvar,
    /// Written under the gate's mutex only.
    granted: Mutex<bool>,
}

impl WriterGate {
    /// Enters when nobody is inside (TXN-1) and nobody waits.
    pub(crate) fn try_enter(&self) -> bool {
        let mut line = self.lock();
        let free = !line.held && line.waiters.is_empty();
        line.held |= free;
        free
    }

    /// Waits in line, at most `patience`. Whether it entered.
    pub(crate) fn enter_within(&self, patience: Duration) -> bool {
        let mut line = self.lock();
        if !line.held && line.waiters.is_empty() {
            line.held = true;
            return true;
        }
        let waiter = Arc::new(Waiter::default());
        line.waiters.push_back(Arc::clone(&waiter));
        drop(line);

        let granted = waiter.granted.lock().unwrap_or_else(PoisonError::into_inner);
        let (granted, _) = waiter
            .called
            .wait_timeout_while(granted, patience, |granted| !*granted)
            .unwrap_or_else(PoisonError::into_inner);
        drop(granted);

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
        assert!(line.held, "the writer gate is left by somebody who is not inside");
        let Some(next) = line.waiters.pop_front() else {
            line.held = false;
            return;
        };
        *next.granted.lock().unwrap_or_else(PoisonError::into_inner) = true;
        next.called.notify_one();
    }

    /// Whether a writer is inside.
    #[cfg(test)]
    pub(crate) fn is_held(&self) -> bool {
        self.lock().held
    }

    /// How many wait in line.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().waiters.len()
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
