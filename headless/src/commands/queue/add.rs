//! `queue add`: one task from arguments, or many from JSON lines.

use super::{Desk, due, now, seconds};
use crate::{
    commands::open_input,
    exit::{Exit, Told},
    output::{Out, json},
};
use clap::Args;
use color_eyre::eyre::{Result, WrapErr};
use northstar_engine::queue::{BATCH_MAX, NewTask};
use serde::{Deserialize, Serialize};
use std::{
    ffi::OsString,
    io::{BufRead, Read as _},
    path::{Path, PathBuf},
    time::Duration,
};

/// Longest line of `queue add --lines`.
const LINE_BYTES_MAX: u64 = 64 << 20;
/// A batch ends early when its lines are this long together.
const BATCH_BYTES_MAX: usize = 16 << 20;

/// Put a task into the queue and print its id
///
/// Makes the database when there is none. The task is durable once its id is printed.
#[derive(Args, Debug)]
pub(super) struct Add {
    #[command(flatten)]
    desk: Desk,
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
    /// Take tasks from JSON lines in this file, or - for standard input: type (or type_hex), payload (or
    /// payload_hex) and, if wanted, priority, delay, attempts
    #[arg(long, value_name = "FILE|-", conflicts_with_all = ["task_type", "payload"])]
    lines: Option<PathBuf>,
    /// Print {"id":N}, one object a line
    #[arg(long)]
    json: bool,
}

/// A line of `queue add --lines`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TaskLine {
    r#type: Option<String>,
    type_hex: Option<String>,
    payload: Option<String>,
    payload_hex: Option<String>,
    priority: Option<u8>,
    delay: Option<f64>,
    attempts: Option<u32>,
}

/// A parsed line, owned.
struct OwnedTask {
    task_type: Vec<u8>,
    payload: Vec<u8>,
    priority: Option<u8>,
    delay: Option<Duration>,
    attempts: Option<u32>,
}

/// A line of `queue add --json`.
#[derive(Debug, Serialize)]
struct AddedJson {
    id: u64,
}

impl Add {
    pub(super) fn run(self, out: &mut Out) -> Result<Exit> {
        if let Some(lines) = &self.lines {
            return self.add_lines(lines, out);
        }
        let (Some(task_type), Some(payload)) = (&self.task_type, &self.payload) else {
            return Err(Told::usage("TYPE and PAYLOAD are needed, or --lines").into());
        };
        let task = OwnedTask {
            task_type: task_type.as_encoded_bytes().to_vec(),
            payload: payload.as_encoded_bytes().to_vec(),
            priority: None,
            delay: None,
            attempts: None,
        };
        self.add(&[task], out)?;
        Ok(Exit::Done)
    }

    /// Adds tasks in batches, each one transaction. The database is open for a batch, not while lines
    /// are waited for.
    fn add_lines(&self, path: &Path, out: &mut Out) -> Result<Exit> {
        let mut reader = open_input(path)?;
        let mut number = 0;
        loop {
            let (batch, ended) = read_batch(&mut *reader, &mut number)?;
            if !batch.is_empty() {
                self.add(&batch, out)?;
            }
            if ended {
                return Ok(Exit::Done);
            }
        }
    }

    /// Adds tasks in one transaction and prints their ids, which are durable then.
    fn add(&self, tasks: &[OwnedTask], out: &mut Out) -> Result<()> {
        let ids = self.desk.step_or_create(|queue| {
            let now = now();
            let new: Vec<_> = tasks
                .iter()
                .map(|task| NewTask {
                    task_type: &task.task_type,
                    payload: &task.payload,
                    priority: task.priority.unwrap_or(self.priority),
                    due: due(now, task.delay.unwrap_or(self.delay)),
                    attempts_max: task.attempts.unwrap_or(self.attempts),
                })
                .collect();
            Ok(queue.enqueue_all(now, &new)?)
        })?;
        for id in ids {
            if self.json {
                json::line(out, &AddedJson { id })?;
            } else {
                out.line(id)?;
            }
        }
        out.flush()
    }
}

/// Reads the tasks of the next transaction; whether the input ended.
fn read_batch(reader: &mut dyn BufRead, number: &mut u64) -> Result<(Vec<OwnedTask>, bool)> {
    let (mut batch, mut line, mut bytes) = (Vec::new(), Vec::new(), 0);
    while batch.len() < BATCH_MAX && bytes < BATCH_BYTES_MAX {
        line.clear();
        let mut capped = (&mut *reader).take(LINE_BYTES_MAX);
        if capped.read_until(b'\n', &mut line).wrap_err("cannot read the input")? == 0 {
            return Ok((batch, true));
        }
        *number += 1;
        bytes += line.len();
        if line.trim_ascii().is_empty() {
            continue;
        }
        let whole = line.ends_with(b"\n") || (line.len() as u64) < LINE_BYTES_MAX;
        let task = if whole { TaskLine::parse(&line) } else { Err("longer than 64 MiB".into()) };
        let task = task.map_err(|why| {
            Told::no(format!("line {number}: {why}"))
                .hint("the tasks whose ids were printed are in the queue")
        })?;
        batch.push(task);
    }
    Ok((batch, false))
}

impl TaskLine {
    fn parse(line: &[u8]) -> Result<OwnedTask, String> {
        let line: Self = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let delay = line.delay.map(|delay| {
            Duration::try_from_secs_f64(delay).map_err(|error| format!("delay: {error}"))
        });
        Ok(OwnedTask {
            task_type: either("type", line.r#type, line.type_hex)?,
            payload: either("payload", line.payload, line.payload_hex)?,
            priority: line.priority,
            delay: delay.transpose()?,
            attempts: line.attempts,
        })
    }
}

/// Bytes given as text or as digits, and not as both.
fn either(name: &str, text: Option<String>, hex: Option<String>) -> Result<Vec<u8>, String> {
    match (text, hex) {
        (Some(text), None) => Ok(text.into_bytes()),
        (None, Some(hex)) => {
            crate::output::hex::decode(hex.as_bytes()).map_err(|why| format!("{name}_hex is {why}"))
        }
        (Some(_), Some(_)) => Err(format!("both {name} and {name}_hex")),
        (None, None) => Err(format!("no {name}")),
    }
}
