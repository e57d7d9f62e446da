//! Walks one tree with every check that needs more than one page.
//!
//! Iterative, with the path in memory and nothing else. A subtree that another tree of the file
//! shares is looked at once. Keeps TREE-1 to TREE-5.

use super::found::{LevelStats, Survey};
use crate::error::Corrupt;

use crate::format::node::check_node;
use crate::format::overflow::{DATA_BYTES_MAX, OverflowHeader, ValueDescriptor};
use crate::format::page::{PageHeader, check_level, check_pointer, verify_page};
use crate::ids::{PageId, Pointer};
use crate::inspect::bits::Bits;
use crate::inspect::report::Severity;
use crate::inspect::source::Source;
use crate::inspect::tree::Root;
use crate::inspect::tree::raw::RawNode;
use crate::inspect::{Problem, Progress};
use crate::limits::{DEPTH_MAX, PAGE_BYTES};

/// A node on the path.
struct Frame {
    bytes: Vec<u8>,
    next: usize,
    /// The first key behind this subtree.
    high: Option<Vec<u8>>,
}

pub(super) struct TreeWalk<'a, 'p> {
    pub(super) source: &'a Source,
    pub(super) survey: &'a mut Survey,
    pub(super) progress: &'a mut Progress<'p>,
    /// Pages below this are the file's.
    pub(super) page_count: u64,
    /// Pages of this tree.
    own: Bits,
    current: bool,
    path: Vec<Frame>,
    rows: u64,
    /// A subtree was left out, so the rows are not all counted.
    partial: bool,
}

impl<'a, 'p> TreeWalk<'a, 'p> {
    /// `current`: this is the state recovery would open.
    pub(super) fn new(
        source: &'a Source,
        survey: &'a mut Survey,
        progress: &'a mut Progress<'p>,
        page_count: u64,
        current: bool,
    ) -> Self {
        Self {
            source,
            survey,
            progress,
            page_count,
            own: Bits::default(),
            current,
            path: Vec::new(),
            rows: 0,
            partial: false,
        }
    }

    /// Walks the whole tree; rows counted.
    pub(super) fn run(mut self, root: &Root) -> u64 {
        if root.pointer.is_null() {
            return 0;
        }
        self.enter(root.pointer, root.level(), None, None);
        while !self.survey.report.cancelled {
            let Some(frame) = self.path.last_mut() else { break };
            let Some(raw) = RawNode::new(&frame.bytes) else {
                self.path.pop();
                continue;
            };
            let index = frame.next;
            frame.next = index.saturating_add(1);
            if index >= raw.count() {
                self.path.pop();
                continue;
            }
            if raw.leaf {
                self.rows = self.rows.saturating_add(1);
                if let Some(descriptor) = raw.descriptor(index) {
                    let leaf = raw.page.page_id;
                    self.value(leaf, &descriptor);
                }
                continue;
            }
            let child = raw.child(index).unwrap_or(Pointer::NULL);
            let level = raw.page.level.checked_sub(1);
            let low = raw.key(index).filter(|key| !key.is_empty());
            let high = raw.key(index.saturating_add(1)).or_else(|| frame.high.clone());
            self.enter(child, level, low, high);
        }
        let complete = !self.partial && !self.survey.report.cancelled;
        if complete && self.rows != root.key_count {
            self.problem(Corrupt::page(
                root.pointer.page,
                "TREE-3",
                format_args!("{} rows (as the meta or history row says)", root.key_count),
                self.rows,
            ));
        }
        self.rows
    }

    fn problem(&mut self, corrupt: Corrupt) {
        if let crate::error::Place::Page(page) = corrupt.place {
            self.survey.bad.insert(page.get());
        }
        // What is wrong with an older state alone loses nothing of the current one.
        let severity = if self.current { Severity::Error } else { Severity::Warning };
        self.survey.report.push(Problem::new(severity, self.source.path(), corrupt));
    }

    /// Goes down to a node, unless it is broken or was walked for another tree.
    fn enter(
        &mut self,
        pointer: Pointer,
        level: Option<u8>,
        low: Option<Vec<u8>>,
        high: Option<Vec<u8>>,
    ) {
        let page = pointer.page.get();
        if page < 2 || page >= self.page_count {
            self.partial = true;
            let expected = format!("a page of 2 to {}", self.page_count);
            self.problem(Corrupt::page(pointer.page, "TREE-5", expected, format!("{pointer:?}")));
            return;
        }
        if !self.own.insert(page) {
            self.partial = true;
            self.survey.doubles.insert(page);
            let expected = "one parent";
            self.problem(Corrupt::page(pointer.page, "TREE-4", expected, "a second one"));
            return;
        }
        if self.path.len() >= DEPTH_MAX {
            self.partial = true;
            let expected = format!("at most {DEPTH_MAX} levels");
            self.problem(Corrupt::page(pointer.page, "TREE-1", expected, "one more"));
            return;
        }
        let known = !self.survey.mark(page, self.current);
        if known {
            self.partial = true;
            self.check_known(pointer, level);
            return;
        }
        match self.read_node(pointer, level, low.as_deref(), high.as_deref()) {
            Ok(bytes) => self.path.push(Frame { bytes, next: 0, high }),
            Err(corrupt) => {
                self.partial = true;
                self.problem(corrupt);
            }
        }
        let done = self.survey.report.pages;
        let go_on = (self.progress)(done, self.survey.file_pages);
        self.survey.report.cancelled |= !go_on;
    }

    /// A page that another tree has been through: only this hop to it is new.
    fn check_known(&mut self, pointer: Pointer, level: Option<u8>) {
        let offset = pointer.page.get().saturating_mul(PAGE_BYTES as u64);
        let front = self.source.read_range(offset, PageHeader::BYTES).unwrap_or_default();
        let Some(header) = PageHeader::decode(&front) else { return };
        let judged = check_pointer(&header, pointer)
            .and_then(|()| level.map_or(Ok(()), |level| check_level(&header, level)));
        if let Err(corrupt) = judged {
            self.problem(corrupt);
        }
    }

    /// Reads a node and asks every rule about it and its place.
    fn read_node(
        &mut self,
        pointer: Pointer,
        level: Option<u8>,
        low: Option<&[u8]>,
        high: Option<&[u8]>,
    ) -> Result<Vec<u8>, Corrupt> {
        let bytes = self.read(pointer.page)?;
        let header = verify_page(&bytes, self.source.uuid(), pointer.page)?;
        check_pointer(&header, pointer)?;
        check_level(&header, level.unwrap_or(header.level))?;
        if let Some(page) = bytes.first_chunk::<PAGE_BYTES>() {
            check_node(page, &header)?;
        }
        let Some(raw) = RawNode::new(&bytes) else {
            return Err(Corrupt::page(pointer.page, "TREE-1", "a node", header.page_type));
        };
        check_bounds(&raw, low, high)?;
        let (used, room) = raw.fill();
        let stats = LevelStats {
            nodes: 1,
            entries: raw.count() as u64,
            bytes_used: used as u64,
            bytes_room: room as u64,
        };
        if self.current {
            self.survey.add_level(raw.page.level, &stats);
        }
        Ok(bytes)
    }

    fn read(&mut self, page: PageId) -> Result<Vec<u8>, Corrupt> {
        self.survey.report.pages = self.survey.report.pages.saturating_add(1);
        self.source
            .read_page(page)
            .map(|page| page.bytes)
            .map_err(|error| Corrupt::page(page, "PAGE-1", "a readable page", error))
    }

    /// Follows the extents of a value, reading every page.
    fn value(&mut self, leaf: PageId, descriptor: &ValueDescriptor) {
        let total = u64::from(descriptor.total_bytes);
        let mut left = total;
        let (mut extent, mut count) = (descriptor.first, descriptor.first_count);
        if let Err(corrupt) = descriptor.check(leaf) {
            self.problem(corrupt);
            return;
        }
        // Every page brings at least one byte, so this ends with the value's length.
        while left > 0 {
            let (mut next, mut next_count) = (Pointer::NULL, 0);
            for index in 0..count {
                match self.piece(extent, index, count, left) {
                    Ok(Some((header, bytes))) => {
                        if index == 0 {
                            (next, next_count) = (header.next, header.next_count);
                        }
                        left = left.saturating_sub(bytes);
                    }
                    // Another state's walk has read it all.
                    Ok(None) => return self.mark_extents(extent, count),
                    Err(corrupt) => return self.problem(corrupt),
                }
            }
            if left > 0 && (next.is_null() || next_count == 0) {
                let found = total.saturating_sub(left);
                let expected = format!("{total} bytes");
                return self.problem(Corrupt::page(extent.page, "OVF-5", expected, found));
            }
            (extent, count) = (next, next_count);
        }
        if !extent.is_null() {
            let found = format!("an extent at {extent:?} behind the value's end");
            self.problem(Corrupt::page(leaf, "OVF-5", format_args!("{total} bytes"), found));
        }
    }

    /// The rest of an extent whose first page another tree has been through.
    fn mark_extents(&mut self, extent: Pointer, count: u32) {
        for index in 0..u64::from(count) {
            let page = extent.page.get().saturating_add(index);
            if page < self.page_count && !self.own.contains(page) {
                self.own.insert(page);
                self.survey.mark(page, self.current);
            }
        }
    }

    /// One page of an extent; `None` when another tree has been through it.
    fn piece(
        &mut self,
        extent: Pointer,
        index: u32,
        count: u32,
        left: u64,
    ) -> Result<Option<(OverflowHeader, u64)>, Corrupt> {
        let id = PageId::new(extent.page.get().saturating_add(u64::from(index)));
        if id.get() < 2 || id.get() >= self.page_count {
            let expected = format!("a page of 2 to {}", self.page_count);
            return Err(Corrupt::page(id, "TREE-5", expected, format!("{extent:?}")));
        }
        if !self.own.insert(id.get()) {
            self.survey.doubles.insert(id.get());
            return Err(Corrupt::page(id, "TREE-4", "one value", "a second one"));
        }
        let known = !self.survey.mark(id.get(), self.current);
        if known && index == 0 {
            self.check_known(extent, None);
            return Ok(None);
        }
        let bytes = self.read(id)?;
        let header = verify_page(&bytes, self.source.uuid(), id)?;
        check_pointer(&header, Pointer { page: id, ..extent })?;
        let (overflow, data) = OverflowHeader::decode_page(&bytes, &header)?;
        overflow.check_place(id, index, count)?;
        let due = left.min(DATA_BYTES_MAX as u64);
        if data.len() as u64 != due {
            return Err(Corrupt::page(id, "OVF-5", format_args!("{due} bytes"), data.len()));
        }
        if self.current {
            self.survey.overflow_pages = self.survey.overflow_pages.saturating_add(1);
        }
        Ok(Some((overflow, due)))
    }
}

/// TREE-2: all keys of a node lie between the separators of its parent.
fn check_bounds(raw: &RawNode<'_>, low: Option<&[u8]>, high: Option<&[u8]>) -> Result<(), Corrupt> {
    // The keys rise (NODE-5), so the first and the last speak for all.
    let first_index = usize::from(!raw.leaf);
    let last_index = raw.count().saturating_sub(1);
    if last_index < first_index {
        return Ok(());
    }
    let id = raw.page.page_id;
    let (first, last) = (raw.key(first_index), raw.key(last_index));
    if let (Some(low), Some(first)) = (low, first)
        && first.as_slice() < low
    {
        let expected = format!("keys from \"{}\"", low.escape_ascii());
        return Err(Corrupt::page(id, "TREE-2", expected, first.escape_ascii()));
    }
    if let (Some(high), Some(last)) = (high, last)
        && last.as_slice() >= high
    {
        let expected = format!("keys below \"{}\"", high.escape_ascii());
        return Err(Corrupt::page(id, "TREE-2", expected, last.escape_ascii()));
    }
    Ok(())
}
