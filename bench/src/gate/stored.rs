//! Tier 2: timings against a stored baseline. Only on the machine the baseline is from, only if stable.
//!
//! Called by `gate` for the profile `dev_nvme`. On shared machines two runs of one program differ by more
//! than any useful bound about half of the time, so everything else is "incomparable", with the reason.

use crate::{
    gate::{Finding, Policy, Side, Verdict},
    profile::Profile,
    result::{
        BenchSummary,
        summary::{Series, Timing},
    },
};

/// Judges the timings of one benchmark; nothing for profiles whose timings are never stored.
#[must_use]
pub fn judge(
    base: &BenchSummary,
    new: &BenchSummary,
    policy: &Policy,
    (baseline, candidate): (&Side, &Side),
) -> Vec<Finding> {
    if new.profile != Profile::DevNvme.name() {
        return Vec::new();
    }
    let finding = |metric: &str, verdict, reason: String| Finding {
        bench: new.identity.bench.clone(),
        folder: new.folder.clone(),
        metric: metric.into(),
        tier: 2,
        verdict,
        critical: true,
        baseline: None,
        candidate: None,
        worse_percent: None,
        max_percent: None,
        reason,
    };
    let (old, now) = match eligible(base, new, policy, baseline, candidate) {
        Ok(timings) => timings,
        Err(why) => return vec![finding("timing", Verdict::Incomparable, why)],
    };
    let timing = &policy.timing;
    let ns = |series: &Series| 1e9 / series.median.max(f64::MIN_POSITIVE);
    let mut judged = vec![(
        "throughput",
        ns(&old.ops_per_second),
        ns(&now.ops_per_second),
        // A throughput of 95 % is a cost of 1 / 0.95.
        100.0 * timing.throughput.max_percent / (100.0 - timing.throughput.max_percent),
        timing.throughput.floor_ns,
    )];
    if old.latency_samples_min.min(now.latency_samples_min) >= timing.p99_samples_min {
        let rule = timing.p99;
        judged.push(("p99", old.p99_ns.median, now.p99_ns.median, rule.max_percent, rule.floor_ns));
    }
    if let (Some(old), Some(now)) = (&old.cpu_ns_per_op, &now.cpu_ns_per_op) {
        let rule = timing.cpu;
        judged.push(("cpu", old.median, now.median, rule.max_percent, rule.floor_ns));
    }
    let one = |(metric, old, now, max_percent, floor): (&str, f64, f64, f64, f64)| {
        let worse = (now / old - 1.0) * 100.0;
        let failed = worse > max_percent && now - old >= floor;
        let verdict = if failed { Verdict::Fail } else { Verdict::Pass };
        Finding {
            baseline: Some(old),
            candidate: Some(now),
            worse_percent: Some(worse),
            max_percent: Some(max_percent),
            ..finding(metric, verdict, format!("{old:.0} ns became {now:.0} ns ({worse:+.1} %)"))
        }
    };
    judged.into_iter().map(one).collect()
}

/// Both timings, if they may be compared; else the first thing that forbids it.
fn eligible<'a>(
    base: &'a BenchSummary,
    new: &'a BenchSummary,
    policy: &Policy,
    baseline: &Side,
    candidate: &Side,
) -> Result<(&'a Timing, &'a Timing), String> {
    let old = base.timing.as_ref().ok_or("the baseline has no timings yet: capture them")?;
    let now = new.timing.as_ref().ok_or("the candidate has no timings")?;
    if base.machine != new.machine {
        let runs = baseline.run.as_ref().zip(candidate.run.as_ref());
        let difference = runs.and_then(|(a, b)| a.machine.first_difference(&b.machine));
        let difference = difference.unwrap_or_else(|| "fingerprints differ".into());
        return Err(format!("another machine: {difference}"));
    }
    for (side, timing, repeats) in
        [("baseline", old, base.repeats), ("candidate", now, new.repeats)]
    {
        let least = policy.timing.repeats_min;
        if repeats < least {
            return Err(format!("the {side} has {repeats} repeats, {least} are needed"));
        }
        let variation = timing.ops_per_second.cv.unwrap_or(f64::INFINITY);
        if variation >= policy.timing.cv_max {
            let percent = variation * 100.0;
            return Err(format!("the {side} is not stable: repeats vary by {percent:.1} %"));
        }
    }
    Ok((old, now))
}
