//! What a run's folder says, for people and spreadsheets: totals, CSV, Markdown, one HTML page.
//!
//! Called by the runner at the end of a run (`summary.json`, `summary.csv`, `summary.md`), by
//! `bench report`, and by `bench peers` for its table. All forms come from the same rows; the page needs
//! nothing but itself.

pub mod totals;
pub mod words;

pub mod charts;
pub mod html;
pub mod peers;
pub mod text;

pub use text::{csv, markdown};
pub use totals::{Outcome, Row, SuiteCounts, TotalsFile, totals, write_totals};
pub use words::{
    count_words, known_words, ns_words, outcome_name, stability_name, variation_words,
};
