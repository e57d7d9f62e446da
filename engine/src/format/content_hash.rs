//! The content hash: equal states have equal hashes, however they came about.
//!
//! 128-bit FNV-1a over the rows in key order, each as key length (u32), key, value length (u32),
//! value, and at the end the number of rows (u64). Bytes: `spec/content_hash_v0.md`. It compares
//! states; it is no seal against an attacker.

#[cfg(test)]
mod tests;

const OFFSET_BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

/// Computes the content hash row by row.
#[derive(Clone, Debug)]
pub struct ContentHasher {
    state: u128,
    rows: u64,
}

/// A content hash; prints as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ContentHash(pub u128);

impl std::fmt::Display for ContentHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Default for ContentHasher {
    fn default() -> Self {
        Self { state: OFFSET_BASIS, rows: 0 }
    }
}

impl ContentHasher {
    /// Takes in the next row. Rows come in rising key order.
    pub fn row(&mut self, key: &[u8], value: &[u8]) {
        self.bytes(&(key.len() as u32).to_le_bytes());
        self.bytes(key);
        self.bytes(&(value.len() as u32).to_le_bytes());
        self.bytes(value);
        self.rows = self.rows.wrapping_add(1);
    }

    /// The hash of all rows so far.
    pub fn finish(&self) -> ContentHash {
        let mut end = self.clone();
        end.bytes(&self.rows.to_le_bytes());
        ContentHash(end.state)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let mut state = self.state;
        for &byte in bytes {
            state = (state ^ u128::from(byte)).wrapping_mul(PRIME);
        }
        self.state = state;
    }
}
