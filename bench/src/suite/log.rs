//! Suite `log`: appending commit records, and rebuilding a state from them.

use super::support::{self, KEY_BYTES, VALUE_BYTES, expect};
use crate::{
    catalog::{Bench, Entry, Ops, Parameter, Verification, single},
    context::Context,
    error::{Error, Result},
    recorder::Recorder,
    result::{Better, Class},
    rng::{Checksum, KeyOrder, Rows},
    storage::{Calls, CountingStorage},
};
use northstar_engine::{CommitOp, CommitRecord, Db, LogRetention, Stats, TxnId};
use std::collections::BTreeMap;

/// The suite's list.
pub const ENTRIES: &[Entry] = &[
    Entry {
        id: "log/append_commit_record",
        version: 1,
        why: "A durable commit is one record and one sync: the floor under every write's latency.",
        critical: true,
        class: Class::Exact,
        parameters: &[KEY_BYTES, VALUE_BYTES],
        words: None,
        ops: Ops::Fixed(10_000, 20_000),
        warmup_ops: (500, 500),
        unit: "commit",
        sample_every: 1,
        granule: single,
        setup: Append::setup,
    },
    Entry {
        id: "log/replay_into_memtable",
        version: 1,
        why: "Replay must give back exactly what was committed, fast: recovery, cartridges and time travel stand on it.",
        critical: true,
        class: Class::Exact,
        parameters: &[
            Parameter { name: "records", unit: "commits", ci: 3_000, full: 100_000 },
            KEY_BYTES,
            VALUE_BYTES,
            Parameter { name: "txn_rows", unit: "rows", ci: 10, full: 10 },
        ],
        words: None,
        ops: Ops::Records,
        warmup_ops: (100, 1_000),
        unit: "commit record",
        sample_every: 1,
        granule: single,
        setup: Replay::setup,
    },
];

/// Commits of one row each, every one durable.
struct Append {
    db: Db,
    rows: Rows,
    next: u64,
    storage: CountingStorage,
    start: Calls,
    first: u64,
}

impl Append {
    fn setup(context: &Context) -> Result<Box<dyn Bench>> {
        let db = context.open("append.ns", context.options())?;
        let rows = support::rows(context, KeyOrder::Sequential)?;
        let storage = context.storage.clone();
        let start = storage.calls();
        Ok(Box::new(Self { db, rows, next: 0, storage, start, first: 0 }))
    }
}

impl Bench for Append {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        if recorder.ops() == 0 {
            (self.start, self.first) = (self.storage.calls(), self.next);
        }
        let Self { db, rows, next, .. } = self;
        recorder.timed(ops, |lane| {
            for _ in 0..ops {
                lane.op(|| -> Result<()> {
                    let mut txn = db.begin_write()?;
                    let key = rows.key(*next);
                    txn.put(key, rows.value(*next, 0))?;
                    txn.commit()?;
                    *next += 1;
                    Ok(())
                })?;
            }
            Ok(())
        })
    }

    fn stats(&self) -> Option<Stats> {
        Some(self.db.stats())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        let calls = self.storage.calls().since(&self.start);
        let commits = self.next - self.first;
        if calls.log_syncs < commits {
            let syncs = calls.log_syncs;
            return Err(Error::wrong(format!(
                "{commits} durable commits made only {syncs} log syncs"
            )));
        }
        let bytes = calls.log_bytes_written as f64 / commits.max(1) as f64;
        report.metric("log_bytes_per_commit", "B", Better::Lower, bytes);
        let (count, sum) = support::sum_of(&self.db)?;
        expect("rows committed", count, self.next)?;
        report.checksum = sum;
        Ok(())
    }
}

/// Reads the commit stream from its start and applies it to a map.
struct Replay {
    db: Db,
    stream: Box<dyn Iterator<Item = northstar_engine::Result<CommitRecord>>>,
    state: BTreeMap<Vec<u8>, Vec<u8>>,
    applied: u64,
}

impl Replay {
    fn setup(context: &Context) -> Result<Box<dyn Bench>> {
        let commits = context.number("records")?;
        let txn_rows = context.number("txn_rows")?;
        let options = context.options().log_retention(LogRetention::All);
        let db = context.open("replay.ns", options)?;
        let mut rows = support::rows(context, KeyOrder::Scattered)?;
        for commit in 0..commits {
            let mut txn = db.begin_write()?;
            for row in 0..txn_rows {
                // Every third commit rewrites rows of the one before; every tenth row is deleted.
                let number = (commit - u64::from(commit % 3 == 2)) * txn_rows + row;
                let key = rows.key(number);
                txn.put(key, rows.value(number, commit))?;
                if number % 10 == 9 {
                    txn.del(key)?;
                }
            }
            txn.commit_with(northstar_engine::Durability::Eventual)?;
        }
        db.sync()?;
        let stream = Box::new(db.commits(TxnId::new(1)..)?);
        Ok(Box::new(Self { db, stream, state: BTreeMap::new(), applied: 0 }))
    }
}

/// Applies one commit to a map.
fn apply(state: &mut BTreeMap<Vec<u8>, Vec<u8>>, record: CommitRecord) {
    for op in record.ops {
        match op {
            CommitOp::Put { key, value } => {
                state.insert(key, value);
            }
            CommitOp::Del { key } => {
                state.remove(&key);
            }
            CommitOp::DelRange { start, end, .. } => {
                state.retain(|key, _| *key < start || end.as_ref().is_some_and(|end| key >= end));
            }
        }
    }
}

impl Bench for Replay {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        let Self { stream, state, applied, .. } = self;
        recorder.timed(ops, |lane| {
            for _ in 0..ops {
                lane.op(|| -> Result<()> {
                    let ended = || Error::wrong("the commit stream ended early");
                    apply(state, stream.next().ok_or_else(ended)??);
                    *applied += 1;
                    Ok(())
                })?;
            }
            Ok(())
        })
    }

    fn warm_up(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        // A stream and a map of its own: what is measured starts from nothing.
        let mut state = BTreeMap::new();
        let mut stream = self.db.commits(TxnId::new(1)..)?;
        recorder.timed(ops, |_| {
            for record in stream.by_ref().take(ops as usize) {
                apply(&mut state, record?);
            }
            Ok(())
        })
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        if self.stream.next().is_some() {
            return Err(Error::wrong("the commit stream has more records than were committed"));
        }
        let mut replayed = Checksum::default();
        for (key, value) in &self.state {
            replayed.add(key);
            replayed.add(value);
        }
        let (count, live) = support::sum_of(&self.db)?;
        expect("rows after replay", self.state.len() as u64, count)?;
        if replayed != live {
            return Err(Error::wrong("the replayed state is not the live one"));
        }
        report.checksum = replayed;
        Ok(())
    }
}
