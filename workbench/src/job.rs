//! Jobs: everything that reads a file or takes time, done away from the screen.
//!
//! A job is a value with `run`; it works at a [`Desk`] that gives it the file and takes its news. Who
//! runs it, the worker threads of `runtime` or the one thread of `print`, is not its business.
//!
//! The latest request of a slot wins: an older one is told to stop, and its results carry an old
//! generation that the application drops. A panic in a job becomes an error card; the terminal is not
//! touched.

use crate::screen_id::ScreenId;
use northstar_engine::inspect::Source;
use northstar_engine::printable::Printable;
use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A job reports its progress at most this often.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// What a job hands back.
pub type Data = Box<dyn Any + Send>;

/// Work to be done away from the screen.
pub trait Job: Send + fmt::Debug {
    /// What it does, for the footer: `scan pages`.
    fn name(&self) -> String;

    /// Whether it leaves something behind (a process, a folder) unless it comes to its end: leaving the
    /// program waits for it, briefly.
    fn cleans_up(&self) -> bool {
        false
    }

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

/// Runs a job to its end on this thread; a panic becomes a failure, and so does being told to stop before
/// it began.
pub fn perform(
    job: Box<dyn Job>,
    path: &Path,
    stop: &AtomicBool,
    send: &mut dyn FnMut(JobEvent),
) -> JobEvent {
    let name = job.name();
    if stop.load(Ordering::Relaxed) {
        return JobEvent::Failed(format!("{name}: stopped before it began"));
    }
    let mut desk = Desk::new(path, stop, send);
    match catch_unwind(AssertUnwindSafe(|| job.run(&mut desk))) {
        Ok(Ok(data)) => JobEvent::Done(data),
        Ok(Err(why)) => JobEvent::Failed(why),
        Err(payload) => JobEvent::Failed(format!(
            "{name}: a bug in northstar: {}",
            panic_text(payload.as_ref())
        )),
    }
}

/// What a panic said, fit for a screen.
fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message");
    Printable::capped(text, 400).into_string()
}
