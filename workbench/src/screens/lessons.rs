//! The list of lessons. A lesson itself runs in a strip below whatever screen it sends one to.

use super::{Component, Context, Effect, ScreenId};
use crate::action::Act;
use crate::model::lessons::LESSONS;
use crate::place::At;
use crate::theme::Role;
use crate::widgets::list::Cursor;
use crate::widgets::{Painter, text};
use serde_json::{Value, json};
use std::any::Any;

/// The screen.
#[derive(Debug, Default)]
pub struct LessonsScreen {
    cursor: Cursor,
}

impl Component for LessonsScreen {
    fn id(&self) -> ScreenId {
        ScreenId::Lessons
    }

    fn works(&self, _: &Context) -> Vec<Act> {
        vec![Act::Open, Act::Up, Act::Down, Act::Top, Act::End]
    }

    fn act(&mut self, act: Act, _: &Context) -> Vec<Effect> {
        if act == Act::Open {
            return vec![Effect::Lesson(self.cursor.at)];
        }
        self.cursor.go(act, LESSONS.len());
        Vec::new()
    }

    fn show(&mut self, _: &At, _: &Context) -> Vec<Effect> {
        Vec::new()
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
        let row = usize::from(y.saturating_sub(2) / 3);
        if row < LESSONS.len() {
            self.cursor.select(row, LESSONS.len());
        }
        if again { self.act(Act::Open, context) } else { Vec::new() }
    }

    fn draw(&self, painter: &mut Painter<'_>, context: &Context) {
        let width = painter.width();
        let intro = "Enter starts a lesson. It stays below the screens and goes on when you have done what it asks.";
        let mut y = 0;
        for line in text::wrap(intro, usize::from(width.saturating_sub(2))) {
            painter.put(1, y, &line, Role::Dim);
            y += 1;
        }
        y += 1;
        let rows = usize::from(painter.height().saturating_sub(y) / 3).max(1);
        for at in self.cursor.window(LESSONS.len(), rows) {
            let Some(lesson) = LESSONS.get(at) else { break };
            let done = context.lessons_done.contains(&at);
            let (mark, role) = if done { ("✓", Role::Good) } else { ("○", Role::Dim) };
            painter.put(1, y, mark, role);
            painter.put(3, y, &format!("{}  {}", at + 1, lesson.title), Role::Title);
            let steps = text::plural(lesson.steps.len() as u64, "step");
            painter.put_right(width.saturating_sub(1), y, &steps, Role::Dim);
            painter.put(6, y + 1, lesson.about, Role::Text);
            if at == self.cursor.at {
                painter.mark(0, y, width, 1, Role::Selected);
                painter.put(0, y, "▌", Role::Selected);
            }
            y += 3;
        }
    }

    fn text(&self, context: &Context) -> Vec<String> {
        let mut lines = Vec::new();
        for (at, lesson) in LESSONS.iter().enumerate() {
            let done = if context.lessons_done.contains(&at) { " (done)" } else { "" };
            lines.push(format!("{}. {}{done}: {}", at + 1, lesson.title, lesson.about));
            for (number, step) in lesson.steps.iter().enumerate() {
                lines.push(format!("   {}. {}", number + 1, step.text));
            }
        }
        lines
    }

    fn json(&self, context: &Context) -> Value {
        let lessons: Vec<Value> = LESSONS
            .iter()
            .enumerate()
            .map(|(at, lesson)| {
                let steps: Vec<&str> = lesson.steps.iter().map(|step| step.text).collect();
                let done = context.lessons_done.contains(&at);
                json!({ "title": lesson.title, "about": lesson.about, "steps": steps, "done": done })
            })
            .collect();
        json!({ "screen": "lessons", "lessons": lessons })
    }
}
