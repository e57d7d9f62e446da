//! The finder: every action, screen, state and word by a few letters, every place and key by itself.
//!
//! What is typed is looked up among the rows; what reads as a place (`p42`, `txn 118`) leads there, and
//! anything leads to the first row of the database at or after it.

use super::Outcome;
use super::menu::list_act;
use super::prompt::Line;
use crate::action::Act;
use crate::fuzzy;
use crate::keymap::Key;
use crate::place::{At, Place, parse};
use crate::screen_id::ScreenId;
use crate::theme::Role;
use crate::widgets::{Painter, list::Cursor, text};
use northstar_engine::limits::PAGE_BYTES;
use ratatui::crossterm::event::KeyCode;

/// What a row does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An action.
    Act(Act),
    /// A place.
    Go(Place),
    /// Only itself: a word and its meaning.
    Tell,
}

/// One row.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Its first key.
    pub keys: String,
    /// What it does, or means.
    pub help: String,
    /// What happens on Enter.
    pub target: Target,
}

/// The palette.
#[derive(Debug)]
pub struct Palette {
    rows: Vec<Row>,
    line: Line,
    found: Vec<Row>,
    cursor: Cursor,
}

/// Rows at the bottom for the help of the selected row in full.
const HELP_ROWS: u16 = 2;

impl Palette {
    /// A palette of `rows`.
    pub fn new(rows: Vec<Row>) -> Self {
        let mut palette =
            Self { rows, line: Line::default(), found: Vec::new(), cursor: Cursor::default() };
        palette.search();
        palette
    }

    /// Other rows to look among; what is selected stays selected where it is still there.
    pub fn renew(&mut self, rows: Vec<Row>) {
        let selected = self.found.get(self.cursor.at).map(|row| row.target.clone());
        self.rows = rows;
        self.search();
        let at = self.found.iter().position(|row| Some(&row.target) == selected.as_ref());
        self.cursor.select(at.unwrap_or(0), self.found.len());
    }

    /// Gives it a key.
    pub fn key(&mut self, key: Key) -> Outcome {
        match key.code {
            KeyCode::Esc => return Outcome::Close,
            KeyCode::Enter => {
                return match self.found.get(self.cursor.at) {
                    None => Outcome::Close,
                    Some(row) => match &row.target {
                        Target::Act(act) => Outcome::Act(*act),
                        Target::Go(place) => Outcome::Go(place.clone()),
                        Target::Tell => Outcome::Tell(format!("{}: {}", row.name, row.help)),
                    },
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
        let pattern = self.line.text().trim();
        // Words come behind what can be done, whatever their letters.
        let score = |row: &Row| {
            let word = row.target == Target::Tell;
            fuzzy::score(pattern, &row.name).map(|score| (word, -score))
        };
        let mut scored: Vec<_> = self
            .rows
            .iter()
            .enumerate()
            .filter_map(|(at, row)| score(row).map(|score| (score, at)))
            .filter(|((word, _), _)| !(*word && pattern.is_empty()))
            .collect();
        if !pattern.is_empty() {
            scored.sort_unstable();
        }
        let rows = scored.into_iter().filter_map(|(_, at)| self.rows.get(at).cloned());
        self.found =
            typed_place(pattern).into_iter().chain(rows).chain(typed_key(pattern)).collect();
        self.cursor = Cursor::default();
    }

    /// What it shows, as lines of plain text.
    pub fn text(&self) -> Vec<String> {
        let mark = |at| if at == self.cursor.at { "> " } else { "  " };
        let rows = self.found.iter().enumerate();
        let rows = rows.map(|(at, row)| format!("{}{}: {}", mark(at), row.name, row.help));
        std::iter::once(format!("find: {}", self.line.text())).chain(rows).collect()
    }

    /// Draws it.
    pub fn draw(&self, painter: &mut Painter<'_>) {
        let wide = (painter.width() / 3 * 2).clamp(78, 130);
        let high = (painter.height() / 3 * 2).clamp(20, 40);
        let title = " : find an action, screen, state, key, page, cartridge, word ";
        let mut inner = painter.popup(wide, high, title);
        let (width, height) = (inner.width(), inner.height());
        inner.put(0, 0, "› ", Role::Accent);
        self.line.draw(&mut inner, 2, 0, width.saturating_sub(2));
        let help = if height > 8 { HELP_ROWS } else { 0 };
        let rows = usize::from(height.saturating_sub(1 + help));
        for (y, at) in (1_u16..).zip(self.cursor.window(self.found.len(), rows)) {
            let Some(row) = self.found.get(at) else { break };
            let name = text::fit(&row.name, 30);
            let keys = text::fit(&row.keys, 8);
            let x = inner.put(1, y, &name, Role::Text);
            let x = inner.put(x + 1, y, &keys, Role::Key) + 1;
            let room = usize::from(width.saturating_sub(x));
            inner.put(x, y, &text::cut(&row.help, room), Role::Dim);
            if at == self.cursor.at {
                inner.mark(0, y, width, 1, Role::Selected);
                inner.put(0, y, "▌", Role::Selected);
            }
        }
        let selected = self.found.get(self.cursor.at);
        let lines = selected.map(|row| text::wrap(&row.help, usize::from(width.saturating_sub(2))));
        for (y, line) in (height - help..height).zip(lines.unwrap_or_default()) {
            inner.put(1, y, &line, Role::Accent);
        }
    }
}

/// The place that was typed; a screen's name is among the rows already.
fn typed_place(pattern: &str) -> Option<Row> {
    let place = parse(pattern, PAGE_BYTES as u64).ok().filter(|place| place.at != At::Here)?;
    let name = format!("go to {place}");
    Some(Row {
        name,
        keys: String::new(),
        help: place.screen.what().into(),
        target: Target::Go(place),
    })
}

/// The row of the database at what was typed, taken as a key.
fn typed_key(pattern: &str) -> Option<Row> {
    let key = northstar_engine::printable::unescape(pattern).filter(|key| !key.is_empty())?;
    let target = Target::Go(Place::new(ScreenId::Rows, At::Key(key)));
    let help = "The first row of the database at or after this key.".to_owned();
    Some(Row { name: format!("key {pattern}"), keys: String::new(), help, target })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, target: Target) -> Row {
        Row { name: name.into(), keys: String::new(), help: format!("about {name}."), target }
    }

    /// What Enter does after a text was typed.
    fn found(text: &str) -> Outcome {
        let mut palette = Palette::new(vec![
            row("quit", Target::Act(Act::Quit)),
            row("checkpoint", Target::Tell),
            row("check everything", Target::Act(Act::CheckAll)),
        ]);
        for c in text.chars() {
            palette.key(Key::plain(KeyCode::Char(c)));
        }
        palette.key(Key::plain(KeyCode::Enter))
    }

    #[test]
    fn what_is_typed_leads_somewhere() {
        let page = Place::new(ScreenId::Page, At::Page(northstar_engine::PageId::new(42), None));
        let key = |key: &[u8]| Place::new(ScreenId::Rows, At::Key(key.to_vec()));
        let cases = [
            ("quit", Outcome::Act(Act::Quit)),
            ("check", Outcome::Act(Act::CheckAll)),
            ("point", Outcome::Tell("checkpoint: about checkpoint.".into())),
            ("p42", Outcome::Go(page)),
            ("user/7", Outcome::Go(key(b"user/7"))),
            ("\\xff", Outcome::Go(key(&[255]))),
        ];
        for (text, want) in cases {
            assert_eq!(found(text), want, "{text}");
        }
    }
}
