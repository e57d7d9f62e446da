//! Records: round trips, every byte damaged, every other place refused.

use super::*;
use proptest::prelude::*;

const PLACE: RecordPlace =
    RecordPlace { uuid: FileUuid([3; 16]), generation: 77, lsn: Lsn::new(4096) };

fn header() -> RecordHeader {
    RecordHeader {
        magic: RECORD_MAGIC,
        version: RECORD_VERSION,
        record_type: RecordType::Commit as u8,
        header_bytes: RecordHeader::BYTES as u16,
        flags: 0,
        payload_bytes: 0,
        txn_id: TxnId::new(5),
        previous_lsn: Lsn::new(4000),
        durable_lsn: Lsn::new(4000),
        previous_crc: 0x0102_0304,
        payload_crc: Crc(0),
        header_crc: Crc(0),
        reserved: 0,
    }
}

fn seal(payload: &[u8], header: RecordHeader, place: RecordPlace) -> (Vec<u8>, u32) {
    let mut record = vec![0; RecordHeader::BYTES];
    record.extend_from_slice(payload);
    let crc = seal_record(&mut record, header, place);
    (record, crc)
}

fn judge(bytes: &[u8], place: RecordPlace) -> Result<(RecordHeader, u32), RecordFault> {
    let header = judge_header(bytes, place)?;
    Ok((header, judge_record(bytes, &header, place)?))
}

#[test]
fn every_flipped_byte_is_found() {
    for payload in [&b""[..], b"x", b"12345678", b"a payload of some length"] {
        let (record, _) = seal(payload, header(), PLACE);
        assert!(judge(&record, PLACE).is_ok(), "sound before the damage");
        for index in 0..record.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut damaged = record.clone();
                damaged[index] ^= flip;
                let name = format!("{} bytes, byte {index} ^ {flip:#x}", payload.len());
                assert!(judge(&damaged, PLACE).is_err(), "{name}");
            }
        }
    }
}

#[test]
fn every_cut_is_found() {
    let (record, _) = seal(b"payload", header(), PLACE);
    for length in 0..record.len() {
        let found = judge(&record[..length], PLACE);
        assert!(matches!(found, Err(RecordFault::Short { .. })), "{length} bytes: {found:?}");
    }
}

#[test]
fn a_record_of_another_place_is_refused() {
    let (record, _) = seal(b"payload", header(), PLACE);
    let places = [
        ("another database", RecordPlace { uuid: FileUuid([4; 16]), ..PLACE }),
        ("another generation", RecordPlace { generation: 78, ..PLACE }),
        ("another position", RecordPlace { lsn: Lsn::new(4104), ..PLACE }),
    ];
    for (name, place) in places {
        let found = judge(&record, place);
        assert!(matches!(found, Err(RecordFault::HeaderCrc { .. })), "{name}: {found:?}");
    }
    assert!(judge(&vec![0; 4096], PLACE).is_err(), "zeros are no record");
}

#[test]
fn a_sound_checksum_is_not_enough() {
    type Case = (&'static str, fn(&mut RecordHeader));
    let cases: &[Case] = &[
        ("newer version", |h| h.version = 1),
        ("unknown type", |h| h.record_type = 4),
        ("another header length", |h| h.header_bytes = 64),
        ("unknown flag", |h| h.flags = 8),
        ("payload over the limit", |h| h.payload_bytes = u32::MAX),
        ("durable past itself", |h| h.durable_lsn = Lsn::new(4104)),
        ("previous behind itself", |h| h.previous_lsn = Lsn::new(4104)),
        ("reserved field", |h| h.reserved = 1),
    ];
    for (name, damage) in cases {
        let mut damaged = header();
        damage(&mut damaged);
        damaged.header_crc = Crc(header_crc(&damaged, PLACE));
        let found = judge_header(&damaged.to_bytes(), PLACE).expect_err(name);
        assert_eq!(found.rule(), "LOG-3", "{name}: {found}");
    }
}

fn commit_header() -> CommitHeader {
    CommitHeader {
        magic: COMMIT_MAGIC,
        txn_id: TxnId::new(5),
        root: Pointer::NULL,
        depth: 0,
        key_count: 0,
        op_count: 0,
        chain_first: PLACE.lsn,
        chain_index: 0,
        reserved: 0,
        total_ops: 0,
        reserved2: 0,
    }
}

#[test]
fn commit_payloads_are_judged() {
    type Damage = fn(&mut CommitHeader, &mut RecordHeader);
    let cases: &[(&str, &str, Damage)] = &[
        ("magic", "LOG-10", |c, _| c.magic = Magic(*b"CMIX")),
        ("another TxnId", "LOG-10", |c, _| c.txn_id = TxnId::new(6)),
        ("reserved", "LOG-10", |c, _| c.reserved = 1),
        ("reserved at the end", "LOG-10", |c, _| c.reserved2 = 1),
        ("more operations than bytes", "LOG-10", |c, _| (c.op_count, c.total_ops) = (1, 1)),
        ("operations past all numbers", "LOG-10", |c, _| {
            (c.op_count, c.total_ops) = (u64::MAX, u64::MAX);
        }),
        ("chain from the future", "LOG-11", |c, _| c.chain_first = Lsn::new(5000)),
        ("index without a chain", "LOG-11", |c, _| c.chain_index = 1),
        ("chain without an index", "LOG-11", |c, _| c.chain_first = Lsn::new(8)),
        ("total differs alone", "LOG-11", |c, _| c.total_ops = 1),
        ("abort on a commit", "LOG-10", |_, h| h.flags = FLAG_ABORT),
        ("relocation of a continuation", "LOG-10", |_, h| {
            h.flags = FLAG_RELOCATE;
            h.record_type = RecordType::Continuation as u8;
        }),
    ];
    let sound = judge_commit(&commit_header().to_bytes(), &header(), PLACE.lsn).map(|(c, _)| c);
    assert_eq!(sound, Ok(commit_header()));
    for (name, rule, damage) in cases {
        let (mut commit, mut record) = (commit_header(), header());
        damage(&mut commit, &mut record);
        let found = judge_commit(&commit.to_bytes(), &record, PLACE.lsn).expect_err(name);
        assert_eq!(found.rule, *rule, "{name}: {found}");
    }
    for length in 0..CommitHeader::BYTES {
        let cut = &commit_header().to_bytes()[..length];
        assert!(judge_commit(cut, &header(), PLACE.lsn).is_err(), "{length} bytes");
    }
}

proptest! {
    #[test]
    fn round_trip(
        payload in proptest::collection::vec(any::<u8>(), 0..300),
        record_type in proptest::sample::select(vec![0_u8, 1, 3]),
        flags in 0..=FLAGS_KNOWN,
        txn: u64,
    ) {
        let header = RecordHeader { record_type, flags, txn_id: TxnId::new(txn), ..header() };
        let (record, crc) = seal(&payload, header, PLACE);
        prop_assert_eq!(record.len() as u64, record_bytes(payload.len() as u64));
        prop_assert_eq!(record.len() % RECORD_ALIGN as usize, 0);
        let (found, found_crc) = judge(&record, PLACE).expect("sealed just now");
        prop_assert_eq!(found_crc, crc);
        prop_assert_eq!(
            RecordHeader { payload_crc: Crc(0), header_crc: Crc(0), payload_bytes: 0, ..found },
            header
        );
        prop_assert_eq!(&record[RecordHeader::BYTES..][..payload.len()], &payload[..]);
    }

    #[test]
    fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(judge(&bytes, PLACE).is_err());
        judge_record(&bytes, &header(), PLACE).ok();
        judge_commit(&bytes, &header(), PLACE.lsn).ok();
    }
}
