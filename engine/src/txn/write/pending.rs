//! Puts that stand in the record of a write transaction and not yet in its tree.
//!
//! Called by `work`. In key order they cost less: neighbours share a leaf, parents stay near, and each
//! next leaf is on its way from memory while the one before is copied. Of several puts of one key the
//! last one counts. Cost: 24 bytes a put; the bytes themselves are the record's.

use crate::error::Result;
use crate::log::{OpPlace, RecordBuilder};
use crate::tree::Writer;

#[derive(Clone, Copy, Debug)]
struct Waiting {
    /// First bytes of the key as a number that orders like them: most comparisons end here.
    head: u64,
    place: OpPlace,
}

/// Puts in the order they were made, until they are applied in the order of their keys.
#[derive(Debug, Default)]
pub(super) struct Pending {
    puts: Vec<Waiting>,
    /// Whether the keys have risen so far.
    rising: bool,
}

impl Pending {
    /// Adds the put at `place` of `record`, where it was encoded last.
    pub(super) fn push(&mut self, place: OpPlace, record: &RecordBuilder) {
        let waiting = Waiting { head: head_of(record.key_at(place)), place };
        let last = self.puts.last();
        self.rising = last.is_none_or(|last| self.rising && order(record, last, &waiting).is_lt());
        self.puts.push(waiting);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.puts.is_empty()
    }

    /// Puts them all into the tree. After an error the tree is undefined.
    pub(super) fn apply(&mut self, record: &RecordBuilder, writer: &mut Writer) -> Result<()> {
        if !self.rising {
            let places = |a: &Waiting, b: &Waiting| a.place.cmp(&b.place);
            self.puts.sort_unstable_by(|a, b| order(record, a, b).then_with(|| places(a, b)));
        }
        for (index, put) in self.puts.iter().enumerate() {
            if let Some(next) = self.puts.get(index + 1) {
                if order(record, put, next).is_eq() {
                    continue;
                }
                writer.expect(record.key_at(next.place));
            }
            let (key, value) = record.row_at(put.place);
            writer.insert(key, value)?;
        }
        self.puts.clear();
        Ok(())
    }
}

fn head_of(key: &[u8]) -> u64 {
    if let Some(head) = key.first_chunk() {
        return u64::from_be_bytes(*head);
    }
    let mut head = [0; 8];
    head[..key.len()].copy_from_slice(key);
    u64::from_be_bytes(head)
}

fn order(record: &RecordBuilder, a: &Waiting, b: &Waiting) -> std::cmp::Ordering {
    a.head.cmp(&b.head).then_with(|| record.key_at(a.place).cmp(record.key_at(b.place)))
}
