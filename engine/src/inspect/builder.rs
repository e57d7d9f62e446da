//! Builds the fields of one structure so that every byte ends up in one leaf field or one gap.
//!
//! A field claims its bytes; a claim of bytes that are taken (cells that overlap in a hostile page)
//! is refused, and the caller says so. What nobody claimed becomes gaps.

use super::view::{FieldValue, FieldView, Gap, Link, Verdict};
use crate::format::field::{Field, Kind, Layout, Scalar};
use crate::ids::{FileUuid, Lsn, PageId, Pointer, TxnId};
use std::borrow::Cow;
use std::ops::Range;

/// The bytes of one structure and which of them are claimed.
pub(super) struct Builder<'a> {
    pub(super) bytes: &'a [u8],
    /// One bit a byte.
    claimed: Vec<u64>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, claimed: vec![0; bytes.len().div_ceil(64)] }
    }

    /// Takes `range` for one field; `false`, and nothing is taken, when it leaves the bytes, is
    /// empty, or touches bytes that are taken.
    pub(super) fn claim(&mut self, range: &Range<usize>) -> bool {
        self.is_free(range)
            && for_words(range, |word, mask| {
                if let Some(w) = self.claimed.get_mut(word) {
                    *w |= mask;
                }
                true
            })
    }

    /// Whether `range` is inside the bytes, not empty, and taken by nobody.
    pub(super) fn is_free(&self, range: &Range<usize>) -> bool {
        range.start < range.end
            && range.end <= self.bytes.len()
            && for_words(range, |word, mask| self.claimed.get(word).is_some_and(|w| w & mask == 0))
    }

    /// The fields of a declared structure that starts at `at`; a group. `None` when it does not fit
    /// or its bytes are taken.
    pub(super) fn layout(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        layout: &Layout,
        at: usize,
    ) -> Option<FieldView> {
        let range = at..at.checked_add(layout.bytes)?;
        let mut children = Vec::with_capacity(layout.fields.len());
        if !self.claim(&range) {
            return None;
        }
        for field in layout.fields {
            let start = at.saturating_add(field.offset);
            let range = start..start.saturating_add(field.bytes);
            let bytes = self.bytes.get(range.clone())?;
            children.push(leaf(field, layout.anchor, range, bytes));
        }
        Some(FieldView {
            name: name.into(),
            range,
            kind: Kind::Bytes,
            value: FieldValue::Group,
            meaning: Cow::Borrowed(layout.name),
            anchor: layout.anchor,
            link: None,
            verdict: None,
            children,
        })
    }

    /// One field of free form; `None` when its bytes are taken or not there.
    pub(super) fn field(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        range: Range<usize>,
        value: FieldValue,
        meaning: impl Into<Cow<'static, str>>,
        anchor: &'static str,
    ) -> Option<FieldView> {
        self.claim(&range).then(|| FieldView {
            name: name.into(),
            range,
            kind: Kind::Bytes,
            value,
            meaning: meaning.into(),
            anchor,
            link: None,
            verdict: None,
            children: Vec::new(),
        })
    }

    /// What nobody claimed, named by `name` (given the range, says name and meaning). Adjacent bytes
    /// with different names become two gaps: `edges` are the offsets where names may change.
    pub(super) fn gaps(
        &self,
        edges: &[usize],
        name: &dyn Fn(&Range<usize>) -> (&'static str, &'static str),
    ) -> Vec<Gap> {
        let mut gaps = Vec::new();
        let mut start = self.next_where(0, false);
        while start < self.bytes.len() {
            let edge = edges.iter().copied().filter(|&edge| edge > start).min();
            let end = self.next_where(start, true).min(edge.unwrap_or(usize::MAX));
            let range = start..end;
            let (name, meaning) = name(&range);
            let zero =
                self.bytes.get(range.clone()).is_some_and(|bytes| bytes.iter().all(|&b| b == 0));
            gaps.push(Gap { name, range, zero, meaning });
            start = self.next_where(end, false);
        }
        gaps
    }

    /// The first offset from `from` on that is claimed, or is not; the end when there is none.
    fn next_where(&self, from: usize, claimed: bool) -> usize {
        let mut asked = u64::MAX << (from % 64);
        for (index, &word) in self.claimed.iter().enumerate().skip(from / 64) {
            let found = if claimed { word } else { !word } & asked;
            if found != 0 {
                let at = index.saturating_mul(64).saturating_add(found.trailing_zeros() as usize);
                return at.min(self.bytes.len());
            }
            asked = u64::MAX;
        }
        self.bytes.len()
    }
}

/// A group around fields that were built one by one.
pub(super) fn group(
    name: impl Into<Cow<'static, str>>,
    meaning: impl Into<Cow<'static, str>>,
    anchor: &'static str,
    range: Range<usize>,
    children: Vec<FieldView>,
) -> FieldView {
    FieldView {
        name: name.into(),
        range,
        kind: Kind::Bytes,
        value: FieldValue::Group,
        meaning: meaning.into(),
        anchor,
        link: None,
        verdict: None,
        children,
    }
}

/// The field `name` of a group, to hang a verdict or a link on.
pub(super) fn child<'f>(group: &'f mut FieldView, name: &str) -> Option<&'f mut FieldView> {
    group.children.iter_mut().find(|field| field.name == name)
}

/// Hangs a verdict on the field `name` of a group.
pub(super) fn judge(group: &mut FieldView, name: &str, verdict: Verdict) {
    if let Some(field) = child(group, name) {
        field.verdict = Some(verdict);
    }
}

/// Gives the field `name` of a group a value with a name (`2 leaf`).
pub(super) fn name_value(group: &mut FieldView, name: &str, value: u64, text: &'static str) {
    if let Some(field) = child(group, name) {
        field.value = FieldValue::Named(value, text);
    }
}

/// A declared field with its value and, for pages, transactions and positions, where it leads.
fn leaf(field: &Field, anchor: &'static str, range: Range<usize>, bytes: &[u8]) -> FieldView {
    let (value, link) = read_value(field, bytes);
    FieldView {
        name: Cow::Borrowed(field.name),
        range,
        kind: field.kind,
        value,
        meaning: Cow::Borrowed(field.meaning),
        anchor,
        link,
        verdict: None,
        children: Vec::new(),
    }
}

fn read_value(field: &Field, bytes: &[u8]) -> (FieldValue, Option<Link>) {
    let read = match field.kind {
        Kind::Magic => bytes.first_chunk().map(|magic| (FieldValue::Magic(*magic), None)),
        Kind::Checksum => u32::read(bytes).map(|crc| (FieldValue::Hex32(crc), None)),
        Kind::Page => PageId::read(bytes).map(|id| (FieldValue::Page(id), Some(Link::Page(id)))),
        Kind::Txn => TxnId::read(bytes).map(|id| (FieldValue::Txn(id), Some(Link::Txn(id)))),
        Kind::Lsn => Lsn::read(bytes).map(|lsn| (FieldValue::Lsn(lsn), Some(Link::Lsn(lsn)))),
        Kind::Pointer => Pointer::read(bytes).map(|pointer| {
            let link = (!pointer.is_null()).then_some(Link::Pointer(pointer));
            (FieldValue::Pointer(pointer), link)
        }),
        Kind::Uuid => FileUuid::read(bytes).map(|uuid| (FieldValue::Uuid(uuid), None)),
        Kind::Integer if matches!(field.name, "nonce" | "head" | "previous_crc" | "log_crc") => {
            u32::read(bytes).map(|value| (FieldValue::Hex32(value), None))
        }
        Kind::Integer => unsigned(bytes).map(|value| (FieldValue::Unsigned(value), None)),
        Kind::Bytes => None,
    };
    read.unwrap_or_else(|| (FieldValue::bytes(bytes), None))
}

/// A little-endian integer of up to 8 bytes.
fn unsigned(bytes: &[u8]) -> Option<u64> {
    let mut wide = [0; 8];
    wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(u64::from_le_bytes(wide))
}

/// Calls `visit(word index, mask)` for the 64-bit words that `range` touches, until it says no.
fn for_words(range: &Range<usize>, mut visit: impl FnMut(usize, u64) -> bool) -> bool {
    let mut at = range.start;
    while at < range.end {
        let word = at / 64;
        let end = word.saturating_add(1).saturating_mul(64).min(range.end);
        let (low, width) = (at % 64, end.saturating_sub(at));
        let ones = if width >= 64 { u64::MAX } else { (1_u64 << width).wrapping_sub(1) };
        if !visit(word, ones << low) {
            return false;
        }
        at = end;
    }
    true
}
