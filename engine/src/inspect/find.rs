//! Who points where, what nobody points at, and what each page is to the file.
//!
//! [`survey`] walks everything that metas and history reach, once: O(pages), a few bits a page in
//! memory. [`summaries`] describe a window of pages without it, in the time of that window.

mod found;
mod free_map;
mod map;
mod referrers;
mod survey;
#[cfg(test)]
mod tests;
mod walk;

pub use found::{LevelStats, PageState, Survey};
pub use free_map::FreeMap;
pub use map::{PageSummary, SummaryDepth, summaries};
pub use referrers::{Referrer, ReferrerKind, next_problem, path_to, referrers};
pub use survey::survey;
