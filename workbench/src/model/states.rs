//! The states that a file still tells of: those with pages of their own, and those that only the log covers.
//!
//! A state that only the log covers can be made again in memory: the nearest tree below it, and every
//! commit since. When one of these commits is gone, or no tree is below, only what the commits there are
//! wrote can be told. [`Evidence`] names the difference, wherever a state is shown.

use crate::job::Desk;
use northstar_engine::inspect::Source;
use northstar_engine::inspect::log::{LogView, RecordView, records};
use northstar_engine::inspect::tree::Root;
use northstar_engine::{Lsn, TxnId};
use std::collections::BTreeMap;
use std::ops::Bound;

/// Records read in one go.
const BATCH: usize = 512;

/// Where an answer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Every page that was read is there, each what its pointer says.
    Exact,
    /// Some of it could not be read: pages used again, records that are gone.
    Partial,
    /// From commit records, replayed in memory over a state that has pages.
    Replayed,
    /// From commit records alone: what they did not write is not known.
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

    /// In a word or two.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Partial => "partial",
            Self::Replayed => "replayed",
            Self::LogOnly => "log only",
        }
    }
}

/// A state: its id, and what there is of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Its id.
    pub txn: TxnId,
    /// Its tree, where a meta or the history names one.
    pub root: Option<Root>,
    /// Its commit record, where the log has it.
    pub lsn: Option<Lsn>,
    /// Operations of that transaction.
    pub ops: Option<u64>,
    /// Rows in it, as its root or its record says.
    pub rows: Option<u64>,
    /// How it can be shown: exact, replayed or log only.
    pub evidence: Evidence,
}

impl State {
    /// The state before the first commit.
    pub const EMPTY: Self = Self {
        txn: TxnId::GENESIS,
        root: None,
        lsn: None,
        ops: None,
        rows: None,
        evidence: Evidence::Exact,
    };
}

/// The states that a log and the trees of the file tell of.
#[derive(Clone, Debug, Default)]
pub struct States(BTreeMap<TxnId, State>);

impl States {
    /// Reads the whole log for them, and takes in `roots`.
    ///
    /// # Errors
    /// A sentence: it was stopped, or the log cannot be read.
    pub fn read(
        source: &Source,
        log: &LogView,
        roots: &[Root],
        desk: &mut Desk<'_>,
    ) -> Result<Self, String> {
        let mut states = Self::default();
        roots.iter().for_each(|root| states.take_root(*root));
        let (start, bytes) = (log.start(), log.bytes());
        let mut at = start;
        loop {
            let part = records(source, log, at, BATCH).map_err(|error| error.to_string())?;
            states.take_records(&part.records);
            match part.next {
                Some(next) if next > at => at = next,
                _ => return Ok(states),
            }
            if !desk.progress(at.get().saturating_sub(start.get()), bytes) {
                return Err("stopped reading the log".to_owned());
            }
        }
    }

    /// Takes in records of the log.
    pub fn take_records(&mut self, records: &[RecordView]) {
        for record in records.iter().filter(|record| record.is_commit()) {
            let state = self.entry(record.txn_id);
            (state.lsn, state.ops) = (Some(record.lsn), record.total_ops);
            state.rows = record.key_count.or(state.rows);
        }
    }

    /// Takes in a tree.
    pub fn take_root(&mut self, root: Root) {
        let state = self.entry(root.txn_id);
        (state.root, state.rows) = (Some(root), Some(root.key_count));
    }

    fn entry(&mut self, txn: TxnId) -> &mut State {
        self.0.entry(txn).or_insert(State { txn, ..State::EMPTY })
    }

    /// The state `txn`.
    pub fn get(&self, txn: TxnId) -> Option<State> {
        self.0.get(&txn).copied()
    }

    /// All of them, newest first.
    pub fn newest_first(&self) -> Vec<State> {
        // What leads here without a gap: TxnIds rise by exactly 1 (LOG-8).
        let mut whole = Some(TxnId::GENESIS);
        let mut list = Vec::with_capacity(self.0.len());
        for state in self.0.values() {
            let follows = state.lsn.is_some() && whole.map(TxnId::next) == Some(state.txn);
            let evidence = match state.root {
                Some(_) => Evidence::Exact,
                None if follows => Evidence::Replayed,
                None => Evidence::LogOnly,
            };
            whole = Some(state.txn).filter(|_| evidence != Evidence::LogOnly);
            list.push(State { evidence, ..*state });
        }
        list.reverse();
        list
    }

    /// How `to` is reached from the nearest tree that is not newer than `below`.
    pub fn lineage(&self, below: TxnId, to: TxnId) -> Lineage {
        let base = self.0.range(..=below).rev().find_map(|(_, state)| state.root);
        let from = base.map_or(TxnId::GENESIS, |root| root.txn_id);
        let mut commits = Vec::new();
        let mut wanted = to;
        if from < to {
            let behind = (Bound::Excluded(from), Bound::Included(to));
            for (txn, state) in self.0.range(behind).rev() {
                let Some(lsn) = state.lsn.filter(|_| *txn == wanted) else { break };
                commits.push((*txn, lsn));
                wanted = TxnId::new(wanted.get().saturating_sub(1));
            }
            commits.reverse();
        }
        let whole = wanted <= from || to <= from;
        Lineage { base: base.filter(|_| whole), commits, whole }
    }
}

/// A tree, and the commits that lead from it to a state.
#[derive(Clone, Debug)]
pub struct Lineage {
    /// The tree they start from; the empty state when there is none and nothing is missing.
    pub base: Option<Root>,
    /// The commits behind it, oldest first, none left out between them.
    pub commits: Vec<(TxnId, Lsn)>,
    /// Whether they make the state. Otherwise what they did not write is not known.
    pub whole: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use northstar_engine::Pointer;
    use northstar_engine::format::meta::SlotChoice;
    use northstar_engine::inspect::tree::NamedBy;

    fn states(roots: &[u64], commits: &[u64]) -> States {
        let mut states = States::default();
        for txn in roots {
            states.take_root(Root {
                txn_id: TxnId::new(*txn),
                pointer: Pointer::NULL,
                depth: 0,
                key_count: 0,
                log_lsn: Lsn::new(0),
                named_by: NamedBy::Meta(SlotChoice::A),
            });
        }
        for txn in commits {
            states.entry(TxnId::new(*txn)).lsn = Some(Lsn::new(*txn * 8));
        }
        states
    }

    /// A replay over a tree with commits missing in between would show rows that never were together.
    #[test]
    fn a_state_is_replayed_only_when_no_commit_is_missing() {
        use Evidence::{Exact, LogOnly, Replayed};
        type Case<'a> = (&'a str, &'a [u64], &'a [u64], &'a [(u64, Evidence)]);
        let cases: &[Case<'_>] = &[
            ("from the first commit", &[], &[1, 2], &[(2, Replayed), (1, Replayed)]),
            ("over a tree", &[4], &[5, 6], &[(6, Replayed), (5, Replayed), (4, Exact)]),
            ("the log starts later", &[4], &[6, 7], &[(7, LogOnly), (6, LogOnly), (4, Exact)]),
            ("no tree, no start", &[], &[6], &[(6, LogOnly)]),
            (
                "a gap, then a tree",
                &[4, 8],
                &[6, 8, 9],
                &[(9, Replayed), (8, Exact), (6, LogOnly), (4, Exact)],
            ),
        ];
        for (name, roots, commits, expected) in cases {
            let states = states(roots, commits);
            let list = states.newest_first();
            let found: Vec<(u64, Evidence)> =
                list.iter().map(|state| (state.txn.get(), state.evidence)).collect();
            assert_eq!(found, *expected, "{name}");
            for state in list {
                let lineage = states.lineage(state.txn, state.txn);
                let whole = state.evidence != LogOnly;
                assert_eq!(lineage.whole, whole, "{name}: txn {}", state.txn);
                let own = state.root.is_some();
                assert!(own == lineage.commits.is_empty(), "{name}: txn {}", state.txn);
            }
        }
    }
}
