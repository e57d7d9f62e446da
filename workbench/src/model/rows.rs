//! Rows by window, forwards and backwards from a key, in any state: of a tree, or of an overlay over one.

mod merge;
#[cfg(test)]
mod tests;

use crate::job::{Data, Desk, Job};
use crate::model::replay::{Logged, Overlay};
use crate::model::states::{Evidence, State, States};
pub use merge::Merge;
use northstar_engine::TxnId;
use northstar_engine::inspect::log::segments;
use northstar_engine::inspect::tree::{Root, RowItem, rows, rows_before};
use serde::Serialize;
use std::sync::Arc;

/// A row, or a place where rows are missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Item {
    /// In pages.
    Tree(RowItem),
    /// A row that is in the log and not in the pages of this state.
    Log {
        /// It.
        logged: LoggedRow,
    },
}

/// A row in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoggedRow {
    /// Its key.
    pub key: Vec<u8>,
    /// The rest of it.
    #[serde(flatten)]
    pub row: Logged,
}

impl Item {
    /// Its key; of a hole, the lowest key that may be missing.
    pub fn key(&self) -> &[u8] {
        match self {
            Self::Tree(RowItem::Row(row)) => &row.key,
            Self::Tree(RowItem::Hole { from, .. }) => from,
            Self::Log { logged } => &logged.key,
        }
    }

    /// The first bytes of its value, if it is a row.
    pub fn value(&self) -> Option<&[u8]> {
        match self {
            Self::Tree(RowItem::Row(row)) => Some(&row.value),
            Self::Tree(RowItem::Hole { .. }) => None,
            Self::Log { logged } => Some(&logged.row.value),
        }
    }

    /// Where to go on behind it; `None` when nothing is behind.
    pub fn behind(&self) -> Option<Vec<u8>> {
        match self {
            Self::Tree(RowItem::Hole { to, .. }) => to.clone(),
            item => Some([item.key(), &[0]].concat()),
        }
    }
}

/// Where a window of rows goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// It replaces what is there.
    Fresh,
    /// Behind.
    After,
    /// Before.
    Before,
}

/// A window of rows.
#[derive(Debug)]
pub struct Window {
    /// Where it goes.
    pub side: Side,
    /// Rows and holes in key order.
    pub items: Vec<Item>,
    /// Whether it came to the end in its direction.
    pub complete: bool,
}

/// What rows are read of.
#[derive(Clone, Debug)]
pub enum View {
    /// A state with pages of its own.
    Tree(Root),
    /// A state that only the log covers, and how many rows its record says it has.
    Log(Arc<Overlay>, Option<u64>),
}

impl View {
    /// Which state it is.
    pub fn txn(&self) -> TxnId {
        match self {
            Self::Tree(root) => root.txn_id,
            Self::Log(overlay, _) => overlay.txn(),
        }
    }

    /// How many rows it has.
    pub fn rows(&self) -> Option<u64> {
        match self {
            Self::Tree(root) => Some(root.key_count),
            Self::Log(_, rows) => *rows,
        }
    }

    /// Where its rows come from, pages that cannot be read aside.
    pub fn evidence(&self) -> Evidence {
        match self {
            Self::Tree(_) => Evidence::Exact,
            Self::Log(overlay, _) => overlay.evidence(),
        }
    }

    /// The tree that pages of it are in.
    pub fn root(&self) -> Option<Root> {
        match self {
            Self::Tree(root) => Some(*root),
            Self::Log(overlay, _) => overlay.base(),
        }
    }
}

/// Reads a window of rows.
#[derive(Debug)]
pub struct LoadRows {
    /// Of which state.
    pub view: View,
    /// Where it goes.
    pub side: Side,
    /// From this key on; before it when `side` is that.
    pub key: Vec<u8>,
    /// Only keys that start so.
    pub prefix: Vec<u8>,
    /// How many.
    pub limit: usize,
}

impl Job for LoadRows {
    fn name(&self) -> String {
        "read rows".to_owned()
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let Self { view, side, key, prefix, limit } = *self;
        let source = desk.source()?;
        let (items, complete) = match (view, side) {
            (View::Tree(root), Side::Before) => {
                of_tree(rows_before(&source, &root, Some(&key), &prefix, limit))
            }
            (View::Tree(root), _) => of_tree(rows(&source, &root, &key, &prefix, limit)),
            (View::Log(overlay, _), side) => {
                let merge = Merge { source: &source, overlay: &overlay, prefix: &prefix };
                match side {
                    Side::Before => merge.before(&key, limit, desk)?,
                    _ => merge.from(&key, limit, desk)?,
                }
            }
        };
        Ok(Box::new(Window { side, items, complete }))
    }
}

fn of_tree(found: northstar_engine::inspect::tree::Rows) -> (Vec<Item>, bool) {
    (found.items.into_iter().map(Item::Tree).collect(), found.complete)
}

/// A state made ready to be read.
#[derive(Debug)]
pub struct Opened(pub View);

/// Makes a state ready that has no pages of its own: replays the commits that lead to it, in memory.
#[derive(Debug)]
pub struct OpenState {
    /// Which.
    pub txn: TxnId,
    /// The trees that are known.
    pub roots: Vec<Root>,
}

impl Job for OpenState {
    fn name(&self) -> String {
        format!("replay txn {}", self.txn)
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let source = desk.source()?;
        let log = segments(&source).map_err(|error| error.to_string())?;
        let states = States::read(&source, &log, &self.roots, desk)?;
        let state = states.get(self.txn).ok_or_else(|| {
            format!(
                "txn {}: no pages of its own are known, and no commit of it is in the log",
                self.txn
            )
        })?;
        if let Some(root) = state.root {
            return Ok(Box::new(Opened(View::Tree(root))));
        }
        let lineage = states.lineage(self.txn, self.txn);
        let overlay = Overlay::replay(&source, &log, &lineage, desk)?;
        Ok(Box::new(Opened(View::Log(Arc::new(overlay), state.rows))))
    }
}

/// The states there are, newest first.
#[derive(Debug)]
pub struct Listed(pub Vec<State>);

/// Lists them.
#[derive(Debug)]
pub struct ListStates {
    /// The trees that are known.
    pub roots: Vec<Root>,
}

impl Job for ListStates {
    fn name(&self) -> String {
        "list the states".to_owned()
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let source = desk.source()?;
        let log = segments(&source).map_err(|error| error.to_string())?;
        let states = States::read(&source, &log, &self.roots, desk)?;
        Ok(Box::new(Listed(states.newest_first())))
    }
}
