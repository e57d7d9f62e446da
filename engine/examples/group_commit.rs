//! Group commit: many threads commit durably and share the flushes of the log.
//!
//! `cargo run --release -p northstar-engine --example group_commit [THREADS] [COMMITS] [FILE]`

use northstar_engine::{Error, Options};
use std::{env, thread, time::Duration};

/// Longer than any of the threads waits for its turn.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> Result<(), Error> {
    let number =
        |nth, default| env::args().nth(nth).and_then(|n| n.parse().ok()).unwrap_or(default);
    let (threads, commits): (u64, u64) = (number(1, 32), number(2, 6400));
    let path = env::args_os().nth(3).unwrap_or_else(|| {
        env::temp_dir().join(format!("group-commit-{}.ns", std::process::id())).into_os_string()
    });
    let db = Options::new().open(&path)?;
    let before = db.stats();
    let workers: Vec<_> = (0..threads)
        .map(|thread| {
            let db = db.clone();
            thread::spawn(move || -> Result<(), Error> {
                for n in 0..commits / threads {
                    let mut w = db.begin_write_timeout(PATIENCE)?;
                    w.put(format!("thread {thread:03}, row {n:08}"), n.to_be_bytes())?;
                    w.commit()?; // Returns once this commit is durable.
                }
                Ok(())
            })
        })
        .collect();
    for worker in workers {
        if let Ok(outcome) = worker.join() {
            outcome?;
        }
    }
    let after = db.stats();
    let commits = after.commits - before.commits;
    let syncs = after.log_syncs - before.log_syncs;
    println!("{threads} threads, {commits} durable commits, {syncs} syncs of the log");
    println!("{:.3} syncs a commit", syncs as f64 / commits as f64);
    db.close()
}
