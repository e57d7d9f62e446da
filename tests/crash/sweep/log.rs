//! The log: bytes changed, records repeated, dropped, swapped, spliced in from elsewhere.

use super::{Base, Count, PATTERNS, Record, WORKLOAD, sibling};
use northstar_engine::{
    disk::Storage,
    format::{log_record::RecordHeader, segment::SegmentHeader},
    limits::SEGMENT_HEADER_BYTES,
    log::{Chain, LogPaths},
    sim::SimDisk,
};
use northstar_harness::{
    long::{self, stride},
    oracle::{self, Expectation, Verdict},
    runner::{LOG, PATH, Session},
    workload::{Step, Workload},
};
use std::{path::Path, sync::Arc};

#[test]
fn a_proven_record_is_never_forgotten_in_silence() {
    let base = Base::new(WORKLOAD);
    let last = *base.log.last().expect("records");
    let mut count = Count::begin("bytes of the log");
    let mut offsets: Vec<u64> = (0..96).step_by(stride(5)).collect();
    offsets.extend((4096..last.end + 40).step_by(stride(101)));
    // Each record's own fields, densely.
    for record in base.log.iter().rev().take(5) {
        offsets.extend((record.start..record.start + 60).step_by(stride(4)));
        offsets.extend((record.end - 16..record.end).step_by(stride(2)));
    }
    for offset in offsets {
        for pattern in PATTERNS {
            let mut image = base.image.clone();
            image.flip(LOG, offset, pattern);
            let what =
                || format!("log byte {offset} ^ {pattern:#x} (last record at {})", last.start);
            let verdict = base.judge(&image, what);
            if offset < last.start {
                assert_ne!(verdict, Verdict::Earlier, "{}", what());
            }
            count.add(verdict);
        }
    }
    count.end();
}

#[test]
fn after_a_clean_close_no_damage_shortens_history() {
    let workload = Workload::parse(WORKLOAD).expect("known steps");
    let sim = SimDisk::new();
    let mut session = Session::new(&workload, sim.clone(), Arc::new(sim.clone()));
    session.create().expect("create");
    for step in workload.steps.iter().copied().chain([Step('x')]) {
        session.step(step).expect("a healthy disk");
    }
    let image = sim.visible();
    let (_, timeline) = session.kill();
    let (acked, issued) = timeline.bounds(usize::MAX);
    let expect = Expectation { workload: &workload, timeline: &timeline, acked, issued };
    let mut count = Count::begin("bytes after a clean close");
    for path in [PATH, LOG] {
        let bytes = image.len_of(path).expect("a file");
        for offset in (0..bytes).step_by(stride(997)) {
            let mut image = image.clone();
            image.flip(path, offset, 0x80 >> (offset % 8));
            let verdict = oracle::check_damaged(&image, &expect)
                .unwrap_or_else(|wrong| panic!("{path} byte {offset}: {wrong}"));
            assert_ne!(verdict, Verdict::Earlier, "{path} byte {offset}");
            count.add(verdict);
        }
    }
    count.end();
}

#[test]
fn repeated_dropped_and_spliced_records() {
    let base = Base::new(WORKLOAD);
    let log = base.image.read(LOG).expect("a log");
    let siblings = if long::is_asked_for() { 5 } else { 1 };
    let siblings = (0..siblings).map(|n| sibling(99 + n).read(LOG).expect("a log"));
    let siblings: Vec<Vec<u8>> = siblings.collect();
    let bytes_of = |record: &Record| log[record.start as usize..record.end as usize].to_vec();
    let mut count = Count::begin("records");
    let mut try_log = |name: String, bytes: &[u8]| {
        let mut image = base.image.clone();
        image.put(LOG, bytes);
        count.add(base.judge(&image, || name));
    };
    let splice = |at: usize, to: usize, middle: &[u8]| {
        let mut spliced = log[..at].to_vec();
        spliced.extend_from_slice(middle);
        spliced.extend_from_slice(&log[to..]);
        spliced.resize(log.len().max(spliced.len()), 0);
        spliced
    };
    for (a, first) in base.log.iter().enumerate() {
        let (start, end) = (first.start as usize, first.end as usize);
        try_log(format!("record {a} dropped"), &splice(start, end, &[]));
        try_log(format!("record {a} twice"), &splice(end, end, &bytes_of(first)));
        let zeros = vec![0; end - start];
        try_log(format!("record {a} zeroed"), &splice(start, end, &zeros));
        for (n, foreign) in siblings.iter().enumerate() {
            let name = format!("record {a} of sibling {n}");
            try_log(name, &splice(start, end, &foreign[start..end]));
            let name = format!("from record {a} on of sibling {n}");
            try_log(name, &splice(start, log.len(), &foreign[start..]));
        }
        for (b, second) in base.log.iter().enumerate() {
            if (a + b) % stride(5) == 0 {
                let place = (second.start as usize, second.end as usize);
                try_log(
                    format!("record {a} over {b}"),
                    &splice(place.0, place.1, &bytes_of(first)),
                );
            }
        }
        for (b, second) in base.log.iter().enumerate().skip(a + 1).step_by(stride(3)) {
            let both =
                [bytes_of(second), log[end..second.start as usize].to_vec(), bytes_of(first)];
            let swapped = splice(start, second.end as usize, &both.concat());
            try_log(format!("records {a} and {b} swapped"), &swapped);
        }
    }
    // The log as it was at each sync, beside the newer database.
    for at in base.run.trace.syncs() {
        let old = base.run.trace.crash_at(at).image_all_kept();
        if let Some(bytes) = old.read(LOG) {
            try_log(format!("log as before operation {at}"), &bytes);
        }
    }
    count.end();
    // A record in its place, from a log that was cut and went on: its checksum is seeded otherwise.
    let header = SegmentHeader::decode(&log).expect("a header");
    let tampered = SegmentHeader { generation: header.generation ^ 2, ..header }.sealed();
    let mut image = base.image.clone();
    image.write(LOG, 0, &tampered.seal());
    let verdict = base.judge(&image, || "another generation".to_owned());
    assert_ne!(verdict, Verdict::Whole, "records of another generation are taken");
    const { assert!(RecordHeader::BYTES < SEGMENT_HEADER_BYTES) };
}

/// One damaged header in the middle of the log that is kept: the sound segments before it are what is
/// left of that time. They stay as long as the retention asks for them, and no longer.
#[test]
fn segments_before_a_damaged_one_stay_as_long_as_the_log_is_kept() {
    const KEPT: u64 = 64 << 10;
    let base = Base::new("0B5t-fffffkmkm");
    let storage: Arc<dyn Storage> = Arc::new(base.image.to_disk());
    let chain = Chain::discover(&storage, &LogPaths::of_database(Path::new(PATH))).expect("a log");
    let segments = chain.segments();
    let newest = chain.newest().expect("a segment").header.start_lsn.get();
    // What stays behind the damaged one leaves room for more commits within what is kept.
    let is_kept = |at: usize| newest - segments[at].header.start_lsn.get() < KEPT / 2;
    let damaged = (1..segments.len()).find(|&at| is_kept(at)).expect("old segments") - 1;
    assert!(damaged > 0 && damaged + 2 < segments.len(), "segment {damaged} of {segments:?}");
    let before: Vec<&Path> = segments[..damaged].iter().map(|each| &*each.path).collect();
    let mut image = base.image.clone();
    image.flip(&segments[damaged].path, 40, 0xff);

    let disk = image.to_disk();
    let db =
        northstar_harness::runner::open_with(base.run.workload.tuning(), Arc::new(disk.clone()), 1);
    let db = db.expect("nothing is needed of them");
    let commit = |bytes: usize| {
        let mut write = db.begin_write().expect("no other writer");
        write.put(b"more", vec![b'm'; bytes]).expect("room");
        write.commit().expect("a commit");
        db.checkpoint().expect("a checkpoint");
    };
    let there = |path: &&Path| disk.exists(path).expect("an answer");
    commit(100);
    commit(100);
    assert!(before.iter().all(there), "sound segments are gone");
    for _ in 0..8 {
        commit(30_000);
    }
    assert!(!before.iter().any(there), "{before:?} are older than what is kept");
}
