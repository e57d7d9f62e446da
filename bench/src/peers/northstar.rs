//! northstar itself behind the peers' trait.

use super::{
    Facts,
    engine::{Change, Changes, Engine, Reader, Work, digest, ended_early, missing, row_digest},
};
use crate::{error::Result, rng::Key};
use northstar_engine::{Cursor, Db, Durability, LogRetention, Options, ReadTxn};
use std::path::Path;

pub(super) const FACTS: Facts = Facts {
    name: "northstar",
    settings: "this repository; cache 1 GiB, LogRetention::Recovery",
    durable: "commit returns after the log's sync",
    eventual: "commit returns after the write to the system; synced within a second",
    syncs_per_commit: 1.0,
};

struct Northstar(Db);

pub(super) fn open(folder: &Path) -> Result<Box<dyn Engine>> {
    let options = Options::new().cache_bytes(1 << 30).log_retention(LogRetention::Recovery);
    Ok(Box::new(Northstar(options.open(folder.join("data.ns"))?)))
}

impl Engine for Northstar {
    fn commit(&self, changes: &mut dyn Changes, durable: bool) -> Result<()> {
        let mut txn = self.0.begin_write()?;
        while let Some(change) = changes.next() {
            match change {
                Change::Put(key, value) => txn.put(key, value)?,
                Change::Delete(key) => drop(txn.del(key)?),
            }
        }
        let durability = if durable { Durability::Immediate } else { Durability::Eventual };
        txn.commit_with(durability)?;
        Ok(())
    }

    fn read(&self, work: &mut Work<'_>) -> Result<()> {
        work(&mut Snapshot(self.0.begin_read()?))
    }

    fn snapshot(&self) -> Result<()> {
        std::hint::black_box(self.0.begin_read()?);
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        Ok(self.0.sync()?)
    }

    fn settle(&self) -> Result<()> {
        Ok(self.0.checkpoint()?)
    }

    fn compact(self: Box<Self>) -> Result<()> {
        self.0.compact()?;
        Ok(self.0.close()?)
    }
}

struct Snapshot(ReadTxn);

impl Reader for Snapshot {
    fn get(&mut self, key: &[u8]) -> Result<Option<u64>> {
        Ok(self.0.get(key)?.map(|value| digest(&value)))
    }

    fn get_many(&mut self, keys: &[Key]) -> Result<u64> {
        let mut total = 0_u64;
        for value in self.0.get_many(keys)? {
            total = total.wrapping_add(digest(&value.ok_or_else(missing)?));
        }
        Ok(total)
    }

    fn row_count(&mut self) -> Result<u64> {
        Ok(self.0.len())
    }

    fn scan(&mut self, start: &[u8], rows: u64) -> Result<u64> {
        let mut cursor: Cursor<'_> = self.0.cursor()?;
        cursor.seek(start)?;
        let mut total = 0_u64;
        for _ in 0..rows {
            let (key, value) = cursor.next()?.ok_or_else(ended_early)?;
            total = total.wrapping_add(row_digest(key, value));
        }
        Ok(total)
    }
}
