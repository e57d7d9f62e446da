//! A simulated disk that remembers everything and can lose power at any moment.
//!
//! Used by the crash suites and by the workbench's Crash Lab (feature `sim`). Assumptions about real
//! media that the crash models stand for: `spec/media_assumptions.md`.
//!
//! ```text
//! SimDisk ──run anything on it──▶ Trace (numbered operations, each with its meaning)
//!    ▲                              │ crash_at(n): what was durable, and what was undecided
//!    │                              ▼
//! SimImage::to_disk ◀── SimImage ◀── CrashPoint::image(fates) or CrashPoint::states(search)
//! ```
//!
//! A file has a durable image and pending writes, cut into sectors; its length is a fact of its own;
//! so is every name in a directory. A sync decides the facts of one file, pending when it was called
//! (crash rule 16); `sync_dir` decides names. A crash is a choice for every fact still undecided.
//!
//! ```
//! use northstar_engine::disk::{OpenMode, Storage, SyncKind};
//! use northstar_engine::sim::{Model, Search, SimDisk};
//! use std::path::Path;
//!
//! let disk = SimDisk::new();
//! let file = disk.open(Path::new("/f"), OpenMode::CreateNew)?;
//! file.write_at(b"hello", 0)?;
//! file.sync(SyncKind::Full)?;          // the content is durable, the name is not
//! let trace = disk.trace();
//! assert_eq!(trace.describe(1), "write /f 0..5");
//! let point = trace.crash_at(trace.len());
//! let names: Vec<usize> = point
//!     .states(&Search::new(Model::Names))
//!     .map(|state| state.image.paths().count())
//!     .collect();
//! assert!(names.contains(&0) && names.contains(&1), "the file may be there or not");
//! # Ok::<(), northstar_engine::Error>(())
//! ```

mod crash;
mod describe;
mod disk;
mod facts;
mod fault;
mod image;
mod states;
mod trace;

pub use crash::CrashPoint;
pub use disk::SimDisk;
pub use facts::{Fact, FactKind, Fate, NameChange};
pub use fault::{Call, CallRecord, Fault, FaultDisk, Repeat, Rule};
pub use image::{FileId, SimImage};
pub use states::{CrashState, Model, Search, States};
pub use trace::{Action, Persisted, SimOp, SyncOutcome, Trace};

#[cfg(test)]
mod tests;
