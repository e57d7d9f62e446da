//! Everything that is wrong with the file: rule, place, what was expected, what was found.
//!
//! The list is that of `northstar-headless check`: one check, two faces.

use super::{Component, Context, Effect, ScreenId};
use crate::action::Act;
use crate::place::{At, Place};
use crate::theme::Role;
use crate::widgets::list::Cursor;
use crate::widgets::{Painter, text};
use northstar_engine::error;
use northstar_engine::inspect::{Problem, Severity};
use northstar_engine::printable::Printable;
use serde_json::{Value, json};
use std::any::Any;

/// The screen.
#[derive(Debug, Default)]
pub struct ProblemsScreen {
    cursor: Cursor,
}

fn problems(context: &Context) -> &[Problem] {
    context.survey.as_ref().map_or(&[], |survey| &survey.report.problems)
}

fn place_of(problem: &Problem) -> Option<Place> {
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
        Printable::capped(&problem.expected, 200).as_str(),
        Printable::capped(&problem.found, 200).as_str(),
        Printable::capped(file.as_encoded_bytes(), 60).as_str(),
    )
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

    fn loaded(&mut self, _: &'static str, _: Box<dyn Any + Send>, _: &Context) -> Vec<Effect> {
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
        let strip = 5.min(height / 3);
        let rows = usize::from(height.saturating_sub(2 + strip));
        for (y, at) in (2_u16..).zip(self.cursor.window(report.problems.len(), rows)) {
            let Some(problem) = report.problems.get(at) else { break };
            let (glyph, role) = mark(problem.severity);
            painter.put(1, y, glyph, role);
            painter.put(3, y, problem.rule, role);
            let behind = painter.put(12, y, &problem.place.to_string(), Role::Link);
            let found = Printable::capped(&problem.found, 200);
            let expected = Printable::capped(&problem.expected, 200);
            let what = format!("{}, expected {}", found.as_str(), expected.as_str());
            // A place in the log is long: what is behind it moves on.
            let x = behind.saturating_add(2).max(28);
            let room = usize::from(width.saturating_sub(x));
            painter.put(x, y, &text::cut(&what, room), Role::Text);
            if at == self.cursor.at {
                painter.mark(0, y, width, 1, Role::Selected);
                painter.put(0, y, "▌", Role::Selected);
            }
        }
        if let Some(problem) = report.problems.get(self.cursor.at) {
            let mut below = painter.part(1, height - strip, width.saturating_sub(2), strip);
            let wide = usize::from(below.width());
            for (y, line) in (0_u16..).zip(text::wrap(&line(problem), wide)) {
                below.put(0, y, &line, Role::Text);
            }
        }
    }

    fn text(&self, context: &Context) -> Vec<String> {
        let Some(survey) = &context.survey else { return vec!["not checked".to_owned()] };
        let mut lines: Vec<String> = survey.report.problems.iter().map(line).collect();
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
        json!({ "screen": "problems", "report": report })
    }
}
