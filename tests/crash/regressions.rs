//! Failures that were found once: each line of `regressions.txt` is rerun by every test run.

use northstar_harness::{
    explore::{Effort, Place, explore_or_panic, reproduce},
    runner::run,
    tally::Suite,
    workload::Workload,
};

#[test]
fn every_listed_failure_stays_mended() {
    let list = include_str!("regressions.txt");
    let lines =
        list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    for line in lines {
        let (reproducer, what) = line.split_once(' ').unwrap_or((line, ""));
        let (workload, place) = reproducer.split_once(':').expect("WORKLOAD:STEP:MODEL:CHOICE");
        let place = Place::parse(place.split('/').next().unwrap_or(place)).expect("a place");
        let run = run(&Workload::parse(workload).expect("a workload"));
        // What the engine writes changes with time, and with it the numbers: all of the model's states.
        let suite = Suite::begin(format!("regression {reproducer}"));
        suite.states(&explore_or_panic(&run, &[place.model], 0, &Effort::CI));
        let point = run.trace.crash_at(place.step);
        if point.state(&Effort::CI.search(place.model), place.choice).is_some()
            && let Err(failure) = reproduce(reproducer, &Effort::CI)
        {
            panic!("{what}: {failure}");
        }
    }
}

/// `NS_SIM=workload:step:model:choice cargo test -p northstar-engine --test crash reproduce`
#[test]
fn reproduce_one_state() {
    let Ok(line) = std::env::var("NS_SIM") else { return };
    match reproduce(&line, &Effort::from_environment()) {
        Ok(tally) => println!("{line} holds: {tally}"),
        Err(failure) => panic!("{failure}"),
    }
}
