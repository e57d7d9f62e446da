//! The file as a whole: what line 1 of every screen says, and how a change is noticed.

use crate::job::{Data, Desk, Job};
use crate::text;
use northstar_engine::inspect::log::newest_commit;
use northstar_engine::inspect::{self, FileKind, MetaJudgement};
use northstar_engine::printable::Printable;
use northstar_engine::{FileUuid, Lsn, TxnId};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// The file as a whole.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Whether it was read at all yet.
    pub loaded: bool,
    /// Where the file is.
    pub file: PathBuf,
    /// The file's name, printable.
    pub name: String,
    /// Its path, printable.
    pub path: String,
    /// What it seems to be.
    pub kind: Option<FileKind>,
    /// Bytes in it.
    pub bytes: u64,
    /// Pages in it.
    pub pages: u64,
    /// Its identity.
    pub uuid: FileUuid,
    /// The judgement of its metas.
    pub metas: Option<Arc<MetaJudgement>>,
    /// The state the pages show.
    pub checkpoint: Option<TxnId>,
    /// Log segments beside it; none where the folder cannot be listed.
    pub segments: Option<usize>,
    /// The state the log ends at.
    pub log_end: Option<TxnId>,
    /// Where in the log that state ends: what is before need not be read again.
    pub log_known: Option<(Lsn, TxnId)>,
    /// Whether a full check has been made.
    pub checked: bool,
    /// Errors it found.
    pub errors: u64,
    /// Warnings it found.
    pub warnings: u64,
    /// The file changed while we looked: a writer is at work.
    pub seen_changing: bool,
    /// The file system it lies on is mounted read-only.
    pub read_only_mount: bool,
    /// Why it cannot be read.
    pub error: Option<String>,
}

impl Summary {
    /// What is known of `path` before anything is read.
    pub fn unread(path: &Path) -> Self {
        let name = path.file_name().unwrap_or(path.as_os_str());
        Self {
            file: path.to_owned(),
            name: Printable::capped(name.as_encoded_bytes(), 40).into_string(),
            path: Printable::capped(path.as_os_str().as_encoded_bytes(), 400).into_string(),
            ..Self::default()
        }
    }

    /// The newest state known.
    pub fn newest_txn(&self) -> Option<TxnId> {
        self.log_end.max(self.checkpoint)
    }

    /// Whether `other` shows a state that screens have to load again.
    pub fn differs(&self, other: &Self) -> bool {
        self.bytes != other.bytes
            || self.checkpoint != other.checkpoint
            || self.log_end != other.log_end
            || self.uuid != other.uuid
    }

    /// The pieces of line 1, the most important first.
    pub fn pieces(&self, narrow: bool) -> Vec<String> {
        if let Some(error) = &self.error {
            return vec![error.clone()];
        }
        if !self.loaded {
            return vec!["reading…".to_owned()];
        }
        let mut out = Vec::new();
        match (self.checkpoint, self.log_end) {
            (Some(pages), Some(log)) if log > pages => {
                out.push(match narrow {
                    true => format!("pages @{pages} · log @{log}"),
                    false => format!("pages to txn {pages} · log to {log}"),
                });
            }
            (Some(pages), _) => out.push(format!("txn {pages}")),
            (None, Some(log)) => out.push(format!("no valid meta · log @{log}")),
            (None, None) => out.push(match self.kind {
                Some(FileKind::LogSegment) => "a log segment".to_owned(),
                Some(FileKind::Database) => "no valid meta".to_owned(),
                _ => "not a northstar file".to_owned(),
            }),
        }
        out.push(text::bytes(self.bytes));
        if !narrow {
            out.push(format!("{} p", text::count(self.pages)));
        }
        out
    }
}

/// Reads the summary.
#[derive(Debug, Default)]
pub struct LoadSummary {
    /// The file and how far its log was read before.
    pub known: Option<(FileUuid, Lsn, TxnId)>,
}

impl Job for LoadSummary {
    fn name(&self) -> String {
        "read the metas".to_owned()
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let source = desk.source()?;
        let metas = inspect::metas(&source);
        let mut summary = Summary::unread(desk.path());
        summary.loaded = true;
        summary.kind = Some(source.kind());
        summary.bytes = source.bytes().map_err(|error| error.to_string())?;
        summary.pages = source.page_count().map_err(|error| error.to_string())?;
        summary.uuid = source.uuid();
        summary.read_only_mount = source.is_on_read_only_mount();
        summary.segments = source.segments().ok().map(|segments| segments.len());
        summary.checkpoint = metas.meta().map(|meta| meta.txn_id);
        let from = metas.meta().map_or(Lsn::new(0), |meta| meta.log_lsn);
        let known = self.known.filter(|(uuid, lsn, _)| *uuid == summary.uuid && *lsn > from);
        let from = known.map_or(from, |(_, lsn, _)| lsn);
        let found = newest_commit(&source, from);
        summary.log_known = found.or(known.map(|(_, lsn, txn)| (lsn, txn)));
        summary.log_end = summary.log_known.map(|(_, txn)| txn).max(summary.checkpoint);
        summary.metas = Some(Arc::new(metas));
        Ok(Box::new(summary))
    }
}

/// Lengths and times of the file and its log: differs when somebody wrote.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Fingerprint(Vec<(u64, Option<SystemTime>)>);

/// Takes the fingerprint.
#[derive(Debug)]
pub struct Watch;

impl Job for Watch {
    fn name(&self) -> String {
        "watch".to_owned()
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let mut log = desk.path().as_os_str().to_owned();
        log.push(".log");
        let paths = [desk.path().to_owned(), log.into()];
        let look = |path: &Path| {
            // Length and time only: nothing is opened, so a writer cannot notice.
            std::fs::metadata(path).map_or((0, None), |meta| (meta.len(), meta.modified().ok()))
        };
        Ok(Box::new(Fingerprint(paths.iter().map(|path| look(path)).collect())))
    }
}
