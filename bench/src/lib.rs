//! Benchmarks of northstar: what is measured, how, and whether a change may land.
//!
//! One library, two faces: `northstar-headless bench` and the workbench's bench screen. No terminal in
//! here. A tour:
//!
//! ```text
//! catalog ─▶ plan ─▶ runner ─▶ worker process (suite, recorder, storage, alloc) ─▶ events ─▶ result files
//!                                                                                              │
//!               report ◀── totals ◀── summaries ◀── repeats ──▶ compare ──▶ gate ◀── ab (paired timing)
//! ```
//!
//! - [`catalog`] is the plain list of benchmarks, [`suite`] their code, [`context`] what they are given.
//! - [`plan`] and [`runner`] turn a request into fresh worker processes, one a repeat; [`worker`] is the
//!   other side, [`events`] what they tell while they work.
//! - [`result`] is the model of every file, with its schema; [`stats`] the statistics.
//! - [`gate`] decides, in three tiers; [`compare`] only shows; [`ab`] times two programs in pairs;
//!   [`selftest`] tests the gate itself.
//! - [`alloc`] has the only `unsafe` of the crate.
//!
//! A program that runs benchmarks declares the allocator and calls [`worker::run_if_asked`] first:
//!
//! ```no_run
//! #[global_allocator]
//! static ALLOCATOR: northstar_bench::alloc::Counting = northstar_bench::alloc::Counting::new();
//!
//! fn main() -> std::process::ExitCode {
//!     if let Some(code) = northstar_bench::worker::run_if_asked() {
//!         return code;
//!     }
//!     std::process::ExitCode::SUCCESS
//! }
//! ```
#![warn(missing_docs)]

pub mod catalog;
pub mod context;
pub mod plan;
pub mod profile;
pub mod suite;

pub mod events;
pub mod recorder;
pub mod runner;
pub mod worker;

pub mod machine;
pub mod result;
pub mod rng;
pub mod source;
pub mod stats;
pub mod storage;

pub mod ab;
pub mod baseline;
pub mod compare;
pub mod gate;
pub mod report;
pub mod selftest;

pub mod alloc;
pub mod error;
#[cfg(feature = "peers")]
pub mod peers;

pub use error::{Error, Result};
