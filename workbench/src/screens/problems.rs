//! Everything that is wrong with the file: rule, place, what was expected, what was found; of the
//! selected finding also what its rule demands and how bad it is.
//!
//! The list is that of `northstar-headless check`: one check, two faces.

use super::{Component, Context, Effect, ScreenId};
use crate::action::Act;
use crate::job::Data;
use crate::model::pagemap::state_text;
use crate::model::rules;
use crate::model::told::told;
use crate::place::{At, Place};
use crate::theme::Role;
use crate::widgets::list::Cursor;
use crate::widgets::{Painter, text};
use northstar_engine::error;
use northstar_engine::inspect::{Problem, Severity};
use northstar_engine::printable::Printable;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// From this width on the selected finding is explained beside the list.
const WIDE: u16 = 120;
/// Rows of the list that the explanation below leaves at least.
const LIST_ROWS_MIN: u16 = 4;

/// The screen.
#[derive(Debug, Default)]
pub struct ProblemsScreen {
    cursor: Cursor,
}

fn problems(context: &Context) -> &[Problem] {
    context.survey.as_ref().map_or(&[], |survey| &survey.report.problems)
}

pub(super) fn place_of(problem: &Problem) -> Option<Place> {
    match problem.place {
        error::Place::Page(page) => Some(Place::page(page)),
        error::Place::Lsn(lsn) => Some(Place::new(ScreenId::Log, At::Lsn(lsn))),
        _ => None,
    }
}

fn line(problem: &Problem) -> String {
    let file = problem.file.file_name().unwrap_or(problem.file.as_os_str());
    format!(
        "{}: {}: {}: expected {}, found {} ({})",
        problem.severity.name(),
        problem.place,
        problem.rule,
        told(&problem.expected, 200),
        told(&problem.found, 200),
        Printable::capped(file.as_encoded_bytes(), 60).as_str(),
    )
}

/// What a severity says about the data.
const fn consequence(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => {
            "error: data is damaged here; northstar-headless salvage saves what can still be read"
        }
        Severity::Warning => {
            "warning: the current state loses nothing; the engine works around it, or only older \
             states are touched"
        }
        Severity::Note => "note: nothing is lost",
    }
}

/// A finding with all that helps to understand it, as names and sentences.
fn explained(problem: &Problem, context: &Context) -> Vec<(&'static str, Role, String)> {
    let printable = |text: &str| told(text, 300);
    let (_, role) = mark(problem.severity);
    let file = problem.file.file_name().unwrap_or(problem.file.as_os_str());
    let file = Printable::capped(file.as_encoded_bytes(), 60);
    let place = format!("{} of {}", problem.place, file.as_str());
    let mut lines = vec![
        ("", role, consequence(problem.severity).to_owned()),
        (
            "where",
            Role::Text,
            if problem.place == error::Place::File { file.into_string() } else { place },
        ),
        ("expected", Role::Text, printable(&problem.expected)),
        ("found", Role::Text, printable(&problem.found)),
    ];
    if let Some(meaning) = rules::meaning(problem.rule) {
        lines.push((problem.rule, Role::Dim, meaning));
    }
    if let (error::Place::Page(page), Some(survey)) = (problem.place, &context.survey) {
        lines.push(("page", Role::Dim, format!("p{page} is {}", state_text(survey.state(page)))));
    }
    lines
}

const fn mark(severity: Severity) -> (&'static str, Role) {
    match severity {
        Severity::Error => ("✗", Role::Bad),
        Severity::Warning => ("!", Role::Warn),
        Severity::Note => ("·", Role::Dim),
    }
}

impl Component for ProblemsScreen {
    fn id(&self) -> ScreenId {
        ScreenId::Problems
    }

    fn works(&self, context: &Context) -> Vec<Act> {
        let mut works = Vec::new();
        let problems = problems(context);
        if problems.get(self.cursor.at).and_then(place_of).is_some() {
            works.push(Act::Open);
        }
        if !problems.is_empty() {
            works.extend([Act::Up, Act::Down, Act::PageUp, Act::PageDown, Act::Top, Act::End]);
        }
        works
    }

    fn act(&mut self, act: Act, context: &Context) -> Vec<Effect> {
        let problems = problems(context);
        if act == Act::Open {
            let place = problems.get(self.cursor.at).and_then(place_of);
            return place.map(Effect::Go).into_iter().collect();
        }
        self.cursor.go(act, problems.len());
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
        let len = problems(context).len();
        if let Some(at) = y.checked_sub(2).and_then(|y| self.cursor.row_at(usize::from(y), len)) {
            self.cursor.select(at, len);
        }
        if again { self.act(Act::Open, context) } else { Vec::new() }
    }

    fn copy(&self, context: &Context) -> Option<(String, String)> {
        let problem = problems(context).get(self.cursor.at)?;
        Some(("the problem".to_owned(), line(problem)))
    }

    fn draw(&self, painter: &mut Painter<'_>, context: &Context) {
        let Some(survey) = &context.survey else {
            painter.put(1, 0, "checking everything… (ctrl-k starts it again)", Role::Dim);
            return;
        };
        let report = &survey.report;
        let counted = format!(
            "{}, {}, {} checked",
            text::plural(report.pages, "page"),
            text::plural(report.rows, "row"),
            text::plural(report.log_records, "log record")
        );
        if report.problems.is_empty() {
            let x = painter.put(1, 0, "✓ nothing is wrong", Role::Good);
            painter.put(x + 2, 0, &counted, Role::Dim);
            return;
        }
        let head = text::plural(report.problems.len() as u64, "finding");
        let x = painter.put(1, 0, &head, Role::Title);
        painter.put(x + 2, 0, &counted, Role::Dim);
        let (width, height) = (painter.width(), painter.height());
        let rest = height.saturating_sub(2);
        if width >= WIDE {
            let list = width / 2;
            self.draw_list(&mut painter.part(0, 2, list, rest), &report.problems);
            painter.fill(list, 2, 1, rest, '│', Role::Border);
            let mut beside = painter.part(list + 2, 2, width - list - 3, rest);
            self.draw_explained(&mut beside, context);
        } else {
            let wanted = self.explained_rows(context, width.saturating_sub(2)) + 1;
            let below = wanted.min(rest.saturating_sub(LIST_ROWS_MIN));
            let below = if below > 2 { below } else { 0 };
            self.draw_list(&mut painter.part(0, 2, width, rest - below), &report.problems);
            let top = height - below;
            painter.fill(0, top, width, below.min(1), '─', Role::Border);
            let mut under =
                painter.part(1, top + 1, width.saturating_sub(2), below.saturating_sub(1));
            self.draw_explained(&mut under, context);
        }
    }

    fn text(&self, context: &Context) -> Vec<String> {
        let Some(survey) = &context.survey else { return vec!["not checked".to_owned()] };
        let mut lines: Vec<String> = survey.report.problems.iter().map(line).collect();
        if let Some(problem) = problems(context).get(self.cursor.at) {
            lines.push(String::new());
            let pieces = explained(problem, context).into_iter();
            lines.extend(
                pieces.map(|(name, _, text)| format!("{name:<9} {text}").trim().to_owned()),
            );
            lines.push(String::new());
        }
        if lines.is_empty() {
            lines.push("nothing is wrong".to_owned());
        }
        lines.push(format!(
            "{} pages, {} rows, {} log records checked",
            survey.report.pages, survey.report.rows, survey.report.log_records
        ));
        lines
    }

    fn json(&self, context: &Context) -> Value {
        let report = context.survey.as_ref().map(|survey| &survey.report);
        let broken = problems(context).iter().map(|problem| problem.rule);
        let rules: BTreeMap<&str, Option<String>> =
            broken.map(|rule| (rule, rules::meaning(rule))).collect();
        json!({ "screen": "problems", "report": report, "rules": rules })
    }
}

/// Columns of the names in an explanation.
const NAME: u16 = 10;

impl ProblemsScreen {
    fn draw_list(&self, painter: &mut Painter<'_>, problems: &[Problem]) {
        let (width, height) = (painter.width(), painter.height());
        for (y, at) in (0_u16..).zip(self.cursor.window(problems.len(), usize::from(height))) {
            let Some(problem) = problems.get(at) else { break };
            let (glyph, role) = mark(problem.severity);
            painter.put(1, y, glyph, role);
            painter.put(3, y, problem.rule, role);
            let behind = painter.put(12, y, &problem.place.to_string(), Role::Link);
            let found = told(&problem.found, 200);
            let expected = told(&problem.expected, 200);
            let what = format!("expected {}, found {}", expected, found);
            // A place in the log is long: what is behind it moves on.
            let x = behind.saturating_add(2).max(28);
            let room = usize::from(width.saturating_sub(x));
            painter.put(x, y, &text::cut(&what, room), Role::Text);
            if at == self.cursor.at {
                painter.mark(0, y, width, 1, Role::Selected);
                painter.put(0, y, "▌", Role::Selected);
            }
        }
    }

    /// The selected finding, a name and its lines each.
    fn explanation(&self, context: &Context, width: u16) -> Vec<(&'static str, Role, Vec<String>)> {
        let selected = problems(context).get(self.cursor.at);
        let pieces = selected.map(|problem| explained(problem, context)).unwrap_or_default();
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
