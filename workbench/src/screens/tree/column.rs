//! A node as a column: its entries, the cursor over them, and what is wrong with it.

use crate::model::tree::Node;
use crate::widgets::list::Cursor;
use northstar_engine::Pointer;
use northstar_engine::inspect::tree::{Entry, NodeView};

/// Problems of a node that its column names.
pub(super) const PROBLEMS_MAX: usize = 2;

/// A node in a column.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) pointer: Pointer,
    pub(super) node: Option<Node>,
    pub(super) cursor: Cursor,
}

impl Column {
    pub(super) fn new(pointer: Pointer) -> Self {
        Self { pointer, node: None, cursor: Cursor::default() }
    }

    pub(super) fn view(&self) -> Option<&NodeView> {
        self.node.as_ref().and_then(|node| node.as_ref().ok())
    }

    pub(super) fn len(&self) -> usize {
        self.view().map_or(0, |node| node.entries.len())
    }

    pub(super) fn entry(&self) -> Option<&Entry> {
        self.view()?.entries.get(self.cursor.at)
    }

    /// Rows above the entries that say what is wrong with the node.
    pub(super) fn problem_rows(&self) -> u16 {
        let problems = self.view().map_or(0, |node| node.problems.len());
        u16::try_from(problems.min(PROBLEMS_MAX)).unwrap_or(0)
    }
}
