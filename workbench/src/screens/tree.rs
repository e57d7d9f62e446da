//! The tree: a column a level, loaded as one walks, and a look-up step by step.
//!
//! Nodes and comparisons come from `inspect::tree`, which searches as the engine does.

mod column;
mod draw;
mod nodes;
mod shape;
mod states;
mod steps;

use super::{Component, Context, Effect, ScreenId};
use crate::action::Act;
use crate::job::Data;
use crate::model::tree::{FindVersions, LoadedNode, LoadedValue, Lookup, Versions, Walk};
use crate::place::At;
use crate::widgets::Painter;
use column::Column;
use northstar_engine::inspect::tree::{NodeView, Outcome, Root};
use northstar_engine::printable::{Printable, unescape};
use serde_json::{Value, json};
use shape::WALK;
pub(super) use states::{chosen_root, roots};
use states::{state_menu, versions_menu};
use std::cell::Cell;

const NODE: &str = "node";
const LOOKUP: &str = "lookup";
const KEY: &str = "key";
const VERSIONS: &str = "versions";
const VALUE: &str = "value";

/// The screen.
#[derive(Debug, Default)]
pub struct TreeScreen {
    root: Option<Root>,
    columns: Vec<Column>,
    /// The column that has the keys.
    active: usize,
    lookup: Option<Lookup>,
    step: usize,
    /// Whether this is not the newest state with pages.
    older: bool,
    /// The shape of the whole tree is shown instead of its nodes.
    shape: bool,
    /// All of its nodes, once they were asked for.
    walk: Option<Walk>,
    /// They were asked for to be written as a graph.
    export: bool,
    /// The value of the selected row.
    value: Option<LoadedValue>,
    /// A key to look up once the root is known.
    wanted: Option<Vec<u8>>,
    /// How the columns stood when last drawn: clicks go by it.
    seen: Cell<Seen>,
    error: Option<String>,
}

/// The columns as last drawn.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// The row of their frames' tops.
    top: u16,
    /// The first that was visible.
    first: usize,
    /// How wide each was.
    width: u16,
}

impl Component for TreeScreen {
    fn id(&self) -> ScreenId {
        ScreenId::Tree
    }

    fn works(&self, context: &Context) -> Vec<Act> {
        let mut works = Vec::new();
        if self.root.is_some_and(|root| !root.pointer.is_null()) {
            works.extend([Act::TreeLookup, Act::Open]);
            if self.lookup.is_some() {
                works.splice(0..0, [Act::TreeStepNext, Act::TreeStepPrev]);
            }
            works.extend([Act::TreeVersions, Act::TreeShape, Act::TreeGraph]);
            works.extend([Act::Left, Act::Right, Act::Up, Act::Down]);
            works.extend([Act::PageUp, Act::PageDown, Act::Top, Act::End]);
        }
        if roots(context).len() > 1 {
            works.push(Act::TreeState);
        }
        works
    }

    fn act(&mut self, act: Act, context: &Context) -> Vec<Effect> {
        match act {
            Act::TreeLookup => vec![Effect::Ask {
                question: KEY,
                title: "look up which key?".to_owned(),
                text: self
                    .selected_key()
                    .map_or(String::new(), |key| Printable::capped(key, 200).into_string()),
            }],
            Act::TreeStepNext => {
                self.select_step(self.step + 1);
                self.preview_row()
            }
            Act::TreeStepPrev => {
                self.select_step(self.step.saturating_sub(1));
                self.preview_row()
            }
            Act::TreeShape => {
                self.shape = !self.shape;
                self.walk_for_shape()
            }
            Act::TreeGraph => self.export_graph(),
            Act::TreeVersions => {
                let key = self.lookup.as_ref().map(|lookup| lookup.key.clone());
                let key = key.or_else(|| self.selected_key().map(<[u8]>::to_vec));
                let Some(key) = key else { return Vec::new() };
                vec![Effect::Run(VERSIONS, Box::new(FindVersions { key, roots: roots(context) }))]
            }
            Act::TreeState => vec![state_menu(ScreenId::Tree, context)],
            Act::Open => self.open(),
            Act::Left => {
                self.active = self.active.saturating_sub(1);
                Vec::new()
            }
            Act::Right => {
                let leaf = self.columns.get(self.active).and_then(Column::view);
                if leaf.is_some_and(|node| node.leaf) {
                    return self.open();
                }
                if self.active + 1 < self.columns.len() {
                    self.active += 1;
                    return match self.lookup {
                        Some(_) => self.preview_row(),
                        None => self.preview(),
                    };
                }
                Vec::new()
            }
            act => {
                let Some(column) = self.columns.get_mut(self.active) else { return Vec::new() };
                let len = column.len();
                if column.cursor.go(act, len) { self.moved() } else { Vec::new() }
            }
        }
    }

    fn show(&mut self, at: &At, context: &Context) -> Vec<Effect> {
        if let At::Key(key) = at {
            self.wanted = Some(key.clone());
        }
        let root = match at {
            At::Txn(txn) => roots(context).into_iter().find(|root| root.txn_id == *txn),
            _ => self.root.or_else(|| chosen_root(context)),
        };
        self.older = root.is_some() && root != chosen_root(context);
        match root {
            Some(root) if self.root != Some(root) || self.columns.is_empty() => {
                self.open_root(root)
            }
            Some(_) => match self.wanted.take() {
                Some(key) => self.look_up(key),
                None => Vec::new(),
            },
            None => Vec::new(),
        }
    }

    fn place(&self) -> At {
        match &self.lookup {
            Some(lookup) => At::Key(lookup.key.clone()),
            None => match self.columns.get(self.active) {
                Some(column) => At::Page(column.pointer.page, None),
                None => At::Here,
            },
        }
    }

    fn reload(&mut self, context: &Context) -> Vec<Effect> {
        let key = self.lookup.take().map(|lookup| lookup.key);
        self.wanted = self.wanted.take().or(key);
        match chosen_root(context) {
            Some(root) => self.open_root(root),
            None => {
                self.root = None;
                self.columns.clear();
                Vec::new()
            }
        }
    }

    fn loaded(&mut self, slot: &'static str, data: Data, _: &Context) -> Vec<Effect> {
        if slot == VERSIONS {
            let Ok(found) = data.downcast::<Versions>() else { return Vec::new() };
            // Whichever state is chosen, the key is looked up there.
            self.wanted = Some(found.key.clone());
            return vec![versions_menu(&found)];
        }
        if slot == LOOKUP {
            if let Ok(lookup) = data.downcast::<Lookup>() {
                self.take_lookup(*lookup);
            }
            return Vec::new();
        }
        if slot == WALK {
            return self.walked(data);
        }
        if slot == VALUE {
            self.value = data.downcast::<LoadedValue>().ok().map(|value| *value);
            return Vec::new();
        }
        let Ok(loaded) = data.downcast::<LoadedNode>() else { return Vec::new() };
        let at = self.columns.iter().position(|column| column.pointer == loaded.pointer);
        let Some(column) = at.and_then(|at| self.columns.get_mut(at)) else {
            return Vec::new();
        };
        column.node = Some(loaded.node);
        // The root arrived: show its first child beside it.
        if at == Some(self.active) && self.columns.len() == self.active + 1 {
            return self.preview();
        }
        Vec::new()
    }

    fn failed(&mut self, _: &'static str, why: &str) {
        self.error = Some(why.to_owned());
    }

    fn answer(&mut self, question: &'static str, answer: &str, _: &Context) -> Vec<Effect> {
        match (question, unescape(answer)) {
            (KEY, Some(key)) => self.look_up(key),
            _ => vec![Effect::Say(format!("not a whole escape: {answer}"))],
        }
    }

    fn click(&mut self, x: u16, y: u16, again: bool, _: &Context) -> Vec<Effect> {
        let Seen { top, first, width } = self.seen.get();
        let at = first + usize::from(x.checked_div(width).unwrap_or(0));
        let Some(column) = self.columns.get_mut(at) else { return Vec::new() };
        let above = top + 1 + column.problem_rows();
        let len = column.len();
        let row = y.checked_sub(above).and_then(|y| column.cursor.row_at(usize::from(y), len));
        let Some(row) = row else { return Vec::new() };
        column.cursor.select(row, len);
        self.active = at;
        if again { self.open() } else { self.moved() }
    }

    fn achieved(&self, what: &str, _: &Context) -> bool {
        match what {
            "look-up" => self.lookup.is_some(),
            "one level" => self.levels() == Some(1),
            "two levels" => self.levels() == Some(2),
            "three levels" => self.levels() == Some(3),
            "found" => {
                let last = self.step + 1 == self.steps().len();
                let steps = self.lookup.as_ref().and_then(|lookup| lookup.steps.last());
                last && steps.is_some_and(|step| matches!(step.outcome, Outcome::Found(_)))
            }
            "older state" => self.older,
            _ => false,
        }
    }

    fn copy(&self, _: &Context) -> Option<(String, String)> {
        let key = self.selected_key()?;
        Some(("the key".to_owned(), Printable::new(key).into_string()))
    }

    fn draw(&self, painter: &mut Painter<'_>, context: &Context) {
        draw::draw(self, painter, context);
    }

    fn text(&self, context: &Context) -> Vec<String> {
        draw::text(self, context)
    }

    fn json(&self, context: &Context) -> Value {
        let nodes: Vec<&NodeView> = self.columns.iter().filter_map(Column::view).collect();
        let lookup = self.lookup.as_ref().map(
            |lookup| json!({ "key": Printable::new(&lookup.key).as_str(), "steps": lookup.steps }),
        );
        let levels = context.survey.as_ref().map(|survey| &survey.levels);
        let shape = self.shown_walk().map(|walk| &walk.levels);
        let value = self.selected_value().and_then(|value| value.value.as_ref().ok());
        let value = value.map(|value| Printable::new(value).into_string());
        json!({
            "screen": "tree",
            "root": self.root,
            "levels": levels,
            "shape": shape,
            "nodes": nodes,
            "lookup": lookup,
            "value": value,
        })
    }
}
