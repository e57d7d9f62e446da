//! The summary of one benchmark over its repeats, and of a whole run.
//!
//! Written by the runner after every repeat, so that an interrupted run has valid summaries; read by
//! compare and gate. Holds every repeat's numbers: nothing is hidden by a mean.

use crate::{
    result::{Counters, FORMAT, Identity, RepeatFile},
    stats::{self, Stability},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Marks a [`SummaryFile`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SummaryKind {
    /// The only value.
    #[default]
    Summary,
}

/// All parameter sets of one benchmark. `OUT/<suite>/<bench>.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SummaryFile {
    /// [`FORMAT`].
    pub format: String,
    /// "summary".
    pub kind: SummaryKind,
    /// The benchmark: `suite/name`.
    pub bench: String,
    /// One entry a parameter set, sorted by folder.
    pub results: Vec<BenchSummary>,
}

/// One benchmark with one parameter set, over its repeats.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BenchSummary {
    /// What it is comparable by.
    pub identity: Identity,
    /// Folder of its repeats under OUT.
    pub folder: String,
    /// The profile it ran under.
    pub profile: String,
    /// Whether the profile runs less than the benchmark's name says.
    pub trimmed: bool,
    /// Fingerprint of the machine.
    pub machine: String,
    /// How many repeats.
    pub repeats: u32,
    /// Failed operations over all repeats.
    pub errors: u64,
    /// Whether the counters were equal in all repeats; `None` for one repeat or a threaded benchmark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exact: Option<bool>,
    /// Counters that were not equal, where they had to be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inexact_counters: Vec<String>,
    /// The counters: of every repeat if exact, else the medians of the repeats.
    pub counters: Counters,
    /// What the benchmark computed; all repeats agree or the summary has errors.
    pub checksum: String,
    /// Timing over the repeats; a stored counter baseline has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timing: Option<Timing>,
    /// Named metrics, as medians over the repeats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricSummary>,
}

/// Timing of a benchmark, one number a repeat and their summary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// Operations a second.
    pub ops_per_second: Series,
    /// Median latency.
    pub p50_ns: Series,
    /// 99th percentile.
    pub p99_ns: Series,
    /// CPU time an operation; absent where the system does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_ns_per_op: Option<Series>,
    /// Peak resident memory; absent where the system does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_rss_bytes: Option<Series>,
    /// Fewest latency samples in a repeat: under 10 000 the p99 is not judged.
    pub latency_samples_min: u64,
}

/// One number a repeat, with median, spread and stability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// In the order of the repeats.
    pub values: Vec<f64>,
    /// Median.
    pub median: f64,
    /// Median absolute deviation.
    pub mad: f64,
    /// Coefficient of variation; `None` below two repeats.
    pub cv: Option<f64>,
    /// Stable, unstable, or too few repeats to say.
    pub stability: Stability,
}

/// A named metric over the repeats.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricSummary {
    /// Its name.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Which way it is better.
    pub better: crate::result::Better,
    /// Its values.
    pub series: Series,
}

impl Series {
    /// Summarises `values`; `None` for no values.
    #[must_use]
    pub fn of(values: Vec<f64>) -> Option<Self> {
        Some(Self {
            median: stats::median(&values)?,
            mad: stats::median_absolute_deviation(&values)?,
            cv: stats::coefficient_of_variation(&values),
            stability: stats::stability(&values),
            values,
        })
    }
}

impl BenchSummary {
    /// Summarises the repeats of one benchmark with one parameter set. `None` for no repeats.
    #[must_use]
    pub fn of(folder: &str, repeats: &[RepeatFile]) -> Option<Self> {
        let first = repeats.first()?;
        let inexact: Vec<String> = Counters::NAMES
            .iter()
            .filter(|name| {
                let value = first.measured.counters.get(name);
                repeats.iter().any(|repeat| repeat.measured.counters.get(name) != value)
            })
            .map(ToString::to_string)
            .collect();
        let is_exact_class = first.identity.class == crate::result::Class::Exact;
        let disagree =
            repeats.iter().any(|repeat| repeat.measured.checksum != first.measured.checksum);
        let errors: u64 = repeats.iter().map(|repeat| repeat.measured.errors).sum();
        Some(Self {
            identity: first.identity.clone(),
            folder: folder.to_owned(),
            profile: first.profile.clone(),
            trimmed: first.trimmed,
            machine: first.machine.clone(),
            repeats: repeats.len() as u32,
            errors: errors + u64::from(disagree),
            exact: (is_exact_class && repeats.len() > 1).then_some(inexact.is_empty()),
            inexact_counters: if is_exact_class { inexact } else { Vec::new() },
            counters: median_counters(repeats),
            checksum: first.measured.checksum.clone(),
            timing: Timing::of(repeats),
            metrics: metric_summaries(repeats),
        })
    }
}

impl Timing {
    fn of(repeats: &[RepeatFile]) -> Option<Self> {
        let all = |value: fn(&RepeatFile) -> Option<f64>| -> Option<Series> {
            Series::of(repeats.iter().map(value).collect::<Option<Vec<f64>>>()?)
        };
        Some(Self {
            ops_per_second: all(|r| Some(r.measured.ops_per_second))?,
            p50_ns: all(|r| Some(r.measured.latency.p50_ns as f64))?,
            p99_ns: all(|r| Some(r.measured.latency.p99_ns as f64))?,
            cpu_ns_per_op: all(|r| {
                Some(r.measured.process.cpu_ns? as f64 / r.measured.ops.max(1) as f64)
            }),
            peak_rss_bytes: all(|r| Some(r.measured.process.peak_rss_bytes? as f64)),
            latency_samples_min: repeats.iter().map(|r| r.measured.latency.samples).min()?,
        })
    }
}

/// The value all repeats share, or the median of the values rounded down.
fn median_counters(repeats: &[RepeatFile]) -> Counters {
    let mut counters = Counters::default();
    for name in Counters::NAMES {
        let values: Option<Vec<f64>> = repeats
            .iter()
            .map(|repeat| repeat.measured.counters.get(name).map(|value| value as f64))
            .collect();
        if let Some(median) = values.as_deref().and_then(stats::median) {
            counters.set(name, median as u64);
        }
    }
    counters
}

fn metric_summaries(repeats: &[RepeatFile]) -> Vec<MetricSummary> {
    let Some(first) = repeats.first() else { return Vec::new() };
    let summaries = first.measured.metrics.iter().filter_map(|metric| {
        let values = repeats.iter().filter_map(|repeat| {
            let same = repeat.measured.metrics.iter().find(|other| other.name == metric.name);
            same.map(|other| other.value)
        });
        Some(MetricSummary {
            name: metric.name.clone(),
            unit: metric.unit.clone(),
            better: metric.better,
            series: Series::of(values.collect())?,
        })
    });
    summaries.collect()
}

impl SummaryFile {
    /// An empty summary of `bench`.
    #[must_use]
    pub fn new(bench: &str) -> Self {
        Self {
            format: FORMAT.into(),
            kind: SummaryKind::Summary,
            bench: bench.into(),
            results: Vec::new(),
        }
    }

    /// Puts `summary` in, replacing what was there for its folder.
    pub fn insert(&mut self, summary: BenchSummary) {
        self.results.retain(|other| other.folder != summary.folder);
        self.results.push(summary);
        self.results.sort_by(|a, b| a.folder.cmp(&b.folder));
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::result::store::tests::repeat_file;

    #[test]
    fn equal_repeats_are_exact_and_different_ones_are_named() {
        let mut repeats: Vec<RepeatFile> = (0..3).map(repeat_file).collect();
        let summary = BenchSummary::of("folder", &repeats).expect("three repeats");
        assert_eq!(summary.exact, Some(true));
        assert_eq!(summary.errors, 0);
        assert_eq!(summary.counters, repeats[0].measured.counters);

        repeats[1].measured.counters.write_calls = Some(77);
        repeats[2].measured.checksum = "other".into();
        let summary = BenchSummary::of("folder", &repeats).expect("three repeats");
        assert_eq!(summary.exact, Some(false));
        assert_eq!(summary.inexact_counters, ["write_calls"]);
        assert_eq!(summary.errors, 1, "checksums disagree");
        assert!(BenchSummary::of("folder", &repeats[..1]).expect("one").exact.is_none());
        assert!(BenchSummary::of("folder", &[]).is_none());
    }
}
