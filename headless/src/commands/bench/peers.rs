//! `bench peers`: other engines under the same workloads, in one run, as a table.

use super::{control, progress, run::ProfileName, told};
use crate::{
    exit::{Exit, Told},
    output::{Out, json, note, table::Table},
};
use clap::Args;
use color_eyre::eyre::Result;
use northstar_bench::{
    peers,
    plan::{Plan, Request},
    report::peers::{self as table, EngineFacts, PeersFile},
    result::{
        RunState, StorageKind,
        store::{self, Store},
    },
    runner::{self, Settings},
};
use std::{path::PathBuf, time::Duration};

/// Measure other engines under the same workloads: one run, interleaved repeats, medians
///
/// Every row of a commit states how often it syncs, counted with strace where that is installed. Where
/// another engine leads, the table says so; it is also written to peers.json and peers.md in the folder.
#[derive(Args, Debug)]
pub(super) struct Peers {
    /// Only workloads whose name contains one of these
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
    /// Only these engines
    #[arg(long, value_name = "NAME")]
    engine: Vec<String>,
    /// Sizes: ci has 100,000 rows, dev_nvme a million
    #[arg(long, value_enum, default_value = "ci")]
    profile: ProfileName,
    /// Rows
    #[arg(long, value_name = "N")]
    records: Option<u64>,
    /// Repeats of each, interleaved
    #[arg(long, value_name = "N", default_value_t = 5)]
    repeats: u32,
    /// Begin no repeat after this many minutes; go on later with --resume
    #[arg(long, value_name = "MINUTES")]
    budget: Option<u64>,
    /// Folder for the results
    #[arg(long, value_name = "DIR", default_value = "bench-out-peers", value_hint = clap::ValueHint::DirPath)]
    out: PathBuf,
    /// Go on with the run that is in the folder
    #[arg(long)]
    resume: bool,
    /// Folder for the databases, instead of one in the result folder
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    data: Option<PathBuf>,
    /// How progress is shown
    #[arg(long, value_enum, default_value_t)]
    progress: progress::Mode,
    /// Print Markdown
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

impl Peers {
    pub(super) fn run(self, out: &mut Out) -> Result<Exit> {
        let unknown = self.engine.iter().find(|name| !peers::NAMES.contains(&name.as_str()));
        if let Some(name) = unknown {
            let names = peers::NAMES.join(", ");
            return Err(Told::usage(format!("no engine is called {name:?}: {names}")).into());
        }
        let plan = Plan::new(&self.request()).map_err(told)?;
        self.tell_plan(&plan);
        let settings = Settings {
            resume: self.resume,
            data: self.data.clone(),
            count_allocations: false,
            budget: self.budget.map(|minutes| Duration::from_secs(minutes * 60)),
            ..Settings::new(&self.out).map_err(told)?
        };
        let watcher = progress::Watcher::new(self.progress);
        let run = runner::run(&plan, &settings, &control()?, &mut |event| watcher.see(event))
            .map_err(told)?;
        drop(watcher);
        let store = Store::new(&self.out);
        let facts = self.facts(&store, &settings)?;
        let summaries = store.read_summaries().map_err(told)?;
        let file = table::table(&run, &summaries, facts);
        table::write(&store, &file).map_err(told)?;
        self.print(&file, out)?;
        match run.state {
            RunState::Complete => Ok(Exit::Done),
            RunState::Cancelled => {
                Err(Told::no("stopped before the end; the table shows what there is")
                    .hint(format!("go on with --resume --out {}", self.out.display()))
                    .into())
            }
            _ => {
                for failure in &run.failures {
                    let (bench, params) = (&failure.bench, &failure.params);
                    note(format_args!("{bench} {params}: {}", failure.reason));
                }
                Err(Told::no(format!("{} failures", run.failures.len())).into())
            }
        }
    }

    fn request(&self) -> Request {
        Request {
            filters: self.filters.clone(),
            suites: vec!["peers".into()],
            words: self.engine.clone(),
            records: self.records,
            repeats: Some(self.repeats),
            storage: Some(StorageKind::Disk),
            ..Request::new(self.profile.into())
        }
    }

    /// Says what will run: a line a workload, with the engines.
    fn tell_plan(&self, plan: &Plan) {
        let mut workloads: Vec<(&str, u64, Vec<String>)> = Vec::new();
        for bench in &plan.benches {
            let identity = &bench.identity;
            let engine = identity.params.get("engine").map(ToString::to_string).unwrap_or_default();
            match workloads.iter_mut().find(|(name, ..)| *name == identity.bench) {
                Some((.., engines)) => engines.push(engine),
                None => workloads.push((&identity.bench, identity.ops, vec![engine])),
            }
        }
        for (name, ops, engines) in workloads {
            let (repeats, engines) = (self.repeats, engines.join(", "));
            note(format_args!("plan: {repeats} x {name}, {ops} operations, under {engines}"));
        }
    }

    /// What must be known about the engines; syncs are counted once a folder.
    fn facts(&self, store: &Store, settings: &Settings) -> Result<Vec<EngineFacts>> {
        let stored = store.root().join("peers.json");
        if self.resume && stored.exists() {
            let file: PeersFile = store::read(&stored).map_err(told)?;
            return Ok(file.engines);
        }
        let chosen =
            |facts: &EngineFacts| self.engine.is_empty() || self.engine.contains(&facts.name);
        let mut facts: Vec<EngineFacts> = peers::facts().into_iter().filter(chosen).collect();
        let folder = self.data.as_ref().unwrap_or(&self.out);
        if !peers::syncs::measure(&settings.program, folder, &mut facts).map_err(told)? {
            note("strace is not there: the syncs of a commit are those of the documentation");
        }
        Ok(facts)
    }

    fn print(&self, file: &PeersFile, out: &mut Out) -> Result<()> {
        if self.json {
            return json::document(out, file);
        }
        if self.markdown {
            out.bytes(file.markdown().as_bytes())?;
            return Ok(());
        }
        let mut speed = Table::new(table::SPEED_TITLES).right(&[2, 3, 4, 5, 6]);
        file.speed_rows().into_iter().for_each(|row| speed.row(row));
        speed.print(out)?;
        out.line("")?;
        let mut metrics = Table::new(table::METRIC_TITLES).right(&[3]);
        file.metric_rows().into_iter().for_each(|row| metrics.row(row));
        metrics.print(out)?;
        out.line("")?;
        let mut leads = Table::new(table::LEAD_TITLES).right(&[3, 4, 5, 6]);
        file.lead_rows().into_iter().for_each(|row| leads.row(row));
        leads.print(out)?;
        for lines in [file.wrong_lines(), file.engine_lines()] {
            out.line("")?;
            lines.iter().try_for_each(|line| out.line(line))?;
        }
        Ok(())
    }
}
