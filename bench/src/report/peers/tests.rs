//! The table of engines on made-up results: order, leaders, words, every form.

use super::*;
use crate::{
    machine::Machine,
    result::{
        NamedMetric, Observer, PlannedBench, RunKind, params_slug, store::tests::repeat_file,
    },
    source,
};

fn facts(name: &str, measured: Option<f64>) -> EngineFacts {
    EngineFacts {
        name: name.into(),
        settings: "as shipped".into(),
        durable: "after the sync".into(),
        eventual: "after the write".into(),
        syncs_per_commit_documented: 1.0,
        syncs_per_commit_measured: measured,
    }
}

/// A run of one workload: engines with their rates, file sizes and results.
fn file(bench: &str, engines: &[(&str, f64, f64, &str)]) -> PeersFile {
    let mut summaries = BTreeMap::new();
    let mut plan = Vec::new();
    for (engine, rate, size, checksum) in engines {
        let mut repeat = repeat_file(0);
        repeat.identity.bench = bench.into();
        repeat.identity.params.insert("engine".into(), ParameterValue::Word((*engine).into()));
        repeat.measured.ops_per_second = *rate;
        repeat.measured.checksum = (*checksum).into();
        repeat.measured.metrics = vec![NamedMetric {
            name: "file_bytes_per_user_byte".into(),
            unit: "1".into(),
            better: Better::Lower,
            value: *size,
        }];
        let folder = format!("{bench}/{}", params_slug(&repeat.identity.params));
        summaries
            .insert(folder.clone(), BenchSummary::of(&folder, &[repeat.clone()]).expect("one"));
        plan.push(PlannedBench {
            identity: repeat.identity,
            folder,
            warmup_ns: 0,
            trimmed: true,
            critical: false,
        });
    }
    let run = RunFile {
        format: FORMAT.into(),
        kind: RunKind::Run,
        profile: "ci".into(),
        seed: 1,
        repeats: 1,
        observer: Observer::None,
        machine: Machine::look(std::path::Path::new("/")),
        source: source::look(),
        plan,
        state: RunState::Complete,
        failures: Vec::new(),
    };
    table(&run, &summaries, vec![facts("northstar", Some(1.0)), facts("other", None)])
}

#[test]
fn the_best_stands_first_and_the_leader_is_named() {
    let file = file(
        "peers/build_random",
        &[("northstar", 50.0, 2.0, "00"), ("other", 100.0, 1.0, "00"), ("third", 10.0, 4.0, "00")],
    );
    let workload = &file.workloads[0];
    let order: Vec<&str> = workload.rows.iter().map(|row| row.engine.as_str()).collect();
    assert_eq!(order, ["other", "northstar", "third"]);
    assert_eq!(workload.rows[1].of_best, 0.5);
    assert_eq!(workload.durability, Durability::Eventual);
    assert!(workload.same_result);
    let ratios: Vec<_> = workload.leads.iter().map(|lead| lead.ratio.map(|r| r.median)).collect();
    assert_eq!(ratios[..2], [Some(0.5), Some(2.0)], "half the rate, twice the file");
    let rate = &file.lead_rows()[0];
    assert_eq!(rate[1..], ["rate", "other", "50/s", "other 100/s", "0.50", "0.50 to 0.50"]);
    let size = &file.lead_rows()[1];
    let words = ["file_bytes_per_user_byte (less is better)", "other", "2.00", "other 1.00"];
    assert_eq!(size[1..5], words);
    assert!(workload.leads.iter().any(|lead| lead.measure == "peak_rss_bytes"), "a load has it");
}

#[test]
fn a_lead_of_ours_and_a_wrong_result_are_said() {
    let file = file(
        "peers/durable_commit_1",
        &[("northstar", 150.0, 1.0, "00"), ("other", 100.0, 1.0, "ff")],
    );
    assert!(!file.workloads[0].same_result);
    assert_eq!(file.wrong_lines(), ["durable_commit_1: the engines computed different results"]);
    let ours =
        ["durable_commit_1", "rate", "northstar", "150/s", "other 100/s", "1.50", "1.50 to 1.50"];
    assert!(file.lead_rows().contains(&ours.map(str::to_owned)), "{:?}", file.lead_rows());
    assert!(file.lead_rows().iter().any(|row| row[1].starts_with("p50_ns")), "a commit's latency");
    let commit = |at: usize| file.speed_rows()[at][7].clone();
    assert_eq!(commit(0), "1.00 syncs a commit, measured");
    assert_eq!(commit(1), "1 syncs a commit, documented");
}

#[test]
fn every_form_has_every_row_and_the_file_is_valid() {
    let file =
        file("peers/point_get_hot", &[("northstar", 2e6, 1.0, "00"), ("other", 1e6, 1.0, "00")]);
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::new(folder.path());
    write(&store, &file).expect("written");
    let read: PeersFile = store::read(&folder.path().join("peers.json")).expect("valid");
    assert_eq!(read, file);
    let text = std::fs::read_to_string(folder.path().join("peers.md")).expect("there");
    for part in [
        "| point_get_hot | northstar | 2.00 M/s | 1.00 |",
        "| point_get_hot | other |",
        "- other: as shipped",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn ratios_are_taken_repeat_by_repeat() {
    let mut file =
        file("peers/point_get_hot", &[("northstar", 2e6, 1.0, "00"), ("other", 1e6, 1.0, "00")]);
    let rows = &mut file.workloads[0].rows;
    // The machine was half as fast during the second repeat: both engines met it.
    rows[0].rates = vec![200.0, 100.0, 180.0];
    rows[1].rates = vec![100.0, 50.0, 100.0];
    let ratio = ratio(&rows[0], &rows[1], "rate").expect("both have three");
    assert_eq!(ratio, Ratio { median: 2.0, low: 1.8, high: 2.0 });
    rows[1].rates.pop();
    let medians = super::ratio(&rows[0], &rows[1], "rate").expect("of the medians");
    assert_eq!(medians, Ratio { median: 2.0, low: 2.0, high: 2.0 });
    rows[1].ops_per_second = 0.0;
    assert_eq!(super::ratio(&rows[0], &rows[1], "rate"), None, "nothing to relate it to");
}
