//! One record taken apart: fields, operations, gaps.

use super::{LogView, Reading, RecordView, header_crc, read_record};
use crate::error::Corrupt;
use crate::format::log_record::{
    CommitHeader, RecordHeader, RecordPlace, RecordTrailer, RecordType, judge_commit,
};
use crate::format::op::{Op, OpHeader, OpReader};
use crate::ids::Lsn;
use crate::inspect::builder::{Builder, group, judge, name_value};
use crate::inspect::source::Source;
use crate::inspect::view::{FieldValue, FieldView, Gap, Verdict};
use serde::Serialize;
use std::ops::Range;

/// Most operations that a detail lists; the fields of the rest are one gap.
pub const OPS_MAX: usize = 10_000;

const PAYLOAD: &str = "What the transaction did. Replaying these operations in order makes the state again: the log holds the truth, pages are its cache.";
const KEY: &str = "The key, whole: the log knows nothing of nodes and prefixes.";
const VALUE: &str = "The value, whole.";
const OP: &str = "One operation.";
const UNREAD: &str =
    "Bytes of the payload that are not shown as operations: too many, or they break a rule.";
const PADDING: &str = "Zeros up to a multiple of 8, so that the next record starts aligned.";

/// One record with all its fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordDetail {
    /// As in the list.
    pub record: RecordView,
    /// Its bytes; the header's only when it is too long to be read here.
    #[serde(skip)]
    pub bytes: Vec<u8>,
    /// The fields; ranges count from the record's start.
    pub fields: Vec<FieldView>,
    /// The bytes that are no field.
    pub gaps: Vec<Gap>,
    /// Its operations, at most [`OPS_MAX`].
    pub ops: Vec<OpView>,
    /// Every rule that is broken.
    pub problems: Vec<Corrupt>,
}

/// What kind of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OpKind {
    /// Stores a row.
    Put,
    /// Removes a row.
    Del,
    /// Removes a range of rows.
    DelRange,
}

/// One operation of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpView {
    /// What it does.
    pub kind: OpKind,
    /// The key; of a range, its first.
    pub key: Vec<u8>,
    /// Of a range: the first key behind it; `None` when it goes to the end.
    pub end: Option<Vec<u8>>,
    /// Of a range: how many rows it removed.
    pub count: Option<u64>,
    /// Where the value stands in the record.
    pub value: Range<usize>,
}

/// Takes the record at `lsn` apart; `None` when no record starts there.
///
/// # Errors
/// `Io`.
pub fn record(source: &Source, log: &LogView, lsn: Lsn) -> crate::Result<Option<RecordDetail>> {
    let Reading::Record(view, bytes) = read_record(source, log, lsn)? else { return Ok(None) };
    let Some(header) = RecordHeader::decode(&bytes) else { return Ok(None) };
    let segment = log.segments.get(view.segment).and_then(|segment| segment.header);
    let Some(segment) = segment else { return Ok(None) };
    let place = RecordPlace { uuid: segment.uuid, generation: segment.generation, lsn };
    let mut detail = RecordDetail {
        problems: view.problem.clone().into_iter().collect(),
        record: *view,
        fields: Vec::new(),
        gaps: Vec::new(),
        ops: Vec::new(),
        bytes: Vec::new(),
    };
    let mut builder = Builder::new(&bytes);
    detail.fields.extend(header_fields(&mut builder, &header, place, &detail.record));
    let payload_end = RecordHeader::BYTES.saturating_add(header.payload_bytes as usize);
    if !detail.record.header_only {
        payload_fields(&mut builder, &header, payload_end, &mut detail);
        let trailer = bytes.len().saturating_sub(RecordTrailer::BYTES);
        let mut fields = builder.layout("record trailer", &RecordTrailer::LAYOUT, trailer);
        if let Some(fields) = &mut fields {
            judge(fields, "crc", Verdict::compare("LOG-6", true, "this record's", "this record's"));
        }
        detail.fields.extend(fields);
    }
    detail.gaps = builder.gaps(&[payload_end], &|range| {
        if range.start >= payload_end { ("padding", PADDING) } else { ("undecoded", UNREAD) }
    });
    detail.bytes = bytes;
    Ok(Some(detail))
}

fn header_fields(
    builder: &mut Builder<'_>,
    header: &RecordHeader,
    place: RecordPlace,
    view: &RecordView,
) -> Option<FieldView> {
    let mut group = builder.layout("record header", &RecordHeader::LAYOUT, 0)?;
    let crc = header_crc(header, place);
    let ok = crc == header.header_crc.0;
    let (expected, found) = (format!("{crc:08x}"), format!("{:08x}", header.header_crc.0));
    judge(&mut group, "header_crc", Verdict { ok, rule: "LOG-2", expected, found });
    let sound = view.crc.is_some();
    if sound {
        let crc = format!("{:08x}", header.payload_crc.0);
        judge(&mut group, "payload_crc", Verdict::compare("LOG-5", true, &crc, &crc));
    }
    name_value(&mut group, "record_type", u64::from(header.record_type), view.record_type.name());
    Some(group)
}

fn payload_fields(
    builder: &mut Builder<'_>,
    header: &RecordHeader,
    payload_end: usize,
    detail: &mut RecordDetail,
) {
    let anchor = CommitHeader::LAYOUT.anchor;
    let range = RecordHeader::BYTES..payload_end;
    let payload = builder.bytes.get(range.clone()).unwrap_or_default();
    if !matches!(detail.record.record_type, RecordType::Commit | RecordType::Continuation) {
        let value = FieldValue::bytes(payload);
        let meaning = "What the record says; it changes no row.";
        detail.fields.extend(builder.field("payload", range, value, meaning, anchor));
        return;
    }
    let Ok((commit, ops)) = judge_commit(payload, header, detail.record.lsn) else { return };
    let mut children: Vec<FieldView> = builder
        .layout("commit header", &CommitHeader::LAYOUT, RecordHeader::BYTES)
        .into_iter()
        .collect();
    let mut at = payload_end.saturating_sub(ops.len());
    let mut reader = OpReader::new(ops, commit.op_count, detail.record.lsn);
    for index in 0..OPS_MAX {
        match reader.next() {
            Some(Ok(op)) => {
                let (view, field, end) = op_fields(builder, index, &op, at);
                detail.ops.push(view);
                children.extend(field);
                at = end;
            }
            Some(Err(corrupt)) => {
                detail.problems.push(corrupt);
                break;
            }
            None => break,
        }
    }
    detail.fields.push(group("payload", PAYLOAD, anchor, range, children));
}

/// One operation that starts at `at`: for the list, as a field, and where it ends.
fn op_fields(
    builder: &mut Builder<'_>,
    index: usize,
    op: &Op<'_>,
    at: usize,
) -> (OpView, Option<FieldView>, usize) {
    const COUNT_BYTES: usize = 8;
    let anchor = OpHeader::LAYOUT.anchor;
    let (kind, name, key, end, count) = match op {
        Op::Put { key, .. } => (OpKind::Put, "put", key, None, None),
        Op::Del { key } => (OpKind::Del, "del", key, None, None),
        Op::DelRange { start, end, count } => {
            (OpKind::DelRange, "del range", start, end.map(<[u8]>::to_vec), Some(*count))
        }
    };
    let key_start = at.saturating_add(OpHeader::BYTES);
    let value_start = key_start.saturating_add(key.len());
    let value_bytes = match op {
        Op::Put { value, .. } => value.len(),
        Op::Del { .. } => 0,
        Op::DelRange { end, .. } => COUNT_BYTES.saturating_add(end.map_or(0, <[u8]>::len)),
    };
    let value = value_start..value_start.saturating_add(value_bytes);
    let mut children = Vec::with_capacity(4);
    let header = builder.layout("operation header", &OpHeader::LAYOUT, at).map(|mut header| {
        let op_type = kind as u64;
        name_value(&mut header, "op_type", op_type, name);
        header
    });
    children.extend(header);
    let shown = FieldValue::bytes(key);
    children.extend(builder.field("key", key_start..value_start, shown, KEY, anchor));
    if let Some(count) = count {
        let middle = value.start.saturating_add(COUNT_BYTES);
        let meaning = "How many rows the range removed; replay must remove as many.";
        let shown = FieldValue::Unsigned(count);
        children.extend(builder.field("count", value.start..middle, shown, meaning, anchor));
        let shown = FieldValue::bytes(end.as_deref().unwrap_or_default());
        let meaning = "The first key behind the range.";
        children.extend(builder.field("end", middle..value.end, shown, meaning, anchor));
    } else {
        let bytes = builder.bytes.get(value.clone()).unwrap_or_default();
        let shown = FieldValue::bytes(bytes);
        children.extend(builder.field("value", value.clone(), shown, VALUE, anchor));
    }
    let field = group(format!("op[{index}] {name}"), OP, anchor, at..value.end, children);
    let after = value.end;
    let view = OpView { kind, key: key.to_vec(), end, count, value };
    (view, Some(field), after)
}
