//! CRC32C with seeds: a checksum proves what bytes are *and where they belong*.
//!
//! Detects accidents, not attackers.

use crate::ids::{FileUuid, Lsn, PageId};
use crate::sabotage::{self, Switch};

/// Where the CRC stands in a page.
pub const CRC_OFFSET: usize = 4;

/// CRC of page `id` of file `uuid`: over the UUID, the page id and the page with its CRC field zero.
///
/// A page of another file or of another place does not verify.
pub fn page_crc(uuid: FileUuid, id: PageId, page: &[u8]) -> u32 {
    const CRC_END: usize = CRC_OFFSET + 4;
    let crc = crc32c::crc32c(&uuid.0);
    let id = if sabotage::on(Switch::DropPageIdFromCrc) { PageId::default() } else { id };
    let crc = crc32c::crc32c_append(crc, &id.get().to_le_bytes());
    let crc = crc32c::crc32c_append(crc, page.get(..CRC_OFFSET).unwrap_or_default());
    let crc = crc32c::crc32c_append(crc, &[0; 4]);
    crc32c::crc32c_append(crc, page.get(CRC_END..).unwrap_or_default())
}

/// The start value for checksums of a log record: UUID, segment generation and the record's LSN.
pub fn record_seed(uuid: FileUuid, generation: u64, lsn: Lsn) -> u32 {
    let crc = crc32c::crc32c(&uuid.0);
    let crc = crc32c::crc32c_append(crc, &generation.to_le_bytes());
    crc32c::crc32c_append(crc, &lsn.get().to_le_bytes())
}

/// Continues a checksum.
pub fn append(crc: u32, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc, bytes)
}
