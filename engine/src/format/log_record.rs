//! Framing of log records: header, payload, trailer; 8-byte aligned.
//!
//! ```text
//! | record header 56 | payload | zeros to 8 | trailer 16 |
//! ```
//!
//! Bytes: `spec/commit_record_v0.md`. All three checksums are seeded with UUID, generation and LSN
//! ([`super::checksum::record_seed`]); the previous record's checksum is a stored field, so that a
//! damaged record does not make its successor unverifiable.

use super::field::{Crc, Magic, layout};
use crate::ids::{Lsn, Pointer, TxnId};

/// First bytes of a record.
pub const RECORD_MAGIC: Magic = Magic(*b"LOGR");
/// First bytes of a record's trailer.
pub const TRAILER_MAGIC: Magic = Magic(*b"RGOL");
/// First bytes of a commit or continuation payload.
pub const COMMIT_MAGIC: Magic = Magic(*b"CMIT");
/// The commit moved pages and changed no content (crash rule 25).
pub const FLAG_RELOCATE: u32 = 1;
/// The chain of continuations that this record ends was given up.
pub const FLAG_ABORT: u32 = 2;
/// The commit did not wait for its sync.
pub const FLAG_EVENTUAL: u32 = 4;

layout! {
    /// First bytes of a record.
    pub struct RecordHeader = 56, "record header", "commit_record_v0#record-header" {
        magic: Magic = "ASCII LOGR.",
        version: u8 = "Record version, 0.",
        record_type: u8 = "0 commit, 1 checkpoint, 2 cartridge meta, 3 continuation.",
        header_bytes: u16 = "Bytes of this header, 56.",
        flags: u32 = "1 relocate, 2 abort, 4 eventual.",
        payload_bytes: u32 = "Bytes of the payload, padding not counted.",
        txn_id: TxnId = "The transaction.",
        previous_lsn: Lsn = "Where the record before this one starts.",
        durable_lsn: Lsn = "Everything below this position was known durable when this record was written; tells a torn tail from corruption.",
        previous_crc: u32 = "The trailer CRC of the record before this one; 0 for the first.",
        payload_crc: Crc = "CRC32C of the payload, seeded.",
        header_crc: Crc = "CRC32C of this header with this field zero, seeded.",
        reserved: u32 = "Zero.",
    }
}

layout! {
    /// Last bytes of a record: lets it be scanned backwards.
    pub struct RecordTrailer = 16, "record trailer", "commit_record_v0#record-trailer" {
        magic: Magic = "ASCII RGOL.",
        total_bytes: u32 = "Bytes of the whole record, header, padding and trailer included.",
        crc: Crc = "CRC32C of total length, header CRC and payload CRC, seeded: the record's identity.",
        reserved: u32 = "Zero.",
    }
}

layout! {
    /// First bytes of the payload of a commit or continuation; operations follow.
    pub struct CommitHeader = 84, "commit header", "commit_record_v0#commit-payload" {
        magic: Magic = "ASCII CMIT.",
        txn_id: TxnId = "The transaction, as in the record header.",
        root: Pointer = "The root this commit made. Informational: recovery replays and never reads it.",
        depth: u32 = "Levels of that tree. Informational.",
        key_count: u64 = "Rows of that tree. Replay checks it.",
        op_count: u64 = "Operations in this record.",
        chain_first: Lsn = "Where the first continuation of this transaction starts; equal to the record's own position when there is none.",
        chain_index: u32 = "Continuation: its index from 0. Commit: how many continuations there are.",
        reserved: u32 = "Zero.",
        total_ops: u64 = "Commit: operations of the whole chain. Continuation: operations up to and with this record.",
        reserved2: u64 = "Zero.",
    }
}

/// Types of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum RecordType {
    /// A transaction, or the end of a chain of continuations.
    Commit = 0,
    /// A checkpoint was taken, or an idle writer proves its last commit.
    Checkpoint = 1,
    /// A cartridge was built.
    Cartridge = 2,
    /// Part of a transaction; counts only with its commit.
    Continuation = 3,
}
