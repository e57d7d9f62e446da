//! The real disk: `std::fs` files with positional reads and writes.
//!
//! Called by `db` through [`Storage`]; nothing else in the engine touches `std::fs`. New files are
//! private (mode 0600), close on exec and never replace what has their name. Only regular files are
//! opened: a pipe, a device or a directory is refused without waiting on it.
//! Assumptions about the media: `spec/media_assumptions.md`.

use super::{File, LockRange, OpenMode, Storage, SyncKind, lock};
use crate::error::{Error, Result};
use std::{
    fs,
    io::{self, ErrorKind, IoSlice},
    path::{Path, PathBuf},
    sync::Arc,
};

/// The file systems of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealStorage;

impl RealStorage {
    /// The file systems of this machine.
    pub const fn new() -> Self {
        Self
    }
}

impl RealStorage {
    /// Opens a regular file for reading, for a memory map of an immutable file (cartridges).
    pub(crate) fn open_for_map(self, path: &Path) -> Result<fs::File> {
        let file = open_options(OpenMode::Read).open(path).map_err(|e| open_error(path, e))?;
        let metadata = file.metadata().map_err(|e| Error::io("open", path, e))?;
        refuse_special(path, &metadata)?;
        Ok(file)
    }
}

impl Storage for RealStorage {
    fn open(&self, path: &Path, mode: OpenMode) -> Result<Arc<dyn File>> {
        // Asked before the open too: opening a device or a pipe can have effects of its own.
        if mode != OpenMode::CreateNew {
            let metadata = fs::metadata(path).map_err(|e| open_error(path, e))?;
            refuse_special(path, &metadata)?;
        }
        let file = open_options(mode).open(path).map_err(|e| open_error(path, e))?;
        let metadata = file.metadata().map_err(|e| Error::io("open", path, e))?;
        refuse_special(path, &metadata)?;
        if mode == OpenMode::CreateNew {
            make_private(&file).map_err(|e| Error::io("create", path, e))?;
        }
        Ok(Arc::new(RealFile { path: path.to_path_buf(), file }))
    }

    fn exists(&self, path: &Path) -> Result<bool> {
        // A dangling link names something: creation must not run into it.
        match fs::symlink_metadata(path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io("look for", path, error)),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        fs::rename(from, to).map_err(|e| Error::io("rename", from, e))
    }

    fn rename_new(&self, from: &Path, to: &Path) -> Result<()> {
        rename_new(from, to).map_err(|e| Error::io("rename to", to, e))
    }

    fn unlink(&self, path: &Path) -> Result<()> {
        fs::remove_file(path).map_err(|e| Error::io("remove", path, e))
    }

    fn sync_dir(&self, directory: &Path) -> Result<()> {
        #[cfg(unix)]
        {
            let directory = directory_or_here(directory);
            let file = fs::File::open(directory).map_err(|e| Error::io("open", directory, e))?;
            file.sync_all().map_err(|e| Error::io("sync", directory, e))
        }
        #[cfg(not(unix))]
        {
            // NTFS journals names; a directory handle cannot be flushed.
            let _ = directory;
            Ok(())
        }
    }

    fn list(&self, directory: &Path, prefix: &str) -> Result<Vec<String>> {
        let directory = directory_or_here(directory);
        let entries = fs::read_dir(directory).map_err(|e| Error::io("list", directory, e))?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| Error::io("list", directory, e))?;
            if let Ok(name) = entry.file_name().into_string()
                && name.starts_with(prefix)
            {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn canonical(&self, path: &Path) -> Result<PathBuf> {
        match fs::canonicalize(path) {
            Ok(found) => Ok(found),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let name = path.file_name().ok_or_else(|| {
                    Error::InvalidArgument(format!("{} names no file", path.display()))
                })?;
                let parent = directory_or_here(path.parent().unwrap_or(Path::new("")));
                let parent =
                    fs::canonicalize(parent).map_err(|e| Error::io("resolve", parent, e))?;
                Ok(parent.join(name))
            }
            Err(error) => Err(Error::io("resolve", path, error)),
        }
    }
}

/// An open file of the real disk.
#[derive(Debug)]
struct RealFile {
    path: PathBuf,
    file: fs::File,
}

impl RealFile {
    fn fail(&self, op: &'static str) -> impl FnOnce(io::Error) -> Error + '_ {
        move |source| Error::io(op, &self.path, source)
    }
}

impl File for RealFile {
    fn path(&self) -> &Path {
        &self.path
    }

    fn len(&self) -> Result<u64> {
        Ok(self.file.metadata().map_err(self.fail("measure"))?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        read_whole(buffer, offset, |rest, at| read_some(&self.file, rest, at))
            .map_err(self.fail("read"))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        write_whole(bytes, offset, |rest, at| write_some(&self.file, rest, at))
            .map_err(self.fail("write"))
    }

    fn write_vectored_at(&self, slices: &[IoSlice<'_>], offset: u64) -> Result<()> {
        #[cfg(unix)]
        {
            write_whole_vectored(slices, offset, |rest, at| {
                super::os::write_vectored_at(&self.file, rest, at)
            })
            .map_err(self.fail("write"))
        }
        #[cfg(not(unix))]
        {
            let mut at = offset;
            for slice in slices {
                self.write_at(slice, at)?;
                at += slice.len() as u64;
            }
            Ok(())
        }
    }

    fn set_len(&self, bytes: u64) -> Result<()> {
        self.file.set_len(bytes).map_err(self.fail("resize"))
    }

    fn allocate(&self, from: u64, to: u64) -> Result<bool> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            super::os::allocate(&self.file, from, to).map_err(self.fail("allocate"))
        }
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        {
            let _ = (from, to);
            Ok(false)
        }
    }

    fn next_data(&self, from: u64) -> Result<Option<u64>> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            super::os::next_data(&self.file, from).map_err(self.fail("seek"))
        }
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        {
            Ok(Some(from))
        }
    }

    fn is_on_read_only_mount(&self) -> bool {
        #[cfg(unix)]
        {
            super::os::is_on_read_only_mount(&self.file).unwrap_or(false)
        }
        #[cfg(not(unix))]
        {
            false
        }
    }

    fn sync(&self, kind: SyncKind) -> Result<()> {
        // `std` issues fdatasync and fsync, and F_FULLFSYNC for both where there is one.
        match kind {
            SyncKind::Data => self.file.sync_data(),
            SyncKind::Full => self.file.sync_all(),
        }
        .map_err(self.fail("sync"))
    }

    fn try_lock(&self, range: LockRange, exclusive: bool) -> Result<bool> {
        lock::try_lock(&self.file, range, exclusive).map_err(self.fail("lock"))
    }

    fn unlock(&self, range: LockRange) -> Result<()> {
        lock::unlock(&self.file, range).map_err(self.fail("unlock"))
    }

    fn foreign_readers(&self) -> Result<Option<Vec<u64>>> {
        lock::foreign_readers(&self.file).map_err(self.fail("probe locks of"))
    }

    fn foreign_writer(&self) -> Result<Option<bool>> {
        lock::foreign_writer(&self.file).map_err(self.fail("probe locks of"))
    }

    fn identity(&self) -> Result<(u64, u64)> {
        let metadata = self.file.metadata().map_err(self.fail("identify"))?;
        Ok(identity_of(&self.path, &metadata))
    }

    fn still_named(&self) -> Result<bool> {
        match fs::metadata(&self.path) {
            Ok(metadata) => Ok(identity_of(&self.path, &metadata) == self.identity()?),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io("identify", &self.path, error)),
        }
    }
}

/// Fills `buffer`, asking `read_some` again after short and interrupted transfers.
///
/// # Errors
/// `UnexpectedEof` when a transfer moves nothing; else what `read_some` said.
pub(crate) fn read_whole(
    mut buffer: &mut [u8],
    mut offset: u64,
    mut read_some: impl FnMut(&mut [u8], u64) -> io::Result<usize>,
) -> io::Result<()> {
    while !buffer.is_empty() {
        match read_some(buffer, offset) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                buffer = &mut buffer[count..];
                offset += count as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes all of `bytes`, asking `write_some` again after short and interrupted transfers.
///
/// # Errors
/// `WriteZero` when a transfer moves nothing (going on would loop for ever); else what it said.
pub(crate) fn write_whole(
    mut bytes: &[u8],
    mut offset: u64,
    mut write_some: impl FnMut(&[u8], u64) -> io::Result<usize>,
) -> io::Result<()> {
    while !bytes.is_empty() {
        match write_some(bytes, offset) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => {
                bytes = &bytes[count..];
                offset += count as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// As [`write_whole`], for slices one behind the other.
#[cfg(unix)]
pub(crate) fn write_whole_vectored(
    slices: &[IoSlice<'_>],
    mut offset: u64,
    mut write_some: impl FnMut(&[IoSlice<'_>], u64) -> io::Result<usize>,
) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = slices.to_vec();
    let mut rest: &mut [IoSlice<'_>] = &mut slices;
    // Drops empty slices at the front, so that a transfer of nothing means trouble.
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        match write_some(rest, offset) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => {
                IoSlice::advance_slices(&mut rest, count);
                offset += count as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn open_options(mode: OpenMode) -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.read(true);
    match mode {
        OpenMode::Read => {}
        OpenMode::ReadWrite => {
            options.write(true);
        }
        OpenMode::CreateNew => {
            options.write(true).create_new(true);
        }
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // O_NONBLOCK: should a pipe take the file's place after the check, the open returns at once.
        // It means nothing for a regular file. `std` adds O_CLOEXEC.
        options.mode(0o600).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    }
    options
}

fn open_error(path: &Path, error: io::Error) -> Error {
    if error.kind() == ErrorKind::ReadOnlyFilesystem {
        return Error::ReadOnly;
    }
    Error::io("open", path, error)
}

fn refuse_special(path: &Path, metadata: &fs::Metadata) -> Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    let what = if metadata.is_dir() { "a directory" } else { "a pipe, socket or device" };
    Err(Error::UnsupportedFormat { path: path.to_path_buf(), found: what.to_owned() })
}

/// Mode 0600 exactly, whatever the umask took away.
fn make_private(file: &fs::File) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(fs::Permissions::from_mode(0o600))
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        Ok(())
    }
}

fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(unix)]
    match super::os::rename_no_replace(from, to) {
        Err(error) if error.kind() == ErrorKind::Unsupported => {}
        result => return result,
    }
    link_and_unlink(from, to)
}

/// A link fails when its name is taken. A crash in between leaves both names of one file.
fn link_and_unlink(from: &Path, to: &Path) -> io::Result<()> {
    fs::hard_link(from, to)?;
    fs::remove_file(from)
}

fn directory_or_here(directory: &Path) -> &Path {
    if directory.as_os_str().is_empty() { Path::new(".") } else { directory }
}

#[cfg(unix)]
fn identity_of(_path: &Path, metadata: &fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

/// Without inode numbers, the canonical path stands for the file.
#[cfg(not(unix))]
fn identity_of(path: &Path, _metadata: &fs::Metadata) -> (u64, u64) {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let bytes = path.as_os_str().as_encoded_bytes();
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    (0, hash)
}

#[cfg(unix)]
fn read_some(file: &fs::File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(unix)]
fn write_some(file: &fs::File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::write_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_some(file: &fs::File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

#[cfg(windows)]
fn write_some(file: &fs::File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_write(file, bytes, offset)
}

#[cfg(test)]
mod tests;
