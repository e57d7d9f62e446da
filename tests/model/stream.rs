//! The commit stream against the list of states: what it tells leads from each to the next.

use crate::reading::Rows;
use crate::session::Session;
use northstar_engine::{CommitOp, CommitRecord, Error, LogRetention, TxnId};
use std::{ops::Bound, time::Duration};

impl Session<'_> {
    /// The whole stream, as far as the log is kept.
    pub fn check_stream(&self) {
        let latest = self.latest_id();
        let first = if self.keeps_all_log() { 1 } else { latest };
        let found = self.follow_to(first, (Bound::Included(first), Bound::Unbounded));
        let expected = if latest == 0 { 0 } else { latest + 1 - first };
        assert!(
            found.is_none_or(|found| found == expected),
            "{}: the stream is whole",
            self.place()
        );
    }

    fn keeps_all_log(&self) -> bool {
        self.shape.log_retention == LogRetention::All
    }

    /// Some stretch of it, with bounds of every kind.
    pub fn check_stretch(&mut self) {
        self.db().sync().unwrap();
        let latest = self.latest_id();
        let (a, b) = (self.chance.below(latest + 2), self.chance.below(latest + 3));
        let (a, b) = (a.min(b), a.max(b));
        let (start, first) = match self.chance.below(3) {
            0 => (Bound::Included(a), a),
            1 => (Bound::Excluded(a), a + 1),
            _ => (Bound::Unbounded, 0),
        };
        let (end, behind) = match self.chance.below(3) {
            0 => (Bound::Included(b), b + 1),
            1 => (Bound::Excluded(b), b),
            _ => (Bound::Unbounded, u64::MAX),
        };
        let first = first.max(1);
        let expected = behind.min(latest + 1).saturating_sub(first);
        let found = self.follow_to(first, (start, end));
        assert!(
            found.is_none_or(|found| found == expected),
            "{}: commits {start:?} to {end:?} are {found:?}, not {expected}",
            self.place()
        );
    }

    /// Checks the commits of a range, of which `first` is the first; how many there are. `None` when
    /// the log does not reach back that far.
    fn follow_to(&self, first: u64, bounds: (Bound<u64>, Bound<u64>)) -> Option<u64> {
        let bounds = (bounds.0.map(TxnId::new), bounds.1.map(TxnId::new));
        let commits = match self.db().commits(bounds) {
            Ok(commits) => commits,
            Err(Error::SnapshotNotFound { requested, oldest, .. }) if !self.keeps_all_log() => {
                assert!(requested < oldest, "{}: {requested}, {oldest}", self.place());
                return None;
            }
            Err(error) => panic!("{}: commits: {error}", self.place()),
        };
        let mut next = first;
        for commit in commits {
            let commit = commit.unwrap_or_else(|e| panic!("{}: commits: {e}", self.place()));
            self.check_commit(commit, next);
            next += 1;
        }
        Some(next - first)
    }

    /// Commit `id` leads from the state before it to its own.
    fn check_commit(&self, commit: CommitRecord, id: u64) {
        let place = self.place();
        assert_eq!(commit.txn_id.get(), id, "{place}: stream");
        let (before, after) = (&self.states[id as usize - 1], &self.states[id as usize]);
        let is_small = before.len() < 5000;
        if commit.relocate {
            assert!(commit.ops.is_empty() && before == after, "{place}: relocation {id}");
        } else if is_small {
            let mut rows = Rows::clone(before);
            commit.ops.into_iter().for_each(|op| self.apply(&mut rows, op));
            assert!(rows == **after, "{place}: state {id}");
        }
    }

    fn apply(&self, rows: &mut Rows, op: CommitOp) {
        match op {
            CommitOp::Put { key, value } => drop(rows.insert(key, value)),
            CommitOp::Del { key } => {
                assert!(rows.remove(&key).is_some(), "{}: del {key:?}", self.place());
            }
            CommitOp::DelRange { start, end, count } => {
                let end = end.map_or(Bound::Unbounded, Bound::Excluded);
                let doomed = rows.range((Bound::Included(start), end));
                let doomed: Vec<Vec<u8>> = doomed.map(|(key, _)| key.clone()).collect();
                assert_eq!(doomed.len() as u64, count, "{}: del_range", self.place());
                doomed.iter().for_each(|key| drop(rows.remove(key)));
            }
        }
    }

    /// A follower that lives on from step to step, over rotations, trims and relocations: it gives
    /// each durable commit once.
    pub fn follow(&mut self) {
        if self.follow.is_none() {
            let next = self.latest_id() + 1;
            let follow = self.db().follow(TxnId::new(next), Duration::ZERO);
            let follow = follow.unwrap_or_else(|e| panic!("{}: follow: {e}", self.place()));
            self.follow = Some((follow, next));
            return;
        }
        let durable = self.db().stats().durable_txn;
        let Some((mut follow, mut next)) = self.follow.take() else { return };
        while next <= durable {
            let commit = follow.next().unwrap_or_else(|| panic!("{}: commit {next}", self.place()));
            let commit = commit.unwrap_or_else(|e| panic!("{}: follow: {e}", self.place()));
            self.check_commit(commit, next);
            next += 1;
        }
        assert!(follow.next().is_none(), "{}: nothing behind {durable}", self.place());
        self.follow = Some((follow, next));
    }
}
