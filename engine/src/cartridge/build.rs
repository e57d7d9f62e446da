//! Building: from the commit stream, from a snapshot, or from the cartridge before.
//!
//! All three ways end with the same rows, and so with the same bytes.

use super::file::{self, Source};
use super::past::Past;
use super::publish::publish;
use super::{Cartridge, CartridgeType, KeptRow};
use crate::db::{CommitOp, CommitRecord, Db};
use crate::disk::entropy::SystemEntropy;
use crate::disk::file::RealStorage;
use crate::error::{Error, Result};
use crate::format::content_hash::ContentHasher;
use crate::ids::{Lsn, TxnId};
use crate::key::prefix_end;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::path::Path;

/// Rows or commits between two tellings of the progress.
const PROGRESS_EVERY: u64 = 1024;

/// How the rows were come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// All commits from genesis on.
    Stream,
    /// A snapshot of the state.
    Snapshot,
    /// The cartridge before, and the commits since.
    Incremental,
}

/// What to build.
#[derive(Clone, Copy, Default)]
pub struct BuildRequest<'a> {
    /// The state to answer for; `None` for the newest durable one.
    pub at: Option<TxnId>,
    /// A cartridge to start from, where it fits.
    pub previous: Option<&'a Cartridge>,
    /// Only this way, or an error; `None` for the cheapest that works.
    pub route: Option<Route>,
    /// Told now and then how many rows or commits were read; answers whether to go on.
    pub progress: Option<&'a dyn Fn(u64) -> bool>,
}

impl fmt::Debug for BuildRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let previous = self.previous.map(Cartridge::path);
        let mut out = f.debug_struct("BuildRequest");
        out.field("at", &self.at).field("previous", &previous).field("route", &self.route);
        out.finish_non_exhaustive()
    }
}

/// What was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct BuildReport {
    /// The state it answers for.
    pub txn_id: TxnId,
    /// How the rows were come by.
    pub route: Route,
    /// Commits that were read.
    pub commits: u64,
    /// Input rows.
    pub rows: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Reads rows or commits; tells how many, and stops when told to.
struct Reading<'a> {
    progress: Option<&'a dyn Fn(u64) -> bool>,
    count: u64,
}

impl Reading<'_> {
    /// One more.
    fn step(&mut self) -> Result<()> {
        self.count += 1;
        let asked = self.count.is_multiple_of(PROGRESS_EVERY);
        match self.progress.filter(|_| asked) {
            Some(goes_on) if !goes_on(self.count) => Err(Error::Stopped),
            _ => Ok(()),
        }
    }
}

/// The input rows of a type, as kept, at one state.
struct Inputs {
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    commits: u64,
    route: Route,
}

/// Builds a cartridge into a file: a temporary one beside `out`, synced, then renamed over it. Temporary
/// files that killed builders of `out` left behind are removed.
///
/// # Errors
/// `SnapshotNotFound` when no way leads to the state asked for; `Stopped` when the request's progress
/// function said so; `Corrupt`; `Io`.
pub fn build<T: CartridgeType>(
    db: &Db,
    kind: &T,
    out: impl AsRef<Path>,
    request: BuildRequest<'_>,
) -> Result<BuildReport> {
    let (bytes, report) = build_bytes(db, kind, request)?;
    publish(&RealStorage::new(), &SystemEntropy::new(), out.as_ref(), &bytes)?;
    Ok(report)
}

/// Builds a cartridge in memory. The same state and options give the same bytes, whatever the way.
///
/// # Errors
/// As [`build`].
pub fn build_bytes<T: CartridgeType>(
    db: &Db,
    kind: &T,
    request: BuildRequest<'_>,
) -> Result<(Vec<u8>, BuildReport)> {
    let options = kind.options();
    if options.len() > file::OPTIONS_BYTES_MAX {
        let limit = file::OPTIONS_BYTES_MAX;
        let why = format!("options of {} bytes, at most {limit} fit", options.len());
        return Err(Error::InvalidArgument(why));
    }
    let latest = db.newest();
    let target = request.at.unwrap_or(latest);
    if target > latest {
        // The stream would end before it, and what there is would go by its name.
        let oldest = db.history()?.first().map_or(latest, |entry| entry.txn_id);
        return Err(Error::SnapshotNotFound { requested: target, oldest, latest });
    }
    let source = source_of(db, target)?;
    let inputs = gather(db, kind, target, request)?;
    let mut hasher = ContentHasher::default();
    for (key, kept) in &inputs.rows {
        hasher.row(key, kept);
    }
    let mut rows = inputs.rows.iter().map(|(key, kept)| (&key[..], &kept[..]));
    let sections = kind.sections(&mut rows)?;
    let count = inputs.rows.len() as u64;
    let input = (hasher.finish(), count);
    let bytes = file::encode(T::NAME, T::VERSION, &options, source, input, &sections);
    let report = BuildReport {
        txn_id: target,
        route: inputs.route,
        commits: inputs.commits,
        rows: count,
        bytes: bytes.len() as u64,
    };
    Ok((bytes, report))
}

/// The identity of a state: its commit record's, where the log still has it.
fn source_of(db: &Db, txn: TxnId) -> Result<Source> {
    let none = Source { uuid: db.uuid(), txn, lsn: Lsn::new(0), generation: 0, crc: 0 };
    match commit_of(db, txn)? {
        Some(commit) => {
            Ok(Source { lsn: commit.lsn, generation: commit.generation, crc: commit.crc, ..none })
        }
        None => Ok(none),
    }
}

/// The commit record of `txn`, if the log still has it.
fn commit_of(past: &dyn Past, txn: TxnId) -> Result<Option<CommitRecord>> {
    if txn == TxnId::GENESIS {
        return Ok(None);
    }
    let mut found = None;
    match past.visit(txn, txn, &mut |commit| found = Some(commit)) {
        Err(Error::SnapshotNotFound { .. }) => Ok(None),
        seen => seen.map(|()| found),
    }
}

/// Whether `cartridge` was built from a state of this database's own history, rather than from another
/// file or from a commit whose TxnId came again after a crash or a restored copy. `None` when the log
/// cannot tell.
pub(super) fn is_ancestor(past: &dyn Past, cartridge: &Cartridge) -> Result<Option<bool>> {
    let header = cartridge.header();
    if header.source_uuid != past.uuid() {
        return Ok(Some(false));
    }
    if header.source_txn == TxnId::GENESIS {
        return Ok(Some(true));
    }
    if header.source_txn > past.newest() {
        return Ok(Some(false));
    }
    if header.source_crc == 0 && header.source_generation == 0 {
        return Ok(None);
    }
    // After a recovery the record stands under a new generation and checksum: then nothing is known.
    Ok(commit_of(past, header.source_txn)?.and_then(|commit| {
        let same_place = commit.lsn == header.source_lsn;
        let same_generation = commit.generation == header.source_generation;
        match (same_place, same_generation) {
            (false, _) => Some(false),
            (true, true) => Some(commit.crc == header.source_crc),
            (true, false) => None,
        }
    }))
}

fn gather<T: CartridgeType>(
    db: &Db,
    kind: &T,
    target: TxnId,
    request: BuildRequest<'_>,
) -> Result<Inputs> {
    let allowed = |route| request.route.is_none_or(|only| only == route);
    let mut reading = Reading { progress: request.progress, count: 0 };
    if allowed(Route::Incremental) {
        if let Some(inputs) = from_previous(db, kind, target, request.previous, &mut reading)? {
            return Ok(inputs);
        }
        if request.route.is_some() {
            let why = "there is no earlier cartridge that this build can start from";
            return Err(Error::InvalidArgument(why.into()));
        }
    }
    // The newest state is there to be scanned; an older one would be put together from the log first.
    let newest = target == db.newest();
    if allowed(Route::Snapshot) && (newest || request.route.is_some()) {
        return from_snapshot(db, kind, target, &mut reading);
    }
    match from_stream(db, kind, target, &mut reading) {
        Err(Error::SnapshotNotFound { .. }) if allowed(Route::Snapshot) => {
            from_snapshot(db, kind, target, &mut reading)
        }
        outcome => outcome,
    }
}

fn from_stream<T: CartridgeType>(
    db: &Db,
    kind: &T,
    target: TxnId,
    reading: &mut Reading<'_>,
) -> Result<Inputs> {
    let mut inputs = Inputs { rows: BTreeMap::new(), commits: 0, route: Route::Stream };
    apply_commits(db, kind, TxnId::GENESIS, target, &mut inputs, reading)?;
    Ok(inputs)
}

fn from_snapshot<T: CartridgeType>(
    db: &Db,
    kind: &T,
    target: TxnId,
    reading: &mut Reading<'_>,
) -> Result<Inputs> {
    let txn = db.begin_read_at(target)?;
    let mut rows = BTreeMap::new();
    for prefix in kind.prefixes() {
        for row in txn.prefix(&prefix)? {
            let (key, value) = row?;
            reading.step()?;
            let kept = kind.keep(&key, &value);
            rows.insert(key.to_vec(), kept);
        }
    }
    Ok(Inputs { rows, commits: 0, route: Route::Snapshot })
}

fn from_previous<T: CartridgeType>(
    db: &Db,
    kind: &T,
    target: TxnId,
    previous: Option<&Cartridge>,
    reading: &mut Reading<'_>,
) -> Result<Option<Inputs>> {
    let Some(previous) = previous else { return Ok(None) };
    let header = previous.header();
    let same = previous.type_name() == T::NAME
        && header.type_version == T::VERSION
        && previous.options() == kind.options()
        && header.source_txn <= target
        && is_ancestor(db, previous)? == Some(true);
    if !same {
        return Ok(None);
    }
    let Some(rows) = restored(kind, previous)? else { return Ok(None) };
    let rows = rows.into_iter().collect();
    let mut inputs = Inputs { rows, commits: 0, route: Route::Incremental };
    match apply_commits(db, kind, header.source_txn, target, &mut inputs, reading) {
        Ok(()) => Ok(Some(inputs)),
        Err(Error::SnapshotNotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The rows that `previous` was made of, if it holds them and they are what its header says. A damaged
/// one is no start: the database has everything it holds.
fn restored<T: CartridgeType>(kind: &T, previous: &Cartridge) -> Result<Option<Vec<KeptRow>>> {
    let rows = match kind.restore(previous) {
        Err(Error::Corrupt(_)) | Ok(None) => return Ok(None),
        Ok(Some(rows)) => rows,
        Err(error) => return Err(error),
    };
    let mut hasher = ContentHasher::default();
    rows.iter().for_each(|(key, kept)| hasher.row(key, kept));
    let header = previous.header();
    let same = rows.len() as u64 == header.input_rows
        && hasher.finish().0.to_le_bytes() == header.input_hash;
    Ok(same.then_some(rows))
}

/// Applies the commits in `after+1..=target` to the rows.
fn apply_commits<T: CartridgeType>(
    db: &Db,
    kind: &T,
    after: TxnId,
    target: TxnId,
    inputs: &mut Inputs,
    reading: &mut Reading<'_>,
) -> Result<()> {
    if after == target {
        return Ok(());
    }
    let prefixes = kind.prefixes();
    for commit in db.commits(after.next()..=target)? {
        inputs.commits += 1;
        reading.step()?;
        for op in commit?.ops {
            apply(kind, &prefixes, op, &mut inputs.rows);
        }
    }
    Ok(())
}

fn apply<T: CartridgeType>(
    kind: &T,
    prefixes: &[Vec<u8>],
    op: CommitOp,
    rows: &mut BTreeMap<Vec<u8>, Vec<u8>>,
) {
    let reads = |key: &[u8]| prefixes.iter().any(|prefix| key.starts_with(prefix));
    match op {
        CommitOp::Put { key, value } if reads(&key) => {
            let kept = kind.keep(&key, &value);
            rows.insert(key, kept);
        }
        CommitOp::Del { key } => {
            rows.remove(&key);
        }
        CommitOp::DelRange { start, end, .. } => remove_range(rows, &start, end.as_deref()),
        CommitOp::Put { .. } => {}
    }
}

fn remove_range(rows: &mut BTreeMap<Vec<u8>, Vec<u8>>, start: &[u8], end: Option<&[u8]>) {
    if end.is_some_and(|end| end <= start) {
        return;
    }
    let upper = end.map_or(Bound::Unbounded, Bound::Excluded);
    let range = (Bound::Included(start), upper);
    let gone: Vec<_> = rows.range::<[u8], _>(range).map(|(key, _)| key.clone()).collect();
    for key in gone {
        rows.remove(&key);
    }
}

/// Whether an operation touches a row that starts with one of `prefixes`.
pub(super) fn touches(op: &CommitOp, prefixes: &[Vec<u8>]) -> bool {
    prefixes.iter().any(|prefix| match op {
        CommitOp::Put { key, .. } | CommitOp::Del { key } => key.starts_with(prefix),
        CommitOp::DelRange { start, end, count } => {
            let before_end = end.as_ref().is_none_or(|end| prefix < end);
            let after_start = prefix_end(prefix).is_none_or(|prefix_end| *start < prefix_end);
            *count > 0 && before_end && after_start
        }
    })
}
