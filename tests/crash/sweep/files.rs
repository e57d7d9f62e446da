//! Whole files: cut, grown, of another kind, alone.

use super::{Base, Count, PAGE, WORKLOAD};
use northstar_engine::{
    disk::entropy::mix,
    sim::{Call, Fault, FaultDisk, Repeat, Rule, SimImage},
};
use northstar_harness::{
    long::stride,
    oracle::Verdict,
    runner::{LOG, PATH},
    tally::Suite,
};
use std::sync::Arc;

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
        let error = northstar_harness::runner::open(Arc::new(disk.clone()), 1)
            .map(drop)
            .expect_err("noise");
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
            let opened = northstar_harness::runner::open(Arc::new(disk.clone()), 1);
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
        let error =
            northstar_harness::runner::open(Arc::new(disk.clone()), 1).map(drop).unwrap_err();
        assert!(error.is_corrupt(), "{gone} gone: {error:?}");
        assert_eq!(disk.visible().hash(), image.hash(), "{gone} gone: files were touched");
    }
}

/// The records of a log whose database is gone are all that is left: a damaged header, a damaged first
/// record or a disk that does not answer is no reason to take them for an unfinished creation.
#[test]
fn a_log_without_its_database_is_kept_whatever_is_damaged() {
    let suite = Suite::begin("damaged logs alone");
    let mut cases = 0;
    // Several records, and one alone: no other tells of it.
    for workload in ["0R5-eep", "0R5-p"] {
        let base = Base::new(workload);
        let first = base.log[0];
        for offset in (0..96).chain(first.start..first.end) {
            let mut image = base.image.clone();
            image.remove(PATH);
            image.flip(LOG, offset, 0x41);
            let disk = image.to_disk();
            let opened = northstar_harness::runner::open(Arc::new(disk.clone()), 1).map(drop);
            let place = format!("{workload}: log byte {offset}");
            assert!(opened.is_err(), "{place}: a new database over the old log");
            let log = disk.visible().read(LOG);
            assert!(log == image.read(LOG), "{place}: the log was touched: {opened:?}");
            cases += 1;
        }
    }
    let base = Base::new("0R5-eep");
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
        let opened = northstar_harness::runner::open(Arc::new(disk.clone()), 1).map(drop);
        assert!(opened.is_err(), "read {nth}: {opened:?}");
        assert!(disk.inner().visible().read(LOG) == image.read(LOG), "read {nth}: touched");
        cases += 1;
    }
    suite.cases(cases);
}
