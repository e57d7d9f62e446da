//! An engine of this program, in a line: its pipeline and pool, and what it wrote.
//!
//! Only for engines that this program runs itself; nobody can see into another process.

use crate::text::{bytes, plural};
use northstar_engine::db::Stats;

/// How far the pipeline is, and what the pool holds.
pub fn state(stats: &Stats) -> String {
    let mut line = format!(
        "engine: visible txn {}, durable {}, in pages {}; pool: {}, {} unwritten",
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

/// What was written between two counts; what was not is not named.
pub fn written(before: &Stats, after: &Stats) -> String {
    let metas = after.meta_writes - before.meta_writes;
    let pages = after.data_writes - before.data_writes - metas;
    let log_writes = after.log_writes - before.log_writes;
    let log_bytes = bytes(after.log_bytes_written - before.log_bytes_written);
    let parts = [
        (log_writes, format!("{} of {log_bytes}", plural(log_writes, "log write"))),
        count(after.log_syncs - before.log_syncs, "log sync"),
        count(pages, "page write"),
        count(metas, "meta"),
        count(after.data_syncs - before.data_syncs, "data sync"),
    ];
    let named: Vec<String> =
        parts.into_iter().filter(|(count, _)| *count > 0).map(|(_, part)| part).collect();
    if named.is_empty() { "no write to the database".to_owned() } else { named.join(", ") }
}

fn count(count: u64, noun: &str) -> (u64, String) {
    (count, plural(count, noun))
}
