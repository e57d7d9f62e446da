//! Salvage: every row that verifies, out of a file that `open` may refuse, into a new database.
//!
//! ```text
//! the chosen tree is whole ─────────────────────────────▶ its rows            ┐
//! it is not, but the log reaches back to genesis ───────▶ the log alone       ├─▶ + the log's tail
//! it is not ─▶ its rows; in its holes what older leaves and the log hold ─────┘
//! ```
//!
//! Called by `northstar-headless salvage`. Reads through `inspect`, so every byte is judged; writes
//! through the public API. What is missing is listed as ranges of keys, what may be out of date is
//! counted apart. Cost: reads the file up to three times; memory: 16 bytes a leaf, one batch of rows.

use crate::db::{Db, Durability, Options};
use crate::error::{Corrupt, Error, Place, Result};
use crate::format::meta::Meta;
use crate::format::op::Op;
use crate::format::page::{PageType, verify_page};
use crate::ids::{Lsn, PageId, TxnId};
use crate::inspect::tree::{Root, Row, RowItem, row_keys, rows, value};
use crate::inspect::{Progress, Source, metas};
use crate::log::paths::LogPaths;
use crate::log::segments::Chain;
use crate::log::verify::verify;
use crate::log::{Scanner, Transactions};
use crate::txn::write::WriteTxn;
use serde::Serialize;
use std::io;
use std::ops::Bound;
use std::path::Path;

#[cfg(test)]
mod tests;

/// Rows that are read at a time.
const WINDOW_ROWS: usize = 1000;
/// Operations and bytes of a batch before it is committed.
const BATCH_OPS_MAX: usize = 10_000;
const BATCH_BYTES_MAX: usize = 8 << 20;
/// Most ranges and findings that are listed.
const LISTED_MAX: usize = 10_000;

/// Where the rows came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SalvageRoute {
    /// A whole tree and the log behind it: the latest state, exactly.
    Tree,
    /// The log alone, from genesis: the latest state, exactly.
    Log,
    /// What could be read of a tree, older leaves for the rest, and the log behind it.
    Pieces,
    /// No meta would do: every leaf that verifies, the newest last, and the log there is. Rows that
    /// were deleted long ago may be back.
    Leaves,
}

/// Keys whose rows are lost, or may be out of date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LostRange {
    /// The first key that may be missing.
    pub from: Vec<u8>,
    /// The first key behind the range; `None` when it goes to the end.
    pub to: Option<Vec<u8>>,
    /// Why.
    pub problem: Corrupt,
}

/// What a salvage found and did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SalvageReport {
    /// Where the rows came from.
    pub route: SalvageRoute,
    /// The state that was made, as far as it has a number: the last transaction taken in.
    pub txn_id: Option<TxnId>,
    /// Rows in the new database.
    pub rows: u64,
    /// Rows taken from the tree.
    pub rows_from_tree: u64,
    /// Rows taken from older leaves: they may be out of date, or deleted since.
    pub rows_from_leaves: u64,
    /// Operations of the log, from before the checkpoint, that were applied in the holes of the tree:
    /// the keys they touch are as they were.
    pub ops_in_holes: u64,
    /// Transactions taken from the log behind the checkpoint.
    pub transactions: u64,
    /// What is missing or may be out of date, the first ten thousand.
    pub lost: Vec<LostRange>,
    /// What is broken in the log, the first ten thousand.
    pub log_problems: Vec<Corrupt>,
    /// Whether the new database holds the latest state exactly.
    pub exact: bool,
}

/// Salvages the database at `path` (or its log) into a new one at `out`.
///
/// `progress` is told pages and may stop the work; what was found until then stays in `out`.
///
/// # Errors
/// `InvalidArgument` when `out` exists; `Io`, `OutOfSpace`. Never because of what is in `path`.
pub fn salvage(
    path: impl AsRef<Path>,
    out: impl AsRef<Path>,
    progress: Progress<'_>,
) -> Result<SalvageReport> {
    let source = Source::open(path)?;
    if source.storage().exists(out.as_ref())? {
        let text = format!("{} exists already", out.as_ref().display());
        return Err(Error::InvalidArgument(text));
    }
    let target = Options::new().durability(Durability::Eventual).open(out)?;
    let report = salvage_into(&source, &target, progress)?;
    target.close()?;
    Ok(report)
}

/// Salvages `source` into `target`, an empty database.
///
/// # Errors
/// `InvalidArgument` when `target` has rows; `Io`, `OutOfSpace`.
pub fn salvage_into(source: &Source, target: &Db, progress: Progress<'_>) -> Result<SalvageReport> {
    if !target.begin_read()?.is_empty() {
        return Err(Error::InvalidArgument("the target of a salvage must be empty".to_owned()));
    }
    let judgement = metas(source);
    let meta = judgement.meta().copied();
    let root = judgement.chosen.zip(meta).map(|(slot, meta)| Root::of_meta(&meta, slot));
    let paths = LogPaths::of_log(source.path()).filter(|_| root.is_none());
    let paths = paths.unwrap_or_else(|| LogPaths::of_database(source.path()));
    let chain = Chain::discover(source.storage(), &paths).ok();
    let mut job = Job {
        source,
        target,
        writer: None,
        ops: 0,
        bytes: 0,
        report: SalvageReport {
            route: SalvageRoute::Tree,
            txn_id: meta.map(|meta| meta.txn_id),
            rows: 0,
            rows_from_tree: 0,
            rows_from_leaves: 0,
            ops_in_holes: 0,
            transactions: 0,
            lost: Vec::new(),
            log_problems: Vec::new(),
            exact: true,
        },
    };
    // A backup needs no log; elsewhere the newest segment may have held commits.
    let newest = chain.as_ref().and_then(Chain::newest).map(|segment| &segment.path);
    let is_backup = meta.is_some_and(|meta| meta.log_generation == 0);
    if !is_backup && newest != Some(&paths.active()) {
        let found = newest.map_or_else(|| "none".to_owned(), |path| path.display().to_string());
        let corrupt = Corrupt::at(Place::File, "LOG-13", "the newest segment", found);
        job.log_problem(corrupt.in_file(paths.active()).into())?;
    }
    let whole = match &root {
        Some(root) => holes(source, root)?.is_empty(),
        None => false,
    };
    let from_genesis = || chain.as_ref().is_some_and(|chain| reaches_genesis(chain, meta.as_ref()));
    match root {
        Some(root) if whole => job.tree(&root, &mut *progress)?,
        _ if from_genesis() => {
            job.report.route = SalvageRoute::Log;
            job.report.txn_id = Some(TxnId::GENESIS);
        }
        Some(root) => {
            job.report.route = SalvageRoute::Pieces;
            job.report.exact = false;
            let holes = holes(source, &root)?;
            job.leaves(&holes, meta.as_ref(), &mut *progress)?;
            if let (Some(chain), Some(meta)) = (&chain, &meta) {
                job.log_in_holes(chain.clone(), &holes, meta.log_lsn)?;
            }
            job.tree(&root, &mut *progress)?;
        }
        None => {
            job.report.route = SalvageRoute::Leaves;
            job.report.exact = false;
            let everything = [(Vec::new(), None)];
            job.leaves(&everything, None, &mut *progress)?;
        }
    }
    if let Some(chain) = chain {
        let from = match (job.report.route, meta) {
            (SalvageRoute::Log, _) | (_, None) => None,
            (_, Some(meta)) => Some(meta.log_lsn),
        };
        job.log(chain, from)?;
    }
    job.flush()?;
    job.report.rows = target.begin_read()?.len();
    Ok(job.report)
}

/// Whether the log holds every transaction from the first on, soundly, and reaches the meta's state.
fn reaches_genesis(chain: &Chain, meta: Option<&Meta>) -> bool {
    let Ok(found) = verify(chain, Lsn::default()) else { return false };
    found.problems.is_empty()
        && found.first_txn == Some(TxnId::GENESIS.next())
        && found.last_txn >= meta.map(|meta| meta.txn_id)
}

/// Keys from, and the first key behind.
type KeyRange = (Vec<u8>, Option<Vec<u8>>);

struct Job<'a> {
    source: &'a Source,
    target: &'a Db,
    writer: Option<WriteTxn>,
    ops: usize,
    bytes: usize,
    report: SalvageReport,
}

impl Job<'_> {
    /// Takes over the rows of a tree; holes are listed as lost.
    fn tree(&mut self, root: &Root, progress: Progress<'_>) -> Result<()> {
        let mut walk = Walk::new(self.source, root);
        while let Some(items) = walk.next() {
            for item in items {
                match item {
                    RowItem::Hole { from, to, problem, .. } => self.lost(from, to, problem),
                    RowItem::Row(row) => self.row(row)?,
                }
            }
            if !progress(self.report.rows_from_tree, root.key_count) {
                break;
            }
        }
        Ok(())
    }

    /// Takes over one row of a tree.
    fn row(&mut self, row: Row) -> Result<()> {
        let value = match row.problem {
            Some(corrupt) => Err(corrupt),
            None => long_value(self.source, &row)?.unwrap_or(Ok(row.value)),
        };
        match value {
            Ok(value) => {
                self.put(&row.key, &value)?;
                self.report.rows_from_tree += 1;
            }
            Err(corrupt) => {
                let (from, to) = single(&row.key);
                self.lost(from, to, corrupt);
            }
        }
        Ok(())
    }

    /// Takes over rows of any leaf that verifies and lies in one of `ranges`, the oldest leaf first,
    /// so that newer rows replace older ones.
    fn leaves(
        &mut self,
        ranges: &[KeyRange],
        meta: Option<&Meta>,
        progress: Progress<'_>,
    ) -> Result<()> {
        let pages = self.source.page_count()?;
        let mut leaves: Vec<(TxnId, PageId)> = Vec::new();
        for id in (2..pages).map(PageId::new) {
            let bytes = self.source.read_page(id)?.bytes;
            if let Ok(header) = verify_page(&bytes, self.source.uuid(), id)
                && header.page_type == PageType::Leaf as u8
                && meta.is_none_or(|meta| header.birth <= meta.txn_id)
            {
                leaves.push((header.birth, id));
            }
            if !progress(id.get(), pages) {
                return Ok(());
            }
        }
        leaves.sort_unstable();
        for (_, id) in leaves {
            let bytes = self.source.read_page(id)?.bytes;
            for (index, key) in row_keys(&bytes).into_iter().enumerate() {
                let inside =
                    |(from, to): &KeyRange| *from <= key && to.as_ref().is_none_or(|to| key < *to);
                if !ranges.iter().any(inside) {
                    continue;
                }
                let Some(read) = value(self.source, &bytes, index, usize::MAX) else { continue };
                match read.problem {
                    None => {
                        self.put(&key, &read.bytes)?;
                        self.report.rows_from_leaves += 1;
                    }
                    // Without a tree nobody else lists it.
                    Some(corrupt) if meta.is_none() => {
                        let (from, to) = single(&key);
                        self.lost(from, to, corrupt);
                    }
                    Some(_) => {}
                }
            }
        }
        Ok(())
    }

    /// Applies what the log still has of the time before the checkpoint, up to `until`, to the holes
    /// of the tree. A key that was touched in that time comes out right; others stay as the leaves
    /// have them. Damage of that part of the log costs nothing that is not listed as lost already.
    fn log_in_holes(&mut self, chain: Chain, holes: &[KeyRange], until: Lsn) -> Result<()> {
        let Ok(mut transactions) = Transactions::of(chain) else { return Ok(()) };
        loop {
            match transactions.next() {
                Ok(Some(found)) if found.end_lsn > until => return Ok(()),
                Ok(Some(_)) => {
                    let applied = transactions.ops(&mut |op| self.apply_in(holes, op));
                    if applied.as_ref().is_err_and(|error| !error.is_corrupt()) {
                        return applied;
                    }
                }
                Ok(None) => return Ok(()),
                Err(_) => match transactions.skip_damage() {
                    Ok(true) => {}
                    _ => return Ok(()),
                },
            }
        }
    }

    /// Applies the part of an operation that lies in one of `holes`.
    fn apply_in(&mut self, holes: &[KeyRange], op: Op<'_>) -> Result<()> {
        match op {
            Op::Put { key, .. } | Op::Del { key } if is_inside(holes, key) => {
                self.report.ops_in_holes += 1;
                self.apply(op)
            }
            Op::Put { .. } | Op::Del { .. } => Ok(()),
            Op::DelRange { start, end, count } => {
                for (from, to) in holes {
                    let start = start.max(from.as_slice());
                    let end = match (end, to.as_deref()) {
                        (Some(end), Some(to)) => Some(end.min(to)),
                        (end, to) => end.or(to),
                    };
                    if end.is_none_or(|end| start < end) {
                        self.report.ops_in_holes += 1;
                        self.apply(Op::DelRange { start, end, count })?;
                    }
                }
                Ok(())
            }
        }
    }

    /// Applies the transactions of the log from `from` on (from its start when `None`), going on
    /// behind damage.
    fn log(&mut self, chain: Chain, from: Option<Lsn>) -> Result<()> {
        let Some(start) = chain.start_lsn() else { return Ok(()) };
        let from = from.unwrap_or(start);
        let scanner = match Scanner::new(chain.clone(), from.max(start)) {
            Ok(scanner) => scanner,
            Err(error) => return self.log_problem(error),
        };
        let mut transactions = Transactions::new(scanner, None);
        loop {
            match self.log_step(&mut transactions) {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error) => {
                    self.log_problem(error)?;
                    match transactions.skip_damage() {
                        Ok(true) => {}
                        Ok(false) => return Ok(()),
                        Err(error) => return self.log_problem(error),
                    }
                }
            }
        }
    }

    /// One transaction; `false` at the tail.
    fn log_step(&mut self, transactions: &mut Transactions) -> Result<bool> {
        let Some(found) = transactions.next()? else { return Ok(false) };
        let expected = self.report.txn_id.map(TxnId::next);
        if expected.is_some_and(|expected| found.txn_id > expected) {
            let place = Place::Lsn(found.lsn);
            let expected = format!("transaction {}", expected.unwrap_or_default());
            let corrupt = Corrupt::at(place, "LOG-8", expected, found.txn_id);
            self.log_problem(corrupt.into())?;
        }
        if expected.is_none_or(|expected| found.txn_id >= expected) {
            transactions.ops(&mut |op| self.apply(op))?;
            self.report.transactions += 1;
            self.report.txn_id = Some(found.txn_id);
        }
        Ok(true)
    }

    fn apply(&mut self, op: Op<'_>) -> Result<()> {
        let writer = self.writer()?;
        let bytes = match op {
            Op::Put { key, value } => {
                writer.put(key, value)?;
                key.len() + value.len()
            }
            Op::Del { key } => {
                writer.del(key)?;
                key.len()
            }
            Op::DelRange { start, end: Some(end), .. } if end <= start => 0,
            Op::DelRange { start, end, .. } => {
                let end = end.map_or(Bound::Unbounded, Bound::Excluded);
                writer.del_range::<&[u8], _>((Bound::Included(start), end))?;
                start.len()
            }
        };
        self.count(bytes)
    }

    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.writer()?.put(key, value)?;
        self.count(key.len() + value.len())
    }

    fn writer(&mut self) -> Result<&mut WriteTxn> {
        match &mut self.writer {
            Some(writer) => Ok(writer),
            none => Ok(none.insert(self.target.begin_write()?)),
        }
    }

    /// Counts an operation, and commits when the batch is full.
    fn count(&mut self, bytes: usize) -> Result<()> {
        self.ops += 1;
        self.bytes += bytes;
        if self.ops >= BATCH_OPS_MAX || self.bytes >= BATCH_BYTES_MAX {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        (self.ops, self.bytes) = (0, 0);
        if let Some(writer) = self.writer.take() {
            writer.commit()?;
        }
        Ok(())
    }

    fn lost(&mut self, from: Vec<u8>, to: Option<Vec<u8>>, problem: Corrupt) {
        self.report.exact = false;
        if self.report.lost.len() < LISTED_MAX {
            self.report.lost.push(LostRange { from, to, problem });
        }
    }

    /// Lists damage of the log; what is no damage goes up.
    fn log_problem(&mut self, error: Error) -> Result<()> {
        match error {
            Error::Corrupt(corrupt) => {
                self.report.exact = false;
                if self.report.log_problems.len() < LISTED_MAX {
                    self.report.log_problems.push(*corrupt);
                }
                Ok(())
            }
            // A segment that is shorter than its header says.
            Error::Io { path, source, .. } if source.kind() == io::ErrorKind::UnexpectedEof => {
                let corrupt = Corrupt::at(Place::File, "SEG-7", "a whole segment", source);
                self.log_problem(corrupt.in_file(path).into())
            }
            error => Err(error),
        }
    }
}

/// Walks a whole tree, window by window, holes included.
struct Walk<'a> {
    source: &'a Source,
    root: &'a Root,
    from: Option<Vec<u8>>,
}

impl<'a> Walk<'a> {
    fn new(source: &'a Source, root: &'a Root) -> Self {
        Self { source, root, from: Some(Vec::new()) }
    }

    fn next(&mut self) -> Option<Vec<RowItem>> {
        let from = self.from.take()?;
        let window = rows(self.source, self.root, &from, b"", WINDOW_ROWS);
        let next = match window.items.last() {
            Some(RowItem::Row(row)) => single(&row.key).1,
            Some(RowItem::Hole { to, .. }) => to.clone(),
            None => None,
        };
        self.from = next.filter(|next| !window.complete && *next > from);
        Some(window.items)
    }
}

/// The ranges of a tree that cannot be read, and keys whose values cannot.
fn holes(source: &Source, root: &Root) -> Result<Vec<KeyRange>> {
    let mut holes = Vec::new();
    let mut walk = Walk::new(source, root);
    while let Some(items) = walk.next() {
        for item in items {
            match item {
                RowItem::Hole { from, to, .. } => holes.push((from, to)),
                RowItem::Row(row) => {
                    let broken = row.problem.is_some()
                        || long_value(source, &row)?.is_some_and(|read| read.is_err());
                    if broken {
                        holes.push(single(&row.key));
                    }
                }
            }
        }
    }
    Ok(holes)
}

/// A value in overflow pages, whole, or the reason why it cannot be read; `None` for a short one,
/// which the row has.
fn long_value(source: &Source, row: &Row) -> Result<Option<Result<Vec<u8>, Corrupt>>> {
    if row.place.overflow.is_none() {
        return Ok(None);
    }
    let leaf = source.read_page(row.leaf.page)?.bytes;
    Ok(value(source, &leaf, row.slot, usize::MAX).map(|read| match read.problem {
        Some(corrupt) => Err(corrupt),
        None => Ok(read.bytes),
    }))
}

/// Whether a key lies in one of `ranges`, which come in key order and do not overlap.
fn is_inside(ranges: &[KeyRange], key: &[u8]) -> bool {
    let before = ranges.partition_point(|(from, _)| from.as_slice() <= key);
    let range = before.checked_sub(1).and_then(|index| ranges.get(index));
    range.is_some_and(|(_, to)| to.as_ref().is_none_or(|to| key < to.as_slice()))
}

/// The range that holds one key alone.
fn single(key: &[u8]) -> KeyRange {
    let mut next = key.to_vec();
    next.push(0);
    (key.to_vec(), Some(next))
}
