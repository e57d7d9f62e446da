//! An experiment: a workload that ran on a simulated disk, and what a crash at any moment leaves.

use super::outcome::{self, Outcome};
use crate::job::{Data, Desk, Job};
use crate::model::deed::{Done, Hand, Rows, Script};
use northstar_engine::db::Stats;
use northstar_engine::disk::clock::ManualClock;
use northstar_engine::disk::entropy::SeededEntropy;
use northstar_engine::sim::{Action, CrashPoint, Fate, SimDisk, SimOp, Trace};
use northstar_engine::{Db, Options, Result, TxnId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Where the lab's database lies on the simulated disk.
pub const DATABASE: &str = "/lab.ns";
const SEED: u64 = 7;

/// Workloads to start from: a few words, and the script.
pub const WORKLOADS: &[(&str, &str)] = &[
    ("two commits, a checkpoint, one more commit", "put apple, put banana, checkpoint, put cherry"),
    (
        "two commits that do not wait, and a checkpoint",
        "later put apple, later put banana, checkpoint",
    ),
    ("four durable commits", "put apple, put banana, put cherry, put date"),
    (
        "three commits that do not wait, and one sync",
        "later put apple, later put banana, later put cherry, sync",
    ),
    (
        "many rows, most of them deleted, and pages used again",
        "fill k 300, checkpoint, clear k00, put apple, checkpoint, fill m 200, checkpoint, del apple",
    ),
];

/// What the disk does with a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabDisk {
    /// What it promises.
    #[default]
    Honest,
    /// Syncs of the log return and have done nothing: as if the engine left them out.
    IgnoresLogSyncs,
    /// The same for syncs of the database file.
    IgnoresDataSyncs,
}

impl LabDisk {
    /// The next one.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Honest => Self::IgnoresLogSyncs,
            Self::IgnoresLogSyncs => Self::IgnoresDataSyncs,
            Self::IgnoresDataSyncs => Self::Honest,
        }
    }

    /// What it does, in a few words; nothing for the honest one. The model is that of
    /// `spec/media_assumptions.md`: nobody promises anything on such a disk.
    pub const fn warning(self) -> Option<&'static str> {
        match self {
            Self::Honest => None,
            Self::IgnoresLogSyncs => Some("THE DISK IGNORES LOG SYNCS (against B1)"),
            Self::IgnoresDataSyncs => Some("THE DISK IGNORES PAGE AND META SYNCS (against B1)"),
        }
    }

    /// Whether an operation is a sync that does nothing on this disk.
    fn ignores(self, op: &SimOp) -> bool {
        let sync = matches!(op.action, Action::Sync { .. });
        match self {
            Self::Honest => false,
            Self::IgnoresLogSyncs => sync && is_log(op),
            Self::IgnoresDataSyncs => sync && !is_log(op),
        }
    }
}

/// Whether an operation is on a segment of the log.
pub fn is_log(op: &SimOp) -> bool {
    op.path.to_string_lossy().contains(".log")
}

/// A workload that ran.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// Its script.
    pub script: Script,
    /// Every disk operation it made.
    pub trace: Trace,
    /// What was acknowledged as durable: the operation count at that time, and the state.
    pub acknowledged: Vec<(usize, TxnId)>,
    /// What the engine counted after each deed: the operation count at that time, and the counters.
    pub engine: Vec<(usize, Stats)>,
    /// The rows of each state.
    pub(super) states: BTreeMap<TxnId, Rows>,
}

impl Experiment {
    /// Runs a workload on a new simulated disk.
    ///
    /// # Errors
    /// The engine failed, which it should not.
    pub fn run(script: Script) -> Result<Self> {
        let disk = Arc::new(SimDisk::new());
        disk.mark("the database is created");
        let mut hand = Hand::new(open(&disk, true)?);
        let mut states = BTreeMap::from([(TxnId::GENESIS, Rows::new())]);
        let mut acknowledged = Vec::new();
        let mut engine = Vec::new();
        let mut acknowledge = |txn: TxnId, what: &str| {
            let at = disk.mark(format!("{what} (txn {txn})"));
            acknowledged.push((at + 1, txn));
        };
        acknowledge(TxnId::GENESIS, "open returned");
        engine.push((disk.op_count(), hand.stats()));
        for deed in script.deeds() {
            disk.mark(deed.to_string());
            match hand.perform(deed)? {
                Done::Committed(txn, durable) => {
                    states.insert(txn, hand.rows().clone());
                    if durable {
                        acknowledge(txn, "commit returned: durable");
                    } else {
                        disk.mark(format!("commit returned: durable later (txn {txn})"));
                    }
                }
                Done::Durable(txn) => {
                    acknowledge(txn, &format!("{deed} returned: everything so far is durable"));
                }
                Done::Read => {}
            }
            engine.push((disk.op_count(), hand.stats()));
        }
        // The trace ends here: closing is no part of the workload.
        let trace = disk.trace();
        Ok(Self { script, trace, acknowledged, engine, states })
    }

    /// The newest state acknowledged before operation `at`.
    pub fn acknowledged_at(&self, at: usize) -> Option<TxnId> {
        self.acknowledged.iter().take_while(|(op, _)| *op <= at).last().map(|(_, txn)| *txn)
    }

    /// The moment from which the database is open: what comes before made it.
    pub fn opened(&self) -> usize {
        self.acknowledged.first().map_or(0, |(op, _)| *op)
    }

    /// Whether every segment of the log keeps its name, so that replay has all there ever was.
    pub fn keeps_whole_log(&self) -> bool {
        let named = |op: &SimOp| {
            matches!(op.action, Action::Unlink { .. } | Action::Rename { .. }) && is_log(op)
        };
        !self.trace.ops().iter().skip(self.opened()).any(named)
    }

    /// What the engine counted at the last deed before operation `at`.
    pub fn engine_at(&self, at: usize) -> Option<&Stats> {
        self.engine.iter().take_while(|(op, _)| *op <= at).last().map(|(_, stats)| stats)
    }

    /// The moment before operation `at`.
    pub fn moment(&self, at: usize, disk: LabDisk) -> CrashPoint {
        self.trace.crash_at_with_lies(at, &|number| self.is_ignored(number, disk))
    }

    /// Whether an operation is a sync that does nothing: a disk that lies does so once the database has
    /// been opened.
    pub fn is_ignored(&self, number: usize, disk: LabDisk) -> bool {
        number >= self.opened() && self.trace.ops().get(number).is_some_and(|op| disk.ignores(op))
    }

    /// Cuts the power before operation `at`, lets `fates` decide what survived, and recovers.
    pub fn crash(&self, at: usize, disk: LabDisk, fates: &[Fate]) -> Outcome {
        let point = self.moment(at, disk);
        let facts = point.facts().iter().map(ToString::to_string).collect();
        outcome::of_crash(self, at, facts, &point.image(fates))
    }
}

/// Opens the lab's database; everything that could be different another time is seeded.
pub(super) fn open(disk: &Arc<SimDisk>, create: bool) -> Result<Db> {
    Options::new().create(create).background(false).open_on(
        Arc::clone(disk) as _,
        Arc::new(SeededEntropy::new(SEED)),
        Arc::new(ManualClock::new()),
        Path::new(DATABASE),
    )
}

/// Runs a workload.
#[derive(Debug)]
pub struct RunWorkload(pub Script);

impl Job for RunWorkload {
    fn name(&self) -> String {
        "run the workload".to_owned()
    }

    fn run(self: Box<Self>, _: &mut Desk<'_>) -> std::result::Result<Data, String> {
        let experiment = Experiment::run(self.0).map_err(|error| error.to_string())?;
        Ok(Box::new(Arc::new(experiment)))
    }
}

/// Cuts the power once.
#[derive(Debug)]
pub struct CutPower {
    /// The run.
    pub experiment: Arc<Experiment>,
    /// Before which operation.
    pub at: usize,
    /// On which disk.
    pub disk: LabDisk,
    /// What survives; facts past its end are lost.
    pub fates: Vec<Fate>,
}

impl Job for CutPower {
    fn name(&self) -> String {
        "recover".to_owned()
    }

    fn run(self: Box<Self>, _: &mut Desk<'_>) -> std::result::Result<Data, String> {
        Ok(Box::new(self.experiment.crash(self.at, self.disk, &self.fates)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::lab::Verdict;

    fn run(number: usize) -> Experiment {
        let (_, script) = WORKLOADS[number];
        Experiment::run(script.parse().expect("a script")).expect("the workload runs")
    }

    #[test]
    fn every_moment_keeps_every_promise() {
        for (number, (what, _)) in WORKLOADS.iter().enumerate() {
            let experiment = run(number);
            assert!(experiment.acknowledged.len() >= 2, "{what}");
            for at in 0..=experiment.trace.len() {
                let facts = experiment.trace.crash_at(at).facts().len();
                let alternating: Vec<Fate> = (0..facts)
                    .map(|fact| if fact % 2 == 0 { Fate::Kept } else { Fate::Lost })
                    .collect();
                for fates in [vec![], vec![Fate::Kept; facts], alternating] {
                    let outcome = experiment.crash(at, LabDisk::Honest, &fates);
                    let why = (what, at, &outcome.story);
                    assert_ne!(outcome.verdict, Verdict::Broken, "{why:?}");
                    assert!(!outcome.decided.is_empty(), "some rule decided: {why:?}");
                }
            }
        }
    }

    #[test]
    fn a_disk_that_ignores_log_syncs_breaks_the_promise_and_no_row_is_wrong() {
        let experiment = run(0);
        let mut lost = 0;
        let mut refused = 0;
        for at in 0..=experiment.trace.len() {
            let outcome = experiment.crash(at, LabDisk::IgnoresLogSyncs, &[]);
            if outcome.verdict == Verdict::Broken {
                assert!(!outcome.story.contains("not with the rows"), "{at}: {}", outcome.story);
                match outcome.recovered {
                    Some(_) => lost += 1,
                    None => refused += 1,
                }
            }
        }
        assert!(lost > 0, "a commit is gone that was acknowledged");
        assert!(refused > 0, "a meta that is ahead of its log is refused");
    }

    #[test]
    fn what_is_lost_is_named_commit_by_commit() {
        for (script, wanted) in [
            ("later put a, sync", "txn 1 was acknowledged and is lost: txn 0 is there"),
            (
                "later put a, later put b, sync",
                "txn 1 and 2 were acknowledged and are lost: txn 0 is there",
            ),
            (WORKLOADS[3].1, "txn 1 to 3 were acknowledged and are lost: txn 0 is there"),
        ] {
            let script = script.parse().expect("a script");
            let experiment = Experiment::run(script).expect("the workload runs");
            let end = experiment.trace.len();
            assert_eq!(experiment.crash(end, LabDisk::IgnoresLogSyncs, &[]).story, wanted);
        }
    }

    /// What the lesson about the order of log and meta shows, and what it says of the way out.
    #[test]
    fn a_meta_ahead_of_its_log_is_refused_and_salvage_has_the_rows() {
        use northstar_engine::db::salvage_into;
        use northstar_engine::inspect::Source;
        let experiment = run(1);
        let disk = LabDisk::IgnoresLogSyncs;
        let meta_written = experiment.trace.len() - 2;
        let before = experiment.crash(meta_written, disk, &[]);
        assert_eq!((before.verdict, before.recovered), (Verdict::Kept, Some(TxnId::GENESIS)));
        assert_eq!(before.story, "no commit had been acknowledged, and none is there: txn 0");
        let after = experiment.crash(meta_written + 1, disk, &[]);
        assert_eq!((after.verdict, after.recovered), (Verdict::Broken, None));
        assert_eq!(after.story, "recovery refuses: the log is damaged at position 360");
        let said: Vec<String> =
            after.decided.iter().map(|it| format!("{} {}", it.rule, it.what)).collect();
        let wanted = [
            "META-11 meta A is chosen (txn 2, log from 360): A: sequence 2 is above 1",
            "LOG-6 meta A says the log reaches 360; no record ends there",
        ];
        assert_eq!(said, wanted);
        // Who refuses cuts nothing, whatever lies where the record should be.
        let noise = experiment.crash(meta_written + 1, disk, &[Fate::Noise(1); 2]);
        assert!(noise.recovered.is_none() && noise.decided_by("LOG-6"), "{noise:?}");
        assert!(!noise.decided_by("CRASH-15"), "{noise:?}");

        let image = experiment.moment(meta_written + 1, disk).image(&[]);
        let broken = Source::open_on(Arc::new(image.to_disk()), DATABASE).expect("a file");
        let target = open(&Arc::new(SimDisk::new()), true).expect("an empty database");
        salvage_into(&broken, &target, &mut |_, _| true).expect("salvage");
        assert_eq!(target.begin_read().expect("a read").iter().expect("rows").count(), 2);
    }

    #[test]
    fn the_lab_can_say_no() {
        // A promise that nobody kept: what was acknowledged cannot be there.
        let mut experiment = run(2);
        let end = experiment.trace.len();
        let promised = experiment.acknowledged_at(end).expect("something was promised");
        experiment.acknowledged.push((end, promised.next()));
        let outcome = experiment.crash(end, LabDisk::Honest, &[]);
        assert_eq!(outcome.verdict, Verdict::Broken, "{}", outcome.story);
    }
}
