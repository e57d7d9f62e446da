//! Corruption sweep: bytes of metas, pages and log changed; files cut and grown; pages stale, swapped
//! and of another database; log records repeated, dropped, spliced. Right data or a typed error,
//! nothing else; and where a promise says more (a damaged meta slot costs nothing, a proven record is
//! never forgotten in silence), it is asked for.

mod files;
mod log;
mod pages;
mod proofs;

use northstar_engine::{
    disk::Storage,
    limits::PAGE_BYTES,
    log::{Chain, LogPaths, Scanner},
    sim::{SimDisk, SimImage},
};
use northstar_harness::{
    oracle::{self, Expectation, Verdict},
    runner::{PATH, Run, Session, run},
    tally::Suite,
    workload::Workload,
};
use std::{collections::BTreeMap, path::Path, sync::Arc};

const PAGE: u64 = PAGE_BYTES as u64;

/// All of history and log, several checkpoints, overflow pages, and a tail behind the last meta.
const WORKLOAD: &str = "2A5-fPkmPdkbrkpmPpp";

/// What a byte is changed by.
const PATTERNS: [u8; 2] = [0xff, 0x01];

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
