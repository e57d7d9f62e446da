//! Counters of one open database.
//!
//! Called by `Db::stats`, at any time and from any thread. Cost: a short lock, a walk over the
//! retired runs when an old reader lives.

use crate::txn::core::Core;
use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};

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
    /// For how long that state has not been the latest any more; 0 while it is.
    pub age_ms: u64,
    /// Pages kept for it that the latest state no longer uses.
    pub pages_kept: u64,
}

/// Reads all counters and gauges.
pub(crate) fn collect(core: &Core) -> Stats {
    let pager = core.pager.stats();
    let log = core.log.as_ref().map(|log| (log.counters(), log.end_lsn())).unwrap_or_default();
    let (log, log_end) = log;
    let now = core.clock.now();
    let pipeline = core.pipeline();
    let visible = *pipeline.visible();
    let mut pins = Vec::new();
    core.registry.pins(&mut pins);
    let oldest = pins.first().filter(|&&oldest| oldest < visible.txn_id).copied();
    let oldest_reader = pins.first().map(|&txn_id| OldestReader {
        txn_id: txn_id.get(),
        age_ms: u64::try_from(pipeline.age(txn_id, now).as_millis()).unwrap_or(u64::MAX),
        pages_kept: oldest.map_or(0, |oldest| pipeline.retired.kept_by_reader(oldest)),
    });
    let (durable_txn, retired_pages) = (pipeline.durable().get(), pipeline.retired.page_count());
    drop(pipeline);
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    Stats {
        log_syncs: log.syncs,
        data_syncs: count(&core.counters.data_syncs),
        dir_syncs: log.dir_syncs,
        log_writes: log.writes,
        log_bytes_written: log.bytes_written,
        data_writes: pager.data_writes + count(&core.counters.meta_writes),
        data_bytes_written: pager.data_bytes_written,
        meta_writes: count(&core.counters.meta_writes),
        data_reads: pager.data_reads,
        data_bytes_read: pager.data_bytes_read,
        page_count: pager.page_count,
        free_pages: pager.free_pages,
        retired_pages,
        cache_hits: pager.cache_hits,
        cache_misses: pager.cache_misses,
        cache_evictions: pager.cache_evictions,
        cache_spills: pager.cache_spills,
        cache_frames: pager.cache_frames,
        cache_resident: pager.cache_resident,
        cache_dirty: pager.cache_dirty,
        pages_allocated: pager.pages_allocated,
        commits: count(&core.counters.commits),
        aborts: count(&core.counters.aborts),
        checkpoints: count(&core.counters.checkpoints),
        latest_txn: visible.txn_id.get(),
        durable_txn,
        checkpoint_txn: count(&core.counters.stored_txn),
        log_bytes: log.segment_bytes,
        log_end_lsn: log_end.get(),
        key_count: visible.key_count,
        readers: core.registry.readers(),
        oldest_reader,
    }
}
