//! Places in the log that others remember.
//!
//! Used by the whole of `log`, by `txn`, and by `db` as what a meta stores. Spec:
//! `spec/commit_record_v0.md`, positions.

use crate::ids::{Lsn, TxnId};

/// A place between two records, as a meta or a consumer remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Position {
    /// End of the commit record.
    pub lsn: Lsn,
    /// Generation of the segment that holds the byte before; 0 in a backup.
    pub generation: u64,
    /// Identity of that record; 0 for none.
    pub crc: u32,
    /// The state that record made.
    pub txn_id: TxnId,
}

/// How far the log has come; each only rises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Below: handed to the operating system.
    pub written: Lsn,
    /// Below: synced.
    pub durable: Lsn,
}
