//! Rows between two bounds, from either end. Latches errors: after one it yields nothing more.

use super::TreeRoot;
use crate::error::Result;
use crate::pager::{Value, View};
use std::marker::PhantomData;
use std::ops::Bound;

/// Iterator over rows.
#[derive(Debug)]
pub struct Range<'p> {
    marker: PhantomData<&'p ()>,
}

impl<'p> Range<'p> {
    /// Rows of `root` between the bounds. Reads nothing yet.
    pub fn new(view: View<'p>, root: &TreeRoot, start: Bound<&[u8]>, end: Bound<&[u8]>) -> Self {
        let _ = (view, root, start, end);
        todo!()
    }
}

impl<'p> Iterator for Range<'p> {
    type Item = Result<(Value<'p>, Value<'p>)>;
    fn next(&mut self) -> Option<Self::Item> {
        todo!()
    }
}

impl DoubleEndedIterator for Range<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        todo!()
    }
}
