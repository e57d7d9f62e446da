//! redb through its own crate.

use super::{Engine, Facts, OwnedChange, Reader};
use crate::error::{Error, Result};
use redb::{
    Database, Durability, ReadOnlyTable, ReadTransaction, ReadableDatabase, TableDefinition,
};
use std::path::Path;

pub(super) const FACTS: Facts = Facts {
    name: "redb",
    settings: "redb 4; cache 1 GiB, one-phase commits",
    durable: "Durability::Immediate: commit returns after the sync",
    eventual: "Durability::None: durable with the next durable commit",
    syncs_per_commit: "1",
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
        engine.commit(&mut || None, true)?;
    }
    Ok(Box::new(engine))
}

impl Engine for Redb {
    fn commit(
        &self,
        changes: &mut dyn FnMut() -> Option<OwnedChange>,
        durable: bool,
    ) -> Result<()> {
        let mut txn = self.0.begin_write().map_err(Error::wrong)?;
        let durability = if durable { Durability::Immediate } else { Durability::None };
        txn.set_durability(durability).map_err(Error::wrong)?;
        {
            let mut table = txn.open_table(TABLE).map_err(Error::wrong)?;
            while let Some(change) = changes() {
                match change {
                    OwnedChange::Put(key, value) => {
                        table.insert(key.as_ref(), value.as_slice()).map_err(Error::wrong)?;
                    }
                    OwnedChange::Delete(key) => {
                        table.remove(key.as_ref()).map_err(Error::wrong)?;
                    }
                }
            }
        }
        txn.commit().map_err(Error::wrong)
    }

    fn reader(&self) -> Result<Box<dyn Reader + '_>> {
        let txn = self.0.begin_read().map_err(Error::wrong)?;
        let table = txn.open_table(TABLE).map_err(Error::wrong)?;
        Ok(Box::new(Snapshot { table, _txn: txn }))
    }

    fn snapshot(&self) -> Result<()> {
        std::hint::black_box(self.0.begin_read().map_err(Error::wrong)?);
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        // A durable commit carries the earlier ones.
        self.commit(&mut || None, true)
    }
}

struct Snapshot {
    table: ReadOnlyTable<&'static [u8], &'static [u8]>,
    _txn: ReadTransaction,
}

impl Reader for Snapshot {
    fn get(&mut self, key: &[u8]) -> Result<Option<u64>> {
        let value = self.table.get(key).map_err(Error::wrong)?;
        Ok(value.map(|value| u64::from(value.value()[0]) + value.value().len() as u64))
    }

    fn scan(&mut self, start: &[u8], rows: u64) -> Result<u64> {
        let mut found = self.table.range(start..).map_err(Error::wrong)?;
        let mut total = 0_u64;
        for _ in 0..rows {
            let row = found.next().ok_or_else(|| Error::wrong("a scan ended early"))?;
            let (key, value) = row.map_err(Error::wrong)?;
            let (key, value) = (key.value(), value.value());
            total = total.wrapping_add(u64::from(key[key.len() - 1]) + u64::from(value[0]));
        }
        Ok(total)
    }
}
