//! What a log holds behind a meta, and how its tail is made safe to append to.
//!
//! ```text
//!  scan from the meta ─▶ tail; P = end of the last record that is proven durable
//!    ├─ only zeros behind P ──────────────────────────▶ go on in place
//!    ├─ only idle checkpoint records, then zeros ─────▶ overwrite them with zeros, sync, go on
//!    └─ anything else ─▶ copy the records behind P into .log.next (new generation, same LSNs),
//!                        sync ─▶ rename the old segment ─▶ sync directory
//!                             ─▶ rename .log.next      ─▶ sync directory ─▶ go on there
//! ```
//!
//! Called by [`super::LogWriter::open`], and by read-only openers, which stop after judging. Bytes:
//! `spec/commit_record_v0.md`, recovery. Keeps LOG-9, LOG-13, LOG-14 and crash rules 13, 15 and
//! 19: the page cache is not trusted, a torn tail never becomes valid again. Interrupted anywhere,
//! the next open does the same again. Cost: the bytes behind the meta, read twice.

use super::paths::LogPaths;
use super::position::Position;
use super::scan::{Scanner, Tail};
use super::segment_file::{Counters, draw_generation, header_of, sync_dir, write_zeros};
use super::segments::{Chain, RecordBefore, Segment};
use super::transactions::Transactions;
use crate::disk::{Entropy, File, OpenMode, Storage, SyncKind};
use crate::error::{Corrupt, Error, Place, Result};
use crate::format::log_record::{RecordHeader, RecordPlace, RecordType, seal_record};
use crate::format::segment::SegmentHeader;
use crate::ids::{FileUuid, Lsn};
use crate::limits::SEGMENT_HEADER_BYTES;
use crate::sabotage::{self, Switch};
use std::sync::Arc;

const HEADER_BYTES: u64 = SEGMENT_HEADER_BYTES as u64;
/// Copied records go out in writes of about this size.
const COPY_BYTES: usize = 1 << 20;

/// What a log holds behind a meta.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Where replay starts.
    pub from: Lsn,
    /// Where replay ends and the next record goes.
    pub tail: Lsn,
    /// Below: proven durable before this open.
    pub proven: Lsn,
    /// The last committed transaction; the meta's own when there is nothing to replay.
    pub last: Position,
    /// Transactions to replay.
    pub commits: u64,
    /// What followed the last record.
    pub found: Tail,
    /// What was done about it.
    pub action: Action,
}

/// How a tail was made safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing was needed, or the log was only read.
    InPlace,
    /// Idle checkpoint records were overwritten with zeros.
    Erased,
    /// Records were copied into a new segment.
    Copied {
        /// Its generation.
        generation: u64,
    },
}

/// Judges a log without writing: what a read-only opener does.
///
/// `metas` are the log positions of all metas that were ever durable, the chosen one first: a slot that
/// cannot be used because of a page that it names still proves the log up to its position.
///
/// # Errors
/// `Corrupt` when the log is missing, when the chosen position is not in it, or when damage is
/// proven to be corruption; `UnsupportedFormat`; `Io`.
pub fn assess(chain: &Chain, uuid: FileUuid, metas: &[Position]) -> Result<Recovery> {
    Ok(judge(chain, uuid, metas)?.recovery)
}

/// A judged log.
struct Judged {
    recovery: Recovery,
    /// The record that ends at the tail.
    previous: Previous,
    /// Where a chain starts that has no commit.
    open_chain: Option<Lsn>,
}

/// What the next record stores about the one before it.
#[derive(Clone, Copy, Debug)]
struct Previous {
    lsn: Lsn,
    crc: u32,
}

fn judge(chain: &Chain, uuid: FileUuid, metas: &[Position]) -> Result<Judged> {
    let path = chain.paths().active();
    let Some((newest, chosen)) = chain.newest().zip(metas.first()) else {
        let corrupt = Corrupt::at(Place::File, "LOG-13", "a log beside the database", "none");
        return Err(corrupt.in_file(path).into());
    };
    if newest.header.uuid != uuid {
        let place = Place::Offset(16);
        let corrupt = Corrupt::at(place, "SEG-5", uuid, newest.header.uuid);
        return Err(corrupt.in_file(path).into());
    }
    let before = chain.record_at_position(*chosen)?;
    let before = before.map_or_else(|| at_start(chain), Previous::from);
    let proven = metas.iter().map(|meta| meta.lsn).max().unwrap_or_default();
    let proven = proven.max(newest.header.start_lsn);
    let scanner = Scanner::new(chain.clone(), chosen.lsn)?.behind(before.crc).proven(proven);
    let mut transactions = Transactions::new(scanner, Some(chosen.txn_id));
    let mut last = *chosen;
    let mut commits = 0;
    while let Some(transaction) = transactions.next()? {
        commits += 1;
        last = Position {
            lsn: transaction.end_lsn,
            generation: transaction.generation,
            crc: transaction.crc,
            txn_id: transaction.txn_id,
        };
    }
    let scanner = transactions.scanner();
    let tail = scanner.position();
    let found = scanner.tail().unwrap_or(Tail::Clean { at: tail });
    if tail < proven {
        let found = format!("an end at {tail}");
        let corrupt = Corrupt::at(Place::Lsn(tail), "LOG-9", format!("log up to {proven}"), found);
        return Err(corrupt.in_file(path).into());
    }
    let recovery = Recovery {
        from: chosen.lsn,
        tail,
        proven: proven.max(scanner.claimed()),
        last,
        commits,
        found,
        action: Action::InPlace,
    };
    let open_chain = transactions.open_chain();
    let previous = if tail == chosen.lsn { before } else { previous_at(chain, tail)? };
    Ok(Judged { recovery, previous, open_chain })
}

impl From<RecordBefore> for Previous {
    fn from(record: RecordBefore) -> Self {
        Self { lsn: record.lsn, crc: record.crc }
    }
}

fn previous_at(chain: &Chain, lsn: Lsn) -> Result<Previous> {
    Ok(chain.record_before(lsn)?.map_or_else(|| at_start(chain), Previous::from))
}

/// What the first record of a chain follows.
fn at_start(chain: &Chain) -> Previous {
    let header = chain.segments().first().map(|first| first.header);
    header.map_or(Previous { lsn: Lsn::default(), crc: 0 }, |header| Previous {
        lsn: header.start_lsn,
        crc: header.previous_crc,
    })
}

/// A log that can be appended to.
pub(super) struct Prepared {
    pub(super) chain: Chain,
    pub(super) recovery: Recovery,
    pub(super) previous_lsn: Lsn,
    pub(super) previous_crc: u32,
}

/// Judges the log and makes its tail safe. Where no name changed, syncing the directory before
/// anything is published is left to the caller, who has names of its own there.
pub(super) fn prepare(
    storage: &Arc<dyn Storage>,
    paths: &LogPaths,
    uuid: FileUuid,
    entropy: &dyn Entropy,
    metas: &[Position],
    counters: &Counters,
) -> Result<Prepared> {
    let mut chain = Chain::discover(storage, paths)?;
    let Judged { mut recovery, mut previous, open_chain } = judge(&chain, uuid, metas)?;
    let mut renamed = chain.newest().is_some_and(|newest| newest.path != paths.active());
    if storage.exists(&paths.next())? {
        storage.unlink(&paths.next())?;
    }
    if let Some(second) = chain.second_name() {
        // The rotation that gave it is not done: it is as if it had not begun.
        storage.unlink(second)?;
        renamed = true;
    }
    match remedy(&chain, &recovery)? {
        Remedy::None => restore_name(storage, paths, &chain)?,
        Remedy::Erase => {
            erase(storage, &chain, &recovery, counters)?;
            recovery.tail = recovery.proven;
            previous = previous_at(&chain, recovery.proven)?;
            recovery.action = Action::Erased;
            restore_name(storage, paths, &chain)?;
        }
        Remedy::Copy => {
            // A chain without its commit is not worth keeping, unless part of it is proven.
            let cut = open_chain.filter(|&first| first >= recovery.proven);
            recovery.tail = cut.unwrap_or(recovery.tail);
            let generation = draw_generation(entropy, old_generation(&chain));
            previous = copy(storage, paths, &chain, generation, &mut recovery, counters)?;
            renamed = true;
        }
    }
    if renamed {
        sync_dir(storage, paths, counters)?;
        chain = Chain::discover(storage, paths)?;
    }
    let Previous { lsn: previous_lsn, crc: previous_crc } = previous;
    Ok(Prepared { chain, recovery, previous_lsn, previous_crc })
}

fn old_generation(chain: &Chain) -> u64 {
    chain.newest().map_or(0, |segment| segment.header.generation)
}

enum Remedy {
    None,
    Erase,
    Copy,
}

/// Rule 19: any byte behind the last proven record that is not zero asks for a remedy.
fn remedy(chain: &Chain, recovery: &Recovery) -> Result<Remedy> {
    if sabotage::on(Switch::TrustPageCache) {
        return Ok(Remedy::None);
    }
    if matches!(recovery.found, Tail::Torn { .. }) {
        return Ok(Remedy::Copy);
    }
    if recovery.tail == recovery.proven {
        return Ok(Remedy::None);
    }
    let mut scanner = Scanner::new(chain.clone(), recovery.proven)?.until(recovery.tail);
    while let Some(record) = scanner.next()? {
        if record.header.kind() != Some(RecordType::Checkpoint) {
            return Ok(Remedy::Copy);
        }
    }
    Ok(Remedy::Erase)
}

/// Finishes a rotation that was interrupted between its two renames.
fn restore_name(storage: &Arc<dyn Storage>, paths: &LogPaths, chain: &Chain) -> Result<()> {
    match chain.newest() {
        Some(newest) if newest.path != paths.active() => {
            storage.rename_new(&newest.path, &paths.active())
        }
        _ => Ok(()),
    }
}

/// Overwrites records that carry nothing with zeros, so that the next open finds a clean tail.
fn erase(
    storage: &Arc<dyn Storage>,
    chain: &Chain,
    recovery: &Recovery,
    counters: &Counters,
) -> Result<()> {
    let Some(newest) = chain.newest() else { return Ok(()) };
    let bounds =
        newest.header.offset_of(recovery.proven).zip(newest.header.offset_of(recovery.tail));
    let Some((from, to)) = bounds else { return Ok(()) };
    let file = storage.open(&newest.path, OpenMode::ReadWrite)?;
    write_zeros(&*file, from, to, counters)?;
    counters.sync(&*file, SyncKind::Data)
}

/// Copies the records behind the last proven one into a new segment and puts it into place; gives
/// what the next record follows.
fn copy(
    storage: &Arc<dyn Storage>,
    paths: &LogPaths,
    chain: &Chain,
    generation: u64,
    recovery: &mut Recovery,
    counters: &Counters,
) -> Result<Previous> {
    let Some(old) = chain.newest() else { return Err(Error::Poisoned) };
    let start = recovery.proven;
    let before = previous_at(chain, start)?;
    let copied = recovery.tail.get().saturating_sub(start.get());
    let capacity = old.header.capacity.max(copied);
    let number = old.header.number + 1;
    let plain = header_of(old.header.uuid, number, generation, start, before.crc, capacity);
    let header =
        SegmentHeader { copied_through: recovery.tail, superseded: old.header.generation, ..plain }
            .sealed();
    let file = storage.open(&paths.next(), OpenMode::CreateNew)?;
    let block = header.seal();
    counters.wrote(block.len() as u64);
    file.write_at(&block, 0)?;
    let mut copier = Copier {
        file: &*file,
        header: &header,
        counters,
        offset: HEADER_BYTES,
        buffer: Vec::new(),
    };
    let previous = copier.records(chain, recovery, before)?;
    let used = HEADER_BYTES + copied;
    let room = old.file_bytes.max(used + 4096).min(HEADER_BYTES + capacity);
    write_zeros(&*file, used, room, counters)?;
    counters.sync(&*file, SyncKind::Full)?;
    drop(file);
    retire(storage, paths, old, counters)?;
    storage.rename_new(&paths.next(), &paths.active())?;
    recovery.action = Action::Copied { generation };
    Ok(previous)
}

/// Gives the superseded segment its number as a name, durably, before the new one takes its place.
fn retire(
    storage: &Arc<dyn Storage>,
    paths: &LogPaths,
    old: &Segment,
    counters: &Counters,
) -> Result<()> {
    if old.path == paths.active() {
        storage.rename_new(&old.path, &paths.numbered(old.header.number))?;
        sync_dir(storage, paths, counters)?;
    }
    Ok(())
}

struct Copier<'a> {
    file: &'a dyn File,
    header: &'a SegmentHeader,
    counters: &'a Counters,
    offset: u64,
    buffer: Vec<u8>,
}

impl Copier<'_> {
    /// Writes the records from the proven position to the tail with the new generation's
    /// checksums; brings `recovery.last` up to date.
    fn records(
        &mut self,
        chain: &Chain,
        recovery: &mut Recovery,
        before: Previous,
    ) -> Result<Previous> {
        let mut previous = before;
        if recovery.tail == recovery.proven {
            return Ok(previous);
        }
        let mut scanner = Scanner::new(chain.clone(), recovery.proven)?.until(recovery.tail);
        while let Some(record) = scanner.next()? {
            let mut bytes = vec![0; RecordHeader::BYTES];
            bytes.extend_from_slice(record.payload);
            let (uuid, generation) = (self.header.uuid, self.header.generation);
            let place = RecordPlace { uuid, generation, lsn: record.lsn };
            let header = RecordHeader { previous_crc: previous.crc, ..record.header };
            let crc = seal_record(&mut bytes, header, place);
            previous = Previous { lsn: record.lsn, crc };
            if record.end_lsn == recovery.last.lsn {
                recovery.last = Position { generation, crc, ..recovery.last };
            }
            self.buffer.append(&mut bytes);
            if self.buffer.len() >= COPY_BYTES {
                self.flush()?;
            }
        }
        self.flush()?;
        Ok(previous)
    }

    fn flush(&mut self) -> Result<()> {
        self.counters.wrote(self.buffer.len() as u64);
        self.file.write_at(&self.buffer, self.offset)?;
        self.offset += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}
