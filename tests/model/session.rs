//! One program being run: the engine on one side, a map a state on the other.

mod beside;
mod checks;
mod history;
mod writing;

use crate::program::{Chance, Shape, Step};
use crate::reading::{self, Rows};
use northstar_engine::{
    Db, Durability, Error, Follow, History, Options, ReadTxn,
    db::options::Tuning,
    disk::{ManualClock, MemoryStorage, SeededEntropy},
    log::LogConfig,
};
use std::{collections::VecDeque, sync::Arc};

/// Most snapshots open at once.
const SNAPSHOTS_MAX: usize = 6;

pub struct Session<'a> {
    pub shape: &'a Shape,
    seed: u64,
    step: u64,
    pub chance: Chance,
    storage: MemoryStorage,
    entropy: Arc<SeededEntropy>,
    db: Option<Db>,
    /// One map a state, from genesis on; shared, because most states differ little.
    pub states: Vec<Arc<Rows>>,
    snapshots: VecDeque<(ReadTxn, Arc<Rows>)>,
    /// A handle that only reads, opened beside the writer, and the state it sees.
    beside: Option<(Db, u64)>,
    /// The state whose commit is the next one it gives.
    pub follow: Option<(Follow, u64)>,
    /// Past states the history was told to keep, and how many of them there are at least.
    history: History,
    kept: u64,
    cache_bytes: usize,
    operations: u64,
}

impl<'a> Session<'a> {
    /// Runs the program of `seed`; how many operations it did.
    pub fn run(shape: &'a Shape, seed: u64) -> u64 {
        let mut session = Self {
            shape,
            seed,
            step: 0,
            chance: Chance::new(seed),
            storage: MemoryStorage::new(),
            entropy: Arc::new(SeededEntropy::new(seed)),
            db: None,
            states: vec![Arc::default()],
            snapshots: VecDeque::new(),
            beside: None,
            follow: None,
            history: shape.history,
            kept: 0,
            cache_bytes: shape.cache_bytes,
            operations: 0,
        };
        session.open(Some(shape.history));
        for _ in 0..shape.steps {
            session.step += 1;
            let step = Step::draw(&mut session.chance);
            session.act(step);
        }
        session.check_all();
        session.operations
    }

    pub fn place(&self) -> String {
        format!("{} seed {} step {}", self.shape.name, self.seed, self.step)
    }

    fn options(&self) -> Options {
        let shape = self.shape;
        Options::new().background(false).cache_bytes(self.cache_bytes).tuning(Tuning {
            cells_max: shape.cells_max,
            log: LogConfig {
                segment_bytes_min: shape.segment_bytes,
                segment_bytes_max: shape.segment_bytes * 8,
                prepare_bytes: shape.segment_bytes,
                ..LogConfig::default()
            },
            ..Tuning::default()
        })
    }

    fn open_with(&self, options: Options, path: &str) -> Result<Db, Error> {
        options.open_on(
            Arc::new(self.storage.clone()),
            Arc::clone(&self.entropy) as _,
            Arc::new(ManualClock::new()),
            path,
        )
    }

    /// Opens for writing. Without a history the file's own setting holds.
    fn open(&mut self, history: Option<History>) {
        let mut options = self.options();
        if self.step == 0 {
            options = options.log_retention(self.shape.log_retention);
        }
        if let Some(history) = history {
            options = options.history(history);
            self.history = history;
            self.kept = self.kept.min(limit(history));
        }
        let opened = self.open_with(options, "/d/model.ns");
        self.db = Some(opened.unwrap_or_else(|error| panic!("{}: open: {error}", self.place())));
        self.check_latest();
    }

    /// A commit made a state.
    fn push(&mut self, rows: Arc<Rows>) {
        self.states.push(rows);
        self.kept = (self.kept + 1).min(limit(self.history));
    }

    pub fn db(&self) -> &Db {
        self.db.as_ref().expect("open between steps")
    }

    fn latest(&self) -> &Arc<Rows> {
        self.states.last().expect("genesis")
    }

    pub fn latest_id(&self) -> u64 {
        self.states.len() as u64 - 1
    }

    fn act(&mut self, step: Step) {
        match step {
            Step::Commit => self.write(Some(Durability::Immediate)),
            Step::CommitEventual => self.write(Some(Durability::Eventual)),
            Step::Abort => self.write(None),
            Step::EmptyCommit => {
                let id = self.db().begin_write().unwrap().commit().unwrap();
                assert_eq!(id.get(), self.latest_id(), "{}: empty commit", self.place());
            }
            Step::BeginSnapshot => {
                if self.snapshots.len() < SNAPSHOTS_MAX {
                    let snapshot = self.db().begin_read().unwrap();
                    assert_eq!(snapshot.txn_id().get(), self.latest_id(), "{}", self.place());
                    self.snapshots.push_back((snapshot, Arc::clone(self.latest())));
                }
            }
            Step::EndSnapshot => {
                if let Some((snapshot, rows)) = self.snapshots.pop_front() {
                    self.check(&snapshot, &rows);
                }
            }
            Step::CheckSnapshots => {
                for (snapshot, rows) in &self.snapshots {
                    self.check(&snapshot.clone(), rows);
                }
            }
            Step::BeginPast => self.begin_past(),
            Step::Sync => self.db().sync().unwrap(),
            Step::Checkpoint => self.db().checkpoint().unwrap(),
            Step::CheckpointBesideWriter => self.checkpoint_beside_writer(),
            Step::Reopen => {
                self.close();
                self.open(None);
            }
            Step::OtherOptions => self.reopen_with_other_options(),
            Step::Drop => {
                let mut w = self.db().begin_write().unwrap();
                w.put(b"lost", b"with its transaction").unwrap();
                self.snapshots.clear();
                self.follow = None;
                self.db = None;
                drop(w);
                self.open(None);
            }
            Step::Compact => {
                self.db().compact().unwrap_or_else(|e| panic!("{}: compact: {e}", self.place()));
                let id = self.db().begin_read().unwrap().txn_id().get();
                while self.latest_id() < id {
                    // Not through `push`: relocations do not count in the history.
                    self.states.push(Arc::clone(self.latest()));
                }
                self.check_latest();
            }
            Step::Verify => self.verify(self.db()),
            Step::Diff => self.diff(),
            Step::Backup => self.backup(),
            Step::Read => self.read(),
            Step::Stream => self.check_stretch(),
            Step::Follow => self.follow(),
            Step::History => self.check_history(),
            Step::BesideOpen => self.open_beside(),
            Step::BesideClose => self.close_beside(),
            Step::Refused => self.try_what_is_refused(),
        }
    }

    fn close(&mut self) {
        self.snapshots.clear();
        self.follow = None;
        let db = self.db.take().expect("open between steps");
        db.close().unwrap_or_else(|error| panic!("{}: close: {error}", self.place()));
    }

    /// Another history and another cache. A smaller window lets go at once, a larger one grows again.
    fn reopen_with_other_options(&mut self) {
        self.close();
        self.cache_bytes = [self.shape.cache_bytes, 0, 8 << 20][self.chance.below(3) as usize];
        let history = match self.shape.history {
            History::All => History::All,
            History::Last(n) => History::Last(self.chance.below(2 * n + 2)),
        };
        self.open(Some(history));
    }

    /// Reads the latest state, or an old one, in every way.
    fn read(&mut self) {
        let (snapshot, rows) = match self.snapshots.back() {
            Some((snapshot, rows)) if self.chance.below(2) == 0 => {
                (snapshot.clone(), Arc::clone(rows))
            }
            _ => (self.db().begin_read().unwrap(), Arc::clone(self.latest())),
        };
        let place = self.place();
        for _ in 0..4 {
            reading::check(&snapshot, &rows, self.shape, &mut self.chance, &place);
        }
    }
}

/// How many past states that is.
fn limit(history: History) -> u64 {
    match history {
        History::Last(n) => n,
        History::All => u64::MAX,
    }
}
