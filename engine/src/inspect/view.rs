//! The vocabulary of views: fields, values, links, verdicts, gaps.

use crate::error::Corrupt;
use crate::format::field::Kind;
use crate::ids::{FileUuid, Lsn, PageId, Pointer, TxnId};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// One field of a structure, or a group of fields.
///
/// A field without children is a leaf: its bytes belong to it alone. A group spans its children and
/// the gaps between them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldView {
    /// Its name, as in the format's declaration; `slot[3]` in arrays.
    pub name: Cow<'static, str>,
    /// Its bytes, from the start of what was decoded (a page, a record, a segment header).
    pub range: Range<usize>,
    /// What kind of value it is; groups are [`Kind::Bytes`].
    pub kind: Kind,
    /// Its value; [`FieldValue::Group`] for a group.
    pub value: FieldValue,
    /// What it means, for a reader.
    pub meaning: Cow<'static, str>,
    /// `document#heading` of its description in `spec/`.
    pub anchor: &'static str,
    /// Where it leads.
    pub link: Option<Link>,
    /// What a rule says of it.
    pub verdict: Option<Verdict>,
    /// The fields inside.
    pub children: Vec<FieldView>,
}

impl FieldView {
    /// The innermost field that holds byte `at`, as the path of child indices from here.
    ///
    /// Empty when it is this field itself; `None` when the byte is not in it, or in a gap of it.
    pub fn path_at(&self, at: usize) -> Option<Vec<usize>> {
        if !self.range.contains(&at) {
            return None;
        }
        let mut path = Vec::new();
        let mut field = self;
        while !field.children.is_empty() {
            // Children need not be sorted by offset (cells of a node are in key order).
            let index = field.children.iter().position(|child| child.range.contains(&at))?;
            path.push(index);
            field = field.children.get(index)?;
        }
        Some(path)
    }

    /// Visits this field and everything in it, outer fields first.
    pub fn visit<'a>(&'a self, visit: &mut dyn FnMut(&'a FieldView)) {
        let mut open = vec![self];
        while let Some(field) = open.pop() {
            visit(field);
            open.extend(field.children.iter().rev());
        }
    }

    /// Whether some verdict in it is bad.
    pub fn has_problem(&self) -> bool {
        let mut bad = false;
        self.visit(&mut |field| bad |= field.verdict.as_ref().is_some_and(|verdict| !verdict.ok));
        bad
    }
}

/// The value of a field, typed. `Display` prints it for people; bytes are escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldValue {
    /// The field is a group.
    Group,
    /// An unsigned integer.
    Unsigned(u64),
    /// An integer whose value has a name: `2 leaf`.
    Named(u64, &'static str),
    /// A CRC or a nonce, read as hexadecimal.
    Hex32(u32),
    /// A page's number.
    Page(PageId),
    /// A transaction's number.
    Txn(TxnId),
    /// A log position.
    Lsn(Lsn),
    /// A pointer to a page.
    Pointer(Pointer),
    /// A file's identity.
    Uuid(FileUuid),
    /// ASCII bytes.
    Magic([u8; 4]),
    /// Bytes; the first [`FieldValue::PREVIEW_BYTES`] of them.
    Bytes {
        /// The first of them.
        preview: Vec<u8>,
        /// How many there are.
        total: u64,
    },
    /// Something computed, as text.
    Text(String),
}

impl FieldValue {
    /// How many bytes of a long value a view carries; the rest is in the page.
    pub const PREVIEW_BYTES: usize = 256;

    /// A value of bytes.
    pub fn bytes(bytes: &[u8]) -> Self {
        Self::Bytes {
            preview: bytes.get(..Self::PREVIEW_BYTES).unwrap_or(bytes).to_vec(),
            total: bytes.len() as u64,
        }
    }
}

impl fmt::Display for FieldValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group => Ok(()),
            Self::Unsigned(value) => write!(f, "{value}"),
            Self::Named(value, name) => write!(f, "{value} {name}"),
            Self::Hex32(value) => write!(f, "{value:08x}"),
            Self::Page(id) => write!(f, "{id:?}"),
            Self::Txn(id) => write!(f, "{id}"),
            Self::Lsn(lsn) => write!(f, "{:#x}", lsn.get()),
            Self::Pointer(Pointer::NULL) => f.write_str("none"),
            Self::Pointer(pointer) => write!(f, "{pointer:?}"),
            Self::Uuid(uuid) => write!(f, "{uuid}"),
            Self::Magic(bytes) => write!(f, "{}", bytes.escape_ascii()),
            Self::Bytes { preview, total } => {
                if preview.iter().all(|&byte| byte == 0) && *total > 8 {
                    return write!(f, "{total} bytes, zero so far as shown");
                }
                write!(f, "\"{}\"", preview.escape_ascii())?;
                if *total > preview.len() as u64 {
                    write!(f, "… {total} bytes")?;
                }
                Ok(())
            }
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl Serialize for FieldValue {
    /// Numbers as numbers, all else as the text that people see; bytes as `{hex, bytes}`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        match self {
            Self::Group => serializer.serialize_none(),
            Self::Unsigned(value) => serializer.serialize_u64(*value),
            Self::Page(id) => serializer.serialize_u64(id.get()),
            Self::Txn(id) => serializer.serialize_u64(id.get()),
            Self::Lsn(lsn) => serializer.serialize_u64(lsn.get()),
            Self::Pointer(pointer) => pointer.serialize(serializer),
            Self::Bytes { preview, total } => {
                let hex: String = preview.iter().map(|byte| format!("{byte:02x}")).collect();
                let mut out = serializer.serialize_struct("bytes", 2)?;
                out.serialize_field("hex", &hex)?;
                out.serialize_field("bytes", total)?;
                out.end()
            }
            other => serializer.collect_str(other),
        }
    }
}

/// Where a field leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// A page named by its number alone (a hint, or a row of a table).
    Page(PageId),
    /// A page named with birth and nonce.
    Pointer(Pointer),
    /// A log position.
    Lsn(Lsn),
    /// A transaction.
    Txn(TxnId),
    /// A byte of the same page or record.
    Offset(usize),
}

impl Link {
    /// The page it leads to.
    pub const fn page(&self) -> Option<PageId> {
        match self {
            Self::Page(page) => Some(*page),
            Self::Pointer(pointer) => Some(pointer.page),
            _ => None,
        }
    }
}

/// What a rule says of a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Whether it holds.
    pub ok: bool,
    /// Id of the rule in `spec/invariants.md`.
    pub rule: &'static str,
    /// What the rule asks for.
    pub expected: String,
    /// What is there.
    pub found: String,
}

impl Verdict {
    /// A verdict that compares two values by what they print.
    pub fn compare(
        rule: &'static str,
        ok: bool,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        Self { ok, rule, expected: expected.to_string(), found: found.to_string() }
    }
}

impl From<&Corrupt> for Verdict {
    fn from(corrupt: &Corrupt) -> Self {
        Self {
            ok: false,
            rule: corrupt.rule,
            expected: corrupt.expected.clone(),
            found: corrupt.found.clone(),
        }
    }
}

/// Bytes that belong to no field, with a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// `free space`, `dead cells`, `padding`, `unused` or `undecoded`.
    pub name: &'static str,
    /// Its bytes.
    pub range: Range<usize>,
    /// Whether they are all zero.
    pub zero: bool,
    /// Why they are there.
    pub meaning: &'static str,
}
