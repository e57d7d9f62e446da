//! Bytes of a key or value: a view into a pinned page, or owned where they had to be put together.

use std::marker::PhantomData;
use std::ops::Deref;

/// Bytes of a key or value, without a copy where they lie in one page. Holds the page while it lives.
pub struct Value<'p> {
    marker: PhantomData<&'p ()>,
}

impl Deref for Value<'_> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        todo!()
    }
}

impl AsRef<[u8]> for Value<'_> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(f)
    }
}
