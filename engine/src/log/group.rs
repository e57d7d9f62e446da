//! Group commit: many threads wait, one writes and syncs for all of them.
//!
//! ```text
//!            device busy                    written ≥ target, durable ≥ target
//!  waiting ◀────────────┐                              ┌──────────▶ done
//!     │  turn comes     │                              │
//!     └──▶ reach ───────┴─ device free ─▶ lead: write everything queued ─▶ sync ─▶ announce ─▶ wake all
//!                                              │ fails          │ fails
//!                                              └───▶ poisoned ◀─┘   (never retried)
//! ```
//!
//! Called by [`super::writer`] only. No timers: a lone committer leads at once and pays one write
//! and one sync. A writer to the operating system only (Eventual) does not wait for a running sync.
//! Keeps crash rules 16 and 18: a sync proves what had been written before it began.
//! Under `cfg(loom)` every interleaving of small cases is tried.

use super::position::Progress;
use crate::error::{Error, Result};
use crate::ids::Lsn;
use crate::sabotage::{self, Switch};
use crate::sync::{
    Condvar, Mutex, MutexGuard,
    atomic::{AtomicBool, Ordering},
};
use std::sync::PoisonError;

/// Queued records are put together into chunks of about this size.
const CHUNK_BYTES: usize = 256 * 1024;
/// A record from this size on is queued without being copied.
const MOVE_BYTES: usize = 64 * 1024;

/// What the leader drives.
pub(super) trait Device {
    /// Writes the chunks one behind the other at `at`.
    fn write(&self, at: Lsn, chunks: &[Vec<u8>]) -> Result<()>;
    /// Makes what has been written durable.
    fn sync(&self) -> Result<()>;
    /// Called after every write and sync, in order, before anyone is woken.
    fn announce(&self, progress: Progress);
}

/// How far to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// Handed to the operating system.
    Written,
    /// Synced.
    Durable,
}

/// The queue of records and who is at the device.
#[derive(Debug)]
pub(super) struct Group {
    state: Mutex<State>,
    turn: Condvar,
    /// What has been announced; held while announcing, so that announcements keep their order.
    announced: Mutex<Progress>,
    /// Set with [`State::poisoned`], so that asking takes no lock.
    is_poisoned: AtomicBool,
}

#[derive(Debug)]
struct State {
    queue: Vec<Vec<u8>>,
    end: Lsn,
    written: Lsn,
    durable: Lsn,
    writing: bool,
    syncing: bool,
    poisoned: Option<Error>,
    spare: Vec<u8>,
    /// Threads that wait for their turn: waking nobody is a system call too.
    waiting: usize,
}

impl Group {
    /// An empty queue; everything below `start` is durable.
    pub(super) fn new(start: Lsn) -> Self {
        Self {
            state: Mutex::new(State {
                queue: Vec::new(),
                end: start,
                written: start,
                durable: start,
                writing: false,
                syncing: false,
                poisoned: None,
                spare: Vec::new(),
                waiting: 0,
            }),
            turn: Condvar::new(),
            announced: Mutex::new(Progress { written: start, durable: start }),
            is_poisoned: AtomicBool::new(false),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a record that ends at `end`; leaves `record` empty, with memory to use again. Records
    /// come in order.
    pub(super) fn push(&self, record: &mut Vec<u8>, end: Lsn) {
        let mut state = self.lock();
        debug_assert_eq!(state.end.get() + record.len() as u64, end.get(), "a gap in the log");
        state.end = end;
        if record.len() >= MOVE_BYTES {
            let spare = std::mem::take(&mut state.spare);
            state.queue.push(std::mem::replace(record, spare));
            return;
        }
        let fits = |chunk: &Vec<u8>| chunk.len() + record.len() <= CHUNK_BYTES;
        if state.queue.last().is_none_or(|chunk| !fits(chunk)) {
            let chunk = std::mem::take(&mut state.spare);
            state.queue.push(chunk);
        }
        if let Some(chunk) = state.queue.last_mut() {
            chunk.extend_from_slice(record);
        }
        record.clear();
    }

    /// How far the log has come, and where it ends.
    pub(super) fn progress(&self) -> (Progress, Lsn) {
        let state = self.lock();
        (Progress { written: state.written, durable: state.durable }, state.end)
    }

    /// Refuses everything from now on, with `error` as the reason.
    pub(super) fn poison(&self, error: Error) {
        let mut state = self.lock();
        self.set_poisoned(&mut state, error);
        self.wake(state);
    }

    /// Waits until the device changes hands, or the log is poisoned.
    fn wait<'a>(&self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.waiting += 1;
        let mut state = self.turn.wait(state).unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        state
    }

    /// Lets everybody look again who waits.
    fn wake(&self, state: MutexGuard<'_, State>) {
        let anybody = state.waiting > 0;
        drop(state);
        if anybody {
            self.turn.notify_all();
        }
    }

    fn set_poisoned(&self, state: &mut State, error: Error) {
        state.poisoned.get_or_insert(error);
        self.is_poisoned.store(true, Ordering::Release);
    }

    /// Why it refuses, if it does.
    pub(super) fn poisoned(&self) -> Option<Error> {
        if !self.is_poisoned.load(Ordering::Acquire) {
            return None;
        }
        self.lock().poisoned.clone()
    }

    /// Returns once everything below `target` has reached `goal`: leads if the device is free,
    /// waits for the leader if not.
    ///
    /// # Errors
    /// What the device says to the one who leads; `Poisoned` to everyone else from then on.
    pub(super) fn reach(&self, goal: Goal, target: Lsn, device: &impl Device) -> Result<()> {
        let mut state = self.lock();
        loop {
            let reached = match goal {
                Goal::Written => state.written,
                Goal::Durable => state.durable,
            };
            if reached >= target {
                return Ok(());
            }
            if state.poisoned.is_some() {
                return Err(Error::Poisoned);
            }
            assert!(target <= state.end, "waiting for a record that was never appended");
            let busy = state.writing || (goal == Goal::Durable && state.syncing);
            if !busy {
                break;
            }
            state = self.wait(state);
        }
        state.writing = true;
        state.syncing |= goal == Goal::Durable;
        let lead = Lead { group: self, writing: true, syncing: goal == Goal::Durable };
        lead.run(state, device)
    }

    /// Takes the device for `act`, with everything appended so far written and synced.
    ///
    /// # Errors
    /// What the device or `act` says; `Poisoned`. A failure of the device poisons, one of `act`
    /// only if `act` says so.
    pub(super) fn exclusive<R>(
        &self,
        device: &impl Device,
        act: impl FnOnce() -> Result<R>,
    ) -> Result<R> {
        let mut state = self.lock();
        while state.writing || state.syncing {
            state = self.wait(state);
        }
        if state.poisoned.is_some() {
            return Err(Error::Poisoned);
        }
        state.writing = true;
        state.syncing = true;
        let mut lead = Lead { group: self, writing: true, syncing: true };
        let needed = state.durable < state.end;
        if needed {
            state = lead.write(state, device)?;
            drop(lead.sync(state, device)?);
        } else {
            drop(state);
        }
        let outcome = act();
        let state = self.lock();
        lead.release(state);
        outcome
    }
}

/// Holds the device; a failure, or a panic, on the way poisons the log.
struct Lead<'a> {
    group: &'a Group,
    writing: bool,
    syncing: bool,
}

impl<'a> Lead<'a> {
    fn run(mut self, state: MutexGuard<'a, State>, device: &impl Device) -> Result<()> {
        let mut state = self.write(state, device)?;
        if self.syncing {
            // The sync needs the device's sync only: others may write behind what it proves.
            self.writing = false;
            state.writing = false;
            if state.waiting > 0 {
                self.group.turn.notify_all();
            }
            state = self.sync(state, device)?;
        }
        self.release(state);
        Ok(())
    }

    fn write(
        &mut self,
        mut state: MutexGuard<'a, State>,
        device: &impl Device,
    ) -> Result<MutexGuard<'a, State>> {
        let mut queue = std::mem::take(&mut state.queue);
        let (from, to) = (state.written, state.end);
        drop(state);
        if from < to {
            device.write(from, &queue).map_err(|error| self.fail(error))?;
            self.announce(device, |progress| progress.written = progress.written.max(to));
        }
        let mut state = self.group.lock();
        state.written = state.written.max(to);
        if let Some(mut chunk) = queue.pop()
            && chunk.capacity() <= 2 * CHUNK_BYTES
        {
            chunk.clear();
            state.spare = chunk;
        }
        if state.queue.capacity() == 0 {
            queue.clear();
            state.queue = queue;
        }
        Ok(state)
    }

    fn sync(
        &mut self,
        state: MutexGuard<'a, State>,
        device: &impl Device,
    ) -> Result<MutexGuard<'a, State>> {
        let proven = state.written;
        drop(state);
        match device.sync() {
            Err(error) if !sabotage::on(Switch::IgnoreSyncError) => return Err(self.fail(error)),
            Ok(()) | Err(_) => {}
        }
        self.announce(device, |progress| progress.durable = progress.durable.max(proven));
        let mut state = self.group.lock();
        state.durable = state.durable.max(proven);
        Ok(state)
    }

    fn announce(&self, device: &impl Device, advance: impl FnOnce(&mut Progress)) {
        let announced = self.group.announced.lock();
        let mut announced = announced.unwrap_or_else(PoisonError::into_inner);
        advance(&mut announced);
        device.announce(*announced);
    }

    fn fail(&self, error: Error) -> Error {
        self.group.poison(error.clone());
        error
    }

    fn release(mut self, mut state: MutexGuard<'a, State>) {
        self.give_back(&mut state);
        self.group.wake(state);
    }

    fn give_back(&mut self, state: &mut State) {
        state.writing &= !self.writing;
        state.syncing &= !self.syncing;
        self.writing = false;
        self.syncing = false;
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        if self.writing || self.syncing {
            let mut state = self.group.lock();
            self.group.set_poisoned(&mut state, Error::Poisoned);
            self.give_back(&mut state);
            self.group.wake(state);
        }
    }
}

#[cfg(all(test, loom))]
mod model_tests;
#[cfg(all(test, not(loom)))]
mod tests;
