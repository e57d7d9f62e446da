//! Keeps a cartridge fresh beside a running database: a thread that follows the commit stream.

use super::{CartridgeType, Policy, build, rebuild_if_stale};
use crate::db::Db;
use crate::disk::{Clock, SystemClock};
use crate::error::{Error, Result};
use crate::ids::TxnId;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long the keeper waits for commits before it looks whether it should end.
const PATIENCE: Duration = Duration::from_millis(100);

/// What the keeper did so far.
#[derive(Clone, Debug, Default)]
pub struct KeeperState {
    /// How often it built.
    pub builds: u64,
    /// The last build.
    pub last: Option<build::BuildReport>,
    /// Why it ended by itself.
    pub error: Option<Error>,
}

/// Rebuilds a cartridge whenever the policy calls it stale, until dropped or stopped.
///
/// How old a file is that it finds, it cannot know: where the policy has an age, it builds at once and
/// counts from there.
#[derive(Debug)]
pub struct Keeper {
    stop: Arc<AtomicBool>,
    state: Arc<Mutex<KeeperState>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Builds the cartridge at `path` if it is stale now, then follows the commits of `db`.
    ///
    /// The keeper holds a handle of `db`: stop it before closing the database.
    ///
    /// # Errors
    /// As [`super::build`], for the first build.
    pub fn spawn<T>(db: Db, kind: T, path: impl Into<PathBuf>, policy: Policy) -> Result<Self>
    where
        T: CartridgeType + Send + 'static,
    {
        let mut round = Round::new(db, kind, path.into(), policy, Box::new(SystemClock::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let state = Arc::new(Mutex::new(KeeperState::default()));
        note(&state, Ok(round.rebuild()?));
        let (stopped, shared) = (Arc::clone(&stop), Arc::clone(&state));
        let watch = move || {
            while !stopped.load(Ordering::Relaxed) {
                let outcome = round.wait_and_rebuild(PATIENCE);
                let failed = outcome.is_err();
                note(&shared, outcome);
                if failed {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("northstar-keeper".into())
            .spawn(watch)
            .map_err(|e| Error::io("start a thread for", "the cartridge keeper", e))?;
        Ok(Self { stop, state, thread: Some(thread) })
    }

    /// What it did so far.
    pub fn state(&self) -> KeeperState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends it and waits for it; what it did.
    pub fn stop(mut self) -> KeeperState {
        self.end();
        self.state()
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic in the thread has been printed there; there is nothing to add.
            let _ended = thread.join();
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.end();
    }
}

/// What the thread does over and over.
struct Round<T> {
    db: Db,
    kind: T,
    path: PathBuf,
    policy: Policy,
    clock: Box<dyn Clock>,
    /// Every commit up to here was looked at.
    seen: TxnId,
    /// When the file was built, by the clock; `None` while it is one that was found.
    built: Option<Duration>,
}

impl<T: CartridgeType> Round<T> {
    fn new(db: Db, kind: T, path: PathBuf, policy: Policy, clock: Box<dyn Clock>) -> Self {
        Self { db, kind, path, policy, clock, seen: TxnId::GENESIS, built: None }
    }

    /// Waits for a commit that was not looked at, or until the file is too old, and lets the policy decide.
    fn wait_and_rebuild(&mut self, patience: Duration) -> Result<Option<build::BuildReport>> {
        let follow = self.db.follow(self.seen.next(), patience);
        let has_come = match follow.and_then(|mut follow| follow.next().transpose()) {
            Ok(commit) => commit.is_some(),
            // Trimmed while a build took its time: it has come and gone.
            Err(Error::SnapshotNotFound { .. }) => true,
            Err(error) => return Err(error),
        };
        let too_old = self.policy.age_max.is_some_and(|most| self.age() > most);
        if has_come || too_old { self.rebuild() } else { Ok(None) }
    }

    fn rebuild(&mut self) -> Result<Option<build::BuildReport>> {
        // Before the build: a commit during it is looked at again, and none is missed.
        self.seen = TxnId::new(self.db.stats().durable_txn);
        let (policy, age) = (&self.policy, self.age());
        let report = rebuild_if_stale(&self.db, &self.kind, &self.path, policy, Some(age))?;
        if report.is_some() {
            self.built = Some(self.clock.now());
        }
        Ok(report)
    }

    /// How old the file is; one that was found may be as old as can be.
    fn age(&self) -> Duration {
        self.built.map_or(Duration::MAX, |built| self.clock.now().saturating_sub(built))
    }
}

fn note(state: &Mutex<KeeperState>, outcome: Result<Option<build::BuildReport>>) {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    match outcome {
        Ok(Some(report)) => {
            state.builds += 1;
            state.last = Some(report);
        }
        Ok(None) => {}
        Err(error) => state.error = Some(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cartridge::prefix_counts::PrefixCounts;
    use crate::db::{LogRetention, Options};
    use crate::disk::ManualClock;

    /// A clock that the test keeps a hand on.
    #[derive(Clone, Debug, Default)]
    struct Shared(Arc<ManualClock>);

    impl Clock for Shared {
        fn now(&self) -> Duration {
            self.0.now()
        }
    }

    fn put(db: &Db, key: &str, value: &[u8]) {
        let mut txn = db.begin_write().expect("nobody else writes");
        txn.put(key, value).expect("a row");
        txn.commit().expect("a commit");
    }

    /// The log was trimmed past the keeper's place while it was building: it goes on.
    #[test]
    fn a_trimmed_log_does_not_end_a_keeper() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = Options::new().log_retention(LogRetention::Recovery);
        let db = options.open(folder.path().join("a.ns")).expect("a database");
        let (path, policy) = (folder.path().join("counts"), Policy::default());
        let clock = Box::new(Shared::default());
        let mut round = Round::new(db.clone(), PrefixCounts::default(), path, policy, clock);
        assert!(round.rebuild().expect("a build").is_some());
        let place = round.seen.next();
        for n in 0..60 {
            put(&db, &format!("row/{n}"), &[b'v'; 60_000]);
            if n % 20 == 19 {
                db.checkpoint().expect("a checkpoint");
            }
        }
        let gone = db.commits(place..).map(drop);
        assert!(matches!(gone, Err(Error::SnapshotNotFound { .. })), "{gone:?}");
        let report = round.wait_and_rebuild(Duration::ZERO).expect("it goes on").expect("a build");
        assert_eq!(report.txn_id.get(), 60);
    }

    #[test]
    fn a_keeper_builds_again_when_the_file_is_too_old() {
        let folder = tempfile::tempdir().expect("a folder");
        let db = Options::new().open_in_memory().expect("a database");
        let hour = Duration::from_secs(3600);
        let policy = Policy { on_input_change: false, txns_max: None, age_max: Some(hour) };
        let (clock, path) = (Shared::default(), folder.path().join("counts"));
        let mut round =
            Round::new(db.clone(), PrefixCounts::default(), path, policy, Box::new(clock.clone()));
        assert!(round.rebuild().expect("a build").is_some(), "nobody knows its age");
        put(&db, "a", b"1");
        assert_eq!(round.wait_and_rebuild(Duration::ZERO).expect("a look"), None, "not yet");
        clock.0.advance(hour + Duration::from_secs(1));
        let report = round.wait_and_rebuild(Duration::ZERO).expect("a look").expect("too old");
        assert_eq!((report.txn_id.get(), report.rows), (1, 1));
        assert_eq!(round.wait_and_rebuild(Duration::ZERO).expect("a look"), None, "young again");
    }
}
