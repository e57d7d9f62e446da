//! `cartridge build`: once, when it is stale, or again and again.

use super::{
    policy::{PolicyArgs, age_of},
    shown,
};
use crate::{
    commands::Database,
    exit::{Exit, Told},
    output::{Out, json, note},
};
use clap::{Args, ValueEnum};
use color_eyre::eyre::{Result, WrapErr};
use northstar_engine::{
    Error, TxnId,
    cartridge::{BuildReport, BuildRequest, Cartridge, Route, prefix_counts::PrefixCounts},
    queue::{DEFAULT_PREFIX, pending_tasks::PendingTasks},
    shelf::Kind,
};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

/// How often --watch looks at the files.
const WATCH_REST: Duration = Duration::from_millis(100);
/// --watch rests at least this many times as long as its last look took: a look reads the log's tail.
const WATCH_SHARE: u32 = 4;
/// A file whose time of change is younger may have changed again within the clock's step.
const STAMP_TRUST: Duration = Duration::from_secs(1);

/// Build a cartridge from a database
///
/// The same state gives the same bytes, whether built from the whole commit stream, from a snapshot or
/// from the cartridge before. The file appears complete or not at all. Beside a running writer it
/// answers for the last commit that the files prove durable.
#[derive(Args, Debug)]
pub(super) struct Build {
    #[command(flatten)]
    db: Database,
    /// What kind of cartridge
    #[arg(long = "type", value_name = "T", value_enum)]
    kind: KindName,
    /// The file to write; an existing one is replaced
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    out: PathBuf,
    /// The state to answer for, instead of the latest
    #[arg(long, value_name = "TXN", conflicts_with_all = ["watch", "if_stale"])]
    at: Option<u64>,
    /// Only this way, or not at all; else the cheapest
    #[arg(long, value_enum, conflicts_with_all = ["watch", "if_stale"])]
    route: Option<RouteName>,
    /// Build only when the file is missing, damaged or stale
    #[arg(long)]
    if_stale: bool,
    /// Build again whenever it is stale, until interrupted
    #[arg(long, conflicts_with = "if_stale")]
    watch: bool,
    #[command(flatten)]
    policy: PolicyArgs,
    /// prefix_counts: bytes that end a prefix [default: / : . and the zero byte]
    #[arg(long, value_name = "BYTES")]
    delimiters: Option<OsString>,
    /// prefix_counts: delimiters up to which a key is cut [default: 2]
    #[arg(long, value_name = "N")]
    depth: Option<u32>,
    /// pending_tasks_by_type: the queue whose keys start with this
    #[arg(long, value_name = "P")]
    prefix: Option<OsString>,
    /// Print one JSON object a build
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum KindName {
    /// Ready tasks of the queue, by type, in the order of claims
    PendingTasksByType,
    /// Rows and bytes by key prefix
    PrefixCounts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RouteName {
    /// All commits from the first one on
    Stream,
    /// The rows of the state itself
    Snapshot,
    /// The cartridge that is there, and the commits since
    Incremental,
}

impl From<RouteName> for Route {
    fn from(name: RouteName) -> Self {
        match name {
            RouteName::Stream => Self::Stream,
            RouteName::Snapshot => Self::Snapshot,
            RouteName::Incremental => Self::Incremental,
        }
    }
}

impl Build {
    pub(super) fn run(self, out: &mut Out) -> Result<Exit> {
        self.policy.only_with(self.if_stale || self.watch, "--if-stale or --watch")?;
        let kind = self.kind()?;
        if self.watch {
            return self.watch(&kind, out);
        }
        if self.if_stale {
            match self.rebuild(&kind)? {
                Some(report) => self.print(out, &report)?,
                None => note(format_args!("{} is fresh", shown(&self.out))),
            }
            return Ok(Exit::Done);
        }
        let db = self.db.open_for_reading()?;
        // A cartridge that cannot be opened is no start; the database has everything.
        let previous = Cartridge::read(&self.out).ok();
        let request = BuildRequest {
            at: self.at.map(TxnId::new),
            previous: previous.as_ref(),
            route: self.route.map(Route::from),
            ..BuildRequest::default()
        };
        let report = kind.build(&db, &self.out, request).wrap_err_with(|| self.cannot())?;
        self.print(out, &report)?;
        Ok(Exit::Done)
    }

    /// The type with its options.
    ///
    /// # Errors
    /// Wrong usage: an option of another type.
    fn kind(&self) -> Result<Kind> {
        match self.kind {
            KindName::PendingTasksByType => {
                if self.delimiters.is_some() || self.depth.is_some() {
                    return Err(
                        Told::usage("--delimiters and --depth are for prefix_counts").into()
                    );
                }
                let prefix = self.prefix.as_ref().map(|prefix| prefix.as_encoded_bytes());
                let kind = PendingTasks::with_prefix(prefix.unwrap_or(DEFAULT_PREFIX));
                Ok(Kind::PendingTasks(kind))
            }
            KindName::PrefixCounts => {
                if self.prefix.is_some() {
                    return Err(Told::usage("--prefix is for pending_tasks_by_type").into());
                }
                let mut kind = PrefixCounts::default();
                if let Some(delimiters) = &self.delimiters {
                    kind.delimiters = delimiters.as_encoded_bytes().to_vec();
                }
                kind.depth_max = self.depth.unwrap_or(kind.depth_max);
                Ok(Kind::PrefixCounts(kind))
            }
        }
    }

    fn cannot(&self) -> String {
        format!("cannot build {}", shown(&self.out))
    }

    /// Builds it again if it is stale. The database is opened for that alone: an open one shows the state
    /// of its opening.
    fn rebuild(&self, kind: &Kind) -> Result<Option<BuildReport>> {
        let db = self.db.open_for_reading()?;
        kind.rebuild_if_stale(&db, &self.out, &self.policy.policy(), age_of(&self.out))
            .wrap_err_with(|| self.cannot())
    }

    /// Keeps the cartridge fresh while other processes write; ends only with an error, or when the
    /// process is told to.
    fn watch(&self, kind: &Kind, out: &mut Out) -> Result<Exit> {
        let mut seen = None;
        let mut rest = WATCH_REST;
        let mut first = true;
        loop {
            let stamp = Stamp::of(&self.db.path);
            if first || seen != stamp || stamp.is_none() || self.is_too_old() {
                let start = Instant::now();
                match self.rebuild(kind) {
                    Ok(Some(report)) => {
                        self.print(out, &report)?;
                        out.flush()?;
                    }
                    Ok(None) if first => {
                        note(format_args!("{} is fresh; waiting for commits", shown(&self.out)));
                    }
                    Ok(None) => {}
                    Err(report) if is_locked(&report) => {}
                    Err(report) => return Err(report),
                }
                first = false;
                seen = stamp;
                rest = WATCH_REST.max(start.elapsed() * WATCH_SHARE);
            }
            std::thread::sleep(rest);
        }
    }

    fn is_too_old(&self) -> bool {
        let allowed = self.policy.policy().age_max;
        allowed.zip(age_of(&self.out)).is_some_and(|(allowed, age)| age > allowed)
    }

    fn print(&self, out: &mut Out, report: &BuildReport) -> Result<()> {
        if self.json {
            return json::line(out, report);
        }
        let BuildReport { txn_id, commits, rows, bytes, .. } = report;
        let from = match report.route {
            Route::Stream => format!("the whole commit stream, {commits} commits"),
            Route::Snapshot => String::from("a snapshot"),
            Route::Incremental => format!("the cartridge before and {commits} commits"),
        };
        out.line(format_args!("transaction {txn_id}: {rows} rows, {bytes} bytes, from {from}"))
    }
}

/// A database in the middle of being replaced or recovered by another process.
fn is_locked(report: &color_eyre::eyre::Report) -> bool {
    report.chain().any(|cause| matches!(cause.downcast_ref(), Some(Error::Locked { .. })))
}

/// Sizes and times of change of a database and its log: equal ones mean that nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp([(u64, SystemTime); 2]);

impl Stamp {
    /// `None` while nobody can tell: a file is missing, or changed too short a time ago.
    fn of(db: &Path) -> Option<Self> {
        let mut log = db.as_os_str().to_owned();
        log.push(".log");
        let stamp = |path: &Path| {
            let metadata = std::fs::metadata(path).ok()?;
            let modified = metadata.modified().ok()?;
            let settled = modified.elapsed().is_ok_and(|age| age > STAMP_TRUST);
            settled.then_some((metadata.len(), modified))
        };
        Some(Self([stamp(db)?, stamp(Path::new(&log))?]))
    }
}
