//! Single pages: from the pool, and from storage.

use crate::{
    catalog::{Bench, Verification},
    context::Context,
    error::Result,
    recorder::Recorder,
    result::{Better, StorageKind},
    suite::{
        random_gets::RandomGets,
        support::{FILLED, Filled},
    },
};
use northstar_engine::{Stats, limits::CACHE_BYTES_MIN};

/// Whether pages are in the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Warmth {
    Hot,
    Cold,
}

/// Gets rows whose pages are all different.
pub(super) struct PageReads {
    gets: RandomGets,
    warmth: Warmth,
    cache_dropped: &'static str,
}

impl PageReads {
    pub(super) fn setup(context: &Context, warmth: Warmth) -> Result<Box<dyn Bench>> {
        let mut gets = RandomGets::new(context, context.options())?;
        let mut cache_dropped = "not asked for: the pages are to be hot";
        if warmth == Warmth::Cold {
            let RandomGets { filled: Filled { db, rows, records }, random, sum } = gets;
            db.close()?;
            cache_dropped = drop_kernel_cache(context);
            let db = context.open(FILLED, context.options().cache_bytes(CACHE_BYTES_MIN))?;
            gets = RandomGets { filled: Filled { db, rows, records }, random, sum };
        }
        Ok(Box::new(Self { gets, warmth, cache_dropped }))
    }
}

impl Bench for PageReads {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        self.gets.batch(ops, recorder)
    }

    fn stats(&self) -> Option<Stats> {
        Some(self.gets.filled.db.stats())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        let stats = self.gets.filled.db.stats();
        self.gets.check_rows(97)?;
        report.checksum = self.gets.sum;
        if self.warmth == Warmth::Cold {
            report.note(format!("kernel cache dropped: {}", self.cache_dropped));
            let looked = (stats.cache_hits + stats.cache_misses).max(1) as f64;
            let share = stats.cache_misses as f64 / looked;
            report.metric("pool_miss_share", "1", Better::Neither, share);
        }
        Ok(())
    }
}

/// Asks the kernel to forget the database file; says whether that can have worked.
fn drop_kernel_cache(context: &Context) -> &'static str {
    if context.kind == StorageKind::Memory {
        return "no, the database lies in memory";
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{Advice, fadvise};
        let asked = std::fs::File::open(context.path(FILLED)).is_ok_and(|file| {
            file.sync_all().is_ok() && fadvise(&file, 0, None, Advice::DontNeed).is_ok()
        });
        if asked { "asked for, and the kernel agreed" } else { "no, the kernel refused" }
    }
    #[cfg(not(target_os = "linux"))]
    "no, this system has no call for it"
}
