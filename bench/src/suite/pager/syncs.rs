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
/// And of the first one after an open, which writes the chosen meta again before anything else.
const SYNCS_OF_FIRST_CHECKPOINT: u64 = SYNCS_PER_CHECKPOINT + 1;
/// Checkpoints after which there is nothing left to write: the first ones still store the free space that
/// the one before left behind.
const CHECKPOINTS_UNTIL_IDLE: u32 = 4;
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

    /// Syncs of a checkpoint that has nothing to write.
    fn idle_syncs(&self) -> Result<u64> {
        for _ in 1..CHECKPOINTS_UNTIL_IDLE {
            self.db.checkpoint()?;
        }
        self.checkpoint_syncs(&self.db)
    }

    /// Syncs of the first checkpoint of a database that was just opened.
    fn first_syncs(&self) -> Result<u64> {
        let db = self.context.open("first.ns", self.context.options())?;
        let mut txn = db.begin_write()?;
        txn.put(b"k", b"v")?;
        txn.commit()?;
        self.checkpoint_syncs(&db)
    }

    fn checkpoint_syncs(&self, db: &Db) -> Result<u64> {
        let before = self.storage.calls();
        db.checkpoint()?;
        Ok(self.storage.calls().since(&before).file_syncs())
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
        let idle = self.idle_syncs()?;
        report.metric("syncs_per_idle_checkpoint", "1", Better::Lower, idle as f64);
        let first = self.first_syncs()?;
        report.metric("syncs_of_first_checkpoint", "1", Better::Lower, first as f64);
        expect("syncs of an idle checkpoint, of which the protocol demands", idle, 0)?;
        let name = "syncs of the first checkpoint after an open, of which the protocol demands";
        expect(name, first, SYNCS_OF_FIRST_CHECKPOINT)?;
        let (count, sum) = support::sum_of(&self.db)?;
        expect("rows committed", count, self.next)?;
        report.checksum = sum;
        Ok(())
    }
}
