//! What a whole transaction did: its operations in order, those of its continuations first.
//!
//! Called by whoever replays commits in memory (the workbench). Bytes: spec/commit_record_v0.md.
//! Cost: one read a record, one record in memory; no field is built.

use super::{LogView, Reading, RecordView, read_record};
use crate::error::Corrupt;
use crate::format::log_record::{CommitHeader, RecordHeader, RecordType, judge_commit};
use crate::format::op::{Op, OpReader};
use crate::ids::Lsn;
use crate::inspect::source::Source;
use serde::Serialize;
use std::fmt;

/// Why operations of a transaction are missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Missing {
    /// No record of the transaction is at this position any more, or it never was whole.
    NoRecord {
        /// The position.
        lsn: Lsn,
    },
    /// The record is longer than is read here.
    TooLong {
        /// Where it starts.
        lsn: Lsn,
        /// Bytes of its payload.
        bytes: u64,
    },
    /// Its bytes break a rule.
    Broken {
        /// Which.
        problem: Corrupt,
    },
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRecord { lsn } => write!(f, "no record of it at {lsn}"),
            Self::TooLong { lsn, bytes } => {
                write!(f, "the record at {lsn} is too long to be read here: {bytes} bytes")
            }
            Self::Broken { problem } => problem.fmt(f),
        }
    }
}

impl From<Corrupt> for Missing {
    fn from(problem: Corrupt) -> Self {
        Self::Broken { problem }
    }
}

/// Calls `visit` with each operation of the transaction whose commit record starts at `commit`.
///
/// Answers why the rest is missing when not all of them could be read; `None` when they were. What
/// was visited before is right in itself.
///
/// # Errors
/// `Io`.
pub fn operations(
    source: &Source,
    log: &LogView,
    commit: Lsn,
    visit: &mut dyn FnMut(Op<'_>),
) -> crate::Result<Option<Missing>> {
    let Reading::Record(view, bytes) = read_record(source, log, commit)? else {
        return Ok(Some(Missing::NoRecord { lsn: commit }));
    };
    let last = match Part::new(&view, bytes) {
        Ok(last) if view.record_type == RecordType::Commit => last,
        Ok(_) => return Ok(Some(Missing::NoRecord { lsn: commit })),
        Err(missing) => return Ok(Some(missing)),
    };
    let (first, mut at, mut index) = (last.header.chain_first, last.header.chain_first, 0);
    while at < commit {
        let (view, bytes) = match read_record(source, log, at)? {
            Reading::Record(view, bytes) => (view, bytes),
            Reading::SegmentEnd(next) if next > at => {
                at = next;
                continue;
            }
            _ => return Ok(Some(Missing::NoRecord { lsn: at })),
        };
        // Records of the engine itself may stand between the parts of a chain.
        if view.record_type == RecordType::Continuation {
            let visited = Part::new(&view, bytes).and_then(|part| {
                if part.header.chain_first != first || part.header.chain_index != index {
                    return Err(Missing::NoRecord { lsn: at });
                }
                part.visit(visit)
            });
            if let Err(missing) = visited {
                return Ok(Some(missing));
            }
            index = index.saturating_add(1);
        }
        at = view.end_lsn;
    }
    if index != last.header.chain_index {
        return Ok(Some(Missing::NoRecord { lsn: first }));
    }
    Ok(last.visit(visit).err())
}

/// One record of a transaction.
struct Part {
    lsn: Lsn,
    header: CommitHeader,
    bytes: Vec<u8>,
    payload_end: usize,
}

impl Part {
    fn new(view: &RecordView, bytes: Vec<u8>) -> Result<Self, Missing> {
        let lsn = view.lsn;
        if view.header_only {
            return Err(Missing::TooLong { lsn, bytes: u64::from(view.payload_bytes) });
        }
        let header = RecordHeader::decode(&bytes).ok_or(Missing::NoRecord { lsn })?;
        let payload_end = RecordHeader::BYTES.saturating_add(header.payload_bytes as usize);
        let payload = bytes.get(RecordHeader::BYTES..payload_end).unwrap_or_default();
        let (commit, _) = judge_commit(payload, &header, lsn)?;
        Ok(Self { lsn, header: commit, bytes, payload_end })
    }

    fn visit(&self, visit: &mut dyn FnMut(Op<'_>)) -> Result<(), Missing> {
        let start = RecordHeader::BYTES.saturating_add(CommitHeader::BYTES);
        let ops = self.bytes.get(start..self.payload_end).unwrap_or_default();
        for op in OpReader::new(ops, self.header.op_count, self.lsn) {
            visit(op?);
        }
        Ok(())
    }
}
