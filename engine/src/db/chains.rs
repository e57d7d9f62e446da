//! Reading and writing the page chains that a meta names: bitmap, history rows, retired rows.
//!
//! Called by `db::space` and `db::open` (read) and by `db::checkpoint` (write). Bytes:
//! `format::chain`. Keeps: MAP-1 to MAP-3, HIST-1, HIST-2, RET-1, RET-2. A hostile chain ends: it has
//! at most as many pages as the file.

use crate::error::{Corrupt, Error, Result};
use crate::format::chain::{
    BITMAP_BITS, ChainHeader, ChainPlace, HISTORY_ROWS, RETIRED_ROWS, check_bitmap, history_rows,
    retired_rows,
};
use crate::format::meta::Meta;
use crate::format::page::{PageHeader, PageType};
use crate::ids::{PageId, Pointer, TxnId};
use crate::pager::{Edit, FreeSpace, Pager, Run, Want};
use crate::txn::reclaim;
use crate::txn::snapshot::Snapshot;

/// The pages of one chain.
pub(crate) type ChainPages = Vec<Run>;

/// Gets a chain page's id, header and entries.
type VisitPage<'v> = dyn FnMut(PageId, &ChainHeader, &[u8]) -> Result<(), Corrupt> + 'v;

/// Reads the chain that starts at `first`; `visit` gets each page's header and entries.
fn read_chain(
    pager: &Pager,
    first: Pointer,
    page_type: PageType,
    page_count: u64,
    visit: &mut VisitPage<'_>,
) -> Result<ChainPages> {
    let want = match page_type {
        PageType::Bitmap => Want::Bitmap,
        PageType::History => Want::History,
        _ => Want::Retired,
    };
    let (mut next, mut entries, mut pages) = (first, 0_u64, ChainPages::new());
    while !next.is_null() {
        if pages.len() as u64 >= page_count || next.page.get() >= page_count {
            let rule = if page_type == PageType::Bitmap { "MAP-1" } else { "HIST-1" };
            let expected = format!("a chain inside {page_count} pages");
            return Err(Corrupt::page(next.page, rule, expected, "one that leaves them").into());
        }
        let page = pager.fetch(next, want)?;
        let header = PageHeader::decode(&page[..])
            .ok_or_else(|| Corrupt::page(next.page, "PAGE-1", "a page header", "too few bytes"))?;
        let place = ChainPlace { page_type, first: entries };
        let (chain, bytes) = ChainHeader::decode_page(&page[..], &header, place)?;
        visit(next.page, &chain, bytes)?;
        pages.push(Run { page: next.page, count: 1 });
        entries = entries.saturating_add(chain.count.into());
        next = chain.next;
    }
    Ok(pages)
}

/// The free space that `meta` describes; `None` when it names no bitmap.
pub(crate) fn read_bitmap(pager: &Pager, meta: &Meta) -> Result<Option<(FreeSpace, ChainPages)>> {
    if meta.bitmap.is_null() {
        return Ok(None);
    }
    let words = usize::try_from(meta.page_count.div_ceil(64)).unwrap_or(usize::MAX);
    let mut used: Vec<u64> = Vec::new();
    let mut bits = 0_u64;
    let mut visit = |id: PageId, header: &ChainHeader, bytes: &[u8]| {
        check_bitmap(id, header, bytes)?;
        bits = bits.saturating_add(header.count.into());
        if bits > meta.page_count || !header.first.is_multiple_of(64) {
            let expected = format!("bits for {} pages", meta.page_count);
            return Err(Corrupt::page(id, "MAP-1", expected, format!("{bits} bits")));
        }
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(chunk) {
                *to = *from;
            }
            used.push(u64::from_le_bytes(word));
        }
        Ok(())
    };
    let pages = read_chain(pager, meta.bitmap, PageType::Bitmap, meta.page_count, &mut visit)?;
    if bits != meta.page_count || used.len() != words {
        let expected = format!("bits for {} pages", meta.page_count);
        let found = format!("{bits} bits");
        return Err(Corrupt::page(meta.bitmap.page, "MAP-1", expected, found).into());
    }
    Ok(Some((FreeSpace { page_count: meta.page_count, used }, pages)))
}

/// The history rows of `meta`, oldest first.
pub(crate) fn read_history(pager: &Pager, meta: &Meta) -> Result<(Vec<Snapshot>, ChainPages)> {
    let mut rows: Vec<Snapshot> = Vec::new();
    let mut visit = |id: PageId, _: &ChainHeader, bytes: &[u8]| {
        for row in history_rows(bytes) {
            row.check(id, rows.last().map(|last| last.txn_id), meta.txn_id)?;
            if row.root.page.get() >= meta.page_count {
                let expected = format!("a root below page {}", meta.page_count);
                return Err(Corrupt::page(id, "HIST-2", expected, row.root.page));
            }
            rows.push(Snapshot::from_row(&row));
        }
        Ok(())
    };
    let pages = read_chain(pager, meta.history, PageType::History, meta.page_count, &mut visit)?;
    Ok((rows, pages))
}

/// The retired rows of `meta`, by page.
pub(crate) fn read_retired(pager: &Pager, meta: &Meta) -> Result<(Vec<reclaim::Run>, ChainPages)> {
    let mut rows: Vec<reclaim::Run> = Vec::new();
    let mut visit = |id: PageId, _: &ChainHeader, bytes: &[u8]| {
        for row in retired_rows(bytes) {
            row.check(id, meta.page_count, meta.txn_id)?;
            rows.push(reclaim::Run::from_row(&row));
        }
        Ok(())
    };
    let pages = read_chain(pager, meta.retired, PageType::Retired, meta.page_count, &mut visit)?;
    Ok((rows, pages))
}

/// What a checkpoint stores besides the tree.
pub(crate) struct Chains<'a> {
    /// The free space as of the state; the chains' own pages are added to it.
    pub(crate) free_space: &'a mut FreeSpace,
    /// Past states, oldest first.
    pub(crate) history: &'a [Snapshot],
    /// Retired pages, by page.
    pub(crate) retired: &'a [reclaim::Run],
    /// Whether the free space is known: else no bitmap is written, and the next open rebuilds it.
    pub(crate) with_bitmap: bool,
}

/// Where the chains are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written {
    pub(crate) bitmap: Pointer,
    pub(crate) history: Pointer,
    pub(crate) retired: Pointer,
    /// All their pages.
    pub(crate) pages: ChainPages,
}

impl Written {
    fn null() -> Self {
        Self {
            bitmap: Pointer::NULL,
            history: Pointer::NULL,
            retired: Pointer::NULL,
            pages: ChainPages::new(),
        }
    }
}

/// Allocates and fills the pages of all chains in `edit`.
///
/// # Errors
/// Those of allocation: `OutOfSpace`, `Io`. Aborting the edit gives everything back.
pub(crate) fn write(edit: &mut Edit, chains: Chains<'_>) -> Result<Written> {
    let mut written = Written::null();
    let history: Vec<Vec<u8>> = pages_of(chains.history, HISTORY_ROWS, |row, out| {
        row.to_row().encode(out);
    });
    let counts = page_counts(chains.history.len(), HISTORY_ROWS);
    written.history = write_chain(edit, PageType::History, &history, &counts, &mut written.pages)?;
    let retired: Vec<Vec<u8>> = pages_of(chains.retired, RETIRED_ROWS, |row, out| {
        row.to_row().encode(out);
    });
    let counts = page_counts(chains.retired.len(), RETIRED_ROWS);
    written.retired = write_chain(edit, PageType::Retired, &retired, &counts, &mut written.pages)?;
    if chains.with_bitmap {
        written.bitmap = write_bitmap(edit, chains.free_space, &mut written.pages)?;
    } else {
        mark_used(chains.free_space, &written.pages);
    }
    Ok(written)
}

/// The bitmap covers its own pages too, so they are allocated first, until they suffice.
fn write_bitmap(
    edit: &mut Edit,
    free_space: &mut FreeSpace,
    pages: &mut ChainPages,
) -> Result<Pointer> {
    mark_used(free_space, pages);
    let mut pointers: Vec<Pointer> = Vec::new();
    while (pointers.len() as u64) < free_space.page_count.div_ceil(BITMAP_BITS) {
        let pointer = edit.alloc_id()?;
        pointers.push(pointer);
        pages.push(Run { page: pointer.page, count: 1 });
        mark_used(free_space, &[Run { page: pointer.page, count: 1 }]);
    }
    const WORDS: usize = (BITMAP_BITS / 64) as usize;
    for (index, words) in free_space.used.chunks(WORDS).enumerate() {
        let first = index as u64 * BITMAP_BITS;
        let count = (free_space.page_count - first).min(BITMAP_BITS) as u32;
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.truncate(count.div_ceil(8) as usize);
        let next = pointers.get(index + 1).copied().unwrap_or(Pointer::NULL);
        let header = ChainHeader { next, count, first };
        fill(edit, pointers[index], PageType::Bitmap, header, &bytes)?;
    }
    Ok(pointers.first().copied().unwrap_or(Pointer::NULL))
}

/// Marks `pages` as used, making room for those behind the end.
pub(crate) fn mark_used(free_space: &mut FreeSpace, pages: &[Run]) {
    for &run in pages {
        let end = run.page.get() + u64::from(run.count);
        if end > free_space.page_count {
            free_space.page_count = end;
            free_space.used.resize(end.div_ceil(64) as usize, 0);
        }
        free_space.set_used(run);
    }
}

/// Marks `pages` as free and takes free pages off the end.
pub(crate) fn mark_free(free_space: &mut FreeSpace, pages: &[Run]) {
    for &run in pages {
        for page in run.page.get()..run.page.get() + u64::from(run.count) {
            if let Some(word) = free_space.used.get_mut((page / 64) as usize) {
                *word &= !(1 << (page % 64));
            }
        }
    }
    while free_space.page_count > 2 && !free_space.is_used(PageId::new(free_space.page_count - 1)) {
        free_space.page_count -= 1;
    }
    free_space.used.truncate(free_space.page_count.div_ceil(64) as usize);
}

fn pages_of<T>(rows: &[T], per_page: usize, encode: impl Fn(&T, &mut Vec<u8>)) -> Vec<Vec<u8>> {
    let page = |rows: &[T]| {
        let mut bytes = Vec::new();
        rows.iter().for_each(|row| encode(row, &mut bytes));
        bytes
    };
    rows.chunks(per_page).map(page).collect()
}

fn page_counts(rows: usize, per_page: usize) -> Vec<u32> {
    (0..rows).step_by(per_page).map(|first| (rows - first).min(per_page) as u32).collect()
}

fn write_chain(
    edit: &mut Edit,
    page_type: PageType,
    entries: &[Vec<u8>],
    counts: &[u32],
    pages: &mut ChainPages,
) -> Result<Pointer> {
    let mut pointers = Vec::with_capacity(entries.len());
    for _ in entries {
        let pointer = edit.alloc_id()?;
        pages.push(Run { page: pointer.page, count: 1 });
        pointers.push(pointer);
    }
    let mut first = 0;
    for (index, (bytes, &count)) in entries.iter().zip(counts).enumerate() {
        let next = pointers.get(index + 1).copied().unwrap_or(Pointer::NULL);
        fill(edit, pointers[index], page_type, ChainHeader { next, count, first }, bytes)?;
        first += u64::from(count);
    }
    Ok(pointers.first().copied().unwrap_or(Pointer::NULL))
}

/// Makes a chain page. There may be more of them than the cache has frames: they are written out as they come.
fn fill(
    edit: &mut Edit,
    pointer: Pointer,
    page_type: PageType,
    header: ChainHeader,
    entries: &[u8],
) -> Result<()> {
    edit.make_room()?;
    edit.fill_page(pointer, page_type, &[&header.to_bytes(), entries])
}

/// Whether an error means that a chain's bytes are wrong, rather than that it could not be read.
pub(crate) fn is_damage(error: &Error) -> bool {
    error.is_corrupt()
}

/// The states whose roots a meta names: its own and its history's.
pub(crate) fn roots_of(meta: &Meta, history: &[Snapshot]) -> Vec<TxnId> {
    history.iter().map(|row| row.txn_id).chain([meta.txn_id]).collect()
}
