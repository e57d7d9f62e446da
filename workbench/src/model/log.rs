//! The commit log: segments, records in batches, one record taken apart, records that touch a key.

use crate::job::{Data, Desk, Job};
use northstar_engine::format::log_record::RecordType;
use northstar_engine::inspect::log::{
    LogView, OpView, RecordDetail, RecordView, Tail, record, records, segments,
};
use northstar_engine::{Lsn, inspect};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Records in one batch.
const BATCH: usize = 512;
/// Records kept at most: a log longer than this is shown from its newest end.
pub const RECORDS_MAX: usize = 200_000;

/// Whether a record makes a state.
pub fn is_commit(record: &RecordView) -> bool {
    record.record_type == RecordType::Commit && !record.abort
}

/// A record's type in a word.
pub const fn type_name(record_type: RecordType) -> &'static str {
    match record_type {
        RecordType::Commit => "commit",
        RecordType::Checkpoint => "checkpoint",
        RecordType::Continuation => "continued",
    }
}

/// The segments, first of all.
#[derive(Clone, Debug)]
pub struct LogOpened(pub Arc<LogView>);

/// Some records.
#[derive(Debug)]
pub struct LogPart(pub Vec<RecordView>);

/// The end of the log.
#[derive(Clone, Debug)]
pub struct LogEnd(pub Option<Tail>);

/// Reads all records' headers.
#[derive(Debug)]
pub struct LoadLog;

impl Job for LoadLog {
    fn name(&self) -> String {
        "read the log".to_owned()
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let source = desk.source()?;
        let log = segments(&source).map_err(|error| error.to_string())?;
        let (start, bytes) = (log.start(), log.bytes());
        let log = Arc::new(log);
        desk.part(Box::new(LogOpened(Arc::clone(&log))));
        let mut at = start;
        loop {
            let part = records(&source, &log, at, BATCH).map_err(|error| error.to_string())?;
            desk.part(Box::new(LogPart(part.records)));
            if let Some(tail) = part.tail {
                return Ok(Box::new(LogEnd(Some(tail))));
            }
            match part.next {
                Some(next) if next > at => at = next,
                _ => return Ok(Box::new(LogEnd(None))),
            }
            if !desk.progress(at.get().saturating_sub(start.get()), bytes) {
                return Err("stopped reading the log".to_owned());
            }
        }
    }
}

/// The newest committed transaction that the log holds behind `from`, and where its record ends.
pub fn newest_commit(
    source: &inspect::Source,
    from: Lsn,
) -> Option<(Lsn, northstar_engine::TxnId)> {
    let log = segments(source).ok()?;
    let mut at = from;
    let mut newest = None;
    loop {
        let part = records(source, &log, at, BATCH).ok()?;
        let last = part.records.iter().rev().find(|record| is_commit(record));
        newest = last.map(|record| (record.end_lsn, record.txn_id)).or(newest);
        match part.next {
            Some(next) if next > at => at = next,
            _ => return newest,
        }
    }
}

/// One record with its operations.
#[derive(Clone, Debug)]
pub struct LoadedRecord {
    /// Where.
    pub lsn: Lsn,
    /// What; `None` when no record starts there.
    pub detail: Option<RecordDetail>,
}

/// Takes one record apart.
#[derive(Debug)]
pub struct LoadRecord {
    /// Where it starts.
    pub lsn: Lsn,
    /// The segments.
    pub log: Arc<LogView>,
}

impl Job for LoadRecord {
    fn name(&self) -> String {
        format!("read the record at {}", self.lsn)
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let source = desk.source()?;
        let detail = record(&source, &self.log, self.lsn).map_err(|error| error.to_string())?;
        Ok(Box::new(LoadedRecord { lsn: self.lsn, detail }))
    }
}

/// Records that touch keys with a prefix.
#[derive(Clone, Debug)]
pub struct Touching {
    /// The prefix.
    pub prefix: Vec<u8>,
    /// Where the records start.
    pub found: BTreeSet<Lsn>,
}

/// Looks for them.
#[derive(Debug)]
pub struct FindTouching {
    /// The prefix.
    pub prefix: Vec<u8>,
    /// The segments.
    pub log: Arc<LogView>,
    /// The records to look at.
    pub records: Vec<Lsn>,
}

impl Job for FindTouching {
    fn name(&self) -> String {
        "look for a key in the log".to_owned()
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let source = desk.source()?;
        let mut found = BTreeSet::new();
        let total = self.records.len() as u64;
        for (done, lsn) in self.records.iter().enumerate() {
            let detail = record(&source, &self.log, *lsn).map_err(|error| error.to_string())?;
            if detail.is_some_and(|detail| detail.ops.iter().any(|op| touches(op, &self.prefix))) {
                found.insert(*lsn);
            }
            if !desk.progress(done as u64, total) {
                return Err("stopped".to_owned());
            }
        }
        Ok(Box::new(Touching { prefix: self.prefix, found }))
    }
}

/// Whether an operation touches a key that starts with `prefix`.
fn touches(op: &OpView, prefix: &[u8]) -> bool {
    if op.key.starts_with(prefix) {
        return true;
    }
    // A range that starts before the prefix may reach into it.
    op.count.is_some()
        && op.key.as_slice() <= prefix
        && op.end.as_deref().is_none_or(|end| end > prefix)
}
