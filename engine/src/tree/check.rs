//! The invariants of one tree, all of them: for `verify` and for the simulator after each crash.
//!
//! Called by `db::verify` and tests. Checks TREE-1 (depth), TREE-2 (keys inside the bounds of their
//! parents), TREE-3 (key count), TREE-4 (one way to each page), OVF-5, and every node by itself again,
//! since pages that were never written were never loaded. Cost: every page is read.

use super::path::top;
use super::{TreeRoot, value};
use crate::error::{Corrupt, Error};
use crate::format::node::{CellValue, Node, check_node};
use crate::ids::{PageId, Pointer};
use crate::pager::{FreeSpace, Run, View, Want};
use std::cmp::Ordering;

/// What a check counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Pages of the tree, overflow pages included.
    pub pages: u64,
    /// Rows.
    pub rows: u64,
}

/// A node to look at, and the bounds that its parents set: from `low` on, below `high`.
struct Pending {
    pointer: Pointer,
    level: u8,
    low: Vec<u8>,
    high: Option<Vec<u8>>,
}

struct Check<'c, 'p> {
    view: View<'p>,
    seen: FreeSpace,
    checked: Checked,
    pending: Vec<Pending>,
    page: &'c mut dyn FnMut(Run),
    problem: &'c mut dyn FnMut(Error),
}

/// Checks every page of `root`: each by itself, keys inside the bounds of their parents, levels,
/// key count, overflow chains. Calls `page` with every run of the tree and `problem` with every
/// finding, and goes on behind it.
pub fn check(
    view: View<'_>,
    root: &TreeRoot,
    page: &mut dyn FnMut(Run),
    problem: &mut dyn FnMut(Error),
) -> Checked {
    let seen = FreeSpace::empty(view.page_count());
    let checked = Checked::default();
    let mut check = Check { view, seen, checked, pending: Vec::new(), page, problem };
    match top(root) {
        Err(error) => (check.problem)(error),
        Ok(None) => {}
        Ok(Some((pointer, level))) => {
            check.pending.push(Pending { pointer, level, low: Vec::new(), high: None });
        }
    }
    let mut whole = true;
    while let Some(pending) = check.pending.pop() {
        if let Err(error) = check.node(&pending) {
            (check.problem)(error);
            whole = false;
        }
    }
    let rows = check.checked.rows;
    if whole && rows != root.key_count {
        let expected = format_args!("{} rows", root.key_count);
        (check.problem)(Corrupt::page(root.root.page, "TREE-3", expected, rows).into());
    }
    check.checked
}

impl Check<'_, '_> {
    /// Counts a run, unless a page of it was seen before.
    fn count(&mut self, pointer: Pointer, count: u32) -> Result<(), Error> {
        let run = Run { page: pointer.page, count };
        if self.seen.set_used(run) {
            let expected = "a page that is reached on one way only";
            return Err(Corrupt::page(run.page, "TREE-4", expected, "a second way").into());
        }
        self.checked.pages += u64::from(count);
        (self.page)(run);
        Ok(())
    }

    fn node(&mut self, pending: &Pending) -> Result<(), Error> {
        let Pending { pointer, level, low, high } = pending;
        let page = self.view.fetch(*pointer, Want::Node { level: *level })?;
        self.count(*pointer, 1)?;
        check_node(&page, &page.header())?;
        let node = Node::new(&page);
        self.bounds(node, pointer.page, low, high.as_deref())?;
        if *level == 0 {
            self.checked.rows += node.count() as u64;
            for index in 0..node.count() {
                if let CellValue::Overflow(descriptor) = node.value(index) {
                    let mut extents = Vec::new();
                    let read = value::each_page(
                        self.view,
                        pointer.page,
                        descriptor,
                        &mut |extent| extents.push(extent),
                        &mut |_| (),
                    );
                    for extent in extents {
                        self.count(extent.first, extent.count)?;
                    }
                    read?;
                }
            }
            return Ok(());
        }
        for index in (0..node.count()).rev() {
            let low = if index == 0 { low.clone() } else { node.key(index) };
            let last = index + 1 == node.count();
            let high = if last { high.clone() } else { Some(node.key(index + 1)) };
            let (pointer, level) = (node.child(index), level - 1);
            self.pending.push(Pending { pointer, level, low, high });
        }
        Ok(())
    }

    /// TREE-2: the keys of a node are inside what its parents say.
    fn bounds(
        &self,
        node: Node<'_>,
        id: PageId,
        low: &[u8],
        high: Option<&[u8]>,
    ) -> Result<(), Error> {
        let first = usize::from(!node.is_leaf());
        if first >= node.count() {
            return Ok(());
        }
        let last = node.count() - 1;
        if node.compare_key(first, low) == Ordering::Less {
            let expected = format_args!("keys from {} on", low.escape_ascii());
            let found = node.key(first).escape_ascii().to_string();
            return Err(Corrupt::page(id, "TREE-2", expected, found).into());
        }
        if let Some(high) = high
            && node.compare_key(last, high) != Ordering::Less
        {
            let expected = format_args!("keys below {}", high.escape_ascii());
            let found = node.key(last).escape_ascii().to_string();
            return Err(Corrupt::page(id, "TREE-2", expected, found).into());
        }
        Ok(())
    }
}
