//! Building a database from nothing, sorted or not.

use crate::{
    catalog::{Bench, Verification},
    context::Context,
    error::Result,
    recorder::Recorder,
    result::Better,
    rng::{KeyOrder, Rows},
    suite::support::{self, expect},
};
use northstar_engine::{Db, Durability, Stats};

/// Inserts rows in transactions that do not wait; one sync at the end.
pub(super) struct Build {
    context: Context,
    db: Db,
    rows: Rows,
    next: u64,
    txn_rows: u64,
}

impl Build {
    pub(super) fn setup(context: &Context, order: KeyOrder) -> Result<Box<dyn Bench>> {
        let db = context.open("build.ns", context.options())?;
        let rows = support::rows(context, order)?;
        let txn_rows = context.number("txn_rows")?;
        Ok(Box::new(Self { context: context.clone(), db, rows, next: 0, txn_rows }))
    }
}

impl Bench for Build {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        let (db, rows, txn_rows) = (&self.db, &mut self.rows, self.txn_rows);
        let end = self.next + ops;
        let mut number = self.next;
        recorder.timed(ops, |lane| {
            while number < end {
                let last = (number + txn_rows).min(end);
                let mut txn = db.begin_write()?;
                for number in number..last {
                    let key = rows.key(number);
                    let value = rows.value(number, 0);
                    lane.op(|| txn.put(key, value))?;
                }
                txn.commit_with(Durability::Eventual)?;
                number = last;
            }
            Ok(())
        })?;
        self.next = end;
        Ok(())
    }

    fn warm_up(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        // On a database of its own: what is measured starts empty.
        let db = self.context.open("warm.ns", self.context.options())?;
        let mut rows = self.rows.clone();
        recorder.timed(ops, |_| support::put_rows(&db, &mut rows, 0..ops, self.txn_rows))?;
        Ok(db.close()?)
    }

    fn finish(&mut self, recorder: &mut Recorder) -> Result<()> {
        recorder.timed(0, |_| Ok(self.db.sync()?))
    }

    fn stats(&self) -> Option<Stats> {
        Some(self.db.stats())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        let (count, sum) = support::sum_of(&self.db)?;
        expect("rows built", count, self.next)?;
        report.checksum = sum;
        self.db.checkpoint()?;
        let page = northstar_engine::limits::PAGE_BYTES as u64;
        let user = (self.next * self.rows.row_bytes()).max(1) as f64;
        let file = (self.db.stats().page_count * page) as f64;
        report.metric("file_bytes_per_user_byte", "1", Better::Lower, file / user);
        Ok(())
    }
}
