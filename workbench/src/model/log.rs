//! The commit log: segments, records in batches, one record taken apart, records that touch a key; how large
//! commits are (`sizes`), and which the log proves durable at once (`groups`).

mod groups;
mod sizes;

use crate::job::{Data, Desk, Job};
use northstar_engine::format::log_record::RecordType;
use northstar_engine::inspect::log::{
    LogView, OpView, RecordDetail, RecordView, Tail, explain_gap, record, records, segments,
};
use northstar_engine::inspect::tree::row_keys;
use northstar_engine::printable::Printable;
use northstar_engine::{Lsn, PageId, inspect};
use std::collections::BTreeSet;
use std::sync::Arc;

pub use groups::{Group, group_of, group_sizes, groups};
pub use sizes::{CommitSizes, record_bytes};

/// Records in one batch.
const BATCH: usize = 512;
/// Records kept at most: a log longer than this is shown from its newest end.
pub const RECORDS_MAX: usize = 200_000;

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
pub struct LogOpened {
    /// They.
    pub log: Arc<LogView>,
    /// Whether what was read before still holds, and only what is behind it comes now.
    pub resumed: bool,
}

/// Some records.
#[derive(Debug)]
pub struct LogPart(pub Vec<RecordView>);

/// The end of the log.
#[derive(Clone, Debug)]
pub struct LogEnd(pub Option<Tail>);

/// Reads all records' headers, or those behind the ones that are known.
///
/// A live log grows all the time: reading it from its start each time would never end.
#[derive(Debug, Default)]
pub struct LoadLog {
    /// The last record that is known.
    pub known: Option<RecordView>,
}

impl LoadLog {
    /// Where to go on: behind the known record, if the log still has exactly that one.
    fn resume(&self, source: &inspect::Source, log: &LogView) -> Option<Lsn> {
        let known = self.known.as_ref()?;
        let part = records(source, log, known.lsn, 1).ok()?;
        let same = part.records.first().is_some_and(|record| {
            (record.lsn, record.end_lsn, record.crc) == (known.lsn, known.end_lsn, known.crc)
        });
        same.then_some(known.end_lsn)
    }
}

impl Job for LoadLog {
    fn name(&self) -> String {
        "read the log".to_owned()
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let source = desk.source()?;
        let log = segments(&source).map_err(|error| error.to_string())?;
        let (start, bytes) = (log.start(), log.bytes());
        let resumed = self.resume(&source, &log);
        let log = Arc::new(log);
        desk.part(Box::new(LogOpened { log: Arc::clone(&log), resumed: resumed.is_some() }));
        let mut at = resumed.unwrap_or(start);
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

/// What stands where a gap starts.
#[derive(Clone, Debug)]
pub struct ExplainedGap {
    /// Where.
    pub at: Lsn,
    /// Damage, or a write that a crash cut short; none when a record is there by now.
    pub why: Option<Tail>,
}

/// Explains the bytes between two records that are no record.
#[derive(Debug)]
pub struct ExplainGap {
    /// Where they start.
    pub at: Lsn,
    /// The segments.
    pub log: Arc<LogView>,
}

impl Job for ExplainGap {
    fn name(&self) -> String {
        format!("look at what stands at {}", self.at)
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let source = desk.source()?;
        let why = explain_gap(&source, &self.log, self.at).map_err(|error| error.to_string())?;
        Ok(Box::new(ExplainedGap { at: self.at, why }))
    }
}

/// Which keys are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Those that start so.
    Prefix(Vec<u8>),
    /// Those that a leaf holds: its first to its last.
    Leaf {
        /// The leaf.
        page: PageId,
        /// Its first key,
        first: Vec<u8>,
        /// and its last.
        last: Vec<u8>,
    },
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Prefix(prefix) => {
                write!(f, "keys \"{}…\"", Printable::capped(prefix, 30).as_str())
            }
            Self::Leaf { page, .. } => write!(f, "keys of p{page}"),
        }
    }
}

impl Wanted {
    /// Whether an operation touches such a key.
    fn is_touched_by(&self, op: &OpView) -> bool {
        let (first, inside): (&[u8], bool) = match self {
            Self::Prefix(prefix) => (prefix.as_slice(), op.key.starts_with(prefix)),
            Self::Leaf { first, last, .. } => {
                (first.as_slice(), op.key >= *first && op.key <= *last)
            }
        };
        // A range that starts before may reach into it.
        let reaches = op.count.is_some()
            && op.key.as_slice() <= first
            && op.end.as_deref().is_none_or(|end| end > first);
        inside || reaches
    }
}

/// Records that touch the wanted keys.
#[derive(Clone, Debug)]
pub struct Touching {
    /// The keys.
    pub wanted: Wanted,
    /// Where the records start.
    pub found: BTreeSet<Lsn>,
}

/// Where the wanted keys come from.
#[derive(Clone, Debug)]
pub enum Keys {
    /// A prefix.
    Prefix(Vec<u8>),
    /// The rows of a leaf.
    Page(PageId),
}

/// Looks for them.
#[derive(Debug)]
pub struct FindTouching {
    /// The keys.
    pub keys: Keys,
    /// The segments.
    pub log: Arc<LogView>,
    /// The records to look at.
    pub records: Vec<Lsn>,
}

impl Job for FindTouching {
    fn name(&self) -> String {
        "look for keys in the log".to_owned()
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let source = desk.source()?;
        let wanted = match self.keys {
            Keys::Prefix(prefix) => Wanted::Prefix(prefix),
            Keys::Page(page) => {
                let bytes = source.read_page(page).map_err(|error| error.to_string())?.bytes;
                let mut keys = row_keys(&bytes).into_iter();
                let first = keys.next().ok_or(format!("p{page} is no leaf with rows"))?;
                let last = keys.next_back().unwrap_or_else(|| first.clone());
                Wanted::Leaf { page, first, last }
            }
        };
        let mut found = BTreeSet::new();
        let total = self.records.len() as u64;
        for (done, lsn) in self.records.iter().enumerate() {
            let detail = record(&source, &self.log, *lsn).map_err(|error| error.to_string())?;
            if detail.is_some_and(|detail| detail.ops.iter().any(|op| wanted.is_touched_by(op))) {
                found.insert(*lsn);
            }
            if !desk.progress(done as u64, total) {
                return Err("stopped".to_owned());
            }
        }
        Ok(Box::new(Touching { wanted, found }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{JobEvent, perform};
    use crate::model::deed::{Hand, Script};
    use northstar_engine::Options;
    use std::path::Path;
    use std::sync::atomic::AtomicBool;

    /// What a reading of the log brings: whether it went on, and the records.
    fn read(path: &Path, known: Option<RecordView>) -> (bool, Vec<RecordView>) {
        let (mut resumed, mut found) = (false, Vec::new());
        let stop = AtomicBool::new(false);
        let end = perform(Box::new(LoadLog { known }), path, &stop, &mut |event| {
            let JobEvent::Part(data) = event else { return };
            match data.downcast::<LogPart>() {
                Ok(part) => found.extend(part.0),
                Err(data) => resumed = data.downcast::<LogOpened>().is_ok_and(|log| log.resumed),
            }
        });
        assert!(matches!(end, JobEvent::Done(_)), "{end:?}");
        (resumed, found)
    }

    fn perform_all(hand: &mut Hand, script: &str) {
        let script: Script = script.parse().expect("a script");
        for deed in script.deeds() {
            hand.perform(deed).expect("the engine does it");
        }
    }

    /// A live log grows faster than a long one can be read from its start.
    #[test]
    fn a_log_that_grew_is_read_on_and_not_anew() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("live.ns");
        let db = Options::new().background(false).open(&path).expect("a database");
        let mut hand = Hand::new(db);
        perform_all(&mut hand, "put apple, put banana");
        let (resumed, first) = read(&path, None);
        assert!(!resumed && first.iter().filter(|record| record.is_commit()).count() == 2);
        let last = first.last().cloned().expect("a record");
        perform_all(&mut hand, "put cherry");
        let (resumed, more) = read(&path, Some(last.clone()));
        assert!(resumed, "the known record is still there");
        assert!(more.iter().all(|record| record.lsn >= last.end_lsn), "only what is behind it");
        assert_eq!(more.iter().filter(|record| record.is_commit()).count(), 1);
        // Another record in that place, as after a recovery: everything is read again.
        let other = RecordView { crc: last.crc.map(|crc| !crc), ..last };
        let (resumed, all) = read(&path, Some(other));
        assert!(!resumed && all.len() == first.len() + more.len());
    }
}
