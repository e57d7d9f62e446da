//! What proves a position of the log durable, beside later records and the chosen meta: damage below it
//! is `Corrupt`, never a shorter history.

use super::{Base, Count, PAGE, Record};
use northstar_engine::{format::meta::Meta, limits::PAGE_BYTES, sim::SimImage};
use northstar_harness::{
    long::stride,
    oracle::Verdict,
    runner::{LOG, PATH},
};

/// Every `short`th byte of the records changed, one at a time.
fn flip_records(
    count: &mut Count,
    base: &Base,
    image: &SimImage,
    records: &[Record],
    (name, short): (&str, usize),
) {
    for record in records {
        for offset in (record.start..record.end).step_by(stride(short)) {
            let mut image = image.clone();
            image.flip(LOG, offset, 0x10);
            let what = || format!("{name}: log byte {offset}");
            let verdict = base.judge(&image, what);
            assert_ne!(verdict, Verdict::Earlier, "{}", what());
            count.add(verdict);
        }
    }
}

/// Recovery showed these records, and had made them durable: no later record says so yet.
#[test]
fn what_recovery_has_copied_is_never_forgotten_in_silence() {
    let mut count = Count::begin("bytes of copied records");
    for workload in ["0R5-peeq", "2A5-fkeEeq", "0R5-peqeq"] {
        let base = Base::new(workload);
        assert!(!base.log.is_empty(), "{workload}: nothing was copied");
        flip_records(&mut count, &base, &base.image, &base.log, (workload, 5));
        for record in &base.log {
            for bytes in [record.start, record.end - 8] {
                let mut image = base.image.clone();
                image.set_len(LOG, bytes);
                let what = || format!("{workload}: log cut to {bytes}");
                let verdict = base.judge(&image, what);
                assert_ne!(verdict, Verdict::Earlier, "{}", what());
                count.add(verdict);
            }
        }
    }
    count.end();
}

/// The newer meta cannot be used because of a page that it names; what it says of the log holds.
#[test]
fn a_meta_that_is_given_up_still_proves_the_log_it_names() {
    let mut count = Count::begin("metas given up, bytes of the log they name");
    let base = Base::new("2A5-fkmmemk");
    let slot = |slot: u64| {
        let page = base.page(slot);
        Meta::decode_slot(&page, slot).expect("a sound slot")
    };
    let (a, b) = (slot(0), slot(1));
    let (older, newer) = if a.sequence < b.sequence { (a, b) } else { (b, a) };
    let between: Vec<Record> = {
        let start = |record: &Record| record.start - 4096;
        let records = base.log.iter().copied();
        let within =
            |record: &Record| (older.log_lsn.get()..newer.log_lsn.get()).contains(&start(record));
        records.filter(within).collect()
    };
    assert!(between.len() > 2, "records between the metas");
    for (name, page) in [("its root", newer.root.page), ("its history", newer.history.page)] {
        let mut image = base.image.clone();
        image.flip(PATH, page.get() * PAGE + 200 % PAGE_BYTES as u64, 0xff);
        assert_eq!(base.judge(&image, || format!("{name} damaged")), Verdict::Whole, "{name}");
        flip_records(&mut count, &base, &image, &between, (name, 5));
    }
    count.end();
}
