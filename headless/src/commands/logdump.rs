//! `logdump`: segments, records and the tail of a log, on both sides of any damage.
//!
//! Reads bytes as they are, without a lock. Memory: one window of records.

mod show;

use super::shown;
use crate::{
    exit::Exit,
    output::{Out, note},
};
use clap::Args;
use color_eyre::eyre::{Result, WrapErr};
use northstar_engine::{
    Lsn, TxnId,
    inspect::{
        Source,
        log::{self, LogView, RecordView, Tail},
    },
};
use show::Show;
use std::{path::PathBuf, time::Duration};

/// Records read in one go.
const WINDOW: usize = 256;

/// How long --follow rests before it looks again.
const FOLLOW_REST: Duration = Duration::from_millis(100);

/// Show the commit records of a log, oldest first
///
/// Takes a database or a log segment; the older segments beside it are read too. A torn tail is what a
/// crash leaves behind and is explained; damage before that is exit status 3.
#[derive(Args, Debug)]
pub struct Logdump {
    /// A database, or one of its log segments
    #[arg(value_name = "DB_OR_LOG", value_hint = clap::ValueHint::FilePath)]
    path: PathBuf,
    /// From this transaction on
    #[arg(long, value_name = "T")]
    from: Option<u64>,
    /// Up to this transaction
    #[arg(long, value_name = "T")]
    to: Option<u64>,
    /// Show the operations of each record
    #[arg(long)]
    ops: bool,
    /// Check every operation and the order of transactions too, and print a summary
    #[arg(long)]
    verify: bool,
    /// Wait for new records until interrupted
    #[arg(long, conflicts_with_all = ["to", "verify"])]
    follow: bool,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

/// A walk under way.
struct Walk<'a> {
    args: &'a Logdump,
    source: &'a Source,
    show: Show<'a>,
    /// Where the last record ended.
    end: Option<Lsn>,
    /// The last commit, for the order of transactions.
    last_txn: Option<TxnId>,
    /// Where records are missing although a record behind them is sound.
    gaps: Vec<Lsn>,
    records: u64,
    commits: u64,
    damaged: bool,
}

impl Logdump {
    pub(crate) fn run(self, out: &mut Out) -> Result<Exit> {
        super::must_be_file(&self.path)?;
        let source = Source::open(&self.path)
            .wrap_err_with(|| format!("cannot open {}", shown(&self.path)))?;
        let view = log::segments(&source)?;
        let mut walk = Walk {
            args: &self,
            source: &source,
            show: Show::new(out, self.json),
            end: None,
            last_txn: None,
            gaps: Vec::new(),
            records: 0,
            commits: 0,
            damaged: false,
        };
        walk.segments(&view)?;
        let tail = walk.records(&view, view.start())?;
        if self.follow {
            return walk.follow();
        }
        if let Some(tail) = tail {
            walk.damaged |= matches!(tail, Tail::Corrupt { .. });
            walk.show.tail(&tail)?;
        }
        if self.verify {
            let verdict = if walk.damaged { "DAMAGED" } else { "sound" };
            let (records, commits) = (walk.records, walk.commits);
            let last = walk.last_txn.map_or(String::from("none"), |txn_id| txn_id.to_string());
            note(format_args!(
                "{verdict}: {records} records, {commits} commits, the last is {last}"
            ));
        }
        Ok(if walk.damaged { Exit::Corrupt } else { Exit::Done })
    }
}

impl Walk<'_> {
    fn segments(&mut self, log: &LogView) -> Result<()> {
        for segment in &log.segments {
            self.damaged |= segment.problem.is_some();
            self.show.segment(segment)?;
        }
        for problem in &log.problems {
            self.damaged = true;
            self.show.problem(problem)?;
        }
        Ok(())
    }

    /// Shows all records from `from` on; how the log ends, when its end was reached.
    fn records(&mut self, log: &LogView, from: Lsn) -> Result<Option<Tail>> {
        let mut next = Some(from);
        while let Some(at) = next {
            let window = log::records(self.source, log, at, WINDOW)?;
            for record in &window.records {
                if !self.record(log, record)? {
                    return Ok(None);
                }
            }
            next = window.next;
            if next.is_none() {
                return Ok(window.tail);
            }
        }
        Ok(None)
    }

    /// Shows one record; whether to go on.
    fn record(&mut self, log: &LogView, record: &RecordView) -> Result<bool> {
        self.find_gap(log, record)?;
        self.end = Some(record.end_lsn);
        let txn = record.txn_id.get();
        if self.args.to.is_some_and(|to| txn > to) {
            return Ok(false);
        }
        self.records += 1;
        self.order(record)?;
        let wanted = self.args.from.is_none_or(|from| txn >= from);
        if !wanted && !self.args.verify {
            return Ok(true);
        }
        let detail = if self.args.ops || self.args.verify {
            log::record(self.source, log, record.lsn)?
        } else {
            None
        };
        let problems = detail.as_ref().map_or(record.problem.as_slice(), |d| &d.problems);
        self.damaged |= !problems.is_empty();
        if wanted {
            let file = log.segments.get(record.segment).map_or("", |segment| &segment.file.name);
            let ops = detail.as_ref().filter(|_| self.args.ops);
            self.show.record(file, record, ops, problems)?;
        }
        Ok(true)
    }

    /// Bytes between two sound records that are none: damage as soon as a record proves that they were
    /// durable once; else a write that a crash cut out of the middle.
    fn find_gap(&mut self, log: &LogView, record: &RecordView) -> Result<()> {
        if let Some(gap) = self.end.and_then(|end| log.gap(end, record.lsn)) {
            self.gaps.push(gap.start);
            self.show.gap(gap.start, gap.end)?;
        }
        self.damaged |= self.gaps.iter().any(|&gap| gap < record.durable_lsn);
        Ok(())
    }

    /// Commits are numbered without a hole.
    fn order(&mut self, record: &RecordView) -> Result<()> {
        if record.key_count.is_none() {
            return Ok(());
        }
        self.commits += 1;
        let last = self.last_txn.replace(record.txn_id);
        if self.args.verify && last.is_some_and(|last| last.next() != record.txn_id) {
            self.damaged = true;
            self.show.disorder(last.unwrap_or_default(), record)?;
        }
        Ok(())
    }

    /// Shows records as they come. Ends with an error only, or when the reader goes away.
    fn follow(&mut self) -> Result<Exit> {
        loop {
            self.show.flush()?;
            std::thread::sleep(FOLLOW_REST);
            // Segments are created and renamed as the log grows.
            let log = log::segments(self.source)?;
            let from = self.end.unwrap_or_else(|| log.start());
            // What looks like a tail here may be a write under way.
            self.records(&log, from)?;
        }
    }
}
