//! A durable task queue: each step whole in one transaction, time passed in.
//!
//! Called by programs, by `northstar-headless queue` and by the benchmarks. Bytes and rules:
//! `spec/queue_v0.md`, QUEUE-1 to QUEUE-6. Steps of many agents that come at the same time share a
//! transaction and its sync (`txn::combiner`); what stands on the public API alone is each `…_in`.
//!
//! ```text
//!            enqueue            claim                 complete
//! (nothing) ────────▶ ready ────────────▶ claimed ───────────▶ (gone, counted as done)
//!     │                 ▲ ▲                 │ │
//!     │ due later       │ │ lease expired   │ │ fail, attempts used up
//!     └──▶ delayed ─────┘ └─────────────────┘ └──────────────▶ dead ─▶ ready (revive), gone (discard)
//!              due          fail: retry, through delayed when a pause is asked for
//! ```

mod claim;
mod dead;
pub mod key;
mod list;
pub mod pending_tasks;
pub mod row;
mod settle;
mod stats;
mod verify;

#[cfg(test)]
mod tests;

pub use claim::{Claim, ClaimRequest};
pub use row::{State, Task};
pub use settle::{Failure, Settled};
pub use stats::{QueueStats, TypeStats};
pub use verify::QueueProblem;

use crate::db::Db;
use crate::error::{Error, Result};
use crate::txn::write::WriteTxn;
use key::Layout;
use std::time::Duration;

/// The key prefix used when none is chosen.
pub const DEFAULT_PREFIX: &[u8] = b"\0q/";

/// Longest task type, longest owner name.
pub const NAME_BYTES_MAX: usize = 255;

/// Most tasks one claim, expiry or promotion handles in one transaction.
pub const BATCH_MAX: usize = 1024;

/// A time in milliseconds since an epoch of the caller's choice. The queue reads no clock.
pub type Millis = u64;

/// A task to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTask<'a> {
    /// Which workers want it: 1..=255 bytes without a zero byte.
    pub task_type: &'a [u8],
    /// What it is about.
    pub payload: &'a [u8],
    /// 255 is claimed first.
    pub priority: u8,
    /// Not to be claimed before this time; 0 for at once.
    pub due: Millis,
    /// How many claims it gets before it is dead; 0 for without end.
    pub attempts_max: u32,
}

impl<'a> NewTask<'a> {
    /// A task of middle priority, due at once, with five attempts.
    pub fn new(task_type: &'a [u8], payload: &'a [u8]) -> Self {
        Self { task_type, payload, priority: 128, due: 0, attempts_max: 5 }
    }
}

/// A queue under a key prefix of a database. Cheap to clone; any number of threads may use it.
///
/// ```
/// use northstar_engine::{Options, queue::{ClaimRequest, NewTask, TaskQueue}};
/// # fn main() -> northstar_engine::Result<()> {
/// let queue = TaskQueue::new(Options::new().open_in_memory()?);
/// let now = 1_000;
/// let id = queue.enqueue(now, &NewTask::new(b"mail", b"to: ada"))?;
/// let claim = queue.claim(now, &ClaimRequest::any(b"worker-1"))?.expect("one task is ready");
/// assert_eq!((claim.id, &claim.payload[..]), (id, &b"to: ada"[..]));
/// queue.complete(now, id, b"worker-1")?;
/// assert_eq!(queue.stats()?.total().done, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct TaskQueue {
    db: Db,
    layout: Layout,
    patience: Duration,
}

impl TaskQueue {
    /// The queue of `db` under [`DEFAULT_PREFIX`].
    pub fn new(db: Db) -> Self {
        Self::with_prefix(db, DEFAULT_PREFIX)
    }

    /// The queue of `db` whose keys all start with `prefix`. No other rows may have keys that start
    /// with it, those of another queue neither.
    pub fn with_prefix(db: Db, prefix: &[u8]) -> Self {
        Self { db, layout: Layout::new(prefix), patience: Duration::from_secs(30) }
    }

    /// How long a step waits in line for the write transaction (default 30 s).
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The database underneath.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// The key layout, for those who read the rows themselves.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Stores a task; its id. Durable on return.
    ///
    /// # Errors
    /// `InvalidArgument` for a bad type, `WriteBusy` when the line did not move in time, and what a
    /// write transaction can return.
    pub fn enqueue(&self, now: Millis, task: &NewTask<'_>) -> Result<u64> {
        let (task_type, payload) = (task.task_type.to_vec(), task.payload.to_vec());
        let NewTask { priority, due, attempts_max, .. } = *task;
        self.shared_step(move |queue, txn| {
            let (task_type, payload) = (&task_type, &payload);
            let task = NewTask { task_type, payload, priority, due, attempts_max };
            queue.enqueue_in(txn, now, &task)
        })
    }

    /// Stores tasks in one transaction; their ids.
    ///
    /// # Errors
    /// As [`TaskQueue::enqueue`].
    pub fn enqueue_all(&self, now: Millis, tasks: &[NewTask<'_>]) -> Result<Vec<u64>> {
        self.step(|txn| tasks.iter().map(|task| self.enqueue_in(txn, now, task)).collect())
    }

    /// Stores a task as part of a transaction of the caller's, so that rows and task appear together.
    ///
    /// # Errors
    /// As [`TaskQueue::enqueue`].
    pub fn enqueue_in(&self, txn: &mut WriteTxn, now: Millis, task: &NewTask<'_>) -> Result<u64> {
        check_name("task type", task.task_type)?;
        let id = self.next_id(txn)?;
        let delayed = task.due > now;
        let row = Task {
            id,
            state: if delayed { State::Delayed } else { State::Ready },
            priority: task.priority,
            attempts: 0,
            attempts_max: task.attempts_max,
            created: now,
            due: task.due,
            lease_until: 0,
            task_type: task.task_type.to_vec(),
            owner: Vec::new(),
            error: Vec::new(),
            payload: task.payload.to_vec(),
        };
        self.insert_index(txn, &row)?;
        txn.put(self.layout.task(id), row.encode())?;
        self.count(txn, &row.task_type, |counts| *counts.of_mut(row.state) += 1)?;
        Ok(id)
    }

    /// The task `id`, unless it was completed or never was.
    ///
    /// # Errors
    /// `Corrupt` when its row does not decode.
    pub fn task(&self, id: u64) -> Result<Option<Task>> {
        let txn = self.db.begin_read()?;
        let Some(bytes) = txn.get(self.layout.task(id))? else { return Ok(None) };
        Task::decode(id, &bytes).map(Some).ok_or_else(|| row::bad_row("QUEUE-1", "a task row", id))
    }

    /// Runs one step in a write transaction of its own and commits it; a step that changed nothing
    /// costs no sync, one that failed leaves nothing behind.
    fn step<T>(&self, step: impl FnOnce(&mut WriteTxn) -> Result<T>) -> Result<T> {
        let mut txn = self.db.begin_write_timeout(self.patience)?;
        let outcome = step(&mut txn)?;
        txn.commit()?;
        Ok(outcome)
    }

    /// Runs one step in a write transaction that it may share with steps of other threads, so that many
    /// agents pay for one commit; else as [`Self::step`].
    fn shared_step<T: Send + 'static>(
        &self,
        mut step: impl FnMut(&Self, &mut WriteTxn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let queue = self.clone();
        self.db.write_shared(self.patience, move |txn| step(&queue, txn))
    }

    fn next_id(&self, txn: &mut WriteTxn) -> Result<u64> {
        let key = self.layout.counter();
        let id = match txn.get(&key)? {
            None => 1,
            Some(bytes) => match bytes.first_chunk() {
                Some(chunk) if bytes.len() == 8 => u64::from_le_bytes(*chunk),
                _ => return Err(row::bad_row("QUEUE-5", "an id counter of 8 bytes", bytes.len())),
            },
        };
        let next = id
            .checked_add(1)
            .ok_or_else(|| Error::InvalidArgument("the queue has no task ids left".into()))?;
        txn.put(key, next.to_le_bytes())?;
        Ok(id)
    }

    /// Reads the row of a task that an index names.
    fn indexed(&self, txn: &WriteTxn, id: u64) -> Result<Task> {
        let Some(bytes) = txn.get(self.layout.task(id))? else {
            return Err(row::bad_row("QUEUE-2", "a task row for each index entry", id));
        };
        Task::decode(id, &bytes).ok_or_else(|| row::bad_row("QUEUE-1", "a task row", id))
    }

    /// Moves a task to the state its row now has: index entries, row and counts in step (QUEUE-2, 3).
    fn restate(&self, txn: &mut WriteTxn, before: &Task, after: &Task) -> Result<()> {
        self.remove_index(txn, before)?;
        self.insert_index(txn, after)?;
        txn.put(self.layout.task(after.id), after.encode())?;
        self.count(txn, &after.task_type, |counts| {
            counts.take(before.state);
            *counts.of_mut(after.state) += 1;
        })
    }

    fn insert_index(&self, txn: &mut WriteTxn, task: &Task) -> Result<()> {
        txn.put(self.layout.index(task), [])
    }

    fn remove_index(&self, txn: &mut WriteTxn, task: &Task) -> Result<()> {
        if txn.del(self.layout.index(task))? {
            return Ok(());
        }
        Err(row::bad_row("QUEUE-2", "an index entry for each task", task.id))
    }

    fn count(
        &self,
        txn: &mut WriteTxn,
        task_type: &[u8],
        change: impl FnOnce(&mut TypeStats),
    ) -> Result<()> {
        let key = self.layout.counts(task_type);
        let mut counts = match txn.get(&key)? {
            None => TypeStats::default(),
            Some(bytes) => TypeStats::decode(&bytes)
                .ok_or_else(|| row::bad_row("QUEUE-3", "counts of a type", bytes.len()))?,
        };
        change(&mut counts);
        txn.put(key, counts.encode())
    }
}

/// A task type or owner: 1..=255 bytes, no zero byte (it ends the type in keys).
fn check_name(what: &str, name: &[u8]) -> Result<()> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains(&0) {
        return Err(Error::InvalidArgument(format!(
            "{what} must be 1 to {NAME_BYTES_MAX} bytes without a zero byte"
        )));
    }
    Ok(())
}
