//! `bench run`: one JSON file a repeat, a summary file a benchmark.

use super::{control, progress, report, told};
use crate::{
    exit::{Exit, Told},
    output::{Out, json},
};
use clap::{Args, ValueEnum};
use color_eyre::eyre::Result;
use northstar_bench::{
    plan::{Plan, Request},
    profile::Profile,
    report::TotalsFile,
    result::{
        RunState, StorageKind,
        store::{self, Store},
    },
    runner::{self, Settings},
    worker::Inject,
};
use std::path::PathBuf;

/// Run benchmarks: one JSON file a repeat, a summary file a benchmark
///
/// Exit 1 when a benchmark failed, 0 otherwise. Ctrl-C leaves valid partial results; --resume goes on.
#[derive(Args, Debug)]
pub(super) struct Run {
    #[command(flatten)]
    what: What,
    /// Folder for the results
    #[arg(long, value_name = "DIR", default_value = "bench-out", value_hint = clap::ValueHint::DirPath)]
    out: PathBuf,
    /// Go on with the run that is in the folder
    #[arg(long)]
    resume: bool,
    /// Folder for databases on disk, instead of one in the result folder
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    data: Option<PathBuf>,
    /// How progress is shown
    #[arg(long, value_enum, default_value_t)]
    progress: progress::Mode,
    /// Print the totals as one JSON document
    #[arg(long, conflicts_with = "progress")]
    json: bool,
    /// Break something on purpose, to see the gate find it: slow_percent=10, alloc_every=10,
    /// extra_sync_every=100, skip_sync_every=50
    #[arg(long, value_name = "FAULT=N", hide = true)]
    inject: Option<String>,
}

/// Which benchmarks, how large.
#[derive(Args, Clone, Debug)]
pub(super) struct What {
    /// Only benchmarks whose name contains one of these
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
    /// Only these suites
    #[arg(long, value_name = "S")]
    suite: Vec<String>,
    /// Sizes: ci is trimmed and in memory, dev_nvme is full and on disk
    #[arg(long, value_enum, default_value = "ci")]
    pub(super) profile: ProfileName,
    /// Repeats of each benchmark, each a process of its own
    #[arg(long, value_name = "N")]
    pub(super) repeats: Option<u32>,
    /// Operations of warm-up that are not counted
    #[arg(long, value_name = "N")]
    warmup_ops: Option<u64>,
    /// Warm up at least this long, in nanoseconds
    #[arg(long, value_name = "N", default_value_t = 0)]
    warmup_ns: u64,
    /// Rows, where a benchmark has that parameter
    #[arg(long, value_name = "N")]
    records: Option<u64>,
    /// Seed of keys, values and orders
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Where databases lie, instead of the profile's own choice
    #[arg(long, value_enum)]
    storage: Option<StorageName>,
}

/// A profile by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum ProfileName {
    /// Trimmed to under a minute in all, in memory
    Ci,
    /// The sizes the names speak of, on disk
    DevNvme,
}

impl From<ProfileName> for Profile {
    fn from(name: ProfileName) -> Self {
        match name {
            ProfileName::Ci => Self::Ci,
            ProfileName::DevNvme => Self::DevNvme,
        }
    }
}

/// A place for databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StorageName {
    /// In memory
    Memory,
    /// Files, with real syncs
    Disk,
}

impl What {
    pub(super) fn request(&self) -> Request {
        Request {
            filters: self.filters.clone(),
            suites: self.suite.clone(),
            repeats: self.repeats,
            warmup_ops: self.warmup_ops,
            warmup_ns: self.warmup_ns,
            records: self.records,
            seed: self.seed,
            storage: self.storage.map(|storage| match storage {
                StorageName::Memory => StorageKind::Memory,
                StorageName::Disk => StorageKind::Disk,
            }),
            ..Request::new(self.profile.into())
        }
    }
}

impl Run {
    pub(super) fn run(self, out: &mut Out) -> Result<Exit> {
        let plan = Plan::new(&self.what.request()).map_err(told)?;
        let inject = self.inject.as_deref().map(Inject::parse).transpose().map_err(told)?;
        let settings = Settings {
            resume: self.resume,
            data: self.data,
            inject: inject.unwrap_or_default(),
            ..Settings::new(&self.out).map_err(told)?
        };
        let watcher = progress::Watcher::new(self.progress);
        let run = runner::run(&plan, &settings, &control()?, &mut |event| watcher.see(event))
            .map_err(told)?;
        drop(watcher);
        let totals: TotalsFile =
            store::read(&Store::new(&self.out).root().join("summary.json")).map_err(told)?;
        if self.json {
            json::document(out, &totals)?;
        } else if self.progress != progress::Mode::Json {
            report::print(&totals, out)?;
        }
        match run.state {
            RunState::Complete => Ok(Exit::Done),
            RunState::Cancelled => Err(Told::no("stopped before the end")
                .hint(format!("go on with --resume --out {}", self.out.display()))
                .into()),
            _ => Err(Told::no(format!("{} benchmark failures", run.failures.len())).into()),
        }
    }
}
