//! The log: segments, records by window, one record taken apart, the torn tail explained.
//!
//! Judges with the codecs of `format` (the log's own), record by record from any position, so that
//! a log that recovery refuses can still be read on both sides of the damage. Cost: one read a
//! record; a record longer than [`RECORD_BYTES_READ_MAX`] is judged by its header only.

mod detail;
mod operations;
mod segments;
mod tail;
#[cfg(test)]
mod tests;

use super::source::{Source, read_range};
use crate::error::Corrupt;
use crate::format::checksum::{append, record_seed};
use crate::format::field::Crc;
use crate::format::log_record::{
    CommitHeader, FLAG_ABORT, FLAG_EVENTUAL, FLAG_RELOCATE, RECORD_ALIGN, RecordFault,
    RecordHeader, RecordPlace, RecordType, judge_commit, judge_header, judge_record,
};
use crate::ids::{Lsn, TxnId};
pub use detail::{OPS_MAX, OpKind, OpView, RecordDetail, record};
pub use operations::{Missing, operations};
pub use segments::{LogView, SegmentView, segments};
use serde::Serialize;
use std::ops::ControlFlow;
pub use tail::{Tail, explain, explain_gap};

/// The longest record that is read whole into memory here.
pub const RECORD_BYTES_READ_MAX: u64 = 16 << 20;
/// Bytes looked at for the next record behind damage, in one go.
const RESYNC_CHUNK_BYTES: usize = 1 << 20;

/// One record, in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordView {
    /// Where it starts in the stream.
    pub lsn: Lsn,
    /// Where the next one starts.
    pub end_lsn: Lsn,
    /// Index of its segment in [`LogView::segments`].
    pub segment: usize,
    /// Where it starts in the segment's file.
    pub offset: u64,
    /// Commit, checkpoint, continuation.
    pub record_type: RecordType,
    /// The transaction.
    pub txn_id: TxnId,
    /// Moved pages only (compact).
    pub relocate: bool,
    /// Gives a chain of continuations up.
    pub abort: bool,
    /// Its commit did not wait for its sync.
    pub eventual: bool,
    /// Bytes of the payload.
    pub payload_bytes: u32,
    /// Everything below was known durable when it was written.
    pub durable_lsn: Lsn,
    /// Where the record before starts.
    pub previous_lsn: Lsn,
    /// Operations in it, for commits and continuations.
    pub ops: Option<u64>,
    /// Operations of the transaction up to and with it, for commits and continuations.
    pub total_ops: Option<u64>,
    /// Rows after it, for commits.
    pub key_count: Option<u64>,
    /// Its identity, when it is sound.
    pub crc: Option<u32>,
    /// Whether it was too long to be read here and only its header was judged.
    pub header_only: bool,
    /// The first rule it breaks; its header is sound, else it would be no record.
    pub problem: Option<Corrupt>,
}

impl RecordView {
    /// Whether it makes a state.
    pub fn is_commit(&self) -> bool {
        self.record_type == RecordType::Commit && !self.abort
    }
}

/// Some records in order, and how the reading ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Records {
    /// The records.
    pub records: Vec<RecordView>,
    /// Where to go on; `None` at the tail.
    pub next: Option<Lsn>,
    /// How the log ends, when the reading came to its end.
    pub tail: Option<Tail>,
}

/// Up to `limit` records from the one that starts at `from` (or the first behind it).
///
/// Damage in the middle is stepped over: the next sound record follows, [`LogView::gap`] tells that there
/// was something between, and [`explain_gap`] what.
///
/// # Errors
/// `Io`.
pub fn records(source: &Source, log: &LogView, from: Lsn, limit: usize) -> crate::Result<Records> {
    let mut out = Records::default();
    let mut at = from.max(log.start());
    while out.records.len() < limit {
        match read_record(source, log, at)? {
            Reading::Record(view, _) => {
                at = view.end_lsn;
                out.records.push(*view);
            }
            Reading::SegmentEnd(next) => at = next,
            Reading::End => {
                out.tail = Some(explain(source, log, at, None)?);
                return Ok(out);
            }
            Reading::Broken(fault) => match resync(source, log, at)? {
                Some(next) => at = next,
                None => {
                    out.tail = Some(explain(source, log, at, Some(fault))?);
                    return Ok(out);
                }
            },
        }
    }
    out.next = Some(at);
    Ok(out)
}

/// Records read in one go for [`newest_commit`].
const BATCH: usize = 512;

/// The newest committed transaction whose record starts at `from` or behind it, and where that record ends.
/// `None` when there is none, or when the log cannot be read.
///
/// Cost: every record from `from` on.
pub fn newest_commit(source: &Source, from: Lsn) -> Option<(Lsn, TxnId)> {
    let log = segments(source).ok()?;
    let mut at = from;
    let mut newest = None;
    loop {
        let part = records(source, &log, at, BATCH).ok()?;
        let last = part.records.iter().rev().find(|record| record.is_commit());
        newest = last.map(|record| (record.end_lsn, record.txn_id)).or(newest);
        match part.next {
            Some(next) if next > at => at = next,
            _ => return newest,
        }
    }
}

/// What stands at a position.
pub(in crate::inspect) enum Reading {
    /// A record with a sound header, and its bytes (header only when it is too long).
    Record(Box<RecordView>, Vec<u8>),
    /// The segment ends here; the next one starts at this position.
    SegmentEnd(Lsn),
    /// Only zeros to the end, or no bytes at all.
    End,
    /// Bytes that are no record.
    Broken(RecordFault),
}

/// Reads and judges the record at `at`.
pub(in crate::inspect) fn read_record(
    source: &Source,
    log: &LogView,
    at: Lsn,
) -> crate::Result<Reading> {
    let Some((index, segment)) = log.segment_at(at) else { return Ok(Reading::End) };
    let Some(header) = &segment.header else { return Ok(Reading::End) };
    if segment.end.is_some_and(|end| at >= end) {
        return Ok(Reading::SegmentEnd(segment.end.unwrap_or(at)));
    }
    let Some(offset) = header.offset_of(at) else { return Ok(Reading::End) };
    let file = source.open_beside(&segment.file.path)?;
    let bytes_left = segment.bytes_left(at);
    let place = RecordPlace { uuid: header.uuid, generation: header.generation, lsn: at };
    let front = read_range(file.as_ref(), offset, RecordHeader::BYTES)?;
    let front = front.get(..front.len().min(bytes_left)).unwrap_or_default();
    if front.iter().all(|&byte| byte == 0) {
        return Ok(if tail::only_zeros(file.as_ref(), offset, bytes_left)? {
            segment.end.map_or(Reading::End, Reading::SegmentEnd)
        } else {
            Reading::Broken(RecordFault::Magic { found: [0; 4] })
        });
    }
    let record = match judge_header(front, place) {
        Ok(record) => record,
        Err(fault) => return Ok(Reading::Broken(fault)),
    };
    let total = record.total_bytes();
    if total > bytes_left as u64 {
        return Ok(Reading::Broken(RecordFault::Short { needed: total, left: bytes_left as u64 }));
    }
    let header_only = total > RECORD_BYTES_READ_MAX;
    let length = if header_only { RecordHeader::BYTES } else { total as usize };
    let bytes = read_range(file.as_ref(), offset, length)?;
    let mut view = record_view(&record, place, index, offset, header_only);
    if !header_only {
        match judge_record(&bytes, &record, place) {
            Ok(crc) => view.crc = Some(crc),
            // A torn record has a sound header and a payload that never arrived: no record yet.
            Err(fault) => return Ok(Reading::Broken(fault)),
        }
        let end = RecordHeader::BYTES.saturating_add(record.payload_bytes as usize);
        let payload = bytes.get(RecordHeader::BYTES..end).unwrap_or_default();
        fill_in_commit(&mut view, &record, payload);
    }
    Ok(Reading::Record(Box::new(view), bytes))
}

fn record_view(
    header: &RecordHeader,
    place: RecordPlace,
    segment: usize,
    offset: u64,
    header_only: bool,
) -> RecordView {
    RecordView {
        lsn: place.lsn,
        end_lsn: place.lsn.checked_add(header.total_bytes()).unwrap_or(place.lsn),
        segment,
        offset,
        record_type: header.kind().unwrap_or(RecordType::Commit),
        txn_id: header.txn_id,
        relocate: header.flags & FLAG_RELOCATE != 0,
        abort: header.flags & FLAG_ABORT != 0,
        eventual: header.flags & FLAG_EVENTUAL != 0,
        payload_bytes: header.payload_bytes,
        durable_lsn: header.durable_lsn,
        previous_lsn: header.previous_lsn,
        ops: None,
        total_ops: None,
        key_count: None,
        crc: None,
        header_only,
        problem: None,
    }
}

/// Reads the commit header, where the record has one.
fn fill_in_commit(view: &mut RecordView, record: &RecordHeader, payload: &[u8]) {
    if !matches!(view.record_type, RecordType::Commit | RecordType::Continuation) {
        return;
    }
    let commit: Result<(CommitHeader, &[u8]), Corrupt> = judge_commit(payload, record, view.lsn);
    match commit {
        Ok((commit, _)) => {
            view.ops = Some(commit.op_count);
            view.total_ops = Some(commit.total_ops);
            view.key_count = (view.record_type == RecordType::Commit).then_some(commit.key_count);
        }
        Err(corrupt) => view.problem = Some(corrupt),
    }
}

/// The next position behind `at` where a whole, sound record starts; searches the rest of the log.
///
/// # Errors
/// `Io`.
pub fn resync(source: &Source, log: &LogView, at: Lsn) -> crate::Result<Option<Lsn>> {
    visit_magics(source, log, at, &mut |lsn| {
        let sound = matches!(read_record(source, log, lsn)?, Reading::Record(..));
        Ok(if sound { ControlFlow::Break(lsn) } else { ControlFlow::Continue(()) })
    })
}

/// Visits every position behind `at` where the magic of a record stands, to the end of the log or until
/// `visit` has found what it wants.
fn visit_magics(
    source: &Source,
    log: &LogView,
    at: Lsn,
    visit: &mut dyn FnMut(Lsn) -> crate::Result<ControlFlow<Lsn>>,
) -> crate::Result<Option<Lsn>> {
    let mut from = at.checked_add(RECORD_ALIGN).unwrap_or(at);
    from = Lsn::new(from.get().saturating_sub(from.get() % RECORD_ALIGN));
    for segment in &log.segments {
        let Some(header) = &segment.header else { continue };
        if segment.last().is_some_and(|last| last <= from) {
            continue;
        }
        let mut position = from.max(header.start_lsn);
        let file = source.open_beside(&segment.file.path)?;
        loop {
            let left = segment.bytes_left(position);
            let Some(offset) = header.offset_of(position).filter(|_| left > 0) else { break };
            let chunk = read_range(file.as_ref(), offset, RESYNC_CHUNK_BYTES.min(left))?;
            for candidate in magic_positions(&chunk) {
                let Some(lsn) = position.checked_add(candidate) else { break };
                if let ControlFlow::Break(found) = visit(lsn)? {
                    return Ok(Some(found));
                }
            }
            if chunk.len() < RecordHeader::BYTES {
                break;
            }
            let step = (chunk.len() as u64) & !RECORD_ALIGN.saturating_sub(1);
            position = position.checked_add(step.max(RECORD_ALIGN)).unwrap_or(position);
        }
    }
    Ok(None)
}

/// The header at `at`, when it is sound, whatever follows it.
fn header_at(source: &Source, log: &LogView, at: Lsn) -> crate::Result<Option<RecordHeader>> {
    let Some((_, segment)) = log.segment_at(at) else { return Ok(None) };
    let Some(header) = &segment.header else { return Ok(None) };
    let Some(offset) = header.offset_of(at) else { return Ok(None) };
    let file = source.open_beside(&segment.file.path)?;
    let front = read_range(file.as_ref(), offset, RecordHeader::BYTES.min(segment.bytes_left(at)))?;
    let place = RecordPlace { uuid: header.uuid, generation: header.generation, lsn: at };
    Ok(judge_header(&front, place).ok())
}

/// Aligned offsets at which the magic of a record stands.
fn magic_positions(chunk: &[u8]) -> impl Iterator<Item = u64> + '_ {
    chunk
        .chunks_exact(RECORD_ALIGN as usize)
        .enumerate()
        .filter(|(_, word)| word.starts_with(b"LOGR"))
        .map(|(index, _)| (index as u64).saturating_mul(RECORD_ALIGN))
}

/// The checksum a record header should have at a place: for the field's verdict.
fn header_crc(header: &RecordHeader, place: RecordPlace) -> u32 {
    let seed = record_seed(place.uuid, place.generation, place.lsn);
    append(seed, &RecordHeader { header_crc: Crc(0), ..*header }.to_bytes())
}
