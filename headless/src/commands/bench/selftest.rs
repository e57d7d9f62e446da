//! `bench selftest`: the gate tested on the real thing.

use super::{control, this_program, told};
use crate::{
    exit::{Exit, Told},
    output::{Out, json, note, table::Table},
};
use clap::Args;
use color_eyre::eyre::Result;
use northstar_bench::selftest::{self, SelftestRequest, Trial};
use std::path::PathBuf;

/// Test the gate itself: identical programs pass, injected costs are caught
///
/// Exit 1 when the gate said something wrong. Prints tries and right answers.
#[derive(Args, Debug)]
pub(super) struct Selftest {
    /// Only trials whose name contains one of these
    #[arg(value_name = "TRIAL")]
    filters: Vec<String>,
    /// How often identical programs are judged by all counters
    #[arg(long, value_name = "N", default_value_t = 10)]
    counter_tries: u32,
    /// How often each paired timing case is tried; each takes a minute or more
    #[arg(long, value_name = "N", default_value_t = 2)]
    timing_tries: u32,
    /// Benchmarks of the paired timing cases
    #[arg(long, value_name = "FILTER", default_values = ["btree/point_get_hot_1m", "log/append_commit_record"])]
    timing_filter: Vec<String>,
    /// An empty folder for its runs
    #[arg(long, value_name = "DIR", default_value = "bench-out-selftest", value_hint = clap::ValueHint::DirPath)]
    out: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

impl Selftest {
    pub(super) fn run(self, out: &mut Out) -> Result<Exit> {
        if !selftest::is_free(&self.out) {
            return Err(Told::usage(format!("{} is not empty", self.out.display())).into());
        }
        let request = SelftestRequest {
            program: this_program()?,
            out: self.out,
            filters: self.filters,
            counter_tries: self.counter_tries,
            timing_tries: self.timing_tries,
            timing_filters: self.timing_filter,
        };
        let mut told_trial = |trial: &Trial| {
            note(format_args!("{}: {} of {} right", trial.name, trial.right, trial.tries));
            if let Some(example) = &trial.example {
                note(format_args!("  not right: {example}"));
            }
        };
        let trials = selftest::run(&request, &control()?, &mut told_trial).map_err(told)?;
        if self.json {
            json::document(out, &trials)?;
        } else {
            let mut table = Table::new(["trial", "tries", "right", "open"]).right(&[1, 2, 3]);
            for trial in &trials {
                table.row([
                    trial.name.clone(),
                    trial.tries.to_string(),
                    trial.right.to_string(),
                    trial.open.to_string(),
                ]);
            }
            table.print(out)?;
        }
        match trials.iter().find(|trial| !trial.holds()) {
            None => Ok(Exit::Done),
            Some(trial) => {
                let example = trial.example.clone().unwrap_or_default();
                Err(Told::no(format!("{}: the gate was wrong: {example}", trial.name)).into())
            }
        }
    }
}
