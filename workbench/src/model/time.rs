//! Two states compared: the pages they share and do not, and the keys that changed between them.
//!
//! Where both states have pages, the trees are walked side by side (`pages`). Where one has none, the
//! commits between them are replayed in memory over the nearest state below that has (`replay`). A
//! page that was used again since is a hole. Every answer says which of these it is.

mod film;
mod pages;
mod replay;

use crate::job::{Data, Desk, Job};
use crate::model::log::is_commit;
use northstar_engine::inspect::Source;
use northstar_engine::inspect::log::{LogView, RecordView};
use northstar_engine::inspect::tree::Root;
use northstar_engine::{Lsn, TxnId};
use std::collections::BTreeMap;
use std::sync::Arc;

pub use film::{Film, MakeFilm};

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

/// Where an answer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Every page of both states is there, each what its pointer says.
    Exact,
    /// Some pages were used again: what they held is not in the answer.
    Partial,
    /// From commit records, replayed in memory over a state that has pages.
    Replayed,
    /// From commit records alone: whether a written key is new cannot be told.
    LogOnly,
}

impl Evidence {
    /// Its sign.
    pub const fn glyph(self) -> &'static str {
        match self {
            Self::Exact => "●",
            Self::Partial => "◐",
            Self::Replayed => "◌",
            Self::LogOnly => "○",
        }
    }

    /// In words.
    pub const fn what(self) -> &'static str {
        match self {
            Self::Exact => "exact: all pages of both states are there",
            Self::Partial => "partial: pages or records of it are gone",
            Self::Replayed => "replayed from the log, in memory",
            Self::LogOnly => {
                "log only: nothing below has pages, so a written key may be new or not"
            }
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
    pub earlier: Option<u64>,
    /// The page in the later state.
    pub later: Option<u64>,
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

/// A state: its id, and what there is of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Its id.
    pub txn: TxnId,
    /// Its tree, where a meta or the history names one.
    pub root: Option<Root>,
    /// Its record, where the log has it.
    pub lsn: Option<Lsn>,
    /// Operations of that record.
    pub ops: Option<u64>,
}

impl State {
    /// The state before the first commit.
    pub const EMPTY: Self = Self { txn: TxnId::GENESIS, root: None, lsn: None, ops: None };
}

/// The states that a log and the trees of the file tell of, oldest first.
#[derive(Clone, Debug, Default)]
pub struct States(BTreeMap<TxnId, State>);

impl States {
    /// Takes in records of the log.
    pub fn take_records(&mut self, records: &[RecordView]) {
        for record in records.iter().filter(|record| is_commit(record)) {
            let state = self.entry(record.txn_id);
            (state.lsn, state.ops) = (Some(record.lsn), record.ops);
        }
    }

    /// Takes in a tree.
    pub fn take_root(&mut self, root: Root) {
        self.entry(root.txn_id).root = Some(root);
    }

    fn entry(&mut self, txn: TxnId) -> &mut State {
        self.0.entry(txn).or_insert(State { txn, ..State::EMPTY })
    }

    /// All of them, newest first.
    pub fn newest_first(&self) -> Vec<State> {
        self.0.values().rev().copied().collect()
    }

    /// What is needed to compare two of them.
    pub fn between(&self, earlier: State, later: State) -> Span {
        let below = self.0.range(..=earlier.txn).rev().find_map(|(_, state)| state.root);
        let from = below.map_or(TxnId::GENESIS, |root| root.txn_id);
        let behind = (std::ops::Bound::Excluded(from), std::ops::Bound::Included(later.txn));
        let records: Vec<(TxnId, Lsn)> = if from < later.txn {
            self.0
                .range(behind)
                .filter_map(|(txn, state)| state.lsn.map(|lsn| (*txn, lsn)))
                .collect()
        } else {
            Vec::new()
        };
        Span { earlier, later, below, records }
    }
}

/// Two states, and the commits between them.
#[derive(Clone, Debug)]
pub struct Span {
    /// The earlier.
    pub earlier: State,
    /// The later.
    pub later: State,
    /// The nearest tree at or below the earlier.
    below: Option<Root>,
    /// The records from there to the later, oldest first.
    records: Vec<(TxnId, Lsn)>,
}

impl Span {
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
            (_, Some(log)) => replay::compare(source, log, self, desk),
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
