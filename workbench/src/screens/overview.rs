//! The state of everything on one screen: what the file is, how it stands, where to look next.

use super::cartridges::everything;
use super::metas::replay_line;
use super::problems::{Entries, Entry};
use super::sheet::{Line, SheetContent};
use super::space::{page_lines, states};
use super::tree::{chosen_root, roots};
use super::{Context, Effect, ScreenId};
use crate::job::Data;
use crate::model::cartridges::{CartridgeView, Cartridges};
use crate::model::metas::{AskWhatIf, Replay, Torn, WhatIf};
use crate::model::queue::{LoadQueue, QueueView};
use crate::model::summary::Summary;
use crate::model::survey;
use crate::model::told::told;
use crate::place::{At, Place};
use crate::text;
use crate::theme::Role;
use northstar_engine::FileUuid;
use northstar_engine::inspect::{FileKind, Severity};
use serde_json::{Value, json};

const QUEUE: &str = "queue";
const CARTRIDGES: &str = "cartridges";
const RECOVERY: &str = "recovery";

/// Findings that are named here; the problems screen has them all.
const FINDINGS: usize = 5;

/// What the screen shows.
#[derive(Debug, Default)]
pub struct OverviewSheet {
    queue: Option<QueueView>,
    cartridges: Option<Vec<CartridgeView>>,
    /// What recovery would do with the metas and the log as they are.
    recovery: Option<WhatIf>,
}

impl OverviewSheet {
    /// What recovery finds in the log.
    fn replay(&self) -> Option<&Replay> {
        self.recovery.as_ref()?.replay.as_ref()
    }

    /// The tasks in the database and the answers beside it.
    fn work_lines(&self) -> Vec<Line> {
        let mut lines = vec![Line::head("work")];
        if let Some(queue) = &self.queue {
            let tasks = tasks_in_words(queue);
            let line = match queue.holes.is_empty() {
                true => Line::pair("queue", tasks),
                false => bad_pair("queue", &tasks),
            };
            lines.push(line.to(go(ScreenId::Queue)));
        }
        if let Some(found) = &self.cartridges {
            let broken = found.iter().filter(|view| view.problem.is_some()).count();
            let judged = found.iter().filter_map(|view| view.staleness.as_ref());
            let stale = judged.filter(|staleness| !staleness.is_fresh()).count();
            let what = match found.len() {
                0 => "none beside it".to_owned(),
                count => format!("{count} beside it: {stale} stale, {broken} broken"),
            };
            let line = match broken {
                0 => Line::pair("cartridges", what),
                _ => bad_pair("cartridges", &what),
            };
            lines.push(line.to(go(ScreenId::Cartridges)));
        }
        if lines.len() == 1 {
            lines.push(Line::role(Role::Dim, "  looking…"));
        }
        lines
    }
}

/// Tasks of all types by state, ready first.
fn states_of(queue: &QueueView) -> [u64; 4] {
    let mut sums = [0; 4];
    for of_type in queue.counts.values() {
        for (sum, count) in sums.iter_mut().zip(of_type.states) {
            *sum += count;
        }
    }
    sums
}

fn tasks_in_words(queue: &QueueView) -> String {
    let [ready, delayed, claimed, dead] = states_of(queue);
    let tasks = match ready + delayed + claimed + dead {
        0 => "no task".to_owned(),
        all => {
            let tasks = text::plural(all, "task");
            format!("{tasks}: {ready} ready, {delayed} delayed, {claimed} claimed, {dead} dead")
        }
    };
    match queue.holes.len() {
        0 => tasks,
        holes => {
            let places = text::plural(holes as u64, "place");
            format!("{tasks}; rows cannot be read in {places}")
        }
    }
}

/// The newest state of the log and what recovery replays of it; or that there is no log.
fn log_line(summary: &Summary) -> Option<Line> {
    let meta = summary.metas.as_ref().and_then(|metas| metas.meta());
    if summary.segments == Some(0) {
        let (needed, what) = match meta {
            None => return None,
            Some(meta) if meta.log_generation == 0 => (false, "none, and none is needed: a backup"),
            Some(_) => (true, "there is none, and the meta goes by one"),
        };
        let line = match needed {
            true => bad_pair("in the log", what),
            false => Line::pair("in the log", what),
        };
        return Some(line.to(go(ScreenId::Metas)));
    }
    let log = summary.log_end?;
    let behind = log.get().saturating_sub(summary.checkpoint.map_or(0, |txn| txn.get()));
    let tail = match behind {
        0 => "nothing to replay".to_owned(),
        n => format!("{} only in the log", text::plural(n, "commit")),
    };
    Some(Line::pair("in the log", format!("txn {log}, {tail}")).to(go(ScreenId::Log)))
}

/// A name and what is wrong there.
fn bad_pair(name: &str, what: &str) -> Line {
    let mut line = Line::pair(name, String::new());
    line.spans.push((Role::Bad, format!("✗ {what}")));
    line
}

fn go(screen: ScreenId) -> Place {
    Place::new(screen, At::Here)
}

/// What a check of everything found: the sums, and the gravest findings.
fn health_lines(context: &Context) -> Vec<Line> {
    let Some(survey) = &context.survey else {
        return vec![Line::role(Role::Dim, "  not checked yet; ctrl-k checks everything")];
    };
    let report = &survey.report;
    let count = |severity| survey::count(survey, severity);
    let errors = count(Severity::Error) + report.problems_unlisted;
    let (warnings, notes) = (count(Severity::Warning), count(Severity::Note));
    let (role, mark) = match (errors, warnings) {
        (0, 0) => (Role::Good, "✓ nothing is damaged".to_owned()),
        (0, _) => (Role::Warn, "! the current state loses nothing".to_owned()),
        _ if context.summary.kind == Some(FileKind::Unknown) => {
            (Role::Bad, "✗ not a northstar file".to_owned())
        }
        _ => (Role::Bad, "✗ damaged".to_owned()),
    };
    let lints = context.lints.len() as u64;
    let counted = [(errors, "error"), (warnings, "warning"), (notes, "note"), (lints, "lint")];
    let counted = counted.into_iter().filter(|(count, _)| *count > 0);
    let sums: Vec<String> = counted.map(|(count, noun)| text::plural(count, noun)).collect();
    let sums = if sums.is_empty() { "no finding".to_owned() } else { sums.join(", ") };
    let head = Line::role(role, format!("  {mark}: {sums}"));
    let mut entries: Vec<Entry<'_>> = Entries::of(context).iter().collect();
    let mut lines = vec![if entries.is_empty() { head } else { head.to(go(ScreenId::Problems)) }];
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.severity()));
    for entry in entries.into_iter().take(FINDINGS) {
        let name = format!("{} {}", entry.kind(), entry.rule());
        let line = Line::pair(&name, format!("{}: {}", entry.whereabouts(context), entry.what()));
        lines.push(line.to(entry.leads_to().unwrap_or(go(ScreenId::Problems))));
    }
    lines
}

impl SheetContent for OverviewSheet {
    const ID: ScreenId = ScreenId::Overview;

    fn show(&mut self, _: &At, context: &Context) -> Vec<Effect> {
        let known = self.queue.is_some() && self.cartridges.is_some() && self.recovery.is_some();
        if known { Vec::new() } else { self.reload(context) }
    }

    fn reload(&mut self, context: &Context) -> Vec<Effect> {
        let queue =
            chosen_root(context).map(|root| Effect::Run(QUEUE, Box::new(LoadQueue { root })));
        let cartridges = everything(context).map(|job| Effect::Run(CARTRIDGES, Box::new(job)));
        let ask = AskWhatIf { torn: Torn::default() };
        let recovery = context.summary.loaded.then(|| Effect::Run(RECOVERY, Box::new(ask)));
        queue.into_iter().chain(cartridges).chain(recovery).collect()
    }

    fn loaded(&mut self, data: Data, _: &Context) -> Vec<Effect> {
        let data = match data.downcast::<QueueView>() {
            Ok(queue) => {
                self.queue = Some(*queue);
                return Vec::new();
            }
            Err(data) => data,
        };
        match data.downcast::<Cartridges>() {
            Ok(found) => self.cartridges = Some(found.found),
            Err(data) => {
                if let Ok(recovery) = data.downcast::<WhatIf>() {
                    self.recovery = Some(*recovery);
                }
            }
        }
        Vec::new()
    }

    fn lines(&self, context: &Context) -> Vec<Line> {
        let summary = &context.summary;
        let mut lines = vec![Line::head("file")];
        lines.push(Line::pair("path", summary.path.clone()));
        if let Some(error) = &summary.error {
            lines.push(Line::role(Role::Bad, format!("  {error}")));
        }
        if !summary.loaded {
            return lines;
        }
        let size =
            format!("{}, {}", text::bytes(summary.bytes), text::plural(summary.pages, "page"));
        lines.push(Line::pair("size", size).to(go(ScreenId::Map)));
        let identity = match summary.uuid == FileUuid::default() {
            true => "none that can be read".to_owned(),
            false => summary.uuid.to_string(),
        };
        lines.push(Line::pair("identity", identity));
        if summary.read_only_mount {
            lines.push(Line::pair("mount", "read-only: nobody writes the file by it"));
        }
        lines.push(Line::head("health"));
        lines.extend(health_lines(context));
        lines.push(Line::head("state"));
        let pages =
            summary.checkpoint.map_or("no valid meta".to_owned(), |txn| format!("txn {txn}"));
        lines.push(Line::pair("in the pages", pages).to(go(ScreenId::Metas)));
        lines.extend(log_line(summary));
        if let Some(metas) = &summary.metas {
            let reason = told(&metas.reason, 300);
            lines.push(Line::pair("recovery", reason).to(go(ScreenId::Metas)));
        }
        // Sound metas are half of it: the log behind them may be one that recovery refuses.
        if let Some(replay) = self.replay().filter(|replay| replay.refused.is_some()) {
            let (role, why) = replay_line(replay);
            lines.push(Line::role(role, format!("  {why}")).to(go(ScreenId::Metas)));
        }
        if let Some(root) = chosen_root(context) {
            let rows = format!("{} in {} levels", text::plural(root.key_count, "row"), root.depth);
            lines.push(Line::pair("tree", rows).to(go(ScreenId::Tree)));
        }
        let states = roots(context).len();
        if states > 1 {
            let what = format!("{states} states have pages of their own");
            lines.push(Line::pair("history", what).to(go(ScreenId::Time)));
        }
        lines.extend(self.work_lines());
        lines.push(Line::head("space"));
        lines.extend(page_lines(context));
        lines
    }

    fn json(&self, context: &Context) -> Value {
        let summary = &context.summary;
        json!({
            "screen": "overview",
            "bytes": summary.bytes,
            "pages": summary.pages,
            "uuid": summary.uuid.to_string(),
            "read_only_mount": summary.read_only_mount,
            "checkpoint_txn": summary.checkpoint,
            "log_txn": summary.log_end,
            "key_count": chosen_root(context).map(|root| root.key_count),
            "states": roots(context).len(),
            "errors": summary.errors,
            "warnings": summary.warnings,
            "notes": context.survey.as_ref().map(|survey| survey::count(survey, Severity::Note)),
            "lints": context.survey.as_ref().map(|_| context.lints.len()),
            "recovery": self.replay(),
            "pages_by_state": states(context),
            "tasks_by_state": self.queue.as_ref().map(states_of),
            "cartridges": self.cartridges.as_ref().map(Vec::len),
            "checked": summary.checked,
        })
    }
}
