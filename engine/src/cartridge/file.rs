//! The file: header, options, section table, sections. Bytes: `spec/cartridge_v0.md`.

use super::map::Bytes;
use super::publish::is_temporary;
use super::{CARTRIDGE_VERSION, SECTIONS_MAX, Section};
use crate::disk::{OpenMode, Storage as _, file::RealStorage};
use crate::error::{Corrupt, Error, Place, Result};
use crate::format::checksum;
use crate::format::content_hash::ContentHash;
use crate::format::field::{Crc, Magic, layout};
use crate::ids::{FileUuid, Lsn, TxnId};
use serde::Serialize;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// First bytes of a cartridge.
pub const CARTRIDGE_MAGIC: Magic = Magic(*b"NCAR");

/// Where the CRC stands in the header.
const CRC_OFFSET: usize = 4;

/// Sections start at multiples of this, so that fixed-width entries can be read in place.
const SECTION_ALIGN: usize = 64;

/// Longest options.
pub(super) const OPTIONS_BYTES_MAX: usize = 4096;

/// Set in a section's `flags`: a reader that does not know the section may pass over it.
const FLAG_OPTIONAL: u32 = 1;

layout! {
    /// First bytes of a cartridge; options and the section table follow.
    pub struct CartridgeHeader = 160, "cartridge header", "cartridge_v0#header" {
        magic: Magic = "ASCII NCAR.",
        crc: Crc = "CRC32C of header, options and section table, with this field zero.",
        version: u32 = "Cartridge format version, 0. A reader refuses a newer one.",
        flags: u32 = "Zero; a reader refuses what it does not know.",
        cartridge_type: [u8; 32] = "The type's name, ASCII, padded with zeros.",
        type_version: u32 = "Version of the type's sections. A reader refuses a newer one.",
        options_bytes: u32 = "Bytes of the build options behind this header.",
        section_count: u32 = "Entries of the section table behind the options (padded to 8).",
        reserved: u32 = "Zero.",
        file_bytes: u64 = "Bytes of the whole file.",
        source_uuid: FileUuid = "The database it was built from.",
        source_txn: TxnId = "The state it answers for.",
        source_lsn: Lsn = "Where that state's commit record starts in the log; 0 for genesis or when the log no longer held it.",
        source_generation: u64 = "Generation of the log segment that held the record; 0 likewise.",
        source_crc: u32 = "CRC of the record; 0 likewise. With the three fields before it tells a TxnId that came again after a crash.",
        reserved2: u32 = "Zero.",
        input_hash: [u8; 16] = "Content hash (little-endian) of the input rows as kept.",
        input_rows: u64 = "Input rows.",
        reserved3: [u8; 16] = "Zero.",
    }
}

layout! {
    /// One entry of the section table.
    pub struct SectionEntry = 40, "section entry", "cartridge_v0#section-table" {
        kind: u32 = "The section's number; the type gives the meaning.",
        flags: u32 = "1: a reader that does not know the section may pass over it.",
        offset: u64 = "Where it starts in the file, a multiple of 64, behind the section before it.",
        bytes: u64 = "Its bytes.",
        count: u64 = "How many entries it has.",
        crc: Crc = "CRC32C over its kind, offset and bytes.",
        reserved: u32 = "Zero.",
    }
}

/// What a cartridge was built from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Source {
    pub uuid: FileUuid,
    pub txn: TxnId,
    pub lsn: Lsn,
    pub generation: u64,
    pub crc: u32,
}

/// A section as the table has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SectionInfo {
    /// Its number.
    pub kind: u32,
    /// Where it starts.
    pub offset: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Its entries.
    pub count: u64,
    /// Its checksum as stored.
    pub crc: u32,
}

/// Puts a cartridge together. The same arguments give the same bytes.
pub(super) fn encode(
    name: &str,
    type_version: u32,
    options: &[u8],
    source: Source,
    input: (ContentHash, u64),
    sections: &[Section],
) -> Vec<u8> {
    assert!(name.len() <= 32, "the type's name fits; options were asked for before");
    let table_at = (CartridgeHeader::BYTES + options.len()).next_multiple_of(8);
    let mut at = (table_at + sections.len() * SectionEntry::BYTES).next_multiple_of(SECTION_ALIGN);
    let mut table = Vec::new();
    for section in sections {
        let crc = section_crc(section.kind, at as u64, &section.bytes);
        SectionEntry {
            kind: section.kind,
            flags: 0,
            offset: at as u64,
            bytes: section.bytes.len() as u64,
            count: section.count,
            crc: Crc(crc),
            reserved: 0,
        }
        .encode(&mut table);
        at = (at + section.bytes.len()).next_multiple_of(SECTION_ALIGN);
    }
    let mut cartridge_type = [0; 32];
    cartridge_type[..name.len()].copy_from_slice(name.as_bytes());
    let header = CartridgeHeader {
        magic: CARTRIDGE_MAGIC,
        crc: Crc(0),
        version: CARTRIDGE_VERSION,
        flags: 0,
        cartridge_type,
        type_version,
        options_bytes: options.len() as u32,
        section_count: sections.len() as u32,
        reserved: 0,
        file_bytes: at as u64,
        source_uuid: source.uuid,
        source_txn: source.txn,
        source_lsn: source.lsn,
        source_generation: source.generation,
        source_crc: source.crc,
        reserved2: 0,
        input_hash: input.0.0.to_le_bytes(),
        input_rows: input.1,
        reserved3: [0; 16],
    };
    let mut out = Vec::with_capacity(at);
    header.encode(&mut out);
    out.extend_from_slice(options);
    out.resize(table_at, 0);
    out.extend_from_slice(&table);
    let crc = head_crc(&out);
    out[CRC_OFFSET..CRC_OFFSET + 4].copy_from_slice(&crc.to_le_bytes());
    for section in sections {
        out.resize(out.len().next_multiple_of(SECTION_ALIGN), 0);
        out.extend_from_slice(&section.bytes);
    }
    out.resize(at, 0);
    out
}

fn head_crc(head: &[u8]) -> u32 {
    let crc = checksum::append(0, head.get(..CRC_OFFSET).unwrap_or_default());
    let crc = checksum::append(crc, &[0; 4]);
    checksum::append(crc, head.get(CRC_OFFSET + 4..).unwrap_or_default())
}

fn section_crc(kind: u32, offset: u64, bytes: &[u8]) -> u32 {
    let crc = checksum::append(0, &kind.to_le_bytes());
    let crc = checksum::append(crc, &offset.to_le_bytes());
    checksum::append(crc, bytes)
}

/// An open cartridge. Header and table are verified at open, each section before its first use.
///
/// Any number of threads may read it; it stays as it is when a newer one takes its name.
#[derive(Debug)]
pub struct Cartridge {
    path: PathBuf,
    bytes: Bytes,
    header: CartridgeHeader,
    options: Vec<u8>,
    table: Vec<SectionEntry>,
    verdicts: Vec<OnceLock<Result<(), Corrupt>>>,
}

impl Cartridge {
    /// Opens and maps the file at `path`.
    ///
    /// The map stays good while other builds *replace* the file, which is how cartridges are written.
    /// Truncating a mapped file in place makes reads of it fail with a signal (SIGBUS): on storage where
    /// that can happen use [`Cartridge::read`].
    ///
    /// # Errors
    /// `Io`; `UnsupportedFormat` for another kind of file or a newer version; `Corrupt` by CART-1 to
    /// CART-3.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Self::new(path, Bytes::map(path)?)
    }

    /// As [`Cartridge::open`], with the file read into memory instead of mapped.
    ///
    /// # Errors
    /// As [`Cartridge::open`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Self::new(path, Bytes::read(path)?)
    }

    /// A cartridge in memory, as [`super::build_bytes`] makes it.
    ///
    /// # Errors
    /// As [`Cartridge::open`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self> {
        Self::new(Path::new("memory"), Bytes::Owned(bytes))
    }

    fn new(path: &Path, bytes: Bytes) -> Result<Self> {
        let (header, options, table) = decode_head(path, &bytes)?;
        let verdicts = table.iter().map(|_| OnceLock::new()).collect();
        Ok(Self { path: path.to_path_buf(), bytes, header, options, table, verdicts })
    }

    /// The file it was opened from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its header.
    pub fn header(&self) -> &CartridgeHeader {
        &self.header
    }

    /// The type's name.
    pub fn type_name(&self) -> &str {
        let name = self.header.cartridge_type.split(|&byte| byte == 0).next().unwrap_or_default();
        std::str::from_utf8(name).unwrap_or_default()
    }

    /// The options it was built with.
    pub fn options(&self) -> &[u8] {
        &self.options
    }

    /// Its whole bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The section table.
    pub fn sections(&self) -> impl Iterator<Item = SectionInfo> + '_ {
        self.table.iter().map(|entry| SectionInfo {
            kind: entry.kind,
            offset: entry.offset,
            bytes: entry.bytes,
            count: entry.count,
            crc: entry.crc.0,
        })
    }

    /// The bytes and entry count of section `kind`, verified before the first use.
    ///
    /// # Errors
    /// `Corrupt` when there is no such section (CART-4) or its checksum is wrong (CART-5).
    pub fn section(&self, kind: u32) -> Result<(&[u8], u64)> {
        let Some(index) = self.table.iter().position(|entry| entry.kind == kind) else {
            return Err(self.bad("CART-4", Place::File, format_args!("a section {kind}"), "none"));
        };
        let (entry, verdict) = (&self.table[index], &self.verdicts[index]);
        let bytes = self.section_bytes(entry);
        verdict
            .get_or_init(|| {
                let crc = section_crc(entry.kind, entry.offset, bytes);
                if crc == entry.crc.0 {
                    return Ok(());
                }
                Err(Corrupt::at(
                    Place::Offset(entry.offset),
                    "CART-5",
                    format_args!("section checksum {crc:08x} (computed)"),
                    format_args!("{:08x} (stored)", entry.crc.0),
                )
                .in_file(&self.path))
            })
            .clone()?;
        Ok((bytes, entry.count))
    }

    /// A section of `count` entries of `width` bytes.
    ///
    /// # Errors
    /// As [`Cartridge::section`], and `Corrupt` when the sizes do not agree (CART-6).
    pub fn entries(&self, kind: u32, width: usize) -> Result<&[u8]> {
        let (bytes, count) = self.section(kind)?;
        if u64::try_from(bytes.len()).ok() == count.checked_mul(width as u64) {
            return Ok(bytes);
        }
        let expected = format_args!("{count} entries of {width} bytes");
        Err(self.bad("CART-6", Place::File, expected, bytes.len()))
    }

    /// Verifies every section and the zeros between them now: reads every byte once.
    ///
    /// # Errors
    /// `Corrupt`: the first section that is wrong (CART-5), or bytes between sections that are not zero
    /// (CART-8).
    pub fn verify_sections(&self) -> Result<()> {
        self.table.iter().try_for_each(|entry| self.section(entry.kind).map(|_| ()))?;
        let mut start = table_place(&self.header).1;
        for entry in self.table.iter().map(Some).chain([None]) {
            let end = entry.map_or(self.bytes.len(), |entry| entry.offset as usize);
            let gap = self.bytes.get(start..end).unwrap_or_default();
            if let Some(at) = gap.iter().position(|&byte| byte != 0) {
                let place = Place::Offset((start + at) as u64);
                return Err(self.bad("CART-8", place, "zero", gap[at]));
            }
            start = entry.map_or(end, |entry| (entry.offset + entry.bytes) as usize);
        }
        Ok(())
    }

    /// Sections that a reader may not pass over.
    pub(super) fn must_be_known(&self) -> impl Iterator<Item = u32> + '_ {
        self.table.iter().filter(|entry| entry.flags & FLAG_OPTIONAL == 0).map(|entry| entry.kind)
    }

    /// A finding about this file.
    pub(crate) fn bad(
        &self,
        rule: &'static str,
        place: Place,
        expected: impl Display,
        found: impl Display,
    ) -> Error {
        Corrupt::at(place, rule, expected, found).in_file(&self.path).into()
    }

    fn section_bytes(&self, entry: &SectionEntry) -> &[u8] {
        // Bounds were checked at open; a range that does not fit the machine's addresses is empty.
        let start = usize::try_from(entry.offset).unwrap_or(usize::MAX);
        let bytes = usize::try_from(entry.bytes).unwrap_or(usize::MAX);
        self.bytes.get(start..start.saturating_add(bytes)).unwrap_or_default()
    }
}

/// Whether the file at `path` starts as a cartridge does. A builder's temporary file, a pipe, a directory
/// and a file that cannot be read are none.
pub fn is_cartridge(path: &Path) -> bool {
    if path.file_name().is_some_and(is_temporary) {
        return false;
    }
    let mut magic = [0; 4];
    let file = RealStorage::new().open(path, OpenMode::Read);
    file.and_then(|file| file.read_at(&mut magic, 0)).is_ok() && magic == CARTRIDGE_MAGIC.0
}

/// Where the section table starts and ends.
fn table_place(header: &CartridgeHeader) -> (usize, usize) {
    let start = (CartridgeHeader::BYTES + header.options_bytes as usize).next_multiple_of(8);
    (start, start + header.section_count as usize * SectionEntry::BYTES)
}

/// Judges header, options and table; believes no byte of them.
fn decode_head(path: &Path, bytes: &[u8]) -> Result<(CartridgeHeader, Vec<u8>, Vec<SectionEntry>)> {
    let header = decode_header(path, bytes)?;
    let bad = |rule, expected: &dyn Display, found: &dyn Display| {
        Error::from(Corrupt::at(Place::Offset(0), rule, expected, found).in_file(path))
    };
    let (table_at, table_end) = table_place(&header);
    let options_end = CartridgeHeader::BYTES + header.options_bytes as usize;
    let (Some(head), Some(options), Some(table_bytes)) = (
        bytes.get(..table_end),
        bytes.get(CartridgeHeader::BYTES..options_end),
        bytes.get(table_at..table_end),
    ) else {
        return Err(bad("CART-1", &"options and section table", &"end of file"));
    };
    let crc = head_crc(head);
    if crc != header.crc.0 {
        let expected = format!("checksum {crc:08x} (computed)");
        return Err(bad("CART-3", &expected, &format_args!("{:08x} (stored)", header.crc.0)));
    }
    let reserved = u64::from(header.reserved) | u64::from(header.reserved2);
    let gap = bytes.get(options_end..table_at).unwrap_or_default();
    if reserved != 0 || header.reserved3 != [0; 16] || gap.iter().any(|&byte| byte != 0) {
        return Err(bad("CART-8", &"reserved bytes that are zero", &"others"));
    }
    let table = decode_table(path, &header, table_bytes)?;
    Ok((header, options.to_vec(), table))
}

/// The header, if this program reads its version and its numbers are within limits.
fn decode_header(path: &Path, bytes: &[u8]) -> Result<CartridgeHeader> {
    let bad = |rule, expected: &dyn Display, found: &dyn Display| {
        Error::from(Corrupt::at(Place::File, rule, expected, found).in_file(path))
    };
    let unsupported = |found: String| Error::UnsupportedFormat { path: path.to_path_buf(), found };
    let magic = bytes.get(..4).unwrap_or_default();
    if magic != CARTRIDGE_MAGIC.0 {
        return Err(unsupported(format!("starts with \"{}\", not NCAR", magic.escape_ascii())));
    }
    let Some(header) = CartridgeHeader::decode(bytes) else {
        return Err(bad("CART-1", &"a cartridge header", &bytes.len()));
    };
    if header.version > CARTRIDGE_VERSION || header.flags != 0 {
        return Err(unsupported(format!(
            "cartridge version {}, flags {:#x}",
            header.version, header.flags
        )));
    }
    if header.file_bytes != bytes.len() as u64 {
        return Err(bad("CART-1", &format_args!("{} bytes", header.file_bytes), &bytes.len()));
    }
    if header.options_bytes as usize > OPTIONS_BYTES_MAX || header.section_count > SECTIONS_MAX {
        let found =
            format!("{} bytes of options, {} sections", header.options_bytes, header.section_count);
        return Err(bad("CART-2", &"options and table within limits", &found));
    }
    Ok(header)
}

/// The entries of the section table: in order, inside the file, each kind once.
fn decode_table(path: &Path, header: &CartridgeHeader, bytes: &[u8]) -> Result<Vec<SectionEntry>> {
    let mut free_from = table_place(header).1 as u64;
    let mut table: Vec<SectionEntry> = Vec::new();
    for entry in bytes.chunks_exact(SectionEntry::BYTES).filter_map(SectionEntry::decode) {
        let bad = |rule, expected: &str, found: String| {
            let place = Place::Offset(entry.offset);
            Err(Corrupt::at(place, rule, expected, found).in_file(path).into())
        };
        let end = entry.offset.checked_add(entry.bytes).filter(|&end| end <= header.file_bytes);
        let placed = entry.offset >= free_from && entry.offset.is_multiple_of(SECTION_ALIGN as u64);
        let Some(end) = end.filter(|_| placed) else {
            let found = format!("{} bytes at {:#x}", entry.bytes, entry.offset);
            return bad("CART-2", "sections in order inside the file", found);
        };
        if entry.flags & !FLAG_OPTIONAL != 0 {
            let found = format!("section {} with flags {:#x}", entry.kind, entry.flags);
            return Err(Error::UnsupportedFormat { path: path.to_path_buf(), found });
        }
        if table.iter().any(|known| known.kind == entry.kind) {
            return bad("CART-2", "each section once", entry.kind.to_string());
        }
        if entry.reserved != 0 {
            return bad("CART-8", "reserved bytes that are zero", entry.reserved.to_string());
        }
        free_from = end;
        table.push(entry);
    }
    Ok(table)
}

/// Makes every checksum right again: what a hostile writer would do.
#[cfg(test)]
pub(super) fn restamp(bytes: &mut [u8]) {
    let Some(header) = CartridgeHeader::decode(bytes) else { return };
    if header.section_count > SECTIONS_MAX || header.options_bytes as usize > OPTIONS_BYTES_MAX {
        return;
    }
    let (start, end) = table_place(&header);
    for at in (start..end).step_by(SectionEntry::BYTES) {
        let Some(entry) = bytes.get(at..).and_then(SectionEntry::decode) else { return };
        let range = usize::try_from(entry.offset)
            .ok()
            .and_then(|from| Some(from..from.checked_add(usize::try_from(entry.bytes).ok()?)?));
        if let Some(section) = range.and_then(|range| bytes.get(range)) {
            let crc = section_crc(entry.kind, entry.offset, section);
            bytes[at + 32..at + 36].copy_from_slice(&crc.to_le_bytes());
        }
    }
    if let Some(head) = bytes.get(..end) {
        let crc = head_crc(head);
        bytes[CRC_OFFSET..CRC_OFFSET + 4].copy_from_slice(&crc.to_le_bytes());
    }
}
