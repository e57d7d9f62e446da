//! Random workloads by seed, and chosen ones for things that short sequences do not reach; lying and
//! damaged disks.

use crate::{
    explore::{Effort, Tally, explore_or_panic},
    runner::run,
    workload::Workload,
};
use northstar_engine::sim::Model;

fn scale() -> u64 {
    let asked = std::env::var("NORTHSTAR_CRASH_STATES").ok();
    asked.and_then(|n| n.parse().ok()).unwrap_or(1).max(1)
}

fn explore_all(workloads: impl Iterator<Item = Workload>, models: &[Model]) -> Tally {
    let effort = Effort::from_environment();
    let mut tally = Tally::default();
    for workload in workloads {
        let run = run(&workload);
        tally.add(explore_or_panic(&run, models, 0, &effort));
    }
    tally
}

/// Names of things that must not break, as workloads.
const CHOSEN: &[(&str, &str)] = &[
    ("several checkpoints, the older meta still needed", "0R5-pkmkmkdk"),
    ("history across checkpoints and reopening", "2R5-pmkmxmkmx"),
    ("all of history, all of the log", "AA5-pmPdkrxe"),
    ("eventual commits before and behind an immediate one", "0R5-eeepeesee"),
    ("segments rotate", "0A5-PPPPPPPPkPP"),
    ("segments rotate and are recycled", "0R5-PPPPkPPPPkPPPPkPP"),
    ("a reader holds pages across checkpoints", "0R5-fokmkmkmkckmk"),
    ("a tree of several levels shrinks again", "0R5-ffffkrrkrkdk"),
    ("compact between commits", "0R5-ffkrkCpkCe"),
    ("aborts and empty commits", "2B4-apzaapkza"),
    ("deep trees, many segments", "2R5t-fpkmrkfdq"),
];

#[test]
fn chosen_workloads() {
    for (name, text) in CHOSEN {
        let workload = Workload::parse(text).expect(name);
        let tally = explore_all(std::iter::once(workload), &Model::HONEST);
        println!("{name} ({text}): {tally}");
    }
}

#[test]
fn a_transaction_of_several_records() {
    for text in ["0R5t-pGpG", "AA5t-GeGk"] {
        let workload = Workload::parse(text).expect("known steps");
        let tally = explore_all(std::iter::once(workload), &Model::HONEST);
        println!("continuations ({text}): {tally}");
    }
}

#[test]
fn random_workloads() {
    let mut tally = Tally::default();
    for seed in 0..6 * scale() {
        let workload = Workload::random(seed, 10);
        let found = explore_all(std::iter::once(workload.clone()), &Model::HONEST);
        println!("seed {seed} ({workload}): {found}");
        tally.add(found);
    }
    println!("random: {tally}");
}

#[test]
fn lying_syncs_and_damage_give_right_data_or_a_typed_error() {
    let seeds = 100..106 + 6 * scale();
    let models = [Model::LyingSyncs, Model::Damage];
    let tally = explore_all(seeds.map(|seed| Workload::random(seed, 10)), &models);
    println!("not honest: {tally}");
    assert!(tally.refused > 0, "damage that nobody notices: {tally}");
}
