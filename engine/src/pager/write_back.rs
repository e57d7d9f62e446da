//! Writing dirty pages: in page order, in large writes, in steps that the caller paces.

/// A write-back under way; see [`super::Pager::begin_write_back`].
#[derive(Debug)]
pub struct WriteBack {}

impl WriteBack {
    /// Pages not yet looked at.
    pub fn remaining(&self) -> usize {
        todo!()
    }
}

/// What one step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Pages written.
    pub pages: u64,
    /// Whether nothing is left. A sync has to follow.
    pub done: bool,
}
