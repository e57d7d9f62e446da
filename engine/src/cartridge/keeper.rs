//! Keeps a cartridge fresh beside a running database: a thread that follows the commit stream.

use super::{CartridgeType, Policy, build, rebuild_if_stale};
use crate::db::Db;
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
/// Ages are not watched here: a keeper knows when the inputs change.
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
        let path = path.into();
        let stop = Arc::new(AtomicBool::new(false));
        let state = Arc::new(Mutex::new(KeeperState::default()));
        // Before the first build: a commit during it is looked at again, and none is missed.
        let mut seen = TxnId::new(db.stats().durable_txn);
        let first = rebuild_if_stale(&db, &kind, &path, &policy, None)?;
        note(&state, Ok(first));
        let (stopped, shared) = (Arc::clone(&stop), Arc::clone(&state));
        let watch = move || {
            while !stopped.load(Ordering::Relaxed) {
                let outcome = wait_and_rebuild(&db, &kind, &path, &policy, &mut seen);
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

/// Waits for a commit behind `seen`, then lets the policy decide.
fn wait_and_rebuild<T: CartridgeType>(
    db: &Db,
    kind: &T,
    path: &std::path::Path,
    policy: &Policy,
    seen: &mut TxnId,
) -> Result<Option<build::BuildReport>> {
    match db.follow(seen.next(), PATIENCE)?.next() {
        None => return Ok(None),
        Some(commit) => commit?,
    };
    // Whatever else is durable by now is covered by the same build.
    *seen = TxnId::new(db.stats().durable_txn);
    rebuild_if_stale(db, kind, path, policy, None)
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
