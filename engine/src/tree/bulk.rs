//! Builds a tree bottom-up from rows in rising key order.

use super::TreeRoot;
use crate::error::Result;
use crate::pager::Edit;

/// Builds a tree of `rows`, whose keys rise strictly. Pages are filled to the brim, each written
/// once.
///
/// # Errors
/// `InvalidArgument` when the keys do not rise; the errors of the rows; `Io`, `OutOfSpace`.
pub fn build<K: AsRef<[u8]>, V: AsRef<[u8]>>(
    edit: &mut Edit,
    rows: impl Iterator<Item = Result<(K, V)>>,
) -> Result<TreeRoot> {
    let _ = (edit, rows);
    todo!()
}
