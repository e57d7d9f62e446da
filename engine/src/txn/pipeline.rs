//! The chain of states: which commits are on their way, which state is visible, which roots and pages
//! the past keeps.
//!
//! Moved on by `txn::commit`, by the checkpoint and by recovery, under one lock (`Core::pipeline`).
//! Spec: `spec/semantics_v0.md`, commits. Keeps: TXN-4 (ids rise by one), TXN-5 (a state is visible
//! only when all before it are). Knows neither log nor pager: what may be published follows from the
//! log's progress that it is told.

use crate::ids::{Lsn, TxnId};
use crate::log::{Position, Progress};
use crate::pager::RetiredRun;
use crate::sabotage::{self, Switch};
use crate::txn::history::HistoryRows;
use crate::txn::reclaim::{Keeper, KeptRoots, Reclaimed, RetiredPages, Run};
use crate::txn::snapshot::{Durability, Snapshot};
use std::{collections::VecDeque, time::Duration};

#[cfg(test)]
mod tests;

/// A commit on its way: its root and what it waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chained {
    pub(crate) snapshot: Snapshot,
    pub(crate) position: Position,
    pub(crate) durability: Durability,
}

impl Chained {
    fn is_publishable(&self, progress: Progress) -> bool {
        let reached = match self.durability {
            Durability::Immediate if sabotage::on(Switch::PublishEarly) => progress.written,
            Durability::Immediate => progress.durable,
            Durability::Eventual => progress.written,
        };
        self.position.lsn <= reached
    }
}

/// Most entries of [`Pipeline::ages`]; beyond, they are thinned out.
const AGES_MAX: usize = 1024;
/// Thinned out, an entry follows the one before it by at least this part of its age. So
/// `AGE_PARTS * ln(T)` entries are left for ages from one unit of time to `T`: 700 from a microsecond
/// to an hour.
const AGE_PARTS: u32 = 32;

/// The chain of states from the oldest kept to the newest chained, and the pages that only old ones
/// use. One lock guards it all, because a checkpoint needs all of it as of one moment.
#[derive(Debug)]
pub(crate) struct Pipeline {
    /// Chained and not yet visible, oldest first.
    chained: VecDeque<Chained>,
    pub(super) visible: Snapshot,
    visible_position: Position,
    /// Chained commits that are not known durable, visible ones included.
    undurable: VecDeque<(TxnId, Lsn)>,
    pub(super) durable: TxnId,
    /// Where the log is at its end: every record of a later commit is behind.
    pub(super) durable_end: Lsn,
    history: HistoryRows,
    pub(crate) kept: KeptRoots,
    /// Roots that were let go since the last reclaim.
    pub(super) gone: Vec<TxnId>,
    pub(crate) retired: RetiredPages,
    /// While a foreign reader's roots are not known, nothing is reused (rule 22).
    pub(crate) reuse_forbidden: bool,
    /// When states stopped being the newest visible one, oldest first; thinned out.
    ages: VecDeque<(TxnId, Duration)>,
    /// What the last reclaim looked at and found: memory for the next one.
    pub(super) pins: Vec<TxnId>,
    pub(super) reclaimed: Reclaimed,
}

impl Pipeline {
    /// A chain that starts at `visible`, all of it durable.
    pub(crate) fn new(visible: Snapshot, position: Position, history: HistoryRows) -> Self {
        let mut kept = KeptRoots::default();
        kept.replace(Keeper::History, history.rows().map(|row| row.txn_id));
        Self {
            chained: VecDeque::new(),
            visible,
            visible_position: position,
            undurable: VecDeque::new(),
            durable: visible.txn_id,
            durable_end: position.lsn,
            history,
            kept,
            gone: Vec::new(),
            retired: RetiredPages::default(),
            reuse_forbidden: false,
            ages: VecDeque::new(),
            pins: Vec::new(),
            reclaimed: Reclaimed::default(),
        }
    }

    /// The state that readers see.
    pub(crate) fn visible(&self) -> &Snapshot {
        &self.visible
    }

    /// Where the log is at the end of the visible state.
    pub(crate) fn visible_position(&self) -> Position {
        self.visible_position
    }

    /// The newest chained state: what the next writer starts from.
    pub(crate) fn tip(&self) -> Snapshot {
        self.chained.back().map_or(self.visible, |last| last.snapshot)
    }

    /// The newest state that is known durable.
    pub(crate) fn durable(&self) -> TxnId {
        self.durable
    }

    /// The end of its record. Every record of a later commit is behind it.
    pub(crate) fn durable_end(&self) -> Lsn {
        self.durable_end
    }

    /// The past states that stay openable.
    pub(crate) fn history(&self) -> &HistoryRows {
        &self.history
    }

    /// Commits that nobody sees yet.
    pub(crate) fn unpublished(&self) -> usize {
        self.chained.len()
    }

    /// Adds a commit behind the tip, with the pages it made unnecessary.
    pub(crate) fn chain(&mut self, commit: Chained, retired: Vec<RetiredRun>) {
        let txn_id = commit.snapshot.txn_id;
        assert_eq!(txn_id, self.tip().txn_id.next(), "TXN-4: ids rise by one");
        self.retire(txn_id, retired);
        self.undurable.push_back((txn_id, commit.position.lsn));
        self.chained.push_back(commit);
    }

    pub(super) fn retire(&mut self, by: TxnId, runs: Vec<RetiredRun>) {
        self.retired.retire(runs.into_iter().map(|run| Run {
            page: run.page,
            count: run.count,
            birth: run.birth,
            retired: by,
        }));
    }

    /// The position that must be durable before `txn_id` can be visible (rule 24): the end of the last
    /// Immediate commit up to it that is not visible yet.
    pub(super) fn obstacle(&self, txn_id: TxnId) -> Option<Lsn> {
        let before = self.chained.iter().take_while(|commit| commit.snapshot.txn_id <= txn_id);
        let immediate = before.filter(|commit| commit.durability == Durability::Immediate);
        immediate.last().map(|commit| commit.position.lsn)
    }

    /// Makes visible what `progress` allows, in order; the new visible state, if there is one.
    pub(super) fn publish(&mut self, progress: Progress, now: Duration) -> Option<Snapshot> {
        while let Some(&(txn_id, lsn)) = self.undurable.front()
            && lsn <= progress.durable
        {
            (self.durable, self.durable_end) = (txn_id, lsn);
            self.undurable.pop_front();
        }
        let mut moved = false;
        while let Some(&next) = self.chained.front()
            && next.is_publishable(progress)
        {
            self.chained.pop_front();
            self.step_to(&next, now);
            moved = true;
        }
        moved.then_some(self.visible)
    }

    pub(super) fn step_to(&mut self, next: &Chained, now: Duration) {
        let before = self.visible;
        for state in self.history.advance(before, &next.snapshot) {
            if self.kept.remove(Keeper::History, state) {
                self.gone.push(state);
            }
        }
        if self.history.rows().next_back().is_some_and(|row| row.txn_id == before.txn_id) {
            self.kept.add(Keeper::History, before.txn_id);
        }
        self.visible = next.snapshot;
        self.visible_position = next.position;
        if self.ages.len() >= AGES_MAX {
            self.thin_out_ages(now);
        }
        self.ages.push_back((before.txn_id, now));
    }

    /// Keeps the oldest entry, and of the others as many as tell any age well enough: the older, the
    /// fewer.
    fn thin_out_ages(&mut self, now: Duration) {
        let mut last = None;
        self.ages.retain(|&(_, since)| {
            let apart = now.saturating_sub(since) / AGE_PARTS;
            let keep = last.is_none_or(|last| since.saturating_sub(last) > apart);
            last = if keep { Some(since) } else { last };
            keep
        });
    }

    /// How long `state` has not been the newest any more: never too short, and too long by a tenth
    /// at most.
    pub(crate) fn age(&self, state: TxnId, now: Duration) -> Duration {
        if state >= self.visible.txn_id {
            return Duration::ZERO;
        }
        let behind = self.ages.partition_point(|&(old, _)| old <= state);
        let since = self.ages.get(behind.saturating_sub(1)).map_or(now, |&(_, since)| since);
        now.saturating_sub(since)
    }

    /// Takes over what was retired before this process, as a meta's rows tell it.
    pub(crate) fn adopt_retired(&mut self, mut runs: Vec<Run>) {
        runs.sort_by_key(|run| run.retired);
        self.retired.retire(runs);
    }

    /// `keeper` keeps exactly `states` from now on.
    pub(crate) fn keep(&mut self, keeper: Keeper, states: impl IntoIterator<Item = TxnId>) {
        let gone = self.kept.replace(keeper, states);
        self.gone.extend(gone);
    }

    /// `keeper` keeps nothing any more.
    pub(crate) fn let_go(&mut self, keeper: Keeper) {
        let gone = self.kept.release(keeper);
        self.gone.extend(gone);
    }

    /// The kept state that `txn_id` names, the visible one included.
    pub(crate) fn find(&self, txn_id: TxnId) -> Option<&Snapshot> {
        if self.visible.is_named(txn_id) {
            return Some(&self.visible);
        }
        self.history.find(txn_id)
    }
}
