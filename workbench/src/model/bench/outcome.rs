//! What a run came to: its figures beside the baseline's, and the gate's verdict with its reasons.

use super::Baseline;
use northstar_bench::compare::compare;
use northstar_bench::gate::approvals::{Approvals, Date};
use northstar_bench::gate::{self, Finding, Policy, Side, Verdict};
use serde::Serialize;
use std::collections::BTreeMap;

/// One figure of the run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// Folder of the benchmark: its name and parameters.
    pub folder: String,
    /// Its name.
    pub metric: String,
    /// Its unit.
    pub unit: &'static str,
    /// Its value: the median of the repeats.
    pub now: f64,
    /// The baseline's.
    pub base: Option<f64>,
    /// Change in percent.
    pub change_percent: Option<f64>,
    /// What the gate says of it, where it says something.
    pub verdict: Option<&'static str>,
    /// Why.
    pub reason: String,
}

/// The outcome of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Outcome {
    /// All figures, timing first.
    pub figures: Vec<Figure>,
    /// Whether the gate would let it pass; none without a baseline.
    pub passed: Option<bool>,
    /// How many findings of each verdict.
    pub counts: Vec<(&'static str, usize)>,
    /// The findings that are no pass, with their reasons.
    pub reasons: Vec<String>,
    /// What keeps it from being compared.
    pub incomparable: Option<String>,
}

impl Outcome {
    /// Judges the results `now`, of the benchmark `id` alone.
    pub fn new(now: &Side, baseline: Option<&Baseline>, id: &str) -> Self {
        match baseline.map(|baseline| only(&baseline.side, id)) {
            Some(base) if !base.summaries.is_empty() => Self::judged(&base, now),
            _ => Self { figures: figures(now, now, &BTreeMap::new(), false), ..Self::default() },
        }
    }

    fn judged(base: &Side, now: &Side) -> Self {
        let policy = Policy::committed();
        let report = gate::judge(base, now, &policy, &Approvals::default(), Date::today());
        let findings: BTreeMap<(&str, &str), &Finding> =
            report.findings.iter().map(|f| ((f.folder.as_str(), f.metric.as_str()), f)).collect();
        let verdicts = [
            Verdict::Pass,
            Verdict::Fail,
            Verdict::Missing,
            Verdict::Inconclusive,
            Verdict::Incomparable,
            Verdict::New,
            Verdict::Accepted,
        ];
        let counts = verdicts.map(|verdict| (verdict.name(), report.count(verdict)));
        let reason =
            |f: &Finding| format!("{} {} {}: {}", f.verdict.name(), f.folder, f.metric, f.reason);
        let open = report.findings.iter().filter(|f| f.verdict != Verdict::Pass);
        Self {
            figures: figures(base, now, &findings, true),
            passed: Some(!report.failed(false)),
            counts: counts.into_iter().filter(|(_, count)| *count > 0).collect(),
            reasons: open.map(reason).collect(),
            incomparable: compare(base, now).benches.into_iter().find_map(|b| b.incomparable),
        }
    }
}

/// The results of one benchmark.
fn only(side: &Side, id: &str) -> Side {
    let mut side = side.clone();
    side.summaries.retain(|_, summary| summary.identity.bench == id);
    side
}

fn figures(
    base: &Side,
    now: &Side,
    findings: &BTreeMap<(&str, &str), &Finding>,
    compared: bool,
) -> Vec<Figure> {
    let mut figures = Vec::new();
    // What the baseline lacks (its timings, say) is shown all the same.
    let own = compare(now, now);
    let both = compare(base, now);
    for bench in own.benches {
        let other = both.benches.iter().find(|other| other.folder == bench.folder);
        for metric in bench.metrics {
            let beside = other
                .and_then(|other| other.metrics.iter().find(|m| m.metric == metric.metric))
                .filter(|_| compared);
            // The gate calls the rate by its own name.
            let judged = match metric.metric.as_str() {
                "ops_per_second" => "throughput",
                name => name,
            };
            let finding = findings.get(&(bench.folder.as_str(), judged)).copied();
            figures.push(Figure {
                folder: bench.folder.clone(),
                metric: metric.metric,
                unit: metric.unit,
                now: metric.candidate,
                base: beside.map(|beside| beside.baseline),
                change_percent: beside.and_then(|beside| beside.change_percent),
                verdict: finding.map(|finding| finding.verdict.name()),
                reason: finding.map_or_else(String::new, |finding| finding.reason.clone()),
            });
        }
    }
    figures
}
