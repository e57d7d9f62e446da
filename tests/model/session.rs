//! One program being run: the engine on one side, a map a state on the other.

use crate::program::{Chance, Shape, Step};
use northstar_engine::{
    Change, Db, Durability, History, Options, ReadTxn, TxnId, WriteTxn,
    db::options::Tuning,
    disk::{ManualClock, MemoryStorage, SeededEntropy},
    log::LogConfig,
};
use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
    sync::Arc,
};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// Most snapshots open at once.
const SNAPSHOTS_MAX: usize = 6;
/// Rows of a state that are compared in full; larger ones by samples.
const FULL_ROWS_MAX: usize = 3000;

pub struct Session<'a> {
    shape: &'a Shape,
    seed: u64,
    step: u64,
    chance: Chance,
    storage: MemoryStorage,
    entropy: Arc<SeededEntropy>,
    db: Option<Db>,
    /// One map a state, from genesis on; shared, because most states differ little.
    states: Vec<Arc<Rows>>,
    snapshots: VecDeque<(ReadTxn, Arc<Rows>)>,
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
            operations: 0,
        };
        session.open();
        for _ in 0..shape.steps {
            session.step += 1;
            let step = Step::draw(&mut session.chance);
            session.act(step);
        }
        session.check_all();
        session.operations
    }

    fn place(&self) -> String {
        format!("{} seed {} step {}", self.shape.name, self.seed, self.step)
    }

    fn open(&mut self) {
        let shape = self.shape;
        let options = Options::new()
            .background(false)
            .cache_bytes(shape.cache_bytes)
            .history(shape.history)
            .log_retention(shape.log_retention)
            .tuning(Tuning {
                cells_max: shape.cells_max,
                log: LogConfig {
                    segment_bytes_min: shape.segment_bytes,
                    segment_bytes_max: shape.segment_bytes * 8,
                    prepare_bytes: shape.segment_bytes,
                    ..LogConfig::default()
                },
                ..Tuning::default()
            });
        let opened = options.open_on(
            Arc::new(self.storage.clone()),
            Arc::clone(&self.entropy) as _,
            Arc::new(ManualClock::new()),
            "/d/model.ns",
        );
        self.db = Some(opened.unwrap_or_else(|error| panic!("{}: open: {error}", self.place())));
        self.check_latest();
    }

    fn db(&self) -> &Db {
        self.db.as_ref().expect("open between steps")
    }

    fn latest(&self) -> &Arc<Rows> {
        self.states.last().expect("genesis")
    }

    fn latest_id(&self) -> u64 {
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
                self.snapshots.clear();
                let db = self.db.take().expect("open between steps");
                db.close().unwrap_or_else(|error| panic!("{}: close: {error}", self.place()));
                self.open();
            }
            Step::Drop => {
                let mut w = self.db().begin_write().unwrap();
                w.put(b"lost", b"with its transaction").unwrap();
                self.snapshots.clear();
                self.db = None;
                drop(w);
                self.open();
            }
            Step::Compact => {
                self.db().compact().unwrap_or_else(|e| panic!("{}: compact: {e}", self.place()));
                let id = self.db().begin_read().unwrap().txn_id().get();
                while self.latest_id() < id {
                    self.states.push(Arc::clone(self.latest()));
                }
                self.check_latest();
            }
            Step::Verify => self.verify(self.db()),
            Step::Diff => self.diff(),
            Step::Backup => self.backup(),
        }
    }

    /// One write transaction; `None` gives it up.
    fn write(&mut self, durability: Option<Durability>) {
        let place = self.place();
        let mut w = self.db().begin_write().unwrap();
        let mut rows = Rows::clone(self.latest());
        let changed = self.change(&mut w, &mut rows);
        match durability {
            Some(durability) => {
                let id = w.commit_with(durability).unwrap_or_else(|e| panic!("{place}: {e}"));
                if changed {
                    self.states.push(Arc::new(rows));
                }
                assert_eq!(id.get(), self.latest_id(), "{place}: ids rise by one");
            }
            None => w.abort(),
        }
        self.check_latest();
    }

    /// Operations on both sides; whether there were any.
    fn change(&mut self, w: &mut WriteTxn, rows: &mut Rows) -> bool {
        let place = self.place();
        let operations = 1 + self.chance.below(self.shape.batch_max);
        // Sorted keys now and then: appending and bulk loading have paths of their own.
        let ascending = self.chance.below(4) == 0;
        let mut keys: Vec<Vec<u8>> = (0..operations).map(|_| self.chance.key(self.shape)).collect();
        if ascending {
            keys.sort();
        }
        let mut changed = false;
        for key in keys {
            self.operations += 1;
            match self.chance.below(100) {
                0..=69 => {
                    let value = self.chance.value(self.shape);
                    w.put(&key, &value).unwrap_or_else(|e| panic!("{place}: put: {e}"));
                    rows.insert(key, value);
                    changed = true;
                }
                70..=92 => {
                    let was_there = w.del(&key).unwrap_or_else(|e| panic!("{place}: del: {e}"));
                    assert_eq!(was_there, rows.remove(&key).is_some(), "{place}: del {key:?}");
                    changed |= was_there;
                }
                93..=95 => {
                    let found = w.get(&key).unwrap();
                    assert_eq!(found.as_deref(), rows.get(&key).map(Vec::as_slice), "{place}");
                }
                96 => changed |= self.delete_range(w, rows, key),
                97 => {
                    let popped = w.pop_first().unwrap();
                    assert_eq!(popped, rows.pop_first(), "{place}: pop_first");
                    changed |= popped.is_some();
                }
                98 => {
                    let popped = w.pop_last().unwrap();
                    assert_eq!(popped, rows.pop_last(), "{place}: pop_last");
                    changed |= popped.is_some();
                }
                _ if operations < 200 => changed |= Self::retain(w, rows, &key, &place),
                _ => {}
            }
            assert_eq!(w.len(), rows.len() as u64, "{place}: len");
        }
        changed
    }

    fn delete_range(&mut self, w: &mut WriteTxn, rows: &mut Rows, start: Vec<u8>) -> bool {
        // Mostly short ranges: a program that empties its tree all the time tests little.
        let end = if self.chance.below(12) == 0 {
            self.chance.key(self.shape)
        } else {
            let behind = rows.range(start.clone()..).nth(self.chance.below(30) as usize);
            behind.map_or_else(|| start.clone(), |(key, _)| key.clone())
        };
        let (start, end) = if start <= end { (start, end) } else { (end, start) };
        let bounds = match self.chance.below(3) {
            0 => (Bound::Included(start), Bound::Excluded(end)),
            1 => (Bound::Included(start), Bound::Included(end)),
            _ if start < end => (Bound::Excluded(start), Bound::Included(end)),
            _ => (Bound::Included(start), Bound::Included(end)),
        };
        let doomed: Vec<Vec<u8>> = rows.range(bounds.clone()).map(|(key, _)| key.clone()).collect();
        let gone =
            w.del_range(bounds).unwrap_or_else(|e| panic!("{}: del_range: {e}", self.place()));
        assert_eq!(gone, doomed.len() as u64, "{}: del_range", self.place());
        for key in &doomed {
            rows.remove(key);
        }
        gone > 0
    }

    fn retain(w: &mut WriteTxn, rows: &mut Rows, key: &[u8], place: &str) -> bool {
        let keep = |_: &[u8], value: &[u8]| !value.len().is_multiple_of(5);
        let kept = w.retain(key.to_vec().., keep).unwrap();
        let before = rows.len();
        let mut model_kept = 0;
        rows.retain(|other, value| {
            let stays = other.as_slice() < key || keep(other, value);
            model_kept += u64::from(stays && other.as_slice() >= key);
            stays
        });
        assert_eq!(kept, model_kept, "{place}: retain");
        rows.len() < before
    }

    /// A checkpoint while a transaction is open: it must not see it.
    fn checkpoint_beside_writer(&mut self) {
        let mut w = self.db().begin_write().unwrap();
        let mut rows = Rows::clone(self.latest());
        let mut changed = self.change(&mut w, &mut rows);
        self.db().checkpoint().unwrap();
        changed |= self.change(&mut w, &mut rows);
        let id = w.commit().unwrap();
        if changed {
            self.states.push(Arc::new(rows));
        }
        assert_eq!(id.get(), self.latest_id(), "{}", self.place());
        self.check_latest();
    }

    fn kept(&self) -> u64 {
        match self.shape.history {
            History::Last(n) => n,
            History::All => u64::MAX,
        }
    }

    fn begin_past(&mut self) {
        let latest = self.latest_id();
        let back = self.chance.below(self.kept().min(latest).saturating_add(1));
        let id = latest - back;
        let past = self.db().begin_read_at(TxnId::new(id));
        let past = past.unwrap_or_else(|e| panic!("{}: state {id}: {e}", self.place()));
        assert_eq!(past.txn_id().get(), id);
        let rows = Arc::clone(&self.states[id as usize]);
        self.check(&past, &rows);
        if self.snapshots.len() < SNAPSHOTS_MAX {
            self.snapshots.push_back((past, rows));
        }
    }

    fn diff(&mut self) {
        let latest = self.latest_id();
        let back = self.chance.below(self.kept().min(latest).saturating_add(1));
        let (from, to) = (latest - back, latest);
        let (from, to) = if self.chance.below(2) == 0 { (from, to) } else { (to, from) };
        let changes = self.db().diff(TxnId::new(from), TxnId::new(to)).unwrap();
        let mut rows = Rows::clone(&self.states[from as usize]);
        let mut last: Option<Vec<u8>> = None;
        for change in changes {
            let change = change.unwrap_or_else(|e| panic!("{}: diff: {e}", self.place()));
            assert!(last.as_deref() < Some(change.key()), "{}: diff order", self.place());
            last = Some(change.key().to_vec());
            match change {
                Change::Put { key, value } => {
                    let before = rows.insert(key, value.clone());
                    assert_ne!(before, Some(value), "{}: a change that is none", self.place());
                }
                Change::Del { key } => {
                    assert!(rows.remove(&key).is_some(), "{}: diff", self.place());
                }
            }
        }
        assert!(rows == *self.states[to as usize], "{}: diff {from} to {to}", self.place());
    }

    fn backup(&mut self) {
        // Through the engine's own storage: the copy is another file of it.
        let path = format!("/d/copy-{}.ns", self.step);
        self.db().backup(&path).unwrap_or_else(|e| panic!("{}: backup: {e}", self.place()));
        let copy = Options::new().background(false).cache_bytes(0).read_only(true).open_on(
            Arc::new(self.storage.clone()),
            Arc::new(SeededEntropy::new(self.step)),
            Arc::new(ManualClock::new()),
            &path,
        );
        let copy = copy.unwrap_or_else(|e| panic!("{}: backup opens: {e}", self.place()));
        assert_eq!(copy.begin_read().unwrap().txn_id().get(), self.latest_id());
        self.check(&copy.begin_read().unwrap(), &Arc::clone(self.latest()));
        drop(copy);
        northstar_engine::disk::Storage::unlink(&self.storage, path.as_ref()).unwrap();
    }

    fn verify(&self, db: &Db) {
        let report = db.verify().unwrap_or_else(|e| panic!("{}: verify: {e}", self.place()));
        assert!(report.problems.is_empty(), "{}: {:#?}", self.place(), report.problems);
        assert_eq!(report.rows, self.latest().len() as u64);
    }

    fn check_latest(&self) {
        let snapshot = self.db().begin_read().unwrap();
        assert_eq!(snapshot.txn_id().get(), self.latest_id(), "{}: latest", self.place());
        assert_eq!(snapshot.len(), self.latest().len() as u64, "{}: len", self.place());
        let mut chance = Chance::new(self.seed ^ self.step);
        for _ in 0..8 {
            let key = chance.key(self.shape);
            let found = snapshot.get(&key).unwrap_or_else(|e| panic!("{}: {e}", self.place()));
            let expected = self.latest().get(&key).map(Vec::as_slice);
            assert_eq!(found.as_deref(), expected, "{}: get {key:?}", self.place());
        }
    }

    /// A snapshot has exactly these rows, seen every way there is.
    fn check(&self, snapshot: &ReadTxn, rows: &Arc<Rows>) {
        let place = self.place();
        assert_eq!(snapshot.len(), rows.len() as u64, "{place}: len of {}", snapshot.txn_id());
        if rows.len() > FULL_ROWS_MAX {
            let keys: Vec<&Vec<u8>> = rows.keys().step_by(rows.len() / 500).collect();
            for (key, value) in keys.iter().zip(snapshot.get_many(&keys).unwrap()) {
                let value = value.map(|value| value.to_vec());
                assert_eq!(value.as_ref(), rows.get(*key), "{place}: get_many");
            }
            let mut c = snapshot.cursor().unwrap();
            for (key, value) in rows.iter() {
                assert_eq!(c.next().unwrap(), Some((&key[..], &value[..])), "{place}: cursor");
            }
            assert!(c.next().unwrap().is_none(), "{place}: cursor ends");
            return;
        }
        let mut forward = snapshot.iter().unwrap();
        for (key, value) in rows.iter() {
            let (k, v) = forward.next().expect("as many rows").expect("readable");
            assert!(k[..] == key[..] && v[..] == value[..], "{place}: forward at {key:?}");
        }
        assert!(forward.next().is_none(), "{place}: forward ends");
        let backward = snapshot.iter().unwrap().rev();
        assert!(
            backward.map(Result::unwrap).map(|(k, _)| k.to_vec()).eq(rows.keys().rev().cloned()),
            "{place}: backward"
        );
        let mut chance = Chance::new(self.seed.wrapping_mul(self.step + 1));
        let (a, b) = (chance.key(self.shape), chance.key(self.shape));
        let (a, b) = if a <= b { (a, b) } else { (b, a) };
        let range = snapshot.range(a.clone()..b.clone()).unwrap();
        let expected = rows.range(a..b);
        assert!(
            range
                .map(Result::unwrap)
                .map(|(k, v)| (k.to_vec(), v.to_vec()))
                .eq(expected.map(|(k, v)| (k.clone(), v.clone()))),
            "{place}: range"
        );
    }

    /// At the end: all kept states, the commit stream replayed, and a clean bill of health.
    fn check_all(&mut self) {
        while let Some((snapshot, rows)) = self.snapshots.pop_front() {
            self.check(&snapshot, &rows);
        }
        let latest = self.latest_id();
        for id in latest.saturating_sub(self.kept().min(60))..=latest {
            let past = self.db().begin_read_at(TxnId::new(id)).unwrap();
            self.check(&past, &Arc::clone(&self.states[id as usize]));
        }
        self.db().sync().unwrap();
        self.verify(self.db());
        self.check_stream();
        self.act(Step::Reopen);
        self.verify(self.db());
        self.check_stream();
    }

    /// What the log still has leads from state to state.
    fn check_stream(&self) {
        let latest = self.latest_id();
        let whole = self.shape.log_retention == northstar_engine::LogRetention::All;
        let first = if whole { 1 } else { latest };
        let Ok(commits) = self.db().commits(TxnId::new(first)..) else {
            assert!(!whole, "{}: the whole log is kept", self.place());
            return;
        };
        let mut rows = Rows::clone(&self.states[(first.max(1) - 1) as usize]);
        let mut next = first;
        for commit in commits {
            let commit = match commit {
                Ok(commit) => commit,
                Err(northstar_engine::Error::SnapshotNotFound { .. }) if !whole => return,
                Err(error) => panic!("{}: commits: {error}", self.place()),
            };
            assert_eq!(commit.txn_id.get(), next, "{}: stream", self.place());
            for op in commit.ops {
                use northstar_engine::CommitOp::{Del, DelRange, Put};
                match op {
                    Put { key, value } => drop(rows.insert(key, value)),
                    Del { key } => drop(rows.remove(&key)),
                    DelRange { start, end, count } => {
                        let before = rows.len();
                        rows.retain(|key, _| {
                            *key < start || end.as_ref().is_some_and(|end| key >= end)
                        });
                        assert_eq!((before - rows.len()) as u64, count, "{}", self.place());
                    }
                }
            }
            assert!(rows == *self.states[next as usize], "{}: state {next}", self.place());
            next += 1;
        }
        assert!(latest == 0 || next == latest + 1, "{}: the stream is whole", self.place());
    }
}
