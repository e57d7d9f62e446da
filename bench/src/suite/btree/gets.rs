//! Getting rows by key, everything in the pool: one at a time, and sixteen at a time.

use crate::{
    catalog::{Bench, Verification},
    context::Context,
    error::{Error, Result},
    recorder::Recorder,
    suite::{
        random_gets::{RandomGets, digest},
        support::{Filled, missing},
    },
};
use northstar_engine::Stats;

/// Keys looked up by one `get_many`.
pub(super) const GET_MANY: usize = 16;

/// Gets single rows.
pub(super) struct Gets(RandomGets);

impl Gets {
    pub(super) fn setup(context: &Context) -> Result<Box<dyn Bench>> {
        Ok(Box::new(Self(RandomGets::new(context, context.options())?)))
    }
}

impl Bench for Gets {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        self.0.batch(ops, recorder)
    }

    fn stats(&self) -> Option<Stats> {
        Some(self.0.filled.db.stats())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        self.0.check_rows(61)?;
        let Filled { db, rows, records } = &self.0.filled;
        if db.begin_read()?.get(rows.key(records + 1))?.is_some() {
            return Err(Error::wrong("a row that was never put is there"));
        }
        report.checksum = self.0.sum;
        Ok(())
    }
}

/// Gets sixteen rows at once.
pub(super) struct GetMany(RandomGets);

impl GetMany {
    pub(super) fn setup(context: &Context) -> Result<Box<dyn Bench>> {
        Ok(Box::new(Self(RandomGets::new(context, context.options())?)))
    }
}

impl Bench for GetMany {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        let Filled { db, rows, records } = &self.0.filled;
        let read = db.begin_read()?;
        let random = &mut self.0.random;
        let mut total = 0_u64;
        recorder.timed(ops, |lane| {
            let mut left = ops as usize;
            let mut keys = Vec::with_capacity(GET_MANY);
            while left > 0 {
                let count = left.min(GET_MANY);
                left -= count;
                keys.clear();
                keys.extend((0..count).map(|_| rows.key(random.below(*records))));
                lane.op(|| -> Result<()> {
                    for value in read.get_many(&keys)? {
                        let value = value.ok_or_else(|| Error::wrong("a row is not there"))?;
                        total = total.wrapping_add(digest(&value));
                    }
                    Ok(())
                })?;
            }
            Ok(())
        })?;
        self.0.sum.add_number(total);
        Ok(())
    }

    fn stats(&self) -> Option<Stats> {
        Some(self.0.filled.db.stats())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        let Filled { db, rows, records } = &mut self.0.filled;
        let read = db.begin_read()?;
        let numbers: Vec<u64> = (0..*records).step_by(53).collect();
        let keys: Vec<_> = numbers.iter().map(|number| rows.key(*number)).collect();
        for (number, value) in numbers.iter().zip(read.get_many(&keys)?) {
            let value = value.ok_or_else(|| missing(*number))?;
            if *value != *rows.value(*number, 0) {
                return Err(Error::wrong(format!("row {number} has another value")));
            }
        }
        report.checksum = self.0.sum;
        report.note("a latency is that of a whole get_many of 16 keys; an operation is one key");
        Ok(())
    }
}
