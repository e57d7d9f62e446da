//! fjall: three keyspaces. Claims are read and written under a lock, as its batches do not exclude each
//! other; the sync comes behind the lock, so that the next claim need not wait for it.

use super::{ClaimQueue, rows};
use crate::error::{Error, Result};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

struct Fjall {
    database: Database,
    ready: Keyspace,
    tasks: Keyspace,
    leases: Keyspace,
    one_at_a_time: Mutex<()>,
}

pub(super) fn open(folder: &Path) -> Result<Box<dyn ClaimQueue>> {
    let database = Database::builder(folder).cache_size(1 << 30).open().map_err(Error::wrong)?;
    let keyspace =
        |name| database.keyspace(name, KeyspaceCreateOptions::default).map_err(Error::wrong);
    let (ready, tasks, leases) = (keyspace("ready")?, keyspace("tasks")?, keyspace("leases")?);
    Ok(Box::new(Fjall { database, ready, tasks, leases, one_at_a_time: Mutex::default() }))
}

impl Fjall {
    /// Reads and writes a claim; it is not durable yet.
    fn take(&self, task_type: u64, owner: &str) -> Result<Option<u64>> {
        let _alone = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        let lease = self.leases.first_key_value().map(|row| row.key().map_err(Error::wrong));
        rows::expect_good(lease.transpose()?.as_deref())?;
        let first = self.ready.prefix(rows::ready_prefix(task_type)).next();
        let Some(key) = first.map(|row| row.key().map_err(Error::wrong)).transpose()? else {
            return Ok(None);
        };
        let id = rows::id_of(&key)?;
        let row = self.tasks.get(id.to_be_bytes()).map_err(Error::wrong)?;
        let row = row.ok_or_else(|| Error::wrong("a ready key without a task"))?;
        let mut batch = self.database.batch().durability(Some(PersistMode::Buffer));
        batch.remove(&self.ready, key);
        batch.insert(&self.tasks, id.to_be_bytes(), rows::claimed_row(&row, owner)?);
        batch.insert(&self.leases, rows::lease_key(id), []);
        batch.commit().map_err(Error::wrong)?;
        Ok(Some(id))
    }
}

impl ClaimQueue for Fjall {
    fn add(&self, ids: std::ops::Range<u64>, payload: &[u8]) -> Result<()> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        let row = rows::ready_row(payload);
        for id in ids {
            batch.insert(&self.ready, rows::ready_key(id), []);
            batch.insert(&self.tasks, id.to_be_bytes(), row.clone());
        }
        batch.commit().map_err(Error::wrong)
    }

    fn claim(&self, task_type: u64, owner: &str) -> Result<Option<u64>> {
        let id = self.take(task_type, owner)?;
        self.database.persist(PersistMode::SyncData).map_err(Error::wrong)?;
        Ok(id)
    }

    fn counts(&self) -> Result<(u64, u64)> {
        let count = |keyspace: &Keyspace| keyspace.len().map_err(Error::wrong);
        Ok((count(&self.leases)? as u64, count(&self.ready)? as u64))
    }
}
