//! What a reader may see: all shared pages, and for the writer its own too.

use std::marker::PhantomData;

/// Access to pages on behalf of one reader. Costs nothing to copy.
#[derive(Clone, Copy, Debug)]
pub struct View<'p> {
    marker: PhantomData<&'p ()>,
}
