//! Trees without the pager: nodes as they are, look-ups step by step, windows of rows.
//!
//! Every hop is judged as the engine judges it (checksum, birth, nonce, level); what does not hold
//! is a problem in the answer, not an error. Cost: one page read a hop, one window of rows in
//! memory.

pub(in crate::inspect) mod raw;
mod rows;
#[cfg(test)]
mod tests;
mod value;

use super::source::Source;
use crate::error::Corrupt;
use crate::format::meta::{Meta, SlotChoice};
use crate::format::node::{OVERFLOW_BIT, Slot};
use crate::format::overflow::ValueDescriptor;
use crate::format::page::{PageHeader, check_level, check_pointer, verify_page};
use crate::ids::{Lsn, PageId, Pointer, TxnId};
use crate::limits::DEPTH_MAX;
use raw::RawNode;
pub use rows::{Row, RowItem, Rows, rows, rows_before};
use serde::Serialize;
use std::cmp::Ordering;
pub use value::{Value, value};

/// A tree's root and what is said of its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Root {
    /// The state.
    pub txn_id: TxnId,
    /// Its root node; null for an empty tree.
    pub pointer: Pointer,
    /// Levels.
    pub depth: u32,
    /// Rows.
    pub key_count: u64,
    /// End of its commit record in the log.
    pub log_lsn: Lsn,
    /// Who names it.
    pub named_by: NamedBy,
}

/// Who names a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NamedBy {
    /// A meta slot.
    Meta(SlotChoice),
    /// A row of the history of a meta slot.
    History(SlotChoice),
}

impl Root {
    /// The tree that a meta slot describes.
    pub fn of_meta(meta: &Meta, slot: SlotChoice) -> Self {
        Self {
            txn_id: meta.txn_id,
            pointer: meta.root,
            depth: meta.depth,
            key_count: meta.key_count,
            log_lsn: meta.log_lsn,
            named_by: NamedBy::Meta(slot),
        }
    }

    /// The level of its root node; `None` for an empty tree or an impossible depth.
    pub fn level(&self) -> Option<u8> {
        if self.pointer.is_null() || self.depth as usize > DEPTH_MAX {
            return None;
        }
        self.depth.checked_sub(1).and_then(|level| u8::try_from(level).ok())
    }
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeView {
    /// The pointer it was reached by.
    pub pointer: Pointer,
    /// Level, as its header says.
    pub level: u8,
    /// Whether it is a leaf.
    pub leaf: bool,
    /// The transaction that wrote it.
    pub birth: TxnId,
    /// Bytes of slots and live cells, per mille of the room for them.
    pub fill_permille: u16,
    /// Bytes of cells that no slot names.
    pub dead_bytes: u32,
    /// What all its keys start with.
    pub prefix: Vec<u8>,
    /// The right neighbour's page when the node was written, 0 for none; may be stale.
    pub right_sibling: PageId,
    /// Its children or rows, in slot order.
    pub entries: Vec<Entry>,
    /// Rules that are broken: of the page, of the hop to it, of the node.
    pub problems: Vec<Corrupt>,
}

/// A child or a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Entry {
    /// A child.
    Child {
        /// The lowest key it may hold; empty for the leftmost, which takes all below the next.
        separator: Vec<u8>,
        /// The child.
        pointer: Pointer,
    },
    /// A row.
    Row {
        /// Its key.
        key: Vec<u8>,
        /// Where its value is.
        value: ValueView,
    },
}

impl Entry {
    /// The separator or the key.
    pub fn key(&self) -> &[u8] {
        match self {
            Self::Child { separator, .. } => separator,
            Self::Row { key, .. } => key,
        }
    }
}

/// Where a row's value is, and its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ValueView {
    /// Bytes of the value.
    pub bytes: u64,
    /// Where it starts in the leaf; for a value in overflow pages, where its descriptor starts.
    pub offset: u16,
    /// First page and number of pages of the first extent, when it is in overflow pages.
    pub overflow: Option<(Pointer, u32)>,
}

/// Reads the node at `pointer`, which its parent (or root) says is of level `level`.
///
/// `None` when there is no node at all: unreadable, or a page of another kind; the problem says why.
pub fn node(source: &Source, pointer: Pointer, level: Option<u8>) -> Result<NodeView, Corrupt> {
    let (bytes, mut problems) = read_hop(source, pointer, level)?;
    let Some(raw) = RawNode::new(&bytes) else {
        return Err(problems.into_iter().next().unwrap_or_else(|| no_node(pointer, &bytes)));
    };
    let page = super::page(&bytes, pointer.page, source.uuid());
    for problem in page.problems {
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    let entries = (0..raw.count()).filter_map(|index| entry(&raw, index)).collect();
    Ok(NodeView {
        pointer,
        level: raw.page.level,
        leaf: raw.leaf,
        birth: raw.page.birth,
        fill_permille: page.fill_permille,
        dead_bytes: u32::from(raw.header.dead_bytes),
        prefix: raw.prefix().to_vec(),
        right_sibling: PageId::new(raw.header.right_sibling),
        entries,
        problems,
    })
}

/// The keys of a leaf in slot order; none of a page that is no leaf.
pub fn row_keys(leaf: &[u8]) -> Vec<Vec<u8>> {
    let Some(raw) = RawNode::new(leaf).filter(|raw| raw.leaf) else { return Vec::new() };
    (0..raw.count()).map(|index| raw.key(index).unwrap_or_default()).collect()
}

/// Reads a page and judges the hop to it; the bytes come with what is wrong about them.
pub(in crate::inspect) fn read_hop(
    source: &Source,
    pointer: Pointer,
    level: Option<u8>,
) -> Result<(Vec<u8>, Vec<Corrupt>), Corrupt> {
    let page = source
        .read_page(pointer.page)
        .map_err(|error| Corrupt::page(pointer.page, "PAGE-1", "a readable page", error))?;
    let mut problems = Vec::new();
    let verified = verify_page(&page.bytes, source.uuid(), pointer.page);
    let header = verified.as_ref().ok().copied().or_else(|| PageHeader::decode(&page.bytes));
    problems.extend(verified.err());
    if let Some(header) = header {
        problems.extend(check_pointer(&header, pointer).err());
        problems.extend(level.and_then(|level| check_level(&header, level).err()));
    }
    Ok((page.bytes, problems))
}

fn no_node(pointer: Pointer, bytes: &[u8]) -> Corrupt {
    let found = PageHeader::decode(bytes)
        .map_or_else(|| format!("{} bytes", bytes.len()), |h| format!("page type {}", h.page_type));
    Corrupt::page(pointer.page, "TREE-1", "a node", found)
}

fn entry(raw: &RawNode<'_>, index: usize) -> Option<Entry> {
    let key = raw.key(index)?;
    if !raw.leaf {
        let pointer = raw.child(index).unwrap_or(Pointer::NULL);
        return Some(Entry::Child { separator: key, pointer });
    }
    Some(Entry::Row { key, value: value_view(raw, index)? })
}

fn value_view(raw: &RawNode<'_>, index: usize) -> Option<ValueView> {
    let entry = raw.entry(index)?;
    let Slot { offset, key_bytes, value_bytes, .. } = entry.slot;
    let offset = offset.saturating_add(key_bytes);
    let descriptor = raw.descriptor(index);
    Some(ValueView {
        bytes: descriptor
            .map_or(u64::from(value_bytes & !OVERFLOW_BIT), |d| u64::from(d.total_bytes)),
        offset,
        overflow: descriptor.map(|ValueDescriptor { first, first_count, .. }| (first, first_count)),
    })
}

/// One key compared on the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// The slot.
    pub slot: usize,
    /// Its key.
    pub key: Vec<u8>,
    /// How the key looked for compares with it: `less` means that it lies before this slot's key.
    #[serde(serialize_with = "ordering")]
    pub ordering: Ordering,
}

fn ordering<S: serde::Serializer>(value: &Ordering, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match value {
        Ordering::Less => "less",
        Ordering::Equal => "equal",
        Ordering::Greater => "greater",
    })
}

/// One node on the way to a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LookupStep {
    /// The node.
    pub pointer: Pointer,
    /// Its level.
    pub level: u8,
    /// Slots in it.
    pub slots: usize,
    /// The keys that were compared, in order: a binary search.
    pub comparisons: Vec<Comparison>,
    /// The slot that was taken: the child to go to, or the row; `None` when the key is not here.
    pub chosen: Option<usize>,
    /// What came of it.
    pub outcome: Outcome,
    /// What is wrong with the node or the hop to it.
    pub problems: Vec<Corrupt>,
}

/// What came of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// On to this child.
    Descend(Pointer),
    /// The row is here.
    Found(ValueView),
    /// No row has this key.
    Missing,
    /// The node cannot be read any further.
    Broken,
}

/// The way from `root` to `key`, node by node, with every comparison.
///
/// Empty for an empty tree. Ends with [`Outcome::Found`], [`Outcome::Missing`] or
/// [`Outcome::Broken`]; at most [`DEPTH_MAX`] steps.
pub fn lookup(source: &Source, root: &Root, key: &[u8]) -> Vec<LookupStep> {
    let mut steps = Vec::new();
    let (mut pointer, mut level) = (root.pointer, root.level());
    while !pointer.is_null() && steps.len() < DEPTH_MAX {
        let step = lookup_step(source, pointer, level, key);
        let outcome = step.outcome;
        level = step.level.checked_sub(1);
        steps.push(step);
        match (outcome, level) {
            (Outcome::Descend(child), Some(_)) => pointer = child,
            _ => break,
        }
    }
    steps
}

fn lookup_step(source: &Source, pointer: Pointer, level: Option<u8>, key: &[u8]) -> LookupStep {
    let mut step = LookupStep {
        pointer,
        level: level.unwrap_or(0),
        slots: 0,
        comparisons: Vec::new(),
        chosen: None,
        outcome: Outcome::Broken,
        problems: Vec::new(),
    };
    let bytes = match read_hop(source, pointer, level) {
        Ok((bytes, problems)) => {
            step.problems = problems;
            bytes
        }
        Err(corrupt) => {
            step.problems.push(corrupt);
            return step;
        }
    };
    // A page that is not the one meant is shown, but not followed.
    let Some(raw) = RawNode::new(&bytes).filter(|_| step.problems.is_empty()) else {
        if step.problems.is_empty() {
            step.problems.push(no_node(pointer, &bytes));
        }
        return step;
    };
    step.slots = raw.count();
    let (mut low, mut high) = (0, raw.count());
    let mut equal = None;
    while low < high {
        let middle = low.midpoint(high);
        let Some(ordering) = raw.compare(middle, key) else { return step };
        let slot_key = raw.key(middle).unwrap_or_default();
        let ordering_of_key = ordering.reverse();
        step.comparisons.push(Comparison {
            slot: middle,
            key: slot_key,
            ordering: ordering_of_key,
        });
        match ordering {
            Ordering::Less => low = middle.saturating_add(1),
            Ordering::Greater => high = middle,
            Ordering::Equal => {
                equal = Some(middle);
                break;
            }
        }
    }
    if raw.leaf {
        step.chosen = equal;
        step.outcome = match equal {
            Some(index) => value_view(&raw, index).map_or(Outcome::Broken, Outcome::Found),
            None => Outcome::Missing,
        };
        return step;
    }
    step.chosen = equal.or_else(|| low.checked_sub(1));
    step.outcome = match step.chosen.and_then(|index| raw.child(index)) {
        Some(child) if !child.is_null() => Outcome::Descend(child),
        _ => Outcome::Broken,
    };
    step
}
