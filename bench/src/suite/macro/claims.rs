//! Agents that claim tasks: on threads for time, in turn on one thread for exact counters.

use super::{NOW, filled_queue};
use crate::{
    catalog::{Bench, Verification},
    context::Context,
    error::{Error, Result},
    recorder::{Lane, Recorder},
    result::Better,
    storage::{Calls, CountingStorage},
    suite::support::expect,
};
use northstar_engine::{
    Stats,
    queue::{ClaimRequest, TaskQueue},
};
use std::{
    collections::BTreeSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// How long a claim is held.
const LEASE_MS: u64 = 3_600_000;

pub(super) fn agents_of(context: &Context) -> usize {
    context.word("agents").ok().and_then(|word| word.parse().ok()).unwrap_or(1)
}

/// Agents claim tasks, each claim durable.
pub(super) struct Claims {
    queue: TaskQueue,
    tasks: u64,
    /// Ids by agent, in the order of its claims.
    claimed: Vec<Mutex<Vec<u64>>>,
    storage: CountingStorage,
    start: Calls,
    /// Claims of each agent before the counted ones.
    before: Vec<usize>,
    latency_ns: Option<(u64, u64)>,
}

impl Claims {
    pub(super) fn setup(context: &Context, agents: usize) -> Result<Box<dyn Bench>> {
        let (queue, ..) = filled_queue(context)?;
        let storage = context.storage.clone();
        let start = storage.calls();
        Ok(Box::new(Self {
            queue,
            tasks: context.number("tasks")?,
            claimed: (0..agents).map(|_| Mutex::default()).collect(),
            storage,
            start,
            before: vec![0; agents],
            latency_ns: None,
        }))
    }

    /// What each agent has claimed.
    fn ids(&self) -> Vec<Vec<u64>> {
        let ids = |claimed: &Mutex<Vec<u64>>| {
            claimed.lock().unwrap_or_else(PoisonError::into_inner).clone()
        };
        self.claimed.iter().map(ids).collect()
    }

    /// Claims as long as `left` lasts: agents that wait less do more.
    fn claim_many(&self, agent: usize, left: &AtomicU64, lane: &mut Lane) -> Result<()> {
        let owner = format!("agent-{agent}");
        let request = ClaimRequest { lease: LEASE_MS, ..ClaimRequest::any(owner.as_bytes()) };
        let mut ids = self.claimed[agent].lock().unwrap_or_else(PoisonError::into_inner);
        while left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
            let claim = lane.op(|| self.queue.claim(NOW, &request))?;
            ids.push(claim.ok_or_else(|| Error::wrong("the queue ran dry"))?.id);
        }
        Ok(())
    }
}

impl Bench for Claims {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        if recorder.ops() == 0 {
            self.start = self.storage.calls();
            self.before = self.ids().iter().map(Vec::len).collect();
        }
        let left = AtomicU64::new(ops);
        let (this, agents) = (&*self, self.claimed.len());
        if agents == 1 {
            return recorder.timed(ops, |lane| this.claim_many(0, &left, lane));
        }
        recorder.timed_threads(ops, agents, |agent, lane| this.claim_many(agent, &left, lane))
    }

    fn finish(&mut self, recorder: &mut Recorder) -> Result<()> {
        let latency = recorder.latency()?;
        self.latency_ns = Some((latency.p50_ns, latency.p99_ns));
        Ok(())
    }

    fn stats(&self) -> Option<Stats> {
        Some(self.queue.db().stats())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        let by_agent = self.ids();
        let calls = self.storage.calls().since(&self.start);
        let counted: Vec<usize> =
            by_agent.iter().zip(&self.before).map(|(ids, before)| ids.len() - before).collect();
        let ids = by_agent.concat();
        let unique: BTreeSet<u64> = ids.iter().copied().collect();
        let duplicates = (ids.len() - unique.len()) as u64;
        let total = self.queue.stats()?.total();
        let lost = self.tasks.abs_diff(total.ready + total.claimed);
        report.metric("duplicate_claims", "claims", Better::Lower, duplicates as f64);
        report.metric("lost_tasks", "tasks", Better::Lower, lost as f64);
        let all = counted.iter().sum::<usize>().max(1) as f64;
        report.metric("syncs_per_claim", "1", Better::Lower, calls.syncs() as f64 / all);
        let (least, most) = (counted.iter().min(), counted.iter().max());
        let share = |count: Option<&usize>| count.map_or(0.0, |count| *count as f64);
        // 1 when every agent got as many tasks, 0 when one got none.
        let fairness = share(least) / share(most).max(1.0);
        report.metric("fairness_least_to_most", "1", Better::Higher, fairness);
        if let Some((p50, p99)) = self.latency_ns {
            report.metric("claim_p50", "ns", Better::Lower, p50 as f64);
            report.metric("claim_p99", "ns", Better::Lower, p99 as f64);
        }
        expect("tasks claimed twice", duplicates, 0)?;
        expect("tasks claimed, by the queue's own count", total.claimed, ids.len() as u64)?;
        expect("tasks lost", lost, 0)?;
        if let Some(problem) = self.queue.verify()?.first() {
            return Err(Error::wrong(format!("the queue: {problem:?}")));
        }
        // Which agent got which task depends on the threads; the set of tasks does not.
        for id in unique {
            report.checksum.add_number(id);
        }
        Ok(())
    }
}
