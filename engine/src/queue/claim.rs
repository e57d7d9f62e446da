//! Claiming: take the most urgent ready tasks, give them an owner and a lease.

use super::key::{Layout, ReadyKey};
use super::row::{self, State};
use super::{BATCH_MAX, Millis, TaskQueue, check_name};
use crate::error::{Error, Result};
use crate::txn::write::WriteTxn;

/// What a worker wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimRequest<'a> {
    /// Who claims: 1..=255 bytes without a zero byte.
    pub owner: &'a [u8],
    /// Only tasks of this type; `None` for any.
    pub task_type: Option<&'a [u8]>,
    /// How long the claim holds without a heartbeat, ms.
    pub lease: Millis,
    /// At most this many tasks; up to [`BATCH_MAX`].
    pub count: usize,
}

impl<'a> ClaimRequest<'a> {
    /// One task of any type, for 30 s.
    pub fn any(owner: &'a [u8]) -> Self {
        Self { owner, task_type: None, lease: 30_000, count: 1 }
    }

    /// One task of `task_type`, for 30 s.
    pub fn of(owner: &'a [u8], task_type: &'a [u8]) -> Self {
        Self { task_type: Some(task_type), ..Self::any(owner) }
    }
}

/// A task a worker now has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The task.
    pub id: u64,
    /// Its type.
    pub task_type: Vec<u8>,
    /// What it is about.
    pub payload: Vec<u8>,
    /// Its priority.
    pub priority: u8,
    /// Which claim of this task it is, from 1.
    pub attempt: u32,
    /// When the lease ends, ms.
    pub lease_until: Millis,
}

impl TaskQueue {
    /// Claims the most urgent ready task, if there is one. Durable on return.
    ///
    /// First puts back what expired and makes ready what became due, up to [`BATCH_MAX`] of each.
    ///
    /// # Errors
    /// `InvalidArgument` for a bad owner, type or count; `WriteBusy`; `Corrupt`; what a commit returns.
    pub fn claim(&self, now: Millis, request: &ClaimRequest<'_>) -> Result<Option<Claim>> {
        let one = ClaimRequest { count: 1, ..request.clone() };
        Ok(self.claim_batch(now, &one)?.pop())
    }

    /// Claims up to `request.count` tasks in one transaction, the most urgent first.
    ///
    /// # Errors
    /// As [`TaskQueue::claim`].
    pub fn claim_batch(&self, now: Millis, request: &ClaimRequest<'_>) -> Result<Vec<Claim>> {
        let (owner, task_type) = (request.owner.to_vec(), request.task_type.map(<[u8]>::to_vec));
        let ClaimRequest { lease, count, .. } = *request;
        self.shared_step(move |queue, txn| {
            let task_type = task_type.as_deref();
            queue.claim_in(txn, now, &ClaimRequest { owner: &owner, task_type, lease, count })
        })
    }

    /// Claims as part of a transaction of the caller's: there is one at a time, so no task gets two
    /// owners (QUEUE-6).
    ///
    /// # Errors
    /// As [`TaskQueue::claim`].
    pub fn claim_in(
        &self,
        txn: &mut WriteTxn,
        now: Millis,
        request: &ClaimRequest<'_>,
    ) -> Result<Vec<Claim>> {
        check_name("owner", request.owner)?;
        if request.count > BATCH_MAX {
            return Err(Error::InvalidArgument(format!("a claim takes at most {BATCH_MAX} tasks")));
        }
        self.release_expired_in(txn, now)?;
        self.promote_due_in(txn, now)?;
        let mut claims = Vec::new();
        while claims.len() < request.count {
            let Some(ready) = self.most_urgent(txn, request.task_type)? else { break };
            claims.push(self.take(txn, now, request, &ready)?);
        }
        Ok(claims)
    }

    /// Makes delayed tasks ready whose due time has come; how many. A claim does this by itself.
    ///
    /// # Errors
    /// `WriteBusy`, `Corrupt`, what a commit returns.
    pub fn promote_due(&self, now: Millis) -> Result<usize> {
        self.step(|txn| self.promote_due_in(txn, now))
    }

    fn promote_due_in(&self, txn: &mut WriteTxn, now: Millis) -> Result<usize> {
        let due =
            self.ids_between(txn, self.layout.all_delayed(), self.layout.delayed_after(now))?;
        for &id in &due {
            let before = self.indexed(txn, id)?;
            let mut after = before.clone();
            after.state = State::Ready;
            self.restate(txn, &before, &after)?;
        }
        Ok(due.len())
    }

    /// Ids at the end of the first [`BATCH_MAX`] keys in `start..end`.
    pub(super) fn ids_between(
        &self,
        txn: &WriteTxn,
        start: Vec<u8>,
        end: Vec<u8>,
    ) -> Result<Vec<u64>> {
        let mut ids = Vec::new();
        for entry in txn.range(start..end)?.take(BATCH_MAX) {
            let (key, _) = entry?;
            ids.push(Layout::trailing_id(&key).ok_or_else(|| {
                row::bad_row("QUEUE-2", "an id at the end of an index key", key.len())
            })?);
        }
        Ok(ids)
    }

    /// The ready task that is claimed next. Any type: the most urgent of the types' first ones, by
    /// priority, then due time, then id.
    fn most_urgent(&self, txn: &WriteTxn, task_type: Option<&[u8]>) -> Result<Option<ReadyKey>> {
        if let Some(task_type) = task_type {
            return self.first_ready(txn, self.layout.ready(task_type));
        }
        let mut best: Option<ReadyKey> = None;
        let mut from = self.layout.all_ready();
        while let Some(first) = self.first_ready_from(txn, from)? {
            // Behind all entries of this type: the type's closing zero byte, plus one.
            from = self.layout.ready(&first.task_type);
            if let Some(last) = from.last_mut() {
                *last = 1;
            }
            let rank = |key: &ReadyKey| (key.urgency, key.due, key.id);
            if best.as_ref().is_none_or(|best| rank(&first) < rank(best)) {
                best = Some(first);
            }
        }
        Ok(best)
    }

    fn first_ready(&self, txn: &WriteTxn, prefix: Vec<u8>) -> Result<Option<ReadyKey>> {
        let found = self.first_ready_from(txn, prefix.clone())?;
        Ok(found.filter(|key| self.layout.ready(&key.task_type) == prefix))
    }

    fn first_ready_from(&self, txn: &WriteTxn, from: Vec<u8>) -> Result<Option<ReadyKey>> {
        // The ready index is followed by the tasks ('r' < 't'), so the range has an end.
        let mut end = self.layout.all_ready();
        if let Some(last) = end.last_mut() {
            *last += 1;
        }
        let Some(entry) = txn.range(from..end)?.next() else { return Ok(None) };
        let (key, _) = entry?;
        let parsed = self.layout.parse_ready(&key);
        parsed.map(Some).ok_or_else(|| row::bad_row("QUEUE-2", "a ready index key", key.len()))
    }

    fn take(
        &self,
        txn: &mut WriteTxn,
        now: Millis,
        request: &ClaimRequest<'_>,
        ready: &ReadyKey,
    ) -> Result<Claim> {
        let before = self.indexed(txn, ready.id)?;
        if before.state != State::Ready {
            return Err(row::bad_row("QUEUE-2", "a ready task behind a ready entry", ready.id));
        }
        let mut after = before.clone();
        after.state = State::Claimed;
        after.owner = request.owner.to_vec();
        after.attempts = before.attempts.saturating_add(1);
        after.lease_until = now.saturating_add(request.lease);
        self.restate(txn, &before, &after)?;
        Ok(Claim {
            id: after.id,
            task_type: after.task_type,
            payload: after.payload,
            priority: after.priority,
            attempt: after.attempts,
            lease_until: after.lease_until,
        })
    }
}
