//! States without pages, made again in memory: what commits did, laid over the nearest tree below.
//!
//! An [`Overlay`] is the rows that commits wrote and the ranges they cleared; the tree below is read
//! window by window when rows are asked for, never as a whole. The rows screen shows windows of it, the
//! time screen compares two of them.
//!
//! Cost: the records once; in memory every key they touched with the first bytes of its value.

use crate::job::Desk;
use crate::model::states::{Evidence, Lineage};
use northstar_engine::format::op::Op;
use northstar_engine::inspect::Source;
use northstar_engine::inspect::log::{LogView, operations};
use northstar_engine::inspect::tree::{Root, RowItem, rows};
use northstar_engine::{Lsn, TxnId};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::Bound;

/// Bytes of a value that are kept: as many as a row of a tree carries.
const PREVIEW_BYTES: usize = 4096;
/// Bytes of keys and values held in memory at most.
const BYTES_MAX: usize = 64 << 20;

/// A row that stands in the log and not in the tree below.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Logged {
    /// The first bytes of its value.
    pub value: Vec<u8>,
    /// Bytes of the whole value.
    pub bytes: u64,
    /// The transaction that wrote it.
    pub txn: TxnId,
    /// Its commit record.
    pub lsn: Lsn,
}

/// What commits did, over a tree.
#[derive(Clone, Debug)]
pub struct Overlay {
    /// The state that it makes.
    txn: TxnId,
    /// The tree below; none: what is not written here is not there, or not known.
    base: Option<Root>,
    whole: bool,
    commits: u64,
    /// Keys that were written or deleted.
    written: BTreeMap<Vec<u8>, Option<Logged>>,
    /// Ranges in which the tree below has no rows any more, by their start; they do not overlap.
    cleared: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    bytes: usize,
    holes: Vec<String>,
}

impl Overlay {
    /// Nothing done yet over what `lineage` starts from.
    pub fn over(lineage: &Lineage) -> Self {
        Self {
            txn: lineage.base.map_or(TxnId::GENESIS, |root| root.txn_id),
            base: lineage.base,
            whole: lineage.whole,
            commits: 0,
            written: BTreeMap::new(),
            cleared: BTreeMap::new(),
            bytes: 0,
            holes: Vec::new(),
        }
    }

    /// The state at the end of `lineage`.
    ///
    /// # Errors
    /// A sentence: it was stopped, the log cannot be read, or the commits wrote more than fits.
    pub fn replay(
        source: &Source,
        log: &LogView,
        lineage: &Lineage,
        desk: &mut Desk<'_>,
    ) -> Result<Self, String> {
        let mut overlay = Self::over(lineage);
        let total = lineage.commits.len() as u64;
        for (done, commit) in (0..).zip(&lineage.commits) {
            if !desk.progress(done, total) {
                return Err("stopped".to_owned());
            }
            overlay.take(source, log, *commit)?;
        }
        Ok(overlay)
    }

    /// Takes in what a commit did.
    ///
    /// # Errors
    /// A sentence: the log cannot be read, or too much was written.
    pub fn take(
        &mut self,
        source: &Source,
        log: &LogView,
        (txn, lsn): (TxnId, Lsn),
    ) -> Result<(), String> {
        let missing = operations(source, log, lsn, &mut |op| self.apply(&op, txn, lsn))
            .map_err(|error| error.to_string())?;
        if let Some(missing) = missing {
            self.holes.push(format!("operations of txn {txn} are missing: {missing}"));
        }
        (self.txn, self.commits) = (txn, self.commits + 1);
        if self.bytes > BYTES_MAX {
            let most = crate::text::bytes(BYTES_MAX as u64);
            return Err(format!("more than {most} were written since the last state with pages"));
        }
        Ok(())
    }

    fn apply(&mut self, op: &Op<'_>, txn: TxnId, lsn: Lsn) {
        match *op {
            Op::Put { key, value } => {
                let first = value.get(..PREVIEW_BYTES).unwrap_or(value);
                let bytes = value.len() as u64;
                self.write(key, Some(Logged { value: first.to_vec(), bytes, txn, lsn }));
            }
            Op::Del { key } => self.write(key, None),
            Op::DelRange { start, end, .. } => self.clear(start, end),
        }
    }

    fn write(&mut self, key: &[u8], row: Option<Logged>) {
        let weight =
            |row: &Option<Logged>| key.len() + row.as_ref().map_or(0, |row| row.value.len());
        self.bytes = self.bytes.saturating_add(weight(&row));
        if let Some(before) = self.written.insert(key.to_vec(), row) {
            self.bytes = self.bytes.saturating_sub(weight(&before));
        }
    }

    fn clear(&mut self, start: &[u8], end: Option<&[u8]>) {
        let Some(inside) = range(start, end) else { return };
        let keys: Vec<Vec<u8>> =
            self.written.range::<[u8], _>(inside).map(|row| row.0.clone()).collect();
        for key in keys {
            let row = self.written.remove(&key).flatten();
            let weight = key.len() + row.map_or(0, |row| row.value.len());
            self.bytes = self.bytes.saturating_sub(weight);
        }
        // Ranges that touch become one.
        let (mut from, mut to) = (start.to_vec(), end.map(<[u8]>::to_vec));
        let joined: Vec<Vec<u8>> = self
            .cleared
            .range::<[u8], _>((Bound::Unbounded, end.map_or(Bound::Unbounded, Bound::Included)))
            .rev()
            .take_while(|(_, until)| until.as_deref().is_none_or(|until| until >= start))
            .map(|(other, _)| other.clone())
            .collect();
        for other in joined {
            let until = self.cleared.remove(&other).flatten();
            from = from.min(other);
            to = to.zip(until).map(|(to, until)| to.max(until));
        }
        self.cleared.insert(from, to);
    }

    /// The end of the cleared range that `key` is in.
    pub fn cleared_until(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        let upto = (Bound::Unbounded, Bound::Included(key));
        let (_, end) = self.cleared.range::<[u8], _>(upto).next_back()?;
        end.as_ref().is_none_or(|end| end.as_slice() > key).then_some(end.as_deref())
    }

    /// The start of the cleared range that the keys just below `key` are in.
    pub fn cleared_from(&self, key: &[u8]) -> Option<&[u8]> {
        let below = (Bound::Unbounded, Bound::Excluded(key));
        let (start, end) = self.cleared.range::<[u8], _>(below).next_back()?;
        end.as_ref().is_none_or(|end| end.as_slice() >= key).then_some(start.as_slice())
    }

    /// Whether a row of the tree below is still there.
    pub fn shows(&self, key: &[u8]) -> bool {
        !self.touches(key) && self.cleared_until(key).is_none()
    }

    /// The rows it wrote from `from` on, below `to`.
    pub fn rows(&self, from: &[u8], to: Option<&[u8]>) -> impl Iterator<Item = (&[u8], &Logged)> {
        let inside = range(from, to).map(|inside| self.written.range::<[u8], _>(inside));
        inside.into_iter().flatten().filter_map(|(key, row)| Some((key.as_slice(), row.as_ref()?)))
    }

    /// The tree below.
    pub const fn base(&self) -> Option<Root> {
        self.base
    }

    /// The state that it makes.
    pub const fn txn(&self) -> TxnId {
        self.txn
    }

    /// Where its rows come from.
    pub fn evidence(&self) -> Evidence {
        match (self.whole, self.holes.is_empty()) {
            (false, _) => Evidence::LogOnly,
            (true, false) => Evidence::Partial,
            (true, true) => Evidence::Replayed,
        }
    }

    /// What could not be read of the commits.
    pub fn holes(&self) -> &[String] {
        &self.holes
    }

    /// What it is made of, in words.
    pub fn sources(&self) -> String {
        let commits = crate::text::plural(self.commits, "commit");
        match (self.base, self.whole) {
            (Some(root), _) => {
                format!("pages of txn {} and {commits} of the log, in memory", root.txn_id)
            }
            (None, true) => format!("{commits} of the log since the empty state, in memory"),
            (None, false) => format!("{commits} of the log; rows they did not write are not known"),
        }
    }

    /// The value of `key`, its first bytes; `None` when there is no such row, or it is not known.
    pub fn value(&self, source: &Source, key: &[u8]) -> Option<Found> {
        if let Some(row) = self.written.get(key) {
            return row.as_ref().map(|row| Found { value: row.value.clone(), bytes: row.bytes });
        }
        let root = self.base.filter(|_| self.cleared_until(key).is_none())?;
        rows(source, &root, key, key, 1).items.into_iter().find_map(|item| match item {
            RowItem::Row(row) if row.key == key => {
                Some(Found { value: row.value, bytes: row.place.bytes })
            }
            _ => None,
        })
    }

    /// Whether it is known what became of `key`, be it that it is not there.
    pub fn knows(&self, key: &[u8]) -> bool {
        self.whole || self.touches(key) || self.cleared_until(key).is_some()
    }

    /// Whether a commit wrote or deleted `key`, ranges aside.
    pub fn touches(&self, key: &[u8]) -> bool {
        self.written.contains_key(key)
    }

    /// The keys that it wrote or deleted, in order.
    pub fn touched(&self) -> impl Iterator<Item = (&[u8], Option<&Logged>)> {
        self.written.iter().map(|(key, row)| (key.as_slice(), row.as_ref()))
    }

    /// The ranges that it cleared, in order.
    pub fn cleared(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.cleared.iter().map(|(start, end)| (start.as_slice(), end.as_deref()))
    }
}

/// A value as far as it is kept, and its whole length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its first bytes.
    pub value: Vec<u8>,
    /// Bytes of all of it.
    pub bytes: u64,
}

impl Found {
    /// Whether it is known to be the same value: of long ones only the first bytes are at hand.
    pub fn same(&self, row: &Logged) -> bool {
        self.bytes == row.bytes && self.bytes <= PREVIEW_BYTES as u64 && self.value == row.value
    }
}

/// Two ends of a range of keys.
type Keys<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// The keys from `start` to `end`; `None` when there can be none.
fn range<'a>(start: &'a [u8], end: Option<&'a [u8]>) -> Option<Keys<'a>> {
    match end {
        Some(end) if end <= start => None,
        Some(end) => Some((Bound::Included(start), Bound::Excluded(end))),
        None => Some((Bound::Included(start), Bound::Unbounded)),
    }
}
