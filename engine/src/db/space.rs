//! Which pages are free, found out before the first write.
//!
//! Called by `begin_write`, by recovery before it replays, and by the checkpoint. Spec:
//! `spec/semantics_v0.md`, space; crash rules 2, 4, 10, 11 and 22.
//!
//! The meta's bitmap is believed when its checksums hold; a file of up to 8 MiB is walked and compared
//! besides, a larger one when asked. A missing or damaged bitmap is rebuilt by a walk. A bitmap that
//! calls a reachable page free is `Corrupt`: reading goes on, writing does not.

use crate::db::chains::{self, mark_used};
use crate::db::metas::Slot;
use crate::db::shared::Shared;
use crate::error::{Corrupt, Result};
use crate::format::meta::Meta;
use crate::ids::{PageId, TxnId};
use crate::pager::{FreeSpace, Pager, Run};
use crate::sabotage::{self, Switch};
use crate::tree::{self, TreeRoot};
use crate::txn::core::Core;
use crate::txn::reclaim::{self, Keeper};
use crate::txn::snapshot::Snapshot;

/// Files of up to this many pages (8 MiB) are walked before the first reuse.
const WALK_PAGES_MAX: u64 = 512;

/// Installs the free space, once. The same answer each time.
///
/// # Errors
/// `Corrupt` when the free space contradicts the tree, or the tree cannot be walked; `Io`.
pub(crate) fn prepare(shared: &Shared) -> Result<()> {
    if let Some(done) = shared.space.get() {
        return done.clone();
    }
    // Under the metas' lock, so that two writers do not prepare at once.
    let mut metas = shared.metas();
    if let Some(done) = shared.space.get() {
        return done.clone();
    }
    let result = find_out(shared, &mut metas);
    // An I/O error may pass; a contradiction does not.
    match &result {
        Err(error) if !error.is_corrupt() => result,
        _ => shared.space.get_or_init(|| result).clone(),
    }
}

/// [`prepare`] for a caller that is about to write.
pub(crate) fn prepare_writable(core: &Core, shared: &Shared) -> Result<()> {
    core.check_writable()?;
    prepare(shared)
}

fn find_out(shared: &Shared, metas: &mut crate::db::metas::Metas) -> Result<()> {
    let pager = &shared.core.pager;
    let sequence = metas.sequence;
    let current = metas.current().meta;
    let (rows, history_pages) = chains::read_history(pager, &current)?;
    let mut own_pages = history_pages;
    let retired = damage_as_none(chains::read_retired(pager, &current))?;
    let bitmap = damage_as_none(chains::read_bitmap(pager, &current))?.flatten();
    let other = metas.older().map(|slot| slot.meta);
    let other = other.map(|meta| other_slot(pager, meta)).transpose()?;
    let mut roots = vec![(current.txn_id, tree_of(&current))];
    roots.extend(rows.iter().map(|row| (row.txn_id, row.tree())));
    let mut other_pages = Vec::new();
    if let Some((slot, slot_rows)) = &other {
        roots.push((slot.meta.txn_id, tree_of(&slot.meta)));
        roots.extend(slot_rows.iter().map(|row| (row.txn_id, row.tree())));
        other_pages.clone_from(&slot.pages);
    }

    let known = match (bitmap, retired) {
        (Some((free_space, bitmap_pages)), Some((retired, retired_pages))) => {
            let own: Vec<Run> =
                own_pages.iter().chain(&bitmap_pages).chain(&retired_pages).copied().collect();
            sound(&free_space, &retired, &own).then_some((free_space, retired, own))
        }
        _ => None,
    };
    // What the older slot has behind the newer one's last page is free, unless marked used below.
    let page_count = pager.page_count();
    let small = current.page_count <= WALK_PAGES_MAX || shared.options.verify_free_space;
    let (mut free_space, retired) = match known {
        Some((free_space, retired, own)) => {
            own_pages = own;
            if small && !sabotage::on(Switch::TrustBitmap) {
                let walked = walk(pager, page_count, &mut roots)?;
                compare(&free_space, &retired, &walked, &current)?;
            }
            (free_space, retired)
        }
        None => {
            let mut walked = walk(pager, page_count, &mut roots)?;
            mark_used(&mut walked.used, &own_pages);
            (walked.used, walked.retired)
        }
    };
    free_space.grow(page_count);
    mark_used(&mut free_space, &other_pages);

    // Asked before anything is taken over: after an error all of this is done again.
    let unknown = unknown_readers(shared, metas)?;
    let mut pipeline = shared.core.pipeline();
    if let Some(current) = &mut metas.slots[(sequence & 1) as usize] {
        current.pages = own_pages;
        current.roots = chains::roots_of(&current.meta, &rows);
        pipeline.keep(Keeper::Meta(sequence), current.roots.iter().copied());
    }
    if let Some((slot, _)) = other {
        pipeline.keep(Keeper::Meta(slot.meta.sequence), slot.roots.iter().copied());
        let number = slot.meta.slot();
        metas.slots[number] = Some(slot);
    }
    pipeline.adopt_retired(retired);
    if unknown {
        // Rule 22: some reader's roots are not known, so the file only grows. Without a free space
        // of its own the pager takes every page for used.
        pipeline.reuse_forbidden = true;
        metas.withheld = Some(free_space);
    } else {
        pager.install_free_space(free_space);
    }
    Ok(())
}

/// Whether a reader of another process uses a meta that is not known here (rule 22).
pub(crate) fn unknown_readers(shared: &Shared, metas: &crate::db::metas::Metas) -> Result<bool> {
    let Some(readers) = shared.file.foreign_readers()? else { return Ok(false) };
    if sabotage::on(Switch::IgnoreForeignReaders) {
        return Ok(false);
    }
    let known = |sequence: &u64| metas.needed().any(|slot| slot.meta.sequence == *sequence);
    Ok(!readers.iter().all(known))
}

/// `None` for damaged bytes: what they said is found out another way.
fn damage_as_none<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if chains::is_damage(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn tree_of(meta: &Meta) -> TreeRoot {
    TreeRoot { root: meta.root, depth: meta.depth, key_count: meta.key_count }
}

/// What the other valid slot names. Where its chains are damaged, as far as they can be read: a
/// fallback to it rebuilds the rest.
fn other_slot(pager: &Pager, meta: Meta) -> Result<(Slot, Vec<Snapshot>)> {
    let (rows, mut pages) = damage_as_none(chains::read_history(pager, &meta))?.unwrap_or_default();
    if let Some((_, more)) = damage_as_none(chains::read_retired(pager, &meta))? {
        pages.extend(more);
    }
    if let Some(Some((_, more))) = damage_as_none(chains::read_bitmap(pager, &meta))? {
        pages.extend(more);
    }
    Ok((Slot { roots: chains::roots_of(&meta, &rows), meta, pages }, rows))
}

/// RET-3: retired runs do not overlap, are in use by the bitmap, and are none of the chains' pages.
fn sound(free_space: &FreeSpace, retired: &[reclaim::Run], own: &[Run]) -> bool {
    let mut seen = FreeSpace::empty(free_space.page_count);
    for &run in own {
        if seen.set_used(run) || !is_used(free_space, run) {
            return false;
        }
    }
    retired.iter().all(|run| {
        let run = Run { page: run.page, count: run.count };
        !seen.set_used(run) && is_used(free_space, run)
    })
}

fn is_used(free_space: &FreeSpace, run: Run) -> bool {
    let first = run.page.get();
    (first..first.saturating_add(run.count.into()))
        .all(|page| free_space.is_used(PageId::new(page)))
}

/// What a walk of all roots found.
struct Walked {
    used: FreeSpace,
    /// Pages that older roots use and the newest does not.
    retired: Vec<reclaim::Run>,
    /// Pages that the newest root uses.
    newest: FreeSpace,
}

/// Visits every page of every root, each once, newest root first.
fn walk(pager: &Pager, page_count: u64, roots: &mut Vec<(TxnId, TreeRoot)>) -> Result<Walked> {
    roots.sort_by_key(|(txn_id, _)| std::cmp::Reverse(*txn_id));
    roots.dedup_by_key(|(_, tree)| tree.root);
    let mut used = FreeSpace::empty(page_count);
    let mut newest = FreeSpace::empty(page_count);
    let mut retired = Vec::new();
    let mut newer: Option<TxnId> = None;
    for (txn_id, tree) in roots.iter() {
        tree::walk(pager.view(), tree, &mut |visit| {
            let run = Run { page: visit.pointer.page, count: visit.count };
            let seen = is_used(&used, run);
            used.set_used(run);
            match newer {
                None => {
                    newest.set_used(run);
                }
                Some(newer) if !seen => retired.push(reclaim::Run {
                    page: run.page,
                    count: run.count,
                    birth: visit.pointer.birth,
                    retired: newer,
                }),
                Some(_) => {}
            }
            !seen
        })?;
        newer = Some(*txn_id);
    }
    retired.sort_by_key(|run| run.retired);
    Ok(Walked { used, retired, newest })
}

/// MAP-5 and RET-3: the bitmap frees no reachable page, and no retired run is of the newest tree.
fn compare(
    free_space: &FreeSpace,
    retired: &[reclaim::Run],
    walked: &Walked,
    meta: &Meta,
) -> Result<()> {
    for page in (0..meta.page_count).map(PageId::new) {
        if walked.used.is_used(page) && !free_space.is_used(page) {
            let expected = "used: a tree reaches it";
            return Err(Corrupt::page(page, "MAP-5", expected, "free in the bitmap").into());
        }
    }
    for run in retired {
        let run = Run { page: run.page, count: run.count };
        let first = run.page.get();
        let reached = (first..first.saturating_add(run.count.into()))
            .map(PageId::new)
            .find(|&page| walked.newest.is_used(page));
        if let Some(page) = reached {
            let expected = "a page that the newest tree does not use";
            return Err(Corrupt::page(page, "RET-3", expected, "one that it uses").into());
        }
    }
    Ok(())
}
