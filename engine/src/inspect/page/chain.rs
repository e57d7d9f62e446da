//! The fields of chain pages: bitmap, history rows, retired rows.

use super::{PADDING, PageView, permille};
use crate::format::chain::{
    BITMAP_BITS, ChainHeader, ChainPlace, ENTRIES_BYTES, ENTRIES_OFFSET, HistoryRow, RetiredRow,
    entries_max, entry_bytes,
};
use crate::format::page::{PageHeader, PageType};
use crate::inspect::builder::{Builder, group, judge};
use crate::inspect::view::{FieldValue, Verdict};

const BITS: &str = "One bit a page, lowest bit first: set means in use in the state this meta describes. Rebuilt from the reachable pages when it is missing or damaged.";
const HISTORY: &str = "Past states that can still be opened, oldest first.";
const RETIRED: &str = "Pages that the current state no longer needs and an older one, still kept, does. They become free when no kept state lies between birth and retirement.";

/// Fields of a chain page behind its page header.
pub(super) fn chain(builder: &mut Builder<'_>, page: &PageHeader, view: &mut PageView) {
    let Some(page_type) = view.page_type else { return };
    let header = builder.bytes.get(PageHeader::BYTES..).and_then(ChainHeader::decode);
    let fields = builder.layout("chain header", &ChainHeader::LAYOUT, PageHeader::BYTES);
    let (Some(header), Some(mut fields)) = (header, fields) else {
        view.gaps = builder.gaps(&[], &|_| ("undecoded", super::UNDECODED));
        return;
    };
    let rule = match page_type {
        PageType::Bitmap => "MAP-1",
        PageType::History => "HIST-1",
        _ => "RET-1",
    };
    // Where the page stands in its chain cannot be told from the page alone: its own word is taken.
    let place = ChainPlace { page_type, first: header.first };
    if let Err(corrupt) = ChainHeader::decode_page(builder.bytes, page, place) {
        view.problems.push(corrupt);
    }
    let most = entries_max(page_type);
    let count = u64::from(header.count);
    let ok = (1..=most).contains(&count);
    judge(&mut fields, "count", Verdict::compare(rule, ok, format!("1 to {most}"), count));
    if page_type == PageType::Bitmap {
        let ok = header.first % BITMAP_BITS == 0;
        let expected = format!("a multiple of {BITMAP_BITS}");
        judge(&mut fields, "first", Verdict::compare(rule, ok, expected, header.first));
    }
    view.entries = count.min(most);
    view.fields.push(fields);

    let count = u32::try_from(view.entries).unwrap_or(0);
    let length = entry_bytes(page_type, count).unwrap_or(0);
    let end = ENTRIES_OFFSET.saturating_add(length).min(builder.bytes.len());
    view.fill_permille = permille(length, ENTRIES_BYTES);
    match page_type {
        PageType::Bitmap => bits(builder, view, end),
        PageType::History => rows(builder, view, HISTORY, "row", &HistoryRow::LAYOUT, end),
        _ => rows(builder, view, RETIRED, "row", &RetiredRow::LAYOUT, end),
    }
    view.gaps = builder.gaps(&[], &|_| ("padding", PADDING));
}

fn bits(builder: &mut Builder<'_>, view: &mut PageView, end: usize) {
    let bytes = builder.bytes.get(ENTRIES_OFFSET..end).unwrap_or_default();
    let used: u64 = bytes.iter().map(|byte| u64::from(byte.count_ones())).sum();
    let text = format!("{used} of {} pages in use", view.entries);
    let value = FieldValue::Text(text);
    let anchor = ChainHeader::LAYOUT.anchor;
    view.fields.extend(builder.field("bits", ENTRIES_OFFSET..end, value, BITS, anchor));
}

fn rows(
    builder: &mut Builder<'_>,
    view: &mut PageView,
    meaning: &'static str,
    name: &str,
    layout: &crate::format::field::Layout,
    end: usize,
) {
    let mut children = Vec::new();
    let mut at = ENTRIES_OFFSET;
    while at.saturating_add(layout.bytes) <= end {
        children.extend(builder.layout(format!("{name}[{}]", children.len()), layout, at));
        at = at.saturating_add(layout.bytes);
    }
    if !children.is_empty() {
        view.fields.push(group("rows", meaning, layout.anchor, ENTRIES_OFFSET..at, children));
    }
}
