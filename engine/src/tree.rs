//! The copy-on-write B+tree: search, edit, scan, compare, check.
//!
//! Called by `txn` and `db`. Takes pages from `pager` and never touches the disk itself. Descents are
//! iterative and end by level (a child's level is its parent's minus one). Bytes:
//! `spec/file_format_v0.md`, nodes.

mod bulk;
mod check;
mod cursor;
mod diff;
mod path;
mod range;
mod search;
mod value;
mod walk;
mod writer;

pub use bulk::build;
pub use check::{Checked, check};
pub use cursor::{Cursor, Row};
pub use diff::{Change, Diff};
pub use range::Range;
pub use search::{first, get, get_many, last};
pub use walk::{Visit, walk};
pub use writer::{Swept, Writer};

use crate::ids::Pointer;

/// A whole tree: its root page, how deep it is, how many rows it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct TreeRoot {
    /// The root node; null when the tree is empty.
    pub root: Pointer,
    /// Levels: 0 when empty, 1 when the root is a leaf.
    pub depth: u32,
    /// Rows.
    pub key_count: u64,
}

impl TreeRoot {
    /// A tree without rows.
    pub const EMPTY: Self = Self { root: Pointer::NULL, depth: 0, key_count: 0 };
}

#[cfg(test)]
mod tests;
