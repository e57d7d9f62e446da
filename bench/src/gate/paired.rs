//! Tier 1: paired timing of two programs, judged without random numbers.
//!
//! Called by `ab` after each round, to decide whether more are needed, and by `gate` on the stored file:
//! the same rounds always give the same verdict. A round is one fresh process of each program; its
//! ratio is ln(candidate's cost / baseline's cost), so that worse is positive. The verdict rests on the
//! median ratio and its exact order-statistic interval, which need no assumption about the noise.
//!
//! ```text
//! 10 rounds ─ median < half the bound, interval below it ───▶ pass
//!     │ suspect, or too noisy to tell
//! 20, 30, 40 ─ the same, or a wider interval below the bound ▶ pass
//!     │        median ≥ bound and interval beyond half of it ▶ suspect ─▶ fresh rounds, same rule ─▶ fail
//!     ▼ 40: neither                                                                       └─▶ inconclusive
//! inconclusive, or pass if the median of all 40 is below the bound
//! ```

use crate::{
    ab::{AbBench, AbFile, Round, Shot},
    gate::{Finding, Verdict, policy::TimingPolicy},
    stats,
};

/// Rounds before the first look.
pub const SCREEN_ROUNDS: usize = 10;
/// Rounds between the later looks.
pub const STEP_ROUNDS: usize = 10;
/// Most rounds of a stage.
pub const ROUNDS_MAX: usize = 40;
/// Confidence of the interval.
pub const CONFIDENCE: f64 = 0.98;
/// Confidence of the interval that lets a good median pass early: a noisy series goes on, since a median of
/// ten noisy rounds hides a tenth.
pub const CONFIDENCE_EARLY: f64 = 0.95;

/// What a series of rounds says about one metric so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Not enough rounds to say.
    More,
    /// Within the bound.
    Pass,
    /// Worse than the bound, with the confidence asked for.
    Worse,
    /// All rounds used, and the interval still holds both answers.
    Open,
}

/// A metric of tier 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Operations a second: the clock on the wall, other programs' turns included.
    Throughput,
    /// Median latency: an operation that nobody interrupted.
    P50,
    /// 99th percentile.
    P99,
    /// CPU time an operation.
    Cpu,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Throughput, Self::P50, Self::P99, Self::Cpu];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Throughput => "throughput",
            Self::P50 => "p50",
            Self::P99 => "p99",
            Self::Cpu => "cpu",
        }
    }

    /// How much worse it may be, as a log ratio.
    #[must_use]
    pub fn bound(self, policy: &TimingPolicy) -> f64 {
        match self {
            Self::Throughput => -(1.0 - policy.throughput.max_percent / 100.0).ln(),
            Self::P50 => (1.0 + policy.p50.max_percent / 100.0).ln(),
            Self::P99 => (1.0 + policy.p99.max_percent / 100.0).ln(),
            Self::Cpu => (1.0 + policy.cpu.max_percent / 100.0).ln(),
        }
    }

    fn floor_ns(self, policy: &TimingPolicy) -> f64 {
        match self {
            Self::Throughput => policy.throughput.floor_ns,
            Self::P50 => policy.p50.floor_ns,
            Self::P99 => policy.p99.floor_ns,
            Self::Cpu => policy.cpu.floor_ns,
        }
    }

    /// The cost of a shot in nanoseconds; `None` where it was not, or not well enough, measured.
    fn cost_ns(self, shot: &Shot, policy: &TimingPolicy) -> Option<f64> {
        match self {
            Self::Throughput => Some(1e9 / shot.ops_per_second).filter(|cost| cost.is_finite()),
            Self::P50 => Some(shot.p50_ns as f64).filter(|cost| *cost > 0.0),
            Self::P99 => {
                (shot.latency_samples >= policy.p99_samples_min).then_some(shot.p99_ns as f64)
            }
            Self::Cpu => shot.cpu_ns_per_op.filter(|cost| *cost > 0.0),
        }
    }

    /// The ratios of `rounds`; `None` when one of them lacks the metric.
    #[must_use]
    pub fn ratios(self, rounds: &[Round], policy: &TimingPolicy) -> Option<Vec<f64>> {
        let ratio = |round: &Round| {
            let old = self.cost_ns(&round.base, policy)?;
            let now = self.cost_ns(&round.candidate, policy)?;
            Some((now / old).ln())
        };
        rounds.iter().map(ratio).collect()
    }

    /// Whether the median costs are too close, in nanoseconds, for a change to matter.
    fn below_floor(self, rounds: &[Round], policy: &TimingPolicy) -> bool {
        let median = |side: fn(&Round) -> &Shot| {
            let costs: Option<Vec<f64>> =
                rounds.iter().map(|round| self.cost_ns(side(round), policy)).collect();
            costs.as_deref().and_then(stats::median)
        };
        let pair = median(|round| &round.base).zip(median(|round| &round.candidate));
        pair.is_some_and(|(old, now)| (now - old).abs() < self.floor_ns(policy))
    }
}

/// What `ratios` say about a metric whose bound is `bound`.
#[must_use]
pub fn step(ratios: &[f64], bound: f64) -> Step {
    let count = ratios.len();
    let Some(median) = stats::median(ratios) else { return Step::More };
    if count < SCREEN_ROUNDS {
        return Step::More;
    }
    let early = stats::median_interval(ratios, CONFIDENCE_EARLY);
    if median < bound / 2.0 && early.is_some_and(|(_, high)| high < bound) {
        return Step::Pass;
    }
    if count < SCREEN_ROUNDS + STEP_ROUNDS {
        return Step::More;
    }
    let Some((low, high)) = stats::median_interval(ratios, CONFIDENCE) else { return Step::More };
    if median >= bound && low > bound / 2.0 {
        return Step::Worse;
    }
    if high < bound {
        return Step::Pass;
    }
    match (count >= ROUNDS_MAX, median >= bound) {
        (false, _) => Step::More,
        (true, true) => Step::Open,
        (true, false) => Step::Pass,
    }
}

/// What `rounds` say about `metric`; a metric that was not measured passes, one that is too small to
/// matter too.
#[must_use]
pub fn metric_step(metric: Metric, rounds: &[Round], policy: &TimingPolicy) -> Step {
    let Some(ratios) = metric.ratios(rounds, policy) else { return Step::Pass };
    match step(&ratios, metric.bound(policy)) {
        Step::Worse | Step::Open if metric.below_floor(rounds, policy) => Step::Pass,
        other => other,
    }
}

/// Whether more rounds of a stage are needed.
#[must_use]
pub fn wants_more(rounds: &[Round], policy: &TimingPolicy) -> bool {
    rounds.len() < ROUNDS_MAX
        && Metric::ALL.into_iter().any(|metric| metric_step(metric, rounds, policy) == Step::More)
}

/// Whether a stage ends with a suspicion that fresh rounds must confirm.
#[must_use]
pub fn is_suspect(rounds: &[Round], policy: &TimingPolicy) -> bool {
    Metric::ALL.into_iter().any(|metric| metric_step(metric, rounds, policy) == Step::Worse)
}

/// Whether the null control of `metric` held: one program against itself must pass in every benchmark.
/// By metric, so that a tail too noisy to judge does not hide what the throughput says.
#[must_use]
pub fn control_holds(control: &[AbBench], metric: Metric, policy: &TimingPolicy) -> bool {
    control.iter().all(|bench| metric_step(metric, &bench.rounds, policy) == Step::Pass)
}

/// Judges a stored paired run.
#[must_use]
pub fn judge(file: &AbFile, policy: &TimingPolicy) -> Vec<Finding> {
    let judge_bench = |bench: &AbBench| {
        if let Some(reason) = &bench.not_in_base {
            return vec![whole(bench, Verdict::New, reason.clone())];
        }
        let quiet = |metric| control_holds(&file.control, metric, policy);
        let judge_one = |metric| judge_metric(bench, metric, quiet(metric), policy);
        let mut findings: Vec<Finding> = Metric::ALL.into_iter().filter_map(judge_one).collect();
        hold_throughput(&mut findings);
        findings
    };
    file.benches.iter().flat_map(judge_bench).collect()
}

/// A throughput that fails needs a witness: the median latency or the CPU time. On a busy machine the clock
/// on the wall counts the turns of other programs, which spreads the ratios of one program by a factor of
/// two, and of its median latency and CPU time by a tenth to a quarter (bench/README.md).
fn hold_throughput(findings: &mut [Finding]) {
    let is = |finding: &Finding, metric: Metric| finding.metric == metric.name();
    let could_tell = |finding: &&Finding| is(finding, Metric::P50) || is(finding, Metric::Cpu);
    let mut witnesses = findings.iter().filter(could_tell).peekable();
    let alone = witnesses.peek().is_some() && witnesses.all(|f| f.verdict == Verdict::Pass);
    for finding in findings.iter_mut().filter(|finding| is(finding, Metric::Throughput)) {
        if alone && finding.verdict == Verdict::Fail {
            finding.verdict = Verdict::Inconclusive;
            finding.reason = format!("neither p50 nor cpu agrees; {}", finding.reason);
        }
    }
}

fn judge_metric(
    bench: &AbBench,
    metric: Metric,
    quiet: bool,
    policy: &TimingPolicy,
) -> Option<Finding> {
    let ratios = metric.ratios(&bench.rounds, policy)?;
    let median = stats::median(&ratios)?;
    let percent = |ratio: f64| (ratio.exp() - 1.0) * 100.0;
    let interval = stats::median_interval(&ratios, CONFIDENCE).map_or_else(
        || "too few rounds for an interval".to_owned(),
        |(low, high)| format!("[{:+.1} %, {:+.1} %]", percent(low), percent(high)),
    );
    let rounds = bench.rounds.len();
    let fresh = bench.confirmation.len();
    let first = metric_step(metric, &bench.rounds, policy);
    let second = metric_step(metric, &bench.confirmation, policy);
    let (verdict, why) = match (first, quiet) {
        (_, _) if bench.checksums_differ => {
            (Verdict::Incomparable, "the two programs computed different results")
        }
        (Step::Pass, _) => (Verdict::Pass, "within the bound"),
        (_, false) => (
            Verdict::Inconclusive,
            "the null control of this metric failed: the machine is too noisy",
        ),
        (Step::More | Step::Open, _) => (Verdict::Inconclusive, "the interval holds both answers"),
        (Step::Worse, _) => match second {
            Step::Worse => (Verdict::Fail, "confirmed on fresh rounds"),
            _ => (Verdict::Inconclusive, "not confirmed on fresh rounds"),
        },
    };
    let reason =
        format!("{why}: cost {:+.1} % {interval}, {rounds}+{fresh} rounds", percent(median));
    Some(Finding {
        metric: metric.name().into(),
        worse_percent: Some(percent(median)),
        max_percent: Some(percent(metric.bound(policy))),
        ..whole(bench, verdict, reason)
    })
}

/// A finding about all of `bench`.
fn whole(bench: &AbBench, verdict: Verdict, reason: String) -> Finding {
    Finding {
        bench: bench.identity.bench.clone(),
        folder: bench.folder.clone(),
        metric: "benchmark".into(),
        tier: 1,
        verdict,
        critical: bench.critical,
        baseline: None,
        candidate: None,
        worse_percent: None,
        max_percent: None,
        reason,
    }
}

#[cfg(test)]
mod tests;
