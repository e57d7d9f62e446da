//! Who points at a page, the way to it, and the next page that is broken.

use crate::error::Corrupt;
use crate::format::chain::{ChainHeader, ENTRIES_OFFSET, HistoryRow, RetiredRow, entry_bytes};
use crate::format::meta::Meta;
use crate::format::overflow::OverflowHeader;
use crate::format::page::{PAGE_MAGIC, PageHeader, PageType};
use crate::ids::{PageId, Pointer};
use crate::inspect::source::Source;
use crate::inspect::tree::raw::RawNode;
use crate::inspect::tree::{LookupStep, Root, lookup};
use crate::inspect::{Progress, page};
use serde::Serialize;

/// Most referrers that are listed.
const REFERRERS_MAX: usize = 10_000;

/// How a page is pointed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferrerKind {
    /// A meta names it as its root.
    MetaRoot,
    /// A meta names it as the first page of its bitmap.
    MetaBitmap,
    /// A meta names it as the first page of its history.
    MetaHistory,
    /// A meta names it as the first page of its retired rows.
    MetaRetired,
    /// A node has it as a child.
    Child,
    /// A row's value is in it (the extent it belongs to).
    Value,
    /// An extent's first page names it as part of the next extent.
    NextExtent,
    /// A chain page names it as the next.
    NextInChain,
    /// A history row names it as a past state's root.
    HistoryRoot,
    /// A retired row's run holds it.
    Retired,
    /// A node has it as its right sibling: a hint, perhaps stale.
    RightSibling,
}

/// A place that points at a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Referrer {
    /// The page it is in.
    pub page: PageId,
    /// The slot or row in that page, where there are some.
    pub index: Option<usize>,
    /// How it points.
    pub kind: ReferrerKind,
    /// The pointer, where it is one; compare its birth and nonce with the target's to tell a
    /// current reference from one of the page's earlier life.
    pub pointer: Option<Pointer>,
}

/// Everything in the file that points at `target`, dead pages included; reads the whole file.
///
/// At most 10,000. `progress` may stop it.
///
/// # Errors
/// `Io`.
pub fn referrers(
    source: &Source,
    target: PageId,
    progress: Progress<'_>,
) -> crate::Result<Vec<Referrer>> {
    let mut found = Vec::new();
    let pages = source.page_count()?;
    for id in 0..pages {
        if !progress(id, pages) || found.len() >= REFERRERS_MAX {
            break;
        }
        let page = source.read_page(PageId::new(id))?;
        referrers_in(&page.bytes, PageId::new(id), target, &mut found);
    }
    Ok(found)
}

fn referrers_in(bytes: &[u8], id: PageId, target: PageId, found: &mut Vec<Referrer>) {
    let Some(header) = PageHeader::decode(bytes).filter(|header| header.magic == PAGE_MAGIC) else {
        return;
    };
    let mut add = |index, kind, pointer: Pointer, count: u64| {
        let first = pointer.page.get();
        if first >= 2 && (first..first.saturating_add(count)).contains(&target.get()) {
            found.push(Referrer { page: id, index, kind, pointer: Some(pointer) });
        }
    };
    let rest = bytes.get(PageHeader::BYTES..).unwrap_or_default();
    match PageType::from_u8(header.page_type) {
        Some(PageType::Meta) => {
            let Some(meta) = Meta::decode(rest) else { return };
            add(None, ReferrerKind::MetaRoot, meta.root, 1);
            add(None, ReferrerKind::MetaBitmap, meta.bitmap, 1);
            add(None, ReferrerKind::MetaHistory, meta.history, 1);
            add(None, ReferrerKind::MetaRetired, meta.retired, 1);
        }
        Some(PageType::Internal | PageType::Leaf) => {
            let Some(raw) = RawNode::new(bytes) else { return };
            for index in 0..raw.count() {
                if let Some(child) = raw.child(index) {
                    add(Some(index), ReferrerKind::Child, child, 1);
                }
                if let Some(value) = raw.descriptor(index) {
                    let count = u64::from(value.first_count);
                    add(Some(index), ReferrerKind::Value, value.first, count);
                }
            }
            if raw.header.right_sibling == target.get() && target.get() >= 2 {
                let kind = ReferrerKind::RightSibling;
                found.push(Referrer { page: id, index: None, kind, pointer: None });
            }
        }
        Some(PageType::Overflow) => {
            let Some(overflow) = OverflowHeader::decode(rest) else { return };
            let count = u64::from(overflow.next_count);
            add(None, ReferrerKind::NextExtent, overflow.next, count);
        }
        Some(page_type @ (PageType::Bitmap | PageType::History | PageType::Retired)) => {
            let Some(chain) = ChainHeader::decode(rest) else { return };
            add(None, ReferrerKind::NextInChain, chain.next, 1);
            rows_in(bytes, page_type, &chain, &mut add);
        }
        None => {}
    }
}

/// What the rows of a history or retired page point at.
fn rows_in(
    bytes: &[u8],
    page_type: PageType,
    chain: &ChainHeader,
    add: &mut impl FnMut(Option<usize>, ReferrerKind, Pointer, u64),
) {
    let length = entry_bytes(page_type, chain.count).unwrap_or(0);
    let end = ENTRIES_OFFSET.saturating_add(length).min(bytes.len());
    let entries = bytes.get(ENTRIES_OFFSET..end).unwrap_or_default();
    match page_type {
        PageType::History => {
            for (index, row) in entries.chunks_exact(HistoryRow::BYTES).enumerate() {
                if let Some(row) = HistoryRow::decode(row) {
                    add(Some(index), ReferrerKind::HistoryRoot, row.root, 1);
                }
            }
        }
        PageType::Retired => {
            for (index, row) in entries.chunks_exact(RetiredRow::BYTES).enumerate() {
                if let Some(row) = RetiredRow::decode(row) {
                    let pointer = Pointer { page: row.page, birth: row.birth, nonce: 0 };
                    add(Some(index), ReferrerKind::Retired, pointer, u64::from(row.count));
                }
            }
        }
        _ => {}
    }
}

/// The way from a root down to a node, found by looking up the node's first key: the last step is
/// the node itself. `None` when the page is no node of that tree. Cost: one look-up.
pub fn path_to(source: &Source, root: &Root, target: PageId) -> Option<Vec<LookupStep>> {
    let bytes = source.read_page(target).ok()?.bytes;
    let raw = RawNode::new(&bytes)?;
    // Slot 0 of an internal node has no key of its own; slot 1's is in the node's range too.
    let index = usize::from(!raw.leaf && raw.count() > 1);
    let key = raw.key(index)?;
    let mut steps = lookup(source, root, &key);
    let at = steps.iter().position(|step| step.pointer.page == target)?;
    steps.truncate(at.saturating_add(1));
    Some(steps)
}

/// The first page from `from` on (or back from it) that does not verify or breaks a rule by itself;
/// pages that were never written are passed over.
///
/// # Errors
/// `Io`.
pub fn next_problem(
    source: &Source,
    from: PageId,
    forward: bool,
    progress: Progress<'_>,
) -> crate::Result<Option<(PageId, Corrupt)>> {
    let pages = source.page_count()?;
    let mut at = from.get().min(pages.saturating_sub(1));
    let mut done = 0_u64;
    while at < pages && progress(done, pages) {
        let id = PageId::new(at);
        let bytes = source.read_page(id)?.bytes;
        let view = page(&bytes, id, source.uuid());
        if let Some(problem) = view.problems.into_iter().next() {
            return Ok(Some((id, problem)));
        }
        let next = if forward { at.checked_add(1) } else { at.checked_sub(1) };
        let Some(next) = next else { break };
        (at, done) = (next, done.saturating_add(1));
    }
    Ok(None)
}
