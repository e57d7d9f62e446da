//! Looking at tasks without claiming them.
//!
//! Called by people's tools: `northstar-headless queue list`. Reads one snapshot and blocks nobody.

use super::TaskQueue;
use super::key::Layout;
use super::row::{self, State, Task};
use crate::error::Result;
use crate::txn::read::ReadTxn;
use std::ops::ControlFlow;

impl TaskQueue {
    /// Shows tasks of the latest state to `see` until it breaks: those in `state` in the order of their
    /// index (ready in the order of claims, delayed by due time, claimed by the end of the lease, dead by
    /// type), or all by id. Only those of `task_type`, where given.
    ///
    /// Cost: a look-up for each task of the state; a scan of the task rows for all. One type of ready or
    /// dead tasks is read alone, other states are read whole and filtered.
    ///
    /// # Errors
    /// `Corrupt` when a row does not decode (QUEUE-1) or an index entry has no task (QUEUE-2).
    pub fn visit(
        &self,
        state: Option<State>,
        task_type: Option<&[u8]>,
        mut see: impl FnMut(Task) -> ControlFlow<()>,
    ) -> Result<()> {
        let txn = self.db.begin_read()?;
        let prefix = match (state, task_type) {
            (None, _) => self.layout.all_tasks(),
            (Some(State::Ready), None) => self.layout.all_ready(),
            (Some(State::Ready), Some(only)) => self.layout.ready(only),
            (Some(State::Delayed), _) => self.layout.all_delayed(),
            (Some(State::Claimed), _) => self.layout.all_leases(),
            (Some(State::Dead), None) => self.layout.all_dead(),
            (Some(State::Dead), Some(only)) => self.layout.dead(only),
        };
        for entry in txn.prefix(&prefix)? {
            let (key, value) = entry?;
            let id = Layout::trailing_id(&key)
                .ok_or_else(|| row::bad_row("QUEUE-2", "an id at the end of a key", key.len()))?;
            let task = match state {
                None => Task::decode(id, &value)
                    .ok_or_else(|| row::bad_row("QUEUE-1", "a task row", id))?,
                Some(_) => self.at(&txn, id)?,
            };
            let wanted = task_type.is_none_or(|only| only == task.task_type);
            if wanted && see(task).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The task that an index entry names.
    fn at(&self, txn: &ReadTxn, id: u64) -> Result<Task> {
        let Some(bytes) = txn.get(self.layout.task(id))? else {
            return Err(row::bad_row("QUEUE-2", "a task row for each index entry", id));
        };
        Task::decode(id, &bytes).ok_or_else(|| row::bad_row("QUEUE-1", "a task row", id))
    }
}
