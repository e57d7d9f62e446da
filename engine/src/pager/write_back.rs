//! Writing dirty pages: in page order, in large writes, in steps that the caller paces.
//!
//! Called by `db::checkpoint`, and by an edit that needs room. A page that is released while it is
//! on its way keeps its id until the write has returned, so that the old bytes never land on the
//! page's next use. Cost: one copy and one checksum per page.

use super::region::Page;
use super::table::State;
use super::{Pager, Run};
use crate::error::Result;
use crate::format::chain::{ChainHeader, entry_bytes};
use crate::format::node::{Node, SLOTS_OFFSET, Slot};
use crate::format::overflow::OverflowHeader;
use crate::format::page::{PageHeader, PageType, seal_page};
use crate::ids::{FileUuid, PageId, TxnId};
use crate::limits::PAGE_BYTES;
use std::collections::BTreeSet;

/// Pages of one write call at most: 1 MiB.
pub(super) const BATCH_PAGES: usize = 64;

/// A write-back under way; see [`Pager::begin_write_back`].
#[derive(Debug)]
pub struct WriteBack {
    /// In falling order, so that the next one is at the end.
    pages: Vec<PageId>,
}

impl WriteBack {
    /// Pages not yet looked at.
    pub fn remaining(&self) -> usize {
        self.pages.len()
    }
}

/// What one step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Pages written.
    pub pages: u64,
    /// Whether nothing is left. A sync has to follow.
    pub done: bool,
}

/// Pages on their way to the disk, and what was released meanwhile.
#[derive(Debug, Default)]
pub(super) struct OnTheWay {
    pages: BTreeSet<PageId>,
    released: Vec<Run>,
}

impl OnTheWay {
    /// Whether a page of `run` is being written.
    pub(super) fn holds(&self, run: Run) -> bool {
        !self.pages.is_empty() && run.pages().any(|page| self.pages.contains(&page))
    }

    /// Puts `run` off if a page of it is being written; whether it did.
    pub(super) fn put_off(&mut self, run: Run) -> bool {
        let put_off = self.holds(run);
        if put_off {
            self.released.push(run);
        }
        put_off
    }
}

impl Pager {
    /// Starts writing all dirty pages born in `up_to` or before, in page order. Those that somebody else is
    /// writing are looked at too: when that fails, they are dirty again.
    pub fn begin_write_back(&self, up_to: TxnId) -> WriteBack {
        let mut pages = self.pool.pages_in(&[State::Dirty, State::Writing], up_to, None);
        pages.sort_unstable_by(|left, right| right.cmp(left));
        WriteBack { pages }
    }

    /// Writes up to `pages_max` more pages in as few write calls as their order allows.
    ///
    /// # Errors
    /// The write's; the pages stay dirty.
    pub fn write_back_step(&self, write_back: &mut WriteBack, pages_max: usize) -> Result<Step> {
        let _one_at_a_time = super::locked(&self.write_lock);
        let mut written = 0;
        while written < pages_max as u64 && !write_back.pages.is_empty() {
            let batch = (pages_max - written as usize).min(BATCH_PAGES).min(write_back.remaining());
            let batch = write_back.pages.split_off(write_back.pages.len() - batch);
            super::locked(&self.on_the_way).pages.extend(&batch);
            let result = self.write_dirty(&batch);
            let mut on_the_way = super::locked(&self.on_the_way);
            on_the_way.pages.clear();
            let released = std::mem::take(&mut on_the_way.released);
            drop(on_the_way);
            for run in released {
                self.release(run);
            }
            match result {
                Ok(pages) => written += pages,
                Err(error) => {
                    write_back.pages.extend(&batch);
                    return Err(error);
                }
            }
        }
        Ok(Step { pages: written, done: write_back.pages.is_empty() })
    }

    /// Writes those of `batch` (in falling order) that are still dirty.
    fn write_dirty(&self, batch: &[PageId]) -> Result<u64> {
        let writing: Vec<_> =
            batch.iter().rev().filter_map(|page| self.pool.begin_writing(*page)).collect();
        self.write_pages(writing.iter().map(|page| (page.page(), page.bytes())))?;
        let count = writing.len() as u64;
        writing.into_iter().for_each(super::frame::Writing::finish);
        Ok(count)
    }

    /// Seals copies of `pages`, whose ids rise, and writes each run of neighbours at once.
    pub(super) fn write_pages<'a>(
        &self,
        pages: impl Iterator<Item = (PageId, &'a Page)>,
    ) -> Result<()> {
        let mut buffer: Vec<Page> = Vec::with_capacity(BATCH_PAGES);
        let mut first = 0;
        for (id, page) in pages {
            if first + buffer.len() as u64 != id.get() || buffer.len() >= BATCH_PAGES {
                self.write_run(first, &mut buffer)?;
                first = id.get();
            }
            buffer.extend_from_slice(std::slice::from_ref(page));
            if let Some(copy) = buffer.last_mut() {
                seal_copy(copy, self.uuid);
            }
        }
        self.write_run(first, &mut buffer)
    }

    fn write_run(&self, first: u64, buffer: &mut Vec<Page>) -> Result<()> {
        if !buffer.is_empty() {
            let bytes = buffer.as_flattened();
            self.file.write_at(bytes, first * PAGE_BYTES as u64)?;
            self.counters.wrote(bytes.len());
            buffer.clear();
        }
        Ok(())
    }
}

/// Completes the header of a page that leaves memory: payload length and checksum.
fn seal_copy(page: &mut Page, uuid: FileUuid) {
    let header = PageHeader::decode(page).expect("a page is longer than its header");
    let rest = &page[PageHeader::BYTES..];
    let payload = match PageType::from_u8(header.page_type) {
        Some(PageType::Overflow) => OverflowHeader::decode(rest)
            .map(|header| OverflowHeader::BYTES + header.data_bytes as usize),
        Some(chain @ (PageType::Bitmap | PageType::History | PageType::Retired)) => {
            let entries = ChainHeader::decode(rest).and_then(|head| entry_bytes(chain, head.count));
            entries.map(|bytes| ChainHeader::BYTES + bytes)
        }
        _ => {
            // The gap of a node holds what its frame held before.
            let node = Node::new(page);
            let slots_end = SLOTS_OFFSET + node.count() * Slot::BYTES;
            let heap_start = node.heap_start();
            if let Some(gap) = page.get_mut(slots_end..heap_start) {
                gap.fill(0);
            }
            Some(PAGE_BYTES - PageHeader::BYTES)
        }
    };
    let payload_bytes = payload.unwrap_or(0) as u32;
    seal_page(page, uuid, PageHeader { payload_bytes, ..header });
}
