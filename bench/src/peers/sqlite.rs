//! SQLite through rusqlite, its own bundled version.

use super::{
    Facts,
    engine::{Change, Changes, Engine, Reader, Work, digest, ended_early, row_digest},
};
use crate::error::{Error, Result};
use rusqlite::{Connection, OptionalExtension};
use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

pub(super) const FACTS: Facts = Facts {
    name: "sqlite",
    settings: "SQLite by rusqlite; WAL of up to 64 MiB, WITHOUT ROWID, cache 1 GiB, mmap 1 GiB, prepared statements, pooled readers",
    durable: "synchronous=FULL: commit returns after the WAL's sync",
    eventual: "synchronous=NORMAL: synced at checkpoints",
    syncs_per_commit: 1.0,
};

struct Sqlite {
    path: PathBuf,
    writer: Mutex<Writer>,
    /// Connections of readers that are between two snapshots.
    readers: Mutex<Vec<Connection>>,
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
             PRAGMA mmap_size=1073741824; PRAGMA wal_autocheckpoint=16384;",
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
    let writer = Mutex::new(Writer { connection, durable: true });
    Ok(Box::new(Sqlite { path, writer, readers: Mutex::default() }))
}

/// Runs a statement without parameters, by the connection's cache.
fn run(connection: &Connection, sql: &str) -> Result<()> {
    let mut statement = connection.prepare_cached(sql).map_err(Error::wrong)?;
    let mut rows = statement.query([]).map_err(Error::wrong)?;
    rows.next().map_err(Error::wrong)?;
    Ok(())
}

impl Sqlite {
    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn readers(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a pooled connection within a snapshot to `work`.
    fn with_snapshot(&self, work: &mut dyn FnMut(&Connection) -> Result<()>) -> Result<()> {
        let idle = self.readers().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connect(&self.path)?,
        };
        run(&connection, "BEGIN")?;
        let result = work(&connection);
        run(&connection, "COMMIT")?;
        self.readers().push(connection);
        result
    }
}

impl Engine for Sqlite {
    fn commit(&self, changes: &mut dyn Changes, durable: bool) -> Result<()> {
        let mut writer = self.writer();
        if writer.durable != durable {
            let level = if durable { "FULL" } else { "NORMAL" };
            let pragma = format!("PRAGMA synchronous={level}");
            writer.connection.execute_batch(&pragma).map_err(Error::wrong)?;
            writer.durable = durable;
        }
        run(&writer.connection, "BEGIN IMMEDIATE")?;
        {
            let put = "INSERT OR REPLACE INTO rows VALUES(?1, ?2)";
            let mut put = writer.connection.prepare_cached(put).map_err(Error::wrong)?;
            let delete = "DELETE FROM rows WHERE k = ?1";
            let mut delete = writer.connection.prepare_cached(delete).map_err(Error::wrong)?;
            while let Some(change) = changes.next() {
                match change {
                    Change::Put(key, value) => put.execute((key, value)),
                    Change::Delete(key) => delete.execute([key]),
                }
                .map_err(Error::wrong)?;
            }
        }
        run(&writer.connection, "COMMIT")
    }

    fn read(&self, work: &mut Work<'_>) -> Result<()> {
        self.with_snapshot(&mut |connection| work(&mut Snapshot(connection)))
    }

    fn snapshot(&self) -> Result<()> {
        // A snapshot begins with the first read, so there must be one.
        self.with_snapshot(&mut |connection| run(connection, "SELECT 1 FROM rows LIMIT 1"))
    }

    fn sync(&self) -> Result<()> {
        let writer = self.writer();
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        let busy = writer.connection.query_row(checkpoint, [], |row| row.get::<_, i64>(0));
        busy.map(drop).map_err(Error::wrong)
    }

    fn settle(&self) -> Result<()> {
        self.sync()
    }

    fn compact(self: Box<Self>) -> Result<()> {
        self.readers().clear();
        self.writer().connection.execute_batch("VACUUM").map_err(Error::wrong)
    }
}

struct Snapshot<'a>(&'a Connection);

impl Reader for Snapshot<'_> {
    fn get(&mut self, key: &[u8]) -> Result<Option<u64>> {
        let sql = "SELECT v FROM rows WHERE k = ?1";
        let mut statement = self.0.prepare_cached(sql).map_err(Error::wrong)?;
        let found = statement.query_row([key], |row| Ok(digest(row.get_ref(0)?.as_blob()?)));
        found.optional().map_err(Error::wrong)
    }

    fn row_count(&mut self) -> Result<u64> {
        let mut count = self.0.prepare_cached("SELECT COUNT(*) FROM rows").map_err(Error::wrong)?;
        let rows: i64 = count.query_row([], |row| row.get(0)).map_err(Error::wrong)?;
        Ok(rows.unsigned_abs())
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
            total = total.wrapping_add(row_digest(key, value));
            count += 1;
        }
        if count == rows { Ok(total) } else { Err(ended_early()) }
    }
}
