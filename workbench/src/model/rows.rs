//! Rows by window, forwards and backwards from a key.

use crate::job::{Data, Desk, Job};
use northstar_engine::inspect::tree::{Root, Rows, rows, rows_before};

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
    /// The rows.
    pub rows: Rows,
}

/// Reads a window of rows.
#[derive(Debug)]
pub struct LoadRows {
    /// Of which tree.
    pub root: Root,
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
        let source = desk.source()?;
        let found = match self.side {
            Side::Before => {
                rows_before(&source, &self.root, Some(&self.key), &self.prefix, self.limit)
            }
            _ => rows(&source, &self.root, &self.key, &self.prefix, self.limit),
        };
        Ok(Box::new(Window { side: self.side, rows: found }))
    }
}
