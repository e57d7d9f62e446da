//! The rows that pages hold: of a tree with its holes, and of any leaf that verifies.

use super::Job;
use crate::error::{Corrupt, Result};
use crate::format::meta::Meta;
use crate::format::page::{PageType, verify_page};
use crate::ids::{PageId, TxnId};
use crate::inspect::tree::{Root, Row, RowItem, row_keys, rows, value};
use crate::inspect::{Progress, Source};

/// Rows that are read at a time.
const WINDOW_ROWS: usize = 1000;

/// Keys from, and the first key behind.
pub(super) type KeyRange = (Vec<u8>, Option<Vec<u8>>);

impl Job<'_> {
    /// Takes over the rows of a tree; holes are listed as lost.
    pub(super) fn tree(&mut self, root: &Root, progress: Progress<'_>) -> Result<()> {
        let mut walk = Walk::new(self.source, root);
        while let Some(items) = walk.next() {
            for item in items {
                match item {
                    RowItem::Hole { from, to, problem, .. } => self.lost(from, to, problem),
                    RowItem::Row(row) => self.row(row)?,
                }
            }
            if !progress(self.report.rows_from_tree, root.key_count) {
                break;
            }
        }
        Ok(())
    }

    /// Takes over one row of a tree.
    fn row(&mut self, row: Row) -> Result<()> {
        let value = match row.problem {
            Some(corrupt) => Err(corrupt),
            None => long_value(self.source, &row)?.unwrap_or(Ok(row.value)),
        };
        match value {
            Ok(value) => {
                self.put(&row.key, &value)?;
                self.report.rows_from_tree += 1;
            }
            Err(corrupt) => {
                let (from, to) = single(&row.key);
                self.lost(from, to, corrupt);
            }
        }
        Ok(())
    }

    /// Takes over rows of any leaf that verifies and lies in one of `ranges`, the oldest leaf first,
    /// so that newer rows replace older ones.
    pub(super) fn leaves(
        &mut self,
        ranges: &[KeyRange],
        meta: Option<&Meta>,
        progress: Progress<'_>,
    ) -> Result<()> {
        let pages = self.source.page_count()?;
        let mut leaves: Vec<(TxnId, PageId)> = Vec::new();
        for id in (2..pages).map(PageId::new) {
            let bytes = self.source.read_page(id)?.bytes;
            if let Ok(header) = verify_page(&bytes, self.source.uuid(), id)
                && header.page_type == PageType::Leaf as u8
                && meta.is_none_or(|meta| header.birth <= meta.txn_id)
            {
                leaves.push((header.birth, id));
            }
            if !progress(id.get(), pages) {
                return Ok(());
            }
        }
        leaves.sort_unstable();
        for (_, id) in leaves {
            let bytes = self.source.read_page(id)?.bytes;
            for (index, key) in row_keys(&bytes).into_iter().enumerate() {
                let inside =
                    |(from, to): &KeyRange| *from <= key && to.as_ref().is_none_or(|to| key < *to);
                if !ranges.iter().any(inside) {
                    continue;
                }
                let Some(read) = value(self.source, &bytes, index, usize::MAX) else { continue };
                match read.problem {
                    None => {
                        self.put(&key, &read.bytes)?;
                        self.report.rows_from_leaves += 1;
                    }
                    // Without a tree nobody else lists it.
                    Some(corrupt) if meta.is_none() => {
                        let (from, to) = single(&key);
                        self.lost(from, to, corrupt);
                    }
                    Some(_) => {}
                }
            }
        }
        Ok(())
    }
}

/// Walks a whole tree, window by window, holes included.
struct Walk<'a> {
    source: &'a Source,
    root: &'a Root,
    from: Option<Vec<u8>>,
}

impl<'a> Walk<'a> {
    fn new(source: &'a Source, root: &'a Root) -> Self {
        Self { source, root, from: Some(Vec::new()) }
    }

    fn next(&mut self) -> Option<Vec<RowItem>> {
        let from = self.from.take()?;
        let window = rows(self.source, self.root, &from, b"", WINDOW_ROWS);
        let next = match window.items.last() {
            Some(RowItem::Row(row)) => single(&row.key).1,
            Some(RowItem::Hole { to, .. }) => to.clone(),
            None => None,
        };
        self.from = next.filter(|next| !window.complete && *next > from);
        Some(window.items)
    }
}

/// The ranges of a tree that cannot be read, and keys whose values cannot.
pub(super) fn holes(source: &Source, root: &Root) -> Result<Vec<KeyRange>> {
    let mut holes = Vec::new();
    let mut walk = Walk::new(source, root);
    while let Some(items) = walk.next() {
        for item in items {
            match item {
                RowItem::Hole { from, to, .. } => holes.push((from, to)),
                RowItem::Row(row) => {
                    let broken = row.problem.is_some()
                        || long_value(source, &row)?.is_some_and(|read| read.is_err());
                    if broken {
                        holes.push(single(&row.key));
                    }
                }
            }
        }
    }
    Ok(holes)
}

/// A value in overflow pages, whole, or the reason why it cannot be read; `None` for a short one,
/// which the row has.
fn long_value(source: &Source, row: &Row) -> Result<Option<Result<Vec<u8>, Corrupt>>> {
    if row.place.overflow.is_none() {
        return Ok(None);
    }
    let leaf = source.read_page(row.leaf.page)?.bytes;
    Ok(value(source, &leaf, row.slot, usize::MAX).map(|read| match read.problem {
        Some(corrupt) => Err(corrupt),
        None => Ok(read.bytes),
    }))
}

/// Whether a key lies in one of `ranges`, which come in key order and do not overlap.
pub(super) fn is_inside(ranges: &[KeyRange], key: &[u8]) -> bool {
    let before = ranges.partition_point(|(from, _)| from.as_slice() <= key);
    let range = before.checked_sub(1).and_then(|index| ranges.get(index));
    range.is_some_and(|(_, to)| to.as_ref().is_none_or(|to| key < to.as_slice()))
}

/// The range that holds one key alone.
fn single(key: &[u8]) -> KeyRange {
    let mut next = key.to_vec();
    next.push(0);
    (key.to_vec(), Some(next))
}
