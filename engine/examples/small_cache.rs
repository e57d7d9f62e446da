//! A load and a full scan that are far larger than the cache: memory stays within the budget and what
//! the process needs besides.
//!
//! `cargo run --release -p northstar-engine --example small_cache [MEBIBYTES] [FILE]`

use northstar_engine::{Error, LogRetention, Options};
use std::{env, fs, path::Path};

const CACHE_BYTES: usize = 64 << 20;
const VALUE: [u8; 1024] = [7; 1024];
const ROWS_PER_COMMIT: u64 = 1000;

fn main() -> Result<(), Error> {
    let mebibytes: u64 = env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(2048);
    let path = env::args_os().nth(2).unwrap_or_else(|| {
        env::temp_dir().join(format!("small-cache-{}.ns", std::process::id())).into_os_string()
    });
    let path = Path::new(&path);
    let retention = LogRetention::Recovery;
    let db = Options::new().cache_bytes(CACHE_BYTES).log_retention(retention).open(path)?;
    println!("cache: {} MiB; {}", CACHE_BYTES >> 20, memory());

    let rows = mebibytes * 1024;
    let half = rows / 2;
    for first in (0..half).step_by(ROWS_PER_COMMIT as usize) {
        let mut w = db.begin_write()?;
        for row in first..(first + ROWS_PER_COMMIT).min(half) {
            w.put(key(row), VALUE)?;
        }
        w.commit()?;
    }
    println!("{half} rows in commits of {ROWS_PER_COMMIT}, in no order: {}", memory());

    let mut w = db.begin_write()?;
    for row in half..rows {
        w.put(key(row), VALUE)?;
    }
    w.commit()?;
    println!("{} rows in one transaction: {}", rows - half, memory());

    let (r, mut count, mut bytes) = (db.begin_read()?, 0_u64, 0_u64);
    let mut cursor = r.cursor()?;
    while let Some((key, value)) = cursor.next()? {
        count += 1;
        bytes += (key.len() + value.len()) as u64;
    }
    println!("scan of {count} rows, {} MiB: {}", bytes >> 20, memory());
    drop(cursor);
    drop(r);
    db.close()?;
    println!("file: {} MiB", fs::metadata(path).map_or(0, |file| file.len() >> 20));
    Ok(())
}

/// Neighbours in `row` are far apart in the tree.
fn key(row: u64) -> [u8; 16] {
    let spread = row.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut key = [0; 16];
    key[..8].copy_from_slice(&spread.to_be_bytes());
    key[8..].copy_from_slice(&row.to_be_bytes());
    key
}

/// Where the system tells it.
fn memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    match (line("VmHWM:"), line("VmRSS:")) {
        (Some(peak), Some(now)) => format!("resident {now}, at most {peak} so far"),
        _ => "resident memory is not told here".to_owned(),
    }
}
