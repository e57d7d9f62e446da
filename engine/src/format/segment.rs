//! The header of a log segment file.
//!
//! The record at `lsn` stands at file offset `SEGMENT_HEADER_BYTES + (lsn - start_lsn)`. Bytes:
//! `spec/commit_record_v0.md`, segments. Crash rules 13, 14 and 19.

use super::field::{Crc, Magic, layout};
use crate::ids::{FileUuid, Lsn};

/// First bytes of a log segment.
pub const SEGMENT_MAGIC: Magic = Magic(*b"NSLG");

layout! {
    /// First bytes of `app.ns.log` and `app.ns.log.N`; the rest of the first 4096 bytes is zero.
    pub struct SegmentHeader = 96, "segment header", "commit_record_v0#segments" {
        magic: Magic = "ASCII NSLG.",
        crc: Crc = "CRC32C of this header with this field zero.",
        version: u32 = "Log format version, 0.",
        flags: u32 = "Zero.",
        uuid: FileUuid = "The database this log belongs to.",
        number: u64 = "Rises by 1 from segment to segment.",
        generation: u64 = "Drawn at random at creation and at each recovery, never 0; part of every record's checksum.",
        start_lsn: Lsn = "Log position of the first byte behind the header block. The segment before ends here.",
        copied_through: Lsn = "After a recovery: records below this position were copied from the superseded generation. Else equal to start_lsn.",
        superseded: u64 = "After a recovery: the generation whose records were copied. Else 0.",
        capacity: u64 = "Bytes of records this segment is made for.",
        previous_crc: u32 = "CRC of the record that ends at start_lsn; 0 for none.",
        reserved: u32 = "Zero.",
        reserved2: u64 = "Zero.",
    }
}
