//! Changing a tenth of a full database: updates and deletions, in a random order.

use super::txn_rows;
use crate::{
    catalog::{Bench, Verification},
    context::Context,
    error::{Error, Result},
    recorder::Recorder,
    rng::{KeyOrder, permutation},
    suite::support::{self, Filled, expect, missing},
};
use northstar_engine::{Durability, Stats};

/// A full database and the order in which its rows are changed.
struct Order {
    filled: Filled,
    order: Vec<u32>,
    next: usize,
    txn_rows: u64,
}

impl Order {
    fn new(context: &Context) -> Result<Self> {
        let filled = Filled::new(context, context.options(), KeyOrder::Scattered)?;
        let order = permutation(filled.records, context.seed);
        Ok(Self { filled, order, next: 0, txn_rows: txn_rows(context) })
    }
}

/// Updates rows in place of their older versions, each transaction durable.
pub(super) struct Updates(Order);

impl Updates {
    pub(super) fn setup(context: &Context) -> Result<Box<dyn Bench>> {
        Ok(Box::new(Self(Order::new(context)?)))
    }
}

impl Bench for Updates {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        let Order { filled: Filled { db, rows, .. }, order, next, txn_rows } = &mut self.0;
        recorder.timed(ops, |lane| {
            let mut left = ops;
            while left > 0 {
                let count = left.min(*txn_rows);
                left -= count;
                // An operation is a row, a latency that of its whole transaction.
                lane.op(|| -> Result<()> {
                    let mut txn = db.begin_write()?;
                    for _ in 0..count {
                        let number = u64::from(order[*next % order.len()]);
                        *next += 1;
                        txn.put(rows.key(number), rows.value(number, 1))?;
                    }
                    txn.commit()?;
                    Ok(())
                })?;
            }
            Ok(())
        })
    }

    fn stats(&self) -> Option<Stats> {
        Some(self.0.filled.db.stats())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        let Order { filled, order, next, .. } = &mut self.0;
        let (count, sum) = support::sum_of(&filled.db)?;
        expect("rows", count, filled.records)?;
        let read = filled.db.begin_read()?;
        for (at, number) in order.iter().enumerate().step_by(29) {
            filled.check_row(&read, u64::from(*number), u64::from(at < *next))?;
        }
        report.checksum = sum;
        Ok(())
    }
}

/// Deletes a random tenth of the rows.
pub(super) struct Deletes(Order);

impl Deletes {
    pub(super) fn setup(context: &Context) -> Result<Box<dyn Bench>> {
        Ok(Box::new(Self(Order::new(context)?)))
    }
}

impl Bench for Deletes {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        let Order { filled: Filled { db, rows, .. }, order, next, txn_rows } = &mut self.0;
        recorder.timed(ops, |lane| {
            let mut left = ops;
            while left > 0 {
                let count = left.min(*txn_rows);
                left -= count;
                let mut txn = db.begin_write()?;
                for _ in 0..count {
                    let number = u64::from(order[*next]);
                    *next += 1;
                    if !lane.op(|| txn.del(rows.key(number)))? {
                        return Err(missing(number));
                    }
                }
                txn.commit_with(Durability::Eventual)?;
            }
            Ok(())
        })
    }

    fn warm_up(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        // Deleting is what is measured and cannot be done twice: the warm-up reads the rows.
        let Filled { db, rows, records } = &self.0.filled;
        let read = db.begin_read()?;
        recorder.timed(ops, |lane| {
            for number in 0..ops {
                let number = number % records;
                lane.op(|| read.get(rows.key(number)).map(|value| value.is_some()))?;
            }
            Ok(())
        })
    }

    fn finish(&mut self, recorder: &mut Recorder) -> Result<()> {
        recorder.timed(0, |_| Ok(self.0.filled.db.sync()?))
    }

    fn stats(&self) -> Option<Stats> {
        Some(self.0.filled.db.stats())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        let Order { filled: Filled { db, rows, records }, order, next, .. } = &self.0;
        let (count, sum) = support::sum_of(db)?;
        expect("rows left", count, records - *next as u64)?;
        let read = db.begin_read()?;
        for (at, number) in order.iter().enumerate().step_by(31) {
            let there = read.get(rows.key(u64::from(*number)))?.is_some();
            if there != (at >= *next) {
                return Err(Error::wrong(format!("row {number} should be gone, or should not")));
            }
        }
        report.checksum = sum;
        Ok(())
    }
}
