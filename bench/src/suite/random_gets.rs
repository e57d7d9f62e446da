//! Getting random rows of a filled database, one at a time: what the suites `btree` and `pager` share.

use super::support::{Filled, missing};
use crate::{
    context::Context,
    error::Result,
    recorder::Recorder,
    rng::{Checksum, KeyOrder, SplitMix},
};
use northstar_engine::Options;

/// A filled database, where to look next, and a sum over what was found.
#[derive(Debug)]
pub struct RandomGets {
    /// The database.
    pub filled: Filled,
    /// Chooses rows.
    pub random: SplitMix,
    /// Over every batch.
    pub sum: Checksum,
}

/// What a value that was got adds to the sum of its batch.
#[must_use]
pub fn digest(value: &[u8]) -> u64 {
    u64::from(value.first().copied().unwrap_or(0)) + value.len() as u64
}

impl RandomGets {
    /// Rows with scattered keys in a database opened with `options`.
    ///
    /// # Errors
    /// A parameter is missing; what the engine says.
    pub fn new(context: &Context, options: Options) -> Result<Self> {
        let filled = Filled::new(context, options, KeyOrder::Scattered)?;
        Ok(Self { filled, random: SplitMix::new(context.seed), sum: Checksum::default() })
    }

    /// Gets `ops` random rows from one snapshot, each timed as an operation.
    ///
    /// # Errors
    /// A row that is not there; what the engine says.
    pub fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        let Filled { db, rows, records } = &self.filled;
        let (read, random) = (db.begin_read()?, &mut self.random);
        let mut total = 0_u64;
        recorder.timed(ops, |lane| {
            for _ in 0..ops {
                let number = random.below(*records);
                lane.op(|| -> Result<()> {
                    let value = read.get(rows.key(number))?.ok_or_else(|| missing(number))?;
                    total = total.wrapping_add(digest(&value));
                    Ok(())
                })?;
            }
            Ok(())
        })?;
        self.sum.add_number(total);
        Ok(())
    }

    /// Every `step`-th row must have the value it was filled with.
    ///
    /// # Errors
    /// [`crate::Error::Wrong`] for the first that has not.
    pub fn check_rows(&mut self, step: usize) -> Result<()> {
        let read = self.filled.db.begin_read()?;
        (0..self.filled.records)
            .step_by(step)
            .try_for_each(|number| self.filled.check_row(&read, number, 0))
    }
}
