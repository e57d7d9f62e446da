//! A position between rows that lends them: the fast lane for scans.
//!
//! Called by `txn::read`. Stays on its leaf; a key is put together from the node's prefix, which is
//! copied once a leaf, and the row's own bytes, in a buffer that is kept. Cells further on are asked
//! for ahead. Cost of a row: no allocation, one slot, one copy of a chunk.

use super::TreeRoot;
use super::path::Path;
use crate::error::Result;
use crate::format::node::{Cell, Node};
use crate::pager::{View, prefetch};

/// How many rows ahead a cell is asked for: about as many as are scanned while memory answers.
const ROWS_AHEAD: usize = 8;
/// Cache lines of a cell that are asked for: what is behind them comes by itself.
const CELL_LINES: usize = 3;

/// A position between two rows. Pins one leaf. After an error it yields nothing more until `seek`.
pub struct Cursor<'p> {
    path: Path<'p>,
    /// Rows of the leaf before the position.
    index: usize,
    state: State,
    key: Assembled,
    /// A value that has pages of its own.
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
            key: Assembled::default(),
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
        self.key.leaf_changed();
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
        let index = self.index;
        self.index += 1;
        self.row(index, index + ROWS_AHEAD)
    }

    /// The row before the position, and steps back over it.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    #[inline]
    pub fn prev(&mut self) -> Result<Option<Row<'_>>> {
        if self.index == 0 && !self.go_back()? {
            return Ok(None);
        }
        self.index -= 1;
        self.row(self.index, self.index.wrapping_sub(ROWS_AHEAD))
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
        self.key.leaf_changed();
        if moved.is_err() {
            // Nothing more until a seek: not the rest of a tree with a hole in it.
            self.state = State::Failed;
            self.index = 0;
            self.path.leave();
        }
        moved
    }

    /// Row `index` of the leaf; `ahead` is the one to ask for meanwhile. Always `Some`: what callers
    /// return, so that nobody copies it out of one type into another.
    #[inline]
    fn row(&mut self, index: usize, ahead: usize) -> Result<Option<Row<'_>>> {
        if let Some(leaf) = self.path.leaf()
            && leaf.cell(index).is_overflow()
        {
            self.read_overflow(index)?;
        }
        let Some(leaf) = self.path.leaf() else { return Ok(None) };
        if ahead < self.path.count() {
            prefetch::lines::<CELL_LINES>(leaf.cell(ahead).from_suffix_on());
        }
        let cell = leaf.cell(index);
        let key = self.key.of(leaf, cell);
        let value = if cell.is_overflow() { &self.value[..] } else { cell.value() };
        Ok(Some((key, value)))
    }

    #[cold]
    fn read_overflow(&mut self, index: usize) -> Result<()> {
        self.value.clear();
        let read = self.path.overflow_value(index, &mut self.value);
        self.moved(read.map(|()| true)).map(drop)
    }
}

/// Bytes that are copied at once, whether the row's own part of its key fills them or not.
const CHUNK: usize = 32;

/// The buffer that keys are put together in.
#[derive(Default)]
struct Assembled {
    bytes: Vec<u8>,
    /// How many of them, at the front, are the leaf's prefix; `None` after a change of leaf.
    prefix_bytes: Option<usize>,
}

impl Assembled {
    fn leaf_changed(&mut self) {
        self.prefix_bytes = None;
    }

    /// The key of `cell` in `leaf`.
    #[inline]
    fn of<'c>(&'c mut self, leaf: Node<'c>, cell: Cell<'c>) -> &'c [u8] {
        let suffix = cell.suffix();
        let prefix = match self.prefix_bytes {
            Some(bytes) => bytes,
            None => self.begin_leaf(leaf),
        };
        if prefix == 0 {
            return suffix;
        }
        let place = self.bytes.get_mut(prefix..).and_then(|rest| rest.first_chunk_mut());
        match (place, cell.from_suffix_on().first_chunk::<CHUNK>()) {
            // A whole chunk, known to the compiler, takes two moves; a few bytes take a call.
            (Some(place), Some(chunk)) if suffix.len() <= CHUNK => *place = *chunk,
            _ => self.put_long(prefix, suffix),
        }
        self.bytes.get(..prefix + suffix.len()).unwrap_or_default()
    }

    #[cold]
    fn begin_leaf(&mut self, leaf: Node<'_>) -> usize {
        let prefix = leaf.prefix();
        self.bytes.clear();
        self.bytes.extend_from_slice(prefix);
        self.bytes.resize(prefix.len() + CHUNK, 0);
        self.prefix_bytes = Some(prefix.len());
        prefix.len()
    }

    #[inline(never)]
    fn put_long(&mut self, prefix: usize, suffix: &[u8]) {
        self.bytes.truncate(prefix);
        self.bytes.extend_from_slice(suffix);
        self.bytes.resize(self.bytes.len().max(prefix + CHUNK), 0);
    }
}
