//! What takes the space: bytes of keys and values by the first part of the key.

use crate::job::{Data, Desk, Job};
use northstar_engine::inspect::tree::{Root, RowItem, rows};
use std::collections::BTreeMap;

/// Rows read at a time.
const WINDOW: usize = 2000;
/// Prefixes told apart; the rest is counted together.
const PREFIXES_MAX: usize = 500;
/// A key without a separator is grouped by so many bytes.
const PLAIN_BYTES: usize = 4;

/// What a group of keys takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Usage {
    /// Rows.
    pub rows: u64,
    /// Bytes of keys.
    pub key_bytes: u64,
    /// Bytes of values, those in overflow pages too.
    pub value_bytes: u64,
}

impl Usage {
    /// All of it.
    pub const fn bytes(&self) -> u64 {
        self.key_bytes.saturating_add(self.value_bytes)
    }
}

/// Usage by prefix.
#[derive(Clone, Debug, Default)]
pub struct Space {
    /// By prefix.
    pub groups: BTreeMap<Vec<u8>, Usage>,
    /// Rows beyond the prefixes that are told apart.
    pub others: Usage,
    /// Places where rows could not be read.
    pub holes: u64,
}

/// The part of a key that groups it: up to and with the first `/`, `:` or `|`, else its first bytes.
pub fn prefix_of(key: &[u8]) -> &[u8] {
    let separator = key.iter().position(|byte| matches!(byte, b'/' | b':' | b'|'));
    let end = separator.map_or(PLAIN_BYTES.min(key.len()), |at| at + 1);
    key.get(..end).unwrap_or(key)
}

/// Adds the space up.
#[derive(Debug)]
pub struct MeasureSpace {
    /// Of which tree.
    pub root: Root,
}

impl Job for MeasureSpace {
    fn name(&self) -> String {
        "measure the rows".to_owned()
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let source = desk.source()?;
        let mut space = Space::default();
        let mut from = Vec::new();
        let mut done = 0_u64;
        loop {
            let window = rows(&source, &self.root, &from, &[], WINDOW);
            let mut next = None;
            for item in &window.items {
                match item {
                    RowItem::Row(row) => {
                        done += 1;
                        let known = space.groups.contains_key(prefix_of(&row.key));
                        let usage = if known || space.groups.len() < PREFIXES_MAX {
                            space.groups.entry(prefix_of(&row.key).to_vec()).or_default()
                        } else {
                            &mut space.others
                        };
                        usage.rows += 1;
                        usage.key_bytes += row.key.len() as u64;
                        usage.value_bytes = usage.value_bytes.saturating_add(row.place.bytes);
                        let mut key = row.key.clone();
                        key.push(0);
                        next = Some(key);
                    }
                    RowItem::Hole { to, .. } => {
                        space.holes += 1;
                        next.clone_from(to);
                    }
                }
            }
            match next.filter(|next| !window.complete && *next > from) {
                Some(next) => from = next,
                None => return Ok(Box::new(space)),
            }
            if !desk.progress(done, self.root.key_count) {
                return Err("stopped".to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::prefix_of;

    #[test]
    fn keys_are_grouped_by_their_first_part() {
        let cases: [(&[u8], &[u8]); 6] = [
            (b"user/42", b"user/"),
            (b"a:b/c", b"a:"),
            (b"plainkey", b"plai"),
            (b"ab", b"ab"),
            (b"", b""),
            (b"/x", b"/"),
        ];
        for (key, want) in cases {
            assert_eq!(prefix_of(key), want, "{}", key.escape_ascii());
        }
    }
}
