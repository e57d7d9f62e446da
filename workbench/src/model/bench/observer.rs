//! What watching costs: the same benchmark in pairs, once watched by the screen and once unseen.
//!
//! Each half of a pair is a process of its own and they alternate in order, so that a slow minute of the
//! machine hits both. Two answers. How much faster the unseen half was: the median over the pairs, with the
//! interval that the order statistics give, which on a shared machine is wider than the cost. And what this
//! program took of one processor while it watched, more than it takes unseen: no noise of the benchmark is
//! in that, and a benchmark of one thread cannot lose more, even if both shared one processor all the time.

use super::run::scratch;
use super::{Profile, Told, plan};
use crate::job::{Data, Desk, Job};
use northstar_bench::events::{Event, What};
use northstar_bench::machine;
use northstar_bench::result::Observer;
use northstar_bench::runner::{Control, Settings, run};
use northstar_bench::stats;
use serde::Serialize;
use std::path::Path;
use std::time::Instant;

/// Pairs measured: the fewest that give the median an interval of 95 %, and one to spare.
pub const PAIRS: usize = 9;
/// Confidence of the interval.
const CONFIDENCE: f64 = 0.95;

/// The pairs so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ObserverCost {
    /// The benchmark.
    pub bench: String,
    /// Operations a second: watched, unseen.
    pub pairs: Vec<(f64, f64)>,
    /// What this program took of one processor meanwhile, in percent: watched, unseen. Empty where the
    /// system does not tell.
    pub shares: Vec<(f64, f64)>,
}

impl ObserverCost {
    fn percents(&self) -> Vec<f64> {
        let cost = |(watched, unseen): &(f64, f64)| (1.0 - watched / unseen) * 100.0;
        self.pairs.iter().filter(|(_, unseen)| *unseen > 0.0).map(cost).collect()
    }

    /// How much slower the watched runs were, in percent; negative when they were faster.
    pub fn percent(&self) -> Option<f64> {
        stats::median(&self.percents())
    }

    /// The interval of it, once there are pairs enough.
    pub fn interval(&self) -> Option<(f64, f64)> {
        stats::median_interval(&self.percents(), CONFIDENCE)
    }

    fn shares_taken(&self) -> Vec<f64> {
        self.shares.iter().map(|(watched, unseen)| watched - unseen).collect()
    }

    /// What watching took of one processor, in percent: the most it can cost.
    pub fn share_percent(&self) -> Option<f64> {
        stats::median(&self.shares_taken())
    }

    /// The interval of it, once there are pairs enough.
    pub fn share_interval(&self) -> Option<(f64, f64)> {
        stats::median_interval(&self.shares_taken(), CONFIDENCE)
    }

    /// Medians of the rates: watched, unseen.
    pub fn medians(&self) -> Option<(f64, f64)> {
        let (watched, unseen): (Vec<f64>, Vec<f64>) = self.pairs.iter().copied().unzip();
        stats::median(&watched).zip(stats::median(&unseen))
    }
}

/// Measures it.
#[derive(Debug)]
pub struct MeasureObserver {
    /// With which benchmark.
    pub id: &'static str,
    /// At which size.
    pub profile: Profile,
    /// Stops it.
    pub control: Control,
}

impl Job for MeasureObserver {
    fn name(&self) -> String {
        format!("cost of watching {}", self.id)
    }

    fn cleans_up(&self) -> bool {
        true
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let folder = scratch()?;
        let mut cost = ObserverCost { bench: self.id.to_owned(), ..ObserverCost::default() };
        for number in 0..PAIRS {
            let mut halves = [Half::default(); 2];
            let order = if number % 2 == 0 { [true, false] } else { [false, true] };
            for watched in order {
                let out = folder.path().join(format!("{number}-{watched}"));
                halves[usize::from(!watched)] = self.once(&out, watched, desk)?;
            }
            let [watched, unseen] = halves;
            cost.pairs.push((watched.ops_per_second, unseen.ops_per_second));
            cost.shares.extend(watched.share_percent.zip(unseen.share_percent));
            desk.part(Box::new(cost.clone()));
            if !desk.progress(number as u64 + 1, PAIRS as u64) {
                return Err("stopped".to_owned());
            }
        }
        Ok(Box::new(cost))
    }
}

/// Half a pair.
#[derive(Clone, Copy, Default)]
struct Half {
    ops_per_second: f64,
    share_percent: Option<f64>,
}

impl MeasureObserver {
    /// One process, of the benchmark's first parameters.
    fn once(&self, out: &Path, watched: bool, desk: &mut Desk<'_>) -> Result<Half, String> {
        let mut plan = plan(self.id, self.profile, 1)?;
        plan.benches.truncate(1);
        let mut settings = Settings::new(out).map_err(|error| error.to_string())?;
        if watched {
            settings.observer = Observer::Tui;
        }
        let mut rate = None;
        let mut watch = |event: &Event| {
            match &event.what {
                What::RepeatDone { ops_per_second, .. } if rate.is_none() => {
                    rate = Some(*ops_per_second);
                }
                _ => {}
            }
            if watched {
                desk.part(Box::new(Told::Event(Box::new(event.clone()))));
            }
            if !desk.wanted() {
                self.control.cancel();
            }
        };
        let (start, cpu) = (Instant::now(), machine::process_cpu_ns());
        run(&plan, &settings, &self.control, &mut watch).map_err(|error| error.to_string())?;
        let share_percent = machine::process_cpu_ns().zip(cpu).map(|(now, then)| {
            (now - then) as f64 / start.elapsed().as_nanos().max(1) as f64 * 100.0
        });
        if self.control.is_cancelled() {
            return Err("stopped".to_owned());
        }
        let ops_per_second = rate.ok_or_else(|| format!("{} gave no result", self.id))?;
        Ok(Half { ops_per_second, share_percent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_is_the_median_of_the_pairs() {
        let pairs = vec![(99.0, 100.0), (100.0, 100.0), (50.0, 100.0)];
        let shares = vec![(1.5, 0.5), (0.9, 0.7), (0.5, 0.6)];
        let cost = ObserverCost { bench: "a/b".into(), pairs, shares };
        let percent = cost.percent().expect("three pairs");
        assert!((percent - 1.0).abs() < 1e-9, "{percent}");
        assert_eq!(cost.interval(), None, "three pairs have no interval of 95 %");
        assert_eq!(cost.medians(), Some((99.0, 100.0)));
        let share = cost.share_percent().expect("three pairs");
        assert!((share - 0.2).abs() < 1e-9, "{share}");
        assert_eq!(ObserverCost::default().share_percent(), None, "where the system does not tell");
        assert_eq!(ObserverCost::default().percent(), None);
        assert!(stats::order_interval(PAIRS, CONFIDENCE).is_some(), "enough pairs");
    }
}
