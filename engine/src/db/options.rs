//! How a database is opened.

use crate::db::Db;
use crate::error::Result;
use std::path::Path;

/// When a commit returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Durability {
    /// Once it is durable.
    #[default]
    Immediate,
    /// Once the operating system has it; durable within a second, or after `sync`.
    Eventual,
}

/// Which past states stay openable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// The last `n` besides the current one.
    Last(u64),
    /// All of them.
    All,
}

/// How much log is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogRetention {
    /// What recovery needs.
    Recovery,
    /// That, and this many bytes.
    Bytes(u64),
    /// All of it.
    All,
}

/// How to open a database. Defaults apply at creation; later, a setter not called keeps what the
/// file stores.
#[derive(Clone, Debug, Default)]
pub struct Options {
    #[allow(dead_code)]
    pub(crate) create: Option<bool>,
}

#[allow(unused_variables)]
impl Options {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }
    /// Make the file when it is missing (default true).
    pub fn create(self, create: bool) -> Self {
        todo!()
    }
    /// Write no byte of any file (default false).
    pub fn read_only(self, read_only: bool) -> Self {
        todo!()
    }
    /// Budget for resident pages, clean and dirty.
    pub fn cache_bytes(self, bytes: usize) -> Self {
        todo!()
    }
    /// What `commit` waits for.
    pub fn durability(self, durability: Durability) -> Self {
        todo!()
    }
    /// Past states kept openable.
    pub fn history(self, history: History) -> Self {
        todo!()
    }
    /// Log kept.
    pub fn log_retention(self, retention: LogRetention) -> Self {
        todo!()
    }
    /// Walk the free space of a large file too before the first reuse.
    pub fn verify_free_space(self, verify: bool) -> Self {
        todo!()
    }
    /// Opens `path`.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Db> {
        todo!()
    }
    /// The same engine with nothing on disk.
    pub fn open_in_memory(self) -> Result<Db> {
        todo!()
    }
    /// The same engine on another storage, with given randomness and time: simulations, fault scripts.
    pub fn open_on(
        self,
        storage: std::sync::Arc<dyn crate::disk::Storage>,
        entropy: std::sync::Arc<dyn crate::disk::Entropy>,
        clock: std::sync::Arc<dyn crate::disk::Clock>,
        path: impl AsRef<Path>,
    ) -> Result<Db> {
        todo!()
    }
    /// Whether a background thread drives checkpoints and eventual syncs (default true). Without it
    /// the caller does, through `checkpoint` and `sync`: deterministic simulation.
    pub fn background(self, background: bool) -> Self {
        todo!()
    }
}
