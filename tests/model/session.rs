//! One program being run: the engine on one side, a map a state on the other.

use crate::program::{Chance, Shape, Step};
use crate::reading::{self, Rows, bounds};
use northstar_engine::{
    Change, Db, Durability, Error, Follow, History, LogRetention, Options, Origin, ReadTxn, TxnId,
    WriteTxn,
    db::options::Tuning,
    disk::{ManualClock, MemoryStorage, SeededEntropy},
    limits::KEY_BYTES_MAX,
    log::LogConfig,
};
use std::{collections::VecDeque, ops::Bound, sync::Arc, time::Duration};

/// Most snapshots open at once.
const SNAPSHOTS_MAX: usize = 6;
/// Rows of a state that are compared in full; larger ones by samples.
const FULL_ROWS_MAX: usize = 3000;

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

    /// One write transaction; `None` gives it up.
    fn write(&mut self, durability: Option<Durability>) {
        let place = self.place();
        let patient = self.chance.below(2) == 0;
        let begun = if patient {
            self.db().begin_write_timeout(Duration::from_secs(60))
        } else {
            self.db().begin_write()
        };
        let mut w = begun.unwrap();
        assert_eq!(w.txn_id().get(), self.latest_id() + 1, "{place}");
        let mut rows = Rows::clone(self.latest());
        let changed = self.change(&mut w, &mut rows);
        if self.chance.below(4) == 0 {
            reading::check(&w, &rows, self.shape, &mut self.chance, &place);
        }
        match durability {
            Some(durability) => {
                let id = w.commit_with(durability).unwrap_or_else(|e| panic!("{place}: {e}"));
                if changed {
                    self.push(Arc::new(rows));
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
                _ if operations < 200 => changed |= self.retain(w, rows),
                _ => reading::check(w, rows, self.shape, &mut self.chance, &place),
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

    fn retain(&mut self, w: &mut WriteTxn, rows: &mut Rows) -> bool {
        let bounds = bounds(self.shape, &mut self.chance);
        let keep = |key: &[u8], value: &[u8]| !(value.len() + key.len()).is_multiple_of(5);
        let kept = w.retain(bounds.clone(), keep).unwrap();
        let inside = rows.range(bounds).map(|(key, value)| (key.clone(), keep(key, value)));
        let inside: Vec<(Vec<u8>, bool)> = inside.collect();
        let doomed = inside.iter().filter(|(_, stays)| !stays);
        let gone = doomed.map(|(key, _)| rows.remove(key)).count();
        assert_eq!(kept, (inside.len() - gone) as u64, "{}: retain", self.place());
        gone > 0
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
            self.push(Arc::new(rows));
        }
        assert_eq!(id.get(), self.latest_id(), "{}", self.place());
        self.check_latest();
    }

    /// A state that the history keeps, now and then any: then it may be rebuilt, or be gone.
    fn begin_past(&mut self) {
        let latest = self.latest_id();
        let any = self.chance.below(4) == 0;
        let back = self.chance.below(if any { latest + 1 } else { self.kept + 1 });
        let id = latest - back;
        let past = match self.db().begin_read_at(TxnId::new(id)) {
            Ok(past) => past,
            Err(Error::SnapshotNotFound { requested, oldest, latest: newest }) if any => {
                let whole = self.shape.log_retention == LogRetention::All;
                assert!(!whole && back > self.kept, "{}: state {id} is gone", self.place());
                assert_eq!((requested.get(), newest.get()), (id, latest), "{}", self.place());
                assert!(oldest.get() > id, "{}: {id} is not there, {oldest} is", self.place());
                return;
            }
            Err(error) => panic!("{}: state {id}: {error}", self.place()),
        };
        assert_eq!(past.txn_id().get(), id);
        let exact = self
            .db()
            .history()
            .unwrap()
            .iter()
            .any(|entry| entry.txn_id.get() == id && entry.origin == Origin::Exact);
        let origin = if exact { Origin::Exact } else { Origin::Replayed };
        assert_eq!(past.origin(), origin, "{}: state {id}", self.place());
        let rows = Arc::clone(&self.states[id as usize]);
        self.check(&past, &rows);
        if self.snapshots.len() < SNAPSHOTS_MAX {
            self.snapshots.push_back((past, rows));
        }
    }

    fn diff(&mut self) {
        let latest = self.latest_id();
        let back = self.chance.below(self.kept + 1);
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
        // The copy is a database of its own: it goes on where its source was.
        let copy = self.open_with(self.options(), &path);
        let copy = copy.unwrap_or_else(|e| panic!("{}: backup opens to write: {e}", self.place()));
        let mut w = copy.begin_write().unwrap();
        w.put(b"of the copy", b"alone").unwrap();
        assert_eq!(w.commit().unwrap().get(), self.latest_id() + 1, "{}", self.place());
        assert!(copy.verify().unwrap().problems.is_empty(), "{}: of the copy", self.place());
        copy.close().unwrap();
        for file in [path.clone(), path + ".log"] {
            northstar_engine::disk::Storage::unlink(&self.storage, file.as_ref()).unwrap();
        }
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

    /// Every state that is listed opens, with as many rows as it says, and the kept ones are listed.
    fn check_history(&mut self) {
        let (place, latest) = (self.place(), self.latest_id());
        let listed = self.db().history().unwrap();
        let ids: Vec<u64> = listed.iter().map(|entry| entry.txn_id.get()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b), "{place}: {ids:?}");
        assert_eq!(ids.last(), Some(&latest), "{place}");
        for id in latest - self.kept..=latest {
            assert!(ids.contains(&id), "{place}: {id} of {ids:?}");
        }
        for entry in &listed {
            let rows = self.states[entry.txn_id.get() as usize].len() as u64;
            assert_eq!(entry.key_count, rows, "{place}: rows of {}", entry.txn_id);
        }
        let some = &listed[self.chance.below(listed.len() as u64) as usize];
        let opened = self.db().begin_read_at(some.txn_id);
        let opened = opened.unwrap_or_else(|e| panic!("{place}: listed, and not there: {e}"));
        assert_eq!((opened.origin(), opened.len()), (some.origin, some.key_count), "{place}");
    }

    /// Opens the database a second time, to read beside the writer (rules 22 and 23).
    fn open_beside(&mut self) {
        self.close_beside();
        let options = self.options().read_only(true);
        let db = self.open_with(options, "/d/model.ns");
        let db = db.unwrap_or_else(|e| panic!("{}: read-only: {e}", self.place()));
        let id = db.begin_read().unwrap().txn_id().get();
        let stored = self.db().stats().checkpoint_txn;
        assert!(
            (stored..=self.latest_id()).contains(&id),
            "{}: sees {id}, behind the checkpoint at {stored}",
            self.place()
        );
        for refused in [
            db.begin_write().map(WriteTxn::abort),
            db.checkpoint(),
            db.sync(),
            db.compact().map(drop),
        ] {
            assert!(matches!(refused, Err(Error::ReadOnly)), "{}: {refused:?}", self.place());
        }
        self.beside = Some((db, id));
    }

    /// Whatever the writer did meanwhile, it still sees the state it opened with.
    fn close_beside(&mut self) {
        let Some((db, id)) = self.beside.take() else { return };
        let rows = Arc::clone(&self.states[id as usize]);
        let r = db.begin_read().unwrap();
        assert_eq!(r.txn_id().get(), id, "{}", self.place());
        self.check(&r, &rows);
        drop(r);
        let report = db.verify().unwrap();
        assert!(report.problems.is_empty(), "{}: beside: {:#?}", self.place(), report.problems);
        db.close().unwrap();
    }

    /// What the contract refuses is refused with its error, and changes nothing.
    fn try_what_is_refused(&mut self) {
        let place = self.place();
        let mut w = self.db().begin_write().unwrap();
        let busy = [self.db().begin_write(), self.db().begin_write_timeout(Duration::ZERO)];
        for second in busy {
            assert!(matches!(second, Err(Error::WriteBusy)), "{place}: {second:?}");
        }
        assert!(matches!(self.db().clone().close(), Err(Error::Busy)), "{place}: a writer lives");
        let long = vec![7; KEY_BYTES_MAX + 1];
        assert!(matches!(w.put(&long, b""), Err(Error::KeyTooLarge { .. })), "{place}");
        assert!(matches!(w.del(&long), Err(Error::KeyTooLarge { .. })), "{place}");
        assert!(w.get(&long).unwrap().is_none(), "{place}");
        let backwards = || b"b".as_slice()..b"a".as_slice();
        let invalid = [
            w.del_range(backwards()).map(drop),
            w.retain(backwards(), |_, _| true).map(drop),
            w.range(backwards()).map(drop),
            self.db().begin_read().unwrap().range(backwards()).map(drop),
        ];
        for refused in invalid {
            assert!(matches!(refused, Err(Error::InvalidArgument(_))), "{place}: {refused:?}");
        }
        assert_eq!(w.commit().unwrap().get(), self.latest_id(), "{place}: nothing was done");
        let future = TxnId::new(self.latest_id() + 1);
        let future = self.db().begin_read_at(future);
        assert!(matches!(future, Err(Error::SnapshotNotFound { .. })), "{place}");
        let reader = self.db().begin_read().unwrap();
        assert!(matches!(self.db().clone().close(), Err(Error::Busy)), "{place}: a reader lives");
        drop(reader);
        self.check_latest();
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
        self.close_beside();
        let latest = self.latest_id();
        for id in latest - self.kept.min(60)..=latest {
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
}

/// How many past states that is.
fn limit(history: History) -> u64 {
    match history {
        History::Last(n) => n,
        History::All => u64::MAX,
    }
}
