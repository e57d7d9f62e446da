//! Counts by type and state, kept in step by every transaction.

use super::TaskQueue;
use super::row::{self, State};
use crate::error::Result;
use crate::txn::read::ReadTxn;
use serde::Serialize;
use std::collections::BTreeMap;

/// Tasks of one type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TypeStats {
    /// Can be claimed now.
    pub ready: u64,
    /// Wait for their due time.
    pub delayed: u64,
    /// A worker has them.
    pub claimed: u64,
    /// Attempts used up.
    pub dead: u64,
    /// Completed since the queue began.
    pub done: u64,
}

impl TypeStats {
    pub(super) const BYTES: usize = 40;

    /// The count of a state.
    pub fn of(&self, state: State) -> u64 {
        match state {
            State::Ready => self.ready,
            State::Delayed => self.delayed,
            State::Claimed => self.claimed,
            State::Dead => self.dead,
        }
    }

    pub(super) fn of_mut(&mut self, state: State) -> &mut u64 {
        match state {
            State::Ready => &mut self.ready,
            State::Delayed => &mut self.delayed,
            State::Claimed => &mut self.claimed,
            State::Dead => &mut self.dead,
        }
    }

    /// One less. A count that is wrong on disk must not wrap; `verify` reports it.
    pub(super) fn take(&mut self, state: State) {
        let count = self.of_mut(state);
        *count = count.saturating_sub(1);
    }

    pub(super) fn encode(&self) -> [u8; Self::BYTES] {
        let mut out = [0; Self::BYTES];
        let counts = [self.ready, self.delayed, self.claimed, self.dead, self.done];
        for (place, count) in out.chunks_exact_mut(8).zip(counts) {
            place.copy_from_slice(&count.to_le_bytes());
        }
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::BYTES] = bytes.try_into().ok()?;
        let count = |index: usize| {
            bytes
                .get(index * 8..)
                .and_then(|rest| rest.first_chunk())
                .map(|c| u64::from_le_bytes(*c))
        };
        Some(Self {
            ready: count(0)?,
            delayed: count(1)?,
            claimed: count(2)?,
            dead: count(3)?,
            done: count(4)?,
        })
    }
}

/// Counts of a whole queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueStats {
    /// By type, sorted.
    pub types: BTreeMap<Vec<u8>, TypeStats>,
}

impl QueueStats {
    /// All types together.
    pub fn total(&self) -> TypeStats {
        self.types.values().fold(TypeStats::default(), |sum, one| TypeStats {
            ready: sum.ready + one.ready,
            delayed: sum.delayed + one.delayed,
            claimed: sum.claimed + one.claimed,
            dead: sum.dead + one.dead,
            done: sum.done + one.done,
        })
    }
}

impl TaskQueue {
    /// Counts by type and state. Cost: one row a type.
    ///
    /// # Errors
    /// `Corrupt` when a row of counts does not decode.
    pub fn stats(&self) -> Result<QueueStats> {
        Ok(QueueStats { types: self.stats_of(&self.db.begin_read()?)? })
    }

    pub(super) fn stats_of(&self, txn: &ReadTxn) -> Result<BTreeMap<Vec<u8>, TypeStats>> {
        let prefix = self.layout.all_counts();
        let mut types = BTreeMap::new();
        for entry in txn.prefix(&prefix)? {
            let (key, value) = entry?;
            let task_type = key.get(prefix.len()..).unwrap_or_default().to_vec();
            let counts = TypeStats::decode(&value)
                .ok_or_else(|| row::bad_row("QUEUE-3", "counts of a type", value.len()))?;
            types.insert(task_type, counts);
        }
        Ok(types)
    }
}
