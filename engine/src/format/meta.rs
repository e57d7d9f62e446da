//! Meta slots A and B: pages 0 and 1, the only bytes of the file that are ever written in place.
//!
//! Bytes: `spec/file_format_v0.md`, meta. All mutable state is inside the first 512 bytes of the
//! slot, so that one sector write replaces it. Keeps META-1 to META-11.
//!
//! [`judge`] is *the* choice between the two slots: recovery calls it, and so do the checker and the
//! workbench, which print its trace. Cost: two checksums of a page.

mod judge;
#[cfg(test)]
mod tests;

use super::checksum::page_crc;
use super::field::{Crc, Magic, layout};
use super::page::{FORMAT_VERSION, PAGE_MAGIC, PageHeader, PageType, seal_page};
use crate::error::Corrupt;
use crate::ids::{FileUuid, Lsn, PageId, Pointer, TxnId};
use crate::limits::{DEPTH_MAX, PAGE_BYTES, PAGE_COUNT_MAX};
pub use judge::{Judgement, SlotChoice, Step, StepResult, judge};

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

/// Bytes of a slot that are ever written again after creation: one sector of the oldest disks.
pub const SLOT_BYTES: usize = 512;
/// [`Meta::history_last`] when all past states are kept.
pub const HISTORY_ALL: u64 = u64::MAX;

const _: () = assert!(PageHeader::BYTES + Meta::BYTES <= SLOT_BYTES, "a slot fits one sector");

/// A rule a slot is judged by, in the order of judgement.
pub(crate) struct Rule {
    /// Its id in `spec/invariants.md`.
    pub(crate) id: &'static str,
    /// Its name in a table of verdicts.
    pub(crate) name: &'static str,
}

/// Highest sequence, transaction, log position and number of rows: counted up by one, or by bytes written, none gets
/// near it, and arithmetic on numbers below it does not overflow.
const NUMBER_MAX: u64 = 1 << 62;

/// The rules that [`Meta::decode_slot`] judges by.
pub(crate) const SLOT_RULES: [Rule; 8] = [
    Rule { id: "META-1", name: "magic" },
    Rule { id: "META-2", name: "version" },
    Rule { id: "META-3", name: "page size" },
    Rule { id: "META-4", name: "file identity" },
    Rule { id: "META-5", name: "checksum" },
    Rule { id: "META-6", name: "in its own slot" },
    Rule { id: "META-7", name: "flags known" },
    Rule { id: "META-8", name: "numbers in range" },
];

impl Meta {
    /// Which of the two slots this belongs into: 0 (A) or 1 (B).
    pub const fn slot(&self) -> usize {
        (self.sequence & 1) as usize
    }

    /// The whole page of its slot, sealed. Only the first [`SLOT_BYTES`] of it are not zero.
    pub fn to_page(&self) -> Box<[u8; PAGE_BYTES]> {
        let mut page = Box::new([0; PAGE_BYTES]);
        if let Some(place) = page.get_mut(PageHeader::BYTES..PageHeader::BYTES + Self::BYTES) {
            place.copy_from_slice(&self.to_bytes());
        }
        let header = PageHeader {
            magic: PAGE_MAGIC,
            crc: Crc(0),
            version: FORMAT_VERSION,
            page_type: PageType::Meta as u8,
            level: 0,
            payload_bytes: Self::BYTES as u32,
            page_id: PageId::new(self.sequence & 1),
            birth: self.txn_id,
            nonce: 0,
            reserved: 0,
        };
        seal_page(&mut page, self.uuid, header);
        page
    }

    /// Reads slot `slot` (0 or 1) from the bytes of its page, judging it alone and believing nothing.
    ///
    /// # Errors
    /// The first of META-1 to META-8 that is broken. META-2 and META-7 mean a newer format, not
    /// damage, when the checksum holds ([`is_unsupported`]).
    pub fn decode_slot(bytes: &[u8], slot: u64) -> Result<Self, Corrupt> {
        let id = PageId::new(slot);
        let mut found = None;
        for rule in &SLOT_RULES {
            Self::check_slot_rule(rule.id, bytes, id)
                .map_err(|(expected, found)| Corrupt::page(id, rule.id, expected, found))?;
            found = bytes.get(PageHeader::BYTES..).and_then(Self::decode);
        }
        found.ok_or_else(|| Corrupt::page(id, "META-1", "a page", bytes.len()))
    }

    /// Whether one rule of [`SLOT_RULES`] holds; what it expected and what there was if not.
    pub(crate) fn check_slot_rule(
        rule: &str,
        bytes: &[u8],
        id: PageId,
    ) -> Result<String, (String, String)> {
        let bad = |expected: &str, found: String| Err((expected.to_owned(), found));
        if bytes.len() != PAGE_BYTES {
            return bad("a page of 16384 bytes", format!("{} bytes", bytes.len()));
        }
        let (Some(header), Some(meta)) =
            (PageHeader::decode(bytes), bytes.get(PageHeader::BYTES..).and_then(Self::decode))
        else {
            return bad("a page of 16384 bytes", format!("{} bytes", bytes.len()));
        };
        match rule {
            "META-1" if header.magic != PAGE_MAGIC || meta.magic != META_MAGIC => {
                let (page, meta) = (header.magic.0.escape_ascii(), meta.magic.0.escape_ascii());
                bad("magics NSDB and META", format!("{page} and {meta}"))
            }
            "META-1" => Ok("NSDB META".to_owned()),
            "META-2" if header.version != FORMAT_VERSION || meta.version != 0 => {
                bad("format version 0", format!("{} and {}", header.version, meta.version))
            }
            "META-2" => Ok("0".to_owned()),
            "META-3" if meta.page_bytes as usize != PAGE_BYTES => {
                bad("pages of 16384 bytes", meta.page_bytes.to_string())
            }
            "META-3" => Ok(meta.page_bytes.to_string()),
            "META-4" if meta.uuid.0 == [0; 16] => bad("a file identity", "all zero".to_owned()),
            "META-4" => Ok(meta.uuid.to_string()),
            "META-5" => {
                let crc = page_crc(meta.uuid, id, bytes);
                if header.crc.0 == crc {
                    return Ok(format!("{crc:08x}"));
                }
                Err((format!("{crc:08x} (computed)"), format!("{:08x} (stored)", header.crc.0)))
            }
            "META-6" => check_place(&header, &meta, id),
            "META-7" => check_flags(&header, &meta),
            "META-8" => meta.check_ranges(),
            _ => bad("a rule for meta slots", rule.to_owned()),
        }
    }

    /// META-8: every number is one that a writer can have meant.
    fn check_ranges(&self) -> Result<String, (String, String)> {
        let bad = |expected: String, found: String| Err((expected, found));
        for (name, number) in [
            ("sequence", self.sequence),
            ("transaction", self.txn_id.get()),
            ("log position", self.log_lsn.get()),
            ("number of rows", self.key_count),
        ] {
            if number > NUMBER_MAX {
                return bad(format!("a {name} of at most {NUMBER_MAX}"), number.to_string());
            }
        }
        if self.page_count < 2 || self.page_count > PAGE_COUNT_MAX {
            return bad(format!("2 to {PAGE_COUNT_MAX} pages"), self.page_count.to_string());
        }
        if self.depth as usize > DEPTH_MAX {
            return bad(format!("a depth of at most {DEPTH_MAX}"), self.depth.to_string());
        }
        if self.root.is_null() != (self.depth == 0) || self.root.is_null() != (self.key_count == 0)
        {
            return bad(
                "root, depth and key count all zero or none".to_owned(),
                format!("root {:?}, depth {}, {} keys", self.root, self.depth, self.key_count),
            );
        }
        for (name, pointer) in [
            ("root", self.root),
            ("bitmap", self.bitmap),
            ("history", self.history),
            ("retired", self.retired),
        ] {
            let page = pointer.page.get();
            let inside = (2..self.page_count).contains(&page);
            if pointer != Pointer::NULL && !inside {
                let expected = format!("{name} at a page of 2 to {}", self.page_count);
                return bad(expected, format!("{pointer:?}"));
            }
        }
        if self.root.birth > self.txn_id {
            return bad(
                format!("a root born at or before {}", self.txn_id),
                self.root.birth.to_string(),
            );
        }
        if u64::from(self.alias_count) > self.txn_id.get() {
            let expected = format!("at most {} aliases", self.txn_id);
            return bad(expected, self.alias_count.to_string());
        }
        Ok(format!("{} pages, depth {}", self.page_count, self.depth))
    }
}

/// Whether a broken `rule` means a format this program does not know, rather than damage.
pub fn is_unsupported(rule: &str) -> bool {
    matches!(rule, "META-2" | "META-3" | "META-7")
}

/// META-6: the page is a meta, of this slot, and its header agrees with what it holds.
fn check_place(header: &PageHeader, meta: &Meta, id: PageId) -> Result<String, (String, String)> {
    let expected = format!("a meta page for slot {id}");
    if header.page_type != PageType::Meta as u8 {
        return Err((expected, format!("page type {}", header.page_type)));
    }
    if header.page_id != id || meta.sequence & 1 != id.get() {
        return Err((expected, format!("page {}, sequence {}", header.page_id, meta.sequence)));
    }
    if header.birth != meta.txn_id {
        return Err((
            format!("birth and transaction alike ({})", meta.txn_id),
            header.birth.to_string(),
        ));
    }
    Ok(format!("sequence {}", meta.sequence))
}

/// META-7: no bit is set whose meaning this program does not know.
fn check_flags(header: &PageHeader, meta: &Meta) -> Result<String, (String, String)> {
    let bad = |expected: &str, found: String| Err((expected.to_owned(), found));
    if meta.flags != 0 {
        return bad("flags 0", format!("{:#x}", meta.flags));
    }
    if meta.retention > 2 {
        return bad("a retention of 0 to 2", meta.retention.to_string());
    }
    let reserved_zero = meta.options_reserved == [0; 48]
        && header.reserved == 0
        && header.nonce == 0
        && header.level == 0
        && header.payload_bytes as usize == Meta::BYTES;
    if !reserved_zero {
        return bad("reserved fields zero", "other bits".to_owned());
    }
    Ok("0".to_owned())
}
