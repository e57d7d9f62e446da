//! The write set of one edit: pages it made, pages it no longer needs.
//!
//! Called by `tree` and by `db::checkpoint` for its chains. Keeps CRASH-9: a page of another
//! transaction, and a page that was spilled, is copied and never written in place.
//! Spills happen in [`Edit::make_room`] only, so that pages do not freeze under an operation.

use super::frame::{Need, Owner};
use super::region::Page;
use super::table::State;
use super::{Pager, Run, View, Want, write_back};
use crate::error::{Error, Result};
use crate::format::field::{Crc, Scalar};
use crate::format::node::{Node, SLOTS_OFFSET, Slot};
use crate::format::overflow::OverflowHeader;
use crate::format::page::{FORMAT_VERSION, PAGE_MAGIC, PageHeader, PageType};
use crate::ids::{PageId, Pointer, TxnId};
use crate::limits::PAGE_BYTES;
use crate::sabotage::{self, Switch};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Where a page header's `payload_bytes` stands.
const PAYLOAD_OFFSET: usize = PageHeader::LAYOUT.fields[5].offset;

/// Pages that an edit made unnecessary for all later states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetiredRun {
    /// The first page.
    pub page: PageId,
    /// How many.
    pub count: u32,
    /// The transaction that wrote them.
    pub birth: TxnId,
}

impl RetiredRun {
    /// The pages alone.
    pub fn run(self) -> Run {
        Run { page: self.page, count: self.count }
    }
}

/// What is left of an edit once it is part of the chain of states.
#[derive(Clone, Debug, Default)]
pub struct Finished {
    /// Pages of earlier transactions that this one no longer uses.
    pub retired: Vec<RetiredRun>,
    /// How many pages it made that are still in use.
    pub born_count: u64,
}

/// A set of new pages, invisible to everybody else until [`Edit::finish`]. Dropping it aborts it.
#[derive(Debug)]
pub struct Edit {
    pager: Arc<Pager>,
    owner: Owner,
    birth: TxnId,
    /// Every page taken from the allocator one by one; those given up since are in `spare`.
    singles: Vec<PageId>,
    spare: Vec<PageId>,
    extents: BTreeMap<PageId, u32>,
    /// Pages of this edit that were written to disk.
    frozen: BTreeSet<PageId>,
    spills: u64,
    retired: Vec<RetiredRun>,
}

impl Edit {
    pub(super) fn new(pager: Arc<Pager>, birth: TxnId) -> Self {
        let owner = pager.pool.new_owner();
        Self {
            pager,
            owner,
            birth,
            singles: Vec::new(),
            spare: Vec::new(),
            extents: BTreeMap::new(),
            frozen: BTreeSet::new(),
            spills: 0,
            retired: Vec::new(),
        }
    }

    /// The transaction its pages are born in.
    pub fn birth(&self) -> TxnId {
        self.birth
    }

    /// The pager it belongs to.
    pub fn pager(&self) -> &Arc<Pager> {
        &self.pager
    }

    /// What the edit sees: its own pages too.
    pub fn view(&self) -> View<'_> {
        View::new(&self.pager, Some(&self.owner))
    }

    /// A new page, zero behind its header; of a node, zero up to its slots, and unspecified behind.
    ///
    /// # Errors
    /// `OutOfSpace` at the greatest size of a file; `Busy` when values of other transactions hold
    /// every frame.
    pub fn alloc(&mut self, page_type: PageType, level: u8) -> Result<Pointer> {
        let pointer = self.new_single()?;
        let end = match page_type {
            PageType::Leaf | PageType::Internal => SLOTS_OFFSET,
            _ => PAGE_BYTES,
        };
        self.new_frame(pointer, page_type, level, |page| page[PageHeader::BYTES..end].fill(0))?;
        Ok(pointer)
    }

    /// An id for a page that [`Self::fill_page`] makes later: until then it takes no memory.
    ///
    /// # Errors
    /// `OutOfSpace` at the greatest size of a file.
    pub(crate) fn alloc_id(&mut self) -> Result<Pointer> {
        self.new_single()
    }

    /// Makes the page of `pointer`, which [`Self::alloc_id`] gave, of all of `parts` behind its header and of zeros.
    ///
    /// # Errors
    /// `Busy` when values of other transactions hold every frame.
    pub(crate) fn fill_page(
        &mut self,
        pointer: Pointer,
        page_type: PageType,
        parts: &[&[u8]],
    ) -> Result<()> {
        self.new_frame(pointer, page_type, 0, |page| {
            let mut rest = &mut page[PageHeader::BYTES..];
            for part in parts {
                let (place, behind) = rest.split_at_mut(part.len());
                place.copy_from_slice(part);
                rest = behind;
            }
            rest.fill(0);
        })
    }

    fn new_single(&mut self) -> Result<Pointer> {
        let page = match self.spare.pop() {
            Some(page) => page,
            None => {
                let page = self.pager.allocator().alloc(self.birth).ok_or(Error::OutOfSpace)?;
                self.singles.push(page);
                page
            }
        };
        Ok(Pointer { page, birth: self.birth, nonce: self.pager.next_nonce() })
    }

    fn new_frame(
        &mut self,
        pointer: Pointer,
        page_type: PageType,
        level: u8,
        fill: impl FnOnce(&mut Page),
    ) -> Result<()> {
        let mut frame = self.pager.pool.acquire(Need::Reserve).ok_or(Error::Busy)?;
        let page = frame.bytes();
        let header = PageHeader {
            magic: PAGE_MAGIC,
            crc: Crc(0),
            version: FORMAT_VERSION,
            page_type: page_type as u8,
            level,
            payload_bytes: (PAGE_BYTES - PageHeader::BYTES) as u32,
            page_id: pointer.page,
            birth: pointer.birth,
            nonce: pointer.nonce,
            reserved: 0,
        };
        page[..PageHeader::BYTES].copy_from_slice(&header.to_bytes());
        fill(page);
        frame.privatise(&mut self.owner, pointer.page, pointer.birth);
        Ok(())
    }

    /// A new extent of 1 to `pages_max` overflow pages in one run, for [`Self::fill_extent`] to fill
    /// all of. The second number is how many. Page `i` of it is the pointer with `page + i`.
    ///
    /// # Errors
    /// As [`Self::alloc`].
    pub fn alloc_extent(&mut self, pages_max: u32) -> Result<(Pointer, u32)> {
        let run = self.pager.allocator().alloc_run(pages_max, self.birth);
        let run = run.ok_or(Error::OutOfSpace)?;
        self.extents.insert(run.page, run.count);
        let nonce = self.pager.next_nonce();
        Ok((Pointer { page: run.page, birth: self.birth, nonce }, run.count))
    }

    /// Writes page `header.index` of an extent that [`Self::alloc_extent`] gave: `header` and `data`.
    ///
    /// # Errors
    /// As [`Self::alloc`].
    pub fn fill_extent(
        &mut self,
        extent: Pointer,
        header: OverflowHeader,
        data: &[u8],
    ) -> Result<()> {
        let page = PageId::new(extent.page.get() + u64::from(header.index));
        let header = OverflowHeader { data_bytes: data.len() as u32, ..header };
        let payload_bytes = (OverflowHeader::BYTES + data.len()) as u32;
        self.new_frame(Pointer { page, ..extent }, PageType::Overflow, 0, |page| {
            page[PAYLOAD_OFFSET..PAYLOAD_OFFSET + 4].copy_from_slice(&payload_bytes.to_le_bytes());
            let (front, rest) = page[PageHeader::BYTES..].split_at_mut(OverflowHeader::BYTES);
            front.copy_from_slice(&header.to_bytes());
            rest[..data.len()].copy_from_slice(data);
            rest[data.len()..].fill(0);
        })
    }

    /// The bytes of a page that this edit made and that is not frozen, else `None`. The page header
    /// is filled in already; its checksum and payload length are set when it is written.
    pub fn page_mut(&mut self, pointer: Pointer) -> Option<&mut Page> {
        self.pager.pool.private_mut(&mut self.owner, pointer.page)
    }

    /// The bytes of a page that this edit made and that is not frozen.
    #[inline]
    pub(crate) fn own_page(&self, pointer: Pointer) -> Option<&Page> {
        self.pager.pool.private(&self.owner, pointer.page)
    }

    /// Brings all of a node near that is copied soon, if it is in memory.
    pub(crate) fn prefetch_node(&self, pointer: Pointer) {
        self.pager.pool.prefetch_node(pointer.page);
    }

    /// Whether this edit made the page and may still change it.
    #[inline]
    pub fn is_mutable(&self, pointer: Pointer) -> bool {
        pointer.birth == self.birth && self.pager.pool.is_private(&self.owner, pointer.page)
    }

    /// A page of this edit with the content of the node `pointer`: itself when this edit made it and
    /// it is not frozen, else a copy under a new id, and `pointer` is retired.
    ///
    /// # Errors
    /// Those of reading the page and of [`Self::alloc`].
    pub fn make_mut(&mut self, pointer: Pointer, level: u8) -> Result<Pointer> {
        if self.is_mutable(pointer) {
            return Ok(pointer);
        }
        let pager = Arc::clone(&self.pager);
        let source = pager.view().fetch(pointer, Want::Node { level })?;
        let copy = self.new_single()?;
        let page_type = if level == 0 { PageType::Leaf } else { PageType::Internal };
        self.new_frame(copy, page_type, level, |page| copy_node(&source, page))?;
        self.retire(pointer, 1);
        Ok(copy)
    }

    /// Says that no later state needs these pages. Pages of this edit are free at once.
    pub fn retire(&mut self, pointer: Pointer, count: u32) {
        let run = Run { page: pointer.page, count };
        if self.extents.get(&run.page) == Some(&count) {
            self.extents.remove(&run.page);
            for page in run.pages() {
                self.pager.pool.forget(page);
                self.frozen.remove(&page);
            }
            self.pager.allocator().free(run);
        } else if count == 1 && (self.is_mutable(pointer) || self.frozen.remove(&run.page)) {
            self.pager.pool.forget(run.page);
            self.spare.push(run.page);
        } else {
            self.retired.push(RetiredRun { page: run.page, count, birth: pointer.birth });
        }
    }

    /// Between operations: writes pages out when too many are unwritten, committed ones first, then
    /// its own, which are frozen by it. Whether own pages froze.
    ///
    /// # Errors
    /// Those of the writes. Nothing is lost: the pages stay in memory.
    #[inline]
    pub fn make_room(&mut self) -> Result<bool> {
        if self.pager.pool.unclean() < self.pager.unclean_max {
            return Ok(false);
        }
        self.write_out()
    }

    #[cold]
    fn write_out(&mut self) -> Result<bool> {
        let pager = Arc::clone(&self.pager);
        let mut write_back = pager.begin_write_back(TxnId::new(u64::MAX));
        let spilled = write_back.remaining() as u64;
        while !pager.write_back_step(&mut write_back, write_back::BATCH_PAGES)?.done {}
        if pager.pool.unclean() < pager.unclean_max / 2 {
            pager.count_spills(spilled);
            return Ok(false);
        }
        let mut pages = pager.pool.pages_in(&[State::Private], self.birth, Some(&self.owner));
        pages.sort_unstable();
        for batch in pages.chunks(write_back::BATCH_PAGES) {
            let bytes = batch
                .iter()
                .filter_map(|page| Some((*page, pager.pool.private(&self.owner, *page)?)));
            let one_at_a_time = super::locked(&pager.write_lock);
            pager.write_pages(bytes)?;
            drop(one_at_a_time);
            for page in batch {
                if sabotage::on(Switch::EditWritten) {
                    continue;
                }
                if pager.pool.open(&mut self.owner, *page, State::Clean) {
                    self.frozen.insert(*page);
                }
            }
        }
        pager.count_spills(spilled + pages.len() as u64);
        self.spills += 1;
        Ok(true)
    }

    /// How often own pages froze: a pointer kept across a change of this may no longer be mutable.
    #[inline]
    pub fn spill_count(&self) -> u64 {
        self.spills
    }

    /// Pages made so far and still in use.
    pub fn born_count(&self) -> u64 {
        let extents: u64 = self.extents.values().map(|count| u64::from(*count)).sum();
        (self.singles.len() - self.spare.len()) as u64 + extents
    }

    /// Makes its pages part of the shared state: dirty, unchangeable, reachable by whoever gets the
    /// root.
    pub fn finish(mut self) -> Finished {
        let born_count = self.born_count();
        let pool = &self.pager.pool;
        for page in std::mem::take(&mut self.singles) {
            // `false`: it was given up, or is frozen and shared already.
            let _opened = pool.open(&mut self.owner, page, State::Dirty);
        }
        for (page, count) in std::mem::take(&mut self.extents) {
            for page in (Run { page, count }).pages() {
                let _opened = pool.open(&mut self.owner, page, State::Dirty);
            }
        }
        let mut allocator = self.pager.allocator();
        for page in std::mem::take(&mut self.spare) {
            allocator.free(Run { page, count: 1 });
        }
        drop(allocator);
        Finished { retired: std::mem::take(&mut self.retired), born_count }
    }

    /// Gives all ids and frames back. The same as dropping it.
    pub fn abort(self) {
        drop(self);
    }
}

impl Drop for Edit {
    fn drop(&mut self) {
        let singles = self.singles.iter().map(|page| Run { page: *page, count: 1 });
        let extents = self.extents.iter().map(|(page, count)| Run { page: *page, count: *count });
        for run in singles.chain(extents) {
            for page in run.pages() {
                self.pager.pool.forget(page);
            }
            self.pager.allocator().free(run);
        }
    }
}

/// Copies slots and heap of a node. What is between them stays as the frame had it; it becomes zero
/// when the page is written.
fn copy_node(source: &Page, target: &mut Page) {
    let node = Node::new(source);
    let slots_end = SLOTS_OFFSET + node.count() * Slot::BYTES;
    let heap_start = node.heap_start().clamp(slots_end, PAGE_BYTES);
    target[PageHeader::BYTES..slots_end].copy_from_slice(&source[PageHeader::BYTES..slots_end]);
    target[heap_start..].copy_from_slice(&source[heap_start..]);
    debug_assert_eq!(u16::read(&target[40..]), u16::read(&source[40..]));
}
