//! Commits between the steps of a checkpoint: what a checkpoint of the background thread has beside
//! it, in an order that is the same each time.
//!
//! An observer that is armed makes one commit at each step of the checkpoint, on a thread of its own,
//! and waits for it.

use crate::rows::{Rows, key, value};
use northstar_engine::{
    Db, Durability, Error,
    db::{Event, Observer},
    sim::SimDisk,
};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// A commit that was made between two steps.
pub struct Made {
    /// The operation before which it was called.
    pub issued: usize,
    /// The state after it.
    pub rows: Arc<Rows>,
    /// The operation at which it had been acknowledged as durable, if it was.
    pub acked: Option<usize>,
}

/// Makes commits between the steps of a checkpoint while it is armed.
#[derive(Default)]
pub struct Between {
    armed: Mutex<Option<Armed>>,
}

struct Armed {
    db: Db,
    sim: SimDisk,
    salt: u64,
    rows: Arc<Rows>,
    made: Result<Vec<Made>, Error>,
}

impl fmt::Debug for Between {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Between").finish_non_exhaustive()
    }
}

impl Between {
    fn armed(&self) -> std::sync::MutexGuard<'_, Option<Armed>> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on each step of a checkpoint of `db`, whose newest state is `rows`, brings a commit.
    pub fn arm(&self, db: &Db, sim: &SimDisk, salt: u64, rows: &Arc<Rows>) {
        let (db, sim, rows) = (db.clone(), sim.clone(), Arc::clone(rows));
        *self.armed() = Some(Armed { db, sim, salt, rows, made: Ok(Vec::new()) });
    }

    /// No more; what was committed.
    pub fn disarm(&self) -> Result<Vec<Made>, Error> {
        self.armed().take().map_or(Ok(Vec::new()), |armed| armed.made)
    }
}

impl Observer for Between {
    fn event(&self, event: &Event) {
        if !matches!(event, Event::Checkpoint { .. }) {
            return;
        }
        // Taken out meanwhile: the commit's own events come here too.
        let Some(mut armed) = self.armed().take() else { return };
        std::thread::scope(|scope| scope.spawn(|| armed.commit()).join().expect("a commit"));
        *self.armed() = Some(armed);
    }
}

impl Armed {
    fn commit(&mut self) {
        let Ok(made) = &self.made else { return };
        let nth = made.len() as u64;
        match self.one(nth) {
            Ok(one) => {
                self.rows = Arc::clone(&one.rows);
                self.made.as_mut().expect("asked above").push(one);
            }
            Err(error) => self.made = Err(error),
        }
    }

    /// Removes a row, replaces one, adds a few; every other commit does not wait to be durable.
    fn one(&self, nth: u64) -> Result<Made, Error> {
        let salt = self.salt * 100 + nth;
        let mut rows = Rows::clone(&self.rows);
        let mut txn = self.db.begin_write()?;
        let at = |salt: u64, rows: &Rows| salt as usize * 31 % rows.len().max(1);
        if let Some(gone) = rows.keys().nth(at(salt, &rows)).cloned() {
            txn.del(&gone)?;
            rows.remove(&gone);
        }
        let replaced = rows.keys().nth(at(salt + 1, &rows)).cloned();
        let added = (0..4).map(|n| key(700 + salt * 3 % 50 + n));
        for (n, key) in (0..).zip(replaced.into_iter().chain(added)) {
            let value = value(salt, n, if n == 2 { 3_000 } else { 300 });
            txn.put(&key, &value)?;
            rows.insert(key, value);
        }
        let durable = nth.is_multiple_of(2);
        let issued = self.sim.op_count();
        txn.commit_with(if durable { Durability::Immediate } else { Durability::Eventual })?;
        let acked = durable.then(|| self.sim.op_count());
        Ok(Made { issued, rows: Arc::new(rows), acked })
    }
}
