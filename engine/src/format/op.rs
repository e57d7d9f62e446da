//! Operations in a commit payload.

use super::field::layout;
use crate::error::{Corrupt, Place};
use crate::ids::Lsn;
use crate::limits::{KEY_BYTES_MAX, VALUE_BYTES_MAX};

/// Type of [`Op::Put`].
pub const OP_PUT: u8 = 0;
/// Type of [`Op::Del`].
pub const OP_DEL: u8 = 1;
/// Type of [`Op::DelRange`].
pub const OP_DEL_RANGE: u8 = 2;
/// Longest bound of a DelRange: a longest key with a zero byte, the first key behind it.
pub const BOUND_BYTES_MAX: usize = KEY_BYTES_MAX + 1;
const COUNT_BYTES: usize = 8;

/// DelRange: there is no end key, the range goes to the last key.
pub const FLAG_UNBOUNDED: u8 = 1;

layout! {
    /// First bytes of an operation; the key and the value follow.
    pub struct OpHeader = 8, "operation header", "commit_record_v0#operations" {
        op_type: u8 = "0 Put, 1 Del, 2 DelRange.",
        flags: u8 = "DelRange: 1 when there is no end key.",
        key_bytes: u16 = "Bytes of the key; DelRange: of the start key, which is inside the range.",
        value_bytes: u32 = "Put: bytes of the value. Del: 0. DelRange: 8 (how many rows it removed, u64) and the end key, which is outside the range.",
    }
}

/// One operation, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op<'a> {
    /// Store a row.
    Put {
        /// Its key.
        key: &'a [u8],
        /// Its value.
        value: &'a [u8],
    },
    /// Remove a row.
    Del {
        /// Its key.
        key: &'a [u8],
    },
    /// Remove all rows with `start <= key < end`.
    DelRange {
        /// First key of the range.
        start: &'a [u8],
        /// First key behind the range; `None` for no bound.
        end: Option<&'a [u8]>,
        /// How many rows that removed; replay checks it.
        count: u64,
    },
}

impl Op<'_> {
    /// Bytes of the encoded operation.
    pub fn encoded_bytes(&self) -> usize {
        let (key, value) = match self {
            Op::Put { key, value } => (key.len(), value.len()),
            Op::Del { key } => (key.len(), 0),
            Op::DelRange { start, end, .. } => {
                (start.len(), COUNT_BYTES + end.map_or(0, <[u8]>::len))
            }
        };
        OpHeader::BYTES + key + value
    }

    /// Appends the operation. Lengths over the limits are the caller's mistake.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut head = |op_type, flags, key: &[u8], value_bytes: usize| {
            assert!(key.len() <= BOUND_BYTES_MAX, "a key over the limit reached the log");
            assert!(value_bytes <= VALUE_BYTES_MAX, "a value over the limit reached the log");
            out.reserve(OpHeader::BYTES + key.len() + value_bytes);
            out.push(op_type);
            out.push(flags);
            out.extend_from_slice(&(key.len() as u16).to_le_bytes());
            out.extend_from_slice(&(value_bytes as u32).to_le_bytes());
            out.extend_from_slice(key);
        };
        match *self {
            Op::Put { key, value } => {
                head(OP_PUT, 0, key, value.len());
                out.extend_from_slice(value);
            }
            Op::Del { key } => head(OP_DEL, 0, key, 0),
            Op::DelRange { start, end, count } => {
                let flags = if end.is_none() { FLAG_UNBOUNDED } else { 0 };
                let end = end.unwrap_or_default();
                head(OP_DEL_RANGE, flags, start, COUNT_BYTES + end.len());
                out.extend_from_slice(&count.to_le_bytes());
                out.extend_from_slice(end);
            }
        }
    }
}

/// Reads operations one by one out of a payload, believing no byte of it.
///
/// Yields as many as the commit header counts, each checked against the bytes that are left. After
/// an error it yields nothing more. Cost: no copy, no allocation.
#[derive(Clone, Debug)]
pub struct OpReader<'a> {
    rest: &'a [u8],
    left: u64,
    lsn: Lsn,
}

impl<'a> OpReader<'a> {
    /// Reads `op_count` operations from `ops`, which belong to the record at `lsn`.
    pub fn new(ops: &'a [u8], op_count: u64, lsn: Lsn) -> Self {
        Self { rest: ops, left: op_count, lsn }
    }

    /// Operations not yet read.
    pub fn remaining(&self) -> u64 {
        self.left
    }

    fn take(&mut self) -> Result<Option<Op<'a>>, Corrupt> {
        let place = Place::Lsn(self.lsn);
        let bad = |expected: &str, found: u64| Corrupt::at(place, "LOG-12", expected, found);
        let Some(left) = self.left.checked_sub(1) else {
            return match self.rest.len() {
                0 => Ok(None),
                extra => Err(bad("no bytes behind the last operation", extra as u64)),
            };
        };
        let short = || bad("an operation inside the payload", self.rest.len() as u64);
        let header = OpHeader::decode(self.rest).ok_or_else(short)?;
        let (key_bytes, value_bytes) = (usize::from(header.key_bytes), header.value_bytes as usize);
        let body = self.rest.get(OpHeader::BYTES..).unwrap_or_default();
        let key = body.get(..key_bytes).ok_or_else(short)?;
        let body = body.get(key_bytes..).unwrap_or_default();
        let value = body.get(..value_bytes).ok_or_else(short)?;
        let rest = body.get(value_bytes..).unwrap_or_default();
        let is_range = header.op_type == OP_DEL_RANGE;
        let key_max = if is_range { BOUND_BYTES_MAX } else { KEY_BYTES_MAX };
        if key_bytes > key_max {
            return Err(bad("a key of at most 4096 bytes", key_bytes as u64));
        }
        if value_bytes > VALUE_BYTES_MAX {
            return Err(bad("a value of at most 1 GiB", value_bytes as u64));
        }
        if header.flags & !(if is_range { FLAG_UNBOUNDED } else { 0 }) != 0 {
            return Err(bad("no unknown flag", u64::from(header.flags)));
        }
        let op = match header.op_type {
            OP_PUT => Op::Put { key, value },
            OP_DEL if value.is_empty() => Op::Del { key },
            OP_DEL => return Err(bad("a Del without a value", value_bytes as u64)),
            OP_DEL_RANGE => {
                let (count, end) = value
                    .split_first_chunk::<COUNT_BYTES>()
                    .ok_or_else(|| bad("a DelRange with its count", value_bytes as u64))?;
                let end = match (header.flags & FLAG_UNBOUNDED != 0, end) {
                    (true, []) => None,
                    (true, more) => return Err(bad("no end key", more.len() as u64)),
                    (false, end) if end.len() > BOUND_BYTES_MAX => {
                        return Err(bad("an end key of at most 4097 bytes", end.len() as u64));
                    }
                    (false, end) => Some(end),
                };
                Op::DelRange { start: key, end, count: u64::from_le_bytes(*count) }
            }
            other => return Err(bad("an operation type of 0 to 2", u64::from(other))),
        };
        self.rest = rest;
        self.left = left;
        Ok(Some(op))
    }
}

impl<'a> Iterator for OpReader<'a> {
    type Item = Result<Op<'a>, Corrupt>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.take().transpose();
        if !matches!(item, Some(Ok(_))) {
            self.rest = &[];
            self.left = 0;
        }
        item
    }
}

#[cfg(test)]
mod tests;
