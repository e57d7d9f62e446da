//! Opening: metas judged, root checked, log made safe, tail replayed.
//!
//! Called by `Options::open_on`. Spec: `spec/semantics_v0.md`, recovery; crash rules 1, 4, 7, 19 to
//! 23.
//!
//! ```text
//! path ─▶ lock ─▶ judge metas ─▶ history rows ─▶ log tail made safe ─▶ replay ─▶ publish
//!                    └── the other slot, when the chosen one's history is damaged ──┘
//! ```
//!
//! Cost of a clean open: two meta pages, the root, the log's last block. The free space is read
//! before the first write (`db::space`).

use crate::db::background::Background;
use crate::db::chains;
use crate::db::create;
use crate::db::environment::Environment;
use crate::db::judge::{Judged, position, snapshot};
use crate::db::metas::{Metas, Slot};
use crate::db::options::{LogRetention, Options};
use crate::db::replay::{self, Room};
use crate::db::shared::{Parts, Shared};
use crate::db::{Db, space};
use crate::disk::{
    Clock, Entropy, File, LockRange, MemoryStorage, OpenMode, RealStorage, Storage, SystemClock,
    SystemEntropy,
};
use crate::error::{Error, Result};
use crate::format::meta::Meta;
use crate::ids::FileUuid;
use crate::limits::{CACHE_BYTES_MIN, PAGE_BYTES};
use crate::log::recover::assess;
use crate::log::{Chain, LogPaths, LogWriter, Position, Recovery};
use crate::pager::{self, Pager};
use crate::sabotage::{self, Switch};
use crate::txn::History;
use crate::txn::core::{self, Core, Handle};
use crate::txn::history::HistoryRows;
use crate::txn::pipeline::Pipeline;
use crate::txn::snapshot::Snapshot;
use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// Pages that past states have besides the cache: 64 MiB.
const PAST_PAGES: u64 = 4096;
/// Pages of a level that an operation copies at most: two edges of a range, each with a neighbour.
const COPIES_A_LEVEL_MAX: u64 = 4;
/// Levels that a tree gains in a replay at most, but for trees of a few rows a page.
const GROWTH_MAX: u64 = 3;
/// Bytes of the shortest operation in the log.
const OP_BYTES_MIN: u64 = 8;
/// How often opening starts again because the file was replaced, or a writer moved on, meanwhile.
const TRIES_MAX: usize = 32;
/// How often a read-only opener finds damage without a writer beside it before it believes it.
const ALONE_TRIES: usize = 3;
/// A read-only opener may look at the writer's lock by taking it for a moment: try a little longer.
const LOCK_TRIES: usize = 4;
const LOCK_PAUSE: Duration = Duration::from_millis(1);

impl Options {
    /// Opens `path`, or makes it.
    ///
    /// After a crash this is where the log is replayed: under a second for 64 MiB of log behind the
    /// last checkpoint.
    ///
    /// # Errors
    /// `Locked` while another handle or process has it open for writing; `UnsupportedFormat` when
    /// the file is no database; `Corrupt`, `Io`, `OutOfSpace`.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Db> {
        let storage = Arc::new(RealStorage::new());
        let entropy = Arc::new(SystemEntropy::new());
        self.open_on(storage, entropy, Arc::new(SystemClock::new()), path)
    }

    /// The same engine with nothing on disk. It is gone with its last handle.
    ///
    /// # Errors
    /// `InvalidArgument` when it is asked to be read-only.
    pub fn open_in_memory(self) -> Result<Db> {
        if self.read_only {
            let why = "a database in memory that is read-only would always be empty";
            return Err(Error::InvalidArgument(why.to_owned()));
        }
        let storage = Arc::new(MemoryStorage::new());
        let entropy = Arc::new(SystemEntropy::new());
        self.open_on(storage, entropy, Arc::new(SystemClock::new()), "/memory/db.ns")
    }

    /// The same engine on another storage, with given randomness and time: simulations, fault
    /// scripts. With [`Self::background`] off, every byte it writes follows from the calls made and
    /// from `entropy`.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_on(
        self,
        storage: Arc<dyn Storage>,
        entropy: Arc<dyn Entropy>,
        clock: Arc<dyn Clock>,
        path: impl AsRef<Path>,
    ) -> Result<Db> {
        open(self, Environment { storage, entropy, clock }, path.as_ref())
    }
}

/// Opens or makes the database at `path`.
fn open(options: Options, environment: Environment, path: &Path) -> Result<Db> {
    let path = environment.storage.canonical(path)?;
    if !options.read_only && options.create && !environment.storage.exists(&path)? {
        create::create(&options, &environment, &path)?;
    }
    if options.read_only {
        return open_to_read(options, environment, &path);
    }
    open_to_write(options, environment, &path)
}

fn new_pager(
    options: &Options,
    environment: &Environment,
    file: &Arc<dyn File>,
    meta: &Meta,
    page_count: u64,
    extra: usize,
) -> Arc<Pager> {
    Pager::new(pager::Config {
        file: Arc::clone(file),
        uuid: meta.uuid,
        cache_bytes: options.cache_bytes.saturating_add(extra),
        page_count,
        entropy: Arc::clone(&environment.entropy),
        cells_max: options.tuning.cells_max,
    })
}

/// Takes the writer's lock of the file that `path` names.
fn lock_for_writing(environment: &Environment, path: &Path) -> Result<Arc<dyn File>> {
    for _ in 0..TRIES_MAX {
        let file = environment.storage.open(path, OpenMode::ReadWrite)?;
        let mut locked = file.try_lock(LockRange::Writer, true)?;
        for _ in 1..LOCK_TRIES {
            if locked {
                break;
            }
            std::thread::sleep(LOCK_PAUSE);
            locked = file.try_lock(LockRange::Writer, true)?;
        }
        if !locked {
            return Err(Error::Locked { path: path.to_path_buf() });
        }
        if file.still_named()? {
            return Ok(file);
        }
    }
    Err(Error::Locked { path: path.to_path_buf() })
}

fn open_to_write(options: Options, environment: Environment, path: &Path) -> Result<Db> {
    let judged = Judged::read(lock_for_writing(&environment, path)?)?;
    let (mut meta, mut other) = judged.metas()?;
    let mut given_up = judged.given_up;
    let file = judged.file;
    // Rule 4: the older slot's chains may lie behind the end that the newer one knows of.
    let file_pages = file.len()? / PAGE_BYTES as u64;
    let older_pages = other.map_or(0, |other| other.page_count.min(file_pages));
    let page_count = meta.page_count.max(older_pages);
    let mut pager = new_pager(&options, &environment, &file, &meta, page_count, 0);
    let rows = match (chains::read_history(&pager, &meta), other) {
        (Ok((rows, _)), _) => rows,
        // The other slot replays more log and comes to the same state, with its own history.
        (Err(error), Some(older)) if error.is_corrupt() => {
            pager = new_pager(&options, &environment, &file, &older, older.page_count, 0);
            given_up.push(meta);
            (meta, other) = (older, None);
            chains::read_history(&pager, &meta)?.0
        }
        (Err(error), _) => return Err(error),
    };
    let forget = sabotage::on(Switch::ForgetOptions);
    let stored = if forget { History::Last(0) } else { History::from_limit(meta.history_last) };
    let keep = options.history.unwrap_or(stored);
    let retention = options.log_retention.unwrap_or_else(|| LogRetention::from_meta(&meta));
    let log_paths = LogPaths::of_database(path);
    let positions = positions(&meta, other.as_ref(), &given_up);
    let (log, recovery) = open_log(&options, &environment, &log_paths, meta.uuid, &positions)?;
    // Rule 19: whatever names were changed before this open are durable before anything is shown.
    environment.sync_directory(path)?;

    let log = Arc::new(log);
    let (history, _) = HistoryRows::new(keep, rows.iter().copied());
    let pipeline = Pipeline::new(snapshot(&meta), position(&meta), history);
    let core = Arc::new(Core::new(core::Parts {
        pager,
        log: Some(Arc::clone(&log)),
        pipeline,
        durability: options.durability,
        clock: Arc::clone(&environment.clock),
        observer: options.observer.clone(),
    }));
    let slot = |meta: Meta, rows: &[Snapshot]| Slot {
        roots: chains::roots_of(&meta, rows),
        meta,
        pages: Vec::new(),
    };
    let mut slots = [None, None];
    slots[meta.slot()] = Some(slot(meta, &rows));
    if let Some(other) = other {
        slots[other.slot()] = Some(slot(other, &[]));
    }
    let metas = Metas {
        slots,
        sequence: meta.sequence,
        rewrite: true,
        synced_bytes: None,
        held: Vec::new(),
        withheld: None,
        history_limit: keep.limit(),
        retention,
        next_run: 0,
        let_go: false,
    };
    let background = options.background;
    let parts =
        Parts { environment, path: path.to_path_buf(), file, uuid: meta.uuid, log_paths, options };
    let shared = Shared::new(core, parts, metas);
    shared.core.counters.stored_txn.store(meta.txn_id.get(), Ordering::Relaxed);
    if recovery.commits > 0 {
        space::prepare(&shared)?;
        let chain = log.chain();
        replay::replay(&shared.core, chain, &recovery, meta.txn_id, keep)?;
    }
    if background {
        Background::start(&shared)?;
    }
    Ok(finish(shared))
}

/// The positions that the log is judged by: that of the chosen meta first, then those that only prove it.
fn positions(meta: &Meta, other: Option<&Meta>, given_up: &[Meta]) -> Vec<Position> {
    std::iter::once(meta).chain(other).chain(given_up).map(position).collect()
}

/// Opens the log, or makes the one that a backup does not have yet.
fn open_log(
    options: &Options,
    environment: &Environment,
    paths: &LogPaths,
    uuid: FileUuid,
    positions: &[Position],
) -> Result<(LogWriter, Recovery)> {
    let storage = Arc::clone(&environment.storage);
    let (entropy, config) = (environment.entropy.as_ref(), options.tuning.log);
    let is_backup = positions.first().is_some_and(|position| position.generation == 0);
    if is_backup && Chain::discover(&storage, paths)?.segments().is_empty() {
        let start = positions[0];
        let made =
            LogWriter::create(Arc::clone(&storage), paths.clone(), uuid, entropy, config, start)?;
        drop(made);
    }
    LogWriter::open(storage, paths.clone(), uuid, entropy, config, positions)
}

/// Opens without writing a byte, alone or beside a writer (rules 22 and 23).
fn open_to_read(options: Options, environment: Environment, path: &Path) -> Result<Db> {
    let mut last = Error::Locked { path: path.to_path_buf() };
    let mut alone = 0;
    for _ in 0..TRIES_MAX {
        let file = environment.storage.open(path, OpenMode::Read)?;
        match try_to_read(&options, &environment, path, &file) {
            Ok(Some(db)) => return Ok(db),
            Ok(None) => continue,
            Err(error) if may_be_a_writers_doing(&error) => last = error,
            Err(error) => return Err(error),
        }
        // A writer that is gone now may have been there while the files were read, and each of several
        // short-lived ones may have come and gone: what is found more than once is no accident.
        alone = if writer_is_absent(file.as_ref())? { alone + 1 } else { 0 };
        if alone == ALONE_TRIES {
            return Err(last);
        }
    }
    Err(last)
}

/// A writer overwrites metas, renames segments while they are looked for, and cuts the log's prepared end
/// when it closes: what was read meanwhile may look damaged, missing or cut short.
fn may_be_a_writers_doing(error: &Error) -> bool {
    let cut_short = matches!(error, Error::Io { source, .. }
        if source.kind() == std::io::ErrorKind::UnexpectedEof);
    error.is_corrupt() || create::is_not_found(error) || cut_short
}

/// One try; `None` when the writer's meta went on in between.
fn try_to_read(
    options: &Options,
    environment: &Environment,
    path: &Path,
    file: &Arc<dyn File>,
) -> Result<Option<Db>> {
    let (meta, _) = Judged::read(Arc::clone(file))?.metas()?;
    let range = LockRange::ReaderOf { sequence: meta.sequence };
    if !file.try_lock(range, false)? {
        return Err(Error::Locked { path: path.to_path_buf() });
    }
    // Locked, then read again: from now on the writer keeps what this meta names.
    let judged = Judged::read(Arc::clone(file))?;
    let (again, other) = judged.metas()?;
    if again.sequence != meta.sequence {
        file.unlock(range)?;
        return Ok(None);
    }
    let positions = positions(&again, other.as_ref(), &judged.given_up);
    read_beside(options, environment, path, file, again, &positions).map(Some)
}

/// Whether no other process has the file open for writing, at this moment.
fn writer_is_absent(file: &dyn File) -> Result<bool> {
    if file.foreign_readers()?.is_none() {
        // One lock for the whole file: a reader's keeps writers away, and giving back the writer's would give
        // it back, too.
        return file.try_lock(LockRange::ReaderOf { sequence: 0 }, false);
    }
    if let Some(is_there) = file.foreign_writer()? {
        return Ok(!is_there);
    }
    // Elsewhere by taking its lock for a moment, which a writer that opens just then is patient with.
    let absent = file.try_lock(LockRange::Writer, false)?;
    if absent {
        file.unlock(LockRange::Writer)?;
    }
    Ok(absent)
}

fn read_beside(
    options: &Options,
    environment: &Environment,
    path: &Path,
    file: &Arc<dyn File>,
    meta: Meta,
    positions: &[Position],
) -> Result<Db> {
    let log_paths = LogPaths::of_database(path);
    let absent = writer_is_absent(file.as_ref())?;
    let chain = Chain::discover(&environment.storage, &log_paths)?;
    let no_log = chain.segments().is_empty() && meta.log_generation == 0;
    let recovery = if no_log { None } else { Some(assess(&chain, meta.uuid, positions)?) };
    let recovery = recovery.map(|found| Recovery {
        tail: if absent || sabotage::on(Switch::ShowUnproven) {
            found.tail
        } else {
            found.proven.max(found.from)
        },
        ..found
    });
    let behind = recovery.as_ref().map_or(0, |found| found.tail.get() - found.from.get());
    let pages = pages_for_replay(&meta, behind, options.tuning.cells_max.is_some());
    let past = if meta.history_last > 0 { PAST_PAGES } else { 0 };
    // An edit writes out what is beyond three quarters of the pool.
    let extra = pages.saturating_add(past).saturating_mul(4 * PAGE_BYTES as u64) / 3;
    let extra = usize::try_from(extra).unwrap_or(usize::MAX / 2);
    let pager = new_pager(options, environment, file, &meta, meta.page_count, extra);
    let (rows, _) = chains::read_history(&pager, &meta)?;
    let keep = History::from_limit(meta.history_last);
    let (history, _) = HistoryRows::new(keep, rows.iter().copied());
    let core = Arc::new(Core::new(core::Parts {
        pager,
        log: None,
        pipeline: Pipeline::new(snapshot(&meta), position(&meta), history),
        durability: options.durability,
        clock: Arc::clone(&environment.clock),
        observer: options.observer.clone(),
    }));
    if let Some(recovery) = recovery.filter(|found| found.tail > found.from) {
        let cache_pages = (options.cache_bytes.max(CACHE_BYTES_MIN) / PAGE_BYTES) as u64;
        let room = Room {
            pages: cache_pages * 3 / 4 + past,
            pages_an_operation: COPIES_A_LEVEL_MAX * (u64::from(meta.depth) + GROWTH_MAX),
            pages_a_state: pages,
        };
        let keep = replay::fitting(&chain, &recovery, meta.txn_id, keep, room)?;
        replay::replay(&core, chain, &recovery, meta.txn_id, keep)?;
    }
    let mut slots = [None, None];
    slots[meta.slot()] =
        Some(Slot { roots: chains::roots_of(&meta, &rows), meta, pages: Vec::new() });
    let metas = Metas {
        slots,
        sequence: meta.sequence,
        rewrite: false,
        synced_bytes: None,
        held: Vec::new(),
        withheld: None,
        history_limit: meta.history_last,
        retention: LogRetention::from_meta(&meta),
        next_run: 0,
        let_go: false,
    };
    let parts = Parts {
        environment: environment.clone(),
        path: path.to_path_buf(),
        file: Arc::clone(file),
        uuid: meta.uuid,
        log_paths,
        options: options.clone(),
    };
    core.counters.stored_txn.store(meta.txn_id.get(), Ordering::Relaxed);
    Ok(finish(Shared::new(core, parts, metas)))
}

/// Memory for what a replay of `log_bytes` can make for one state: it stays in the pool, since nothing may be
/// written. Frames that are not used cost nothing. Past states have the cache and a little more ([`Room`]).
///
/// A page of the file is copied once, and only where an operation leads; what is new fits into pages
/// that are a quarter full, unless a test makes them hold a few rows only.
fn pages_for_replay(meta: &Meta, log_bytes: u64, tiny_pages: bool) -> u64 {
    let most_operations = log_bytes / OP_BYTES_MIN;
    let copied = meta.page_count.min(most_operations.saturating_mul(meta.depth.into()));
    let new = if tiny_pages { most_operations } else { log_bytes / (PAGE_BYTES as u64 / 4) };
    copied.saturating_add(new)
}

/// The public handle; when the last is gone, the database closes.
fn finish(shared: Arc<Shared>) -> Db {
    let core = Arc::clone(&shared.core);
    let closing = Arc::clone(&shared);
    let on_last = Box::new(move || {
        if closing.core.is_forked() {
            // Files, locks and threads are the parent's: nothing of them is touched, not even by
            // dropping them.
            std::mem::forget(closing);
            return;
        }
        closing.stop_background();
        // Nobody is left to tell: whatever did not reach the disk is in the log, or was never
        // acknowledged.
        closing.close().ok();
    });
    Db { handle: Handle::new(core, on_last), shared }
}
