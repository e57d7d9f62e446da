//! Opening and closing.

use crate::{
    catalog::{Bench, Verification},
    context::Context,
    error::Result,
    recorder::Recorder,
    suite::support::expect,
};
use northstar_engine::limits::CACHE_BYTES_MIN;

/// Opens and closes an existing empty database.
pub(super) struct OpenClose {
    context: Context,
    opened: u64,
}

impl OpenClose {
    pub(super) fn setup(context: &Context) -> Result<Box<dyn Bench>> {
        context.open("empty.ns", Self::options(context))?.close()?;
        Ok(Box::new(Self { context: context.clone(), opened: 0 }))
    }

    fn options(context: &Context) -> northstar_engine::Options {
        // A small pool: allocating a gigabyte is not what is measured.
        context.options().cache_bytes(CACHE_BYTES_MIN)
    }
}

impl Bench for OpenClose {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        self.opened += ops;
        let context = &self.context;
        recorder.timed(ops, |lane| {
            for _ in 0..ops {
                lane.op(|| -> Result<()> {
                    Ok(context.open("empty.ns", Self::options(context))?.close()?)
                })?;
            }
            Ok(())
        })
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        let db = self.context.open("empty.ns", Self::options(&self.context))?;
        let read = db.begin_read()?;
        expect("rows of the empty database", read.len(), 0)?;
        expect("its latest transaction", read.txn_id().get(), 0)?;
        report.checksum.add_number(self.opened);
        Ok(())
    }
}
