//! Hostile files: bytes changed and the checksums made right again, so that only the checks behind
//! the checksum stand. Anything typed may come out, and no panic, no endless loop, no unbounded
//! memory; then a write into each that opens.

use crate::{
    oracle::guarded,
    runner::{LOG, PATH, open, run},
    workload::Workload,
};
use northstar_engine::{
    Db, Error, FileUuid, Lsn, PageId, TxnId,
    disk::{Entropy, SeededEntropy, Storage},
    format::{
        chain::ChainHeader,
        field::{Kind, Layout},
        log_record::{CommitHeader, RECORD_MAGIC, RecordHeader, RecordPlace, seal_record},
        meta::Meta,
        node::{NodeHeader, SLOTS_OFFSET, Slot},
        overflow::OverflowHeader,
        page::{PageHeader, PageType, seal_page},
        segment::SegmentHeader,
    },
    inspect,
    limits::{PAGE_BYTES, SEGMENT_HEADER_BYTES},
    sim::SimImage,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

const WORKLOAD: &str = "2A5-fffPPkrmkPdkfm";

struct Base {
    image: SimImage,
    uuid: FileUuid,
    pages: Vec<Vec<u8>>,
}

fn base() -> Base {
    let run = run(&Workload::parse(WORKLOAD).expect("known steps"));
    let image = run.trace.crash_at(run.trace.len()).image_all_kept();
    let bytes = image.read(PATH).expect("a database");
    let pages: Vec<Vec<u8>> = bytes.chunks(PAGE_BYTES).map(<[u8]>::to_vec).collect();
    let meta = Meta::decode(&pages[0][PageHeader::BYTES..]).expect("a meta");
    Base { image, uuid: meta.uuid, pages }
}

/// Makes the checksum of a page right for its place, whatever it holds.
fn seal(page: &[u8], uuid: FileUuid, id: u64) -> Vec<u8> {
    let mut page: Box<[u8; PAGE_BYTES]> = page.to_vec().try_into().expect("a whole page");
    let header = PageHeader::decode(&page[..]).expect("a whole page");
    seal_page(&mut page, uuid, PageHeader { page_id: PageId::new(id), ..header });
    page.to_vec()
}

fn with_page(base: &Base, id: u64, page: &[u8]) -> SimImage {
    let mut image = base.image.clone();
    image.write(PATH, id * PAGE_BYTES as u64, &seal(page, base.uuid, id));
    image
}

/// Everything a stranger's file goes through. The answers may be anything; there must be answers.
fn exercise(image: &SimImage) -> Result<(), String> {
    let begun = Instant::now();
    let disk = image.to_disk();
    let outcome = guarded(|| {
        let storage: Arc<dyn Storage> = Arc::new(disk.clone());
        if let Ok(source) = inspect::Source::open_on(Arc::clone(&storage), PATH) {
            let mut quiet = inspect::no_progress();
            let report = inspect::check_source(&source, &mut quiet);
            drop(report);
        }
        match open(storage, 5) {
            Ok(db) => {
                read_all(&db);
                let wrote = write_all(&db);
                disk.power_off();
                drop(db);
                wrote
            }
            Err(error) => typed(&error),
        }
    });
    let took = begun.elapsed();
    if took > Duration::from_secs(10) {
        return Err(format!("takes {took:?}"));
    }
    outcome
}

fn typed(error: &Error) -> Result<(), String> {
    match error {
        Error::Corrupt(_)
        | Error::UnsupportedFormat { .. }
        | Error::SnapshotNotFound { .. }
        | Error::OutOfSpace
        | Error::ReadOnly
        | Error::Poisoned
        | Error::Io { .. } => Ok(()),
        other => Err(format!("not an answer to a hostile file: {other:?}")),
    }
}

/// Rows that a hostile tree can yield at most before the walk is given up.
const ROWS_MAX: usize = 200_000;

fn read_all(db: &Db) {
    let mut states = vec![db.begin_read()];
    if let Ok(history) = db.history() {
        states.extend(history.iter().take(5).map(|entry| db.begin_read_at(entry.txn_id)));
    }
    for snapshot in states.into_iter().flatten() {
        if let Ok(rows) = snapshot.iter() {
            rows.take(ROWS_MAX).take_while(Result::is_ok).for_each(drop);
        }
        if let Ok(rows) = snapshot.iter() {
            rows.rev().take(ROWS_MAX).take_while(Result::is_ok).for_each(drop);
        }
        for n in 0..20 {
            drop(snapshot.get(crate::runner::key(n)));
        }
    }
    drop(db.verify());
    if let Ok(changes) = db.diff(TxnId::new(0), TxnId::new(3)) {
        changes.take(ROWS_MAX).take_while(Result::is_ok).for_each(drop);
    }
}

type Write = fn(&Db) -> Result<(), Error>;

fn write_all(db: &Db) -> Result<(), String> {
    let steps: [Write; 4] = [
        |db| {
            let mut write = db.begin_write()?;
            for n in 0..30 {
                write.put(crate::runner::key(n), crate::runner::value(1, n, 500))?;
            }
            write.commit().map(drop)
        },
        |db| {
            let mut write = db.begin_write()?;
            write.del_range(b"k".as_slice()..b"k0110".as_slice())?;
            write.put(b"long", vec![7; 60_000])?;
            write.commit().map(drop)
        },
        Db::checkpoint,
        |db| db.compact().map(drop),
    ];
    steps.iter().try_for_each(|step| step(db).or_else(|error| typed(&error)))
}

fn put_u16(page: &mut [u8], at: usize, value: u16) {
    page[at..at + 2].copy_from_slice(&value.to_le_bytes());
}

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

fn pages_of(base: &Base, kind: PageType) -> Vec<(u64, Vec<u8>)> {
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
fn built_by_hand(base: &Base) -> Vec<(String, SimImage)> {
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
    for slot in 0..2u64 {
        for field in Meta::LAYOUT
            .fields
            .iter()
            .filter(|field| field.kind != Kind::Magic && field.kind != Kind::Uuid)
        {
            for value in
                [0, 1, 2, 65, u64::from(u32::MAX), 1 << 34, 1 << 45, u64::MAX - 1, u64::MAX]
            {
                let mut page = base.pages[slot as usize].clone();
                put_field(&mut page, header, &Meta::LAYOUT, field.name, value);
                cases.push((
                    format!("meta {slot}: {} = {value}", field.name),
                    with_page(base, slot, &page),
                ));
            }
        }
    }
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
fn forged_logs(base: &Base) -> Vec<(String, SimImage)> {
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

#[test]
fn forged_logs_with_right_checksums() {
    let base = base();
    let cases = forged_logs(&base);
    let mut tried = 0;
    for (name, image) in cases.iter().step_by(stride(3)) {
        exercise(image).unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
        tried += 1;
    }
    println!("forged logs: {tried} of {} files", cases.len());
}

fn stride(short: usize) -> usize {
    if std::env::var_os("NORTHSTAR_CRASH_STATES").is_some() { 1 } else { short }
}

#[test]
fn forged_structures_with_right_checksums() {
    let base = base();
    let cases = built_by_hand(&base);
    let kinds = [
        PageType::Internal,
        PageType::Leaf,
        PageType::Overflow,
        PageType::Bitmap,
        PageType::History,
    ];
    for kind in kinds {
        assert!(!pages_of(&base, kind).is_empty(), "the base has no {} page", kind.name());
    }
    let mut tried = 0;
    for (name, image) in cases.iter().step_by(stride(7)) {
        exercise(image).unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
        tried += 1;
    }
    println!("forged by hand: {tried} of {} files", cases.len());
}

#[test]
fn random_mutations_with_right_checksums() {
    let base = base();
    let count = 16_000 / stride(40);
    for seed in 0..count as u64 {
        let random = SeededEntropy::new(seed);
        let mut image = base.image.clone();
        for _ in 0..=random.below(3) {
            let id = random.below(base.pages.len() as u64);
            let mut page = base.pages[id as usize].clone();
            for _ in 0..=random.below(4) {
                // Mostly where structure is: headers and slots.
                let most = if random.below(3) == 0 { PAGE_BYTES } else { 300 };
                let at = 8 + random.below(most as u64 - 8) as usize;
                let interesting = [0, 1, 0x7f, 0x80, 0xff, random.next_u64() as u8];
                page[at] = interesting[random.below(6) as usize];
            }
            image.write(PATH, id * PAGE_BYTES as u64, &seal(&page, base.uuid, id));
        }
        exercise(&image).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
    }
    println!("random mutations: {count} files");
}
