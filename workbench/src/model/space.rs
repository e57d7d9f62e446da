//! What takes the space: bytes of keys and values by the first part of the key.
//!
//! A fresh `prefix_counts` cartridge beside the database has the answer ready, for the newest state; without
//! one every row of the pages' tree is read.

use super::cartridges::find::{beside, name_of};
use crate::job::{Data, Desk, Job};
use northstar_engine::cartridge::Cartridge;
use northstar_engine::cartridge::prefix_counts::PrefixTable;
use northstar_engine::inspect::tree::{Root, RowItem, rows};
use northstar_engine::printable::Printable;
use northstar_engine::shelf::{self, Kind};
use northstar_engine::{FileUuid, TxnId};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Rows read at a time.
const WINDOW: usize = 2000;
/// Prefixes told apart; the rest is counted together.
const PREFIXES_MAX: usize = 500;
/// Where the first part of a key ends when rows are read.
const DELIMITERS: &[u8] = b"/:|";
/// A key without a delimiter is grouped by so many bytes then.
pub const PLAIN_BYTES: usize = 4;

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

    /// What is left without a part of it.
    const fn without(&self, part: &Self) -> Self {
        Self {
            rows: self.rows.saturating_sub(part.rows),
            key_bytes: self.key_bytes.saturating_sub(part.key_bytes),
            value_bytes: self.value_bytes.saturating_sub(part.value_bytes),
        }
    }
}

/// Where figures come from.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Evidence {
    /// A cartridge had them.
    Cartridge {
        /// Its file's name, printable.
        name: String,
        /// The state it answers for.
        txn: TxnId,
        /// Where its groups end, printable.
        delimiters: String,
        /// Where those of rows that are read end, when that is elsewhere: then the groups differ.
        #[serde(skip_serializing_if = "Option::is_none")]
        delimiters_of_rows: Option<String>,
    },
    /// All rows of a tree were read.
    Tree {
        /// Its state.
        txn: TxnId,
        /// Why no cartridge could be asked.
        why: String,
    },
}

/// Usage by prefix.
#[derive(Clone, Debug)]
pub struct Space {
    /// Where the figures come from.
    pub evidence: Evidence,
    /// By prefix.
    pub groups: BTreeMap<Vec<u8>, Usage>,
    /// Rows beyond the prefixes that are told apart.
    pub others: Usage,
    /// Places where rows could not be read.
    pub holes: u64,
}

impl Space {
    const fn new(evidence: Evidence) -> Self {
        let others = Usage { rows: 0, key_bytes: 0, value_bytes: 0 };
        Self { evidence, groups: BTreeMap::new(), others, holes: 0 }
    }
}

/// The part of a key that groups it when rows are read: up to and with the first delimiter, else its first bytes.
pub fn prefix_of(key: &[u8]) -> &[u8] {
    let delimiter = key.iter().position(|byte| DELIMITERS.contains(byte));
    let end = delimiter.map_or(PLAIN_BYTES.min(key.len()), |at| at + 1);
    key.get(..end).unwrap_or(key)
}

/// What a cartridge with these delimiters says of itself as the source of figures.
fn by_delimiters(name: String, txn: TxnId, delimiters: &[u8]) -> Evidence {
    let spelled = |bytes: &[u8]| -> String {
        let each = bytes.iter().map(|byte| Printable::new([*byte]).into_string());
        each.collect::<Vec<String>>().join(" ")
    };
    let set = |bytes: &[u8]| -> BTreeSet<u8> { bytes.iter().copied().collect() };
    let other = set(delimiters) != set(DELIMITERS);
    Evidence::Cartridge {
        name,
        txn,
        delimiters: spelled(delimiters),
        delimiters_of_rows: other.then(|| spelled(DELIMITERS)),
    }
}

/// Adds the space up.
#[derive(Debug)]
pub struct MeasureSpace {
    /// Of which tree.
    pub root: Root,
    /// Of which database,
    pub uuid: FileUuid,
    /// and its newest state, which a cartridge has to answer for.
    pub newest: TxnId,
}

impl Job for MeasureSpace {
    fn name(&self) -> String {
        "measure the rows".to_owned()
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let why = match self.by_cartridge(desk.path()) {
            Ok(space) => return Ok(Box::new(space)),
            Err(why) => why,
        };
        let source = desk.source()?;
        let mut space = Space::new(Evidence::Tree { txn: self.root.txn_id, why });
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

impl MeasureSpace {
    /// The answer of the first cartridge that has it; why none has.
    fn by_cartridge(&self, database: &Path) -> Result<Space, String> {
        let mut why = "no prefix_counts cartridge lies beside it".to_owned();
        for path in beside(database)? {
            let Ok(cartridge) = Cartridge::read(&path) else { continue };
            let Ok(kind) = Kind::of(&cartridge) else { continue };
            let Kind::PrefixCounts(counts) = &kind else { continue };
            if cartridge.header().source_uuid != self.uuid {
                continue;
            }
            let name = name_of(&path);
            if let Err(error) = kind.check(&cartridge) {
                why = format!("{name} is damaged: {error}");
                continue;
            }
            let judged = shelf::judge(database, (self.uuid, self.newest), &kind, &cartridge);
            let staleness = judged.map_err(|error| format!("{name} cannot be judged: {error}"))?;
            if let Some(reason) = staleness.reasons.first() {
                why = format!("{name} is stale: {reason}");
                continue;
            }
            let evidence = by_delimiters(name, staleness.built_at, &counts.delimiters);
            return counted(&cartridge, evidence).map_err(|error| error.to_string());
        }
        Err(why)
    }
}

/// The usage of the shortest prefixes of a cartridge; the rows that none of them has are others.
fn counted(cartridge: &Cartridge, evidence: Evidence) -> northstar_engine::Result<Space> {
    let mut space = Space::new(evidence);
    for entry in PrefixTable::new(cartridge)?.iter() {
        let entry = entry?;
        let (rows, key_bytes) = (entry.rows, entry.key_bytes);
        let usage = Usage { rows, key_bytes, value_bytes: entry.value_bytes };
        match entry.depth {
            0 => space.others = usage,
            1 if space.groups.len() < PREFIXES_MAX => {
                space.others = space.others.without(&usage);
                space.groups.insert(entry.prefix.to_vec(), usage);
            }
            _ => {}
        }
    }
    Ok(space)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Figures of other groups than those one knows must not look like the same ones.
    #[test]
    fn a_cartridge_that_ends_groups_elsewhere_says_so() {
        let cases: [(&[u8], &str, Option<&str>); 3] = [
            (b"/:.\0", r"/ : . \x00", Some("/ : |")),
            (b"|/:", "| / :", None),
            (b"", "", Some("/ : |")),
        ];
        for (delimiters, shown, other) in cases {
            let found = by_delimiters("c".to_owned(), TxnId::new(1), delimiters);
            let expected = Evidence::Cartridge {
                name: "c".to_owned(),
                txn: TxnId::new(1),
                delimiters: shown.to_owned(),
                delimiters_of_rows: other.map(str::to_owned),
            };
            assert_eq!(found, expected, "{}", delimiters.escape_ascii());
        }
    }

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
