//! Bytes in rows: offset, hexadecimal, text; a cursor and the range around it.

use super::Painter;
use crate::theme::Role;
use std::ops::Range;

/// What to draw.
pub struct HexGrid<'a> {
    /// All bytes.
    pub bytes: &'a [u8],
    /// Bytes in a row.
    pub columns: usize,
    /// The first visible row.
    pub top: usize,
    /// The byte under the cursor.
    pub cursor: usize,
    /// The bytes that belong together with it.
    pub selected: Range<usize>,
    /// Whether the keys are here.
    pub focused: bool,
    /// What a byte means.
    pub role: &'a dyn Fn(usize) -> Role,
}

/// Columns that `bytes` in a row take.
pub const fn width(bytes: usize) -> usize {
    // Offset and two spaces, three a byte, one more in the middle, one and the text.
    6 + bytes * 3 + 1 + 1 + bytes
}

/// The most bytes in a row, of 32, 16, 8, 4, that fit `columns`.
pub fn columns_for(columns: u16) -> usize {
    [32, 16, 8, 4].into_iter().find(|bytes| width(*bytes) <= usize::from(columns)).unwrap_or(4)
}

/// The byte at a cell of the grid.
pub fn byte_at(x: u16, y: u16, columns: usize, top: usize) -> Option<usize> {
    let x = usize::from(x).checked_sub(6)?;
    let half = columns / 2 * 3;
    let column = if x < half { x / 3 } else { x.checked_sub(1)? / 3 };
    (column < columns).then_some((top + usize::from(y)) * columns + column)
}

impl HexGrid<'_> {
    /// Draws the visible rows.
    pub fn draw(&self, painter: &mut Painter<'_>) {
        let columns = self.columns.max(1);
        for y in 0..painter.height() {
            let start = (self.top + usize::from(y)) * columns;
            let Some(row) = self.bytes.get(start..self.bytes.len().min(start + columns)) else {
                break;
            };
            if row.is_empty() {
                break;
            }
            painter.put(0, y, &format!("{start:04x}"), Role::Dim);
            let text_x = 6 + columns * 3 + 2;
            for (column, byte) in row.iter().enumerate() {
                let at = start + column;
                let x = to_u16(6 + column * 3 + usize::from(column >= columns / 2));
                let role = (self.role)(at);
                painter.put(x, y, &format!("{byte:02x}"), role);
                let c = match byte {
                    b' '..=b'~' => char::from(*byte),
                    0 => '·',
                    _ => '×',
                };
                let tx = to_u16(text_x + column);
                painter.put(tx, y, c.encode_utf8(&mut [0; 4]), role);
                if at == self.cursor {
                    painter.mark(x, y, 2, 1, Role::Selected);
                    painter.mark(tx, y, 1, 1, Role::Selected);
                } else if self.selected.contains(&at) {
                    let echo = if self.focused { Role::Echo } else { Role::Selected };
                    let joined = self.selected.contains(&(at + 1)) && column + 1 < row.len();
                    painter.mark(x, y, if joined { 3 } else { 2 }, 1, echo);
                    painter.mark(tx, y, 1, 1, echo);
                }
            }
        }
    }
}

fn to_u16(value: usize) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::Look;
    use ratatui::{buffer::Buffer, layout::Rect};

    #[test]
    fn a_click_hits_the_byte_that_is_drawn_there() {
        for columns in [4, 8, 16, 32] {
            for byte in 0..columns {
                let x = 6 + byte * 3 + usize::from(byte >= columns / 2);
                let hit = byte_at(u16::try_from(x).unwrap(), 2, columns, 3);
                assert_eq!(hit, Some(5 * columns + byte), "{columns} columns");
            }
            assert_eq!(byte_at(0, 0, columns, 0), None, "the offset is no byte");
        }
    }

    #[test]
    fn it_draws_at_any_size() {
        let bytes: Vec<u8> = (0..=255).collect();
        for (w, h) in [(0, 0), (1, 1), (10, 3), (80, 24)] {
            let mut buffer = Buffer::empty(Rect::new(0, 0, w, h));
            let area = buffer.area;
            let mut painter = Painter::new(&mut buffer, area, Look::default());
            for columns in [0, 4, 16] {
                let grid = HexGrid {
                    bytes: &bytes,
                    columns,
                    top: 1000,
                    cursor: 5,
                    selected: 3..9,
                    focused: true,
                    role: &|_| Role::Text,
                };
                grid.draw(&mut painter);
                HexGrid { top: 0, ..grid }.draw(&mut painter);
            }
        }
    }
}
