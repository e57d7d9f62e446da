//! splitmix64: the only randomness of the benchmarks, seeded, and the same on every machine.
//!
//! Called by the suites for keys, values and visiting orders. A seed gives the same bytes for ever:
//! changing this file changes every checksum, so it asks for a new `version` of every benchmark.

/// A splitmix64 generator (Steele, Lea, Flood 2014). Not for secrets.
#[derive(Clone, Debug)]
pub struct SplitMix(u64);

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The generator's output function: a bijection on 64-bit numbers.
#[must_use]
pub const fn mix(value: u64) -> u64 {
    let z = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl SplitMix {
    /// Starts from `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// A number below `bound`; 0 when `bound` is 0. The bias is below 2^-32 for bounds below 2^32.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}

/// The numbers below `count` in an order that depends on `seed` only (Fisher-Yates).
#[must_use]
pub fn permutation(count: u64, seed: u64) -> Vec<u32> {
    assert!(count <= u64::from(u32::MAX), "a permutation holds 32-bit numbers");
    let mut order: Vec<u32> = (0..count as u32).collect();
    let mut random = SplitMix::new(seed);
    for at in (1..order.len()).rev() {
        order.swap(at, random.below(at as u64 + 1) as usize);
    }
    order
}

/// How keys are laid out: in the order of their numbers, or scattered by the seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOrder {
    /// Row n has the n-th key.
    Sequential,
    /// Row n has a key anywhere; no two rows share one.
    Scattered,
}

/// Makes keys and values from row numbers, without allocating.
#[derive(Clone, Debug)]
pub struct Rows {
    seed: u64,
    order: KeyOrder,
    key_bytes: usize,
    value: Vec<u8>,
}

impl Rows {
    /// Rows with keys of `key_bytes` (at least 8) and values of `value_bytes`.
    #[must_use]
    pub fn new(seed: u64, order: KeyOrder, key_bytes: usize, value_bytes: usize) -> Self {
        assert!((8..=64).contains(&key_bytes), "benchmark keys are 8 to 64 bytes");
        Self { seed: mix(seed), order, key_bytes, value: vec![0; value_bytes] }
    }

    /// The key of row `number`.
    #[must_use]
    pub fn key(&self, number: u64) -> Key {
        let head = match self.order {
            KeyOrder::Sequential => number,
            // Golden-ratio steps visit every 64-bit number once, and `mix` is a bijection: no
            // collisions.
            KeyOrder::Scattered => mix(self.seed.wrapping_add(number.wrapping_mul(GOLDEN))),
        };
        let mut bytes = [0; 64];
        bytes[..8].copy_from_slice(&head.to_be_bytes());
        let mut at = 8;
        let mut fill = number;
        while at < self.key_bytes {
            let end = (at + 8).min(self.key_bytes);
            fill = mix(fill ^ self.seed);
            bytes[at..end].copy_from_slice(&fill.to_be_bytes()[..end - at]);
            at = end;
        }
        Key { bytes, len: self.key_bytes }
    }

    /// The value of row `number` in its `round`-th version. Overwritten by the next call.
    pub fn value(&mut self, number: u64, round: u64) -> &[u8] {
        let mut state = self.seed ^ number.rotate_left(32) ^ round.wrapping_mul(GOLDEN);
        for chunk in self.value.chunks_mut(8) {
            state = state.wrapping_add(GOLDEN);
            let word = mix(state).to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        &self.value
    }

    /// Bytes of one row.
    #[must_use]
    pub fn row_bytes(&self) -> u64 {
        (self.key_bytes + self.value.len()) as u64
    }
}

/// A key on the stack.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    bytes: [u8; 64],
    len: usize,
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// A 64-bit FNV-1a over what a benchmark computed: goes into its result as the checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checksum(u64);

impl Default for Checksum {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Checksum {
    /// Adds bytes and their length, so that ("ab", "c") and ("a", "bc") differ.
    pub fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.add_number(bytes.len() as u64);
    }

    /// Adds a number.
    pub fn add_number(&mut self, number: u64) {
        self.0 = mix(self.0 ^ number).wrapping_mul(0x0100_0000_01b3);
    }

    /// The sum as 16 hexadecimal digits.
    #[must_use]
    pub fn to_hex(self) -> String {
        format!("{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn splitmix_matches_the_reference() {
        // From the authors' C program, seed 1234567.
        let mut random = SplitMix::new(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(
            first,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn a_permutation_holds_every_number_once() {
        for count in [0, 1, 2, 3, 1000] {
            let mut order = permutation(count, 7);
            let again = permutation(count, 7);
            assert_eq!(order, again, "{count}: same seed, same order");
            order.sort_unstable();
            assert!(order.iter().copied().eq(0..count as u32), "{count}: a permutation");
        }
        assert_ne!(permutation(1000, 7), permutation(1000, 8), "the seed matters");
    }

    #[test]
    fn keys_are_unique_and_sequential_ones_sorted() {
        for order in [KeyOrder::Sequential, KeyOrder::Scattered] {
            let rows = Rows::new(1, order, 16, 128);
            let keys: Vec<Vec<u8>> = (0..5000).map(|n| rows.key(n).as_ref().to_vec()).collect();
            assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), 5000, "{order:?}: unique");
            assert!(keys.iter().all(|key| key.len() == 16), "{order:?}: length");
            assert_eq!(keys.is_sorted(), order == KeyOrder::Sequential, "{order:?}: order");
        }
    }

    #[test]
    fn values_differ_by_row_and_round() {
        let mut rows = Rows::new(1, KeyOrder::Sequential, 16, 13);
        let first = rows.value(1, 0).to_vec();
        assert_eq!(first.len(), 13);
        assert_eq!(rows.value(1, 0), first);
        assert_ne!(rows.value(2, 0), first);
        assert_ne!(rows.value(1, 1), first);
    }
}
