//! redb through its own crate.

use super::{
    Facts,
    engine::{Change, Changes, Engine, Nothing, Reader, Work, digest, ended_early, row_digest},
};
use crate::error::{Error, Result};
use redb::{
    Database, Durability, ReadOnlyTable, ReadableDatabase, ReadableTableMetadata, TableDefinition,
};
use std::path::Path;

pub(super) const FACTS: Facts = Facts {
    name: "redb",
    settings: "redb 4; cache 1 GiB, one-phase commits",
    durable: "Durability::Immediate: commit returns after the sync",
    eventual: "Durability::None: durable with the next durable commit",
    syncs_per_commit: 1.0,
};

const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");

struct Redb(Database);

pub(super) fn open(folder: &Path) -> Result<Box<dyn Engine>> {
    let database = Database::builder()
        .set_cache_size(1 << 30)
        .create(folder.join("data.redb"))
        .map_err(Error::wrong)?;
    let engine = Redb(database);
    if engine.0.begin_read().map_err(Error::wrong)?.open_table(TABLE).is_err() {
        engine.commit(&mut Nothing, true)?;
    }
    Ok(Box::new(engine))
}

impl Engine for Redb {
    fn commit(&self, changes: &mut dyn Changes, durable: bool) -> Result<()> {
        let mut txn = self.0.begin_write().map_err(Error::wrong)?;
        let durability = if durable { Durability::Immediate } else { Durability::None };
        txn.set_durability(durability).map_err(Error::wrong)?;
        {
            let mut table = txn.open_table(TABLE).map_err(Error::wrong)?;
            while let Some(change) = changes.next() {
                match change {
                    Change::Put(key, value) => {
                        table.insert(key, value).map_err(Error::wrong)?;
                    }
                    Change::Delete(key) => {
                        table.remove(key).map_err(Error::wrong)?;
                    }
                }
            }
        }
        txn.commit().map_err(Error::wrong)
    }

    fn read(&self, work: &mut Work<'_>) -> Result<()> {
        let txn = self.0.begin_read().map_err(Error::wrong)?;
        work(&mut Snapshot(txn.open_table(TABLE).map_err(Error::wrong)?))
    }

    fn snapshot(&self) -> Result<()> {
        std::hint::black_box(self.0.begin_read().map_err(Error::wrong)?);
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        // A durable commit carries the earlier ones.
        self.commit(&mut Nothing, true)
    }

    fn settle(&self) -> Result<()> {
        self.sync()
    }

    fn compact(mut self: Box<Self>) -> Result<()> {
        self.0.compact().map_err(Error::wrong)?;
        Ok(())
    }
}

struct Snapshot(ReadOnlyTable<&'static [u8], &'static [u8]>);

impl Reader for Snapshot {
    fn get(&mut self, key: &[u8]) -> Result<Option<u64>> {
        let value = self.0.get(key).map_err(Error::wrong)?;
        Ok(value.map(|value| digest(value.value())))
    }

    fn row_count(&mut self) -> Result<u64> {
        self.0.len().map_err(Error::wrong)
    }

    fn scan(&mut self, start: &[u8], rows: u64) -> Result<u64> {
        let mut found = self.0.range(start..).map_err(Error::wrong)?;
        let mut total = 0_u64;
        for _ in 0..rows {
            let (key, value) = found.next().ok_or_else(ended_early)?.map_err(Error::wrong)?;
            total = total.wrapping_add(row_digest(key.value(), value.value()));
        }
        Ok(total)
    }
}
