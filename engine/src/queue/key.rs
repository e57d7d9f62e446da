//! Where each row of the queue lives. Key order is claim order; the layout is in `spec/queue_v0.md`.
//!
//! ```text
//! P 'c'                                     next task id, u64 little-endian
//! P 'n' type                                counts of a type
//! P 't' id                                  the task
//! P 'r' type 0 (255-priority) due id        ready, in the order of claims
//! P 'd' due id                              delayed
//! P 'l' lease_until id                      claimed
//! P 'x' type 0 id                           dead
//! ```
//! Numbers in keys are big-endian, so that bytes sort as numbers do.

use super::row::{State, Task};

/// The keys of one queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    prefix: Vec<u8>,
}

/// What a key of the ready index says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadyKey {
    /// The task's type.
    pub task_type: Vec<u8>,
    /// 255 minus its priority: smaller is claimed first.
    pub urgency: u8,
    /// When it became due.
    pub due: u64,
    /// The task.
    pub id: u64,
}

impl Layout {
    /// The keys under `prefix`.
    pub fn new(prefix: &[u8]) -> Self {
        Self { prefix: prefix.to_vec() }
    }

    /// The prefix of all keys.
    pub fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// The id counter.
    pub fn counter(&self) -> Vec<u8> {
        self.key(b'c', &[])
    }

    /// The counts of `task_type`.
    pub fn counts(&self, task_type: &[u8]) -> Vec<u8> {
        self.key(b'n', &[task_type])
    }

    /// The prefix of all counts.
    pub fn all_counts(&self) -> Vec<u8> {
        self.key(b'n', &[])
    }

    /// The task `id`.
    pub fn task(&self, id: u64) -> Vec<u8> {
        self.key(b't', &[&id.to_be_bytes()])
    }

    /// The prefix of all tasks.
    pub fn all_tasks(&self) -> Vec<u8> {
        self.key(b't', &[])
    }

    /// The prefix of the ready index.
    pub fn all_ready(&self) -> Vec<u8> {
        self.key(b'r', &[])
    }

    /// The prefix of the ready index of one type.
    pub fn ready(&self, task_type: &[u8]) -> Vec<u8> {
        self.key(b'r', &[task_type, &[0]])
    }

    /// The prefix of the delayed index.
    pub fn all_delayed(&self) -> Vec<u8> {
        self.key(b'd', &[])
    }

    /// The first delayed key that is due after `now`.
    pub fn delayed_after(&self, now: u64) -> Vec<u8> {
        self.key(b'd', &[&now.saturating_add(1).to_be_bytes()])
    }

    /// The prefix of the lease index.
    pub fn all_leases(&self) -> Vec<u8> {
        self.key(b'l', &[])
    }

    /// The first lease that is still good at `now`.
    pub fn leases_after(&self, now: u64) -> Vec<u8> {
        self.key(b'l', &[&now.saturating_add(1).to_be_bytes()])
    }

    /// The prefix of the dead letters.
    pub fn all_dead(&self) -> Vec<u8> {
        self.key(b'x', &[])
    }

    /// The prefix of the dead letters of one type.
    pub fn dead(&self, task_type: &[u8]) -> Vec<u8> {
        self.key(b'x', &[task_type, &[0]])
    }

    /// The one index entry a task has, by its state (QUEUE-2).
    pub fn index(&self, task: &Task) -> Vec<u8> {
        let id = task.id.to_be_bytes();
        match task.state {
            State::Ready => self.ready_key(&ReadyKey {
                task_type: task.task_type.clone(),
                urgency: u8::MAX - task.priority,
                due: task.due,
                id: task.id,
            }),
            State::Delayed => self.key(b'd', &[&task.due.to_be_bytes(), &id]),
            State::Claimed => self.key(b'l', &[&task.lease_until.to_be_bytes(), &id]),
            State::Dead => self.key(b'x', &[&task.task_type, &[0], &id]),
        }
    }

    /// A key of the ready index.
    pub fn ready_key(&self, key: &ReadyKey) -> Vec<u8> {
        let (due, id) = (key.due.to_be_bytes(), key.id.to_be_bytes());
        self.key(b'r', &[&key.task_type, &[0], &[key.urgency], &due, &id])
    }

    /// Reads a key of the ready index; `None` when it is none.
    pub fn parse_ready(&self, key: &[u8]) -> Option<ReadyKey> {
        let rest = key.strip_prefix(&self.prefix[..])?.strip_prefix(b"r")?;
        let zero = rest.iter().position(|&byte| byte == 0)?;
        let (task_type, rest) = rest.split_at_checked(zero)?;
        let [_, urgency, numbers @ ..] = rest else { return None };
        let numbers: &[u8; 16] = numbers.try_into().ok()?;
        Some(ReadyKey {
            task_type: task_type.to_vec(),
            urgency: *urgency,
            due: u64::from_be_bytes(*numbers.first_chunk()?),
            id: u64::from_be_bytes(*numbers.last_chunk()?),
        })
    }

    /// The id at the end of a key of the delayed, lease or dead index.
    pub fn trailing_id(key: &[u8]) -> Option<u64> {
        key.last_chunk().map(|chunk| u64::from_be_bytes(*chunk))
    }

    fn key(&self, kind: u8, parts: &[&[u8]]) -> Vec<u8> {
        let bytes = self.prefix.len() + 1 + parts.iter().map(|part| part.len()).sum::<usize>();
        let mut key = Vec::with_capacity(bytes);
        key.extend_from_slice(&self.prefix);
        key.push(kind);
        for part in parts {
            key.extend_from_slice(part);
        }
        key
    }
}

pub use crate::key::prefix_end;
