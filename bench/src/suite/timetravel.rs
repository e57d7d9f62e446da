//! Suite `timetravel`: opening past states.

use super::support::{Filled, KEY_BYTES, RECORDS, VALUE_BYTES, missing};
use crate::{
    catalog::{Bench, Entry, Ops, Parameter, Verification, single},
    context::Context,
    error::{Error, Result},
    recorder::Recorder,
    result::Class,
    rng::{Checksum, KeyOrder, Rows, SplitMix},
};
use northstar_engine::{Db, History, Origin, Stats, TxnId};

/// The suite's list.
pub const ENTRIES: &[Entry] = &[Entry {
    id: "timetravel/open_snapshot_by_txn",
    version: 1,
    why: "Opening a retained past state must cost a look-up, whatever its age, and show exactly that state.",
    critical: true,
    class: Class::Exact,
    parameters: &[
        RECORDS,
        KEY_BYTES,
        VALUE_BYTES,
        Parameter { name: "states", unit: "states", ci: 200, full: 1_000 },
    ],
    words: None,
    ops: Ops::Fixed(20_000, 1_000_000),
    warmup_ops: (500, 10_000),
    unit: "past state",
    sample_every: 1,
    granule: single,
    setup: PastStates::setup,
}];

/// Opens random past states and reads the row that tells which it is.
struct PastStates {
    db: Db,
    rows: Rows,
    first: u64,
    states: u64,
    random: SplitMix,
    sum: Checksum,
}

impl PastStates {
    fn setup(context: &Context) -> Result<Box<dyn Bench>> {
        let states = context.number("states")?;
        let options = context.options().history(History::Last(states));
        let Filled { db, mut rows, .. } = Filled::new(context, options, KeyOrder::Scattered)?;
        let mut first = 0;
        for age in 0..states {
            let mut txn = db.begin_write()?;
            txn.put(rows.key(0), rows.value(0, age))?;
            let txn_id = txn.commit()?.get();
            if age == 0 {
                first = txn_id;
            }
        }
        // Past states must come from their own pages, as after any checkpoint.
        db.checkpoint()?;
        let random = SplitMix::new(context.seed);
        Ok(Box::new(Self { db, rows, first, states, random, sum: Checksum::default() }))
    }
}

impl Bench for PastStates {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        let Self { db, rows, first, states, random, sum } = self;
        recorder.timed(ops, |lane| {
            for _ in 0..ops {
                let age = random.below(*states);
                let key = rows.key(0);
                let head = lane.op(|| -> Result<u8> {
                    let past = db.begin_read_at(TxnId::new(*first + age))?;
                    Ok(past.get(key)?.ok_or_else(|| missing(0))?[0])
                })?;
                sum.add_number(u64::from(head));
            }
            Ok(())
        })
    }

    fn stats(&self) -> Option<Stats> {
        Some(self.db.stats())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        let mut exact = 0;
        for age in 0..self.states {
            let past = self.db.begin_read_at(TxnId::new(self.first + age))?;
            exact += u64::from(past.origin() == Origin::Exact);
            let value = past.get(self.rows.key(0))?.ok_or_else(|| missing(0))?;
            if *value != *self.rows.value(0, age) {
                return Err(Error::wrong(format!("state {age} shows another state")));
            }
        }
        if exact != self.states {
            let states = self.states;
            return Err(Error::wrong(format!(
                "{exact} of {states} retained states had their own pages"
            )));
        }
        let beyond = TxnId::new(self.first + self.states);
        if self.db.begin_read_at(beyond).is_ok() {
            return Err(Error::wrong("a state that never was could be opened"));
        }
        report.checksum = self.sum;
        Ok(())
    }
}
