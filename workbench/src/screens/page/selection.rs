//! The one selection of the page: a row of fields and gaps, and a byte. Whichever moves, the other follows.

use super::rows::Row;
use super::{Effect, PageScreen};
use crate::action::Act;
use northstar_engine::inspect::{FieldView, Gap};

impl PageScreen {
    pub(super) fn len(&self) -> usize {
        self.page.as_ref().map_or(0, |page| page.bytes.len())
    }

    /// The row under the cursor: a field or a gap.
    pub(super) fn selected(&self) -> Option<&Row> {
        self.rows.visible.get(self.list.at)
    }

    pub(super) fn field(&self) -> Option<&FieldView> {
        let page = self.page.as_ref()?;
        match self.selected()? {
            Row::Field { path, .. } => page.view.field(path),
            Row::Gap { .. } => None,
        }
    }

    pub(super) fn gap(&self) -> Option<&Gap> {
        match self.selected()? {
            Row::Gap { index } => self.page.as_ref()?.view.gaps.get(*index),
            Row::Field { .. } => None,
        }
    }

    pub(super) fn selected_range(&self) -> std::ops::Range<usize> {
        self.field()
            .map(|field| field.range.clone())
            .or_else(|| self.gap().map(|gap| gap.range.clone()))
            .unwrap_or(self.byte..self.byte)
    }

    /// Puts the cursor on a byte and the selection on what is there.
    pub(super) fn select_byte(&mut self, byte: usize) {
        self.byte = byte.min(self.len().saturating_sub(1));
        if let Some(page) = &self.page
            && let Some(at) = self.rows.row_at(&page.view, self.byte)
        {
            self.list.select(at, self.rows.visible.len());
        }
    }

    /// The list cursor has moved: the bytes follow.
    pub(super) fn select_row(&mut self) {
        let range = self.selected_range();
        if !range.contains(&self.byte) {
            self.byte = range.start;
        }
    }

    pub(super) fn move_hex(&mut self, act: Act) {
        let seen = self.seen.get();
        let columns = seen.columns.max(1);
        let screenful = columns * usize::from(seen.height.max(2) - 1);
        let last = self.len().saturating_sub(1);
        let to = match act {
            Act::Left => self.byte.saturating_sub(1),
            Act::Right => self.byte + 1,
            Act::Up if self.byte >= columns => self.byte - columns,
            Act::Down if self.byte + columns <= last => self.byte + columns,
            Act::PageUp => self.byte.saturating_sub(screenful),
            Act::PageDown => self.byte + screenful,
            Act::Top => 0,
            Act::End => last,
            _ => self.byte,
        };
        self.select_byte(to);
    }

    pub(super) fn fold(&mut self) -> Vec<Effect> {
        let (Some(Row::Field { path, .. }), Some(page)) =
            (self.rows.visible.get(self.list.at).cloned(), &self.page)
        else {
            return Vec::new();
        };
        self.rows.toggle(&page.view, &path);
        self.list.clamp(self.rows.visible.len());
        Vec::new()
    }
}
