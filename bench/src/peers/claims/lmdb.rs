//! LMDB: three named databases in one environment.

use super::{ClaimQueue, rows};
use crate::error::{Error, Result};
use heed::{Database, Env, EnvFlags, EnvOpenOptions, types::Bytes};
use std::{ops::Bound, path::Path};

struct Lmdb {
    env: Env,
    ready: Database<Bytes, Bytes>,
    tasks: Database<Bytes, Bytes>,
    leases: Database<Bytes, Bytes>,
}

#[allow(unsafe_code)]
pub(super) fn open(folder: &Path) -> Result<Box<dyn ClaimQueue>> {
    let mut options = EnvOpenOptions::new();
    options.map_size(8 << 30).max_dbs(3);
    // SAFETY: NO_READ_AHEAD changes no promise about the data.
    unsafe { options.flags(EnvFlags::NO_READ_AHEAD) };
    // SAFETY: the folder is this process's alone, and no other handle of it is open.
    let env = unsafe { options.open(folder) }.map_err(Error::wrong)?;
    let mut txn = env.write_txn().map_err(Error::wrong)?;
    let mut make = |name| env.create_database(&mut txn, Some(name)).map_err(Error::wrong);
    let (ready, tasks, leases) = (make("ready")?, make("tasks")?, make("leases")?);
    txn.commit().map_err(Error::wrong)?;
    Ok(Box::new(Lmdb { env, ready, tasks, leases }))
}

impl ClaimQueue for Lmdb {
    fn add(&self, ids: std::ops::Range<u64>, payload: &[u8]) -> Result<()> {
        let mut txn = self.env.write_txn().map_err(Error::wrong)?;
        let row = rows::ready_row(payload);
        for id in ids {
            self.ready.put(&mut txn, &rows::ready_key(id), &[]).map_err(Error::wrong)?;
            self.tasks.put(&mut txn, &id.to_be_bytes(), &row).map_err(Error::wrong)?;
        }
        txn.commit().map_err(Error::wrong)
    }

    fn claim(&self, task_type: u64, owner: &str) -> Result<Option<u64>> {
        let mut txn = self.env.write_txn().map_err(Error::wrong)?;
        let lease = self.leases.first(&txn).map_err(Error::wrong)?;
        rows::expect_good(lease.map(|(key, _)| key))?;
        let prefix = rows::ready_prefix(task_type);
        let range = (Bound::Included(&prefix[..]), Bound::Unbounded);
        let first = self.ready.range(&txn, &range).map_err(Error::wrong)?.next();
        let first = first.transpose().map_err(Error::wrong)?.map(|(key, _)| key.to_vec());
        let Some(key) = first.filter(|key| key.starts_with(&prefix)) else { return Ok(None) };
        let id = rows::id_of(&key)?;
        let row = self.tasks.get(&txn, &id.to_be_bytes()).map_err(Error::wrong)?;
        let row = rows::claimed_row(row.unwrap_or_default(), owner)?;
        self.ready.delete(&mut txn, &key).map_err(Error::wrong)?;
        self.tasks.put(&mut txn, &id.to_be_bytes(), &row).map_err(Error::wrong)?;
        self.leases.put(&mut txn, &rows::lease_key(id), &[]).map_err(Error::wrong)?;
        txn.commit().map_err(Error::wrong)?;
        Ok(Some(id))
    }

    fn counts(&self) -> Result<(u64, u64)> {
        let txn = self.env.read_txn().map_err(Error::wrong)?;
        let count = |database: &Database<Bytes, Bytes>| database.len(&txn).map_err(Error::wrong);
        Ok((count(&self.leases)?, count(&self.ready)?))
    }
}
