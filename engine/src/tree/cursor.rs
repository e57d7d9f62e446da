//! A position between rows that lends them: the fast lane for scans.
//!
//! Called by `txn::read`. Stays on its leaf; a key is put together only from the node's prefix and
//! the row's own bytes, in a buffer that is kept. Cost of a row: no allocation, one short copy.

use super::TreeRoot;
use super::path::Path;
use crate::error::Result;
use crate::pager::View;

/// A position between two rows. Pins one leaf. After an error it yields nothing more until `seek`.
pub struct Cursor<'p> {
    path: Path<'p>,
    /// Rows of the leaf before the position.
    index: usize,
    state: State,
    key: Vec<u8>,
    /// Bytes at the front of `key` that are the leaf's prefix; `None` after a change of leaf.
    prefix_bytes: Option<usize>,
    value: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unplaced,
    Placed,
    Failed,
}

impl std::fmt::Debug for Cursor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cursor").field("state", &self.state).finish_non_exhaustive()
    }
}

/// A key and its value, lent.
pub type Row<'c> = (&'c [u8], &'c [u8]);

impl<'p> Cursor<'p> {
    /// Before the first row. Reads nothing yet.
    pub fn new(view: View<'p>, root: &TreeRoot) -> Self {
        Self {
            path: Path::new(view, *root),
            index: 0,
            state: State::Unplaced,
            key: Vec::new(),
            prefix_bytes: None,
            value: Vec::new(),
        }
    }

    /// Goes before the first row whose key is not less than `key`.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn seek(&mut self, key: &[u8]) -> Result<()> {
        let found = self.path.seek(key).map(|found| found.unwrap_or_else(|index| index));
        self.placed(found)
    }

    /// Goes before the first row.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn seek_start(&mut self) -> Result<()> {
        let found = self.path.seek_first().map(|()| 0);
        self.placed(found)
    }

    /// Goes behind the last row.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn seek_end(&mut self) -> Result<()> {
        let found = self.path.seek_last().map(|()| self.path.count());
        self.placed(found)
    }

    fn placed(&mut self, found: Result<usize>) -> Result<()> {
        self.prefix_bytes = None;
        self.state = if found.is_ok() { State::Placed } else { State::Failed };
        self.index = found?;
        Ok(())
    }

    /// The row after the position, and steps over it.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    #[allow(clippy::should_implement_trait)]
    #[inline]
    pub fn next(&mut self) -> Result<Option<Row<'_>>> {
        if self.index >= self.path.count() && !self.go_on()? {
            return Ok(None);
        }
        self.index += 1;
        self.row(self.index - 1).map(Some)
    }

    /// The row before the position, and steps back over it.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn prev(&mut self) -> Result<Option<Row<'_>>> {
        if self.index == 0 && !self.go_back()? {
            return Ok(None);
        }
        self.index -= 1;
        self.row(self.index).map(Some)
    }

    #[cold]
    fn go_on(&mut self) -> Result<bool> {
        match self.state {
            State::Failed => return Ok(false),
            State::Unplaced => self.seek_start()?,
            State::Placed => {
                let moved = self.path.next_leaf();
                if !self.moved(moved)? {
                    return Ok(false);
                }
                self.index = 0;
            }
        }
        Ok(self.index < self.path.count())
    }

    #[cold]
    fn go_back(&mut self) -> Result<bool> {
        match self.state {
            State::Failed | State::Unplaced => return Ok(false),
            State::Placed => {
                let moved = self.path.previous_leaf();
                if !self.moved(moved)? {
                    return Ok(false);
                }
                self.index = self.path.count();
            }
        }
        Ok(self.index > 0)
    }

    fn moved(&mut self, moved: Result<bool>) -> Result<bool> {
        self.prefix_bytes = None;
        if moved.is_err() {
            // Nothing more until a seek: not the rest of a tree with a hole in it.
            self.state = State::Failed;
            self.index = 0;
            self.path.leave();
        }
        moved
    }

    #[inline]
    fn row(&mut self, index: usize) -> Result<Row<'_>> {
        let overflow = match self.path.leaf() {
            Some(leaf) => {
                let prefix = leaf.prefix();
                if self.prefix_bytes != Some(prefix.len()) {
                    self.key.clear();
                    self.key.extend_from_slice(prefix);
                    self.prefix_bytes = Some(prefix.len());
                }
                if !prefix.is_empty() {
                    self.key.truncate(prefix.len());
                    self.key.extend_from_slice(leaf.suffix(index));
                }
                leaf.value_place(index).2
            }
            None => false,
        };
        if overflow {
            self.value.clear();
            let read = self.path.overflow_value(index, &mut self.value);
            if read.is_err() {
                let _latched = self.moved(read.map(|()| false));
                return Err(_latched.expect_err("the error that was put in"));
            }
        }
        let Some(leaf) = self.path.leaf() else { return Ok((&[], &[])) };
        let key = if self.prefix_bytes == Some(0) { leaf.suffix(index) } else { &self.key };
        let value = if overflow { &self.value[..] } else { leaf.stored_value(index).0 };
        Ok((key, value))
    }
}
