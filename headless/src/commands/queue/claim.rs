//! `queue claim` and `queue drain`: tasks are taken and printed.

use super::{Desk, millis, now, seconds};
use crate::{
    exit::{Exit, Told},
    output::{
        Out, Printable,
        hex::Hex,
        json::{self, Bytes},
    },
};
use clap::Args;
use color_eyre::eyre::Result;
use northstar_engine::queue::{BATCH_MAX, Claim, ClaimRequest, Settled, TaskQueue};
use serde::Serialize;
use std::{
    ffi::{OsStr, OsString},
    time::Duration,
};

/// Lease of a drained batch, for the case that the process dies between printing and counting it, ms.
const DRAIN_LEASE: u64 = 60_000;

/// Claim the most urgent task and print it; exit status 1 when there is none
///
/// Prints id, type and payload with tabs between, escaped. The claim is durable once it is printed.
#[derive(Args, Debug)]
pub(super) struct ClaimTasks {
    #[command(flatten)]
    desk: Desk,
    /// Who claims: give the same name to `done`, `fail` and `heartbeat`
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
}

/// Take every ready task out of the queue and print it
///
/// Each batch is claimed, printed, and only then counted as done: a task that was not printed is never
/// lost, one that was may be claimed again after a crash. Other processes wait meanwhile.
#[derive(Args, Debug)]
pub(super) struct Drain {
    #[command(flatten)]
    desk: Desk,
    /// Only tasks of this type
    #[arg(long = "type", value_name = "T")]
    task_type: Option<OsString>,
    /// Print one JSON object a task, one a line
    #[arg(long)]
    json: bool,
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

impl ClaimTasks {
    pub(super) fn run(self, out: &mut Out) -> Result<Exit> {
        let request = ClaimRequest {
            owner: self.owner.as_encoded_bytes(),
            task_type: self.task_type.as_deref().map(OsStr::as_encoded_bytes),
            lease: millis(self.lease),
            count: self.count.into(),
        };
        // Printed before the database is closed: whoever sees the task has it, durably.
        self.desk.step(|queue| {
            let claims = queue.claim_batch(now(), &request)?;
            print(out, &claims, self.json)?;
            Ok(if claims.is_empty() { Exit::No } else { Exit::Done })
        })
    }
}

impl Drain {
    pub(super) fn run(self, out: &mut Out) -> Result<Exit> {
        let owner = format!("drain-{}", std::process::id());
        let request = ClaimRequest {
            owner: owner.as_bytes(),
            task_type: self.task_type.as_deref().map(OsStr::as_encoded_bytes),
            lease: DRAIN_LEASE,
            count: BATCH_MAX,
        };
        self.desk.step(|queue| {
            while drain_batch(queue, &request, self.json, out)? {}
            Ok(Exit::Done)
        })
    }
}

/// Claims, prints and completes a batch; whether there was one.
fn drain_batch(
    queue: &TaskQueue,
    request: &ClaimRequest<'_>,
    as_json: bool,
    out: &mut Out,
) -> Result<bool> {
    let now = now();
    let claims = queue.claim_batch(now, request)?;
    print(out, &claims, as_json)?;
    let mut txn = queue.db().begin_write()?;
    for claim in &claims {
        // At the time of the claim: a reader of the output may have taken longer than the lease, but this
        // process has had the database to itself, so nobody can have taken the task back.
        let settled = queue.complete_in(&mut txn, now, claim.id, request.owner)?;
        if settled == Settled::NotYours {
            return Err(Told::no(format!("task {} went to somebody else", claim.id)).into());
        }
    }
    txn.commit()?;
    Ok(!claims.is_empty())
}

fn print(out: &mut Out, claims: &[Claim], as_json: bool) -> Result<()> {
    for claim in claims {
        let (task_type, payload) = (Bytes(&claim.task_type), Bytes(&claim.payload));
        if !as_json {
            let [task_type, payload] = [task_type.0, payload.0].map(Printable::new);
            out.line(format_args!("{}\t{task_type}\t{payload}", claim.id))?;
            continue;
        }
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
        json::line(out, &line)?;
    }
    out.flush()
}
