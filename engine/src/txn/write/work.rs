//! What a write transaction has done so far: the tree, the record, and the puts between them.
//!
//! Called by the parent module. A put goes into the record at once and into the tree later, together
//! with others in key order: before anything looks at the tree, before the record is written, and
//! before it is emptied by a continuation.
//!
//! ```text
//!            put                        anything else, commit
//!   settled ─────▶ puts are waiting ──────────────────────────▶ settled
//! ```

use super::pending::Pending;
use crate::error::Result;
use crate::log::{LogWriter, RecordBuilder};
use crate::tree::Writer;
use std::cell::{Cell, OnceCell};

#[derive(Debug)]
pub(super) struct Work {
    pub(super) writer: Writer,
    pub(super) record: RecordBuilder,
    pending: Pending,
}

impl Work {
    pub(super) fn new(writer: Writer, record: RecordBuilder) -> Self {
        Self { writer, record, pending: Pending::default() }
    }

    /// Records a put; the tree has it once this is settled.
    pub(super) fn put(&mut self, log: &LogWriter, key: &[u8], value: &[u8]) -> Result<()> {
        if self.record.is_full_for_put(log, key, value) {
            self.settle()?;
        }
        let place = self.record.put(log, key, value)?;
        self.pending.push(place, &self.record);
        Ok(())
    }

    /// Brings the tree up to the record. After an error it is undefined.
    pub(super) fn settle(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        self.pending.apply(&self.record, &mut self.writer)
    }
}

/// The work of an open transaction, settled on first sight: reads go through a shared reference, and
/// while puts wait nothing of the tree can be borrowed yet.
#[derive(Default)]
pub(super) struct Settling {
    open: Cell<Option<Box<Work>>>,
    settled: OnceCell<Box<Work>>,
}

impl Settling {
    pub(super) fn new(work: Work) -> Self {
        Self { open: Cell::new(Some(Box::new(work))), settled: OnceCell::new() }
    }

    /// The work as it is, to change; `None` once it was taken.
    pub(super) fn get_mut(&mut self) -> Option<&mut Work> {
        if let Some(work) = self.settled.take() {
            self.open.set(Some(work));
        }
        self.open.get_mut().as_deref_mut()
    }

    /// The settled work, to read; `failed` is told when settling fails.
    pub(super) fn get(&self, failed: impl FnOnce(crate::Error)) -> &Work {
        self.settled.get_or_init(|| {
            let Some(mut work) = self.open.take() else { unreachable!("not ended yet") };
            if let Err(error) = work.settle() {
                failed(error);
            }
            work
        })
    }

    /// The work as it is, when it ends.
    pub(super) fn take(&mut self) -> Option<Box<Work>> {
        self.settled.take().or_else(|| self.open.take())
    }
}
