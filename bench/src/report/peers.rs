//! The table of engines beside each other: rows, who leads where, and what a commit means to each.
//!
//! Called by `bench peers`, which writes it as `OUT/peers.json` and `OUT/peers.md`. Made from the summaries
//! of the suite `peers` alone, so a stored run can be shown by a program without the other engines.

use super::{count_words, ns_words, stability_name};
use crate::{
    error::Result,
    result::{
        BenchSummary, Better, FORMAT, MetricSummary, ParameterValue, RunFile, RunState,
        store::{self, Store},
    },
    stats::Stability,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The engine all others are measured beside.
const OURS: &str = "northstar";
/// The parameter that names the engine.
const ENGINE: &str = "engine";

/// Marks a [`PeersFile`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PeersKind {
    /// The only value.
    #[default]
    Peers,
}

/// Engines beside each other in one run. `OUT/peers.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PeersFile {
    /// [`FORMAT`].
    pub format: String,
    /// "peers".
    pub kind: PeersKind,
    /// The profile.
    pub profile: String,
    /// The machine in one line.
    pub machine: String,
    /// How far the run came.
    pub state: RunState,
    /// What must be known about each engine, ours first.
    pub engines: Vec<EngineFacts>,
    /// One entry a workload, in the order of the plan.
    pub workloads: Vec<Workload>,
}

/// What a reader of the table must know about an engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EngineFacts {
    /// Its name.
    pub name: String,
    /// What it is and how it was set.
    pub settings: String,
    /// What a durable commit means there.
    pub durable: String,
    /// What an eventual commit means there.
    pub eventual: String,
    /// Syncs of one durable commit, by its documentation and source.
    pub syncs_per_commit_documented: f64,
    /// The same as seen from outside, with strace; absent where that is not installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub syncs_per_commit_measured: Option<f64>,
}

impl EngineFacts {
    /// Syncs a durable commit: measured if it was, else documented.
    #[must_use]
    pub fn syncs_words(&self) -> String {
        match self.syncs_per_commit_measured {
            Some(measured) => format!("{measured:.2} syncs a commit, measured"),
            None => format!("{} syncs a commit, documented", self.syncs_per_commit_documented),
        }
    }
}

/// One workload under every engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// The benchmark: `peers/name`.
    pub bench: String,
    /// Its parameters without the engine.
    pub params: String,
    /// Whether a commit waits for the device, or there is none.
    pub durability: Durability,
    /// Whether every engine computed the same result.
    pub same_result: bool,
    /// One row an engine, best first.
    pub rows: Vec<PeerRow>,
    /// Who leads in what, the rate first.
    pub leads: Vec<Lead>,
}

/// What a commit of a workload waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// Nothing is committed.
    Reads,
    /// For the write to the system at most; the workload may sync once at its end.
    Eventual,
    /// For the device.
    Durable,
}

impl Durability {
    /// Of the workload called `bench`.
    fn of(bench: &str) -> Self {
        let has = |part: &&str| bench.contains(part);
        if ["durable", "claims", "beside_writer"].iter().any(has) {
            Self::Durable
        } else if ["build", "eventual", "delete"].iter().any(has) {
            Self::Eventual
        } else {
            Self::Reads
        }
    }
}

/// One engine under one workload: medians over the repeats.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PeerRow {
    /// The engine.
    pub engine: String,
    /// Repeats.
    pub repeats: u32,
    /// Operations a second.
    pub ops_per_second: f64,
    /// Share of the best engine's rate.
    pub of_best: f64,
    /// Coefficient of variation of the rate.
    pub cv: Option<f64>,
    /// Whether the repeats agree.
    pub stability: Stability,
    /// Median latency.
    pub p50_ns: f64,
    /// 99th percentile.
    pub p99_ns: f64,
    /// CPU time an operation.
    pub cpu_ns_per_op: Option<f64>,
    /// Peak resident memory; of engines that map their file, what the system may take back too.
    pub peak_rss_bytes: Option<f64>,
    /// Named metrics of the workload.
    pub metrics: Vec<MetricSummary>,
}

/// Who is best in one measure of a workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lead {
    /// "rate", "peak_rss_bytes", or a named metric.
    pub measure: String,
    /// The best engine.
    pub leader: String,
    /// Its figure.
    pub best: f64,
    /// Our figure; absent if we were not in the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ours: Option<f64>,
    /// The best figure of the others; absent if there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_peer: Option<f64>,
    /// Which way it is better.
    pub better: Better,
}

/// Makes the table from the summaries of a run.
#[must_use]
pub fn table(
    run: &RunFile,
    summaries: &BTreeMap<String, BenchSummary>,
    engines: Vec<EngineFacts>,
) -> PeersFile {
    let mut workloads: Vec<(String, String, Vec<&BenchSummary>)> = Vec::new();
    for planned in &run.plan {
        let Some(summary) = summaries.get(&planned.folder) else { continue };
        let mut params = planned.identity.params.clone();
        if summary.timing.is_none() || params.remove(ENGINE).is_none() {
            continue;
        }
        let key = (planned.identity.bench.clone(), crate::result::params_slug(&params));
        match workloads.iter_mut().find(|(bench, params, _)| (bench, params) == (&key.0, &key.1)) {
            Some((_, _, list)) => list.push(summary),
            None => workloads.push((key.0, key.1, vec![summary])),
        }
    }
    PeersFile {
        format: FORMAT.into(),
        kind: PeersKind::Peers,
        profile: run.profile.clone(),
        machine: run.machine.in_words(),
        state: run.state,
        engines,
        workloads: workloads.into_iter().map(workload).collect(),
    }
}

fn workload((bench, params, summaries): (String, String, Vec<&BenchSummary>)) -> Workload {
    let same_result = summaries.windows(2).all(|pair| pair[0].checksum == pair[1].checksum);
    let mut rows: Vec<PeerRow> = summaries.into_iter().filter_map(row).collect();
    rows.sort_by(|a, b| b.ops_per_second.total_cmp(&a.ops_per_second));
    let best = rows.first().map_or(1.0, |row| row.ops_per_second.max(f64::MIN_POSITIVE));
    rows.iter_mut().for_each(|row| row.of_best = row.ops_per_second / best);
    let durability = Durability::of(&bench);
    let leads = leads(&rows, bench.contains("build"));
    Workload { bench, params, durability, same_result, rows, leads }
}

fn row(summary: &BenchSummary) -> Option<PeerRow> {
    let timing = summary.timing.as_ref()?;
    let Some(ParameterValue::Word(engine)) = summary.identity.params.get(ENGINE) else {
        return None;
    };
    Some(PeerRow {
        engine: engine.clone(),
        repeats: summary.repeats,
        ops_per_second: timing.ops_per_second.median,
        of_best: 1.0,
        cv: timing.ops_per_second.cv,
        stability: timing.ops_per_second.stability,
        p50_ns: timing.p50_ns.median,
        p99_ns: timing.p99_ns.median,
        cpu_ns_per_op: timing.cpu_ns_per_op.as_ref().map(|series| series.median),
        peak_rss_bytes: timing.peak_rss_bytes.as_ref().map(|series| series.median),
        metrics: summary.metrics.clone(),
    })
}

/// Who leads in the rate, in every named metric that has a direction and, for loads, in memory.
fn leads(rows: &[PeerRow], with_memory: bool) -> Vec<Lead> {
    let mut measures: Vec<(String, Better)> = vec![("rate".into(), Better::Higher)];
    for metric in rows.iter().flat_map(|row| &row.metrics) {
        let known = measures.iter().any(|(name, _)| *name == metric.name);
        if metric.better != Better::Neither && !known {
            measures.push((metric.name.clone(), metric.better));
        }
    }
    if with_memory {
        measures.push(("peak_rss_bytes".into(), Better::Lower));
    }
    measures.into_iter().filter_map(|(measure, better)| lead(rows, measure, better)).collect()
}

fn lead(rows: &[PeerRow], measure: String, better: Better) -> Option<Lead> {
    let best_of = |rows: &mut dyn Iterator<Item = &PeerRow>| {
        let figures = rows.filter_map(|row| Some((row.engine.clone(), row.figure(&measure)?)));
        figures.reduce(|best, other| {
            let wins = match better {
                Better::Lower => other.1 < best.1,
                Better::Higher | Better::Neither => other.1 > best.1,
            };
            if wins { other } else { best }
        })
    };
    let (leader, best) = best_of(&mut rows.iter())?;
    let ours = best_of(&mut rows.iter().filter(|row| row.engine == OURS));
    let peer = best_of(&mut rows.iter().filter(|row| row.engine != OURS));
    let figure = |found: Option<(String, f64)>| found.map(|(_, figure)| figure);
    Some(Lead { measure, leader, best, ours: figure(ours), best_peer: figure(peer), better })
}

impl PeerRow {
    /// The row's figure for a measure of [`Lead`].
    #[must_use]
    pub fn figure(&self, measure: &str) -> Option<f64> {
        match measure {
            "rate" => Some(self.ops_per_second),
            "peak_rss_bytes" => self.peak_rss_bytes,
            name => self.metrics.iter().find(|m| m.name == name).map(|m| m.series.median),
        }
    }

    /// Spread of the repeats in words.
    #[must_use]
    pub fn spread_words(&self) -> String {
        match self.cv {
            Some(cv) => format!("{:.0} %", cv * 100.0),
            None => stability_name(self.stability).to_owned(),
        }
    }
}

impl Lead {
    /// How we stand, in words: who leads, and by what factor.
    #[must_use]
    pub fn in_words(&self) -> String {
        let times = |a: f64, b: f64| format!("{:.2}", a / b);
        match (self.ours, self.best_peer) {
            (Some(ours), Some(peer)) if self.leader == OURS => {
                format!("northstar leads: {} x the best of the others", times(ours, peer))
            }
            (Some(ours), _) => {
                format!(
                    "{} leads: northstar has {} of its figure",
                    self.leader,
                    times(ours, self.best)
                )
            }
            (None, _) => format!("{} leads", self.leader),
        }
    }
}

/// The columns of the table's first part.
pub const TITLES: [&str; 8] =
    ["workload", "engine", "rate", "of best", "spread", "p50", "p99", "a commit waits for"];

impl PeersFile {
    /// The rows of the table's first part: speed.
    #[must_use]
    pub fn speed_rows(&self) -> Vec<[String; 8]> {
        let of = |workload: &Workload, row: &PeerRow| {
            [
                short(&workload.bench).to_owned(),
                row.engine.clone(),
                format!("{}/s", count_words(row.ops_per_second)),
                format!("{:.2}", row.of_best),
                row.spread_words(),
                ns_words(row.p50_ns),
                ns_words(row.p99_ns),
                self.commit_words(workload.durability, &row.engine),
            ]
        };
        let all = |workload| move |row| of(workload, row);
        self.workloads.iter().flat_map(|w| w.rows.iter().map(all(w)).collect::<Vec<_>>()).collect()
    }

    /// What a commit waits for in a row of `engine`.
    fn commit_words(&self, durability: Durability, engine: &str) -> String {
        match durability {
            Durability::Reads => String::new(),
            Durability::Eventual => "nothing, one sync at the end".into(),
            Durability::Durable => self
                .engines
                .iter()
                .find(|facts| facts.name == engine)
                .map_or_else(|| "the device".into(), EngineFacts::syncs_words),
        }
    }

    /// The rows of the second part: named metrics and the memory of the loads.
    #[must_use]
    pub fn metric_rows(&self) -> Vec<[String; 4]> {
        let mut rows = Vec::new();
        for workload in &self.workloads {
            for lead in workload.leads.iter().filter(|lead| lead.measure != "rate") {
                for row in &workload.rows {
                    let Some(figure) = row.figure(&lead.measure) else { continue };
                    let words = if lead.measure.ends_with("_bytes") {
                        format!("{:.0} MiB", figure / f64::from(1 << 20))
                    } else {
                        count_words(figure)
                    };
                    let name = short(&workload.bench).to_owned();
                    rows.push([name, lead.measure.clone(), row.engine.clone(), words]);
                }
            }
        }
        rows
    }

    /// One line a measure: who leads, those where another engine does first.
    #[must_use]
    pub fn lead_lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for ours in [false, true] {
            for workload in &self.workloads {
                for lead in workload.leads.iter().filter(|lead| (lead.leader == OURS) == ours) {
                    let name = short(&workload.bench);
                    lines.push(format!("{name}, {}: {}", lead.measure, lead.in_words()));
                }
                if !workload.same_result && !ours {
                    let name = short(&workload.bench);
                    lines.push(format!("{name}: the engines computed different results"));
                }
            }
        }
        lines
    }

    /// One line an engine: settings, durability, syncs.
    #[must_use]
    pub fn engine_lines(&self) -> Vec<String> {
        let line = |facts: &EngineFacts| {
            format!(
                "{}: {}. Durable: {} ({}; {} by its documentation). Eventual: {}.",
                facts.name,
                facts.settings,
                facts.durable,
                facts.syncs_words(),
                facts.syncs_per_commit_documented,
                facts.eventual
            )
        };
        self.engines.iter().map(line).collect()
    }

    /// The whole table as Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = format!(
            "# northstar beside other engines, profile `{}`\n\n{}\n\n",
            self.profile, self.machine
        );
        if self.state != RunState::Complete {
            text += "The run is not complete: medians are those of the repeats there are.\n\n";
        }
        text += &format!("| {} |\n|---|---|--:|--:|--:|--:|--:|---|\n", TITLES.join(" | "));
        for row in self.speed_rows() {
            text += &format!("| {} |\n", row.join(" | "));
        }
        text += "\n| workload | measure | engine | figure |\n|---|---|---|--:|\n";
        for row in self.metric_rows() {
            text += &format!("| {} |\n", row.join(" | "));
        }
        for (title, lines) in [("Who leads", self.lead_lines()), ("Engines", self.engine_lines())] {
            text += &format!("\n## {title}\n\n");
            lines.iter().for_each(|line| text += &format!("- {line}\n"));
        }
        text
    }
}

fn short(bench: &str) -> &str {
    bench.trim_start_matches("peers/")
}

/// Writes `OUT/peers.json` and `OUT/peers.md`.
///
/// # Errors
/// What writing says.
pub fn write(store: &Store, file: &PeersFile) -> Result<()> {
    store::write(&store.root().join("peers.json"), file)?;
    store::write_whole(&store.root().join("peers.md"), file.markdown().as_bytes())
}

#[cfg(test)]
mod tests;
