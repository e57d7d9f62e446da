//! Point look-ups: one, many interleaved, the ends.
//!
//! Called by `txn::read` and `txn::write`. A descent is one operation of the pager as long as all
//! pages are in memory, and begins a new one behind each page that has to be read. Ends by level
//! (TREE-1). Cost in memory: one hop and one node search per level.

use super::path::{Path, top};
use super::{TreeRoot, value};
use crate::error::Result;
use crate::format::node::Node;
use crate::ids::Pointer;
use crate::pager::{Value, View, Want};

/// The value under `key`.
///
/// # Errors
/// `Corrupt`, `Io` when a page has to be read.
pub fn get<'p>(view: View<'p>, root: &TreeRoot, key: &[u8]) -> Result<Option<Value<'p>>> {
    let Some((mut pointer, mut level)) = top(root)? else { return Ok(None) };
    loop {
        let reading = view.enter();
        while let Some(page) = reading.page(pointer, Want::Node { level })? {
            let node = Node::new(page);
            if level > 0 {
                (pointer, level) = (node.child(node.find_child(key)), level - 1);
                continue;
            }
            let Ok(index) = node.search(key) else { return Ok(None) };
            let (bytes, overflow) = node.stored_value(index);
            if !overflow {
                if let Some(short) = Value::try_short(bytes) {
                    return Ok(Some(short));
                }
                let (start, len, _) = node.value_place(index);
                if let Some(page) = reading.pin(pointer, Want::Node { level })? {
                    return Ok(Some(Value::paged(page, start, len)));
                }
            }
            break;
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
    let Some((pointer, top_level)) = top(root)? else {
        values.resize_with(keys.len(), || None);
        return Ok(values);
    };
    for keys in keys.chunks(LANES) {
        let mut pointers = [pointer; LANES];
        let reached = descend_together(view, &mut pointers, top_level, keys)?;
        for (key, pointer) in keys.iter().zip(pointers) {
            // From a leaf in memory, else from the root: the rare case stays simple.
            let found = match reached {
                true => leaf_value(view, pointer, key.as_ref())?,
                false => None,
            };
            values.push(match found {
                Some(found) => found,
                None => get(view, root, key.as_ref())?,
            });
        }
    }
    Ok(values)
}

/// Takes all lanes to their leaves, level by level; `false` when a page was not in memory.
fn descend_together<K: AsRef<[u8]>>(
    view: View<'_>,
    pointers: &mut [Pointer; LANES],
    top_level: u8,
    keys: &[K],
) -> Result<bool> {
    let reading = view.enter();
    for level in (1..=top_level).rev() {
        for (pointer, key) in pointers.iter_mut().zip(keys) {
            let Some(page) = reading.page(*pointer, Want::Node { level })? else {
                return Ok(false);
            };
            let node = Node::new(page);
            *pointer = node.child(node.find_child(key.as_ref()));
            reading.prefetch(*pointer);
        }
    }
    Ok(true)
}

/// What the leaf says, if it is in memory and the value is in it: `None` when that is not known.
fn leaf_value<'p>(
    view: View<'p>,
    pointer: Pointer,
    key: &[u8],
) -> Result<Option<Option<Value<'p>>>> {
    let reading = view.enter();
    let want = Want::Node { level: 0 };
    let Some(page) = reading.page(pointer, want)? else { return Ok(None) };
    let node = Node::new(page);
    let Ok(index) = node.search(key) else { return Ok(Some(None)) };
    let (start, len, overflow) = node.value_place(index);
    if overflow {
        return Ok(None);
    }
    if let Some(short) = Value::try_short(node.stored_value(index).0) {
        return Ok(Some(Some(short)));
    }
    let page = reading.pin(pointer, want)?;
    Ok(page.map(|page| Some(Value::paged(page, start, len))))
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
