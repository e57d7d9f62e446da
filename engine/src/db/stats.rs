//! Counters of one open database.

use serde::Serialize;

/// Counters since the database was opened, and gauges of now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Syncs of the log.
    pub log_syncs: u64,
    /// Syncs of the database file.
    pub data_syncs: u64,
    /// Syncs of directories.
    pub dir_syncs: u64,
    /// Write calls to the log.
    pub log_writes: u64,
    /// Bytes written to the log.
    pub log_bytes_written: u64,
    /// Write calls to the database file.
    pub data_writes: u64,
    /// Bytes written to the database file.
    pub data_bytes_written: u64,
    /// Meta slots written.
    pub meta_writes: u64,
    /// Read calls to the database file.
    pub data_reads: u64,
    /// Bytes read from the database file.
    pub data_bytes_read: u64,
    /// Pages of the file.
    pub page_count: u64,
    /// Pages free for reuse.
    pub free_pages: u64,
    /// Pages that only older states use.
    pub retired_pages: u64,
    /// Page look-ups that found the page in the pool.
    pub cache_hits: u64,
    /// Page look-ups that read the disk.
    pub cache_misses: u64,
    /// Pages put out of the pool.
    pub cache_evictions: u64,
    /// Dirty pages written before their checkpoint because the budget was used up.
    pub cache_spills: u64,
    /// Frames in the pool.
    pub cache_frames: u64,
    /// Frames that hold a page.
    pub cache_resident: u64,
    /// Frames that hold a page not yet written.
    pub cache_dirty: u64,
    /// Pages allocated.
    pub pages_allocated: u64,
    /// Commits.
    pub commits: u64,
    /// Write transactions that were given up.
    pub aborts: u64,
    /// Checkpoints.
    pub checkpoints: u64,
    /// The newest state readers see.
    pub latest_txn: u64,
    /// The newest state that is durable.
    pub durable_txn: u64,
    /// The state of the newest meta.
    pub checkpoint_txn: u64,
    /// Bytes of log segments on disk.
    pub log_bytes: u64,
    /// End of the log.
    pub log_end_lsn: u64,
    /// Rows in the latest state.
    pub key_count: u64,
    /// Open read transactions.
    pub readers: u64,
    /// The oldest state a reader has open.
    pub oldest_reader: Option<OldestReader>,
}

/// The reader that holds back the most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OldestReader {
    /// The state it reads.
    pub txn_id: u64,
    /// How long it has been open.
    pub age_ms: u64,
    /// Pages kept for it that the latest state no longer uses.
    pub pages_kept: u64,
}
