//! The states of the database, oldest to newest, and what changed from one to the next.
//!
//! Honest about sources: a state is *exact* (●) while its pages are all there, *partial* (◐) when some
//! were used again, and *log only* (○) when just the commit record tells of it. For a state without
//! pages the changes are the record's operations.

use super::tree::roots;
use super::{Component, Context, Effect, ScreenId};
use crate::action::Act;
use crate::model::log::{LoadLog, LoadRecord, LoadedRecord, LogOpened, LogPart, is_commit};
use crate::model::time::{Change, Compare, Comparison};
use crate::place::{At, Place};
use crate::theme::Role;
use crate::widgets::list::Cursor;
use crate::widgets::{Painter, text};
use northstar_engine::inspect::log::{LogView, OpKind, RecordDetail, RecordView};
use northstar_engine::inspect::tree::Root;
use northstar_engine::printable::Printable;
use northstar_engine::{Lsn, TxnId};
use serde_json::{Value, json};
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

const LOG: &str = "log";
const COMPARE: &str = "compare";
const RECORD: &str = "record";

/// One state.
#[derive(Clone, Debug)]
struct Moment {
    txn: TxnId,
    root: Option<Root>,
    lsn: Option<Lsn>,
    ops: Option<u64>,
}

/// The screen.
#[derive(Debug, Default)]
pub struct TimeScreen {
    log: Option<Arc<LogView>>,
    commits: BTreeMap<TxnId, (Lsn, Option<u64>)>,
    cursor: Cursor,
    comparison: Option<(TxnId, Comparison)>,
    detail: Option<RecordDetail>,
    keys: Cursor,
    wanted: Option<TxnId>,
    started: bool,
    error: Option<String>,
}

impl TimeScreen {
    /// All states known, newest first.
    fn moments(&self, context: &Context) -> Vec<Moment> {
        let mut moments: BTreeMap<TxnId, Moment> = self
            .commits
            .iter()
            .map(|(txn, (lsn, ops))| {
                (*txn, Moment { txn: *txn, root: None, lsn: Some(*lsn), ops: *ops })
            })
            .collect();
        for root in roots(context) {
            let txn = root.txn_id;
            let empty = Moment { txn, root: None, lsn: None, ops: None };
            moments.entry(txn).or_insert(empty).root = Some(root);
        }
        moments.into_values().rev().collect()
    }

    fn load(&mut self, context: &Context) -> Vec<Effect> {
        let moments = self.moments(context);
        self.keys = Cursor::default();
        let Some(moment) = moments.get(self.cursor.at) else { return Vec::new() };
        let before = moments.get(self.cursor.at + 1..).unwrap_or_default();
        if let Some(root) = moment.root {
            // The nearest earlier state that has pages; none for the first.
            let base = before.iter().find_map(|moment| moment.root);
            return vec![Effect::Run(COMPARE, Box::new(Compare { base, root }))];
        }
        match (moment.lsn, &self.log) {
            (Some(lsn), Some(log)) => {
                vec![Effect::Run(RECORD, Box::new(LoadRecord { lsn, log: Arc::clone(log) }))]
            }
            _ => Vec::new(),
        }
    }

    fn select(&mut self, context: &Context) -> Vec<Effect> {
        let moments = self.moments(context);
        if let Some(wanted) = self.wanted {
            let at = moments.iter().position(|moment| moment.txn == wanted);
            if let Some(at) = at {
                self.wanted = None;
                self.cursor.select(at, moments.len());
            }
        }
        self.cursor.clamp(moments.len());
        self.load(context)
    }

    /// What is to be seen of the selected state: a source, a line, and the changed keys.
    fn story(&self, context: &Context) -> (Role, String, Vec<(Change, Vec<u8>)>) {
        let moments = self.moments(context);
        let Some(moment) = moments.get(self.cursor.at) else {
            return (Role::Dim, String::new(), Vec::new());
        };
        let before = moments.get(self.cursor.at + 1..).unwrap_or_default();
        if moment.root.is_some() {
            let base = before.iter().find(|moment| moment.root.is_some());
            let from =
                base.map_or("the empty state".to_owned(), |base| format!("txn {}", base.txn));
            let Some((_, found)) = self.comparison.as_ref().filter(|(txn, _)| *txn == moment.txn)
            else {
                return (Role::Dim, "comparing…".to_owned(), Vec::new());
            };
            let [added, removed, changed] = found.counts;
            let line = format!(
                "{from} → txn {}: +{added} −{removed} ~{changed} keys; pages: {} written, {} released, {} shared",
                moment.txn, found.written, found.released, found.shared
            );
            let (role, source) = match found.holes.len() {
                0 => (Role::Good, "exact: all its pages are there"),
                _ => (Role::Warn, "partial: some pages were used again"),
            };
            return (role, format!("{source}. {line}"), found.changes.clone());
        }
        let Some(detail) = self.detail.as_ref().filter(|detail| detail.record.txn_id == moment.txn)
        else {
            return (Role::Dim, "reading the record…".to_owned(), Vec::new());
        };
        let changes = detail
            .ops
            .iter()
            .map(|op| {
                let change = if op.kind == OpKind::Put { Change::Changed } else { Change::Removed };
                (change, op.key.clone())
            })
            .collect();
        let ops = text::plural(detail.ops.len() as u64, "operation");
        let line = format!("log only: no pages of txn {}; its record has {ops}", moment.txn);
        (Role::Text, line, changes)
    }
}

fn take_records(commits: &mut BTreeMap<TxnId, (Lsn, Option<u64>)>, records: &[RecordView]) {
    for record in records.iter().filter(|record| is_commit(record)) {
        commits.insert(record.txn_id, (record.lsn, record.ops));
    }
}

const fn change_mark(change: Change) -> (&'static str, Role) {
    match change {
        Change::Added => ("+", Role::Added),
        Change::Removed => ("−", Role::Removed),
        Change::Changed => ("~", Role::Changed),
    }
}

impl Component for TimeScreen {
    fn id(&self) -> ScreenId {
        ScreenId::Time
    }

    fn works(&self, context: &Context) -> Vec<Act> {
        if self.moments(context).is_empty() {
            return Vec::new();
        }
        vec![
            Act::Open,
            Act::Left,
            Act::Right,
            Act::Up,
            Act::Down,
            Act::PageUp,
            Act::PageDown,
            Act::Top,
            Act::End,
        ]
    }

    fn act(&mut self, act: Act, context: &Context) -> Vec<Effect> {
        let moments = self.moments(context);
        match act {
            Act::Open => {
                let Some(moment) = moments.get(self.cursor.at) else { return Vec::new() };
                let place = match moment.root {
                    Some(_) => Place::new(ScreenId::Tree, At::Txn(moment.txn)),
                    None => Place::new(ScreenId::Log, At::Txn(moment.txn)),
                };
                vec![Effect::Go(place)]
            }
            // Left is back in time, right is forward, as on a scale.
            Act::Left | Act::Right => {
                let step = if act == Act::Left { Act::Down } else { Act::Up };
                self.cursor.go(step, moments.len());
                self.load(context)
            }
            act => {
                if self.cursor.go(act, moments.len()) {
                    self.load(context)
                } else {
                    Vec::new()
                }
            }
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

    fn reload(&mut self, _: &Context) -> Vec<Effect> {
        self.started = true;
        self.commits.clear();
        vec![Effect::Run(LOG, Box::new(LoadLog))]
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
                    let moments = self.moments(context);
                    let txn = moments.get(self.cursor.at).map(|moment| moment.txn);
                    self.comparison = txn.map(|txn| (txn, *comparison));
                }
                Vec::new()
            }
            RECORD => {
                if let Ok(loaded) = data.downcast::<LoadedRecord>() {
                    self.detail = loaded.detail;
                }
                Vec::new()
            }
            _ => {
                let data = match data.downcast::<LogOpened>() {
                    Ok(opened) => {
                        self.log = Some(opened.0);
                        return Vec::new();
                    }
                    Err(data) => data,
                };
                match data.downcast::<LogPart>() {
                    Ok(part) => {
                        take_records(&mut self.commits, &part.0);
                        Vec::new()
                    }
                    Err(_) => self.select(context),
                }
            }
        }
    }

    fn failed(&mut self, _: &'static str, why: &str) {
        self.error = Some(why.to_owned());
    }

    fn click(&mut self, _: u16, y: u16, again: bool, context: &Context) -> Vec<Effect> {
        let len = self.moments(context).len();
        if let Some(at) = y.checked_sub(2).and_then(|y| self.cursor.row_at(usize::from(y), len)) {
            self.cursor.select(at, len);
            return if again { self.act(Act::Open, context) } else { self.load(context) };
        }
        Vec::new()
    }

    fn draw(&self, painter: &mut Painter<'_>, context: &Context) {
        let moments = self.moments(context);
        let (width, height) = (painter.width(), painter.height());
        if moments.is_empty() {
            let why = self.error.as_deref().unwrap_or("no states known: no valid meta, no log");
            painter.put(1, 0, why, Role::Dim);
            return;
        }
        let head = format!(
            "{} known   ● pages of its own  ○ log only   h back  l forward",
            text::plural(moments.len() as u64, "state")
        );
        painter.put(1, 0, &head, Role::Title);
        let list = 34.min(width / 2);
        {
            let mut left = painter.part(0, 1, list, height.saturating_sub(1));
            let mut inner = left.boxed(" states, newest first ", true);
            let (w, h) = (inner.width(), inner.height());
            for (y, at) in (0_u16..).zip(self.cursor.window(moments.len(), usize::from(h))) {
                let Some(moment) = moments.get(at) else { break };
                let (mark, role) = match moment.root {
                    Some(_) => ("●", Role::Good),
                    None => ("○", Role::Dim),
                };
                inner.put(1, y, mark, role);
                let what = match (moment.ops, moment.root) {
                    (Some(ops), _) => format!("txn {:<7} {ops:>6} ops", moment.txn),
                    (None, Some(root)) => format!("txn {:<7} {} rows", moment.txn, root.key_count),
                    (None, None) => format!("txn {}", moment.txn),
                };
                inner.put(3, y, &what, Role::Text);
                if at == self.cursor.at {
                    inner.mark(0, y, w, 1, Role::Selected);
                    inner.put(0, y, "▌", Role::Selected);
                }
            }
        }
        let mut right = painter.part(list, 1, width - list, height.saturating_sub(1));
        let mut inner = right.boxed(" what changed ", false);
        let (role, line, changes) = self.story(context);
        let wide = usize::from(inner.width().saturating_sub(2));
        let mut y = 0;
        for line in text::wrap(&line, wide) {
            inner.put(1, y, &line, role);
            y += 1;
        }
        y += 1;
        let room = usize::from(inner.height().saturating_sub(y));
        for (y, (change, key)) in (y..).zip(changes.iter().take(room)) {
            let (mark, role) = change_mark(*change);
            let key = Printable::capped(key, wide.saturating_sub(3).max(2));
            let x = inner.put(1, y, mark, role);
            inner.put(x + 1, y, key.as_str(), Role::Text);
        }
    }

    fn text(&self, context: &Context) -> Vec<String> {
        let mut lines = Vec::new();
        for moment in self.moments(context) {
            let source = if moment.root.is_some() { "pages" } else { "log only" };
            let ops = moment.ops.map(|ops| format!("{ops} operations")).unwrap_or_default();
            lines.push(format!("txn {:<8} {source:<9} {ops}", moment.txn).trim_end().to_owned());
        }
        if lines.is_empty() {
            lines.push("no states known".to_owned());
        }
        let (_, line, changes) = self.story(context);
        lines.push(line);
        for (change, key) in changes {
            lines.push(format!(
                "{} {}",
                change_mark(change).0,
                Printable::capped(&key, 200).as_str()
            ));
        }
        lines
    }

    fn json(&self, context: &Context) -> Value {
        let states: Vec<Value> = self
            .moments(context)
            .iter()
            .map(|moment| {
                json!({
                    "txn_id": moment.txn,
                    "source": if moment.root.is_some() { "pages" } else { "log" },
                    "operations": moment.ops,
                })
            })
            .collect();
        let (_, line, changes) = self.story(context);
        let changes: Vec<Value> = changes
            .iter()
            .map(|(change, key)| json!({ "change": change, "key": Printable::new(key).as_str() }))
            .collect();
        json!({ "screen": "time", "states": states, "selected": line, "changes": changes })
    }
}
