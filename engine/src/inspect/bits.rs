//! A set of page numbers: one bit a page, memory only where there are members.

use std::collections::BTreeMap;

/// Pages a chunk covers.
const CHUNK_BITS: u64 = 4096;
const WORDS: usize = (CHUNK_BITS / 64) as usize;

/// A set of page numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Bits {
    chunks: BTreeMap<u64, Box<[u64; WORDS]>>,
    len: u64,
}

impl Bits {
    /// Adds a page; whether it was new.
    pub(super) fn insert(&mut self, page: u64) -> bool {
        let (chunk, word, mask) = place(page);
        let chunk = self.chunks.entry(chunk).or_insert_with(|| Box::new([0; WORDS]));
        let Some(word) = chunk.get_mut(word) else { return false };
        let new = *word & mask == 0;
        *word |= mask;
        self.len = self.len.saturating_add(u64::from(new));
        new
    }

    /// Adds the pages of one word: bit *i* stands for page `first` + *i*. `first` is a multiple of 64.
    pub(super) fn insert_word(&mut self, first: u64, bits: u64) {
        if bits == 0 {
            return;
        }
        let (chunk, word, _) = place(first);
        let chunk = self.chunks.entry(chunk).or_insert_with(|| Box::new([0; WORDS]));
        if let Some(word) = chunk.get_mut(word) {
            self.len = self.len.saturating_add(u64::from((bits & !*word).count_ones()));
            *word |= bits;
        }
    }

    pub(super) fn contains(&self, page: u64) -> bool {
        let (chunk, word, mask) = place(page);
        let chunk = self.chunks.get(&chunk);
        chunk.and_then(|chunk| chunk.get(word)).is_some_and(|word| word & mask != 0)
    }

    /// How many there are.
    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// The members in rising order.
    pub(super) fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.chunks.iter().flat_map(|(&chunk, words)| {
            let base = chunk.saturating_mul(CHUNK_BITS);
            words.iter().enumerate().filter(|(_, word)| **word != 0).flat_map(move |(at, &word)| {
                let base = base.saturating_add((at as u64).saturating_mul(64));
                (0..64)
                    .filter(move |bit| word >> bit & 1 == 1)
                    .map(move |bit| base.saturating_add(bit))
            })
        })
    }
}

fn place(page: u64) -> (u64, usize, u64) {
    let bit = page % CHUNK_BITS;
    (page / CHUNK_BITS, (bit / 64) as usize, 1 << (bit % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behaves_like_a_set() {
        let pages = [0, 1, 63, 64, 4095, 4096, 1 << 40, u64::MAX];
        let mut bits = Bits::default();
        for page in pages {
            assert!(!bits.contains(page), "{page} before");
            assert!(bits.insert(page), "{page} is new");
            assert!(!bits.insert(page), "{page} is known");
            assert!(bits.contains(page), "{page} after");
        }
        assert_eq!(bits.len(), pages.len() as u64);
        assert_eq!(bits.iter().collect::<Vec<_>>(), pages);
        assert!(!bits.contains(2));
        bits.insert_word(64, 0b110);
        assert_eq!(bits.len(), pages.len() as u64 + 2);
        assert!(bits.contains(64) && bits.contains(65) && bits.contains(66) && !bits.contains(67));
    }
}
