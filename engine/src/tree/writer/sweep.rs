//! A walk over the tree in bounded stretches, for upkeep beside writers: each stretch is a commit, and
//! the next one goes on at a key, whatever was written in between.
//!
//! Called by `relocate` and `pack`. Recursion is bounded by the depth, which every hop checks. Cost: the
//! nodes on the way are read; those whose children changed are copied.

use super::{Writer, mutable};
use crate::error::Result;
use crate::format::node::{Node, NodeMut};
use crate::ids::Pointer;
use crate::pager::Want;
use crate::tree::path::top;

/// Leaves a stretch looks at for each page it may change: bounds how long it holds writers up where
/// there is nothing to do.
const LEAVES_PER_PAGE: u64 = 16;

/// What a stretch did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Pages moved, or saved.
    pub pages: u64,
    /// Where to go on; `None` at the end of the tree.
    pub next: Option<Vec<u8>>,
}

/// What a stretch may still do.
pub(super) struct Sweep {
    /// The lowest level that is visited.
    floor: u8,
    pages_left: u64,
    leaves_left: u64,
    swept: Swept,
}

/// What is done with a node after its children; the node that stands in its place.
type Visit<'v> = dyn FnMut(&mut Writer, Pointer, u8, &mut Sweep) -> Result<Pointer> + 'v;

impl Sweep {
    /// A stretch that changes about `pages_max` pages and visits nodes of `floor` and above.
    pub(super) fn new(floor: u8, pages_max: u64) -> Self {
        let leaves_left = pages_max.saturating_mul(LEAVES_PER_PAGE);
        Self { floor, pages_left: pages_max, leaves_left, swept: Swept::default() }
    }

    pub(super) fn is_over(&self) -> bool {
        self.pages_left == 0 || self.leaves_left == 0
    }

    /// So many leaves were looked at.
    pub(super) fn saw(&mut self, leaves: u64) {
        self.leaves_left = self.leaves_left.saturating_sub(leaves);
    }

    /// So many pages were written, and that is what `gained` says.
    pub(super) fn wrote(&mut self, pages: u64, gained: u64) {
        self.pages_left = self.pages_left.saturating_sub(pages);
        self.swept.pages += gained;
    }
}

impl Writer {
    /// Visits nodes from the one that `from` belongs to, until the stretch is over.
    pub(super) fn sweep(
        &mut self,
        from: &[u8],
        mut sweep: Sweep,
        visit: &mut Visit<'_>,
    ) -> Result<Swept> {
        self.finger.clear();
        self.last = None;
        if let Some((root, level)) = top(&self.root)?
            && level >= sweep.floor
        {
            self.root.root =
                self.sweep_node((root, level), (Some(from), &[]), &mut sweep, visit)?;
        }
        Ok(sweep.swept)
    }

    /// Below `bound` lies no key of the node; `from` is given where the stretch begins in it.
    fn sweep_node(
        &mut self,
        (mut pointer, level): (Pointer, u8),
        (from, bound): (Option<&[u8]>, &[u8]),
        sweep: &mut Sweep,
        visit: &mut Visit<'_>,
    ) -> Result<Pointer> {
        if sweep.is_over() {
            sweep.swept.next = Some(bound.to_vec());
            return Ok(pointer);
        }
        // Each node is an operation of its own: a commit may change more pages than the cache has
        // frames.
        self.edit.make_room()?;
        if level > sweep.floor {
            let page = self.edit.view().fetch(pointer, Want::Node { level })?;
            let node = Node::new(&page);
            let first = from.map_or(0, |from| node.find_child(from));
            let bound_of = |at: usize| if at == 0 { bound.to_vec() } else { node.key(at) };
            let children: Vec<(usize, Pointer, Vec<u8>)> =
                (first..node.count()).map(|at| (at, node.child(at), bound_of(at))).collect();
            drop(page);
            for (at, child, bound) in children {
                let from = from.filter(|_| at == first);
                let swept = self.sweep_node((child, level - 1), (from, &bound), sweep, visit)?;
                if swept != child {
                    // Anew each time: what happened below may have frozen the copy.
                    pointer = self.edit.make_mut(pointer, level)?;
                    NodeMut::new(mutable(&mut self.edit, pointer)).set_child(at, swept);
                }
                if sweep.swept.next.is_some() {
                    return Ok(pointer);
                }
            }
        }
        visit(self, pointer, level, sweep)
    }
}
