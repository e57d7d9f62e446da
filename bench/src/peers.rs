//! Suite `peers`: other engines under the same workloads, in the same run (feature `peers`).
//!
//! Each engine is behind [`Engine`], tuned as its documentation advises for this load; settings,
//! durability class and syncs of a durable commit are in its [`EngineFacts`] and in the table
//! (`report::peers`). Files lie in the data folder, with real syncs. Repeats are interleaved like any
//! other run's, and allocations are not counted, since engines in C would seem to have none.
//! A tour: [`engine`] is what an engine must do; one file an engine; [`workloads`] the list, with
//! `reads`, `writes`, `beside`, `opens`, `sequence`, `space` and `raw` behind it; `claims` the task queue, written for each engine;
//! [`syncs`] watches what a commit asks of the system.

pub mod engine;

#[cfg(feature = "canopydb")]
mod canopydb;
mod fjall;
mod lmdb;
mod northstar;
mod redb;
mod sqlite;

mod beside;
pub(crate) mod claims;
mod opens;
mod raw;
mod reads;
mod sequence;
mod space;
pub mod syncs;
pub mod workloads;
mod writes;

use crate::{
    context::Context,
    error::{Error, Result},
    report::peers::EngineFacts,
};
use engine::Engine;
use std::path::{Path, PathBuf};
pub use workloads::ENTRIES;

type Open = fn(&Path) -> Result<Box<dyn Engine>>;

/// Every engine: what it is, and how it is opened.
const ENGINES: &[(Facts, Open)] = &[
    (northstar::FACTS, northstar::open),
    (lmdb::FACTS, lmdb::open),
    (redb::FACTS, redb::open),
    (fjall::FACTS, fjall::open),
    (sqlite::FACTS, sqlite::open),
    #[cfg(feature = "canopydb")]
    (canopydb::FACTS, canopydb::open),
];

/// Names of all engines, ours first.
pub const NAMES: &[&str] = &[
    "northstar",
    "lmdb",
    "redb",
    "fjall",
    "sqlite",
    #[cfg(feature = "canopydb")]
    "canopydb",
];

/// What a reader of the table must know about an engine.
#[derive(Clone, Copy, Debug)]
struct Facts {
    /// The engine's name, as in `engine=...`.
    name: &'static str,
    /// What it is and how it was set.
    settings: &'static str,
    /// What a durable commit means there.
    durable: &'static str,
    /// What an eventual commit means there.
    eventual: &'static str,
    /// Syncs of one durable commit, by its documentation and source.
    syncs_per_commit: f64,
}

/// What must be known about each engine, ours first.
#[must_use]
pub fn facts() -> Vec<EngineFacts> {
    let of = |(facts, _): &(Facts, Open)| EngineFacts {
        name: facts.name.into(),
        settings: facts.settings.into(),
        durable: facts.durable.into(),
        eventual: facts.eventual.into(),
        syncs_per_commit_documented: facts.syncs_per_commit,
        syncs_per_commit_measured: None,
    };
    ENGINES.iter().map(of).collect()
}

/// How the engine of `context` is opened, and the folder its files go to.
fn chosen(context: &Context) -> Result<(Open, PathBuf)> {
    let name = context.word("engine")?;
    let found = ENGINES.iter().find(|(facts, _)| facts.name == name);
    let (_, open) = found.ok_or_else(|| Error::Usage(format!("no engine is called {name:?}")))?;
    let folder = context.scratch().join(name);
    std::fs::create_dir_all(&folder).map_err(|e| Error::io("create", &folder, e))?;
    Ok((*open, folder))
}

/// Opens the engine of `context` on an empty folder.
fn open(context: &Context) -> Result<Box<dyn Engine>> {
    let (open, folder) = chosen(context)?;
    open(&folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_engines_agree() {
        let engines: Vec<&str> = ENGINES.iter().map(|(facts, _)| facts.name).collect();
        assert_eq!(engines, NAMES);
    }
}
