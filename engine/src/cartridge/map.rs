//! The bytes of a cartridge: mapped, or owned.
//!
//! The only unsafe code of cartridges. Files are opened through `disk` rules: regular files only.
#![allow(unsafe_code)]

use crate::disk::{OpenMode, Storage as _, file::RealStorage};
use crate::error::{Error, Result};
use memmap2::Mmap;
use std::ops::Deref;
use std::path::Path;

/// Bytes that stay put.
#[derive(Debug)]
pub(super) enum Bytes {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

impl Bytes {
    /// Maps the regular file at `path` for reading. An empty file is no cartridge and is not mapped.
    pub(super) fn map(path: &Path) -> Result<Self> {
        // Asked first, so that a pipe or a device is refused without being opened.
        if RealStorage::new().open(path, OpenMode::Read)?.len()? == 0 {
            return Ok(Self::Owned(Vec::new()));
        }
        let file = RealStorage::new().open_for_map(path)?;
        // SAFETY: the map is read-only and private to this value. Cartridges are immutable: a build writes
        // a new file and renames it over the name, which leaves this file's bytes alone. A foreign
        // process that writes into the file breaks the checksums at worst at first use; later changes are
        // the documented limit of `Cartridge::open`.
        let map = unsafe { Mmap::map(&file) }.map_err(|e| Error::io("map", path, e))?;
        Ok(Self::Mapped(map))
    }

    /// Reads the regular file at `path`.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let file = RealStorage::new().open(path, OpenMode::Read)?;
        let bytes = usize::try_from(file.len()?).map_err(|_| {
            Error::InvalidArgument(format!("{} is too large to read", path.display()))
        })?;
        let mut buffer = vec![0; bytes];
        file.read_at(&mut buffer, 0)?;
        Ok(Self::Owned(buffer))
    }
}

impl Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}
