//! `queue revive` and `queue discard`: the way out for tasks whose claims are used up.

use super::{Desk, now};
use crate::{
    exit::{Exit, Told},
    output::Out,
};
use clap::Args;
use color_eyre::eyre::Result;
use northstar_engine::queue::{State, TaskQueue};
use std::{
    ffi::{OsStr, OsString},
    ops::ControlFlow,
};

/// Which dead tasks.
#[derive(Args, Debug)]
struct Chosen {
    #[command(flatten)]
    desk: Desk,
    /// Ids of dead tasks
    #[arg(value_name = "ID", required_unless_present = "all")]
    ids: Vec<u64>,
    /// All dead tasks
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    /// With --all: only those of this type
    #[arg(long = "type", value_name = "T", requires = "all")]
    task_type: Option<OsString>,
}

/// Make dead tasks ready again, with all their claims before them
///
/// Prints the ids. Exit status 1 when one of the given tasks is not dead; the others are revived all the
/// same.
#[derive(Args, Debug)]
pub(super) struct Revive {
    #[command(flatten)]
    chosen: Chosen,
}

/// Throw dead tasks away
///
/// Prints the ids. Exit status 1 when one of the given tasks is not dead; the others are gone all the
/// same.
#[derive(Args, Debug)]
pub(super) struct Discard {
    #[command(flatten)]
    chosen: Chosen,
}

impl Revive {
    pub(super) fn run(self, out: &mut Out) -> Result<Exit> {
        let now = now();
        self.chosen.each(out, &|queue, id| queue.revive(now, id))
    }
}

impl Discard {
    pub(super) fn run(self, out: &mut Out) -> Result<Exit> {
        self.chosen.each(out, &TaskQueue::discard)
    }
}

impl Chosen {
    /// Does `what` to each; prints those it was done to.
    fn each(
        &self,
        out: &mut Out,
        what: &dyn Fn(&TaskQueue, u64) -> northstar_engine::Result<bool>,
    ) -> Result<Exit> {
        let refused = self.desk.step(|queue| {
            let ids = if self.all { self.find(queue)? } else { self.ids.clone() };
            let mut refused = Vec::new();
            for id in ids {
                if what(queue, id)? {
                    out.line(id)?;
                } else {
                    refused.push(id.to_string());
                }
            }
            Ok(refused)
        })?;
        if refused.is_empty() {
            return Ok(Exit::Done);
        }
        Err(Told::no(format!("not dead: {}", refused.join(", ")))
            .hint("`queue list DB --state dead` lists those that are")
            .into())
    }

    fn find(&self, queue: &TaskQueue) -> Result<Vec<u64>> {
        let mut ids = Vec::new();
        let task_type = self.task_type.as_deref().map(OsStr::as_encoded_bytes);
        queue.visit(Some(State::Dead), task_type, |task| {
            ids.push(task.id);
            ControlFlow::Continue(())
        })?;
        Ok(ids)
    }
}
