//! CSV for spreadsheets and for `load`: key and value, quoted where needed, bytes as they are.

use super::{Out, Printable, told};
use color_eyre::eyre::Result;
use std::{
    borrow::Cow,
    io::{self, Write},
};

/// Writes rows as CSV, without a header.
pub struct CsvRows<'a> {
    writer: csv::Writer<&'a mut dyn Write>,
    /// A person reads the cells: they are escaped.
    terminal: bool,
    /// Cells that a spreadsheet would take for a formula get an apostrophe.
    guard: bool,
}

impl<'a> CsvRows<'a> {
    /// Writes to `out`; nothing is sure to be there before [`Self::finish`].
    pub fn new(out: &'a mut Out, guard: bool) -> Self {
        let terminal = out.is_terminal();
        Self { writer: csv::WriterBuilder::new().from_writer(out.writer()), terminal, guard }
    }

    /// Writes one row.
    ///
    /// # Errors
    /// [`crate::exit::ClosedPipe`] when the reader is gone.
    pub fn row(&mut self, cells: [&[u8]; 2]) -> Result<()> {
        let [key, value] = cells.map(|cell| self.cell(cell));
        told(self.writer.write_record([key, value]).map_err(io::Error::from))
    }

    /// Hands everything over.
    ///
    /// # Errors
    /// [`crate::exit::ClosedPipe`] when the reader is gone.
    pub fn finish(mut self) -> Result<()> {
        told(self.writer.flush())
    }

    fn cell<'c>(&self, cell: &'c [u8]) -> Cow<'c, [u8]> {
        let cell = if self.terminal {
            Cow::Owned(Printable::new(cell).into_string().into_bytes())
        } else {
            Cow::Borrowed(cell)
        };
        match cell.first() {
            Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r') if self.guard => {
                Cow::Owned([b"'", &*cell].concat())
            }
            _ => cell,
        }
    }
}
