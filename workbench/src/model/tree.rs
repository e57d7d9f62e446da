//! Nodes by level, a look-up with every comparison, and the whole tree (`walk`).

mod walk;

use crate::job::{Data, Desk, Job};
use northstar_engine::inspect::Source;
use northstar_engine::inspect::tree::{
    LookupStep, NodeView, Outcome, Root, RowItem, lookup, node, rows,
};
use northstar_engine::{PageId, Pointer, TxnId};

pub use walk::{LevelShape, Walk, WalkTree};

/// A node, or why there is none.
pub type Node = Result<NodeView, String>;

/// A node that was read.
#[derive(Clone, Debug)]
pub struct LoadedNode {
    /// The pointer that led there.
    pub pointer: Pointer,
    /// What is there.
    pub node: Node,
}

/// Reads one node.
#[derive(Debug)]
pub struct LoadNode {
    /// Where.
    pub pointer: Pointer,
    /// Its level, as its parent has it.
    pub level: Option<u8>,
}

impl Job for LoadNode {
    fn name(&self) -> String {
        format!("read node p{}", self.pointer.page)
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let source = desk.source()?;
        let node = read(&source, self.pointer, self.level);
        Ok(Box::new(LoadedNode { pointer: self.pointer, node }))
    }
}

fn read(source: &Source, pointer: Pointer, level: Option<u8>) -> Node {
    node(source, pointer, level).map_err(|corrupt| corrupt.to_string())
}

/// The value of a row.
#[derive(Clone, Debug)]
pub struct LoadedValue {
    /// The row's key.
    pub key: Vec<u8>,
    /// Its value, or why it cannot be had.
    pub value: Result<Vec<u8>, String>,
}

/// Reads the value of a row, however long.
#[derive(Debug)]
pub struct LoadValue {
    /// In which tree.
    pub root: Root,
    /// Of which key.
    pub key: Vec<u8>,
}

impl Job for LoadValue {
    fn name(&self) -> String {
        "read a value".to_owned()
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let source = desk.source()?;
        let found = rows(&source, &self.root, &self.key, &self.key, 1).items.into_iter().next();
        let value = match found {
            Some(RowItem::Row(row)) if row.key == self.key => match row.problem {
                Some(problem) => Err(problem.to_string()),
                None => Ok(row.value),
            },
            Some(RowItem::Hole { problem, .. }) => Err(problem.to_string()),
            Some(RowItem::Row(_)) | None => Err("no row has this key".to_owned()),
        };
        Ok(Box::new(LoadedValue { key: self.key, value }))
    }
}

/// A look-up.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// The key looked for.
    pub key: Vec<u8>,
    /// The way to it.
    pub steps: Vec<LookupStep>,
    /// The nodes on the way.
    pub nodes: Vec<LoadedNode>,
}

/// Looks a key up.
#[derive(Debug)]
pub struct LookUp {
    /// In which tree.
    pub root: Root,
    /// What.
    pub key: Vec<u8>,
}

impl Job for LookUp {
    fn name(&self) -> String {
        "look a key up".to_owned()
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let source = desk.source()?;
        let steps = lookup(&source, &self.root, &self.key);
        let nodes = steps
            .iter()
            .map(|step| LoadedNode {
                pointer: step.pointer,
                node: read(&source, step.pointer, Some(step.level)),
            })
            .collect();
        Ok(Box::new(Lookup { key: self.key, steps, nodes }))
    }
}

/// A key in one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The state.
    pub txn: TxnId,
    /// The leaf the search ended in.
    pub leaf: PageId,
    /// How long the value is; `None` when the key is not there.
    pub bytes: Option<u64>,
}

/// A key in every state with pages.
#[derive(Clone, Debug)]
pub struct Versions {
    /// The key.
    pub key: Vec<u8>,
    /// Newest first.
    pub versions: Vec<Version>,
}

/// Looks a key up in every state with pages.
#[derive(Debug)]
pub struct FindVersions {
    /// The key.
    pub key: Vec<u8>,
    /// The states, newest first.
    pub roots: Vec<Root>,
}

impl Job for FindVersions {
    fn name(&self) -> String {
        "look a key up in every state".to_owned()
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let source = desk.source()?;
        let mut versions = Vec::new();
        let total = self.roots.len() as u64;
        for (done, root) in self.roots.iter().enumerate() {
            if !desk.progress(done as u64, total) {
                return Err("stopped".to_owned());
            }
            let steps = lookup(&source, root, &self.key);
            let Some(last) = steps.last() else { continue };
            let bytes = match &last.outcome {
                Outcome::Found(value) => Some(value.bytes),
                _ => None,
            };
            versions.push(Version { txn: root.txn_id, leaf: last.pointer.page, bytes });
        }
        Ok(Box::new(Versions { key: self.key, versions }))
    }
}
