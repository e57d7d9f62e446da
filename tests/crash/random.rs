//! Random workloads by seed, and chosen ones for things that short sequences do not reach; lying and
//! damaged disks.

use northstar_engine::sim::Model;
use northstar_harness::{
    explore::{Effort, Tally, explore_or_panic},
    long,
    runner::run,
    tally::Suite,
    workload::Workload,
};

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
    ("checkpoints in the middle of long transactions", "0R5t-pKeKAKp"),
    ("commits between the steps of checkpoints", "2R5-fimkfii"),
    ("commits between the steps of checkpoints that trim and cut", "0R5t-firiPk"),
    ("aborts and empty commits", "2B4-apzaapkza"),
    ("backups between commits", "2R5-pBkPeBx"),
    ("deep trees, many segments", "2R5t-fpkmrkfdq"),
];

#[test]
fn chosen_workloads() {
    for (name, text) in CHOSEN {
        let workload = Workload::parse(text).expect(name);
        let suite = Suite::begin(format!("{name} ({text})"));
        suite.states(&explore_all(std::iter::once(workload), &Model::HONEST));
    }
}

#[test]
fn a_transaction_of_several_records() {
    for text in ["0R5t-pGpG", "AA5t-GeGk"] {
        let workload = Workload::parse(text).expect("known steps");
        let suite = Suite::begin(format!("continuations ({text})"));
        suite.states(&explore_all(std::iter::once(workload), &Model::HONEST));
    }
}

/// Pages go out before their commit: to places that no live root uses.
#[test]
fn a_transaction_larger_than_the_cache() {
    let suite = Suite::begin("a transaction larger than the cache");
    let times = long::times() as usize;
    let effort = Effort {
        exhaustive_bits: 3,
        spread_max: 10 * times,
        samples: 2 * times,
        full_every: 6,
        nested_every: 0,
    };
    let run = run(&Workload::parse("2R5-fkGm").expect("known steps"));
    let from = run.step_starts[2];
    suite.states(&explore_or_panic(&run, &[Model::Prefix, Model::Subset], from, &effort));
}

#[test]
fn random_workloads() {
    let suite = Suite::begin("random workloads");
    let mut tally = Tally::default();
    for seed in 0..6 * long::times() {
        let workload = Workload::random(seed, 10);
        let found = explore_all(std::iter::once(workload.clone()), &Model::HONEST);
        println!("seed {seed} ({workload}): {found}");
        tally.add(found);
    }
    suite.states(&tally);
}

#[test]
fn lying_syncs_and_damage_give_right_data_or_a_typed_error() {
    let suite = Suite::begin("disks that lie or are damaged");
    let seeds = 100..106 + 6 * long::times();
    let models = [Model::LyingSyncs, Model::Damage];
    let tally = explore_all(seeds.map(|seed| Workload::random(seed, 10)), &models);
    suite.states(&tally);
    assert!(tally.refused > 0, "damage that nobody notices: {tally}");
}
