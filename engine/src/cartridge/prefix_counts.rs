//! The cartridge `prefix_counts`: rows and bytes by key prefix.
//!
//! Keys are cut at delimiters, up to a depth: with the default options `user/7/name` counts under ``,
//! `user/` and `user/7/`. Sections: `spec/cartridge_v0.md`, prefix counts.

use super::{Cartridge, CartridgeType, KeptRow, Section, expect_type};
use crate::error::{Place, Result};
use crate::format::field::layout;
use serde::Serialize;

/// Section of [`PrefixEntry`] in prefix order.
pub const SECTION_ENTRIES: u32 = 1;
/// Section of the prefixes' bytes.
pub const SECTION_NAMES: u32 = 2;

/// Longest prefix that is counted on its own.
const PREFIX_BYTES_MAX: usize = 255;

layout! {
    /// One prefix.
    pub struct PrefixEntry = 40, "prefix entry", "cartridge_v0#prefix-counts" {
        name_offset: u64 = "Where the prefix starts in the names section.",
        name_bytes: u32 = "Bytes of the prefix.",
        depth: u32 = "How many delimiters it ends at; 0 for the empty prefix.",
        rows: u64 = "Rows whose keys start with it.",
        key_bytes: u64 = "Bytes of their keys.",
        value_bytes: u64 = "Bytes of their values.",
    }
}

/// The type and its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixCounts {
    /// Bytes that end a prefix.
    pub delimiters: Vec<u8>,
    /// Deepest prefix that is counted.
    pub depth_max: u32,
}

impl Default for PrefixCounts {
    fn default() -> Self {
        Self { delimiters: b"/:.\0".to_vec(), depth_max: 2 }
    }
}

/// The counts of a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PrefixCount<'a> {
    /// The prefix.
    pub prefix: &'a [u8],
    /// How many delimiters it ends at.
    pub depth: u32,
    /// Rows whose keys start with it.
    pub rows: u64,
    /// Bytes of their keys.
    pub key_bytes: u64,
    /// Bytes of their values.
    pub value_bytes: u64,
}

impl PrefixCounts {
    /// Ends of the prefixes of `key`, shortest first, without the empty one.
    fn cuts<'a>(&'a self, key: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
        key.iter()
            .take(PREFIX_BYTES_MAX)
            .enumerate()
            .filter(|(_, byte)| self.delimiters.contains(byte))
            .map(|(index, _)| index + 1)
            .take(self.depth_max as usize)
    }
}

/// Prefixes on the way to the current key; closed ones move to the result.
struct Open<'a> {
    key: &'a [u8],
    end: usize,
    entry: usize,
}

impl CartridgeType for PrefixCounts {
    const NAME: &'static str = "prefix_counts";
    const VERSION: u32 = 0;
    const SECTIONS: &'static [u32] = &[SECTION_ENTRIES, SECTION_NAMES];

    fn options(&self) -> Vec<u8> {
        let mut out = self.depth_max.to_le_bytes().to_vec();
        out.extend_from_slice(&self.delimiters);
        out
    }

    fn from_options(options: &[u8]) -> Option<Self> {
        let (depth_max, delimiters) = options.split_first_chunk()?;
        let depth_max = u32::from_le_bytes(*depth_max);
        Some(Self { delimiters: delimiters.to_vec(), depth_max })
    }

    fn prefixes(&self) -> Vec<Vec<u8>> {
        vec![Vec::new()]
    }

    fn keep(&self, _key: &[u8], value: &[u8]) -> Vec<u8> {
        (value.len() as u64).to_le_bytes().to_vec()
    }

    fn sections(&self, rows: &mut dyn Iterator<Item = (&[u8], &[u8])>) -> Result<Vec<Section>> {
        let mut entries = vec![PrefixEntry {
            name_offset: 0,
            name_bytes: 0,
            depth: 0,
            rows: 0,
            key_bytes: 0,
            value_bytes: 0,
        }];
        let mut names: Vec<u8> = Vec::new();
        let mut open = vec![Open { key: &[], end: 0, entry: 0 }];
        for (key, kept) in rows {
            let value_bytes = kept.first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk));
            // Keys rise, so a prefix that this key does not have will not come again.
            while open.last().is_some_and(|last| !key.starts_with(&last.key[..last.end])) {
                open.pop();
            }
            let known = open.last().map_or(0, |last| last.end);
            for end in self.cuts(key).filter(|&end| end > known) {
                entries.push(PrefixEntry {
                    name_offset: names.len() as u64,
                    name_bytes: end as u32,
                    depth: open.len() as u32,
                    rows: 0,
                    key_bytes: 0,
                    value_bytes: 0,
                });
                names.extend_from_slice(&key[..end]);
                open.push(Open { key, end, entry: entries.len() - 1 });
            }
            for place in &open {
                let entry = &mut entries[place.entry];
                entry.rows += 1;
                entry.key_bytes += key.len() as u64;
                entry.value_bytes += value_bytes;
            }
        }
        let mut bytes = Vec::with_capacity(entries.len() * PrefixEntry::BYTES);
        entries.iter().for_each(|entry| entry.encode(&mut bytes));
        let (count, names_bytes) = (entries.len() as u64, names.len() as u64);
        Ok(vec![
            Section { kind: SECTION_ENTRIES, count, bytes },
            Section { kind: SECTION_NAMES, count: names_bytes, bytes: names },
        ])
    }

    fn restore(&self, _cartridge: &Cartridge) -> Result<Option<Vec<KeptRow>>> {
        // Counts do not tell a new row from a replaced one: this type starts from the beginning.
        Ok(None)
    }

    fn check(&self, cartridge: &Cartridge) -> Result<()> {
        let table = PrefixTable::new(cartridge)?;
        let bad = |expected: &str, entry: PrefixCount<'_>| {
            let found = format_args!("{} in {}", entry.rows, entry.prefix.escape_ascii());
            Err(cartridge.bad("CART-7", Place::File, expected, found))
        };
        // The prefixes around the current one, each with what its longer ones have not used up.
        let mut open: Vec<PrefixCount<'_>> = Vec::new();
        let mut last: &[u8] = &[];
        for entry in table.iter() {
            let entry = entry?;
            if !open.is_empty() && last >= entry.prefix {
                return bad("prefixes that rise", entry);
            }
            last = entry.prefix;
            while open.last().is_some_and(|outer| !entry.prefix.starts_with(outer.prefix)) {
                open.pop();
            }
            if entry.depth as usize != open.len() || entry.depth > self.depth_max {
                return bad("a depth that is the number of shorter prefixes", entry);
            }
            match open.last_mut() {
                Some(outer) => {
                    let Some(left) = outer.without(&entry) else {
                        return bad("no more in a prefix than in the shorter one", entry);
                    };
                    *outer = left;
                }
                None if entry.prefix.is_empty() && entry.rows == cartridge.header().input_rows => {}
                None => return bad("all input rows under the empty prefix", entry),
            }
            open.push(entry);
        }
        if table.is_empty() {
            return Err(cartridge.bad("CART-7", Place::File, "the empty prefix", "no entry"));
        }
        Ok(())
    }
}

impl PrefixCount<'_> {
    /// What is left without the rows of `inner`; `None` when it has more.
    fn without(self, inner: &Self) -> Option<Self> {
        Some(Self {
            rows: self.rows.checked_sub(inner.rows)?,
            key_bytes: self.key_bytes.checked_sub(inner.key_bytes)?,
            value_bytes: self.value_bytes.checked_sub(inner.value_bytes)?,
            ..self
        })
    }
}

/// The counts in a cartridge, ready to be asked.
#[derive(Debug)]
pub struct PrefixTable<'a> {
    cartridge: &'a Cartridge,
    entries: &'a [u8],
    names: &'a [u8],
}

impl<'a> PrefixTable<'a> {
    /// Verifies the sections and reads nothing else.
    ///
    /// # Errors
    /// `InvalidArgument` for another type of cartridge; `Corrupt`.
    pub fn new(cartridge: &'a Cartridge) -> Result<Self> {
        expect_type::<PrefixCounts>(cartridge)?;
        let entries = cartridge.entries(SECTION_ENTRIES, PrefixEntry::BYTES)?;
        let names = cartridge.section(SECTION_NAMES)?.0;
        Ok(Self { cartridge, entries, names })
    }

    /// How many prefixes there are.
    pub fn len(&self) -> usize {
        self.entries.len() / PrefixEntry::BYTES
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The counts of exactly `prefix`. Cost: a binary search.
    ///
    /// # Errors
    /// `Corrupt` when an entry points outside its sections.
    pub fn get(&self, prefix: &[u8]) -> Result<Option<PrefixCount<'a>>> {
        let index = self.index_of(prefix)?;
        let found = if index < self.len() { Some(self.at(index)?) } else { None };
        Ok(found.filter(|entry| entry.prefix == prefix))
    }

    /// The prefixes that start with `prefix`, in key order. Cost: a binary search, then each one read.
    ///
    /// # Errors
    /// As [`PrefixTable::get`].
    pub fn under<'b>(
        &'b self,
        prefix: &'b [u8],
    ) -> Result<impl Iterator<Item = Result<PrefixCount<'a>>> + 'b> {
        let entries = (self.index_of(prefix)?..self.len()).map(|index| self.at(index));
        Ok(entries.take_while(move |entry| match entry {
            Ok(entry) => entry.prefix.starts_with(prefix),
            Err(_) => true,
        }))
    }

    /// Index of the first prefix that is not below `prefix`.
    fn index_of(&self, prefix: &[u8]) -> Result<usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.at(middle)?.prefix < prefix {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// All prefixes in key order; a prefix comes before the longer ones it starts.
    pub fn iter(&self) -> impl Iterator<Item = Result<PrefixCount<'a>>> + '_ {
        (0..self.len()).map(|index| self.at(index))
    }

    fn at(&self, index: usize) -> Result<PrefixCount<'a>> {
        let entry = self.entries.get(index * PrefixEntry::BYTES..).and_then(PrefixEntry::decode);
        let found = entry.and_then(|entry| {
            let start = usize::try_from(entry.name_offset).ok()?;
            let end = start.checked_add(entry.name_bytes as usize)?;
            Some(PrefixCount {
                prefix: self.names.get(start..end)?,
                depth: entry.depth,
                rows: entry.rows,
                key_bytes: entry.key_bytes,
                value_bytes: entry.value_bytes,
            })
        });
        found.ok_or_else(|| {
            let expected = format_args!("an entry {index} inside the names");
            self.cartridge.bad("CART-7", Place::File, expected, self.names.len())
        })
    }
}
