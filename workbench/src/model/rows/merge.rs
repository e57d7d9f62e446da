//! Windows of an overlay: rows of the tree below that are still there, and the rows that commits wrote.
//!
//! The tree is read in windows of its own; a range that commits cleared is stepped over, whatever its
//! size. Cost: the pages of the rows asked for, and of the rows overwritten among them.

use super::Item;
use super::LoggedRow;
use crate::job::Desk;
use crate::model::replay::Overlay;
use northstar_engine::inspect::Source;
use northstar_engine::inspect::tree::{RowItem, rows, rows_before};
use northstar_engine::key::prefix_end;

/// What is merged.
#[derive(Debug)]
pub struct Merge<'a> {
    /// The file.
    pub source: &'a Source,
    /// The state.
    pub overlay: &'a Overlay,
    /// Only keys that start so.
    pub prefix: &'a [u8],
}

/// Items in key order, and whether the end was reached.
type Found = Result<(Vec<Item>, bool), String>;

impl Merge<'_> {
    /// Up to `limit` rows from the first key at or above `from`.
    ///
    /// # Errors
    /// A sentence: it was stopped.
    pub fn from(&self, from: &[u8], limit: usize, desk: &mut Desk<'_>) -> Found {
        let end = prefix_end(self.prefix);
        let mut at = from.max(self.prefix).to_vec();
        let mut items = Vec::new();
        loop {
            let (below, next) = self.below_from(&at, limit);
            let to = [next.as_deref(), end.as_deref()].into_iter().flatten().min();
            self.join(&mut items, below, &at, to);
            match next.filter(|next| *next > at) {
                Some(next) if items.len() < limit => at = next,
                next => {
                    let complete = next.is_none() && items.len() <= limit;
                    items.truncate(limit);
                    return Ok((items, complete));
                }
            }
            if !desk.wanted() {
                return Err("stopped".to_owned());
            }
        }
    }

    /// Up to `limit` rows below `before`, in rising order.
    ///
    /// # Errors
    /// A sentence: it was stopped.
    pub fn before(&self, before: &[u8], limit: usize, desk: &mut Desk<'_>) -> Found {
        let mut at = match prefix_end(self.prefix) {
            Some(end) => end.as_slice().min(before).to_vec(),
            None => before.to_vec(),
        };
        let mut items: Vec<Item> = Vec::new();
        loop {
            let (below, next) = self.below_before(&at, limit);
            let mut more = Vec::new();
            let from = next.as_deref().unwrap_or_default().max(self.prefix);
            self.join(&mut more, below, from, Some(&at));
            more.append(&mut items);
            items = more;
            match next.filter(|next| *next < at) {
                Some(next) if items.len() < limit => at = next,
                next => {
                    let complete = next.is_none() && items.len() <= limit;
                    items.drain(..items.len().saturating_sub(limit));
                    return Ok((items, complete));
                }
            }
            if !desk.wanted() {
                return Err("stopped".to_owned());
            }
        }
    }

    /// Rows of the tree from `at` on, and where those behind them start.
    fn below_from(&self, at: &[u8], limit: usize) -> (Vec<RowItem>, Option<Vec<u8>>) {
        match (self.overlay.base(), self.overlay.cleared_until(at)) {
            (None, _) | (_, Some(None)) => (Vec::new(), None),
            (_, Some(Some(end))) => (Vec::new(), Some(end.to_vec())),
            (Some(root), None) => {
                let found = rows(self.source, &root, at, self.prefix, limit);
                let next = match found.items.last() {
                    _ if found.complete => None,
                    Some(RowItem::Row(row)) => Some([row.key.as_slice(), &[0]].concat()),
                    Some(RowItem::Hole { to, .. }) => to.clone(),
                    None => None,
                };
                (found.items, next)
            }
        }
    }

    /// Rows of the tree below `at`, and the first key of them where more come before.
    fn below_before(&self, at: &[u8], limit: usize) -> (Vec<RowItem>, Option<Vec<u8>>) {
        match (self.overlay.base(), self.overlay.cleared_from(at)) {
            (None, _) => (Vec::new(), None),
            (_, Some(start)) => (Vec::new(), Some(start.to_vec())),
            (Some(root), None) => {
                let found = rows_before(self.source, &root, Some(at), self.prefix, limit);
                let next = match found.items.first() {
                    _ if found.complete => None,
                    Some(RowItem::Row(row)) => Some(row.key.clone()),
                    Some(RowItem::Hole { from, .. }) => Some(from.clone()),
                    None => None,
                };
                (found.items, next)
            }
        }
    }

    /// Adds what is shown of `below`, and the rows written from `from` on, below `to`.
    fn join(&self, items: &mut Vec<Item>, below: Vec<RowItem>, from: &[u8], to: Option<&[u8]>) {
        let overlay = self.overlay;
        let mut found: Vec<Item> = below
            .into_iter()
            .filter(|item| match item {
                RowItem::Row(row) => overlay.shows(&row.key),
                // A hole whose rows were all cleared is none.
                RowItem::Hole { from, to, .. } => overlay.cleared_until(from).is_none_or(|end| {
                    end.is_some_and(|end| to.as_ref().is_none_or(|to| to.as_slice() > end))
                }),
            })
            .map(Item::Tree)
            .collect();
        found.extend(overlay.rows(from, to).map(|(key, row)| {
            let logged = LoggedRow { key: key.to_vec(), row: row.clone() };
            Item::Log { logged }
        }));
        found.sort_by(|one, other| one.key().cmp(other.key()));
        items.append(&mut found);
    }
}
