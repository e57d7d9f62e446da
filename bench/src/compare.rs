//! Two result folders side by side: every metric, its change, and what is missing. Judges nothing.
//!
//! Called by `bench compare` and the workbench's bench screen.

use crate::{
    gate::{Side, first_difference},
    result::{BenchSummary, Counters},
};
use serde::Serialize;
use std::collections::BTreeSet;

/// All differences between two folders.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// One entry a benchmark that both sides have.
    pub benches: Vec<BenchComparison>,
    /// Folders only the baseline has.
    pub missing: Vec<String>,
    /// Folders only the candidate has.
    pub new: Vec<String>,
}

/// One benchmark on both sides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BenchComparison {
    /// The benchmark: `suite/name`.
    pub bench: String,
    /// Folder of its repeats.
    pub folder: String,
    /// What keeps the two from being compared, if anything; the figures are shown all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incomparable: Option<String>,
    /// One line a metric.
    pub metrics: Vec<MetricComparison>,
}

/// One metric on both sides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetricComparison {
    /// Its name.
    pub metric: String,
    /// Its unit.
    pub unit: &'static str,
    /// Median of the baseline.
    pub baseline: f64,
    /// Median of the candidate.
    pub candidate: f64,
    /// Change in percent; absent from zero.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_percent: Option<f64>,
}

/// Puts `candidate` beside `baseline`.
#[must_use]
pub fn compare(baseline: &Side, candidate: &Side) -> Comparison {
    let mut comparison = Comparison { benches: Vec::new(), missing: Vec::new(), new: Vec::new() };
    let folders: BTreeSet<&String> =
        baseline.summaries.keys().chain(candidate.summaries.keys()).collect();
    for folder in folders {
        match (baseline.summaries.get(folder), candidate.summaries.get(folder)) {
            (Some(base), Some(new)) => comparison.benches.push(compare_bench(folder, base, new)),
            (Some(_), None) => comparison.missing.push(folder.clone()),
            (None, _) => comparison.new.push(folder.clone()),
        }
    }
    comparison
}

fn compare_bench(folder: &str, base: &BenchSummary, new: &BenchSummary) -> BenchComparison {
    let mut metrics = Vec::new();
    let mut add = |metric: &str, unit: &'static str, baseline: f64, candidate: f64| {
        let change = (baseline != 0.0).then(|| (candidate / baseline - 1.0) * 100.0);
        metrics.push(MetricComparison {
            metric: metric.into(),
            unit,
            baseline,
            candidate,
            change_percent: change,
        });
    };
    if let (Some(old), Some(now)) = (&base.timing, &new.timing) {
        add("ops_per_second", "1/s", old.ops_per_second.median, now.ops_per_second.median);
        add("p50", "ns", old.p50_ns.median, now.p50_ns.median);
        add("p99", "ns", old.p99_ns.median, now.p99_ns.median);
        if let (Some(old), Some(now)) = (&old.cpu_ns_per_op, &now.cpu_ns_per_op) {
            add("cpu_per_op", "ns", old.median, now.median);
        }
        if let (Some(old), Some(now)) = (&old.peak_rss_bytes, &now.peak_rss_bytes) {
            add("peak_rss", "B", old.median, now.median);
        }
    }
    for name in Counters::NAMES {
        if let (Some(old), Some(now)) = (base.counters.get(name), new.counters.get(name)) {
            let unit = if name.contains("bytes") { "B" } else { "1" };
            add(name, unit, old as f64, now as f64);
        }
    }
    BenchComparison {
        bench: new.identity.bench.clone(),
        folder: folder.to_owned(),
        incomparable: first_difference(base, new),
        metrics,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::store::tests::repeat_file;

    #[test]
    fn whole_folders_with_missing_and_new_named() {
        let summary = |folder: &str, rate: f64| {
            let mut repeat = repeat_file(0);
            repeat.measured.ops_per_second = rate;
            (folder.to_owned(), BenchSummary::of(folder, &[repeat]).expect("one"))
        };
        let base =
            Side { summaries: [summary("a", 100.0), summary("gone", 1.0)].into(), run: None };
        let new = Side { summaries: [summary("a", 150.0), summary("born", 1.0)].into(), run: None };
        let comparison = compare(&base, &new);
        assert_eq!(comparison.missing, ["gone"]);
        assert_eq!(comparison.new, ["born"]);
        let rate = &comparison.benches[0].metrics[0];
        assert_eq!((rate.metric.as_str(), rate.change_percent), ("ops_per_second", Some(50.0)));
        assert_eq!(comparison.benches[0].incomparable, None);
        assert!(comparison.benches[0].metrics.iter().any(|m| m.metric == "fsyncs"));
    }
}
