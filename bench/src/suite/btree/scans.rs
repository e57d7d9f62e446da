//! Scanning neighbours in key order.

use crate::{
    catalog::{Bench, Verification},
    context::Context,
    error::{Error, Result},
    recorder::Recorder,
    result::Better,
    rng::{Checksum, KeyOrder, SplitMix},
    suite::support::{self, Filled, expect},
};
use northstar_engine::Stats;

/// Scans a thousand rows from random starts.
pub(super) struct Scans {
    filled: Filled,
    scan_rows: u64,
    random: SplitMix,
    sum: Checksum,
    scanned: u64,
}

impl Scans {
    pub(super) fn setup(context: &Context) -> Result<Box<dyn Bench>> {
        let filled = Filled::new(context, context.options(), KeyOrder::Sequential)?;
        let scan_rows = context.number("scan_rows")?.min(filled.records);
        let random = SplitMix::new(context.seed);
        let sum = Checksum::default();
        Ok(Box::new(Self { filled, scan_rows, random, sum, scanned: 0 }))
    }
}

impl Bench for Scans {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        let Filled { db, rows, records } = &self.filled;
        let read = db.begin_read()?;
        let mut cursor = read.cursor()?;
        let (mut total, mut scanned) = (0_u64, 0_u64);
        recorder.timed(ops, |lane| {
            for _ in 0..ops {
                let start = self.random.below(records - self.scan_rows + 1);
                let key = rows.key(start);
                lane.op(|| -> Result<()> {
                    cursor.seek(key)?;
                    for _ in 0..self.scan_rows {
                        let Some((key, value)) = cursor.next()? else {
                            return Err(Error::wrong("a scan ended early"));
                        };
                        total =
                            total.wrapping_add(u64::from(key[key.len() - 1]) + u64::from(value[0]));
                        scanned += 1;
                    }
                    Ok(())
                })?;
            }
            Ok(())
        })?;
        self.sum.add_number(total);
        self.scanned += scanned;
        Ok(())
    }

    fn stats(&self) -> Option<Stats> {
        Some(self.filled.db.stats())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        let (count, sum) = support::sum_of(&self.filled.db)?;
        expect("rows", count, self.filled.records)?;
        report.checksum = self.sum;
        report.checksum.add(sum.to_hex().as_bytes());
        report.metric("rows_per_scan", "rows", Better::Neither, self.scan_rows as f64);
        Ok(())
    }
}
