//! `queue done`, `fail` and `heartbeat`: what becomes of a claim.

use super::{Desk, due, millis, now, seconds};
use crate::exit::{Exit, Told};
use clap::Args;
use color_eyre::eyre::Result;
use northstar_engine::queue::{Failure, Settled, TaskQueue};
use std::{ffi::OsString, time::Duration};

/// A claim, and where it is.
#[derive(Args, Debug)]
struct Held {
    #[command(flatten)]
    desk: Desk,
    /// The task's id
    id: u64,
    /// Who claimed it
    #[arg(long, value_name = "W")]
    owner: OsString,
}

/// Report a claimed task as done
///
/// Exit status 1 when the task is not this owner's any more: its lease ended, or it never was.
#[derive(Args, Debug)]
pub(super) struct Done {
    #[command(flatten)]
    held: Held,
}

/// Give a claimed task back as failed
///
/// It is ready again at once or after --retry, or dead when its claims are used up. Exit status 1 when
/// the task is not this owner's any more.
#[derive(Args, Debug)]
pub(super) struct Fail {
    #[command(flatten)]
    held: Held,
    /// Why it failed; `queue list` shows it
    #[arg(long, value_name = "TEXT", default_value = "")]
    error: OsString,
    /// Not to be claimed again for so many seconds
    #[arg(long, value_name = "S", default_value = "0", value_parser = seconds)]
    retry: Duration,
}

/// Keep a claimed task: its lease begins anew
///
/// For work that takes longer than its lease. Exit status 1 when the task is not this owner's any more:
/// then stop working on it.
#[derive(Args, Debug)]
pub(super) struct Heartbeat {
    #[command(flatten)]
    held: Held,
    /// The claim holds for so many seconds from now
    #[arg(long, value_name = "S", default_value = "30", value_parser = seconds)]
    lease: Duration,
}

impl Held {
    fn settle(
        &self,
        settle: impl FnOnce(&TaskQueue, &[u8]) -> northstar_engine::Result<Settled>,
    ) -> Result<Exit> {
        let owner = self.owner.as_encoded_bytes();
        match self.desk.step(|queue| Ok(settle(queue, owner)?))? {
            Settled::Yes => Ok(Exit::Done),
            Settled::NotYours => Err(Told::no(format!("task {} is not this owner's", self.id))
                .hint(
                    "its lease ended, it was settled before, or it was claimed under another name",
                )
                .into()),
        }
    }
}

impl Done {
    pub(super) fn run(self) -> Result<Exit> {
        let id = self.held.id;
        self.held.settle(|queue, owner| queue.complete(now(), id, owner))
    }
}

impl Fail {
    pub(super) fn run(self) -> Result<Exit> {
        let id = self.held.id;
        self.held.settle(|queue, owner| {
            let now = now();
            let error = self.error.as_encoded_bytes();
            queue.fail(now, id, owner, Failure { error, retry_at: due(now, self.retry) })
        })
    }
}

impl Heartbeat {
    pub(super) fn run(self) -> Result<Exit> {
        let id = self.held.id;
        self.held.settle(|queue, owner| queue.heartbeat(now(), id, owner, millis(self.lease)))
    }
}
