//! The states of the database, oldest to newest, and what changed from one to the next.
//!
//! Honest about sources: a state has pages of its own (●) or only a record in the log (○), and every
//! comparison says whether it is exact, partial, replayed or from the log only (`model::time`). A base
//! can be pinned: then everything is compared with it, and the changes in between add up.

mod draw;

use super::tree::roots;
use super::{Component, Context, Effect, ScreenId};
use crate::action::Act;
use crate::job::{Data, Desk, Job};
use crate::model::log::{LoadLog, LogOpened, LogPart};
use crate::model::time::{Compare, Comparison, Film, MakeFilm, State, States};
use crate::place::{At, Place};
use crate::widgets::Painter;
use crate::widgets::list::Cursor;
use northstar_engine::TxnId;
use northstar_engine::inspect::log::{LogView, RecordView};
use northstar_engine::printable::Printable;
use serde_json::{Value, json};
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

const LOG: &str = "log";
const COMPARE: &str = "compare";
const PLAY: &str = "play";
const FILM: &str = "film";
/// Where a film is saved.
const FILM_FILE: &str = "northstar-time.cast";
/// How long a state is shown while the film plays.
const A_STATE: Duration = Duration::from_millis(600);

/// What the right side lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum Side {
    #[default]
    Keys,
    Pages,
}

/// The screen.
#[derive(Debug, Default)]
pub struct TimeScreen {
    log: Option<Arc<LogView>>,
    states: States,
    cursor: Cursor,
    /// Compared with this one instead of the state before.
    base: Option<TxnId>,
    side: Side,
    comparison: Option<Comparison>,
    wanted: Option<TxnId>,
    playing: bool,
    /// The last record read, to go on behind it.
    last: Option<RecordView>,
    /// Reloads asked for when the log was read.
    reloads: u64,
    started: bool,
    error: Option<String>,
}

/// Waits while a state of the film is looked at.
#[derive(Debug)]
struct Pause;

/// The pause is over.
#[derive(Debug)]
struct Paused;

impl Job for Pause {
    fn name(&self) -> String {
        "play".to_owned()
    }

    fn run(self: Box<Self>, _: &mut Desk<'_>) -> Result<Data, String> {
        std::thread::sleep(A_STATE);
        Ok(Box::new(Paused))
    }
}

impl TimeScreen {
    /// All states known, newest first.
    fn states(&self, context: &Context) -> Vec<State> {
        let mut states = self.states.clone();
        for root in roots(context) {
            states.take_root(root);
        }
        states.newest_first()
    }

    /// The state that number `at` of `states` is compared with.
    ///
    /// A state with pages is compared with the next older one that has some: that is exact. The rest is
    /// compared with its neighbour.
    fn base_of(&self, states: &[State], at: usize) -> State {
        let older = states.get(at + 1..).unwrap_or_default();
        if let Some(base) = self.base {
            let pinned = states.iter().find(|state| state.txn == base).copied();
            return pinned.unwrap_or(State::EMPTY);
        }
        let with_pages = states.get(at).is_some_and(|state| state.root.is_some());
        let base = match with_pages {
            true => older.iter().find(|state| state.root.is_some()),
            false => older.first(),
        };
        base.copied().unwrap_or(State::EMPTY)
    }

    fn load(&mut self, context: &Context) -> Vec<Effect> {
        let states = self.states(context);
        let Some(state) = states.get(self.cursor.at).copied() else { return Vec::new() };
        let base = self.base_of(&states, self.cursor.at);
        let (earlier, later) = if base.txn > state.txn { (state, base) } else { (base, state) };
        let span = self.with_roots(context).between(earlier, later);
        let log = self.log.clone();
        vec![Effect::Run(COMPARE, Box::new(Compare { span, log }))]
    }

    fn with_roots(&self, context: &Context) -> States {
        let mut states = self.states.clone();
        for root in roots(context) {
            states.take_root(root);
        }
        states
    }

    fn select(&mut self, context: &Context) -> Vec<Effect> {
        let states = self.states(context);
        if let Some(wanted) = self.wanted
            && let Some(at) = states.iter().position(|state| state.txn == wanted)
        {
            self.wanted = None;
            self.cursor.select(at, states.len());
        }
        self.cursor.clamp(states.len());
        self.load(context)
    }

    /// The comparison of what is selected, once it has come.
    fn shown(&self, states: &[State]) -> Option<&Comparison> {
        let selected = states.get(self.cursor.at)?.txn;
        self.comparison
            .as_ref()
            .filter(|found| found.states.0 == selected || found.states.1 == selected)
    }

    /// The next state of the film; the newest ends it.
    fn advance(&mut self, context: &Context) -> Vec<Effect> {
        if !self.playing {
            return Vec::new();
        }
        if self.cursor.at == 0 {
            self.playing = false;
            return Vec::new();
        }
        self.cursor.go(Act::Up, self.states(context).len());
        let mut out = self.load(context);
        out.push(Effect::Run(PLAY, Box::new(Pause)));
        out
    }

    fn film(&self, context: &Context) -> Vec<Effect> {
        let states = self.states(context);
        let all = self.with_roots(context);
        let spans = (0..states.len())
            .rev()
            .filter_map(|at| Some(all.between(self.base_of(&states, at), *states.get(at)?)))
            .collect();
        vec![Effect::Run(FILM, Box::new(MakeFilm { spans, log: self.log.clone() }))]
    }

    fn play(&mut self, context: &Context) -> Vec<Effect> {
        self.playing = !self.playing;
        if !self.playing {
            return vec![Effect::Stop(PLAY)];
        }
        let len = self.states(context).len();
        if self.cursor.at == 0 {
            self.cursor.select(len.saturating_sub(1), len);
        }
        let mut out = self.load(context);
        out.push(Effect::Run(PLAY, Box::new(Pause)));
        out
    }
}

impl Component for TimeScreen {
    fn id(&self) -> ScreenId {
        ScreenId::Time
    }

    fn works(&self, context: &Context) -> Vec<Act> {
        if self.states(context).is_empty() {
            return Vec::new();
        }
        vec![
            Act::Open,
            Act::Left,
            Act::Right,
            Act::TimeBase,
            Act::TimeAll,
            Act::NextPane,
            Act::TimePlay,
            Act::TimeFilm,
            Act::Up,
            Act::Down,
            Act::PageUp,
            Act::PageDown,
            Act::Top,
            Act::End,
        ]
    }

    fn act(&mut self, act: Act, context: &Context) -> Vec<Effect> {
        let states = self.states(context);
        let selected = states.get(self.cursor.at).copied();
        match act {
            Act::Open => {
                let Some(state) = selected else { return Vec::new() };
                let screen = if state.root.is_some() { ScreenId::Tree } else { ScreenId::Log };
                vec![Effect::Go(Place::new(screen, At::Txn(state.txn)))]
            }
            Act::TimeBase => {
                let txn = selected.map(|state| state.txn);
                self.base = if self.base == txn { None } else { txn };
                self.load(context)
            }
            Act::TimeAll => {
                let genesis = Some(TxnId::GENESIS);
                self.base = if self.base == genesis { None } else { genesis };
                self.load(context)
            }
            Act::TimePlay => self.play(context),
            Act::TimeFilm => self.film(context),
            Act::NextPane => {
                self.side = if self.side == Side::Keys { Side::Pages } else { Side::Keys };
                Vec::new()
            }
            // Left is back in time, right is forward, as on a scale.
            Act::Left | Act::Right => {
                let step = if act == Act::Left { Act::Down } else { Act::Up };
                self.cursor.go(step, states.len());
                self.load(context)
            }
            act if self.cursor.go(act, states.len()) => self.load(context),
            _ => Vec::new(),
        }
    }

    fn show(&mut self, at: &At, context: &Context) -> Vec<Effect> {
        if let At::Txn(txn) = at {
            self.wanted = Some(*txn);
        }
        if !self.started {
            let mut out = self.reload(context);
            if context.survey.is_none() && context.summary.loaded {
                out.push(Effect::CheckAll);
            }
            return out;
        }
        self.select(context)
    }

    fn place(&self) -> At {
        At::Here
    }

    fn reload(&mut self, context: &Context) -> Vec<Effect> {
        self.started = true;
        let asked = std::mem::replace(&mut self.reloads, context.reloads) != context.reloads;
        let known = if asked { None } else { self.last.clone() };
        vec![Effect::Run(LOG, Box::new(LoadLog { known }))]
    }

    fn surveyed(&mut self, context: &Context) -> Vec<Effect> {
        if self.started { self.select(context) } else { Vec::new() }
    }

    fn loaded(
        &mut self,
        slot: &'static str,
        data: Box<dyn Any + Send>,
        context: &Context,
    ) -> Vec<Effect> {
        match slot {
            COMPARE => {
                if let Ok(comparison) = data.downcast::<Comparison>() {
                    self.comparison = Some(*comparison);
                    self.error = None;
                }
                Vec::new()
            }
            PLAY => self.advance(context),
            FILM => match data.downcast::<Film>() {
                Ok(film) => vec![
                    Effect::Save(FILM_FILE.to_owned(), film.cast),
                    Effect::Say(format!("a film of {} states, for asciinema play", film.states)),
                ],
                Err(_) => Vec::new(),
            },
            _ => {
                let data = match data.downcast::<LogOpened>() {
                    Ok(opened) => {
                        if !opened.resumed {
                            self.states = States::default();
                            self.last = None;
                        }
                        self.log = Some(opened.log);
                        return Vec::new();
                    }
                    Err(data) => data,
                };
                match data.downcast::<LogPart>() {
                    Ok(part) => {
                        self.states.take_records(&part.0);
                        self.last = part.0.last().cloned().or(self.last.take());
                        Vec::new()
                    }
                    Err(_) => self.select(context),
                }
            }
        }
    }

    fn failed(&mut self, slot: &'static str, why: &str) {
        self.playing &= slot != PLAY;
        self.error = Some(why.to_owned());
    }

    fn click(&mut self, _: u16, y: u16, again: bool, context: &Context) -> Vec<Effect> {
        let len = self.states(context).len();
        let row = y.checked_sub(draw::LIST_TOP + 1);
        if let Some(at) = row.and_then(|y| self.cursor.row_at(usize::from(y), len)) {
            self.cursor.select(at, len);
            return if again { self.act(Act::Open, context) } else { self.load(context) };
        }
        Vec::new()
    }

    fn achieved(&self, what: &str, context: &Context) -> bool {
        let states = self.states(context);
        let Some(found) = self.shown(&states) else { return false };
        match what {
            "copied path" => {
                found.pages.is_some_and(|[shared, written, _]| shared > 0 && written > 0)
            }
            "older pages" => {
                let at = self.cursor.at;
                let newer = states.get(..at).unwrap_or_default();
                let own = states.get(at).is_some_and(|state| state.root.is_some());
                own && found.pages.is_some() && newer.iter().any(|state| state.root.is_some())
            }
            _ => false,
        }
    }

    fn copy(&self, context: &Context) -> Option<(String, String)> {
        let states = self.states(context);
        Some(("what changed".to_owned(), self.shown(&states)?.summary()))
    }

    fn draw(&self, painter: &mut Painter<'_>, context: &Context) {
        draw::draw(self, painter, context);
    }

    fn text(&self, context: &Context) -> Vec<String> {
        draw::text(self, context)
    }

    fn json(&self, context: &Context) -> Value {
        let states = self.states(context);
        let list: Vec<Value> = states
            .iter()
            .map(|state| {
                json!({
                    "txn_id": state.txn,
                    "source": if state.root.is_some() { "pages" } else { "log" },
                    "operations": state.ops,
                })
            })
            .collect();
        let found = self.shown(&states);
        let changes: Vec<Value> = found
            .iter()
            .flat_map(|found| &found.changes)
            .map(|(change, key)| json!({ "change": change, "key": Printable::new(key).as_str() }))
            .collect();
        json!({
            "screen": "time",
            "states": list,
            "selected": states.get(self.cursor.at).map(|state| state.txn),
            "compared": found.map(|found| found.states),
            "evidence": found.map(|found| found.evidence),
            "pages": found.and_then(|found| found.pages),
            "nodes": found.map(|found| &found.nodes),
            "holes": found.map(|found| &found.holes),
            "changes": changes,
        })
    }
}
