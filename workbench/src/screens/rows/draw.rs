//! Drawing the rows: a list, and the selected value in full below it or, where there is room, beside it.

use super::{Context, RowsScreen};
use crate::model::told::told;
use crate::theme::Role;
use crate::widgets::{Painter, text};
use northstar_engine::inspect::tree::RowItem;
use northstar_engine::printable::Printable;
use northstar_engine::queue::DEFAULT_PREFIX;

/// From this width on the value stands beside the list.
const WIDE: u16 = 140;

/// Why there is nothing to show.
pub(super) const fn no_root(context: &Context) -> &'static str {
    match context.summary.loaded {
        true => "no valid meta names a tree; the metas screen says why",
        false => "reading…",
    }
}

impl RowsScreen {
    pub(super) fn draw_all(&self, painter: &mut Painter<'_>, context: &Context) {
        if self.root.is_none() {
            painter.put(1, 0, no_root(context), Role::Dim);
            return;
        }
        let (width, height) = (painter.width(), painter.height());
        painter.put(1, 0, &self.head(), Role::Title);
        let rest = height.saturating_sub(1);
        if width >= WIDE {
            let list = width / 2;
            self.draw_list(&mut painter.part(0, 1, list, rest));
            painter.fill(list, 1, 1, rest, '│', Role::Border);
            self.draw_value(&mut painter.part(list + 2, 1, width - list - 3, rest));
            return;
        }
        let strip = (height / 3).clamp(2, 12);
        let rows = height.saturating_sub(strip + 2);
        self.draw_list(&mut painter.part(0, 1, width, rows));
        let top = height.saturating_sub(strip);
        painter.fill(0, top.saturating_sub(1), width, 1, '─', Role::Border);
        self.draw_value(&mut painter.part(1, top, width.saturating_sub(2), strip));
    }

    fn draw_list(&self, painter: &mut Painter<'_>) {
        let (width, height) = (painter.width(), painter.height());
        let key_width = usize::from(width / 3).clamp(12, 48);
        if self.items.is_empty() {
            let why = match (&self.error, self.loading) {
                (Some(why), _) => why.as_str(),
                (None, true) => "reading…",
                (None, false) => "no rows here",
            };
            painter.put(1, 0, why, Role::Dim);
        }
        for (y, at) in (0_u16..).zip(self.cursor.window(self.items.len(), usize::from(height))) {
            match self.items.get(at) {
                Some(RowItem::Row(row)) => {
                    let key = Printable::capped(&row.key, key_width);
                    painter.put(1, y, key.as_str(), Role::Link);
                    let x = u16::try_from(key_width + 2).unwrap_or(24);
                    let room = usize::from(width.saturating_sub(x + 1));
                    let value = self.format.line(&row.value);
                    let (role, value) = match row.problem {
                        Some(_) => (Role::Bad, format!("✗ {value}")),
                        None => (Role::Text, value),
                    };
                    painter.put(x, y, &text::cut(&value, room), role);
                }
                Some(RowItem::Hole { page, problem, .. }) => {
                    let line = format!("✗ rows missing: p{page} is broken ({})", problem.rule);
                    painter.put(1, y, &text::cut(&line, usize::from(width)), Role::Bad);
                }
                None => {}
            }
            if at == self.cursor.at {
                painter.mark(0, y, width, 1, Role::Selected);
                painter.put(0, y, "▌", Role::Selected);
            }
        }
    }

    fn draw_value(&self, painter: &mut Painter<'_>) {
        match self.items.get(self.cursor.at) {
            Some(RowItem::Row(row)) => {
                let mut head = format!(
                    "{} in p{} slot {}",
                    text::plural(row.place.bytes, "byte"),
                    row.leaf.page,
                    row.slot
                );
                if let Some((extent, pages)) = row.place.overflow {
                    head += &format!(
                        ", the value in {} from p{}",
                        text::plural(u64::from(pages), "overflow page"),
                        extent.page
                    );
                }
                if row.key.starts_with(DEFAULT_PREFIX) {
                    head += ", a row of the task queue: the queue screen reads it";
                }
                let width = usize::from(painter.width());
                painter.put(0, 0, &text::cut(&head, width), Role::Dim);
                if let Some(problem) = &row.problem {
                    let why = told(problem, 300);
                    painter.put(0, 1, &why, Role::Bad);
                }
                let skip = 1 + u16::from(row.problem.is_some());
                for (y, line) in (skip..).zip(self.format.lines(&row.value, width)) {
                    painter.put(0, y, &line, Role::Text);
                }
            }
            Some(RowItem::Hole { problem, from, to, .. }) => {
                let from = Printable::capped(from, 60);
                let to = to.as_ref().map_or("the end".to_owned(), |to| {
                    format!("\"{}\"", Printable::capped(to, 60).as_str())
                });
                let range = format!("rows from \"{}\" to {to} cannot be read", from.as_str());
                painter.put(0, 0, &range, Role::Bad);
                let why = told(problem, 300);
                let width = usize::from(painter.width());
                for (y, line) in (1_u16..).zip(text::wrap(&why, width)) {
                    painter.put(0, y, &line, Role::Text);
                }
            }
            None => {}
        }
    }
}
