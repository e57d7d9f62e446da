//! Cartridges beside the database: what they answer, for which state, and whether they are whole.

use super::sheet::{Line, SheetContent};
use super::{Context, Effect, ScreenId};
use crate::model::cartridges::{CartridgeView, Cartridges, FindCartridges};
use crate::place::{At, Place};
use crate::text;
use crate::theme::Role;
use northstar_engine::printable::Printable;
use serde_json::{Value, json};
use std::any::Any;

const FIND: &str = "find";

/// What the screen shows.
#[derive(Debug, Default)]
pub struct CartridgesSheet {
    found: Option<Vec<CartridgeView>>,
    error: Option<String>,
}

impl SheetContent for CartridgesSheet {
    const ID: ScreenId = ScreenId::Cartridges;

    fn show(&mut self, context: &Context) -> Vec<Effect> {
        if self.found.is_none() { self.reload(context) } else { Vec::new() }
    }

    fn reload(&mut self, _: &Context) -> Vec<Effect> {
        vec![Effect::Run(FIND, Box::new(FindCartridges))]
    }

    fn loaded(&mut self, data: Box<dyn Any + Send>) {
        if let Ok(found) = data.downcast::<Cartridges>() {
            self.found = Some(found.0);
            self.error = None;
        }
    }

    fn failed(&mut self, why: &str) {
        self.error = Some(why.to_owned());
    }

    fn achieved(&self, what: &str, context: &Context) -> bool {
        let mut own = self.found.iter().flatten();
        match what {
            "fresh" => own.any(|view| behind(view, context) == 0),
            "behind" => own.any(|view| behind(view, context) > 0),
            _ => false,
        }
    }

    fn finds(&self) -> Vec<(String, Place)> {
        let place = Place::new(ScreenId::Cartridges, At::Here);
        let found = self.found.iter().flatten();
        found.map(|view| (format!("cartridge: {}", view.name), place.clone())).collect()
    }

    fn lines(&self, context: &Context) -> Vec<Line> {
        let Some(found) = &self.found else {
            let why = self.error.as_deref().unwrap_or("looking beside the database…");
            return vec![Line::role(Role::Dim, why)];
        };
        if found.is_empty() {
            return vec![
                Line::role(Role::Dim, "No cartridge beside this database."),
                Line::role(
                    Role::Dim,
                    "northstar-headless cartridge build DB --type T --out FILE makes one.",
                ),
            ];
        }
        let mut lines = Vec::new();
        for view in found {
            let head = format!("{}  {}", view.name, view.type_name);
            lines.push(Line::head(head));
            match &view.problem {
                Some(problem) => {
                    let why = Printable::capped(problem, 200);
                    lines.push(Line::role(Role::Bad, format!("  ✗ {}", why.as_str())));
                }
                None => lines.push(Line::role(Role::Good, "  ✓ header and every section verify")),
            }
            if view.source_uuid != context.summary.uuid {
                lines.push(Line::role(Role::Warn, "  built from another database"));
            } else {
                let behind = behind(view, context);
                let (role, age) = match behind {
                    0 => (Role::Good, "● fresh".to_owned()),
                    n => (Role::Warn, format!("◐ {} behind", text::plural(n, "transaction"))),
                };
                let place = Place::new(ScreenId::Log, At::Txn(view.source_txn));
                let line = format!("  {age}: it answers for txn {}", view.source_txn);
                lines.push(Line::role(role, line).to(place));
            }
            lines.push(Line::pair("made from", text::plural(view.input_rows, "row")));
            lines.push(Line::pair("size", text::bytes(view.bytes)));
            for (kind, count, bytes) in &view.sections {
                let entries = text::count(*count);
                let value = format!("{entries} entries, {}", text::bytes(*bytes));
                lines.push(Line::pair(&format!("section {kind}"), value));
            }
        }
        lines
    }

    fn json(&self, _: &Context) -> Value {
        json!({ "screen": "cartridges", "cartridges": self.found })
    }
}

/// How many transactions a cartridge is behind the newest state.
pub(super) fn behind(view: &CartridgeView, context: &Context) -> u64 {
    let now = context.summary.newest_txn();
    now.map_or(0, |now| now.get().saturating_sub(view.source_txn.get()))
}
