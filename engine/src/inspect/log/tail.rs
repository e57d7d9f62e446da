//! How a log ends: cleanly, torn, or damaged. Crash rule 15 in words.

use super::{LogView, Reading, header_at, read_record, visit_magics};
use crate::disk::File;
use crate::format::log_record::RecordFault;
use crate::format::meta::Meta;
use crate::ids::Lsn;
use crate::inspect::source::{Source, read_range};
use crate::limits::PAGE_BYTES;
use serde::Serialize;
use std::ops::ControlFlow;

/// How many bytes are looked at in one go for the last one that is not zero.
const CHUNK_BYTES: usize = 1 << 20;

/// The end of a log, explained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Tail {
    /// Only zeros follow: reserved space.
    Clean {
        /// The end of the last record.
        at: Lsn,
    },
    /// Bytes follow that no acknowledged commit needs: a write that a crash cut short. Recovery
    /// cuts them.
    Torn {
        /// The end of the last sound record.
        at: Lsn,
        /// Why the bytes there are no record.
        fault: RecordFault,
        /// Bytes from there to the last one that is not zero.
        bytes: u64,
        /// In a sentence.
        explanation: String,
    },
    /// Bytes that were proven durable are no record: damage, and recovery refuses.
    Corrupt {
        /// Where a record should start.
        at: Lsn,
        /// Why the bytes there are none.
        fault: RecordFault,
        /// Everything below was proven durable, by a later record or by a meta.
        proven: Lsn,
        /// In a sentence.
        explanation: String,
    },
}

/// Explains what stands at `at`, the end of the last sound record; `fault` as the reading found it.
///
/// Looks for proof of durability in later records and in the metas.
///
/// # Errors
/// `Io`.
pub fn explain(
    source: &Source,
    log: &LogView,
    at: Lsn,
    fault: Option<RecordFault>,
) -> crate::Result<Tail> {
    let meta = metas_position(source)?;
    let Some(fault) = fault else {
        if meta <= at || log.segments.iter().all(|segment| segment.header.is_none()) {
            return Ok(Tail::Clean { at });
        }
        let fault = RecordFault::Magic { found: [0; 4] };
        return Ok(corrupt(at, fault, meta, "a meta's log position"));
    };
    if let Some((proven, by)) = segment_proof(log, at) {
        return Ok(corrupt(at, fault, proven, by));
    }
    let later = later_proof(source, log, at)?;
    if later > at {
        return Ok(corrupt(at, fault, later, "a later record"));
    }
    if meta > at {
        return Ok(corrupt(at, fault, meta, "a meta's log position"));
    }
    let bytes = torn_bytes(source, log, at)?;
    let explanation = format!(
        "{bytes} bytes behind {at} are no whole record ({fault}). Nothing proves that they were ever durable, so no commit was acknowledged on them: a crash cut this write short, and recovery stops here."
    );
    Ok(Tail::Torn { at, fault, bytes, explanation })
}

/// Explains the bytes at `at` if no record starts there; `None` where one does, or where nothing is.
///
/// # Errors
/// `Io`.
pub fn explain_gap(source: &Source, log: &LogView, at: Lsn) -> crate::Result<Option<Tail>> {
    match read_record(source, log, at)? {
        Reading::Broken(fault) => explain(source, log, at, Some(fault)).map(Some),
        Reading::Record(..) | Reading::SegmentEnd(_) | Reading::End => Ok(None),
    }
}

fn corrupt(at: Lsn, fault: RecordFault, proven: Lsn, by: &str) -> Tail {
    let explanation = format!(
        "The bytes at {at} are no record ({fault}), but {by} proves that everything below {proven} was durable once. This is damage, not a crash: acknowledged commits are lost here, and recovery refuses to guess."
    );
    Tail::Corrupt { at, fault, proven, explanation }
}

/// The highest log position that a valid meta names.
fn metas_position(source: &Source) -> crate::Result<Lsn> {
    let mut position = Lsn::default();
    for slot in 0_u64..2 {
        let offset = slot.saturating_mul(PAGE_BYTES as u64);
        let bytes = source.read_range(offset, PAGE_BYTES)?;
        let meta = Meta::decode_slot(&bytes, slot).ok();
        let named = meta.filter(|meta| meta.log_generation != 0);
        position = position.max(named.map(|meta| meta.log_lsn).unwrap_or_default());
    }
    Ok(position)
}

/// The highest durable position that a header behind `at` claims. The record itself need not be whole: its
/// header was written after what it claims (recovery judges so too).
fn later_proof(source: &Source, log: &LogView, at: Lsn) -> crate::Result<Lsn> {
    let mut proven = Lsn::default();
    visit_magics(source, log, at, &mut |lsn| {
        let claimed = header_at(source, log, lsn)?.map(|header| header.durable_lsn);
        proven = proven.max(claimed.unwrap_or_default());
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(proven)
}

/// What the segment that holds `at` proves by itself: it was synced as far as its successor starts, and as
/// far as a recovery copied it (CRASH-19).
fn segment_proof(log: &LogView, at: Lsn) -> Option<(Lsn, &'static str)> {
    let (_, segment) = log.segment_at(at)?;
    let copied = segment.header.map(|header| header.copied_through).filter(|copied| *copied > at);
    match (segment.end.filter(|end| *end > at), copied) {
        (Some(end), _) => Some((end, "the segment that follows")),
        (None, Some(copied)) => Some((copied, "the recovery that copied this segment")),
        (None, None) => None,
    }
}

/// Bytes from `at` to the last byte of its segment that is not zero.
fn torn_bytes(source: &Source, log: &LogView, at: Lsn) -> crate::Result<u64> {
    let Some((_, segment)) = log.segment_at(at) else { return Ok(0) };
    let Some(offset) = segment.header.and_then(|header| header.offset_of(at)) else { return Ok(0) };
    let file = source.open_beside(&segment.file.path)?;
    let mut done = 0;
    let mut last = 0;
    let left = segment.bytes_left(at) as u64;
    while done < left {
        let chunk = read_range(file.as_ref(), offset.saturating_add(done), CHUNK_BYTES)?;
        if chunk.is_empty() {
            break;
        }
        if let Some(index) = chunk.iter().rposition(|&byte| byte != 0) {
            last = done.saturating_add(index as u64).saturating_add(1);
        }
        done = done.saturating_add(chunk.len() as u64);
    }
    Ok(last.min(left))
}

/// Whether only zeros follow in the file, up to `length` bytes.
pub(super) fn only_zeros(file: &dyn File, offset: u64, length: usize) -> crate::Result<bool> {
    let mut done = 0_usize;
    while done < length {
        let at = offset.saturating_add(done as u64);
        let chunk = read_range(file, at, CHUNK_BYTES.min(length.saturating_sub(done)))?;
        if chunk.is_empty() {
            break;
        }
        if chunk.iter().any(|&byte| byte != 0) {
            return Ok(false);
        }
        done = done.saturating_add(chunk.len());
    }
    Ok(true)
}
