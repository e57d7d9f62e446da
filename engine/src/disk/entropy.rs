//! Randomness: from the system, or seeded so that a run can be repeated byte for byte.
//!
//! File identities, generations and nonces come from here; no decision does.

use super::Entropy;
use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

/// Bytes asked of the system at a time: one call serves many nonces.
const BUFFER_BYTES: usize = 512;

/// The system's randomness, drawn in blocks.
#[derive(Debug, Default)]
pub struct SystemEntropy {
    buffer: Mutex<Vec<u8>>,
}

impl SystemEntropy {
    /// A fresh, empty buffer.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Entropy for SystemEntropy {
    fn next_u64(&self) -> u64 {
        let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        if buffer.len() < 8 {
            let mut block = vec![0; BUFFER_BYTES];
            getrandom::fill(&mut block).expect("the system gives random bytes");
            *buffer = block;
        }
        let rest = buffer.len() - 8;
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&buffer[rest..]);
        buffer.truncate(rest);
        u64::from_le_bytes(bytes)
    }
}

/// A repeatable sequence from one seed (splitmix64, by Sebastiano Vigna).
#[derive(Debug)]
pub struct SeededEntropy {
    state: AtomicU64,
}

impl SeededEntropy {
    /// The sequence of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self { state: AtomicU64::new(seed) }
    }

    /// A number below `bound` (0 when `bound` is 0). Slightly uneven for huge bounds.
    pub fn below(&self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next_u64() % bound }
    }
}

impl Entropy for SeededEntropy {
    fn next_u64(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let state = self.state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        mix(state)
    }
}

/// Scrambles 64 bits: the output function of splitmix64.
pub const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_seed_repeats_and_matches_the_published_sequence() {
        let (one, two) = (SeededEntropy::new(1_234_567), SeededEntropy::new(1_234_567));
        let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973u64];
        for value in expected {
            assert_eq!(one.next_u64(), value);
            assert_eq!(two.next_u64(), value);
        }
        assert!((0..1000).all(|_| one.below(7) < 7), "below keeps under its bound");
        assert_eq!(one.below(0), 0);
    }

    #[test]
    fn the_system_does_not_repeat_itself() {
        let entropy = SystemEntropy::new();
        let drawn: BTreeSet<u64> = (0..1000).map(|_| entropy.next_u64()).collect();
        assert_eq!(drawn.len(), 1000, "over several blocks");
    }
}
