//! Checks every rule of the queue over one snapshot.

use super::TaskQueue;
use super::key::Layout;
use super::row::{State, Task};
use super::stats::TypeStats;
use crate::error::Result;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueueProblem {
    /// Its id in `spec/queue_v0.md`.
    pub rule: &'static str,
    /// The task, where one is to blame.
    pub task: Option<u64>,
    /// What is wrong.
    pub text: String,
}

impl TaskQueue {
    /// Checks rows, indexes, counts and the id counter of the latest state; what is wrong.
    ///
    /// Cost: a scan of the queue's keys, and memory for one index key a task.
    ///
    /// # Errors
    /// What a read transaction returns; broken queue rules are in the result.
    pub fn verify(&self) -> Result<Vec<QueueProblem>> {
        let txn = self.db.begin_read()?;
        let mut problems = Vec::new();
        let mut report =
            |rule, task, text: String| problems.push(QueueProblem { rule, task, text });

        let mut wanted = BTreeSet::new();
        let mut counted: BTreeMap<Vec<u8>, TypeStats> = BTreeMap::new();
        let mut highest = 0;
        for entry in txn.prefix(self.layout.all_tasks())? {
            let (key, value) = entry?;
            let task = Layout::trailing_id(&key)
                .filter(|id| self.layout.task(*id) == *key)
                .and_then(|id| Task::decode(id, &value));
            let Some(task) = task else {
                report("QUEUE-1", None, format!("row {} does not decode", key.escape_ascii()));
                continue;
            };
            highest = highest.max(task.id);
            if (task.state == State::Claimed) == task.owner.is_empty() {
                report(
                    "QUEUE-4",
                    Some(task.id),
                    format!("{:?} with owner of {} bytes", task.state, task.owner.len()),
                );
            }
            *counted.entry(task.task_type.clone()).or_default().of_mut(task.state) += 1;
            wanted.insert(self.layout.index(&task));
        }

        let indexes = [
            self.layout.all_ready(),
            self.layout.all_delayed(),
            self.layout.all_leases(),
            self.layout.all_dead(),
        ];
        for index in indexes {
            for entry in txn.prefix(&index)? {
                let (key, _) = entry?;
                if !wanted.remove(&*key) {
                    let text = format!("index entry {} has no such task", key.escape_ascii());
                    report("QUEUE-2", Layout::trailing_id(&key), text);
                }
            }
        }
        for key in wanted {
            report(
                "QUEUE-2",
                Layout::trailing_id(&key),
                format!("no index entry {}", key.escape_ascii()),
            );
        }

        for (task_type, stored) in self.stats_of(&txn)? {
            let found = counted.remove(&task_type).unwrap_or_default();
            if (TypeStats { done: stored.done, ..found }) != stored {
                report(
                    "QUEUE-3",
                    None,
                    format!(
                        "counts of {} are {stored:?}, rows say {found:?}",
                        task_type.escape_ascii()
                    ),
                );
            }
        }
        for (task_type, found) in counted {
            report(
                "QUEUE-3",
                None,
                format!("no counts of {}, rows say {found:?}", task_type.escape_ascii()),
            );
        }

        let counter = txn.get(self.layout.counter())?;
        let next = counter
            .as_deref()
            .and_then(|bytes| bytes.first_chunk())
            .map(|c| u64::from_le_bytes(*c));
        if highest >= next.unwrap_or(1) {
            report("QUEUE-5", Some(highest), format!("the id counter stands at {next:?}"));
        }
        Ok(problems)
    }
}
