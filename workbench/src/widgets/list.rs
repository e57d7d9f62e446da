//! A cursor over rows of which only the visible ones are ever built.

use crate::action::Act;
use std::cell::Cell;
use std::ops::Range;

/// Where the cursor is in a list, and which row is on top.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Cursor {
    /// The selected row.
    pub at: usize,
    /// The first visible row.
    top: Cell<usize>,
    /// Rows visible when last drawn: what a screenful means.
    height: Cell<usize>,
}

impl Cursor {
    /// Selects row `at`, showing it about a third down when it was not visible.
    pub fn select(&mut self, at: usize, len: usize) {
        self.at = at.min(len.saturating_sub(1));
        let height = self.height.get().max(1);
        if self.at < self.top.get() || self.at >= self.top.get() + height {
            self.top.set(self.at.saturating_sub(height / 3));
        }
        self.clamp(len);
    }

    /// Keeps the cursor inside `len` rows.
    pub fn clamp(&mut self, len: usize) {
        self.at = self.at.min(len.saturating_sub(1));
        self.scroll(len);
    }

    /// Moves as `act` says; whether it was a movement.
    pub fn go(&mut self, act: Act, len: usize) -> bool {
        let page = self.height.get().max(2) - 1;
        let last = len.saturating_sub(1);
        self.at = match act {
            Act::Up => self.at.saturating_sub(1),
            Act::Down => (self.at + 1).min(last),
            Act::PageUp => self.at.saturating_sub(page),
            Act::PageDown => (self.at + page).min(last),
            Act::Top => 0,
            Act::End => last,
            _ => return false,
        };
        self.clamp(len);
        true
    }

    /// Rows were added or removed before the cursor: it stays on its row.
    pub fn shift(&mut self, by: i64, len: usize) {
        let move_by = |at: usize| {
            let moved = i64::try_from(at).unwrap_or(i64::MAX).saturating_add(by);
            usize::try_from(moved).unwrap_or(0)
        };
        self.at = move_by(self.at);
        self.top.set(move_by(self.top.get()));
        self.clamp(len);
    }

    /// The rows to build when `height` are visible; remembers the height for screenfuls.
    pub fn window(&self, len: usize, height: usize) -> Range<usize> {
        self.height.set(height);
        self.scroll(len);
        self.top.get()..self.top.get().saturating_add(height).min(len)
    }

    /// The same with up to `above` rows over the selected one in view: for a list in which they count.
    pub fn window_below(&self, len: usize, height: usize, above: usize) -> Range<usize> {
        let shown = self.window(len, height);
        let above = above.min(height.saturating_sub(1));
        self.top.set(shown.start.min(self.at.saturating_sub(above)));
        self.top.get()..self.top.get().saturating_add(height).min(len)
    }

    /// The row drawn at line `y` of the list.
    pub fn row_at(&self, y: usize, len: usize) -> Option<usize> {
        let row = self.top.get().checked_add(y)?;
        (row < len && y < self.height.get()).then_some(row)
    }

    fn scroll(&self, len: usize) {
        let height = self.height.get().max(1);
        let mut top = self.top.get().min(len.saturating_sub(height));
        if self.at < top {
            top = self.at;
        }
        if self.at >= top + height {
            top = self.at + 1 - height;
        }
        self.top.set(top);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_is_always_visible() {
        let mut cursor = Cursor::default();
        let walk =
            [Act::Down, Act::PageDown, Act::PageDown, Act::End, Act::Up, Act::PageUp, Act::Top];
        for height in [0, 1, 5, 9] {
            for len in [0, 1, 4, 5, 6, 100] {
                for act in walk {
                    cursor.go(act, len);
                    let window = cursor.window(len, height);
                    let visible = len == 0 || height == 0 || window.contains(&cursor.at);
                    assert!(visible, "{act:?} of {len} in {height}: {cursor:?}");
                    assert!(window.len() <= height && window.end <= len, "{act:?} of {len}");
                    let window = cursor.window_below(len, height, 3);
                    let above = cursor.at.saturating_sub(window.start);
                    let most = 3.min(cursor.at).min(height.saturating_sub(1));
                    assert!(len == 0 || above >= most, "{act:?} of {len} in {height}: {cursor:?}");
                    assert!(len == 0 || height == 0 || window.contains(&cursor.at), "{act:?}");
                }
            }
        }
    }
}
