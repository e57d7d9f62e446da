//! The `?` overlay: the keys that work here, from the action table, searchable.

use super::Outcome;
use super::menu::list_act;
use super::prompt::Line;
use crate::action::{Act, Scope};
use crate::keymap::Key;
use crate::screen_id::ScreenId;
use crate::theme::Role;
use crate::widgets::{Painter, list::Cursor, text};
use ratatui::crossterm::event::KeyCode;

/// From this width on every sentence has its room.
const SENTENCES_FIT: u16 = 100;

/// The overlay.
#[derive(Debug)]
pub struct Help {
    rows: Vec<(Act, String)>,
    screen: ScreenId,
    filter: Option<Line>,
    cursor: Cursor,
}

impl Help {
    /// Help for the actions of `rows` with their keys.
    pub fn new(rows: Vec<(Act, String)>, screen: ScreenId) -> Self {
        Self { rows, screen, filter: None, cursor: Cursor::default() }
    }

    fn found(&self) -> Vec<&(Act, String)> {
        let wanted = self.filter.as_ref().map(|line| line.text().to_lowercase());
        let hit = |(act, keys): &&(Act, String)| {
            wanted.as_ref().is_none_or(|wanted| {
                let row = act.row();
                [row.name, row.help, keys.as_str()]
                    .iter()
                    .any(|text| text.to_lowercase().contains(wanted.as_str()))
            })
        };
        self.rows.iter().filter(hit).collect()
    }

    /// Gives it a key.
    pub fn key(&mut self, key: Key) -> Outcome {
        if let Some(line) = &mut self.filter {
            match key.code {
                KeyCode::Esc => self.filter = None,
                KeyCode::Enter => return self.chosen(),
                KeyCode::Up | KeyCode::Down => self.move_cursor(key),
                _ => {
                    line.key(key);
                    self.cursor = Cursor::default();
                }
            }
            return Outcome::Stay;
        }
        match key.code {
            KeyCode::Esc | KeyCode::Char('q' | '?') | KeyCode::F(1) => Outcome::Close,
            KeyCode::Enter => self.chosen(),
            KeyCode::Char('/') => {
                self.filter = Some(Line::default());
                Outcome::Stay
            }
            _ => {
                self.move_cursor(key);
                Outcome::Stay
            }
        }
    }

    fn move_cursor(&mut self, key: Key) {
        let len = self.found().len();
        if let Some(act) = list_act(key.code, key.ctrl) {
            self.cursor.go(act, len);
        }
    }

    fn chosen(&self) -> Outcome {
        self.found().get(self.cursor.at).map_or(Outcome::Close, |(act, _)| Outcome::Act(*act))
    }

    /// What it shows, as lines of plain text.
    pub fn text(&self) -> Vec<String> {
        let rows = self.found();
        rows.iter().map(|(act, keys)| format!("{keys}: {}", act.row().help)).collect()
    }

    /// Draws it.
    pub fn draw(&self, painter: &mut Painter<'_>) {
        let height = painter.height();
        let mut inner = painter.popup(112, height, " keys ");
        let (width, height) = (inner.width(), inner.height());
        for (y, line) in (0_u16..).zip(text::wrap(self.screen.what(), usize::from(width))).take(2) {
            inner.put(1, y, &line, Role::Title);
        }
        match &self.filter {
            Some(line) => {
                inner.put(1, 2, "/", Role::Accent);
                line.draw(&mut inner, 2, 2, width.saturating_sub(3));
            }
            None => {
                let hint =
                    "Enter does it  / searches  Esc closes  1-9 0 change screen  · only here";
                inner.put(1, 2, hint, Role::Dim);
            }
        }
        let found = self.found();
        // Where sentences are cut, the selected one is shown whole at the end.
        let whole = if width < SENTENCES_FIT { 2 } else { 0 };
        if let Some((act, _)) = found.get(self.cursor.at).filter(|_| whole > 0) {
            let top = height.saturating_sub(whole);
            let lines = text::wrap(act.row().help, usize::from(width.saturating_sub(2)));
            for (y, line) in (top..height).zip(lines) {
                inner.put(1, y, &line, Role::Title);
            }
        }
        let rows = usize::from(height.saturating_sub(3 + whole));
        let key_width = if width < 60 { 12 } else { 24 };
        for (y, at) in (3_u16..).zip(self.cursor.window(found.len(), rows)) {
            let Some((act, keys)) = found.get(at) else { break };
            let row = act.row();
            let own = matches!(row.scope, Scope::Screen(_));
            inner.put(0, y, if own { "·" } else { " " }, Role::Accent);
            inner.put(1, y, &text::fit(keys, key_width), Role::Key);
            let x = u16::try_from(key_width + 2).unwrap_or(26);
            let what = if width < 60 { row.name } else { row.help };
            inner.put(x, y, &text::cut(what, usize::from(width.saturating_sub(x))), Role::Text);
            if at == self.cursor.at {
                inner.mark(0, y, width, 1, Role::Selected);
            }
        }
    }
}
