//! northstar itself behind the peers' trait.

use super::{Engine, Facts, OwnedChange, Reader};
use crate::{
    error::{Error, Result},
    rng::Key,
};
use northstar_engine::{Cursor, Db, Durability, LogRetention, Options, ReadTxn};
use std::path::Path;

pub(super) const FACTS: Facts = Facts {
    name: "northstar",
    settings: "this repository; cache 1 GiB, LogRetention::Recovery",
    durable: "commit returns after the log's sync",
    eventual: "commit returns after the write to the system; synced within a second",
    syncs_per_commit: "1",
};

struct Northstar(Db);

pub(super) fn open(folder: &Path) -> Result<Box<dyn Engine>> {
    let options = Options::new().cache_bytes(1 << 30).log_retention(LogRetention::Recovery);
    Ok(Box::new(Northstar(options.open(folder.join("data.ns"))?)))
}

impl Engine for Northstar {
    fn commit(
        &self,
        changes: &mut dyn FnMut() -> Option<OwnedChange>,
        durable: bool,
    ) -> Result<()> {
        let mut txn = self.0.begin_write()?;
        while let Some(change) = changes() {
            match change {
                OwnedChange::Put(key, value) => txn.put(key, &value)?,
                OwnedChange::Delete(key) => drop(txn.del(key)?),
            }
        }
        let durability = if durable { Durability::Immediate } else { Durability::Eventual };
        txn.commit_with(durability)?;
        Ok(())
    }

    fn reader(&self) -> Result<Box<dyn Reader + '_>> {
        Ok(Box::new(Snapshot(self.0.begin_read()?)))
    }

    fn snapshot(&self) -> Result<()> {
        std::hint::black_box(self.0.begin_read()?);
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        Ok(self.0.sync()?)
    }
}

struct Snapshot(ReadTxn);

impl Reader for Snapshot {
    fn get(&mut self, key: &[u8]) -> Result<Option<u64>> {
        let value = self.0.get(key)?;
        Ok(value.map(|value| u64::from(value[0]) + value.len() as u64))
    }

    fn get_many(&mut self, keys: &[Key]) -> Result<u64> {
        let mut total = 0_u64;
        for value in self.0.get_many(keys)? {
            let value = value.ok_or_else(|| Error::wrong("a row is not there"))?;
            total = total.wrapping_add(u64::from(value[0]) + value.len() as u64);
        }
        Ok(total)
    }

    fn scan(&mut self, start: &[u8], rows: u64) -> Result<u64> {
        let mut cursor: Cursor<'_> = self.0.cursor()?;
        cursor.seek(start)?;
        let mut total = 0_u64;
        for _ in 0..rows {
            let (key, value) = cursor.next()?.ok_or_else(|| Error::wrong("a scan ended early"))?;
            total = total.wrapping_add(u64::from(key[key.len() - 1]) + u64::from(value[0]));
        }
        Ok(total)
    }
}
