//! A run in one file: how many benchmarks passed, and a row each.

use super::{csv, markdown};
use crate::{
    error::Result,
    result::{
        BenchSummary, FORMAT, RunFile, RunState,
        store::{self, Store},
    },
    stats::Stability,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Marks a [`TotalsFile`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TotalsKind {
    /// The only value.
    #[default]
    Totals,
}

/// A run in one file: counts and one row a benchmark. `OUT/summary.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TotalsFile {
    /// [`FORMAT`].
    pub format: String,
    /// "totals".
    pub kind: TotalsKind,
    /// The profile.
    pub profile: String,
    /// The machine in one line.
    pub machine: String,
    /// How far the run came.
    pub state: RunState,
    /// Counts by suite.
    pub suites: Vec<SuiteCounts>,
    /// One row a benchmark and parameter set.
    pub rows: Vec<Row>,
}

/// How many benchmarks of a suite have a sound result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SuiteCounts {
    /// The suite.
    pub suite: String,
    /// Benchmarks planned.
    pub planned: u32,
    /// Benchmarks with all repeats, verified, and exact where they must be.
    pub passed: u32,
    /// Benchmarks with a failure.
    pub failed: u32,
    /// Benchmarks not finished.
    pub unfinished: u32,
}

/// What became of a benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All repeats ran, verified, and were exact where they must be.
    Passed,
    /// A repeat failed, or the repeats disagree.
    Failed,
    /// Repeats are missing because the run ended early.
    Unfinished,
}

/// One benchmark in one row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The benchmark: `suite/name`.
    pub bench: String,
    /// Its parameters, as in the folder's name.
    pub params: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Whether it ran less than its name says.
    pub trimmed: bool,
    /// Repeats with a result.
    pub repeats: u32,
    /// Counted operations of a repeat.
    pub ops: u64,
    /// Median operations a second.
    pub ops_per_second: f64,
    /// Median absolute deviation of it.
    pub ops_per_second_mad: f64,
    /// Coefficient of variation of it.
    pub cv: Option<f64>,
    /// Whether the repeats agree.
    pub stability: Stability,
    /// Median of the repeats' medians.
    pub p50_ns: f64,
    /// Median of the repeats' 99th percentiles.
    pub p99_ns: f64,
    /// CPU time an operation.
    pub cpu_ns_per_op: Option<f64>,
    /// Peak resident memory.
    pub peak_rss_bytes: Option<f64>,
    /// Syncs an operation.
    pub syncs_per_op: Option<f64>,
    /// Bytes written an operation.
    pub bytes_written_per_op: Option<f64>,
    /// Pages looked at an operation.
    pub pages_touched_per_op: Option<f64>,
    /// Allocations an operation.
    pub allocs_per_op: Option<f64>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

/// Reads a result folder into rows and counts.
///
/// # Errors
/// What reading says.
pub fn totals(store: &Store, run: &RunFile) -> Result<TotalsFile> {
    let summaries = store.read_summaries()?;
    let mut file = TotalsFile {
        format: FORMAT.into(),
        kind: TotalsKind::Totals,
        profile: run.profile.clone(),
        machine: run.machine.in_words(),
        state: run.state,
        suites: Vec::new(),
        rows: Vec::new(),
    };
    for planned in &run.plan {
        let bench = &planned.identity.bench;
        let params = crate::result::params_slug(&planned.identity.params);
        let mine = |f: &&crate::result::Failure| f.bench == *bench && f.params == params;
        let reasons: Vec<String> =
            run.failures.iter().filter(mine).map(|f| f.reason.clone()).collect();
        let summary = summaries.get(&planned.folder);
        let complete = summary.is_some_and(|summary| summary.repeats >= run.repeats);
        let outcome = match (reasons.is_empty(), complete) {
            (false, _) => Outcome::Failed,
            (true, true) => Outcome::Passed,
            (true, false) => Outcome::Unfinished,
        };
        count(&mut file.suites, bench.split('/').next().unwrap_or(bench), outcome);
        if let Some(row) = summary.and_then(|summary| row(summary, &params, outcome, reasons)) {
            file.rows.push(row);
        }
    }
    Ok(file)
}

fn count(suites: &mut Vec<SuiteCounts>, suite: &str, outcome: Outcome) {
    let at = suites.iter().position(|counts| counts.suite == suite).unwrap_or_else(|| {
        let suite = suite.to_owned();
        suites.push(SuiteCounts { suite, planned: 0, passed: 0, failed: 0, unfinished: 0 });
        suites.len() - 1
    });
    let counts = &mut suites[at];
    counts.planned += 1;
    match outcome {
        Outcome::Passed => counts.passed += 1,
        Outcome::Failed => counts.failed += 1,
        Outcome::Unfinished => counts.unfinished += 1,
    }
}

fn row(s: &BenchSummary, params: &str, outcome: Outcome, reasons: Vec<String>) -> Option<Row> {
    let timing = s.timing.as_ref()?;
    let ops = s.identity.ops.max(1) as f64;
    let per_op = |count: Option<u64>| count.map(|count| count as f64 / ops);
    Some(Row {
        bench: s.identity.bench.clone(),
        params: params.to_owned(),
        outcome,
        trimmed: s.trimmed,
        repeats: s.repeats,
        ops: s.identity.ops,
        ops_per_second: timing.ops_per_second.median,
        ops_per_second_mad: timing.ops_per_second.mad,
        cv: timing.ops_per_second.cv,
        stability: timing.ops_per_second.stability,
        p50_ns: timing.p50_ns.median,
        p99_ns: timing.p99_ns.median,
        cpu_ns_per_op: timing.cpu_ns_per_op.as_ref().map(|series| series.median),
        peak_rss_bytes: timing.peak_rss_bytes.as_ref().map(|series| series.median),
        syncs_per_op: per_op(s.counters.syncs()),
        bytes_written_per_op: per_op(s.counters.bytes_written),
        pages_touched_per_op: per_op(s.counters.pages_touched),
        allocs_per_op: per_op(s.counters.alloc_count),
        reasons,
    })
}

/// Writes `summary.json`, `summary.csv` and `summary.md` of a run.
///
/// # Errors
/// What reading and writing says.
pub fn write_totals(store: &Store, run: &RunFile) -> Result<TotalsFile> {
    let file = totals(store, run)?;
    let root = store.root();
    store::write(&root.join("summary.json"), &file)?;
    store::write_whole(&root.join("summary.csv"), csv(&file)?.as_bytes())?;
    store::write_whole(&root.join("summary.md"), markdown(&file).as_bytes())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        machine::Machine,
        report::html,
        result::{
            Failure, Observer, ParameterValue, PlannedBench, RunKind, store::tests::repeat_file,
        },
        source,
    };

    #[test]
    fn totals_count_and_every_form_has_every_row() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(folder.path());
        let repeat = repeat_file(0);
        let bench = repeat.identity.bench.clone();
        let planned = |bench: &str, records: u64| {
            let mut identity = repeat.identity.clone();
            identity.bench = bench.into();
            identity.params.insert("records".into(), ParameterValue::Number(records));
            PlannedBench {
                folder: format!("{bench}/records={records}"),
                identity,
                warmup_ns: 0,
                trimmed: true,
                critical: true,
            }
        };
        let plan = vec![planned(&bench, 1000), planned(&bench, 2000), planned("pager/x", 1)];
        store.write_repeat(&plan[0].folder, &repeat).expect("written");
        store.refresh_summary(&bench, &plan[0].folder).expect("written");
        let run = RunFile {
            format: FORMAT.into(),
            kind: RunKind::Run,
            profile: "ci".into(),
            seed: 1,
            repeats: 1,
            observer: Observer::None,
            machine: Machine::look(folder.path()),
            source: source::look(),
            plan,
            state: RunState::Failed,
            failures: vec![Failure {
                bench: "pager/x".into(),
                params: "records=1".into(),
                repeat: 0,
                reason: "it broke".into(),
            }],
        };
        let file = write_totals(&store, &run).expect("written");
        let counts: Vec<(&str, u32, u32, u32, u32)> = file
            .suites
            .iter()
            .map(|s| (s.suite.as_str(), s.planned, s.passed, s.failed, s.unfinished))
            .collect();
        assert_eq!(counts, [("btree", 2, 1, 0, 1), ("pager", 1, 0, 1, 0)]);
        let read: TotalsFile = store::read(&folder.path().join("summary.json")).expect("valid");
        assert_eq!(read, file);
        let csv = std::fs::read_to_string(folder.path().join("summary.csv")).expect("csv");
        assert_eq!(csv.lines().count(), 2, "a header and a row: {csv}");
        assert!(csv.contains("btree/point_get_hot_1m,records=1000,passed,true,1,20000,"));
        let markdown = std::fs::read_to_string(folder.path().join("summary.md")).expect("md");
        assert!(markdown.contains("| btree | 2 | 1 | 0 | 1 |"), "{markdown}");
        store.write_run(&run).expect("written");
        let page = html::page(&store).expect("a page");
        for part in ["btree/point_get_hot_1m", "<svg", "</html>", "it broke"] {
            assert!(page.contains(part), "the page has {part}");
        }
        assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("src="));
    }
}
