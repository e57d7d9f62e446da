//! Corruption sweep: bytes of metas, pages and log changed; files cut and grown; pages stale, swapped
//! and of another database; log records repeated, dropped, spliced. Right data or a typed error,
//! nothing else; and where a promise says more (a damaged meta slot costs nothing, a proven record is
//! never forgotten in silence), it is asked for.

use crate::{
    long::{self, stride},
    oracle::{self, Expectation, Verdict},
    runner::{LOG, PATH, Run, Session, run},
    tally::Suite,
    workload::{Step, Workload},
};
use northstar_engine::{
    disk::{Storage, entropy::mix},
    format::{log_record::RecordHeader, segment::SegmentHeader},
    inspect,
    limits::{PAGE_BYTES, SEGMENT_HEADER_BYTES},
    log::{Chain, LogPaths, Scanner},
    sim::{Call, Fault, FaultDisk, Repeat, Rule, SimDisk, SimImage},
};
use std::{collections::BTreeMap, path::Path, sync::Arc};

const PAGE: u64 = PAGE_BYTES as u64;

/// All of history and log, several checkpoints, overflow pages, and a tail behind the last meta.
const WORKLOAD: &str = "2A5-fPkmPdkbrkpmPpp";

/// A database as a kill leaves it, all its bytes in place.
struct Base {
    run: Run,
    image: SimImage,
    log: Vec<Record>,
}

/// A log record of the newest segment: where its bytes are in the file.
#[derive(Clone, Copy, Debug)]
struct Record {
    start: u64,
    end: u64,
}

impl Base {
    fn new(workload: &str) -> Self {
        let workload = Workload::parse(workload).expect("known steps");
        let run = run(&workload);
        let image = run.trace.crash_at(run.trace.len()).image_all_kept();
        let log = records(&image);
        Self { run, image, log }
    }

    /// What `check_damaged` compares with; everything had been acknowledged.
    fn expectation(&self) -> Expectation<'_> {
        let (acked, issued) = self.run.timeline.bounds(usize::MAX);
        let (workload, timeline) = (&self.run.workload, &self.run.timeline);
        Expectation { workload, timeline, acked, issued }
    }

    fn judge(&self, image: &SimImage, what: impl FnOnce() -> String) -> Verdict {
        oracle::check_damaged(image, &self.expectation())
            .unwrap_or_else(|wrong| panic!("{}: {wrong}", what()))
    }

    fn pages(&self) -> u64 {
        self.image.len_of(PATH).unwrap_or(0) / PAGE
    }

    fn page(&self, id: u64) -> Vec<u8> {
        page_of(&self.image, id)
    }
}

fn page_of(image: &SimImage, id: u64) -> Vec<u8> {
    let bytes = image.read(PATH).unwrap_or_default();
    let start = (id * PAGE) as usize;
    bytes.get(start..start + PAGE_BYTES).map(<[u8]>::to_vec).unwrap_or_default()
}

/// The records of the newest segment of an image.
fn records(image: &SimImage) -> Vec<Record> {
    let storage: Arc<dyn Storage> = Arc::new(image.to_disk());
    let chain = Chain::discover(&storage, &LogPaths::of_database(Path::new(PATH))).expect("a log");
    let header = chain.newest().expect("a segment").header;
    let mut scanner = Scanner::new(chain, header.start_lsn).expect("a scanner");
    let mut records = Vec::new();
    while let Some(record) = scanner.next().expect("a sound log") {
        let start = header.offset_of(record.lsn).expect("in the newest segment");
        records.push(Record { start, end: start + record.header.total_bytes() });
    }
    records
}

/// Verdicts of a suite, counted.
struct Count {
    suite: Suite,
    verdicts: BTreeMap<Verdict, u64>,
}

impl Count {
    fn begin(name: &str) -> Self {
        Self { suite: Suite::begin(name), verdicts: BTreeMap::new() }
    }

    fn add(&mut self, verdict: Verdict) {
        *self.verdicts.entry(verdict).or_default() += 1;
    }

    fn end(self) {
        let total: u64 = self.verdicts.values().sum();
        println!("{:?}", self.verdicts);
        assert!(total > 0, "no case at all");
        self.suite.cases(total);
    }
}

const PATTERNS: [u8; 2] = [0xff, 0x01];

#[test]
fn one_damaged_meta_slot_costs_nothing() {
    let base = Base::new(WORKLOAD);
    let mut count = Count::begin("one meta slot");
    for slot in 0..2 {
        let fields = (0..300).step_by(stride(5));
        let rest = (300..PAGE).step_by(stride(2_003));
        for offset in fields.chain(rest) {
            for pattern in PATTERNS {
                let mut image = base.image.clone();
                image.flip(PATH, slot * PAGE + offset, pattern);
                let what = || format!("slot {slot} byte {offset} ^ {pattern:#x}");
                let verdict = base.judge(&image, what);
                assert_eq!(verdict, Verdict::Whole, "{}", what());
                count.add(verdict);
            }
        }
        let mut image = base.image.clone();
        image.write(PATH, slot * PAGE, &[0; PAGE_BYTES]);
        assert_eq!(base.judge(&image, || format!("slot {slot} zeroed")), Verdict::Whole);
    }
    count.end();
}

#[test]
fn two_damaged_meta_slots_are_refused_and_the_log_still_tells() {
    let base = Base::new(WORKLOAD);
    for n in 0..30 {
        let mut image = base.image.clone();
        for slot in 0..2 {
            image.flip(PATH, slot * PAGE + mix(n * 2 + slot) % 270, 1 << (n % 8));
        }
        let verdict = base.judge(&image, || format!("case {n}"));
        assert_eq!(verdict, Verdict::Refused, "case {n}");
        let storage: Arc<dyn Storage> = Arc::new(image.to_disk());
        let source = inspect::Source::open_on(Arc::clone(&storage), PATH).expect("bytes are there");
        assert!(inspect::metas(&source).meta().is_none(), "case {n}");
        let paths = LogPaths::of_database(Path::new(PATH));
        let chain = Chain::discover(&storage, &paths).expect("the log is sound");
        let rows = oracle::replay(chain, &base.run.timeline).expect("the log replays alone");
        assert_eq!(rows, base.run.timeline.last(), "case {n}");
    }
}

#[test]
fn flipped_bytes_in_pages_never_give_wrong_rows() {
    let base = Base::new(WORKLOAD);
    let mut count = Count::begin("bytes of pages");
    for page in 2..base.pages() {
        let header = (0..140).step_by(stride(9));
        let rest = (140..PAGE).step_by(stride(1_709));
        for offset in header.chain(rest) {
            let mut image = base.image.clone();
            image.flip(PATH, page * PAGE + offset, 1 << (offset % 8));
            let what = || format!("page {page} byte {offset}");
            let verdict = base.judge(&image, what);
            assert_ne!(verdict, Verdict::Earlier, "{}", what());
            count.add(verdict);
        }
    }
    assert!(count.verdicts.contains_key(&Verdict::Refused), "damage that nobody notices");
    count.end();
}

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
fn cut_and_grown_files() {
    let base = Base::new(WORKLOAD);
    let last = *base.log.last().expect("records");
    let mut cut = Count::begin("log cut");
    let log_bytes = base.image.len_of(LOG).expect("a log");
    let edges = base.log.iter().flat_map(|record| [record.start, record.end - 1, record.end]);
    for bytes in (0..log_bytes).step_by(stride(307)).chain(edges) {
        let mut image = base.image.clone();
        image.set_len(LOG, bytes);
        let verdict = base.judge(&image, || format!("log cut to {bytes}"));
        if bytes >= last.end {
            assert_eq!(verdict, Verdict::Whole, "log cut to {bytes}, behind its last record");
        }
        cut.add(verdict);
    }
    cut.end();
    let mut cut = Count::begin("database cut");
    let pages = (0..=base.pages())
        .flat_map(|page| [page * PAGE, page * PAGE + 1, (page * PAGE).saturating_sub(1)]);
    let others = (0..500 / stride(12) as u64).map(|n| mix(n) % (base.pages() * PAGE));
    for bytes in pages.chain(others) {
        let mut image = base.image.clone();
        image.set_len(PATH, bytes.min(base.pages() * PAGE));
        cut.add(base.judge(&image, || format!("database cut to {bytes}")));
    }
    cut.end();
    let mut grown = Count::begin("grown");
    for path in [PATH, LOG] {
        for by in [1, 511, 4096, PAGE, 3 * PAGE + 5, 1 << 20, 64 << 20] {
            for fill in [0u8, 0xaa] {
                if fill != 0 && by > 1 << 20 {
                    continue;
                }
                let mut image = base.image.clone();
                let end = image.len_of(path).expect("a file");
                image.set_len(path, end + by);
                if fill != 0 {
                    image.write(path, end, &vec![fill; by as usize]);
                }
                let what = || format!("{path} grown by {by} bytes of {fill}");
                let verdict = base.judge(&image, what);
                assert_eq!(verdict, Verdict::Whole, "{}", what());
                grown.add(verdict);
            }
        }
    }
    grown.end();
}

#[test]
fn swapped_and_copied_pages_are_found_out() {
    let base = Base::new(WORKLOAD);
    let mut count = Count::begin("swapped and copied pages");
    let mut nth = 0;
    for from in 0..base.pages() {
        for to in (0..base.pages()).filter(|&to| to != from) {
            nth += 1;
            if nth % stride(3) != 0 {
                continue;
            }
            let mut image = base.image.clone();
            let (a, b) = (base.page(from), base.page(to));
            image.write(PATH, to * PAGE, &a);
            if nth % 2 == 0 {
                image.write(PATH, from * PAGE, &b);
            }
            let what = || format!("page {from} over {to}");
            let verdict = base.judge(&image, what);
            assert_ne!(verdict, Verdict::Earlier, "{}", what());
            count.add(verdict);
        }
    }
    count.end();
}

#[test]
fn stale_pages_are_found_out() {
    let mut count = Count::begin("stale pages");
    // Where all history is kept few pages are used again; where none is, most are.
    for workload in [WORKLOAD, "0R5-fkmkmkmkmkmkmk", "0R5-fPkrkfkPdkfkrmk"] {
        let base = Base::new(workload);
        let mut seen = std::collections::BTreeSet::new();
        for at in base.run.trace.syncs() {
            let old = base.run.trace.crash_at(at).image_all_kept();
            for page in 0..base.pages() {
                let bytes = page_of(&old, page);
                let same = bytes.is_empty() || bytes == base.page(page);
                if same || !seen.insert((page, bytes.clone())) {
                    continue;
                }
                let mut image = base.image.clone();
                image.write(PATH, page * PAGE, &bytes);
                let what = || format!("{workload}: page {page} as before operation {at}");
                let verdict = base.judge(&image, what);
                assert_ne!(verdict, Verdict::Earlier, "{}", what());
                count.add(verdict);
            }
        }
    }
    count.end();
}

/// A database of the same history and another identity.
fn sibling(seed: u64) -> SimImage {
    let workload = Workload::parse(WORKLOAD).expect("known steps");
    let sim = SimDisk::new();
    let mut session = Session::with_seed(&workload, sim.clone(), Arc::new(sim.clone()), seed);
    session.create().expect("create");
    for step in &workload.steps {
        session.step(*step).expect("a healthy disk");
    }
    let image = sim.visible();
    session.kill();
    image
}

#[test]
fn pages_and_logs_of_another_database_are_found_out() {
    let base = Base::new(WORKLOAD);
    let other = sibling(99);
    let mut count = Count::begin("foreign pages");
    for page in 0..base.pages() {
        let bytes = page_of(&other, page);
        if bytes.is_empty() {
            continue;
        }
        let mut image = base.image.clone();
        image.write(PATH, page * PAGE, &bytes);
        let verdict = base.judge(&image, || format!("foreign page {page}"));
        assert_ne!(verdict, Verdict::Earlier, "foreign page {page}");
        count.add(verdict);
    }
    count.end();
    let mut image = base.image.clone();
    image.put(LOG, &other.read(LOG).expect("a log"));
    assert_eq!(base.judge(&image, || "foreign log".to_owned()), Verdict::Refused);
    let mut image = base.image.clone();
    image.put(PATH, &other.read(PATH).expect("a database"));
    assert_eq!(base.judge(&image, || "foreign database".to_owned()), Verdict::Refused);
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

/// Noise of many lengths, every other one behind a magic of ours.
fn noise_is_refused() -> u64 {
    let count = 5_000 / stride(10) as u64;
    for n in 0..count {
        let length = mix(n) % 70_000;
        let mut bytes: Vec<u8> = (0..length).map(|at| mix(n ^ mix(at)) as u8).collect();
        if n % 2 == 0 {
            let magic: &[u8] = if n % 4 == 0 { b"NSDB" } else { b"NSLG" };
            let end = magic.len().min(bytes.len());
            bytes[..end].copy_from_slice(&magic[..end]);
        }
        let mut image = SimImage::new();
        image.put(PATH, &bytes);
        let disk = image.to_disk();
        let error = crate::runner::open(Arc::new(disk.clone()), 1).map(drop).expect_err("noise");
        let typed = error.is_corrupt()
            || matches!(error, northstar_engine::Error::UnsupportedFormat { .. });
        assert!(typed, "noise {n}: {error:?}");
        assert_eq!(disk.visible().hash(), image.hash(), "noise {n}: the file was touched");
    }
    count
}

#[test]
fn files_of_other_kinds_are_refused_and_not_touched() {
    let suite = Suite::begin("files of other kinds");
    let cases: &[(&str, Vec<u8>)] = &[
        ("empty", Vec::new()),
        ("text", b"This is a letter, not a database.\n".repeat(2_000)),
        ("zeros", vec![0; 65_536]),
        ("ones", vec![0xff; 65_536]),
        ("another engine", [b"SQLite format 3\0".to_vec(), vec![7; 40_000]].concat()),
        ("magic alone", b"NSDB".to_vec()),
        ("noise", (0..100_000u64).map(|n| mix(n) as u8).collect()),
    ];
    let log = Base::new("0R5-pp").image.read(LOG).expect("a log");
    for (name, bytes) in cases {
        for with_log in [false, true] {
            let mut image = SimImage::new();
            image.put(PATH, bytes);
            if with_log {
                image.put(LOG, &log);
            }
            let disk = image.to_disk();
            let opened = crate::runner::open(Arc::new(disk.clone()), 1);
            assert!(opened.is_err(), "{name}: opened");
            let error = opened.map(drop).unwrap_err();
            let typed = error.is_corrupt()
                || matches!(error, northstar_engine::Error::UnsupportedFormat { .. });
            assert!(typed, "{name}: {error:?}");
            assert_eq!(disk.visible().hash(), image.hash(), "{name}: the file was touched");
        }
    }
    suite.cases(2 * cases.len() as u64 + noise_is_refused());
    // A log without its database, and a database without its log.
    let base = Base::new("0R5-pp");
    for gone in [PATH, LOG] {
        let mut image = base.image.clone();
        image.remove(gone);
        let disk = image.to_disk();
        let error = crate::runner::open(Arc::new(disk.clone()), 1).map(drop).unwrap_err();
        assert!(error.is_corrupt(), "{gone} gone: {error:?}");
        assert_eq!(disk.visible().hash(), image.hash(), "{gone} gone: files were touched");
    }
}

/// The records of a log whose database is gone are all that is left: a damaged header, a damaged first
/// record or a disk that does not answer is no reason to take them for an unfinished creation.
#[test]
fn a_log_without_its_database_is_kept_whatever_is_damaged() {
    let suite = Suite::begin("damaged logs alone");
    let base = Base::new("0R5-eep");
    let first = base.log[0];
    let mut cases = 0;
    for offset in (0..96).chain(first.start..first.end) {
        let mut image = base.image.clone();
        image.remove(PATH);
        image.flip(LOG, offset, 0x41);
        let disk = image.to_disk();
        let opened = crate::runner::open(Arc::new(disk.clone()), 1).map(drop);
        assert!(opened.is_err(), "log byte {offset}: a new database over the old log");
        let log = disk.visible().read(LOG);
        assert!(log == image.read(LOG), "log byte {offset}: the log was touched: {opened:?}");
        cases += 1;
    }
    let mut image = base.image.clone();
    image.remove(PATH);
    let reads = 6;
    for nth in 0..reads {
        let disk = FaultDisk::new(image.to_disk());
        let rule = Rule {
            call: Call::Read,
            file: ".log".to_owned(),
            nth,
            repeat: Repeat::Once,
            fault: Fault::Eio,
        };
        disk.inject(rule);
        let opened = crate::runner::open(Arc::new(disk.clone()), 1).map(drop);
        assert!(opened.is_err(), "read {nth}: {opened:?}");
        assert!(disk.inner().visible().read(LOG) == image.read(LOG), "read {nth}: touched");
        cases += 1;
    }
    suite.cases(cases);
}
