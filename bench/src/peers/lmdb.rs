//! LMDB through heed.

use super::{Engine, Facts, OwnedChange, Reader};
use crate::error::{Error, Result};
use heed::{Database, Env, EnvFlags, EnvOpenOptions, FlagSetMode, RoTxn, WithTls, types::Bytes};
use std::{
    ops::Bound,
    path::Path,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

pub(super) const FACTS: Facts = Facts {
    name: "lmdb",
    settings: "LMDB 0.9 by heed; map 8 GiB, NORDAHEAD, readers in thread-local slots",
    durable: "commit returns after the pages' sync and the meta's",
    eventual: "MDB_NOSYNC: nothing is synced, and a power failure may destroy the file",
    syncs_per_commit: "2",
};

struct Lmdb {
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
    let mut txn = env.write_txn().map_err(Error::wrong)?;
    let database = env.create_database(&mut txn, None).map_err(Error::wrong)?;
    txn.commit().map_err(Error::wrong)?;
    Ok(Box::new(Lmdb { env, database, syncing: AtomicBool::new(true) }))
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
    fn commit(
        &self,
        changes: &mut dyn FnMut() -> Option<OwnedChange>,
        durable: bool,
    ) -> Result<()> {
        self.set_syncing(durable)?;
        let mut txn = self.env.write_txn().map_err(Error::wrong)?;
        while let Some(change) = changes() {
            match change {
                OwnedChange::Put(key, value) => {
                    self.database.put(&mut txn, key.as_ref(), &value).map_err(Error::wrong)?;
                }
                OwnedChange::Delete(key) => {
                    self.database.delete(&mut txn, key.as_ref()).map_err(Error::wrong)?;
                }
            }
        }
        txn.commit().map_err(Error::wrong)
    }

    fn reader(&self) -> Result<Box<dyn Reader + '_>> {
        let txn = self.env.read_txn().map_err(Error::wrong)?;
        Ok(Box::new(Snapshot { txn, database: self.database }))
    }

    fn snapshot(&self) -> Result<()> {
        std::hint::black_box(self.env.read_txn().map_err(Error::wrong)?);
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.env.force_sync().map_err(Error::wrong)
    }
}

struct Snapshot<'a> {
    txn: RoTxn<'a, WithTls>,
    database: Database<Bytes, Bytes>,
}

impl Reader for Snapshot<'_> {
    fn get(&mut self, key: &[u8]) -> Result<Option<u64>> {
        let value = self.database.get(&self.txn, key).map_err(Error::wrong)?;
        Ok(value.map(|value| u64::from(value[0]) + value.len() as u64))
    }

    fn scan(&mut self, start: &[u8], rows: u64) -> Result<u64> {
        let range = (Bound::Included(start), Bound::Unbounded);
        let mut found = self.database.range(&self.txn, &range).map_err(Error::wrong)?;
        let mut total = 0_u64;
        for _ in 0..rows {
            let row = found.next().ok_or_else(|| Error::wrong("a scan ended early"))?;
            let (key, value) = row.map_err(Error::wrong)?;
            total = total.wrapping_add(u64::from(key[key.len() - 1]) + u64::from(value[0]));
        }
        Ok(total)
    }
}
