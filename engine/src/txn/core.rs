//! What every transaction of an open database shares: pages, log, the line of writers, the chain of
//! states.
//!
//! Made by `db::open`, used by `txn::{read, write, commit}` and driven by `db::checkpoint`.
//!
//! Locks, in the order they may be taken: the writer gate, then [`Core::pipeline`], then the pager's
//! and the log's own. Readers take none of them. Cost of a live handle: one `Arc`.

use crate::disk::{self, Clock};
use crate::error::{Error, Result};
use crate::log::LogWriter;
use crate::pager::Pager;
use crate::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, Ordering},
};
use crate::txn::combiner::Combiner;
use crate::txn::event::{Event, Observer};
use crate::txn::pipeline::Pipeline;
use crate::txn::registry::Registry;
use crate::txn::snapshot::Durability;
use crate::txn::write::WriteTxn;
use crate::txn::writer_gate::WriterGate;
use std::{
    fmt,
    sync::{
        Arc, OnceLock, PoisonError,
        atomic::{AtomicU32, AtomicU64},
    },
};

/// The state of an open database that transactions use.
pub(crate) struct Core {
    pub(crate) pager: Arc<Pager>,
    /// `None` when the database is open for reading only.
    pub(crate) log: Option<Arc<LogWriter>>,
    pub(crate) registry: Registry,
    pub(crate) gate: WriterGate,
    /// Steps that wait to share a write transaction.
    pub(crate) combiner: Combiner<WriteTxn>,
    pipeline: Mutex<Pipeline>,
    pub(crate) durability: Durability,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) counters: Counters,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    /// Called when a commit has something for the background thread to do.
    pub(crate) wake: OnceLock<Box<dyn Fn() + Send + Sync>>,
    /// The fork count at opening: a forked child must not write (its parent does).
    forks: AtomicU32,
    poisoned: AtomicBool,
    closed: AtomicBool,
}

/// Events counted since the database was opened.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) commits: AtomicU64,
    pub(crate) aborts: AtomicU64,
    pub(crate) checkpoints: AtomicU64,
    pub(crate) meta_writes: AtomicU64,
    pub(crate) data_syncs: AtomicU64,
    /// The state that the newest meta stores.
    pub(crate) stored_txn: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a `Core` is made of.
pub(crate) struct Parts {
    pub(crate) pager: Arc<Pager>,
    pub(crate) log: Option<Arc<LogWriter>>,
    pub(crate) pipeline: Pipeline,
    pub(crate) durability: Durability,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) observer: Option<Arc<dyn Observer>>,
}

impl Core {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            registry: Registry::new(*parts.pipeline.visible()),
            pager: parts.pager,
            log: parts.log,
            gate: WriterGate::default(),
            combiner: Combiner::default(),
            pipeline: Mutex::new(parts.pipeline),
            durability: parts.durability,
            clock: parts.clock,
            counters: Counters::default(),
            observer: parts.observer,
            wake: OnceLock::new(),
            forks: AtomicU32::new(disk::fork_count()),
            poisoned: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        }
    }

    /// The chain of states, locked.
    pub(crate) fn pipeline(&self) -> MutexGuard<'_, Pipeline> {
        // Nothing in here is left half-changed by a panic: the asserts stand before the changes.
        self.pipeline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The log, or `ReadOnly`.
    pub(crate) fn log(&self) -> Result<&Arc<LogWriter>> {
        self.log.as_ref().ok_or(Error::ReadOnly)
    }

    /// Whether reading can begin.
    ///
    /// # Errors
    /// `InvalidArgument` once the database is closed.
    #[inline]
    pub(crate) fn check_open(&self) -> Result<()> {
        if self.is_closed() { Err(closed_error()) } else { Ok(()) }
    }

    /// Whether it is closed, or about to be.
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// [`Self::check_open`] for one who has seen it closed: closing may find a reader and open it
    /// again.
    ///
    /// # Errors
    /// `InvalidArgument` once the database is closed.
    #[cold]
    pub(crate) fn check_closed_for_good(&self) -> Result<()> {
        let _closing_is_done = self.pipeline();
        self.check_open()
    }

    /// Whether writing can begin or go on.
    ///
    /// # Errors
    /// `ReadOnly`, `Poisoned`; `InvalidArgument` once closed and in a forked child.
    pub(crate) fn check_writable(&self) -> Result<()> {
        self.check_open()?;
        if self.log.is_none() {
            return Err(Error::ReadOnly);
        }
        if self.is_forked() {
            return Err(Error::InvalidArgument(
                "the database was opened by the parent process; open it again in the child"
                    .to_owned(),
            ));
        }
        if self.is_poisoned() { Err(Error::Poisoned) } else { Ok(()) }
    }

    /// Whether this is a child of the process that opened the database.
    pub(crate) fn is_forked(&self) -> bool {
        disk::fork_count() != self.forks.load(Ordering::Relaxed)
    }

    /// Makes this process look like a child of the one that opened the database.
    #[cfg(test)]
    pub(crate) fn pretend_to_be_forked(&self) {
        self.forks.store(u32::MAX, Ordering::Relaxed);
    }

    /// Whether a write or sync has failed.
    pub(crate) fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
            || self.log.as_ref().is_some_and(|log| log.poisoned().is_some())
    }

    /// From now on nothing is written and nothing acknowledged (rule 18). Reads go on.
    pub(crate) fn poison(&self) {
        self.poisoned.store(true, Ordering::Release);
        if let Some(log) = &self.log {
            log.poison();
        }
        self.observe(|| Event::Poisoned);
    }

    /// Marks it closed; whether it was not before.
    pub(crate) fn mark_closed(&self) -> bool {
        !self.closed.swap(true, Ordering::SeqCst)
    }

    /// Marks it closed unless somebody reads; whether it was not before. Looks for readers behind the
    /// mark, and they for the mark behind their pin, so that none slips in.
    ///
    /// # Errors
    /// `Busy` while readers live.
    pub(crate) fn mark_closed_unless_read(&self) -> Result<bool> {
        let _no_pins_of_past_states = self.pipeline();
        if !self.mark_closed() {
            return Ok(false);
        }
        if self.registry.readers() > 0 {
            self.closed.store(false, Ordering::SeqCst);
            return Err(Error::Busy);
        }
        Ok(true)
    }

    /// Tells the observer, if there is one.
    #[inline]
    pub(crate) fn observe(&self, event: impl FnOnce() -> Event) {
        if let Some(observer) = &self.observer {
            observer.event(&event());
        }
    }

    /// Tells the observer how the pool is.
    pub(crate) fn observe_pool(&self) {
        self.observe(|| {
            let pool = self.pager.stats();
            Event::Pool {
                resident: pool.cache_resident,
                dirty: pool.cache_dirty,
                evictions: pool.cache_evictions,
                spills: pool.cache_spills,
            }
        });
    }

    pub(crate) fn wake_background(&self) {
        if let Some(wake) = self.wake.get() {
            wake();
        }
    }
}

pub(crate) fn closed_error() -> Error {
    Error::InvalidArgument("the database was closed".to_owned())
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("visible", &self.registry.visible().txn_id)
            .field("read_only", &self.log.is_none())
            .finish_non_exhaustive()
    }
}

/// Keeps the database open. Every public handle, transaction and iterator holds one; when the last
/// is gone, the database closes.
pub(crate) struct Handle {
    pub(crate) core: Arc<Core>,
    on_last: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Handle {
    /// `on_last` runs when the last holder is gone.
    pub(crate) fn new(core: Arc<Core>, on_last: Box<dyn FnOnce() + Send>) -> Arc<Self> {
        Arc::new(Self { core, on_last: Mutex::new(Some(on_last)) })
    }
}

impl std::ops::Deref for Handle {
    type Target = Core;
    #[inline]
    fn deref(&self) -> &Core {
        &self.core
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let on_last = self.on_last.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(on_last) = on_last {
            on_last();
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.core.fmt(f)
    }
}
