//! The cells of one node, or of two neighbours, with one more put in: what a rewrite encodes.
//!
//! Called by `tree` for compaction, split and merge. Finds where to split: near the middle, where the
//! separator is shortest. Cost: one pass for the sizes, one key comparison per place considered.

use super::view::Node;
use super::{NODE_BYTES, Slot};
use std::ops::Range;

/// A cell to be put in.
#[derive(Clone, Copy, Debug)]
pub struct Insert<'a> {
    /// The slot it will have.
    pub index: usize,
    /// Its whole key.
    pub key: &'a [u8],
    /// Its stored value.
    pub value: &'a [u8],
    /// Whether that is a descriptor of overflow pages.
    pub overflow: bool,
}

/// Where to split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitAt {
    /// Near the middle.
    Middle,
    /// As far right as possible: keys are coming in rising order, behind all others.
    End,
    /// Behind cell `n`: keys are coming in rising order, in front of others.
    Behind(usize),
}

/// A cell with its key in two parts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell<'a> {
    pub(super) front: &'a [u8],
    pub(super) back: &'a [u8],
    pub(super) value: &'a [u8],
    pub(super) overflow: bool,
}

impl<'a> Cell<'a> {
    fn key_bytes(&self) -> usize {
        self.front.len() + self.back.len()
    }

    /// The bytes both keys start with.
    fn common_bytes(&self, other: &Self) -> usize {
        let left = self.front.iter().chain(self.back);
        let right = other.front.iter().chain(other.back);
        left.zip(right).take_while(|(left, right)| left == right).count()
    }

    /// The key behind its first `skipped` bytes, in two parts.
    pub(super) fn suffix(&self, skipped: usize) -> (&'a [u8], &'a [u8]) {
        let front = self.front.get(skipped..).unwrap_or_default();
        let back = self.back.get(skipped.saturating_sub(self.front.len())..).unwrap_or_default();
        (front, back)
    }
}

/// A sequence of cells in key order.
#[derive(Clone, Copy, Debug)]
pub struct Cells<'a> {
    left: Node<'a>,
    right: Option<(Node<'a>, &'a [u8])>,
    insert: Option<Insert<'a>>,
}

impl<'a> Cells<'a> {
    /// The cells of `node`, with `insert` among them.
    pub fn new(node: Node<'a>, insert: Option<Insert<'a>>) -> Self {
        Self { left: node, right: None, insert }
    }

    /// The cells of two neighbours that `separator` stands between.
    pub fn joined(left: Node<'a>, separator: &'a [u8], right: Node<'a>) -> Self {
        Self { left, right: Some((right, separator)), insert: None }
    }

    /// How many.
    pub fn count(&self) -> usize {
        let right = self.right.map_or(0, |(right, _)| right.count());
        self.left.count() + right + usize::from(self.insert.is_some())
    }

    pub(super) fn is_leaf(&self) -> bool {
        self.left.is_leaf()
    }

    pub(super) fn cell(&self, mut index: usize) -> Cell<'a> {
        if let Some(insert) = self.insert {
            if index == insert.index {
                let Insert { key, value, overflow, .. } = insert;
                return Cell { front: &[], back: key, value, overflow };
            }
            index -= usize::from(index > insert.index);
        }
        let (node, index) = match self.right {
            Some((right, separator)) if index >= self.left.count() => {
                let index = index - self.left.count();
                if index == 0 && !right.is_leaf() {
                    let (value, overflow) = right.stored_value(0);
                    return Cell { front: &[], back: separator, value, overflow };
                }
                (right, index)
            }
            _ => (self.left, index),
        };
        let ((front, back), (value, overflow)) = (node.key_parts(index), node.stored_value(index));
        Cell { front, back, value, overflow }
    }

    /// The cells of `range` whose keys are stored: not the first one of an internal node.
    fn keyed(&self, range: &Range<usize>) -> Range<usize> {
        range.start + usize::from(!self.is_leaf())..range.end
    }

    /// Length of the prefix that a node of `range` will have.
    pub(super) fn prefix_bytes(&self, range: &Range<usize>) -> usize {
        let keyed = self.keyed(range);
        if keyed.len() < 2 {
            return 0;
        }
        self.cell(keyed.start).common_bytes(&self.cell(keyed.end - 1))
    }

    /// Bytes of slots, cells and prefix of a node of `range`, from the sums of whole cells.
    fn encoded_bytes(&self, range: Range<usize>, sums: &[usize]) -> usize {
        let first_key = if self.is_leaf() { 0 } else { self.cell(range.start).key_bytes() };
        let prefix = self.prefix_bytes(&range);
        let shared = self.keyed(&range).len().saturating_sub(1) * prefix;
        sums[range.end] - sums[range.start] - first_key - shared
    }

    fn sums(&self) -> Vec<usize> {
        let mut sums = Vec::with_capacity(self.count() + 1);
        sums.push(0);
        let mut sum = 0;
        for index in 0..self.count() {
            let cell = self.cell(index);
            sum += cell.key_bytes() + cell.value.len() + Slot::BYTES;
            sums.push(sum);
        }
        sums
    }

    /// Whether all of it fits one node of at most `cells_max` cells.
    pub fn fit_one_node(&self, cells_max: usize) -> bool {
        self.count() <= cells_max && self.encoded_bytes(0..self.count(), &self.sums()) <= NODE_BYTES
    }

    /// How many cells stay in the left node.
    ///
    /// # Panics
    /// When no place leaves two nodes that fit: the sizes of cells are bounded so that there is one.
    pub fn split_point(&self, at: SplitAt, cells_max: usize) -> usize {
        let (count, sums) = (self.count(), self.sums());
        let side_min = if self.is_leaf() { 1 } else { 2 };
        let (low, high) = (side_min, count - side_min);
        let fits = |place: usize| {
            place <= cells_max
                && count - place <= cells_max
                && self.encoded_bytes(0..place, &sums) <= NODE_BYTES
                && self.encoded_bytes(place..count, &sums) <= NODE_BYTES
        };
        let asked = match at {
            SplitAt::Middle => None,
            SplitAt::End => Some(high),
            SplitAt::Behind(index) => Some(index + 1),
        };
        if let Some(place) = asked.filter(|place| (low..=high).contains(place) && fits(*place)) {
            return place;
        }
        let middle = sums.partition_point(|sum| *sum < sums[count] / 2).clamp(low, high);
        let reach = count / 16;
        let near = middle.saturating_sub(reach).max(low)..=(middle + reach).min(high);
        let best = near
            .filter(|place| fits(*place))
            .min_by_key(|place| (self.separator_bytes(*place), place.abs_diff(middle)));
        best.or_else(|| (low..=high).filter(|p| fits(*p)).min_by_key(|p| p.abs_diff(middle)))
            .expect("cells are small enough that a split always finds a place")
    }

    fn separator_bytes(&self, place: usize) -> usize {
        let right = self.cell(place);
        if !self.is_leaf() {
            return right.key_bytes();
        }
        (self.cell(place - 1).common_bytes(&right) + 1).min(right.key_bytes())
    }

    /// The key that goes to the parent when the right node starts with cell `place`: of a leaf the
    /// shortest one above the left neighbour, of an internal node the cell's own.
    pub fn separator(&self, place: usize) -> Vec<u8> {
        let right = self.cell(place);
        let mut key = [right.front, right.back].concat();
        key.truncate(self.separator_bytes(place));
        key
    }
}
