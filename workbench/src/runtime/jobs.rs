//! Jobs: everything that reads a file or takes time, on a few worker threads.
//!
//! The latest request of a slot wins: an older one is told to stop, and its results carry an old
//! generation that the application drops. A panic in a job becomes an error card; the terminal is not
//! touched.

use crate::app::Msg;
use crate::screens::ScreenId;
use northstar_engine::inspect::Source;
use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

/// Worker threads: one for what the screen waits for, one for a long scan beside it, one to spare.
const WORKERS: usize = 3;
/// A job reports its progress at most this often.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);
/// Names of worker threads start with this; the panic hook looks for it.
pub const WORKER_NAME: &str = "northstar-job";

/// What a job hands back.
pub type Data = Box<dyn Any + Send>;

/// Work to be done away from the screen.
pub trait Job: Send + fmt::Debug {
    /// What it does, for the footer: `scan pages`.
    fn name(&self) -> String;

    /// Does it.
    ///
    /// # Errors
    /// A sentence for the person at the screen.
    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String>;
}

/// Who asked for a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The frame around the screens.
    App,
    /// A screen.
    Screen(ScreenId),
}

/// What a job is for; a newer job with the same key replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobKey {
    /// Who asked.
    pub owner: Owner,
    /// For which of its needs.
    pub slot: &'static str,
}

/// News of a job.
#[derive(Debug)]
pub enum JobEvent {
    /// So much is done, of so much (0: not known), at so many a second.
    Progress {
        /// Done.
        done: u64,
        /// Of.
        total: u64,
        /// A second.
        rate: u64,
    },
    /// A part of the result.
    Part(Data),
    /// The result.
    Done(Data),
    /// It failed.
    Failed(String),
}

/// What a job works with.
pub struct Desk<'a> {
    path: &'a Path,
    source: Option<Arc<Source>>,
    stop: &'a AtomicBool,
    send: &'a mut dyn FnMut(JobEvent),
    started: Instant,
    reported: Option<Instant>,
}

impl<'a> Desk<'a> {
    /// A desk for jobs on the file at `path`.
    pub fn new(path: &'a Path, stop: &'a AtomicBool, send: &'a mut dyn FnMut(JobEvent)) -> Self {
        Self { path, source: None, stop, send, started: Instant::now(), reported: None }
    }

    /// The file that is looked at.
    pub fn path(&self) -> &Path {
        self.path
    }

    /// The file, opened for reading, without a lock.
    ///
    /// # Errors
    /// It cannot be opened at all.
    pub fn source(&mut self) -> Result<Arc<Source>, String> {
        if let Some(source) = &self.source {
            return Ok(Arc::clone(source));
        }
        let source = Arc::new(Source::open(self.path).map_err(|error| error.to_string())?);
        self.source = Some(Arc::clone(&source));
        Ok(source)
    }

    /// Whether to go on.
    pub fn wanted(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    /// Tells how far the work is; answers whether to go on.
    pub fn progress(&mut self, done: u64, total: u64) -> bool {
        let now = Instant::now();
        if self.reported.is_none_or(|at| now.duration_since(at) >= PROGRESS_EVERY) {
            self.reported = Some(now);
            let millis = u64::try_from(now.duration_since(self.started).as_millis()).unwrap_or(1);
            let rate = done.saturating_mul(1000).checked_div(millis).unwrap_or(done);
            (self.send)(JobEvent::Progress { done, total, rate });
        }
        self.wanted()
    }

    /// Hands over a part of the result.
    pub fn part(&mut self, data: Data) {
        (self.send)(JobEvent::Part(data));
    }
}

impl fmt::Debug for Desk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("path", &self.path).finish_non_exhaustive()
    }
}

struct Task {
    key: JobKey,
    generation: u64,
    job: Box<dyn Job>,
    stop: Arc<AtomicBool>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Task>,
    running: Vec<(JobKey, u64, Arc<AtomicBool>)>,
    ended: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    work: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The worker threads.
pub struct Pool {
    path: PathBuf,
    shared: Arc<Shared>,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Pool {
    /// A pool for the file at `path`, without threads yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path, shared: Arc::default() }
    }

    /// Starts the threads; news goes to `sender`.
    pub fn start(&mut self, sender: &mpsc::Sender<Msg>) {
        for number in 0..WORKERS {
            let shared = Arc::clone(&self.shared);
            let path = self.path.clone();
            let sender = sender.clone();
            let spawned = std::thread::Builder::new()
                .name(format!("{WORKER_NAME}-{number}"))
                .spawn(move || work(&shared, &path, &sender));
            drop(spawned); // Threads end with the pool; one that did not start leaves the others.
        }
    }

    /// Queues a job; older ones with the same key are given up.
    pub fn run(&self, key: JobKey, generation: u64, job: Box<dyn Job>) {
        let mut state = self.shared.lock();
        state.waiting.retain(|task| task.key != key);
        for (running, _, stop) in &state.running {
            if *running == key {
                stop.store(true, Ordering::Relaxed);
            }
        }
        state.waiting.push_back(Task { key, generation, job, stop: Arc::default() });
        drop(state);
        self.shared.work.notify_one();
    }

    /// Tells a job to stop.
    pub fn stop(&self, generation: u64) {
        let mut state = self.shared.lock();
        state.waiting.retain(|task| task.generation != generation);
        for (_, running, stop) in &state.running {
            if *running == generation {
                stop.store(true, Ordering::Relaxed);
            }
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.ended = true;
        state.waiting.clear();
        for (_, _, stop) in &state.running {
            stop.store(true, Ordering::Relaxed);
        }
        drop(state);
        self.shared.work.notify_all();
    }
}

fn work(shared: &Shared, path: &Path, sender: &mpsc::Sender<Msg>) {
    loop {
        let mut state = shared.lock();
        let task = loop {
            if state.ended {
                return;
            }
            if let Some(task) = state.waiting.pop_front() {
                break task;
            }
            state = shared.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        let Task { key, generation, job, stop } = task;
        state.running.push((key, generation, Arc::clone(&stop)));
        drop(state);
        let mut send = |event| {
            // The receiver is gone only when the program ends.
            drop(sender.send(Msg::Job { key, generation, event }));
        };
        let end = perform(job, path, &stop, &mut send);
        send(end);
        shared.lock().running.retain(|(_, running, _)| *running != generation);
    }
}

/// Runs a job to its end on this thread; a panic becomes a failure.
pub fn perform(
    job: Box<dyn Job>,
    path: &Path,
    stop: &AtomicBool,
    send: &mut dyn FnMut(JobEvent),
) -> JobEvent {
    let name = job.name();
    let mut desk = Desk::new(path, stop, send);
    match catch_unwind(AssertUnwindSafe(|| job.run(&mut desk))) {
        Ok(Ok(data)) => JobEvent::Done(data),
        Ok(Err(why)) => JobEvent::Failed(why),
        Err(payload) => JobEvent::Failed(format!(
            "{name}: a bug in northstar: {}",
            super::panic_text(payload.as_ref())
        )),
    }
}
