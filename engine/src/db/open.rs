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
use crate::db::options::{LogRetention, Options};
use crate::db::replay;
use crate::db::shared::{Metas, Parts, Shared, Slot};
use crate::db::{Db, space};
use crate::disk::{Clock, Entropy, File, LockRange, OpenMode, Storage};
use crate::error::{Corrupt, Error, Result};
use crate::format::meta::{Judgement, Meta, SlotChoice, is_unsupported, judge};
use crate::format::page::{PageType, verify_page};
use crate::ids::FileUuid;
use crate::limits::PAGE_BYTES;
use crate::log::recover::assess;
use crate::log::{Chain, LogPaths, LogWriter, Position, Recovery, Scanner, Transactions};
use crate::pager::{self, Pager};
use crate::sabotage::{self, Switch};
use crate::txn::History;
use crate::txn::commit::Pipeline;
use crate::txn::core::{self, Core, Handle};
use crate::txn::history::HistoryRows;
use crate::txn::snapshot::Snapshot;
use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// Where a database lives, and what time and chance are there.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Place {
    /// Makes the names in the directory of `path` durable.
    pub(crate) fn sync_directory(&self, path: &Path) -> Result<()> {
        if sabotage::on(Switch::SkipDirSync) {
            return Ok(());
        }
        self.storage.sync_dir(path.parent().unwrap_or(Path::new("")))
    }
}

/// How often opening starts again because the file was replaced, or a writer moved on, meanwhile.
const TRIES_MAX: usize = 32;
/// A read-only opener looks at the writer's lock by taking it for a moment: try a little longer.
const LOCK_TRIES: usize = 4;
const LOCK_PAUSE: Duration = Duration::from_millis(1);

/// Opens or makes the database at `path`.
pub(crate) fn open(options: Options, place: Place, path: &Path) -> Result<Db> {
    let path = place.storage.canonical(path)?;
    if !options.read_only && options.create && !place.storage.exists(&path)? {
        create::create(&options, &place, &path)?;
    }
    if options.read_only {
        return open_to_read(options, place, &path);
    }
    open_to_write(options, place, &path)
}

/// The judged metas of an open file.
struct Judged {
    file: Arc<dyn File>,
    judgement: Judgement,
}

impl Judged {
    fn read(file: Arc<dyn File>) -> Result<Self> {
        let judgement = judge_file(file.as_ref())?;
        Ok(Self { file, judgement })
    }

    /// The chosen meta and the other valid one.
    fn metas(&self) -> Result<(Meta, Option<Meta>)> {
        let Some(meta) = self.judgement.meta() else {
            return Err(refusal(&self.judgement, self.file.as_ref()));
        };
        // Asked before anything is sized by that number; a slot with a tree was judged with its root.
        let bytes = self.file.len()?;
        if bytes < meta.page_count.saturating_mul(PAGE_BYTES as u64) {
            let expected = format!("{} pages", meta.page_count);
            let corrupt =
                Corrupt::at(crate::Place::File, "FILE-1", expected, format!("{bytes} bytes"));
            return Err(corrupt.in_file(self.file.path()).into());
        }
        Ok((*meta, self.judgement.other().copied()))
    }
}

/// Judges the two slots of a file, each with its root page.
pub(crate) fn judge_file(file: &dyn File) -> Result<Judgement> {
    let bytes = file.len()?;
    let mut slots = [Vec::new(), Vec::new()];
    for (slot, buffer) in slots.iter_mut().enumerate() {
        let offset = (slot * PAGE_BYTES) as u64;
        buffer.resize(bytes.saturating_sub(offset).min(PAGE_BYTES as u64) as usize, 0);
        file.read_at(buffer, offset)?;
    }
    let mut failed = None;
    let judgement =
        judge([&slots[0], &slots[1]], &mut |meta| check_root(file, bytes, meta, &mut failed));
    failed.map_or(Ok(judgement), Err)
}

/// META-9: the root page is the one the meta means, and the file is as long as it says.
fn check_root(
    file: &dyn File,
    bytes: u64,
    meta: &Meta,
    failed: &mut Option<Error>,
) -> Result<(), Corrupt> {
    let root = meta.root;
    if bytes < meta.page_count.saturating_mul(PAGE_BYTES as u64) {
        let expected = format!("{} pages", meta.page_count);
        return Err(Corrupt::page(root.page, "META-9", expected, format!("{bytes} bytes")));
    }
    let mut page = vec![0; PAGE_BYTES];
    if let Err(error) = file.read_at(&mut page, root.page.get().saturating_mul(PAGE_BYTES as u64)) {
        let corrupt = Corrupt::page(root.page, "META-9", "a root that can be read", &error);
        *failed = Some(error);
        return Err(corrupt);
    }
    let header = verify_page(&page, meta.uuid, root.page)?;
    let level = meta.depth.saturating_sub(1);
    let wanted = if level == 0 { PageType::Leaf } else { PageType::Internal };
    let is_meant = header.birth == root.birth
        && header.nonce == root.nonce
        && u32::from(header.level) == level
        && header.page_type == wanted as u8;
    if is_meant {
        return Ok(());
    }
    Err(Corrupt::page(
        root.page,
        "META-9",
        format_args!("{} of level {level} for {root:?}", wanted.name()),
        format_args!("birth {}, nonce {:08x}, level {}", header.birth, header.nonce, header.level),
    ))
}

/// Why a file without a usable slot is refused.
fn refusal(judgement: &Judgement, file: &dyn File) -> Error {
    let problems = [SlotChoice::A, SlotChoice::B].map(|slot| judgement.problem(slot));
    let path = file.path().to_path_buf();
    let all = |test: &dyn Fn(&Corrupt) -> bool| problems.iter().flatten().all(|p| test(p));
    if problems.iter().all(Option::is_some) && all(&|problem| problem.rule == "META-1") {
        return Error::UnsupportedFormat { path, found: "no northstar database".to_owned() };
    }
    if let Some(problem) = problems.iter().flatten().find(|problem| is_unsupported(problem.rule)) {
        let found = format!("{} ({})", problem.found, problem.rule);
        return Error::UnsupportedFormat { path, found };
    }
    let worst = problems.into_iter().flatten().next_back().cloned();
    let none =
        || Corrupt::at(crate::Place::File, "META-10", "slots of one file", &judgement.reason);
    worst.unwrap_or_else(none).in_file(path).into()
}

fn position(meta: &Meta) -> Position {
    Position {
        lsn: meta.log_lsn,
        generation: meta.log_generation,
        crc: meta.log_crc,
        txn_id: meta.txn_id,
    }
}

fn snapshot(meta: &Meta) -> Snapshot {
    Snapshot {
        txn_id: meta.txn_id,
        root: meta.root,
        depth: meta.depth,
        key_count: meta.key_count,
        alias_count: meta.alias_count,
        lsn: meta.log_lsn,
    }
}

fn new_pager(
    options: &Options,
    place: &Place,
    file: &Arc<dyn File>,
    meta: &Meta,
    extra: usize,
) -> Arc<Pager> {
    Pager::new(pager::Config {
        file: Arc::clone(file),
        uuid: meta.uuid,
        cache_bytes: options.cache_bytes.saturating_add(extra),
        page_count: meta.page_count,
        entropy: Arc::clone(&place.entropy),
        cells_max: options.tuning.cells_max,
    })
}

/// Takes the writer's lock of the file that `path` names.
fn lock_for_writing(place: &Place, path: &Path) -> Result<Arc<dyn File>> {
    for _ in 0..TRIES_MAX {
        let file = place.storage.open(path, OpenMode::ReadWrite)?;
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

fn open_to_write(options: Options, place: Place, path: &Path) -> Result<Db> {
    let judged = Judged::read(lock_for_writing(&place, path)?)?;
    let (mut meta, mut other) = judged.metas()?;
    let file = Arc::clone(&judged.file);
    let mut pager = new_pager(&options, &place, &file, &meta, 0);
    let rows = match (chains::read_history(&pager, &meta), other) {
        (Ok((rows, _)), _) => rows,
        // The other slot replays more log and comes to the same state, with its own history.
        (Err(error), Some(older)) if error.is_corrupt() => {
            pager = new_pager(&options, &place, &file, &older, 0);
            (meta, other) = (older, None);
            chains::read_history(&pager, &meta)?.0
        }
        (Err(error), _) => return Err(error),
    };
    let keep = options.history.unwrap_or(History::from_limit(meta.history_last));
    let retention = options.log_retention.unwrap_or_else(|| LogRetention::from_meta(&meta));
    let log_paths = LogPaths::of_database(path);
    let positions: Vec<Position> = [Some(meta), other].iter().flatten().map(position).collect();
    let (log, recovery) = open_log(&options, &place, &log_paths, meta.uuid, &positions)?;
    // Rule 19: whatever names were changed before this open are durable before anything is shown.
    place.sync_directory(path)?;

    let log = Arc::new(log);
    let (history, _) = HistoryRows::new(keep, rows.iter().copied());
    let pipeline = Pipeline::new(snapshot(&meta), position(&meta), history);
    let core = Arc::new(Core::new(core::Parts {
        pager,
        log: Some(Arc::clone(&log)),
        pipeline,
        durability: options.durability,
        clock: Arc::clone(&place.clock),
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
    };
    let background = options.background;
    let parts =
        Parts { place, path: path.to_path_buf(), file, uuid: meta.uuid, log_paths, options };
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

/// Opens the log, or makes the one that a backup does not have yet.
fn open_log(
    options: &Options,
    place: &Place,
    paths: &LogPaths,
    uuid: FileUuid,
    positions: &[Position],
) -> Result<(LogWriter, Recovery)> {
    let storage = Arc::clone(&place.storage);
    let (entropy, config) = (place.entropy.as_ref(), options.tuning.log);
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
fn open_to_read(options: Options, place: Place, path: &Path) -> Result<Db> {
    let mut last = Error::Locked { path: path.to_path_buf() };
    for _ in 0..TRIES_MAX {
        let judged = Judged::read(place.storage.open(path, OpenMode::Read)?)?;
        let (meta, _) = judged.metas()?;
        let range = LockRange::ReaderOf { sequence: meta.sequence };
        if !judged.file.try_lock(range, false)? {
            return Err(Error::Locked { path: path.to_path_buf() });
        }
        // Locked, then read again: from now on the writer keeps what this meta names.
        let judged = Judged::read(judged.file)?;
        let (again, other) = judged.metas()?;
        if again.sequence != meta.sequence {
            judged.file.unlock(range)?;
            continue;
        }
        match read_beside(&options, &place, path, &judged.file, again, other) {
            Ok(db) => return Ok(db),
            // A writer may rename segments while they are looked for: look again.
            Err(error) if error.is_corrupt() || create::is_not_found(&error) => last = error,
            Err(error) => return Err(error),
        }
        if writer_is_absent(judged.file.as_ref())? {
            return Err(last);
        }
    }
    Err(last)
}

/// Whether no other process has the file open for writing, at this moment.
fn writer_is_absent(file: &dyn File) -> Result<bool> {
    let absent = file.try_lock(LockRange::Writer, false)?;
    if absent {
        file.unlock(LockRange::Writer)?;
    }
    Ok(absent)
}

fn read_beside(
    options: &Options,
    place: &Place,
    path: &Path,
    file: &Arc<dyn File>,
    meta: Meta,
    other: Option<Meta>,
) -> Result<Db> {
    let log_paths = LogPaths::of_database(path);
    let absent = writer_is_absent(file.as_ref())?;
    let chain = Chain::discover(&place.storage, &log_paths)?;
    let no_log = chain.segments().is_empty() && meta.log_generation == 0;
    let positions: Vec<Position> = [Some(meta), other].iter().flatten().map(position).collect();
    let recovery = if no_log { None } else { Some(assess(&chain, meta.uuid, &positions)?) };
    let recovery = recovery.map(|found| Recovery {
        tail: if absent { found.tail } else { found.proven.max(found.from) },
        ..found
    });
    let behind = recovery.as_ref().map_or(0, |found| found.tail.get() - found.from.get());
    // What is replayed stays in memory: the budget grows by what the tail can make.
    let extra = usize::try_from(behind.saturating_mul(4)).unwrap_or(usize::MAX / 2);
    let pager = new_pager(options, place, file, &meta, extra);
    let (rows, _) = chains::read_history(&pager, &meta)?;
    let keep = History::from_limit(meta.history_last);
    let (history, _) = HistoryRows::new(keep, rows.iter().copied());
    let core = Arc::new(Core::new(core::Parts {
        pager,
        log: None,
        pipeline: Pipeline::new(snapshot(&meta), position(&meta), history),
        durability: options.durability,
        clock: Arc::clone(&place.clock),
        observer: options.observer.clone(),
    }));
    if let Some(recovery) = recovery.filter(|found| found.tail > found.from) {
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
    };
    let parts = Parts {
        place: place.clone(),
        path: path.to_path_buf(),
        file: Arc::clone(file),
        uuid: meta.uuid,
        log_paths,
        options: options.clone(),
    };
    core.counters.stored_txn.store(meta.txn_id.get(), Ordering::Relaxed);
    Ok(finish(Shared::new(core, parts, metas)))
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

/// The transactions of a scan that recovery starts.
pub(crate) fn transactions(
    chain: Chain,
    recovery: &Recovery,
    after: crate::TxnId,
) -> Result<Transactions> {
    let scanner = Scanner::new(chain, recovery.from)?.until(recovery.tail);
    Ok(Transactions::new(scanner, Some(after)))
}

/// The page behind the last one that any of the metas names.
pub(crate) fn page_count_min<'a>(slots: impl Iterator<Item = &'a Slot>) -> u64 {
    slots.map(|slot| slot.meta.page_count).max().unwrap_or(2)
}
