//! The gate: decides from two result folders whether a change may land.
//!
//! Called by `bench gate`, by `bench selftest` and by the workbench. Pure: the same files, policy,
//! approvals and date give the same verdicts. Tier 0 (counters) is judged here, tier 1 (paired
//! timing) in [`paired`], tier 2 (stored timing) in [`stored`]. What cannot be judged is said to be so:
//! "too noisy" is neither pass nor fail.

pub mod approvals;
pub mod paired;
pub mod policy;
pub mod stored;

use crate::{
    error::Result,
    result::{BenchSummary, Class, RunFile, RunState, store::Store},
};
use approvals::{Approvals, Date};
pub use policy::Policy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What the gate says about one metric of one benchmark.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Within its bound, or better.
    Pass,
    /// Worse than its bound.
    Fail,
    /// Too noisy to say.
    Inconclusive,
    /// Not in the baseline.
    New,
    /// In the baseline and not in the candidate: a failure.
    Missing,
    /// The two sides did not do the same work on the same ground.
    Incomparable,
    /// Worse than its bound, and approved with a reason and an expiry.
    Accepted,
}

impl Verdict {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::New => "new",
            Self::Missing => "missing",
            Self::Incomparable => "incomparable",
            Self::Accepted => "accepted",
        }
    }

    /// Whether it blocks a change on a critical benchmark.
    #[must_use]
    pub const fn blocks(self) -> bool {
        matches!(self, Self::Fail | Self::Missing)
    }

    /// Whether it means that nothing could be said: blocks with `--strict` only.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Inconclusive | Self::Incomparable)
    }
}

/// One line of the gate's answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The benchmark: `suite/name`.
    pub bench: String,
    /// Folder of its repeats.
    pub folder: String,
    /// What was judged: a counter, "throughput", "p99", "cpu", or "benchmark" for the whole of it.
    pub metric: String,
    /// 0 counters, 1 paired timing, 2 stored timing.
    pub tier: u8,
    /// The verdict.
    pub verdict: Verdict,
    /// Whether the benchmark is critical.
    pub critical: bool,
    /// The baseline's value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<f64>,
    /// The candidate's value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidate: Option<f64>,
    /// How much worse in percent; negative is better.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worse_percent: Option<f64>,
    /// How much worse it may be, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_percent: Option<f64>,
    /// Why, in words.
    pub reason: String,
}

/// The gate's answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateReport {
    /// Everything judged, worst first.
    pub findings: Vec<Finding>,
    /// Things to know that are no verdicts: approvals nobody needs.
    pub warnings: Vec<String>,
}

impl GateReport {
    /// Findings with `verdict`.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.findings.iter().filter(|finding| finding.verdict == verdict).count()
    }

    /// Whether the change must not land.
    #[must_use]
    pub fn failed(&self, strict: bool) -> bool {
        self.findings.iter().any(|finding| {
            finding.critical && finding.verdict.blocks() || strict && finding.verdict.is_open()
        })
    }
}

/// Everything the gate looks at on one side.
#[derive(Clone, Debug)]
pub struct Side {
    /// Summaries by folder.
    pub summaries: BTreeMap<String, BenchSummary>,
    /// The run, if the folder has one.
    pub run: Option<RunFile>,
}

impl Side {
    /// Reads a result folder or a baseline.
    ///
    /// # Errors
    /// The first file that cannot be read or is not valid.
    pub fn read(folder: impl Into<std::path::PathBuf>) -> Result<Self> {
        let store = Store::new(folder);
        let run = store.run_path().exists().then(|| store.read_run()).transpose()?;
        Ok(Self { summaries: store.read_summaries()?, run })
    }

    fn critical(&self, folder: &str) -> Option<bool> {
        let plan = &self.run.as_ref()?.plan;
        plan.iter().find(|bench| bench.folder == folder).map(|bench| bench.critical)
    }
}

/// Judges `candidate` against `baseline`.
#[must_use]
pub fn judge(
    baseline: &Side,
    candidate: &Side,
    policy: &Policy,
    approvals: &Approvals,
    today: Date,
) -> GateReport {
    let mut findings = Vec::new();
    let folders: BTreeSet<&String> =
        baseline.summaries.keys().chain(candidate.summaries.keys()).collect();
    for folder in folders {
        let pair = (baseline.summaries.get(folder), candidate.summaries.get(folder));
        // A benchmark neither side knows to be harmless is critical.
        let critical = candidate.critical(folder).or(baseline.critical(folder)).unwrap_or(true);
        let make = Maker { folder, critical };
        match pair {
            (Some(base), None) => findings.push(make.whole(
                &base.identity.bench,
                Verdict::Missing,
                "in the baseline, not in the candidate",
            )),
            (None, Some(new)) => {
                findings.extend(make.soundness(new));
                findings.push(make.whole(&new.identity.bench, Verdict::New, "not in the baseline"));
            }
            (Some(base), Some(new)) => {
                findings.extend(make.soundness(new));
                findings.extend(make.both(base, new, policy, (baseline, candidate)));
            }
            (None, None) => {}
        }
    }
    findings.extend(run_findings(candidate));
    conclude(findings, approvals, today)
}

/// Applies approvals and sorts, worst first.
#[must_use]
pub fn conclude(mut findings: Vec<Finding>, approvals: &Approvals, today: Date) -> GateReport {
    let warnings = approvals.apply(&mut findings, today);
    let weight = |finding: &Finding| match finding.verdict {
        Verdict::Fail | Verdict::Missing if finding.critical => 0,
        Verdict::Fail | Verdict::Missing => 1,
        Verdict::Inconclusive => 2,
        Verdict::Incomparable => 3,
        Verdict::Accepted => 4,
        Verdict::New => 5,
        Verdict::Pass => 6,
    };
    findings
        .sort_by(|a, b| (weight(a), &a.folder, &a.metric).cmp(&(weight(b), &b.folder, &b.metric)));
    GateReport { findings, warnings }
}

/// A candidate run that is not complete, or had failures, is said to be so.
fn run_findings(candidate: &Side) -> Vec<Finding> {
    let Some(run) = &candidate.run else { return Vec::new() };
    let finding = |bench: &str, params: &str, reason: &str| Finding {
        bench: bench.into(),
        folder: format!("{bench}/{params}"),
        metric: "benchmark".into(),
        tier: 0,
        verdict: Verdict::Fail,
        critical: true,
        baseline: None,
        candidate: None,
        worse_percent: None,
        max_percent: None,
        reason: reason.into(),
    };
    let mut findings: Vec<Finding> = run
        .failures
        .iter()
        .map(|failure| finding(&failure.bench, &failure.params, &failure.reason))
        .collect();
    if matches!(run.state, RunState::Running | RunState::Cancelled) {
        findings.push(finding("run", "", "the candidate's run was not finished"));
    }
    findings
}

/// Makes the findings of one benchmark.
struct Maker<'a> {
    folder: &'a str,
    critical: bool,
}

impl Maker<'_> {
    fn whole(&self, bench: &str, verdict: Verdict, reason: &str) -> Finding {
        Finding {
            bench: bench.into(),
            folder: self.folder.into(),
            metric: "benchmark".into(),
            tier: 0,
            verdict,
            critical: self.critical,
            baseline: None,
            candidate: None,
            worse_percent: None,
            max_percent: None,
            reason: reason.into(),
        }
    }

    /// What is wrong with the candidate by itself.
    fn soundness(&self, new: &BenchSummary) -> Option<Finding> {
        let bench = &new.identity.bench;
        if new.errors > 0 {
            let reason = format!("{} failed operations or checksums that disagree", new.errors);
            return Some(self.whole(bench, Verdict::Fail, &reason));
        }
        if new.exact == Some(false) {
            let names = new.inexact_counters.join(", ");
            let reason = format!("not exact: two runs of one program differ in {names}");
            return Some(self.whole(bench, Verdict::Fail, &reason));
        }
        None
    }

    fn both(
        &self,
        base: &BenchSummary,
        new: &BenchSummary,
        policy: &Policy,
        sides: (&Side, &Side),
    ) -> Vec<Finding> {
        let bench = &new.identity.bench;
        if let Some(difference) = first_difference(base, new) {
            return vec![self.whole(bench, Verdict::Incomparable, &difference)];
        }
        let mut findings = self.counters(base, new, policy);
        findings.extend(stored::judge(base, new, policy, sides).into_iter().map(|mut finding| {
            finding.critical = self.critical;
            finding
        }));
        findings
    }

    fn counters(&self, base: &BenchSummary, new: &BenchSummary, policy: &Policy) -> Vec<Finding> {
        if new.identity.class != Class::Exact {
            return Vec::new();
        }
        let judged = policy.counters.iter().filter_map(|(name, rule)| {
            let old = base.counters.get(name)?;
            let bench = &new.identity.bench;
            let Some(now) = new.counters.get(name) else {
                let mut finding =
                    self.whole(bench, Verdict::Missing, "the candidate does not count it");
                finding.metric.clone_from(name);
                return Some(finding);
            };
            let worse = worse_percent(old as f64, now as f64);
            let verdict =
                if rule.allows(old, now, new.identity.ops) { Verdict::Pass } else { Verdict::Fail };
            Some(Finding {
                metric: name.clone(),
                baseline: Some(old as f64),
                candidate: Some(now as f64),
                worse_percent: Some(worse),
                max_percent: Some(rule.max_percent),
                ..self.whole(bench, verdict, &counter_reason(old, now, new.identity.ops, verdict))
            })
        });
        judged.collect()
    }
}

fn counter_reason(old: u64, now: u64, ops: u64, verdict: Verdict) -> String {
    let per_op = |count: u64| count as f64 / ops.max(1) as f64;
    match verdict {
        Verdict::Fail => {
            format!("{old} became {now}: {:+.4} an operation", per_op(now) - per_op(old))
        }
        _ if now < old => format!("{old} became {now}: tighten the baseline"),
        _ if now > old => format!("{old} became {now}, within the bound"),
        _ => "the same".into(),
    }
}

/// How much more `now` is than `old`, in percent; from zero, everything is infinitely more.
fn worse_percent(old: f64, now: f64) -> f64 {
    if old == now {
        0.0
    } else if old == 0.0 {
        f64::INFINITY
    } else {
        (now - old) / old * 100.0
    }
}

/// The first thing that keeps two results from being compared.
#[must_use]
pub fn first_difference(base: &BenchSummary, new: &BenchSummary) -> Option<String> {
    let (a, b) = (&base.identity, &new.identity);
    let fields: [(&str, String, String); 10] = [
        ("benchmark version", a.bench_version.to_string(), b.bench_version.to_string()),
        (
            "parameters",
            crate::result::params_slug(&a.params),
            crate::result::params_slug(&b.params),
        ),
        ("operations", a.ops.to_string(), b.ops.to_string()),
        ("warm-up operations", a.warmup_ops.to_string(), b.warmup_ops.to_string()),
        ("seed", a.seed.to_string(), b.seed.to_string()),
        ("class", format!("{:?}", a.class), format!("{:?}", b.class)),
        ("storage", format!("{:?}", a.storage), format!("{:?}", b.storage)),
        ("target", a.target.clone(), b.target.clone()),
        ("build", format!("{:?}", a.build), format!("{:?}", b.build)),
        ("checksum", base.checksum.clone(), new.checksum.clone()),
    ];
    let mut unequal = fields.into_iter().filter(|(_, mine, theirs)| mine != theirs);
    unequal.next().map(|(name, mine, theirs)| format!("{name}: {mine} against {theirs}"))
}

#[cfg(test)]
mod tests;
