//! What changed between two trees. Equal pointers are skipped, so the cost follows the change.

use super::TreeRoot;
use crate::error::Result;
use crate::pager::{Value, View};
use std::marker::PhantomData;

/// One difference.
#[derive(Debug)]
pub enum Change<'p> {
    /// The row is new, or has another value in the later tree.
    Put(Value<'p>, Value<'p>),
    /// The row is gone.
    Del(Value<'p>),
}

/// Iterator over the changes in key order. Latches errors.
#[derive(Debug)]
pub struct Diff<'p> {
    marker: PhantomData<&'p ()>,
}

impl<'p> Diff<'p> {
    /// What leads from `from` to `to`. Reads nothing yet.
    pub fn new(from: (View<'p>, &TreeRoot), to: (View<'p>, &TreeRoot)) -> Self {
        let _ = (from, to);
        todo!()
    }
}

impl<'p> Iterator for Diff<'p> {
    type Item = Result<Change<'p>>;
    fn next(&mut self) -> Option<Self::Item> {
        todo!()
    }
}
