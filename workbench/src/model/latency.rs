//! Latencies of commits, and their histogram: buckets that double, from the fastest to the slowest.
//!
//! Every sample is kept with what it was, so that the tail can be explained; a few hundred are enough
//! for a lesson. Benchmarks proper are `northstar_bench`'s.

use crate::job::Desk;
use crate::model::deed::{Deed, Hand};
use std::time::Instant;

/// Commits that are timed.
const COMMITS: u64 = 200;
/// Every so many commits a checkpoint runs as well.
const CHECKPOINT_EVERY: u64 = 50;

/// One commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Which, from 1.
    pub number: u64,
    /// How long it took.
    pub nanoseconds: u64,
    /// Whether it made a checkpoint too.
    pub checkpoint: bool,
}

/// A range of time and the samples in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// From,
    pub from_nanoseconds: u64,
    /// to below.
    pub to_nanoseconds: u64,
    /// What is in it.
    pub samples: Vec<Sample>,
}

/// What was timed, fastest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies {
    samples: Vec<Sample>,
}

impl Latencies {
    /// Of samples in any order.
    pub fn new(mut samples: Vec<Sample>) -> Self {
        samples.sort_by_key(|sample| (sample.nanoseconds, sample.number));
        Self { samples }
    }

    /// All of them, fastest first.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// The latency that so many in a thousand do not exceed.
    pub fn permille(&self, permille: usize) -> u64 {
        let rank = (self.samples.len() * permille).div_ceil(1000).max(1);
        self.samples.get(rank - 1).map_or(0, |sample| sample.nanoseconds)
    }

    /// The mean.
    pub fn mean(&self) -> u64 {
        let sum: u64 = self.samples.iter().map(|sample| sample.nanoseconds).sum();
        sum.checked_div(self.samples.len() as u64).unwrap_or(0)
    }

    /// Buckets without a hole from the fastest to the slowest sample; each twice as long as the one
    /// before.
    pub fn buckets(&self) -> Vec<Bucket> {
        let exponent = |sample: &Sample| sample.nanoseconds.max(1).ilog2();
        let (Some(first), Some(last)) = (self.samples.first(), self.samples.last()) else {
            return Vec::new();
        };
        let mut buckets: Vec<Bucket> = (exponent(first)..=exponent(last))
            .map(|exponent| Bucket {
                from_nanoseconds: 1 << exponent,
                to_nanoseconds: 1_u64.checked_shl(exponent + 1).unwrap_or(u64::MAX),
                samples: Vec::new(),
            })
            .collect();
        let offset = exponent(first);
        for sample in &self.samples {
            let at = usize::try_from(exponent(sample) - offset).unwrap_or(0);
            if let Some(bucket) = buckets.get_mut(at) {
                bucket.samples.push(*sample);
            }
        }
        buckets
    }
}

/// Times durable commits, some with a checkpoint behind them.
///
/// # Errors
/// A sentence: the engine failed, or it was stopped.
pub fn measure(hand: &mut Hand, desk: &mut Desk<'_>) -> Result<Latencies, String> {
    let mut samples = Vec::new();
    for number in 1..=COMMITS {
        if !desk.progress(number, COMMITS) {
            return Err("stopped".to_owned());
        }
        let checkpoint = number % CHECKPOINT_EVERY == 0;
        let put = Deed::Put { key: format!("t{number:04}"), later: false };
        let start = Instant::now();
        hand.perform(&put).map_err(|error| error.to_string())?;
        if checkpoint {
            hand.perform(&Deed::Checkpoint).map_err(|error| error.to_string())?;
        }
        let nanoseconds = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        samples.push(Sample { number, nanoseconds, checkpoint });
    }
    Ok(Latencies::new(samples))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latencies(nanoseconds: &[u64]) -> Latencies {
        let sample = |(number, nanoseconds): (u64, &u64)| Sample {
            number,
            nanoseconds: *nanoseconds,
            checkpoint: false,
        };
        Latencies::new((1..).zip(nanoseconds).map(sample).collect())
    }

    #[test]
    fn percentiles_are_of_the_samples() {
        let hundred: Vec<u64> = (1..=100).rev().collect();
        let all = latencies(&hundred);
        for (permille, want) in [(0, 1), (500, 50), (990, 99), (991, 100), (1000, 100)] {
            assert_eq!(all.permille(permille), want, "{permille}");
        }
        assert_eq!(all.mean(), 50);
        assert_eq!((latencies(&[]).permille(500), latencies(&[]).mean()), (0, 0));
    }

    #[test]
    fn buckets_double_and_hold_everything() {
        let buckets = latencies(&[0, 1, 5, 7, 8, 100]).buckets();
        let counts: Vec<usize> = buckets.iter().map(|bucket| bucket.samples.len()).collect();
        assert_eq!(counts, [2, 0, 2, 1, 0, 0, 1]);
        assert_eq!((buckets[6].from_nanoseconds, buckets[6].to_nanoseconds), (64, 128));
        assert!(latencies(&[]).buckets().is_empty());
        assert_eq!(latencies(&[u64::MAX]).buckets().len(), 1);
    }
}
