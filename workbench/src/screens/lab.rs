//! The Crash Lab: every disk operation of a small run, and the power cut wherever one likes.
//!
//! Left the timeline, right what the disk had not promised yet at that moment and what becomes of it,
//! below what recovery makes of the rest. The engine is the real one; the disk is simulated.

mod draw;

use super::{Component, Context, Effect, ScreenId};
use crate::action::Act;
use crate::model::lab::{
    Case, CrashAtRandom, CutPower, Experiment, Outcome, RunWorkload, Tally, Verdict, Workload,
};
use crate::place::At;
use crate::widgets::Painter;
use crate::widgets::list::Cursor;
use northstar_engine::sim::Fate;
use serde_json::{Value, json};
use std::any::Any;
use std::sync::Arc;

const RUN: &str = "run";
const CUT: &str = "cut";
const RANDOM: &str = "random";
/// Random crashes in one go.
const RANDOM_LIMIT: u64 = 1000;

/// The pane that has the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum Pane {
    #[default]
    Timeline,
    Facts,
}

/// The screen.
#[derive(Debug, Default)]
pub struct LabScreen {
    workload: Workload,
    experiment: Option<Arc<Experiment>>,
    /// Row n of the timeline: the power fails before operation n.
    timeline: Cursor,
    facts: Cursor,
    fates: Vec<Fate>,
    pane: Pane,
    outcome: Option<Outcome>,
    tally: Option<Tally>,
    rounds: u64,
    started: bool,
    error: Option<String>,
}

impl LabScreen {
    fn cut(&mut self) -> Vec<Effect> {
        let Some(experiment) = &self.experiment else { return Vec::new() };
        let job = CutPower {
            experiment: Arc::clone(experiment),
            at: self.timeline.at,
            fates: self.fates.clone(),
        };
        vec![Effect::Run(CUT, Box::new(job))]
    }

    fn moments(&self) -> usize {
        self.experiment.as_ref().map_or(0, |experiment| experiment.trace.len() + 1)
    }

    /// Another instant: everything undecided is lost until chosen otherwise.
    fn move_to(&mut self, at: usize) -> Vec<Effect> {
        self.timeline.select(at, self.moments());
        self.facts = Cursor::default();
        let count = self
            .experiment
            .as_ref()
            .map_or(0, |experiment| experiment.trace.crash_at(self.timeline.at).facts().len());
        self.fates = vec![Fate::Lost; count];
        self.cut()
    }

    fn set_all(&mut self, fate: impl Fn(usize) -> Fate) -> Vec<Effect> {
        for (at, slot) in self.fates.iter_mut().enumerate() {
            *slot = fate(at);
        }
        self.cut()
    }
}

impl Component for LabScreen {
    fn id(&self) -> ScreenId {
        ScreenId::Lab
    }

    fn works(&self, _: &Context) -> Vec<Act> {
        if self.experiment.is_none() {
            return Vec::new();
        }
        let mut works = Vec::new();
        if !self.fates.is_empty() {
            works.extend([Act::LabKeepAll, Act::LabLoseAll, Act::LabTear]);
            if self.pane == Pane::Facts {
                works.insert(0, Act::LabToggle);
            }
        }
        works.extend([Act::LabRandom, Act::NextPane, Act::PrevPane]);
        works.extend([Act::NextProblem, Act::PrevProblem, Act::LabWorkload, Act::LabSave]);
        works.extend([Act::Up, Act::Down, Act::PageUp, Act::PageDown, Act::Top, Act::End]);
        works
    }

    fn act(&mut self, act: Act, _: &Context) -> Vec<Effect> {
        match act {
            Act::LabKeepAll => self.set_all(|_| Fate::Kept),
            Act::LabLoseAll => self.set_all(|_| Fate::Lost),
            Act::LabTear => self.set_all(|at| if at % 2 == 0 { Fate::Kept } else { Fate::Lost }),
            Act::LabToggle => {
                if let Some(fate) = self.fates.get_mut(self.facts.at) {
                    *fate = match fate {
                        Fate::Lost => Fate::Kept,
                        Fate::Kept => Fate::Zeros,
                        Fate::Zeros => Fate::Noise(1),
                        _ => Fate::Lost,
                    };
                }
                self.cut()
            }
            Act::LabRandom => {
                let Some(experiment) = &self.experiment else { return Vec::new() };
                self.rounds += 1;
                let job = CrashAtRandom {
                    experiment: Arc::clone(experiment),
                    seed: self.rounds,
                    limit: RANDOM_LIMIT,
                };
                vec![Effect::Run(RANDOM, Box::new(job))]
            }
            Act::LabWorkload => {
                self.workload = self.workload.next();
                self.experiment = None;
                self.outcome = None;
                self.tally = None;
                vec![Effect::Run(RUN, Box::new(RunWorkload(self.workload)))]
            }
            Act::LabSave => {
                let case = Case::new(self.workload, self.timeline.at, &self.fates);
                match serde_json::to_string_pretty(&case) {
                    Ok(text) => {
                        vec![Effect::Save("northstar-crash.json".to_owned(), text + "\n")]
                    }
                    Err(error) => vec![Effect::Say(error.to_string())],
                }
            }
            Act::NextPane | Act::PrevPane => {
                self.pane = if self.pane == Pane::Facts { Pane::Timeline } else { Pane::Facts };
                Vec::new()
            }
            // The moments that matter: just before each sync.
            Act::NextProblem | Act::PrevProblem => {
                let Some(experiment) = &self.experiment else { return Vec::new() };
                let syncs: Vec<usize> = experiment.trace.syncs().collect();
                let here = self.timeline.at;
                let to = match act {
                    Act::NextProblem => syncs.iter().find(|at| **at > here),
                    _ => syncs.iter().rev().find(|at| **at < here),
                };
                match to {
                    Some(to) => self.move_to(*to),
                    None => Vec::new(),
                }
            }
            act if self.pane == Pane::Facts => {
                self.facts.go(act, self.fates.len());
                Vec::new()
            }
            act => {
                if self.timeline.go(act, self.moments()) {
                    self.move_to(self.timeline.at)
                } else {
                    Vec::new()
                }
            }
        }
    }

    fn show(&mut self, _: &At, _: &Context) -> Vec<Effect> {
        if self.started {
            return Vec::new();
        }
        self.started = true;
        vec![Effect::Run(RUN, Box::new(RunWorkload(self.workload)))]
    }

    fn place(&self) -> At {
        At::Here
    }

    fn reload(&mut self, _: &Context) -> Vec<Effect> {
        Vec::new()
    }

    fn loaded(
        &mut self,
        slot: &'static str,
        data: Box<dyn Any + Send>,
        _: &Context,
    ) -> Vec<Effect> {
        match slot {
            RUN => {
                if let Ok(experiment) = data.downcast::<Arc<Experiment>>() {
                    self.experiment = Some(*experiment);
                    return self.move_to(self.moments().saturating_sub(1));
                }
            }
            CUT => {
                if let Ok(outcome) = data.downcast::<Outcome>() {
                    self.outcome = Some(*outcome);
                }
            }
            _ => {
                if let Ok(tally) = data.downcast::<Tally>() {
                    let broken = tally.broken.clone();
                    self.tally = Some(*tally);
                    if let Some((at, fates)) = broken {
                        let out = self.move_to(at);
                        self.fates = fates;
                        return if out.is_empty() { out } else { self.cut() };
                    }
                }
            }
        }
        Vec::new()
    }

    fn failed(&mut self, _: &'static str, why: &str) {
        self.error = Some(why.to_owned());
    }

    fn click(&mut self, _: u16, y: u16, _: bool, _: &Context) -> Vec<Effect> {
        let row =
            y.checked_sub(2).and_then(|y| self.timeline.row_at(usize::from(y), self.moments()));
        match row {
            Some(row) if self.pane == Pane::Timeline => self.move_to(row),
            _ => Vec::new(),
        }
    }

    fn copy(&self, _: &Context) -> Option<(String, String)> {
        let outcome = self.outcome.as_ref()?;
        Some(("what happened".to_owned(), draw::story(outcome).join("\n")))
    }

    fn achieved(&self, what: &str) -> bool {
        let Some(outcome) = &self.outcome else { return false };
        let (acknowledged, recovered) = (outcome.acknowledged, outcome.recovered);
        match what {
            // A commit on its way to the disk was lost, and nobody had been told it was safe.
            "unsynced lost" => {
                let pending = outcome.facts.iter().any(|fact| fact.contains("commit"));
                pending && recovered.is_some() && recovered == acknowledged
            }
            "unacknowledged survived" => recovered > acknowledged && acknowledged.is_some(),
            "replayed" => recovered > outcome.checkpoint && outcome.checkpoint.is_some(),
            "meta in flight" => outcome.facts.iter().any(|fact| fact.contains("meta")),
            "counted" => self.tally.as_ref().is_some_and(|tally| tally.tried >= 100),
            "broken" => outcome.verdict == Verdict::Broken,
            _ => false,
        }
    }

    fn draw(&self, painter: &mut Painter<'_>, _: &Context) {
        draw::draw(self, painter);
    }

    fn text(&self, _: &Context) -> Vec<String> {
        draw::text(self)
    }

    fn json(&self, _: &Context) -> Value {
        let operations: Vec<String> = self
            .experiment
            .iter()
            .flat_map(|experiment| {
                (0..experiment.trace.len()).map(|at| experiment.trace.describe(at))
            })
            .collect();
        let case = Case::new(self.workload, self.timeline.at, &self.fates);
        json!({
            "screen": "lab",
            "operations": operations,
            "case": case,
            "outcome": self.outcome,
            "random_crashes": self.tally.as_ref().map(|tally| tally.tried),
        })
    }
}
