//! The judgement of a node's bytes, once when a page enters memory. Every accessor relies on it.
//!
//! Called by the pager on each load and by `inspect`. Keeps NODE-1 to NODE-6. Cost: one pass over the
//! slots with one key comparison each.

use super::view::{Node, head_of};
use super::{
    CHILD_BYTES, HINT_COUNT, HINTED_COUNT_MIN, INLINE_ROW_BYTES_MAX, KEY_BYTES_MAX, OVERFLOW_BIT,
    PAGE_BYTES, SLOTS_OFFSET, Slot, ValueDescriptor,
};
use crate::error::Corrupt;
use crate::format::page::{PageHeader, PageType};
use crate::ids::{PageId, Pointer, TxnId};
use crate::limits::{DEPTH_MAX, PAGE_COUNT_MAX, VALUE_BYTES_MAX};
use std::fmt::Display;

/// Checks the node in `bytes`, whose page header is `header`. Believes nothing.
///
/// # Errors
/// The first rule that is broken.
pub fn check_node(bytes: &[u8; PAGE_BYTES], header: &PageHeader) -> Result<(), Corrupt> {
    let checker = Checker { node: Node::new(bytes), id: header.page_id, birth: header.birth };
    let leaf = header.page_type == PageType::Leaf as u8;
    let level_fits = match (leaf, header.page_type == PageType::Internal as u8) {
        (true, _) => header.level == 0,
        (_, true) => header.level > 0 && usize::from(header.level) < DEPTH_MAX,
        _ => return Err(checker.bad("NODE-1", "a leaf or an internal node", header.page_type)),
    };
    if !level_fits {
        return Err(checker.bad("NODE-1", "level 0 in a leaf, 1 to 63 above", header.level));
    }
    checker.areas()?;
    let mut live_bytes = 0;
    for index in 0..checker.node.count() {
        live_bytes += checker.cell(index, leaf)?;
    }
    checker.accounting(live_bytes)?;
    checker.order(leaf)?;
    checker.hints()
}

struct Checker<'a> {
    node: Node<'a>,
    id: PageId,
    birth: TxnId,
}

impl Checker<'_> {
    fn bad(&self, rule: &'static str, expected: impl Display, found: impl Display) -> Corrupt {
        Corrupt::page(self.id, rule, expected, found)
    }

    /// NODE-1: slots, gap, heap and prefix follow each other inside the page.
    fn areas(&self) -> Result<(), Corrupt> {
        let node = self.node;
        let slots_end = SLOTS_OFFSET + node.count() * Slot::BYTES;
        let heap_end = PAGE_BYTES.saturating_sub(node.prefix_bytes());
        if node.count() == 0 {
            return Err(self.bad("NODE-1", "at least one slot", 0));
        }
        if node.prefix_bytes() > KEY_BYTES_MAX {
            let expected = format_args!("a prefix of at most {KEY_BYTES_MAX} bytes");
            return Err(self.bad("NODE-1", expected, node.prefix_bytes()));
        }
        if slots_end > node.heap_start() || node.heap_start() > heap_end {
            let expected = format_args!("a heap that starts at {slots_end} to {heap_end}");
            return Err(self.bad("NODE-1", expected, node.heap_start()));
        }
        Ok(())
    }

    /// NODE-2: a cell is inside the heap. NODE-3: its lengths and its value are possible.
    fn cell(&self, index: usize, leaf: bool) -> Result<usize, Corrupt> {
        let node = self.node;
        let slot = node.slot(index);
        let (start, suffix) = (usize::from(slot.offset), usize::from(slot.key_bytes));
        let value = usize::from(slot.value_bytes & !OVERFLOW_BIT);
        let heap_end = PAGE_BYTES - node.prefix_bytes();
        let end = start + suffix + value;
        if start < node.heap_start() || end > heap_end {
            let expected = format_args!("cell {index} inside {} to {heap_end}", node.heap_start());
            return Err(self.bad("NODE-2", expected, format_args!("{start} to {end}")));
        }
        let open_ended = index == 0 && !leaf;
        let key = if open_ended { suffix } else { node.prefix_bytes() + suffix };
        if key > KEY_BYTES_MAX || (open_ended && suffix != 0) {
            let expected = format_args!("a possible key length in slot {index}");
            return Err(self.bad("NODE-3", expected, key));
        }
        let overflow = slot.value_bytes & OVERFLOW_BIT != 0;
        let possible = match (leaf, overflow) {
            (true, true) => self.descriptor_is_possible(index, key),
            (true, false) => key + value <= INLINE_ROW_BYTES_MAX,
            (false, overflow) => {
                !overflow && value == CHILD_BYTES && self.pointer_is_possible(node.child(index))
            }
        };
        if !possible {
            let expected = format_args!("a possible value in slot {index}");
            let found = node.stored_value(index).0.iter().take(CHILD_BYTES + 8);
            let found = found.flat_map(|byte| byte.escape_ascii()).map(char::from);
            return Err(self.bad("NODE-3", expected, found.collect::<String>()));
        }
        Ok(suffix + value)
    }

    fn pointer_is_possible(&self, pointer: Pointer) -> bool {
        (2..PAGE_COUNT_MAX).contains(&pointer.page.get())
            && pointer.birth <= self.birth
            && pointer.page != self.id
    }

    fn descriptor_is_possible(&self, index: usize, key_bytes: usize) -> bool {
        let (bytes, _) = self.node.stored_value(index);
        let Some(descriptor) = ValueDescriptor::decode(bytes) else { return false };
        let total = descriptor.total_bytes as usize;
        let pages = total.div_ceil(crate::format::overflow::DATA_BYTES_MAX);
        bytes.len() == ValueDescriptor::BYTES
            && total <= VALUE_BYTES_MAX
            && key_bytes + total > INLINE_ROW_BYTES_MAX
            && (1..=pages).contains(&(descriptor.first_count as usize))
            && self.pointer_is_possible(descriptor.first)
    }

    /// NODE-4: live and dead bytes make up the heap, so that no two cells can share bytes without
    /// others being lost, and a compaction always fits.
    fn accounting(&self, live_bytes: usize) -> Result<(), Corrupt> {
        let node = self.node;
        let heap_bytes = PAGE_BYTES - node.prefix_bytes() - node.heap_start();
        if live_bytes + node.dead_bytes() != heap_bytes {
            let found = format_args!("{live_bytes} live and {} dead", node.dead_bytes());
            return Err(self.bad("NODE-4", format_args!("a heap of {heap_bytes} bytes"), found));
        }
        Ok(())
    }

    /// NODE-5: keys rise strictly, and heads say what the keys say.
    fn order(&self, leaf: bool) -> Result<(), Corrupt> {
        let node = self.node;
        let mut previous: Option<&[u8]> = None;
        for index in 0..node.count() {
            let suffix = node.suffix(index);
            if node.slot(index).head != head_of(suffix) {
                let expected = format_args!("head {:08x} in slot {index}", head_of(suffix));
                let found = format_args!("{:08x}", node.slot(index).head);
                return Err(self.bad("NODE-5", expected, found));
            }
            if index == 0 && !leaf {
                continue;
            }
            if previous.is_some_and(|previous| previous >= suffix) {
                let expected = format_args!("a key above its left neighbour's in slot {index}");
                return Err(self.bad("NODE-5", expected, suffix.escape_ascii()));
            }
            previous = Some(suffix);
        }
        Ok(())
    }

    /// NODE-6: hints are the heads they were sampled from, zero in a small node.
    fn hints(&self) -> Result<(), Corrupt> {
        let node = self.node;
        let distance = match node.count() {
            count if count < HINTED_COUNT_MIN => None,
            count => Some(count / (HINT_COUNT + 1)),
        };
        for index in 0..HINT_COUNT {
            let expected = distance.map_or(0, |distance| node.slot((index + 1) * distance).head);
            let found = node.hint(index);
            if found != expected {
                let expected = format_args!("hint {index} to be {expected:08x}");
                return Err(self.bad("NODE-6", expected, format_args!("{found:08x}")));
            }
        }
        Ok(())
    }
}
