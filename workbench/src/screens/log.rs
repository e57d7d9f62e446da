//! The commit log: every record, what the selected one did, and how the log ends.
//!
//! Records, their operations and the explanation of the tail come from `inspect::log`. Filters by type,
//! transaction, key and page; `]` goes to the next record with a problem, to bytes between records that are
//! none, or to the tail. A panel above counts commits by size, or by what the log proves durable at once.

mod draw;
mod filter;
mod list;
mod load;
mod panel;
mod places;

use super::{Component, Context, Effect, ScreenId};
use crate::action::Act;
use crate::job::Data;
use crate::model::located::Located;
use crate::model::log::{
    ExplainGap, ExplainedGap, FindTouching, Keys, LoadLog, LoadRecord, LoadedRecord, Touching,
    groups, type_name,
};
use crate::place::{At, Place};
use crate::text;
use crate::widgets::Painter;
use crate::widgets::list::Cursor;
use filter::Filter;
use list::Row;
use northstar_engine::PageId;
use northstar_engine::format::log_record::RecordType;
use northstar_engine::inspect::log::{LogView, OpView, RecordDetail, RecordView, Tail};
use northstar_engine::printable::{Printable, unescape};
use panel::Panel;
use serde_json::{Value, json};
use std::cell::Cell;
use std::sync::Arc;

const LOG: &str = "log";
const RECORD: &str = "record";
const GAP: &str = "gap";
const LOCATE: &str = "locate";
const TOUCHING: &str = "touching";
const KEY: &str = "key";
const PAGE: &str = "page";
const TXNS: &str = "txns";

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
    /// The records that pass the filters, and the gaps.
    shown: Vec<Row>,
    filter: Filter,
    cursor: Cursor,
    detail: Option<RecordDetail>,
    /// Where its keys live.
    located: Option<Located>,
    /// What stands in the selected gap.
    gap: Option<ExplainedGap>,
    ops: Cursor,
    pane: Pane,
    panel: Panel,
    wanted: Option<At>,
    /// The newest record is selected, and stays so as the log grows.
    at_end: bool,
    /// Reloads asked for when the log was read.
    reloads: u64,
    started: bool,
    /// Where the first row of the list was last drawn: clicks go by it.
    list_top: Cell<u16>,
    error: Option<String>,
}

impl LogScreen {
    /// Looks for records that touch keys.
    fn look_for(&self, keys: Keys) -> Vec<Effect> {
        let Some(log) = self.log.clone() else { return Vec::new() };
        let records = self.records.iter().map(|record| record.lsn).collect();
        vec![Effect::Run(TOUCHING, Box::new(FindTouching { keys, log, records }))]
    }

    fn load_detail(&mut self) -> Vec<Effect> {
        let lsn = self.selected().map(|record| record.lsn);
        let gap = self.selected_gap().map(|gap| gap.start);
        self.gap = None;
        match (lsn, gap, &self.log) {
            (Some(lsn), _, Some(log)) => {
                let log = Arc::clone(log);
                vec![Effect::Run(RECORD, Box::new(LoadRecord { lsn, log }))]
            }
            (None, Some(at), Some(log)) => {
                self.detail = None;
                let log = Arc::clone(log);
                vec![Effect::Run(GAP, Box::new(ExplainGap { at, log }))]
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
            At::Lsn(lsn) => self.shown.iter().position(|row| match row {
                Row::Record(at) => self.records.get(*at).is_some_and(|it| it.end_lsn > *lsn),
                Row::Gap(gap) => gap.end > *lsn,
            }),
            At::Txn(txn) => self.shown.iter().rposition(|row| {
                self.record_of(row).is_some_and(|record| {
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

    /// Where the cursor is, as a place to come back to.
    fn place_of_cursor(&self) -> At {
        let row = self.shown.get(self.cursor.at);
        match (row.and_then(|row| self.lsn_of(row)), &self.tail) {
            (Some(lsn), _) => At::Lsn(lsn),
            (None, Some(Tail::Clean { at } | Tail::Torn { at, .. } | Tail::Corrupt { at, .. })) => {
                At::Lsn(*at)
            }
            _ => At::Here,
        }
    }

    fn op(&self) -> Option<&OpView> {
        self.detail.as_ref()?.ops.get(self.ops.at)
    }

    /// Leads to where an operation's key lives in the pages, if the checkpoint has it.
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
            let record = self.shown.get(*at).and_then(|row| self.record_of(row));
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

fn ask(question: &'static str, title: &str) -> Effect {
    Effect::Ask { question, title: format!("{title}; empty: all"), text: String::new() }
}

impl Component for LogScreen {
    fn id(&self) -> ScreenId {
        ScreenId::Log
    }

    fn works(&self, _: &Context) -> Vec<Act> {
        let mut works = Vec::new();
        if self.records.is_empty() && self.len() == 0 {
            return works;
        }
        works.push(Act::Open);
        if self.detail.as_ref().is_some_and(|detail| !detail.ops.is_empty()) {
            works.extend([Act::NextPane, Act::PrevPane]);
        }
        works.extend([Act::LogKey, Act::LogType, Act::LogTxn, Act::LogPage]);
        works.extend([Act::NextProblem, Act::PrevProblem]);
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
            Act::Open if self.pane == Pane::Records && self.selected().is_some() => {
                self.pane = Pane::Ops;
                Vec::new()
            }
            Act::Open => self.follow(context),
            Act::LogType => {
                self.filter.next_type();
                let mut out = self.narrow();
                let what = self.filter.only.map_or("all records", type_name);
                out.push(Effect::Say(format!("showing: {what}")));
                out
            }
            Act::LogPage => vec![ask(PAGE, "only commits that touch the keys of page")],
            Act::LogTxn => vec![ask(TXNS, "only transactions (118 or 110..118)")],
            Act::LogKey => vec![ask(KEY, "only commits that touch keys starting with")],
            Act::LogHistogram => {
                self.next_panel();
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
        self.place_of_cursor()
    }

    fn reload(&mut self, context: &Context) -> Vec<Effect> {
        // Stay where we are; at the end, stay at the end (a live log grows there).
        if self.ended || !self.started {
            self.at_end = self.cursor.at + 2 >= self.len();
        }
        self.started = true;
        self.error = None;
        // Who asks for a reload wants everything read again.
        let asked = std::mem::replace(&mut self.reloads, context.reloads) != context.reloads;
        let known = if asked { None } else { self.records.last().cloned() };
        vec![Effect::Run(LOG, Box::new(LoadLog { known }))]
    }

    fn loaded(&mut self, slot: &'static str, data: Data, context: &Context) -> Vec<Effect> {
        if slot == RECORD {
            if let Ok(loaded) = data.downcast::<LoadedRecord>() {
                self.ops = Cursor::default();
                self.detail = loaded.detail;
                self.located = None;
            }
            return self.locate(context);
        }
        if slot == LOCATE {
            self.located = data.downcast::<Located>().ok().map(|located| *located);
            return Vec::new();
        }
        if slot == GAP {
            self.gap = data.downcast::<ExplainedGap>().ok().map(|gap| *gap);
            return Vec::new();
        }
        if slot == TOUCHING {
            if let Ok(touching) = data.downcast::<Touching>() {
                let count = text::plural(touching.found.len() as u64, "record");
                let note = format!("{count} with {}", touching.wanted);
                self.filter.touching = Some(*touching);
                let mut out = self.narrow();
                out.push(Effect::Say(note));
                return out;
            }
            return Vec::new();
        }
        self.read_on(data)
    }

    fn failed(&mut self, slot: &'static str, why: &str) {
        if slot == LOG {
            self.error = Some(why.to_owned());
        }
    }

    fn answer(&mut self, question: &'static str, answer: &str, _: &Context) -> Vec<Effect> {
        let trimmed = answer.trim();
        match question {
            // Nothing typed: everything is shown again.
            KEY | PAGE if trimmed.is_empty() => {
                self.filter.touching = None;
                self.narrow()
            }
            TXNS if trimmed.is_empty() => {
                self.filter.txns = None;
                self.narrow()
            }
            KEY => match unescape(answer) {
                Some(prefix) => self.look_for(Keys::Prefix(prefix)),
                None => vec![Effect::Say(format!("not a whole escape: {answer}"))],
            },
            PAGE => match trimmed.trim_start_matches(['p', 'P']).parse() {
                Ok(page) => self.look_for(Keys::Page(PageId::new(page))),
                Err(_) => vec![Effect::Say(format!("no page: {answer}"))],
            },
            _ => match Filter::read_txns(trimmed) {
                Some(txns) => {
                    self.filter.txns = Some(txns);
                    self.narrow()
                }
                None => vec![Effect::Say(format!("no transactions: {answer}"))],
            },
        }
    }

    fn click(&mut self, x: u16, y: u16, again: bool, context: &Context) -> Vec<Effect> {
        let Some(y) = y.checked_sub(self.list_top.get()) else { return Vec::new() };
        if x < draw::LIST_WIDTH && !again {
            let len = self.len();
            if let Some(at) = self.cursor.row_at(usize::from(y), len) {
                self.pane = Pane::Records;
                self.cursor.select(at, len);
                return self.load_detail();
            }
        }
        if again { self.act(Act::Open, context) } else { Vec::new() }
    }

    fn achieved(&self, what: &str, _: &Context) -> bool {
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
            self.shown.iter().filter_map(|row| self.record_of(row)).collect();
        let gaps: Vec<Value> =
            self.gaps().map(|gap| json!({ "from": gap.start, "to": gap.end })).collect();
        json!({
            "screen": "log",
            "segments": self.log.as_deref(),
            "records": shown,
            "gaps": gaps,
            "tail": self.tail,
            "selected": self.detail,
            "groups": groups(&self.records),
            "places": self.place_list(),
        })
    }
}
