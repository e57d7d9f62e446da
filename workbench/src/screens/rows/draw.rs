//! Drawing the rows: a list, and the selected value in full below it or, where there is room, beside it.

use super::{Context, RowsScreen};
use crate::model::rows::Item;
use crate::model::told::told;
use crate::theme::Role;
use crate::widgets::{Painter, text};
use northstar_engine::inspect::tree::RowItem;
use northstar_engine::printable::Printable;
use northstar_engine::queue::DEFAULT_PREFIX;

/// From this width on the value stands beside the list.
const WIDE: u16 = 140;

/// Why there is nothing to show, and where there is something all the same.
pub(super) const fn no_root(context: &Context) -> &'static str {
    match (context.summary.loaded, context.summary.log_end) {
        (true, None) => "no valid meta names a tree; the metas screen says why",
        (true, Some(_)) => {
            "no valid meta names a tree; the metas screen says why. The log still covers states: o \
             shows the rows of one"
        }
        (false, _) => "reading…",
    }
}

impl RowsScreen {
    pub(super) fn draw_all(&self, painter: &mut Painter<'_>, context: &Context) {
        if self.view.is_none() {
            let wide = usize::from(painter.width().saturating_sub(2));
            for (y, line) in (0..).zip(text::wrap(&self.nothing(context), wide)) {
                painter.put(1, y, &line, Role::Dim);
            }
            return;
        }
        let (width, height) = (painter.width(), painter.height());
        let wide = usize::from(width.saturating_sub(2));
        painter.put(1, 0, &text::cut_at_words(&self.head(), wide), Role::Title);
        let sources = self.sources();
        let top = self.top();
        if let Some(line) = sources.first() {
            let role = if sources.len() > 1 { Role::Warn } else { Role::Dim };
            painter.put(1, 1, &text::cut(line, wide), role);
        }
        let rest = height.saturating_sub(top);
        if width >= WIDE {
            let list = width / 2;
            self.draw_list(&mut painter.part(0, top, list, rest));
            painter.fill(list, top, 1, rest, '│', Role::Border);
            self.draw_value(&mut painter.part(list + 2, top, width - list - 3, rest));
            return;
        }
        let strip = (height / 3).clamp(2, 12);
        let rows = height.saturating_sub(strip + 1 + top);
        self.draw_list(&mut painter.part(0, top, width, rows));
        let below = height.saturating_sub(strip);
        painter.fill(0, below.saturating_sub(1), width, 1, '─', Role::Border);
        self.draw_value(&mut painter.part(1, below, width.saturating_sub(2), strip));
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
        let x = u16::try_from(key_width + 2).unwrap_or(24);
        let room = usize::from(width.saturating_sub(x + 1));
        for (y, at) in (0_u16..).zip(self.cursor.window(self.items.len(), usize::from(height))) {
            let Some(item) = self.items.get(at) else { break };
            if let Item::Tree(RowItem::Hole { page, problem, .. }) = item {
                let line = format!("✗ rows missing: p{page} is broken ({})", problem.rule);
                painter.put(1, y, &text::cut(&line, usize::from(width)), Role::Bad);
            }
            if let Some(value) = item.value() {
                painter.put(1, y, Printable::capped(item.key(), key_width).as_str(), Role::Link);
                let value = self.format.line(value);
                let (role, value) = match item {
                    Item::Tree(RowItem::Row(row)) if row.problem.is_some() => {
                        (Role::Bad, format!("✗ {value}"))
                    }
                    _ => (Role::Text, value),
                };
                painter.put(x, y, &text::cut(&value, room), role);
            }
            if matches!(item, Item::Log { .. }) {
                painter.put(x - 1, y, "◌", Role::Accent);
            }
            if at == self.cursor.at {
                painter.mark(0, y, width, 1, Role::Selected);
                painter.put(0, y, "▌", Role::Selected);
            }
        }
    }

    fn draw_value(&self, painter: &mut Painter<'_>) {
        match self.items.get(self.cursor.at) {
            Some(Item::Tree(RowItem::Row(row))) => {
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
                let mut top = 1;
                if let Some(problem) = &row.problem {
                    for line in text::wrap(&told(problem, 300), width) {
                        painter.put(0, top, &line, Role::Bad);
                        top += 1;
                    }
                }
                self.draw_lines(painter, top, &row.value);
            }
            Some(Item::Log { logged }) => {
                let row = &logged.row;
                let bytes = text::plural(row.bytes, "byte");
                let head =
                    format!("{bytes} ◌ in no page: txn {} wrote it, log at {}", row.txn, row.lsn);
                painter.put(0, 0, &text::cut(&head, usize::from(painter.width())), Role::Dim);
                self.draw_lines(painter, 1, &row.value);
            }
            Some(Item::Tree(RowItem::Hole { problem, from, to, .. })) => {
                let from = Printable::capped(from, 60);
                let to = to.as_ref().map_or("the end".to_owned(), |to| {
                    format!("\"{}\"", Printable::capped(to, 60).as_str())
                });
                let range = format!("rows from \"{}\" to {to} cannot be read", from.as_str());
                let width = usize::from(painter.width());
                let range = text::wrap(&range, width).into_iter().map(|line| (Role::Bad, line));
                let why = text::wrap(&told(problem, 300), width).into_iter();
                let lines = range.chain(why.map(|line| (Role::Text, line)));
                for (y, (role, line)) in (0_u16..).zip(lines) {
                    painter.put(0, y, &line, role);
                }
            }
            None => {}
        }
    }

    fn draw_lines(&self, painter: &mut Painter<'_>, top: u16, value: &[u8]) {
        let width = usize::from(painter.width());
        for (y, line) in (top..).zip(self.format.lines(value, width)) {
            painter.put(0, y, &line, Role::Text);
        }
    }
}
