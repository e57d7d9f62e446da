//! Rows between two bounds, from either end. Latches errors: after one it yields nothing more.
//!
//! Called by `txn::read`. Each end pins a leaf. An end compares keys with its bound once per leaf,
//! and again when the other end has moved.

use super::TreeRoot;
use super::path::Path;
use crate::error::Result;
use crate::format::node::Node;
use crate::pager::{Value, View};
use std::ops::Bound;

/// Iterator over rows.
pub struct Range<'p> {
    front: End<'p>,
    back: End<'p>,
    start: Bound<Vec<u8>>,
    end: Bound<Vec<u8>>,
    done: bool,
}

/// One end: its leaf, the rows of it that are left (`low..high`), and what was known of the other
/// end when that was worked out.
struct End<'p> {
    path: Path<'p>,
    placed: bool,
    low: usize,
    high: usize,
    moves: u64,
    other_moves: u64,
}

impl std::fmt::Debug for Range<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Range")
            .field("start", &self.start)
            .field("end", &self.end)
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}

impl<'p> End<'p> {
    fn new(view: View<'p>, root: TreeRoot) -> Self {
        let path = Path::new(view, root);
        Self { path, placed: false, low: 0, high: 0, moves: 0, other_moves: 0 }
    }
}

/// The first row of `leaf` inside `start`.
pub(super) fn first_inside(leaf: Node<'_>, start: Bound<&[u8]>) -> usize {
    match start {
        Bound::Unbounded => 0,
        Bound::Included(key) => leaf.search(key).unwrap_or_else(|index| index),
        Bound::Excluded(key) => leaf.search(key).map_or_else(|index| index, |index| index + 1),
    }
}

/// How many rows of `leaf` are inside `end`.
pub(super) fn count_inside(leaf: Node<'_>, end: Bound<&[u8]>) -> usize {
    match end {
        Bound::Unbounded => leaf.count(),
        Bound::Included(key) => leaf.search(key).map_or_else(|index| index, |index| index + 1),
        Bound::Excluded(key) => leaf.search(key).unwrap_or_else(|index| index),
    }
}

fn borrowed(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}

impl<'p> Range<'p> {
    /// Rows of `root` between the bounds. Reads nothing yet.
    pub fn new(view: View<'p>, root: &TreeRoot, start: Bound<&[u8]>, end: Bound<&[u8]>) -> Self {
        Self {
            front: End::new(view, *root),
            back: End::new(view, *root),
            start: start.map(<[u8]>::to_vec),
            end: end.map(<[u8]>::to_vec),
            done: false,
        }
    }

    fn step(&mut self) -> Result<Option<(Value<'p>, Value<'p>)>> {
        if !self.front.placed {
            match &self.start {
                Bound::Unbounded => self.front.path.seek_first()?,
                Bound::Included(key) | Bound::Excluded(key) => {
                    self.front.path.seek(key)?.unwrap_or(0);
                }
            }
            let start = borrowed(&self.start);
            self.front.low = self.front.path.leaf().map_or(0, |leaf| first_inside(leaf, start));
            self.front.placed = true;
            self.limit_front();
        }
        if self.front.other_moves != self.back.moves {
            self.limit_front();
        }
        while self.front.low >= self.front.high {
            // The bound is inside this leaf, or there is no other one.
            if self.front.high < self.front.path.count() || !self.front.path.next_leaf()? {
                return Ok(None);
            }
            self.front.low = 0;
            self.limit_front();
        }
        self.front.low += 1;
        self.front.moves += 1;
        self.front.path.row(self.front.low - 1)
    }

    /// How far the front may go in its leaf: to the end, and to the row that the back gave last.
    fn limit_front(&mut self) {
        self.front.other_moves = self.back.moves;
        let Some(leaf) = self.front.path.leaf() else {
            self.front.high = 0;
            return;
        };
        let given = (self.back.moves > 0).then(|| self.back.path.leaf()).flatten();
        let given = given.map(|leaf| leaf.key(self.back.high));
        self.front.high = match &given {
            Some(key) => count_inside(leaf, Bound::Excluded(key)),
            None => count_inside(leaf, borrowed(&self.end)),
        };
    }

    fn step_back(&mut self) -> Result<Option<(Value<'p>, Value<'p>)>> {
        if !self.back.placed {
            match &self.end {
                Bound::Unbounded => self.back.path.seek_last()?,
                Bound::Included(key) | Bound::Excluded(key) => {
                    self.back.path.seek(key)?.unwrap_or(0);
                }
            }
            let end = borrowed(&self.end);
            self.back.high = self.back.path.leaf().map_or(0, |leaf| count_inside(leaf, end));
            self.back.placed = true;
            self.limit_back();
        }
        if self.back.other_moves != self.front.moves {
            self.limit_back();
        }
        while self.back.low >= self.back.high {
            if self.back.low > 0 || !self.back.path.previous_leaf()? {
                return Ok(None);
            }
            self.back.high = self.back.path.count();
            self.limit_back();
        }
        self.back.high -= 1;
        self.back.moves += 1;
        self.back.path.row(self.back.high)
    }

    /// How far the back may go in its leaf: to the start, and to the row that the front gave last.
    fn limit_back(&mut self) {
        self.back.other_moves = self.front.moves;
        let Some(leaf) = self.back.path.leaf() else {
            self.back.low = 0;
            return;
        };
        let given = (self.front.moves > 0).then(|| self.front.path.leaf()).flatten();
        let given = given.map(|leaf| leaf.key(self.front.low - 1));
        self.back.low = match &given {
            Some(key) => first_inside(leaf, Bound::Excluded(key)),
            None => first_inside(leaf, borrowed(&self.start)),
        };
    }
}

impl<'p> Iterator for Range<'p> {
    type Item = Result<(Value<'p>, Value<'p>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let row = self.step();
        self.done = !matches!(row, Ok(Some(_)));
        row.transpose()
    }
}

impl DoubleEndedIterator for Range<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let row = self.step_back();
        self.done = !matches!(row, Ok(Some(_)));
        row.transpose()
    }
}

impl std::iter::FusedIterator for Range<'_> {}
