//! The task queue: tasks by type, state and age, and each task with its owner, attempts and last failure.
//!
//! Shows the pages' state, as every screen does; commits that only the log holds are not in it yet.

use super::sheet::{Line, SheetContent};
use super::tree::chosen_root;
use super::{Context, Effect, ScreenId};
use crate::job::Data;
use crate::model::queue::{LoadQueue, QueueView};
use crate::model::told::told;
use crate::place::{At, Place};
use crate::text;
use crate::theme::Role;
use northstar_engine::printable::Printable;
use northstar_engine::queue::State;
use serde_json::{Value, json};

const QUEUE: &str = "queue";
/// Holes that are named.
const HOLES_MAX: usize = 3;

/// What the screen shows.
#[derive(Debug, Default)]
pub struct QueueSheet {
    view: Option<QueueView>,
    error: Option<String>,
}

const fn state_name(state: State) -> (&'static str, Role) {
    match state {
        State::Ready => ("ready", Role::Good),
        State::Delayed => ("delayed", Role::Dim),
        State::Claimed => ("claimed", Role::Accent),
        State::Dead => ("dead", Role::Bad),
    }
}

/// What cannot be read of the queue: nobody shall take the rest for all of it.
fn hole_lines(view: &QueueView) -> Vec<Line> {
    let mut lines = Vec::new();
    if !view.holes.is_empty() {
        let places = text::plural(view.holes.len() as u64, "place");
        let line = format!("✗ Rows cannot be read in {places}: there may be more tasks.");
        lines.push(Line::role(Role::Bad, line).to(Place::new(ScreenId::Problems, At::Here)));
        let named = view.holes.iter().take(HOLES_MAX);
        lines.extend(named.map(|hole| Line::role(Role::Dim, format!("  {}", told(hole, 300)))));
    }
    lines
}

impl QueueSheet {
    fn load(&self, context: &Context) -> Vec<Effect> {
        match chosen_root(context) {
            Some(root) => vec![Effect::Run(QUEUE, Box::new(LoadQueue { root }))],
            None => Vec::new(),
        }
    }
}

impl SheetContent for QueueSheet {
    const ID: ScreenId = ScreenId::Queue;

    fn show(&mut self, _: &At, context: &Context) -> Vec<Effect> {
        if self.view.is_none() { self.load(context) } else { Vec::new() }
    }

    fn reload(&mut self, context: &Context) -> Vec<Effect> {
        self.load(context)
    }

    fn loaded(&mut self, data: Data, _: &Context) -> Vec<Effect> {
        if let Ok(view) = data.downcast::<QueueView>() {
            self.view = Some(*view);
            self.error = None;
        }
        Vec::new()
    }

    fn failed(&mut self, _: &'static str, why: &str) {
        self.error = Some(why.to_owned());
    }

    fn lines(&self, context: &Context) -> Vec<Line> {
        let Some(view) = &self.view else {
            let why = match (&self.error, chosen_root(context)) {
                (Some(why), _) => why.as_str(),
                (None, None) => "no tree to read",
                (None, Some(_)) => "reading…",
            };
            return vec![Line::role(Role::Dim, why)];
        };
        let holes = hole_lines(view);
        if view.counts.is_empty() && !holes.is_empty() {
            return holes;
        }
        if view.counts.is_empty() {
            return vec![
                Line::role(Role::Dim, "No task in this database's pages."),
                Line::role(Role::Dim, "northstar-headless queue add DB TYPE PAYLOAD stores one."),
            ];
        }
        let head =
            format!("  {:<24}{:>7}{:>9}{:>9}{:>6}", "type", "ready", "delayed", "claimed", "dead");
        let mut lines = vec![Line::head(head + "   oldest ready")];
        for (task_type, of_type) in &view.counts {
            let name = Printable::capped(task_type, 23);
            let [ready, delayed, claimed, dead] = of_type.states;
            let oldest = of_type.oldest_ready;
            let oldest = oldest.map_or("-".to_owned(), |at| text::duration(view.age(at)));
            let line =
                format!("  {:<24}{ready:>7}{delayed:>9}{claimed:>9}{dead:>6}", name.as_str());
            lines.push(Line::text(format!("{line}{oldest:>15}")));
        }
        if view.broken > 0 {
            let broken = text::plural(view.broken, "row");
            lines.push(Line::role(Role::Bad, format!("  {broken} under the prefix are no task")));
        }
        lines.extend(holes);
        lines.push(Line::head("tasks, with their ages when the newest was stored"));
        for (key, task) in &view.tasks {
            let (state, role) = state_name(task.state);
            let task_type = Printable::capped(&task.task_type, 16);
            let payload = Printable::capped(&task.payload, 60);
            let mut spans = vec![
                (Role::Dim, format!("  {:>6}  ", task.id)),
                (role, format!("{state:<9}")),
                (Role::Text, format!("{:<17}", task_type.as_str())),
                (Role::Dim, format!("{:>7}  ", text::duration(view.age(task.created)))),
            ];
            let mut more = format!("attempts {}", task.attempts);
            if !task.owner.is_empty() {
                more += &format!("  owner {}", Printable::capped(&task.owner, 16).as_str());
            }
            if !task.error.is_empty() {
                more += &format!("  failed: {}", Printable::capped(&task.error, 40).as_str());
            }
            spans.push((Role::Dim, format!("{more}  ")));
            spans.push((Role::Text, payload.into_string()));
            let place = Place::new(ScreenId::Rows, At::Key(key.clone()));
            lines.push(Line::spans(spans).to(place));
        }
        lines
    }

    fn json(&self, _: &Context) -> Value {
        let Some(view) = &self.view else { return json!({ "screen": "queue" }) };
        let types = view.counts.iter().map(|(task_type, of_type)| {
            let [ready, delayed, claimed, dead] = of_type.states;
            json!({
                "type": Printable::new(task_type).as_str(),
                "ready": ready,
                "delayed": delayed,
                "claimed": claimed,
                "dead": dead,
                "oldest_ready_age_ms": of_type.oldest_ready.map(|at| view.age(at)),
            })
        });
        let tasks = view.tasks.iter().map(|(_, task)| {
            let (state, _) = state_name(task.state);
            json!({
                "id": task.id,
                "state": state,
                "type": Printable::new(&task.task_type).as_str(),
                "age_ms": view.age(task.created),
                "attempts": task.attempts,
                "owner": Printable::new(&task.owner).as_str(),
                "error": Printable::new(&task.error).as_str(),
                "payload": Printable::capped(&task.payload, 4000).as_str(),
            })
        });
        let (types, tasks) = (types.collect::<Vec<_>>(), tasks.collect::<Vec<_>>());
        json!({
            "screen": "queue",
            "types": types,
            "tasks": tasks,
            "broken_rows": view.broken,
            "holes": view.holes,
        })
    }
}
