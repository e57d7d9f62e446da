//! Two states compared: the pages they share and do not, and the keys that changed between them.
//!
//! Both trees are walked side by side, and a subtree with the same pointer is skipped whole: the cost
//! follows the change. A page that was used again since is a hole, and the answer says it is partial.

use crate::job::{Data, Desk, Job};
use northstar_engine::Pointer;
use northstar_engine::inspect::Source;
use northstar_engine::inspect::tree::{Entry, NodeView, Root, node};
use std::collections::{BTreeMap, HashSet};

/// Pages read of one tree at most.
const PAGES_MAX: u64 = 200_000;
/// Changed keys that are listed.
const CHANGES_MAX: usize = 5000;

/// How a key changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// Its row was written anew.
    Changed,
}

/// Two states compared.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// Pages in both.
    pub shared: u64,
    /// Pages only in the later one.
    pub written: u64,
    /// Pages only in the earlier one.
    pub released: u64,
    /// Keys that differ, in order; at most a few thousand.
    pub changes: Vec<(Change, Vec<u8>)>,
    /// All of them, counted: added, removed, changed.
    pub counts: [u64; 3],
    /// Pages that are no longer what the trees say: what they held is not in the answer.
    pub holes: Vec<String>,
    /// Whether the work was cut short by its limit.
    pub cut: bool,
}

/// Compares two states.
#[derive(Debug)]
pub struct Compare {
    /// The earlier; `None` for the empty state.
    pub base: Option<Root>,
    /// The later.
    pub root: Root,
}

impl Job for Compare {
    fn name(&self) -> String {
        "compare two states".to_owned()
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let source = desk.source()?;
        let mut out = Comparison::default();
        // First which pages each tree has, by level, leaving out what both have.
        let later = pages(&source, Some(&self.root), desk, &mut out)?;
        let earlier = pages(&source, self.base.as_ref(), desk, &mut out)?;
        out.shared = later.keys().filter(|pointer| earlier.contains_key(*pointer)).count() as u64;
        out.written = later.len() as u64 - out.shared;
        out.released = earlier.len() as u64 - out.shared;
        let only = |a: &BTreeMap<Key, Option<NodeView>>, b: &BTreeMap<Key, Option<NodeView>>| {
            let mut rows = BTreeMap::new();
            for (pointer, view) in a {
                if b.contains_key(pointer) {
                    continue;
                }
                let entries = view.iter().filter(|view| view.leaf).flat_map(|view| &view.entries);
                for entry in entries {
                    if let Entry::Row { key, value } = entry {
                        let overflow = value.overflow.map(|(extent, _)| extent);
                        rows.insert(key.clone(), (value.bytes, overflow, *pointer, value.offset));
                    }
                }
            }
            rows
        };
        let (new_rows, old_rows) = (only(&later, &earlier), only(&earlier, &later));
        for (key, new) in &new_rows {
            match old_rows.get(key) {
                None => push(&mut out, Change::Added, key),
                Some(old) => {
                    if !same_value(&source, *old, *new) {
                        push(&mut out, Change::Changed, key);
                    }
                }
            }
        }
        for key in old_rows.keys().filter(|key| !new_rows.contains_key(*key)) {
            push(&mut out, Change::Removed, key);
        }
        out.changes.sort_by(|a, b| a.1.cmp(&b.1));
        Ok(Box::new(out))
    }
}

type Key = (u64, u64, u32);
/// Length, first extent, leaf and offset of a value.
type Place = (u64, Option<Pointer>, Key, u16);

fn push(out: &mut Comparison, change: Change, key: &[u8]) {
    if let Some(count) = out.counts.get_mut(change as usize) {
        *count += 1;
    }
    if out.changes.len() < CHANGES_MAX {
        out.changes.push((change, key.to_vec()));
    }
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
        let page_bytes = northstar_engine::limits::PAGE_BYTES as u64;
        let at = page.saturating_mul(page_bytes).saturating_add(u64::from(offset));
        source.read_range(at, usize::try_from(bytes).unwrap_or(0)).ok()
    };
    read(old) == read(new)
}

/// The nodes of a tree by pointer; leaves with their rows.
fn pages(
    source: &Source,
    root: Option<&Root>,
    desk: &mut Desk<'_>,
    out: &mut Comparison,
) -> Result<BTreeMap<Key, Option<NodeView>>, String> {
    let mut found = BTreeMap::new();
    let Some(root) = root.filter(|root| !root.pointer.is_null()) else { return Ok(found) };
    let mut seen: HashSet<Key> = HashSet::new();
    let mut open = vec![(root.pointer, root.level())];
    while let Some((pointer, level)) = open.pop() {
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
        match node(source, pointer, level) {
            Ok(view) if view.problems.is_empty() => {
                for entry in &view.entries {
                    if let Entry::Child { pointer, .. } = entry {
                        open.push((*pointer, view.level.checked_sub(1)));
                    }
                }
                found.insert(key, view.leaf.then_some(view));
            }
            Ok(view) => {
                out.holes.extend(view.problems.first().map(ToString::to_string));
                found.insert(key, None);
            }
            Err(corrupt) => {
                out.holes.push(corrupt.to_string());
                found.insert(key, None);
            }
        }
    }
    Ok(found)
}
