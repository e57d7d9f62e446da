//! Files that nobody writes: fields of every structure set to numbers that lie, pointers that lead in
//! circles, and the checksums made right again.

use crate::{
    runner::{LOG, PATH, run},
    workload::Workload,
};
use northstar_engine::{
    FileUuid, Lsn, PageId,
    format::{
        chain::ChainHeader,
        field::{Kind, Layout},
        log_record::{CommitHeader, RECORD_MAGIC, RecordHeader, RecordPlace, seal_record},
        meta::Meta,
        node::{Node, NodeHeader, SLOTS_OFFSET, Slot},
        overflow::OverflowHeader,
        page::{PageHeader, PageType, seal_page},
        segment::SegmentHeader,
    },
    limits::{PAGE_BYTES, SEGMENT_HEADER_BYTES},
    sim::SimImage,
};

/// A name that says what was done, and the disk.
pub type Case = (String, SimImage);

const WORKLOAD: &str = "2A5-fffPPkrmkPdkfm";

pub struct Base {
    pub image: SimImage,
    pub uuid: FileUuid,
    pub pages: Vec<Vec<u8>>,
}

pub fn base() -> Base {
    base_of(WORKLOAD)
}

/// What a kill leaves of a workload.
pub fn base_of(workload: &str) -> Base {
    let run = run(&Workload::parse(workload).expect("known steps"));
    let image = run.trace.crash_at(run.trace.len()).image_all_kept();
    let bytes = image.read(PATH).expect("a database");
    let pages: Vec<Vec<u8>> = bytes.chunks(PAGE_BYTES).map(<[u8]>::to_vec).collect();
    let meta = Meta::decode(&pages[0][PageHeader::BYTES..]).expect("a meta");
    Base { image, uuid: meta.uuid, pages }
}

/// Makes the checksum of a page right for its place, whatever it holds.
pub fn seal(page: &[u8], uuid: FileUuid, id: u64) -> Vec<u8> {
    let mut page: Box<[u8; PAGE_BYTES]> = page.to_vec().try_into().expect("a whole page");
    let header = PageHeader::decode(&page[..]).expect("a whole page");
    seal_page(&mut page, uuid, PageHeader { page_id: PageId::new(id), ..header });
    page.to_vec()
}

pub fn with_page(base: &Base, id: u64, page: &[u8]) -> SimImage {
    let mut image = base.image.clone();
    image.write(PATH, id * PAGE_BYTES as u64, &seal(page, base.uuid, id));
    image
}

fn put_u16(page: &mut [u8], at: usize, value: u16) {
    page[at..at + 2].copy_from_slice(&value.to_le_bytes());
}

/// Sets a field of a meta slot in `image`.
pub fn put_meta(base: &Base, image: &mut SimImage, slot: u64, field: &str, value: u64) {
    let mut page = base.pages[slot as usize].clone();
    put_field(&mut page, PageHeader::BYTES, &Meta::LAYOUT, field, value);
    image.write(PATH, slot * PAGE_BYTES as u64, &seal(&page, base.uuid, slot));
}

#[cfg(test)]
fn offset_of(layout: &Layout, name: &str) -> usize {
    layout.fields.iter().find(|field| field.name == name).expect("a field").offset
}

/// Overwrites a field of a structure at `at` with a number, as wide as the field is.
fn put_field(page: &mut [u8], at: usize, layout: &Layout, name: &str, value: u64) {
    let field = layout.fields.iter().find(|field| field.name == name).expect("a field");
    let width = field.bytes.min(8);
    let start = at + field.offset;
    page[start..start + width].copy_from_slice(&value.to_le_bytes()[..width]);
}

pub fn pages_of(base: &Base, kind: PageType) -> Vec<(u64, Vec<u8>)> {
    let pages = base.pages.iter().enumerate();
    pages
        .filter(|(id, page)| *id > 1 && page[..4] == *b"NSDB" && page[10] == kind as u8)
        .map(|(id, page)| (id as u64, page.clone()))
        .collect()
}

/// Where page type and level stand in a page.
#[test]
fn the_page_type_is_where_the_helper_looks() {
    assert_eq!(offset_of(&PageHeader::LAYOUT, "page_type"), 10);
}

/// Cycles, shared children, wrong levels, huge counts, forged lengths, by hand.
pub fn built_by_hand(base: &Base) -> Vec<Case> {
    let mut cases = forged_children(base);
    cases.extend(forged_fields(base));
    cases.extend(forged_metas(base));
    cases.extend(forged_slots(base));
    cases
}

/// Children that two slots share, and pointers back to the page itself or to a meta.
fn forged_children(base: &Base) -> Vec<Case> {
    let mut cases = Vec::new();
    let header = PageHeader::BYTES;
    for (id, page) in pages_of(base, PageType::Internal) {
        let count = u16::from_le_bytes([page[header], page[header + 1]]);
        let slot = |n: usize| SLOTS_OFFSET + n * Slot::BYTES;
        for n in 1..usize::from(count).min(4) {
            // Two slots share a cell: a shared child.
            let mut shared = page.clone();
            let first = page[slot(n - 1)..slot(n - 1) + 2].to_vec();
            shared[slot(n)..slot(n) + 2].copy_from_slice(&first);
            cases.push((
                format!("internal {id}: slots {} and {n} share a cell", n - 1),
                with_page(base, id, &shared),
            ));
        }
        // A child pointer that leads back to the page itself, nonce and birth right.
        let own = PageHeader::decode(&page).expect("a header");
        for n in 0..usize::from(count).min(3) {
            let mut cycle = page.clone();
            let cell = usize::from(u16::from_le_bytes([page[slot(n)], page[slot(n) + 1]]));
            let key_bytes = usize::from(u16::from_le_bytes([page[slot(n) + 2], page[slot(n) + 3]]));
            let at = cell + key_bytes;
            if at + 20 <= PAGE_BYTES {
                cycle[at..at + 8].copy_from_slice(&id.to_le_bytes());
                cycle[at + 8..at + 16].copy_from_slice(&own.birth.get().to_le_bytes());
                cycle[at + 16..at + 20].copy_from_slice(&own.nonce.to_le_bytes());
                cases.push((
                    format!("internal {id}: slot {n} points to itself"),
                    with_page(base, id, &cycle),
                ));
                let mut meta = cycle.clone();
                meta[at..at + 8].copy_from_slice(&0u64.to_le_bytes());
                cases.push((
                    format!("internal {id}: slot {n} points to a meta"),
                    with_page(base, id, &meta),
                ));
            }
        }
    }
    cases
}

/// Every field of every page's own header and of the page header, and bitmaps that lie.
fn forged_fields(base: &Base) -> Vec<Case> {
    let mut cases = Vec::new();
    let header = PageHeader::BYTES;
    for (kind, layout) in [
        (PageType::Internal, &NodeHeader::LAYOUT),
        (PageType::Leaf, &NodeHeader::LAYOUT),
        (PageType::Overflow, &OverflowHeader::LAYOUT),
        (PageType::Bitmap, &ChainHeader::LAYOUT),
        (PageType::History, &ChainHeader::LAYOUT),
        (PageType::Retired, &ChainHeader::LAYOUT),
    ] {
        for (id, page) in pages_of(base, kind).into_iter().take(3) {
            for field in layout.fields {
                for value in [
                    0,
                    1,
                    2,
                    0x7fff,
                    0x8000,
                    u64::from(u16::MAX),
                    u64::from(u32::MAX),
                    u64::MAX,
                    id,
                ] {
                    let mut changed = page.clone();
                    put_field(&mut changed, header, layout, field.name, value);
                    cases.push((
                        format!("{} {id}: {} = {value}", kind.name(), field.name),
                        with_page(base, id, &changed),
                    ));
                }
            }
            for field in PageHeader::LAYOUT.fields.iter().filter(|field| field.kind != Kind::Magic)
            {
                for value in [0, 1, 6, 63, 255, u64::MAX] {
                    let mut changed = page.clone();
                    put_field(&mut changed, 0, &PageHeader::LAYOUT, field.name, value);
                    cases.push((
                        format!("{} {id}: header {} = {value}", kind.name(), field.name),
                        with_page(base, id, &changed),
                    ));
                }
            }
            if kind == PageType::Bitmap {
                // Live pages marked free; everything marked used.
                for fill in [0u8, 0xff] {
                    let mut changed = page.clone();
                    changed[header + ChainHeader::BYTES..].fill(fill);
                    cases.push((
                        format!("bitmap {id}: all {fill:#x}"),
                        with_page(base, id, &changed),
                    ));
                }
            }
        }
    }
    cases
}

/// The pages below an internal node; `None` for a leaf.
fn children(page: &[u8]) -> Option<Vec<usize>> {
    let node = Node::new(page.try_into().expect("a whole page"));
    let below = |index| node.child(index).page.get() as usize;
    (!node.is_leaf()).then(|| (0..node.count()).map(below).collect())
}

/// The base with a bitmap in each meta that frees the pages right below its own root, or the root when
/// it is a leaf: checksums right, live pages free.
pub fn bitmaps_that_free_live_pages(base: &Base) -> SimImage {
    let mut image = base.image.clone();
    for slot in 0..2 {
        let meta = Meta::decode(&base.pages[slot][PageHeader::BYTES..]).expect("a meta");
        let (id, root) = (meta.bitmap.page.get(), meta.root.page.get() as usize);
        if id == 0 || root == 0 {
            continue;
        }
        let mut page = base.pages[id as usize].clone();
        let chain = ChainHeader::decode(&page[PageHeader::BYTES..]).expect("a bitmap");
        assert!(chain.first == 0 && root < chain.count as usize, "a small file: one bitmap page");
        for live in children(&base.pages[root]).unwrap_or_else(|| vec![root]) {
            page[PageHeader::BYTES + ChainHeader::BYTES + live / 8] &= !(1 << (live % 8));
        }
        image.write(PATH, id * PAGE_BYTES as u64, &seal(&page, base.uuid, id));
    }
    image
}

fn forged_metas(base: &Base) -> Vec<Case> {
    let mut cases = Vec::new();
    for slot in 0..2u64 {
        for field in Meta::LAYOUT
            .fields
            .iter()
            .filter(|field| field.kind != Kind::Magic && field.kind != Kind::Uuid)
        {
            for value in
                [0, 1, 2, 65, u64::from(u32::MAX), 1 << 34, 1 << 45, u64::MAX - 1, u64::MAX]
            {
                let mut image = base.image.clone();
                put_meta(base, &mut image, slot, field.name, value);
                cases.push((format!("meta {slot}: {} = {value}", field.name), image));
            }
        }
    }
    cases
}

fn forged_slots(base: &Base) -> Vec<Case> {
    let mut cases = Vec::new();
    for (id, page) in pages_of(base, PageType::Leaf).into_iter().take(2) {
        for n in 0..3 {
            for (at, value) in
                [(0, 0), (0, 0xffff), (2, 0xffff), (4, 0x7fff), (4, 0x8000 | 28), (4, 0xffff)]
            {
                let mut changed = page.clone();
                put_u16(&mut changed, SLOTS_OFFSET + n * Slot::BYTES + at, value);
                cases.push((
                    format!("leaf {id}: slot {n} byte {at} = {value}"),
                    with_page(base, id, &changed),
                ));
            }
        }
    }
    cases
}

/// Every field of the segment header, of record headers and of commit payloads with numbers nobody
/// writes, and all three checksums of the record right.
pub fn forged_logs(base: &Base) -> Vec<Case> {
    let log = base.image.read(LOG).expect("a log");
    let segment = SegmentHeader::decode(&log).expect("a segment header");
    let mut cases = Vec::new();
    let values = [0, 1, 2, 3, 56, 4096, u64::from(u32::MAX), 1 << 62, u64::MAX - 8, u64::MAX];
    for field in fields_of(&SegmentHeader::LAYOUT) {
        for value in values {
            let mut bytes = segment.to_bytes();
            put_field(&mut bytes, 0, &SegmentHeader::LAYOUT, field, value);
            let forged = SegmentHeader::decode(&bytes).expect("whole").sealed();
            let mut image = base.image.clone();
            image.write(LOG, 0, &forged.to_bytes());
            cases.push((format!("segment {field} = {value}"), image));
        }
    }
    let starts = log.windows(4).enumerate().filter(|(_, magic)| *magic == RECORD_MAGIC.0);
    let starts: Vec<usize> = starts.map(|(at, _)| at).collect();
    for &start in [starts.first(), starts.last()].into_iter().flatten() {
        let header = RecordHeader::decode(&log[start..]).expect("a record header");
        let lsn = Lsn::new(segment.start_lsn.get() + (start - SEGMENT_HEADER_BYTES) as u64);
        let place = RecordPlace { uuid: base.uuid, generation: segment.generation, lsn };
        let payload_at = start + RecordHeader::BYTES;
        let payload = &log[payload_at..payload_at + header.payload_bytes as usize];
        let mut forge = |name: String, header: RecordHeader, payload: &[u8]| {
            let mut record = vec![0; RecordHeader::BYTES];
            record.extend_from_slice(payload);
            seal_record(&mut record, header, place);
            let mut image = base.image.clone();
            image.write(LOG, start as u64, &record);
            cases.push((format!("record at {start}: {name}"), image));
        };
        for field in fields_of(&RecordHeader::LAYOUT) {
            for value in values {
                let mut bytes = header.to_bytes();
                put_field(&mut bytes, 0, &RecordHeader::LAYOUT, field, value);
                let forged = RecordHeader::decode(&bytes).expect("whole");
                forge(format!("{field} = {value}"), forged, payload);
            }
        }
        for field in fields_of(&CommitHeader::LAYOUT) {
            for value in values {
                let mut changed = payload.to_vec();
                put_field(&mut changed, 0, &CommitHeader::LAYOUT, field, value);
                forge(format!("commit {field} = {value}"), header, &changed);
            }
        }
        for at in CommitHeader::BYTES..payload.len().min(CommitHeader::BYTES + 24) {
            for value in [0, 1, 2, 0x80, 0xff] {
                let mut changed = payload.to_vec();
                changed[at] = value;
                forge(format!("operation byte {at} = {value}"), header, &changed);
            }
        }
        for bytes in [0, 1, 83, 84, 85, payload.len() - 1] {
            forge(format!("payload cut to {bytes}"), header, &payload[..bytes.min(payload.len())]);
        }
    }
    cases
}

fn fields_of(layout: &'static Layout) -> impl Iterator<Item = &'static str> {
    layout.fields.iter().map(|field| field.name)
}
