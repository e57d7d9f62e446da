//! SQLite: a table with partial indexes; a claim is one statement, on one connection behind a lock,
//! which is faster than connections that wait for each other by sleeping.

use super::{ClaimQueue, LEASE_UNTIL, TYPES, rows};
use crate::error::{Error, Result};
use rusqlite::{Connection, params};
use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

struct Sqlite(Mutex<Connection>);

pub(super) fn open(folder: &Path) -> Result<Box<dyn ClaimQueue>> {
    let connection = Connection::open(folder.join("queue.sqlite")).map_err(Error::wrong)?;
    connection
        .execute_batch(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-1048576;
             PRAGMA mmap_size=1073741824;
             CREATE TABLE tasks(
                 id INTEGER PRIMARY KEY, type TEXT NOT NULL, priority INTEGER NOT NULL,
                 due INTEGER NOT NULL, state INTEGER NOT NULL, attempts INTEGER NOT NULL,
                 owner TEXT, lease_until INTEGER, payload BLOB NOT NULL);
             CREATE INDEX ready ON tasks(type, priority DESC, due, id) WHERE state = 0;
             CREATE INDEX leases ON tasks(lease_until) WHERE state = 1;",
        )
        .map_err(Error::wrong)?;
    Ok(Box::new(Sqlite(Mutex::new(connection))))
}

fn type_name(task_type: u64) -> String {
    format!("type-{task_type:02}")
}

impl Sqlite {
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClaimQueue for Sqlite {
    fn add(&self, ids: std::ops::Range<u64>, payload: &[u8]) -> Result<()> {
        let mut connection = self.connection();
        let txn = connection.transaction().map_err(Error::wrong)?;
        {
            let sql = "INSERT INTO tasks(id, type, priority, due, state, attempts, payload)
                       VALUES(?1, ?2, 128, 0, 0, 0, ?3)";
            let mut statement = txn.prepare_cached(sql).map_err(Error::wrong)?;
            for id in ids {
                let row = params![id as i64, type_name(id % TYPES), payload];
                statement.execute(row).map_err(Error::wrong)?;
            }
        }
        txn.commit().map_err(Error::wrong)
    }

    fn claim(&self, task_type: u64, owner: &str) -> Result<Option<u64>> {
        let connection = self.connection();
        let leases = "SELECT min(lease_until) FROM tasks WHERE state = 1";
        let mut statement = connection.prepare_cached(leases).map_err(Error::wrong)?;
        let first: Option<i64> = statement.query_row([], |row| row.get(0)).map_err(Error::wrong)?;
        rows::expect_good(
            first.map(|until| (until as u64).to_be_bytes()).as_ref().map(|b| &b[..]),
        )?;
        let sql =
            "UPDATE tasks SET state = 1, owner = ?1, attempts = attempts + 1, lease_until = ?2
                   WHERE id = (SELECT id FROM tasks WHERE state = 0 AND type = ?3
                               ORDER BY priority DESC, due, id LIMIT 1) RETURNING id";
        let mut statement = connection.prepare_cached(sql).map_err(Error::wrong)?;
        let lease_until = LEASE_UNTIL as i64;
        let arguments = params![owner, lease_until, type_name(task_type)];
        let mut found = statement.query(arguments).map_err(Error::wrong)?;
        let id = match found.next().map_err(Error::wrong)? {
            Some(row) => Some(row.get::<_, i64>(0).map_err(Error::wrong)? as u64),
            None => None,
        };
        // To the end: only then is it committed.
        while found.next().map_err(Error::wrong)?.is_some() {}
        Ok(id)
    }

    fn counts(&self) -> Result<(u64, u64)> {
        let connection = self.connection();
        let count = |state: i64| {
            let sql = "SELECT count(*) FROM tasks WHERE state = ?1";
            let count = connection.query_row(sql, [state], |row| row.get::<_, i64>(0));
            count.map(|count| count as u64).map_err(Error::wrong)
        };
        Ok((count(1)?, count(0)?))
    }
}
