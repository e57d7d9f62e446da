//! Point look-ups: one, many interleaved, the ends.

use super::TreeRoot;
use crate::error::Result;
use crate::pager::{Value, View};

/// The value under `key`.
///
/// # Errors
/// `Corrupt`, `Io` when a page has to be read.
pub fn get<'p>(view: View<'p>, root: &TreeRoot, key: &[u8]) -> Result<Option<Value<'p>>> {
    let _ = (view, root, key);
    Ok(todo!())
}

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
    let _ = (view, root, keys);
    todo!()
}

/// The row with the lowest key.
///
/// # Errors
/// As [`get`].
pub fn first<'p>(view: View<'p>, root: &TreeRoot) -> Result<Option<(Value<'p>, Value<'p>)>> {
    let _ = (view, root);
    Ok(todo!())
}

/// The row with the highest key.
///
/// # Errors
/// As [`get`].
pub fn last<'p>(view: View<'p>, root: &TreeRoot) -> Result<Option<(Value<'p>, Value<'p>)>> {
    let _ = (view, root);
    Ok(todo!())
}
