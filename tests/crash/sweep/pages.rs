//! Metas and pages: changed, zeroed, stale, in each other's place, of another database.

use super::{Base, Count, PAGE, PATTERNS, WORKLOAD, page_of, sibling};
use northstar_engine::{
    disk::{Storage, entropy::mix},
    inspect,
    limits::PAGE_BYTES,
    log::{Chain, LogPaths},
};
use northstar_harness::{
    long::stride,
    oracle::{self, Verdict},
    runner::{LOG, PATH},
};
use std::{path::Path, sync::Arc};

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
