//! An engine of this program, in a line: its pipeline and pool, and what it wrote.
//!
//! Only for engines that this program runs itself; nobody can see into another process.

use crate::text::plural;
use northstar_engine::db::Stats;

/// How far the pipeline is, and what the pool holds.
pub fn state(stats: &Stats) -> String {
    let mut line = format!(
        "engine: visible txn {}, durable {}, in pages {}; pool: {}, {} not written yet",
        stats.latest_txn,
        stats.durable_txn,
        stats.checkpoint_txn,
        plural(stats.cache_resident, "page"),
        stats.cache_dirty
    );
    if let Some(reader) = &stats.oldest_reader {
        let kept = plural(reader.pages_kept, "page");
        line += &format!("; a reader of txn {} keeps {kept}", reader.txn_id);
    }
    line
}

/// What was written between two counts.
pub fn written(before: &Stats, after: &Stats) -> String {
    let metas = after.meta_writes - before.meta_writes;
    let pages = after.data_writes - before.data_writes - metas;
    format!(
        "{} of {} B, {}; {}, {}, {}",
        plural(after.log_writes - before.log_writes, "log write"),
        after.log_bytes_written - before.log_bytes_written,
        plural(after.log_syncs - before.log_syncs, "log sync"),
        plural(pages, "page write"),
        plural(metas, "meta"),
        plural(after.data_syncs - before.data_syncs, "data sync"),
    )
}
