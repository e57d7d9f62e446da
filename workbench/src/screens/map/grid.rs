//! Where a cell lies, and which pages it stands for.
//!
//! Cells lie row by row, or along a Hilbert curve: there, what is near in the file is near on the screen, and a
//! run of pages is a patch. The curve fills a square; when there are more cells, the next square lies below.

use crate::action::Act;
use crate::model::pagemap::{Class, Mode, PageMap};
use std::ops::Range;

/// Steps of the zoom: a cell stands for four times as many pages with each.
const STEPS_MAX: u32 = 15;

/// In which order cells lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum Order {
    /// Row by row.
    #[default]
    Rows,
    /// Along a Hilbert curve.
    Hilbert,
}

impl Order {
    /// The other one.
    pub(super) const fn next(self) -> Self {
        match self {
            Self::Rows => Self::Hilbert,
            Self::Hilbert => Self::Rows,
        }
    }

    /// In words.
    pub(super) const fn in_words(self) -> &'static str {
        match self {
            Self::Rows => "pages lie row by row",
            Self::Hilbert => "pages lie along a Hilbert curve: near in the file is near here",
        }
    }
}

/// How the cells lie in their area.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Grid {
    pub(super) order: Order,
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

impl Order {
    /// How many columns `cells` are laid out in, of at most `columns`.
    fn columns(self, columns: usize, cells: usize) -> usize {
        match self {
            Self::Rows => columns,
            Self::Hilbert => {
                let side = 1 << columns.max(1).ilog2();
                let enough = cells.isqrt() + usize::from(cells.isqrt().pow(2) < cells);
                enough.max(1).next_power_of_two().min(side)
            }
        }
    }

    /// How many rows they take then; a square always takes all of its own.
    fn rows(self, columns: usize, cells: usize) -> usize {
        match self {
            Self::Rows => cells.div_ceil(columns),
            Self::Hilbert => cells.div_ceil(columns * columns) * columns,
        }
    }

    /// Column and row of a cell.
    fn place(self, cell: usize, columns: usize) -> (usize, usize) {
        match self {
            Self::Rows => (cell % columns, cell / columns),
            Self::Hilbert => {
                let square = columns * columns;
                let (x, y) = hilbert_place(cell % square, columns);
                (x, cell / square * columns + y)
            }
        }
    }

    /// The cell in a column of a row.
    fn cell(self, column: usize, row: usize, columns: usize) -> usize {
        match self {
            Self::Rows => row * columns + column,
            Self::Hilbert => {
                let square = row / columns * columns * columns;
                square + hilbert_step((column, row % columns), columns)
            }
        }
    }
}

/// Turns a quarter of the curve as it has to lie.
fn turn((x, y): (usize, usize), (right, lower): (usize, usize), side: usize) -> (usize, usize) {
    match (right, lower) {
        (_, 1) => (x, y),
        (1, _) => (side - 1 - y, side - 1 - x),
        _ => (y, x),
    }
}

/// Column and row of a step of the Hilbert curve that fills a square; its side is a power of two.
fn hilbert_place(step: usize, side: usize) -> (usize, usize) {
    let (mut place, mut rest, mut part) = ((0, 0), step, 1);
    while part < side {
        let right = 1 & (rest / 2);
        let lower = 1 & (rest ^ right);
        place = turn(place, (right, lower), part);
        place = (place.0 + part * right, place.1 + part * lower);
        rest /= 4;
        part *= 2;
    }
    place
}

/// The step of the curve at a column and row.
fn hilbert_step((x, y): (usize, usize), side: usize) -> usize {
    let (mut place, mut step, mut part) = ((x, y), 0, side / 2);
    while part > 0 {
        let right = usize::from(place.0 & part > 0);
        let lower = usize::from(place.1 & part > 0);
        step += part * part * ((3 * right) ^ lower);
        place = turn((place.0 & (part - 1), place.1 & (part - 1)), (right, lower), part);
        part /= 2;
    }
    step
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
        order: Order,
        before: Self,
    ) -> Self {
        let digits = u16::try_from(label_max.to_string().len()).unwrap_or(20);
        let label = digits.max(4) + 2;
        let room = usize::from(size.0.saturating_sub(label)).max(1);
        let height = usize::from(size.1).max(1);
        // Large cells when everything fits that way, else as many as there is room for.
        let widest = |cell: u16| {
            let columns = [256, 128, 64, 48, 32, 24, 16, 8]
                .into_iter()
                .find(|columns| columns * usize::from(cell) <= room)
                .unwrap_or(1);
            order.columns(columns, cells)
        };
        let fits = |(columns, rows): &(u16, u16)| {
            order.rows(widest(*columns), cells) * usize::from(*rows) <= height
        };
        let (cell, cell_rows) = CELLS.into_iter().find(fits).unwrap_or((1, 1));
        let columns = widest(cell);
        let rows = order.rows(columns, cells);
        let visible = (height / usize::from(cell_rows)).max(1);
        let (_, row) = order.place(selected, columns);
        let mut top = before.top.min(rows.saturating_sub(visible));
        if row < top {
            top = row;
        } else if row >= top + visible {
            top = row + 1 - visible;
        }
        Self { order, label, columns, cell, cell_rows, top, height: size.1 }
    }

    /// The cell in a column of a row, counted from the first.
    pub(super) fn cell(&self, column: usize, row: usize) -> usize {
        self.order.cell(column, row, self.columns.max(1))
    }

    /// The page number that stands beside a row, as its first cell: one that the row begins with, or the square.
    pub(super) fn label_of(&self, row: usize) -> Option<usize> {
        match self.order {
            Order::Rows => Some(self.cell(0, row)),
            Order::Hilbert => {
                let side = self.columns.max(1);
                row.is_multiple_of(side).then(|| row.saturating_mul(side))
            }
        }
    }

    /// The cell beside `cell` on the screen, when cells do not lie row by row; `cell` itself at an edge.
    pub(super) fn beside(&self, cell: usize, act: Act, cells: usize) -> Option<usize> {
        if self.order == Order::Rows {
            return None;
        }
        let (column, row) = self.order.place(cell, self.columns.max(1));
        let (column, row) = match act {
            Act::Left => (column.checked_sub(1), Some(row)),
            Act::Right => (Some(column + 1).filter(|column| *column < self.columns), Some(row)),
            Act::Up => (Some(column), row.checked_sub(1)),
            Act::Down => (Some(column), Some(row + 1)),
            _ => return None,
        };
        let to = column.zip(row).map(|(column, row)| self.cell(column, row));
        Some(to.filter(|to| *to < cells).unwrap_or(cell))
    }

    /// The cell at a place of the area, which may lie behind the last.
    pub(super) fn cell_at(&self, x: u16, y: u16) -> Option<usize> {
        let column = usize::from(x.checked_sub(self.label)? / self.cell.max(1));
        let row = usize::from(y / self.cell_rows.max(1));
        let inside = column < self.columns && y < self.height;
        inside.then(|| self.cell(column, self.top + row))
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
        for order in [Order::Rows, Order::Hilbert] {
            for size in [(0, 0), (1, 1), (9, 1), (40, 8), (80, 21), (300, 100)] {
                for cells in [0_usize, 1, 7, 640, 655_360] {
                    for selected in [0, cells / 2, cells.saturating_sub(1)] {
                        grid = Grid::new(cells, cells as u64, selected, size, order, grid);
                        let (_, row) = order.place(selected, grid.columns);
                        let visible = usize::from(size.1 / grid.cell_rows).max(1);
                        let rows = grid.top..grid.top + visible;
                        assert!(rows.contains(&row), "{selected} of {cells} in {size:?}: {grid:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn steps_of_the_curve_are_neighbours_and_each_cell_is_one() {
        for side in [1, 2, 4, 8, 16, 64] {
            let places: Vec<_> = (0..side * side).map(|step| hilbert_place(step, side)).collect();
            for (step, place) in places.iter().enumerate() {
                assert_eq!(hilbert_step(*place, side), step, "{place:?} of {side}");
                assert!(place.0 < side && place.1 < side, "{place:?} of {side}");
            }
            for pair in places.windows(2) {
                let far = pair[0].0.abs_diff(pair[1].0) + pair[0].1.abs_diff(pair[1].1);
                assert_eq!(far, 1, "{pair:?} of {side}");
            }
        }
    }

    #[test]
    fn arrows_lead_to_the_cell_beside() {
        for cells in [1, 5, 16, 700] {
            let grid = Grid::new(cells, 700, 0, (80, 21), Order::Hilbert, Grid::default());
            for cell in 0..cells {
                let here = grid.order.place(cell, grid.columns);
                for act in [Act::Left, Act::Right, Act::Up, Act::Down] {
                    let to = grid.beside(cell, act, cells).expect("an arrow");
                    let there = grid.order.place(to, grid.columns);
                    let far = here.0.abs_diff(there.0) + here.1.abs_diff(there.1);
                    assert!(to < cells && far <= 1, "{act:?} from {here:?} to {there:?}");
                }
                assert_eq!(grid.beside(cell, Act::PageDown, cells), None);
            }
        }
    }

    #[test]
    fn a_click_finds_the_cell_that_is_drawn_there() {
        for size in [(40, 8), (80, 21), (155, 57), (300, 100)] {
            for order in [Order::Rows, Order::Hilbert] {
                let grid = Grid::new(700, 700, 0, size, order, Grid::default());
                for cell in [0, 1, grid.columns, 3 * grid.columns + 5] {
                    let (column, row) = order.place(cell, grid.columns);
                    let x = grid.label + u16::try_from(column).unwrap() * grid.cell;
                    let y = u16::try_from(row).unwrap() * grid.cell_rows;
                    let expected = (y < grid.height).then_some(cell);
                    assert_eq!(grid.cell_at(x, y), expected, "{size:?}, {order:?}");
                }
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
