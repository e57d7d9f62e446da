//! One page as a tree of fields, named gaps and problems.
//!
//! Every byte of the page belongs to exactly one leaf field or one gap; a property test holds this
//! for any bytes. Verdicts stand at the fields they are about.

mod chain;
mod node;
#[cfg(test)]
mod tests;

use super::builder::{Builder, judge, name_value};
use super::view::{FieldView, Gap, Verdict};
use crate::error::Corrupt;
use crate::format::checksum::page_crc;
use crate::format::meta::{META_MAGIC, Meta};
use crate::format::overflow::{DATA_OFFSET, OverflowHeader};
use crate::format::page::{FORMAT_VERSION, PAGE_MAGIC, PageHeader, PageType, verify_page};
use crate::ids::{FileUuid, PageId, TxnId};
use crate::limits::PAGE_BYTES;
use serde::Serialize;
use std::ops::Range;

/// A page, taken apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PageView {
    /// Which page.
    pub id: PageId,
    /// Where it starts in the file.
    pub offset: u64,
    /// Bytes of it that there are.
    pub bytes: usize,
    /// What it holds, when its header says something known.
    pub page_type: Option<PageType>,
    /// Level in the tree, birth and payload, as the header says; `None` without a header.
    pub level: Option<u8>,
    /// The transaction that wrote it, as the header says.
    pub birth: Option<TxnId>,
    /// The checksum in the page.
    pub crc_stored: Option<u32>,
    /// The checksum computed over it.
    pub crc_computed: u32,
    /// Whether the page is whole: PAGE-1 to PAGE-5 and PAGE-7 hold.
    pub verified: bool,
    /// Whether every byte is zero: a page that was never written.
    pub zero: bool,
    /// Rows, children or entries in it.
    pub entries: u64,
    /// How much of it is in use, in per mille of what can be.
    pub fill_permille: u16,
    /// The fields.
    pub fields: Vec<FieldView>,
    /// The bytes that are no field.
    pub gaps: Vec<Gap>,
    /// Every rule that is broken.
    pub problems: Vec<Corrupt>,
}

/// Takes page `id` of the file `uuid` apart. Any bytes will do; never fails.
pub fn page(bytes: &[u8], id: PageId, uuid: FileUuid) -> PageView {
    let header = PageHeader::decode(bytes);
    let crc_computed = page_crc(uuid, id, bytes);
    let mut view = PageView {
        id,
        offset: id.get().saturating_mul(PAGE_BYTES as u64),
        bytes: bytes.len(),
        page_type: None,
        level: None,
        birth: None,
        crc_stored: None,
        crc_computed,
        verified: false,
        zero: bytes.iter().all(|&byte| byte == 0),
        entries: 0,
        fill_permille: 0,
        fields: Vec::new(),
        gaps: Vec::new(),
        problems: Vec::new(),
    };
    let mut builder = Builder::new(bytes);
    if view.zero {
        view.gaps = builder.gaps(&[], &|_| ("never written", NEVER_WRITTEN));
        return view;
    }
    match verify_page(bytes, uuid, id) {
        Ok(_) => view.verified = true,
        Err(corrupt) => view.problems.push(corrupt),
    }
    match header.filter(|header| looks_like_a_page(header, id)) {
        Some(header) => {
            view.crc_stored = Some(header.crc.0);
            view.page_type = PageType::from_u8(header.page_type);
            view.level = Some(header.level);
            view.birth = Some(header.birth);
            if let Some(group) = page_header(&mut builder, &header, id, crc_computed) {
                view.fields.push(group);
            }
            body(&mut builder, &header, &mut view);
        }
        None => view.gaps = builder.gaps(&[], &|_| ("undecoded", UNDECODED)),
    }
    view
}

const NEVER_WRITTEN: &str = "Every byte is zero: the file was made longer, but nothing was written here yet. Only a free page may look like this.";
const UNDECODED: &str =
    "These bytes do not look like a page of this format, so nothing is read into them.";
const PADDING: &str =
    "Zeros behind the last byte that means something. They are part of the page's checksum.";

/// Whether it is worth reading the bytes as a page: its magic, or enough else that fits.
fn looks_like_a_page(header: &PageHeader, id: PageId) -> bool {
    let signs = [
        header.version == FORMAT_VERSION && header.reserved == 0,
        PageType::from_u8(header.page_type).is_some(),
        header.page_id == id,
    ];
    header.magic == PAGE_MAGIC || signs.iter().all(|&sign| sign)
}

/// The page header with a verdict on each field that a rule is about.
fn page_header(
    builder: &mut Builder<'_>,
    header: &PageHeader,
    id: PageId,
    crc: u32,
) -> Option<FieldView> {
    let mut group = builder.layout("page header", &PageHeader::LAYOUT, 0)?;
    let found = header.magic.0.escape_ascii();
    judge(
        &mut group,
        "magic",
        Verdict::compare("PAGE-2", header.magic == PAGE_MAGIC, "NSDB", found),
    );
    let (computed, stored) = (format!("{crc:08x} (computed)"), format!("{:08x}", header.crc.0));
    judge(&mut group, "crc", Verdict::compare("PAGE-3", header.crc.0 == crc, computed, stored));
    let version = header.version;
    judge(
        &mut group,
        "version",
        Verdict::compare("PAGE-2", version == FORMAT_VERSION, FORMAT_VERSION, version),
    );
    judge(
        &mut group,
        "page_id",
        Verdict::compare("PAGE-4", header.page_id == id, id, header.page_id),
    );
    let page_type = PageType::from_u8(header.page_type);
    judge(
        &mut group,
        "page_type",
        Verdict::compare("PAGE-5", page_type.is_some(), "0 to 6", header.page_type),
    );
    let name = page_type.map_or("unknown", PageType::name);
    name_value(&mut group, "page_type", u64::from(header.page_type), name);
    let room = PAGE_BYTES.saturating_sub(PageHeader::BYTES);
    let payload = header.payload_bytes;
    judge(
        &mut group,
        "payload_bytes",
        Verdict::compare("PAGE-7", payload as usize <= room, format!("at most {room}"), payload),
    );
    judge(
        &mut group,
        "reserved",
        Verdict::compare("PAGE-7", header.reserved == 0, 0, header.reserved),
    );
    Some(group)
}

/// Everything behind the page header, by the page's type.
fn body(builder: &mut Builder<'_>, header: &PageHeader, view: &mut PageView) {
    match view.page_type {
        Some(PageType::Meta) => meta(builder, view),
        Some(PageType::Internal | PageType::Leaf) => node::node(builder, header, view),
        Some(PageType::Bitmap | PageType::History | PageType::Retired) => {
            chain::chain(builder, header, view);
        }
        Some(PageType::Overflow) => overflow(builder, header, view),
        None => view.gaps = builder.gaps(&[], &|_| ("undecoded", UNDECODED)),
    }
}

fn meta(builder: &mut Builder<'_>, view: &mut PageView) {
    view.entries = 1;
    if let Some(mut group) = builder.layout("meta", &Meta::LAYOUT, PageHeader::BYTES) {
        let meta = builder.bytes.get(PageHeader::BYTES..).and_then(Meta::decode);
        if let Some(meta) = meta {
            let ok = meta.magic == META_MAGIC;
            let found = meta.magic.0.escape_ascii();
            judge(&mut group, "magic", Verdict::compare("META-1", ok, "META", found));
            for (rule, field) in [
                ("META-2", "version"),
                ("META-3", "page_bytes"),
                ("META-4", "uuid"),
                ("META-6", "sequence"),
                ("META-7", "flags"),
                ("META-8", "page_count"),
            ] {
                judge_meta_rule(builder.bytes, view, &mut group, rule, field);
            }
        }
        view.fields.push(group);
    }
    view.gaps = builder.gaps(&[], &|_| ("unused", "Rest of the meta's page: zero since creation. Only the first 512 bytes of a slot are ever written again, so that one sector write replaces it whole."));
}

/// Asks one of the meta's rules and hangs the answer on `field`. The trace of all rules, in the
/// order recovery asks them, is [`super::metas()`].
fn judge_meta_rule(
    bytes: &[u8],
    view: &mut PageView,
    group: &mut FieldView,
    rule: &'static str,
    field: &str,
) {
    let verdict = match Meta::check_slot_rule(rule, bytes, view.id) {
        Ok(found) => Verdict::compare(rule, true, &found, &found),
        Err((expected, found)) => {
            view.problems.push(Corrupt::page(view.id, rule, &expected, &found));
            Verdict { ok: false, rule, expected, found }
        }
    };
    judge(group, field, verdict);
}

fn overflow(builder: &mut Builder<'_>, header: &PageHeader, view: &mut PageView) {
    const MEANING: &str = "A piece of one row's value. The pieces of an extent follow each other page by page; the extent's first page names the next extent.";
    let bytes = builder.bytes;
    if let Err(corrupt) = OverflowHeader::decode_page(bytes, header) {
        view.problems.push(corrupt);
    }
    let group = builder.layout("overflow header", &OverflowHeader::LAYOUT, PageHeader::BYTES);
    let overflow = bytes.get(PageHeader::BYTES..).and_then(OverflowHeader::decode);
    if let (Some(mut group), Some(overflow)) = (group, overflow) {
        let room = PAGE_BYTES.saturating_sub(DATA_OFFSET);
        let (index, count, length) = (overflow.index, overflow.count, overflow.data_bytes as usize);
        let below = format!("below {count}");
        judge(&mut group, "index", Verdict::compare("OVF-2", index < count, below, index));
        let ok = (1..=room).contains(&length);
        let expected = format!("1 to {room}");
        judge(&mut group, "data_bytes", Verdict::compare("OVF-2", ok, expected, length));
        view.fields.push(group);
        let range = DATA_OFFSET..DATA_OFFSET.saturating_add(length.min(room)).min(bytes.len());
        let value = super::view::FieldValue::bytes(bytes.get(range.clone()).unwrap_or_default());
        view.entries = range.len() as u64;
        view.fill_permille = permille(range.len(), room);
        view.fields.extend(builder.field(
            "data",
            range,
            value,
            MEANING,
            OverflowHeader::LAYOUT.anchor,
        ));
    }
    view.gaps = builder.gaps(&[], &|_| ("padding", PADDING));
}

/// `part` of `whole` in per mille.
fn permille(part: usize, whole: usize) -> u16 {
    let permille = (part as u64).saturating_mul(1000).checked_div(whole as u64).unwrap_or(0);
    permille.min(1000) as u16
}

impl PageView {
    /// What stands at byte `at`: the path of indices into `fields` and their children, or the gap.
    pub fn at(&self, at: usize) -> Option<Spot> {
        for (index, field) in self.fields.iter().enumerate() {
            if let Some(mut rest) = field.path_at(at) {
                let mut path = vec![index];
                path.append(&mut rest);
                return Some(Spot::Field(path));
            }
        }
        self.gaps.iter().position(|gap| gap.range.contains(&at)).map(Spot::Gap)
    }

    /// The field at a path of indices.
    pub fn field(&self, path: &[usize]) -> Option<&FieldView> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.fields.get(*first)?, |field, &index| field.children.get(index))
    }

    /// The byte ranges of all leaf fields.
    pub fn leaf_ranges(&self) -> Vec<Range<usize>> {
        let mut ranges = Vec::new();
        for field in &self.fields {
            field.visit(&mut |field| {
                if field.children.is_empty() {
                    ranges.push(field.range.clone());
                }
            });
        }
        ranges
    }
}

/// What stands at a byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Spot {
    /// A field, by its path of indices.
    Field(Vec<usize>),
    /// A gap, by its index.
    Gap(usize),
}
