//! The table of engines beside each other: rows, who leads where, and what a commit means to each.
//!
//! Called by `bench peers`, which writes it as `OUT/peers.json` and `OUT/peers.md`. Made from the summaries
//! of the suite `peers` alone, so a stored run can be shown by a program without the other engines. Here is
//! what is in the table; `page` puts it into words.

mod page;

use crate::{
    error::Result,
    result::{
        BenchSummary, Better, FORMAT, MetricSummary, ParameterValue, RunFile, RunState,
        store::{self, Store},
    },
    stats::{self, Stability},
};
pub use page::{LEAD_TITLES, METRIC_TITLES, SPEED_TITLES};
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
        if ["durable", "claims", "beside_writer", "sequence"].iter().any(has) {
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
    /// The same of each repeat, in order.
    pub rates: Vec<f64>,
    /// Share of the best engine's rate.
    pub of_best: f64,
    /// Coefficient of variation of the rate.
    pub cv: Option<f64>,
    /// Whether the repeats agree.
    pub stability: Stability,
    /// Median latency.
    pub p50_ns: f64,
    /// The same of each repeat, in order.
    pub p50s_ns: Vec<f64>,
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
    /// "rate", "p50_ns", "peak_rss_bytes", or a named metric.
    pub measure: String,
    /// Which way it is better.
    pub better: Better,
    /// The best engine.
    pub leader: String,
    /// Our figure; absent if we were not in the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ours: Option<f64>,
    /// The best of the others; absent if there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Best>,
    /// Our figure over that of the best other; absent if one of the two is, or is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<Ratio>,
}

/// An engine and its figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// Its name.
    pub engine: String,
    /// Its median.
    pub figure: f64,
}

/// How two engines stand to each other. Repeat by repeat where both have them all, since a slow minute of
/// the machine hits both; else of the medians.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ratio {
    /// The middle one.
    pub median: f64,
    /// The least.
    pub low: f64,
    /// The greatest.
    pub high: f64,
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
    let leads = leads(&rows, &bench);
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
        rates: timing.ops_per_second.values.clone(),
        of_best: 1.0,
        cv: timing.ops_per_second.cv,
        stability: timing.ops_per_second.stability,
        p50_ns: timing.p50_ns.median,
        p50s_ns: timing.p50_ns.values.clone(),
        p99_ns: timing.p99_ns.median,
        cpu_ns_per_op: timing.cpu_ns_per_op.as_ref().map(|series| series.median),
        peak_rss_bytes: timing.peak_rss_bytes.as_ref().map(|series| series.median),
        metrics: summary.metrics.clone(),
    })
}

/// Who leads in the rate, in every named metric that has a direction, in the latency of commits and
/// openings and in the memory of loads.
fn leads(rows: &[PeerRow], bench: &str) -> Vec<Lead> {
    let mut measures: Vec<(String, Better)> = vec![("rate".into(), Better::Higher)];
    if ["commit", "open_"].iter().any(|part| bench.contains(part)) {
        measures.push(("p50_ns".into(), Better::Lower));
    }
    for metric in rows.iter().flat_map(|row| &row.metrics) {
        let known = measures.iter().any(|(name, _)| *name == metric.name);
        if metric.better != Better::Neither && !known {
            measures.push((metric.name.clone(), metric.better));
        }
    }
    if bench.contains("build") {
        measures.push(("peak_rss_bytes".into(), Better::Lower));
    }
    measures.into_iter().filter_map(|(measure, better)| lead(rows, measure, better)).collect()
}

fn lead(rows: &[PeerRow], measure: String, better: Better) -> Option<Lead> {
    let best_of = |is_ours: bool| {
        let mine = rows.iter().filter(|row| (row.engine == OURS) == is_ours);
        let figures = mine.filter_map(|row| Some((row, row.figure(&measure)?)));
        figures.reduce(|best, other| if beats(other.1, best.1, better) { other } else { best })
    };
    let (ours, peer) = (best_of(true), best_of(false));
    let leader = match (ours, peer) {
        (Some(ours), Some(peer)) if beats(peer.1, ours.1, better) => peer.0,
        (Some(found), _) | (None, Some(found)) => found.0,
        (None, None) => return None,
    };
    Some(Lead {
        leader: leader.engine.clone(),
        ours: ours.map(|(_, figure)| figure),
        peer: peer.map(|(row, figure)| Best { engine: row.engine.clone(), figure }),
        ratio: ours.zip(peer).and_then(|(ours, peer)| ratio(ours.0, peer.0, &measure)),
        measure,
        better,
    })
}

fn beats(figure: f64, other: f64, better: Better) -> bool {
    match better {
        Better::Lower => figure < other,
        Better::Higher | Better::Neither => figure > other,
    }
}

fn ratio(ours: &PeerRow, peer: &PeerRow, measure: &str) -> Option<Ratio> {
    let (mine, theirs) = (ours.values(measure), peer.values(measure));
    let ratios: Vec<f64> = if mine.is_empty() || mine.len() != theirs.len() {
        vec![ours.figure(measure)? / peer.figure(measure)?]
    } else {
        mine.iter().zip(theirs).map(|(mine, theirs)| mine / theirs).collect()
    };
    let (low, high) = stats::spread(&ratios)?;
    let median = stats::median(&ratios)?;
    [median, low, high].iter().all(|ratio| ratio.is_finite()).then_some(Ratio { median, low, high })
}

impl PeerRow {
    /// The row's figure for a measure of [`Lead`].
    #[must_use]
    pub fn figure(&self, measure: &str) -> Option<f64> {
        match measure {
            "rate" => Some(self.ops_per_second),
            "p50_ns" => Some(self.p50_ns),
            "peak_rss_bytes" => self.peak_rss_bytes,
            name => self.metrics.iter().find(|m| m.name == name).map(|m| m.series.median),
        }
    }

    /// The same of each repeat, in order; empty where that is not kept.
    fn values(&self, measure: &str) -> &[f64] {
        match measure {
            "rate" => &self.rates,
            "p50_ns" => &self.p50s_ns,
            name => {
                let found = self.metrics.iter().find(|metric| metric.name == name);
                found.map_or(&[], |metric| &metric.series.values)
            }
        }
    }
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
