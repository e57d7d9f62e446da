//! How long opening takes: a clean file of a gigabyte, and one whose writer was killed and left 64 MiB
//! of log behind the last checkpoint.
//!
//! `cargo run --release -p northstar-engine --example reopen [FOLDER]`

use northstar_engine::{Durability, LogRetention, Options};
use std::{env, error::Error, fs, path::Path, process::Command, time::Instant};

const CLEAN_BYTES: u64 = 1 << 30;
const TAIL_BYTES: u64 = 64 << 20;
const VALUE: [u8; 128] = [7; 128];
const OPENS: usize = 9;

fn main() -> Result<(), Box<dyn Error>> {
    if let Some(path) = env::var_os("REOPEN_AND_DIE") {
        return write_and_die(Path::new(&path));
    }
    let folder = match env::args_os().nth(1) {
        Some(folder) => folder.into(),
        None => env::temp_dir().join(format!("reopen-{}", std::process::id())),
    };
    fs::create_dir_all(&folder)?;

    let clean = folder.join("clean.ns");
    let db = options().open(&clean)?;
    let mut row = 0;
    while fs::metadata(&clean)?.len() < CLEAN_BYTES {
        row = write(&db, row, 200_000)?;
        db.checkpoint()?;
    }
    db.close()?;
    let opens = (0..OPENS).map(|_| open_and_get(&clean)).collect::<Result<Vec<_>, _>>()?;
    println!("clean, {} MiB: {}", fs::metadata(&clean)?.len() >> 20, told(opens));

    let mut opens = Vec::new();
    for n in 0..OPENS {
        let killed = folder.join(format!("killed-{n}.ns"));
        Command::new(env::current_exe()?).env("REOPEN_AND_DIE", &killed).status()?;
        opens.push(open_and_get(&killed)?);
    }
    println!("killed, {} MiB of log to replay: {}", TAIL_BYTES >> 20, told(opens));
    Ok(())
}

fn options() -> Options {
    Options::new().cache_bytes(1 << 30).log_retention(LogRetention::Recovery)
}

fn write(db: &northstar_engine::Db, from: u64, rows: u64) -> Result<u64, northstar_engine::Error> {
    let mut w = db.begin_write()?;
    for row in from..from + rows {
        w.put(key(row), VALUE)?;
    }
    w.commit_with(Durability::Eventual)?;
    Ok(from + rows)
}

fn key(row: u64) -> [u8; 16] {
    u128::from(row).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes()
}

/// The other process: a checkpointed state, then 64 MiB of durable commits, then death in mid-air.
fn write_and_die(path: &Path) -> Result<(), Box<dyn Error>> {
    let db = options().background(false).open(path)?;
    let mut row = write(&db, 0, 100_000)?;
    db.checkpoint()?;
    let start = db.stats().log_end_lsn;
    while db.stats().log_end_lsn - start < TAIL_BYTES {
        row = write(&db, row, 100)?;
    }
    db.sync()?;
    std::process::abort()
}

/// Milliseconds until the first row has been read.
fn open_and_get(path: &Path) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    let db = options().create(false).open(path)?;
    db.begin_read()?.get(key(1))?.ok_or("the row is gone")?;
    let taken = start.elapsed().as_secs_f64() * 1e3;
    db.close()?;
    Ok(taken)
}

fn told(mut milliseconds: Vec<f64>) -> String {
    milliseconds.sort_by(f64::total_cmp);
    let (first, last) = (milliseconds[0], milliseconds[milliseconds.len() - 1]);
    let median = milliseconds[milliseconds.len() / 2];
    format!("first row after {median:.2} ms ({first:.2} to {last:.2}, {OPENS} opens)")
}
