//! Two trees walked side by side: what both have is left out, the rest is compared row by row.
//!
//! Cost: the pages of both trees once; rows only of leaves that one of them has alone.

use super::{CHANGES_MAX, Change, Comparison, PageChange};
use crate::job::Desk;
use crate::model::states::Evidence;
use northstar_engine::inspect::Source;
use northstar_engine::inspect::tree::{Entry, NodeView, Root, node};
use northstar_engine::limits::PAGE_BYTES;
use northstar_engine::{Pointer, TxnId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

/// Pages read of one tree at most.
const PAGES_MAX: u64 = 200_000;

/// Page, birth, nonce: what a page is, wherever it is named.
type Key = (u64, u64, u32);
/// Length, first extent, leaf and offset of a value.
type Place = (u64, Option<Pointer>, Key, u16);

/// A node of a tree.
struct Node {
    pointer: Pointer,
    level: u8,
    low: Vec<u8>,
    /// Its rows, if it is a leaf that could be read.
    leaf: Option<NodeView>,
}

/// Compares two trees; `None` stands for the empty one.
pub(super) fn compare(
    source: &Source,
    earlier: Option<&Root>,
    later: &Root,
    desk: &mut Desk<'_>,
) -> Result<Comparison, String> {
    let from = earlier.map_or(TxnId::GENESIS, |root| root.txn_id);
    let mut out = Comparison::new((from, later.txn_id), Evidence::Exact);
    let new = nodes(source, Some(later), desk, &mut out)?;
    let old = nodes(source, earlier, desk, &mut out)?;
    let shared = new.keys().filter(|key| old.contains_key(*key)).count() as u64;
    out.pages = Some([shared, new.len() as u64 - shared, old.len() as u64 - shared]);
    out.nodes = changed_nodes(&old, &new);
    let (new_rows, old_rows) = (rows_of_own(&new, &old), rows_of_own(&old, &new));
    for (key, place) in &new_rows {
        match old_rows.get(key) {
            None => out.push(Change::Added, key),
            Some(before) if !same_value(source, *before, *place) => out.push(Change::Changed, key),
            Some(_) => {}
        }
    }
    for key in old_rows.keys().filter(|key| !new_rows.contains_key(*key)) {
        out.push(Change::Removed, key);
    }
    out.changes.sort_by(|a, b| a.1.cmp(&b.1));
    if !out.holes.is_empty() {
        out.evidence = Evidence::Partial;
    }
    Ok(out)
}

/// Rows of the leaves that `tree` has and `other` has not.
fn rows_of_own(
    tree: &BTreeMap<Key, Node>,
    other: &BTreeMap<Key, Node>,
) -> BTreeMap<Vec<u8>, Place> {
    let mut rows = BTreeMap::new();
    for (pointer, node) in tree.iter().filter(|(pointer, _)| !other.contains_key(*pointer)) {
        for entry in node.leaf.iter().flat_map(|view| &view.entries) {
            if let Entry::Row { key, value } = entry {
                let overflow = value.overflow.map(|(extent, _)| extent);
                rows.insert(key.clone(), (value.bytes, overflow, *pointer, value.offset));
            }
        }
    }
    rows
}

/// A node before and after.
type Pair = (Option<Pointer>, Option<Pointer>);

/// Nodes that only one of the trees has, paired where they begin with the same key on the same level.
fn changed_nodes(old: &BTreeMap<Key, Node>, new: &BTreeMap<Key, Node>) -> Vec<PageChange> {
    let mut paired: BTreeMap<(Reverse<u8>, &[u8]), Pair> = BTreeMap::new();
    for (_, node) in old.iter().filter(|(key, _)| !new.contains_key(*key)) {
        paired.entry((Reverse(node.level), &node.low)).or_default().0 = Some(node.pointer);
    }
    for (_, node) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
        paired.entry((Reverse(node.level), &node.low)).or_default().1 = Some(node.pointer);
    }
    paired
        .into_iter()
        .take(CHANGES_MAX)
        .map(|((level, low), (earlier, later))| PageChange {
            level: level.0,
            low: low.to_vec(),
            earlier,
            later,
        })
        .collect()
}

/// Whether two values are the same bytes; long ones are the same when their extents are.
fn same_value(source: &Source, old: Place, new: Place) -> bool {
    if old.0 != new.0 {
        return false;
    }
    if old.1.is_some() || new.1.is_some() {
        return old.1 == new.1;
    }
    let read = |(bytes, _, (page, ..), offset): Place| {
        let at = page.saturating_mul(PAGE_BYTES as u64).saturating_add(u64::from(offset));
        source.read_range(at, usize::try_from(bytes).unwrap_or(0)).ok()
    };
    read(old) == read(new)
}

/// The nodes of a tree by what they are.
fn nodes(
    source: &Source,
    root: Option<&Root>,
    desk: &mut Desk<'_>,
    out: &mut Comparison,
) -> Result<BTreeMap<Key, Node>, String> {
    let mut found = BTreeMap::new();
    let Some(root) = root.filter(|root| !root.pointer.is_null()) else { return Ok(found) };
    let mut seen: HashSet<Key> = HashSet::new();
    let mut open = vec![(root.pointer, root.level(), Vec::new())];
    while let Some((pointer, level, low)) = open.pop() {
        let key = (pointer.page.get(), pointer.birth.get(), pointer.nonce);
        if !seen.insert(key) {
            continue;
        }
        if seen.len() as u64 > PAGES_MAX {
            out.cut = true;
            break;
        }
        if !desk.progress(seen.len() as u64, 0) {
            return Err("stopped".to_owned());
        }
        let view = match node(source, pointer, level) {
            Ok(view) if view.problems.is_empty() => view,
            Ok(view) => {
                out.holes.extend(view.problems.first().map(ToString::to_string));
                found.insert(key, Node { pointer, level: view.level, low, leaf: None });
                continue;
            }
            Err(corrupt) => {
                out.holes.push(corrupt.to_string());
                let level = level.unwrap_or(0);
                found.insert(key, Node { pointer, level, low, leaf: None });
                continue;
            }
        };
        for (at, entry) in view.entries.iter().enumerate() {
            if let Entry::Child { pointer, separator } = entry {
                // The first child has no separator of its own: its keys start where the parent's do.
                let from = if at == 0 { low.clone() } else { separator.clone() };
                open.push((*pointer, view.level.checked_sub(1), from));
            }
        }
        let level = view.level;
        found.insert(key, Node { pointer, level, low, leaf: view.leaf.then_some(view) });
    }
    Ok(found)
}
