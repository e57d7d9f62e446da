//! Steps that write: transactions of every operation there is, and what a writer is refused.

use super::Session;
use crate::reading::{self, Rows, bounds};
use northstar_engine::{Durability, Error, TxnId, WriteTxn, limits::KEY_BYTES_MAX};
use std::{ops::Bound, sync::Arc, time::Duration};

impl Session<'_> {
    /// One write transaction; `None` gives it up.
    pub(super) fn write(&mut self, durability: Option<Durability>) {
        let place = self.place();
        let patient = self.chance.below(2) == 0;
        let begun = if patient {
            self.db().begin_write_timeout(Duration::from_secs(60))
        } else {
            self.db().begin_write()
        };
        let mut w = begun.unwrap();
        assert_eq!(w.txn_id().get(), self.latest_id() + 1, "{place}");
        let mut rows = Rows::clone(self.latest());
        let changed = self.change(&mut w, &mut rows);
        if self.chance.below(4) == 0 {
            reading::check(&w, &rows, self.shape, &mut self.chance, &place);
        }
        match durability {
            Some(durability) => {
                let id = w.commit_with(durability).unwrap_or_else(|e| panic!("{place}: {e}"));
                if changed {
                    self.push(Arc::new(rows));
                }
                assert_eq!(id.get(), self.latest_id(), "{place}: ids rise by one");
            }
            None => w.abort(),
        }
        self.check_latest();
    }

    /// Operations on both sides; whether there were any.
    fn change(&mut self, w: &mut WriteTxn, rows: &mut Rows) -> bool {
        let place = self.place();
        let operations = 1 + self.chance.below(self.shape.batch_max);
        // Sorted keys now and then: appending and bulk loading have paths of their own.
        let ascending = self.chance.below(4) == 0;
        let mut keys: Vec<Vec<u8>> = (0..operations).map(|_| self.chance.key(self.shape)).collect();
        if ascending {
            keys.sort();
        }
        let mut changed = false;
        for key in keys {
            self.operations += 1;
            match self.chance.below(100) {
                0..=69 => {
                    let value = self.chance.value(self.shape);
                    w.put(&key, &value).unwrap_or_else(|e| panic!("{place}: put: {e}"));
                    rows.insert(key, value);
                    changed = true;
                }
                70..=92 => {
                    let was_there = w.del(&key).unwrap_or_else(|e| panic!("{place}: del: {e}"));
                    assert_eq!(was_there, rows.remove(&key).is_some(), "{place}: del {key:?}");
                    changed |= was_there;
                }
                93..=95 => {
                    let found = w.get(&key).unwrap();
                    assert_eq!(found.as_deref(), rows.get(&key).map(Vec::as_slice), "{place}");
                }
                96 => changed |= self.delete_range(w, rows, key),
                97 => {
                    let popped = w.pop_first().unwrap();
                    assert_eq!(popped, rows.pop_first(), "{place}: pop_first");
                    changed |= popped.is_some();
                }
                98 => {
                    let popped = w.pop_last().unwrap();
                    assert_eq!(popped, rows.pop_last(), "{place}: pop_last");
                    changed |= popped.is_some();
                }
                _ if operations < 200 => changed |= self.retain(w, rows),
                _ => reading::check(w, rows, self.shape, &mut self.chance, &place),
            }
            assert_eq!(w.len(), rows.len() as u64, "{place}: len");
        }
        changed
    }

    fn delete_range(&mut self, w: &mut WriteTxn, rows: &mut Rows, start: Vec<u8>) -> bool {
        // Mostly short ranges: a program that empties its tree all the time tests little.
        let end = if self.chance.below(12) == 0 {
            self.chance.key(self.shape)
        } else {
            let behind = rows.range(start.clone()..).nth(self.chance.below(30) as usize);
            behind.map_or_else(|| start.clone(), |(key, _)| key.clone())
        };
        let (start, end) = if start <= end { (start, end) } else { (end, start) };
        let bounds = match self.chance.below(3) {
            0 => (Bound::Included(start), Bound::Excluded(end)),
            1 => (Bound::Included(start), Bound::Included(end)),
            _ if start < end => (Bound::Excluded(start), Bound::Included(end)),
            _ => (Bound::Included(start), Bound::Included(end)),
        };
        let doomed: Vec<Vec<u8>> = rows.range(bounds.clone()).map(|(key, _)| key.clone()).collect();
        let gone =
            w.del_range(bounds).unwrap_or_else(|e| panic!("{}: del_range: {e}", self.place()));
        assert_eq!(gone, doomed.len() as u64, "{}: del_range", self.place());
        for key in &doomed {
            rows.remove(key);
        }
        gone > 0
    }

    fn retain(&mut self, w: &mut WriteTxn, rows: &mut Rows) -> bool {
        let bounds = bounds(self.shape, &mut self.chance);
        let keep = |key: &[u8], value: &[u8]| !(value.len() + key.len()).is_multiple_of(5);
        let kept = w.retain(bounds.clone(), keep).unwrap();
        let inside = rows.range(bounds).map(|(key, value)| (key.clone(), keep(key, value)));
        let inside: Vec<(Vec<u8>, bool)> = inside.collect();
        let doomed = inside.iter().filter(|(_, stays)| !stays);
        let gone = doomed.map(|(key, _)| rows.remove(key)).count();
        assert_eq!(kept, (inside.len() - gone) as u64, "{}: retain", self.place());
        gone > 0
    }

    /// A checkpoint while a transaction is open: it must not see it.
    pub(super) fn checkpoint_beside_writer(&mut self) {
        let mut w = self.db().begin_write().unwrap();
        let mut rows = Rows::clone(self.latest());
        let mut changed = self.change(&mut w, &mut rows);
        self.db().checkpoint().unwrap();
        changed |= self.change(&mut w, &mut rows);
        let id = w.commit().unwrap();
        if changed {
            self.push(Arc::new(rows));
        }
        assert_eq!(id.get(), self.latest_id(), "{}", self.place());
        self.check_latest();
    }

    /// What the contract refuses is refused with its error, and changes nothing.
    pub(super) fn try_what_is_refused(&mut self) {
        let place = self.place();
        let mut w = self.db().begin_write().unwrap();
        let busy = [self.db().begin_write(), self.db().begin_write_timeout(Duration::ZERO)];
        for second in busy {
            assert!(matches!(second, Err(Error::WriteBusy)), "{place}: {second:?}");
        }
        assert!(matches!(self.db().clone().close(), Err(Error::Busy)), "{place}: a writer lives");
        let long = vec![7; KEY_BYTES_MAX + 1];
        assert!(matches!(w.put(&long, b""), Err(Error::KeyTooLarge { .. })), "{place}");
        assert!(matches!(w.del(&long), Err(Error::KeyTooLarge { .. })), "{place}");
        assert!(w.get(&long).unwrap().is_none(), "{place}");
        let backwards = || b"b".as_slice()..b"a".as_slice();
        let invalid = [
            w.del_range(backwards()).map(drop),
            w.retain(backwards(), |_, _| true).map(drop),
            w.range(backwards()).map(drop),
            self.db().begin_read().unwrap().range(backwards()).map(drop),
        ];
        for refused in invalid {
            assert!(matches!(refused, Err(Error::InvalidArgument(_))), "{place}: {refused:?}");
        }
        assert_eq!(w.commit().unwrap().get(), self.latest_id(), "{place}: nothing was done");
        let future = TxnId::new(self.latest_id() + 1);
        let future = self.db().begin_read_at(future);
        assert!(matches!(future, Err(Error::SnapshotNotFound { .. })), "{place}");
        let reader = self.db().begin_read().unwrap();
        assert!(matches!(self.db().clone().close(), Err(Error::Busy)), "{place}: a reader lives");
        drop(reader);
        self.check_latest();
    }
}
