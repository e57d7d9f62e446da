//! Other engines beside ours, under the same workloads.

use crate::catalog::Entry;

/// The suite's list.
pub const ENTRIES: &[Entry] = &[];
