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
    report::{count_words, ns_words, parameter_of, stability_name},
    result::{BenchSummary, RunState, StorageKind, store::Store},
    runner::{self, Settings},
};
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

/// Measure other engines under the same workloads: one run, interleaved repeats, medians
///
/// Every row states what a commit means there. Where another engine wins, the table says so.
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
    /// Print Markdown
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

impl Peers {
    pub(super) fn run(self, out: &mut Out) -> Result<Exit> {
        let unknown = self.engine.iter().find(|name| peers::facts(name).is_none());
        if let Some(name) = unknown {
            let names = peers::NAMES.join(", ");
            return Err(Told::usage(format!("no engine is called {name:?}: {names}")).into());
        }
        let mut request = Request::new(self.profile.into());
        request.filters.clone_from(&self.filters);
        request.suites = vec!["peers".into()];
        request.words.clone_from(&self.engine);
        request.records = self.records;
        request.repeats = Some(self.repeats);
        request.storage = Some(StorageKind::Disk);
        let plan = Plan::new(&request).map_err(told)?;
        for bench in &plan.benches {
            note(format_args!("plan: {} x {}", self.repeats, bench.folder));
        }
        let settings = Settings {
            resume: self.resume,
            data: self.data.clone(),
            count_allocations: false,
            budget: self.budget.map(|minutes| Duration::from_secs(minutes * 60)),
            ..Settings::new(&self.out).map_err(told)?
        };
        let watcher = progress::Watcher::new(progress::Mode::Bar);
        let run = runner::run(&plan, &settings, &control()?, &mut |event| watcher.see(event))
            .map_err(told)?;
        drop(watcher);
        let summaries = Store::new(&self.out).read_summaries().map_err(told)?;
        if self.json {
            json::document(out, &summaries)?;
        } else {
            self.print(&summaries, out)?;
        }
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

    fn print(&self, summaries: &BTreeMap<String, BenchSummary>, out: &mut Out) -> Result<()> {
        let mut workloads: BTreeMap<&str, Vec<&BenchSummary>> = BTreeMap::new();
        for summary in summaries.values().filter(|s| s.timing.is_some()) {
            workloads.entry(&summary.identity.bench).or_default().push(summary);
        }
        let rate = |s: &BenchSummary| s.timing.as_ref().map_or(0.0, |t| t.ops_per_second.median);
        let mut lines: Vec<[String; 8]> = Vec::new();
        for (workload, mut engines) in workloads {
            engines.sort_by(|a, b| rate(b).total_cmp(&rate(a)));
            let best = engines.first().map_or(1.0, |s| rate(s));
            for summary in engines {
                let Some(timing) = &summary.timing else { continue };
                let name = parameter_of(summary, "engine").unwrap_or_default();
                let space = summary.metrics.iter().find(|m| m.name == "file_bytes_per_user_byte");
                lines.push([
                    workload.trim_start_matches("peers/").to_owned(),
                    name,
                    format!("{}/s", count_words(timing.ops_per_second.median)),
                    format!("{:.2}", rate(summary) / best),
                    timing.ops_per_second.cv.map_or_else(
                        || stability_name(timing.ops_per_second.stability).to_owned(),
                        |cv| format!("{:.0} %", cv * 100.0),
                    ),
                    ns_words(timing.p50_ns.median),
                    ns_words(timing.p99_ns.median),
                    space.map_or_else(String::new, |m| format!("{:.2}", m.series.median)),
                ]);
            }
        }
        let titles = ["workload", "engine", "rate", "of best", "spread", "p50", "p99", "file/user"];
        if self.markdown {
            out.line(format_args!("| {} |", titles.join(" | ")))?;
            out.line("|---|---|--:|--:|--:|--:|--:|--:|")?;
            for line in lines {
                out.line(format_args!("| {} |", line.join(" | ")))?;
            }
        } else {
            let mut table = Table::new(titles).right(&[2, 3, 4, 5, 6, 7]);
            lines.into_iter().for_each(|line| table.row(line));
            table.print(out)?;
        }
        out.line("")?;
        for facts in peers::NAMES.iter().filter_map(|name| peers::facts(name)) {
            out.line(format_args!(
                "{}: {}; durable: {} ({} syncs a commit); eventual: {}",
                facts.name, facts.settings, facts.durable, facts.syncs_per_commit, facts.eventual
            ))?;
        }
        Ok(())
    }
}
