//! Framing of log records: header, payload, trailer; 8-byte aligned.
//!
//! ```text
//! | record header 56 | payload | zeros to 8 | trailer 16 |
//! ```
//!
//! Bytes: `spec/commit_record_v0.md`. All three checksums are seeded with UUID, generation and LSN
//! ([`super::checksum::record_seed`]); the previous record's checksum is a stored field, so that a
//! damaged record does not make its successor unverifiable.

use super::checksum::{append, record_seed};
use super::field::{Crc, Magic, layout};
use crate::error::{Corrupt, Place};
use crate::ids::{FileUuid, Lsn, Pointer, TxnId};
use crate::limits::RECORD_PAYLOAD_BYTES_LIMIT;
use crate::sabotage::{self, Switch};
use std::fmt;

/// The record format this program writes and reads.
pub const RECORD_VERSION: u8 = 0;
/// Records start at multiples of this, in the file and in the stream.
pub const RECORD_ALIGN: u64 = 8;
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
/// All flags this version knows.
pub const FLAGS_KNOWN: u32 = FLAG_RELOCATE | FLAG_ABORT | FLAG_EVENTUAL;

layout! {
    /// First bytes of a record.
    pub struct RecordHeader = 56, "record header", "commit_record_v0#record-header" {
        magic: Magic = "ASCII LOGR.",
        version: u8 = "Record version, 0.",
        record_type: u8 = "0 commit, 1 checkpoint, 3 continuation; 2 is not used.",
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
    /// Part of a transaction; counts only with its commit.
    Continuation = 3,
}

impl RecordType {
    /// The type numbered `value`.
    pub const fn from_u8(value: u8) -> Option<Self> {
        Some(match value {
            0 => Self::Commit,
            1 => Self::Checkpoint,
            3 => Self::Continuation,
            _ => return None,
        })
    }

    /// Its name, one lower-case word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Checkpoint => "checkpoint",
            Self::Continuation => "continuation",
        }
    }
}

impl RecordHeader {
    /// What kind of record this is; a judged header always has one.
    pub const fn kind(&self) -> Option<RecordType> {
        RecordType::from_u8(self.record_type)
    }

    /// Bytes of the whole record: header, payload, padding and trailer.
    pub const fn total_bytes(&self) -> u64 {
        record_bytes(self.payload_bytes as u64)
    }
}

/// Bytes of a record with a payload of `payload_bytes`: header, payload, padding and trailer.
pub const fn record_bytes(payload_bytes: u64) -> u64 {
    let padded = payload_bytes.saturating_add(RECORD_ALIGN - 1) & !(RECORD_ALIGN - 1);
    padded.saturating_add((RecordHeader::BYTES + RecordTrailer::BYTES) as u64)
}

/// What is wrong with bytes that should be a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RecordFault {
    /// There are fewer bytes than the record, or its header, needs.
    Short {
        /// Bytes it needs.
        needed: u64,
        /// Bytes there are.
        left: u64,
    },
    /// It does not start with `LOGR`.
    Magic {
        /// What it starts with.
        found: [u8; 4],
    },
    /// The header's checksum differs: torn, stale, of another place, generation or database.
    HeaderCrc {
        /// Computed for this place.
        computed: u32,
        /// In the header.
        stored: u32,
    },
    /// The header is sound and of a version this program does not read.
    Version {
        /// The version.
        found: u8,
    },
    /// The header is sound and of a type this program does not know.
    Type {
        /// The type.
        found: u8,
    },
    /// The header is sound but a field of it is out of its range.
    Field {
        /// The field's name.
        name: &'static str,
        /// What it holds.
        found: u64,
    },
    /// The payload's checksum differs.
    PayloadCrc {
        /// Computed for this place.
        computed: u32,
        /// In the header.
        stored: u32,
    },
    /// A byte between payload and trailer is not zero.
    Padding,
    /// The trailer is not the one of this header.
    Trailer {
        /// The field of the trailer that differs.
        name: &'static str,
    },
    /// The record does not follow the one before it: a stored link or number differs.
    Link {
        /// The field of the header that differs.
        name: &'static str,
        /// What the record before asks for.
        expected: u64,
        /// What it holds.
        found: u64,
    },
}

impl RecordFault {
    /// The rule of `spec/invariants.md` that is broken.
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Short { .. } => "LOG-4",
            Self::Magic { .. } => "LOG-1",
            Self::HeaderCrc { .. } => "LOG-2",
            Self::Version { .. } | Self::Type { .. } | Self::Field { .. } => "LOG-3",
            Self::PayloadCrc { .. } | Self::Padding => "LOG-5",
            Self::Trailer { .. } => "LOG-6",
            Self::Link { .. } => "LOG-7",
        }
    }

    /// Whether the record is sound, only newer than this program.
    pub const fn is_unsupported(&self) -> bool {
        matches!(self, Self::Version { .. } | Self::Type { .. })
    }

    /// The fault as a finding at `lsn`.
    pub fn at(&self, lsn: Lsn) -> Corrupt {
        let place = Place::Lsn(lsn);
        let rule = self.rule();
        let hex = |crc: u32| format!("{crc:08x}");
        match *self {
            Self::Short { needed, left } => {
                Corrupt::at(place, rule, format_args!("{needed} bytes"), left)
            }
            Self::Magic { found } => Corrupt::at(place, rule, "magic LOGR", found.escape_ascii()),
            Self::HeaderCrc { computed, stored } => Corrupt::at(
                place,
                rule,
                format_args!("header checksum {} (computed)", hex(computed)),
                hex(stored),
            ),
            Self::Version { found } => Corrupt::at(place, rule, "record version 0", found),
            Self::Type { found } => Corrupt::at(place, rule, "a record type of 0 to 3", found),
            Self::Field { name, found } => {
                Corrupt::at(place, rule, format_args!("{name} in its range"), found)
            }
            Self::PayloadCrc { computed, stored } => Corrupt::at(
                place,
                rule,
                format_args!("payload checksum {} (computed)", hex(computed)),
                hex(stored),
            ),
            Self::Padding => Corrupt::at(place, rule, "zeros behind the payload", "other bytes"),
            Self::Trailer { name } => Corrupt::at(
                place,
                rule,
                "the trailer of this record",
                format_args!("another {name}"),
            ),
            Self::Link { name, expected, found } => {
                Corrupt::at(place, rule, format_args!("{name} {expected}"), found)
            }
        }
    }
}

impl fmt::Display for RecordFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { needed, left } => write!(f, "{needed} bytes needed, {left} there"),
            Self::Magic { found } => write!(f, "no magic LOGR but {}", found.escape_ascii()),
            Self::HeaderCrc { .. } => f.write_str("the header checksum differs"),
            Self::Version { found } => write!(f, "record version {found}"),
            Self::Type { found } => write!(f, "record type {found}"),
            Self::Field { name, found } => write!(f, "{name} is {found}, out of range"),
            Self::PayloadCrc { .. } => f.write_str("the payload checksum differs"),
            Self::Padding => f.write_str("the padding is not zero"),
            Self::Trailer { name } => write!(f, "the trailer's {name} differs"),
            Self::Link { name, expected, found } => {
                write!(f, "{name} is {found} instead of {expected}")
            }
        }
    }
}

/// Where a record stands: what its checksums are seeded with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordPlace {
    /// The database.
    pub uuid: FileUuid,
    /// The segment's generation.
    pub generation: u64,
    /// The position in the stream.
    pub lsn: Lsn,
}

impl RecordPlace {
    fn seed(&self) -> u32 {
        record_seed(self.uuid, self.generation, self.lsn)
    }
}

/// Reads the header of the record at `place`, believing no byte of it.
///
/// # Errors
/// The first rule that is broken.
pub fn judge_header(bytes: &[u8], place: RecordPlace) -> Result<RecordHeader, RecordFault> {
    let Some(header) = RecordHeader::decode(bytes) else {
        let needed = RecordHeader::BYTES as u64;
        return Err(RecordFault::Short { needed, left: bytes.len() as u64 });
    };
    if header.magic != RECORD_MAGIC {
        return Err(RecordFault::Magic { found: header.magic.0 });
    }
    let computed = header_crc(&header, place);
    if header.header_crc.0 != computed && !sabotage::on(Switch::AcceptStaleRecord) {
        return Err(RecordFault::HeaderCrc { computed, stored: header.header_crc.0 });
    }
    if header.version != RECORD_VERSION {
        return Err(RecordFault::Version { found: header.version });
    }
    if header.kind().is_none() {
        return Err(RecordFault::Type { found: header.record_type });
    }
    let field = |name, found| Err(RecordFault::Field { name, found });
    if usize::from(header.header_bytes) != RecordHeader::BYTES {
        return field("header_bytes", u64::from(header.header_bytes));
    }
    if header.flags & !FLAGS_KNOWN != 0 {
        return field("flags", u64::from(header.flags));
    }
    if u64::from(header.payload_bytes) > RECORD_PAYLOAD_BYTES_LIMIT as u64 {
        return field("payload_bytes", u64::from(header.payload_bytes));
    }
    if header.durable_lsn > place.lsn {
        return field("durable_lsn", header.durable_lsn.get());
    }
    if header.previous_lsn > place.lsn {
        return field("previous_lsn", header.previous_lsn.get());
    }
    if header.reserved != 0 {
        return field("reserved", u64::from(header.reserved));
    }
    Ok(header)
}

/// Judges the whole record at `place` whose header is `header`; gives its identity, the trailer's
/// checksum.
///
/// # Errors
/// The first rule that is broken.
pub fn judge_record(
    bytes: &[u8],
    header: &RecordHeader,
    place: RecordPlace,
) -> Result<u32, RecordFault> {
    let needed = header.total_bytes();
    let short = RecordFault::Short { needed, left: bytes.len() as u64 };
    let payload_end = RecordHeader::BYTES.saturating_add(header.payload_bytes as usize);
    let trailer_start = (needed as usize).saturating_sub(RecordTrailer::BYTES);
    let payload = bytes.get(RecordHeader::BYTES..payload_end).ok_or(short)?;
    let padding = bytes.get(payload_end..trailer_start).ok_or(short)?;
    let trailer = bytes.get(trailer_start..).and_then(RecordTrailer::decode).ok_or(short)?;
    let computed = append(place.seed(), payload);
    if computed != header.payload_crc.0 && !sabotage::on(Switch::AcceptStaleRecord) {
        return Err(RecordFault::PayloadCrc { computed, stored: header.payload_crc.0 });
    }
    if padding.iter().any(|&byte| byte != 0) {
        return Err(RecordFault::Padding);
    }
    let differs = |name| Err(RecordFault::Trailer { name });
    if trailer.magic != TRAILER_MAGIC {
        return differs("magic");
    }
    if u64::from(trailer.total_bytes) != needed {
        return differs("total_bytes");
    }
    if trailer.crc.0 != trailer_crc(header, place) && !sabotage::on(Switch::AcceptStaleRecord) {
        return differs("crc");
    }
    if trailer.reserved != 0 {
        return differs("reserved");
    }
    Ok(trailer.crc.0)
}

/// Makes a record for `place` of `record`, which holds room for the header and then the payload:
/// fills in lengths and checksums, appends padding and trailer. Gives the record's identity.
///
/// [`judge_header`] and [`judge_record`] accept exactly what this makes.
pub fn seal_record(record: &mut Vec<u8>, mut header: RecordHeader, place: RecordPlace) -> u32 {
    assert!(record.len() >= RecordHeader::BYTES, "no room for the record header");
    let payload_bytes = record.len() - RecordHeader::BYTES;
    assert!(payload_bytes <= RECORD_PAYLOAD_BYTES_LIMIT, "a record over the limit");
    header.magic = RECORD_MAGIC;
    header.version = RECORD_VERSION;
    header.header_bytes = RecordHeader::BYTES as u16;
    header.payload_bytes = payload_bytes as u32;
    header.reserved = 0;
    let payload = record.get(RecordHeader::BYTES..).unwrap_or_default();
    header.payload_crc = Crc(append(place.seed(), payload));
    header.header_crc = Crc(header_crc(&header, place));
    if let Some(front) = record.first_chunk_mut::<{ RecordHeader::BYTES }>() {
        *front = header.to_bytes();
    }
    let total = header.total_bytes();
    record.resize(total as usize - RecordTrailer::BYTES, 0);
    let crc = trailer_crc(&header, place);
    let total_bytes = total as u32;
    RecordTrailer { magic: TRAILER_MAGIC, total_bytes, crc: Crc(crc), reserved: 0 }.encode(record);
    crc
}

fn header_crc(header: &RecordHeader, place: RecordPlace) -> u32 {
    append(place.seed(), &RecordHeader { header_crc: Crc(0), ..*header }.to_bytes())
}

fn trailer_crc(header: &RecordHeader, place: RecordPlace) -> u32 {
    let crc = append(place.seed(), &(header.total_bytes() as u32).to_le_bytes());
    let crc = append(crc, &header.header_crc.0.to_le_bytes());
    append(crc, &header.payload_crc.0.to_le_bytes())
}

/// Reads the payload of the commit or continuation at `lsn`; gives its header and the bytes of its
/// operations.
///
/// # Errors
/// The first rule that is broken.
pub fn judge_commit<'a>(
    payload: &'a [u8],
    header: &RecordHeader,
    lsn: Lsn,
) -> Result<(CommitHeader, &'a [u8]), Corrupt> {
    let place = Place::Lsn(lsn);
    let bad = |expected: &str, found: u64| Corrupt::at(place, "LOG-10", expected, found);
    let commit = CommitHeader::decode(payload)
        .ok_or_else(|| bad("a commit header of 84 bytes", payload.len() as u64))?;
    let ops = payload.get(CommitHeader::BYTES..).unwrap_or_default();
    if commit.magic != COMMIT_MAGIC {
        return Err(Corrupt::at(place, "LOG-10", "magic CMIT", commit.magic.0.escape_ascii()));
    }
    if commit.txn_id != header.txn_id {
        return Err(bad("the TxnId of the record header", commit.txn_id.get()));
    }
    if commit.reserved != 0 || commit.reserved2 != 0 {
        return Err(bad("zero in reserved fields", commit.reserved2 | u64::from(commit.reserved)));
    }
    let least = (super::op::OpHeader::BYTES as u64).checked_mul(commit.op_count);
    if least.is_none_or(|least| least > ops.len() as u64) {
        return Err(bad("an op count that fits the payload", commit.op_count));
    }
    if commit.total_ops < commit.op_count {
        return Err(bad("total_ops not below op_count", commit.total_ops));
    }
    let continues = header.record_type == RecordType::Continuation as u8;
    let alone = commit.chain_first == lsn;
    if commit.chain_first > lsn {
        return Err(Corrupt::at(place, "LOG-11", "a chain that starts before", commit.chain_first));
    }
    if alone != (commit.chain_index == 0) {
        let expected = "chain_index 0 exactly at the start of a chain";
        return Err(Corrupt::at(place, "LOG-11", expected, commit.chain_index));
    }
    if alone && commit.total_ops != commit.op_count {
        return Err(Corrupt::at(place, "LOG-11", "total_ops equal to op_count", commit.total_ops));
    }
    if header.flags & FLAG_ABORT != 0 && (!continues || commit.op_count != 0) {
        return Err(bad("an abort flag only on an empty continuation", u64::from(header.flags)));
    }
    if header.flags & FLAG_RELOCATE != 0 && (continues || commit.total_ops != 0) {
        return Err(bad("no operations in a relocation", commit.total_ops));
    }
    Ok((commit, ops))
}

#[cfg(test)]
mod tests;
