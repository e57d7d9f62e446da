//! States without pages compared by their commits: what those behind the earlier state did to it.
//!
//! Both are overlays ([`Overlay`]): one makes the earlier state, the other holds what came after. What
//! the second touched is looked up in the first.
//!
//! Cost: the records between, and one look-up in the tree for each key that was written.

use super::{Change, Comparison, Span};
use crate::job::Desk;
use crate::model::replay::Overlay;
use crate::model::rows::{Item, Merge};
use crate::model::states::Evidence;
use northstar_engine::inspect::Source;
use northstar_engine::inspect::log::LogView;
use northstar_engine::inspect::tree::RowItem;

/// Rows of cleared ranges that are looked at,
const CLEARED_MAX: usize = 20_000;
/// so many at a time.
const BATCH: usize = 256;

/// Compares the ends of `span` by its records.
pub(super) fn compare(
    source: &Source,
    log: &LogView,
    span: &Span,
    desk: &mut Desk<'_>,
) -> Result<Comparison, String> {
    let lineage = &span.lineage;
    let mut earlier = Overlay::over(lineage);
    let mut later = Overlay::over(lineage);
    let total = lineage.commits.len() as u64;
    for (done, commit) in (0..).zip(&lineage.commits) {
        if !desk.progress(done, total) {
            return Err("stopped".to_owned());
        }
        let side = if commit.0 > span.earlier.txn { &mut later } else { &mut earlier };
        side.take(source, log, *commit)?;
    }
    let mut out = Comparison::new((span.earlier.txn, span.later.txn), later.evidence());
    out.holes = [earlier.holes(), later.holes()].concat();
    let first = lineage.commits.first().map_or(span.later.txn, |(first, _)| *first);
    if !lineage.whole {
        out.holes.push(format!("no record of what was committed before txn {first}"));
    }
    for (key, row) in later.touched() {
        let known = earlier.knows(key);
        match (earlier.value(source, key), row) {
            (None, Some(_)) if known => out.push(Change::Added, key),
            (None, Some(_)) => out.push(Change::Changed, key),
            (Some(old), Some(new)) if old.same(new) => {}
            (Some(_), Some(_)) => out.push(Change::Changed, key),
            (Some(_), None) => out.push(Change::Removed, key),
            (None, None) if known => {}
            // Nothing is known of it: a delete is taken for a row that was there.
            (None, None) => out.push(Change::Removed, key),
        }
    }
    removed_by_ranges(source, &earlier, &later, &mut out, desk)?;
    out.changes.sort_by(|one, other| one.1.cmp(&other.1));
    if !out.holes.is_empty() && out.evidence == Evidence::Replayed {
        out.evidence = Evidence::Partial;
    }
    Ok(out)
}

/// The rows of the earlier state that lie in ranges cleared later, and were not written again.
fn removed_by_ranges(
    source: &Source,
    earlier: &Overlay,
    later: &Overlay,
    out: &mut Comparison,
    desk: &mut Desk<'_>,
) -> Result<(), String> {
    let merge = Merge { source, overlay: earlier, prefix: &[] };
    let mut seen = 0;
    for (start, end) in later.cleared() {
        let mut at = Some(start.to_vec());
        while let Some(from) = at.take() {
            let (items, complete) = merge.from(&from, BATCH, desk)?;
            seen += items.len();
            at = items.last().and_then(Item::behind).filter(|_| !complete);
            for item in items {
                if end.is_some_and(|end| item.key() >= end) {
                    at = None;
                    break;
                }
                match item {
                    Item::Tree(RowItem::Hole { problem, .. }) => {
                        out.holes.push(problem.to_string())
                    }
                    item if later.touches(item.key()) => {}
                    item => out.push(Change::Removed, item.key()),
                }
            }
            if seen > CLEARED_MAX {
                out.cut = true;
                return Ok(());
            }
        }
    }
    Ok(())
}
