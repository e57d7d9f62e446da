//! Dead letters: tasks whose claims are used up, brought back or thrown away.

use super::row::{State, Task};
use super::{Millis, TaskQueue};
use crate::error::Result;
use crate::txn::write::WriteTxn;

impl TaskQueue {
    /// Makes the dead task `id` ready again, with all its attempts before it and its last error kept;
    /// whether it was dead. Durable on return.
    ///
    /// # Errors
    /// `WriteBusy`, `Corrupt`, what a commit returns.
    pub fn revive(&self, now: Millis, id: u64) -> Result<bool> {
        self.step(|txn| {
            let Some(before) = self.dead(txn, id)? else { return Ok(false) };
            let after = Task { state: State::Ready, attempts: 0, due: now, ..before.clone() };
            self.restate(txn, &before, &after)?;
            Ok(true)
        })
    }

    /// Removes the dead task `id`; whether it was dead. It is not counted as done.
    ///
    /// # Errors
    /// As [`TaskQueue::revive`].
    pub fn discard(&self, id: u64) -> Result<bool> {
        self.step(|txn| {
            let Some(task) = self.dead(txn, id)? else { return Ok(false) };
            self.remove_index(txn, &task)?;
            txn.del(self.layout.task(id))?;
            self.count(txn, &task.task_type, |counts| counts.take(State::Dead))?;
            Ok(true)
        })
    }

    fn dead(&self, txn: &WriteTxn, id: u64) -> Result<Option<Task>> {
        if txn.get(self.layout.task(id))?.is_none() {
            return Ok(None);
        }
        Ok(Some(self.indexed(txn, id)?).filter(|task| task.state == State::Dead))
    }
}
