//! `queue`: the durable task queue from a shell.
//!
//! Several processes may work one queue: each opens the database, does one step, closes it, and waits
//! up to `--timeout` while another has it. Time is the wall clock, read here and passed in. A file a
//! noun: adding, claiming, settling a claim, dead tasks, looking.

mod add;
mod claim;
mod dead;
mod look;
mod settle;

use super::Database;
use crate::{exit::Exit, output::Out};
use clap::{Args, Subcommand};
use color_eyre::eyre::Result;
use northstar_engine::{
    Db, Error,
    queue::{DEFAULT_PREFIX, TaskQueue},
};
use std::{
    ffi::OsString,
    time::{Duration, Instant, SystemTime},
};

/// How long a process rests before it tries again to open a database that another one has. Short: a
/// step takes a few milliseconds, and the next one goes to whoever looks first.
const LOCKED_REST: Duration = Duration::from_millis(1);

/// Work with the durable task queue of a database
///
/// Tasks are claimed most urgent first, each by one owner until its lease ends. Any number of processes
/// may work on one queue: each step waits for the others. Times are seconds and may have a fraction.
#[derive(Args, Debug)]
#[command(disable_help_subcommand = true)]
pub struct Queue {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Add(add::Add),
    Claim(claim::ClaimTasks),
    Done(settle::Done),
    Fail(settle::Fail),
    Heartbeat(settle::Heartbeat),
    Drain(claim::Drain),
    Stats(look::Stats),
    List(look::List),
    Verify(look::Verify),
    Revive(dead::Revive),
    Discard(dead::Discard),
}

/// Which queue.
#[derive(Args, Debug)]
struct Place {
    #[command(flatten)]
    db: Database,
    /// The queue whose keys start with this, instead of the default one
    #[arg(long, value_name = "P")]
    prefix: Option<OsString>,
}

/// Which queue, for a step that writes.
#[derive(Args, Debug)]
struct Desk {
    #[command(flatten)]
    place: Place,
    /// Wait so many seconds for another process that has the database open
    #[arg(long, value_name = "S", default_value = "30", value_parser = seconds)]
    timeout: Duration,
}

impl Queue {
    pub(crate) fn run(self, out: &mut Out) -> Result<Exit> {
        match self.command {
            Command::Add(args) => args.run(out),
            Command::Claim(args) => args.run(out),
            Command::Done(args) => args.run(),
            Command::Fail(args) => args.run(),
            Command::Heartbeat(args) => args.run(),
            Command::Drain(args) => args.run(out),
            Command::Stats(args) => args.run(out),
            Command::List(args) => args.run(out),
            Command::Verify(args) => args.run(out),
            Command::Revive(args) => args.run(out),
            Command::Discard(args) => args.run(out),
        }
    }
}

impl Place {
    /// The queue for reading; waits for nobody.
    fn read(&self) -> Result<TaskQueue> {
        Ok(self.queue(self.db.open_for_reading()?))
    }

    fn queue(&self, db: Db) -> TaskQueue {
        let prefix = self.prefix.as_ref().map(|prefix| prefix.as_encoded_bytes());
        TaskQueue::with_prefix(db, prefix.unwrap_or(DEFAULT_PREFIX))
    }
}

impl Desk {
    /// Does one step with the queue of an existing database, and lets go of it: the next process need
    /// not wait.
    fn step<T>(&self, step: impl FnOnce(&TaskQueue) -> Result<T>) -> Result<T> {
        self.with(&|| self.place.db.open_for_writing(), step)
    }

    /// The same, and makes the database when there is none.
    fn step_or_create<T>(&self, step: impl FnOnce(&TaskQueue) -> Result<T>) -> Result<T> {
        self.with(&|| self.place.db.open_or_create(), step)
    }

    fn with<T>(
        &self,
        open: &dyn Fn() -> Result<Db>,
        step: impl FnOnce(&TaskQueue) -> Result<T>,
    ) -> Result<T> {
        let db = self.wait_for(open)?;
        let queue = self.place.queue(db.clone()).patience(self.timeout);
        let outcome = step(&queue)?;
        drop(queue);
        db.close()?;
        Ok(outcome)
    }

    /// Opens it, waiting while another process has it.
    fn wait_for(&self, open: &dyn Fn() -> Result<Db>) -> Result<Db> {
        let start = Instant::now();
        loop {
            let report = match open() {
                Ok(db) => return Ok(db),
                Err(report) => report,
            };
            let locked = report
                .chain()
                .any(|cause| matches!(cause.downcast_ref(), Some(Error::Locked { .. })));
            if !locked || start.elapsed() >= self.timeout {
                return Err(report);
            }
            std::thread::sleep(LOCKED_REST);
        }
    }
}

/// Milliseconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, millis)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// When a pause that starts now is over; 0 for none.
fn due(now: u64, pause: Duration) -> u64 {
    if pause.is_zero() { 0 } else { now.saturating_add(millis(pause)) }
}

/// Seconds as an argument: `2`, `0.5`.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("{text} is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
