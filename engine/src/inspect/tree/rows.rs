//! Windows of rows, forwards and backwards, over trees that may be broken.
//!
//! What cannot be read is a hole in the answer, and the walk goes on behind it.

use super::raw::RawNode;
use super::{Root, ValueView, read_hop, value, value_view};
use crate::error::Corrupt;
use crate::ids::{PageId, Pointer};
use crate::inspect::Source;
use crate::key::prefix_end;
use crate::limits::DEPTH_MAX;
use serde::Serialize;
use std::cmp::Ordering;

/// Pages a window may read beyond one a row, so that hostile trees of empty nodes end.
const PAGES_MORE: usize = 10_000;
/// Bytes of a value that a row carries.
const PREVIEW_BYTES: usize = 4096;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Its key.
    pub key: Vec<u8>,
    /// The first 4096 bytes of its value.
    pub value: Vec<u8>,
    /// Where the value is and how long.
    pub place: ValueView,
    /// The leaf.
    pub leaf: Pointer,
    /// Its slot in the leaf.
    pub slot: usize,
    /// Why the value is not whole.
    pub problem: Option<Corrupt>,
}

/// A row, or a place where rows are missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowItem {
    /// A row.
    Row(Row),
    /// A subtree that cannot be read: its rows, from `from` (and below `to`), are missing here.
    Hole {
        /// The page that is broken.
        page: PageId,
        /// The lowest key that may be missing.
        from: Vec<u8>,
        /// The key at which rows are there again; `None` when the hole goes to the end.
        to: Option<Vec<u8>>,
        /// Why.
        problem: Corrupt,
    },
}

/// A window of rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rows {
    /// Rows and holes in key order.
    pub items: Vec<RowItem>,
    /// Whether the walk came to the end of the tree (or of the prefix) in its direction.
    pub complete: bool,
}

/// Up to `limit` rows from the first key at or above `from`, only those that start with `prefix`.
///
/// To go on behind the last row, ask again from its key with a zero byte added.
pub fn rows(source: &Source, root: &Root, from: &[u8], prefix: &[u8], limit: usize) -> Rows {
    let start = if from < prefix { prefix } else { from };
    let mut walk = Walk::new(source, root, Direction::Forward, start.to_vec());
    walk.run(prefix, limit)
}

/// Up to `limit` rows below `before` (`None`: from the end), only those that start with `prefix`;
/// in rising key order.
pub fn rows_before(
    source: &Source,
    root: &Root,
    before: Option<&[u8]>,
    prefix: &[u8],
    limit: usize,
) -> Rows {
    let end = prefix_end(prefix);
    let bound = match (before, end) {
        (Some(before), Some(end)) => Some(before.min(end.as_slice()).to_vec()),
        (Some(before), None) => Some(before.to_vec()),
        (None, end) => end,
    };
    let mut walk = Walk::new(source, root, Direction::Backward, bound.clone().unwrap_or_default());
    walk.unbounded = bound.is_none();
    let mut rows = walk.run(prefix, limit);
    rows.items.reverse();
    rows
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Forward,
    Backward,
}

/// A node on the path, and the slot to take next.
struct Level {
    pointer: Pointer,
    bytes: Vec<u8>,
    /// Next slot; going backwards, the slot behind the next one.
    next: usize,
    /// The first key behind this subtree.
    end: Option<Vec<u8>>,
}

struct Walk<'a> {
    source: &'a Source,
    root: &'a Root,
    direction: Direction,
    /// Forward: take keys from here. Backward: take keys below.
    bound: Vec<u8>,
    unbounded: bool,
    stack: Vec<Level>,
    pages: usize,
}

impl<'a> Walk<'a> {
    fn new(source: &'a Source, root: &'a Root, direction: Direction, bound: Vec<u8>) -> Self {
        Self { source, root, direction, bound, unbounded: false, stack: Vec::new(), pages: 0 }
    }

    fn run(&mut self, prefix: &[u8], limit: usize) -> Rows {
        let mut rows = Rows::default();
        let pages_max = limit.saturating_add(PAGES_MORE);
        if self.root.pointer.is_null() {
            rows.complete = true;
            return rows;
        }
        let level = self.root.level();
        self.enter(self.root.pointer, level, Vec::new(), None, &mut rows);
        while rows.items.len() < limit && self.pages < pages_max {
            let Some(top) = self.stack.last_mut() else {
                rows.complete = true;
                break;
            };
            let Some(raw) = RawNode::new(&top.bytes) else {
                self.stack.pop();
                continue;
            };
            let index = match self.direction {
                Direction::Forward if top.next < raw.count() => {
                    top.next = top.next.saturating_add(1);
                    top.next.saturating_sub(1)
                }
                Direction::Backward if top.next > 0 => {
                    top.next = top.next.saturating_sub(1);
                    top.next
                }
                _ => {
                    self.stack.pop();
                    continue;
                }
            };
            if raw.leaf {
                let row = read_row(self.source, &raw, top, index);
                if let Some(row) = row {
                    if !row.key.starts_with(prefix) {
                        rows.complete = true;
                        break;
                    }
                    rows.items.push(RowItem::Row(row));
                }
                continue;
            }
            let child = raw.child(index);
            let level = raw.page.level.checked_sub(1);
            let from = raw.key(index).unwrap_or_default();
            let end = raw.key(index.saturating_add(1)).or_else(|| top.end.clone());
            self.enter(child.unwrap_or(Pointer::NULL), level, from, end, &mut rows);
        }
        if !rows.complete && rows.items.len() < limit {
            self.give_up(pages_max, &mut rows);
        }
        rows
    }

    /// So many nodes without rows: no tree that the engine made. The rest is a hole.
    fn give_up(&self, pages_max: usize, rows: &mut Rows) {
        let Some(page) = self.stack.last().map(|level| level.pointer.page) else { return };
        let expected = format!("rows within {pages_max} pages");
        let problem = Corrupt::page(page, "NODE-1", expected, "nodes without slots");
        let from = match rows.items.last() {
            Some(RowItem::Row(row)) => row.key.clone(),
            Some(RowItem::Hole { to, .. }) => to.clone().unwrap_or_default(),
            None => self.bound.clone(),
        };
        rows.items.push(RowItem::Hole { page, from, to: None, problem });
        rows.complete = true;
    }

    /// Puts a node on the path, positioned at the bound; a broken one becomes a hole.
    fn enter(
        &mut self,
        pointer: Pointer,
        level: Option<u8>,
        from: Vec<u8>,
        end: Option<Vec<u8>>,
        rows: &mut Rows,
    ) {
        self.pages = self.pages.saturating_add(1);
        let hop = if self.stack.len() > DEPTH_MAX {
            Err(Corrupt::page(pointer.page, "TREE-1", "levels that fall", "a deeper tree"))
        } else {
            read_hop(self.source, pointer, level)
        };
        let (bytes, problem) = match hop {
            Ok((bytes, problems)) => (bytes, problems.into_iter().next()),
            Err(corrupt) => (Vec::new(), Some(corrupt)),
        };
        let raw = RawNode::new(&bytes).filter(|_| problem.is_none());
        let Some(raw) = raw else {
            let problem = problem.unwrap_or_else(|| super::no_node(pointer, &bytes));
            rows.items.push(RowItem::Hole { page: pointer.page, from, to: end, problem });
            return;
        };
        let next = self.position(&raw);
        self.stack.push(Level { pointer, bytes, next, end });
    }

    /// The slot to start with in a node just entered.
    fn position(&self, raw: &RawNode<'_>) -> usize {
        if self.unbounded {
            return raw.count();
        }
        // The number of slots whose keys are below the bound.
        let (mut low, mut high) = (0, raw.count());
        while low < high {
            let middle = low.midpoint(high);
            match raw.compare(middle, &self.bound) {
                Some(Ordering::Less) => low = middle.saturating_add(1),
                _ => high = middle,
            }
        }
        match self.direction {
            Direction::Backward => low,
            Direction::Forward if raw.leaf => low,
            // The child before the first separator at or above the bound may hold it, unless that
            // separator is the bound itself.
            Direction::Forward => match raw.compare(low, &self.bound) {
                Some(Ordering::Equal) => low,
                _ => low.saturating_sub(1),
            },
        }
    }
}

fn read_row(source: &Source, raw: &RawNode<'_>, level: &Level, index: usize) -> Option<Row> {
    let place = value_view(raw, index)?;
    let read = value(source, raw.bytes, index, PREVIEW_BYTES)?;
    Some(Row {
        key: raw.key(index)?,
        value: read.bytes,
        place,
        leaf: level.pointer,
        slot: index,
        problem: read.problem,
    })
}
