//! What changed between two trees. Equal pointers are skipped, so the cost follows the change.
//!
//! Called by `db::diff`. Goes through both trees side by side and opens a subtree only when the other
//! tree has no equal one at that place. Latches errors.

use super::path::top;
use super::{TreeRoot, value};
use crate::error::{Corrupt, Error, Result};
use crate::format::node::{CellValue, Node};
use crate::ids::{PageId, Pointer};
use crate::pager::{PageRef, Value, View, Want};
use std::cmp::Ordering;

/// One difference.
#[derive(Debug)]
pub enum Change<'p> {
    /// The row is new, or has another value in the later tree.
    Put(Value<'p>, Value<'p>),
    /// The row is gone.
    Del(Value<'p>),
}

/// Iterator over the changes in key order. Latches errors.
pub struct Diff<'p> {
    from: Side<'p>,
    to: Side<'p>,
    /// Pointers mean the same in both trees.
    one_file: bool,
    /// Told by the first call of `next`.
    refused: Option<Error>,
    done: bool,
}

impl std::fmt::Debug for Diff<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Diff").field("done", &self.done).finish_non_exhaustive()
    }
}

/// A node that is being gone through; `index` is the next cell.
struct Opened<'p> {
    page: PageRef<'p>,
    id: PageId,
    level: u8,
    index: usize,
}

/// One tree, and how far it was gone through.
struct Side<'p> {
    view: View<'p>,
    unopened_root: Option<(Pointer, u8)>,
    opened: Vec<Opened<'p>>,
    /// The last row that was passed; rows rise (TREE-2), or a hostile tree could go on for ever.
    passed: Option<Vec<u8>>,
}

/// What comes next in a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    End,
    Row,
    Subtree(Pointer, u8),
}

impl<'p> Side<'p> {
    fn new(view: View<'p>, unopened_root: Option<(Pointer, u8)>) -> Self {
        Self { view, unopened_root, opened: Vec::new(), passed: None }
    }

    fn next(&self) -> Next {
        if let Some((pointer, level)) = self.unopened_root {
            return Next::Subtree(pointer, level);
        }
        match self.opened.last() {
            None => Next::End,
            Some(opened) if opened.level == 0 => Next::Row,
            Some(opened) => {
                Next::Subtree(Node::new(&opened.page).child(opened.index), opened.level - 1)
            }
        }
    }

    /// A key that no row of what comes next is below.
    fn low(&self) -> Vec<u8> {
        let at = self.opened.iter().rev().find(|opened| opened.index > 0);
        at.map_or_else(Vec::new, |opened| Node::new(&opened.page).key(opened.index))
    }

    /// Opens the subtree that comes next.
    fn open(&mut self, pointer: Pointer, level: u8) -> Result<()> {
        self.unopened_root = None;
        let page = self.view.fetch(pointer, Want::Node { level })?;
        if level == 0 {
            let node = Node::new(&page);
            if self.passed.as_ref().is_some_and(|last| node.compare_key(0, last).is_le()) {
                let expected = "keys beyond those of the leaf before";
                return Err(Corrupt::page(pointer.page, "TREE-2", expected, "others").into());
            }
            self.passed = Some(node.key(node.count().saturating_sub(1)));
        }
        self.opened.push(Opened { page, id: pointer.page, level, index: 0 });
        Ok(())
    }

    /// Steps over what comes next.
    fn skip(&mut self) {
        self.unopened_root = None;
        while let Some(opened) = self.opened.last_mut() {
            opened.index += 1;
            if opened.index < Node::new(&opened.page).count() {
                return;
            }
            self.opened.pop();
        }
    }

    fn key(&self) -> Option<Value<'p>> {
        self.opened.last().map(|opened| value::key_at(&opened.page, opened.index))
    }

    fn value(&self) -> Result<Option<Value<'p>>> {
        let Some(opened) = self.opened.last() else { return Ok(None) };
        value::at(self.view, &opened.page, opened.id, opened.index).map(Some)
    }

    fn stored(&self) -> Option<CellValue<'_>> {
        self.opened.last().map(|opened| Node::new(&opened.page).value(opened.index))
    }
}

impl<'p> Diff<'p> {
    /// What leads from `from` to `to`. Reads nothing yet.
    pub fn new(from: (View<'p>, &TreeRoot), to: (View<'p>, &TreeRoot)) -> Self {
        let tops = top(from.1).and_then(|from| Ok((from, top(to.1)?)));
        let (tops, refused) = match tops {
            Ok(tops) => (tops, None),
            Err(error) => ((None, None), Some(error)),
        };
        Self {
            one_file: from.0.is_of_one_file(to.0),
            from: Side::new(from.0, tops.0),
            to: Side::new(to.0, tops.1),
            refused,
            done: false,
        }
    }

    fn step(&mut self) -> Result<Option<Change<'p>>> {
        loop {
            match (self.from.next(), self.to.next()) {
                (Next::End, Next::End) => return Ok(None),
                (Next::Subtree(left, _), Next::Subtree(right, _))
                    if left == right && self.one_file =>
                {
                    self.from.skip();
                    self.to.skip();
                }
                (Next::Subtree(left, left_level), Next::Subtree(right, right_level)) => {
                    let order = self.from.low().cmp(&self.to.low());
                    let order = order.then(right_level.cmp(&left_level));
                    if order.is_le() {
                        self.from.open(left, left_level)?;
                    }
                    if order.is_ge() {
                        self.to.open(right, right_level)?;
                    }
                }
                (Next::Subtree(pointer, level), Next::End) => self.from.open(pointer, level)?,
                (Next::End, Next::Subtree(pointer, level)) => self.to.open(pointer, level)?,
                (Next::Subtree(pointer, level), Next::Row) => {
                    match self.to.key() {
                        Some(key) if key[..] < self.from.low()[..] => return self.put().map(Some),
                        _ => self.from.open(pointer, level)?,
                    };
                }
                (Next::Row, Next::Subtree(pointer, level)) => {
                    match self.from.key() {
                        Some(key) if key[..] < self.to.low()[..] => return Ok(self.del()),
                        _ => self.to.open(pointer, level)?,
                    };
                }
                (Next::Row, Next::End) => return Ok(self.del()),
                (Next::End, Next::Row) => return self.put().map(Some),
                (Next::Row, Next::Row) => {
                    match self.from.key().as_deref().cmp(&self.to.key().as_deref()) {
                        Ordering::Less => return Ok(self.del()),
                        Ordering::Greater => return self.put().map(Some),
                        Ordering::Equal => {
                            if !self.values_are_equal()? {
                                self.from.skip();
                                return self.put().map(Some);
                            }
                            self.from.skip();
                            self.to.skip();
                        }
                    }
                }
            }
        }
    }

    fn values_are_equal(&self) -> Result<bool> {
        match (self.from.stored(), self.to.stored()) {
            (Some(CellValue::Inline(left)), Some(CellValue::Inline(right))) => Ok(left == right),
            (Some(CellValue::Overflow(left)), Some(CellValue::Overflow(right)))
                if self.one_file && left == right =>
            {
                Ok(true)
            }
            (Some(CellValue::Overflow(left)), Some(CellValue::Overflow(right)))
                if left.total_bytes != right.total_bytes =>
            {
                Ok(false)
            }
            _ => Ok(self.from.value()? == self.to.value()?),
        }
    }

    fn put(&mut self) -> Result<Change<'p>> {
        let (key, value) = (self.to.key(), self.to.value()?);
        self.to.skip();
        let empty = || Value::owned(Vec::new());
        Ok(Change::Put(key.unwrap_or_else(empty), value.unwrap_or_else(empty)))
    }

    fn del(&mut self) -> Option<Change<'p>> {
        let key = self.from.key();
        self.from.skip();
        key.map(Change::Del)
    }
}

impl<'p> Iterator for Diff<'p> {
    type Item = Result<Change<'p>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let change = match self.refused.take() {
            Some(error) => Err(error),
            None => self.step(),
        };
        self.done = !matches!(change, Ok(Some(_)));
        change.transpose()
    }
}
