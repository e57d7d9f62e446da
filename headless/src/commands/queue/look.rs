//! `queue stats`, `list` and `verify`: looking without touching.

use super::Place;
use crate::{
    commands::{Form, shown},
    exit::Exit,
    output::{
        Out, Printable,
        hex::Hex,
        json::{self, Bytes},
        table::Table,
    },
};
use clap::{Args, ValueEnum};
use color_eyre::eyre::Result;
use northstar_engine::queue::{QueueProblem, State, Task, TypeStats};
use serde::Serialize;
use std::{
    ffi::{OsStr, OsString},
    ops::ControlFlow,
};

/// Characters of a cell in a table for people.
const CELL_CHARS: usize = 60;

/// Count tasks by type and state
#[derive(Args, Debug)]
pub(super) struct Stats {
    #[command(flatten)]
    place: Place,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// List tasks without claiming them
///
/// By id; with --state in the order in which they will be claimed, come due, or lose their lease.
#[derive(Args, Debug)]
pub(super) struct List {
    #[command(flatten)]
    place: Place,
    /// Only tasks in this state
    #[arg(long, value_enum)]
    state: Option<StateName>,
    /// Only tasks of this type
    #[arg(long = "type", value_name = "T")]
    task_type: Option<OsString>,
    /// At most so many
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<usize>,
    /// Print one JSON object a task, one a line
    #[arg(long)]
    json: bool,
}

/// Verify every rule of the queue: rows, indexes, counts, ids
///
/// `check` proves that the file holds what was written; this proves that what was written is a queue.
/// Exit status 3 when a rule is broken. Rules: spec/queue_v0.md.
#[derive(Args, Debug)]
pub(super) struct Verify {
    #[command(flatten)]
    place: Place,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StateName {
    /// Can be claimed
    Ready,
    /// Wait for their time
    Delayed,
    /// A worker has them
    Claimed,
    /// Claims used up
    Dead,
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

/// A line of `queue list --json`.
#[derive(Debug, Serialize)]
struct TaskJson<'a> {
    id: u64,
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    type_hex: Option<Hex<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_hex: Option<Hex<'a>>,
    priority: u8,
    attempts: u32,
    attempts_max: u32,
    created: u64,
    due: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease_until: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_hex: Option<Hex<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_hex: Option<Hex<'a>>,
}

/// What `queue verify --json` prints.
#[derive(Debug, Serialize)]
struct VerifyJson<'a> {
    clean: bool,
    tasks: u64,
    problems: &'a [QueueProblem],
}

impl Stats {
    pub(super) fn run(self, out: &mut Out) -> Result<Exit> {
        let stats = self.place.read()?.stats()?;
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
            row(show(task_type), counts);
        }
        row(String::from("(all)"), &stats.total());
        table.print(out)?;
        Ok(Exit::Done)
    }
}

impl List {
    pub(super) fn run(self, out: &mut Out) -> Result<Exit> {
        let queue = self.place.read()?;
        let task_type = self.task_type.as_deref().map(OsStr::as_encoded_bytes);
        let titles = ["id", "state", "type", "priority", "attempts", "owner", "payload", "error"];
        let mut table = Table::new(titles).right(&[0, 3, 4]);
        let mut left = self.limit.unwrap_or(usize::MAX);
        let mut printed = Ok(());
        queue.visit(self.state.map(State::from), task_type, |task| {
            if left == 0 {
                return ControlFlow::Break(());
            }
            left -= 1;
            if self.json {
                printed = json::line(out, &TaskJson::new(&task));
            } else {
                table.row(cells(&task));
            }
            if printed.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        printed?;
        if !self.json {
            table.print(out)?;
        }
        Ok(Exit::Done)
    }
}

impl Verify {
    pub(super) fn run(self, out: &mut Out) -> Result<Exit> {
        let queue = self.place.read()?;
        let problems = queue.verify()?;
        let total = queue.stats().map(|stats| stats.total()).unwrap_or_default();
        let tasks = total.ready + total.delayed + total.claimed + total.dead;
        let clean = problems.is_empty();
        if self.json {
            json::document(out, &VerifyJson { clean, tasks, problems: &problems })?;
        } else {
            for problem in &problems {
                let QueueProblem { rule, task, text } = problem;
                let task = task.map_or(String::new(), |id| format!("task {id}: "));
                out.line(format_args!("{rule}: {task}{}", Printable::message(text, 1000)))?;
            }
            let verdict = if clean { "clean" } else { "DAMAGED" };
            let count = problems.len();
            let db = shown(&self.place.db.path);
            out.line(format_args!("{db}: {verdict}, {count} problems, {tasks} tasks"))?;
        }
        Ok(if clean { Exit::Done } else { Exit::Corrupt })
    }
}

impl From<StateName> for State {
    fn from(name: StateName) -> Self {
        match name {
            StateName::Ready => Self::Ready,
            StateName::Delayed => Self::Delayed,
            StateName::Claimed => Self::Claimed,
            StateName::Dead => Self::Dead,
        }
    }
}

fn show(bytes: &[u8]) -> String {
    Form::default().show(bytes, CELL_CHARS).into_string()
}

fn cells(task: &Task) -> [String; 8] {
    let attempts = match task.attempts_max {
        0 => task.attempts.to_string(),
        most => format!("{}/{most}", task.attempts),
    };
    [
        task.id.to_string(),
        task.state.name().to_owned(),
        show(&task.task_type),
        task.priority.to_string(),
        attempts,
        show(&task.owner),
        show(&task.payload),
        show(&task.error),
    ]
}

impl<'a> TaskJson<'a> {
    fn new(task: &'a Task) -> Self {
        let (task_type, payload) = (Bytes(&task.task_type), Bytes(&task.payload));
        let some = |bytes: &'a [u8]| Some(Bytes(bytes)).filter(|bytes| !bytes.0.is_empty());
        let (owner, error) = (some(&task.owner), some(&task.error));
        Self {
            id: task.id,
            state: task.state,
            r#type: task_type.text(),
            type_hex: task_type.hex(),
            payload: payload.text(),
            payload_hex: payload.hex(),
            priority: task.priority,
            attempts: task.attempts,
            attempts_max: task.attempts_max,
            created: task.created,
            due: task.due,
            lease_until: (task.state == State::Claimed).then_some(task.lease_until),
            owner: owner.and_then(Bytes::text),
            owner_hex: owner.and_then(Bytes::hex),
            error: error.and_then(Bytes::text),
            error_hex: error.and_then(Bytes::hex),
        }
    }
}
