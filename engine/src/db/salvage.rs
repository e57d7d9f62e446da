//! Salvage: every row that verifies, out of a file that `open` may refuse, into a new database.
//!
//! ```text
//! the chosen tree is whole ─────────────────────────────▶ its rows            ┐
//! the older meta's is, and the log leads on from there ─▶ its rows            │
//! neither, but the log reaches back to genesis ─────────▶ the log alone       ├─▶ + the log's tail
//! no ─▶ its rows; in its holes what older leaves and the log hold ────────────┘
//! ```
//!
//! Called by `northstar-headless salvage`. Reads through `inspect`, so every byte is judged; writes
//! through the public API. What is missing is listed as ranges of keys, what may be out of date is
//! counted apart. Cost: reads the file up to three times; memory: 16 bytes a leaf, one batch of rows.

mod log;
mod pages;
mod target;
#[cfg(test)]
mod tests;

use crate::db::{Db, Durability, Options};
use crate::error::{Corrupt, Error, Place, Result};
use crate::format::meta::Meta;
use crate::ids::{Lsn, TxnId};
use crate::inspect::tree::Root;
use crate::inspect::{Progress, Source, metas};
use crate::log::Chain;
use crate::log::paths::LogPaths;
use crate::log::pieces::{Pieces, pieces};
use crate::txn::write::WriteTxn;
use pages::holes;
use serde::Serialize;
use std::io;
use std::path::Path;

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
    let trees = trees(source);
    let newest = trees.first().copied();
    let Pieces { chains, problems, newest_is_sound } = log_of(source, &trees)?;
    let mut job = Job::new(source, target, newest.map(|(meta, _)| meta.txn_id));
    let (chain, earlier) = chains.split_last().map_or((None, &[][..]), |(c, e)| (Some(c), e));
    let from = match job.route(&trees, chain)? {
        Route::Tree(meta, root) => {
            job.report.txn_id = Some(meta.txn_id);
            job.tree(&root, &mut *progress)?;
            Some(meta.log_lsn)
        }
        Route::Log => {
            job.report.route = SalvageRoute::Log;
            job.report.txn_id = Some(TxnId::GENESIS);
            None
        }
        Route::Pieces(meta, root) => {
            job.report.route = SalvageRoute::Pieces;
            job.report.exact = false;
            let holes = holes(source, &root)?;
            // What lies before a break of the log may be older than the leaves.
            for chain in earlier {
                job.log_in_holes(chain.clone(), &holes, meta.log_lsn)?;
            }
            job.leaves(&holes, Some(&meta), &mut *progress)?;
            if let Some(chain) = chain {
                job.log_in_holes(chain.clone(), &holes, meta.log_lsn)?;
            }
            job.tree(&root, &mut *progress)?;
            Some(meta.log_lsn)
        }
        Route::Leaves => {
            job.report.route = SalvageRoute::Leaves;
            job.report.exact = false;
            for chain in earlier {
                job.log(chain.clone(), None)?;
            }
            job.leaves(&[(Vec::new(), None)], None, &mut *progress)?;
            None
        }
    };
    // Breaks of the log before the checkpoint cost nothing.
    let is_needed = |from: Lsn| chain.and_then(Chain::start_lsn).is_none_or(|start| start > from);
    job.report.exact &=
        problems.is_empty() || newest_is_sound && !is_needed(from.unwrap_or_default());
    job.report.log_problems.splice(..0, problems);
    let rest = if from.is_some() { &chains[..] } else { &chains[earlier.len()..] };
    for (index, chain) in rest.iter().enumerate() {
        // A run that ends before the checkpoint has nothing for it.
        let next = rest.get(index + 1).and_then(Chain::start_lsn);
        if from.zip(next).is_none_or(|(from, next)| from < next) {
            job.log(chain.clone(), from)?;
        }
    }
    job.flush()?;
    job.report.rows = target.begin_read()?.len();
    Ok(job.report)
}

/// The metas that can be used, the chosen one first, with the trees they name.
fn trees(source: &Source) -> Vec<(Meta, Root)> {
    let judgement = metas(source);
    let chosen = judgement.chosen;
    let slots = chosen.into_iter().flat_map(|chosen| [chosen, chosen.other()]);
    let meta = |slot| judgement.judgement.slot(slot).map(|meta| (*meta, Root::of_meta(meta, slot)));
    slots.filter_map(meta).collect()
}

/// The log that belongs to `source`, as far as there is any.
fn log_of(source: &Source, trees: &[(Meta, Root)]) -> Result<Pieces> {
    let paths = LogPaths::of_log(source.path()).filter(|_| trees.is_empty());
    let paths = paths.unwrap_or_else(|| LogPaths::of_database(source.path()));
    let generations = trees.iter().map(|(meta, _)| meta.log_generation).collect();
    let mut pieces = pieces(source.storage(), &paths, source.uuid(), generations)?;
    // A backup needs no log; elsewhere the newest segment may have held commits.
    let is_backup = trees.first().is_some_and(|(meta, _)| meta.log_generation == 0);
    if !is_backup && !source.storage().exists(&paths.active())? {
        let newest = pieces.chains.last().and_then(Chain::newest);
        let found =
            newest.map_or_else(|| "none".into(), |newest| newest.path.display().to_string());
        let corrupt = Corrupt::at(Place::File, "LOG-13", "the newest segment", found);
        pieces.problems.push(corrupt.in_file(paths.active()));
    }
    Ok(pieces)
}

/// Where rows can be had.
enum Route {
    Tree(Meta, Root),
    Log,
    Pieces(Meta, Root),
    Leaves,
}

struct Job<'a> {
    source: &'a Source,
    target: &'a Db,
    writer: Option<WriteTxn>,
    ops: usize,
    bytes: usize,
    report: SalvageReport,
}

impl<'a> Job<'a> {
    fn new(source: &'a Source, target: &'a Db, txn_id: Option<TxnId>) -> Self {
        let report = SalvageReport {
            route: SalvageRoute::Tree,
            txn_id,
            rows: 0,
            rows_from_tree: 0,
            rows_from_leaves: 0,
            ops_in_holes: 0,
            transactions: 0,
            lost: Vec::new(),
            log_problems: Vec::new(),
            exact: true,
        };
        Self { source, target, writer: None, ops: 0, bytes: 0, report }
    }

    fn route(&self, trees: &[(Meta, Root)], chain: Option<&Chain>) -> Result<Route> {
        let Some((newest, root)) = trees.first() else {
            let whole = chain.is_some_and(|chain| log::reaches_genesis(chain, None));
            return Ok(if whole { Route::Log } else { Route::Leaves });
        };
        for (meta, root) in trees {
            // From an empty tree on it is the log alone.
            let leads_on = meta.sequence == newest.sequence
                || !meta.root.is_null()
                    && chain.is_some_and(|chain| log::leads_on(chain, meta, newest.txn_id));
            if leads_on && holes(self.source, root)?.is_empty() {
                return Ok(Route::Tree(*meta, *root));
            }
        }
        let whole = chain.is_some_and(|chain| log::reaches_genesis(chain, Some(newest)));
        Ok(if whole { Route::Log } else { Route::Pieces(*newest, *root) })
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
