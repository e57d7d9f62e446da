//! The gate on results with a known answer: nothing gets past it, and better never fails.

use super::*;
use crate::{
    gate::approvals::Approval,
    result::{Counters, RepeatFile, store::tests::repeat_file},
};

const TODAY: Date = Date { year: 2026, month: 6, day: 1 };

fn summary(change: impl Fn(&mut RepeatFile)) -> BenchSummary {
    let mut repeats: Vec<RepeatFile> = (0..5).map(repeat_file).collect();
    repeats.iter_mut().for_each(change);
    BenchSummary::of("btree/point_get_hot_1m/records=1000", &repeats).expect("five repeats")
}

fn side(summaries: Vec<BenchSummary>) -> Side {
    let summaries = summaries.into_iter().map(|s| (s.folder.clone(), s)).collect();
    Side { summaries, run: None }
}

fn judge_pair(base: BenchSummary, new: BenchSummary) -> GateReport {
    let (base, new) = (side(vec![base]), side(vec![new]));
    judge(&base, &new, &Policy::committed(), &Approvals::default(), TODAY)
}

#[test]
fn identical_results_pass() {
    let report = judge_pair(summary(|_| ()), summary(|_| ()));
    assert!(report.findings.iter().all(|f| f.verdict == Verdict::Pass), "{report:?}");
    assert!(report.findings.len() >= 8, "all counters of the policy are judged");
    assert!(!report.failed(true));
}

#[test]
fn each_counter_fails_beyond_its_bound_and_never_for_being_better() {
    for (name, rule) in &Policy::committed().counters {
        let with = |value: u64| {
            summary(move |repeat| {
                repeat.measured.counters.set(name, value);
            })
        };
        let over = 1_000_000 + (1_000_000.0 * rule.max_percent / 100.0) as u64 + 1;
        let report = judge_pair(with(1_000_000), with(over));
        assert!(report.failed(false), "{name}: {over} is over the bound");
        assert_eq!(report.findings[0].metric, *name);
        assert_eq!(report.findings[0].verdict, Verdict::Fail, "{name}");
        for better in [999_999, 0] {
            assert!(!judge_pair(with(1_000_000), with(better)).failed(true), "{name}: {better}");
        }
        assert!(judge_pair(with(0), with(1_000_000)).failed(false), "{name}: from nothing");
    }
}

#[test]
fn what_cannot_be_compared_is_not_passed() {
    type Change = fn(&mut RepeatFile);
    let cases: &[(&str, Change, Verdict, &str)] = &[
        ("version", |r| r.identity.bench_version = 2, Verdict::Incomparable, "benchmark version"),
        ("seed", |r| r.identity.seed = 2, Verdict::Incomparable, "seed"),
        ("operations", |r| r.identity.ops = 5, Verdict::Incomparable, "operations"),
        ("target", |r| r.identity.target = "z80".into(), Verdict::Incomparable, "target"),
        ("checksum", |r| r.measured.checksum = "dead".into(), Verdict::Incomparable, "checksum"),
        ("errors", |r| r.measured.errors = 1, Verdict::Fail, "failed operations"),
        (
            "not exact",
            |r| r.measured.counters.read_calls = Some(u64::from(r.repeat)),
            Verdict::Fail,
            "read_calls",
        ),
        ("counter gone", |r| r.measured.counters.alloc_count = None, Verdict::Missing, "count"),
    ];
    for (name, change, expected, reason) in cases {
        let report = judge_pair(summary(|_| ()), summary(change));
        let worst = &report.findings[0];
        assert_eq!(worst.verdict, *expected, "{name}");
        assert!(worst.reason.contains(reason), "{name}: {}", worst.reason);
        assert!(report.failed(true), "{name}: never silently passed");
        assert_eq!(report.failed(false), expected.blocks(), "{name}");
    }
}

#[test]
fn missing_fails_and_new_does_not() {
    let (empty, full) = (side(vec![]), side(vec![summary(|_| ())]));
    let run = |a: &Side, b: &Side| judge(a, b, &Policy::committed(), &Approvals::default(), TODAY);
    assert!(run(&full, &empty).failed(false), "a benchmark that vanished is a failure");
    assert!(!run(&empty, &full).failed(true), "a new one is not");
    assert_eq!(run(&empty, &full).count(Verdict::New), 1);
}

#[test]
fn approvals_hold_within_their_bound_and_date() {
    let more = summary(|repeat| {
        repeat.measured.counters.alloc_count = Some(1100);
    });
    let base = summary(|repeat| {
        repeat.measured.counters.alloc_count = Some(1000);
    });
    let approval = |max_percent, expires: &str| Approvals {
        accept: vec![Approval {
            bench: "btree/point_get_hot_1m".into(),
            metric: "alloc_count".into(),
            max_percent,
            reason: "one more buffer".into(),
            expires: expires.into(),
        }],
    };
    let (base, more) = (side(vec![base]), side(vec![more]));
    let cases = [
        ("in force", approval(12.0, "2026-06-01"), Verdict::Accepted),
        ("too small", approval(9.0, "2026-12-31"), Verdict::Fail),
        ("expired", approval(12.0, "2026-05-31"), Verdict::Fail),
        ("none", Approvals::default(), Verdict::Fail),
    ];
    for (name, approvals, expected) in cases {
        let report = judge(&base, &more, &Policy::committed(), &approvals, TODAY);
        let finding = report.findings.iter().find(|f| f.metric == "alloc_count").expect(name);
        assert_eq!(finding.verdict, expected, "{name}");
        assert_eq!(report.failed(false), expected == Verdict::Fail, "{name}");
    }
    let unused = judge(&base, &base, &Policy::committed(), &approval(12.0, "2026-12-31"), TODAY);
    assert_eq!(unused.warnings.len(), 1, "an approval nothing needs is pointed out");
}

#[test]
fn threaded_counters_are_not_judged() {
    let threaded = |count| {
        summary(move |repeat| {
            repeat.identity.class = Class::Threaded;
            repeat.measured.counters = Counters { fsyncs: Some(count), ..Counters::default() };
        })
    };
    assert!(!judge_pair(threaded(1), threaded(100)).failed(true));
}

fn on_dev(rate: f64, spread: f64) -> BenchSummary {
    summary(move |repeat| {
        repeat.profile = "dev_nvme".into();
        repeat.measured.ops_per_second = rate * (1.0 + spread * (f64::from(repeat.repeat) - 2.0));
    })
}

#[test]
fn stored_timings_are_judged_only_where_that_means_something() {
    let verdict = |base: BenchSummary, new: BenchSummary| {
        let report = judge_pair(base, new);
        let tier_two: Vec<_> = report.findings.into_iter().filter(|f| f.tier == 2).collect();
        tier_two
            .into_iter()
            .find(|f| matches!(f.metric.as_str(), "throughput" | "timing"))
            .map(|f| f.verdict)
    };
    let mut elsewhere = on_dev(1e6, 0.01);
    elsewhere.machine = "another".into();
    let mut uncaptured = on_dev(1e6, 0.01);
    uncaptured.timing = None;
    let cases = [
        ("the same", on_dev(1e6, 0.01), on_dev(1e6, 0.01), Some(Verdict::Pass)),
        ("four percent slower", on_dev(1e6, 0.01), on_dev(0.96e6, 0.01), Some(Verdict::Pass)),
        ("six percent slower", on_dev(1e6, 0.01), on_dev(0.94e6, 0.01), Some(Verdict::Fail)),
        ("twice as fast", on_dev(1e6, 0.01), on_dev(2e6, 0.01), Some(Verdict::Pass)),
        ("noisy", on_dev(1e6, 0.01), on_dev(0.5e6, 0.2), Some(Verdict::Incomparable)),
        ("another machine", elsewhere, on_dev(0.5e6, 0.01), Some(Verdict::Incomparable)),
        ("not captured yet", uncaptured, on_dev(0.5e6, 0.01), Some(Verdict::Incomparable)),
        ("profile ci", summary(|_| ()), summary(|r| r.measured.ops_per_second /= 2.0), None),
    ];
    for (name, base, new, expected) in cases {
        assert_eq!(verdict(base, new), expected, "{name}");
    }
}
