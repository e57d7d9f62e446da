//! Where the keys of a log record live in the pages: the leaf and the slot of each, in a tree that is shown.
//!
//! Cost: one look-up an operation, of the first [`OPS_LOCATED_MAX`].

use crate::job::{Data, Desk, Job};
use northstar_engine::inspect::tree::{Outcome, Root, lookup};
use northstar_engine::{Lsn, PageId};

/// Operations of a record that are located.
pub const OPS_LOCATED_MAX: usize = 500;

/// The places of a record's keys.
#[derive(Clone, Debug)]
pub struct Located {
    /// The record.
    pub lsn: Lsn,
    /// For each of its operations the row's page and slot; none where the tree has no such row.
    pub rows: Vec<Option<(PageId, usize)>>,
}

impl Located {
    /// The place of an operation's key in words; nothing for one that was not looked for.
    pub fn in_words(&self, op: usize) -> Option<String> {
        self.rows.get(op).map(|row| match row {
            Some((page, slot)) => format!("→ p{page}[{slot}]"),
            None => "→ no row now".to_owned(),
        })
    }
}

/// Looks for them.
#[derive(Debug)]
pub struct Locate {
    /// The record.
    pub lsn: Lsn,
    /// In which tree.
    pub root: Root,
    /// The keys of its operations.
    pub keys: Vec<Vec<u8>>,
}

impl Job for Locate {
    fn name(&self) -> String {
        "look where the keys live".to_owned()
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let source = desk.source()?;
        let mut rows = Vec::new();
        for key in self.keys.iter().take(OPS_LOCATED_MAX) {
            if !desk.wanted() {
                return Err("stopped".to_owned());
            }
            let steps = lookup(&source, &self.root, key);
            let last = steps.last().filter(|step| matches!(step.outcome, Outcome::Found(_)));
            rows.push(last.and_then(|step| Some((step.pointer.page, step.chosen?))));
        }
        Ok(Box::new(Located { lsn: self.lsn, rows }))
    }
}
