//! Reads choices out of fuzz inputs; at the end of the bytes there are no more choices.

/// An input, read from the front.
pub struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// A number of `bytes` bytes, least significant first.
    pub fn number(&mut self, bytes: usize) -> Option<u64> {
        let taken = self.rest.get(..bytes)?;
        self.rest = &self.rest[bytes..];
        Some(taken.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    /// Up to `bytes` bytes; fewer at the end.
    pub fn take(&mut self, bytes: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(bytes.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}
