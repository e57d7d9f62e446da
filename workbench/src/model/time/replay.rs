//! States without pages, replayed in memory: the commits between two states folded over the nearest
//! tree below, key by key.
//!
//! Cost: the records between, and one look-up in the tree for each key that changed.

use super::{Change, Comparison, Evidence, Span};
use crate::job::Desk;
use northstar_engine::TxnId;
use northstar_engine::inspect::Source;
use northstar_engine::inspect::log::{LogView, OPS_MAX, OpKind, OpView, record};
use northstar_engine::inspect::tree::{Root, RowItem, rows};
use std::collections::BTreeMap;

/// Keys held in memory at most.
const KEYS_MAX: usize = 200_000;
/// Rows of one deleted range that are looked at,
const RANGE_MAX: usize = 20_000;
/// so many at a time.
const BATCH: usize = 256;

/// A key's value, `None` when it has none.
type Value = Option<Vec<u8>>;

/// Compares the ends of `span` by its records.
pub(super) fn compare(
    source: &Source,
    log: &LogView,
    span: &Span,
    desk: &mut Desk<'_>,
) -> Result<Comparison, String> {
    let whole = span.below.is_some() || starts_at_genesis(span);
    let evidence = if whole { Evidence::Replayed } else { Evidence::LogOnly };
    let mut out = Comparison::new((span.earlier.txn, span.later.txn), evidence);
    let mut fold = Fold { source, below: span.below, whole, state: BTreeMap::new() };
    // First what the earlier state adds to the tree below, then what the commits behind it do.
    let mut before: BTreeMap<Vec<u8>, Value> = BTreeMap::new();
    let total = span.records.len() as u64;
    // Commits are numbered without a hole (LOG-8): a number that is missing is a record that is lost.
    let below = span.below.map(|root| root.txn_id).or(whole.then_some(TxnId::GENESIS));
    let mut before_it = below.or_else(|| span.records.first().map(|(first, _)| *first));
    for (done, (txn, lsn)) in span.records.iter().enumerate() {
        if before_it.is_some_and(|before| before.next() < *txn) {
            out.holes.push(format!("no record of what was committed before txn {txn}"));
        }
        before_it = Some(*txn);
        if !desk.progress(done as u64, total) {
            return Err("stopped".to_owned());
        }
        let detail = record(source, log, *lsn).map_err(|error| error.to_string())?;
        let Some(detail) = detail else {
            out.holes.push(format!("the record of txn {txn} cannot be read"));
            continue;
        };
        out.cut |= detail.ops.len() >= OPS_MAX || fold.state.len() > KEYS_MAX;
        for op in &detail.ops {
            let value = detail.bytes.get(op.value.clone()).unwrap_or_default();
            for key in fold.keys_of(op, &mut out) {
                if *txn > span.earlier.txn && !before.contains_key(&key) {
                    before.insert(key.clone(), fold.value_of(&key));
                }
                let put = op.kind == OpKind::Put;
                fold.state.insert(key, put.then(|| value.to_vec()));
            }
        }
    }
    for (key, old) in &before {
        let new = fold.state.get(key).cloned().flatten();
        match (old, &new) {
            (None, None) => {}
            (None, Some(_)) if fold.whole => out.push(Change::Added, key),
            (Some(_), None) => out.push(Change::Removed, key),
            (Some(old), Some(new)) if old == new => {}
            (None | Some(_), Some(_)) => out.push(Change::Changed, key),
        }
    }
    if !out.holes.is_empty() && out.evidence == Evidence::Replayed {
        out.evidence = Evidence::Partial;
    }
    Ok(out)
}

/// Whether the records go back to the first commit of all.
fn starts_at_genesis(span: &Span) -> bool {
    span.records.first().is_none_or(|(first, _)| *first == TxnId::GENESIS.next())
}

/// The rows that commits wrote, over a tree.
struct Fold<'a> {
    source: &'a Source,
    below: Option<Root>,
    /// Whether a key that is in neither is surely not there.
    whole: bool,
    state: BTreeMap<Vec<u8>, Value>,
}

impl Fold<'_> {
    fn value_of(&self, key: &[u8]) -> Value {
        if let Some(value) = self.state.get(key) {
            return value.clone();
        }
        match self.below {
            Some(root) => rows(self.source, &root, key, key, 1).items.into_iter().find_map(
                |item| match item {
                    RowItem::Row(row) if row.key == key => Some(row.value),
                    _ => None,
                },
            ),
            // Nothing is known of it: a delete is taken for a row that was there.
            None if !self.whole => Some(Vec::new()),
            None => None,
        }
    }

    /// The keys an operation touches; of a range, those that have rows.
    fn keys_of(&self, op: &OpView, out: &mut Comparison) -> Vec<Vec<u8>> {
        if op.kind != OpKind::DelRange {
            return vec![op.key.clone()];
        }
        let inside =
            |key: &[u8]| key >= op.key.as_slice() && op.end.as_deref().is_none_or(|end| key < end);
        let mut keys: Vec<Vec<u8>> = self
            .state
            .iter()
            .filter(|(key, value)| value.is_some() && inside(key))
            .map(|(key, _)| key.clone())
            .collect();
        let Some(root) = self.below else { return keys };
        let (mut from, mut seen) = (op.key.clone(), 0);
        loop {
            let found = rows(self.source, &root, &from, &[], BATCH);
            seen += found.items.len();
            for item in found.items {
                match item {
                    RowItem::Row(row) if !inside(&row.key) => return keys,
                    RowItem::Row(row) => {
                        from = [row.key.as_slice(), &[0]].concat();
                        if !self.state.contains_key(&row.key) {
                            keys.push(row.key);
                        }
                    }
                    RowItem::Hole { problem, to, .. } => {
                        out.holes.push(problem.to_string());
                        match to {
                            Some(to) => from = to,
                            None => return keys,
                        }
                    }
                }
            }
            if found.complete {
                return keys;
            }
            if seen > RANGE_MAX {
                out.cut = true;
                return keys;
            }
        }
    }
}
