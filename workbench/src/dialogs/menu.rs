//! A list of places to choose from.

use super::Outcome;
use crate::action::Act;
use crate::keymap::Key;
use crate::place::Place;
use crate::theme::Role;
use crate::widgets::{Painter, list::Cursor};
use ratatui::crossterm::event::KeyCode;

/// A choice.
#[derive(Debug)]
pub struct Menu {
    title: String,
    items: Vec<(String, Place)>,
    cursor: Cursor,
}

impl Menu {
    /// A menu of `items`.
    pub fn new(title: String, items: Vec<(String, Place)>) -> Self {
        Self { title, items, cursor: Cursor::default() }
    }

    /// Gives it a key.
    pub fn key(&mut self, key: Key) -> Outcome {
        let act = match (key.code, key.ctrl) {
            (KeyCode::Esc | KeyCode::Char('q'), _) => return Outcome::Close,
            (KeyCode::Enter | KeyCode::Right | KeyCode::Char('l'), _) => {
                return match self.items.get(self.cursor.at) {
                    Some((_, place)) => Outcome::Go(place.clone()),
                    None => Outcome::Close,
                };
            }
            (code, ctrl) => list_act(code, ctrl),
        };
        if let Some(act) = act {
            self.cursor.go(act, self.items.len());
        }
        Outcome::Stay
    }

    /// What it shows, as lines of plain text.
    pub fn text(&self) -> Vec<String> {
        let mark = |at| if at == self.cursor.at { "> " } else { "  " };
        let items = self.items.iter().enumerate();
        let items = items.map(|(at, (text, _))| format!("{}{text}", mark(at)));
        std::iter::once(self.title.clone()).chain(items).collect()
    }

    /// Draws it.
    pub fn draw(&self, painter: &mut Painter<'_>) {
        let rows = u16::try_from(self.items.len().clamp(1, 200)).unwrap_or(u16::MAX);
        let mut inner = painter.popup(72, rows.saturating_add(2), &format!(" {} ", self.title));
        if self.items.is_empty() {
            inner.put(1, 0, "nothing; Esc closes", Role::Dim);
            return;
        }
        let window = self.cursor.window(self.items.len(), usize::from(inner.height()));
        for (y, at) in (0_u16..).zip(window) {
            let Some((text, _)) = self.items.get(at) else { break };
            let selected = at == self.cursor.at;
            inner.put(0, y, if selected { "▌" } else { " " }, Role::Accent);
            inner.put(1, y, text, Role::Text);
            if selected {
                let width = inner.width();
                inner.mark(0, y, width, 1, Role::Selected);
            }
        }
    }
}

/// Movement keys in lists of dialogs.
pub fn list_act(code: KeyCode, ctrl: bool) -> Option<Act> {
    Some(match (code, ctrl) {
        (KeyCode::Up, _) | (KeyCode::Char('k'), false) | (KeyCode::Char('p'), true) => Act::Up,
        (KeyCode::Down, _) | (KeyCode::Char('j'), false) | (KeyCode::Char('n'), true) => Act::Down,
        (KeyCode::PageUp, _) | (KeyCode::Char('u'), true) => Act::PageUp,
        (KeyCode::PageDown, _) | (KeyCode::Char('d'), true) => Act::PageDown,
        (KeyCode::Home, _) => Act::Top,
        (KeyCode::End, _) | (KeyCode::Char('G'), _) => Act::End,
        _ => return None,
    })
}
