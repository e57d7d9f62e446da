//! The data itself: a window of rows that moves with the cursor, in any state the file still tells of.
//!
//! A state with pages of its own is read from them; one that only the log covers is replayed in memory
//! first (`model::replay`), and the rows that are in no page are marked. A row that cannot be read is a
//! hole with its reason; the rows behind it are there.

mod draw;
mod format;

use super::tree::{chosen_root, roots};
use super::{Component, Context, Effect, ScreenId};
use crate::action::Act;
use crate::job::Data;
use crate::model::rows::{
    Item, ListStates, Listed, LoadRows, OpenState, Opened, Side, View, Window,
};
use crate::model::states::{Evidence, State};
use crate::place::{At, Place};
use crate::widgets::list::Cursor;
use crate::widgets::{Painter, text};
use format::Format;
use northstar_engine::TxnId;
use northstar_engine::inspect::tree::RowItem;
use northstar_engine::printable::{Printable, unescape};
use serde_json::{Value, json};

const ROWS: &str = "rows";
const OPEN: &str = "open";
const STATES: &str = "states";
const SEEK: &str = "seek";
const PREFIX: &str = "prefix";
/// Rows read at a time.
const WINDOW: usize = 400;
/// Rows kept; the far end is dropped.
const KEPT_MAX: usize = 4000;
/// States listed.
const STATES_MAX: usize = 2000;
/// Read on when the cursor is this near to an end.
const NEAR: usize = 100;

/// The screen.
#[derive(Debug, Default)]
pub struct RowsScreen {
    view: Option<View>,
    /// The state somebody asked for, instead of the one that recovery would open.
    asked: Option<TxnId>,
    /// It is being replayed.
    opening: bool,
    /// Reloads asked for when the view was made.
    reloads: u64,
    items: Vec<Item>,
    at_start: bool,
    at_end: bool,
    prefix: Vec<u8>,
    /// Where to start once there is a view.
    from: Vec<u8>,
    cursor: Cursor,
    format: Format,
    loading: bool,
    error: Option<String>,
}

impl RowsScreen {
    fn fresh(&mut self, from: Vec<u8>) -> Vec<Effect> {
        self.items.clear();
        self.cursor = Cursor::default();
        self.at_start = from.is_empty();
        self.at_end = false;
        self.error = None;
        self.from.clone_from(&from);
        self.load(Side::Fresh, from)
    }

    fn load(&mut self, side: Side, key: Vec<u8>) -> Vec<Effect> {
        let Some(view) = self.view.clone() else { return Vec::new() };
        self.loading = true;
        let prefix = self.prefix.clone();
        vec![Effect::Run(ROWS, Box::new(LoadRows { view, side, key, prefix, limit: WINDOW }))]
    }

    /// Gets the state that was asked for; whether there is something new to read rows of.
    fn open(&mut self, context: &Context) -> Vec<Effect> {
        let roots = roots(context);
        let root = match self.asked {
            Some(txn) => roots.iter().find(|root| root.txn_id == txn).copied(),
            None => chosen_root(context),
        };
        (self.opening, self.error, self.reloads) = (false, None, context.reloads);
        match (root, self.asked) {
            (Some(root), _) => self.view = Some(View::Tree(root)),
            (None, Some(txn)) if context.summary.loaded => {
                (self.view, self.opening) = (None, true);
                self.items.clear();
                return vec![Effect::Run(OPEN, Box::new(OpenState { txn, roots }))];
            }
            _ => self.view = None,
        }
        let from = self.from.clone();
        self.fresh(from)
    }

    /// Whether what is shown is a state of the past, which no commit changes.
    fn is_past(&self, context: &Context) -> bool {
        let shown = self.view.as_ref().map(View::txn);
        self.asked.is_some() && shown == self.asked && self.reloads == context.reloads
    }

    /// Where the rows come from, as far as they were read.
    fn evidence(&self) -> Option<Evidence> {
        let evidence = self.view.as_ref()?.evidence();
        let hole = |item: &Item| item.value().is_none();
        match evidence {
            Evidence::Exact | Evidence::Replayed if self.items.iter().any(hole) => {
                Some(Evidence::Partial)
            }
            evidence => Some(evidence),
        }
    }

    /// Reads on when the cursor is near an end of what is there.
    fn more(&mut self) -> Vec<Effect> {
        if self.loading {
            return Vec::new();
        }
        if !self.at_end && self.cursor.at + NEAR >= self.items.len() {
            let after = self.items.last().and_then(Item::behind);
            return match after {
                Some(key) => self.load(Side::After, key),
                None => {
                    self.at_end = true;
                    Vec::new()
                }
            };
        }
        if !self.at_start && self.cursor.at < NEAR {
            return match self.items.first().map(Item::key) {
                Some(key) => {
                    let key = key.to_vec();
                    self.load(Side::Before, key)
                }
                None => Vec::new(),
            };
        }
        Vec::new()
    }

    fn take(&mut self, window: Window) {
        self.loading = false;
        let found = window;
        match found.side {
            Side::Fresh => {
                self.items = found.items;
                self.at_end = found.complete;
                self.cursor.clamp(self.items.len());
            }
            Side::After => {
                // A window that adds nothing is the end, whatever it says.
                self.at_end = found.complete || found.items.is_empty();
                self.items.extend(found.items);
                if self.items.len() > KEPT_MAX {
                    let cut = self.items.len() - KEPT_MAX;
                    self.items.drain(..cut);
                    self.cursor.shift(-i64::try_from(cut).unwrap_or(0), self.items.len());
                    self.at_start = false;
                }
            }
            Side::Before => {
                self.at_start = found.complete || found.items.is_empty();
                let added = found.items.len();
                self.items.splice(0..0, found.items);
                self.cursor.shift(i64::try_from(added).unwrap_or(0), self.items.len());
                if self.items.len() > KEPT_MAX {
                    self.items.truncate(KEPT_MAX);
                    self.at_end = false;
                }
            }
        }
    }

    fn head(&self) -> String {
        let (Some(view), Some(evidence)) = (&self.view, self.evidence()) else {
            return String::new();
        };
        let (txn, glyph, name) = (view.txn(), evidence.glyph(), evidence.name());
        let mut line = format!("rows @txn {txn}  {glyph} {name}");
        if let Some(rows) = view.rows() {
            line += &format!("  {} in all", text::count(rows));
        }
        if !self.prefix.is_empty() {
            line += &format!("  prefix \"{}\"", Printable::capped(&self.prefix, 40).as_str());
        }
        line + &format!("  values as {}", self.format.name())
    }

    /// What a replayed state is made of, and what is missing of it.
    fn sources(&self) -> Vec<String> {
        match &self.view {
            Some(View::Log(overlay, _)) => {
                let holes =
                    overlay.holes().iter().map(|hole| Printable::capped(hole, 300).into_string());
                holes.chain([overlay.sources()]).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The line of the first row.
    fn top(&self) -> u16 {
        1 + u16::from(matches!(self.view, Some(View::Log(..))))
    }

    /// Why nothing is shown.
    fn nothing(&self, context: &Context) -> String {
        match (&self.error, self.asked) {
            (Some(why), _) => why.clone(),
            (None, Some(txn)) if self.opening => format!("replaying txn {txn}…"),
            _ => draw::no_root(context).to_owned(),
        }
    }
}

/// A choice of states.
fn states_menu(states: &[State]) -> Effect {
    let items = states.iter().take(STATES_MAX).map(|state| {
        let evidence = state.evidence;
        let rows = state.rows.map_or(String::new(), |rows| text::plural(rows, "row"));
        let line =
            format!("txn {:<8} {} {:<9} {rows}", state.txn, evidence.glyph(), evidence.name());
        (line, Place::new(ScreenId::Rows, At::Txn(state.txn)))
    });
    let title = match states.len() {
        len if len > STATES_MAX => {
            format!("the newest {STATES_MAX} of {} states", text::count(len as u64))
        }
        _ => "states, newest first".to_owned(),
    };
    Effect::Menu { title, items: items.collect() }
}

impl Component for RowsScreen {
    fn id(&self) -> ScreenId {
        ScreenId::Rows
    }

    fn works(&self, context: &Context) -> Vec<Act> {
        let mut works = Vec::new();
        if self.view.is_some() {
            if !self.items.is_empty() {
                works.push(Act::Open);
            }
            works.extend([Act::RowsSeek, Act::RowsPrefix, Act::RowsFormat, Act::TreeFromRow]);
            works.extend([Act::Up, Act::Down, Act::PageUp, Act::PageDown, Act::Top, Act::End]);
        }
        if context.summary.newest_txn().is_some() {
            works.push(Act::RowsState);
        }
        works
    }

    fn act(&mut self, act: Act, context: &Context) -> Vec<Effect> {
        match act {
            Act::RowsSeek => vec![Effect::Ask {
                question: SEEK,
                title: "first row at or after key".to_owned(),
                text: String::new(),
            }],
            Act::RowsPrefix => vec![Effect::Ask {
                question: PREFIX,
                title: "only keys that start with".to_owned(),
                text: Printable::capped(&self.prefix, 400).into_string(),
            }],
            Act::RowsState => {
                vec![Effect::Run(STATES, Box::new(ListStates { roots: roots(context) }))]
            }
            Act::RowsFormat => {
                self.format = self.format.next();
                Vec::new()
            }
            Act::TreeFromRow => match self.items.get(self.cursor.at) {
                Some(item) if item.value().is_some() => {
                    let key = item.key().to_vec();
                    vec![Effect::Go(Place::new(ScreenId::Tree, At::Key(key)))]
                }
                _ => Vec::new(),
            },
            Act::Open => match self.items.get(self.cursor.at) {
                Some(Item::Tree(RowItem::Row(row))) => {
                    let at = At::Page(row.leaf.page, Some(u32::from(row.place.offset)));
                    vec![Effect::Go(Place::new(ScreenId::Page, at))]
                }
                Some(Item::Tree(RowItem::Hole { page, .. })) => {
                    vec![Effect::Go(Place::page(*page))]
                }
                Some(Item::Log { logged }) => {
                    vec![Effect::Go(Place::new(ScreenId::Log, At::Lsn(logged.row.lsn)))]
                }
                None => Vec::new(),
            },
            Act::Top if !self.at_start => self.fresh(Vec::new()),
            act => {
                self.cursor.go(act, self.items.len());
                self.more()
            }
        }
    }

    fn show(&mut self, at: &At, context: &Context) -> Vec<Effect> {
        match at {
            At::Txn(txn) if self.asked == Some(*txn) && self.view.is_some() => Vec::new(),
            At::Txn(txn) => {
                self.asked = Some(*txn);
                self.open(context)
            }
            At::Key(key) => {
                self.prefix.clear();
                self.from.clone_from(key);
                match self.view {
                    Some(_) => self.fresh(key.clone()),
                    None => self.open(context),
                }
            }
            _ if self.view.is_none() && !self.opening => self.open(context),
            _ => Vec::new(),
        }
    }

    fn place(&self) -> At {
        match self.items.get(self.cursor.at) {
            Some(item) => At::Key(item.key().to_vec()),
            None => At::Here,
        }
    }

    fn reload(&mut self, context: &Context) -> Vec<Effect> {
        if self.is_past(context) {
            return Vec::new();
        }
        if let Some(item) = self.items.get(self.cursor.at).filter(|_| self.cursor.at > 0) {
            self.from = item.key().to_vec();
        }
        self.open(context)
    }

    fn surveyed(&mut self, context: &Context) -> Vec<Effect> {
        // The survey knows older trees, perhaps the one that was asked for.
        let known = |txn: TxnId| roots(context).iter().any(|root| root.txn_id == txn);
        let has_root = matches!(self.view, Some(View::Tree(_)));
        match self.asked {
            Some(txn) if !has_root && known(txn) => self.open(context),
            _ => Vec::new(),
        }
    }

    fn loaded(&mut self, slot: &'static str, data: Data, _: &Context) -> Vec<Effect> {
        match slot {
            OPEN => {
                if let Ok(opened) = data.downcast::<Opened>() {
                    (self.view, self.opening) = (Some(opened.0), false);
                    let from = self.from.clone();
                    return self.fresh(from);
                }
            }
            STATES => {
                if let Ok(listed) = data.downcast::<Listed>() {
                    return vec![states_menu(&listed.0)];
                }
            }
            _ => {
                if let Ok(window) = data.downcast::<Window>() {
                    self.take(*window);
                }
            }
        }
        Vec::new()
    }

    fn failed(&mut self, slot: &'static str, why: &str) {
        if slot != STATES {
            (self.loading, self.opening) = (false, false);
            self.error = Some(why.to_owned());
        }
    }

    fn answer(&mut self, question: &'static str, answer: &str, _: &Context) -> Vec<Effect> {
        let Some(bytes) = unescape(answer) else {
            return vec![Effect::Say(format!("not a whole escape: {answer}"))];
        };
        if question == PREFIX {
            self.prefix = bytes;
            return self.fresh(Vec::new());
        }
        self.fresh(bytes)
    }

    fn click(&mut self, _: u16, y: u16, again: bool, context: &Context) -> Vec<Effect> {
        let len = self.items.len();
        if let Some(at) =
            y.checked_sub(self.top()).and_then(|y| self.cursor.row_at(usize::from(y), len))
        {
            self.cursor.select(at, len);
        }
        if again { self.act(Act::Open, context) } else { self.more() }
    }

    fn copy(&self, _: &Context) -> Option<(String, String)> {
        let value = self.items.get(self.cursor.at)?.value()?;
        let text = match std::str::from_utf8(value) {
            Ok(text) => text.to_owned(),
            Err(_) => text::hex(value),
        };
        Some(("the value".to_owned(), text))
    }

    fn draw(&self, painter: &mut Painter<'_>, context: &Context) {
        self.draw_all(painter, context);
    }

    fn text(&self, context: &Context) -> Vec<String> {
        if self.view.is_none() {
            return vec![self.nothing(context)];
        }
        let mut lines = vec![self.head()];
        lines.extend(self.sources());
        lines.extend(self.items.iter().map(|item| match item {
            Item::Tree(RowItem::Row(row)) => {
                let key = Printable::capped(&row.key, 200);
                format!("{}\t{}", key.as_str(), self.format.line(&row.value))
            }
            Item::Tree(RowItem::Hole { page, problem, .. }) => {
                format!("✗ rows missing: p{page}: {problem}")
            }
            Item::Log { logged } => {
                let key = Printable::capped(&logged.key, 200);
                let value = self.format.line(&logged.row.value);
                format!("{}\t{value}\t◌ txn {}", key.as_str(), logged.row.txn)
            }
        }));
        if !self.at_end {
            lines.push("… and more".to_owned());
        }
        lines
    }

    fn json(&self, _: &Context) -> Value {
        let view = self.view.as_ref();
        json!({
            "screen": "rows",
            "txn_id": view.map(View::txn),
            "evidence": self.evidence(),
            "sources": self.sources(),
            "row_count": view.and_then(View::rows),
            "root": view.and_then(View::root),
            "complete": self.at_end,
            "rows": self.items,
        })
    }
}
