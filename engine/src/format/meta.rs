//! Meta slots A and B: pages 0 and 1, the only bytes of the file that are ever written in place.
//!
//! Bytes: `spec/file_format_v0.md`, meta. All mutable state is inside the first 512 bytes of the
//! slot, so that one sector write replaces it. Keeps META-1 to META-4.

use super::field::{Magic, layout};
use crate::ids::{FileUuid, Lsn, Pointer, TxnId};

/// First bytes of the meta's payload.
pub const META_MAGIC: Magic = Magic(*b"META");

layout! {
    /// The state of the file as of one checkpoint.
    pub struct Meta = 240, "meta", "file_format_v0#meta" {
        magic: Magic = "ASCII META.",
        version: u32 = "File format version, 0.",
        page_bytes: u32 = "Bytes of a page, 16384.",
        flags: u32 = "Zero; a reader refuses what it does not know.",
        uuid: FileUuid = "The file's identity, drawn at creation; mixed into every checksum of the file and of its log.",
        sequence: u64 = "Rises by 1 with every meta write, which goes to slot (sequence & 1). The highest valid sequence wins.",
        txn_id: TxnId = "The committed state this slot describes.",
        root: Pointer = "The root node of the tree; null when the tree is empty.",
        depth: u32 = "Levels of the tree: 0 when empty, 1 when the root is a leaf.",
        alias_count: u32 = "How many TxnIds directly before this one name the same content (relocations by compact).",
        key_count: u64 = "Rows in the tree.",
        page_count: u64 = "Pages of the file, the two meta slots included.",
        bitmap: Pointer = "First page of the free-space bitmap; null when there is none: it is then rebuilt from the reachable pages.",
        history: Pointer = "First page of the history rows; null when there are none.",
        retired: Pointer = "First page of the retired rows; null when there are none.",
        log_lsn: Lsn = "End of this TxnId's commit record: replay starts here.",
        log_generation: u64 = "Generation of the segment that holds the byte before that position; 0 in a backup, which needs no log.",
        log_crc: u32 = "CRC of the record that ends at that position; 0 when there is none.",
        retention: u32 = "Log retention: 0 recovery, 1 bytes, 2 all.",
        retention_bytes: u64 = "Bytes of log to keep beyond what recovery needs, for retention 1.",
        history_last: u64 = "Past states kept openable; all ones for all of them.",
        options_reserved: [u8; 48] = "Zero.",
    }
}
