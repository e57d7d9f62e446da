//! One line of text: the goto prompt and questions of screens.

use super::Outcome;
use crate::action::Act;
use crate::keymap::Key;
use crate::theme::Role;
use crate::widgets::Painter;
use ratatui::crossterm::event::KeyCode;
use tui_input::{Input, InputRequest};

/// A line being typed.
#[derive(Debug)]
pub struct Prompt {
    title: String,
    /// The screen's question; `None` for the goto prompt.
    question: Option<&'static str>,
    line: Line,
    /// Nothing was typed yet: the first character replaces the text it starts from.
    untouched: bool,
}

/// An editable line, also used by the filters of other dialogs.
#[derive(Debug, Default)]
pub struct Line {
    input: Input,
}

impl Line {
    /// A line that starts as `text`.
    pub fn new(text: String) -> Self {
        Self { input: Input::new(text) }
    }

    /// The text.
    pub fn text(&self) -> &str {
        self.input.value()
    }

    /// Edits it; whether the key was for editing.
    pub fn key(&mut self, key: Key) -> bool {
        use InputRequest as R;
        let request = match (key.code, key.ctrl, key.alt) {
            (KeyCode::Char('a'), true, _) | (KeyCode::Home, ..) => R::GoToStart,
            (KeyCode::Char('e'), true, _) | (KeyCode::End, ..) => R::GoToEnd,
            (KeyCode::Char('w'), true, _) => R::DeletePrevWord,
            (KeyCode::Char('u'), true, _) => R::DeleteLine,
            (KeyCode::Char('k'), true, _) => R::DeleteTillEnd,
            (KeyCode::Left, true, _) | (KeyCode::Char('b'), _, true) => R::GoToPrevWord,
            (KeyCode::Right, true, _) | (KeyCode::Char('f'), _, true) => R::GoToNextWord,
            (KeyCode::Left, ..) => R::GoToPrevChar,
            (KeyCode::Right, ..) => R::GoToNextChar,
            (KeyCode::Backspace, ..) => R::DeletePrevChar,
            (KeyCode::Delete, ..) => R::DeleteNextChar,
            (KeyCode::Char(c), false, false) => R::InsertChar(c),
            _ => return false,
        };
        self.input.handle(request);
        true
    }

    /// Draws it with its cursor.
    pub fn draw(&self, painter: &mut Painter<'_>, x: u16, y: u16, width: u16) {
        let room = usize::from(width.saturating_sub(1)).max(1);
        let scroll = self.input.visual_scroll(room);
        let text: String = self.input.value().chars().skip(scroll).collect();
        let mut part = painter.part(x, y, width, 1);
        part.put(0, 0, &text, Role::Text);
        let cursor = self.input.visual_cursor().saturating_sub(scroll);
        part.mark(u16::try_from(cursor).unwrap_or(u16::MAX), 0, 1, 1, Role::Selected);
    }
}

impl Prompt {
    /// A screen's question.
    pub fn new(question: &'static str, title: &str, text: String) -> Self {
        Self {
            title: title.to_owned(),
            question: Some(question),
            line: Line::new(text),
            untouched: true,
        }
    }

    /// The goto prompt.
    pub fn goto(title: &str) -> Self {
        Self { title: title.to_owned(), question: None, line: Line::default(), untouched: true }
    }

    /// Adds pasted text, its first line.
    pub fn paste(&mut self, text: &str) {
        if std::mem::replace(&mut self.untouched, false) {
            self.line = Line::default();
        }
        for c in text.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()) {
            self.line.key(Key::plain(KeyCode::Char(c)));
        }
    }

    /// Gives it a key.
    pub fn key(&mut self, key: Key) -> Outcome {
        match key.code {
            KeyCode::Esc => Outcome::Close,
            KeyCode::Enter => match self.question {
                Some(question) => Outcome::Answer(question, self.line.text().to_owned()),
                None if self.line.text().trim().is_empty() => Outcome::Close,
                None => Outcome::Typed(self.line.text().to_owned()),
            },
            // `g g` goes to the top, as in vi.
            KeyCode::Char('g') if self.question.is_none() && self.line.text().is_empty() => {
                Outcome::Act(Act::Top)
            }
            code => {
                let typed = matches!(code, KeyCode::Char(_)) && !key.ctrl && !key.alt;
                if std::mem::replace(&mut self.untouched, false) && typed {
                    self.line = Line::default();
                }
                self.line.key(key);
                Outcome::Stay
            }
        }
    }

    /// What it shows, as lines of plain text.
    pub fn text(&self) -> Vec<String> {
        vec![self.title.clone(), format!("> {}", self.line.text())]
    }

    /// Draws it.
    pub fn draw(&self, painter: &mut Painter<'_>) {
        let mut inner = painter.popup(64, 3, &format!(" {} ", self.title));
        let width = inner.width();
        inner.put(0, 0, "› ", Role::Accent);
        self.line.draw(&mut inner, 2, 0, width.saturating_sub(2));
    }
}
