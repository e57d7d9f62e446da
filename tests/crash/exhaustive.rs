//! Every sequence of up to two steps (three in the long form) on a new database, crashed at every
//! moment of its last step. Short sequences on a fresh disk show most of the crash bugs there are
//! (B3, Mohan et al., OSDI 2018); earlier moments belong to the shorter sequence.

use northstar_engine::sim::Model;
use northstar_harness::{
    explore::{Effort, Tally, explore_or_panic},
    long,
    runner::run,
    tally::Suite,
    workload::{SHORT, Step, Workload},
};

fn explore_sequences(config: &str, sequences: impl Iterator<Item = Vec<char>>) -> Tally {
    let effort = Effort::from_environment();
    let mut tally = Tally::default();
    for letters in sequences {
        let mut workload = Workload::parse(&format!("{config}-")).expect("a known configuration");
        workload.steps = letters.into_iter().map(Step).collect();
        let run = run(&workload);
        let from = match workload.steps.len() {
            0 => 0,
            steps => run.step_starts[steps - 1],
        };
        tally.add(explore_or_panic(&run, &Model::HONEST, from, &effort));
    }
    tally
}

fn sequences(steps: usize) -> Vec<Vec<char>> {
    let mut all = vec![Vec::new()];
    for _ in 0..steps {
        all = all
            .into_iter()
            .flat_map(|head: Vec<char>| {
                SHORT.iter().map(move |step| [head.clone(), vec![*step]].concat())
            })
            .collect();
    }
    all
}

#[test]
fn creation_at_every_moment() {
    for config in ["0R5", "AA4"] {
        let suite = Suite::begin(format!("creation {config}"));
        suite.states(&explore_sequences(config, sequences(0).into_iter()));
    }
}

#[test]
fn sequences_of_one_step() {
    for config in ["0R5", "2B5", "AA4"] {
        let suite = Suite::begin(format!("one step {config}"));
        suite.states(&explore_sequences(config, sequences(1).into_iter()));
    }
}

#[test]
fn sequences_of_two_steps() {
    let suite = Suite::begin("two steps");
    suite.states(&explore_sequences("0R5", sequences(2).into_iter()));
}

#[test]
fn sequences_of_three_steps_in_the_long_form() {
    if !long::is_asked_for() {
        return;
    }
    let suite = Suite::begin("three steps");
    suite.states(&explore_sequences("2R5", sequences(3).into_iter()));
}
