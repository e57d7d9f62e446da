//! Point look-ups: one, many interleaved, the ends.
//!
//! Called by `txn::read` and `txn::write`. A descent is one operation of the pager as long as all
//! pages are in memory, and begins a new one behind each page that has to be read. Ends by level
//! (TREE-1). Cost in memory: one hop and one node search per level.

use super::path::{Path, top};
use super::{TreeRoot, value};
use crate::error::Result;
use crate::format::node::{FIRST_SLOT_LINES, Node};
use crate::ids::Pointer;
use crate::pager::{Seen, Value, View, Want, prefetch};

/// The value under `key`.
///
/// # Errors
/// `Corrupt`, `Io` when a page has to be read.
pub fn get<'p>(view: View<'p>, root: &TreeRoot, key: &[u8]) -> Result<Option<Value<'p>>> {
    let Some((mut pointer, mut level)) = top(root)? else { return Ok(None) };
    loop {
        let reading = view.enter();
        while let Some(page) = reading.page(pointer, Want::Node { level })? {
            let node = Node::new(&page);
            if level > 0 {
                (pointer, level) = (find_child(node, key), level - 1);
                continue;
            }
            page.will_keep();
            // The longest wait of a look-up is for the leaf. Its header says where to look among the
            // slots: all are asked for at once, so that they come with it and not after it.
            prefetch::lines::<FIRST_SLOT_LINES>(node.first_slots());
            let Ok(index) = search(node, key) else { return Ok(None) };
            match value_in(&page, index) {
                Some(value) => return Ok(Some(value)),
                None => break,
            }
        }
        drop(reading);
        // Not in memory, or a value with pages of its own.
        let page = view.fetch(pointer, Want::Node { level })?;
        let node = Node::new(&page);
        if level == 0 {
            let found = node.search(key).ok();
            return found.map(|index| value::at(view, &page, pointer.page, index)).transpose();
        }
        (pointer, level) = (node.child(node.find_child(key)), level - 1);
    }
}

/// As [`Node::find_child`], with the slots that the hints leave asked for at once.
#[inline]
fn find_child(node: Node<'_>, key: &[u8]) -> Pointer {
    let mut probe = node.begin_search(key);
    prefetch::all(node.slots_near(&probe));
    node.narrow(&mut probe);
    node.child(node.end_find_child(&probe))
}

/// As [`Node::search`], likewise.
#[inline]
fn search(node: Node<'_>, key: &[u8]) -> std::result::Result<usize, usize> {
    let mut probe = node.begin_search(key);
    prefetch::all(node.slots_near(&probe));
    node.narrow(&mut probe);
    node.end_search(&probe)
}

/// The value of row `index` of a leaf that was seen; `None` when it has pages of its own.
#[inline]
fn value_in<'p>(leaf: &Seen<'_, 'p>, index: usize) -> Option<Value<'p>> {
    let cell = Node::new(leaf).cell(index);
    if cell.is_overflow() {
        return None;
    }
    let short = Value::try_short(cell.value());
    short.or_else(|| Some(Value::paged(leaf.keep(), cell.value_start(), cell.value().len())))
}

/// Look-ups that go on side by side.
const LANES: usize = 16;

/// The values under `keys`, in their order. Look-ups go on side by side, so that their cache misses
/// overlap.
///
/// # Errors
/// As [`get`].
pub fn get_many<'p, K: AsRef<[u8]>>(
    view: View<'p>,
    root: &TreeRoot,
    keys: &[K],
) -> Result<Vec<Option<Value<'p>>>> {
    let mut values = Vec::with_capacity(keys.len());
    let Some(top) = top(root)? else {
        values.resize_with(keys.len(), || None);
        return Ok(values);
    };
    for keys in keys.chunks(LANES) {
        let done = values.len();
        if !get_together(view, top, keys, &mut values)? {
            // A page was not in memory, or a value has its own: rare enough for the simple way.
            values.truncate(done);
            for key in keys {
                values.push(get(view, root, key.as_ref())?);
            }
        }
    }
    Ok(values)
}

/// One step of all look-ups at a time: each asks for the bytes that its next step needs, which
/// arrive while the others go on. `false` when something is not in memory.
fn get_together<'p, K: AsRef<[u8]>>(
    view: View<'p>,
    (root, top_level): (Pointer, u8),
    keys: &[K],
    values: &mut Vec<Option<Value<'p>>>,
) -> Result<bool> {
    let reading = view.enter();
    let mut pointers = [root; LANES];
    for level in (0..=top_level).rev() {
        let want = Want::Node { level };
        let mut lanes = [const { None }; LANES];
        for ((lane, pointer), key) in lanes.iter_mut().zip(&pointers).zip(keys) {
            let Some(page) = reading.page(*pointer, want)? else { return Ok(false) };
            let probe = Node::new(&page).begin_search(key.as_ref());
            prefetch::all(Node::new(&page).slots_near(&probe));
            if level == 0 {
                page.will_keep();
            }
            *lane = Some((page, probe));
        }
        for (page, probe) in lanes.iter_mut().flatten() {
            let node = Node::new(page);
            node.narrow(probe);
            prefetch::bytes(node.cell_near(probe));
        }
        for ((page, probe), pointer) in lanes.iter().flatten().zip(&mut pointers) {
            let node = Node::new(page);
            if level > 0 {
                *pointer = node.child(node.end_find_child(probe));
                reading.prefetch(*pointer);
                continue;
            }
            let Ok(index) = node.end_search(probe) else {
                values.push(None);
                continue;
            };
            match value_in(page, index) {
                Some(value) => values.push(Some(value)),
                None => return Ok(false),
            }
        }
    }
    Ok(true)
}

/// The row with the lowest key.
///
/// # Errors
/// As [`get`].
pub fn first<'p>(view: View<'p>, root: &TreeRoot) -> Result<Option<(Value<'p>, Value<'p>)>> {
    let mut path = Path::new(view, *root);
    path.seek_first()?;
    path.row(0)
}

/// The row with the highest key.
///
/// # Errors
/// As [`get`].
pub fn last<'p>(view: View<'p>, root: &TreeRoot) -> Result<Option<(Value<'p>, Value<'p>)>> {
    let mut path = Path::new(view, *root);
    path.seek_last()?;
    path.row(path.count().saturating_sub(1))
}
