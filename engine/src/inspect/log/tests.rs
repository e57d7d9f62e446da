//! Tests of the log views on segments made with the log's own codecs.

use super::*;
use crate::format::log_record::{COMMIT_MAGIC, seal_record};
use crate::format::op::Op;
use crate::format::segment::{SEGMENT_MAGIC, SegmentHeader};
use crate::ids::{FileUuid, Pointer};
use crate::inspect::testing::{UUID, sample};
use crate::inspect::{FileKind, Source};
use crate::limits::SEGMENT_HEADER_BYTES;

const GENERATION: u64 = 77;

fn segment_header(number: u64, start: u64) -> SegmentHeader {
    SegmentHeader {
        magic: SEGMENT_MAGIC,
        crc: Crc(0),
        version: 0,
        flags: 0,
        uuid: UUID,
        number,
        generation: GENERATION,
        start_lsn: Lsn::new(start),
        copied_through: Lsn::new(start),
        superseded: 0,
        capacity: 32 * 1024,
        previous_crc: 0,
        reserved: 0,
        reserved2: 0,
    }
}

/// Records of transactions 1 to `count`, each with a put, a del and a range; where each starts.
fn records_from(start: u64, first: u64, count: u64, durable: u64) -> (Vec<u8>, Vec<u64>) {
    let mut bytes = Vec::new();
    let mut starts = Vec::new();
    for txn in first..first + count {
        let lsn = Lsn::new(start + bytes.len() as u64);
        starts.push(lsn.get());
        let mut record = vec![0; RecordHeader::BYTES];
        let key = format!("key/{txn}");
        let ops = [
            Op::Put { key: key.as_bytes(), value: b"value" },
            Op::Del { key: b"gone" },
            Op::DelRange { start: b"a", end: Some(b"b"), count: 0 },
        ];
        CommitHeader {
            magic: COMMIT_MAGIC,
            txn_id: TxnId::new(txn),
            root: Pointer::NULL,
            depth: 0,
            key_count: txn,
            op_count: ops.len() as u64,
            chain_first: lsn,
            chain_index: 0,
            reserved: 0,
            total_ops: ops.len() as u64,
            reserved2: 0,
        }
        .encode(&mut record);
        ops.iter().for_each(|op| op.encode(&mut record));
        let header = RecordHeader {
            magic: crate::format::log_record::RECORD_MAGIC,
            version: 0,
            record_type: RecordType::Commit as u8,
            header_bytes: 0,
            flags: FLAG_EVENTUAL,
            payload_bytes: 0,
            txn_id: TxnId::new(txn),
            previous_lsn: Lsn::new(0),
            durable_lsn: Lsn::new(durable.min(lsn.get())),
            previous_crc: 0,
            payload_crc: Crc(0),
            header_crc: Crc(0),
            reserved: 0,
        };
        seal_record(&mut record, header, RecordPlace { uuid: UUID, generation: GENERATION, lsn });
        bytes.extend(record);
    }
    (bytes, starts)
}

fn segment_file(header: &SegmentHeader, records: &[u8]) -> Vec<u8> {
    let mut bytes = header.seal();
    bytes.extend_from_slice(records);
    bytes.resize(bytes.len().max(32 * 1024), 0);
    bytes
}

fn open(segments: &[(&str, Vec<u8>)]) -> (Source, LogView) {
    let segments: Vec<(&str, &[u8])> =
        segments.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
    let source = Source::from_bytes(&sample().concat(), &segments).unwrap();
    let log = segments_of(&source);
    (source, log)
}

fn segments_of(source: &Source) -> LogView {
    segments(source).unwrap()
}

fn txns(records: &Records) -> Vec<u64> {
    records.records.iter().map(|record| record.txn_id.get()).collect()
}

#[test]
fn records_are_listed_across_segments() {
    let (old, _) = records_from(0, 1, 3, 0);
    let start = old.len() as u64;
    let (new, starts) = records_from(start, 4, 2, 0);
    let (source, log) = open(&[
        ("log.1", segment_file(&segment_header(1, 0), &old)),
        ("log", segment_file(&segment_header(2, start), &new)),
    ]);
    assert_eq!(log.problems, []);
    assert_eq!(log.segments.iter().map(|s| s.number).collect::<Vec<_>>(), [Some(1), Some(2)]);
    let all = records(&source, &log, Lsn::new(0), 100).unwrap();
    assert_eq!(txns(&all), [1, 2, 3, 4, 5]);
    let end = Lsn::new(start + new.len() as u64);
    assert_eq!(all.tail, Some(Tail::Clean { at: end }));
    assert_eq!(all.records[4].segment, 1);
    assert_eq!(all.records[4].offset, SEGMENT_HEADER_BYTES as u64 + starts[1] - start);
    let some = records(&source, &log, Lsn::new(0), 2).unwrap();
    assert_eq!((txns(&some), some.tail), (vec![1, 2], None));
    let rest = records(&source, &log, some.next.unwrap(), 100).unwrap();
    assert_eq!(txns(&rest), [3, 4, 5]);
}

#[test]
fn the_newest_commit_is_the_last_one_behind_a_position() {
    let (bytes, starts) = records_from(0, 1, 5, 0);
    let (source, _) = open(&[("log", segment_file(&segment_header(1, 0), &bytes))]);
    let last = (Lsn::new(bytes.len() as u64), TxnId::new(5));
    for from in [0, starts[4]] {
        assert_eq!(newest_commit(&source, Lsn::new(from)), Some(last), "from {from}");
    }
    assert_eq!(newest_commit(&source, last.0), None, "nothing is behind the last");
    let (source, _) = open(&[]);
    assert_eq!(newest_commit(&source, Lsn::new(0)), None, "no log");
}

#[test]
fn a_record_is_taken_apart() {
    let (bytes, starts) = records_from(0, 1, 2, 0);
    let (source, log) = open(&[("log", segment_file(&segment_header(1, 0), &bytes))]);
    let detail = record(&source, &log, Lsn::new(starts[1])).unwrap().expect("a record");
    assert!(detail.problems.is_empty() && detail.record.eventual, "{detail:?}");
    let kinds: Vec<OpKind> = detail.ops.iter().map(|op| op.kind).collect();
    assert_eq!(kinds, [OpKind::Put, OpKind::Del, OpKind::DelRange]);
    assert_eq!(detail.ops[0].key, b"key/2");
    assert_eq!(&detail.bytes[detail.ops[0].value.clone()], b"value");
    assert_eq!((detail.ops[2].count, detail.ops[2].end.as_deref()), (Some(0), Some(&b"b"[..])));
    // Every byte has one owner.
    let mut owners = vec![0; detail.bytes.len()];
    for field in &detail.fields {
        field.visit(&mut |field| {
            if field.children.is_empty() {
                owners[field.range.clone()].iter_mut().for_each(|owners| *owners += 1);
            }
        });
    }
    for gap in &detail.gaps {
        owners[gap.range.clone()].iter_mut().for_each(|owners| *owners += 1);
    }
    assert!(owners.iter().all(|&owners| owners == 1), "{owners:?}");
    assert_eq!(record(&source, &log, Lsn::new(starts[1] + 8)).unwrap(), None);
}

/// Recovery refuses such a log, so it must not be called a write that a crash cut short.
#[test]
fn a_torn_record_proves_with_its_header_what_was_durable_before_it() {
    let (bytes, starts) = records_from(0, 1, 3, u64::MAX);
    let bytes = flipped(&flipped(&bytes, starts[1]), starts[2]);
    let (source, log) = open(&[("log", segment_file(&segment_header(1, 0), &bytes))]);
    let found = records(&source, &log, Lsn::new(0), 10).unwrap();
    assert_eq!(txns(&found), [1]);
    assert!(matches!(found.tail, Some(Tail::Corrupt { .. })), "{:?}", found.tail);
}

/// The records with a bit of the payload of the one at `at` flipped.
fn flipped(bytes: &[u8], at: u64) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at as usize + 70] ^= 1;
    bytes
}

#[test]
fn tails_are_explained() {
    let (sound, starts) = records_from(0, 1, 3, 0);
    let (proving, _) = records_from(0, 1, 3, u64::MAX);
    let cut = (starts[2] + 40) as usize;
    type Expect = fn(&Tail) -> bool;
    let cases: &[(&str, Vec<u8>, &[u64], Expect)] = &[
        ("whole", sound.clone(), &[1, 2, 3], |tail| matches!(tail, Tail::Clean { .. })),
        ("cut", sound[..cut].to_vec(), &[1, 2], |tail| matches!(tail, Tail::Torn { .. })),
        ("last flipped", flipped(&sound, starts[2]), &[1, 2], |tail| {
            matches!(tail, Tail::Torn { fault: RecordFault::PayloadCrc { .. }, .. })
        }),
        // Stepped over, since sound records follow; whether it is damage, `explain` tells.
        ("middle flipped", flipped(&sound, starts[1]), &[1, 3], |tail| {
            matches!(tail, Tail::Clean { .. })
        }),
    ];
    for (name, bytes, expected, tail) in cases {
        let (source, log) = open(&[("log", segment_file(&segment_header(1, 0), bytes))]);
        let found = records(&source, &log, Lsn::new(0), 100).unwrap();
        assert_eq!(txns(&found), *expected, "{name}");
        assert!(found.tail.as_ref().is_some_and(tail), "{name}: {:?}", found.tail);
    }
    // The later record says that the broken one was durable: damage, not a crash.
    for (name, bytes, damage) in [("unproven", &sound, false), ("proven", &proving, true)] {
        let bytes = flipped(bytes, starts[1]);
        let (source, log) = open(&[("log", segment_file(&segment_header(1, 0), &bytes))]);
        let at = Lsn::new(starts[1]);
        let tail = explain_gap(&source, &log, at).unwrap().expect("no record starts there");
        assert_eq!(matches!(tail, Tail::Corrupt { .. }), damage, "{name}: {tail:?}");
        assert_eq!(explain_gap(&source, &log, Lsn::new(starts[2])).unwrap(), None, "{name}");
        let found = records(&source, &log, Lsn::new(0), 100).unwrap().records;
        let gaps = found.windows(2).filter_map(|pair| log.gap(pair[0].end_lsn, pair[1].lsn));
        assert!(gaps.eq([at..Lsn::new(starts[2])]), "{name}");
    }
}

#[test]
fn a_broken_record_at_the_end_of_a_segment_leaves_a_gap() {
    let (first, starts) = records_from(0, 1, 2, 0);
    let end = first.len() as u64;
    let (second, _) = records_from(end, 3, 1, 0);
    let (source, log) = open(&[
        ("log.1", segment_file(&segment_header(1, 0), &flipped(&first, starts[1]))),
        ("log", segment_file(&segment_header(2, end), &second)),
    ]);
    let found = records(&source, &log, Lsn::new(0), 100).unwrap();
    assert_eq!(txns(&found), [1, 3]);
    let pair = &found.records;
    let gap = log.gap(pair[0].end_lsn, pair[1].lsn);
    assert_eq!(gap, Some(Lsn::new(starts[1])..Lsn::new(end)));
    let why = explain_gap(&source, &log, Lsn::new(starts[1])).unwrap();
    assert!(matches!(why, Some(Tail::Corrupt { .. })), "a later segment proves it: {why:?}");
}

#[test]
fn segments_are_judged() {
    let (bytes, _) = records_from(0, 1, 1, 0);
    let foreign = SegmentHeader { uuid: FileUuid([1; 16]), ..segment_header(1, 0) };
    let mut torn = segment_file(&segment_header(1, 0), &bytes);
    torn[50] ^= 1;
    for (name, file, rule) in [
        ("foreign", segment_file(&foreign, &bytes), "SEG-5"),
        ("torn header", torn, "SEG-1"),
        ("not a segment", vec![7; 9000], "SEG-1"),
        ("empty", Vec::new(), "SEG-1"),
    ] {
        let (source, log) = open(&[("log", file)]);
        let problem = log.segments[0].problem.as_ref().map(|corrupt| corrupt.rule);
        assert_eq!(problem, Some(rule), "{name}");
        let none = records(&source, &log, Lsn::new(0), 10).unwrap();
        assert_eq!(txns(&none), [0; 0], "{name}");
    }
    let (_, log) = open(&[
        ("log.1", segment_file(&segment_header(1, 0), &bytes)),
        ("log", segment_file(&segment_header(3, bytes.len() as u64), &[])),
    ]);
    assert_eq!(log.problems.first().map(|corrupt| corrupt.rule), Some("SEG-4"), "a gap");
}

#[test]
fn a_segment_opens_by_itself() {
    let (bytes, _) = records_from(0, 1, 2, 0);
    let source = Source::from_bytes(&segment_file(&segment_header(1, 0), &bytes), &[]).unwrap();
    assert_eq!(source.kind(), FileKind::LogSegment);
    assert_eq!(source.uuid(), UUID);
    let log = segments_of(&source);
    assert_eq!(txns(&records(&source, &log, Lsn::new(0), 10).unwrap()), [1, 2]);
}
