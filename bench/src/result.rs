//! The result model: what a repeat, a benchmark's summary and a run say, as types.
//!
//! Written by the runner, read by compare, gate, report and the workbench. `bench/results.schema.json`
//! is generated from these types (`schema`), every file is checked against it before it is written and
//! after it is read (`store`). Normative text: spec/bench_results_v0.md.

pub mod counters;
pub mod schema;
pub mod store;
pub mod summary;

use crate::machine::Machine;
pub use counters::Counters;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
pub use summary::{BenchSummary, MetricSummary, SummaryFile};

/// Version of the result format. Files of another version are refused, never guessed at.
pub const FORMAT: &str = "northstar-bench/0";

/// How the parameters of a run are written: name to value, sorted by name.
pub type Parameters = BTreeMap<String, ParameterValue>;

/// A parameter is a number or a word.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ParameterValue {
    /// A count, bytes, nanoseconds: the unit is in the catalog.
    Number(u64),
    /// A choice.
    Word(String),
}

impl std::fmt::Display for ParameterValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Word(word) => f.write_str(word),
        }
    }
}

/// How repeatable a benchmark is by construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// One thread, seeded, fixed operations: every counter is the same in every run, or it is an error.
    Exact,
    /// Several threads: counts depend on who runs when, so only timing and bounds are compared.
    Threaded,
}

/// Where the database of a benchmark lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StorageKind {
    /// In memory: the disk's noise is out, every call is counted all the same.
    Memory,
    /// Files in the data folder, real syncs.
    Disk,
}

/// Who watched the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Observer {
    /// Nobody, or a line of progress.
    #[default]
    None,
    /// The workbench's screen.
    Tui,
}

/// Which way a metric is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
    /// Neither: it describes the run.
    Neither,
}

/// A number a scenario reports besides the common ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedMetric {
    /// Its name: snake_case, with the unit last where it has one.
    pub name: String,
    /// Its unit: "ns", "rows", "1".
    pub unit: String,
    /// Which way it is better.
    pub better: Better,
    /// Its value.
    pub value: f64,
}

/// Latencies of single operations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// Operations that were timed one by one.
    pub samples: u64,
    /// Every how many operations one was timed; 1 is all. Fast operations are sampled, so that the
    /// clock is not what is measured.
    pub sample_every: u64,
    /// Shortest.
    pub min_ns: u64,
    /// Half are at most this.
    pub p50_ns: u64,
    /// 95 % are at most this.
    pub p95_ns: u64,
    /// 99 % are at most this. Judged by gates only from 10 000 samples on.
    pub p99_ns: u64,
    /// 99.9 % are at most this.
    pub p999_ns: u64,
    /// Longest.
    pub max_ns: u64,
    /// Mean.
    pub mean_ns: f64,
    /// The histogram itself: HdrHistogram V2, base64.
    pub histogram: String,
}

/// Work done in a slice of the timed section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Slice {
    /// Timed nanoseconds since the start, at the end of the slice.
    pub at_ns: u64,
    /// Operations done in it.
    pub ops: u64,
}

/// What the process used in the timed section.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// CPU time of all threads, user and system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_ns: Option<u64>,
    /// Most memory resident at once, set-up included unless the system can forget it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_rss_bytes: Option<u64>,
}

/// What makes two results comparable: all of it must be equal for counters to be compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The benchmark: `suite/name`.
    pub bench: String,
    /// Its version; rises when its work changes.
    pub bench_version: u32,
    /// Parameters in force.
    pub params: Parameters,
    /// Counted operations.
    pub ops: u64,
    /// Operations before them that were not counted.
    pub warmup_ops: u64,
    /// Seed of everything random.
    pub seed: u64,
    /// How repeatable it is by construction.
    pub class: Class,
    /// Where its database lies.
    pub storage: StorageKind,
    /// Target triple, or architecture and system where the triple is not known.
    pub target: String,
    /// Whether debug assertions and unoptimised code were measured.
    pub build: Build,
}

/// How the program was compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Build {
    /// Optimised.
    Release,
    /// With debug assertions.
    Debug,
}

impl Build {
    /// How this program was compiled.
    #[must_use]
    pub const fn current() -> Self {
        if cfg!(debug_assertions) { Self::Debug } else { Self::Release }
    }
}

/// What was measured in one repeat: the worker's answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Operations done.
    pub ops: u64,
    /// Operations that failed. A gate refuses a result with errors.
    pub errors: u64,
    /// Timed nanoseconds: the sum of the batches.
    pub duration_ns: u64,
    /// Operations a second.
    pub ops_per_second: f64,
    /// Nanoseconds of warm-up.
    pub warmup_ns: u64,
    /// Operations of warm-up.
    pub warmup_ops: u64,
    /// Latencies of single operations.
    pub latency: Latency,
    /// What was counted.
    pub counters: Counters,
    /// What the process used.
    pub process: Process,
    /// Named metrics of the scenario.
    pub metrics: Vec<NamedMetric>,
    /// Throughput over time, at most 200 slices.
    pub series: Vec<Slice>,
    /// What the benchmark computed, hashed: two sides with different sums are not compared.
    pub checksum: String,
    /// Remarks of the benchmark, such as a cache that could not be dropped.
    pub notes: Vec<String>,
}

/// One repeat: one process. `OUT/<suite>/<bench>/<params>/r000.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RepeatFile {
    /// [`FORMAT`].
    pub format: String,
    /// "repeat".
    pub kind: RepeatKind,
    /// What it is comparable by.
    pub identity: Identity,
    /// The profile it ran under.
    pub profile: String,
    /// Whether the profile runs less than the benchmark's name says.
    pub trimmed: bool,
    /// Number of the repeat, from 0.
    pub repeat: u32,
    /// Who watched.
    pub observer: Observer,
    /// Fingerprint of the machine, whole in `run.json`.
    pub machine: String,
    /// What was measured.
    pub measured: Measured,
}

/// Marks a [`RepeatFile`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RepeatKind {
    /// The only value.
    #[default]
    Repeat,
}

/// Marks a [`RunFile`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// The only value.
    #[default]
    Run,
}

/// What was run, where, and how far it came. `OUT/run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunFile {
    /// [`FORMAT`].
    pub format: String,
    /// "run".
    pub kind: RunKind,
    /// The profile.
    pub profile: String,
    /// Seed of the run.
    pub seed: u64,
    /// Repeats of each benchmark.
    pub repeats: u32,
    /// Who watched.
    pub observer: Observer,
    /// The machine.
    pub machine: Machine,
    /// The source it was built from.
    pub source: Source,
    /// What was to be run, in the order of the catalog.
    pub plan: Vec<PlannedBench>,
    /// How far it came.
    pub state: RunState,
    /// What failed, with the reason.
    pub failures: Vec<Failure>,
}

/// The source a program was built from; each field "unknown" rather than a guess.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Version of the program.
    pub version: String,
    /// Commit of the working tree the run was started in.
    pub git_commit: String,
    /// Whether that tree had changes: "clean", "dirty" or "unknown".
    pub git_tree: String,
    /// `rustc --version`.
    pub rustc: String,
    /// FNV-1a of Cargo.lock.
    pub lock_hash: String,
}

/// How far a run came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Still going, or killed.
    Running,
    /// Stopped by hand; what is there is valid, `--resume` goes on.
    Cancelled,
    /// All repeats ran.
    Complete,
    /// All repeats were tried, some failed.
    Failed,
}

/// One line of a run's plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedBench {
    /// What it is comparable by.
    pub identity: Identity,
    /// Its folder under OUT.
    pub folder: String,
    /// Least nanoseconds of warm-up.
    pub warmup_ns: u64,
    /// Whether the profile runs less than the benchmark's name says.
    pub trimmed: bool,
    /// Whether a regression of it fails the gate.
    pub critical: bool,
}

/// A repeat that gave no result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// The benchmark.
    pub bench: String,
    /// Its parameters, as in the folder's name.
    pub params: String,
    /// The repeat.
    pub repeat: u32,
    /// Why.
    pub reason: String,
}

/// Parameters as a folder name: `records=1000,value_bytes=128`, only `[a-z0-9._=,-]`.
#[must_use]
pub fn params_slug(params: &Parameters) -> String {
    if params.is_empty() {
        return "default".into();
    }
    let clean = |text: String| -> String {
        text.to_lowercase()
            .chars()
            .map(
                |c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' },
            )
            .collect()
    };
    let pairs = params
        .iter()
        .map(|(name, value)| format!("{}={}", clean(name.clone()), clean(value.to_string())));
    pairs.collect::<Vec<_>>().join(",")
}
