//! Offsets past 4 GiB and page ids past 2^18: files that are mostly holes.

use northstar_engine::{
    Error, FileUuid, PageId, Pointer,
    format::{
        chain::{ChainHeader, entries_max},
        meta::Meta,
        page::{PageHeader, PageType, seal_page, verify_page},
    },
    limits::PAGE_BYTES,
    sim::SimImage,
};
use northstar_harness::{
    runner::{PATH, open, run},
    tally::Suite,
    workload::Workload,
};
use std::sync::Arc;

/// Page ids around 2 GiB, 4 GiB and 2^32 bytes' worth of pages.
const PLACES: [u64; 7] =
    [(1 << 17) - 1, 1 << 17, (1 << 18) - 1, 1 << 18, (1 << 18) + 1, 1 << 20, 1 << 22];

/// A small database whose only leaf has been moved to `page`, the file a hole up to there. Its free
/// space is not stored: it is found by a walk.
fn with_root_at(page: u64) -> (SimImage, u64) {
    let run = run(&Workload::parse("0R5-pk").expect("known steps"));
    let mut image = run.trace.crash_at(run.trace.len()).image_all_kept();
    let bytes = image.read(PATH).expect("a database");
    for slot in 0..2 {
        let at = slot * PAGE_BYTES;
        let mut meta = Meta::decode(&bytes[at + PageHeader::BYTES..]).expect("a meta");
        if meta.root == Pointer::NULL {
            continue;
        }
        let start = meta.root.page.get() as usize * PAGE_BYTES;
        let leaf = move_page(&bytes[start..start + PAGE_BYTES], meta.uuid, page);
        meta.root.page = PageId::new(page);
        meta.page_count = page + 1;
        meta.bitmap = Pointer::NULL;
        image.set_len(PATH, (page + 1) * PAGE_BYTES as u64);
        image.write(PATH, page * PAGE_BYTES as u64, &leaf);
        image.write(PATH, at as u64, &meta.to_page()[..]);
    }
    (image, run.timeline.last())
}

fn move_page(bytes: &[u8], uuid: FileUuid, page: u64) -> Vec<u8> {
    let mut bytes: Box<[u8; PAGE_BYTES]> = bytes.to_vec().try_into().expect("a page");
    let header = PageHeader::decode(&bytes[..]).expect("a header");
    seal_page(&mut bytes, uuid, PageHeader { page_id: PageId::new(page), ..header });
    bytes.to_vec()
}

#[test]
fn pages_far_out_are_read_written_and_verified() {
    let suite = Suite::begin("pages past 4 GiB");
    for page in PLACES {
        let (image, last) = with_root_at(page);
        let disk = image.to_disk();
        let db = open(Arc::new(disk.clone()), 9).unwrap_or_else(|error| panic!("{page}: {error}"));
        let read = db.begin_read().expect("a snapshot");
        assert_eq!(read.txn_id().get(), last, "page {page}");
        assert!(!read.is_empty(), "page {page}");
        drop(read);
        for n in 0..3_u32 {
            let mut write = db.begin_write().expect("no other writer");
            write.put(n.to_be_bytes(), vec![n as u8; 30_000]).expect("room");
            write.commit().expect("commit");
            db.checkpoint().unwrap_or_else(|error| panic!("{page}: checkpoint: {error}"));
        }
        let report = db.verify().expect("verify");
        assert!(report.is_clean(), "page {page}: {:?}", report.problems);
        db.close().expect("close");
        let db = open(Arc::new(disk), 10).unwrap_or_else(|error| panic!("{page}: again: {error}"));
        let read = db.begin_read().expect("a snapshot");
        for n in 0..3_u32 {
            let value = read.get(n.to_be_bytes()).expect("a row");
            assert_eq!(value.as_deref(), Some(&vec![n as u8; 30_000][..]), "page {page}");
        }
    }
    suite.cases(PLACES.len() as u64);
}

/// Where 32 bits end: identities, offsets and checksums of pages that no disk of ours can hold.
#[test]
fn page_ids_around_two_to_the_thirty_second() {
    let uuid = FileUuid([9; 16]);
    let mut page = Box::new([0; PAGE_BYTES]);
    let zero = PageHeader::decode(&[0; PageHeader::BYTES]).expect("whole");
    for id in [(1 << 32) - 1, 1 << 32, (1 << 32) + 1, (1u64 << 34) - 1] {
        let header = PageHeader {
            magic: northstar_engine::format::page::PAGE_MAGIC,
            page_type: PageType::Leaf as u8,
            page_id: PageId::new(id),
            ..zero
        };
        seal_page(&mut page, uuid, header);
        assert_eq!(verify_page(&page[..], uuid, PageId::new(id)).map(|h| h.page_id.get()), Ok(id));
        // The same low 32 bits are another page.
        let folded = PageId::new(id & u64::from(u32::MAX) ^ 1 << 33);
        assert!(verify_page(&page[..], uuid, folded).is_err(), "{id} passes for {folded}");
    }
    assert!(entries_max(PageType::Bitmap) > 8 * 16_000 - 8 * ChainHeader::BYTES as u64);
}

/// A meta that counts so many pages as only a file of holes can have: refused or opened, in time.
#[test]
fn a_file_of_holes_is_no_reason_to_hang() {
    for page in [(1 << 26) + 3, (1 << 32) + 3] {
        let (image, _) = with_root_at(page);
        match open(Arc::new(image.to_disk()), 9) {
            Ok(db) => drop(db.begin_read().expect("a snapshot")),
            Err(Error::Corrupt(_) | Error::OutOfSpace) => {}
            Err(other) => panic!("{page}: {other:?}"),
        }
    }
}
