//! Benchmarks: the list, a run in a child process watched live or replayed, and how it compares.
//!
//! The screen draws what `model::bench` tells; it knows nothing of running a benchmark. Esc kills the
//! worker; what crashes there is a result here. On narrow terminals the list and the run are two
//! panes that Tab changes.

mod draw;
mod figures;

use super::{Component, Context, Effect, ScreenId};
use crate::action::Act;
use crate::fuzzy;
use crate::job::Data;
use crate::model::bench::{
    Axis, Baseline, BenchEntry, Live, LoadBaseline, LoadEvents, MeasureObserver, ObserverCost,
    Outcome, PAIRS, Profile, Recording, RunBench, Told, catalog,
};
use crate::place::At;
use crate::widgets::Painter;
use crate::widgets::list::Cursor;
use northstar_bench::runner::Control;
use serde_json::{Value, json};
use std::path::PathBuf;

const RUN: &str = "run";
const OBSERVER: &str = "observer";
const BASELINE: &str = "baseline";
const REPLAY: &str = "replay";
const FILTER: &str = "filter";
/// Where a checkout of this repository has the baseline of each size.
const BASELINES: &str = "bench/baselines";

/// Which pane has the keys, and is shown where there is room for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Pane {
    #[default]
    List,
    Run,
}

/// What is going on in a child process.
#[derive(Clone, Debug)]
struct Going {
    id: &'static str,
    slot: &'static str,
    control: Control,
}

/// The screen.
#[derive(Debug, Default)]
pub struct BenchScreen {
    entries: Vec<BenchEntry>,
    /// The size that runs have.
    profile: Profile,
    filter: String,
    /// Indices of the entries that pass the filter.
    found: Vec<usize>,
    cursor: Cursor,
    pane: Pane,
    going: Option<Going>,
    /// The benchmark that `live` shows.
    shown: Option<String>,
    live: Live,
    recording: Option<Recording>,
    baseline: Option<Baseline>,
    /// What the selected benchmark has in common with the baseline.
    axes: Vec<Axis>,
    outcome: Option<Outcome>,
    cost: Option<ObserverCost>,
    error: Option<String>,
    /// Lines of the results scrolled away.
    scroll: usize,
}

impl BenchScreen {
    fn selected(&self) -> Option<&BenchEntry> {
        self.found.get(self.cursor.at).and_then(|at| self.entries.get(*at))
    }

    fn search(&mut self) {
        let entries = self.entries.iter().enumerate();
        self.found = entries
            .filter(|(_, entry)| fuzzy::score(&self.filter, entry.id).is_some())
            .map(|(at, _)| at)
            .collect();
        self.cursor = Cursor::default();
        self.check();
    }

    /// Compares the selected benchmark with the baseline, before anything is run.
    fn check(&mut self) {
        self.axes = match (&self.baseline, self.selected()) {
            (Some(baseline), Some(entry)) => baseline.check(entry.id, self.profile),
            _ => Vec::new(),
        };
    }

    fn start(&mut self, slot: &'static str) -> Vec<Effect> {
        let Some(id) = self.selected().map(|entry| entry.id) else { return Vec::new() };
        self.stop();
        let control = Control::default();
        self.going = Some(Going { id, slot, control: control.clone() });
        self.shown = Some(id.to_owned());
        self.live = Live::default();
        (self.recording, self.outcome, self.error) = (None, None, None);
        self.scroll = 0;
        self.pane = Pane::Run;
        let profile = self.profile;
        if slot == OBSERVER {
            self.cost = None;
            return vec![Effect::Run(OBSERVER, Box::new(MeasureObserver { id, profile, control }))];
        }
        let baseline = self.baseline.clone();
        vec![Effect::Run(RUN, Box::new(RunBench { id, profile, control, baseline }))]
    }

    fn stop(&mut self) {
        if let Some(going) = self.going.take() {
            going.control.cancel();
        }
    }

    fn ask(question: &'static str, title: &str, text: &str) -> Vec<Effect> {
        vec![Effect::Ask { question, title: title.to_owned(), text: text.to_owned() }]
    }

    fn replay(&mut self, act: Act) -> bool {
        let Some(recording) = &mut self.recording else { return false };
        match act {
            Act::Left | Act::Right => recording.step(act == Act::Right),
            Act::PageUp | Act::PageDown if self.pane == Pane::Run => {
                recording.leap(act == Act::PageDown);
            }
            _ => return false,
        }
        self.live = recording.live();
        true
    }
}

impl Component for BenchScreen {
    fn id(&self) -> ScreenId {
        ScreenId::Bench
    }

    fn works(&self, _: &Context) -> Vec<Act> {
        let mut works = Vec::new();
        if self.going.is_some() {
            works.push(Act::BenchPause);
        }
        if self.recording.is_some() {
            works.extend([Act::Left, Act::Right]);
        }
        if self.selected().is_some() {
            works.extend([Act::BenchRun, Act::BenchObserver]);
        }
        works.extend([Act::BenchSize, Act::BenchBaseline, Act::BenchReplay, Act::BenchFilter]);
        works.push(Act::NextPane);
        works.extend([Act::Up, Act::Down, Act::PageUp, Act::PageDown, Act::Top, Act::End]);
        works
    }

    fn act(&mut self, act: Act, _: &Context) -> Vec<Effect> {
        match act {
            Act::BenchRun => self.start(RUN),
            Act::BenchObserver => self.start(OBSERVER),
            Act::BenchPause => {
                let Some(going) = &self.going else { return Vec::new() };
                let paused = !going.control.is_paused();
                going.control.set_paused(paused);
                let say = match paused {
                    true => "held before the next repeat; the one at work is not disturbed",
                    false => "going on",
                };
                vec![Effect::Say(say.to_owned())]
            }
            Act::BenchSize => {
                self.profile = match self.profile {
                    Profile::Ci => Profile::DevNvme,
                    Profile::DevNvme => Profile::Ci,
                };
                self.check();
                Vec::new()
            }
            Act::BenchBaseline => {
                let committed = format!("{BASELINES}/{}", self.profile.name());
                Self::ask(BASELINE, "compare with the results in folder", &committed)
            }
            Act::BenchReplay => Self::ask(REPLAY, "replay events.jsonl, or its folder", ""),
            Act::BenchFilter => Self::ask(FILTER, "only benchmarks with the letters", &self.filter),
            Act::NextPane => {
                self.pane = if self.pane == Pane::List { Pane::Run } else { Pane::List };
                Vec::new()
            }
            act if self.replay(act) => Vec::new(),
            Act::Up | Act::Down if self.pane == Pane::Run => {
                let last = self.result_lines(80).len().saturating_sub(1);
                self.scroll = match act {
                    Act::Up => self.scroll.saturating_sub(1),
                    _ => (self.scroll + 1).min(last),
                };
                Vec::new()
            }
            act => {
                self.pane = Pane::List;
                self.cursor.go(act, self.found.len());
                self.check();
                Vec::new()
            }
        }
    }

    fn show(&mut self, _: &At, _: &Context) -> Vec<Effect> {
        if self.entries.is_empty() {
            self.entries = catalog();
            self.search();
        }
        Vec::new()
    }

    fn loaded(&mut self, slot: &'static str, data: Data, _: &Context) -> Vec<Effect> {
        match slot {
            BASELINE => {
                self.baseline = data.downcast::<Baseline>().ok().map(|baseline| *baseline);
                self.check();
            }
            REPLAY => {
                if let Ok(recording) = data.downcast::<Recording>() {
                    self.live = recording.live();
                    self.shown = self.live.subject.as_ref().map(|subject| subject.bench.clone());
                    (self.outcome, self.pane) = (None, Pane::Run);
                    self.recording = Some(*recording);
                }
            }
            _ => match data.downcast::<Told>() {
                Ok(told) => match *told {
                    Told::Event(event) => self.live.take(*event),
                    Told::Ended(outcome) => {
                        self.outcome = Some(*outcome);
                        self.going = None;
                    }
                },
                Err(data) => {
                    if let Ok(cost) = data.downcast::<ObserverCost>() {
                        if cost.pairs.len() >= PAIRS {
                            self.going = None;
                        }
                        self.cost = Some(*cost);
                    }
                }
            },
        }
        Vec::new()
    }

    fn failed(&mut self, slot: &'static str, why: &str) {
        if self.going.as_ref().is_some_and(|going| going.slot == slot) {
            self.going = None;
        }
        self.error = Some(why.to_owned());
    }

    fn stopping(&mut self, slot: &'static str) {
        if self.going.as_ref().is_some_and(|going| going.slot == slot) {
            self.stop();
        }
    }

    fn answer(&mut self, question: &'static str, text: &str, _: &Context) -> Vec<Effect> {
        let path = PathBuf::from(text.trim());
        self.error = None;
        match question {
            FILTER => {
                self.filter = text.trim().to_owned();
                self.search();
                self.pane = Pane::List;
                Vec::new()
            }
            BASELINE if text.trim().is_empty() => {
                self.baseline = None;
                self.check();
                Vec::new()
            }
            BASELINE => vec![Effect::Run(BASELINE, Box::new(LoadBaseline { path }))],
            REPLAY if self.going.is_some() => {
                vec![Effect::Say("a run is going on; Esc stops it".to_owned())]
            }
            REPLAY if !text.trim().is_empty() => {
                vec![Effect::Run(REPLAY, Box::new(LoadEvents { path }))]
            }
            _ => Vec::new(),
        }
    }

    fn click(&mut self, _: u16, y: u16, again: bool, context: &Context) -> Vec<Effect> {
        let row = y.checked_sub(1).map(usize::from);
        if let Some(at) = row.and_then(|y| self.cursor.row_at(y, self.found.len())) {
            self.cursor.select(at, self.found.len());
            self.check();
        }
        if again { self.act(Act::BenchRun, context) } else { Vec::new() }
    }

    fn copy(&self, _: &Context) -> Option<(String, String)> {
        let id = self.selected()?.id;
        let profile = self.profile.name();
        let command =
            format!("northstar-headless bench run {id} --profile {profile} --out results");
        Some(("the command that runs it".to_owned(), command))
    }

    fn draw(&self, painter: &mut Painter<'_>, _: &Context) {
        self.draw_all(painter);
    }

    fn text(&self, _: &Context) -> Vec<String> {
        let found = self.found.iter().filter_map(|at| self.entries.get(*at));
        let mut lines: Vec<String> =
            found.map(|entry| format!("{:<40} {}", entry.id, entry.why)).collect();
        if self.shown.is_some() {
            lines.push(String::new());
            lines.extend(self.run_lines(100).into_iter().map(|line| {
                let text: String = line.iter().map(|(_, piece)| piece.as_str()).collect();
                text.trim_end().to_owned()
            }));
        }
        lines
    }

    fn json(&self, _: &Context) -> Value {
        json!({
            "screen": "bench",
            "catalog": self.entries,
            "profile": self.profile.name(),
            "bench": self.shown,
            "machine": self.live.machine,
            "repeats": self.live.repeats,
            "ended": self.live.ended,
            "comparable": self.axes,
            "outcome": self.outcome,
            "observer_cost": self.cost,
            "observer_cost_percent": self.cost.as_ref().and_then(ObserverCost::percent),
            "observer_share_percent": self.cost.as_ref().and_then(ObserverCost::share_percent),
        })
    }
}
