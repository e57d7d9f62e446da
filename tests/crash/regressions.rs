//! Failures that were found once: each line of `regressions.txt` is rerun by every test run.

use crate::explore::{Effort, reproduce};

#[test]
fn every_listed_failure_stays_mended() {
    let list = include_str!("regressions.txt");
    for line in
        list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let (reproducer, what) = line.split_once(' ').unwrap_or((line, ""));
        if let Err(failure) = reproduce(reproducer, &Effort::CI) {
            panic!("{}: {failure}", what.trim());
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
