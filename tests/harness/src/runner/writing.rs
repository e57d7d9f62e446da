//! The steps that commit, and what their commits mean for the timeline.

use super::{Rows, Session};
use crate::{
    rows::{key, value},
    workload::Step,
};
use northstar_engine::{Durability, Error, WriteTxn};
use std::sync::Arc;

impl Session {
    pub(super) fn put(
        &mut self,
        rows: Vec<(Vec<u8>, Vec<u8>)>,
        durability: Durability,
    ) -> Result<(), Error> {
        let mut after = Rows::clone(self.model());
        let mut txn = self.db().begin_write()?;
        for (key, value) in rows {
            txn.put(&key, &value)?;
            after.insert(key, value);
        }
        self.commit(txn, after, durability)
    }

    /// A checkpoint between the operations of a transaction: it stores the state before, and the log
    /// that the transaction has written so far stays.
    pub(super) fn checkpoint_inside(&mut self, salt: u64) -> Result<(), Error> {
        let (count, bytes) = if self.workload.tiny { (10, 1_500) } else { (4, 300) };
        let mut after = Rows::clone(self.model());
        let mut txn = self.db().begin_write()?;
        for n in 0..count {
            if n == count / 2 {
                // Looking brings the tree up to the puts, so that there are pages of this transaction.
                assert!(txn.get(key(200 + salt))?.is_some(), "a writer reads its own writes");
                self.db().checkpoint()?;
                self.acknowledge();
            }
            let (key, value) = (key(200 + salt + n), value(salt, n, bytes));
            txn.put(&key, &value)?;
            after.insert(key, value);
        }
        self.commit(txn, after, Durability::Immediate)
    }

    /// A checkpoint with a commit between any two of its steps.
    pub(super) fn checkpoint_with_commits(&mut self, salt: u64) -> Result<(), Error> {
        let stored = self.timeline.last();
        self.between.arm(self.db(), &self.sim, salt, self.model());
        let done = self.db().checkpoint();
        for made in self.between.disarm()? {
            self.timeline.issued.push(made.issued);
            self.timeline.models.push(made.rows);
            let last = self.timeline.last();
            self.timeline.acked.extend(made.acked.map(|op| (op, last)));
        }
        done?;
        self.timeline.acked.push((self.sim.op_count(), stored));
        Ok(())
    }

    pub(super) fn delete(&mut self, salt: u64) -> Result<(), Error> {
        let Some(target) = self.nth_key(salt) else { return Ok(()) };
        let mut after = Rows::clone(self.model());
        let mut txn = self.db().begin_write()?;
        assert!(txn.del(&target)?, "the model has this row");
        after.remove(&target);
        self.commit(txn, after, Durability::Immediate)
    }

    pub(super) fn delete_range(&mut self, salt: u64) -> Result<(), Error> {
        let (Some(a), Some(b)) = (self.nth_key(salt), self.nth_key(salt * 3 + 1)) else {
            return Ok(());
        };
        let (start, end) = if a < b { (a, b) } else { (b, a) };
        let mut after = Rows::clone(self.model());
        let before = after.len();
        after.retain(|key, _| *key < start || *key >= end);
        let mut txn = self.db().begin_write()?;
        let gone = txn.del_range(start..end)?;
        assert_eq!(gone as usize, before - after.len(), "rows removed by a range");
        if gone == 0 {
            txn.abort();
            return Ok(());
        }
        self.commit(txn, after, Durability::Immediate)
    }

    fn commit(&mut self, txn: WriteTxn, after: Rows, durability: Durability) -> Result<(), Error> {
        let next = self.timeline.last() + 1;
        self.timeline.issued.push(self.sim.op_count());
        self.timeline.models.push(Arc::new(after));
        let was_unsettled = std::mem::replace(&mut self.unsettled, true);
        match txn.commit_with(durability) {
            Ok(id) => {
                if was_unsettled && id.get() + 1 == next {
                    // The one before it was not chained: this one has its id.
                    self.timeline.issued.remove(id.get() as usize);
                    self.timeline.models.remove(id.get() as usize);
                } else {
                    assert_eq!(id.get(), next, "ids rise by one");
                }
                self.unsettled = false;
                if durability == Durability::Immediate {
                    self.acknowledge();
                }
                Ok(())
            }
            Err(error) => {
                // Nothing was chained, or it was refused on top of another one of unknown fate.
                if was_unsettled || matches!(error, Error::OutOfSpace) {
                    self.timeline.issued.pop();
                    self.timeline.models.pop();
                    self.unsettled = was_unsettled;
                }
                Err(error)
            }
        }
    }

    /// After a commit that failed: another one that leads to the same rows, so that it does not
    /// matter which of the two is found; else just a put.
    pub fn try_again(&mut self) -> Result<(), Error> {
        if !self.unsettled {
            return self.step(Step('p'));
        }
        let base = Arc::clone(self.model());
        let after = self.timeline.models.last().map(|rows| Rows::clone(rows)).unwrap_or_default();
        let mut txn = self.db().begin_write()?;
        for key in base.keys().filter(|key| !after.contains_key(*key)) {
            txn.del(key)?;
        }
        for (key, value) in &after {
            if base.get(key) != Some(value) {
                txn.put(key, value)?;
            }
        }
        self.commit(txn, after, Durability::Immediate)
    }
}
