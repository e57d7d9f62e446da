//! The task queue as its rows stand in the pages: read without the engine, so on any file.

use crate::job::{Data, Desk, Job};
use northstar_engine::inspect::tree::{Root, RowItem, rows};
use northstar_engine::queue::key::Layout;
use northstar_engine::queue::{DEFAULT_PREFIX, State, Task};
use std::collections::BTreeMap;

/// Rows read at a time.
const WINDOW: usize = 1000;
/// Tasks listed.
const LISTED_MAX: usize = 2000;

/// The tasks of a type.
#[derive(Clone, Copy, Debug, Default)]
pub struct OfType {
    /// Ready, delayed, claimed, dead.
    pub states: [u64; 4],
    /// When the oldest ready one was stored, ms.
    pub oldest_ready: Option<u64>,
}

/// Tasks by type and state.
#[derive(Clone, Debug, Default)]
pub struct QueueView {
    /// By type.
    pub counts: BTreeMap<Vec<u8>, OfType>,
    /// When the newest task was stored, ms: the queue has no clock, so ages are told against that.
    pub newest: u64,
    /// The first tasks by id, with their keys.
    pub tasks: Vec<(Vec<u8>, Task)>,
    /// Rows that are no task.
    pub broken: u64,
    /// Why rows cannot be read: tasks may be missing.
    pub holes: Vec<String>,
}

/// Reads it.
#[derive(Debug)]
pub struct LoadQueue {
    /// Of which tree.
    pub root: Root,
}

impl QueueView {
    /// How long before the newest task something was stored, ms.
    pub fn age(&self, created: u64) -> u64 {
        self.newest.saturating_sub(created)
    }
}

impl Job for LoadQueue {
    fn name(&self) -> String {
        "read the queue".to_owned()
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let source = desk.source()?;
        let prefix = Layout::new(DEFAULT_PREFIX).all_tasks();
        let mut view = QueueView::default();
        let mut from = prefix.clone();
        let mut done = 0_u64;
        loop {
            let window = rows(&source, &self.root, &from, &prefix, WINDOW);
            let mut next = None;
            for item in &window.items {
                match item {
                    RowItem::Row(row) => {
                        done += 1;
                        take(&mut view, &row.key, &row.value);
                        let mut key = row.key.clone();
                        key.push(0);
                        next = Some(key);
                    }
                    RowItem::Hole { to, problem, .. } => {
                        view.holes.push(problem.to_string());
                        next.clone_from(to);
                    }
                }
            }
            match next.filter(|next| !window.complete && *next > from) {
                Some(next) => from = next,
                None => return Ok(Box::new(view)),
            }
            if !desk.progress(done, 0) {
                return Err("stopped".to_owned());
            }
        }
    }
}

fn take(view: &mut QueueView, key: &[u8], value: &[u8]) {
    let task = Layout::trailing_id(key).and_then(|id| Task::decode(id, value));
    let Some(task) = task else {
        view.broken += 1;
        return;
    };
    let of_type = view.counts.entry(task.task_type.clone()).or_default();
    if let Some(count) = of_type.states.get_mut(task.state as usize) {
        *count += 1;
    }
    if task.state == State::Ready {
        let oldest = of_type.oldest_ready.unwrap_or(u64::MAX);
        of_type.oldest_ready = Some(oldest.min(task.created));
    }
    view.newest = view.newest.max(task.created);
    if view.tasks.len() < LISTED_MAX {
        view.tasks.push((key.to_vec(), task));
    }
}
