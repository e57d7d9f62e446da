//! LMDB through heed.

use super::{
    Facts,
    engine::{Change, Changes, Engine, Reader, Work, digest, ended_early, row_digest},
};
use crate::error::{Error, Result};
use heed::{
    CompactionOption, Database, Env, EnvFlags, EnvOpenOptions, FlagSetMode, RoTxn, WithTls,
    types::Bytes,
};
use std::{
    ops::Bound,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

pub(super) const FACTS: Facts = Facts {
    name: "lmdb",
    settings: "LMDB 0.9 by heed; map 8 GiB, NORDAHEAD, readers in thread-local slots, no WRITEMAP",
    durable: "commit returns after the pages' sync and the meta's",
    eventual: "MDB_NOSYNC: nothing is synced, and a power failure may destroy the file",
    syncs_per_commit: 2.0,
};

struct Lmdb {
    folder: PathBuf,
    env: Env,
    database: Database<Bytes, Bytes>,
    syncing: AtomicBool,
}

#[allow(unsafe_code)]
pub(super) fn open(folder: &Path) -> Result<Box<dyn Engine>> {
    let mut options = EnvOpenOptions::new();
    options.map_size(8 << 30).max_readers(512);
    // SAFETY: NO_READ_AHEAD changes no promise about the data.
    unsafe { options.flags(EnvFlags::NO_READ_AHEAD) };
    // SAFETY: the folder is this process's alone, and no other handle of it is open.
    let env = unsafe { options.open(folder) }.map_err(Error::wrong)?;
    let reading = env.read_txn().map_err(Error::wrong)?;
    let there = env.open_database(&reading, None).map_err(Error::wrong)?;
    // Keeps the handle of the unnamed database that was opened in it.
    reading.commit().map_err(Error::wrong)?;
    let database = match there {
        Some(database) => database,
        None => {
            let mut txn = env.write_txn().map_err(Error::wrong)?;
            let database = env.create_database(&mut txn, None).map_err(Error::wrong)?;
            txn.commit().map_err(Error::wrong)?;
            database
        }
    };
    let syncing = AtomicBool::new(true);
    Ok(Box::new(Lmdb { folder: folder.to_owned(), env, database, syncing }))
}

impl Lmdb {
    /// Switches between durable and eventual commits.
    #[allow(unsafe_code)]
    fn set_syncing(&self, on: bool) -> Result<()> {
        if self.syncing.swap(on, Relaxed) == on {
            return Ok(());
        }
        let mode = if on { FlagSetMode::Disable } else { FlagSetMode::Enable };
        // SAFETY: one thread writes, and it calls this between its transactions; losing the file in a
        // power failure is what an eventual commit means for this engine.
        unsafe { self.env.set_flags(EnvFlags::NO_SYNC, mode) }.map_err(Error::wrong)
    }
}

impl Engine for Lmdb {
    fn commit(&self, changes: &mut dyn Changes, durable: bool) -> Result<()> {
        self.set_syncing(durable)?;
        let mut txn = self.env.write_txn().map_err(Error::wrong)?;
        while let Some(change) = changes.next() {
            match change {
                Change::Put(key, value) => {
                    self.database.put(&mut txn, key, value).map_err(Error::wrong)?;
                }
                Change::Delete(key) => {
                    self.database.delete(&mut txn, key).map_err(Error::wrong)?;
                }
            }
        }
        txn.commit().map_err(Error::wrong)
    }

    fn read(&self, work: &mut Work<'_>) -> Result<()> {
        let txn = self.env.read_txn().map_err(Error::wrong)?;
        work(&mut Snapshot { txn, database: self.database })
    }

    fn snapshot(&self) -> Result<()> {
        std::hint::black_box(self.env.read_txn().map_err(Error::wrong)?);
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.env.force_sync().map_err(Error::wrong)
    }

    fn settle(&self) -> Result<()> {
        self.sync()
    }

    fn compact(self: Box<Self>) -> Result<()> {
        // LMDB gives space back only by a copy that takes the file's place.
        let (file, copy) = (self.folder.join("data.mdb"), self.folder.join("copy.mdb"));
        self.env.copy_to_path(&copy, CompactionOption::Enabled).map_err(Error::wrong)?;
        drop(self);
        std::fs::rename(&copy, &file).map_err(|error| Error::io("rename", copy, error))
    }
}

struct Snapshot<'a> {
    txn: RoTxn<'a, WithTls>,
    database: Database<Bytes, Bytes>,
}

impl Reader for Snapshot<'_> {
    fn get(&mut self, key: &[u8]) -> Result<Option<u64>> {
        let value = self.database.get(&self.txn, key).map_err(Error::wrong)?;
        Ok(value.map(digest))
    }

    fn row_count(&mut self) -> Result<u64> {
        self.database.len(&self.txn).map_err(Error::wrong)
    }

    fn scan(&mut self, start: &[u8], rows: u64) -> Result<u64> {
        // LMDB knows no empty key: an unbounded start is the first row.
        let first = if start.is_empty() { Bound::Unbounded } else { Bound::Included(start) };
        let range = (first, Bound::Unbounded);
        let mut found = self.database.range(&self.txn, &range).map_err(Error::wrong)?;
        let mut total = 0_u64;
        for _ in 0..rows {
            let (key, value) = found.next().ok_or_else(ended_early)?.map_err(Error::wrong)?;
            total = total.wrapping_add(row_digest(key, value));
        }
        Ok(total)
    }
}
