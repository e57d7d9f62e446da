//! Group commit in every order: nothing is acknowledged that is not durable.

use super::*;
use crate::sync::model_tests::explore;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};

/// A device that remembers what a crash would leave.
struct Model {
    written: AtomicU64,
    synced: AtomicU64,
    announced: AtomicU64,
    fails: bool,
}

impl Device for Model {
    fn write(&self, at: Lsn, chunks: &[Vec<u8>]) -> Result<()> {
        let bytes: usize = chunks.iter().map(Vec::len).sum();
        assert_eq!(self.written.load(Ordering::SeqCst), at.get(), "writes come in order");
        self.written.store(at.get() + bytes as u64, Ordering::SeqCst);
        Ok(())
    }
    fn sync(&self) -> Result<()> {
        let proven = self.written.load(Ordering::SeqCst);
        loom::thread::yield_now();
        if self.fails {
            return Err(Error::OutOfSpace);
        }
        self.synced.store(proven, Ordering::SeqCst);
        Ok(())
    }
    fn announce(&self, progress: Progress) {
        let synced = self.synced.load(Ordering::SeqCst);
        assert!(progress.durable.get() <= synced, "announced before it was synced");
        self.announced.store(progress.durable.get(), Ordering::SeqCst);
    }
}

fn run(name: &str, fails: bool, goals: [Goal; 2]) {
    explore(name, 6, move || {
        let group = Arc::new(Group::new(Lsn::new(0)));
        let zero = || AtomicU64::new(0);
        let device = Arc::new(Model { written: zero(), synced: zero(), announced: zero(), fails });
        let gate = Arc::new(Mutex::new(0_u64));
        let commit = move |group: &Group, device: &Model, gate: &Mutex<u64>, goal| {
            let end = {
                let mut end = gate.lock().expect("no panic");
                *end += 8;
                group.push(&mut vec![1; 8], Lsn::new(*end));
                Lsn::new(*end)
            };
            let outcome = group.reach(goal, end, device);
            if fails && goal == Goal::Durable {
                assert!(outcome.is_err(), "acknowledged in spite of a failed sync");
            } else if outcome.is_ok() && goal == Goal::Durable {
                assert!(device.synced.load(Ordering::SeqCst) >= end.get());
                assert!(device.announced.load(Ordering::SeqCst) >= end.get());
            } else if outcome.is_ok() {
                assert!(device.written.load(Ordering::SeqCst) >= end.get());
            } else {
                assert!(fails, "an error without a cause");
            }
        };
        let other = {
            let (group, device, gate) = (group.clone(), device.clone(), gate.clone());
            loom::thread::spawn(move || commit(&group, &device, &gate, goals[1]))
        };
        commit(&group, &device, &gate, goals[0]);
        other.join().expect("no panic");
    });
}

#[test]
fn two_committers() {
    run("log: two committers", false, [Goal::Durable, Goal::Durable]);
}

#[test]
fn a_committer_and_one_that_only_writes() {
    run("log: a committer, a writer", false, [Goal::Durable, Goal::Written]);
}

#[test]
fn a_failed_sync_acknowledges_no_one() {
    run("log: a failed sync", true, [Goal::Durable, Goal::Durable]);
}
