//! The file: header, options, section table, sections. Bytes: `spec/cartridge_v0.md`.

use super::map::Bytes;
use super::{CARTRIDGE_VERSION, SECTIONS_MAX, Section};
use crate::error::{Corrupt, Error, Place, Result};
use crate::format::checksum;
use crate::format::content_hash::ContentHash;
use crate::format::field::{Crc, Magic, layout};
use crate::ids::{FileUuid, Lsn, TxnId};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// First bytes of a cartridge.
pub const CARTRIDGE_MAGIC: Magic = Magic(*b"NCAR");

/// Where the CRC stands in the header.
const CRC_OFFSET: usize = 4;

/// Sections start at multiples of this, so that fixed-width entries can be read in place.
const SECTION_ALIGN: usize = 64;

/// Longest options.
const OPTIONS_BYTES_MAX: usize = 4096;

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
    assert!(
        name.len() <= 32 && options.len() <= OPTIONS_BYTES_MAX,
        "the type's name and options fit"
    );
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

    /// Verifies every section now.
    ///
    /// # Errors
    /// The first section that is wrong.
    pub fn verify_sections(&self) -> Result<()> {
        self.table.iter().try_for_each(|entry| self.section(entry.kind).map(|_| ()))
    }

    /// A finding about this file.
    pub(crate) fn bad(
        &self,
        rule: &'static str,
        place: Place,
        expected: impl std::fmt::Display,
        found: impl std::fmt::Display,
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

/// Judges header, options and table; believes no byte of them.
fn decode_head(path: &Path, bytes: &[u8]) -> Result<(CartridgeHeader, Vec<u8>, Vec<SectionEntry>)> {
    let bad = |rule, place, expected: &dyn std::fmt::Display, found: &dyn std::fmt::Display| {
        Error::from(Corrupt::at(place, rule, expected, found).in_file(path))
    };
    let unsupported = |found: String| Error::UnsupportedFormat { path: path.to_path_buf(), found };
    let magic = bytes.get(..4).unwrap_or_default();
    if magic != CARTRIDGE_MAGIC.0 {
        return Err(unsupported(format!("starts with \"{}\", not NCAR", magic.escape_ascii())));
    }
    let Some(header) = CartridgeHeader::decode(bytes) else {
        return Err(bad("CART-1", Place::File, &"a cartridge header", &bytes.len()));
    };
    if header.version > CARTRIDGE_VERSION || header.flags != 0 {
        return Err(unsupported(format!(
            "cartridge version {}, flags {:#x}",
            header.version, header.flags
        )));
    }
    if header.file_bytes != bytes.len() as u64 {
        return Err(bad(
            "CART-1",
            Place::File,
            &format_args!("{} bytes", header.file_bytes),
            &bytes.len(),
        ));
    }
    let options_bytes = header.options_bytes as usize;
    if options_bytes > OPTIONS_BYTES_MAX || header.section_count > SECTIONS_MAX {
        let found = format!("{options_bytes} bytes of options, {} sections", header.section_count);
        return Err(bad("CART-2", Place::Offset(0), &"options and table within limits", &found));
    }
    let options_end = CartridgeHeader::BYTES + options_bytes;
    let table_at = options_end.next_multiple_of(8);
    let table_end = table_at + header.section_count as usize * SectionEntry::BYTES;
    let (Some(head), Some(options), Some(table_bytes)) = (
        bytes.get(..table_end),
        bytes.get(CartridgeHeader::BYTES..options_end),
        bytes.get(table_at..table_end),
    ) else {
        return Err(bad("CART-1", Place::File, &"options and section table", &"end of file"));
    };
    let crc = head_crc(head);
    if crc != header.crc.0 {
        let expected = format!("checksum {crc:08x} (computed)");
        return Err(bad(
            "CART-3",
            Place::Offset(0),
            &expected,
            &format_args!("{:08x} (stored)", header.crc.0),
        ));
    }
    let mut table = Vec::new();
    let mut free_from = table_end as u64;
    for entry in table_bytes.chunks_exact(SectionEntry::BYTES).filter_map(SectionEntry::decode) {
        let end = entry.offset.checked_add(entry.bytes);
        let placed = entry.offset >= free_from
            && entry.offset % SECTION_ALIGN as u64 == 0
            && end.is_some_and(|end| end <= header.file_bytes);
        if !placed {
            let found = format!("{} bytes at {:#x}", entry.bytes, entry.offset);
            return Err(bad(
                "CART-2",
                Place::Offset(entry.offset),
                &"sections in order inside the file",
                &found,
            ));
        }
        if entry.flags & !FLAG_OPTIONAL != 0 {
            return Err(unsupported(format!(
                "section {} with flags {:#x}",
                entry.kind, entry.flags
            )));
        }
        if table.iter().any(|known: &SectionEntry| known.kind == entry.kind) {
            return Err(bad(
                "CART-2",
                Place::Offset(entry.offset),
                &"each section once",
                &entry.kind,
            ));
        }
        free_from = end.unwrap_or(u64::MAX);
        table.push(entry);
    }
    Ok((header, options.to_vec(), table))
}
