//! The part of a segment file that the scanner has in memory.

use crate::disk::File;
use crate::error::Result;
use std::sync::Arc;

/// Read at a time, unless a record is longer.
pub(super) const WINDOW_BYTES: u64 = 256 * 1024;
/// A window that one long record made larger than this is given back.
const WINDOW_BYTES_KEPT: usize = 4 << 20;

#[derive(Clone, Debug)]
pub(super) struct OpenFile {
    pub(super) file: Arc<dyn File>,
    /// Where the segment's records end in the file, as far as is known.
    pub(super) limit: u64,
}

/// The part of the file that is in memory.
#[derive(Debug, Default)]
pub(super) struct Window {
    offset: u64,
    bytes: Vec<u8>,
}

impl Window {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }

    pub(super) fn get(&self, offset: u64, length: usize) -> Option<&[u8]> {
        let start = usize::try_from(offset.checked_sub(self.offset)?).ok()?;
        self.bytes.get(start..start.checked_add(length)?)
    }

    /// `length` bytes at `offset`, or as many as there are before the limit.
    pub(super) fn fill(&mut self, open: &OpenFile, offset: u64, length: u64) -> Result<&[u8]> {
        let length = length.min(open.limit.saturating_sub(offset));
        // Fits: the limit is a file's length, and what is asked for a record's or a window's.
        let length = length as usize;
        if self.get(offset, length).is_none() {
            let ahead = WINDOW_BYTES.min(open.limit.saturating_sub(offset)) as usize;
            if self.bytes.capacity() > WINDOW_BYTES_KEPT && length < WINDOW_BYTES_KEPT {
                self.bytes = Vec::new();
            }
            self.bytes.clear();
            self.bytes.resize(length.max(ahead), 0);
            self.offset = offset;
            if let Err(error) = open.file.read_at(&mut self.bytes, offset) {
                self.bytes.clear();
                return Err(error);
            }
        }
        Ok(self.get(offset, length).unwrap_or_default())
    }
}
