//! What must hold: of the latest state, of any snapshot, and of all states at the end.

use super::{Session, Step};
use crate::{program::Chance, reading::Rows};
use northstar_engine::{Db, ReadTxn, TxnId};
use std::sync::Arc;

/// Rows of a state that are compared in full; larger ones by samples.
const FULL_ROWS_MAX: usize = 3000;

impl Session<'_> {
    pub(super) fn verify(&self, db: &Db) {
        let report = db.verify().unwrap_or_else(|e| panic!("{}: verify: {e}", self.place()));
        assert!(report.problems.is_empty(), "{}: {:#?}", self.place(), report.problems);
        assert_eq!(report.rows, self.latest().len() as u64);
    }

    pub(super) fn check_latest(&self) {
        let snapshot = self.db().begin_read().unwrap();
        assert_eq!(snapshot.txn_id().get(), self.latest_id(), "{}: latest", self.place());
        assert_eq!(snapshot.len(), self.latest().len() as u64, "{}: len", self.place());
        let mut chance = Chance::new(self.seed ^ self.step);
        for _ in 0..8 {
            let key = chance.key(self.shape);
            let found = snapshot.get(&key).unwrap_or_else(|e| panic!("{}: {e}", self.place()));
            let expected = self.latest().get(&key).map(Vec::as_slice);
            assert_eq!(found.as_deref(), expected, "{}: get {key:?}", self.place());
        }
    }

    /// A snapshot has exactly these rows, seen every way there is.
    pub(super) fn check(&self, snapshot: &ReadTxn, rows: &Arc<Rows>) {
        let place = self.place();
        assert_eq!(snapshot.len(), rows.len() as u64, "{place}: len of {}", snapshot.txn_id());
        if rows.len() > FULL_ROWS_MAX {
            let keys: Vec<&Vec<u8>> = rows.keys().step_by(rows.len() / 500).collect();
            for (key, value) in keys.iter().zip(snapshot.get_many(&keys).unwrap()) {
                let value = value.map(|value| value.to_vec());
                assert_eq!(value.as_ref(), rows.get(*key), "{place}: get_many");
            }
            let mut c = snapshot.cursor().unwrap();
            for (key, value) in rows.iter() {
                assert_eq!(c.next().unwrap(), Some((&key[..], &value[..])), "{place}: cursor");
            }
            assert!(c.next().unwrap().is_none(), "{place}: cursor ends");
            return;
        }
        let mut forward = snapshot.iter().unwrap();
        for (key, value) in rows.iter() {
            let (k, v) = forward.next().expect("as many rows").expect("readable");
            assert!(k[..] == key[..] && v[..] == value[..], "{place}: forward at {key:?}");
        }
        assert!(forward.next().is_none(), "{place}: forward ends");
        let backward = snapshot.iter().unwrap().rev();
        assert!(
            backward.map(Result::unwrap).map(|(k, _)| k.to_vec()).eq(rows.keys().rev().cloned()),
            "{place}: backward"
        );
        let mut chance = Chance::new(self.seed.wrapping_mul(self.step + 1));
        let (a, b) = (chance.key(self.shape), chance.key(self.shape));
        let (a, b) = if a <= b { (a, b) } else { (b, a) };
        let range = snapshot.range(a.clone()..b.clone()).unwrap();
        let expected = rows.range(a..b);
        assert!(
            range
                .map(Result::unwrap)
                .map(|(k, v)| (k.to_vec(), v.to_vec()))
                .eq(expected.map(|(k, v)| (k.clone(), v.clone()))),
            "{place}: range"
        );
    }

    /// At the end: all kept states, the commit stream replayed, and a clean bill of health.
    pub(super) fn check_all(&mut self) {
        while let Some((snapshot, rows)) = self.snapshots.pop_front() {
            self.check(&snapshot, &rows);
        }
        self.close_beside();
        let latest = self.latest_id();
        for id in latest - self.kept.min(60)..=latest {
            let past = self.db().begin_read_at(TxnId::new(id)).unwrap();
            self.check(&past, &Arc::clone(&self.states[id as usize]));
        }
        self.db().sync().unwrap();
        self.verify(self.db());
        self.check_stream();
        self.act(Step::Reopen);
        self.verify(self.db());
        self.check_stream();
    }
}
