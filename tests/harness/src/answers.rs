//! What a stranger's file goes through: looked at, opened, read in every way, written to.
//!
//! Used by the hostile suite, by the fuzz targets and by the measurement of memory.

use crate::{
    oracle::guarded,
    runner::{PATH, open},
};
use northstar_engine::{Db, Error, TxnId, disk::Storage, inspect, sim::SimImage};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Everything a stranger's file goes through. The answers may be anything; there must be answers.
pub fn exercise(image: &SimImage) -> Result<(), String> {
    let begun = Instant::now();
    let disk = image.to_disk();
    let outcome = guarded(|| {
        let storage: Arc<dyn Storage> = Arc::new(disk.clone());
        if let Ok(source) = inspect::Source::open_on(Arc::clone(&storage), PATH) {
            let mut quiet = inspect::no_progress();
            let report = inspect::check_source(&source, &mut quiet);
            drop(report);
        }
        match open(storage, 5) {
            Ok(db) => {
                read_all(&db);
                let wrote = write_all(&db);
                disk.power_off();
                drop(db);
                wrote
            }
            Err(error) => typed(&error),
        }
    });
    let took = begun.elapsed();
    if took > Duration::from_secs(10) {
        return Err(format!("takes {took:?}"));
    }
    outcome
}

fn typed(error: &Error) -> Result<(), String> {
    match error {
        Error::Corrupt(_)
        | Error::UnsupportedFormat { .. }
        | Error::SnapshotNotFound { .. }
        | Error::OutOfSpace
        | Error::ReadOnly
        | Error::Poisoned
        | Error::Io { .. } => Ok(()),
        other => Err(format!("not an answer to a hostile file: {other:?}")),
    }
}

/// Rows that a hostile tree can yield at most before the walk is given up.
const ROWS_MAX: usize = 200_000;

fn read_all(db: &Db) {
    let mut states = vec![db.begin_read()];
    if let Ok(history) = db.history() {
        states.extend(history.iter().take(5).map(|entry| db.begin_read_at(entry.txn_id)));
    }
    for snapshot in states.into_iter().flatten() {
        if let Ok(rows) = snapshot.iter() {
            rows.take(ROWS_MAX).take_while(Result::is_ok).for_each(drop);
        }
        if let Ok(rows) = snapshot.iter() {
            rows.rev().take(ROWS_MAX).take_while(Result::is_ok).for_each(drop);
        }
        for n in 0..20 {
            drop(snapshot.get(crate::rows::key(n)));
        }
    }
    drop(db.verify());
    if let Ok(changes) = db.diff(TxnId::new(0), TxnId::new(3)) {
        changes.take(ROWS_MAX).take_while(Result::is_ok).for_each(drop);
    }
}

type Write = fn(&Db) -> Result<(), Error>;

fn write_all(db: &Db) -> Result<(), String> {
    let steps: [Write; 4] = [
        |db| {
            let mut write = db.begin_write()?;
            for n in 0..30 {
                write.put(crate::rows::key(n), crate::rows::value(1, n, 500))?;
            }
            write.commit().map(drop)
        },
        |db| {
            let mut write = db.begin_write()?;
            write.del_range(b"k".as_slice()..b"k0110".as_slice())?;
            write.put(b"long", vec![7; 60_000])?;
            write.commit().map(drop)
        },
        Db::checkpoint,
        |db| db.compact().map(drop),
    ];
    steps.iter().try_for_each(|step| step(db).or_else(|error| typed(&error)))
}
