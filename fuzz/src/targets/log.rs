//! A log alone: scanned, verified, replayed.

use super::{
    image::{base, restamp_log},
    input::Input,
};
use northstar_engine::{
    Lsn, TxnId,
    disk::Storage,
    format::{log_record::RecordHeader, segment::SegmentHeader},
    limits::SEGMENT_HEADER_BYTES,
    log::{
        Chain, LogPaths, Scanner, Transactions,
        replay::{MemoryState, replay as replay_all},
        verify::verify,
    },
    sim::SimImage,
};
use northstar_harness::runner::{LOG, PATH};
use std::{path::Path, sync::Arc};

/// Damage is skipped at most this often in one log.
const SKIPS_MAX: usize = 1_000;

fn chain_of(log: &[u8]) -> Option<Chain> {
    let mut image = SimImage::new();
    image.put(LOG, log);
    let storage: Arc<dyn Storage> = Arc::new(image.to_disk());
    Chain::discover(&storage, &LogPaths::of_database(Path::new(PATH))).ok()
}

/// `flags, bytes…`: what stands behind a sound segment header; flag 1: records' checksums made right.
pub fn scan(bytes: &[u8]) {
    let Some((flags, bytes)) = bytes.split_first() else { return };
    let sound = base(0).read(LOG).expect("a log");
    let header = SegmentHeader::decode(&sound).expect("a header");
    let mut log = sound[..SEGMENT_HEADER_BYTES].to_vec();
    log.extend_from_slice(bytes);
    log.resize(log.len().next_multiple_of(4096) + 4096, 0);
    if flags & 1 != 0 {
        restamp_log(&mut log, flags & 2 != 0);
    }
    let Some(chain) = chain_of(&log) else { return };
    scan_all(&chain, header.start_lsn);
    replay_what_is_there(&chain);
}

fn scan_all(chain: &Chain, from: Lsn) {
    let Ok(mut scanner) = Scanner::new(chain.clone(), from) else { return };
    let mut at = from;
    for _ in 0..SKIPS_MAX {
        while let Ok(Some(record)) = scanner.next() {
            assert!(record.lsn >= at && record.end_lsn > record.lsn, "a scan that goes back");
            at = record.end_lsn;
        }
        if !scanner.has_failed() || !scanner.skip_damage().unwrap_or(false) {
            break;
        }
    }
    for proven in [Lsn::new(0), at, Lsn::new(at.get().saturating_add(64))] {
        verify(chain, proven).ok();
    }
}

fn replay_what_is_there(chain: &Chain) {
    let Ok(mut transactions) = Transactions::of(chain.clone()) else { return };
    let mut state = MemoryState::from_rows(Default::default());
    if let Ok(reached) = replay_all(&mut transactions, TxnId::GENESIS, None, &mut state) {
        assert_eq!(transactions.last_txn().unwrap_or(reached), reached, "ids that skip");
    }
    let Ok(mut transactions) = Transactions::of(chain.clone()) else { return };
    for _ in 0..SKIPS_MAX {
        while let Ok(Some(_)) = transactions.next() {
            transactions.ops(&mut |_| Ok(())).ok();
        }
        if !transactions.skip_damage().unwrap_or(false) {
            break;
        }
    }
}

/// `base, flags, (offset (3 bytes), length, bytes)…`: a real log with bytes changed and checksums right.
pub fn replay(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let Some((choice, flags)) = input.byte().zip(input.byte()) else { return };
    let mut log = base(choice).read(LOG).expect("a log");
    while let Some((offset, count)) = input.number(3).zip(input.byte()) {
        let offset = offset as usize % log.len();
        let room = (log.len() - offset).min(usize::from(count));
        let bytes = input.take(room);
        log[offset..offset + bytes.len()].copy_from_slice(bytes);
    }
    restamp_log(&mut log, flags & 1 == 0);
    let Some(chain) = chain_of(&log) else { return };
    if let Some(start) = chain.start_lsn() {
        scan_all(&chain, start);
    }
    replay_what_is_there(&chain);
}

/// What the engine writes behind a header, and the same cut and with a header's number changed.
pub fn seeds() -> Vec<Vec<u8>> {
    let log = base(0).read(LOG).expect("a log");
    let end = log.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    let records = &log[SEGMENT_HEADER_BYTES..end.min(SEGMENT_HEADER_BYTES + 3_000)];
    let mut seeds: Vec<Vec<u8>> = [0, 1, 3].map(|flags| [&[flags], records].concat()).into();
    seeds.push([&[0], &records[..records.len() / 2]].concat());
    let layout = RecordHeader::LAYOUT;
    for field in layout.fields.iter().take(8) {
        let mut changed = [&[3], records].concat();
        changed[1 + field.offset] ^= 1;
        changed.truncate(400);
        seeds.push(changed);
    }
    seeds
}

/// One byte changed in headers, payloads and operations of real logs.
pub fn changes() -> Vec<Vec<u8>> {
    let offsets = [16u32, 4096 + 5, 4096 + 24, 4096 + 60, 4096 + 100, 4096 + 140, 4096 + 150];
    let offsets = offsets.into_iter().flat_map(|offset| (0..3).map(move |base| (base, offset)));
    offsets
        .map(|(base, offset)| [&[base, 0][..], &offset.to_le_bytes()[..3], &[1, 2]].concat())
        .collect()
}
