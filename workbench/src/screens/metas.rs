//! The two meta slots, every rule recovery asks of them, and its choice.
//!
//! The table is the engine's own judgement (`inspect::metas`), which recovery calls too; nothing is
//! judged here. `w` tears slots in memory and asks again.

use super::{Component, Context, Effect, ScreenId};
use crate::action::Act;
use crate::job::Data;
use crate::model::metas::{AskWhatIf, Replay, Torn, WhatIf};
use crate::model::told::told;
use crate::place::{At, Place};
use crate::theme::Role;
use crate::widgets::list::Cursor;
use crate::widgets::{Painter, text};
use northstar_engine::PageId;
use northstar_engine::format::meta::{SlotChoice, StepResult};
use northstar_engine::inspect::{FieldView, MetaJudgement};
use serde_json::{Value, json};

const JUDGE: &str = "judge";
/// From this width on rules and fields stand side by side.
const WIDE: u16 = 150;
/// Below this height the rules stand alone.
const LOW: u16 = 12;
/// The rule that chooses between two slots that keep all others.
const NEWEST: &str = "META-11";

/// The screen.
#[derive(Debug, Default)]
pub struct MetasScreen {
    torn: Torn,
    answer: Option<WhatIf>,
    /// Over the meta's fields.
    cursor: Cursor,
    error: Option<String>,
}

impl MetasScreen {
    fn ask(&self) -> Vec<Effect> {
        vec![Effect::Run(JUDGE, Box::new(AskWhatIf { torn: self.torn }))]
    }

    fn judgement(&self) -> Option<&MetaJudgement> {
        self.answer.as_ref().map(|answer| &answer.judgement)
    }

    fn rows(&self) -> Vec<(String, Option<&FieldView>, Option<&FieldView>)> {
        let Some(judgement) = self.judgement() else { return Vec::new() };
        let [a, b] = &judgement.slots;
        let names = if a.fields.is_empty() { &b.fields } else { &a.fields };
        let find = |fields: &'_ [FieldView], name: &str| {
            fields.iter().position(|field| field.name == name)
        };
        names
            .iter()
            .map(|field| {
                let name = field.name.to_string();
                let in_a = find(&a.fields, &name).and_then(|at| a.fields.get(at));
                let in_b = find(&b.fields, &name).and_then(|at| b.fields.get(at));
                (name, in_a, in_b)
            })
            .collect()
    }

    fn verdict(&self) -> Vec<(Role, String)> {
        let Some(answer) = &self.answer else { return Vec::new() };
        let judgement = &answer.judgement;
        let mut lines = Vec::new();
        let torn = match (answer.torn.a, answer.torn.b) {
            (false, false) => None,
            (true, false) => Some("If slot A were torn: "),
            (false, true) => Some("If slot B were torn: "),
            (true, true) => Some("If both slots were torn: "),
        };
        let chosen = match judgement.meta().zip(judgement.chosen) {
            Some((meta, slot)) => {
                format!("recovery opens {} (txn {})", slot.name(), meta.txn_id)
            }
            None => "recovery finds no meta it can open".to_owned(),
        };
        let role = if judgement.chosen.is_some() { Role::Accent } else { Role::Bad };
        lines.push((role, format!("{}{chosen}", torn.unwrap_or_default())));
        lines.push((Role::Text, told(&judgement.reason, 300)));
        lines.extend(answer.replay.as_ref().map(replay_line));
        lines
    }
}

/// How recovery goes on behind the meta.
pub(super) fn replay_line(replay: &Replay) -> (Role, String) {
    match (&replay.refused, replay.commits) {
        (Some(why), _) => (Role::Bad, format!("✗ Then it refuses the log: {}", told(why, 300))),
        (None, 0) => {
            (Role::Text, "No commit is behind it in the log: nothing to replay.".to_owned())
        }
        (None, n) => {
            let commits = text::plural(n, "commit");
            (Role::Text, format!("It then replays {commits} from the log."))
        }
    }
}

/// What came of asking a slot about a rule. The last rule compares: to be the older of two sound slots
/// is no fault.
fn result(rule: &str, step: &StepResult) -> (&'static str, Role, String) {
    match step {
        StepResult::Broken { found, .. } if rule == NEWEST => {
            ("–", Role::Dim, format!("{found}, older"))
        }
        StepResult::Holds { found } => ("✓", Role::Good, found.clone()),
        StepResult::Broken { expected, found } => {
            ("✗", Role::Bad, format!("{found}, expected {expected}"))
        }
        StepResult::NotReached => ("·", Role::Dim, "not asked".to_owned()),
    }
}

fn value(field: Option<&FieldView>) -> String {
    field.map_or("-".to_owned(), |field| told(&field.value, 60))
}

impl Component for MetasScreen {
    fn id(&self) -> ScreenId {
        ScreenId::Metas
    }

    fn works(&self, _: &Context) -> Vec<Act> {
        vec![
            Act::MetasWhatIf,
            Act::Open,
            Act::Up,
            Act::Down,
            Act::PageUp,
            Act::PageDown,
            Act::Top,
            Act::End,
        ]
    }

    fn act(&mut self, act: Act, _: &Context) -> Vec<Effect> {
        match act {
            Act::MetasWhatIf => {
                self.torn = self.torn.next();
                self.ask()
            }
            Act::Open => {
                // The link of the selected field in the chosen slot, else the slot's page.
                let chosen = self.judgement().and_then(|judgement| judgement.chosen);
                let rows = self.rows();
                let field = rows.get(self.cursor.at).and_then(|(_, a, b)| match chosen {
                    Some(SlotChoice::B) => b.or(*a),
                    _ => a.or(*b),
                });
                let page = field.and_then(|field| field.link.as_ref()?.page());
                let slot = chosen.map_or(0, SlotChoice::index) as u64;
                vec![Effect::Go(Place::page(page.unwrap_or(PageId::new(slot))))]
            }
            act => {
                let len = self.rows().len();
                self.cursor.go(act, len);
                Vec::new()
            }
        }
    }

    fn show(&mut self, _: &At, _: &Context) -> Vec<Effect> {
        if self.answer.is_none() { self.ask() } else { Vec::new() }
    }

    fn place(&self) -> At {
        At::Here
    }

    fn reload(&mut self, _: &Context) -> Vec<Effect> {
        self.ask()
    }

    fn loaded(&mut self, _: &'static str, data: Data, _: &Context) -> Vec<Effect> {
        if let Ok(answer) = data.downcast::<WhatIf>() {
            self.answer = Some(*answer);
            self.error = None;
        }
        Vec::new()
    }

    fn failed(&mut self, _: &'static str, why: &str) {
        self.error = Some(why.to_owned());
    }

    fn achieved(&self, what: &str, _: &Context) -> bool {
        what == "torn" && self.answer.as_ref().is_some_and(|answer| answer.torn != Torn::default())
    }

    fn copy(&self, _: &Context) -> Option<(String, String)> {
        let lines: Vec<String> = self.verdict().into_iter().map(|(_, line)| line).collect();
        (!lines.is_empty()).then(|| ("recovery's reason".to_owned(), lines.join("\n")))
    }

    fn draw(&self, painter: &mut Painter<'_>, _: &Context) {
        let Some(judgement) = self.judgement() else {
            let why = self.error.as_deref().unwrap_or("reading the metas…");
            painter.put(1, 0, why, Role::Dim);
            return;
        };
        let (width, height) = (painter.width(), painter.height());
        let wide = usize::from(width.saturating_sub(2));
        let mut y = 0;
        let low = height < LOW;
        for (role, line) in self.verdict() {
            // A low terminal keeps its rows for the rules.
            let lines = if low { 1 } else { usize::MAX };
            for line in text::wrap(&line, wide).into_iter().take(lines) {
                painter.put(1, y, &line, role);
                y += 1;
            }
        }
        y += u16::from(!low);
        let side_by_side = width >= WIDE;
        let half = if side_by_side { width / 2 } else { width };
        let rules = u16::try_from(judgement.rules.len()).unwrap_or(u16::MAX).saturating_add(1);
        let room = height.saturating_sub(y);
        let table = match (side_by_side, low) {
            (true, _) | (_, true) => room,
            (false, false) => rules.min(room.saturating_sub(4)),
        };
        draw_rules(judgement, &mut painter.part(1, y, half.saturating_sub(2), table));
        let (x, top) = if side_by_side { (half, y) } else { (1, y + table + 1) };
        let mut fields =
            painter.part(x, top, width.saturating_sub(x + 1), height.saturating_sub(top));
        self.draw_fields(&mut fields, judgement);
    }

    fn text(&self, _: &Context) -> Vec<String> {
        let Some(judgement) = self.judgement() else {
            return vec![self.error.clone().unwrap_or_else(|| "not read".to_owned())];
        };
        let mut lines: Vec<String> = self.verdict().into_iter().map(|(_, line)| line).collect();
        lines.push(String::new());
        for step in &judgement.rules {
            let [a, b] = &step.slots;
            let (mark_a, _, found_a) = result(step.rule, a);
            let (mark_b, _, found_b) = result(step.rule, b);
            lines.push(format!(
                "{:<8} {:<30} A {mark_a} {:<34} B {mark_b} {}",
                step.rule,
                step.name,
                text::cut(&found_a, 34),
                text::cut(&found_b, 60)
            ));
        }
        lines.push(String::new());
        lines.push(format!("{:<18} {:<40} B", "field", "A"));
        for (name, a, b) in self.rows() {
            lines.push(format!("{name:<18} {:<40} {}", value(a), value(b)));
        }
        lines
    }

    fn json(&self, _: &Context) -> Value {
        let replay = self.answer.as_ref().and_then(|answer| answer.replay.as_ref());
        json!({ "screen": "metas", "judgement": self.judgement(), "replay": replay })
    }
}

fn draw_rules(judgement: &MetaJudgement, painter: &mut Painter<'_>) {
    let width = painter.width();
    let name_width = (width / 3).clamp(16, 31);
    let column = width.saturating_sub(name_width + 9) / 2;
    painter.put(0, 0, "rule", Role::Title);
    let chosen = judgement.chosen;
    let head = |slot: SlotChoice| match chosen == Some(slot) {
        true => format!("{} = p{}  ◀ chosen", slot.name(), slot.index()),
        false => format!("{} = p{}", slot.name(), slot.index()),
    };
    let a_x = 9 + name_width;
    let b_x = a_x + column;
    let room = usize::from(column.saturating_sub(1));
    painter.put(a_x, 0, &text::cut(&head(SlotChoice::A), room), Role::Meta);
    painter.put(b_x, 0, &text::cut(&head(SlotChoice::B), room), Role::Meta);
    for (y, step) in (1_u16..).zip(&judgement.rules) {
        painter.put(0, y, step.rule, Role::Dim);
        let name = text::cut(step.name, usize::from(name_width.saturating_sub(1)));
        painter.put(9, y, &name, Role::Text);
        for (x, slot) in [a_x, b_x].into_iter().zip(&step.slots) {
            let (mark, role, found) = result(step.rule, slot);
            let at = painter.put(x, y, mark, role);
            let found = told(&found, 200);
            let room = usize::from(column.saturating_sub(3));
            painter.put(at + 1, y, &text::cut(&found, room), Role::Dim);
        }
    }
}

impl MetasScreen {
    fn draw_fields(&self, painter: &mut Painter<'_>, judgement: &MetaJudgement) {
        let width = painter.width();
        let rows = self.rows();
        let column = width.saturating_sub(20) / 2;
        painter.put(0, 0, "field", Role::Title);
        painter.put(20, 0, "A", Role::Meta);
        painter.put(20 + column, 0, "B", Role::Meta);
        if rows.is_empty() {
            let why = judgement.slots.iter().find_map(|slot| slot.problem.as_ref());
            let why = why.map_or("no meta in either slot".to_owned(), ToString::to_string);
            painter.put(0, 1, &told(why, 200), Role::Bad);
        }
        let height = usize::from(painter.height().saturating_sub(1));
        for (y, at) in (1_u16..).zip(self.cursor.window(rows.len(), height)) {
            let Some((name, a, b)) = rows.get(at) else { break };
            let (left, right) = (value(*a), value(*b));
            let differs = left != right;
            painter.put(1, y, name, if differs { Role::Text } else { Role::Dim });
            let room = usize::from(column.saturating_sub(2));
            let link = |field: &Option<&FieldView>| field.is_some_and(|field| field.link.is_some());
            let role = |field: &Option<&FieldView>| match (link(field), differs) {
                (true, _) => Role::Link,
                (false, true) => Role::Text,
                (false, false) => Role::Dim,
            };
            painter.put(20, y, &text::cut(&left, room), role(a));
            painter.put(20 + column, y, &text::cut(&right, room), role(b));
            if differs {
                painter.put(18, y, "≠", Role::Changed);
            }
            if at == self.cursor.at {
                painter.mark(0, y, width, 1, Role::Selected);
                painter.put(0, y, "▌", Role::Selected);
            }
        }
    }
}
