//! When a page that the current state no longer uses may be used again (rule 10).
//!
//! Called by `txn::commit` and by the checkpoint, under the writer's space lock. No I/O. Spec:
//! `spec/semantics_v0.md`, space. Keeps: CRASH-10 (a page is reused only if no live root t satisfies
//! birth <= t < retired).
//!
//! ```text
//!   retire ─▶ waiting ──(retired <= visible)──▶ judged ─▶ free
//!                                                 │  ▲
//!                        blocked by a kept root   │  │ that root is let go
//!                                                 ▼  │
//!                                      kept[t] / read[t]
//! ```
//!
//! Cost: a run is judged again only when the root that blocked it has gone. It is filed under the
//! *newest* root that blocks it, which under a sliding history window is the one that stays longest.

use crate::format::chain::RetiredRow;
use crate::ids::{PageId, TxnId};
use crate::sabotage::{self, Switch};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

#[cfg(test)]
mod tests;

/// A run of neighbouring pages with one fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Run {
    /// The first page.
    pub(crate) page: PageId,
    /// How many pages.
    pub(crate) count: u32,
    /// The transaction that wrote them.
    pub(crate) birth: TxnId,
    /// The transaction that no longer needed them.
    pub(crate) retired: TxnId,
}

impl Run {
    pub(crate) fn to_row(self) -> RetiredRow {
        RetiredRow {
            page: self.page,
            count: self.count,
            reserved: 0,
            birth: self.birth,
            retired: self.retired,
        }
    }

    pub(crate) fn from_row(row: &RetiredRow) -> Self {
        Self { page: row.page, count: row.count, birth: row.birth, retired: row.retired }
    }
}

/// Who keeps the roots that outlive this process, and those of other processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Keeper {
    /// The history of the current state.
    History,
    /// What the meta with this sequence names: its state and its history rows.
    Meta(u64),
    /// A running checkpoint, backup, diff or verification.
    Running(u64),
}

/// The newest of the sorted `live` states that is older than `retired`. It needs a page that was
/// retired then if it is not older than the page's birth; if it is, no state needs it.
pub(crate) fn newest_before(live: &[TxnId], retired: TxnId) -> Option<TxnId> {
    let below = live.partition_point(|&state| state < retired);
    live.get(..below)?.last().copied()
}

/// States that are kept, by keeper. A state is live while anybody keeps it.
#[derive(Debug, Default)]
pub(crate) struct KeptRoots {
    keepers: BTreeMap<Keeper, BTreeSet<TxnId>>,
}

impl KeptRoots {
    /// Replaces what `keeper` keeps; what it let go and nobody else keeps is returned.
    pub(crate) fn replace(
        &mut self,
        keeper: Keeper,
        states: impl IntoIterator<Item = TxnId>,
    ) -> Vec<TxnId> {
        let states: BTreeSet<_> = states.into_iter().collect();
        let before = self.keepers.insert(keeper, states).unwrap_or_default();
        self.gone(before)
    }

    /// `keeper` keeps nothing more; what nobody else keeps is returned.
    pub(crate) fn release(&mut self, keeper: Keeper) -> Vec<TxnId> {
        let before = self.keepers.remove(&keeper).unwrap_or_default();
        self.gone(before)
    }

    /// `keeper` keeps `state` too.
    pub(crate) fn add(&mut self, keeper: Keeper, state: TxnId) {
        self.keepers.entry(keeper).or_default().insert(state);
    }

    /// `keeper` keeps `state` no longer; whether nobody does now.
    pub(crate) fn remove(&mut self, keeper: Keeper, state: TxnId) -> bool {
        if let Some(states) = self.keepers.get_mut(&keeper) {
            states.remove(&state);
        }
        !self.is_kept(state)
    }

    /// The newest kept state that is older than `retired`; see [`newest_before`].
    pub(crate) fn newest_before(&self, retired: TxnId) -> Option<TxnId> {
        self.keepers.values().filter_map(|kept| kept.range(..retired).next_back()).max().copied()
    }

    /// Whether anybody keeps `state`.
    pub(crate) fn is_kept(&self, state: TxnId) -> bool {
        self.keepers.values().any(|kept| kept.contains(&state))
    }

    /// The keepers there are.
    pub(crate) fn keepers(&self) -> impl Iterator<Item = Keeper> + '_ {
        self.keepers.keys().copied()
    }

    fn gone(&self, before: BTreeSet<TxnId>) -> Vec<TxnId> {
        before.into_iter().filter(|&state| !self.is_kept(state)).collect()
    }
}

/// What [`RetiredPages::reclaim`] found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Reclaimed {
    /// No state needs these any more.
    pub(crate) free: Vec<Run>,
    /// Kept states need these, and nobody has one of those open.
    pub(crate) cold: Vec<Run>,
}

/// Pages that are used by older states only.
#[derive(Debug, Default)]
pub(crate) struct RetiredPages {
    /// Retired by states that are not visible yet, in the order of retirement.
    waiting: VecDeque<Run>,
    /// By the kept root that blocks them.
    kept: BTreeMap<TxnId, Vec<Run>>,
    /// By the reader's state that blocks them, where no kept root does.
    read: BTreeMap<TxnId, Vec<Run>>,
    /// Pages in all of them.
    pages: u64,
}

impl RetiredPages {
    /// Takes in what a transaction retired. Transactions come in the order of their ids.
    pub(crate) fn retire(&mut self, runs: impl IntoIterator<Item = Run>) {
        for run in runs {
            debug_assert!(self.waiting.back().is_none_or(|last| last.retired <= run.retired));
            self.pages += u64::from(run.count);
            self.waiting.push_back(run);
        }
    }

    /// Takes out what became free: no root in `kept`, no reader of `pins` (sorted), and no state
    /// from `visible` on needs it. `gone` are the roots that were let go since the last call. What
    /// stays for kept roots alone is named too: nobody has a state open that needs it in memory. Both go
    /// to `reclaimed`, whose memory serves again.
    pub(crate) fn reclaim(
        &mut self,
        visible: TxnId,
        kept: &KeptRoots,
        pins: &[TxnId],
        gone: &[TxnId],
        reclaimed: &mut Reclaimed,
    ) {
        reclaimed.free.clear();
        reclaimed.cold.clear();
        let unblocked = gone.iter().filter(|&&state| !kept.is_kept(state));
        let mut again: Vec<Run> =
            unblocked.filter_map(|state| self.kept.remove(state)).flatten().collect();
        let ended: Vec<TxnId> =
            self.read.keys().filter(|state| pins.binary_search(state).is_err()).copied().collect();
        again.extend(ended.iter().filter_map(|state| self.read.remove(state)).flatten());
        let due = self.waiting.partition_point(|run| run.retired <= visible);
        again.extend(self.waiting.drain(..due));
        // Runs come by the thousand of one transaction.
        let mut blockers: Option<(TxnId, Option<TxnId>, Option<TxnId>)> = None;
        for run in again {
            let (_, by_kept, by_pin) = *match &mut blockers {
                Some(found) if found.0 == run.retired => found,
                other => other.insert((
                    run.retired,
                    kept.newest_before(run.retired),
                    newest_before(pins, run.retired),
                )),
            };
            let needs = |state: &TxnId| run.birth <= *state;
            let by_pin = by_pin.filter(needs).filter(|_| !sabotage::on(Switch::ForgetReaders));
            let by_kept = by_kept.filter(needs).filter(|_| !sabotage::on(Switch::ReuseEarly));
            if let Some(state) = by_kept {
                self.kept.entry(state).or_default().push(run);
                if by_pin.is_none() {
                    reclaimed.cold.push(run);
                }
            } else if let Some(state) = by_pin {
                self.read.entry(state).or_default().push(run);
            } else {
                self.pages -= u64::from(run.count);
                reclaimed.free.push(run);
            }
        }
    }

    /// Every run that was retired at or before `latest`: the retired rows of that state's meta.
    pub(crate) fn rows(&self, latest: TxnId) -> Vec<Run> {
        let mut rows: Vec<Run> = self.runs().filter(|run| run.retired <= latest).copied().collect();
        rows.sort_unstable();
        rows
    }

    /// How many pages wait to become free.
    pub(crate) fn page_count(&self) -> u64 {
        self.pages
    }

    /// How many pages `state` alone of all readers holds back: what `stats` shows for the oldest.
    pub(crate) fn kept_by_reader(&self, state: TxnId) -> u64 {
        let runs = self.runs().filter(|run| run.birth <= state && state < run.retired);
        runs.map(|run| u64::from(run.count)).sum()
    }

    /// All runs, in no order.
    pub(crate) fn runs(&self) -> impl Iterator<Item = &Run> {
        let filed = self.kept.values().chain(self.read.values()).flatten();
        self.waiting.iter().chain(filed)
    }
}
