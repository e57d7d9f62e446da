//! northstar: a crash-safe embedded ordered key-value engine with one writer, free readers, time
//! travel and a change stream.
//!
//! ```
//! use northstar_engine::{Change, CommitOp, History, Options, TxnId};
//! # fn main() -> Result<(), northstar_engine::Error> {
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("app.ns");
//! // One file and its log beside it. `open_in_memory` is the same engine with nothing on disk.
//! let db = Options::new().history(History::Last(10)).open(&path)?;
//!
//! // One writer at a time. All of a commit survives a crash, or none of it.
//! let mut w = db.begin_write()?;
//! w.put(b"moon", b"1")?;
//! w.put(b"sun", b"8")?;
//! assert!(w.get(b"sun")?.is_some(), "a writer reads its own writes");
//! let first = w.commit()?;
//!
//! // Readers see one state, as long as they live. Values are views into pages, not copies.
//! let before = db.begin_read()?;
//! let mut w = db.begin_write()?;
//! w.put(b"moon", b"2")?;
//! w.del_range(b"s".as_slice()..b"t".as_slice())?;
//! let second = w.commit()?;
//! assert_eq!(before.get(b"moon")?.as_deref(), Some(&b"1"[..]));
//! assert_eq!(db.begin_read()?.len(), 1);
//!
//! // Past states open exactly, and two states compare at the cost of what changed.
//! assert_eq!(db.begin_read_at(first)?.len(), 2);
//! let changes: Vec<Change> = db.diff(first, second)?.collect::<Result<_, _>>()?;
//! assert_eq!(changes.len(), 2);
//!
//! // The log is the change stream: every durable commit, operation by operation.
//! for commit in db.commits(TxnId::new(1)..)? {
//!     for op in commit?.ops {
//!         if let CommitOp::Put { key, value } = op {
//!             println!("{} = {}", key.escape_ascii(), value.escape_ascii());
//!         }
//!     }
//! }
//!
//! // Look after it: check everything, copy it while it lives, give space back.
//! assert!(db.verify()?.is_clean());
//! db.backup(path.with_extension("copy"))?;
//! db.compact()?;
//! # drop(before);
//! db.close()?;
//! # Ok(())
//! # }
//! ```
//!
//! # Where things are
//!
//! | module | what |
//! | --- | --- |
//! | [`db`], [`txn`] | the engine: opening, transactions, commits, checkpoints, recovery, care |
//! | [`tree`], [`pager`], [`log`] | the copy-on-write tree, pages in memory, the commit log |
//! | [`format`](mod@format) | pure codecs and field maps of every structure on disk |
//! | [`inspect`] | forensic reading of any file, even one that opening refuses |
//! | [`cartridge`], [`queue`], [`shelf`] | artefacts built from the commit stream; a durable task queue; every type of artefact |
//! | [`examine`](mod@examine) | the whole check: a database with its cartridges, problems and lints |
//! | [`disk`] | the storage it all runs on; the feature `sim` adds a disk that can lose power |
//!
//! First reading: `txn/commit.rs` (how a commit becomes visible), `db/open.rs` (what happens after a
//! crash), `db/checkpoint.rs` (how pages reach the disk). What is promised stands in
//! `spec/semantics_v0.md`, why it holds in `spec/invariants.md`.

pub mod disk;
pub mod error;
pub mod format;
pub mod ids;
pub mod key;
pub mod limits;
pub mod pager;
pub mod printable;

pub use error::{Corrupt, Error, Place, Result};
pub use ids::{FileUuid, Lsn, PageId, Pointer, TxnId};

pub mod cartridge;
pub mod db;
pub mod examine;
pub mod inspect;
pub mod log;
pub mod queue;
#[doc(hidden)]
pub mod sabotage;
pub mod shelf;
#[cfg(feature = "sim")]
pub mod sim;
mod sync;
pub mod tree;
pub mod txn;

pub use db::{
    Change, CheckpointStep, CommitOp, CommitRecord, Commits, CompactReport, Db, Diff, Durability,
    Event, Follow, History, HistoryEntry, LogRetention, Observer, Options, Origin, Stats,
};
pub use txn::read::{Cursor, Range, ReadTxn, Value};
pub use txn::write::WriteTxn;

/// The library example of the README, compiled and run by the tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
