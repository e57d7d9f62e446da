//! The benchmarks themselves, one file a suite. Each has its list of entries and proves its result.
//!
//! Called through `catalog`. Everything goes through the engine's public API, on the counted storage.

pub mod btree;
pub mod hardening;
pub mod log;
pub mod r#macro;
pub mod mvcc;
pub mod pager;
pub mod random_gets;
pub mod support;
pub mod timetravel;
