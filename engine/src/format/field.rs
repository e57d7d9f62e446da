//! The declaration of an on-disk structure as data, and the macro that makes a codec of it.
//!
//! A structure is written down once with [`layout!`]: name, type and meaning of each field, in
//! order. Offsets, widths, `encode`, `decode` and the field map follow. All integers are
//! little-endian.

use crate::ids::{FileUuid, Lsn, PageId, Pointer, TxnId};
use serde::Serialize;

/// What kind of value a field holds; tells a viewer how to print it and whether it leads anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// ASCII bytes in order.
    Magic,
    /// An unsigned integer.
    Integer,
    /// A CRC32C.
    Checksum,
    /// A page's number.
    Page,
    /// A transaction's number.
    Txn,
    /// A log position.
    Lsn,
    /// Page id (8), birth TxnId (8), nonce (4).
    Pointer,
    /// The file's identity.
    Uuid,
    /// Bytes with no inner structure, or one that is decoded elsewhere.
    Bytes,
}

/// One field of a structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Its name, as in the code.
    pub name: &'static str,
    /// Bytes from the structure's start.
    pub offset: usize,
    /// Width in bytes.
    pub bytes: usize,
    /// What it holds.
    pub kind: Kind,
    /// What it means, in a sentence or two for a reader.
    pub meaning: &'static str,
}

/// A structure of fixed width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Layout {
    /// Its name in the specification's glossary.
    pub name: &'static str,
    /// `document#heading` in `spec/` that describes it.
    pub anchor: &'static str,
    /// Width in bytes.
    pub bytes: usize,
    /// All its fields, without gaps.
    pub fields: &'static [Field],
}

impl Kind {
    /// Its name, one lower-case word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Magic => "magic",
            Self::Integer => "integer",
            Self::Checksum => "checksum",
            Self::Page => "page",
            Self::Txn => "txn",
            Self::Lsn => "lsn",
            Self::Pointer => "pointer",
            Self::Uuid => "uuid",
            Self::Bytes => "bytes",
        }
    }
}

impl Layout {
    /// The table of its fields as it stands in `spec/`, a line a field, in Markdown.
    pub fn table(&self) -> String {
        let mut table = "| field | offset | bytes | kind | meaning |\n".to_owned();
        table.push_str("| --- | --- | --- | --- | --- |\n");
        for Field { name, offset, bytes, kind, meaning } in self.fields {
            let kind = kind.name();
            table.push_str(&format!("| `{name}` | {offset} | {bytes} | {kind} | {meaning} |\n"));
        }
        table
    }
}

/// A value of fixed width.
pub trait Scalar: Sized + Copy {
    /// Width in bytes.
    const BYTES: usize;
    /// How to show it.
    const KIND: Kind;
    /// Reads it from the front of `bytes`; `None` when they are too few.
    fn read(bytes: &[u8]) -> Option<Self>;
    /// Appends it.
    fn write(self, out: &mut Vec<u8>);
}

macro_rules! integer {
    ($($type:ty),*) => {$(
        impl Scalar for $type {
            const BYTES: usize = size_of::<$type>();
            const KIND: Kind = Kind::Integer;
            #[inline]
            fn read(bytes: &[u8]) -> Option<Self> {
                Some(<$type>::from_le_bytes(*bytes.first_chunk()?))
            }
            fn write(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}
integer!(u8, u16, u32, u64);

macro_rules! newtype {
    ($($type:ident $kind:ident),*) => {$(
        impl Scalar for $type {
            const BYTES: usize = 8;
            const KIND: Kind = Kind::$kind;
            #[inline]
            fn read(bytes: &[u8]) -> Option<Self> {
                u64::read(bytes).map($type::new)
            }
            fn write(self, out: &mut Vec<u8>) {
                self.get().write(out);
            }
        }
    )*};
}
newtype!(PageId Page, TxnId Txn, Lsn Lsn);

impl Scalar for Pointer {
    const BYTES: usize = 20;
    const KIND: Kind = Kind::Pointer;
    #[inline]
    fn read(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; 20] = bytes.first_chunk()?;
        Some(Self {
            page: PageId::read(bytes.get(0..8)?)?,
            birth: TxnId::read(bytes.get(8..16)?)?,
            nonce: u32::read(bytes.get(16..20)?)?,
        })
    }
    fn write(self, out: &mut Vec<u8>) {
        self.page.write(out);
        self.birth.write(out);
        self.nonce.write(out);
    }
}

impl Scalar for FileUuid {
    const BYTES: usize = 16;
    const KIND: Kind = Kind::Uuid;
    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.first_chunk().copied().map(Self)
    }
    fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
}

/// Four ASCII bytes that say what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Magic(pub [u8; 4]);

impl Scalar for Magic {
    const BYTES: usize = 4;
    const KIND: Kind = Kind::Magic;
    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.first_chunk().copied().map(Self)
    }
    fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
}

/// A stored CRC32C.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Crc(pub u32);

impl Scalar for Crc {
    const BYTES: usize = 4;
    const KIND: Kind = Kind::Checksum;
    fn read(bytes: &[u8]) -> Option<Self> {
        u32::read(bytes).map(Self)
    }
    fn write(self, out: &mut Vec<u8>) {
        self.0.write(out);
    }
}

impl<const N: usize> Scalar for [u8; N] {
    const BYTES: usize = N;
    const KIND: Kind = Kind::Bytes;
    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.first_chunk().copied()
    }
    fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self);
    }
}

/// Fills in the offsets of fields that follow each other without gaps.
#[doc(hidden)]
#[allow(clippy::indexing_slicing, reason = "evaluated at compile time")]
pub const fn placed<const N: usize>(mut fields: [Field; N]) -> [Field; N] {
    let mut at = 0;
    let mut index = 0;
    while index < N {
        fields[index].offset = at;
        at += fields[index].bytes;
        index += 1;
    }
    fields
}

/// Declares a structure of fixed width: the type, its codec and its field map.
#[macro_export]
#[doc(hidden)]
macro_rules! layout {
    (
        $(#[$doc:meta])*
        pub struct $name:ident = $bytes:literal, $title:literal, $anchor:literal {
            $( $field:ident : $type:ty = $meaning:literal, )*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name {
            $( #[doc = $meaning] pub $field: $type, )*
        }

        impl $name {
            /// Width in bytes.
            pub const BYTES: usize = $bytes;

            /// Name, width, kind and meaning of each field.
            #[allow(clippy::indexing_slicing, reason = "evaluated at compile time")]
            pub const LAYOUT: $crate::format::field::Layout = $crate::format::field::Layout {
                name: $title,
                anchor: $anchor,
                bytes: $bytes,
                fields: {
                    const FIELDS: &[$crate::format::field::Field] =
                        &$crate::format::field::placed([
                            $( $crate::format::field::Field {
                                name: stringify!($field),
                                offset: 0,
                                bytes: <$type as $crate::format::field::Scalar>::BYTES,
                                kind: <$type as $crate::format::field::Scalar>::KIND,
                                meaning: $meaning,
                            }, )*
                        ]);
                    const { assert!(
                        FIELDS[FIELDS.len() - 1].offset + FIELDS[FIELDS.len() - 1].bytes == $bytes,
                        "declared width differs from the sum of the fields"
                    ) };
                    FIELDS
                },
            };

            /// Reads it from the front of `bytes`; `None` when they are too few. Judges nothing.
            #[inline]
            #[allow(unused_assignments)]
            pub fn decode(bytes: &[u8]) -> Option<Self> {
                let mut rest = bytes.get(..$bytes)?;
                $(
                    let $field = <$type as $crate::format::field::Scalar>::read(rest)?;
                    rest = rest.get(<$type as $crate::format::field::Scalar>::BYTES..)?;
                )*
                Some(Self { $( $field, )* })
            }

            /// Appends its bytes.
            pub fn encode(&self, out: &mut Vec<u8>) {
                $( <$type as $crate::format::field::Scalar>::write(self.$field, out); )*
            }

            /// Its bytes.
            pub fn to_bytes(&self) -> [u8; $bytes] {
                let mut out = Vec::with_capacity($bytes);
                self.encode(&mut out);
                let mut bytes = [0; $bytes];
                bytes.copy_from_slice(&out);
                bytes
            }
        }
    };
}
pub use crate::layout;
