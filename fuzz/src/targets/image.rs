//! Whole databases: images made of patches, opened as they are or with every checksum made right.
//!
//! ```text
//! patch = file (1 byte), offset (3), length (2), bytes      file & 3: database, log, log.1, log.next
//! file & 0x80: no bytes follow; the file is cut or extended to the offset
//! ```
//!
//! Patches keep inputs small where pages are large, and let a mutator reach any field.

use super::input::Input;
use northstar_engine::{
    FileUuid, Lsn, PageId,
    format::{
        log_record::{RECORD_MAGIC, RecordHeader, RecordPlace, seal_record},
        meta::Meta,
        page::PageHeader,
        segment::SegmentHeader,
    },
    inspect::{self, Source},
    limits::{PAGE_BYTES, SEGMENT_HEADER_BYTES},
    sim::SimImage,
};
use northstar_harness::{
    answers::exercise,
    forge::seal,
    runner::{LOG, PATH, run},
    workload::Workload,
};
use std::{collections::BTreeSet, path::Path, sync::OnceLock};

const FILES: [&str; 4] = [PATH, LOG, "/db/app.ns.log.1", "/db/app.ns.log.next"];
const SET_LENGTH: u8 = 0x80;
/// No file of an image is longer than this.
const FILE_BYTES_MAX: u64 = 2 << 20;
/// Zeros that a patch may span, so that a page is one patch and not many.
const GAP: usize = 24;

/// Databases of every kind of page, the last one with four cells a page and a log of many segments.
const BASES: [&str; 3] = ["2A5-pPk", "2A5-fPkmPdkbrkpmPpp", "2R5t-fpkmrkGe"];

/// The base that a byte chooses.
pub fn base(choice: u8) -> &'static SimImage {
    static IMAGES: [OnceLock<SimImage>; BASES.len()] = [const { OnceLock::new() }; BASES.len()];
    let at = usize::from(choice) % BASES.len();
    IMAGES[at].get_or_init(|| {
        let run = run(&Workload::parse(BASES[at]).expect("known steps"));
        run.trace.crash_at(run.trace.len()).image_all_kept()
    })
}

/// Applies the patches that are left in the input; says which pages of the database they touched.
pub fn patch(image: &mut SimImage, input: &mut Input<'_>) -> BTreeSet<u64> {
    let mut touched = BTreeSet::new();
    while let Some((file, offset)) = input.byte().zip(input.number(3)) {
        let path = FILES[usize::from(file & 3)];
        let offset = offset % FILE_BYTES_MAX;
        if image.len_of(path).is_none() {
            image.put(path, &[]);
        }
        if file & SET_LENGTH != 0 {
            image.set_len(path, offset);
            continue;
        }
        let Some(bytes) = input.number(2) else { break };
        let bytes = input.take(bytes as usize);
        image.write(path, offset, bytes);
        if path == PATH && !bytes.is_empty() {
            let page = PAGE_BYTES as u64;
            touched.extend(offset / page..=(offset + bytes.len() as u64 - 1) / page);
        }
    }
    touched
}

/// The patches that make these files out of nothing.
fn patches_of(image: &SimImage) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, path) in (0..).zip(FILES) {
        let Some(bytes) = image.read(path) else { continue };
        out.push(number | SET_LENGTH);
        out.extend(&(bytes.len() as u32).to_le_bytes()[..3]);
        let mut at = 0;
        while let Some(start) = bytes[at..].iter().position(|&byte| byte != 0) {
            let start = at + start;
            let mut end = start;
            let mut zeros = 0;
            while end < bytes.len() && zeros < GAP && end - start < 4096 {
                zeros = if bytes[end] == 0 { zeros + 1 } else { 0 };
                end += 1;
            }
            let end_used = end - zeros;
            out.push(number);
            out.extend(&(start as u32).to_le_bytes()[..3]);
            out.extend(((end_used - start) as u16).to_le_bytes());
            out.extend(&bytes[start..end_used]);
            at = end;
        }
    }
    out
}

/// Makes the checksums of these pages right, whatever they hold.
fn restamp_pages(image: &mut SimImage, pages: &BTreeSet<u64>) {
    let Some(bytes) = image.read(PATH) else { return };
    let uuid = bytes.get(PageHeader::BYTES..).and_then(Meta::decode).map(|meta| meta.uuid);
    let uuid = uuid.unwrap_or(FileUuid([0; 16]));
    for &id in pages {
        let start = id as usize * PAGE_BYTES;
        if let Some(page) = bytes.get(start..start + PAGE_BYTES) {
            image.write(PATH, start as u64, &seal(page, uuid, PageId::new(id).get()));
        }
    }
}

/// Makes the checksums of a segment's header and of its records right, as far as one follows the
/// other; with `linked` also what each record stores of the one before.
pub fn restamp_log(log: &mut [u8], linked: bool) {
    let Some(segment) = SegmentHeader::decode(log).map(SegmentHeader::sealed) else { return };
    log[..SegmentHeader::BYTES].copy_from_slice(&segment.to_bytes());
    let mut at = SEGMENT_HEADER_BYTES;
    let mut before = None;
    while let Some(header) = log.get(at..).and_then(RecordHeader::decode) {
        let payload_at = at + RecordHeader::BYTES;
        let payload = log.get(payload_at..payload_at + header.payload_bytes as usize);
        let Some(payload) = payload.filter(|_| header.magic == RECORD_MAGIC) else { break };
        let mut record = vec![0; RecordHeader::BYTES];
        record.extend_from_slice(payload);
        let lsn = segment.start_lsn.get().wrapping_add((at - SEGMENT_HEADER_BYTES) as u64);
        let place =
            RecordPlace { uuid: segment.uuid, generation: segment.generation, lsn: Lsn::new(lsn) };
        let previous_crc = before.filter(|_| linked).unwrap_or(header.previous_crc);
        before = Some(seal_record(&mut record, RecordHeader { previous_crc, ..header }, place));
        let Some(target) = log.get_mut(at..at + record.len()) else { break };
        target.copy_from_slice(&record);
        at += record.len();
    }
}

fn restamp_logs(image: &mut SimImage, linked: bool) {
    for path in &FILES[1..] {
        if let Some(mut log) = image.read(path) {
            restamp_log(&mut log, linked);
            image.put(path, &log);
        }
    }
}

/// An image as the patches make it: opened, read, written.
pub fn open(bytes: &[u8]) {
    let mut image = SimImage::new();
    patch(&mut image, &mut Input::new(bytes));
    exercise(&image).unwrap_or_else(|wrong| panic!("{wrong}"));
}

/// A database with patches, and all checksums right: the checks behind the checksums stand alone.
pub fn open_restamped(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let Some((choice, linked)) = input.byte().zip(input.byte()) else { return };
    let mut image = base(choice).clone();
    let touched = patch(&mut image, &mut input);
    restamp_pages(&mut image, &touched);
    restamp_logs(&mut image, linked & 1 == 0);
    exercise(&image).unwrap_or_else(|wrong| panic!("{wrong}"));
}

/// Everything that looks at bytes without opening them.
pub fn inspect(bytes: &[u8]) {
    let mut image = SimImage::new();
    let mut input = Input::new(bytes);
    let touched = patch(&mut image, &mut input);
    restamp_pages(&mut image, &touched);
    let storage = std::sync::Arc::new(image.to_disk());
    for path in FILES {
        let Ok(source) = Source::open_on(storage.clone(), Path::new(path)) else { continue };
        let report = inspect::check_source(&source, &mut inspect::no_progress());
        for problem in &report.problems {
            assert!(!problem.to_string().is_empty(), "a problem that says nothing");
        }
        let pages = source.page_count().unwrap_or(0).min(200);
        for id in (0..pages).map(PageId::new) {
            if let Ok(page) = source.read_page(id) {
                super::page::view(&page.bytes, id, source.uuid());
            }
        }
        look_at_log(&source);
    }
}

fn look_at_log(source: &Source) {
    let log = inspect::log::segments(source);
    let Ok(log) = log else { return };
    if let Ok(records) = inspect::log::records(source, &log, Lsn::new(0), 200) {
        drop(records);
    }
    inspect::log::resync(source, &log, Lsn::new(0)).ok();
}

/// Small databases as they are on the disk.
pub fn whole_files() -> Vec<Vec<u8>> {
    let small = ["0R5-", "0R5-p", "2R5-pke"].map(|text| {
        let run = run(&Workload::parse(text).expect("known steps"));
        patches_of(&run.trace.crash_at(run.trace.len()).image_all_kept())
    });
    small.into()
}

/// A few bytes changed in each kind of page and in the log.
pub fn changes() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for choice in 0..BASES.len() as u8 {
        let pages = base(choice).len_of(PATH).unwrap_or(0) / PAGE_BYTES as u64;
        for page in 0..pages.min(12) {
            let offset = page as u32 * PAGE_BYTES as u32 + 40 + 4 * page as u32;
            let mut seed = vec![choice, 0, 0];
            seed.extend(&offset.to_le_bytes()[..3]);
            seed.extend([2, 0, 1, 0]);
            seeds.push(seed);
        }
        let mut seed = vec![choice, 0, 1];
        seed.extend(&(SEGMENT_HEADER_BYTES as u32 + 16).to_le_bytes()[..3]);
        seed.extend([1, 0, 2]);
        seeds.push(seed);
    }
    seeds
}
