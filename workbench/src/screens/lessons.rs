//! The list of lessons, and the chart that one of them is about.
//!
//! A lesson itself runs in a strip below whatever screen it sends one to.

mod chart;

use super::{Component, Context, Effect, ScreenId};
use crate::action::Act;
use crate::job::Data;
use crate::model::lessons::{LESSONS, Press, Step};
use crate::model::progress::Reached;
use crate::place::At;
use crate::text;
use crate::theme::Role;
use crate::widgets::Painter;
use crate::widgets::list::Cursor;
use serde_json::{Value, json};
use std::cell::Cell;

/// Rows a lesson takes in the list.
const ROWS: u16 = 2;
/// From this width on the steps of the selected lesson stand beside the list.
const WIDE: u16 = 120;

/// The screen.
#[derive(Debug, Default)]
pub struct LessonsScreen {
    cursor: Cursor,
    /// Over the bars of the chart.
    bars: Cursor,
    /// The chart was put away to see the list.
    list_wanted: bool,
    /// The cursor has been moved, or the first open lesson was selected.
    placed: bool,
    /// The lesson that was suggested last.
    suggested: Option<usize>,
    /// The row the list began at when last drawn: clicks go by it.
    top: Cell<u16>,
}

impl LessonsScreen {
    fn shows_chart(&self, context: &Context) -> bool {
        context.latencies.as_deref().is_some() && !self.list_wanted
    }

    fn draw_list(&self, painter: &mut Painter<'_>, context: &Context) {
        let width = painter.width();
        let intro = "Enter starts a lesson. It stays below the screens, shows which keys to press, and goes on when you have done what it asks.";
        let mut y = 0;
        for line in text::wrap(intro, usize::from(width.saturating_sub(2))) {
            painter.put(1, y, &line, Role::Dim);
            y += 1;
        }
        y += 1;
        self.top.set(y);
        let rows = usize::from(painter.height().saturating_sub(y) / ROWS).max(1);
        for at in self.cursor.window(LESSONS.len(), rows) {
            let Some(lesson) = LESSONS.get(at) else { break };
            let (mark, role, reached) = match context.progress.of(at) {
                Some(Reached::Done) => ("✓", Role::Good, "done".to_owned()),
                Some(Reached::Step(step)) => {
                    ("◐", Role::Warn, format!("step {step} of {}", lesson.steps.len()))
                }
                None => ("○", Role::Dim, text::plural(lesson.steps.len() as u64, "step")),
            };
            painter.put(1, y, mark, role);
            painter.put(3, y, &format!("{}  {}", at + 1, lesson.title), Role::Title);
            painter.put_right(width.saturating_sub(1), y, &reached, Role::Dim);
            let room = usize::from(width.saturating_sub(7));
            match &context.under_way {
                Some((lesson, hint)) if *lesson == at => {
                    let line = format!("▶ press  {hint}   (the lesson stands below the screens)");
                    painter.put(6, y + 1, &text::cut(&line, room), Role::Key);
                }
                _ => {
                    painter.put(6, y + 1, &text::cut(lesson.about, room), Role::Text);
                }
            }
            if at == self.cursor.at {
                painter.mark(0, y, width, 1, Role::Selected);
                painter.put(0, y, "▌", Role::Selected);
            }
            y += ROWS;
        }
    }
}

/// What a lesson will ask for, a paragraph a step; done steps are marked.
fn draw_steps(at: usize, painter: &mut Painter<'_>, context: &Context) {
    let Some(lesson) = LESSONS.get(at) else { return };
    let width = usize::from(painter.width().saturating_sub(5));
    let reached = match context.progress.of(at) {
        Some(Reached::Done) => lesson.steps.len(),
        Some(Reached::Step(step)) => step.saturating_sub(1),
        None => 0,
    };
    painter.put(0, 0, lesson.title, Role::Title);
    let mut y = 2;
    for (number, step) in lesson.steps.iter().enumerate() {
        let role = if number < reached { Role::Good } else { Role::Dim };
        let mark = if number < reached { "✓" } else { " " };
        painter.put(0, y, &format!("{mark} {}", number + 1), role);
        for line in text::wrap(step.text, width) {
            painter.put(5, y, &line, Role::Text);
            y += 1;
        }
    }
}

impl Component for LessonsScreen {
    fn id(&self) -> ScreenId {
        ScreenId::Lessons
    }

    fn works(&self, context: &Context) -> Vec<Act> {
        let mut works = vec![Act::Up, Act::Down, Act::Top, Act::End];
        if context.latencies.as_deref().is_some() {
            works.insert(0, Act::NextPane);
        }
        if !self.shows_chart(context) {
            works.insert(0, Act::Open);
        }
        works
    }

    fn act(&mut self, act: Act, context: &Context) -> Vec<Effect> {
        match act {
            Act::NextPane => self.list_wanted = !self.list_wanted,
            Act::Open => return vec![Effect::Lesson(self.cursor.at)],
            act if self.shows_chart(context) => {
                let len = context.latencies.as_deref().map_or(0, |all| all.buckets().len());
                self.bars.go(act, len);
            }
            act => {
                self.placed = true;
                self.cursor.go(act, LESSONS.len());
            }
        }
        Vec::new()
    }

    fn show(&mut self, _: &At, context: &Context) -> Vec<Effect> {
        self.list_wanted = false;
        // The first open lesson at first, then the one behind each that is done.
        if !self.placed || self.suggested != context.next_lesson {
            (self.placed, self.suggested) = (true, context.next_lesson);
            let next = context.next_lesson.or_else(|| context.progress.open_from(0));
            self.cursor.select(next.unwrap_or(0), LESSONS.len());
        }
        Vec::new()
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
        if self.shows_chart(context) {
            return Vec::new();
        }
        let row = y.checked_sub(self.top.get()).map(|y| usize::from(y / ROWS));
        if let Some(at) = row.and_then(|row| self.cursor.row_at(row, LESSONS.len())) {
            self.cursor.select(at, LESSONS.len());
        }
        if again { self.act(Act::Open, context) } else { Vec::new() }
    }

    fn achieved(&self, what: &str, context: &Context) -> bool {
        let Some(latencies) = context.latencies.as_deref().filter(|_| self.shows_chart(context))
        else {
            return false;
        };
        match what {
            "chart" => true,
            "slowest bar" => self.bars.at + 1 == latencies.buckets().len() && self.bars.at > 0,
            _ => false,
        }
    }

    fn draw(&self, painter: &mut Painter<'_>, context: &Context) {
        match context.latencies.as_deref() {
            Some(latencies) if self.shows_chart(context) => {
                chart::draw(latencies, &self.bars, painter);
            }
            _ if painter.width() >= WIDE => {
                let (width, height) = (painter.width(), painter.height());
                let list = width / 2;
                self.draw_list(&mut painter.part(0, 0, list, height), context);
                painter.fill(list, 0, 1, height, '│', Role::Border);
                let mut beside = painter.part(list + 2, 0, width - list - 3, height);
                draw_steps(self.cursor.at, &mut beside, context);
            }
            _ => self.draw_list(painter, context),
        }
    }

    fn text(&self, context: &Context) -> Vec<String> {
        let mut lines = Vec::new();
        for (at, lesson) in LESSONS.iter().enumerate() {
            let reached = match context.progress.of(at) {
                Some(Reached::Done) => " (done)".to_owned(),
                Some(Reached::Step(step)) => format!(" (step {step} reached)"),
                None => String::new(),
            };
            lines.push(format!("{}. {}{reached}: {}", at + 1, lesson.title, lesson.about));
            for (number, step) in lesson.steps.iter().enumerate() {
                lines.push(format!("   {}. {}", number + 1, step.text));
            }
        }
        if let Some(latencies) = context.latencies.as_deref() {
            lines.extend(chart::text(latencies));
        }
        lines
    }

    fn json(&self, context: &Context) -> Value {
        let lessons: Vec<Value> = LESSONS
            .iter()
            .enumerate()
            .map(|(at, lesson)| {
                let done = context.progress.of(at) == Some(Reached::Done);
                let steps: Vec<Value> = lesson.steps.iter().map(step_json).collect();
                json!({
                    "id": lesson.id,
                    "title": lesson.title,
                    "about": lesson.about,
                    "steps": steps,
                    "done": done,
                })
            })
            .collect();
        let engine = context.exercised.as_ref().map(|exercised| &exercised.stats);
        let latencies = context.latencies.as_deref().map(chart::json);
        json!({
            "screen": "lessons",
            "lessons": lessons,
            "engine": engine,
            "latencies": latencies,
        })
    }
}

fn step_json(step: &Step) -> Value {
    let actions: Vec<&str> = step
        .press
        .iter()
        .filter_map(|press| match press {
            Press::Do(act) | Press::Again(act) => Some(act.row().id),
            Press::Screen(screen) => Some(screen.name()),
            Press::Type(text) => Some(text),
            Press::Enter => None,
        })
        .collect();
    json!({ "text": step.text, "does": actions })
}
