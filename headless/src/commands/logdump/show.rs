//! How segments, records, operations and the tail look: lines for a person, JSON for a program.

use crate::output::{Out, Printable, hex::Hex, json, json::Bytes};
use color_eyre::eyre::Result;
use northstar_engine::{
    Corrupt, Lsn, TxnId,
    inspect::log::{OpKind, OpView, RecordDetail, RecordView, SegmentView, Tail},
};
use serde::Serialize;

/// Longest key and value shown to a person.
const CHARS_MAX: usize = 60;

/// Shows a log.
pub(super) struct Show<'a> {
    out: &'a mut Out,
    json: bool,
}

/// A line of `logdump --json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Line<'a> {
    Segment(SegmentJson<'a>),
    Problem(&'a Corrupt),
    Gap { from: Lsn, to: Lsn },
    Record(RecordJson<'a>),
    Tail(&'a Tail),
}

#[derive(Debug, Serialize)]
struct SegmentJson<'a> {
    file: &'a str,
    bytes: u64,
    number: Option<u64>,
    generation: Option<u64>,
    start: Option<Lsn>,
    end: Option<Lsn>,
    problem: Option<&'a Corrupt>,
}

#[derive(Debug, Serialize)]
struct RecordJson<'a> {
    file: &'a str,
    #[serde(flatten)]
    record: &'a RecordView,
    #[serde(skip_serializing_if = "Option::is_none")]
    operations: Option<Vec<OpJson<'a>>>,
    problems: &'a [Corrupt],
}

#[derive(Debug, Serialize)]
struct OpJson<'a> {
    op: OpKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_hex: Option<Hex<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_hex: Option<Hex<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_hex: Option<Hex<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
}

impl<'a> Show<'a> {
    pub(super) fn new(out: &'a mut Out, json: bool) -> Self {
        Self { out, json }
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        self.out.flush()
    }

    pub(super) fn segment(&mut self, segment: &SegmentView) -> Result<()> {
        let name = Printable::capped(&segment.file.name, 200);
        if self.json {
            let line = SegmentJson {
                file: name.as_str(),
                bytes: segment.bytes,
                number: segment.number,
                generation: segment.generation,
                start: segment.start,
                end: segment.end,
                problem: segment.problem.as_ref(),
            };
            return json::line(self.out, &Line::Segment(line));
        }
        let number = segment.number.map_or(String::from("?"), |number| number.to_string());
        let start = segment.start.map_or(String::from("?"), |start| start.to_string());
        let bytes = segment.bytes;
        self.out
            .line(format_args!("segment {number} {name}: from position {start}, {bytes} bytes"))?;
        match &segment.problem {
            Some(problem) => self.wrong(problem),
            None => Ok(()),
        }
    }

    pub(super) fn problem(&mut self, problem: &Corrupt) -> Result<()> {
        if self.json {
            return json::line(self.out, &Line::Problem(problem));
        }
        self.wrong(problem)
    }

    pub(super) fn gap(&mut self, from: Lsn, to: Lsn) -> Result<()> {
        if self.json {
            return json::line(self.out, &Line::Gap { from, to });
        }
        self.out.line(format_args!("  WRONG no record from position {from} to {to}"))
    }

    pub(super) fn disorder(&mut self, last: TxnId, record: &RecordView) -> Result<()> {
        let place = northstar_engine::Place::Lsn(record.lsn);
        let (expected, found) = (last.next(), record.txn_id);
        self.problem(&Corrupt::at(place, "LOG-8", format_args!("transaction {expected}"), found))
    }

    pub(super) fn record(
        &mut self,
        file: &str,
        record: &RecordView,
        detail: Option<&RecordDetail>,
        problems: &[Corrupt],
    ) -> Result<()> {
        if self.json {
            let file = Printable::capped(file, 200);
            let operations = detail
                .map(|detail| detail.ops.iter().map(|op| OpJson::new(op, &detail.bytes)).collect());
            let line = RecordJson { file: file.as_str(), record, operations, problems };
            return json::line(self.out, &Line::Record(line));
        }
        let mut text = format!(
            "{:>12}  {} {}  {} bytes",
            record.lsn.get(),
            record.record_type.name(),
            record.txn_id,
            record.payload_bytes
        );
        if let Some(ops) = record.ops {
            text.push_str(&format!(", {ops} operations"));
        }
        if let Some(rows) = record.key_count {
            text.push_str(&format!(", {rows} rows after it"));
        }
        let flags =
            [(record.eventual, "eventual"), (record.relocate, "relocate"), (record.abort, "abort")];
        for (set, name) in flags {
            if set {
                text.push_str(&format!(", {name}"));
            }
        }
        self.out.line(text)?;
        problems.iter().try_for_each(|problem| self.wrong(problem))?;
        detail.map_or(Ok(()), |detail| detail.ops.iter().try_for_each(|op| self.op(op, detail)))
    }

    fn op(&mut self, op: &OpView, detail: &RecordDetail) -> Result<()> {
        let key = Printable::capped(&op.key, CHARS_MAX);
        let value = detail.bytes.get(op.value.clone()).unwrap_or_default();
        match op.kind {
            OpKind::Put => {
                let value = Printable::capped(value, CHARS_MAX);
                self.out.line(format_args!("{:14}put {key}\t{value}", ""))
            }
            OpKind::Del => self.out.line(format_args!("{:14}del {key}", "")),
            OpKind::DelRange => {
                let end = op.end.as_ref().map(|end| Printable::capped(end, CHARS_MAX));
                let end = end.as_ref().map_or("the end", Printable::as_str);
                let count = op.count.unwrap_or_default();
                self.out.line(format_args!("{:14}del range {key} to {end}, {count} rows", ""))
            }
        }
    }

    pub(super) fn tail(&mut self, tail: &Tail) -> Result<()> {
        if self.json {
            return json::line(self.out, &Line::Tail(tail));
        }
        match tail {
            Tail::Clean { at } => self.out.line(format_args!("{:>12}  end of the log", at.get())),
            Tail::Torn { at, explanation, .. } => {
                let explanation = Printable::message(explanation, 1000);
                self.out.line(format_args!("{:>12}  torn tail: {explanation}", at.get()))
            }
            Tail::Corrupt { at, explanation, .. } => {
                let explanation = Printable::message(explanation, 1000);
                self.out.line(format_args!("{:>12}  WRONG {explanation}", at.get()))
            }
        }
    }

    fn wrong(&mut self, problem: &Corrupt) -> Result<()> {
        self.out.line(format_args!("  WRONG {}", Printable::message(problem.to_string(), 400)))
    }
}

impl<'a> OpJson<'a> {
    fn new(op: &'a OpView, record: &'a [u8]) -> Self {
        let key = Bytes(&op.key);
        let value = (op.kind == OpKind::Put)
            .then(|| Bytes(record.get(op.value.clone()).unwrap_or_default()));
        let end = op.end.as_deref().map(Bytes);
        Self {
            op: op.kind,
            key: key.text(),
            key_hex: key.hex(),
            value: value.and_then(Bytes::text),
            value_hex: value.and_then(Bytes::hex),
            end: end.and_then(Bytes::text),
            end_hex: end.and_then(Bytes::hex),
            count: op.count,
        }
    }
}
