//! Steps about past states: begun at, listed, compared.

use super::{SNAPSHOTS_MAX, Session};
use crate::reading::Rows;
use northstar_engine::{Change, Error, LogRetention, Origin, TxnId};
use std::sync::Arc;

impl Session<'_> {
    /// A state that the history keeps, now and then any: then it may be rebuilt, or be gone.
    pub(super) fn begin_past(&mut self) {
        let latest = self.latest_id();
        let any = self.chance.below(4) == 0;
        let back = self.chance.below(if any { latest + 1 } else { self.kept + 1 });
        let id = latest - back;
        let past = match self.db().begin_read_at(TxnId::new(id)) {
            Ok(past) => past,
            Err(Error::SnapshotNotFound { requested, oldest, latest: newest }) if any => {
                let whole = self.shape.log_retention == LogRetention::All;
                assert!(!whole && back > self.kept, "{}: state {id} is gone", self.place());
                assert_eq!((requested.get(), newest.get()), (id, latest), "{}", self.place());
                assert!(oldest.get() > id, "{}: {id} is not there, {oldest} is", self.place());
                return;
            }
            Err(error) => panic!("{}: state {id}: {error}", self.place()),
        };
        assert_eq!(past.txn_id().get(), id);
        let exact = self
            .db()
            .history()
            .unwrap()
            .iter()
            .any(|entry| entry.txn_id.get() == id && entry.origin == Origin::Exact);
        let origin = if exact { Origin::Exact } else { Origin::Replayed };
        assert_eq!(past.origin(), origin, "{}: state {id}", self.place());
        let rows = Arc::clone(&self.states[id as usize]);
        self.check(&past, &rows);
        if self.snapshots.len() < SNAPSHOTS_MAX {
            self.snapshots.push_back((past, rows));
        }
    }

    /// Every state that is listed opens, with as many rows as it says, and the kept ones are listed.
    pub(super) fn check_history(&mut self) {
        let (place, latest) = (self.place(), self.latest_id());
        let listed = self.db().history().unwrap();
        let ids: Vec<u64> = listed.iter().map(|entry| entry.txn_id.get()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b), "{place}: {ids:?}");
        assert_eq!(ids.last(), Some(&latest), "{place}");
        for id in latest - self.kept..=latest {
            assert!(ids.contains(&id), "{place}: {id} of {ids:?}");
        }
        for entry in &listed {
            let rows = self.states[entry.txn_id.get() as usize].len() as u64;
            assert_eq!(entry.key_count, rows, "{place}: rows of {}", entry.txn_id);
        }
        let some = &listed[self.chance.below(listed.len() as u64) as usize];
        let opened = self.db().begin_read_at(some.txn_id);
        let opened = opened.unwrap_or_else(|e| panic!("{place}: listed, and not there: {e}"));
        assert_eq!((opened.origin(), opened.len()), (some.origin, some.key_count), "{place}");
    }

    pub(super) fn diff(&mut self) {
        let latest = self.latest_id();
        let back = self.chance.below(self.kept + 1);
        let (from, to) = (latest - back, latest);
        let (from, to) = if self.chance.below(2) == 0 { (from, to) } else { (to, from) };
        let changes = self.db().diff(TxnId::new(from), TxnId::new(to)).unwrap();
        let mut rows = Rows::clone(&self.states[from as usize]);
        let mut last: Option<Vec<u8>> = None;
        for change in changes {
            let change = change.unwrap_or_else(|e| panic!("{}: diff: {e}", self.place()));
            assert!(last.as_deref() < Some(change.key()), "{}: diff order", self.place());
            last = Some(change.key().to_vec());
            match change {
                Change::Put { key, value } => {
                    let before = rows.insert(key, value.clone());
                    assert_ne!(before, Some(value), "{}: a change that is none", self.place());
                }
                Change::Del { key } => {
                    assert!(rows.remove(&key).is_some(), "{}: diff", self.place());
                }
            }
        }
        assert!(rows == *self.states[to as usize], "{}: diff {from} to {to}", self.place());
    }
}
