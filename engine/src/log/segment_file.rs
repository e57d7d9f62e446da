//! Making the files of a log: headers, preallocation, names; and counting what that costs.
//!
//! Called by the writer and by recovery, which both make segments. Bytes: `spec/commit_record_v0.md`,
//! segments. Keeps crash rule 14: a name counts once its directory is synced.

use super::paths::LogPaths;
use crate::disk::{Entropy, File, Storage, SyncKind};
use crate::error::Result;
use crate::format::field::Crc;
use crate::format::segment::{LOG_VERSION, SEGMENT_MAGIC, SegmentHeader};
use crate::ids::{FileUuid, Lsn};
use crate::sabotage::{self, Switch};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

static ZEROS: [u8; 128 * 1024] = [0; 128 * 1024];

/// What has been written and synced since the log was opened.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) syncs: AtomicU64,
    pub(super) dir_syncs: AtomicU64,
    pub(super) writes: AtomicU64,
    pub(super) bytes_written: AtomicU64,
    pub(super) record_bytes: AtomicU64,
    pub(super) records: AtomicU64,
    pub(super) rotations: AtomicU64,
}

/// Makes creations and renames of the log's files durable.
pub(super) fn sync_dir(
    storage: &Arc<dyn Storage>,
    paths: &LogPaths,
    counters: &Counters,
) -> Result<()> {
    if sabotage::on(Switch::SkipDirSync) {
        return Ok(());
    }
    count(&counters.dir_syncs, 1);
    storage.sync_dir(&paths.directory())
}

pub(super) fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

impl Counters {
    pub(super) fn wrote(&self, bytes: u64) {
        count(&self.writes, 1);
        count(&self.bytes_written, bytes);
    }

    pub(super) fn sync(&self, file: &dyn File, kind: SyncKind) -> Result<()> {
        count(&self.syncs, 1);
        file.sync(kind)
    }
}

/// The sealed header of a segment that holds no copied records.
pub(super) fn header_of(
    uuid: FileUuid,
    number: u64,
    generation: u64,
    start_lsn: Lsn,
    previous_crc: u32,
    capacity: u64,
) -> SegmentHeader {
    SegmentHeader {
        magic: SEGMENT_MAGIC,
        crc: Crc(0),
        version: LOG_VERSION,
        flags: 0,
        uuid,
        number,
        generation,
        start_lsn,
        copied_through: start_lsn,
        superseded: 0,
        capacity,
        previous_crc,
        reserved: 0,
        reserved2: 0,
    }
    .sealed()
}

pub(super) fn write_header(
    file: &dyn File,
    header: &SegmentHeader,
    counters: &Counters,
) -> Result<()> {
    let block = header.seal();
    counters.wrote(block.len() as u64);
    file.write_at(&block, 0)
}

/// Writes zeros, so that later writes there change no metadata.
pub(super) fn write_zeros(file: &dyn File, from: u64, to: u64, counters: &Counters) -> Result<()> {
    let mut at = from;
    while at < to {
        let bytes = (to - at).min(ZEROS.len() as u64);
        counters.wrote(bytes);
        file.write_at(ZEROS.get(..bytes as usize).unwrap_or(&ZEROS), at)?;
        at += bytes;
    }
    Ok(())
}

/// A generation no one has seen: random, never 0, and not `other`.
pub(super) fn draw_generation(entropy: &dyn Entropy, other: u64) -> u64 {
    let drawn = entropy.next_u64();
    if drawn == 0 || drawn == other { drawn.wrapping_add(0x9e37_79b9_7f4a_7c15) | 1 } else { drawn }
}
