//! Keys and rows of the queue in the key-value engines: numbers big-endian, so that bytes sort as they do.

use super::{LEASE_UNTIL, NOW, TYPES};
use crate::error::{Error, Result};

/// Priority of every task.
const PRIORITY: u8 = 128;
/// Bytes of a row before owner and payload: state, priority, attempts, lease, length of the owner.
const HEAD_BYTES: usize = 15;

/// `type 00 (255-priority) due id`: the order of claims within a type.
pub(super) fn ready_key(id: u64) -> Vec<u8> {
    let mut key = ready_prefix(id % TYPES);
    key.push(u8::MAX - PRIORITY);
    key.extend_from_slice(&0_u64.to_be_bytes());
    key.extend_from_slice(&id.to_be_bytes());
    key
}

/// What the ready keys of a type start with.
pub(super) fn ready_prefix(task_type: u64) -> Vec<u8> {
    format!("type-{task_type:02}\0").into_bytes()
}

/// `lease_until id`.
pub(super) fn lease_key(id: u64) -> Vec<u8> {
    [LEASE_UNTIL.to_be_bytes(), id.to_be_bytes()].concat()
}

/// The id at the end of a ready or lease key.
pub(super) fn id_of(key: &[u8]) -> Result<u64> {
    let id = key.last_chunk().ok_or_else(|| Error::wrong("a key without an id"))?;
    Ok(u64::from_be_bytes(*id))
}

/// Refuses a lease that is over: in these workloads there is none.
pub(super) fn expect_good(first_lease: Option<&[u8]>) -> Result<()> {
    let until =
        first_lease.and_then(|key| key.first_chunk()).map(|until| u64::from_be_bytes(*until));
    match until {
        Some(until) if until <= NOW => Err(Error::wrong("a lease is over")),
        _ => Ok(()),
    }
}

/// The row of a ready task.
pub(super) fn ready_row(payload: &[u8]) -> Vec<u8> {
    let mut row = vec![0; HEAD_BYTES];
    row[1] = PRIORITY;
    row.extend_from_slice(payload);
    row
}

/// The row of the same task once `owner` has claimed it.
pub(super) fn claimed_row(row: &[u8], owner: &str) -> Result<Vec<u8>> {
    let (head, payload) = row
        .split_at_checked(HEAD_BYTES)
        .filter(|(head, _)| head[0] == 0)
        .ok_or_else(|| Error::wrong("a ready key without a ready task"))?;
    let attempts = u32::from_le_bytes([head[2], head[3], head[4], head[5]]) + 1;
    let mut claimed = Vec::with_capacity(row.len() + owner.len());
    claimed.extend_from_slice(&[1, head[1]]);
    claimed.extend_from_slice(&attempts.to_le_bytes());
    claimed.extend_from_slice(&LEASE_UNTIL.to_le_bytes());
    claimed.push(owner.len() as u8);
    claimed.extend_from_slice(owner.as_bytes());
    claimed.extend_from_slice(payload);
    Ok(claimed)
}
