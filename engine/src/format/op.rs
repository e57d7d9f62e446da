//! Operations in a commit payload.

use super::field::layout;

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
