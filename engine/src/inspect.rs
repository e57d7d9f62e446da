//! Forensic reading of any bytes: fields, links, verdicts, gaps, problems.
//!
//! What the checker, `dump`, and the workbench's hex view, tree, log and map screens are made of. No
//! terminal in here: everything is data, and `serde::Serialize` for `--json`.
//!
//! - [`Source`] opens any file, read-only and without a lock, also one that `open` refuses, and
//!   bytes in memory (images of the simulated disk);
//! - [`page()`] turns a page into a tree of fields and named gaps that cover every byte once;
//! - [`metas()`] is recovery's own judgement of the two slots, as a table, and [`recovery()`] what it makes
//!   of the log behind them;
//! - [`tree`] walks nodes, looks keys up step by step, and lists rows;
//! - [`log`] lists segments and records and explains the torn tail;
//! - [`find`] knows who points where, and what nobody points at;
//! - [`check()`] asks every invariant of every structure.
//!
//! Bypasses pager and db on purpose: it must work when they refuse. Never fails on content, never
//! panics, never follows a chain without a bound; memory is a few bits a page.
//!
//! Absent: any write, any lock, any cache.

#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used))]
#![cfg_attr(test, allow(clippy::panic, clippy::arithmetic_side_effects))]

mod bits;
mod builder;
mod check;
pub mod find;
pub mod log;
mod metas;
mod page;
mod recovery;
mod report;
mod source;
#[cfg(test)]
mod testing;
pub mod tree;
mod view;

pub use check::{check, check_source, check_with_survey};
pub use metas::{MetaJudgement, SlotView, judge_pages, metas};
pub use page::{PageView, Spot, page};
pub use recovery::recovery;
pub use report::{Problem, Report, Severity};
pub use source::{FileKind, PageBytes, SegmentFile, Source};
pub use view::{FieldValue, FieldView, Gap, Link, Verdict};

/// Told `(done, total)` now and then by long work; answers whether to go on.
///
/// `total` is 0 while it is not known.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64) -> bool;

/// A [`Progress`] that never stops.
pub fn no_progress() -> impl FnMut(u64, u64) -> bool {
    |_, _| true
}
