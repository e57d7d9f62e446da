//! The commit log: the one thing a commit makes durable, and the stream everything else is fed from.
//!
//! ```text
//! RecordBuilder ─▶ LogWriter::append ─▶ group buffer ─▶ one write, one sync ─▶ durable
//!                                                            │ shared by all who wait
//! app.ns.log.3 ─▶ app.ns.log.4 ─▶ app.ns.log (newest) ─▶ Scanner ─▶ Transactions ─▶ replay, commits
//! ```
//!
//! Called by `txn` (append, wait), `db` (open, trim, stream) and `inspect` (scan). Bytes:
//! `spec/commit_record_v0.md`. Keeps crash rules 12 to 21 and 24: each module says which.

pub mod builder;
mod group;
pub mod paths;
pub(crate) mod pieces;
pub mod position;
pub mod recover;
pub mod replay;
pub mod scan;
mod segment_file;
pub mod segments;
pub mod transactions;
pub mod verify;
pub mod writer;

pub use builder::{CommitInfo, OpPlace, RecordBuilder};
pub use paths::LogPaths;
pub use position::{Position, Progress};
pub use recover::{Action, Recovery};
pub use scan::{Record, Scanner, Tail};
pub use segments::{Chain, Segment};
pub use transactions::{Transaction, Transactions};
pub use writer::{Appended, LogConfig, LogCounters, LogPin, LogWriter};

#[cfg(all(test, feature = "sim"))]
mod crash_tests;
#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
