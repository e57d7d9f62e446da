//! The crash harness: workloads as text, a run of one on a simulated disk beside a model, every way the
//! power can fail in it, and an oracle that says what must be left.
//!
//! ```text
//!  workload ─▶ runner (engine on a SimDisk, model beside) ─▶ trace + timeline
//!                                                               │
//!  explore: every moment, every subset that survived ◀──────────┘
//!     └─▶ oracle: opens each, compares with the timeline ─▶ a tally, or a failure, shrunk to one line
//! ```
//!
//! Used by the crash suites (`tests/crash`), the fuzz targets and their replay, and by
//! `northstar-headless torture`: what runs there for an hour is what every test run does for a minute.

// A failure is made once, and carries all that is told about it.
#![allow(clippy::result_large_err)]

pub mod answers;
pub mod between;
pub mod explore;
pub mod forge;
pub mod long;
pub mod oracle;
pub mod rows;
pub mod runner;
pub mod tally;
pub mod timeline;
pub mod workload;
