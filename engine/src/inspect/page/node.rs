//! The fields of internal nodes and leaves.

use super::{PageView, permille};
use crate::error::Corrupt;
use crate::format::field::{Kind, Scalar};
use crate::format::node::{NodeHeader, OVERFLOW_BIT, SLOTS_OFFSET, Slot, check_node};
use crate::format::overflow::ValueDescriptor;
use crate::format::page::PageHeader;
use crate::ids::Pointer;
use crate::inspect::builder::{Builder, child, group, judge};
use crate::inspect::tree::raw::{RawEntry, RawNode};
use crate::inspect::view::{FieldValue, FieldView, Link, Verdict};

const SLOTS: &str = "One entry per row or child, in key order. Inserting moves only these 10-byte entries; the cells stay where they are.";
const CELLS: &str = "The heap of cells. It grows down from the end of the page towards the slots.";
const SUFFIX: &str = "The key without the prefix that all keys of this node share.";
const LOWEST: &str = "Minus infinity: the leftmost child takes every key below the next separator, so it needs no key of its own.";
const VALUE: &str =
    "The row's value, kept in the leaf because key and value together are short enough.";
const CHILD: &str = "The child with keys from this separator up to the next one. Page, birth and nonce must all match what the child's own header says.";
const PREFIX: &str = "The bytes that every key of this node starts with, stored once.";
const FREE: &str =
    "Room for more slots (growing from the left) and more cells (growing from the right).";
const DEAD: &str = "Cells that no slot names any more, after a delete or a replace. The space comes back when the node is next copied.";

/// Fields of a node behind its page header.
pub(super) fn node(builder: &mut Builder<'_>, page: &PageHeader, view: &mut PageView) {
    let anchor = NodeHeader::LAYOUT.anchor;
    let header = builder.layout("node header", &NodeHeader::LAYOUT, PageHeader::BYTES);
    let (Some(raw), Some(mut header)) = (RawNode::new(builder.bytes), header) else {
        view.gaps = builder.gaps(&[], &|_| ("undecoded", super::UNDECODED));
        return;
    };
    judge_header(&raw, page, &mut header, view);
    view.fields.push(header);
    view.entries = raw.count() as u64;
    let (used, room) = raw.fill();
    view.fill_permille = permille(used, room);

    let mut slots = Vec::with_capacity(raw.count());
    let mut cells = Vec::with_capacity(raw.count());
    for index in 0..raw.count() {
        let name = format!("slot[{index}]");
        slots.extend(builder.layout(name, &Slot::LAYOUT, RawNode::slot_range(index).start));
    }
    for (index, slot) in slots.iter_mut().enumerate() {
        let Some(entry) = raw.entry(index) else { continue };
        let built = cell(builder, &raw, index, &entry);
        judge_slot(&raw, index, &entry, built.is_ok(), slot, view);
        cells.extend(built.ok().flatten());
    }
    let slots_end = RawNode::slot_range(raw.count()).start;
    if !slots.is_empty() {
        view.fields.push(group("slots", SLOTS, anchor, SLOTS_OFFSET..slots_end, slots));
    }
    if !cells.is_empty() {
        let start = cells.iter().map(|cell| cell.range.start).min().unwrap_or(slots_end);
        let end = cells.iter().map(|cell| cell.range.end).max().unwrap_or(start);
        view.fields.push(group("cells", CELLS, anchor, start..end, cells));
    }
    let prefix = FieldValue::bytes(raw.prefix());
    view.fields.extend(builder.field("prefix", raw.prefix_range(), prefix, PREFIX, anchor));
    // What the engine's own validator says; what was found above is not said twice.
    let judged = builder.bytes.first_chunk().map_or(Ok(()), |bytes| check_node(bytes, page));
    if let Err(corrupt) = judged
        && view.problems.iter().all(|problem| problem.rule != corrupt.rule)
    {
        view.problems.push(corrupt);
    }
    let heap = usize::from(raw.header.heap_start);
    view.gaps = builder.gaps(&[heap], &|range| {
        if range.start < heap { ("free space", FREE) } else { ("dead cells", DEAD) }
    });
}

/// Verdicts on the node header's numbers.
fn judge_header(raw: &RawNode<'_>, page: &PageHeader, header: &mut FieldView, view: &mut PageView) {
    let node = &raw.header;
    let slots_end =
        SLOTS_OFFSET.saturating_add(usize::from(node.count).saturating_mul(Slot::BYTES));
    let heap = usize::from(node.heap_start);
    let prefix = raw.prefix_range().start;
    let level_fits = raw.leaf == (page.level == 0);
    for (field, ok, expected, found) in [
        ("count", slots_end <= heap, format!("slots end by {heap}"), format!("at {slots_end}")),
        (
            "heap_start",
            (slots_end..=prefix).contains(&heap),
            format!("{slots_end} to {prefix}"),
            heap.to_string(),
        ),
        (
            "prefix_bytes",
            usize::from(node.prefix_bytes) <= crate::limits::KEY_BYTES_MAX,
            format!("at most {}", crate::limits::KEY_BYTES_MAX),
            node.prefix_bytes.to_string(),
        ),
    ] {
        if !ok {
            view.problems.push(Corrupt::page(view.id, "NODE-1", &expected, &found));
        }
        judge(header, field, Verdict { ok, rule: "NODE-1", expected, found });
    }
    if !level_fits {
        let found = format!("level {} in a {}", page.level, if raw.leaf { "leaf" } else { "node" });
        view.problems.push(Corrupt::page(
            view.id,
            "TREE-1",
            "leaves, and only they, at level 0",
            found,
        ));
    }
    if let Some(field) = child(header, "right_sibling") {
        field.kind = Kind::Page;
        let sibling = crate::ids::PageId::new(node.right_sibling);
        field.value = FieldValue::Page(sibling);
        field.link = (node.right_sibling != 0).then_some(Link::Page(sibling));
    }
}

/// Verdicts on one slot: its cell is inside the heap, nobody else's, in key order, and its head is
/// that of its key.
fn judge_slot(
    raw: &RawNode<'_>,
    index: usize,
    entry: &RawEntry<'_>,
    claimed: bool,
    slot: &mut FieldView,
    view: &mut PageView,
) {
    let mut say = |slot: &mut FieldView,
                   field: &str,
                   rule: &'static str,
                   ok: bool,
                   expected: String,
                   found: String| {
        if !ok {
            let found = format!("slot {index}: {found}");
            view.problems.push(Corrupt::page(view.id, rule, &expected, found));
        }
        judge(slot, field, Verdict { ok, rule, expected, found });
    };
    let (key, value) = RawNode::cell_ranges(&entry.slot);
    let inside = entry.inside && claimed && key.start >= usize::from(raw.header.heap_start);
    let expected =
        format!("a cell of its own in {}..{}", raw.header.heap_start, raw.prefix_range().start);
    say(slot, "offset", "NODE-2", inside, expected, format!("{}..{}", key.start, value.end));
    if let Some(field) = child(slot, "offset") {
        field.link = Some(Link::Offset(key.start));
    }
    let width = value.len();
    let fits = match (raw.leaf, entry.slot.value_bytes & OVERFLOW_BIT != 0) {
        (true, true) => width == ValueDescriptor::BYTES,
        (true, false) => true,
        (false, overflow) => !overflow && width == Pointer::BYTES,
    };
    let expected =
        if raw.leaf { "a value, or a descriptor of 28 bytes" } else { "a pointer of 20 bytes" };
    say(slot, "value_bytes", "NODE-3", fits, expected.to_owned(), format!("{width} bytes"));
    if let Some(field) = child(slot, "value_bytes")
        && entry.slot.value_bytes & OVERFLOW_BIT != 0
    {
        field.value = FieldValue::Named(width as u64, "in overflow pages");
    }
    let head = head(entry.suffix);
    let (expected, found) = (format!("{head:08x}"), format!("{:08x}", entry.slot.head));
    say(slot, "head", "NODE-5", raw.is_lowest(index) || head == entry.slot.head, expected, found);
    let previous = index.checked_sub(1).filter(|&previous| !raw.is_lowest(previous));
    if let Some(previous) = previous.and_then(|previous| raw.entry(previous)) {
        let rises = previous.suffix < entry.suffix;
        let expected = format!("above \"{}\"", previous.suffix.escape_ascii());
        let found = format!("\"{}\"", entry.suffix.escape_ascii());
        say(slot, "key_bytes", "NODE-5", rises, expected, found);
    }
}

/// First four bytes of a key behind the prefix, as a big-endian number padded with zeros.
fn head(suffix: &[u8]) -> u32 {
    let mut front = [0; 4];
    for (to, from) in front.iter_mut().zip(suffix) {
        *to = *from;
    }
    u32::from_be_bytes(front)
}

/// The cell of one slot: key and value. `Err` when its bytes are not there or not its own;
/// `Ok(None)` for an empty cell.
fn cell(
    builder: &mut Builder<'_>,
    raw: &RawNode<'_>,
    index: usize,
    entry: &RawEntry<'_>,
) -> Result<Option<FieldView>, ()> {
    let anchor = NodeHeader::LAYOUT.anchor;
    let (key, value) = RawNode::cell_ranges(&entry.slot);
    let whole = key.start..value.end;
    if whole.is_empty() {
        return Ok(None);
    }
    if !builder.is_free(&whole) {
        return Err(());
    }
    let mut children = Vec::with_capacity(2);
    if !key.is_empty() {
        let meaning = if raw.is_lowest(index) { LOWEST } else { SUFFIX };
        let bytes = FieldValue::bytes(entry.suffix);
        children.push(builder.field("key", key.clone(), bytes, meaning, anchor).ok_or(())?);
    }
    if !value.is_empty() {
        let field = value_field(builder, raw, entry, value.start, value.len());
        children.push(field.ok_or(())?);
    }
    let mut cell = group(format!("cell[{index}]"), "", anchor, whole, children);
    let full = raw.key(index).unwrap_or_default();
    cell.meaning = if raw.is_lowest(index) {
        LOWEST.into()
    } else {
        format!("Key \"{}\".", full.get(..64).unwrap_or(&full).escape_ascii()).into()
    };
    Ok(Some(cell))
}

/// The value of a cell: a pointer, a descriptor, or the row's bytes.
fn value_field(
    builder: &mut Builder<'_>,
    raw: &RawNode<'_>,
    entry: &RawEntry<'_>,
    at: usize,
    width: usize,
) -> Option<FieldView> {
    let anchor = NodeHeader::LAYOUT.anchor;
    let range = at..at.saturating_add(width);
    if !raw.leaf && width == Pointer::BYTES {
        let pointer = Pointer::read(entry.value)?;
        let mut field =
            builder.field("child", range, FieldValue::Pointer(pointer), CHILD, anchor)?;
        field.kind = Kind::Pointer;
        field.link = Some(Link::Pointer(pointer));
        return Some(field);
    }
    let overflow = entry.slot.value_bytes & OVERFLOW_BIT != 0;
    if raw.leaf && overflow && width == ValueDescriptor::BYTES {
        return builder.layout("value descriptor", &ValueDescriptor::LAYOUT, at);
    }
    builder.field("value", range, FieldValue::bytes(entry.value), VALUE, anchor)
}
