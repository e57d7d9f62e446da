//! Everything that a check found: what is wrong, then what is worth knowing. A line each; of the selected one
//! also what its rule demands and how bad it is.
//!
//! The lists are those of `northstar-headless check`: one check, two faces.

mod entry;

use super::{Component, Context, Effect, ScreenId};
use crate::action::Act;
use crate::job::Data;
use crate::model::rules;
use crate::place::At;
use crate::theme::Role;
use crate::widgets::list::Cursor;
use crate::widgets::{Painter, text};
pub(super) use entry::{Entries, Entry};
use northstar_engine::inspect::Report;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// From this width on the selected finding is explained beside the list.
const WIDE: u16 = 120;
/// Rows of the list that the explanation below leaves at least.
const LIST_ROWS_MIN: u16 = 4;
/// Columns a place has at least, and where what is so begins then.
const PLACE: u16 = 12;
const WHAT: u16 = 28;

/// The screen.
#[derive(Debug, Default)]
pub struct ProblemsScreen {
    cursor: Cursor,
}

/// The result in a few words.
fn verdict(report: &Report, lints: usize) -> (Role, String) {
    let lints = match lints {
        0 => String::new(),
        count => format!(", {}", text::plural(count as u64, "lint")),
    };
    match report.problems.len() as u64 {
        0 => (Role::Good, format!("✓ nothing is wrong{lints}")),
        count => (Role::Title, format!("{}{lints}", text::plural(count, "finding"))),
    }
}

fn counted(report: &Report, cartridges: u64) -> String {
    format!(
        "{}, {}, {}, {} checked",
        text::plural(report.pages, "page"),
        text::plural(report.rows, "row"),
        text::plural(report.log_records, "log record"),
        text::plural(cartridges, "cartridge")
    )
}

/// Commits that came after the check: of their records and of what they made stale it says nothing.
fn commits_since(context: &Context) -> u64 {
    let moved = context.checked_txn.zip(context.summary.newest_txn());
    moved.map_or(0, |(checked, newest)| newest.get().saturating_sub(checked.get()))
}

fn since_line(context: &Context) -> Option<String> {
    let since = commits_since(context);
    let commits = text::plural(since, "commit");
    (since > 0).then(|| format!("{commits} since this check; ctrl-k checks again"))
}

impl Component for ProblemsScreen {
    fn id(&self) -> ScreenId {
        ScreenId::Problems
    }

    fn works(&self, context: &Context) -> Vec<Act> {
        let mut works = Vec::new();
        let entries = Entries::of(context);
        if entries.get(self.cursor.at).and_then(|entry| entry.leads_to()).is_some() {
            works.push(Act::Open);
        }
        if !entries.is_empty() {
            works.extend([Act::Up, Act::Down, Act::PageUp, Act::PageDown, Act::Top, Act::End]);
        }
        works
    }

    fn act(&mut self, act: Act, context: &Context) -> Vec<Effect> {
        let entries = Entries::of(context);
        if act == Act::Open {
            let place = entries.get(self.cursor.at).and_then(|entry| entry.leads_to());
            return place.map(Effect::Go).into_iter().collect();
        }
        self.cursor.go(act, entries.len());
        Vec::new()
    }

    fn show(&mut self, _: &At, context: &Context) -> Vec<Effect> {
        match context.survey {
            Some(_) => Vec::new(),
            None => vec![Effect::CheckAll],
        }
    }

    fn place(&self) -> At {
        At::Here
    }

    fn reload(&mut self, _: &Context) -> Vec<Effect> {
        Vec::new()
    }

    fn loaded(&mut self, _: &'static str, _: Data, _: &Context) -> Vec<Effect> {
        Vec::new()
    }

    fn failed(&mut self, _: &'static str, _: &str) {}

    fn click(&mut self, _: u16, y: u16, again: bool, context: &Context) -> Vec<Effect> {
        let len = Entries::of(context).len();
        if let Some(at) = y.checked_sub(2).and_then(|y| self.cursor.row_at(usize::from(y), len)) {
            self.cursor.select(at, len);
        }
        if again { self.act(Act::Open, context) } else { Vec::new() }
    }

    fn copy(&self, context: &Context) -> Option<(String, String)> {
        let entry = Entries::of(context).get(self.cursor.at)?;
        Some(("the finding".to_owned(), entry.line()))
    }

    fn draw(&self, painter: &mut Painter<'_>, context: &Context) {
        let Some(survey) = &context.survey else {
            painter.put(1, 0, "checking everything… (ctrl-k starts it again)", Role::Dim);
            return;
        };
        let report = &survey.report;
        let (role, head) = verdict(report, context.lints.len());
        let x = painter.put(1, 0, &head, role);
        let room = usize::from(painter.width().saturating_sub(x + 3));
        let counted = counted(report, context.cartridges_checked);
        painter.put(x + 2, 0, &text::cut_at_words(&counted, room), Role::Dim);
        let since = since_line(context).unwrap_or_default();
        let wide = usize::from(painter.width().saturating_sub(2));
        painter.put(1, 1, &text::cut_at_words(&since, wide), Role::Warn);
        let entries = Entries::of(context);
        if entries.is_empty() {
            return;
        }
        let (width, height) = (painter.width(), painter.height());
        let rest = height.saturating_sub(2);
        if width >= WIDE {
            let list = width / 2;
            self.draw_list(&mut painter.part(0, 2, list, rest), entries, context);
            painter.fill(list, 2, 1, rest, '│', Role::Border);
            let mut beside = painter.part(list + 2, 2, width - list - 3, rest);
            self.draw_explained(&mut beside, context);
        } else {
            let wanted = self.explained_rows(context, width.saturating_sub(2)) + 1;
            let below = wanted.min(rest.saturating_sub(LIST_ROWS_MIN));
            let below = if below > 2 { below } else { 0 };
            self.draw_list(&mut painter.part(0, 2, width, rest - below), entries, context);
            let top = height - below;
            painter.fill(0, top, width, below.min(1), '─', Role::Border);
            let mut under =
                painter.part(1, top + 1, width.saturating_sub(2), below.saturating_sub(1));
            self.draw_explained(&mut under, context);
        }
    }

    fn text(&self, context: &Context) -> Vec<String> {
        let Some(survey) = &context.survey else { return vec!["not checked".to_owned()] };
        let entries = Entries::of(context);
        let mut lines: Vec<String> = entries.iter().map(Entry::line).collect();
        if let Some(entry) = entries.get(self.cursor.at) {
            lines.push(String::new());
            let pieces = entry.explained(context).into_iter();
            lines.extend(
                pieces.map(|(name, _, text)| format!("{name:<9} {text}").trim().to_owned()),
            );
            lines.push(String::new());
        }
        if survey.report.problems.is_empty() {
            lines.push("nothing is wrong".to_owned());
        }
        lines.push(counted(&survey.report, context.cartridges_checked));
        lines.extend(since_line(context));
        lines
    }

    fn json(&self, context: &Context) -> Value {
        let entries = Entries::of(context);
        let rules: BTreeMap<&str, Option<String>> =
            entries.iter().map(|entry| (entry.rule(), rules::meaning(entry.rule()))).collect();
        let report = context.survey.as_ref().map(|survey| {
            let report = &survey.report;
            json!({
                "problems": entries.problems().map(Entry::json).collect::<Vec<Value>>(),
                "problems_unlisted": report.problems_unlisted,
                "pages": report.pages,
                "rows": report.rows,
                "log_records": report.log_records,
                "cartridges": context.cartridges_checked,
                "txn_id": report.txn_id,
            })
        });
        let lints: Vec<Value> = entries.lints().map(Entry::json).collect();
        json!({
            "screen": "problems",
            "report": report,
            "lints": lints,
            "rules": rules,
            "commits_since_check": commits_since(context),
        })
    }
}

/// Columns of the names in an explanation.
const NAME: u16 = 10;

impl ProblemsScreen {
    fn draw_list(&self, painter: &mut Painter<'_>, entries: Entries<'_>, context: &Context) {
        let (width, height) = (painter.width(), painter.height());
        for (y, at) in (0_u16..).zip(self.cursor.window(entries.len(), usize::from(height))) {
            let Some(entry) = entries.get(at) else { break };
            let (glyph, role) = entry.mark();
            painter.put(1, y, glyph, role);
            painter.put(3, y, entry.rule(), role);
            let behind = painter.put(PLACE, y, &entry.whereabouts(context), Role::Link);
            // A place in the log is long: what is behind it moves on.
            let x = behind.saturating_add(2).max(WHAT);
            let room = usize::from(width.saturating_sub(x));
            painter.put(x, y, &text::cut(&entry.what(), room), Role::Text);
            if at == self.cursor.at {
                painter.mark(0, y, width, 1, Role::Selected);
                painter.put(0, y, "▌", Role::Selected);
            }
        }
    }

    /// The selected finding, a name and its lines each.
    fn explanation(&self, context: &Context, width: u16) -> Vec<(&'static str, Role, Vec<String>)> {
        let entries = Entries::of(context);
        let selected = entries.get(self.cursor.at);
        let pieces = selected.map(|entry| entry.explained(context)).unwrap_or_default();
        let wrapped = pieces.into_iter().map(|(name, role, text)| {
            let room = if name.is_empty() { width } else { width.saturating_sub(NAME) };
            (name, role, text::wrap(&text, usize::from(room)))
        });
        wrapped.collect()
    }

    fn explained_rows(&self, context: &Context, width: u16) -> u16 {
        let rows = self.explanation(context, width);
        let count = rows.iter().map(|(_, _, lines)| lines.len()).sum::<usize>();
        u16::try_from(count).unwrap_or(u16::MAX)
    }

    fn draw_explained(&self, painter: &mut Painter<'_>, context: &Context) {
        let mut y = 0;
        for (name, role, lines) in self.explanation(context, painter.width()) {
            painter.put(0, y, name, Role::Title);
            let x = if name.is_empty() { 0 } else { NAME };
            for line in lines {
                painter.put(x, y, &line, role);
                y += 1;
            }
        }
    }
}
