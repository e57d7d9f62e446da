//! How a database is opened.
//!
//! Filled by users; the calls that open are in `db::open`. Rule 6: history and log retention are stored in the file; defaults apply when it
//! is created, and later a setter that is not called keeps what the file stores.

use crate::format::meta::Meta;
use crate::log::LogConfig;
use crate::txn::event::Observer;
pub use crate::txn::{Durability, History};
use std::sync::Arc;

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

impl LogRetention {
    /// As a meta stores it: kind and bytes.
    pub(crate) fn to_meta(self) -> (u32, u64) {
        match self {
            Self::Recovery => (0, 0),
            Self::Bytes(bytes) => (1, bytes),
            Self::All => (2, 0),
        }
    }

    /// From a meta that was judged valid.
    pub(crate) fn from_meta(meta: &Meta) -> Self {
        match meta.retention {
            0 => Self::Recovery,
            1 => Self::Bytes(meta.retention_bytes),
            _ => Self::All,
        }
    }
}

/// Resident pages when nothing else is asked for: 256 MiB, taken as they are needed.
pub(crate) const CACHE_BYTES: usize = 256 << 20;
/// Log kept when nothing else is asked for.
pub(crate) const LOG_RETENTION: LogRetention = LogRetention::Bytes(256 << 20);

/// How to open a database. Defaults apply at creation; later, a setter not called keeps what the
/// file stores.
///
/// ```
/// use northstar_engine::{Durability, History, Options};
/// let folder = tempfile::tempdir().unwrap();
/// let db = Options::new()
///     .cache_bytes(64 << 20)
///     .durability(Durability::Immediate)
///     .history(History::Last(10))
///     .open(folder.path().join("app.ns"))?;
/// db.close()?;
/// # Ok::<(), northstar_engine::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing happens before open"]
pub struct Options {
    pub(crate) create: bool,
    pub(crate) read_only: bool,
    pub(crate) cache_bytes: usize,
    pub(crate) durability: Durability,
    pub(crate) history: Option<History>,
    pub(crate) log_retention: Option<LogRetention>,
    pub(crate) verify_free_space: bool,
    pub(crate) background: bool,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    pub(crate) tuning: Tuning,
}

/// Sizes that tests and simulations make small, so that few operations reach every path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub struct Tuning {
    /// Most cells in a node; `None` for as many as fit.
    pub cells_max: Option<usize>,
    /// Sizes of log segments.
    pub log: LogConfig,
    /// Log behind the last checkpoint that makes the background thread take one.
    pub checkpoint_log_bytes: u64,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { cells_max: None, log: LogConfig::default(), checkpoint_log_bytes: 256 << 20 }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            create: true,
            read_only: false,
            cache_bytes: CACHE_BYTES,
            durability: Durability::Immediate,
            history: None,
            log_retention: None,
            verify_free_space: false,
            background: true,
            observer: None,
            tuning: Tuning::default(),
        }
    }
}

impl Options {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Make the file when it is missing (default true).
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Write no byte of any file (default false). Works beside a writer of another process, and
    /// sees what was durable when it opened.
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Budget for resident pages, clean and dirty (default 256 MiB, at least 1 MiB).
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// What `commit` waits for (default Immediate).
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Past states kept openable (default none). Stored in the file.
    pub fn history(mut self, history: History) -> Self {
        self.history = Some(history);
        self
    }

    /// Log kept beyond what recovery needs (default 256 MiB). Stored in the file.
    pub fn log_retention(mut self, retention: LogRetention) -> Self {
        self.log_retention = Some(retention);
        self
    }

    /// Walk the free space of a file over 8 MiB too before the first reuse (default false); smaller
    /// ones always are.
    pub fn verify_free_space(mut self, verify: bool) -> Self {
        self.verify_free_space = verify;
        self
    }

    /// Whether a background thread drives checkpoints and eventual syncs (default true). Without it
    /// the caller does, through `checkpoint` and `sync`: deterministic simulation.
    pub fn background(mut self, background: bool) -> Self {
        self.background = background;
        self
    }

    /// Who is told what the engine does, as it does it.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Sizes for tests and simulations.
    #[doc(hidden)]
    pub fn tuning(mut self, tuning: Tuning) -> Self {
        self.tuning = tuning;
        self
    }
}
