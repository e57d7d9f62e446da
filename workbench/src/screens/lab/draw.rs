//! Drawing of the Crash Lab.

use super::timeline::{clipped, draw_timeline};
use super::{LabDisk, LabScreen, Pane, Seen};
use crate::model::engine;
use crate::model::lab::case::fate_name;
use crate::model::lab::meaning::{line, moment};
use crate::model::lab::survivors::carried_by;
use crate::model::lab::{Meaning, Outcome, Tally, Verdict};
use crate::model::told::told;
use crate::text;
use crate::theme::Role;
use crate::widgets::Painter;
use northstar_engine::TxnId;
use northstar_engine::printable::Printable;
use northstar_engine::sim::Fate;

/// From this width on what is undecided stands beside the timeline,
const WIDE: u16 = 90;
/// and from this on what recovery makes of it stands below that.
const VERY_WIDE: u16 = 140;

/// Columns of a rule's number, with the space behind it.
const RULE_COLUMN: usize = 10;

pub(super) fn draw(screen: &LabScreen, painter: &mut Painter<'_>) {
    let (width, height) = (painter.width(), painter.height());
    if screen.experiment.is_none() {
        let why = screen.error.as_deref().unwrap_or("running the workload on a simulated disk…");
        painter.put(1, 0, why, Role::Dim);
        return;
    }
    let mut y = 0;
    // A low terminal keeps its rows for the timeline and for what happened.
    let heads = usize::from(height / 6).max(1);
    for (role, line) in head(screen).into_iter().take(heads) {
        painter.put(1, y, &text::cut_at_words(&line, usize::from(width.saturating_sub(2))), role);
        y += 1;
    }
    let rest = height.saturating_sub(y);
    screen.seen.set(Seen { top: y + 1, cut: None });
    if width >= VERY_WIDE {
        let side = width * 2 / 5;
        draw_timeline(screen, " timeline ", &mut painter.part(0, y, width - side, rest));
        let facts = u16::try_from(screen.fates.len() + 2).unwrap_or(u16::MAX).max(5).min(rest / 2);
        draw_facts(screen, &mut painter.part(width - side, y, side, facts));
        let mut below = painter.part(width - side, y + facts, side, rest.saturating_sub(facts));
        let mut inner = below.boxed(" what recovery makes of it ", false);
        let (width, height) = (inner.width(), inner.height());
        let lines = outcome_lines(screen, usize::from(width.saturating_sub(2)));
        put_lines(&lines, &mut inner.part(1, 0, width.saturating_sub(2), height));
        return;
    }
    // What happened matters more than one operation more; a low terminal gives each its half.
    // Lines that it does not need are the timeline's.
    let side = if width >= WIDE { width * 2 / 5 } else { 0 };
    let wide = usize::from(width.saturating_sub(2));
    let mut lines = outcome_lines(screen, wide);
    let whole = clipped(screen, usize::from(width - side).saturating_sub(2));
    let whole: Vec<_> = whole.iter().flat_map(|line| text::wrap(line, wide)).collect();
    if lines.len() + whole.len() <= usize::from(rest / 2) {
        lines.splice(0..0, whole.into_iter().map(|line| (Role::Accent, line)));
    }
    let below = u16::try_from(lines.len()).unwrap_or(u16::MAX).min(rest / 2);
    let middle = rest.saturating_sub(below);
    if side > 0 {
        draw_timeline(screen, " timeline ", &mut painter.part(0, y, width - side, middle));
        draw_facts(screen, &mut painter.part(width - side, y, side, middle));
    } else {
        match screen.pane {
            Pane::Timeline => {
                let title = " timeline · Tab: undecided ";
                draw_timeline(screen, title, &mut painter.part(0, y, width, middle));
            }
            Pane::Facts => draw_facts(screen, &mut painter.part(0, y, width, middle)),
        }
    }
    put_lines(&lines, &mut painter.part(1, y + middle, width.saturating_sub(2), below));
}

/// Where the power fails, on which disk, and what the engine held in memory then.
fn head(screen: &LabScreen) -> Vec<(Role, String)> {
    let Some(experiment) = &screen.experiment else { return Vec::new() };
    let at = screen.timeline.at;
    let mut lines = Vec::new();
    if let Some(warning) = screen.disk.warning() {
        lines.push((Role::Bad, format!("✗ {warning}: no promise holds; d changes it")));
    }
    let place = format!("power fails before operation {at} of {}", experiment.trace.len());
    lines.push((Role::Title, format!("{place}: {}", short(&moment(&experiment.trace, at)))));
    lines.push((Role::Dim, format!("workload: {}", experiment.script)));
    if let Some(stats) = experiment.engine_at(at) {
        lines.push((Role::Dim, engine::state(stats)));
    }
    lines
}

/// A file's name without the lab's directory, so that lines are short.
pub(super) fn short(line: &str) -> String {
    Printable::capped(line.replace("/lab.ns", "lab.ns"), 300).into_string()
}

fn fate_role(fate: Fate) -> (&'static str, Role) {
    match fate {
        Fate::Kept => ("●", Role::Good),
        Fate::Lost => ("○", Role::Dim),
        _ => ("◐", Role::Warn),
    }
}

fn draw_facts(screen: &LabScreen, painter: &mut Painter<'_>) {
    let focused = screen.pane == Pane::Facts;
    let count = screen.fates.len();
    let title = format!(" {} on the way to the disk ", text::plural(count as u64, "thing"));
    let mut inner = painter.boxed(&title, focused);
    let (width, height) = (inner.width(), inner.height());
    if count == 0 {
        let lines = text::wrap(
            "Everything written so far has been synced: this crash can lose nothing.",
            usize::from(width.saturating_sub(2)),
        );
        for (y, line) in (0_u16..).zip(lines) {
            inner.put(1, y, &line, Role::Dim);
        }
        return;
    }
    let rows = screen.survivor.window(screen.survivors.len(), usize::from(height));
    for (y, at) in (0_u16..).zip(rows) {
        let Some(row) = screen.survivors.get(at) else { break };
        let Some(fate) = screen.fates.get(row.facts.start) else { break };
        let (mark, role, name) = match carried_by(&screen.facts, &screen.fates, row.facts.start) {
            Some(op) => ("●", Role::Good, format!("within {op}")),
            None => {
                let (mark, role) = fate_role(*fate);
                let name = fate_name(*fate);
                (mark, role, name.split(' ').next().unwrap_or_default().to_owned())
            }
        };
        let x = inner.put(1, y, mark, role);
        let x = inner.put(x + 1, y, &text::fit(&name, 5.max(text::width(&name))), role);
        let room = usize::from(width.saturating_sub(x + 1));
        inner.put(x + 1, y, &text::cut(&short(&row.what), room), Role::Text);
        if at == screen.survivor.at && focused {
            inner.mark(0, y, width, 1, Role::Selected);
            inner.put(0, y, "▌", Role::Selected);
        }
    }
}

/// What happened, in lines: what was promised, then each rule that had a say.
pub(super) fn story(outcome: &Outcome) -> Vec<String> {
    let promised = match outcome.acknowledged {
        None => "nothing had been acknowledged".to_owned(),
        Some(TxnId::GENESIS) => "acknowledged so far: the open, no commit (txn 0)".to_owned(),
        Some(txn) => format!("acknowledged so far: txn {txn}"),
    };
    let decided = outcome.decided.iter().map(|decision| {
        let what = told(&decision.what, 300);
        format!("{:<9} {}", decision.rule, what)
    });
    std::iter::once(promised).chain(decided).collect()
}

fn verdict(outcome: &Outcome) -> (Role, String) {
    let story = told(&outcome.story, 300);
    match outcome.verdict {
        Verdict::Kept => (Role::Good, format!("✓ {}", story)),
        Verdict::NothingYet => (Role::Text, format!("· {}", story)),
        Verdict::Broken => (Role::Bad, format!("✗ PROMISE BROKEN: {}", story)),
    }
}

fn tally_line(screen: &LabScreen, tally: &Tally) -> (Role, String) {
    let tried = text::count(tally.tried);
    if let Some((at, _)) = &tally.broken {
        let line = format!("✗ after {tried} random crashes: a broken promise at operation {at}");
        return (Role::Bad, line);
    }
    let whole_log = screen.experiment.as_ref().is_some_and(|run| run.keeps_whole_log());
    match screen.disk {
        LabDisk::Honest => (Role::Good, format!("✓ {tried} random crashes: every promise kept")),
        // A disk that lies keeps no promise: what went well here went well for a reason.
        LabDisk::IgnoresDataSyncs if whole_log => (
            Role::Warn,
            format!(
                "· {tried} random crashes broke nothing: this workload still has its whole log to \
                 replay, and needs no page; once a log is trimmed it does"
            ),
        ),
        _ => {
            (Role::Warn, format!("· {tried} random crashes broke nothing, which promises nothing"))
        }
    }
}

/// What recovery made of it, in lines that fit: verdict, what chance found, each rule.
fn outcome_lines(screen: &LabScreen, width: usize) -> Vec<(Role, String)> {
    let Some(outcome) = &screen.outcome else { return Vec::new() };
    // The verdict first: it must not fall off a low terminal.
    let (role, line) = verdict(outcome);
    let mut lines: Vec<(Role, String)> =
        text::wrap(&line, width).into_iter().map(|line| (role, line)).collect();
    if let Some(tally) = &screen.tally {
        let (role, line) = tally_line(screen, tally);
        lines.extend(text::wrap(&line, width).into_iter().map(|line| (role, line)));
    }
    for line in story(outcome) {
        // A rule stands before what it decided, in a column of its own.
        let ruled = line.split_once(' ').filter(|(rule, _)| rule.contains('-'));
        let (rule, what) = ruled.unwrap_or(("", &line));
        let column = if rule.is_empty() { 0 } else { RULE_COLUMN };
        let wrapped = text::wrap(what, width.saturating_sub(column));
        lines.extend(wrapped.into_iter().enumerate().map(|(at, line)| {
            let before = if at == 0 { rule } else { "" };
            (Role::Text, format!("{before:<column$}{line}"))
        }));
    }
    lines
}

fn put_lines(lines: &[(Role, String)], painter: &mut Painter<'_>) {
    let height = painter.height();
    for (y, (role, line)) in (0..height).zip(lines) {
        painter.put(0, y, line, *role);
    }
}

pub(super) fn text(screen: &LabScreen) -> Vec<String> {
    let Some(experiment) = &screen.experiment else {
        return vec![screen.error.clone().unwrap_or_else(|| "not run".to_owned())];
    };
    let trace = &experiment.trace;
    let mut lines: Vec<String> = head(screen).into_iter().map(|(_, line)| line).collect();
    for at in 0..=trace.len() {
        let mark = if at == screen.timeline.at { "> power fails here, before:" } else { "" };
        if !mark.is_empty() {
            lines.push(mark.to_owned());
        }
        if at < trace.len() {
            let what = trace.ops().get(at).map_or("", |op| Meaning::of(op).name());
            let space = if what.is_empty() { "" } else { " " };
            lines.push(format!("{at:>4} {what}{space}{}", short(&line(trace, at))));
        }
    }
    if let Some(outcome) = &screen.outcome {
        lines.push(String::new());
        for row in &screen.survivors {
            let fate = screen.fates.get(row.facts.start).copied().unwrap_or_default();
            let within = carried_by(&screen.facts, &screen.fates, row.facts.start);
            let within = within.map_or(String::new(), |op| format!(", but within {op}"));
            lines.push(format!("{}{within}: {}", fate_name(fate), short(&row.what)));
        }
        lines.extend(story(outcome));
        lines.push(verdict(outcome).1);
    }
    lines.extend(screen.tally.as_ref().map(|tally| tally_line(screen, tally).1));
    lines
}
