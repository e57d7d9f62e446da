//! The data itself: a window of rows that moves with the cursor, in any state that has pages.
//!
//! A row that cannot be read is a hole with its reason; the rows behind it are there.

mod draw;
mod format;

use super::tree::{chosen_root, roots, state_menu};
use super::{Component, Context, Effect, ScreenId};
use crate::action::Act;
use crate::model::rows::{LoadRows, Side, Window};
use crate::place::{At, Place};
use crate::widgets::list::Cursor;
use crate::widgets::{Painter, text};
use format::Format;
use northstar_engine::inspect::tree::{Root, Row, RowItem};
use northstar_engine::printable::{Printable, unescape};
use serde_json::{Value, json};
use std::any::Any;

const ROWS: &str = "rows";
const SEEK: &str = "seek";
const PREFIX: &str = "prefix";
/// Rows read at a time.
const WINDOW: usize = 400;
/// Rows kept; the far end is dropped.
const KEPT_MAX: usize = 4000;
/// Read on when the cursor is this near to an end.
const NEAR: usize = 100;

/// The screen.
#[derive(Debug, Default)]
pub struct RowsScreen {
    root: Option<Root>,
    items: Vec<RowItem>,
    at_start: bool,
    at_end: bool,
    prefix: Vec<u8>,
    /// Where to start once the root is known.
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
        let Some(root) = self.root else { return Vec::new() };
        self.loading = true;
        let prefix = self.prefix.clone();
        vec![Effect::Run(ROWS, Box::new(LoadRows { root, side, key, prefix, limit: WINDOW }))]
    }

    /// Reads on when the cursor is near an end of what is there.
    fn more(&mut self) -> Vec<Effect> {
        if self.loading {
            return Vec::new();
        }
        if !self.at_end && self.cursor.at + NEAR >= self.items.len() {
            let after = match self.items.last() {
                Some(RowItem::Row(row)) => {
                    let mut key = row.key.clone();
                    key.push(0);
                    Some(key)
                }
                Some(RowItem::Hole { to, .. }) => to.clone(),
                None => None,
            };
            return match after {
                Some(key) => self.load(Side::After, key),
                None => {
                    self.at_end = true;
                    Vec::new()
                }
            };
        }
        if !self.at_start && self.cursor.at < NEAR {
            return match self.items.first().map(item_key) {
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
        let found = window.rows;
        match window.side {
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

    fn selected(&self) -> Option<&Row> {
        match self.items.get(self.cursor.at)? {
            RowItem::Row(row) => Some(row),
            RowItem::Hole { .. } => None,
        }
    }

    fn head(&self) -> String {
        let Some(root) = &self.root else { return String::new() };
        let mut line = format!("rows @txn {}  {} in all", root.txn_id, text::count(root.key_count));
        if !self.prefix.is_empty() {
            line += &format!("  prefix \"{}\"", Printable::capped(&self.prefix, 40).as_str());
        }
        line + &format!("  values as {}", self.format.name())
    }
}

fn item_key(item: &RowItem) -> &[u8] {
    match item {
        RowItem::Row(row) => &row.key,
        RowItem::Hole { from, .. } => from,
    }
}

impl Component for RowsScreen {
    fn id(&self) -> ScreenId {
        ScreenId::Rows
    }

    fn works(&self, context: &Context) -> Vec<Act> {
        let mut works = Vec::new();
        if self.root.is_some() {
            if !self.items.is_empty() {
                works.push(Act::Open);
            }
            works.extend([Act::RowsSeek, Act::RowsPrefix, Act::RowsFormat, Act::TreeFromRow]);
            works.extend([Act::Up, Act::Down, Act::PageUp, Act::PageDown, Act::Top, Act::End]);
        }
        if roots(context).len() > 1 {
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
            Act::RowsState => vec![state_menu(ScreenId::Rows, context)],
            Act::RowsFormat => {
                self.format = self.format.next();
                Vec::new()
            }
            Act::TreeFromRow => match self.selected() {
                Some(row) => {
                    vec![Effect::Go(Place::new(ScreenId::Tree, At::Key(row.key.clone())))]
                }
                None => Vec::new(),
            },
            Act::Open => match self.items.get(self.cursor.at) {
                Some(RowItem::Row(row)) => {
                    let at = At::Page(row.leaf.page, Some(u32::from(row.place.offset)));
                    vec![Effect::Go(Place::new(ScreenId::Page, at))]
                }
                Some(RowItem::Hole { page, .. }) => vec![Effect::Go(Place::page(*page))],
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
        let root = match at {
            At::Txn(txn) => roots(context).into_iter().find(|root| root.txn_id == *txn),
            _ => self.root.or_else(|| chosen_root(context)),
        };
        let changed = root != self.root;
        self.root = root;
        if let At::Key(key) = at {
            self.prefix.clear();
            return self.fresh(key.clone());
        }
        if changed || (self.items.is_empty() && !self.loading) {
            return self.fresh(self.from.clone());
        }
        Vec::new()
    }

    fn place(&self) -> At {
        match self.items.get(self.cursor.at) {
            Some(item) => At::Key(item_key(item).to_vec()),
            None => At::Here,
        }
    }

    fn reload(&mut self, context: &Context) -> Vec<Effect> {
        self.root = chosen_root(context);
        let from = match self.items.get(self.cursor.at) {
            Some(item) if self.cursor.at > 0 => item_key(item).to_vec(),
            _ => self.from.clone(),
        };
        self.fresh(from)
    }

    fn loaded(&mut self, _: &'static str, data: Box<dyn Any + Send>, _: &Context) -> Vec<Effect> {
        if let Ok(window) = data.downcast::<Window>() {
            self.take(*window);
        }
        Vec::new()
    }

    fn failed(&mut self, _: &'static str, why: &str) {
        self.loading = false;
        self.error = Some(why.to_owned());
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
        if let Some(at) = y.checked_sub(1).and_then(|y| self.cursor.row_at(usize::from(y), len)) {
            self.cursor.select(at, len);
        }
        if again { self.act(Act::Open, context) } else { self.more() }
    }

    fn copy(&self, _: &Context) -> Option<(String, String)> {
        let row = self.selected()?;
        let text = match String::from_utf8(row.value.clone()) {
            Ok(text) => text,
            Err(_) => text::hex(&row.value),
        };
        Some(("the value".to_owned(), text))
    }

    fn draw(&self, painter: &mut Painter<'_>, context: &Context) {
        self.draw_all(painter, context);
    }

    fn text(&self, context: &Context) -> Vec<String> {
        if self.root.is_none() {
            return vec![draw::no_root(context).to_owned()];
        }
        let mut lines = vec![self.head()];
        lines.extend(self.items.iter().map(|item| match item {
            RowItem::Row(row) => {
                let key = Printable::capped(&row.key, 200);
                format!("{}\t{}", key.as_str(), self.format.line(&row.value))
            }
            RowItem::Hole { page, problem, .. } => format!("✗ rows missing: p{page}: {problem}"),
        }));
        if !self.at_end {
            lines.push("… and more".to_owned());
        }
        lines
    }

    fn json(&self, _: &Context) -> Value {
        let complete = self.at_end;
        json!({ "screen": "rows", "root": self.root, "complete": complete, "rows": self.items })
    }
}
