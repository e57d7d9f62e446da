//! A position between rows that lends them: the fast lane for scans.

use super::TreeRoot;
use crate::error::Result;
use crate::pager::View;
use std::marker::PhantomData;

/// A position between two rows. Pins one leaf. After an error it yields nothing more until `seek`.
#[derive(Debug)]
pub struct Cursor<'p> {
    marker: PhantomData<&'p ()>,
}

/// A key and its value, lent.
pub type Row<'c> = (&'c [u8], &'c [u8]);

#[allow(unused_variables)]
impl<'p> Cursor<'p> {
    /// Before the first row. Reads nothing yet.
    pub fn new(view: View<'p>, root: &TreeRoot) -> Self {
        todo!()
    }

    /// Goes before the first row whose key is not less than `key`.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn seek(&mut self, key: &[u8]) -> Result<()> {
        todo!()
    }

    /// Goes behind the last row.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn seek_end(&mut self) -> Result<()> {
        todo!()
    }

    /// The row after the position, and steps over it.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Row<'_>>> {
        Ok(todo!())
    }

    /// The row before the position, and steps back over it.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn prev(&mut self) -> Result<Option<Row<'_>>> {
        Ok(todo!())
    }
}
