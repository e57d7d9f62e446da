//! The rule of tier 1 against noise with a known answer, and against recorded noise of a shared machine.

use super::*;
use crate::{gate::Policy, rng::SplitMix};

const BOUND: f64 = 0.0513;

/// Noise like that of a shared machine: a heavy-tailed spread with rare stalls, centred on `shift`.
fn noise(random: &mut SplitMix, shift: f64) -> f64 {
    let mut unit = || random.next() as f64 / u64::MAX as f64 - 0.5;
    let body = (unit() + unit() + unit()) * 0.06;
    let stall = if unit() > 0.45 { unit() * 1.5 } else { 0.0 };
    shift + body + stall
}

/// Runs the whole procedure on generated ratios: both stages.
fn procedure(random: &mut SplitMix, shift: f64) -> Step {
    let mut stage = || {
        let mut ratios = Vec::new();
        loop {
            (0..STEP_ROUNDS).for_each(|_| ratios.push(noise(random, shift)));
            let step = step(&ratios, BOUND);
            if step != Step::More {
                return step;
            }
        }
    };
    match stage() {
        Step::Worse => stage(),
        other => other,
    }
}

#[test]
fn identical_programs_pass_and_a_slowdown_is_caught() {
    let mut random = SplitMix::new(42);
    let mut count = |shift| {
        let worse = |_: &u32| procedure(&mut random, shift) == Step::Worse;
        (0..2000).filter(worse).count()
    };
    assert_eq!(count(0.0), 0, "identical programs");
    assert_eq!(count(-0.1), 0, "a faster program");
    let caught = count(0.0953);
    assert!(caught > 1900, "ten percent slower: {caught} of 2000 caught");
}

#[test]
fn steps_at_their_edges() {
    let flat = |count: usize, value: f64| vec![value; count];
    let mut split = flat(20, 0.0);
    split.extend(flat(20, 0.2));
    let mut noisy = flat(6, 0.0);
    noisy.extend(flat(4, 0.4));
    let cases = [
        ("ten noisy rounds ask for more", noisy, Step::More),
        ("nine rounds say nothing", flat(9, 0.0), Step::More),
        ("ten quiet rounds pass", flat(10, 0.0), Step::Pass),
        ("ten suspicious rounds ask for more", flat(10, 0.1), Step::More),
        ("twenty clear rounds are worse", flat(20, 0.1), Step::Worse),
        ("twenty rounds below the bound pass", flat(20, BOUND * 0.9), Step::Pass),
        ("forty split rounds stay open", split, Step::Open),
        ("better passes", flat(10, -0.5), Step::Pass),
    ];
    for (name, ratios, expected) in cases {
        assert_eq!(step(&ratios, BOUND), expected, "{name}");
    }
}

fn shot(cost_ns: f64, samples: u64) -> Shot {
    Shot {
        ops_per_second: 1e9 / cost_ns,
        p50_ns: cost_ns as u64,
        p99_ns: (cost_ns * 3.0) as u64,
        latency_samples: samples,
        cpu_ns_per_op: Some(cost_ns),
    }
}

fn rounds(count: usize, base: f64, candidate: f64, samples: u64) -> Vec<Round> {
    let round = |at| Round {
        base_first: at % 2 == 0,
        base: shot(base, samples),
        candidate: shot(candidate, samples),
    };
    (0..count).map(round).collect()
}

fn bench(rounds: Vec<Round>, confirmation: Vec<Round>) -> AbBench {
    let repeat = crate::result::store::tests::repeat_file(0);
    AbBench {
        identity: repeat.identity,
        folder: "btree/x/default".into(),
        critical: true,
        checksums_differ: false,
        not_in_base: None,
        rounds,
        confirmation,
    }
}

fn file(control: Vec<AbBench>, benches: Vec<AbBench>) -> AbFile {
    AbFile {
        format: crate::result::FORMAT.into(),
        kind: crate::ab::AbKind::Ab,
        base: "base".into(),
        candidate: "candidate".into(),
        machine: crate::machine::Machine::look(std::path::Path::new("/")),
        control,
        benches,
    }
}

fn verdict(file: &AbFile, metric: &str) -> Option<Verdict> {
    let findings = judge(file, &Policy::committed().timing);
    findings.into_iter().find(|f| f.metric == metric).map(|f| f.verdict)
}

#[test]
fn verdicts_follow_the_drawing() {
    let quiet = || vec![bench(rounds(10, 1000.0, 1000.0, 20_000), vec![])];
    let slow = || rounds(20, 1000.0, 1200.0, 20_000);
    let same = || rounds(20, 1000.0, 1000.0, 20_000);
    let noisy = vec![bench(slow(), vec![])];
    let mut differing = bench(slow(), slow());
    differing.checksums_differ = true;
    let tiny = || rounds(20, 50.0, 59.0, 20_000);
    let fast = || rounds(20, 190.0, 209.0, 20_000);
    let cases = [
        ("the same", file(quiet(), vec![bench(same(), vec![])]), Verdict::Pass),
        ("slower, confirmed", file(quiet(), vec![bench(slow(), slow())]), Verdict::Fail),
        (
            "slower, not confirmed",
            file(quiet(), vec![bench(slow(), same())]),
            Verdict::Inconclusive,
        ),
        (
            "slower, not tried again",
            file(quiet(), vec![bench(slow(), vec![])]),
            Verdict::Inconclusive,
        ),
        (
            "slower on a noisy machine",
            file(noisy, vec![bench(slow(), slow())]),
            Verdict::Inconclusive,
        ),
        ("other results", file(quiet(), vec![differing]), Verdict::Incomparable),
        ("nine nanoseconds", file(quiet(), vec![bench(tiny(), tiny())]), Verdict::Pass),
        (
            "ten percent of the fastest get",
            file(quiet(), vec![bench(fast(), fast())]),
            Verdict::Fail,
        ),
        (
            "faster",
            file(quiet(), vec![bench(rounds(10, 1000.0, 500.0, 20_000), vec![])]),
            Verdict::Pass,
        ),
    ];
    for (name, file, expected) in cases {
        assert_eq!(verdict(&file, "throughput"), Some(expected), "{name}");
    }
}

#[test]
fn a_p99_needs_its_samples() {
    let slow = |samples| rounds(20, 10_000.0, 20_000.0, samples);
    let few = file(vec![], vec![bench(slow(9_999), slow(9_999))]);
    assert_eq!(verdict(&few, "p99"), None, "too few samples are not judged");
    let enough = file(vec![], vec![bench(slow(10_000), slow(10_000))]);
    assert_eq!(verdict(&enough, "p99"), Some(Verdict::Fail));
}

#[test]
fn a_noisy_tail_does_not_hide_a_slow_program() {
    // The control's p99 is noise; its throughput is quiet.
    let mut noisy_tail = rounds(40, 10_000.0, 10_000.0, 20_000);
    for round in noisy_tail.iter_mut().step_by(2) {
        round.candidate.p99_ns *= 2;
    }
    noisy_tail[1].candidate.p99_ns *= 2;
    let slow = || rounds(20, 10_000.0, 12_000.0, 20_000);
    let file = file(vec![bench(noisy_tail, vec![])], vec![bench(slow(), slow())]);
    assert_eq!(verdict(&file, "throughput"), Some(Verdict::Fail));
    assert_eq!(verdict(&file, "p99"), Some(Verdict::Inconclusive));
}

#[test]
fn a_throughput_alone_does_not_block() {
    let slower_on_the_wall = || {
        let mut rounds = rounds(20, 1000.0, 1000.0, 20_000);
        rounds.iter_mut().for_each(|round| round.candidate.ops_per_second /= 1.5);
        rounds
    };
    let alone = file(vec![], vec![bench(slower_on_the_wall(), slower_on_the_wall())]);
    assert_eq!(verdict(&alone, "throughput"), Some(Verdict::Inconclusive));
    assert_eq!(verdict(&alone, "p50"), Some(Verdict::Pass));
    let slow = || rounds(20, 1000.0, 1500.0, 20_000);
    let agreed = file(vec![], vec![bench(slow(), slow())]);
    assert_eq!(verdict(&agreed, "throughput"), Some(Verdict::Fail));
}

#[test]
fn a_benchmark_the_baseline_program_does_not_have_is_new() {
    let mut unknown = bench(vec![], vec![]);
    unknown.not_in_base = Some("worker: no benchmark is called btree/x".into());
    let findings = judge(&file(vec![], vec![unknown]), &Policy::committed().timing);
    let verdicts: Vec<_> = findings.iter().map(|f| (f.metric.as_str(), f.verdict)).collect();
    assert_eq!(verdicts, [("benchmark", Verdict::New)]);
    assert!(findings[0].reason.contains("no benchmark"), "{}", findings[0].reason);
}

#[test]
fn one_tick_of_the_clock_is_no_slower_median() {
    let ticks = |old: f64, now: f64| {
        let mut rounds = rounds(20, 190.0, 190.0, 20_000);
        rounds.iter_mut().for_each(|round| round.base.p50_ns = old as u64);
        rounds.iter_mut().for_each(|round| round.candidate.p50_ns = now as u64);
        file(vec![], vec![bench(rounds.clone(), rounds)])
    };
    assert_eq!(verdict(&ticks(190.0, 200.0), "p50"), Some(Verdict::Pass), "one tick");
    assert_eq!(verdict(&ticks(190.0, 210.0), "p50"), Some(Verdict::Fail), "two ticks");
}
