//! The runner: starts one worker process a repeat, turns what they tell into files and events.
//!
//! Called by the command line and, on a thread of its own, by the workbench. Blocks until the run ends;
//! [`Control`] cancels or pauses it from outside. After every repeat the folder holds valid files only,
//! so a cancelled or killed run can be read, and resumed.

mod control;
mod process;

use crate::{
    error::{Error, Result},
    events::{Event, PROTOCOL, Subject, What, WorkerEvent, Writer},
    machine::Machine,
    plan::Plan,
    result::{
        BenchSummary, FORMAT, Failure, Measured, Observer, PlannedBench, RepeatFile, RepeatKind,
        RunFile, RunKind, RunState, params_slug,
        store::{self, Store},
    },
    source,
    worker::{Inject, Job},
};
pub use control::Control;
pub use process::run_worker;
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How a plan is to be run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder for the results.
    pub out: PathBuf,
    /// Go on with the run that is in the folder.
    pub resume: bool,
    /// The program that is started as worker; it must call [`crate::worker::run_if_asked`].
    pub program: PathBuf,
    /// Folder for databases on disk; in the result folder if not given.
    pub data: Option<PathBuf>,
    /// Who watches.
    pub observer: Observer,
    /// Whether allocations are counted.
    pub count_allocations: bool,
    /// What to break on purpose.
    pub inject: Inject,
    /// No repeat begins after this long: the run then counts as cancelled and can be resumed.
    pub budget: Option<Duration>,
}

impl Settings {
    /// Results into `out`, with this program as worker.
    ///
    /// # Errors
    /// [`Error::Io`] when the program's own path cannot be found out.
    pub fn new(out: impl Into<PathBuf>) -> Result<Self> {
        let program = std::env::current_exe()
            .map_err(|error| Error::io("find", "the running program", error))?;
        Ok(Self {
            out: out.into(),
            resume: false,
            program,
            data: None,
            observer: Observer::None,
            count_allocations: true,
            inject: Inject::default(),
            budget: None,
        })
    }
}

/// Runs `plan`; `watch` sees every event, also written to `events.jsonl`. A repeat that fails is noted
/// in the run file and the run goes on.
///
/// # Errors
/// [`Error::Usage`] when the folder holds another run; [`Error::Io`] and [`Error::Schema`] when results
/// cannot be written.
pub fn run(
    plan: &Plan,
    settings: &Settings,
    control: &Control,
    watch: &mut dyn FnMut(&Event),
) -> Result<RunFile> {
    let store = Store::new(&settings.out);
    let data = settings.data.clone().unwrap_or_else(|| settings.out.join("data"));
    let run = begin(plan, settings, &store, &data)?;
    let stream = Writer::append(&settings.out.join("events.jsonl"))?;
    let start = Instant::now();
    let mut going = Going { run, store, stream, start, watch, done: 0, failed: 0, plan };
    let result = going.all(settings, control, &data);
    let mine = data.join("repeat");
    if mine.is_dir() {
        // Left over from a worker that was killed; a failure here costs disk space, not results.
        drop(std::fs::remove_dir_all(mine));
    }
    drop(std::fs::remove_dir(&data));
    result?;
    crate::report::write_totals(&going.store, &going.run)?;
    Ok(going.run)
}

/// Makes the run file, or takes up the one that is there.
fn begin(plan: &Plan, settings: &Settings, store: &Store, data: &Path) -> Result<RunFile> {
    let there = store.run_path().exists();
    if there && !settings.resume {
        let out = settings.out.display();
        return Err(Error::Usage(format!(
            "{out} holds the results of a run: go on with it (--resume) or take another folder"
        )));
    }
    let fresh = RunFile {
        format: FORMAT.into(),
        kind: RunKind::Run,
        profile: plan.profile.name().into(),
        seed: plan.seed,
        repeats: plan.repeats,
        observer: settings.observer,
        machine: Machine::look(data),
        source: source::look(),
        plan: plan.benches.clone(),
        state: RunState::Running,
        failures: Vec::new(),
    };
    if !there {
        store.write_run(&fresh)?;
        return Ok(fresh);
    }
    let old = store.read_run()?;
    let same = old.plan == fresh.plan && old.seed == fresh.seed && old.profile == fresh.profile;
    if !same {
        let out = settings.out.display();
        return Err(Error::Usage(format!("{out} holds a run with another plan, seed or profile")));
    }
    if let Some(difference) = old.machine.first_difference(&fresh.machine) {
        return Err(Error::Usage(format!("the run was begun on another machine: {difference}")));
    }
    if old.source != fresh.source {
        return Err(Error::Usage("the run was begun with another version of the program".into()));
    }
    store.write_run(&fresh)?;
    Ok(fresh)
}

/// A run that goes on.
struct Going<'a> {
    run: RunFile,
    store: Store,
    stream: Writer,
    start: Instant,
    watch: &'a mut dyn FnMut(&Event),
    done: u32,
    failed: u32,
    plan: &'a Plan,
}

impl Going<'_> {
    fn all(&mut self, settings: &Settings, control: &Control, data: &Path) -> Result<()> {
        self.tell(What::RunStarted {
            v: PROTOCOL,
            profile: self.run.profile.clone(),
            repeats_total: self.plan.repeats * self.plan.benches.len() as u32,
            machine: self.run.machine.in_words(),
            benches: self
                .plan
                .benches
                .iter()
                .map(|bench| (bench.identity.bench.clone(), bench.folder.clone()))
                .collect(),
        })?;
        let mut cancelled = false;
        for (at, repeat) in self.plan.order() {
            control.wait_while_paused();
            let late = settings.budget.is_some_and(|budget| self.start.elapsed() >= budget);
            if control.is_cancelled() || late {
                cancelled = true;
                break;
            }
            let bench = &self.plan.benches[at];
            if !self.store.repeat_path(&bench.folder, repeat).exists() {
                self.one(bench, repeat, settings, control, data)?;
            } else {
                self.done += 1;
            }
            let summary = self.store.refresh_summary(&bench.identity.bench, &bench.folder)?;
            if control.is_cancelled() {
                // What was complete before the word came stays, with its summary.
                cancelled = true;
                break;
            }
            if let Some(summary) = summary.filter(|_| repeat + 1 == self.plan.repeats) {
                self.bench_done(bench, &summary)?;
            }
        }
        self.run.state = match (cancelled, self.run.failures.is_empty()) {
            (true, _) => RunState::Cancelled,
            (false, true) => RunState::Complete,
            (false, false) => RunState::Failed,
        };
        self.store.write_run(&self.run)?;
        let (state, done, failed) = (self.run.state, self.done, self.failed);
        self.tell(What::RunDone { state, done, failed })
    }

    fn tell(&mut self, what: What) -> Result<()> {
        let at_ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let event = Event { at_ms, what };
        self.stream.write(&event)?;
        (self.watch)(&event);
        Ok(())
    }

    /// Runs one repeat in a process of its own and writes its file.
    fn one(
        &mut self,
        bench: &PlannedBench,
        repeat: u32,
        settings: &Settings,
        control: &Control,
        data: &Path,
    ) -> Result<()> {
        let params = params_slug(&bench.identity.params);
        let subject = Subject { bench: bench.identity.bench.clone(), params, repeat };
        let ops = bench.identity.ops;
        self.tell(What::RepeatStarted { subject: subject.clone(), ops })?;
        let folder = data.join("repeat");
        std::fs::create_dir_all(&folder).map_err(|e| Error::io("create", &folder, e))?;
        let job = Job {
            v: PROTOCOL,
            identity: bench.identity.clone(),
            warmup_ns: bench.warmup_ns,
            folder: folder.clone(),
            count_allocations: settings.count_allocations,
            inject: settings.inject,
        };
        let answer = run_worker(&settings.program, &job, control, |event| match event {
            WorkerEvent::Phase { phase } => {
                self.tell(What::Phase { subject: subject.clone(), phase })
            }
            WorkerEvent::Sample(sample) => {
                self.tell(What::Sample { subject: subject.clone(), sample })
            }
            _ => Ok(()),
        });
        std::fs::remove_dir_all(&folder).map_err(|e| Error::io("remove", &folder, e))?;
        match answer {
            Ok(measured) => self.repeat_done(bench, subject, measured),
            Err(_) if control.is_cancelled() => Ok(()),
            Err(Error::Worker(reason)) => self.repeat_failed(subject, reason),
            Err(other) => Err(other),
        }
    }

    fn repeat_done(
        &mut self,
        bench: &PlannedBench,
        subject: Subject,
        measured: Measured,
    ) -> Result<()> {
        let file = RepeatFile {
            format: FORMAT.into(),
            kind: RepeatKind::Repeat,
            identity: bench.identity.clone(),
            profile: self.run.profile.clone(),
            trimmed: bench.trimmed,
            repeat: subject.repeat,
            observer: self.run.observer,
            machine: self.run.machine.fingerprint.clone(),
            measured,
        };
        let path = self.store.write_repeat(&bench.folder, &file)?;
        self.done += 1;
        let relative = path.strip_prefix(self.store.root()).unwrap_or(&path);
        self.tell(What::RepeatDone {
            file: relative.to_string_lossy().into_owned(),
            subject,
            ops_per_second: file.measured.ops_per_second,
            p50_ns: file.measured.latency.p50_ns,
            p99_ns: file.measured.latency.p99_ns,
            syncs: file.measured.counters.syncs(),
        })
    }

    fn repeat_failed(&mut self, subject: Subject, reason: String) -> Result<()> {
        self.failed += 1;
        self.run.failures.push(Failure {
            bench: subject.bench.clone(),
            params: subject.params.clone(),
            repeat: subject.repeat,
            reason: reason.clone(),
        });
        self.store.write_run(&self.run)?;
        self.tell(What::RepeatFailed { subject, reason })
    }

    fn bench_done(&mut self, bench: &PlannedBench, summary: &BenchSummary) -> Result<()> {
        let params = params_slug(&bench.identity.params);
        let mut fail = |reason: String| {
            self.run.failures.push(Failure {
                bench: bench.identity.bench.clone(),
                params: params.clone(),
                repeat: 0,
                reason,
            });
        };
        if summary.exact == Some(false) {
            let names = summary.inexact_counters.join(", ");
            fail(format!("not exact: the repeats differ in {names}"));
        }
        if summary.errors > 0 {
            fail(format!("{} errors, or repeats with different checksums", summary.errors));
        }
        let Some(timing) = &summary.timing else { return Ok(()) };
        self.tell(What::BenchDone {
            bench: bench.identity.bench.clone(),
            params,
            repeats: summary.repeats,
            ops_per_second: timing.ops_per_second.median,
            cv: timing.ops_per_second.cv,
            stability: timing.ops_per_second.stability,
            exact: summary.exact,
        })
    }
}

/// Reads the run of a result folder again, for programs that only look.
///
/// # Errors
/// [`Error::Io`], [`Error::Schema`].
pub fn read_run(out: &Path) -> Result<RunFile> {
    store::read(&Store::new(out).run_path())
}
