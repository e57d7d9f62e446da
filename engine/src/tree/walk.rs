//! Visits every page of a tree: to rebuild the free space, to copy, to count.

use super::TreeRoot;
use crate::error::Result;
use crate::ids::Pointer;
use crate::pager::View;

/// A run of pages that a tree uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The node, or the first page of an extent.
    pub pointer: Pointer,
    /// 1 for a node, the extent's pages for a value.
    pub count: u32,
    /// Level of a node; `None` for an extent.
    pub level: Option<u8>,
}

/// Calls `visit` for every node and extent of `root`, parents before children; `false` skips what is
/// below a node (a subtree that was seen before). Leaves are read too, for their extents.
///
/// # Errors
/// `Corrupt`, `Io`: the walk ends there.
pub fn walk(view: View<'_>, root: &TreeRoot, visit: &mut dyn FnMut(Visit) -> bool) -> Result<()> {
    let _ = (view, root, visit);
    todo!()
}
