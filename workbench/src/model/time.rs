//! Two states compared: the pages they share and do not, and the keys that changed between them.
//!
//! Where both states have pages, the trees are walked side by side (`pages`). Where one has none, the
//! commits between them are replayed in memory over the nearest state below that has (`commits`). A
//! page that was used again since is a hole. Every answer says which of these it is. Nodes that both states
//! have in another version can be compared byte by byte then (`bytes`).

mod bytes;
mod commits;
mod film;
mod pages;
#[cfg(test)]
mod tests;

use crate::job::{Data, Desk, Job};
use crate::model::states::{Evidence, Lineage, State, States};
use northstar_engine::inspect::Source;
use northstar_engine::inspect::log::LogView;
use northstar_engine::{Pointer, TxnId};
use serde::Serializer;
use std::sync::Arc;

pub use bytes::{ByteDiffs, CompareBytes};
pub use film::{Film, Frame, MakeFilm};

/// Changed keys and pages that are listed.
const CHANGES_MAX: usize = 5000;

/// How a key changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// Its row was written anew.
    Changed,
}

impl Change {
    /// Its sign.
    pub const fn mark(self) -> &'static str {
        match self {
            Self::Added => "+",
            Self::Removed => "−",
            Self::Changed => "~",
        }
    }
}

/// A node that one of two states has and the other has not.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct PageChange {
    /// Its level, 0 for leaves.
    pub level: u8,
    /// The first key below it.
    #[serde(skip)]
    pub low: Vec<u8>,
    /// The page in the earlier state.
    #[serde(serialize_with = "page_of")]
    pub earlier: Option<Pointer>,
    /// The page in the later state.
    #[serde(serialize_with = "page_of")]
    pub later: Option<Pointer>,
}

/// A pointer as the number of its page.
fn page_of<S: Serializer>(pointer: &Option<Pointer>, serializer: S) -> Result<S::Ok, S::Error> {
    serde::Serialize::serialize(&pointer.map(|pointer| pointer.page.get()), serializer)
}

/// Two states compared.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The earlier, the later.
    pub states: (TxnId, TxnId),
    /// Where the answer comes from.
    pub evidence: Evidence,
    /// Pages in both, only in the later, only in the earlier; `None` where pages were not compared.
    pub pages: Option<[u64; 3]>,
    /// The nodes that differ, from the root down; at most a few thousand.
    pub nodes: Vec<PageChange>,
    /// Keys that differ, in order; at most a few thousand.
    pub changes: Vec<(Change, Vec<u8>)>,
    /// All of them, counted: added, removed, changed.
    pub counts: [u64; 3],
    /// What could not be read.
    pub holes: Vec<String>,
    /// Whether the work was cut short by its limit.
    pub cut: bool,
}

impl Comparison {
    fn new(states: (TxnId, TxnId), evidence: Evidence) -> Self {
        Self {
            states,
            evidence,
            pages: None,
            nodes: Vec::new(),
            changes: Vec::new(),
            counts: [0; 3],
            holes: Vec::new(),
            cut: false,
        }
    }

    fn push(&mut self, change: Change, key: &[u8]) {
        if let Some(count) = self.counts.get_mut(change as usize) {
            *count += 1;
        }
        if self.changes.len() < CHANGES_MAX {
            self.changes.push((change, key.to_vec()));
        }
    }

    /// Where it comes from, in words.
    pub const fn source(&self) -> &'static str {
        match self.evidence {
            Evidence::Exact => "exact: all pages of both states are there",
            Evidence::Partial => "partial: pages or records of it are gone",
            Evidence::Replayed => "replayed from the log, in memory",
            Evidence::LogOnly => {
                "log only: what came before is not known, so a written key may be new or not"
            }
        }
    }

    /// In a line.
    pub fn summary(&self) -> String {
        let [added, removed, changed] = self.counts;
        let (from, to) = self.states;
        let mut line = format!("txn {from} → txn {to}: +{added} −{removed} ~{changed} keys");
        if let Some([shared, written, released]) = self.pages {
            line += &format!("; pages: {written} written, {released} released, {shared} shared");
        }
        if self.cut {
            line += "; cut short: too much to compare";
        }
        line
    }
}

/// Two states, and how the later is reached from below the earlier.
#[derive(Clone, Debug)]
pub struct Span {
    /// The earlier.
    pub earlier: State,
    /// The later.
    pub later: State,
    /// The tree at or below the earlier, and the commits from there to the later.
    lineage: Lineage,
}

impl Span {
    /// Two of `states`.
    pub fn between(states: &States, earlier: State, later: State) -> Self {
        Self { earlier, later, lineage: states.lineage(earlier.txn, later.txn) }
    }

    /// Compares its ends.
    ///
    /// # Errors
    /// A sentence: it was stopped, or the log cannot be read.
    fn compare(
        &self,
        source: &Source,
        log: Option<&LogView>,
        desk: &mut Desk<'_>,
    ) -> Result<Comparison, String> {
        let earlier_has_pages = self.earlier.root.is_some() || self.earlier.txn == TxnId::GENESIS;
        match (self.later.root, log) {
            (Some(root), _) if earlier_has_pages => {
                pages::compare(source, self.earlier.root.as_ref(), &root, desk)
            }
            (_, Some(log)) => commits::compare(source, log, self, desk),
            _ => Err("there is no log to replay".to_owned()),
        }
    }
}

/// Compares two states.
#[derive(Debug)]
pub struct Compare {
    /// Which.
    pub span: Span,
    /// The log, where it was read.
    pub log: Option<Arc<LogView>>,
}

impl Job for Compare {
    fn name(&self) -> String {
        "compare two states".to_owned()
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let source = desk.source()?;
        let found = self.span.compare(&source, self.log.as_deref(), desk)?;
        Ok(Box::new(found))
    }
}
