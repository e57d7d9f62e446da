//! The numbers that name things: pages, transactions, log positions, and the pointer between pages.
//!
//! Newtypes, so that a page number never ends up where a transaction number was meant.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(u64);

        impl $name {
            /// Wraps a bare number.
            pub const fn new(value: u64) -> Self {
                Self(value)
            }

            /// The bare number.
            pub const fn get(self) -> u64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

id!(
    /// A page's place in the database file: byte offset divided by the page size.
    PageId,
    "p"
);
id!(
    /// A committed state. 0 is the empty genesis state; ids rise by exactly 1.
    TxnId,
    "t"
);
id!(
    /// A byte position in the log stream, rising across segments.
    Lsn,
    "lsn"
);

impl TxnId {
    /// The empty state every database starts from.
    pub const GENESIS: Self = Self(0);

    /// The id after this one. Ids are 64-bit and rise by one a commit: they do not run out.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl Lsn {
    /// This position plus `bytes`, or `None` past the end of the number range.
    #[must_use]
    pub const fn checked_add(self, bytes: u64) -> Option<Self> {
        match self.0.checked_add(bytes) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }
}

/// How one page names another: where it is, who wrote it, and which allocation that was.
///
/// A page id alone is not enough: ids are used again after aborts, reclaims and lost commits. The
/// child stores `birth` and `nonce` in its own header and both are compared on every hop, so that a
/// stale, lost or misdirected page is found out (crash rule 8).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Pointer {
    /// Where the page is.
    pub page: PageId,
    /// The transaction that wrote it.
    pub birth: TxnId,
    /// Drawn at random for each allocation.
    pub nonce: u32,
}

impl Pointer {
    /// Points nowhere. Page 0 is a meta slot, so no real pointer names it.
    pub const NULL: Self = Self { page: PageId::new(0), birth: TxnId::new(0), nonce: 0 };

    /// Whether this points nowhere.
    pub const fn is_null(self) -> bool {
        self.page.get() == 0
    }
}

impl fmt::Debug for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}@{:?}#{:08x}", self.page, self.birth, self.nonce)
    }
}

/// A file's identity, drawn at creation and mixed into every checksum of it and of its log.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct FileUuid(pub [u8; 16]);

impl fmt::Display for FileUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for FileUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
