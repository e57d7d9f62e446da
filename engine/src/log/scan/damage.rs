//! Where the bytes are no record: whether that is the log's tail or damage, and the way past damage.
//!
//! Part of [`super::Scanner`]. Keeps LOG-9 and crash rules 13, 15, 16 and 19. Cost: one pass over the
//! rest of the segment.

use super::window::WINDOW_BYTES;
use super::{Previous, Scanner, Tail};
use crate::error::{Error, Result};
use crate::format::log_record::{
    RECORD_ALIGN, RECORD_MAGIC, RecordFault, RecordHeader, judge_header,
};
use crate::ids::Lsn;
use crate::sabotage::{self, Switch};

impl Scanner {
    /// No sound record at the position: where nothing beyond it is proven durable, it is the tail.
    pub(super) fn judge_fault(&mut self, fault: RecordFault) -> Result<Tail> {
        let at = self.at;
        let segment = self.segment()?;
        if fault.is_unsupported() {
            let (path, found) = (segment.path.clone(), format!("{fault} at log position {at}"));
            return Err(Error::UnsupportedFormat { path, found });
        }
        let path = segment.path.clone();
        let corrupt = || Error::from(fault.at(at).in_file(&path));
        let newest = segment.end.is_none() && self.until.is_none();
        if sabotage::on(Switch::CorruptIsTorn) {
            return Ok(Tail::Clean { at });
        }
        // Rule 19: what a recovery copied was synced before its segment got the name it was found under.
        let copied = segment.header.copied_through;
        if !newest || at < self.proven.max(self.claimed).max(copied) {
            return Err(corrupt());
        }
        let rest = self.search_rest()?;
        let torn = rest.bytes > 0 && sabotage::on(Switch::TornIsCorrupt);
        if rest.claimed > at || torn {
            return Err(corrupt());
        }
        Ok(match rest.bytes {
            0 => Tail::Clean { at },
            bytes => Tail::Torn { at, fault, bytes },
        })
    }

    /// Looks through everything behind the position in this segment: bytes that are not zero, and
    /// sound record headers that prove a position durable.
    fn search_rest(&mut self) -> Result<Rest> {
        let open = self.open_file()?;
        let segment = self.segment()?.clone();
        let start = segment.header.offset_of(self.at).unwrap_or(open.limit);
        let mut rest = Rest { bytes: 0, claimed: Lsn::default() };
        let mut offset = start;
        while offset < open.limit {
            let chunk = self.window.fill(&open, offset, WINDOW_BYTES)?;
            let chunk_bytes = chunk.len() as u64;
            if let Some(last) = last_nonzero(chunk) {
                rest.bytes = offset - start + last as u64 + 1;
                let candidates = magics(chunk);
                for into in candidates {
                    let at = offset + into;
                    let Some(lsn) = self.at.checked_add(at - start) else { break };
                    let head = self.window.fill(&open, at, RecordHeader::BYTES as u64)?;
                    if let Ok(header) = judge_header(head, segment.place(lsn)) {
                        rest.claimed = rest.claimed.max(header.durable_lsn);
                    }
                }
            }
            offset += chunk_bytes;
        }
        Ok(rest)
    }

    /// After `Corrupt`: goes to the next sound record behind the damage, in this segment or a later
    /// one. `false` when there is none. For salvage and verify; recovery never reads on.
    ///
    /// # Errors
    /// `Io`.
    pub fn skip_damage(&mut self) -> Result<bool> {
        if !self.failed {
            return Ok(false);
        }
        let from = self.at;
        let mut skip = RECORD_ALIGN;
        loop {
            let segment = self.segment()?.clone();
            let open = self.open_file()?;
            let begin = segment.header.offset_of(self.at).unwrap_or(open.limit);
            let mut offset = begin.saturating_add(skip);
            while offset < open.limit {
                let chunk = self.window.fill(&open, offset, WINDOW_BYTES)?;
                let chunk_bytes = chunk.len() as u64;
                for into in magics(chunk) {
                    let Some(lsn) = self.at.checked_add(offset + into - begin) else { break };
                    let saved = (self.at, self.previous);
                    (self.at, self.previous) = (lsn, Previous::default());
                    let sound = self.judge_here()?.is_ok();
                    if sound && lsn > from {
                        self.failed = false;
                        return Ok(true);
                    }
                    (self.at, self.previous) = saved;
                }
                offset += chunk_bytes;
            }
            let Some(end) = segment.end else { return Ok(false) };
            self.at = end;
            self.previous = Previous::default();
            self.index += 1;
            self.file = None;
            self.window.clear();
            skip = 0;
        }
    }
}

struct Rest {
    bytes: u64,
    claimed: Lsn,
}

/// Offsets in `chunk`, which starts at a multiple of 8, where a record could start.
fn magics(chunk: &[u8]) -> Vec<u64> {
    let starts = chunk.chunks_exact(RECORD_ALIGN as usize).enumerate();
    starts
        .filter(|(_, word)| word.starts_with(&RECORD_MAGIC.0))
        .map(|(index, _)| index as u64 * RECORD_ALIGN)
        .collect()
}

/// Index of the last byte that is not zero.
fn last_nonzero(bytes: &[u8]) -> Option<usize> {
    let mut end = bytes.len();
    for block in bytes.rchunks(512) {
        // Summed without a branch a byte, so that it runs at memory speed.
        if block.iter().fold(0, |sum, byte| sum | byte) != 0 {
            return block.iter().rposition(|&byte| byte != 0).map(|at| end - block.len() + at);
        }
        end -= block.len();
    }
    None
}
