//! Keys and values of a leaf, and values that have pages of their own.
//!
//! Called by the rest of `tree`. Keeps OVF-5: extents of a value add up to its length, and every
//! page adds to it, so that no chain of extents goes on for ever.

use crate::error::{Corrupt, Result};
use crate::format::node::{CellValue, Node};
use crate::format::overflow::{DATA_BYTES_MAX, OverflowHeader, ValueDescriptor};
use crate::ids::{PageId, Pointer};
use crate::pager::{Edit, PageRef, Value, View, Want};

/// The key of row `index` of a leaf.
pub(super) fn key_at<'p>(page: &PageRef<'p>, index: usize) -> Value<'p> {
    let node = Node::new(page);
    let (prefix, suffix) = (node.prefix(), node.suffix(index));
    if prefix.is_empty() {
        let start = node.slot(index).offset;
        return Value::try_short(suffix)
            .unwrap_or_else(|| Value::paged(page.clone(), start.into(), suffix.len()));
    }
    Value::joined(prefix, suffix)
}

/// The value of row `index` of leaf `id`.
pub(super) fn at<'p>(
    view: View<'p>,
    page: &PageRef<'p>,
    id: PageId,
    index: usize,
) -> Result<Value<'p>> {
    let node = Node::new(page);
    match node.value(index) {
        CellValue::Overflow(descriptor) => {
            let mut bytes = Vec::new();
            read(view, id, descriptor, &mut bytes)?;
            Ok(Value::owned(bytes))
        }
        CellValue::Inline(bytes) => Ok(Value::try_short(bytes).unwrap_or_else(|| {
            Value::paged(page.clone(), node.cell(index).value_start(), bytes.len())
        })),
    }
}

/// The value of row `index` of leaf `id`, appended to `out`.
pub(super) fn read_into(
    view: View<'_>,
    page: &PageRef<'_>,
    id: PageId,
    index: usize,
    out: &mut Vec<u8>,
) -> Result<()> {
    match Node::new(page).value(index) {
        CellValue::Overflow(descriptor) => read(view, id, descriptor, out),
        CellValue::Inline(bytes) => {
            out.extend_from_slice(bytes);
            Ok(())
        }
    }
}

/// One extent of a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) first: Pointer,
    pub(super) count: u32,
}

impl Extent {
    pub(super) fn page(self, index: u32) -> Pointer {
        let page = self.first.page.get().saturating_add(u64::from(index));
        Pointer { page: PageId::new(page), ..self.first }
    }
}

/// Appends the value that leaf `id` describes with `descriptor` to `out`.
pub(super) fn read(
    view: View<'_>,
    id: PageId,
    descriptor: ValueDescriptor,
    out: &mut Vec<u8>,
) -> Result<()> {
    // No more than the file can hold, whatever the descriptor claims.
    let in_file = view.page_count().saturating_mul(DATA_BYTES_MAX as u64);
    out.reserve((descriptor.total_bytes as usize).min(usize::try_from(in_file).unwrap_or(0)));
    each_page(view, id, descriptor, &mut |_| (), &mut |data| out.extend_from_slice(data))
}

/// The extents of a value: only the first page of each is read.
pub(super) fn extents(
    view: View<'_>,
    id: PageId,
    descriptor: ValueDescriptor,
    visit: &mut dyn FnMut(Extent),
) -> Result<()> {
    let mut left = descriptor.pages_needed();
    let mut extent = Extent { first: descriptor.first, count: descriptor.first_count };
    loop {
        let first = extent.first.page.get();
        let end = first.saturating_add(extent.count.into());
        if first < 2 || end > view.page_count() {
            return Err(wrong_length(id, descriptor));
        }
        visit(extent);
        left = match left.checked_sub(extent.count.into()) {
            Some(0) => return Ok(()),
            Some(left) if extent.count > 0 => left,
            _ => return Err(wrong_length(id, descriptor)),
        };
        let want = Want::Overflow { index: 0, count: extent.count };
        let page = view.fetch(extent.first, want)?;
        let (header, _) = OverflowHeader::decode_page(&page[..], &page.header())?;
        if header.next.is_null() {
            return Err(wrong_length(id, descriptor));
        }
        extent = Extent { first: header.next, count: header.next_count };
    }
}

/// Calls `visit_extent` and `visit_data` for everything a value consists of, in order.
pub(super) fn each_page(
    view: View<'_>,
    id: PageId,
    descriptor: ValueDescriptor,
    visit_extent: &mut dyn FnMut(Extent),
    visit_data: &mut dyn FnMut(&[u8]),
) -> Result<()> {
    let mut left = descriptor.total_bytes as usize;
    let mut next = Some(Extent { first: descriptor.first, count: descriptor.first_count });
    while let Some(extent) = next.take() {
        visit_extent(extent);
        for index in 0..extent.count {
            let want = Want::Overflow { index, count: extent.count };
            let page = view.fetch(extent.page(index), want)?;
            let (header, data) = OverflowHeader::decode_page(&page[..], &page.header())?;
            // Every page but the last is full.
            if data.len() != left.min(DATA_BYTES_MAX) || data.is_empty() {
                return Err(wrong_length(id, descriptor));
            }
            left -= data.len();
            visit_data(data);
            if index == 0 && !header.next.is_null() {
                next = Some(Extent { first: header.next, count: header.next_count });
            }
        }
    }
    if left > 0 {
        return Err(wrong_length(id, descriptor));
    }
    Ok(())
}

fn wrong_length(id: PageId, descriptor: ValueDescriptor) -> crate::Error {
    let expected = format_args!("extents of {} bytes in all", descriptor.total_bytes);
    Corrupt::page(id, "OVF-5", expected, "another length").into()
}

/// Writes a long value into new extents. May freeze pages of the edit, so it comes before any page
/// of the tree is made mutable.
pub(super) fn write(edit: &mut Edit, value: &[u8]) -> Result<ValueDescriptor> {
    let mut extents: Vec<Extent> = Vec::new();
    let mut pages_left = value.len().div_ceil(DATA_BYTES_MAX) as u32;
    while pages_left > 0 {
        let (first, count) = edit.alloc_extent(pages_left)?;
        extents.push(Extent { first, count });
        pages_left -= count;
    }
    let mut chunks = value.chunks(DATA_BYTES_MAX);
    for (number, extent) in extents.iter().enumerate() {
        let next = extents.get(number + 1);
        for index in 0..extent.count {
            edit.make_room()?;
            let next = next.filter(|_| index == 0);
            let header = OverflowHeader {
                index,
                count: extent.count,
                data_bytes: 0,
                next: next.map_or(Pointer::NULL, |next| next.first),
                next_count: next.map_or(0, |next| next.count),
                reserved: 0,
            };
            edit.fill_extent(extent.first, header, chunks.next().unwrap_or_default())?;
        }
    }
    let first = extents.first().expect("a long value has at least one extent");
    Ok(ValueDescriptor {
        total_bytes: value.len() as u32,
        first: first.first,
        first_count: first.count,
    })
}
