//! Making a new database file (rule 7).
//!
//! Called by `db::open` when the file is missing. Order: the log, synced, with its directory entry;
//! a temporary file with both meta slots, synced, with its directory entry; a rename that replaces
//! nothing; the directory again. A crash in between leaves no database, and what it leaves is
//! cleared away here. Keeps: META-1 to META-11 of an empty file, CRASH-7.
//!
//! The temporary file is locked while it is being made, so that two creators do not meet: its lock
//! is the same as the finished file's.

use crate::db::environment::Environment;
use crate::db::options::{LOG_RETENTION, Options};
use crate::disk::{File, LockRange, OpenMode, SyncKind};
use crate::error::{Corrupt, Error, Result};
use crate::format::meta::{META_MAGIC, Meta};
use crate::ids::{FileUuid, Lsn, Pointer, TxnId};
use crate::limits::{PAGE_BYTES, SEGMENT_HEADER_BYTES};
use crate::log::{LogPaths, LogWriter, Position};
use crate::sabotage::{self, Switch};
use crate::txn::History;
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

/// How often a creator tries again after another one's leftover vanished under it.
const TRIES_MAX: usize = 16;
/// A log is read in pieces of this size.
const SEARCH_BYTES: usize = 64 << 10;

/// Makes the database at `path`, unless somebody else has just made it.
pub(crate) fn create(options: &Options, environment: &Environment, path: &Path) -> Result<()> {
    let temporary = beside(path, ".new");
    let file = claim(environment, &temporary, path)?;
    if environment.storage.exists(path)? {
        return environment.storage.unlink(&temporary);
    }
    let made = fill(options, environment, path, file.as_ref());
    if made.is_err() {
        // Best effort: what stays behind is cleared away by the next creation.
        environment.storage.unlink(&temporary).ok();
        return made;
    }
    environment.storage.rename_new(&temporary, path)?;
    environment.sync_directory(path)
}

/// Makes the log, then both slots in the temporary file, and everything durable.
fn fill(options: &Options, environment: &Environment, path: &Path, file: &dyn File) -> Result<()> {
    let paths = LogPaths::of_database(path);
    clear_log(environment, &paths)?;
    let uuid = draw_uuid(environment);
    let start = Position { lsn: Lsn::new(0), generation: 0, crc: 0, txn_id: TxnId::GENESIS };
    let log = LogWriter::create(
        Arc::clone(&environment.storage),
        paths,
        uuid,
        environment.entropy.as_ref(),
        options.tuning.log,
        start,
    )?;
    let generation = log.generation();
    log.close()?;
    drop(log);
    for sequence in 0..2 {
        let meta = genesis(options, uuid, sequence, generation);
        file.write_at(meta.to_page().as_slice(), sequence * PAGE_BYTES as u64)?;
    }
    if !sabotage::on(Switch::RenameBeforeSync) {
        file.sync(SyncKind::Full)?;
    }
    environment.sync_directory(path)
}

/// The meta of the empty state.
fn genesis(options: &Options, uuid: FileUuid, sequence: u64, generation: u64) -> Meta {
    let (retention, retention_bytes) = options.log_retention.unwrap_or(LOG_RETENTION).to_meta();
    Meta {
        magic: META_MAGIC,
        version: 0,
        page_bytes: PAGE_BYTES as u32,
        flags: 0,
        uuid,
        sequence,
        txn_id: TxnId::GENESIS,
        root: Pointer::NULL,
        depth: 0,
        alias_count: 0,
        key_count: 0,
        page_count: 2,
        bitmap: Pointer::NULL,
        history: Pointer::NULL,
        retired: Pointer::NULL,
        log_lsn: Lsn::new(0),
        log_generation: generation,
        log_crc: 0,
        retention,
        retention_bytes,
        history_last: options.history.unwrap_or(History::Last(0)).limit(),
        options_reserved: [0; 48],
    }
}

/// Makes the temporary file and locks it. One that a crash left is removed, never written to: it
/// may be a link that somebody placed there.
fn claim(environment: &Environment, temporary: &Path, path: &Path) -> Result<Arc<dyn File>> {
    for _ in 0..TRIES_MAX {
        if environment.storage.exists(temporary)? {
            let left = match environment.storage.open(temporary, OpenMode::ReadWrite) {
                Err(error) if is_not_found(&error) => continue,
                left => left?,
            };
            if !left.try_lock(LockRange::Writer, true)? {
                return Err(Error::Locked { path: path.to_path_buf() });
            }
            if left.still_named()? {
                environment.storage.unlink(temporary)?;
            }
            continue;
        }
        let file = match environment.storage.open(temporary, OpenMode::CreateNew) {
            Err(error) if is_taken(&error) => continue,
            file => file?,
        };
        if file.try_lock(LockRange::Writer, true)? && file.still_named()? {
            return Ok(file);
        }
    }
    Err(Error::Locked { path: path.to_path_buf() })
}

/// A log without its database: nothing but the remains of an unfinished creation is removed, and
/// nothing at all when there is more.
fn clear_log(environment: &Environment, paths: &LogPaths) -> Result<()> {
    let active = paths.active();
    let directory = directory_of(&active).to_path_buf();
    let name = active.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    let mut remains = Vec::new();
    for file in environment.storage.list(&directory, &name)? {
        let path = directory.join(&file);
        let ours = path == active
            || path == paths.next()
            || LogPaths::of_log(&path).is_some_and(|other| other == *paths);
        if !ours {
            continue;
        }
        if path != paths.next() && has_records(environment, paths, &path)? {
            return Err(Corrupt::at(
                crate::Place::File,
                "CRASH-7",
                "the database that this log belongs to",
                "a log with records and no database",
            )
            .in_file(path)
            .into());
        }
        remains.push(path);
    }
    remains.iter().try_for_each(|path| environment.storage.unlink(path))?;
    if remains.is_empty() { Ok(()) } else { environment.sync_directory(&active) }
}

/// Whether a log file can hold anything that was ever acknowledged: creation makes a header and zeros,
/// and syncs them before the file gets its name. Neither header nor records are asked what they are:
/// they may be damaged.
fn has_records(environment: &Environment, paths: &LogPaths, path: &Path) -> Result<bool> {
    let file = environment.storage.open(path, OpenMode::Read)?;
    let end = file.len()?;
    let mut at = SEGMENT_HEADER_BYTES as u64;
    if path != paths.active() {
        return Ok(end > at); // An older segment: creation does not make any.
    }
    let mut window = vec![0; SEARCH_BYTES];
    while at < end {
        let bytes = end.saturating_sub(at).min(SEARCH_BYTES as u64) as usize;
        let window = &mut window[..bytes];
        file.read_at(window, at)?;
        if window.iter().any(|&byte| byte != 0) {
            return Ok(true);
        }
        at += bytes as u64;
    }
    Ok(false)
}

fn draw_uuid(environment: &Environment) -> FileUuid {
    let mut bytes = [0; 16];
    loop {
        let (low, high) = (environment.entropy.next_u64(), environment.entropy.next_u64());
        bytes[..8].copy_from_slice(&low.to_le_bytes());
        bytes[8..].copy_from_slice(&high.to_le_bytes());
        if bytes != [0; 16] {
            return FileUuid(bytes);
        }
    }
}

/// `path` with `suffix` behind its name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The directory that holds `path`.
pub(crate) fn directory_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// Whether a file was not there.
pub(crate) fn is_not_found(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
}

fn is_taken(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == std::io::ErrorKind::AlreadyExists)
}
