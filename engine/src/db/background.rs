//! The background thread: eventual commits synced within a second, checkpoints when they are due,
//! the last commit proven when the writer is idle (rule 23); log space and memory for pages ahead of
//! their use.
//!
//! Started by `db::open` unless `Options::background(false)`; ended by closing. It polls while there
//! is something to do and sleeps otherwise, without end or until the next checkpoint may be due: a commit
//! wakes it, at the cost of one atomic load.

use crate::db::shared::Shared;
use crate::error::{Error, Result};
use crate::ids::{Lsn, TxnId};
use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// How often it looks while there is something to do.
const POLL: Duration = Duration::from_millis(50);
/// An Eventual commit is synced after at most this and a poll: well within a second.
const EVENTUAL_MAX: Duration = Duration::from_millis(400);
/// Unsynced log that is synced at once, so that the start of the next segment, which waits for a sync
/// of all of it, does not hold up commits for long.
const UNSYNCED_BYTES_MAX: u64 = 8 << 20;
/// How long a writer is idle before its last commit is proven.
const IDLE: Duration = Duration::from_millis(100);
/// How old the oldest change may be that no checkpoint has stored.
const CHECKPOINT_AGE: Duration = Duration::from_secs(60);
/// Pause after a checkpoint that found the disk full.
const FULL_DISK_PAUSE: Duration = Duration::from_secs(5);

/// The running thread. Dropping it ends and joins it.
#[derive(Debug)]
pub(crate) struct Background {
    signal: Arc<Signal>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Signal {
    state: Mutex<State>,
    changed: Condvar,
    /// Whether the thread sleeps longer than it polls, so that a commit has to wake it.
    parked: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    stop: bool,
    woken: bool,
}

impl Background {
    /// Starts the thread of `shared`.
    pub(crate) fn start(shared: &Arc<Shared>) -> Result<()> {
        let signal = Arc::new(Signal::default());
        let for_thread = (Arc::downgrade(shared), Arc::clone(&signal));
        let thread = std::thread::Builder::new()
            .name("northstar".to_owned())
            .spawn(move || {
                let (shared, signal) = for_thread;
                let mut worker = Worker::default();
                let mut pause = Some(POLL);
                while signal.sleep(pause) {
                    let Some(shared) = shared.upgrade() else { break };
                    pause = worker.look(&shared);
                    if pause != Some(POLL) {
                        // A commit that comes after this wakes the thread; one that came before is
                        // seen here.
                        signal.parked.store(true, Ordering::SeqCst);
                        if worker.has_missed_one(&shared) {
                            pause = Some(POLL);
                        }
                    }
                }
            })
            .map_err(|source| Error::io("start a thread for", &shared.path, source))?;
        let waker = Arc::clone(&signal);
        if shared.core.wake.set(Box::new(move || waker.wake())).is_err() {
            unreachable!("one background thread a database");
        }
        let background = Self { signal, thread: Some(thread) };
        *shared.background.lock().unwrap_or_else(PoisonError::into_inner) = Some(background);
        Ok(())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.signal.state.lock().unwrap_or_else(PoisonError::into_inner).stop = true;
        self.signal.changed.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            // A panic in there has been printed; there is nobody to hand it to.
            thread.join().ok();
        }
    }
}

impl Signal {
    /// Sleeps for `pause`, or until woken; `false` when the thread shall end.
    fn sleep(&self, pause: Option<Duration>) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = |state: &mut State| !state.stop && !state.woken;
        let slept = match pause {
            Some(pause) if pause <= POLL => {
                self.parked.store(false, Ordering::SeqCst);
                self.changed.wait_timeout_while(state, pause, |state| !state.stop)
            }
            Some(pause) => self.changed.wait_timeout_while(state, pause, idle),
            None => {
                let woken = self.changed.wait_while(state, idle);
                return self.awake(woken.unwrap_or_else(PoisonError::into_inner));
            }
        };
        self.awake(slept.unwrap_or_else(PoisonError::into_inner).0)
    }

    fn awake(&self, mut state: MutexGuard<'_, State>) -> bool {
        self.parked.store(false, Ordering::SeqCst);
        state.woken = false;
        !state.stop
    }

    fn wake(&self) {
        if self.parked.load(Ordering::SeqCst) {
            self.state.lock().unwrap_or_else(PoisonError::into_inner).woken = true;
            self.changed.notify_all();
        }
    }
}

/// What the thread remembers between looks.
#[derive(Debug, Default)]
struct Worker {
    /// The newest state seen, and since when.
    seen: Option<(TxnId, Duration)>,
    /// Since when something was not durable.
    undurable_since: Option<Duration>,
    /// Since when something was not stored by a checkpoint.
    unstored_since: Option<Duration>,
    /// The newest commit that the log proves.
    proven: Option<Lsn>,
    not_before: Duration,
}

impl Worker {
    /// Looks once; how long to sleep, `None` for until woken. Whoever commits ends a sleep longer than `POLL`.
    fn look(&mut self, shared: &Shared) -> Option<Duration> {
        let core = &shared.core;
        if core.check_writable().is_err() {
            return None;
        }
        let now = core.clock.now();
        let pipeline = core.pipeline();
        let (tip, durable) = (pipeline.tip(), pipeline.durable());
        drop(pipeline);
        if self.seen.is_none_or(|(txn_id, _)| txn_id != tip.txn_id) {
            self.seen = Some((tip.txn_id, now));
        }
        let (Ok(log), Some((_, since))) = (core.log(), self.seen) else { return None };
        let quiet = now.saturating_sub(since);

        let undurable = durable < tip.txn_id;
        self.sync_what_is_due(shared, undurable, now);

        let to_prove = self.proven != Some(tip.lsn);
        if to_prove && !undurable && quiet >= IDLE && log.prove_idle(tip.txn_id).is_ok() {
            self.proven = Some(tip.lsn);
        }

        let due = self.checkpoint_is_due(shared, now);
        if due == Some(true) && now >= self.not_before && self.checkpoint(shared).is_err() {
            self.not_before = now.saturating_add(FULL_DISK_PAUSE);
        }
        log.prepare_ahead().ok();
        core.pager.populate_ahead();
        let busy = undurable || self.proven != Some(tip.lsn) || due != Some(false);
        if busy {
            Some(POLL)
        } else if self.unstored_since.is_some() {
            Some(CHECKPOINT_AGE / 4)
        } else {
            None
        }
    }

    /// Syncs the log when something waits for that long enough, or when much does. A failure
    /// poisons the handle, and whoever commits next hears of it.
    fn sync_what_is_due(&mut self, shared: &Shared, undurable: bool, now: Duration) {
        if !undurable {
            self.undurable_since = None;
            return;
        }
        let since = *self.undurable_since.get_or_insert(now);
        let Ok(log) = shared.core.log() else { return };
        let unsynced = log.end_lsn().get().saturating_sub(log.progress().durable.get());
        if now.saturating_sub(since) >= EVENTUAL_MAX || unsynced >= UNSYNCED_BYTES_MAX {
            shared.core.sync_all().ok();
            self.undurable_since = None;
        }
    }

    /// A whole checkpoint; between its steps Eventual commits get their syncs in time.
    fn checkpoint(&mut self, shared: &Shared) -> Result<()> {
        let mut checkpoint = shared.begin_checkpoint()?;
        while !checkpoint.step()? {
            let pipeline = shared.core.pipeline();
            let undurable = pipeline.durable() < pipeline.tip().txn_id;
            drop(pipeline);
            self.sync_what_is_due(shared, undurable, shared.core.clock.now());
        }
        Ok(())
    }

    /// Whether there is a state that the last look did not see.
    fn has_missed_one(&self, shared: &Shared) -> bool {
        let tip = shared.core.pipeline().tip().txn_id;
        self.seen.is_some_and(|(seen, _)| seen != tip)
    }

    /// `None` when it cannot be told: whoever holds the metas makes a checkpoint, or verifies, and is
    /// not waited for, because commits may have to be synced meanwhile.
    fn checkpoint_is_due(&mut self, shared: &Shared, now: Duration) -> Option<bool> {
        let core = &shared.core;
        let visible = core.registry.visible();
        let stored = shared.try_metas()?.current().meta;
        if stored.txn_id == visible.txn_id {
            self.unstored_since = None;
            return Some(false);
        }
        let since = *self.unstored_since.get_or_insert(now);
        let behind = visible.lsn.get().saturating_sub(stored.log_lsn.get());
        let budget = shared.options.cache_bytes.max(crate::limits::CACHE_BYTES_MIN) as u64;
        let due = behind >= shared.options.tuning.checkpoint_log_bytes
            || core.pager.dirty_bytes() >= budget / 2
            || now.saturating_sub(since) >= CHECKPOINT_AGE;
        Some(due)
    }
}
