//! The worker: one process, one repeat. Reads a job, runs the benchmark, prints events.
//!
//! A program that runs benchmarks calls [`run_if_asked`] first thing in `main`: the runner starts the
//! same program again with a hidden argument. The job comes on standard input, events go to standard
//! output, one JSON object a line; nothing else is printed there.

use crate::{
    alloc,
    catalog::{self, Bench, Entry, Verification},
    context::Context,
    error::{Error, Result},
    events::{PROTOCOL, Phase, WorkerEvent},
    machine,
    recorder::{CostFault, Recorder},
    result::{Counters, Identity, Measured, Process},
    storage::{CallFault, Calls},
};
use northstar_engine::Stats;
use serde::{Deserialize, Serialize};
use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

/// The hidden argument that makes a program a worker.
pub const ARGUMENT: &str = "__bench-worker";

/// Batches a measured step is cut into, so that there is progress to tell.
const BATCHES: u64 = 50;

/// What a worker is asked to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// [`PROTOCOL`].
    pub v: u32,
    /// The benchmark and everything that makes it comparable.
    pub identity: Identity,
    /// Least nanoseconds of warm-up.
    pub warmup_ns: u64,
    /// An existing folder for its files; emptied by the runner.
    pub folder: PathBuf,
    /// Whether allocations are counted.
    pub count_allocations: bool,
    /// What to break on purpose.
    #[serde(default)]
    pub inject: Inject,
}

/// Faults of cost, for the self-test of the gates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Inject {
    /// Every operation takes this many percent longer.
    pub slow_percent: u64,
    /// One allocation more every this many operations.
    pub alloc_every: u64,
    /// One sync more every this many.
    pub extra_sync_every: u64,
    /// Every this many-th sync is left out.
    pub skip_sync_every: u64,
    /// Every operation takes this many nanoseconds longer.
    pub op_ns: u64,
    /// Every sync of a file does.
    pub sync_ns: u64,
    /// Every write call does.
    pub write_ns: u64,
    /// Every read call does.
    pub read_ns: u64,
}

impl Inject {
    /// Parses `name=number` pairs with commas between.
    ///
    /// # Errors
    /// [`Error::Usage`] for an unknown name or no number.
    pub fn parse(text: &str) -> Result<Self> {
        let mut inject = Self::default();
        for pair in text.split(',').filter(|pair| !pair.is_empty()) {
            let wrong = || Error::Usage(format!("{pair:?} is no injection, try slow_percent=10"));
            let (name, number) = pair.split_once('=').ok_or_else(wrong)?;
            let number = number.parse().map_err(|_| wrong())?;
            match name {
                "slow_percent" => inject.slow_percent = number,
                "alloc_every" => inject.alloc_every = number,
                "extra_sync_every" => inject.extra_sync_every = number,
                "skip_sync_every" => inject.skip_sync_every = number,
                "op_ns" => inject.op_ns = number,
                "sync_ns" => inject.sync_ns = number,
                "write_ns" => inject.write_ns = number,
                "read_ns" => inject.read_ns = number,
                _ => return Err(wrong()),
            }
        }
        Ok(inject)
    }

    fn call_fault(&self) -> CallFault {
        CallFault {
            extra_sync_every: self.extra_sync_every,
            skip_sync_every: self.skip_sync_every,
            sync_ns: self.sync_ns,
            write_ns: self.write_ns,
            read_ns: self.read_ns,
        }
    }

    fn cost_fault(&self) -> CostFault {
        CostFault {
            slow_percent: self.slow_percent,
            alloc_every: self.alloc_every,
            op_ns: self.op_ns,
        }
    }
}

/// Runs as a worker and returns the exit status, if the program was started as one.
#[must_use]
pub fn run_if_asked() -> Option<ExitCode> {
    if std::env::args_os().nth(1).as_deref() != Some(ARGUMENT.as_ref()) {
        return None;
    }
    let told =
        tell(&WorkerEvent::Hello { v: PROTOCOL }).and_then(|()| read_job()).and_then(|job| {
            let measured = run(&job, |event| drop(tell(&event)))?;
            tell(&WorkerEvent::Done { measured: Box::new(measured) })
        });
    Some(match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If even this cannot be told, the runner sees a worker that ended without an answer.
            drop(tell(&WorkerEvent::Failed { reason: error.to_string() }));
            ExitCode::FAILURE
        }
    })
}

fn tell(event: &WorkerEvent) -> Result<()> {
    let fail = |error| Error::io("write", "standard output", error);
    let mut line = serde_json::to_vec(event).map_err(|error| Error::Worker(error.to_string()))?;
    line.push(b'\n');
    let mut output = std::io::stdout().lock();
    output.write_all(&line).and_then(|()| output.flush()).map_err(fail)
}

fn read_job() -> Result<Job> {
    let mut text = String::new();
    let read = std::io::stdin().take(1 << 20).read_to_string(&mut text);
    read.map_err(|error| Error::io("read", "standard input", error))?;
    let job: Job = serde_json::from_str(&text)
        .map_err(|error| Error::Worker(format!("the job makes no sense: {error}")))?;
    if job.v == PROTOCOL {
        Ok(job)
    } else {
        Err(Error::Worker(format!("the runner speaks version {}, not {PROTOCOL}", job.v)))
    }
}

/// Runs `job` in this process, telling events to `sink`.
///
/// # Errors
/// Anything that keeps the benchmark from having a right result.
pub fn run(job: &Job, sink: impl Fn(WorkerEvent) + Clone + 'static) -> Result<Measured> {
    let entry = catalog::find(&job.identity.bench)?;
    let identity = &job.identity;
    if identity.bench_version != entry.version {
        let (asked, have) = (identity.bench_version, entry.version);
        return Err(Error::Worker(format!(
            "asked for version {asked} of the benchmark, have {have}"
        )));
    }
    let context = Context::new(
        identity.params.clone(),
        (identity.ops, identity.warmup_ops),
        identity.seed,
        identity.class,
        identity.storage,
        &job.folder,
        job.inject.call_fault(),
    );
    sink(WorkerEvent::Phase { phase: Phase::Setup });
    let mut bench = (entry.setup)(&context)?;

    sink(WorkerEvent::Phase { phase: Phase::WarmUp });
    let warmed = warm_up(job, &entry, &context, bench.as_mut())?;

    sink(WorkerEvent::Phase { phase: Phase::Measure });
    let before = Baseline::take(&context, bench.as_ref());
    let telling = sink.clone();
    let mut recorder = Recorder::new(
        entry.sample_every,
        job.inject.cost_fault(),
        Some(context.storage.clone()),
        Some(Box::new(telling)),
        job.count_allocations && alloc::installed(),
    );
    measure(&entry, &context, bench.as_mut(), &mut recorder)?;
    let counters = before.counters(&context, bench.as_ref(), job.count_allocations);
    let process = before.process();

    sink(WorkerEvent::Phase { phase: Phase::Verify });
    let mut verification = Verification::default();
    bench.verify(&mut verification)?;
    Ok(Measured {
        ops: recorder.ops(),
        errors: verification.errors,
        duration_ns: recorder.elapsed_ns(),
        ops_per_second: recorder.ops() as f64 / (recorder.elapsed_ns().max(1) as f64 / 1e9),
        warmup_ns: warmed.1,
        warmup_ops: warmed.0,
        latency: recorder.latency()?,
        counters,
        process,
        metrics: verification.metrics,
        series: recorder.series(),
        checksum: verification.checksum.to_hex(),
        notes: verification.notes,
    })
}

/// Operations of a batch: a fiftieth of all, in whole granules.
fn batch_ops(entry: &Entry, context: &Context, all: u64) -> u64 {
    let granule = (entry.granule)(context).max(1);
    (all / BATCHES).div_ceil(granule).max(1) * granule
}

/// Warms up until both limits are reached; operations and nanoseconds it took.
fn warm_up(
    job: &Job,
    entry: &Entry,
    context: &Context,
    bench: &mut dyn Bench,
) -> Result<(u64, u64)> {
    let wanted = Duration::from_nanos(job.warmup_ns);
    let step = batch_ops(entry, context, job.identity.ops);
    let start = Instant::now();
    let mut done = 0;
    let mut recorder = Recorder::discarding(entry.sample_every, CostFault::default());
    loop {
        let left = job.identity.warmup_ops.saturating_sub(done);
        if left == 0 && start.elapsed() >= wanted {
            break;
        }
        let ops = if left == 0 { step } else { left.min(step) };
        bench.warm_up(ops, &mut recorder)?;
        done += ops;
    }
    Ok((done, u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)))
}

fn measure(
    entry: &Entry,
    context: &Context,
    bench: &mut dyn Bench,
    recorder: &mut Recorder,
) -> Result<()> {
    let step = batch_ops(entry, context, context.ops);
    let mut left = context.ops;
    while left > 0 {
        let ops = left.min(step);
        bench.batch(ops, recorder)?;
        left -= ops;
    }
    bench.finish(recorder)?;
    if recorder.ops() == context.ops {
        Ok(())
    } else {
        let (found, expected) = (recorder.ops(), context.ops);
        Err(Error::wrong(format!("{found} operations were timed instead of {expected}")))
    }
}

/// Everything counted, as it stood before the measured step.
struct Baseline {
    calls: Calls,
    stats: Option<Stats>,
    cpu_ns: Option<u64>,
}

impl Baseline {
    fn take(context: &Context, bench: &dyn Bench) -> Self {
        machine::forget_peak_rss();
        alloc::reset();
        Self {
            calls: context.storage.calls(),
            stats: bench.stats(),
            cpu_ns: machine::process_cpu_ns(),
        }
    }

    fn process(&self) -> Process {
        let spent = machine::process_cpu_ns().zip(self.cpu_ns).map(|(now, then)| now - then);
        Process { cpu_ns: spent, peak_rss_bytes: machine::peak_rss_bytes() }
    }

    fn counters(&self, context: &Context, bench: &dyn Bench, allocations: bool) -> Counters {
        let all = context.storage.calls();
        let calls = all.since(&self.calls);
        // A storage that was never asked for anything, set-up included, is not what was measured: another
        // engine has its own way to the disk. Unknown, then, and not 0 (BENCH-4).
        let known = |count: u64| (all != Calls::default()).then_some(count);
        let mut counters = Counters {
            fsyncs: known(calls.fsyncs),
            fdatasyncs: known(calls.fdatasyncs),
            dir_syncs: known(calls.dir_syncs),
            write_calls: known(calls.write_calls),
            bytes_written: known(calls.bytes_written),
            log_bytes_written: known(calls.log_bytes_written),
            read_calls: known(calls.read_calls),
            bytes_read: known(calls.bytes_read),
            files_created: known(calls.files_created),
            ..Counters::default()
        };
        if let Some((now, then)) = bench.stats().zip(self.stats.as_ref()) {
            let page = northstar_engine::limits::PAGE_BYTES as u64;
            let hits = now.cache_hits - then.cache_hits;
            let misses = now.cache_misses - then.cache_misses;
            counters.cache_hits = Some(hits);
            counters.pages_touched = Some(hits + misses);
            counters.pages_read = Some((now.data_bytes_read - then.data_bytes_read) / page);
            counters.pages_written =
                Some((now.data_bytes_written - then.data_bytes_written) / page);
            counters.pages_allocated = Some(now.pages_allocated - then.pages_allocated);
            counters.cache_evictions = Some(now.cache_evictions - then.cache_evictions);
            counters.commits = Some(now.commits - then.commits);
            counters.checkpoints = Some(now.checkpoints - then.checkpoints);
            counters.meta_writes = Some(now.meta_writes - then.meta_writes);
        }
        if allocations && alloc::installed() {
            let counted = alloc::counted();
            counters.alloc_count = Some(counted.count);
            counters.alloc_bytes = Some(counted.bytes);
            counters.alloc_peak_bytes = Some(counted.peak_bytes);
        }
        counters
    }
}

/// Small numbers to run a benchmark with, in this process: for tests.
#[derive(Clone, Copy, Debug)]
pub struct Small {
    /// Rows, and tasks.
    pub records: u64,
    /// Most counted operations, where the benchmark's number is fixed.
    pub ops_max: u64,
    /// What to break on purpose.
    pub inject: Inject,
}

/// Runs one benchmark of the catalog in this process, once for each of its words.
///
/// # Errors
/// As [`run`], with the benchmark named.
pub fn run_small(id: &str, small: Small, folder: &Path) -> Result<Vec<Measured>> {
    use crate::{catalog::Ops, profile::Profile};
    let entry = catalog::find(id)?;
    let mut results = Vec::new();
    for mut params in entry.parameter_sets(Profile::Ci, Some(small.records)) {
        if let Some(crate::result::ParameterValue::Number(tasks)) = params.get_mut("tasks") {
            *tasks = small.records;
        }
        let mut identity = crate::plan::identity(&entry, Profile::Ci, params, 1);
        if matches!(entry.ops, Ops::Fixed(..)) {
            identity.ops = identity.ops.min(small.ops_max).max(entry.sample_every);
        }
        identity.warmup_ops = identity.warmup_ops.min(32);
        let job = Job {
            v: PROTOCOL,
            identity,
            warmup_ns: 0,
            folder: folder.to_owned(),
            count_allocations: false,
            inject: small.inject,
        };
        results.push(run(&job, |_| {}).map_err(|error| Error::wrong(format!("{id}: {error}")))?);
    }
    Ok(results)
}
