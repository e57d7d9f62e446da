//! redb: three tables, one-phase commits.

use super::{ClaimQueue, rows};
use crate::error::{Error, Result};
use redb::{
    Database, Durability, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition,
};
use std::path::Path;

struct Redb(Database);

type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;
const READY: Definition = TableDefinition::new("ready");
const TASKS: Definition = TableDefinition::new("tasks");
const LEASES: Definition = TableDefinition::new("leases");

pub(super) fn open(folder: &Path) -> Result<Box<dyn ClaimQueue>> {
    let database = Database::builder()
        .set_cache_size(1 << 30)
        .create(folder.join("queue.redb"))
        .map_err(Error::wrong)?;
    let txn = database.begin_write().map_err(Error::wrong)?;
    for table in [READY, TASKS, LEASES] {
        txn.open_table(table).map_err(Error::wrong)?;
    }
    txn.commit().map_err(Error::wrong)?;
    Ok(Box::new(Redb(database)))
}

impl ClaimQueue for Redb {
    fn add(&self, ids: std::ops::Range<u64>, payload: &[u8]) -> Result<()> {
        let txn = self.0.begin_write().map_err(Error::wrong)?;
        {
            let mut ready = txn.open_table(READY).map_err(Error::wrong)?;
            let mut tasks = txn.open_table(TASKS).map_err(Error::wrong)?;
            let row = rows::ready_row(payload);
            for id in ids {
                ready.insert(&rows::ready_key(id)[..], &[][..]).map_err(Error::wrong)?;
                tasks.insert(&id.to_be_bytes()[..], &row[..]).map_err(Error::wrong)?;
            }
        }
        txn.commit().map_err(Error::wrong)
    }

    fn claim(&self, task_type: u64, owner: &str) -> Result<Option<u64>> {
        let mut txn = self.0.begin_write().map_err(Error::wrong)?;
        txn.set_durability(Durability::Immediate).map_err(Error::wrong)?;
        let id = {
            let mut leases = txn.open_table(LEASES).map_err(Error::wrong)?;
            let first = leases.first().map_err(Error::wrong)?;
            rows::expect_good(first.as_ref().map(|(key, _)| key.value()))?;
            drop(first);
            let mut ready = txn.open_table(READY).map_err(Error::wrong)?;
            let prefix = rows::ready_prefix(task_type);
            let first = ready.range(&prefix[..]..).map_err(Error::wrong)?.next();
            let first = first.transpose().map_err(Error::wrong)?;
            let first = first.map(|(key, _)| key.value().to_vec());
            let Some(key) = first.filter(|key| key.starts_with(&prefix)) else { return Ok(None) };
            let id = rows::id_of(&key)?;
            let mut tasks = txn.open_table(TASKS).map_err(Error::wrong)?;
            let row = tasks.get(&id.to_be_bytes()[..]).map_err(Error::wrong)?;
            let row = row.map(|row| rows::claimed_row(row.value(), owner)).transpose()?;
            let row = row.ok_or_else(|| Error::wrong("a ready key without a task"))?;
            ready.remove(&key[..]).map_err(Error::wrong)?;
            tasks.insert(&id.to_be_bytes()[..], &row[..]).map_err(Error::wrong)?;
            leases.insert(&rows::lease_key(id)[..], &[][..]).map_err(Error::wrong)?;
            id
        };
        txn.commit().map_err(Error::wrong)?;
        Ok(Some(id))
    }

    fn counts(&self) -> Result<(u64, u64)> {
        let txn = self.0.begin_read().map_err(Error::wrong)?;
        let count = |table| {
            let table = txn.open_table(table).map_err(Error::wrong)?;
            table.len().map_err(Error::wrong)
        };
        Ok((count(LEASES)?, count(READY)?))
    }
}
