//! What a benchmark is set up with: parameters, seed, a counted storage, a folder of its own.
//!
//! Made by the worker, once a process. Opens databases so that exact benchmarks are exact: seeded
//! entropy, a clock that stands still, no background thread.

use crate::{
    error::{Error, Result},
    result::{Class, ParameterValue, Parameters, StorageKind},
    storage::{CallFault, CountingStorage},
};
use northstar_engine::{
    Db, Options,
    disk::{Clock, ManualClock, MemoryStorage, RealStorage, SeededEntropy, Storage, SystemClock},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// What a benchmark is set up with.
#[derive(Clone, Debug)]
pub struct Context {
    /// Parameters in force.
    pub params: Parameters,
    /// Counted operations to come.
    pub ops: u64,
    /// Operations before them.
    pub warmup_ops: u64,
    /// Seed of keys, values and orders.
    pub seed: u64,
    /// How repeatable the counters must be.
    pub class: Class,
    /// Where databases lie.
    pub kind: StorageKind,
    /// The storage every database is opened on.
    pub storage: CountingStorage,
    folder: PathBuf,
}

impl Context {
    /// A context in `folder`, which must exist.
    #[must_use]
    pub fn new(
        params: Parameters,
        (ops, warmup_ops): (u64, u64),
        seed: u64,
        class: Class,
        kind: StorageKind,
        folder: &Path,
        fault: CallFault,
    ) -> Self {
        let inner: Arc<dyn Storage> = match kind {
            StorageKind::Memory => Arc::new(MemoryStorage::new()),
            StorageKind::Disk => Arc::new(RealStorage),
        };
        let storage = CountingStorage::new(inner, fault);
        Self { params, ops, warmup_ops, seed, class, kind, storage, folder: folder.to_owned() }
    }

    /// The number parameter `name`.
    ///
    /// # Errors
    /// [`Error::Usage`] when it is missing or a word.
    pub fn number(&self, name: &str) -> Result<u64> {
        match self.params.get(name) {
            Some(ParameterValue::Number(number)) => Ok(*number),
            other => Err(Error::Usage(format!("parameter {name} must be a number, is {other:?}"))),
        }
    }

    /// The word parameter `name`.
    ///
    /// # Errors
    /// [`Error::Usage`] when it is missing or a number.
    pub fn word(&self, name: &str) -> Result<&str> {
        match self.params.get(name) {
            Some(ParameterValue::Word(word)) => Ok(word),
            other => Err(Error::Usage(format!("parameter {name} must be a word, is {other:?}"))),
        }
    }

    /// A path for a database called `name`.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        match self.kind {
            // Memory storage has one folder, its root.
            StorageKind::Memory => Path::new("/").join(name),
            StorageKind::Disk => self.folder.join(name),
        }
    }

    /// A real folder for files that are no database.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        &self.folder
    }

    /// Options of a benchmark's database: a cache that holds everything, and for exact benchmarks no
    /// background thread.
    pub fn options(&self) -> Options {
        let options = Options::new().cache_bytes(1 << 30);
        if self.class == Class::Exact { options.background(false) } else { options }
    }

    /// Opens the database called `name` on the counted storage.
    ///
    /// # Errors
    /// What the engine says.
    pub fn open(&self, name: &str, options: Options) -> Result<Db> {
        let clock: Arc<dyn Clock> = match self.class {
            // It stands still: nothing an exact benchmark counts may depend on time.
            Class::Exact => Arc::new(ManualClock::default()),
            Class::Threaded => Arc::new(SystemClock::new()),
        };
        let entropy = Arc::new(SeededEntropy::new(self.seed));
        let storage = Arc::new(self.storage.clone());
        Ok(options.open_on(storage, entropy, clock, self.path(name))?)
    }
}
