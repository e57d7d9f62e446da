//! What the device asks for a durable write at the least: a block of a preallocated file, overwritten and
//! synced. It takes turns with the commits of `peers/durable_commit_1`, so that both meet the same device.

use crate::{
    error::{Error, Result},
    recorder::{CostFault, Recorder},
};
use std::{
    fs::File,
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

const BLOCK_BYTES: usize = 4096;
const BLOCKS: u64 = 256;

/// A file that is overwritten block by block, each block synced.
pub(super) struct RawSyncs {
    file: File,
    path: PathBuf,
    next: u64,
    recorder: Recorder,
}

impl RawSyncs {
    /// Writes and syncs the whole file in `folder` once, so that overwriting it changes no metadata.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn new(folder: &Path) -> Result<Self> {
        let path = folder.join("raw");
        let fail = |error| Error::io("write", &path, error);
        let mut file = File::create(&path).map_err(fail)?;
        file.write_all(&vec![1; BLOCK_BYTES * BLOCKS as usize]).map_err(fail)?;
        file.sync_all().map_err(fail)?;
        Ok(Self { file, path, next: 0, recorder: Recorder::discarding(1, CostFault::default()) })
    }

    /// Overwrites and syncs `count` blocks, one after the other.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn turn(&mut self, count: u64) -> Result<()> {
        let Self { file, path, next, recorder } = self;
        let mut overwrite = || {
            let at = SeekFrom::Start(*next % BLOCKS * BLOCK_BYTES as u64);
            *next += 1;
            file.seek(at)?;
            file.write_all(&[2; BLOCK_BYTES])?;
            file.sync_data()
        };
        recorder.timed(count, |lane| {
            (0..count).try_for_each(|_| {
                lane.op(&mut overwrite).map_err(|error| Error::io("overwrite", &*path, error))
            })
        })
    }

    /// Median latency of a block.
    ///
    /// # Errors
    /// [`Error::Wrong`] before the first turn.
    pub(super) fn p50_ns(&self) -> Result<u64> {
        Ok(self.recorder.latency()?.p50_ns)
    }
}
