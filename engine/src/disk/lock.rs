//! Locks between open files: byte ranges far beyond any data, locked and never written.
//!
//! Linux: open-file-description locks (fcntl F_OFD_SETLK). They belong to the open file, not to the
//! process, so they vanish with it and with nothing else, and two opens in one process conflict as
//! two processes do. Elsewhere, or where the file system has no such locks: one lock on the whole
//! file (flock, LockFileEx), so that readers and writers exclude each other; then
//! `foreign_readers` answers `None` (crash rule 22).
//!
//! | byte | lock |
//! | --- | --- |
//! | 2^62 - 1 | the writer's |
//! | 2^62 + s | readers of the meta with sequence s, shared |

use super::LockRange;
use std::{fs::File, io};

/// The writer's byte.
pub const WRITER_BYTE: u64 = (1 << 62) - 1;
/// The byte of readers of meta sequence 0; that of sequence s is s bytes further.
pub const READER_BASE: u64 = 1 << 62;
/// Highest meta sequence that has a byte of its own. Later ones share the last byte, which is safe:
/// a writer that sees a sequence it does not know reuses nothing.
pub const READER_SEQUENCE_MAX: u64 = (1 << 62) - 2;

/// Most reader sequences that a probe lists; more are a hostile process, and no help to the writer.
const LISTED_MAX: usize = 4096;

/// The byte of `range`.
pub const fn byte_of(range: LockRange) -> u64 {
    match range {
        LockRange::Writer => WRITER_BYTE,
        LockRange::ReaderOf { sequence } => {
            let capped =
                if sequence > READER_SEQUENCE_MAX { READER_SEQUENCE_MAX } else { sequence };
            READER_BASE + capped
        }
    }
}

/// Tries to lock; whether it did.
pub(super) fn try_lock(file: &File, range: LockRange, exclusive: bool) -> io::Result<bool> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use super::os::{LockType, Ofd, ofd_lock};
        let lock_type = if exclusive { LockType::Exclusive } else { LockType::Shared };
        match ofd_lock(file, lock_type, byte_of(range) as i64, 1)? {
            Ofd::Done => return Ok(true),
            Ofd::Conflict => return Ok(false),
            Ofd::Unsupported => {}
        }
    }
    whole_file_lock(file, exclusive || range == LockRange::Writer)
}

/// Gives a lock back.
pub(super) fn unlock(file: &File, range: LockRange) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use super::os::{LockType, Ofd, ofd_lock};
        if ofd_lock(file, LockType::Unlock, byte_of(range) as i64, 1)? != Ofd::Unsupported {
            return Ok(());
        }
    }
    let _ = range;
    file.unlock()
}

/// The sequences other open files hold reader locks on, sorted; `None` where the system cannot tell.
pub(super) fn foreign_readers(file: &File) -> io::Result<Option<Vec<u64>>> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use super::os::{LockType, ofd_conflict};
        if !has_ranges(file)? {
            return Ok(None);
        }
        let mut found = Vec::new();
        // Ranges still to be asked about, [start, end).
        let mut todo = vec![(READER_BASE as i64, i64::MAX)];
        while let Some((start, end)) = todo.pop() {
            if start >= end || found.len() >= LISTED_MAX {
                continue;
            }
            let Some((at, bytes)) = ofd_conflict(file, LockType::Exclusive, start, end - start)?
            else {
                continue;
            };
            let at = at.max(start);
            let after = if bytes == 0 { end } else { at.saturating_add(bytes).min(end) };
            let room = LISTED_MAX - found.len();
            found.extend((at..after).take(room).map(|byte| byte as u64 - READER_BASE));
            todo.push((start, at));
            todo.push((after, end));
        }
        found.sort_unstable();
        found.dedup();
        Ok(Some(found))
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = file;
        Ok(None)
    }
}

/// Whether another open file holds the writer's lock; `None` where the system cannot tell.
pub(super) fn foreign_writer(file: &File) -> io::Result<Option<bool>> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use super::os::{LockType, ofd_conflict};
        if !has_ranges(file)? {
            return Ok(None);
        }
        Ok(Some(ofd_conflict(file, LockType::Shared, WRITER_BYTE as i64, 1)?.is_some()))
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = file;
        Ok(None)
    }
}

/// Whether this file has locks on ranges at all: unlocking a byte nobody locks tells.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn has_ranges(file: &File) -> io::Result<bool> {
    use super::os::{LockType, Ofd, ofd_lock};
    Ok(ofd_lock(file, LockType::Unlock, WRITER_BYTE as i64 - 1, 1)? != Ofd::Unsupported)
}

/// One lock for the whole file, for systems without byte ranges of open files.
fn whole_file_lock(file: &File, exclusive: bool) -> io::Result<bool> {
    use std::fs::TryLockError;
    let result = if exclusive { file.try_lock() } else { file.try_lock_shared() };
    match result {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;

    fn open(path: &std::path::Path) -> File {
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).unwrap()
    }

    #[test]
    fn bytes_are_apart_and_in_range() {
        let readers = [0, 1, READER_SEQUENCE_MAX, u64::MAX];
        for sequence in readers {
            let byte = byte_of(LockRange::ReaderOf { sequence });
            assert!(byte > WRITER_BYTE && byte < i64::MAX as u64, "sequence {sequence}");
        }
        assert_eq!(
            byte_of(LockRange::ReaderOf { sequence: u64::MAX }),
            byte_of(LockRange::ReaderOf { sequence: READER_SEQUENCE_MAX }),
        );
    }

    #[test]
    fn whole_file_locks_exclude_readers_and_writers() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (open(&folder.path().join("f")), open(&folder.path().join("f")));
        assert!(whole_file_lock(&one, false).unwrap());
        assert!(whole_file_lock(&two, false).unwrap(), "readers share");
        assert!(!whole_file_lock(&two, true).unwrap(), "a reader keeps the writer out");
        drop(one);
        assert!(whole_file_lock(&two, true).unwrap(), "gone with its file");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn merged_and_many_reader_locks_are_all_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let (writer, one, two) = (open(&path), open(&path), open(&path));
        for sequence in [3, 4, 9] {
            assert!(try_lock(&one, LockRange::ReaderOf { sequence }, false).unwrap());
        }
        for sequence in [4, 700, READER_SEQUENCE_MAX] {
            assert!(try_lock(&two, LockRange::ReaderOf { sequence }, false).unwrap());
        }
        let all = vec![3, 4, 9, 700, READER_SEQUENCE_MAX];
        assert_eq!(foreign_readers(&writer).unwrap(), Some(all));
        assert_eq!(
            foreign_readers(&one).unwrap(),
            Some(vec![4, 700, READER_SEQUENCE_MAX]),
            "its own do not count"
        );
        drop(two);
        unlock(&one, LockRange::ReaderOf { sequence: 4 }).unwrap();
        assert_eq!(foreign_readers(&writer).unwrap(), Some(vec![3, 9]));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_writer_is_seen_by_others_only_and_looking_takes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let (writer, reader) = (open(&path), File::open(&path).unwrap());
        assert!(try_lock(&reader, LockRange::ReaderOf { sequence: 0 }, false).unwrap());
        assert_eq!(foreign_writer(&reader).unwrap(), Some(false));
        assert!(try_lock(&writer, LockRange::Writer, true).unwrap(), "a look takes nothing");
        assert_eq!(foreign_writer(&reader).unwrap(), Some(true));
        assert_eq!(foreign_writer(&writer).unwrap(), Some(false), "its own does not count");
        unlock(&writer, LockRange::Writer).unwrap();
        assert_eq!(foreign_writer(&reader).unwrap(), Some(false));
    }
}
