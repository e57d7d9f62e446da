//! What watching costs: the same benchmark in pairs, once watched by the screen and once unseen.
//!
//! Each half of a pair is a process of its own and they alternate in order, so that a slow minute of the
//! machine hits both. The cost is the median over the pairs of how much faster the unseen half was, with
//! the interval that the order statistics give.

use super::run::scratch;
use super::{Told, plan};
use crate::job::{Data, Desk, Job};
use northstar_bench::events::{Event, What};
use northstar_bench::result::Observer;
use northstar_bench::runner::{Control, Settings, run};
use northstar_bench::stats;
use serde::Serialize;
use std::path::Path;

/// Pairs measured: the fewest that give the median an interval of 95 %, and one to spare.
pub const PAIRS: usize = 9;
/// Confidence of the interval.
const CONFIDENCE: f64 = 0.95;

/// Rates of the pairs so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ObserverCost {
    /// The benchmark.
    pub bench: String,
    /// Operations a second: watched, unseen.
    pub pairs: Vec<(f64, f64)>,
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
        let mut cost = ObserverCost { bench: self.id.to_owned(), pairs: Vec::new() };
        for number in 0..PAIRS {
            let mut rates = [0.0; 2];
            let order = if number % 2 == 0 { [true, false] } else { [false, true] };
            for watched in order {
                let out = folder.path().join(format!("{number}-{watched}"));
                rates[usize::from(!watched)] = self.once(&out, watched, desk)?;
            }
            cost.pairs.push((rates[0], rates[1]));
            desk.part(Box::new(cost.clone()));
            if !desk.progress(number as u64 + 1, PAIRS as u64) {
                return Err("stopped".to_owned());
            }
        }
        Ok(Box::new(cost))
    }
}

impl MeasureObserver {
    /// One process; its operations a second.
    fn once(&self, out: &Path, watched: bool, desk: &mut Desk<'_>) -> Result<f64, String> {
        let plan = plan(self.id, 1)?;
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
        run(&plan, &settings, &self.control, &mut watch).map_err(|error| error.to_string())?;
        if self.control.is_cancelled() {
            return Err("stopped".to_owned());
        }
        rate.ok_or_else(|| format!("{} gave no result", self.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_is_the_median_of_the_pairs() {
        let pairs = vec![(99.0, 100.0), (100.0, 100.0), (50.0, 100.0)];
        let cost = ObserverCost { bench: "a/b".into(), pairs };
        let percent = cost.percent().expect("three pairs");
        assert!((percent - 1.0).abs() < 1e-9, "{percent}");
        assert_eq!(cost.interval(), None, "three pairs have no interval of 95 %");
        assert_eq!(cost.medians(), Some((99.0, 100.0)));
        assert_eq!(ObserverCost::default().percent(), None);
        assert!(stats::order_interval(PAIRS, CONFIDENCE).is_some(), "enough pairs");
    }
}
