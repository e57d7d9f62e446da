//! What an operation means: which page, meta slot, log record or segment header it touches.
//!
//! Reads the bytes by their magic and believes nothing else; bytes it does not know are shown as a
//! range.

use super::trace::{Action, SimOp, SyncOutcome, Trace};
use crate::{
    disk::SyncKind,
    format::{
        log_record::{RECORD_MAGIC, RecordHeader},
        meta::{META_MAGIC, Meta},
        page::{PAGE_MAGIC, PageHeader, PageType},
        segment::{SEGMENT_MAGIC, SegmentHeader},
    },
    limits::PAGE_BYTES,
};
use std::fmt::Write;

/// Records named in one description.
const RECORDS_NAMED: usize = 4;

impl Trace {
    /// What operation `number` meant, in one line: which page, meta slot, record or segment.
    pub fn describe(&self, number: usize) -> String {
        self.ops().get(number).map_or_else(String::new, op)
    }
}

/// One line for an operation.
pub(super) fn op(op: &SimOp) -> String {
    let path = op.path.display();
    match &op.action {
        Action::Create { .. } => format!("create {path}"),
        Action::Write { offset, bytes, .. } => {
            let range = format!("{offset}..{}", offset + bytes.len() as u64);
            match content(bytes) {
                Some(meaning) => format!("write {meaning} ({path} {range})"),
                None => format!("write {path} {range}"),
            }
        }
        Action::SetLen { bytes, len_before, .. } => {
            let verb = if bytes < len_before { "cut" } else { "extend" };
            format!("{verb} {path} from {len_before} to {bytes} bytes")
        }
        Action::Sync { kind, outcome, .. } => {
            let what = match kind {
                SyncKind::Data => "data of ",
                SyncKind::Full => "",
            };
            format!("sync {what}{path}{}", failed(*outcome))
        }
        Action::SyncDir { outcome } => format!("sync directory {path}{}", failed(*outcome)),
        Action::Rename { to, .. } => format!("rename {path} to {}", to.display()),
        Action::Unlink { .. } => format!("remove {path}"),
        Action::Mark { text } => format!("-- {text}"),
    }
}

fn failed(outcome: SyncOutcome) -> String {
    match outcome {
        SyncOutcome::Done => String::new(),
        SyncOutcome::Failed(persisted) => format!(": fails, persisted {persisted:?}"),
    }
}

/// What bytes are, from their magic.
pub(super) fn content(bytes: &[u8]) -> Option<String> {
    let magic = bytes.first_chunk::<4>()?;
    if *magic == SEGMENT_MAGIC.0 {
        let header = SegmentHeader::decode(bytes)?;
        return Some(format!(
            "segment header {}, from LSN {}, generation {:08x}",
            header.number,
            header.start_lsn,
            header.generation >> 32
        ));
    }
    if *magic == RECORD_MAGIC.0 {
        return Some(records(bytes));
    }
    if *magic == PAGE_MAGIC.0 {
        return page(bytes);
    }
    bytes.iter().all(|&byte| byte == 0).then(|| "zeros".to_owned())
}

fn page(bytes: &[u8]) -> Option<String> {
    let header = PageHeader::decode(bytes)?;
    let meta = bytes.get(PageHeader::BYTES..).and_then(Meta::decode);
    if let Some(meta) = meta
        && meta.magic == META_MAGIC
    {
        let slot = if header.page_id.get() & 1 == 0 { 'A' } else { 'B' };
        return Some(format!(
            "meta {slot}: txn {}, log from {}, sequence {}",
            meta.txn_id, meta.log_lsn, meta.sequence
        ));
    }
    let kind = PageType::from_u8(header.page_type).map_or("unknown", PageType::name);
    let mut line = format!(
        "page {} {kind}, level {}, born in txn {}",
        header.page_id, header.level, header.birth
    );
    let pages = bytes.len() / PAGE_BYTES;
    if pages > 1 {
        write!(line, ", and {} more", pages - 1).ok()?;
    }
    Some(line)
}

fn records(bytes: &[u8]) -> String {
    let mut names = Vec::new();
    let mut count = 0;
    let mut rest = bytes;
    while let Some(header) = RecordHeader::decode(rest)
        && header.magic == RECORD_MAGIC
    {
        count += 1;
        if names.len() < RECORDS_NAMED {
            let kind = match header.record_type {
                0 => "commit",
                1 => "checkpoint record at",
                3 => "continuation of",
                _ => "unknown record of",
            };
            names.push(format!("{kind} {}", header.txn_id));
        }
        // Header, payload, zeros to 8, trailer 16.
        let payload = (header.payload_bytes as usize).saturating_add(RecordHeader::BYTES);
        let total = payload.checked_next_multiple_of(8).and_then(|end| end.checked_add(16));
        rest = total.and_then(|total| rest.get(total..)).unwrap_or_default();
    }
    let names = names.join(", ");
    if count > RECORDS_NAMED { format!("{names}, {} more", count - RECORDS_NAMED) } else { names }
}
