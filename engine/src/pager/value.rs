//! Bytes of a key or value: a view into a pinned page, or owned where they had to be put together.

use super::page_ref::PageRef;
use std::ops::Deref;

/// Bytes up to this many are copied: cheaper than a pin, and they hold no page.
const SHORT_BYTES: usize = 30;

/// Bytes of a key or value, without a copy where they lie in one page. Holds the page while it lives.
pub struct Value<'p> {
    repr: Repr<'p>,
}

enum Repr<'p> {
    Short { len: u8, bytes: [u8; SHORT_BYTES] },
    Paged { page: PageRef<'p>, start: u16, len: u16 },
    Owned(Box<[u8]>),
}

impl<'p> Value<'p> {
    /// `len` bytes of `page` from `start`; they are inside the page. For those that
    /// [`Self::try_short`] does not take.
    #[inline]
    pub(crate) fn paged(page: PageRef<'p>, start: usize, len: usize) -> Self {
        Self { repr: Repr::Paged { page, start: start as u16, len: len as u16 } }
    }

    /// A copy, if `bytes` are few.
    #[inline]
    pub(crate) fn try_short(bytes: &[u8]) -> Option<Self> {
        let mut short = [0; SHORT_BYTES];
        short.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(Self { repr: Repr::Short { len: bytes.len() as u8, bytes: short } })
    }

    /// Both parts, one behind the other.
    pub(crate) fn joined(front: &[u8], back: &[u8]) -> Self {
        let mut short = [0; SHORT_BYTES];
        let len = front.len() + back.len();
        if let Some(place) = short.get_mut(..len) {
            let (left, right) = place.split_at_mut(front.len());
            left.copy_from_slice(front);
            right.copy_from_slice(back);
            return Self { repr: Repr::Short { len: len as u8, bytes: short } };
        }
        Self::owned([front, back].concat())
    }

    /// Takes `bytes` over.
    pub(crate) fn owned(bytes: Vec<u8>) -> Self {
        Self { repr: Repr::Owned(bytes.into_boxed_slice()) }
    }

    /// The bytes, owned; a copy unless they were owned already.
    pub fn into_vec(self) -> Vec<u8> {
        match self.repr {
            Repr::Owned(bytes) => bytes.into_vec(),
            _ => self.to_vec(),
        }
    }
}

impl Deref for Value<'_> {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.repr {
            Repr::Short { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Repr::Paged { page, start, len } => {
                let start = usize::from(*start);
                page.get(start..start + usize::from(*len)).unwrap_or_default()
            }
            Repr::Owned(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for Value<'_> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Value<'_> {}

impl PartialEq<[u8]> for Value<'_> {
    fn eq(&self, other: &[u8]) -> bool {
        **self == *other
    }
}

impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "b\"{}\"", self.escape_ascii())
    }
}
