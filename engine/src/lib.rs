//! northstar: a crash-safe embedded ordered key-value engine.

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
pub mod inspect;
pub mod log;
pub mod queue;
#[doc(hidden)]
pub mod sabotage;
#[cfg(feature = "sim")]
pub mod sim;
pub mod tree;
pub mod txn;

pub use db::{
    Change, CheckpointStep, CommitOp, CommitRecord, Commits, CompactReport, Db, Diff, Durability,
    Event, Follow, History, HistoryEntry, LogRetention, Observer, Options, Origin, Stats,
};
pub use txn::read::{Cursor, Range, ReadTxn, Value};
pub use txn::write::WriteTxn;
