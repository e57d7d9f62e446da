//! The states of the database, oldest to newest, and what changed from one to the next.
//!
//! Honest about sources (`model::states`): a state has pages of its own (●), can be replayed from the log
//! over the pages of another (◌), or has only its record (○); every comparison says whether it is exact,
//! partial, replayed or from the log only (`model::time`). A base can be pinned: then everything is compared with it, and the changes in between add up.
//! Changes are told as keys, as pages, and as the bytes in which two versions of a page differ.

mod bytes;
mod draw;
mod film;

use super::tree::roots;
use super::{Component, Context, Effect, ScreenId};
use crate::action::Act;
use crate::job::Data;
use crate::model::log::{LoadLog, LogOpened, LogPart};
use crate::model::states::{State, States};
use crate::model::time::{ByteDiffs, Compare, CompareBytes, Comparison, Span};
use crate::place::{At, Place};
use crate::widgets::Painter;
use crate::widgets::list::Cursor;
use film::{DRAWN, FILM, PLAY};
use northstar_engine::TxnId;
use northstar_engine::inspect::log::{LogView, RecordView};
use northstar_engine::printable::Printable;
use serde_json::{Value, json};
use std::cell::Cell;
use std::sync::Arc;

const LOG: &str = "log";
const COMPARE: &str = "compare";
const BYTES: &str = "bytes";

/// What the right side lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum Side {
    #[default]
    Keys,
    Pages,
    Bytes,
}

impl Side {
    const fn next(self) -> Self {
        match self {
            Self::Keys => Self::Pages,
            Self::Pages => Self::Bytes,
            Self::Bytes => Self::Keys,
        }
    }

    const fn previous(self) -> Self {
        self.next().next()
    }
}

/// The screen.
#[derive(Debug, Default)]
pub struct TimeScreen {
    log: Option<Arc<LogView>>,
    /// The states of the log.
    logged: States,
    /// These and the trees that are known; made anew when either changes.
    states: States,
    /// All of them, newest first.
    list: Vec<State>,
    cursor: Cursor,
    /// Compared with this one instead of the state before.
    base: Option<TxnId>,
    side: Side,
    /// All sides had room when last drawn.
    all_sides: Cell<bool>,
    comparison: Option<Comparison>,
    /// The pages of the comparison byte by byte, once that has come.
    bytes: Option<ByteDiffs>,
    wanted: Option<TxnId>,
    playing: bool,
    /// What the film that is being made shall be called.
    film_file: String,
    /// The last record read, to go on behind it.
    last: Option<RecordView>,
    /// Reloads asked for when the log was read.
    reloads: u64,
    started: bool,
    error: Option<String>,
}

impl TimeScreen {
    /// Takes the log and the trees together.
    fn gather(&mut self, context: &Context) {
        self.states = self.logged.clone();
        roots(context).into_iter().for_each(|root| self.states.take_root(root));
        self.list = self.states.newest_first();
        self.cursor.clamp(self.list.len());
    }

    /// The state that number `at` of the list is compared with.
    ///
    /// A state with pages is compared with the next older one that has some: that is exact. The rest is
    /// compared with its neighbour.
    fn base_of(&self, at: usize) -> State {
        let older = self.list.get(at + 1..).unwrap_or_default();
        if let Some(base) = self.base {
            return self.states.get(base).unwrap_or(State::EMPTY);
        }
        let with_pages = self.list.get(at).is_some_and(|state| state.root.is_some());
        let base = match with_pages {
            true => older.iter().find(|state| state.root.is_some()),
            false => older.first(),
        };
        base.copied().unwrap_or(State::EMPTY)
    }

    /// Number `at` of the list, and what it is compared with, in the order of time.
    fn span(&self, at: usize) -> Option<Span> {
        let state = *self.list.get(at)?;
        let base = self.base_of(at);
        let (earlier, later) = if base.txn > state.txn { (state, base) } else { (base, state) };
        Some(Span::between(&self.states, earlier, later))
    }

    fn load(&self) -> Vec<Effect> {
        let log = self.log.clone();
        let compare = self.span(self.cursor.at).map(|span| Compare { span, log });
        compare.into_iter().map(|compare| Effect::Run(COMPARE, Box::new(compare))).collect()
    }

    fn select(&mut self) -> Vec<Effect> {
        if let Some(wanted) = self.wanted
            && let Some(at) = self.list.iter().position(|state| state.txn == wanted)
        {
            self.wanted = None;
            self.cursor.select(at, self.list.len());
        }
        self.load()
    }

    /// The comparison of what is selected, once it has come.
    fn shown(&self) -> Option<&Comparison> {
        let selected = self.list.get(self.cursor.at)?.txn;
        self.comparison
            .as_ref()
            .filter(|found| found.states.0 == selected || found.states.1 == selected)
    }

    /// Their bytes, when these have come too.
    fn shown_bytes(&self) -> Option<&ByteDiffs> {
        let states = self.shown()?.states;
        self.bytes.as_ref().filter(|bytes| bytes.states == states)
    }

    /// A comparison has come: its pages are compared byte by byte next.
    fn take_comparison(&mut self, comparison: Comparison) -> Vec<Effect> {
        let (states, nodes) = (comparison.states, comparison.nodes.clone());
        self.comparison = Some(comparison);
        self.error = None;
        match nodes.is_empty() {
            true => Vec::new(),
            false => vec![Effect::Run(BYTES, Box::new(CompareBytes { states, nodes }))],
        }
    }
}

impl Component for TimeScreen {
    fn id(&self) -> ScreenId {
        ScreenId::Time
    }

    fn works(&self, _: &Context) -> Vec<Act> {
        if self.list.is_empty() {
            return Vec::new();
        }
        let mut works = vec![Act::Open, Act::TimeRows, Act::Left, Act::Right];
        works.extend([Act::TimeBase, Act::TimeAll]);
        if !self.all_sides.get() {
            works.extend([Act::NextPane, Act::PrevPane]);
        }
        works.extend([Act::TimePlay, Act::TimeFilm]);
        works.extend([Act::Up, Act::Down, Act::PageUp, Act::PageDown, Act::Top, Act::End]);
        works
    }

    fn act(&mut self, act: Act, _: &Context) -> Vec<Effect> {
        let len = self.list.len();
        let selected = self.list.get(self.cursor.at).copied();
        match act {
            Act::Open => {
                let Some(state) = selected else { return Vec::new() };
                let screen = if state.root.is_some() { ScreenId::Tree } else { ScreenId::Log };
                vec![Effect::Go(Place::new(screen, At::Txn(state.txn)))]
            }
            Act::TimeRows => {
                let place = selected.map(|state| Place::new(ScreenId::Rows, At::Txn(state.txn)));
                place.map(Effect::Go).into_iter().collect()
            }
            Act::TimeBase => {
                let txn = selected.map(|state| state.txn);
                self.base = if self.base == txn { None } else { txn };
                self.load()
            }
            Act::TimeAll => {
                let genesis = Some(TxnId::GENESIS);
                self.base = if self.base == genesis { None } else { genesis };
                self.load()
            }
            Act::TimePlay => self.play(),
            Act::TimeFilm => vec![Self::ask_film()],
            Act::NextPane | Act::PrevPane => {
                let back = act == Act::PrevPane;
                self.side = if back { self.side.previous() } else { self.side.next() };
                Vec::new()
            }
            // Left is back in time, right is forward, as on a scale.
            Act::Left | Act::Right => {
                let step = if act == Act::Left { Act::Down } else { Act::Up };
                self.cursor.go(step, len);
                self.load()
            }
            act if self.cursor.go(act, len) => self.load(),
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
        self.select()
    }

    fn place(&self) -> At {
        At::Here
    }

    fn reload(&mut self, context: &Context) -> Vec<Effect> {
        self.started = true;
        self.gather(context);
        let asked = std::mem::replace(&mut self.reloads, context.reloads) != context.reloads;
        let known = if asked { None } else { self.last.clone() };
        vec![Effect::Run(LOG, Box::new(LoadLog { known }))]
    }

    fn surveyed(&mut self, context: &Context) -> Vec<Effect> {
        if !self.started {
            return Vec::new();
        }
        self.gather(context);
        self.select()
    }

    fn loaded(&mut self, slot: &'static str, data: Data, context: &Context) -> Vec<Effect> {
        match slot {
            COMPARE => match data.downcast::<Comparison>() {
                Ok(comparison) => self.take_comparison(*comparison),
                Err(_) => Vec::new(),
            },
            BYTES => {
                self.bytes = data.downcast::<ByteDiffs>().ok().map(|bytes| *bytes);
                Vec::new()
            }
            PLAY => self.advance(),
            FILM => self.filmed(data),
            DRAWN => Self::drawn(data),
            _ => {
                let data = match data.downcast::<LogOpened>() {
                    Ok(opened) => {
                        if !opened.resumed {
                            self.logged = States::default();
                            self.last = None;
                        }
                        self.log = Some(opened.log);
                        return Vec::new();
                    }
                    Err(data) => data,
                };
                match data.downcast::<LogPart>() {
                    Ok(part) => {
                        self.logged.take_records(&part.0);
                        self.last = part.0.last().cloned().or(self.last.take());
                        // The first of them are shown at once, the rest when all are there.
                        if self.list.len() <= roots(context).len() {
                            self.gather(context);
                        }
                        Vec::new()
                    }
                    Err(_) => {
                        self.gather(context);
                        self.select()
                    }
                }
            }
        }
    }

    fn failed(&mut self, slot: &'static str, why: &str) {
        self.playing &= slot != PLAY;
        self.error = Some(why.to_owned());
    }

    fn answer(&mut self, _: &'static str, answer: &str, _: &Context) -> Vec<Effect> {
        self.film(answer.trim())
    }

    fn click(&mut self, _: u16, y: u16, again: bool, context: &Context) -> Vec<Effect> {
        let len = self.list.len();
        let row = y.checked_sub(draw::LIST_TOP + 1);
        if let Some(at) = row.and_then(|y| self.cursor.row_at(usize::from(y), len)) {
            self.cursor.select(at, len);
            return if again { self.act(Act::Open, context) } else { self.load() };
        }
        Vec::new()
    }

    fn achieved(&self, what: &str, _: &Context) -> bool {
        let Some(found) = self.shown() else { return false };
        match what {
            "copied path" => {
                found.pages.is_some_and(|[shared, written, _]| shared > 0 && written > 0)
            }
            "older pages" => {
                let at = self.cursor.at;
                let newer = self.list.get(..at).unwrap_or_default();
                let own = self.list.get(at).is_some_and(|state| state.root.is_some());
                own && found.pages.is_some() && newer.iter().any(|state| state.root.is_some())
            }
            _ => false,
        }
    }

    fn copy(&self, _: &Context) -> Option<(String, String)> {
        Some(("what changed".to_owned(), self.shown()?.summary()))
    }

    fn draw(&self, painter: &mut Painter<'_>, _: &Context) {
        draw::draw(self, painter);
    }

    fn text(&self, _: &Context) -> Vec<String> {
        draw::text(self)
    }

    fn json(&self, _: &Context) -> Value {
        let list: Vec<Value> = self
            .list
            .iter()
            .map(|state| {
                json!({
                    "txn_id": state.txn,
                    "source": if state.root.is_some() { "pages" } else { "log" },
                    "evidence": state.evidence,
                    "row_count": state.rows,
                    "operations": state.ops,
                })
            })
            .collect();
        let found = self.shown();
        let changes: Vec<Value> = found
            .iter()
            .flat_map(|found| &found.changes)
            .map(|(change, key)| json!({ "change": change, "key": Printable::new(key).as_str() }))
            .collect();
        json!({
            "screen": "time",
            "states": list,
            "selected": self.list.get(self.cursor.at).map(|state| state.txn),
            "compared": found.map(|found| found.states),
            "evidence": found.map(|found| found.evidence),
            "pages": found.and_then(|found| found.pages),
            "nodes": found.map(|found| &found.nodes),
            "bytes": self.shown_bytes(),
            "holes": found.map(|found| &found.holes),
            "changes": changes,
        })
    }
}
