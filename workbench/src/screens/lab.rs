//! The Crash Lab: every disk operation of a small run, and the power cut wherever one likes.
//!
//! Left the timeline, right what the disk had not promised yet at that moment and what becomes of it,
//! below what recovery makes of the rest. The engine is the real one; the disk is simulated.

mod draw;
mod goals;
mod timeline;

use super::{Component, Context, Effect, ScreenId};
use crate::action::Act;
use crate::job::Data;
use crate::model::deed::{DEED_FORMS, Script};
use crate::model::lab::case::LoadedCase;
use crate::model::lab::survivors::survivors;
use crate::model::lab::{
    Case, CrashAtRandom, CutPower, Experiment, LabDisk, LoadCase, Outcome, RunWorkload, Survivor,
    Tally, WORKLOADS,
};
use crate::place::At;
use crate::widgets::Painter;
use crate::widgets::list::Cursor;
use northstar_engine::sim::{Fact, Fate};
use serde_json::{Value, json};
use std::cell::Cell;
use std::sync::Arc;

const RUN: &str = "run";
const CUT: &str = "cut";
const RANDOM: &str = "random";
const LOAD: &str = "load";
const WORKLOAD: &str = "workload";
const CASE: &str = "case";
/// Where a case is saved, and looked for unless another name is typed.
const CASE_FILE: &str = "northstar-crash.json";
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
    /// The workload's place in [`WORKLOADS`]; of no matter once another one was typed.
    preset: usize,
    disk: LabDisk,
    experiment: Option<Arc<Experiment>>,
    /// Row n of the timeline: the power fails before operation n.
    timeline: Cursor,
    /// What is on its way to the disk at that moment, and what becomes of each.
    facts: Vec<Fact>,
    fates: Vec<Fate>,
    /// The same as a list, and the place in it.
    survivors: Vec<Survivor>,
    survivor: Cursor,
    pane: Pane,
    outcome: Option<Outcome>,
    tally: Option<Tally>,
    rounds: u64,
    /// Where the first moment was last drawn, and where the cut had a row of its own: clicks go by it.
    seen: Cell<Seen>,
    started: bool,
    error: Option<String>,
}

/// Rows of the timeline as last drawn.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    top: u16,
    cut: Option<u16>,
}

impl LabScreen {
    /// A lab that starts with one of [`WORKLOADS`].
    pub fn with_workload(preset: usize) -> Self {
        Self { preset, ..Self::default() }
    }

    /// Recovers from the case as it is now. What chance found was about another.
    fn cut(&mut self) -> Vec<Effect> {
        self.tally = None;
        let Some(experiment) = &self.experiment else { return Vec::new() };
        let job = CutPower {
            experiment: Arc::clone(experiment),
            at: self.timeline.at,
            disk: self.disk,
            fates: self.fates.clone(),
        };
        vec![Effect::Run(CUT, Box::new(job))]
    }

    /// Runs a workload; what is shown stays until it has run.
    fn run(&mut self, script: Script) -> Vec<Effect> {
        vec![Effect::Run(RUN, Box::new(RunWorkload(script)))]
    }

    fn run_preset(&mut self) -> Vec<Effect> {
        let (_, script) = WORKLOADS.get(self.preset).copied().unwrap_or(WORKLOADS[0]);
        match script.parse() {
            Ok(script) => self.run(script),
            Err(why) => vec![Effect::Say(why)],
        }
    }

    fn case(&self) -> Option<Case> {
        let (experiment, outcome) = (self.experiment.as_ref()?, self.outcome.as_ref()?);
        Some(Case::new(experiment, self.disk, &self.fates, outcome))
    }

    fn take_case(&mut self, loaded: LoadedCase) -> Vec<Effect> {
        let LoadedCase { path, case, fates, experiment } = loaded;
        self.experiment = Some(experiment);
        self.disk = case.disk;
        let mut out = self.move_to(case.at);
        if !out.is_empty() {
            self.fates = fates;
            out = self.cut();
        }
        out.push(Effect::Say(format!(
            "{}: {} when it was saved",
            path.display(),
            case.verdict.what()
        )));
        out
    }

    fn opened(&self) -> usize {
        self.experiment.as_ref().map_or(0, |experiment| experiment.opened())
    }

    fn moments(&self) -> usize {
        self.experiment.as_ref().map_or(0, |experiment| experiment.trace.len() + 1)
    }

    /// Another instant: everything undecided is lost until chosen otherwise.
    fn move_to(&mut self, at: usize) -> Vec<Effect> {
        self.timeline.select(at, self.moments());
        self.survivor = Cursor::default();
        self.facts = self.experiment.as_ref().map_or_else(Vec::new, |experiment| {
            experiment.moment(self.timeline.at, self.disk).facts().to_vec()
        });
        self.survivors = survivors(&self.facts);
        self.fates = vec![Fate::Lost; self.facts.len()];
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
        works.extend([Act::NextPane, Act::LabRandom, Act::LabDisk, Act::LabWorkload]);
        works.extend([Act::LabCompose, Act::LabNextSync, Act::LabPrevSync, Act::PrevPane]);
        works.extend([Act::LabSave, Act::LabLoad]);
        works.extend([Act::Up, Act::Down, Act::PageUp, Act::PageDown, Act::Top, Act::End]);
        works
    }

    fn act(&mut self, act: Act, _: &Context) -> Vec<Effect> {
        match act {
            Act::LabKeepAll => self.set_all(|_| Fate::Kept),
            Act::LabLoseAll => self.set_all(|_| Fate::Lost),
            Act::LabTear => self.set_all(|at| if at % 2 == 0 { Fate::Kept } else { Fate::Lost }),
            Act::LabToggle => {
                if let Some(row) = self.survivors.get(self.survivor.at)
                    && let Some(fates) = self.fates.get_mut(row.facts.clone())
                    && let Some(first) = fates.first().copied()
                {
                    fates.fill(match first {
                        Fate::Lost => Fate::Kept,
                        Fate::Kept => Fate::Zeros,
                        Fate::Zeros => Fate::Noise(1),
                        _ => Fate::Lost,
                    });
                }
                self.cut()
            }
            Act::LabRandom => {
                let Some(experiment) = &self.experiment else { return Vec::new() };
                self.rounds += 1;
                let job = CrashAtRandom {
                    experiment: Arc::clone(experiment),
                    disk: self.disk,
                    seed: self.rounds,
                    limit: RANDOM_LIMIT,
                };
                vec![Effect::Run(RANDOM, Box::new(job))]
            }
            Act::LabWorkload => {
                self.preset = (self.preset + 1) % WORKLOADS.len();
                self.run_preset()
            }
            Act::LabCompose => vec![Effect::Ask {
                question: WORKLOAD,
                title: format!("a workload: {DEED_FORMS}"),
                text: self.experiment.as_ref().map_or(String::new(), |run| run.script.to_string()),
            }],
            Act::LabDisk => {
                self.disk = self.disk.next();
                let mut out = self.move_to(self.timeline.at);
                let what = self.disk.warning().unwrap_or("the disk does what it promises");
                out.push(Effect::Say(what.to_owned()));
                out
            }
            Act::LabSave => match self.case().map(|case| serde_json::to_string_pretty(&case)) {
                Some(Ok(text)) => vec![Effect::Save(CASE_FILE.to_owned(), text + "\n")],
                Some(Err(error)) => vec![Effect::Say(error.to_string())],
                None => Vec::new(),
            },
            Act::LabLoad => vec![Effect::Ask {
                question: CASE,
                title: "load which case?".to_owned(),
                text: CASE_FILE.to_owned(),
            }],
            Act::NextPane | Act::PrevPane => {
                self.pane = if self.pane == Pane::Facts { Pane::Timeline } else { Pane::Facts };
                Vec::new()
            }
            // The moments that matter: just before each sync.
            Act::LabNextSync | Act::LabPrevSync => {
                let Some(experiment) = &self.experiment else { return Vec::new() };
                let syncs: Vec<usize> = experiment.trace.syncs().collect();
                let here = self.timeline.at;
                let to = match act {
                    Act::LabNextSync => syncs.iter().find(|at| **at > here),
                    _ => syncs.iter().rev().find(|at| **at < here),
                };
                match to {
                    Some(to) => self.move_to(*to),
                    None => Vec::new(),
                }
            }
            act if self.pane == Pane::Facts => {
                self.survivor.go(act, self.survivors.len());
                Vec::new()
            }
            // To the moment the database is open; how it was made is above that.
            Act::Top if self.timeline.at > self.opened() => self.move_to(self.opened()),
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
        self.run_preset()
    }

    fn place(&self) -> At {
        At::Here
    }

    fn reload(&mut self, _: &Context) -> Vec<Effect> {
        Vec::new()
    }

    fn loaded(&mut self, slot: &'static str, data: Data, _: &Context) -> Vec<Effect> {
        match slot {
            RUN => {
                if let Ok(experiment) = data.downcast::<Arc<Experiment>>() {
                    self.experiment = Some(*experiment);
                    self.error = None;
                    return self.move_to(self.moments().saturating_sub(1));
                }
            }
            LOAD => {
                if let Ok(loaded) = data.downcast::<LoadedCase>() {
                    return self.take_case(*loaded);
                }
            }
            CUT => {
                if let Ok(outcome) = data.downcast::<Outcome>() {
                    self.outcome = Some(*outcome);
                }
            }
            _ => {
                if let Ok(tally) = data.downcast::<Tally>() {
                    let mut out = Vec::new();
                    if let Some((at, fates)) = tally.broken.clone() {
                        self.move_to(at);
                        self.fates = fates;
                        out = self.cut();
                    }
                    self.tally = Some(*tally);
                    return out;
                }
            }
        }
        Vec::new()
    }

    fn failed(&mut self, _: &'static str, why: &str) {
        self.error = Some(why.to_owned());
    }

    fn answer(&mut self, question: &'static str, answer: &str, _: &Context) -> Vec<Effect> {
        match question {
            WORKLOAD => match answer.parse() {
                Ok(script) => self.run(script),
                Err(why) => vec![Effect::Say(why)],
            },
            CASE => vec![Effect::Run(LOAD, Box::new(LoadCase(answer.trim().into())))],
            _ => Vec::new(),
        }
    }

    fn click(&mut self, _: u16, y: u16, _: bool, _: &Context) -> Vec<Effect> {
        let Seen { top, cut } = self.seen.get();
        let below_cut = u16::from(cut.is_some_and(|cut| y > cut));
        let row = y.checked_sub(top + below_cut);
        let row = row.and_then(|row| self.timeline.row_at(usize::from(row), self.moments()));
        match row {
            Some(row) if self.pane == Pane::Timeline => self.move_to(row),
            _ => Vec::new(),
        }
    }

    fn copy(&self, _: &Context) -> Option<(String, String)> {
        let outcome = self.outcome.as_ref()?;
        Some(("what happened".to_owned(), draw::story(outcome).join("\n")))
    }

    fn achieved(&self, what: &str, _: &Context) -> bool {
        goals::achieved(self, what)
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
        let engine = self.experiment.as_ref().and_then(|run| run.engine_at(self.timeline.at));
        json!({
            "screen": "lab",
            "operations": operations,
            "case": self.case(),
            "engine": engine,
            "outcome": self.outcome,
            "random_crashes": self.tally.as_ref().map(|tally| tally.tried),
        })
    }
}
