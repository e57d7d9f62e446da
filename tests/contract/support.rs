//! What the contract tests share: a database in a temporary folder, and its rows as a list.

use northstar_engine::{Db, Options, ReadTxn};
use std::path::PathBuf;
use tempfile::TempDir;

/// A database file in a folder of its own. The folder is removed at the end.
pub struct Place {
    pub folder: TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("app.ns")
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn open(&self) -> Db {
        self.open_with(Options::new())
    }

    pub fn open_with(&self, options: Options) -> Db {
        options.cache_bytes(4 << 20).open(self.path()).expect("the database opens")
    }

    /// Names and bytes of all files.
    pub fn bytes(&self) -> Vec<(String, Vec<u8>)> {
        let entries = std::fs::read_dir(self.folder.path()).expect("the folder is there");
        let mut all: Vec<_> = entries
            .map(|entry| {
                let entry = entry.expect("an entry");
                let name = entry.file_name().into_string().expect("a plain name");
                (name, std::fs::read(entry.path()).expect("readable"))
            })
            .collect();
        all.sort();
        all
    }

    /// Names, lengths and checksums of all files, to show that nothing changed.
    pub fn fingerprint(&self) -> Vec<(String, usize, u32)> {
        let sum = |(name, bytes): (String, Vec<u8>)| (name, bytes.len(), crc32c::crc32c(&bytes));
        self.bytes().into_iter().map(sum).collect()
    }
}

pub fn memory() -> Db {
    Options::new().cache_bytes(4 << 20).open_in_memory().expect("a database in memory")
}

/// Puts rows in one transaction.
pub fn put(db: &Db, rows: &[(&str, &str)]) -> u64 {
    let mut txn = db.begin_write().expect("no other writer");
    for (key, value) in rows {
        txn.put(key, value).expect("put");
    }
    txn.commit().expect("commit").get()
}

/// All rows as text, `key=value`.
pub fn rows(txn: &ReadTxn) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    txn.iter()
        .expect("iter")
        .map(|row| {
            let (key, value) = row.expect("a row");
            format!("{}={}", text(&key), text(&value))
        })
        .collect()
}

pub fn latest(db: &Db) -> Vec<String> {
    rows(&db.begin_read().expect("begin_read"))
}
