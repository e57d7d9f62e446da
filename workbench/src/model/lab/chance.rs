//! Random crashes, counted: the first broken promise ends them and is kept.

use super::experiment::{Experiment, LabDisk};
use super::outcome::Verdict;
use crate::job::{Data, Desk, Job};
use northstar_engine::disk::Entropy;
use northstar_engine::disk::entropy::SeededEntropy;
use northstar_engine::sim::Fate;
use std::sync::Arc;

/// Random crashes between two reports.
const ROUND: u64 = 25;

/// Random crashes so far.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Crashes tried.
    pub tried: u64,
    /// Of them, those in which nothing had been promised yet.
    pub nothing_yet: u64,
    /// The first case that broke a promise.
    pub broken: Option<(usize, Vec<Fate>)>,
}

/// Cuts the power at random moments, with random sectors surviving, until it is stopped.
#[derive(Debug)]
pub struct CrashAtRandom {
    /// The run.
    pub experiment: Arc<Experiment>,
    /// On which disk.
    pub disk: LabDisk,
    /// What chance starts from.
    pub seed: u64,
    /// How many to try.
    pub limit: u64,
}

impl Job for CrashAtRandom {
    fn name(&self) -> String {
        "crash at random".to_owned()
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let chance = SeededEntropy::new(self.seed);
        let mut tally = Tally::default();
        let moments = self.experiment.trace.len() as u64 + 1;
        while tally.tried < self.limit && desk.progress(tally.tried, self.limit) {
            let at = usize::try_from(chance.below(moments)).unwrap_or(0);
            let facts = self.experiment.moment(at, self.disk).facts().len();
            let fates: Vec<Fate> = (0..facts).map(|_| random_fate(&chance)).collect();
            let outcome = self.experiment.crash(at, self.disk, &fates);
            tally.tried += 1;
            match outcome.verdict {
                Verdict::Kept => {}
                Verdict::NothingYet => tally.nothing_yet += 1,
                Verdict::Broken => {
                    tally.broken = Some((at, fates));
                    break;
                }
            }
            if tally.tried.is_multiple_of(ROUND) {
                desk.part(Box::new(tally.clone()));
            }
        }
        Ok(Box::new(tally))
    }
}

fn random_fate(chance: &SeededEntropy) -> Fate {
    match chance.below(5) {
        0 | 1 => Fate::Kept,
        2 => Fate::Lost,
        3 => Fate::Zeros,
        _ => Fate::Noise(chance.next_u64()),
    }
}
