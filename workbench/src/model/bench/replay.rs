//! A stored run, event by event: `events.jsonl` shown as it was seen.

use super::Live;
use crate::job::{Data, Desk, Job};
use northstar_bench::events::{self, Event, What};
use std::path::PathBuf;

/// A stored run and how far it is shown.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Where it was read.
    pub path: PathBuf,
    events: Vec<Event>,
    /// Events shown.
    at: usize,
}

impl Recording {
    /// The recording of `events`, at its end.
    pub fn new(path: PathBuf, events: Vec<Event>) -> Self {
        let at = events.len();
        Self { path, events, at }
    }

    /// Where it is: events shown, events in all, milliseconds since the run began.
    pub fn position(&self) -> (usize, usize, u64) {
        let shown = self.events.get(..self.at).and_then(<[Event]>::last);
        (self.at, self.events.len(), shown.map_or(0, |event| event.at_ms))
    }

    /// One sample, or one event that is none, forward or back.
    pub fn step(&mut self, forward: bool) {
        self.at = match forward {
            true => (self.at + 1).min(self.events.len()),
            false => self.at.saturating_sub(1).max(1),
        };
    }

    /// To the begin of the next repeat, or of the one before.
    pub fn leap(&mut self, forward: bool) {
        let starts = |at: &usize| {
            matches!(self.events.get(at - 1).map(|e| &e.what), Some(What::RepeatStarted { .. }))
        };
        self.at = match forward {
            true => (self.at + 1..=self.events.len()).find(starts).unwrap_or(self.events.len()),
            false => (1..self.at.max(1)).rev().find(starts).unwrap_or(1),
        };
    }

    /// The picture at this point.
    pub fn live(&self) -> Live {
        let mut live = Live::default();
        for event in self.events.get(..self.at).unwrap_or_default() {
            live.take(event.clone());
        }
        live
    }
}

/// Reads a stored run.
#[derive(Debug)]
pub struct LoadEvents {
    /// The file, or the folder it is in.
    pub path: PathBuf,
}

impl Job for LoadEvents {
    fn name(&self) -> String {
        format!("read {}", self.path.display())
    }

    fn run(self: Box<Self>, _: &mut Desk<'_>) -> Result<Data, String> {
        let path = match self.path.is_dir() {
            true => self.path.join("events.jsonl"),
            false => self.path,
        };
        let events = events::read_all(&path).map_err(|error| error.to_string())?;
        if events.is_empty() {
            return Err(format!("{}: no event in there", path.display()));
        }
        Ok(Box::new(Recording::new(path, events)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::live::tests::{sample, subject};
    use super::*;

    #[test]
    fn a_replayed_run_looks_as_it_did_live() {
        let start = |repeat, at_ms| Event {
            at_ms,
            what: What::RepeatStarted { subject: subject(repeat), ops: 100 },
        };
        let events =
            vec![start(0, 0), sample(10, 5.0), sample(20, 6.0), start(1, 30), sample(40, 7.0)];
        let mut live = Live::default();
        events.iter().for_each(|event| live.take(event.clone()));
        let mut recording = Recording::new("events.jsonl".into(), events);
        assert_eq!(recording.live().throughput, live.throughput);
        assert_eq!(recording.position(), (5, 5, 40));
        recording.leap(false);
        assert_eq!(recording.position(), (4, 5, 30), "the second repeat begins");
        recording.step(false);
        assert_eq!(recording.live().throughput.len(), 2);
        recording.leap(false);
        assert_eq!(recording.position().0, 1);
        recording.step(false);
        assert_eq!(recording.position().0, 1, "the first event stays");
        recording.leap(true);
        assert_eq!(recording.position().0, 4);
    }
}
