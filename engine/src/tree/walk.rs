//! Visits every page of a tree: to rebuild the free space, to copy, to count.
//!
//! Called by `db`. Iterative; a page that is reached twice ends the walk with TREE-4, so that a hostile
//! tree cannot send it round. Cost: every internal node and leaf is read, of a long value the first
//! page of each extent.

use super::path::top;
use super::{TreeRoot, value};
use crate::error::{Corrupt, Result};
use crate::format::node::{CellValue, Node};
use crate::ids::Pointer;
use crate::pager::{FreeSpace, Run, View, Want};

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
    let mut seen = FreeSpace::empty(view.page_count());
    let mut pending: Vec<(Pointer, u8)> = top(root)?.into_iter().collect();
    while let Some((pointer, level)) = pending.pop() {
        let page = view.fetch(pointer, Want::Node { level })?;
        if seen.set_used(Run { page: pointer.page, count: 1 }) {
            return Err(reached_twice(pointer));
        }
        if !visit(Visit { pointer, count: 1, level: Some(level) }) {
            continue;
        }
        let node = Node::new(&page);
        for index in (0..node.count()).rev() {
            if level > 0 {
                pending.push((node.child(index), level - 1));
                continue;
            }
            let CellValue::Overflow(descriptor) = node.value(index) else { continue };
            let mut twice = None;
            value::extents(view, pointer.page, descriptor, &mut |extent| {
                if seen.set_used(Run { page: extent.first.page, count: extent.count }) {
                    twice = Some(extent.first);
                }
                visit(Visit { pointer: extent.first, count: extent.count, level: None });
            })?;
            if let Some(extent) = twice {
                return Err(reached_twice(extent));
            }
        }
    }
    Ok(())
}

fn reached_twice(pointer: Pointer) -> crate::Error {
    let expected = "a page that is reached on one way only";
    Corrupt::page(pointer.page, "TREE-4", expected, "a second way").into()
}
