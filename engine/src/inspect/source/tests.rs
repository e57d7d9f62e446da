//! Tests of sources: any file, huge files, files that change.

use super::*;
use crate::db::{Db, Options};
use crate::inspect::find::{FreeMap, PageState, SummaryDepth, summaries};
use crate::inspect::testing::{UUID, meta, sample};
use crate::inspect::{check_source, metas, no_progress, page};
use std::time::Duration;

#[test]
fn kinds_are_guessed() {
    let image = sample().concat();
    let mut torn = image.clone();
    torn[..PAGE_BYTES].fill(0);
    let ragged = &image[..PAGE_BYTES * 3 + 100];
    let log = [&b"NSLG"[..], &[0; 100]].concat();
    for (name, bytes, kind, uuid, pages) in [
        ("database", image.as_slice(), FileKind::Database, UUID, 16),
        ("first page lost", &torn, FileKind::Database, UUID, 16),
        ("ragged end", ragged, FileKind::Database, UUID, 4),
        ("log segment", &log, FileKind::LogSegment, FileUuid::default(), 1),
        ("text", b"key,value\n", FileKind::Unknown, FileUuid::default(), 1),
        ("empty", b"", FileKind::Unknown, FileUuid::default(), 0),
    ] {
        let source = Source::from_bytes(bytes, &[]).unwrap();
        assert_eq!(source.kind(), kind, "{name}");
        assert_eq!(source.uuid(), uuid, "{name}");
        assert_eq!(source.page_count().unwrap(), pages, "{name}");
        for id in [0, pages, u64::MAX] {
            let read = source.read_page(PageId::new(id)).unwrap();
            page(&read.bytes, read.id, uuid);
        }
        check_source(&source, &mut no_progress());
    }
}

#[test]
fn a_damaged_meta_still_tells_the_identity() {
    let mut image = sample().concat();
    image[100] ^= 1;
    image[PAGE_BYTES + 100] ^= 1;
    assert_eq!(Source::from_bytes(&image, &[]).unwrap().uuid(), UUID);
}

#[test]
fn segments_come_oldest_first() {
    let names = ["log", "log.2", "log.10", "log.1", "log.next", "log.x"];
    let segments: Vec<(&str, &[u8])> = names.iter().map(|name| (*name, &b"?"[..])).collect();
    let source = Source::from_bytes(&sample().concat(), &segments).unwrap();
    let found: Vec<String> =
        source.segments().unwrap().into_iter().map(|segment| segment.name).collect();
    let expected = ["memory.ns.log.1", "memory.ns.log.2", "memory.ns.log.10", "memory.ns.log"];
    assert_eq!(found, expected);
}

/// A file of 10 GiB whose pages are holes: what a map needs first is there at once.
#[test]
fn a_huge_file_opens_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.ns");
    let storage = RealStorage::new();
    let file = storage.open(&path, OpenMode::CreateNew).unwrap();
    let pages = (10_u64 << 30) / PAGE_BYTES as u64;
    let huge = Meta { page_count: pages, ..meta(7) };
    file.write_at(&sample().concat(), 0).unwrap();
    file.write_at(&huge.to_page()[..], PAGE_BYTES as u64).unwrap();
    file.set_len(pages * PAGE_BYTES as u64).unwrap();
    drop(file);
    let source = Source::open(&path).unwrap();
    assert_eq!(source.page_count().unwrap(), pages);
    let judgement = metas(&source);
    let chosen = judgement.meta().expect("slot B");
    assert_eq!(chosen.page_count, pages);
    let map = FreeMap::read(&source, chosen).expect("a bitmap, though too short a one");
    let window = pages - 1000..pages + 1000;
    let shown = summaries(&source, window, SummaryDepth::Header, None, Some(&map));
    assert_eq!(shown.len(), 1000);
    assert!(shown.iter().all(|page| page.zero && page.state == Some(PageState::Outside)));
}

/// A writer that commits and checkpoints all the time: readers without a lock find no damage, and
/// the writer does not notice them.
#[test]
fn a_live_writer_leaves_no_damage_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("live.ns");
    let db = Options::new().background(false).open(&path).unwrap();
    commit(&db, 0);
    db.checkpoint().unwrap();
    let writer = {
        let db = db.clone();
        std::thread::spawn(move || {
            for round in 1..60 {
                commit(&db, round);
                db.checkpoint().unwrap();
            }
        })
    };
    let mut looks = 0;
    while !writer.is_finished() || looks < 3 {
        let source = Source::open(&path).unwrap();
        let report = check_source(&source, &mut no_progress());
        assert!(report.is_clean(), "look {looks}: {:#?}", report.problems);
        assert!(metas(&source).chosen.is_some());
        looks += 1;
    }
    writer.join().unwrap();
    assert!(!Source::open(&path).unwrap().is_replaced().unwrap());
    db.close().unwrap();
}

fn commit(db: &Db, round: u32) {
    let mut writer = db.begin_write_timeout(Duration::from_secs(60)).unwrap();
    for index in 0..100 {
        let key = format!("key/{:04}", index * 7 % 300);
        writer.put(key, vec![round as u8; 40 + (index % 50) as usize]).unwrap();
    }
    writer.commit().unwrap();
}

#[test]
fn a_replaced_file_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ns");
    let storage = RealStorage::new();
    storage.open(&path, OpenMode::CreateNew).unwrap().write_at(b"one", 0).unwrap();
    let source = Source::open(&path).unwrap();
    assert!(!source.is_replaced().unwrap());
    storage.unlink(&path).unwrap();
    storage.open(&path, OpenMode::CreateNew).unwrap();
    assert!(source.is_replaced().unwrap());
}
