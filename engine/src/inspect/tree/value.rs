//! A row's value, from its leaf or along its extents.

use super::raw::RawNode;
use crate::error::Corrupt;
use crate::format::overflow::{DATA_BYTES_MAX, OverflowHeader, ValueDescriptor};
use crate::format::page::{check_pointer, verify_page};
use crate::ids::{PageId, Pointer};
use crate::inspect::Source;
use serde::Serialize;

/// A value, or its first bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Value {
    /// The bytes that could be read, at most as many as were asked for.
    pub bytes: Vec<u8>,
    /// How long the whole value is.
    pub total: u64,
    /// The overflow pages it came from, as far as it was read: first page and count of each extent.
    pub extents: Vec<(Pointer, u32)>,
    /// Why it ends early.
    pub problem: Option<Corrupt>,
}

/// The value of row `index` of the leaf in `leaf`, at most `bytes_max` of it.
///
/// `None` when there is no such row.
pub fn value(source: &Source, leaf: &[u8], index: usize, bytes_max: usize) -> Option<Value> {
    let raw = RawNode::new(leaf).filter(|raw| raw.leaf)?;
    let entry = raw.entry(index)?;
    match raw.descriptor(index) {
        Some(descriptor) => Some(read_overflow(source, raw.page.page_id, &descriptor, bytes_max)),
        None => Some(Value {
            bytes: entry.value.get(..bytes_max).unwrap_or(entry.value).to_vec(),
            total: entry.value.len() as u64,
            extents: Vec::new(),
            problem: None,
        }),
    }
}

/// Follows the extents of a value, page by page, up to `bytes_max` bytes.
pub(in crate::inspect) fn read_overflow(
    source: &Source,
    leaf: PageId,
    descriptor: &ValueDescriptor,
    bytes_max: usize,
) -> Value {
    let total = descriptor.total_bytes as usize;
    let mut value =
        Value { bytes: Vec::new(), total: total as u64, extents: Vec::new(), problem: None };
    if let Err(corrupt) = descriptor.check(leaf) {
        value.problem = Some(corrupt);
        return value;
    }
    let wanted = total.min(bytes_max);
    let (mut extent, mut count) = (descriptor.first, descriptor.first_count);
    // Each extent brings at least one byte, so the loop ends with the value's length.
    'extents: while value.bytes.len() < wanted {
        value.extents.push((extent, count));
        let (mut next, mut next_count) = (Pointer::NULL, 0);
        for index in 0..count {
            match read_piece(source, extent, index, count, total, value.bytes.len()) {
                Ok((header, data)) => {
                    if index == 0 {
                        (next, next_count) = (header.next, header.next_count);
                    }
                    value.bytes.extend_from_slice(&data);
                }
                Err(corrupt) => {
                    value.problem = Some(corrupt);
                    break 'extents;
                }
            }
            if value.bytes.len() >= wanted {
                break 'extents;
            }
        }
        if next.is_null() || next_count == 0 {
            let found = format!("{} bytes", value.bytes.len());
            let expected = format!("{total} bytes");
            value.problem = Some(Corrupt::page(extent.page, "OVF-5", expected, found));
            break;
        }
        (extent, count) = (next, next_count);
    }
    value.bytes.truncate(wanted);
    value
}

/// One page of an extent: judged, and as full as it has to be.
fn read_piece(
    source: &Source,
    extent: Pointer,
    index: u32,
    count: u32,
    total: usize,
    before: usize,
) -> Result<(OverflowHeader, Vec<u8>), Corrupt> {
    let id = PageId::new(extent.page.get().saturating_add(u64::from(index)));
    let page = source
        .read_page(id)
        .map_err(|error| Corrupt::page(id, "PAGE-1", "a readable page", error))?;
    let header = verify_page(&page.bytes, source.uuid(), id)?;
    check_pointer(&header, Pointer { page: id, ..extent })?;
    let (overflow, data) = OverflowHeader::decode_page(&page.bytes, &header)?;
    overflow.check_place(id, index, count)?;
    let due = total.saturating_sub(before).min(DATA_BYTES_MAX);
    if data.len() != due {
        return Err(Corrupt::page(id, "OVF-5", format_args!("{due} bytes"), data.len()));
    }
    Ok((overflow, data.to_vec()))
}
