//! A screen that is a list of lines, some of which lead somewhere: overview, space, queue.

use super::Effect;
use crate::action::Act;
use crate::place::Place;
use crate::theme::Role;
use crate::widgets::Painter;
use crate::widgets::list::Cursor;

/// A line of a sheet.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    /// Its pieces.
    pub(super) spans: Vec<(Role, String)>,
    /// Where Enter leads.
    pub(super) place: Option<Place>,
}

impl Line {
    /// A heading.
    pub(super) fn head(text: impl Into<String>) -> Self {
        Self { spans: vec![(Role::Title, text.into())], place: None }
    }

    /// Plain text.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self { spans: vec![(Role::Text, text.into())], place: None }
    }

    /// Text that means something.
    pub(super) fn role(role: Role, text: impl Into<String>) -> Self {
        Self { spans: vec![(role, text.into())], place: None }
    }

    /// A name and a value, in columns.
    pub(super) fn pair(name: &str, value: impl Into<String>) -> Self {
        let spans = vec![(Role::Dim, format!("  {name:<18}")), (Role::Text, value.into())];
        Self { spans, place: None }
    }

    /// Leads to `place`.
    pub(super) fn to(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// The line without its looks.
    pub(super) fn plain(&self) -> String {
        let line: String = self.spans.iter().map(|(_, text)| text.as_str()).collect();
        line.trim_end().to_owned()
    }
}

/// The cursor over the lines.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    cursor: Cursor,
}

impl Sheet {
    /// What works now.
    pub(super) fn works(&self, lines: &[Line]) -> Vec<Act> {
        let mut works = Vec::new();
        if lines.get(self.cursor.at).is_some_and(|line| line.place.is_some()) {
            works.push(Act::Open);
        }
        works.extend([Act::Up, Act::Down, Act::PageUp, Act::PageDown, Act::Top, Act::End]);
        works
    }

    /// Does it.
    pub(super) fn act(&mut self, act: Act, lines: &[Line]) -> Vec<Effect> {
        if act == Act::Open {
            let place = lines.get(self.cursor.at).and_then(|line| line.place.clone());
            return place.map(Effect::Go).into_iter().collect();
        }
        self.cursor.go(act, lines.len());
        Vec::new()
    }

    /// A click at a line.
    pub(super) fn click(&mut self, y: u16, again: bool, lines: &[Line]) -> Vec<Effect> {
        if let Some(at) = self.cursor.row_at(usize::from(y), lines.len()) {
            self.cursor.select(at, lines.len());
        }
        if again { self.act(Act::Open, lines) } else { Vec::new() }
    }

    /// Draws the visible lines.
    pub(super) fn draw(&self, painter: &mut Painter<'_>, lines: &[Line]) {
        let (width, height) = (painter.width(), painter.height());
        for (y, at) in (0_u16..).zip(self.cursor.window(lines.len(), usize::from(height))) {
            let Some(line) = lines.get(at) else { break };
            let x = painter.spans(1, y, &line.spans);
            if line.place.is_some() {
                painter.put(x + 1, y, "›", Role::Link);
            }
            if at == self.cursor.at {
                painter.mark(0, y, width, 1, Role::Selected);
                painter.put(0, y, "▌", Role::Selected);
            }
        }
    }
}
