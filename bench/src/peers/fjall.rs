//! fjall, a log-structured merge tree.

use super::{Engine, Facts, OwnedChange, Reader};
use crate::error::{Error, Result};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, Snapshot};
use std::path::Path;

pub(super) const FACTS: Facts = Facts {
    name: "fjall",
    settings: "fjall 3; cache 1 GiB, no compression, its own background threads",
    durable: "PersistMode::SyncData: commit returns after the journal's sync",
    eventual: "PersistMode::Buffer: commit returns after the write to the system",
    syncs_per_commit: "1",
};

struct Fjall {
    database: Database,
    rows: Keyspace,
}

pub(super) fn open(folder: &Path) -> Result<Box<dyn Engine>> {
    let database = Database::builder(folder).cache_size(1 << 30).open().map_err(Error::wrong)?;
    let rows = database.keyspace("rows", KeyspaceCreateOptions::default).map_err(Error::wrong)?;
    Ok(Box::new(Fjall { database, rows }))
}

impl Engine for Fjall {
    fn commit(
        &self,
        changes: &mut dyn FnMut() -> Option<OwnedChange>,
        durable: bool,
    ) -> Result<()> {
        let mode = if durable { PersistMode::SyncData } else { PersistMode::Buffer };
        let mut batch = self.database.batch().durability(Some(mode));
        while let Some(change) = changes() {
            match change {
                OwnedChange::Put(key, value) => batch.insert(&self.rows, key.as_ref(), value),
                OwnedChange::Delete(key) => batch.remove(&self.rows, key.as_ref()),
            }
        }
        batch.commit().map_err(Error::wrong)
    }

    fn reader(&self) -> Result<Box<dyn Reader + '_>> {
        Ok(Box::new(View { snapshot: self.database.snapshot(), rows: &self.rows }))
    }

    fn snapshot(&self) -> Result<()> {
        std::hint::black_box(self.database.snapshot());
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.database.persist(PersistMode::SyncAll).map_err(Error::wrong)
    }
}

struct View<'a> {
    snapshot: Snapshot,
    rows: &'a Keyspace,
}

impl Reader for View<'_> {
    fn get(&mut self, key: &[u8]) -> Result<Option<u64>> {
        let value = self.snapshot.get(self.rows, key).map_err(Error::wrong)?;
        Ok(value.map(|value| u64::from(value[0]) + value.len() as u64))
    }

    fn scan(&mut self, start: &[u8], rows: u64) -> Result<u64> {
        let mut found = self.snapshot.range(self.rows, start..);
        let mut total = 0_u64;
        for _ in 0..rows {
            let row = found.next().ok_or_else(|| Error::wrong("a scan ended early"))?;
            let (key, value) = row.into_inner().map_err(Error::wrong)?;
            total = total.wrapping_add(u64::from(key[key.len() - 1]) + u64::from(value[0]));
        }
        Ok(total)
    }
}
