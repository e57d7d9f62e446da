//! Builds a tree bottom-up from rows in rising key order.
//!
//! Called by `db` (compact, salvage) and tests. Every node is filled as far as its cells go, and
//! written once, so memory holds one open node per level. Internal nodes keep at least two children.

use super::{TreeRoot, value};
use crate::error::{Error, Result};
use crate::format::node::{NODE_BYTES, NodeMut, Slot, child_bytes};
use crate::format::page::PageType;
use crate::ids::Pointer;
use crate::limits::INLINE_ROW_BYTES_MAX;
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
    let mut build = Build { edit, levels: vec![Open::default()] };
    let mut key_count = 0;
    for row in rows {
        let (key, value) = row?;
        let (key, value) = (key.as_ref(), value.as_ref());
        if build.levels[0].last_key().is_some_and(|last| last >= key) {
            return Err(Error::InvalidArgument("rows to build from do not rise".into()));
        }
        if key.len() + value.len() <= INLINE_ROW_BYTES_MAX {
            build.push(0, key, value, false)?;
        } else {
            let descriptor = value::write(build.edit, value)?.to_bytes();
            build.push(0, key, &descriptor, true)?;
        }
        key_count += 1;
    }
    build.finish(key_count)
}

/// A cell that waits for its node: ends of its key and value in the node's bytes.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    start: usize,
    key_end: usize,
    value_end: usize,
    overflow: bool,
}

/// The open node of one level.
#[derive(Debug, Default)]
pub(super) struct Open {
    bytes: Vec<u8>,
    cells: Vec<Waiting>,
    /// What the keys have in common.
    prefix: usize,
    /// The last node of the level that was closed, and the last key in it.
    closed: Option<(Pointer, Vec<u8>)>,
}

impl Open {
    pub(super) fn key(&self, index: usize) -> Option<&[u8]> {
        self.cells.get(index).and_then(|cell| self.bytes.get(cell.start..cell.key_end))
    }

    /// The last key of the level so far.
    pub(super) fn last_key(&self) -> Option<&[u8]> {
        let closed = self.closed.as_ref().map(|(_, key)| key.as_slice());
        self.key(self.cells.len().wrapping_sub(1)).or(closed)
    }

    /// The prefix that the cells and `key` share. The first cell of an internal node has no key.
    fn prefix_with(&self, key: &[u8], leaf: bool) -> usize {
        match self.key(usize::from(!leaf)) {
            None => key.len(),
            Some(first) => {
                let known = self.prefix.min(key.len());
                let same = first.iter().zip(key).take(known);
                same.take_while(|(left, right)| left == right).count()
            }
        }
    }

    /// Bytes of a node of these cells and one more.
    fn bytes_with(&self, key: &[u8], value: &[u8], leaf: bool) -> usize {
        let keyed = self.cells.len().saturating_sub(usize::from(!leaf));
        let whole = self.bytes.len() + key.len() + value.len();
        let slots = (self.cells.len() + 1) * Slot::BYTES;
        whole + slots - keyed * self.prefix_with(key, leaf)
    }

    /// Whether one more cell is too much for a node of so many cells or bytes. A first cell never is.
    pub(super) fn is_full_for(
        &self,
        (key, value): (&[u8], &[u8]),
        leaf: bool,
        (cells_max, bytes_max): (usize, usize),
    ) -> bool {
        let full = self.cells.len() >= cells_max || self.bytes_with(key, value, leaf) > bytes_max;
        full && !self.cells.is_empty()
    }

    pub(super) fn push(&mut self, key: &[u8], value: &[u8], overflow: bool, leaf: bool) {
        self.prefix = self.prefix_with(key, leaf);
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        let key_end = start + key.len();
        self.cells.push(Waiting { start, key_end, value_end: self.bytes.len(), overflow });
    }
}

struct Build<'e> {
    edit: &'e mut Edit,
    levels: Vec<Open>,
}

impl Build<'_> {
    fn push(&mut self, level: usize, key: &[u8], value: &[u8], overflow: bool) -> Result<()> {
        let leaf = level == 0;
        let cells_max = self.edit.pager().cells_max();
        if self.levels[level].is_full_for((key, value), leaf, (cells_max, NODE_BYTES)) {
            self.close(level, !leaf)?;
        }
        self.levels[level].push(key, value, overflow, leaf);
        Ok(())
    }

    /// Writes the open node of `level` and enters it in the level above. With `carry` its last cell
    /// becomes the first of the next node, so that this one is not left with a single child.
    fn close(&mut self, level: usize, carry: bool) -> Result<()> {
        self.edit.make_room()?;
        let leaf = level == 0;
        let page_type = if leaf { PageType::Leaf } else { PageType::Internal };
        let node = self.edit.alloc(page_type, level as u8)?;
        if self.levels.len() == level + 1 {
            self.levels.push(Open::default());
        }
        let open = &mut self.levels[level];
        let carried = if carry { open.cells.pop() } else { None };
        if let Some((closed, _)) = &open.closed
            && let Some(page) = self.edit.page_mut(*closed)
        {
            NodeMut::new(page).set_right_sibling(node.page);
        }
        let page = self.edit.page_mut(node).expect("allocated just now");
        write_node(page, open, leaf);
        let first_key = open.key(0).unwrap_or_default().to_vec();
        let last_key = open.last_key().unwrap_or_default().to_vec();
        let before = open.closed.replace((node, last_key));
        let separator = match before {
            None => Vec::new(),
            Some((_, last)) if leaf => shortest_above(&last, &first_key),
            Some(_) => first_key,
        };
        let bytes = std::mem::take(&mut open.bytes);
        open.cells.clear();
        open.prefix = 0;
        if let Some(cell) = carried {
            let (key, value) =
                (&bytes[cell.start..cell.key_end], &bytes[cell.key_end..cell.value_end]);
            open.push(key, value, cell.overflow, leaf);
        }
        self.push(level + 1, &separator, &child_bytes(node), false)
    }

    fn finish(mut self, key_count: u64) -> Result<TreeRoot> {
        let mut level = 0;
        loop {
            let open = &self.levels[level];
            let is_top = level + 1 == self.levels.len();
            match (is_top, open.cells.len(), &open.closed) {
                (true, 0, None) => return Ok(TreeRoot::EMPTY),
                // The only node of the level below is the root.
                (true, 1, None) if level > 0 => {
                    let root = self.levels[level - 1].closed.as_ref().map(|(node, _)| *node);
                    let root = root.unwrap_or(Pointer::NULL);
                    return Ok(TreeRoot { root, depth: level as u32, key_count });
                }
                (_, 0, Some(_)) => {}
                _ => self.close(level, false)?,
            }
            level += 1;
        }
    }
}

pub(super) fn write_node(page: &mut crate::pager::Page, open: &Open, leaf: bool) {
    let mut node = NodeMut::new(page);
    let keyed = open.cells.len().saturating_sub(usize::from(!leaf));
    let first = open.key(usize::from(!leaf)).unwrap_or_default();
    let prefix = if keyed > 1 { open.prefix } else { 0 };
    node.begin(&first[..prefix]);
    for cell in &open.cells {
        let key = &open.bytes[cell.start..cell.key_end];
        node.push(key, &open.bytes[cell.key_end..cell.value_end], cell.overflow);
    }
    node.end();
}

/// The shortest front of `right` that is above `left`.
pub(super) fn shortest_above(left: &[u8], right: &[u8]) -> Vec<u8> {
    let same = left.iter().zip(right).take_while(|(left, right)| left == right).count();
    right[..(same + 1).min(right.len())].to_vec()
}
