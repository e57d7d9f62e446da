//! The header of a log segment file.
//!
//! The record at `lsn` stands at file offset `SEGMENT_HEADER_BYTES + (lsn - start_lsn)`. Bytes:
//! `spec/commit_record_v0.md`, segments. Crash rules 13, 14 and 19.

use super::field::{Crc, Magic, layout};
use super::log_record::RECORD_ALIGN;
use crate::error::{Corrupt, Place};
use crate::ids::{FileUuid, Lsn};
use crate::limits::SEGMENT_HEADER_BYTES;

/// Segment numbers, positions and capacities stay below this, so that sums of them cannot overflow.
const NUMBER_END: u64 = 1 << 62;
/// The log format this program writes and reads.
pub const LOG_VERSION: u32 = 0;
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

impl SegmentHeader {
    /// The header with its checksum filled in.
    #[must_use]
    pub fn sealed(self) -> Self {
        Self { crc: Crc(segment_crc(&self)), ..self }
    }

    /// The header block as it stands in the file: the header with its checksum, then zeros.
    ///
    /// [`judge_segment`] accepts exactly what this makes.
    pub fn seal(&self) -> Vec<u8> {
        let mut block = self.sealed().to_bytes().to_vec();
        block.resize(SEGMENT_HEADER_BYTES, 0);
        block
    }

    /// Where in the file the byte at `lsn` stands; `None` before the segment's start.
    pub fn offset_of(&self, lsn: Lsn) -> Option<u64> {
        let into = lsn.get().checked_sub(self.start_lsn.get())?;
        into.checked_add(SEGMENT_HEADER_BYTES as u64)
    }
}

fn segment_crc(header: &SegmentHeader) -> u32 {
    crc32c::crc32c(&SegmentHeader { crc: Crc(0), ..*header }.to_bytes())
}

/// Reads a segment's header block, believing no byte of it.
///
/// `block` is the file from its start: at least the 4096 bytes of the header block.
///
/// # Errors
/// The first rule that is broken. Rule `SEG-2` alone means: sound, but of another version.
pub fn judge_segment(block: &[u8]) -> Result<SegmentHeader, Corrupt> {
    let at = |name: &str| {
        let field = SegmentHeader::LAYOUT.fields.iter().find(|field| field.name == name);
        Place::Offset(field.map_or(0, |field| field.offset as u64))
    };
    let bad =
        |name: &str, rule, expected: &str, found: u64| Corrupt::at(at(name), rule, expected, found);
    let (Some(header), Some(block)) =
        (SegmentHeader::decode(block), block.get(..SEGMENT_HEADER_BYTES))
    else {
        return Err(bad("magic", "SEG-1", "a header block of 4096 bytes", block.len() as u64));
    };
    if header.magic != SEGMENT_MAGIC {
        let found = header.magic.0.escape_ascii();
        return Err(Corrupt::at(at("magic"), "SEG-1", "magic NSLG", found));
    }
    let crc = segment_crc(&header);
    if header.crc.0 != crc {
        return Err(Corrupt::at(
            at("crc"),
            "SEG-1",
            format_args!("checksum {crc:08x} (computed)"),
            format_args!("{:08x} (stored)", header.crc.0),
        ));
    }
    if header.version != LOG_VERSION {
        return Err(bad("version", "SEG-2", "log version 0", u64::from(header.version)));
    }
    if header.flags != 0 {
        return Err(bad("flags", "SEG-2", "no unknown flag", u64::from(header.flags)));
    }
    if header.generation == 0 {
        return Err(bad("generation", "SEG-3", "a generation other than 0", 0));
    }
    if !header.start_lsn.get().is_multiple_of(RECORD_ALIGN) {
        return Err(bad("start_lsn", "SEG-3", "a multiple of 8", header.start_lsn.get()));
    }
    if header.copied_through < header.start_lsn {
        let found = header.copied_through.get();
        return Err(bad("copied_through", "SEG-3", "not below start_lsn", found));
    }
    for (name, number) in [
        ("number", header.number),
        ("start_lsn", header.start_lsn.get()),
        ("copied_through", header.copied_through.get()),
        ("capacity", header.capacity),
    ] {
        if number >= NUMBER_END {
            return Err(bad(name, "SEG-3", "a number below 2^62", number));
        }
    }
    if block.iter().skip(SegmentHeader::BYTES).any(|&byte| byte != 0) {
        let place = Place::Offset(SegmentHeader::BYTES as u64);
        return Err(Corrupt::at(place, "SEG-1", "zeros behind the header", "other bytes"));
    }
    Ok(header)
}

#[cfg(test)]
mod tests;
