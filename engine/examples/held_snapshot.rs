//! A reader that stays: its state does not change through a million commits and their checkpoints,
//! and the space it kept comes back when it has gone.
//!
//! `cargo run --release -p northstar-engine --example held_snapshot [COMMITS] [FILE]`

use northstar_engine::format::content_hash::{ContentHash, ContentHasher};
use northstar_engine::{Durability, Error, LogRetention, Options, ReadTxn};
use std::{env, fs, path::Path};

const ROWS: u64 = 20_000;
const CHECKPOINTS: u64 = 20;

fn main() -> Result<(), Error> {
    let commits: u64 = env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let path = env::args_os().nth(2).unwrap_or_else(|| {
        env::temp_dir().join(format!("held-snapshot-{}.ns", std::process::id())).into_os_string()
    });
    let path = Path::new(&path);
    let db = Options::new().log_retention(LogRetention::Recovery).open(path)?;
    let mut w = db.begin_write()?;
    for row in 0..ROWS {
        w.put(row.to_be_bytes(), [0; 100])?;
    }
    w.commit()?;
    db.checkpoint()?;
    println!("{ROWS} rows: {} KiB", kibibytes(path));

    let held = db.begin_read()?;
    let before = hash(&held)?;
    for n in 0..commits {
        let mut w = db.begin_write()?;
        // An odd stride visits all rows in turn, far apart.
        let row = n.wrapping_mul(7919) % ROWS;
        w.put(row.to_be_bytes(), [n as u8; 100])?;
        w.commit_with(Durability::Eventual)?;
        if n % (commits / CHECKPOINTS).max(1) == 0 {
            db.checkpoint()?;
        }
    }
    db.checkpoint()?;
    let same = before == hash(&held)?;
    println!("after {commits} commits, the snapshot still held: {} KiB", kibibytes(path));
    println!("the snapshot's content hash: {}", if same { "the same" } else { "CHANGED" });
    let stats = db.stats();
    println!("stats name it: {:?}", stats.oldest_reader);
    drop(held);

    // One checkpoint makes its pages free, the next ones cut the free end of the file.
    db.compact()?;
    println!("snapshot closed, compacted: {} KiB", kibibytes(path));
    db.close()
}

fn hash(reader: &ReadTxn) -> Result<ContentHash, Error> {
    let mut hasher = ContentHasher::default();
    for row in reader.iter()? {
        let (key, value) = row?;
        hasher.row(&key, &value);
    }
    Ok(hasher.finish())
}

fn kibibytes(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len() >> 10)
}
