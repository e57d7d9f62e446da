//! What becomes of a claimed task: kept by a heartbeat, done, failed, or taken back.

use super::row::{State, Task};
use super::{Millis, TaskQueue, check_name};
use crate::error::Result;
use crate::txn::write::WriteTxn;

/// Whether a claim could be settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Settled {
    /// As asked.
    Yes,
    /// The task is not this owner's: never claimed by it, lease expired and taken back, or settled.
    /// Its work may be done a second time by somebody else.
    NotYours,
}

/// How a task failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure<'a> {
    /// Why; at most 65,535 bytes are kept.
    pub error: &'a [u8],
    /// Not to be claimed again before this time; 0 for at once.
    pub retry_at: Millis,
}

impl TaskQueue {
    /// The work is done: the task is removed and counted.
    ///
    /// # Errors
    /// `InvalidArgument`, `WriteBusy`, `Corrupt`, what a commit returns.
    pub fn complete(&self, now: Millis, id: u64, owner: &[u8]) -> Result<Settled> {
        let owner = owner.to_vec();
        self.shared_step(move |queue, txn| queue.complete_in(txn, now, id, &owner))
    }

    /// As [`TaskQueue::complete`], as part of a transaction of the caller's: the result of the work
    /// and the end of the task become visible together.
    ///
    /// # Errors
    /// As [`TaskQueue::complete`].
    pub fn complete_in(
        &self,
        txn: &mut WriteTxn,
        now: Millis,
        id: u64,
        owner: &[u8],
    ) -> Result<Settled> {
        let Some(task) = self.owned(txn, now, id, owner)? else { return Ok(Settled::NotYours) };
        self.remove_index(txn, &task)?;
        txn.del(self.layout.task(id))?;
        self.count(txn, &task.task_type, |counts| {
            counts.take(State::Claimed);
            counts.done += 1;
        })?;
        Ok(Settled::Yes)
    }

    /// The worker is alive: the lease ends `lease` ms from now.
    ///
    /// # Errors
    /// As [`TaskQueue::complete`].
    pub fn heartbeat(&self, now: Millis, id: u64, owner: &[u8], lease: Millis) -> Result<Settled> {
        let owner = owner.to_vec();
        self.shared_step(move |queue, txn| queue.heartbeat_in(txn, now, id, &owner, lease))
    }

    /// As [`TaskQueue::heartbeat`], as part of a transaction of the caller's: partial results and the
    /// longer lease become visible together.
    ///
    /// # Errors
    /// As [`TaskQueue::complete`].
    pub fn heartbeat_in(
        &self,
        txn: &mut WriteTxn,
        now: Millis,
        id: u64,
        owner: &[u8],
        lease: Millis,
    ) -> Result<Settled> {
        let Some(before) = self.owned(txn, now, id, owner)? else { return Ok(Settled::NotYours) };
        let after = Task { lease_until: now.saturating_add(lease), ..before.clone() };
        self.restate(txn, &before, &after)?;
        Ok(Settled::Yes)
    }

    /// The work failed: the task is ready again, delayed, or dead when its attempts are used up.
    ///
    /// # Errors
    /// As [`TaskQueue::complete`].
    pub fn fail(
        &self,
        now: Millis,
        id: u64,
        owner: &[u8],
        failure: Failure<'_>,
    ) -> Result<Settled> {
        let (owner, error, retry_at) = (owner.to_vec(), failure.error.to_vec(), failure.retry_at);
        self.shared_step(move |queue, txn| {
            queue.fail_in(txn, now, id, &owner, Failure { error: &error, retry_at })
        })
    }

    /// As [`TaskQueue::fail`], as part of a transaction of the caller's.
    ///
    /// # Errors
    /// As [`TaskQueue::complete`].
    pub fn fail_in(
        &self,
        txn: &mut WriteTxn,
        now: Millis,
        id: u64,
        owner: &[u8],
        failure: Failure<'_>,
    ) -> Result<Settled> {
        let Some(task) = self.owned(txn, now, id, owner)? else { return Ok(Settled::NotYours) };
        self.give_back(txn, now, &task, failure)?;
        Ok(Settled::Yes)
    }

    /// Takes back tasks whose leases have ended, up to [`super::BATCH_MAX`]; how many. A claim does
    /// this by itself.
    ///
    /// # Errors
    /// `WriteBusy`, `Corrupt`, what a commit returns.
    pub fn release_expired(&self, now: Millis) -> Result<usize> {
        self.step(|txn| self.release_expired_in(txn, now))
    }

    pub(super) fn release_expired_in(&self, txn: &mut WriteTxn, now: Millis) -> Result<usize> {
        let expired =
            self.ids_between(txn, self.layout.all_leases(), self.layout.leases_after(now))?;
        for &id in &expired {
            let task = self.indexed(txn, id)?;
            self.give_back(txn, now, &task, Failure { error: b"lease expired", retry_at: 0 })?;
        }
        Ok(expired.len())
    }

    /// The task, if `owner` holds it and its lease is good (QUEUE-4).
    fn owned(&self, txn: &WriteTxn, now: Millis, id: u64, owner: &[u8]) -> Result<Option<Task>> {
        check_name("owner", owner)?;
        if txn.get(self.layout.task(id))?.is_none() {
            return Ok(None);
        }
        let task = self.indexed(txn, id)?;
        let held = task.state == State::Claimed && task.owner == owner && now < task.lease_until;
        Ok(held.then_some(task))
    }

    fn give_back(
        &self,
        txn: &mut WriteTxn,
        now: Millis,
        before: &Task,
        failure: Failure<'_>,
    ) -> Result<()> {
        let mut after = before.clone();
        after.owner = Vec::new();
        after.lease_until = 0;
        after.error = failure.error[..failure.error.len().min(u16::MAX.into())].to_vec();
        after.state = if before.attempts_max != 0 && before.attempts >= before.attempts_max {
            State::Dead
        } else if failure.retry_at > now {
            after.due = failure.retry_at;
            State::Delayed
        } else {
            State::Ready
        };
        self.restate(txn, before, &after)
    }
}
