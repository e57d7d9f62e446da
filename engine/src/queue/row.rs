//! The row of a task. Bytes: `spec/queue_v0.md`, task row.

use crate::error::{Corrupt, Error, Place};
use crate::format::field::layout;
use std::fmt;

/// Where a task is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum State {
    /// Can be claimed.
    Ready = 0,
    /// Waits for its due time.
    Delayed = 1,
    /// A worker has it until its lease ends.
    Claimed = 2,
    /// Its attempts are used up.
    Dead = 3,
}

impl State {
    /// Its name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Delayed => "delayed",
            Self::Claimed => "claimed",
            Self::Dead => "dead",
        }
    }

    fn from_u8(value: u8) -> Option<Self> {
        [Self::Ready, Self::Delayed, Self::Claimed, Self::Dead]
            .into_iter()
            .find(|s| *s as u8 == value)
    }
}

layout! {
    /// First bytes of a task's row; type, owner, error and payload follow.
    pub struct TaskHeader = 48, "task row", "queue_v0#task-row" {
        version: u8 = "Row version, 0.",
        state: u8 = "0 ready, 1 delayed, 2 claimed, 3 dead.",
        priority: u8 = "255 is claimed first.",
        type_bytes: u8 = "Bytes of the task type.",
        owner_bytes: u8 = "Bytes of the owner's name; 0 unless claimed.",
        reserved: u8 = "Zero.",
        error_bytes: u16 = "Bytes of the last failure's text.",
        attempts: u32 = "Claims so far.",
        attempts_max: u32 = "Claims before it is dead; 0 for without end.",
        created: u64 = "When it was stored, ms.",
        due: u64 = "Not to be claimed before, ms.",
        lease_until: u64 = "Claimed: when the lease ends, ms. Else 0.",
        payload_bytes: u64 = "Bytes of the payload.",
    }
}

/// A task as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its id: rises by 1, never used again.
    pub id: u64,
    /// Where it is in its life.
    pub state: State,
    /// 255 is claimed first.
    pub priority: u8,
    /// Claims so far.
    pub attempts: u32,
    /// Claims before it is dead; 0 for without end.
    pub attempts_max: u32,
    /// When it was stored, ms.
    pub created: u64,
    /// Not to be claimed before, ms.
    pub due: u64,
    /// Claimed: when the lease ends, ms.
    pub lease_until: u64,
    /// Which workers want it.
    pub task_type: Vec<u8>,
    /// Claimed: who has it.
    pub owner: Vec<u8>,
    /// Why it failed the last time.
    pub error: Vec<u8>,
    /// What it is about.
    pub payload: Vec<u8>,
}

impl Task {
    /// Its row.
    pub fn encode(&self) -> Vec<u8> {
        let header = TaskHeader {
            version: 0,
            state: self.state as u8,
            priority: self.priority,
            type_bytes: self.task_type.len() as u8,
            owner_bytes: self.owner.len() as u8,
            reserved: 0,
            error_bytes: self.error.len() as u16,
            attempts: self.attempts,
            attempts_max: self.attempts_max,
            created: self.created,
            due: self.due,
            lease_until: self.lease_until,
            payload_bytes: self.payload.len() as u64,
        };
        let mut out = Vec::with_capacity(TaskHeader::BYTES + self.payload.len() + 64);
        header.encode(&mut out);
        for part in [&self.task_type, &self.owner, &self.error, &self.payload] {
            out.extend_from_slice(part);
        }
        out
    }

    /// Reads the row of task `id`; `None` when it breaks QUEUE-1.
    pub fn decode(id: u64, bytes: &[u8]) -> Option<Self> {
        let header = TaskHeader::decode(bytes)?;
        let rest = bytes.get(TaskHeader::BYTES..)?;
        let (task_type, rest) = rest.split_at_checked(header.type_bytes.into())?;
        let (owner, rest) = rest.split_at_checked(header.owner_bytes.into())?;
        let (error, payload) = rest.split_at_checked(header.error_bytes.into())?;
        let sound = header.version == 0
            && header.payload_bytes == payload.len() as u64
            && !task_type.is_empty()
            && !task_type.contains(&0);
        sound.then(|| {
            Some(Self {
                id,
                state: State::from_u8(header.state)?,
                priority: header.priority,
                attempts: header.attempts,
                attempts_max: header.attempts_max,
                created: header.created,
                due: header.due,
                lease_until: header.lease_until,
                task_type: task_type.to_vec(),
                owner: owner.to_vec(),
                error: error.to_vec(),
                payload: payload.to_vec(),
            })
        })?
    }
}

/// A row of the queue that breaks its rule.
pub(crate) fn bad_row(
    rule: &'static str,
    expected: impl fmt::Display,
    found: impl fmt::Display,
) -> Error {
    Corrupt::at(Place::File, rule, expected, found).into()
}
