//! Putting a cartridge in its place: a temporary file beside it, synced, then renamed over it.
//!
//! ```text
//! remove what dead builders left ─▶ create NAME.<16 digits>.tmp, lock it ─▶ write ─▶ sync ─▶ rename to NAME ─▶ sync directory
//! ```
//!
//! A builder holds the lock of its temporary file as long as that name stands, and a lock dies with its
//! process: a temporary file that can be locked belongs to nobody. The next builder of the same name
//! removes it. Between creating and locking somebody may take a new file for such a one; its builder sees
//! that the name is gone and takes another. Bytes and rules: `spec/cartridge_v0.md`, building.

use crate::disk::{Entropy, File, LockRange, OpenMode, Storage, SyncKind};
use crate::error::{Error, Result};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Hexadecimal digits in the name of a temporary file.
const DIGITS: usize = 16;
/// What its name ends with.
const SUFFIX: &str = ".tmp";
/// Names that are tried before somebody else must be removing them as they come.
const NAMES_MAX: usize = 16;

/// Whether a file of this name is one that a builder writes before it has its final name: not yet a
/// cartridge, whatever is in it.
pub fn is_temporary(file_name: &OsStr) -> bool {
    file_name.to_str().is_some_and(|name| final_name(name).is_some())
}

/// The name that the temporary file `name` is to get.
fn final_name(name: &str) -> Option<&str> {
    let (name, digits) = name.strip_suffix(SUFFIX)?.rsplit_once('.')?;
    let hexadecimal = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
    let drawn = digits.len() == DIGITS && digits.bytes().all(hexadecimal);
    (drawn && !name.is_empty()).then_some(name)
}

/// Makes `bytes` the content of the file at `path`, which is the old or the new one, whole, at every
/// moment and after every crash. Durable on return.
///
/// # Errors
/// `InvalidArgument` when `path` names no file; `Io`, and the file is the old one.
pub(super) fn publish(
    storage: &dyn Storage,
    entropy: &dyn Entropy,
    path: &Path,
    bytes: &[u8],
) -> Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let Some(name) = path.file_name() else {
        return Err(Error::InvalidArgument(format!("{} names no file", path.display())));
    };
    remove_leftovers(storage, directory, name);
    let (temporary, file) = create(storage, entropy, directory, name)?;
    let written = file
        .write_at(bytes, 0)
        .and_then(|()| file.sync(SyncKind::Full))
        .and_then(|()| storage.rename(&temporary, path));
    if let Err(error) = written {
        // The first error tells; a temporary file that cannot be removed is the next builder's.
        let _removed = storage.unlink(&temporary);
        return Err(error);
    }
    // Only now: while the temporary name stands, nobody else may lock it.
    drop(file);
    storage.sync_dir(directory)
}

/// A new temporary file, locked.
fn create(
    storage: &dyn Storage,
    entropy: &dyn Entropy,
    directory: &Path,
    name: &OsStr,
) -> Result<(PathBuf, Arc<dyn File>)> {
    for _ in 0..NAMES_MAX {
        let mut temporary = name.to_os_string();
        temporary.push(format!(".{:016x}{SUFFIX}", entropy.next_u64()));
        let temporary = directory.join(temporary);
        let file = storage.open(&temporary, OpenMode::CreateNew)?;
        // Where there are no locks, nobody removes anything either.
        let lost = matches!(file.try_lock(LockRange::Writer, true), Ok(false));
        if !lost && file.still_named()? {
            return Ok((temporary, file));
        }
    }
    let why =
        format!("{NAMES_MAX} temporary files were removed by others in {}", directory.display());
    Err(Error::InvalidArgument(why))
}

/// Removes the temporary files of `name` that no living builder holds. What cannot be listed, opened,
/// locked or removed stays: it is in nobody's way.
fn remove_leftovers(storage: &dyn Storage, directory: &Path, name: &OsStr) {
    let Some(name) = name.to_str() else { return };
    let Ok(found) = storage.list(directory, &format!("{name}.")) else { return };
    for each in found.iter().filter(|each| final_name(each) == Some(name)) {
        let path = directory.join(each);
        let Ok(file) = storage.open(&path, OpenMode::ReadWrite) else { continue };
        let nobodys = matches!(file.try_lock(LockRange::Writer, true), Ok(true));
        // Its builder may have renamed it since it was listed: then the name is free, or not this file's.
        if nobodys && matches!(file.still_named(), Ok(true)) {
            let _removed = storage.unlink(&path);
        }
    }
}
