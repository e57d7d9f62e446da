//! `queue`: the durable task queue from a shell.
//!
//! Several processes may work one queue: each opens the database, does one step, closes it, and waits
//! up to `--timeout` while another has it. Time is the wall clock, read here and passed in.

use super::{Database, Form};
use crate::{
    exit::{Exit, Told},
    output::{Out, Printable, hex::Hex, json, json::Bytes, table::Table},
};
use clap::{Args, Subcommand};
use color_eyre::eyre::{Result, WrapErr};
use northstar_engine::{
    Error,
    queue::{BATCH_MAX, Claim, ClaimRequest, Failure, NewTask, Settled, TaskQueue, TypeStats},
};
use serde::{Deserialize, Serialize};
use std::{
    ffi::OsString,
    io::BufRead,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

/// How long a process rests before it tries again to open a database that another one has.
const LOCKED_REST: Duration = Duration::from_millis(10);

/// Longest line of `queue add --lines`.
const LINE_BYTES_MAX: u64 = 64 << 20;

/// Work with the durable task queue of a database
///
/// Tasks are claimed most urgent first, each by one owner until its lease ends. Times are seconds and
/// may have a fraction.
#[derive(Args, Debug)]
#[command(disable_help_subcommand = true)]
pub struct Queue {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Add(Add),
    Claim(ClaimCommand),
    Done(Done),
    Fail(Fail),
    Stats(Stats),
    Drain(Drain),
}

/// How long to wait for other processes.
#[derive(Args, Clone, Copy, Debug)]
struct Patience {
    /// Wait so many seconds for another process that has the database open
    #[arg(long, value_name = "S", default_value = "30", value_parser = seconds)]
    timeout: Duration,
}

/// Put a task into the queue and print its id
///
/// Makes the database when there is none. The task is durable once its id is printed.
#[derive(Args, Debug)]
struct Add {
    #[command(flatten)]
    db: Database,
    /// Which workers want it
    #[arg(value_name = "TYPE", required_unless_present = "lines")]
    task_type: Option<OsString>,
    /// What it is about
    #[arg(required_unless_present = "lines")]
    payload: Option<OsString>,
    /// 255 is claimed first, 0 last
    #[arg(long, default_value_t = 128)]
    priority: u8,
    /// Not to be claimed for so many seconds
    #[arg(long, value_name = "S", default_value = "0", value_parser = seconds)]
    delay: Duration,
    /// Claims it gets before it is dead; 0 for any number
    #[arg(long, value_name = "N", default_value_t = 5)]
    attempts: u32,
    /// Take tasks from JSON lines in this file, or - for standard input: type, payload (or
    /// payload_hex) and, if wanted, priority, delay, attempts
    #[arg(long, value_name = "FILE|-", conflicts_with_all = ["task_type", "payload"])]
    lines: Option<PathBuf>,
    /// Print {"id":N}, one object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    patience: Patience,
}

/// Claim the most urgent task and print it; exit status 1 when there is none
///
/// Prints id, type and payload with tabs between, escaped. The claim is durable once it is printed.
#[derive(Args, Debug)]
struct ClaimCommand {
    #[command(flatten)]
    db: Database,
    /// Who claims: give the same name to `done` and `fail`
    #[arg(long, value_name = "W")]
    owner: OsString,
    /// Only tasks of this type
    #[arg(long = "type", value_name = "T")]
    task_type: Option<OsString>,
    /// The claim holds for so many seconds
    #[arg(long, value_name = "S", default_value = "30", value_parser = seconds)]
    lease: Duration,
    /// Claim up to so many tasks at once
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    count: u16,
    /// Print one JSON object a task, one a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    patience: Patience,
}

/// Report a claimed task as done
///
/// Exit status 1 when the task is not this owner's any more: its lease ended, or it never was.
#[derive(Args, Debug)]
struct Done {
    #[command(flatten)]
    db: Database,
    /// The task's id
    id: u64,
    /// Who claimed it
    #[arg(long, value_name = "W")]
    owner: OsString,
    #[command(flatten)]
    patience: Patience,
}

/// Give a claimed task back as failed
///
/// It is ready again at once or after --retry, or dead when its claims are used up. Exit status 1 when
/// the task is not this owner's any more.
#[derive(Args, Debug)]
struct Fail {
    #[command(flatten)]
    db: Database,
    /// The task's id
    id: u64,
    /// Who claimed it
    #[arg(long, value_name = "W")]
    owner: OsString,
    /// Why it failed
    #[arg(long, value_name = "TEXT", default_value = "")]
    error: OsString,
    /// Not to be claimed again for so many seconds
    #[arg(long, value_name = "S", default_value = "0", value_parser = seconds)]
    retry: Duration,
    #[command(flatten)]
    patience: Patience,
}

/// Count tasks by type and state
#[derive(Args, Debug)]
struct Stats {
    #[command(flatten)]
    db: Database,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Take every ready task out of the queue and print it
///
/// Each batch is claimed, printed, and only then counted as done: a task that was not printed is never
/// lost, one that was may be claimed again after a crash.
#[derive(Args, Debug)]
struct Drain {
    #[command(flatten)]
    db: Database,
    /// Only tasks of this type
    #[arg(long = "type", value_name = "T")]
    task_type: Option<OsString>,
    /// Print one JSON object a task, one a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    patience: Patience,
}

/// A line of `queue add --lines`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TaskLine {
    r#type: String,
    payload: Option<String>,
    payload_hex: Option<String>,
    priority: Option<u8>,
    delay: Option<f64>,
    attempts: Option<u32>,
}

/// A line of `queue add --json`.
#[derive(Debug, Serialize)]
struct AddedJson {
    id: u64,
}

/// A line of `queue claim --json` and `queue drain --json`.
#[derive(Debug, Serialize)]
struct ClaimJson<'a> {
    id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    type_hex: Option<Hex<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_hex: Option<Hex<'a>>,
    priority: u8,
    attempt: u32,
    /// Milliseconds since 1970.
    lease_until: u64,
}

/// What `queue stats --json` prints.
#[derive(Debug, Serialize)]
struct StatsJson<'a> {
    types: Vec<TypeJson<'a>>,
    total: TypeStats,
}

#[derive(Debug, Serialize)]
struct TypeJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    type_hex: Option<Hex<'a>>,
    #[serde(flatten)]
    counts: TypeStats,
}

impl Queue {
    pub(crate) fn run(self, out: &mut Out) -> Result<Exit> {
        match self.command {
            Command::Add(args) => args.run(out),
            Command::Claim(args) => args.run(out),
            Command::Done(args) => {
                let queue = args.patience.open(&args.db, false)?;
                let settled = queue.complete(now(), args.id, args.owner.as_encoded_bytes())?;
                finish(queue)?;
                answer(settled, args.id)
            }
            Command::Fail(args) => args.run(),
            Command::Stats(args) => args.run(out),
            Command::Drain(args) => args.run(out),
        }
    }
}

impl Patience {
    /// Opens the database's queue for writing, waiting while another process has it.
    fn open(self, db: &Database, create: bool) -> Result<TaskQueue> {
        let deadline = Instant::now() + self.timeout;
        loop {
            let opened = if create { db.open_or_create() } else { db.open_for_writing() };
            match opened {
                Ok(db) => return Ok(TaskQueue::new(db).patience(self.timeout)),
                Err(report) => {
                    let locked = report
                        .chain()
                        .any(|cause| matches!(cause.downcast_ref(), Some(Error::Locked { .. })));
                    if !locked || Instant::now() >= deadline {
                        return Err(report);
                    }
                }
            }
            std::thread::sleep(LOCKED_REST);
        }
    }
}

impl Add {
    fn run(self, out: &mut Out) -> Result<Exit> {
        if let Some(lines) = &self.lines {
            return self.add_lines(lines, out);
        }
        let (Some(task_type), Some(payload)) = (&self.task_type, &self.payload) else {
            return Err(Told::usage("TYPE and PAYLOAD are needed, or --lines").into());
        };
        let queue = self.patience.open(&self.db, true)?;
        let now = now();
        let task = NewTask {
            task_type: task_type.as_encoded_bytes(),
            payload: payload.as_encoded_bytes(),
            priority: self.priority,
            due: due(now, self.delay),
            attempts_max: self.attempts,
        };
        let id = queue.enqueue(now, &task)?;
        self.print(out, id)?;
        finish(queue)?;
        Ok(Exit::Done)
    }

    /// Adds tasks in batches, each one transaction; ids are printed once they are durable.
    fn add_lines(&self, path: &Path, out: &mut Out) -> Result<Exit> {
        let mut reader = super::open_input(path)?;
        let queue = self.patience.open(&self.db, true)?;
        let (mut line, mut number, mut ended) = (Vec::new(), 0_u64, false);
        while !ended {
            let mut batch = Vec::new();
            while batch.len() < BATCH_MAX {
                line.clear();
                let mut capped = std::io::Read::take(&mut reader, LINE_BYTES_MAX);
                if capped.read_until(b'\n', &mut line).wrap_err("cannot read the input")? == 0 {
                    ended = true;
                    break;
                }
                number += 1;
                if line.trim_ascii().is_empty() {
                    continue;
                }
                let task = TaskLine::parse(&line).map_err(|why| {
                    let message = format!("line {number}: {why}");
                    Told::no(message).hint("the tasks whose ids were printed are in the queue")
                })?;
                batch.push(task);
            }
            let now = now();
            let tasks: Vec<_> = batch.iter().map(|task| task.as_task(self, now)).collect();
            for id in queue.enqueue_all(now, &tasks)? {
                self.print(out, id)?;
            }
            out.flush()?;
        }
        finish(queue)?;
        Ok(Exit::Done)
    }

    fn print(&self, out: &mut Out, id: u64) -> Result<()> {
        if self.json { json::line(out, &AddedJson { id }) } else { out.line(id) }
    }
}

/// A parsed line, owned.
struct OwnedTask {
    line: TaskLine,
    payload: Vec<u8>,
    delay: Option<Duration>,
}

impl TaskLine {
    fn parse(line: &[u8]) -> Result<OwnedTask, String> {
        let mut line: Self = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let payload = match (line.payload.take(), line.payload_hex.take()) {
            (Some(text), None) => text.into_bytes(),
            (None, Some(hex)) => crate::output::hex::decode(hex.as_bytes())
                .map_err(|why| format!("payload_hex is {why}"))?,
            (Some(_), Some(_)) => return Err("both payload and payload_hex".into()),
            (None, None) => return Err("no payload".into()),
        };
        let delay = line
            .delay
            .map(|delay| {
                Duration::try_from_secs_f64(delay).map_err(|error| format!("delay: {error}"))
            })
            .transpose()?;
        Ok(OwnedTask { line, payload, delay })
    }
}

impl OwnedTask {
    fn as_task(&self, defaults: &Add, now: u64) -> NewTask<'_> {
        NewTask {
            task_type: self.line.r#type.as_bytes(),
            payload: &self.payload,
            priority: self.line.priority.unwrap_or(defaults.priority),
            due: due(now, self.delay.unwrap_or(defaults.delay)),
            attempts_max: self.line.attempts.unwrap_or(defaults.attempts),
        }
    }
}

impl ClaimCommand {
    fn run(self, out: &mut Out) -> Result<Exit> {
        let queue = self.patience.open(&self.db, false)?;
        let request = ClaimRequest {
            owner: self.owner.as_encoded_bytes(),
            task_type: self.task_type.as_deref().map(std::ffi::OsStr::as_encoded_bytes),
            lease: millis(self.lease),
            count: self.count.into(),
        };
        let claims = queue.claim_batch(now(), &request)?;
        for claim in &claims {
            print_claim(out, claim, self.json)?;
        }
        finish(queue)?;
        Ok(if claims.is_empty() { Exit::No } else { Exit::Done })
    }
}

impl Fail {
    fn run(self) -> Result<Exit> {
        let queue = self.patience.open(&self.db, false)?;
        let now = now();
        let failure =
            Failure { error: self.error.as_encoded_bytes(), retry_at: due(now, self.retry) };
        let settled = queue.fail(now, self.id, self.owner.as_encoded_bytes(), failure)?;
        finish(queue)?;
        answer(settled, self.id)
    }
}

impl Stats {
    fn run(self, out: &mut Out) -> Result<Exit> {
        let stats = TaskQueue::new(self.db.open_for_reading()?).stats()?;
        if self.json {
            let types = stats.types.iter().map(|(task_type, counts)| {
                let task_type = Bytes(task_type);
                TypeJson { r#type: task_type.text(), type_hex: task_type.hex(), counts: *counts }
            });
            let document = StatsJson { types: types.collect(), total: stats.total() };
            json::document(out, &document)?;
            return Ok(Exit::Done);
        }
        let mut table = Table::new(["type", "ready", "delayed", "claimed", "dead", "done"])
            .right(&[1, 2, 3, 4, 5]);
        let mut row = |name: String, counts: &TypeStats| {
            let TypeStats { ready, delayed, claimed, dead, done } = counts;
            let [ready, delayed, claimed, dead, done] =
                [ready, delayed, claimed, dead, done].map(u64::to_string);
            table.row([name, ready, delayed, claimed, dead, done]);
        };
        for (task_type, counts) in &stats.types {
            row(Form::default().show(task_type, 60).into_string(), counts);
        }
        row(String::from("(all)"), &stats.total());
        table.print(out)?;
        Ok(Exit::Done)
    }
}

impl Drain {
    fn run(self, out: &mut Out) -> Result<Exit> {
        let queue = self.patience.open(&self.db, false)?;
        let owner = format!("drain-{}", std::process::id());
        let task_type = self.task_type.as_deref().map(std::ffi::OsStr::as_encoded_bytes);
        let request =
            ClaimRequest { owner: owner.as_bytes(), task_type, lease: 60_000, count: BATCH_MAX };
        loop {
            let claims = queue.claim_batch(now(), &request)?;
            if claims.is_empty() {
                break;
            }
            for claim in &claims {
                print_claim(out, claim, self.json)?;
            }
            out.flush()?;
            let mut txn = queue.db().begin_write()?;
            let now = now();
            for claim in &claims {
                if queue.complete_in(&mut txn, now, claim.id, owner.as_bytes())?
                    == Settled::NotYours
                {
                    return answer(Settled::NotYours, claim.id);
                }
            }
            txn.commit()?;
        }
        finish(queue)?;
        Ok(Exit::Done)
    }
}

fn print_claim(out: &mut Out, claim: &Claim, as_json: bool) -> Result<()> {
    let (task_type, payload) = (Bytes(&claim.task_type), Bytes(&claim.payload));
    if as_json {
        let line = ClaimJson {
            id: claim.id,
            r#type: task_type.text(),
            type_hex: task_type.hex(),
            payload: payload.text(),
            payload_hex: payload.hex(),
            priority: claim.priority,
            attempt: claim.attempt,
            lease_until: claim.lease_until,
        };
        return json::line(out, &line);
    }
    let [task_type, payload] = [task_type.0, payload.0].map(Printable::new);
    out.line(format_args!("{}\t{task_type}\t{payload}", claim.id))
}

fn answer(settled: Settled, id: u64) -> Result<Exit> {
    match settled {
        Settled::Yes => Ok(Exit::Done),
        Settled::NotYours => Err(Told::no(format!("task {id} is not this owner's"))
            .hint("its lease ended and it was taken back, or it was never claimed under this name")
            .into()),
    }
}

/// Closes the database: the next process need not wait for it.
fn finish(queue: TaskQueue) -> Result<()> {
    let db = queue.db().clone();
    drop(queue);
    Ok(db.close()?)
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
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("{text} is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
