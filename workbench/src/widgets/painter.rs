//! The one way to put a character on the screen: clipped, so that no size can panic.
//!
//! Coordinates are relative to the painter's own area. Control characters are made visible, wide
//! characters keep their width, and `--ascii` is applied here, at the last moment.

use crate::theme::{Look, Role};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthChar;

/// A clipped view on a buffer.
#[derive(Debug)]
pub struct Painter<'a> {
    buffer: &'a mut Buffer,
    area: Rect,
    look: Look,
}

impl<'a> Painter<'a> {
    /// A painter on all of `area` that lies inside `buffer`.
    pub fn new(buffer: &'a mut Buffer, area: Rect, look: Look) -> Self {
        let area = area.intersection(buffer.area);
        Self { buffer, area, look }
    }

    /// Columns.
    pub fn width(&self) -> u16 {
        self.area.width
    }

    /// Rows.
    pub fn height(&self) -> u16 {
        self.area.height
    }

    /// How things look.
    pub fn look(&self) -> Look {
        self.look
    }

    /// A painter on a part of this one; what lies outside is cut off.
    pub fn part(&mut self, x: u16, y: u16, width: u16, height: u16) -> Painter<'_> {
        let left = self.area.x.saturating_add(x.min(self.area.width));
        let top = self.area.y.saturating_add(y.min(self.area.height));
        let width = width.min(self.area.right().saturating_sub(left));
        let height = height.min(self.area.bottom().saturating_sub(top));
        let area = Rect { x: left, y: top, width, height };
        Painter { buffer: self.buffer, area, look: self.look }
    }

    /// Puts `text` at (`x`, `y`); returns the column behind it.
    pub fn put(&mut self, x: u16, y: u16, text: &str, role: Role) -> u16 {
        let style = self.look.style(role);
        self.put_styled(x, y, text, style)
    }

    /// Puts one character.
    pub fn put_char(&mut self, x: u16, y: u16, c: char, role: Role) {
        let style = self.look.style(role);
        self.put_styled(x, y, c.encode_utf8(&mut [0; 4]), style);
    }

    /// Puts pieces one behind the other; returns the column behind the last.
    pub fn spans<S: AsRef<str>>(&mut self, x: u16, y: u16, spans: &[(Role, S)]) -> u16 {
        let mut at = x;
        for (role, text) in spans {
            at = self.put(at, y, text.as_ref(), *role);
        }
        at
    }

    /// Puts `text` so that it ends at column `right`.
    pub fn put_right(&mut self, right: u16, y: u16, text: &str, role: Role) {
        let width = crate::text::width(text);
        let x = usize::from(right).saturating_sub(width);
        self.put(u16::try_from(x).unwrap_or(u16::MAX), y, text, role);
    }

    fn put_styled(&mut self, x: u16, y: u16, text: &str, style: Style) -> u16 {
        let mut x = x;
        if y >= self.area.height {
            return x.saturating_add(u16::try_from(crate::text::width(text)).unwrap_or(u16::MAX));
        }
        for c in text.chars() {
            let c = if c.is_control() { control_picture(c) } else { c };
            let c = self.look.glyph(c);
            let width = u16::try_from(c.width().unwrap_or(0)).unwrap_or(0);
            if width == 0 {
                continue; // Combining marks: a cell of their own would shift the row.
            }
            let fits = x.checked_add(width).is_some_and(|end| end <= self.area.width);
            if fits {
                let (px, py) = (self.area.x + x, self.area.y + y);
                if let Some(cell) = self.buffer.cell_mut((px, py)) {
                    // What was there before shall not shine through.
                    cell.reset();
                    cell.set_char(c).set_style(style);
                }
                if width == 2
                    && let Some(cell) = self.buffer.cell_mut((px + 1, py))
                {
                    cell.reset();
                    cell.set_style(style);
                }
            }
            x = x.saturating_add(width);
        }
        x
    }

    /// Fills a part with one character.
    pub fn fill(&mut self, x: u16, y: u16, width: u16, height: u16, c: char, role: Role) {
        let style = self.look.style(role);
        let c = self.look.glyph(c);
        let part = self.part(x, y, width, height).area;
        for py in part.top()..part.bottom() {
            for px in part.left()..part.right() {
                if let Some(cell) = self.buffer.cell_mut((px, py)) {
                    cell.reset();
                    cell.set_char(c).set_style(style);
                }
            }
        }
    }

    /// Lays a role over what is already drawn (the selection).
    pub fn mark(&mut self, x: u16, y: u16, width: u16, height: u16, role: Role) {
        let style = self.look.style(role);
        let part = self.part(x, y, width, height).area;
        self.buffer.set_style(part, style);
    }

    /// Draws a frame around everything and returns a painter on its inside.
    pub fn boxed(&mut self, title: &str, focused: bool) -> Painter<'_> {
        let (w, h) = (self.area.width, self.area.height);
        if w < 2 || h < 2 {
            return self.part(0, 0, 0, 0);
        }
        let role = if focused { Role::Accent } else { Role::Border };
        for x in 1..w - 1 {
            self.put(x, 0, "─", role);
            self.put(x, h - 1, "─", role);
        }
        for y in 1..h - 1 {
            self.put(0, y, "│", role);
            self.put(w - 1, y, "│", role);
        }
        for (x, y, corner) in [(0, 0, "┌"), (w - 1, 0, "┐"), (0, h - 1, "└"), (w - 1, h - 1, "┘")]
        {
            self.put(x, y, corner, role);
        }
        let title_role = if focused { Role::Accent } else { Role::Title };
        let title = crate::text::cut(title, usize::from(w.saturating_sub(4)));
        self.part(2, 0, w.saturating_sub(4), 1).put(0, 0, &title, title_role);
        self.part(1, 1, w - 2, h - 2)
    }

    /// A frame in the middle, at most `width` by `height`, on cleared ground.
    pub fn popup(&mut self, width: u16, height: u16, title: &str) -> Painter<'_> {
        let (w, h) = (width.min(self.area.width), height.min(self.area.height));
        let x = (self.area.width - w) / 2;
        let y = (self.area.height - h) / 3;
        self.fill(x, y, w, h, ' ', Role::Text);
        let area = self.part(x, y, w, h).area;
        let mut inner = Painter { buffer: self.buffer, area, look: self.look };
        let inside = inner.boxed(title, true).area;
        Painter { buffer: self.buffer, area: inside, look: self.look }
    }
}

/// The visible stand-in for a control character.
fn control_picture(c: char) -> char {
    match u32::from(c) {
        code @ 0..=0x1f => char::from_u32(0x2400 + code).unwrap_or('·'),
        0x7f => '␡',
        _ => '·',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::Palette;

    #[test]
    fn no_size_and_no_place_panics() {
        for (w, h) in [(0, 0), (1, 1), (2, 1), (3, 3), (80, 24)] {
            let mut buffer = Buffer::empty(Rect::new(0, 0, w, h));
            let look = Look::default();
            let mut painter = Painter::new(&mut buffer, Rect::new(0, 0, 300, 100), look);
            for (x, y) in [(0, 0), (1, 1), (79, 23), (u16::MAX, u16::MAX)] {
                painter.put(x, y, "漢字 text\u{1b}[0m", Role::Text);
                painter.put_right(x, y, "right", Role::Text);
                painter.fill(x, y, 9, 9, '█', Role::Bad);
                painter.mark(x, y, u16::MAX, u16::MAX, Role::Selected);
                painter.part(x, y, 5, 5).boxed("title", true).put(0, 0, "in", Role::Text);
                painter.popup(x, y, "popup").put(0, 0, "in", Role::Text);
            }
        }
    }

    #[test]
    fn what_is_put_looks_as_its_role_whatever_was_there_before() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 9, 2));
        let look = Look { palette: Palette::Mono, ascii: false };
        let mut painter = Painter::new(&mut buffer, Rect::new(0, 0, 9, 2), look);
        painter.put(0, 0, "─────────", Role::Border);
        painter.put(2, 0, "title", Role::Title);
        let style = look.style(Role::Title);
        assert_eq!(buffer[(2, 0)].modifier, style.add_modifier, "the border's dim is gone");
    }

    #[test]
    fn ascii_look_draws_ascii_only() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 3));
        let look = Look { ascii: true, ..Look::default() };
        let mut painter = Painter::new(&mut buffer, Rect::new(0, 0, 20, 3), look);
        painter.boxed("títle ✓", false).put(0, 0, "▒▓ → é\u{0}", Role::Text);
        assert!(buffer.content().iter().all(|cell| cell.symbol().is_ascii()), "{buffer:?}");
    }
}
