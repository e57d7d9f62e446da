//! Two versions of a page compared byte by byte: where they differ, and what stands there.
//!
//! Called by the page inspector (any two pages) and the time screen (a node in two states). Names and values
//! come from `inspect::page`.
//! Cost: one pass over the bytes; naming them, one over the fields of both pages.

use super::pages::LoadedPage;
use super::told::told;
use crate::text::hex;
use northstar_engine::PageId;
use northstar_engine::inspect::{FieldValue, FieldView, PageView};
use northstar_engine::printable::Printable;
use std::collections::BTreeMap;
use std::ops::Range;

/// Fields of one group that are named one by one; what is more is counted.
const NAMED_MAX: usize = 6;
/// Characters of a value.
const VALUE_CHARS: usize = 40;
/// Bytes that are shown as hexadecimal digits; more are shown as text,
const HEX_BYTES_MAX: usize = 8;
/// which is so long at most.
const TEXT_CHARS: usize = 16;

/// The ranges in which the two differ, in order, each as long as it can be; what only one of them has differs.
pub fn differing(one: &[u8], other: &[u8]) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for at in 0..one.len().max(other.len()) {
        if one.get(at) == other.get(at) {
            continue;
        }
        match ranges.last_mut().filter(|range| range.end == at) {
            Some(range) => range.end = at + 1,
            None => ranges.push(at..at + 1),
        }
    }
    ranges
}

/// Bytes in `ranges`.
pub fn bytes_in(ranges: &[Range<usize>]) -> u64 {
    ranges.iter().map(|range| range.len() as u64).sum()
}

/// Bytes that differ and belong together: those of one field, of one gap, or of several fields of a group.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ByteChange {
    /// From the first that differs to the last.
    pub range: Range<usize>,
    /// What stands there in the later version.
    pub what: String,
    /// The field as it was, and as it is; none where several fields are told of at once.
    pub values: Option<(String, String)>,
}

/// Two versions of a page.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct PageDiff {
    /// The page that has the earlier version.
    pub earlier: PageId,
    /// The page that has the later one.
    pub later: PageId,
    /// Its level in the tree.
    pub level: u8,
    /// Bytes that differ.
    pub bytes: u64,
    /// Where they are.
    pub ranges: Vec<Range<usize>>,
    /// What stands there, in the order of the bytes.
    pub changes: Vec<ByteChange>,
}

impl PageDiff {
    /// Compares `earlier` with `later`.
    pub fn of(earlier: &LoadedPage, later: &LoadedPage) -> Self {
        let ranges = differing(&earlier.bytes, &later.bytes);
        Self {
            earlier: earlier.view.id,
            later: later.view.id,
            level: later.view.level.unwrap_or(0),
            bytes: bytes_in(&ranges),
            changes: changes(earlier, later, &ranges),
            ranges,
        }
    }

    /// How many bytes differ in each of `columns` equal parts of a page of `bytes`.
    pub fn density(&self, bytes: usize, columns: usize) -> Vec<u64> {
        let mut out = vec![0_u64; columns];
        for at in self.ranges.iter().cloned().flatten() {
            let column = at.saturating_mul(columns).checked_div(bytes).unwrap_or(0);
            if let Some(count) = out.get_mut(column) {
                *count += 1;
            }
        }
        out
    }
}

/// A field without fields inside, or a gap.
struct Spot<'a> {
    group: &'a str,
    what: String,
    range: Range<usize>,
    value: Option<&'a FieldValue>,
}

/// What a page is made of, in the order of its bytes.
fn spots(view: &PageView) -> Vec<Spot<'_>> {
    let mut out = Vec::new();
    for top in &view.fields {
        let mut open: Vec<(&FieldView, String)> = vec![(top, String::new())];
        while let Some((field, before)) = open.pop() {
            let what = format!("{before}{}", field.name);
            if field.children.is_empty() {
                let value = Some(&field.value);
                out.push(Spot { group: &top.name, what, range: field.range.clone(), value });
                continue;
            }
            // The outermost name says little where there are names inside.
            let outermost = std::ptr::eq(field, top);
            let before = if outermost { String::new() } else { format!("{what} ") };
            open.extend(field.children.iter().map(|child| (child, before.clone())));
        }
    }
    let gaps = view.gaps.iter().map(|gap| Spot {
        group: gap.name,
        what: gap.name.to_owned(),
        range: gap.range.clone(),
        value: None,
    });
    out.extend(gaps);
    out.sort_by_key(|spot| spot.range.start);
    out
}

fn changes(earlier: &LoadedPage, later: &LoadedPage, ranges: &[Range<usize>]) -> Vec<ByteChange> {
    let before: BTreeMap<(usize, usize), Spot<'_>> = spots(&earlier.view)
        .into_iter()
        .map(|spot| ((spot.range.start, spot.range.end), spot))
        .collect();
    let mut out: Vec<ByteChange> = Vec::new();
    let mut named = (String::new(), 0);
    let mut next = 0;
    for spot in spots(&later.view) {
        // Ranges that end before this spot belong to the ones before it.
        while ranges.get(next).is_some_and(|range| range.end <= spot.range.start) {
            next += 1;
        }
        let inside = ranges.iter().skip(next).take_while(|range| range.start < spot.range.end);
        let hull = inside.fold(None, |hull: Option<Range<usize>>, range| {
            let start = range.start.max(spot.range.start);
            let end = range.end.min(spot.range.end);
            Some(hull.map_or(start, |hull| hull.start)..end)
        });
        let Some(range) = hull else { continue };
        if named.0 != spot.group {
            named = (spot.group.to_owned(), 0);
        }
        named.1 += 1;
        if named.1 > NAMED_MAX {
            count_with_the_others(&mut out, &named, range);
            continue;
        }
        let old = before
            .get(&(spot.range.start, spot.range.end))
            .filter(|old| old.what == spot.what)
            .and_then(|old| old.value);
        let values = values(old, &spot, earlier, later, &range);
        out.push(ByteChange { range, what: spot.what, values: Some(values) });
    }
    out
}

/// One more field of a group that has many: the line that counts them grows, or begins.
fn count_with_the_others(
    out: &mut Vec<ByteChange>,
    (group, count): &(String, usize),
    range: Range<usize>,
) {
    let more = count - NAMED_MAX;
    let what = format!("{more} more of {group}");
    match out.last_mut().filter(|last| last.values.is_none()) {
        Some(last) => (last.range.end, last.what) = (range.end, what),
        None => out.push(ByteChange { range, what, values: None }),
    }
}

/// A field as it was and as it is: as what it means where both versions have it there, else its bytes.
fn values(
    old: Option<&FieldValue>,
    spot: &Spot<'_>,
    earlier: &LoadedPage,
    later: &LoadedPage,
    range: &Range<usize>,
) -> (String, String) {
    let typed = |value: &FieldValue| match value {
        FieldValue::Group | FieldValue::Bytes { .. } => None,
        value => Some(told(value, VALUE_CHARS)),
    };
    if let (Some(old), Some(new)) = (old.and_then(typed), spot.value.and_then(typed)) {
        return (old, new);
    }
    // A field whose place was something else before is shown whole.
    let whole = spot.value.and_then(typed).is_some();
    let range = if whole { spot.range.clone() } else { range.clone() };
    (raw(&earlier.bytes, &range), raw(&later.bytes, &range))
}

fn raw(bytes: &[u8], range: &Range<usize>) -> String {
    let end = range.end.min(bytes.len());
    let bytes = bytes.get(range.start.min(end)..end).unwrap_or_default();
    match bytes.len() {
        0..=HEX_BYTES_MAX => hex(bytes),
        _ => format!("\"{}\"", Printable::capped(bytes, TEXT_CHARS).as_str()),
    }
}

#[cfg(test)]
mod tests;
