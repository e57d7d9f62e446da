//! fjall, a log-structured merge tree.

use super::{
    Facts,
    engine::{Change, Changes, Engine, Reader, Work, digest, ended_early, row_digest},
};
use crate::error::{Error, Result};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, Snapshot};
use std::{path::Path, time::Duration};

pub(super) const FACTS: Facts = Facts {
    name: "fjall",
    settings: "fjall 3; cache 1 GiB, expect_point_read_hits, no compression, its own background threads",
    durable: "PersistMode::SyncData: commit returns after the journal's sync",
    eventual: "PersistMode::Buffer: commit returns after the write to the system; synced when the journal turns",
    syncs_per_commit: 1.0,
};

struct Fjall {
    database: Database,
    rows: Keyspace,
}

pub(super) fn open(folder: &Path) -> Result<Box<dyn Engine>> {
    let database = Database::builder(folder).cache_size(1 << 30).open().map_err(Error::wrong)?;
    let options = || KeyspaceCreateOptions::default().expect_point_read_hits(true);
    let rows = database.keyspace("rows", options).map_err(Error::wrong)?;
    Ok(Box::new(Fjall { database, rows }))
}

impl Engine for Fjall {
    fn commit(&self, changes: &mut dyn Changes, durable: bool) -> Result<()> {
        let mode = if durable { PersistMode::SyncData } else { PersistMode::Buffer };
        let mut batch = self.database.batch().durability(Some(mode));
        while let Some(change) = changes.next() {
            match change {
                Change::Put(key, value) => batch.insert(&self.rows, key, value),
                Change::Delete(key) => batch.remove(&self.rows, key),
            }
        }
        batch.commit().map_err(Error::wrong)
    }

    fn read(&self, work: &mut Work<'_>) -> Result<()> {
        work(&mut View { snapshot: self.database.snapshot(), rows: &self.rows })
    }

    fn snapshot(&self) -> Result<()> {
        std::hint::black_box(self.database.snapshot());
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.database.persist(PersistMode::SyncAll).map_err(Error::wrong)
    }

    fn settle(&self) -> Result<()> {
        self.rows.rotate_memtable_and_wait().map_err(Error::wrong)?;
        while self.database.outstanding_flushes() > 0 || self.database.active_compactions() > 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn compact(self: Box<Self>) -> Result<()> {
        self.settle()?;
        self.rows.major_compact().map_err(Error::wrong)
    }
}

struct View<'a> {
    snapshot: Snapshot,
    rows: &'a Keyspace,
}

impl Reader for View<'_> {
    fn get(&mut self, key: &[u8]) -> Result<Option<u64>> {
        let value = self.snapshot.get(self.rows, key).map_err(Error::wrong)?;
        Ok(value.map(|value| digest(&value)))
    }

    fn row_count(&mut self) -> Result<u64> {
        // It keeps no count: this reads everything.
        let len = self.snapshot.len(self.rows).map_err(Error::wrong)?;
        Ok(len as u64)
    }

    fn scan(&mut self, start: &[u8], rows: u64) -> Result<u64> {
        let mut found = self.snapshot.range(self.rows, start..);
        let mut total = 0_u64;
        for _ in 0..rows {
            let row = found.next().ok_or_else(ended_early)?;
            let (key, value) = row.into_inner().map_err(Error::wrong)?;
            total = total.wrapping_add(row_digest(&key, &value));
        }
        Ok(total)
    }
}
