//! The commit log: every record, what the selected one did, and how the log ends.
//!
//! Records, their operations and the explanation of the tail come from `inspect::log`. Filters by type
//! and by key; `]` goes to the next record with a problem or to the tail.

mod draw;

use super::{Component, Context, Effect, ScreenId};
use crate::action::Act;
use crate::model::log::{
    FindTouching, LoadLog, LoadRecord, LoadedRecord, LogEnd, LogOpened, LogPart, RECORDS_MAX,
    Touching, type_name,
};
use crate::place::{At, Place};
use crate::widgets::Painter;
use crate::widgets::list::Cursor;
use northstar_engine::format::log_record::RecordType;
use northstar_engine::inspect::log::{LogView, OpView, RecordDetail, RecordView, Tail};
use northstar_engine::printable::{Printable, unescape};
use serde_json::{Value, json};
use std::any::Any;
use std::sync::Arc;

const LOG: &str = "log";
const RECORD: &str = "record";
const TOUCHING: &str = "touching";
const KEY: &str = "key";

/// The pane that has the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum Pane {
    #[default]
    Records,
    Ops,
}

/// The screen.
#[derive(Debug, Default)]
pub struct LogScreen {
    log: Option<Arc<LogView>>,
    records: Vec<RecordView>,
    tail: Option<Tail>,
    ended: bool,
    /// Indices into `records` that pass the filters.
    shown: Vec<usize>,
    only: Option<RecordType>,
    touching: Option<Touching>,
    cursor: Cursor,
    detail: Option<RecordDetail>,
    ops: Cursor,
    pane: Pane,
    histogram: bool,
    wanted: Option<At>,
    started: bool,
    error: Option<String>,
}

impl LogScreen {
    fn passes(&self, record: &RecordView) -> bool {
        self.only.is_none_or(|only| record.record_type == only)
            && self.touching.as_ref().is_none_or(|touching| touching.found.contains(&record.lsn))
    }

    fn filter(&mut self) {
        let here = self.selected().map(|record| record.lsn);
        self.shown = (0..self.records.len())
            .filter(|at| self.records.get(*at).is_some_and(|record| self.passes(record)))
            .collect();
        let lsn_at = |at: &usize| self.records.get(*at).map(|record| record.lsn);
        let at = self.shown.iter().position(|at| here.is_some() && lsn_at(at) >= here);
        let len = self.len();
        self.cursor.select(at.unwrap_or(0), len);
    }

    /// Visible rows: the records, and the tail when there is something to say of it.
    fn len(&self) -> usize {
        let segments = self.log.as_ref().map_or(0, |log| log.segments.len());
        self.shown.len() + usize::from(self.tail.is_some() && segments > 0)
    }

    fn selected(&self) -> Option<&RecordView> {
        self.shown.get(self.cursor.at).and_then(|at| self.records.get(*at))
    }

    fn on_tail(&self) -> bool {
        self.tail.is_some() && self.cursor.at == self.shown.len()
    }

    fn load_detail(&mut self) -> Vec<Effect> {
        let lsn = self.selected().map(|record| record.lsn);
        match (lsn, &self.log) {
            (Some(lsn), Some(log)) => {
                let log = Arc::clone(log);
                vec![Effect::Run(RECORD, Box::new(LoadRecord { lsn, log }))]
            }
            _ => {
                self.detail = None;
                Vec::new()
            }
        }
    }

    /// Goes to a position or a transaction once it is read.
    fn find(&mut self, at: &At) -> Vec<Effect> {
        let index = match at {
            // Lsn 118 is inside the record that starts at 100 and ends at 200.
            At::Lsn(lsn) => self.shown.iter().position(|index| {
                self.records.get(*index).is_some_and(|record| record.end_lsn > *lsn)
            }),
            At::Txn(txn) => self.shown.iter().rposition(|index| {
                self.records.get(*index).is_some_and(|record| {
                    record.txn_id == *txn && record.record_type == RecordType::Commit
                })
            }),
            _ => return Vec::new(),
        };
        let len = self.len();
        match index {
            Some(index) => {
                self.wanted = None;
                self.cursor.select(index, len);
                self.load_detail()
            }
            None if self.ended => {
                self.wanted = None;
                if matches!(at, At::Lsn(_)) {
                    self.cursor.select(len, len);
                    return Vec::new();
                }
                vec![Effect::Say(format!("{at} is not in the log"))]
            }
            None => {
                self.wanted = Some(at.clone());
                Vec::new()
            }
        }
    }

    fn op(&self) -> Option<&OpView> {
        self.detail.as_ref()?.ops.get(self.ops.at)
    }

    /// Where an operation's key lives in the pages, if the checkpoint has it.
    fn follow(&self, context: &Context) -> Vec<Effect> {
        let Some(detail) = &self.detail else { return Vec::new() };
        let Some(op) = self.op() else { return Vec::new() };
        let place = Effect::Go(Place::new(ScreenId::Tree, At::Key(op.key.clone())));
        let in_pages = context.summary.checkpoint >= Some(detail.record.txn_id);
        if in_pages {
            return vec![place];
        }
        let checkpoint = context.summary.checkpoint.map_or(0, northstar_engine::TxnId::get);
        let txn = detail.record.txn_id;
        let note = format!("txn {txn} is not in the pages yet: they show txn {checkpoint}");
        vec![place, Effect::Say(note)]
    }

    fn next_problem(&mut self, forward: bool) -> Vec<Effect> {
        let len = self.len();
        let bad = |at: &usize| {
            let record = self.shown.get(*at).and_then(|index| self.records.get(*index));
            record.is_none_or(|record| record.problem.is_some())
        };
        let to = if forward {
            (self.cursor.at + 1..len).find(bad)
        } else {
            (0..self.cursor.at).rev().find(bad)
        };
        match to {
            Some(to) => {
                self.cursor.select(to, len);
                self.load_detail()
            }
            None => vec![Effect::Say("no more problems that way".to_owned())],
        }
    }
}

impl Component for LogScreen {
    fn id(&self) -> ScreenId {
        ScreenId::Log
    }

    fn works(&self, _: &Context) -> Vec<Act> {
        let mut works = Vec::new();
        if self.records.is_empty() && self.tail.is_none() {
            return works;
        }
        works.push(Act::Open);
        if self.detail.as_ref().is_some_and(|detail| !detail.ops.is_empty()) {
            works.extend([Act::NextPane, Act::PrevPane]);
        }
        works.extend([Act::LogKey, Act::LogType, Act::NextProblem, Act::PrevProblem]);
        works.push(Act::LogHistogram);
        works.extend([Act::Up, Act::Down, Act::PageUp, Act::PageDown, Act::Top, Act::End]);
        works.extend([Act::Left, Act::Right]);
        works
    }

    fn act(&mut self, act: Act, context: &Context) -> Vec<Effect> {
        match act {
            Act::NextPane | Act::PrevPane => {
                self.pane = if self.pane == Pane::Ops { Pane::Records } else { Pane::Ops };
                Vec::new()
            }
            Act::Left => {
                self.pane = Pane::Records;
                Vec::new()
            }
            Act::Right => {
                self.pane = Pane::Ops;
                Vec::new()
            }
            Act::Open if self.pane == Pane::Records && !self.on_tail() => {
                self.pane = Pane::Ops;
                Vec::new()
            }
            Act::Open => self.follow(context),
            Act::LogType => {
                self.only = match self.only {
                    None => Some(RecordType::Commit),
                    Some(RecordType::Commit) => Some(RecordType::Checkpoint),
                    Some(RecordType::Checkpoint) => Some(RecordType::Continuation),
                    Some(RecordType::Continuation) => None,
                };
                self.filter();
                let what = self.only.map_or("all records", type_name);
                let mut out = self.load_detail();
                out.push(Effect::Say(format!("showing: {what}")));
                out
            }
            Act::LogKey => vec![Effect::Ask {
                question: KEY,
                title: "only commits that touch keys starting with".to_owned(),
                text: String::new(),
            }],
            Act::LogHistogram => {
                self.histogram = !self.histogram;
                Vec::new()
            }
            Act::NextProblem => self.next_problem(true),
            Act::PrevProblem => self.next_problem(false),
            act if self.pane == Pane::Ops => {
                let len = self.detail.as_ref().map_or(0, |detail| detail.ops.len());
                self.ops.go(act, len);
                Vec::new()
            }
            act => {
                let len = self.len();
                if self.cursor.go(act, len) { self.load_detail() } else { Vec::new() }
            }
        }
    }

    fn show(&mut self, at: &At, context: &Context) -> Vec<Effect> {
        self.pane = Pane::Records;
        if !self.started {
            if *at != At::Here {
                self.wanted = Some(at.clone());
            }
            return self.reload(context);
        }
        self.find(at)
    }

    fn place(&self) -> At {
        match (self.selected(), &self.tail) {
            (Some(record), _) => At::Lsn(record.lsn),
            (None, Some(Tail::Clean { at } | Tail::Torn { at, .. } | Tail::Corrupt { at, .. })) => {
                At::Lsn(*at)
            }
            _ => At::Here,
        }
    }

    fn reload(&mut self, _: &Context) -> Vec<Effect> {
        self.started = true;
        // Stay where we are; at the end, stay at the end (a live log grows there).
        let at_end = !self.shown.is_empty() && self.cursor.at + 2 >= self.len();
        if self.wanted.is_none() && !at_end && self.cursor.at > 0 {
            self.wanted = Some(self.place());
        }
        self.records.clear();
        self.shown.clear();
        self.tail = None;
        self.ended = false;
        self.error = None;
        vec![Effect::Run(LOG, Box::new(LoadLog))]
    }

    fn loaded(
        &mut self,
        slot: &'static str,
        data: Box<dyn Any + Send>,
        _: &Context,
    ) -> Vec<Effect> {
        if slot == RECORD {
            if let Ok(loaded) = data.downcast::<LoadedRecord>() {
                self.ops = Cursor::default();
                self.detail = loaded.detail;
            }
            return Vec::new();
        }
        if slot == TOUCHING {
            if let Ok(touching) = data.downcast::<Touching>() {
                let (count, prefix) = (touching.found.len(), Printable::new(&touching.prefix));
                let note = format!("{count} records touch \"{}\"", prefix.as_str());
                self.touching = Some(*touching);
                self.filter();
                let mut out = self.load_detail();
                out.push(Effect::Say(note));
                return out;
            }
            return Vec::new();
        }
        let data = match data.downcast::<LogOpened>() {
            Ok(opened) => {
                self.log = Some(opened.0);
                return Vec::new();
            }
            Err(data) => data,
        };
        let data = match data.downcast::<LogPart>() {
            Ok(part) => {
                let mut from = self.records.len();
                self.records.extend(part.0);
                if self.records.len() > RECORDS_MAX {
                    // The oldest go, an eighth at a time: what is kept is numbered anew.
                    self.records.drain(..RECORDS_MAX / 8);
                    self.shown.clear();
                    from = 0;
                }
                let new = from..self.records.len();
                let passing = new
                    .filter(|at| self.records.get(*at).is_some_and(|record| self.passes(record)));
                let passing: Vec<usize> = passing.collect();
                self.shown.extend(passing);
                return match self.wanted.clone() {
                    Some(at) => self.find(&at),
                    None => Vec::new(),
                };
            }
            Err(data) => data,
        };
        if let Ok(end) = data.downcast::<LogEnd>() {
            self.tail = end.0;
            self.ended = true;
            let len = self.len();
            if let Some(at) = self.wanted.clone() {
                return self.find(&at);
            }
            // The newest record is what most people come for.
            self.cursor.select(self.shown.len().saturating_sub(1), len);
            return self.load_detail();
        }
        Vec::new()
    }

    fn failed(&mut self, slot: &'static str, why: &str) {
        if slot == LOG {
            self.error = Some(why.to_owned());
        }
    }

    fn answer(&mut self, question: &'static str, answer: &str, _: &Context) -> Vec<Effect> {
        if question != KEY {
            return Vec::new();
        }
        if answer.is_empty() {
            self.touching = None;
            self.filter();
            return self.load_detail();
        }
        match (unescape(answer), &self.log) {
            (Some(prefix), Some(log)) => {
                let records = self.records.iter().map(|record| record.lsn).collect();
                let log = Arc::clone(log);
                vec![Effect::Run(TOUCHING, Box::new(FindTouching { prefix, log, records }))]
            }
            _ => vec![Effect::Say(format!("not a whole escape: {answer}"))],
        }
    }

    fn click(&mut self, x: u16, y: u16, again: bool, context: &Context) -> Vec<Effect> {
        let Some(y) = y.checked_sub(2) else { return Vec::new() };
        if x < draw::LIST_WIDTH {
            self.pane = Pane::Records;
            let len = self.len();
            if let Some(at) = self.cursor.row_at(usize::from(y), len) {
                self.cursor.select(at, len);
                return self.load_detail();
            }
        }
        if again { self.act(Act::Open, context) } else { Vec::new() }
    }

    fn achieved(&self, what: &str) -> bool {
        what == "tail" && self.on_tail()
    }

    fn copy(&self, _: &Context) -> Option<(String, String)> {
        if self.pane == Pane::Ops {
            let op = self.op()?;
            return Some(("the key".to_owned(), Printable::new(&op.key).into_string()));
        }
        let record = self.selected()?;
        Some(("the log position".to_owned(), format!("lsn {}", record.lsn)))
    }

    fn draw(&self, painter: &mut Painter<'_>, context: &Context) {
        draw::draw(self, painter, context);
    }

    fn text(&self, context: &Context) -> Vec<String> {
        draw::text(self, context)
    }

    fn json(&self, _: &Context) -> Value {
        let shown: Vec<&RecordView> =
            self.shown.iter().filter_map(|at| self.records.get(*at)).collect();
        json!({
            "screen": "log",
            "segments": self.log.as_deref(),
            "records": shown,
            "tail": self.tail,
            "selected": self.detail,
        })
    }
}
