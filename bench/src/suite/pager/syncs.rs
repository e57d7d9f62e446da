//! What a commit and a checkpoint sync, held to what the protocol demands.

use crate::{
    catalog::{Bench, Verification},
    context::Context,
    error::{Error, Result},
    recorder::Recorder,
    result::Better,
    rng::{KeyOrder, Rows},
    storage::{Calls, CountingStorage},
    suite::support::{self, expect},
};
use northstar_engine::{Db, Stats};

/// A durable commit, then a checkpoint, with every sync counted below the engine.
pub(super) struct CommitSyncs {
    context: Context,
    db: Db,
    rows: Rows,
    next: u64,
    storage: CountingStorage,
    wrong: Option<String>,
    rotations: u64,
}

/// Syncs the protocol demands of a durable commit.
const SYNCS_PER_COMMIT: u64 = 1;
/// And of a checkpoint with dirty pages: the pages, then the meta.
const SYNCS_PER_CHECKPOINT: u64 = 2;
/// And, more than these, of a step that goes on to another log segment.
const SYNCS_PER_ROTATION_MAX: u64 = 3;

impl CommitSyncs {
    pub(super) fn setup(context: &Context) -> Result<Box<dyn Bench>> {
        let db = context.open("commit.ns", context.options())?;
        let rows = support::rows(context, KeyOrder::Sequential)?;
        let (context, storage) = (context.clone(), context.storage.clone());
        let mut bench = Self { context, db, rows, next: 0, storage, wrong: None, rotations: 0 };
        // The first commit and checkpoint after an open have more to do: not what is counted here.
        bench.commit()?;
        bench.db.checkpoint()?;
        Ok(Box::new(bench))
    }

    fn commit(&mut self) -> Result<()> {
        let mut txn = self.db.begin_write()?;
        let key = self.rows.key(self.next);
        txn.put(key, self.rows.value(self.next, 0))?;
        txn.commit()?;
        self.next += 1;
        Ok(())
    }

    /// Holds `calls` to the demanded count. A step that moves on to another log segment may sync that
    /// segment too; it shows by the names it changes, and comes seldom: segments double.
    fn hold(&mut self, what: &str, calls: &Calls, demanded: u64) {
        let rotated = calls.files_created + calls.names_changed > 0;
        self.rotations += u64::from(rotated);
        let most = if rotated { demanded + SYNCS_PER_ROTATION_MAX } else { demanded };
        let found = calls.file_syncs();
        if (found < demanded || found > most) && self.wrong.is_none() {
            let with = if rotated { " with a new segment" } else { "" };
            self.wrong =
                Some(format!("{what}{with} made {found} syncs, the protocol demands {demanded}"));
        }
    }
}

impl Bench for CommitSyncs {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        recorder.timed(ops, |lane| {
            for _ in 0..ops {
                let before = self.storage.calls();
                lane.op(|| self.commit())?;
                let between = self.storage.calls();
                self.db.checkpoint()?;
                let after = self.storage.calls();
                // A few subtractions in a section that syncs: below what can be measured.
                self.hold("a commit", &between.since(&before), SYNCS_PER_COMMIT);
                self.hold("a checkpoint", &after.since(&between), SYNCS_PER_CHECKPOINT);
            }
            Ok(())
        })
    }

    fn stats(&self) -> Option<Stats> {
        Some(self.db.stats())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        if let Some(wrong) = self.wrong.take() {
            return Err(Error::wrong(wrong));
        }
        let share = self.rotations as f64 / self.next.max(1) as f64;
        report.metric("segment_changes_per_op", "1", Better::Lower, share);
        // Nothing new: the first few may still write the free space of the one before, then it rests.
        let mut idle = 0;
        for _ in 0..4 {
            let before = self.storage.calls();
            self.db.checkpoint()?;
            idle = self.storage.calls().since(&before).file_syncs();
            if idle > SYNCS_PER_CHECKPOINT {
                return Err(Error::wrong(format!("an idle checkpoint made {idle} syncs")));
            }
        }
        report.metric("syncs_per_idle_checkpoint", "1", Better::Lower, idle as f64);
        // The first checkpoint after an open rewrites the chosen meta slot: one sync more.
        let db = self.context.open("first.ns", self.context.options())?;
        let mut txn = db.begin_write()?;
        txn.put(b"k", b"v")?;
        txn.commit()?;
        let before = self.storage.calls();
        db.checkpoint()?;
        let first = self.storage.calls().since(&before).file_syncs();
        report.metric("syncs_of_first_checkpoint", "1", Better::Lower, first as f64);
        if first > SYNCS_PER_CHECKPOINT + 1 {
            return Err(Error::wrong(format!(
                "the first checkpoint after an open made {first} syncs"
            )));
        }
        let (count, sum) = support::sum_of(&self.db)?;
        expect("rows committed", count, self.next)?;
        report.checksum = sum;
        Ok(())
    }
}
