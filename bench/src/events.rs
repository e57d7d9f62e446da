//! The event stream: what a run tells while it goes on, one JSON object a line.
//!
//! A worker process prints [`WorkerEvent`]s, between batches only and at most ten a second, never in a
//! timed section. The runner turns them into [`Event`]s with its own clock, hands them to whoever
//! watches (progress bar, `--progress json`, the workbench's bench screen) and appends them to
//! `OUT/events.jsonl`. Live and replayed runs look the same to a watcher:
//!
//! ```no_run
//! # use northstar_bench::events;
//! for event in events::read_all(std::path::Path::new("out/events.jsonl"))? {
//!     println!("{} ms: {:?}", event.at_ms, event.what);
//! }
//! # Ok::<(), northstar_bench::Error>(())
//! ```
//!
//! The order within a run: `run_started`; for each repeat `repeat_started`, then `phase` changes (`setup`,
//! `warm_up`, `measure`, `verify`) with `sample`s during `measure`, then `repeat_done` or
//! `repeat_failed`; `bench_done` when a benchmark's last repeat is done; `run_done` last. Repeats of
//! different benchmarks are interleaved, so a watcher keys its state by `bench` and `params`.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::Path,
};

/// Version of the stream and of the worker protocol; a worker of another version is refused.
pub const PROTOCOL: u32 = 1;

/// Least nanoseconds between two samples of a worker: ten a second.
pub const SAMPLE_INTERVAL_NS: u64 = 100_000_000;

/// One line of `events.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Milliseconds since the run began, by the runner's clock.
    pub at_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// Which repeat of which benchmark an event is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subject {
    /// The benchmark: `suite/name`.
    pub bench: String,
    /// Its parameters, as in the folder's name.
    pub params: String,
    /// Number of the repeat, from 0.
    pub repeat: u32,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
#[non_exhaustive]
pub enum What {
    /// A run began.
    RunStarted {
        /// [`PROTOCOL`].
        v: u32,
        /// The profile.
        profile: String,
        /// Repeats in all, over all benchmarks.
        repeats_total: u32,
        /// The machine in one line.
        machine: String,
        /// Benchmarks, in the order of the plan: id and folder under OUT.
        benches: Vec<(String, String)>,
    },
    /// A worker process was started.
    RepeatStarted {
        /// Which.
        #[serde(flatten)]
        subject: Subject,
        /// Counted operations it will do.
        ops: u64,
    },
    /// The worker goes from one step to the next.
    Phase {
        /// Which.
        #[serde(flatten)]
        subject: Subject,
        /// The step that begins.
        phase: Phase,
    },
    /// Progress within the measured step.
    Sample {
        /// Which.
        #[serde(flatten)]
        subject: Subject,
        /// The figures.
        #[serde(flatten)]
        sample: Sample,
    },
    /// A repeat has a result file.
    RepeatDone {
        /// Which.
        #[serde(flatten)]
        subject: Subject,
        /// The file, relative to OUT.
        file: String,
        /// Operations a second.
        ops_per_second: f64,
        /// Median latency.
        p50_ns: u64,
        /// 99th percentile.
        p99_ns: u64,
        /// Syncs of files and directories; absent where not counted.
        #[serde(skip_serializing_if = "Option::is_none")]
        syncs: Option<u64>,
    },
    /// A repeat gave no result.
    RepeatFailed {
        /// Which.
        #[serde(flatten)]
        subject: Subject,
        /// Why.
        reason: String,
    },
    /// All repeats of a benchmark were tried.
    BenchDone {
        /// The benchmark.
        bench: String,
        /// Its parameters, as in the folder's name.
        params: String,
        /// Repeats with a result.
        repeats: u32,
        /// Median operations a second.
        ops_per_second: f64,
        /// Coefficient of variation of it.
        #[serde(skip_serializing_if = "Option::is_none")]
        cv: Option<f64>,
        /// Whether the repeats agree.
        stability: crate::stats::Stability,
        /// Whether all counters were equal, where that is asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        exact: Option<bool>,
    },
    /// The run ended.
    RunDone {
        /// How far it came.
        state: crate::result::RunState,
        /// Repeats with a result.
        done: u32,
        /// Repeats without.
        failed: u32,
    },
}

/// A step of a repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Building what is to be measured. Not timed.
    Setup,
    /// Operations that are not counted.
    WarmUp,
    /// Operations that are.
    Measure,
    /// Checking the result. Not timed.
    Verify,
}

/// Figures of the measured step so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Timed nanoseconds so far.
    pub elapsed_ns: u64,
    /// Operations so far.
    pub ops_done: u64,
    /// Operations a second since the last sample.
    pub ops_per_second: f64,
    /// Longest batch since the last sample, in nanoseconds an operation: a stall shows here.
    pub slowest_batch_ns_per_op: u64,
    /// Median latency so far.
    pub p50_ns: u64,
    /// 95th percentile so far.
    pub p95_ns: u64,
    /// 99th percentile so far.
    pub p99_ns: u64,
    /// 99.9th percentile so far.
    pub p999_ns: u64,
    /// Longest so far.
    pub max_ns: u64,
    /// Latency histogram so far: upper bound in nanoseconds and count, four bars an octave, empty
    /// bars left out.
    pub bars: Vec<(u64, u64)>,
    /// Syncs so far; absent where not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub syncs: Option<u64>,
    /// Bytes written so far; absent where not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_written: Option<u64>,
}

/// One line of a worker's standard output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum WorkerEvent {
    /// First line: the version spoken.
    Hello {
        /// [`PROTOCOL`].
        v: u32,
    },
    /// The worker goes on to a step.
    Phase {
        /// The step that begins.
        phase: Phase,
    },
    /// Progress.
    Sample(Sample),
    /// Last line of a success.
    Done {
        /// The result.
        measured: Box<crate::result::Measured>,
    },
    /// Last line of a failure.
    Failed {
        /// Why.
        reason: String,
    },
}

/// Appends events to a file, one a line, each line whole when it is written.
#[derive(Debug)]
pub struct Writer {
    file: File,
    path: std::path::PathBuf,
}

impl Writer {
    /// Appends to `path`, which is made when missing.
    pub fn append(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.map_err(|error| Error::io("open", path, error))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Writes one event.
    pub fn write(&mut self, event: &Event) -> Result<()> {
        let mut line = serde_json::to_vec(event).map_err(|error| Error::Schema {
            path: self.path.clone(),
            problems: vec![error.to_string()],
        })?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(|error| Error::io("write", &self.path, error))
    }
}

/// Reads a stored stream. A last line that was cut off (the runner was killed) is left out.
///
/// # Errors
/// [`Error::Schema`] for any other line that is no event, with its number.
pub fn read_all(path: &Path) -> Result<Vec<Event>> {
    let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
    let mut events = Vec::new();
    let mut lines = BufReader::new(file).lines().enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        let line = line.map_err(|error| Error::io("read", path, error))?;
        if line.trim().is_empty() {
            continue;
        }
        match serde_json::from_str(&line) {
            Ok(event) => events.push(event),
            Err(_) if lines.peek().is_none() => break,
            Err(error) => {
                let problems = vec![format!("line {}: {error}", number + 1)];
                return Err(Error::Schema { path: path.to_owned(), problems });
            }
        }
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject() -> Subject {
        Subject { bench: "a/b".into(), params: "records=1".into(), repeat: 2 }
    }

    #[test]
    fn events_round_trip_and_a_cut_tail_is_dropped() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("events.jsonl");
        let sample = Sample {
            elapsed_ns: 5,
            ops_done: 6,
            ops_per_second: 7.5,
            slowest_batch_ns_per_op: 8,
            p50_ns: 9,
            p95_ns: 10,
            p99_ns: 11,
            p999_ns: 12,
            max_ns: 13,
            bars: vec![(16, 3), (32, 4)],
            syncs: Some(1),
            bytes_written: None,
        };
        let events = [
            Event { at_ms: 0, what: What::RepeatStarted { subject: subject(), ops: 100 } },
            Event { at_ms: 1, what: What::Phase { subject: subject(), phase: Phase::WarmUp } },
            Event { at_ms: 2, what: What::Sample { subject: subject(), sample } },
            Event { at_ms: 3, what: What::RepeatFailed { subject: subject(), reason: "x".into() } },
        ];
        let mut writer = Writer::append(&path).expect("open");
        events.iter().for_each(|event| writer.write(event).expect("written"));
        assert_eq!(read_all(&path).expect("read"), events);

        let text = std::fs::read_to_string(&path).expect("text");
        std::fs::write(&path, &text[..text.len() - 5]).expect("cut");
        assert_eq!(read_all(&path).expect("read"), events[..3]);
        std::fs::write(&path, text.replacen("repeat_started", "poem", 1)).expect("damaged");
        assert!(matches!(read_all(&path), Err(Error::Schema { .. })));
    }

    #[test]
    fn the_wire_form_is_flat() {
        let event =
            Event { at_ms: 7, what: What::Phase { subject: subject(), phase: Phase::Measure } };
        assert_eq!(
            serde_json::to_string(&event).expect("serialises"),
            r#"{"at_ms":7,"t":"phase","bench":"a/b","params":"records=1","repeat":2,"phase":"measure"}"#
        );
    }
}
