//! What a database's files take, before and after compaction.

use super::Open;
use crate::{
    catalog::Verification,
    error::{Error, Result},
    result::Better,
};
use std::path::Path;

/// Measures the files of a closed database of `user_bytes` of rows, compacts it, and measures again.
pub(super) fn report(
    open: Open,
    folder: &Path,
    user_bytes: u64,
    report: &mut Verification,
) -> Result<()> {
    let user = user_bytes.max(1) as f64;
    let mut add = |name: &str, bytes: u64| {
        report.metric(name, "1", Better::Lower, bytes as f64 / user);
    };
    let (all, logs) = folder_bytes(folder)?;
    add("file_bytes_per_user_byte", all);
    add("log_bytes_per_user_byte", logs);
    open(folder)?.compact()?;
    add("file_bytes_per_user_byte_compacted", folder_bytes(folder)?.0);
    Ok(())
}

/// Bytes the files under `folder` occupy on the device: all of them, and those of logs and journals.
fn folder_bytes(folder: &Path) -> Result<(u64, u64)> {
    let fail = |error| Error::io("list", folder, error);
    let mut bytes = (0, 0);
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let metadata = entry.metadata().map_err(fail)?;
        if metadata.is_dir() {
            let inner = folder_bytes(&entry.path())?;
            bytes = (bytes.0 + inner.0, bytes.1 + inner.1);
        } else {
            let name = entry.file_name().to_string_lossy().into_owned();
            let log = [".log", ".jnl", ".wal", "-wal"].iter().any(|part| name.contains(part));
            let size = allocated(&metadata);
            bytes = (bytes.0 + size, bytes.1 + if log { size } else { 0 });
        }
    }
    Ok(bytes)
}

#[cfg(unix)]
fn allocated(metadata: &std::fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    // LMDB's file may be sparse: its length says little.
    metadata.blocks() * 512
}

#[cfg(not(unix))]
fn allocated(metadata: &std::fs::Metadata) -> u64 {
    metadata.len()
}
