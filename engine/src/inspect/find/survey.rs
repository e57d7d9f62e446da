//! Everything that metas and history reach, and what is wrong with it.

use super::found::Survey;
use super::free_map::FreeMap;
use super::walk::TreeWalk;
use crate::error::{Corrupt, Place};
use crate::format::chain::{
    ChainHeader, ChainPlace, HistoryRow, RetiredRow, check_bitmap, history_rows, retired_rows,
};
use crate::format::meta::{Meta, SlotChoice};
use crate::format::page::{PageType, check_pointer, verify_page};
use crate::ids::{PageId, Pointer};
use crate::inspect::Progress;
use crate::inspect::bits::Bits;
use crate::inspect::metas::{MetaJudgement, metas};
use crate::inspect::report::{Problem, Report, Severity};
use crate::inspect::source::Source;
use crate::inspect::tree::{NamedBy, Root};
use crate::limits::PAGE_BYTES;

/// Most retired rows that are kept for showing.
const RETIRED_ROWS_KEPT_MAX: usize = 100_000;

/// Walks everything that the two metas and their history reach, asking every rule about pages.
///
/// Never fails: what cannot be read is a problem in the report. Cost: every reachable page once,
/// a few bits of memory a page.
pub fn survey(source: &Source, progress: Progress<'_>) -> Survey {
    let judgement = metas(source);
    let mut surveyor = Surveyor {
        source,
        survey: Survey::default(),
        progress,
        file_bytes: source.bytes().unwrap_or(0),
    };
    surveyor.survey.file_pages = surveyor.file_bytes.div_ceil(PAGE_BYTES as u64);
    surveyor.file(&judgement);
    let order = match judgement.chosen {
        Some(chosen) => vec![chosen, chosen.other()],
        None => vec![SlotChoice::A, SlotChoice::B],
    };
    for slot in order {
        let current = judgement.chosen == Some(slot);
        if let Some(meta) = judgement.judgement.slot(slot) {
            surveyor.state(meta, slot, current);
        }
    }
    surveyor.used_is_reached();
    surveyor.survey
}

/// Called with each page of a chain: its id, header and entries.
type ChainVisitor<'a, S> = &'a mut dyn FnMut(&mut S, PageId, &ChainHeader, &[u8]);

struct Surveyor<'a, 'p> {
    source: &'a Source,
    survey: Survey,
    progress: Progress<'p>,
    file_bytes: u64,
}

impl Surveyor<'_, '_> {
    fn push(&mut self, severity: Severity, corrupt: Corrupt) {
        if let Place::Page(page) = corrupt.place {
            self.survey.bad.insert(page.get());
        }
        self.survey.report.push(Problem::new(severity, self.source.path(), corrupt));
    }

    /// META-*, FILE-1 and FILE-2: the metas and the file's length.
    fn file(&mut self, judgement: &MetaJudgement) {
        self.survey.report.pages = self.survey.report.pages.saturating_add(2);
        let severity = if judgement.chosen.is_some() { Severity::Warning } else { Severity::Error };
        for slot in [SlotChoice::A, SlotChoice::B] {
            if let Some(problem) = judgement.judgement.problem(slot) {
                self.push(severity, problem.clone());
            }
        }
        if judgement.chosen.is_none() && judgement.slots.iter().all(|slot| slot.valid) {
            let corrupt = Corrupt::at(Place::File, "META-10", "slots of one file", "two files");
            self.push(Severity::Error, corrupt);
        }
        if let (Some(new), Some(old)) = (judgement.meta(), judgement.judgement.other()) {
            let neighbours = old.sequence.checked_add(1) == Some(new.sequence);
            if !neighbours || new.txn_id < old.txn_id || new.log_lsn < old.log_lsn {
                let found = format!(
                    "sequences {} and {}, states {} and {}, log {} and {}",
                    old.sequence, new.sequence, old.txn_id, new.txn_id, old.log_lsn, new.log_lsn
                );
                let expected = "slots that follow each other";
                let corrupt = Corrupt::at(Place::File, "META-12", expected, found);
                self.push(Severity::Warning, corrupt);
            }
        }
        for slot in [SlotChoice::A, SlotChoice::B] {
            let Some(meta) = judgement.judgement.slot(slot) else { continue };
            let needed = meta.page_count.saturating_mul(PAGE_BYTES as u64);
            if self.file_bytes < needed {
                let severity = match judgement.chosen == Some(slot) {
                    true => Severity::Error,
                    false => Severity::Warning,
                };
                let expected = format!("{needed} bytes (slot {})", slot.name());
                self.push(severity, Corrupt::at(Place::File, "FILE-1", expected, self.file_bytes));
            }
        }
        if !self.file_bytes.is_multiple_of(PAGE_BYTES as u64) {
            let corrupt = Corrupt::at(Place::File, "FILE-2", "whole pages", self.file_bytes);
            self.push(Severity::Note, corrupt);
        }
        if let Some(meta) = judgement.meta() {
            self.survey.page_count = meta.page_count;
            self.survey.txn_id = Some(meta.txn_id);
            self.survey.report.txn_id = Some(meta.txn_id.get());
        }
    }

    /// One meta: its tree, its history's trees, its chains.
    fn state(&mut self, meta: &Meta, slot: SlotChoice, current: bool) {
        let root = Root::of_meta(meta, slot);
        self.survey.roots.push(root);
        let rows = self.tree(&root, meta.page_count, current);
        if current {
            self.survey.report.rows = rows;
        }
        for row in self.history(meta, current) {
            let root = Root {
                txn_id: row.txn_id,
                pointer: row.root,
                depth: row.depth,
                key_count: row.key_count,
                log_lsn: row.lsn,
                named_by: NamedBy::History(slot),
            };
            let known = self.survey.roots.iter().any(|other| other.pointer == root.pointer);
            self.survey.roots.push(root);
            if !known {
                self.tree(&root, meta.page_count, false);
            }
        }
        self.retired(meta, current);
        let bitmap = self.bitmap(meta, current);
        if current {
            self.survey.free_map = bitmap;
            self.reached_is_used();
        }
    }

    fn tree(&mut self, root: &Root, page_count: u64, current: bool) -> u64 {
        TreeWalk::new(self.source, &mut self.survey, &mut self.progress, page_count, current)
            .run(root)
    }

    /// Follows a chain; calls `page` with each page's id, header and entries.
    fn chain(
        &mut self,
        meta: &Meta,
        first: Pointer,
        page_type: PageType,
        severity: Severity,
        page: ChainVisitor<'_, Self>,
    ) -> bool {
        let mut at = first;
        let mut place = ChainPlace { page_type, first: 0 };
        let mut own = Bits::default();
        while !at.is_null() {
            let id = at.page;
            let read = if id.get() < 2 || id.get() >= meta.page_count {
                let expected = format!("a page of 2 to {}", meta.page_count);
                Err(Corrupt::page(id, "TREE-5", expected, format!("{at:?}")))
            } else if !own.insert(id.get()) {
                Err(Corrupt::page(id, "TREE-4", "a chain that ends", "a page seen before"))
            } else {
                self.read_chain_page(at, place)
            };
            match read {
                Ok((header, entries)) => {
                    self.survey.chains.insert(id.get());
                    page(self, id, &header, &entries);
                    place.first = place.first.saturating_add(u64::from(header.count));
                    at = header.next;
                }
                Err(corrupt) => {
                    self.push(severity, corrupt);
                    return false;
                }
            }
        }
        true
    }

    fn read_chain_page(
        &mut self,
        at: Pointer,
        place: ChainPlace,
    ) -> Result<(ChainHeader, Vec<u8>), Corrupt> {
        self.survey.report.pages = self.survey.report.pages.saturating_add(1);
        let page = self
            .source
            .read_page(at.page)
            .map_err(|error| Corrupt::page(at.page, "PAGE-1", "a readable page", error))?;
        let header = verify_page(&page.bytes, self.source.uuid(), at.page)?;
        check_pointer(&header, at)?;
        let (header, entries) = ChainHeader::decode_page(&page.bytes, &header, place)?;
        Ok((header, entries.to_vec()))
    }

    /// The history rows of a meta that hold.
    fn history(&mut self, meta: &Meta, current: bool) -> Vec<HistoryRow> {
        // Losing history loses past states, not the current one: recovery goes on without it.
        let severity = if current { Severity::Error } else { Severity::Warning };
        let mut rows = Vec::new();
        let mut after = None;
        self.chain(
            meta,
            meta.history,
            PageType::History,
            severity,
            &mut |surveyor, id, _, entries| {
                for row in history_rows(entries) {
                    match row.check(id, after, meta.txn_id) {
                        Ok(()) => rows.push(row),
                        Err(corrupt) => surveyor.push(severity, corrupt),
                    }
                    after = Some(row.txn_id);
                }
            },
        );
        rows
    }

    /// RET-2 and RET-3: retired runs are ones that can be, and the state's own tree uses none.
    fn retired(&mut self, meta: &Meta, current: bool) {
        let severity = if current { Severity::Error } else { Severity::Warning };
        let mut own = Bits::default();
        self.chain(
            meta,
            meta.retired,
            PageType::Retired,
            severity,
            &mut |surveyor, id, _, entries| {
                for row in retired_rows(entries) {
                    if let Err(corrupt) = row.check(id, meta.page_count, meta.txn_id) {
                        surveyor.push(severity, corrupt);
                        continue;
                    }
                    if current && surveyor.survey.retired_rows.len() < RETIRED_ROWS_KEPT_MAX {
                        surveyor.survey.retired_rows.push(row);
                    }
                    surveyor.retired_run(&row, current, severity, &mut own);
                }
            },
        );
    }

    fn retired_run(&mut self, row: &RetiredRow, current: bool, severity: Severity, own: &mut Bits) {
        for index in 0..u64::from(row.count) {
            let page = row.page.get().saturating_add(index);
            let id = PageId::new(page);
            if !own.insert(page) {
                let found = "a page of two rows";
                self.push(severity, Corrupt::page(id, "RET-3", "each page retired once", found));
            }
            if current {
                self.survey.retired.insert(page);
                if self.survey.live.contains(page) {
                    let expected = "a page the current tree does not use";
                    let corrupt = Corrupt::page(id, "RET-3", expected, "a page of the tree");
                    self.push(severity, corrupt);
                }
            }
        }
    }

    /// The bitmap of a meta; `None` when there is none or it is damaged.
    fn bitmap(&mut self, meta: &Meta, current: bool) -> Option<FreeMap> {
        if meta.bitmap.is_null() {
            return None;
        }
        let mut map = FreeMap::default();
        // A damaged bitmap is rebuilt on open: nothing is lost.
        let severity = if current { Severity::Warning } else { Severity::Note };
        let whole = self.chain(
            meta,
            meta.bitmap,
            PageType::Bitmap,
            severity,
            &mut |surveyor, id, header, bits| {
                if let Err(corrupt) = check_bitmap(id, header, bits) {
                    surveyor.push(severity, corrupt);
                }
                map.add(header.first, header.count, bits);
            },
        );
        if whole && map.page_count() < meta.page_count {
            let expected = format!("a bit for each of {} pages", meta.page_count);
            let found = map.page_count();
            self.push(severity, Corrupt::page(meta.bitmap.page, "MAP-4", expected, found));
            return None;
        }
        whole.then_some(map)
    }

    /// MAP-5: the chosen meta's bitmap frees no page that its tree, its history or its own chains reach. Asked
    /// before the other meta is walked: what only that one needs is no business of this bitmap.
    fn reached_is_used(&mut self) {
        let Some(map) = &self.survey.free_map else { return };
        let reached = self.survey.live.iter().chain(self.survey.kept.iter());
        let reached = reached.chain(self.survey.chains.iter());
        let freed: Vec<u64> = reached.filter(|&page| !map.is_used(PageId::new(page))).collect();
        for page in freed {
            let id = PageId::new(page);
            let corrupt = Corrupt::page(id, "MAP-5", "in use: it is reached", "free");
            self.push(Severity::Error, corrupt);
        }
    }

    /// MAP-6: no page is in use for nothing. Only a whole walk can tell that nothing reaches a page.
    fn used_is_reached(&mut self) {
        if self.survey.report.cancelled || !self.survey.report.is_clean() {
            return;
        }
        let orphans: Vec<PageId> = self.survey.orphans().take(Report::PROBLEMS_MAX).collect();
        for id in orphans {
            let expected = "free, or reached by a kept state";
            let corrupt = Corrupt::page(id, "MAP-6", expected, "in use, and nothing reaches it");
            let problem = Problem::new(Severity::Warning, self.source.path(), corrupt);
            self.survey.report.push(problem);
        }
    }
}
