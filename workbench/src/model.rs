//! What the screens know about the file: plain data made by jobs from `northstar_engine::inspect`.
//!
//! No terminal in here: no ratatui, no keys, no colours.

pub mod bench;
pub mod cartridges;
pub mod deed;
pub mod engine;
pub mod glossary;
pub mod lab;
pub mod latency;
pub mod lessons;
pub mod located;
pub mod log;
pub mod metas;
pub mod pagediff;
pub mod pagemap;
pub mod pages;
pub mod progress;
pub mod queue;
pub mod referrers;
pub mod replay;
pub mod rows;
pub mod rules;
pub mod scratch;
pub mod space;
pub mod states;
pub mod summary;
pub mod survey;
#[cfg(test)]
mod testing;
pub mod time;
pub mod told;
pub mod tree;
