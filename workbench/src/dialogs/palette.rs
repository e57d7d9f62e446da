//! Every action and screen by a few letters of its name.

use super::Outcome;
use super::menu::list_act;
use super::prompt::Line;
use crate::action::Act;
use crate::fuzzy;
use crate::keymap::Key;
use crate::place::Place;
use crate::theme::Role;
use crate::widgets::{Painter, list::Cursor, text};
use ratatui::crossterm::event::KeyCode;

/// What a row does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An action.
    Act(Act),
    /// A place.
    Go(Place),
}

/// One row.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Its first key.
    pub keys: String,
    /// What it does.
    pub help: &'static str,
    /// What happens on Enter.
    pub target: Target,
}

/// The palette.
#[derive(Debug)]
pub struct Palette {
    rows: Vec<Row>,
    line: Line,
    found: Vec<usize>,
    cursor: Cursor,
}

impl Palette {
    /// A palette of `rows`.
    pub fn new(rows: Vec<Row>) -> Self {
        let found = (0..rows.len()).collect();
        Self { rows, line: Line::default(), found, cursor: Cursor::default() }
    }

    /// Gives it a key.
    pub fn key(&mut self, key: Key) -> Outcome {
        match key.code {
            KeyCode::Esc => return Outcome::Close,
            KeyCode::Enter => {
                let row = self.found.get(self.cursor.at).and_then(|at| self.rows.get(*at));
                return match row.map(|row| row.target.clone()) {
                    Some(Target::Act(act)) => Outcome::Act(act),
                    Some(Target::Go(place)) => Outcome::Go(place),
                    // No such name: perhaps a place (`p42`).
                    None => Outcome::Typed(self.line.text().to_owned()),
                };
            }
            _ => {}
        }
        let plain = matches!(key.code, KeyCode::Char(_)) && !key.ctrl;
        match list_act(key.code, key.ctrl).filter(|_| !plain) {
            Some(act) => {
                self.cursor.go(act, self.found.len());
            }
            None => {
                if self.line.key(key) {
                    self.search();
                }
            }
        }
        Outcome::Stay
    }

    fn search(&mut self) {
        let pattern = self.line.text();
        let mut scored: Vec<(i32, usize)> = self
            .rows
            .iter()
            .enumerate()
            .filter_map(|(at, row)| fuzzy::score(pattern, &row.name).map(|score| (-score, at)))
            .collect();
        scored.sort_unstable();
        self.found = scored.into_iter().map(|(_, at)| at).collect();
        self.cursor = Cursor::default();
    }

    /// Draws it.
    pub fn draw(&self, painter: &mut Painter<'_>) {
        let mut inner = painter.popup(78, 18, " : find an action, a screen or a place ");
        let width = inner.width();
        inner.put(0, 0, "› ", Role::Accent);
        self.line.draw(&mut inner, 2, 0, width.saturating_sub(2));
        let height = usize::from(inner.height().saturating_sub(1));
        if self.found.is_empty() {
            inner.put(
                2,
                1,
                "nothing by that name; Enter goes to a place (p42, key:abc)",
                Role::Dim,
            );
        }
        for (y, at) in (1_u16..).zip(self.cursor.window(self.found.len(), height)) {
            let Some(row) = self.found.get(at).and_then(|at| self.rows.get(*at)) else { break };
            let name = text::fit(&row.name, 26);
            let keys = text::fit(&row.keys, 9);
            let x = inner.put(1, y, &name, Role::Text);
            let x = inner.put(x + 1, y, &keys, Role::Key);
            inner.put(x + 1, y, row.help, Role::Dim);
            if at == self.cursor.at {
                inner.mark(0, y, width, 1, Role::Selected);
                inner.put(0, y, "▌", Role::Selected);
            }
        }
    }
}
