//! What a salvage writes: rows and operations, in batches.

use super::Job;
use crate::error::Result;
use crate::format::op::Op;
use crate::txn::write::WriteTxn;
use std::ops::Bound;

/// Operations and bytes of a batch before it is committed.
const BATCH_OPS_MAX: usize = 10_000;
const BATCH_BYTES_MAX: usize = 8 << 20;

impl Job<'_> {
    pub(super) fn apply(&mut self, op: Op<'_>) -> Result<()> {
        let writer = self.writer()?;
        let bytes = match op {
            Op::Put { key, value } => {
                writer.put(key, value)?;
                key.len() + value.len()
            }
            Op::Del { key } => {
                writer.del(key)?;
                key.len()
            }
            Op::DelRange { start, end: Some(end), .. } if end <= start => 0,
            Op::DelRange { start, end, .. } => {
                let end = end.map_or(Bound::Unbounded, Bound::Excluded);
                writer.del_range::<&[u8], _>((Bound::Included(start), end))?;
                start.len()
            }
        };
        self.count(bytes)
    }

    pub(super) fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.writer()?.put(key, value)?;
        self.count(key.len() + value.len())
    }

    fn writer(&mut self) -> Result<&mut WriteTxn> {
        match &mut self.writer {
            Some(writer) => Ok(writer),
            none => Ok(none.insert(self.target.begin_write()?)),
        }
    }

    /// Counts an operation, and commits when the batch is full.
    fn count(&mut self, bytes: usize) -> Result<()> {
        self.ops += 1;
        self.bytes += bytes;
        if self.ops >= BATCH_OPS_MAX || self.bytes >= BATCH_BYTES_MAX {
            self.flush()?;
        }
        Ok(())
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        (self.ops, self.bytes) = (0, 0);
        if let Some(writer) = self.writer.take() {
            writer.commit()?;
        }
        Ok(())
    }
}
