//! Where a cell lies, and which pages it stands for.

use crate::model::pagemap::{Class, Mode, PageMap};
use std::ops::Range;

/// Steps of the zoom: a cell stands for four times as many pages with each.
const STEPS_MAX: u32 = 15;

/// How the cells lie in their area.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Grid {
    /// Columns of the row labels.
    pub(super) label: u16,
    /// Cells in a row.
    pub(super) columns: usize,
    /// Columns of the terminal for each, a gap included.
    pub(super) cell: u16,
    /// Rows of the terminal for each.
    pub(super) cell_rows: u16,
    /// The first visible row of cells.
    pub(super) top: usize,
    /// Rows of the terminal.
    pub(super) height: u16,
}

/// Sizes of a cell, the largest first: columns with a gap, and rows.
const CELLS: [(u16, u16); 5] = [(8, 3), (6, 2), (4, 2), (3, 1), (2, 1)];

impl Grid {
    /// Lays `cells` out, with labels up to `label_max`, so that the one at `selected` is visible;
    /// scrolls no more than it must.
    pub(super) fn new(
        cells: usize,
        label_max: u64,
        selected: usize,
        size: (u16, u16),
        before: Self,
    ) -> Self {
        let digits = u16::try_from(label_max.to_string().len()).unwrap_or(20);
        let label = digits.max(4) + 2;
        let room = usize::from(size.0.saturating_sub(label)).max(1);
        let height = usize::from(size.1).max(1);
        // Large cells when everything fits that way, else as many as there is room for.
        let widest = |cell: u16| {
            [256, 128, 64, 48, 32, 24, 16, 8]
                .into_iter()
                .find(|columns| columns * usize::from(cell) <= room)
                .unwrap_or(1)
        };
        let fits = |(columns, rows): &(u16, u16)| {
            cells.div_ceil(widest(*columns)) * usize::from(*rows) <= height
        };
        let (cell, cell_rows) = CELLS.into_iter().find(fits).unwrap_or((1, 1));
        let columns = widest(cell);
        let rows = cells.div_ceil(columns);
        let visible = (height / usize::from(cell_rows)).max(1);
        let row = selected / columns;
        let mut top = before.top.min(rows.saturating_sub(visible));
        if row < top {
            top = row;
        } else if row >= top + visible {
            top = row + 1 - visible;
        }
        Self { label, columns, cell, cell_rows, top, height: size.1 }
    }

    /// The cell at a place of the area, which may lie behind the last.
    pub(super) fn cell_at(&self, x: u16, y: u16) -> Option<usize> {
        let column = usize::from(x.checked_sub(self.label)? / self.cell.max(1));
        let row = usize::from(y / self.cell_rows.max(1));
        let inside = column < self.columns && y < self.height;
        inside.then_some((self.top + row) * self.columns + column)
    }
}

/// How many pages a cell stands for, and what the cells are when it is more than one.
#[derive(Debug, Default)]
pub(super) struct Zoom {
    step: u32,
    classes: Vec<Class>,
}

impl Zoom {
    /// Pages of a cell.
    pub(super) fn pages(&self) -> u64 {
        1 << (2 * self.step)
    }

    fn pages_usize(&self) -> usize {
        usize::try_from(self.pages()).unwrap_or(usize::MAX)
    }

    /// The cell of a page.
    pub(super) fn cell_of(&self, page: u64) -> u64 {
        page / self.pages()
    }

    /// The first page of a cell.
    pub(super) fn first_page(&self, cell: usize) -> u64 {
        (cell as u64).saturating_mul(self.pages())
    }

    /// How many cells `pages` take.
    pub(super) fn cells(&self, pages: usize) -> usize {
        pages.div_ceil(self.pages_usize())
    }

    /// `one cell = 16 pages`.
    pub(super) fn in_words(&self) -> String {
        format!("one cell = {}", crate::text::plural(self.pages(), "page"))
    }

    /// Out: more pages in a cell, until one holds them all; in: fewer.
    pub(super) fn change(&mut self, out: bool, pages: usize) {
        match out {
            true if self.step < STEPS_MAX && self.pages_usize() < pages => self.step += 1,
            false => self.step = self.step.saturating_sub(1),
            true => {}
        }
    }

    /// What a cell is shown as.
    pub(super) fn class(&self, map: &PageMap, cell: usize, mode: Mode) -> Class {
        if self.step == 0 {
            return map.class(cell, mode);
        }
        self.classes.get(cell).copied().unwrap_or(Class::Unread)
    }

    /// Everything has changed.
    pub(super) fn rebuild(&mut self, map: &PageMap, mode: Mode) {
        self.classes.clear();
        self.patch(map, mode, 0..map.extent(mode));
    }

    /// The pages of `changed` have changed.
    pub(super) fn patch(&mut self, map: &PageMap, mode: Mode, changed: Range<usize>) {
        if self.step == 0 || changed.is_empty() {
            return;
        }
        let pages = self.pages_usize();
        let cells = map.extent(mode).div_ceil(pages);
        self.classes.resize(cells, Class::Unread);
        for cell in changed.start / pages..changed.end.div_ceil(pages).min(cells) {
            self.classes[cell] = map.class_of_range(cell * pages..(cell + 1) * pages, mode);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selected_cell_is_always_visible() {
        let mut grid = Grid::default();
        for size in [(0, 0), (1, 1), (9, 1), (40, 8), (80, 21), (300, 100)] {
            for cells in [0_usize, 1, 7, 640, 655_360] {
                for selected in [0, cells / 2, cells.saturating_sub(1)] {
                    grid = Grid::new(cells, cells as u64, selected, size, grid);
                    let row = selected / grid.columns;
                    let visible = usize::from(size.1 / grid.cell_rows).max(1);
                    let rows = grid.top..grid.top + visible;
                    assert!(rows.contains(&row), "{selected} of {cells} in {size:?}: {grid:?}");
                }
            }
        }
    }

    #[test]
    fn a_click_finds_the_cell_that_is_drawn_there() {
        for size in [(40, 8), (80, 21), (155, 57), (300, 100)] {
            let grid = Grid::new(700, 700, 0, size, Grid::default());
            for cell in [0, 1, grid.columns, 3 * grid.columns + 5] {
                let (row, column) = (cell / grid.columns, cell % grid.columns);
                let x = grid.label + u16::try_from(column).unwrap() * grid.cell;
                let y = u16::try_from(row).unwrap() * grid.cell_rows;
                assert_eq!(grid.cell_at(x, y), Some(cell), "{size:?}");
            }
        }
    }

    #[test]
    fn zooming_out_ends_with_one_cell_and_in_with_one_page() {
        let mut zoom = Zoom::default();
        for _ in 0..40 {
            zoom.change(true, 700);
        }
        assert_eq!((zoom.pages(), zoom.cells(700)), (1024, 1));
        assert_eq!(zoom.in_words(), "one cell = 1 024 pages");
        for _ in 0..40 {
            zoom.change(false, 700);
        }
        assert_eq!((zoom.pages(), zoom.cells(700), zoom.cell_of(699)), (1, 700, 699));
    }
}
