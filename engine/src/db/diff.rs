//! What changed between two states, in key order.
//!
//! Called by `Db::diff`. The comparison skips subtrees with equal pointers, so its cost follows the
//! change and not the size. Both states stay open while the iterator lives.

use crate::error::Result;
use crate::tree;
use crate::txn::read::ReadTxn;
use std::collections::VecDeque;

/// One difference between two states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The row is new, or has another value.
    Put {
        /// Its key.
        key: Vec<u8>,
        /// Its value in the later state.
        value: Vec<u8>,
    },
    /// The row is gone.
    Del {
        /// Its key.
        key: Vec<u8>,
    },
}

impl Change {
    /// The key of the row.
    pub fn key(&self) -> &[u8] {
        match self {
            Self::Put { key, .. } | Self::Del { key } => key,
        }
    }
}

/// Changes that are collected at first; each further time it is twice as many, so that looking for
/// the place again costs no more than the changes themselves.
const CHUNK_MIN: usize = 1024;

/// Iterator over the changes between two states. After an error it yields nothing more.
#[derive(Debug)]
pub struct Diff {
    from: ReadTxn,
    to: ReadTxn,
    ready: VecDeque<Change>,
    taken: usize,
    chunk: usize,
    done: bool,
}

impl Diff {
    /// What leads from one state to the other.
    pub(crate) fn new(from: ReadTxn, to: ReadTxn) -> Self {
        Self { from, to, ready: VecDeque::new(), taken: 0, chunk: CHUNK_MIN, done: false }
    }

    fn refill(&mut self) -> Result<()> {
        let from = (self.from.view(), self.from.tree());
        let mut changes = tree::Diff::new(from, (self.to.view(), self.to.tree()));
        for _ in 0..self.taken {
            if changes.next().transpose()?.is_none() {
                break;
            }
        }
        let mut found = VecDeque::new();
        for change in changes.by_ref().take(self.chunk) {
            found.push_back(match change? {
                tree::Change::Put(key, value) => {
                    Change::Put { key: key.to_vec(), value: value.to_vec() }
                }
                tree::Change::Del(key) => Change::Del { key: key.to_vec() },
            });
        }
        drop(changes);
        self.done = found.len() < self.chunk;
        self.taken += found.len();
        self.chunk = self.chunk.saturating_mul(2);
        self.ready = found;
        Ok(())
    }
}

impl Iterator for Diff {
    type Item = Result<Change>;
    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty()
            && !self.done
            && let Err(error) = self.refill()
        {
            self.done = true;
            return Some(Err(error));
        }
        self.ready.pop_front().map(Ok)
    }
}

impl std::iter::FusedIterator for Diff {}
