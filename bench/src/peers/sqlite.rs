//! SQLite through rusqlite, its own bundled version.

use super::{Engine, Facts, OwnedChange, Reader};
use crate::error::{Error, Result};
use rusqlite::{Connection, OptionalExtension};
use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

pub(super) const FACTS: Facts = Facts {
    name: "sqlite",
    settings: "SQLite by rusqlite; WAL, WITHOUT ROWID, cache 1 GiB, mmap 1 GiB, prepared statements",
    durable: "synchronous=FULL: commit returns after the WAL's sync",
    eventual: "synchronous=NORMAL: synced at checkpoints",
    syncs_per_commit: "1",
};

struct Sqlite {
    path: PathBuf,
    writer: Mutex<Writer>,
}

struct Writer {
    connection: Connection,
    durable: bool,
}

fn connect(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path).map_err(Error::wrong)?;
    connection.set_prepared_statement_cache_capacity(16);
    connection
        .execute_batch(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-1048576;
             PRAGMA mmap_size=1073741824;",
        )
        .map_err(Error::wrong)?;
    Ok(connection)
}

pub(super) fn open(folder: &Path) -> Result<Box<dyn Engine>> {
    let path = folder.join("data.sqlite");
    let connection = connect(&path)?;
    connection
        .execute_batch("CREATE TABLE IF NOT EXISTS rows(k BLOB PRIMARY KEY, v BLOB) WITHOUT ROWID")
        .map_err(Error::wrong)?;
    Ok(Box::new(Sqlite { path, writer: Mutex::new(Writer { connection, durable: true }) }))
}

impl Sqlite {
    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine for Sqlite {
    fn commit(
        &self,
        changes: &mut dyn FnMut() -> Option<OwnedChange>,
        durable: bool,
    ) -> Result<()> {
        let mut writer = self.writer();
        if writer.durable != durable {
            let level = if durable { "FULL" } else { "NORMAL" };
            let pragma = format!("PRAGMA synchronous={level}");
            writer.connection.execute_batch(&pragma).map_err(Error::wrong)?;
            writer.durable = durable;
        }
        let txn = writer.connection.transaction().map_err(Error::wrong)?;
        while let Some(change) = changes() {
            let (sql, key, value) = match &change {
                OwnedChange::Put(key, value) => {
                    ("INSERT OR REPLACE INTO rows VALUES(?1, ?2)", key, Some(value))
                }
                OwnedChange::Delete(key) => ("DELETE FROM rows WHERE k = ?1", key, None),
            };
            let mut statement = txn.prepare_cached(sql).map_err(Error::wrong)?;
            match value {
                Some(value) => statement.execute((key.as_ref(), value)),
                None => statement.execute([key.as_ref()]),
            }
            .map_err(Error::wrong)?;
        }
        txn.commit().map_err(Error::wrong)
    }

    fn reader(&self) -> Result<Box<dyn Reader + '_>> {
        let connection = connect(&self.path)?;
        connection.execute_batch("BEGIN").map_err(Error::wrong)?;
        Ok(Box::new(Snapshot(connection)))
    }

    fn snapshot(&self) -> Result<()> {
        // A snapshot begins with the first read, so there must be one.
        let writer = self.writer();
        let run = |sql| -> Result<()> {
            let mut statement = writer.connection.prepare_cached(sql).map_err(Error::wrong)?;
            let mut rows = statement.query([]).map_err(Error::wrong)?;
            rows.next().map_err(Error::wrong)?;
            Ok(())
        };
        run("BEGIN")?;
        run("SELECT 1 FROM rows LIMIT 1")?;
        run("COMMIT")
    }

    fn sync(&self) -> Result<()> {
        let writer = self.writer();
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        let busy = writer.connection.query_row(checkpoint, [], |row| row.get::<_, i64>(0));
        busy.map(drop).map_err(Error::wrong)
    }
}

struct Snapshot(Connection);

impl Reader for Snapshot {
    fn get(&mut self, key: &[u8]) -> Result<Option<u64>> {
        let sql = "SELECT v FROM rows WHERE k = ?1";
        let mut statement = self.0.prepare_cached(sql).map_err(Error::wrong)?;
        let found = statement.query_row([key], |row| {
            let value = row.get_ref(0)?.as_blob()?;
            Ok(u64::from(value[0]) + value.len() as u64)
        });
        found.optional().map_err(Error::wrong)
    }

    fn scan(&mut self, start: &[u8], rows: u64) -> Result<u64> {
        let sql = "SELECT k, v FROM rows WHERE k >= ?1 ORDER BY k LIMIT ?2";
        let mut statement = self.0.prepare_cached(sql).map_err(Error::wrong)?;
        let mut found = statement.query((start, rows as i64)).map_err(Error::wrong)?;
        let (mut total, mut count) = (0_u64, 0);
        while let Some(row) = found.next().map_err(Error::wrong)? {
            let key = row.get_ref(0).map_err(Error::wrong)?;
            let key = key.as_blob().map_err(Error::wrong)?;
            let value = row.get_ref(1).map_err(Error::wrong)?;
            let value = value.as_blob().map_err(Error::wrong)?;
            total = total.wrapping_add(u64::from(key[key.len() - 1]) + u64::from(value[0]));
            count += 1;
        }
        if count == rows { Ok(total) } else { Err(Error::wrong("a scan ended early")) }
    }
}
