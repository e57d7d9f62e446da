//! canopydb: copy-on-write trees in memory, a logical log, checkpoints (feature `canopydb`).

use super::{
    Facts,
    engine::{Change, Changes, Engine, Nothing, Reader, Work, digest, ended_early, row_digest},
};
use crate::error::{Error, Result};
use canopydb::{Database, DbOptions, EnvOptions, Tree};
use std::{path::Path, time::Duration};

pub(super) const FACTS: Facts = Facts {
    name: "canopydb",
    settings: "canopydb 0.2; cache 1 GiB, WAL, page checksums, checkpoints of 64 MiB, its own background threads",
    durable: "commit_with(true): commit returns after the log's sync",
    eventual: "commit_with(false): commit returns after the write to the system; synced within a second",
    syncs_per_commit: 1.0,
};

const TREE: &[u8] = b"rows";

struct Canopy(Database);

pub(super) fn open(folder: &Path) -> Result<Box<dyn Engine>> {
    let mut environment = EnvOptions::new(folder);
    environment.page_cache_size = 1 << 30;
    // Everybody else proves every page too, except LMDB and SQLite, which cannot.
    environment.use_checksums = true;
    environment.wal_background_sync_interval = Some(Duration::from_secs(1));
    let options = DbOptions::new();
    let database = Database::with_options(environment, options).map_err(Error::wrong)?;
    let engine = Canopy(database);
    if engine.0.begin_read().map_err(Error::wrong)?.get_tree(TREE).map_err(Error::wrong)?.is_none()
    {
        engine.commit(&mut Nothing, true)?;
    }
    Ok(Box::new(engine))
}

impl Engine for Canopy {
    fn commit(&self, changes: &mut dyn Changes, durable: bool) -> Result<()> {
        let txn = self.0.begin_write().map_err(Error::wrong)?;
        {
            let mut tree = txn.get_or_create_tree(TREE).map_err(Error::wrong)?;
            while let Some(change) = changes.next() {
                match change {
                    Change::Put(key, value) => tree.insert(key, value).map_err(Error::wrong)?,
                    Change::Delete(key) => drop(tree.delete(key).map_err(Error::wrong)?),
                }
            }
        }
        txn.commit_with(durable).map(drop).map_err(Error::wrong)
    }

    fn read(&self, work: &mut Work<'_>) -> Result<()> {
        let txn = self.0.begin_read().map_err(Error::wrong)?;
        let tree = txn.get_tree(TREE).map_err(Error::wrong)?;
        work(&mut Snapshot(tree.ok_or_else(|| Error::wrong("the tree is not there"))?))
    }

    fn snapshot(&self) -> Result<()> {
        std::hint::black_box(self.0.begin_read().map_err(Error::wrong)?);
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.0.sync().map_err(Error::wrong)
    }

    fn settle(&self) -> Result<()> {
        self.0.checkpoint().map_err(Error::wrong)
    }

    fn compact(self: Box<Self>) -> Result<()> {
        self.0.checkpoint().map_err(Error::wrong)?;
        self.0.compact().map_err(Error::wrong)
    }
}

struct Snapshot<'a>(Tree<'a>);

impl Reader for Snapshot<'_> {
    fn get(&mut self, key: &[u8]) -> Result<Option<u64>> {
        Ok(self.0.get(key).map_err(Error::wrong)?.map(|value| digest(&value)))
    }

    fn row_count(&mut self) -> Result<u64> {
        Ok(self.0.len())
    }

    fn scan(&mut self, start: &[u8], rows: u64) -> Result<u64> {
        let mut found = self.0.range(start..).map_err(Error::wrong)?;
        let mut total = 0_u64;
        for _ in 0..rows {
            let (key, value) = found.next().ok_or_else(ended_early)?.map_err(Error::wrong)?;
            total = total.wrapping_add(row_digest(&key, &value));
        }
        Ok(total)
    }
}
