//! Sections of a sheet side by side: which lines stand in which column.
//!
//! Sections stay whole and in order, so that a column is a range of lines. Cost: one pass over the lines.

use super::Line;
use std::ops::Range;

/// Columns at most.
const MAX: usize = 3;
/// Narrowest column that holds what 80 columns hold.
const WIDTH_MIN: u16 = 78;

/// Where each column starts, as the index of its first line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Columns {
    starts: [usize; MAX],
    /// One less than there are.
    more: usize,
    width: u16,
}

impl Columns {
    /// As many columns as fit and hold everything; one, which may scroll, when there are none such.
    pub(super) fn of(lines: &[Line], width: u16, height: u16) -> Self {
        let one = Self { width, ..Self::default() };
        let count = usize::from(width / WIDTH_MIN).min(MAX);
        let heads: Vec<usize> = (0..lines.len())
            .filter(|at| *at == 0 || lines.get(*at).is_some_and(|line| line.head))
            .collect();
        let count = count.min(heads.len());
        if count < 2 {
            return one;
        }
        let mut columns = Self { width: width / u16::try_from(count).unwrap_or(1), ..one };
        for column in 1..count {
            // The section that starts nearest to this column's share of the lines.
            let share = lines.len() * column / count;
            let before = columns.starts.get(column - 1).copied().unwrap_or(0);
            let later = heads.iter().filter(|head| **head > before);
            let Some(start) = later.min_by_key(|head| head.abs_diff(share)) else { break };
            if let Some(slot) = columns.starts.get_mut(column) {
                *slot = *start;
                columns.more = column;
            }
        }
        let fits = (0..columns.count())
            .all(|column| columns.lines(column, lines.len()).len() <= usize::from(height));
        if fits { columns } else { one }
    }

    /// How many.
    pub(super) const fn count(&self) -> usize {
        self.more + 1
    }

    /// The lines of a column.
    pub(super) fn lines(&self, column: usize, len: usize) -> Range<usize> {
        let start = self.starts.get(column).copied().unwrap_or(len);
        let next = self.starts.get(column + 1).copied().filter(|_| column < self.more);
        start..next.unwrap_or(len).max(start)
    }

    /// Where a column stands, and how wide it is.
    pub(super) fn place(&self, column: usize) -> (u16, u16) {
        let x = self.width.saturating_mul(u16::try_from(column).unwrap_or(0));
        (x, self.width.saturating_sub(2))
    }

    fn column_of(&self, line: usize) -> usize {
        (0..self.count()).rev().find(|column| self.starts.get(*column) <= Some(&line)).unwrap_or(0)
    }

    /// The line as far down in the column to the right or left.
    pub(super) fn beside(&self, line: usize, right: bool, len: usize) -> usize {
        let here = self.column_of(line);
        let there = if right { (here + 1).min(self.more) } else { here.saturating_sub(1) };
        let down = line.saturating_sub(self.lines(here, len).start);
        let lines = self.lines(there, len);
        (lines.start + down).min(lines.end.saturating_sub(1))
    }

    /// The line drawn at a cell.
    pub(super) fn line_at(&self, x: u16, y: u16, len: usize) -> Option<usize> {
        let lines = self.lines(usize::from(x / self.width.max(1)), len);
        let at = lines.start.checked_add(usize::from(y))?;
        lines.contains(&at).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(sections: &[usize]) -> Vec<Line> {
        let section = |len: &usize| {
            std::iter::once(Line::head("head")).chain((1..*len).map(|_| Line::text("line")))
        };
        sections.iter().flat_map(section).collect()
    }

    #[test]
    fn every_line_stands_in_one_column() {
        for sections in [&[][..], &[1], &[5, 5], &[3, 7, 2, 2], &[20, 1, 1], &[1, 1, 40]] {
            let lines = sheet(sections);
            for (width, height) in [(0, 0), (80, 24), (156, 9), (160, 50), (200, 60), (300, 100)] {
                let columns = Columns::of(&lines, width, height);
                let mut seen = 0;
                for column in 0..columns.count() {
                    let range = columns.lines(column, lines.len());
                    assert_eq!(range.start, seen, "{sections:?} in {width}x{height}");
                    seen = range.end;
                    let (x, wide) = columns.place(column);
                    assert!(x + wide <= width, "{sections:?} in {width}x{height}");
                }
                assert_eq!(seen, lines.len(), "{sections:?} in {width}x{height}");
            }
        }
    }

    #[test]
    fn left_and_right_keep_the_row() {
        let lines = sheet(&[4, 4, 2]);
        let columns = Columns::of(&lines, 160, 50);
        assert_eq!(columns.count(), 2);
        assert_eq!(columns.beside(2, true, lines.len()), 6);
        assert_eq!(columns.beside(6, false, lines.len()), 2);
        assert_eq!(columns.beside(9, true, lines.len()), 9);
        assert_eq!(columns.line_at(100, 1, lines.len()), Some(5));
        assert_eq!(columns.line_at(1, 4, lines.len()), None);
    }
}
