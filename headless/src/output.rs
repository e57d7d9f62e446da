//! Everything that is printed goes through here: stdout with its terminal rules, tables, JSON, CSV,
//! progress, and [`Printable`] for text that strangers wrote.
//!
//! Called by every command. Results go to stdout, everything else to stderr. A closed pipe becomes
//! [`crate::exit::ClosedPipe`], which ends the run quietly.

pub mod csv;
pub mod hex;
pub mod json;
pub mod progress;
pub mod table;

pub use northstar_engine::printable::Printable;

use crate::exit::ClosedPipe;
use color_eyre::eyre::{Result, WrapErr};
use std::io::{self, BufWriter, IsTerminal, Write};

/// Where results go.
pub struct Out {
    writer: Box<dyn Write>,
    terminal: bool,
}

impl Out {
    /// Standard output: line by line on a terminal, in blocks otherwise.
    pub fn stdout() -> Self {
        let terminal = io::stdout().is_terminal();
        let capacity = if terminal { 4 << 10 } else { 64 << 10 };
        let writer = Box::new(BufWriter::with_capacity(capacity, io::stdout()));
        Self { writer, terminal }
    }

    /// Any writer, taken for no terminal: for tests.
    pub fn to(writer: impl Write + 'static) -> Self {
        Self { writer: Box::new(writer), terminal: false }
    }

    /// Whether a person looks at it.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Writes bytes as they are. For data that is meant for a program.
    ///
    /// # Errors
    /// [`ClosedPipe`] when the reader is gone.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        told(self.writer.write_all(bytes))
    }

    /// Writes one line of text that is safe to print: our own words, numbers, [`Printable`]s.
    ///
    /// # Errors
    /// [`ClosedPipe`] when the reader is gone.
    pub fn line(&mut self, text: impl std::fmt::Display) -> Result<()> {
        told(writeln!(self.writer, "{text}"))?;
        if self.terminal { self.flush() } else { Ok(()) }
    }

    /// Hands everything over now.
    ///
    /// # Errors
    /// [`ClosedPipe`] when the reader is gone.
    pub fn flush(&mut self) -> Result<()> {
        told(self.writer.flush())
    }

    /// The writer itself, for encoders; their errors go through [`told`].
    pub fn writer(&mut self) -> &mut dyn Write {
        &mut self.writer
    }
}

/// Tells a reader that went away from a real failure to write.
///
/// # Errors
/// [`ClosedPipe`] for a closed pipe, else the failure with its context.
pub fn told<T>(result: io::Result<T>) -> Result<T> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(ClosedPipe.into()),
        other => other.wrap_err("cannot write the output"),
    }
}

/// A line for the person at the terminal that is no result: a note, a warning.
pub fn note(text: impl std::fmt::Display) {
    // Nothing depends on it, and there is nowhere to report it to.
    writeln!(io::stderr(), "{text}").unwrap_or_default();
}

/// Whether color may be used on an output: only on a terminal, and not against `NO_COLOR`.
pub fn color_allowed(terminal: bool) -> bool {
    terminal
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}
