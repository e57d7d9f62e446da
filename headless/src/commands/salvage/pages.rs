//! Rows from pages: of the newest tree that a meta names, and of leaves that damage cut off from it.

use super::{Findings, Hole, Sink};
use color_eyre::eyre::Result;
use northstar_engine::{
    Corrupt, PageId, Place, Pointer,
    format::page::{PageHeader, PageType, verify_page},
    inspect::{
        self, Source,
        find::survey,
        tree::{Root, RowItem, node, rows, value},
    },
};

/// Rows read in one go.
const WINDOW: usize = 1_000;

/// Puts every row that pages give into the sink; what they do not give becomes holes.
pub(super) fn save(source: &Source, sink: &mut Sink, findings: &mut Findings) -> Result<()> {
    let metas = inspect::metas(source);
    let roots = metas.slots.iter().filter_map(|slot| slot.root);
    // Recovery's choice; where it refuses, any slot that is sound in itself.
    let chosen = metas.chosen.and_then(|slot| metas.slots.get(slot.index())?.root);
    let Some(root) = chosen.or_else(|| roots.max_by_key(|root| root.txn_id)) else {
        let problem =
            Corrupt::at(Place::File, "META-1", "a meta slot that can be used", &metas.reason);
        findings.holes.push(Hole { from: Vec::new(), to: None, problem });
        return Ok(());
    };
    findings.txn_id = root.txn_id;
    findings.last_txn = root.txn_id;
    tree(source, &root, sink, findings)?;
    if !findings.holes.is_empty() {
        cut_off_leaves(source, sink, findings)?;
    }
    Ok(())
}

fn tree(source: &Source, root: &Root, sink: &mut Sink, findings: &mut Findings) -> Result<()> {
    let mut from = Vec::new();
    loop {
        let window = rows(source, root, &from, b"", WINDOW);
        for item in &window.items {
            match item {
                RowItem::Row(row) => {
                    from.clone_from(&row.key);
                    from.push(0);
                    match whole_value(source, row) {
                        Ok(bytes) => {
                            sink.put(&row.key, &bytes)?;
                            findings.rows_from_pages += 1;
                        }
                        Err(problem) => findings.holes.push(Hole {
                            from: row.key.clone(),
                            to: Some(from.clone()),
                            problem,
                        }),
                    }
                }
                RowItem::Hole { from: first, to, problem, .. } => {
                    let (first, to) = (first.clone(), to.clone());
                    let hole = Hole { from: first, to: to.clone(), problem: problem.clone() };
                    findings.holes.push(hole);
                    match to {
                        Some(to) => from = to,
                        None => return Ok(()),
                    }
                }
            }
        }
        if window.complete {
            return Ok(());
        }
        if window.items.is_empty() {
            // A tree of empty nodes without end: nothing more to be had from it.
            let problem =
                Corrupt::at(Place::File, "TREE-1", "rows within 10,000 pages", "empty nodes");
            findings.holes.push(Hole { from, to: None, problem });
            return Ok(());
        }
    }
}

/// The value of a row, all of it.
fn whole_value(source: &Source, row: &inspect::tree::Row) -> Result<Vec<u8>, Corrupt> {
    if row.place.bytes == row.value.len() as u64 {
        return row.problem.clone().map_or_else(|| Ok(row.value.clone()), Err);
    }
    let page = row.leaf.page;
    let unreadable =
        |found: &dyn std::fmt::Display| Corrupt::page(page, "PAGE-1", "a readable page", found);
    let leaf = source.read_page(page).map_err(|error| unreadable(&error))?;
    let value = value(source, &leaf.bytes, row.slot, usize::MAX)
        .ok_or_else(|| unreadable(&"another page than before"))?;
    value.problem.map_or(Ok(value.bytes), Err)
}

/// Leaves that are marked in use and reached by nothing: a broken node stood above them. Their rows
/// fill holes, and nothing else.
fn cut_off_leaves(source: &Source, sink: &mut Sink, findings: &mut Findings) -> Result<()> {
    let survey = survey(source, &mut inspect::no_progress());
    let mut leaves: Vec<Pointer> =
        survey.orphans().filter_map(|page| leaf_of(source, page, findings)).collect();
    // Of a key in two leaves the younger one counts.
    leaves.sort_by_key(|leaf| leaf.birth);
    for leaf in leaves {
        let (Ok(view), Ok(page)) = (node(source, leaf, Some(0)), source.read_page(leaf.page))
        else {
            continue;
        };
        if !view.problems.is_empty() {
            continue;
        }
        for (index, entry) in view.entries.iter().enumerate() {
            if !findings.is_in_hole(entry.key()) {
                continue;
            }
            let value = value(source, &page.bytes, index, usize::MAX);
            if let Some(value) = value.filter(|value| value.problem.is_none()) {
                sink.put(entry.key(), &value.bytes)?;
                findings.rows_from_cut_off_leaves += 1;
            }
        }
    }
    Ok(())
}

/// The page as a leaf of the state that is being saved, if it is one.
fn leaf_of(source: &Source, page: PageId, findings: &Findings) -> Option<Pointer> {
    let bytes = source.read_page(page).ok()?.bytes;
    let header: PageHeader = verify_page(&bytes, source.uuid(), page).ok()?;
    let is_leaf = PageType::from_u8(header.page_type) == Some(PageType::Leaf);
    let known = header.birth <= findings.txn_id;
    (is_leaf && known).then_some(Pointer { page, birth: header.birth, nonce: header.nonce })
}
