//! Logs that no writer made: sound checksums around numbers chosen to do harm.
//!
//! Whatever the bytes: an answer or an error, no panic, no endless loop, no memory beyond the file.

use super::recover::assess;
use super::replay::{MemoryState, replay};
use super::segment_file::header_of;
use super::segments::Chain;
use super::testing::*;
use super::verify::verify;
use super::{Position, Transactions};
use crate::disk::Storage;
use crate::format::field::Crc;
use crate::format::log_record::{
    COMMIT_MAGIC, CommitHeader, RECORD_MAGIC, RecordHeader, RecordPlace, seal_record,
};
use crate::format::op::Op;
use crate::ids::{Lsn, Pointer, TxnId};
use proptest::prelude::*;
use std::sync::Arc;

const GENERATION: u64 = 5;

/// A number that is likely to hurt: small, huge, or a position in the log.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..6_u64, Just(u64::MAX), Just(u64::MAX - 7), (0..64_u64).prop_map(|n| n * 8)]
}

#[derive(Clone, Debug)]
struct Wild {
    record_type: u8,
    flags: u32,
    txn: u64,
    previous: Option<u64>,
    durable: u64,
    op_count: u64,
    chain_first: Option<u64>,
    chain_index: u64,
    total_ops: u64,
    ops: Vec<u8>,
    is_bare: bool,
}

fn wild() -> impl Strategy<Value = Wild> {
    let ops = prop_oneof![
        Just(Vec::new()),
        proptest::collection::vec(any::<u8>(), 0..40),
        (0..3_u8, number()).prop_map(|(kind, count)| {
            let mut out = Vec::new();
            match kind {
                0 => Op::Put { key: b"k", value: b"v" }.encode(&mut out),
                1 => Op::Del { key: b"k" }.encode(&mut out),
                _ => Op::DelRange { start: b"a", end: None, count }.encode(&mut out),
            }
            out
        }),
    ];
    let header = (0..4_u8, 0..8_u32, number(), proptest::option::of(number()), number());
    let commit = (number(), proptest::option::of(number()), number(), number(), ops, any::<bool>());
    (header, commit).prop_map(|(header, commit)| {
        let (record_type, flags, txn, previous, durable) = header;
        let (op_count, chain_first, chain_index, total_ops, ops, is_bare) = commit;
        Wild {
            record_type,
            flags,
            txn,
            previous,
            durable,
            op_count,
            chain_first,
            chain_index,
            total_ops,
            ops,
            is_bare,
        }
    })
}

/// A segment of these records, each with sound checksums.
fn segment(wild: &[Wild]) -> Vec<u8> {
    let mut file = header_of(UUID, 1, GENERATION, Lsn::default(), 0, 4096).seal();
    let mut at = 0;
    let (mut previous_lsn, mut previous_crc) = (0, 0);
    for wild in wild {
        let mut record = vec![0; RecordHeader::BYTES];
        if !wild.is_bare {
            let commit = CommitHeader {
                magic: COMMIT_MAGIC,
                txn_id: TxnId::new(wild.txn),
                root: Pointer::NULL,
                depth: 0,
                key_count: wild.total_ops,
                op_count: wild.op_count,
                chain_first: Lsn::new(wild.chain_first.unwrap_or(at)),
                chain_index: wild.chain_index as u32,
                reserved: 0,
                total_ops: wild.total_ops,
                reserved2: 0,
            };
            commit.encode(&mut record);
        }
        record.extend_from_slice(&wild.ops);
        let header = RecordHeader {
            magic: RECORD_MAGIC,
            version: 0,
            record_type: wild.record_type,
            header_bytes: 0,
            flags: wild.flags,
            payload_bytes: 0,
            txn_id: TxnId::new(wild.txn),
            previous_lsn: Lsn::new(wild.previous.unwrap_or(previous_lsn)),
            durable_lsn: Lsn::new(wild.durable),
            previous_crc,
            payload_crc: Crc(0),
            header_crc: Crc(0),
            reserved: 0,
        };
        let place = RecordPlace { uuid: UUID, generation: GENERATION, lsn: Lsn::new(at) };
        previous_crc = seal_record(&mut record, header, place);
        previous_lsn = at;
        at += record.len() as u64;
        file.extend_from_slice(&record);
    }
    file.resize(file.len() + 64, 0);
    file
}

fn read_all_ways(storage: &Arc<dyn Storage>) {
    let Ok(chain) = discover(storage) else { return };
    for proven in [Lsn::default(), Lsn::new(400), Lsn::new(u64::MAX)] {
        verify(&chain, proven).ok();
    }
    let positions = [0, 8, 160, u64::MAX - 7, u64::MAX];
    for lsn in positions {
        let position = Position { lsn: Lsn::new(lsn), ..Position::default() };
        assess(&chain, UUID, &[position]).ok();
        chain.record_before(Lsn::new(lsn)).ok();
    }
    for txn in [0, 1, u64::MAX] {
        chain.start_for(TxnId::new(txn)).ok();
    }
    replay_all(&chain);
    LogDb::open(storage, SMALL, 3).ok();
}

fn replay_all(chain: &Chain) {
    let Ok(mut transactions) = Transactions::of(chain.clone()) else { return };
    replay(&mut transactions, TxnId::GENESIS, None, &mut MemoryState::default()).ok();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn sound_checksums_around_wild_numbers(records in proptest::collection::vec(wild(), 0..8)) {
        read_all_ways(&with_files(&[(paths().active(), segment(&records))]));
    }

    #[test]
    fn any_bytes_behind_a_sound_header(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let mut file = segment(&[]);
        file.truncate(4096);
        file.extend_from_slice(&bytes);
        read_all_ways(&with_files(&[(paths().active(), file)]));
    }

    #[test]
    fn any_segment_headers(
        numbers in proptest::collection::vec((number(), number(), number(), number()), 1..4),
    ) {
        let count = numbers.len();
        let mut files = Vec::new();
        for (index, (number, generation, start, capacity)) in numbers.into_iter().enumerate() {
            let number = if number == u64::MAX { number } else { index as u64 + 1 };
            let header = header_of(UUID, number, generation, Lsn::new(start), 0, capacity);
            let is_newest = index + 1 == count;
            let path =
                if is_newest { paths().active() } else { paths().numbered(index as u64 + 1) };
            files.push((path, header.seal()));
        }
        read_all_ways(&with_files(&files));
    }
}
