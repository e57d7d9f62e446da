//! Plain aligned tables: a header, two spaces between columns, no lines, no color.

use super::{Out, Printable};
use color_eyre::eyre::Result;
use comfy_table::{CellAlignment, ColumnConstraint, Width, presets};

/// Most rows of a stream that are held back to find the width of its columns.
const ROWS_HELD: usize = 256;

/// A table whose rows are all known.
pub struct Table(comfy_table::Table);

impl Table {
    /// A table with these column titles.
    pub fn new<const N: usize>(titles: [&str; N]) -> Self {
        let mut table = bare();
        table.set_header(titles.iter().map(|title| title.to_uppercase()));
        Self(table)
    }

    /// Puts the numbers of these columns flush right.
    #[must_use]
    pub fn right(mut self, columns: &[usize]) -> Self {
        for &index in columns {
            if let Some(column) = self.0.column_mut(index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        self
    }

    /// Adds a row of our own words, numbers or [`Printable`] text.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.0.add_row(cells);
    }

    /// Prints it.
    ///
    /// # Errors
    /// [`crate::exit::ClosedPipe`] when the reader is gone.
    pub fn print(&self, out: &mut Out) -> Result<()> {
        print(&self.0, out)
    }
}

/// A table of key and value whose rows stream by: the first few hundred decide the width.
///
/// On a terminal: aligned, long text cut. Elsewhere: one line a row, key, TAB, value, nothing cut and
/// no header, so that `grep`, `cut` and `wc -l` see the rows and nothing else.
pub struct RowTable {
    held: Vec<[String; 2]>,
    key_width: Option<u16>,
    titles: [&'static str; 2],
}

impl RowTable {
    /// Longest key and value shown on a terminal, in characters.
    pub const CHARS_MAX: [usize; 2] = [48, 120];

    /// An empty one.
    pub fn new(titles: [&'static str; 2]) -> Self {
        Self { held: Vec::new(), key_width: None, titles }
    }

    /// Adds a row: `show` turns bytes into printable text of at most so many characters.
    ///
    /// # Errors
    /// [`crate::exit::ClosedPipe`] when the reader is gone.
    pub fn row(
        &mut self,
        out: &mut Out,
        cells: [&[u8]; 2],
        show: impl Fn(&[u8], usize) -> Printable,
    ) -> Result<()> {
        if !out.is_terminal() {
            let [key, value] = cells.map(|cell| show(cell, usize::MAX));
            return out.line(format_args!("{key}\t{value}"));
        }
        let [key_chars, value_chars] = Self::CHARS_MAX;
        let [key, value] = cells;
        self.held
            .push([show(key, key_chars).into_string(), show(value, value_chars).into_string()]);
        if self.held.len() >= ROWS_HELD { self.print(out) } else { Ok(()) }
    }

    /// Prints what is held back.
    ///
    /// # Errors
    /// [`crate::exit::ClosedPipe`] when the reader is gone.
    pub fn print(&mut self, out: &mut Out) -> Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        let mut table = bare();
        if self.key_width.is_none() {
            table.set_header(self.titles.map(str::to_uppercase));
        }
        table.add_rows(self.held.drain(..));
        let width = self.key_width.or_else(|| table.column_max_content_widths().first().copied());
        if let (Some(width), Some(column)) = (width, table.column_mut(0)) {
            // Two for the padding, which counts as width.
            let width = Width::Fixed(width.saturating_add(2));
            column.set_constraint(ColumnConstraint::LowerBoundary(width));
        }
        self.key_width = width;
        print(&table, out)
    }
}

fn bare() -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_preset(presets::NOTHING);
    table
}

fn print(table: &comfy_table::Table, out: &mut Out) -> Result<()> {
    for line in table.lines() {
        // Each cell comes padded by a space on both sides.
        let line = line.strip_prefix(' ').unwrap_or(&line);
        out.line(line.trim_end())?;
    }
    Ok(())
}
