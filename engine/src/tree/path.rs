//! The way from the root to a leaf, and from leaf to leaf through the parents.
//!
//! Called by `cursor`, `range` and `search`. Never follows right siblings: in a copy-on-write tree
//! they go stale. Pins the leaf only; parents are fetched again when a leaf is left. Cost of the
//! step to the next leaf: two hops, the leaf after it prefetched.

use super::{TreeRoot, value};
use crate::error::{Corrupt, Result};
use crate::format::node::Node;
use crate::ids::{PageId, Pointer};
use crate::limits::DEPTH_MAX;
use crate::pager::{Page, PageRef, Value, View, Want};

/// Where a descent starts: root and its level; `None` in an empty tree.
#[inline]
pub(super) fn top(root: &TreeRoot) -> Result<Option<(Pointer, u8)>> {
    match root.depth {
        0 => Ok(None),
        depth if depth as usize <= DEPTH_MAX => Ok(Some((root.root, (depth - 1) as u8))),
        depth => {
            let expected = format_args!("a tree of at most {DEPTH_MAX} levels");
            Err(Corrupt::page(root.root.page, "TREE-1", expected, depth).into())
        }
    }
}

/// An internal node on the way: which child was taken, of how many.
#[derive(Clone, Copy, Debug)]
struct Turn {
    pointer: Pointer,
    level: u8,
    index: usize,
    count: usize,
}

/// A leaf and the way to it.
pub(super) struct Path<'p> {
    view: View<'p>,
    root: TreeRoot,
    turns: Vec<Turn>,
    leaf: Option<(PageRef<'p>, PageId)>,
    count: usize,
}

/// Which child to take.
#[derive(Clone, Copy)]
enum Toward<'k> {
    Key(&'k [u8]),
    First,
    Last,
}

impl<'p> Path<'p> {
    /// At no leaf yet.
    pub(super) fn new(view: View<'p>, root: TreeRoot) -> Self {
        Self { view, root, turns: Vec::new(), leaf: None, count: 0 }
    }

    /// The leaf, if the path is at one.
    #[inline]
    pub(super) fn leaf(&self) -> Option<Node<'_>> {
        self.leaf.as_ref().map(|(page, _)| Node::new(page))
    }

    /// Rows of the leaf; 0 at no leaf.
    #[inline]
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Reads the value of row `index` of the leaf, wherever it is.
    pub(super) fn overflow_value(&self, index: usize, out: &mut Vec<u8>) -> Result<()> {
        match &self.leaf {
            Some((page, id)) => value::read_into(self.view, page, *id, index, out),
            None => Ok(()),
        }
    }

    /// Row `index` of the leaf.
    pub(super) fn row(&self, index: usize) -> Result<Option<(Value<'p>, Value<'p>)>> {
        let Some((page, id)) = &self.leaf else { return Ok(None) };
        let key = value::key_at(page, index);
        Ok(Some((key, value::at(self.view, page, *id, index)?)))
    }

    /// Goes to the leaf that `key` belongs to; where it is, or would be, in it.
    pub(super) fn seek(&mut self, key: &[u8]) -> Result<Result<usize, usize>> {
        self.start(Toward::Key(key))?;
        Ok(self.leaf().map_or(Err(0), |leaf| leaf.search(key)))
    }

    /// Goes to the first leaf.
    pub(super) fn seek_first(&mut self) -> Result<()> {
        self.start(Toward::First)
    }

    /// Goes to the last leaf.
    pub(super) fn seek_last(&mut self) -> Result<()> {
        self.start(Toward::Last)
    }

    /// Goes nowhere.
    pub(super) fn leave(&mut self) {
        self.turns.clear();
        self.leaf = None;
        self.count = 0;
    }

    fn start(&mut self, toward: Toward<'_>) -> Result<()> {
        self.leave();
        match top(&self.root)? {
            Some((pointer, level)) => self.descend(pointer, level, toward),
            None => Ok(()),
        }
    }

    fn descend(&mut self, mut pointer: Pointer, mut level: u8, toward: Toward<'_>) -> Result<()> {
        self.turns.reserve(level.into());
        loop {
            let reading = self.view.enter();
            while let Some(page) = reading.page(pointer, Want::Node { level })? {
                if level == 0 {
                    self.arrive(page.keep(), pointer.page);
                    return Ok(());
                }
                pointer = self.take_turn(&page, pointer, level, toward);
                level -= 1;
            }
            drop(reading);
            let page = self.view.fetch(pointer, Want::Node { level })?;
            if level == 0 {
                self.arrive(page, pointer.page);
                return Ok(());
            }
            pointer = self.take_turn(&page, pointer, level, toward);
            level -= 1;
        }
    }

    fn arrive(&mut self, leaf: PageRef<'p>, id: PageId) {
        self.count = Node::new(&leaf).count();
        self.leaf = Some((leaf, id));
    }

    fn take_turn(
        &mut self,
        page: &Page,
        pointer: Pointer,
        level: u8,
        toward: Toward<'_>,
    ) -> Pointer {
        let node = Node::new(page);
        let count = node.count();
        let index = match toward {
            Toward::Key(key) => node.find_child(key),
            Toward::First => 0,
            Toward::Last => count.saturating_sub(1),
        };
        self.turns.push(Turn { pointer, level, index, count });
        node.child(index)
    }

    /// Goes to the next leaf; `false`, and nothing changes, when there is none.
    pub(super) fn next_leaf(&mut self) -> Result<bool> {
        let Some(at) = self.turns.iter().rposition(|turn| turn.index + 1 < turn.count) else {
            return Ok(false);
        };
        self.turn(at, 1)
    }

    /// Goes to the leaf before; `false`, and nothing changes, when there is none.
    pub(super) fn previous_leaf(&mut self) -> Result<bool> {
        let Some(at) = self.turns.iter().rposition(|turn| turn.index > 0) else {
            return Ok(false);
        };
        self.turn(at, -1)
    }

    /// TREE-2: keys rise from leaf to leaf. A hostile tree could otherwise lead through one leaf
    /// without end.
    fn check_order(&self, before: Option<(PageRef<'p>, PageId)>, rising: bool) -> Result<()> {
        let (Some((before, _)), Some((after, id))) = (before, &self.leaf) else { return Ok(()) };
        let (before, after) = (Node::new(&before), Node::new(after));
        let (left, right) = if rising { (before, after) } else { (after, before) };
        if right.compare_keys(0, left, left.count().saturating_sub(1)).is_gt() {
            return Ok(());
        }
        Err(Corrupt::page(*id, "TREE-2", "keys beyond those of the leaf before", "others").into())
    }

    /// Takes the neighbour of the child taken at turn `at`, then the near edge down to a leaf.
    fn turn(&mut self, at: usize, step: isize) -> Result<bool> {
        let Some(turn) = self.turns.get_mut(at) else { return Ok(false) };
        turn.index = turn.index.saturating_add_signed(step);
        let Turn { pointer, level, index, count } = *turn;
        let page = self.view.fetch(pointer, Want::Node { level })?;
        let node = Node::new(&page);
        let after = index.saturating_add_signed(step);
        if level == 1 && after < count {
            self.view.prefetch(node.child(after));
        }
        self.turns.truncate(at + 1);
        let toward = if step > 0 { Toward::First } else { Toward::Last };
        let before = self.leaf.take();
        self.descend(node.child(index), level - 1, toward)?;
        self.check_order(before, step > 0)?;
        Ok(true)
    }
}
