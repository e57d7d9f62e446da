//! Questions about pending tasks, asked of a cartridge or by a scan of the queue.

use super::filled_queue;
use crate::{
    catalog::{Bench, Verification},
    context::Context,
    error::{Error, Result},
    recorder::{CostFault, Recorder},
    result::Better,
    rng::{Checksum, SplitMix},
    suite::support::expect,
};
use northstar_engine::{
    Stats,
    cartridge::{BuildRequest, Cartridge, build},
    queue::{
        TaskQueue,
        pending_tasks::{Pending, PendingTasks},
    },
};

/// Asks how many tasks of a type wait, and for the first ten of them.
pub(super) struct Questions {
    queue: TaskQueue,
    types: Vec<Vec<u8>>,
    counts: Vec<u64>,
    cartridge: Option<Cartridge>,
    random: SplitMix,
    sum: Checksum,
    /// Bytes of the cartridge, and what building it took, ns.
    built: (u64, u64),
}

/// Tasks listed by a question.
const LISTED: usize = 10;

impl Questions {
    pub(super) fn setup(context: &Context) -> Result<Box<dyn Bench>> {
        let (queue, types, counts) = filled_queue(context)?;
        let mut bench = Self {
            queue,
            types,
            counts,
            cartridge: None,
            random: SplitMix::new(context.seed),
            sum: Checksum::default(),
            built: (0, 0),
        };
        if context.word("by")? == "cartridge" {
            let path = context.scratch().join("pending.cart");
            let kind = PendingTasks::default();
            let (report, build_ns) =
                stopwatch(|| build(bench.queue.db(), &kind, &path, BuildRequest::default()))?;
            bench.built = (report.bytes, build_ns);
            bench.cartridge = Some(Cartridge::open(&path)?);
        }
        Ok(Box::new(bench))
    }

    /// The number of waiting tasks of a type and the ids of the first ten.
    fn ask(&self, at: usize, ids: &mut Vec<u64>) -> Result<u64> {
        match &self.cartridge {
            Some(cartridge) => self.ask_cartridge(cartridge, at, ids),
            None => self.scan(at, ids),
        }
    }

    fn ask_cartridge(&self, cartridge: &Cartridge, at: usize, ids: &mut Vec<u64>) -> Result<u64> {
        ids.clear();
        let tasks = Pending::new(cartridge)?.tasks(&self.types[at])?;
        let count = tasks.len() as u64;
        ids.extend(tasks.take(LISTED).map(|task| task.id));
        Ok(count)
    }

    fn scan(&self, at: usize, ids: &mut Vec<u64>) -> Result<u64> {
        ids.clear();
        let layout = self.queue.layout();
        let read = self.queue.db().begin_read()?;
        let mut count = 0;
        for row in read.prefix(layout.ready(&self.types[at]))? {
            let (key, _) = row?;
            if ids.len() < LISTED {
                let ready = layout.parse_ready(&key);
                ids.push(ready.ok_or_else(|| Error::wrong("a strange ready key"))?.id);
            }
            count += 1;
        }
        Ok(count)
    }

    /// What the cartridge cost, what a question costs by both ways, and after how many questions the
    /// cartridge has paid for itself.
    fn report_worth(&self, cartridge: &Cartridge, report: &mut Verification) -> Result<()> {
        let mut ids = Vec::with_capacity(LISTED);
        let mut each = |ask: &dyn Fn(usize, &mut Vec<u64>) -> Result<u64>| -> Result<f64> {
            let all = || (0..self.types.len()).try_for_each(|at| ask(at, &mut ids).map(drop));
            Ok(stopwatch(all)?.1 as f64 / self.types.len() as f64)
        };
        let by_scan = each(&|at, ids| self.scan(at, ids))?;
        let by_cartridge = each(&|at, ids| self.ask_cartridge(cartridge, at, ids))?;
        let (bytes, build_ns) = self.built;
        let mut metric = |name: &str, unit: &str, value: f64| {
            report.metric(name, unit, Better::Lower, value);
        };
        metric("cartridge_bytes", "B", bytes as f64);
        metric("build", "ns", build_ns as f64);
        metric("question_by_scan", "ns", by_scan);
        metric("question_by_cartridge", "ns", by_cartridge);
        let saved = (by_scan - by_cartridge).max(f64::MIN_POSITIVE);
        metric("break_even", "questions", (build_ns as f64 / saved).ceil().min(1e15));
        Ok(())
    }
}

/// Times one piece of work that is no operation of the benchmark.
fn stopwatch<T, E>(work: impl FnOnce() -> std::result::Result<T, E>) -> Result<(T, u64)>
where
    Error: From<E>,
{
    let mut watch = Recorder::discarding(1, CostFault::default());
    let mut outcome = None;
    watch.timed(1, |lane| {
        outcome = Some(lane.op(work)?);
        Ok(())
    })?;
    let outcome = outcome.ok_or_else(|| Error::wrong("the work did not run"))?;
    Ok((outcome, watch.elapsed_ns()))
}

impl Bench for Questions {
    fn batch(&mut self, ops: u64, recorder: &mut Recorder) -> Result<()> {
        let types = self.types.len() as u64;
        let asked: Vec<usize> = (0..ops).map(|_| self.random.below(types) as usize).collect();
        let mut sum = self.sum;
        let mut ids = Vec::with_capacity(LISTED);
        recorder.timed(ops, |lane| {
            for at in asked {
                let count = lane.op(|| self.ask(at, &mut ids))?;
                sum.add_number(count);
                ids.iter().for_each(|id| sum.add_number(*id));
            }
            Ok(())
        })?;
        self.sum = sum;
        Ok(())
    }

    fn stats(&self) -> Option<Stats> {
        Some(self.queue.db().stats())
    }

    fn verify(&mut self, report: &mut Verification) -> Result<()> {
        let mut ids = Vec::new();
        for (at, expected) in self.counts.iter().enumerate() {
            expect("waiting tasks of a type", self.ask(at, &mut ids)?, *expected)?;
            expect("tasks listed", ids.len() as u64, (*expected).min(LISTED as u64))?;
        }
        if let Some(cartridge) = &self.cartridge {
            self.report_worth(cartridge, report)?;
        }
        // The same for both ways of asking: the answers are.
        report.checksum = self.sum;
        Ok(())
    }
}
