//! Segment headers: round trips and damage.

use super::*;
use proptest::prelude::*;

fn sound() -> SegmentHeader {
    SegmentHeader {
        magic: SEGMENT_MAGIC,
        crc: Crc(0),
        version: LOG_VERSION,
        flags: 0,
        uuid: FileUuid([7; 16]),
        number: 3,
        generation: 0x1234_5678_9abc_def0,
        start_lsn: Lsn::new(4096),
        copied_through: Lsn::new(4200),
        superseded: 99,
        capacity: 28_672,
        previous_crc: 0xdead_beef,
        reserved: 0,
        reserved2: 0,
    }
}

#[test]
fn round_trip() {
    let block = sound().seal();
    assert_eq!(block.len(), SEGMENT_HEADER_BYTES);
    let found = judge_segment(&block).expect("sealed just now");
    assert_eq!(SegmentHeader { crc: Crc(0), ..found }, sound());
    assert_eq!(found.offset_of(Lsn::new(4104)), Some(4104));
    assert_eq!(found.offset_of(Lsn::new(4095)), None);
}

#[test]
fn every_flipped_byte_is_found() {
    let block = sound().seal();
    for index in 0..block.len() {
        for flip in [0x01, 0xff] {
            let mut damaged = block.clone();
            damaged[index] ^= flip;
            assert!(judge_segment(&damaged).is_err(), "byte {index} ^ {flip:#x}");
        }
    }
}

#[test]
fn a_sound_checksum_is_not_enough() {
    type Case = (&'static str, &'static str, fn(&mut SegmentHeader));
    let cases: &[Case] = &[
        ("newer version", "SEG-2", |h| h.version = 1),
        ("unknown flag", "SEG-2", |h| h.flags = 1),
        ("generation 0", "SEG-3", |h| h.generation = 0),
        ("odd start", "SEG-3", |h| h.start_lsn = Lsn::new(4097)),
        ("copied before its start", "SEG-3", |h| h.copied_through = Lsn::new(8)),
        ("capacity past the number range", "SEG-3", |h| h.capacity = u64::MAX),
    ];
    for (name, rule, damage) in cases {
        let mut header = sound();
        damage(&mut header);
        let found = judge_segment(&header.seal()).expect_err(name);
        assert_eq!(found.rule, *rule, "{name}");
    }
}

#[test]
fn every_cut_is_found() {
    let block = sound().seal();
    for length in 0..block.len() {
        assert!(judge_segment(&block[..length]).is_err(), "{length} bytes");
    }
}

proptest! {
    #[test]
    fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..5000)) {
        prop_assert!(judge_segment(&bytes).is_err());
    }
}
