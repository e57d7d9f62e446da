//! `torture`: random workloads on a simulated disk, the power cut at every moment in every way.
//!
//! The harness is that of the crash suites (`tests/harness`): what runs here for an hour is what every
//! test run does for a minute. No file is touched.

use crate::{
    exit::Exit,
    output::{Out, json},
};
use clap::Args;
use color_eyre::eyre::{Result, bail};
use northstar_engine::sim::Model;
use northstar_harness::{
    explore::{self, Effort, Failure, Tally},
    oracle, runner,
    workload::Workload,
};
use serde::Serialize;
use std::time::{Duration, Instant};

/// Cut the power of a simulated disk at every moment of random workloads
///
/// Each seed is a workload: puts, removals, commits, checkpoints, snapshots, kills, compaction. It runs
/// on a simulated disk, the power is cut before every sync in every way the disk may take it, and each
/// outcome is opened and compared with a model. A failure is shrunk to the line that reruns it. No file
/// is touched. Exit status 1 when a promise is broken.
#[derive(Args, Debug)]
pub struct Torture {
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// How many seeds; without it, and without --minutes, 10
    #[arg(long, value_name = "N")]
    seeds: Option<u64>,
    /// Go on for so many minutes
    #[arg(long, value_name = "N", conflicts_with = "workload")]
    minutes: Option<u64>,
    /// Steps in a workload
    #[arg(long, value_name = "N", default_value_t = 14, value_parser = clap::value_parser!(u64).range(1..=500))]
    steps: u64,
    /// This workload instead of random ones: CONFIG-STEPS, as a failure prints it
    #[arg(long, value_name = "TEXT", conflicts_with = "seeds")]
    workload: Option<String>,
    /// Random crash states at each moment, beyond the fixed ones
    #[arg(long, value_name = "N", default_value_t = 16)]
    samples: u32,
    /// Also disks that lie about syncs or damage what they hold: only detection is asked for
    #[arg(long)]
    dishonest: bool,
    /// Rerun one state: WORKLOAD:STEP:MODEL:CHOICE, as a failure prints it
    #[arg(long, value_name = "LINE", conflicts_with_all = ["workload", "seeds", "minutes"])]
    rerun: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What came of it.
#[derive(Debug, Default, Serialize)]
struct Outcome {
    workloads: u64,
    states: u64,
    images: u64,
    nested: u64,
    refused: u64,
    milliseconds: u64,
    failure: Option<Broken>,
}

/// A broken promise.
#[derive(Debug, Serialize)]
struct Broken {
    rerun: String,
    what: String,
    lost: Vec<String>,
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Self { rerun: failure.reproducer(), what: failure.what, lost: failure.lost }
    }
}

impl Torture {
    pub(crate) fn run(self, out: &mut Out) -> Result<Exit> {
        let begun = Instant::now();
        let mut tally = Tally::default();
        let mut outcome = Outcome::default();
        let effort = Effort { samples: self.samples as usize, ..Effort::CI };
        let failure = match &self.rerun {
            Some(line) => self.again(line, &effort, &mut tally)?,
            None => self.all(&effort, begun, &mut tally, &mut outcome.workloads)?,
        };
        outcome.states = tally.states;
        outcome.images = tally.images;
        outcome.nested = tally.nested;
        outcome.refused = tally.refused;
        outcome.milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        outcome.failure = failure.map(Broken::from);
        self.tell(out, &outcome)?;
        Ok(if outcome.failure.is_some() { Exit::No } else { Exit::Done })
    }

    fn again(&self, line: &str, effort: &Effort, tally: &mut Tally) -> Result<Option<Failure>> {
        // The samples of a failure's own run, so that its number means the same state.
        match oracle::guarded(|| Ok(explore::reproduce(line, effort))) {
            Ok(Ok(found)) => {
                *tally = found;
                Ok(None)
            }
            Ok(Err(failure)) => Ok(Some(failure)),
            Err(what) => bail!("cannot rerun that: {what}"),
        }
    }

    fn all(
        &self,
        effort: &Effort,
        begun: Instant,
        tally: &mut Tally,
        workloads: &mut u64,
    ) -> Result<Option<Failure>> {
        let end = self.minutes.map(|minutes| Duration::from_secs(minutes.saturating_mul(60)));
        let seeds = match (self.seeds, end, &self.workload) {
            (_, _, Some(_)) => 1,
            (Some(seeds), ..) => seeds,
            (None, Some(_), _) => u64::MAX,
            (None, None, _) => 10,
        };
        let mut models = Model::HONEST.to_vec();
        if self.dishonest {
            models.extend([Model::LyingSyncs, Model::Damage]);
        }
        for nth in 0..seeds {
            if end.is_some_and(|end| begun.elapsed() >= end) {
                break;
            }
            let workload = match &self.workload {
                Some(text) => match Workload::parse(text) {
                    Ok(workload) => workload,
                    Err(why) => bail!("no workload: {why}"),
                },
                None => Workload::random(self.seed.wrapping_add(nth), self.steps as usize),
            };
            *workloads += 1;
            let explored = oracle::guarded(|| {
                let run = runner::run(&workload);
                Ok(explore::explore(&run, &models, 0, effort))
            });
            match explored {
                Ok(Ok(found)) => tally.add(found),
                Ok(Err(failure)) => return Ok(Some(explore::shrink(failure, effort))),
                // It went wrong without any crash.
                Err(what) => {
                    let place = explore::Place { step: 0, model: Model::Prefix, choice: 0 };
                    let lost = Vec::new();
                    return Ok(Some(Failure { workload, place, nested: None, what, lost }));
                }
            }
        }
        Ok(None)
    }

    fn tell(&self, out: &mut Out, outcome: &Outcome) -> Result<()> {
        if self.json {
            return json::document(out, outcome);
        }
        let Outcome { workloads, states, images, nested, refused, milliseconds, failure } = outcome;
        out.line(format_args!(
            "{workloads} workloads, {states} crash states, {images} distinct images, {nested} crashes \
             inside recovery, {refused} damaged images refused, {} s", milliseconds / 1000
        ))?;
        match failure {
            None => out.line("no promise was broken"),
            Some(broken) => {
                out.line(format_args!("broken: {}", broken.what))?;
                for line in &broken.lost {
                    out.line(format_args!("    {line}"))?;
                }
                out.line(format_args!(
                    "rerun: northstar-headless torture --rerun '{}'",
                    broken.rerun
                ))
            }
        }
    }
}
