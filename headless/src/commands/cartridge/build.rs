//! `cartridge build`: once, or again whenever the inputs change.

use super::{Kind, shown};
use crate::{
    commands::Database,
    exit::Exit,
    output::{Out, json, note},
};
use clap::Args;
use color_eyre::eyre::{Result, WrapErr};
use northstar_engine::{
    Db, TxnId,
    cartridge::{
        BuildReport, BuildRequest, Cartridge, CartridgeType, Keeper, Policy, Route, build,
        prefix_counts::PrefixCounts,
    },
    queue::pending_tasks::PendingTasks,
};
use std::{path::PathBuf, time::Duration};

/// How often --watch looks whether there is something to report.
const WATCH_REST: Duration = Duration::from_millis(100);

/// Build a cartridge from a database
///
/// The same state gives the same bytes, whether built from the whole commit stream, from a snapshot or
/// from the cartridge before. The file appears complete or not at all.
#[derive(Args, Debug)]
pub(super) struct Build {
    #[command(flatten)]
    db: Database,
    /// What kind of cartridge
    #[arg(long = "type", value_name = "T", value_enum)]
    kind: Kind,
    /// The file to write; an existing one is replaced
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    out: PathBuf,
    /// The state to answer for, instead of the latest
    #[arg(long, value_name = "TXN", conflicts_with = "watch")]
    at: Option<u64>,
    /// Build again whenever a commit touches what it reads, until interrupted
    #[arg(long)]
    watch: bool,
    /// Print one JSON object a build
    #[arg(long)]
    json: bool,
}

impl Build {
    pub(super) fn run(self, out: &mut Out) -> Result<Exit> {
        let db = self.db.open_for_reading()?;
        match self.kind {
            Kind::PendingTasksByType => self.of(&db, PendingTasks::default(), out),
            Kind::PrefixCounts => self.of(&db, PrefixCounts::default(), out),
        }
    }

    fn of<T>(&self, db: &Db, kind: T, out: &mut Out) -> Result<Exit>
    where
        T: CartridgeType + Send + 'static,
    {
        if self.watch {
            return self.watch(db, kind, out);
        }
        // A cartridge that cannot be opened is no start; the database has everything.
        let previous = Cartridge::open(&self.out).ok();
        let request = BuildRequest {
            at: self.at.map(TxnId::new),
            previous: previous.as_ref(),
            ..BuildRequest::default()
        };
        let report = build(db, &kind, &self.out, request)
            .wrap_err_with(|| format!("cannot build {}", shown(&self.out)))?;
        self.print(out, &report)?;
        Ok(Exit::Done)
    }

    /// Keeps the cartridge fresh; ends only with an error, or when the process is told to.
    fn watch<T>(&self, db: &Db, kind: T, out: &mut Out) -> Result<Exit>
    where
        T: CartridgeType + Send + 'static,
    {
        let keeper = Keeper::spawn(db.clone(), kind, &self.out, Policy::default())
            .wrap_err_with(|| format!("cannot build {}", shown(&self.out)))?;
        let mut reported = 0;
        if keeper.state().builds == 0 {
            note(format_args!("{} is fresh; waiting for commits", shown(&self.out)));
        }
        loop {
            let state = keeper.state();
            if let Some(report) = state.last.filter(|_| state.builds > reported) {
                reported = state.builds;
                self.print(out, &report)?;
                out.flush()?;
            }
            if let Some(error) = state.error {
                return Err(error.into());
            }
            std::thread::sleep(WATCH_REST);
        }
    }

    fn print(&self, out: &mut Out, report: &BuildReport) -> Result<()> {
        if self.json {
            return json::line(out, report);
        }
        let route = match report.route {
            Route::Stream => "the whole commit stream",
            Route::Snapshot => "a snapshot",
            Route::Incremental => "the cartridge before",
        };
        let BuildReport { txn_id, commits, rows, bytes, .. } = report;
        out.line(format_args!(
            "transaction {txn_id}: {rows} rows, {bytes} bytes, from {route} and {commits} commits"
        ))
    }
}
