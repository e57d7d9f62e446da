//! Runs a workload on a simulated disk beside a model, and remembers what was promised when.
//!
//! `models[t]` is the state after transaction t; the timeline knows at which operation each commit
//! was called and at which it was acknowledged as durable.

mod writing;

use crate::{
    between::Between,
    rows::{Rows, key, same_rows, value},
    timeline::Timeline,
    workload::{Step, Workload},
};
use northstar_engine::{
    Db, Durability, Error, Options, ReadTxn, TxnId,
    db::options::Tuning,
    disk::{Entropy, ManualClock, SeededEntropy, Storage},
    format::page::PageHeader,
    limits::PAGE_BYTES,
    sim::{Action, SimDisk, Trace},
};
use std::{
    collections::{BTreeMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
    sync::Arc,
};

/// Where the database is on every simulated disk.
pub const PATH: &str = "/db/app.ns";
/// And its active log.
pub const LOG: &str = "/db/app.ns.log";
/// Where step `B` puts its copy.
pub const COPY: &str = "/db/copy.ns";
/// The smallest cache: eviction and spills happen.
pub const CACHE_BYTES: usize = 1 << 20;

/// A workload that ran.
pub struct Run {
    pub workload: Workload,
    pub trace: Trace,
    pub timeline: Timeline,
    /// The operation at which each step began, and the end.
    pub step_starts: Vec<usize>,
}

/// A database on a simulated disk, its model, and its open snapshots.
pub struct Session {
    pub sim: SimDisk,
    storage: Arc<dyn Storage>,
    pub db: Option<Db>,
    pub timeline: Timeline,
    snapshots: VecDeque<(ReadTxn, Arc<Rows>)>,
    workload: Workload,
    entropy: Arc<SeededEntropy>,
    steps_done: u64,
    /// The last commit returned an error: it is in or out, which the next one tells.
    unsettled: bool,
    between: Arc<Between>,
}

/// How every test opens: no background thread, nothing random, a clock that stands.
pub fn options() -> Options {
    Options::new().background(false).cache_bytes(CACHE_BYTES)
}

/// Opens on a storage with given entropy; retention as stored.
pub fn open(storage: Arc<dyn Storage>, seed: u64) -> Result<Db, Error> {
    open_with(Tuning::default(), storage, seed)
}

/// The same with the sizes of a workload.
pub fn open_with(tuning: Tuning, storage: Arc<dyn Storage>, seed: u64) -> Result<Db, Error> {
    let entropy = Arc::new(SeededEntropy::new(seed));
    options().tuning(tuning).open_on(storage, entropy, Arc::new(ManualClock::new()), PATH)
}

/// Opens a backup, and changes nothing of it.
pub fn open_copy(storage: Arc<dyn Storage>) -> Result<Db, Error> {
    let entropy = Arc::new(SeededEntropy::new(1));
    options().read_only(true).open_on(storage, entropy, Arc::new(ManualClock::new()), COPY)
}

impl Session {
    /// Nothing opened yet; calls go through `storage`, which ends at `sim`.
    pub fn new(workload: &Workload, sim: SimDisk, storage: Arc<dyn Storage>) -> Self {
        Self::with_seed(workload, sim, storage, 7)
    }

    /// The same with another identity.
    pub fn with_seed(
        workload: &Workload,
        sim: SimDisk,
        storage: Arc<dyn Storage>,
        seed: u64,
    ) -> Self {
        Self {
            sim,
            storage,
            db: None,
            timeline: Timeline::new(),
            snapshots: VecDeque::new(),
            workload: workload.clone(),
            entropy: Arc::new(SeededEntropy::new(seed)),
            steps_done: 0,
            unsettled: false,
            between: Arc::default(),
        }
    }

    fn options(&self) -> Options {
        options().tuning(self.workload.tuning()).observer(Arc::clone(&self.between) as _)
    }

    /// Opens what is there, with other randomness.
    fn open(&mut self) -> Result<(), Error> {
        let entropy = Arc::new(SeededEntropy::new(self.entropy.next_u64()));
        let clock = Arc::new(ManualClock::new());
        let storage = Arc::clone(&self.storage);
        self.db = Some(self.options().open_on(storage, entropy, clock, PATH)?);
        Ok(())
    }

    /// Creates the database with the workload's retention.
    pub fn create(&mut self) -> Result<(), Error> {
        let db = self
            .options()
            .history(self.workload.history())
            .log_retention(self.workload.log_retention())
            .open_on(
                Arc::clone(&self.storage),
                Arc::clone(&self.entropy) as Arc<dyn Entropy>,
                Arc::new(ManualClock::new()),
                PATH,
            )?;
        self.db = Some(db);
        self.timeline.created = Some(self.sim.op_count());
        Ok(())
    }

    fn db(&self) -> &Db {
        self.db.as_ref().expect("the session is open")
    }

    /// What the next transaction starts from: the last state, that of a failed commit left out.
    fn model(&self) -> &Arc<Rows> {
        let back = if self.unsettled { 2 } else { 1 };
        &self.timeline.models[self.timeline.models.len() - back]
    }

    /// Says that everything committed so far is durable now.
    fn acknowledge(&mut self) {
        self.timeline.acked.push((self.sim.op_count(), self.timeline.last()));
    }

    /// Does one step. An error leaves the timeline right: a commit that failed counts as issued.
    pub fn step(&mut self, step: Step) -> Result<(), Error> {
        self.steps_done += 1;
        let salt = self.steps_done;
        let short = |n: u64| (key(n), value(salt, n, 20));
        let long = |n: u64| (key(n), value(salt, n, 4_000 + (salt * 7_919 + n) as usize % 40_000));
        match step.0 {
            'p' => self.put(vec![short(salt % 12)], Durability::Immediate),
            'e' => self.put(vec![short(salt % 12)], Durability::Eventual),
            'P' => self.put(vec![long(salt % 14)], Durability::Immediate),
            'E' => self.put(vec![long(salt % 14)], Durability::Eventual),
            'b' => self.put((0..5).map(|n| short(salt + n * 3)).collect(), Durability::Immediate),
            'f' => {
                let rows = (0..60).map(|n| (key(100 + salt * 17 + n), value(salt, n, 700)));
                self.put(rows.collect(), Durability::Immediate)
            }
            'G' => {
                let (count, bytes) = if self.workload.tiny { (12, 1_500) } else { (40, 40_000) };
                let rows = (0..count).map(|n| (key(500 + n), value(salt, n, bytes)));
                self.put(rows.collect(), Durability::Immediate)
            }
            'K' => self.checkpoint_inside(salt),
            'i' => self.checkpoint_with_commits(salt),
            'm' => {
                let target = self.nth_key(salt);
                let row = target.map_or_else(|| short(0), |key| (key, value(salt, 1, 900)));
                self.put(vec![row], Durability::Immediate)
            }
            'd' => self.delete(salt),
            'r' => self.delete_range(salt),
            'a' | 'A' => {
                let (count, bytes) = if step.0 == 'a' { (1, 5_000) } else { (8, 1_500) };
                let mut txn = self.db().begin_write()?;
                for n in 0..count {
                    txn.put(key(3 + n), value(salt, n, bytes))?;
                }
                txn.del(key(1))?;
                txn.abort();
                Ok(())
            }
            'z' => {
                let id = self.db().begin_write()?.commit()?;
                assert_eq!(id.get(), self.timeline.last(), "an empty commit takes no id");
                self.acknowledge();
                Ok(())
            }
            's' => {
                self.db().sync()?;
                self.acknowledge();
                Ok(())
            }
            'k' => {
                self.db().checkpoint()?;
                self.acknowledge();
                Ok(())
            }
            'o' => {
                let snapshot = self.db().begin_read()?;
                assert_eq!(
                    snapshot.txn_id().get(),
                    self.timeline.last(),
                    "begin_read sees the last commit"
                );
                let model = Arc::clone(self.model());
                self.snapshots.push_back((snapshot, model));
                Ok(())
            }
            'c' => match self.snapshots.pop_front() {
                Some((snapshot, model)) => same_rows(&snapshot, &model)
                    .map_err(|what| panic!("open snapshot {}: {what}", snapshot.txn_id())),
                None => Ok(()),
            },
            'x' => self.reopen(),
            'q' => {
                let before = self.timeline.last();
                self.die_and_reopen()?;
                assert_eq!(self.timeline.last(), before, "what was written survives a kill");
                Ok(())
            }
            'C' => self.compact(),
            'B' => self.backup(),
            'v' => {
                let report = self.db().verify()?;
                assert!(report.problems.is_empty(), "verify: {:?}", report.problems);
                Ok(())
            }
            other => panic!("unknown step {other:?}"),
        }
    }

    /// The key that `salt` lands on, if there are rows.
    fn nth_key(&self, salt: u64) -> Option<Vec<u8>> {
        let rows = self.model();
        let at = (salt * 31) as usize % rows.len().max(1);
        rows.keys().nth(at).cloned()
    }

    fn reopen(&mut self) -> Result<(), Error> {
        self.snapshots.clear();
        if let Some(db) = self.db.take() {
            db.close()?;
            self.acknowledge();
        }
        self.open()?;
        let id = self.db().begin_read()?.txn_id().get();
        assert_eq!(id, self.timeline.last(), "reopening after close loses nothing");
        Ok(())
    }

    /// The process dies, the machine goes on: everything written is seen again. What the new process
    /// shows, it must have made durable.
    pub fn die_and_reopen(&mut self) -> Result<(), Error> {
        self.sim.power_off();
        self.snapshots.clear();
        self.db = None;
        self.sim.power_on();
        self.open()?;
        let id = self.db().begin_read()?.txn_id().get();
        let (acked, _) = self.timeline.bounds(usize::MAX);
        assert!(
            (acked..=self.timeline.last()).contains(&id),
            "after a kill {id} is shown, {acked} was acknowledged, {} called",
            self.timeline.last()
        );
        // A commit that failed may be in or out; from now on that is settled.
        self.timeline.models.truncate(id as usize + 1);
        self.timeline.issued.truncate(id as usize + 1);
        self.unsettled = false;
        self.acknowledge();
        Ok(())
    }

    fn compact(&mut self) -> Result<(), Error> {
        let before = self.sim.op_count();
        let result = catch_unwind(AssertUnwindSafe(|| self.db().compact()));
        // Relocations are commits of their own that change no content. The one that an error or a
        // panic hit may be in or out.
        let latest = self.db().begin_read()?.txn_id().get();
        let failed = !matches!(result, Ok(Ok(_)));
        let model = Arc::clone(self.model());
        self.unsettled |= failed;
        while self.timeline.last() < latest + u64::from(self.unsettled) {
            self.timeline.issued.push(before);
            self.timeline.models.push(Arc::clone(&model));
        }
        match result {
            Ok(result) => result.map(drop),
            Err(panic) => resume_unwind(panic),
        }
    }

    /// The copy holds the newest durable state; an older copy makes way first.
    fn backup(&mut self) -> Result<(), Error> {
        if self.storage.exists(Path::new(COPY))? {
            self.storage.unlink(Path::new(COPY))?;
            self.storage.sync_dir(Path::new("/db"))?;
        }
        self.db().backup(COPY)?;
        self.acknowledge();
        // The disk below: faults are for the database.
        let copy = open_copy(Arc::new(self.sim.clone()))?;
        let read = copy.begin_read()?;
        let last = self.timeline.last() - u64::from(self.unsettled);
        assert_eq!(read.txn_id().get(), last, "the state of a backup");
        same_rows(&read, self.model()).unwrap_or_else(|what| panic!("backup: {what}"));
        Ok(())
    }

    /// The latest state is the model's.
    pub fn check_latest(&self) -> Result<(), String> {
        let snapshot = self.db().begin_read().map_err(|error| error.to_string())?;
        let id = snapshot.txn_id().get();
        let expected = self.timeline.last() - u64::from(self.unsettled);
        if id != expected {
            return Err(format!("the latest state is {id}, not {expected}"));
        }
        same_rows(&snapshot, self.model())
    }

    /// Leaves as a process does that is killed: no close, no checkpoint.
    pub fn kill(mut self) -> (Trace, Timeline) {
        let trace = self.sim.trace();
        self.sim.power_off();
        self.snapshots.clear();
        self.db = None;
        (trace, self.timeline)
    }
}

/// Runs a workload on a healthy disk. What goes wrong there is a bug in itself.
pub fn run(workload: &Workload) -> Run {
    let sim = SimDisk::new().with_sector_bytes(workload.sector_bytes());
    let mut session = Session::new(workload, sim.clone(), Arc::new(sim.clone()));
    session.create().unwrap_or_else(|error| panic!("{workload}: create: {error}"));
    let mut step_starts = Vec::new();
    for (index, step) in workload.steps.iter().enumerate() {
        step_starts.push(sim.op_count());
        sim.mark(format!("step {index} {}", step.0));
        let done = session.step(*step);
        done.unwrap_or_else(|error| panic!("{workload}: step {index} {}: {error}", step.0));
    }
    step_starts.push(sim.op_count());
    session.check_latest().unwrap_or_else(|what| panic!("{workload}: at the end: {what}"));
    let (trace, timeline) = session.kill();
    one_content_a_pointer(&trace).unwrap_or_else(|what| panic!("{workload}: {what}"));
    Run { workload: workload.clone(), trace, timeline, step_starts }
}

/// Rules 8 and 9: what a pointer names never changes, so that a stale page is found out by it. A page is
/// written again only with the same bytes, or with another birth or nonce.
fn one_content_a_pointer(trace: &Trace) -> Result<(), String> {
    const PAGE: u64 = PAGE_BYTES as u64;
    let mut written: BTreeMap<(u64, TxnId, u32), &[u8]> = BTreeMap::new();
    for op in trace.ops().iter().filter(|op| *op.path == *Path::new(PATH)) {
        let Action::Write { offset, bytes, .. } = &op.action else { continue };
        if *offset < 2 * PAGE {
            continue; // A meta slot: its sequence tells.
        }
        for (id, page) in (offset / PAGE..).zip(bytes.chunks(PAGE_BYTES)) {
            let Some(header) = PageHeader::decode(page) else { continue };
            let before = written.insert((id, header.birth, header.nonce), page);
            if before.is_some_and(|before| before != page) {
                return Err(format!("page {id}: two contents under one pointer"));
            }
        }
    }
    Ok(())
}
