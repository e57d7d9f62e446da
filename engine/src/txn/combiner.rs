//! Steps of many threads in one write transaction: whoever is let in does the work of all who wait.
//!
//! ```text
//!          nobody leads                       gate opens
//!  run ────────────────▶ leads: waits at gate ───────────▶ takes the line along, runs all, commits, answers all
//!   │                       ▲ called
//!   │ somebody leads        │ when the one before has left with its share, or gave up
//!   └────────────────────▶ waits in line ─────────────────▶ answered, or told to do it alone
//! ```
//!
//! Called by `Db::write_shared`, for the queue. Handing the writer gate from thread to thread costs two
//! changes of context a step; here a step of somebody else costs its own work, and one commit and one
//! sync answer all (flat combining: Hendler, Incze, Shavit and Tzafrir, SPAA 2010; bbolt's `DB.Batch` has
//! the same contract). No timers: a step that comes alone runs at once. Keeps TXN-1, since the leader
//! goes through the gate like any writer, and TXN-8: a step is answered after the commit it is in, and
//! none is in two. Steps after one that fails would stand on what it half did, so then the transaction
//! is given up and each runs in one of its own.
//!
//! Locks, in the order they are taken: the line, then a ticket.

use crate::error::{Error, Result};
use crate::sync::{Condvar, Mutex, MutexGuard, wait_while_at_most};
use std::{
    collections::VecDeque,
    fmt, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, PoisonError},
    time::Duration,
};

#[cfg(all(test, loom))]
mod model_tests;
#[cfg(test)]
mod testing;
#[cfg(all(test, not(loom)))]
mod tests;

/// Most steps of one transaction: bounds what one failure undoes, and how long the first one waits.
const STEPS_MAX: usize = 128;

/// Work inside a transaction `X`. May run more than once, each time in a fresh transaction: only the
/// last time counts.
type Step<X> = Box<dyn FnMut(&mut X) -> Result<()> + Send>;

/// Where transactions come from and end.
pub(crate) trait Door {
    type Txn;

    /// Waits for the turn, as long as the caller's patience lasts.
    fn begin(&self) -> Result<Self::Txn>;

    /// Commits; on return all of it is as durable as asked for.
    fn commit(&self, txn: Self::Txn) -> Result<()>;

    /// How long a step waits for its turn.
    fn patience(&self) -> Duration;
}

/// The line of steps before the gate.
pub(crate) struct Combiner<X> {
    line: Mutex<Line<X>>,
}

struct Line<X> {
    waiting: VecDeque<Arc<Ticket<X>>>,
    /// Whether somebody stands at the gate who will take the line along.
    led: bool,
}

/// A step of a thread that waits.
struct Ticket<X> {
    standing: Mutex<Standing<X>>,
    changed: Condvar,
}

/// How it stands with a step.
enum Standing<X> {
    /// In the line.
    Waiting(Step<X>),
    /// Its thread is to lead.
    Called(Step<X>),
    /// In the hands of a leader.
    Taken,
    /// Committed, or its commit failed.
    Answered(Result<()>),
    /// Undone with the others: its thread is to run it in a transaction of its own.
    Alone(Step<X>),
}

impl<X> Default for Combiner<X> {
    fn default() -> Self {
        Self { line: Mutex::new(Line { waiting: VecDeque::new(), led: false }) }
    }
}

impl<X> fmt::Debug for Combiner<X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Combiner").finish_non_exhaustive()
    }
}

impl<X> Combiner<X> {
    /// Runs `step` in a transaction of `door`, with steps of other threads or alone, and commits it;
    /// what the step gave. A step that fails leaves nothing behind, and the others as they would be
    /// without it.
    ///
    /// # Errors
    /// What the step, `begin` or `commit` say; `WriteBusy` when the line did not move in time.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        door: &impl Door<Txn = X>,
        mut step: impl FnMut(&mut X) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let given = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&given);
        self.run_step(
            door,
            Box::new(move |txn| {
                *locked(&slot) = Some(step(txn)?);
                Ok(())
            }),
        )?;
        let value = locked(&given).take();
        Ok(value.expect("a step that succeeded has left its value"))
    }

    fn run_step(&self, door: &impl Door<Txn = X>, step: Step<X>) -> Result<()> {
        let mut line = locked(&self.line);
        if !line.led {
            line.led = true;
            drop(line);
            return self.lead(door, step);
        }
        let ticket = Arc::new(Ticket {
            standing: Mutex::new(Standing::Waiting(step)),
            changed: Condvar::new(),
        });
        line.waiting.push_back(Arc::clone(&ticket));
        drop(line);
        match self.wait(&ticket, door.patience()) {
            Standing::Called(step) => self.lead(door, step),
            Standing::Alone(step) => alone(door, step),
            Standing::Answered(outcome) => outcome,
            Standing::Waiting(_) | Standing::Taken => Err(Error::WriteBusy),
        }
    }

    /// Until there is news of the ticket; still waiting when patience is at its end.
    fn wait(&self, ticket: &Arc<Ticket<X>>, patience: Duration) -> Standing<X> {
        let waiting = |standing: &mut Standing<X>| matches!(standing, Standing::Waiting(_));
        let mut standing = locked(&ticket.standing);
        standing = wait_while_at_most(&ticket.changed, standing, patience, waiting);
        if waiting(&mut standing) {
            // Who holds the line's lock knows that nobody takes or calls the ticket meanwhile.
            drop(standing);
            let mut line = locked(&self.line);
            standing = locked(&ticket.standing);
            if waiting(&mut standing) {
                line.waiting.retain(|other| !Arc::ptr_eq(other, ticket));
                return mem::replace(&mut standing, Standing::Taken);
            }
        }
        // A leader that has it waits for nothing but its commit.
        while matches!(*standing, Standing::Taken) {
            standing = ticket.changed.wait(standing).unwrap_or_else(PoisonError::into_inner);
        }
        mem::replace(&mut standing, Standing::Taken)
    }

    /// Runs `step` and the steps of those in line in one transaction, and answers them (TXN-8).
    fn lead(&self, door: &impl Door<Txn = X>, mut step: Step<X>) -> Result<()> {
        let mut lead = Lead { combiner: self, over: false };
        let mut txn = door.begin()?;
        let mut others = lead.take_line();
        let mut ran = step(&mut txn);
        for (_, other) in &mut others.riders {
            if ran.is_err() {
                break;
            }
            // A panic belongs to the thread whose step it is: alone it will have it.
            ran = catch_unwind(AssertUnwindSafe(|| other(&mut txn))).unwrap_or(Err(Error::Busy));
        }
        if let Err(error) = ran {
            drop(txn);
            if others.riders.is_empty() {
                return Err(error);
            }
            drop(others);
            return alone(door, step);
        }
        // If the commit panics, nobody knows what became of it.
        others.outcome = Some(Err(Error::Poisoned));
        let outcome = door.commit(txn);
        others.outcome = Some(outcome.clone());
        outcome
    }

    /// Lets the next one in line lead, if there is one.
    fn pass_on(&self, mut line: MutexGuard<'_, Line<X>>) {
        let next = line.waiting.pop_front();
        line.led = next.is_some();
        let Some(next) = next else { return };
        {
            let mut standing = locked(&next.standing);
            *standing = match mem::replace(&mut *standing, Standing::Taken) {
                Standing::Waiting(step) => Standing::Called(step),
                other => other,
            };
        }
        drop(line);
        next.changed.notify_one();
    }

    /// How many wait in line.
    pub(crate) fn waiting(&self) -> usize {
        locked(&self.line).waiting.len()
    }
}

/// Standing at the gate for the line. Dropped without the turn having come, the next one leads.
struct Lead<'a, X> {
    combiner: &'a Combiner<X>,
    over: bool,
}

impl<X> Lead<'_, X> {
    /// The steps of those in line, up to the most; who is left, or comes now, is led by another.
    fn take_line(&mut self) -> Riders<X> {
        let mut line = locked(&self.combiner.line);
        let count = line.waiting.len().min(STEPS_MAX - 1);
        let mut riders = Vec::with_capacity(count);
        for ticket in line.waiting.drain(..count) {
            let standing = mem::replace(&mut *locked(&ticket.standing), Standing::Taken);
            if let Standing::Waiting(step) = standing {
                riders.push((ticket, step));
            }
        }
        self.over = true;
        self.combiner.pass_on(line);
        Riders { riders, outcome: None }
    }
}

impl<X> Drop for Lead<'_, X> {
    fn drop(&mut self) {
        if !self.over {
            self.combiner.pass_on(locked(&self.combiner.line));
        }
    }
}

/// Steps that a leader has taken. Dropping answers their threads: with the outcome, or, when there is
/// none, that each is to run alone.
struct Riders<X> {
    riders: Vec<(Arc<Ticket<X>>, Step<X>)>,
    outcome: Option<Result<()>>,
}

impl<X> Drop for Riders<X> {
    fn drop(&mut self) {
        for (ticket, step) in self.riders.drain(..) {
            *locked(&ticket.standing) = match &self.outcome {
                Some(outcome) => Standing::Answered(outcome.clone()),
                None => Standing::Alone(step),
            };
            ticket.changed.notify_one();
        }
    }
}

fn alone<X>(door: &impl Door<Txn = X>, mut step: Step<X>) -> Result<()> {
    let mut txn = door.begin()?;
    step(&mut txn)?;
    door.commit(txn)
}

/// Nothing behind these locks is left half-changed by a panic.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
