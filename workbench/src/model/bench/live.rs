//! A run as its events tell it, live or replayed: the same events give the same picture.

use northstar_bench::events::{Event, Phase, Sample, Subject, What};
use northstar_bench::stats;
use serde::Serialize;

/// Samples kept for the throughput line: at ten a second, three minutes of one repeat.
const SAMPLES_MAX: usize = 2000;
/// Slower than this part of the median is a stall.
const STALL_PART: f64 = 0.5;
/// Rates above so many medians are drawn as that.
const SHOWN_MAX: f64 = 1.5;

/// A repeat that is over.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Repeat {
    /// Which.
    pub subject: Subject,
    /// What it gave, or why it gave nothing: a crash is a result.
    pub result: Result<Figures, String>,
}

/// The figures of a repeat.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Operations a second.
    pub ops_per_second: f64,
    /// Median latency.
    pub p50_ns: u64,
    /// 99th percentile.
    pub p99_ns: u64,
    /// Syncs, where they are counted.
    pub syncs: Option<u64>,
}

/// A moment in which little was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// Which sample.
    pub at: usize,
    /// The longest batch in it, in nanoseconds an operation.
    pub slowest_ns: u64,
}

/// The run so far.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// The machine in one line.
    pub machine: String,
    /// Repeats in all.
    pub repeats_total: u32,
    /// The repeat under way, or the last.
    pub subject: Option<Subject>,
    /// Counted operations it will do.
    pub ops_total: u64,
    /// The step it is in.
    pub phase: Option<Phase>,
    /// Operations a second and slowest batch, sample by sample.
    pub throughput: Vec<(f64, u64)>,
    /// The last sample.
    pub last: Option<Sample>,
    /// Repeats that are over.
    pub repeats: Vec<Repeat>,
    /// How it ended.
    pub ended: Option<String>,
}

impl Live {
    /// Takes one event in.
    pub fn take(&mut self, event: Event) {
        match event.what {
            What::RunStarted { machine, repeats_total, .. } => {
                *self = Self { machine, repeats_total, ..Self::default() };
            }
            What::RepeatStarted { subject, ops } => {
                self.subject = Some(subject);
                self.ops_total = ops;
                self.phase = None;
                self.throughput.clear();
                self.last = None;
            }
            What::Phase { phase, .. } => self.phase = Some(phase),
            What::Sample { sample, .. } => {
                if self.throughput.len() < SAMPLES_MAX {
                    self.throughput.push((sample.ops_per_second, sample.slowest_batch_ns_per_op));
                }
                self.last = Some(sample);
            }
            What::RepeatDone { subject, ops_per_second, p50_ns, p99_ns, syncs, .. } => {
                let figures = Figures { ops_per_second, p50_ns, p99_ns, syncs };
                self.repeats.push(Repeat { subject, result: Ok(figures) });
            }
            What::RepeatFailed { subject, reason } => {
                self.repeats.push(Repeat { subject, result: Err(reason) });
            }
            What::RunDone { state, done, failed } => {
                self.phase = None;
                self.ended = Some(format!("{state:?}: {done} repeats done, {failed} failed"));
            }
            _ => {}
        }
    }

    /// Samples far below the median of their repeat.
    pub fn stalls(&self) -> Vec<Stall> {
        let rates: Vec<f64> = self.throughput.iter().map(|(rate, _)| *rate).collect();
        let Some(median) = stats::median(&rates) else { return Vec::new() };
        let slow = self.throughput.iter().enumerate();
        slow.filter(|(_, (rate, _))| *rate < median * STALL_PART)
            .map(|(at, (_, slowest_ns))| Stall { at, slowest_ns: *slowest_ns })
            .collect()
    }

    /// Rates to draw, sample by sample: one far above the rest (a short first sample) does not flatten
    /// them.
    pub fn rates_shown(&self) -> Vec<u64> {
        let rates: Vec<f64> = self.throughput.iter().map(|(rate, _)| *rate).collect();
        let top = stats::median(&rates).map_or(0.0, |median| median * SHOWN_MAX);
        rates.iter().map(|rate| rate.min(top) as u64).collect()
    }

    /// How far the repeat under way is: operations done, of how many.
    pub fn progress(&self) -> Option<(u64, u64)> {
        let sample = self.last.as_ref().filter(|_| self.phase == Some(Phase::Measure))?;
        Some((sample.ops_done, self.ops_total))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn subject(repeat: u32) -> Subject {
        Subject { bench: "a/b".into(), params: "default".into(), repeat }
    }

    pub(crate) fn sample(ops_done: u64, ops_per_second: f64) -> Event {
        let sample = Sample {
            elapsed_ns: ops_done * 10,
            ops_done,
            ops_per_second,
            slowest_batch_ns_per_op: 77,
            p50_ns: 9,
            p95_ns: 20,
            p99_ns: 40,
            p999_ns: 90,
            max_ns: 1000,
            bars: vec![(8, 1), (16, 9), (1024, 1)],
            syncs: Some(1),
            bytes_written: Some(4096),
        };
        Event { at_ms: ops_done, what: What::Sample { subject: subject(0), sample } }
    }

    #[test]
    fn stalls_are_samples_far_below_the_median() {
        let mut live = Live::default();
        live.take(Event { at_ms: 0, what: What::RepeatStarted { subject: subject(0), ops: 60 } });
        for (at, rate) in [100.0, 110.0, 20.0, 105.0, 95.0].into_iter().enumerate() {
            live.take(sample(at as u64 * 10, rate));
        }
        assert_eq!(live.stalls(), [Stall { at: 2, slowest_ns: 77 }]);
        live.take(sample(45, 90_000.0));
        assert_eq!(live.rates_shown()[..3], [100, 110, 20]);
        assert_eq!(live.rates_shown()[5], 153, "a peak is cut");
        assert_eq!(live.progress(), None, "not measuring yet");
        let phase = What::Phase { subject: subject(0), phase: Phase::Measure };
        live.take(Event { at_ms: 1, what: phase });
        assert_eq!(live.progress(), Some((45, 60)));
    }

    #[test]
    fn a_crash_is_a_result() {
        let mut live = Live::default();
        let reason = "ended without an answer (signal: 9)".to_owned();
        live.take(Event {
            at_ms: 5,
            what: What::RepeatFailed { subject: subject(1), reason: reason.clone() },
        });
        assert_eq!(live.repeats[0].result, Err(reason));
    }
}
