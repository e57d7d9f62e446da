//! The Crash Lab's experiments: the real engine on a simulated disk, and the power cut at any moment.
//!
//! A workload runs once and leaves a trace of every disk operation. For an instant and a choice of
//! what survived, the disk as it then is gets opened by the real recovery, and what comes out is held
//! against what had been acknowledged. Everything is seeded: the same case is the same case again.

use crate::job::{Data, Desk, Job};
use northstar_engine::disk::Entropy;
use northstar_engine::disk::clock::ManualClock;
use northstar_engine::disk::entropy::SeededEntropy;
use northstar_engine::inspect::{self, Source};
use northstar_engine::sim::{Fate, SimDisk, Trace};
use northstar_engine::{Db, Durability, Options, Result, TxnId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

const DATABASE: &str = "/lab.ns";
const SEED: u64 = 7;
/// Random crashes between two reports.
const ROUND: u64 = 25;

/// Rows of a state.
type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// What the engine is made to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Workload {
    /// Two durable commits, a checkpoint, a third commit.
    #[default]
    Checkpoint,
    /// Four durable commits, nothing else.
    Commits,
    /// Eventual commits, which one sync makes durable together.
    Eventual,
}

impl Workload {
    /// The workload after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Checkpoint => Self::Commits,
            Self::Commits => Self::Eventual,
            Self::Eventual => Self::Checkpoint,
        }
    }

    /// What it does, in a few words.
    pub const fn what(self) -> &'static str {
        match self {
            Self::Checkpoint => "two commits, a checkpoint, one more commit",
            Self::Commits => "four durable commits",
            Self::Eventual => "three eventual commits and one sync",
        }
    }
}

/// A workload that ran.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// Which.
    pub workload: Workload,
    /// Every disk operation it made.
    pub trace: Trace,
    /// What was acknowledged as durable: the operation count at that time, and the state.
    pub acknowledged: Vec<(usize, TxnId)>,
    /// The rows of each state.
    states: BTreeMap<TxnId, Rows>,
}

impl Experiment {
    /// Runs a workload on a new simulated disk.
    ///
    /// # Errors
    /// The engine failed, which it should not.
    pub fn run(workload: Workload) -> Result<Self> {
        let disk = Arc::new(SimDisk::new());
        disk.mark("the database is created");
        let db = open(&disk, true)?;
        let mut run = Runner {
            disk,
            rows: Rows::new(),
            states: BTreeMap::from([(TxnId::GENESIS, Rows::new())]),
            acknowledged: Vec::new(),
        };
        run.acknowledge(TxnId::GENESIS, "open returned");
        match workload {
            Workload::Checkpoint => {
                run.commit(&db, "apple", Durability::Immediate)?;
                run.commit(&db, "banana", Durability::Immediate)?;
                run.disk.mark("a checkpoint");
                db.checkpoint()?;
                run.disk.mark("checkpoint returned");
                run.commit(&db, "cherry", Durability::Immediate)?;
            }
            Workload::Commits => {
                for fruit in ["apple", "banana", "cherry", "date"] {
                    run.commit(&db, fruit, Durability::Immediate)?;
                }
            }
            Workload::Eventual => {
                let mut last = TxnId::GENESIS;
                for fruit in ["apple", "banana", "cherry"] {
                    last = run.commit(&db, fruit, Durability::Eventual)?;
                }
                run.disk.mark("sync");
                db.sync()?;
                run.acknowledge(last, "sync returned: everything so far is durable");
            }
        }
        let trace = run.disk.trace();
        Ok(Self { workload, trace, acknowledged: run.acknowledged, states: run.states })
    }

    /// The newest state acknowledged before operation `at`.
    pub fn acknowledged_at(&self, at: usize) -> Option<TxnId> {
        self.acknowledged.iter().take_while(|(op, _)| *op <= at).last().map(|(_, txn)| *txn)
    }

    /// Cuts the power before operation `at`, lets `fates` decide what survived, and recovers.
    pub fn crash(&self, at: usize, fates: &[Fate]) -> Outcome {
        let point = self.trace.crash_at(at);
        let image = point.image(fates);
        let acknowledged = self.acknowledged_at(at);
        let mut outcome = Outcome {
            at,
            facts: point.facts().iter().map(ToString::to_string).collect(),
            acknowledged,
            chosen: String::new(),
            reason: String::new(),
            checkpoint: None,
            recovered: None,
            verdict: Verdict::Kept,
            story: String::new(),
        };
        if image.len_of(DATABASE).is_none() {
            outcome.chosen = "there is no database file yet".to_owned();
            let lost = acknowledged.is_some();
            outcome.verdict = if lost { Verdict::Broken } else { Verdict::NothingYet };
            outcome.story = match lost {
                true => "open had returned, and the file is gone".to_owned(),
                false => "open had not returned: nobody was promised anything".to_owned(),
            };
            return outcome;
        }
        let disk = Arc::new(image.to_disk());
        self.judge_metas(&disk, &mut outcome);
        match recover(&disk) {
            Ok((txn, rows)) => self.compare(txn, &rows, &mut outcome),
            Err(error) => {
                outcome.story = format!("recovery refuses: {error}");
                let promised = acknowledged.is_some();
                outcome.verdict = if promised { Verdict::Broken } else { Verdict::NothingYet };
            }
        }
        outcome
    }

    fn judge_metas(&self, disk: &Arc<SimDisk>, outcome: &mut Outcome) {
        let storage: Arc<dyn northstar_engine::disk::Storage> = Arc::clone(disk) as _;
        match Source::open_on(storage, DATABASE) {
            Ok(source) => {
                let judgement = inspect::metas(&source);
                outcome.checkpoint = judgement.meta().map(|meta| meta.txn_id);
                outcome.chosen = match (judgement.chosen, judgement.meta()) {
                    (Some(slot), Some(meta)) => {
                        format!("meta {} (txn {})", slot.name(), meta.txn_id)
                    }
                    _ => "no valid meta".to_owned(),
                };
                outcome.reason = judgement.reason;
            }
            Err(error) => outcome.chosen = error.to_string(),
        }
    }

    fn compare(&self, txn: TxnId, rows: &Rows, outcome: &mut Outcome) {
        outcome.recovered = Some(txn);
        let whole = self.states.get(&txn) == Some(rows);
        let promised = outcome.acknowledged.unwrap_or(TxnId::GENESIS);
        (outcome.verdict, outcome.story) = if !whole {
            (Verdict::Broken, format!("txn {txn} is there, but not with the rows it had"))
        } else if txn < promised {
            (Verdict::Broken, format!("txn {promised} was acknowledged and is lost"))
        } else if txn > promised {
            let more = format!("txn {txn} had not been acknowledged yet, but is there, whole");
            (Verdict::Kept, more)
        } else {
            (Verdict::Kept, format!("exactly what was acknowledged is there: txn {txn}"))
        };
    }
}

/// What came of a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The operation before which the power went.
    pub at: usize,
    /// What was undecided then.
    pub facts: Vec<String>,
    /// The newest state somebody was promised.
    pub acknowledged: Option<TxnId>,
    /// The meta recovery started from.
    pub chosen: String,
    /// Why.
    pub reason: String,
    /// The state of that meta.
    pub checkpoint: Option<TxnId>,
    /// The state recovery arrived at.
    pub recovered: Option<TxnId>,
    /// Whether the promise was kept.
    pub verdict: Verdict,
    /// In a sentence.
    pub story: String,
}

/// Whether a promise was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything acknowledged is there, and nothing is half there.
    Kept,
    /// Nothing had been promised.
    NothingYet,
    /// An acknowledged commit is lost, or a state is not what it was.
    Broken,
}

fn open(disk: &Arc<SimDisk>, create: bool) -> Result<Db> {
    Options::new().create(create).background(false).open_on(
        Arc::clone(disk) as _,
        Arc::new(SeededEntropy::new(SEED)),
        Arc::new(ManualClock::new()),
        Path::new(DATABASE),
    )
}

fn recover(disk: &Arc<SimDisk>) -> Result<(TxnId, Rows)> {
    let db = open(disk, false)?;
    let read = db.begin_read()?;
    let mut rows = Rows::new();
    for row in read.iter()? {
        let (key, value) = row?;
        rows.insert(key.to_vec(), value.to_vec());
    }
    Ok((read.txn_id(), rows))
}

struct Runner {
    disk: Arc<SimDisk>,
    rows: Rows,
    states: BTreeMap<TxnId, Rows>,
    acknowledged: Vec<(usize, TxnId)>,
}

impl Runner {
    fn commit(&mut self, db: &Db, fruit: &str, durability: Durability) -> Result<TxnId> {
        self.disk.mark(format!("commit: put {fruit}"));
        let mut write = db.begin_write()?;
        write.put(fruit, "fresh")?;
        let txn = write.commit_with(durability)?;
        self.rows.insert(fruit.as_bytes().to_vec(), b"fresh".to_vec());
        self.states.insert(txn, self.rows.clone());
        match durability {
            Durability::Immediate => self.acknowledge(txn, "commit returned: durable"),
            Durability::Eventual => {
                self.disk.mark(format!("commit of txn {txn} returned: durable later"));
            }
        }
        Ok(txn)
    }

    fn acknowledge(&mut self, txn: TxnId, what: &str) {
        let at = self.disk.mark(format!("{what} (txn {txn})"));
        self.acknowledged.push((at + 1, txn));
    }
}

/// Runs a workload.
#[derive(Debug)]
pub struct RunWorkload(pub Workload);

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
    /// What survives; facts past its end are lost.
    pub fates: Vec<Fate>,
}

impl Job for CutPower {
    fn name(&self) -> String {
        "recover".to_owned()
    }

    fn run(self: Box<Self>, _: &mut Desk<'_>) -> std::result::Result<Data, String> {
        Ok(Box::new(self.experiment.crash(self.at, &self.fates)))
    }
}

/// Random crashes so far.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Crashes tried.
    pub tried: u64,
    /// Of them, those in which nothing had been promised yet.
    pub nothing_yet: u64,
    /// The first case that broke a promise.
    pub broken: Option<(usize, Vec<Fate>)>,
}

/// Cuts the power at random moments, with random sectors surviving, until it is stopped.
#[derive(Debug)]
pub struct CrashAtRandom {
    /// The run.
    pub experiment: Arc<Experiment>,
    /// What chance starts from.
    pub seed: u64,
    /// How many to try.
    pub limit: u64,
}

impl Job for CrashAtRandom {
    fn name(&self) -> String {
        "crash at random".to_owned()
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> std::result::Result<Data, String> {
        let chance = SeededEntropy::new(self.seed);
        let mut tally = Tally::default();
        let moments = self.experiment.trace.len() as u64 + 1;
        while tally.tried < self.limit && desk.progress(tally.tried, self.limit) {
            let at = usize::try_from(chance.below(moments)).unwrap_or(0);
            let facts = self.experiment.trace.crash_at(at).facts().len();
            let fates: Vec<Fate> = (0..facts).map(|_| random_fate(&chance)).collect();
            let outcome = self.experiment.crash(at, &fates);
            tally.tried += 1;
            match outcome.verdict {
                Verdict::Kept => {}
                Verdict::NothingYet => tally.nothing_yet += 1,
                Verdict::Broken => {
                    tally.broken = Some((at, fates));
                    break;
                }
            }
            if tally.tried.is_multiple_of(ROUND) {
                desk.part(Box::new(tally.clone()));
            }
        }
        Ok(Box::new(tally))
    }
}

fn random_fate(chance: &SeededEntropy) -> Fate {
    match chance.below(5) {
        0 | 1 => Fate::Kept,
        2 => Fate::Lost,
        3 => Fate::Zeros,
        _ => Fate::Noise(chance.next_u64()),
    }
}

/// A case in a file: enough to crash the same way again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// The workload.
    pub workload: Workload,
    /// Before which operation the power goes.
    pub at: usize,
    /// What survives: `kept`, `lost`, `zeros`, `ones`, `noise N`, `foreign`.
    pub fates: Vec<String>,
}

impl Case {
    /// The case of an instant and its fates.
    pub fn new(workload: Workload, at: usize, fates: &[Fate]) -> Self {
        Self { workload, at, fates: fates.iter().map(|fate| fate_name(*fate)).collect() }
    }

    /// Its fates; `None` when a name is none of them.
    pub fn fates(&self) -> Option<Vec<Fate>> {
        self.fates.iter().map(|name| fate_of(name)).collect()
    }
}

/// A fate in a word.
pub fn fate_name(fate: Fate) -> String {
    match fate {
        Fate::Kept => "kept".to_owned(),
        Fate::Lost => "lost".to_owned(),
        Fate::Zeros => "zeros".to_owned(),
        Fate::Ones => "ones".to_owned(),
        Fate::Noise(seed) => format!("noise {seed}"),
        Fate::Foreign => "foreign".to_owned(),
    }
}

fn fate_of(name: &str) -> Option<Fate> {
    Some(match name {
        "kept" => Fate::Kept,
        "lost" => Fate::Lost,
        "zeros" => Fate::Zeros,
        "ones" => Fate::Ones,
        "foreign" => Fate::Foreign,
        name => Fate::Noise(name.strip_prefix("noise ")?.parse().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Workload; 3] = [Workload::Checkpoint, Workload::Commits, Workload::Eventual];

    #[test]
    fn every_moment_keeps_every_promise() {
        for workload in ALL {
            let experiment = Experiment::run(workload).expect("the workload runs");
            assert!(experiment.acknowledged.len() >= 2, "{workload:?}");
            for at in 0..=experiment.trace.len() {
                let facts = experiment.trace.crash_at(at).facts().len();
                let alternating: Vec<Fate> = (0..facts)
                    .map(|fact| if fact % 2 == 0 { Fate::Kept } else { Fate::Lost })
                    .collect();
                for fates in [vec![], vec![Fate::Kept; facts], alternating] {
                    let outcome = experiment.crash(at, &fates);
                    let why = (workload, at, &outcome.story);
                    assert_ne!(outcome.verdict, Verdict::Broken, "{why:?}");
                }
            }
        }
    }

    #[test]
    fn a_disk_that_forgets_a_synced_sector_is_found_out() {
        // The lab must be able to say no: with the first half of the log's records gone after the end,
        // what was acknowledged cannot be there.
        let mut experiment = Experiment::run(Workload::Commits).expect("the workload runs");
        let end = experiment.trace.len();
        let promised = experiment.acknowledged_at(end).expect("something was promised");
        let beyond = promised.next();
        experiment.acknowledged.push((end, beyond));
        let outcome = experiment.crash(end, &[]);
        assert_eq!(outcome.verdict, Verdict::Broken, "{}", outcome.story);
    }

    #[test]
    fn a_case_reads_back_and_is_the_same_again() {
        let experiment = Experiment::run(Workload::Checkpoint).expect("the workload runs");
        let at = experiment.trace.len() / 2;
        let fates = [Fate::Kept, Fate::Noise(9), Fate::Zeros, Fate::Lost];
        let case = Case::new(Workload::Checkpoint, at, &fates);
        let text = serde_json::to_string(&case).expect("JSON");
        let read: Case = serde_json::from_str(&text).expect("the same case");
        assert_eq!(read, case);
        assert_eq!(read.fates().as_deref(), Some(&fates[..]));
        let again = Experiment::run(read.workload).expect("the workload runs");
        assert_eq!(again.crash(read.at, &fates), experiment.crash(at, &fates));
    }
}
