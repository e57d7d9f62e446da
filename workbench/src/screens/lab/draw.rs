//! Drawing of the Crash Lab.

use super::{LabScreen, Pane};
use crate::model::lab::{Outcome, Tally, Verdict, fate_name};
use crate::theme::Role;
use crate::widgets::{Painter, text};
use northstar_engine::printable::Printable;
use northstar_engine::sim::{Action, Fate, SimOp};

pub(super) fn draw(screen: &LabScreen, painter: &mut Painter<'_>) {
    let (width, height) = (painter.width(), painter.height());
    let Some(experiment) = &screen.experiment else {
        let why = screen.error.as_deref().unwrap_or("running the workload on a simulated disk…");
        painter.put(1, 0, why, Role::Dim);
        return;
    };
    let at = screen.timeline.at;
    let head = format!(
        "the power fails before operation {at} of {}  ·  {}",
        experiment.trace.len(),
        screen.workload.what()
    );
    painter.put(1, 0, &head, Role::Title);
    let below = 7.min(height / 3);
    let middle = height.saturating_sub(1 + below);
    let side = if width >= 90 { width * 2 / 5 } else { 0 };
    if side > 0 {
        draw_timeline(screen, &mut painter.part(0, 1, width - side, middle));
        draw_facts(screen, &mut painter.part(width - side, 1, side, middle));
    } else {
        match screen.pane {
            Pane::Timeline => draw_timeline(screen, &mut painter.part(0, 1, width, middle)),
            Pane::Facts => draw_facts(screen, &mut painter.part(0, 1, width, middle)),
        }
    }
    draw_outcome(screen, &mut painter.part(1, 1 + middle, width.saturating_sub(2), below));
}

fn meaning(op: &SimOp) -> (&'static str, Role) {
    let log = op.path.to_string_lossy().contains(".log");
    match &op.action {
        Action::Mark { .. } => ("", Role::Accent),
        Action::Sync { .. } if log => ("log sync ", Role::Good),
        Action::Sync { .. } => ("data sync", Role::Good),
        Action::SyncDir { .. } => ("dir sync ", Role::Good),
        Action::Write { .. } if log => ("log write", Role::Text),
        Action::Write { offset, .. } if *offset < 2 * 16384 => ("meta     ", Role::Meta),
        Action::Write { .. } => ("pages    ", Role::Leaf),
        Action::SetLen { .. } => ("length   ", Role::Dim),
        _ => ("name     ", Role::Dim),
    }
}

/// A file's name without the lab's directory, so that lines are short.
fn short(line: &str) -> String {
    Printable::capped(line.replace("/lab.ns", "lab.ns"), 300).into_string()
}

fn draw_timeline(screen: &LabScreen, painter: &mut Painter<'_>) {
    let Some(experiment) = &screen.experiment else { return };
    let focused = screen.pane == Pane::Timeline;
    let title = if painter.width() < 90 { " timeline · Tab: undecided " } else { " timeline " };
    let mut inner = painter.boxed(title, focused);
    let (width, height) = (inner.width(), inner.height());
    let trace = &experiment.trace;
    let window = screen.timeline.window(screen.moments(), usize::from(height));
    for (y, at) in (0_u16..).zip(window) {
        let past = at < screen.timeline.at;
        match trace.ops().get(at) {
            Some(op) => {
                let (what, role) = meaning(op);
                let number = format!("{at:>4} ");
                let mut x = inner.put(1, y, &number, Role::Dim);
                if !what.is_empty() {
                    x = inner.put(x, y, what, role) + 1;
                }
                let room = usize::from(width.saturating_sub(x));
                let line = short(&trace.describe(at));
                let role = match (what.is_empty(), past || at == screen.timeline.at) {
                    (true, _) => Role::Accent,
                    (false, true) => Role::Text,
                    (false, false) => Role::Dim,
                };
                inner.put(x, y, &text::cut(&line, room), role);
            }
            None => {
                inner.put(1, y, &format!("{at:>4} after the last operation"), Role::Dim);
            }
        }
        if at == screen.timeline.at {
            let role = if focused { Role::Selected } else { Role::Echo };
            inner.mark(0, y, width, 1, role);
            inner.put(0, y, "▌", role);
            inner.put_right(width, y, " ◀ power fails here", role);
        }
    }
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
    let outcome = screen.outcome.as_ref().filter(|outcome| outcome.at == screen.timeline.at);
    let Some(outcome) = outcome else { return };
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
    for (y, at) in (0_u16..).zip(screen.facts.window(count, usize::from(height))) {
        let (Some(fate), Some(fact)) = (screen.fates.get(at), outcome.facts.get(at)) else { break };
        let (mark, role) = fate_role(*fate);
        let x = inner.put(1, y, mark, role);
        let name = fate_name(*fate);
        let name = name.split(' ').next().unwrap_or_default();
        let x = inner.put(x + 1, y, &text::fit(name, 6), role);
        let room = usize::from(width.saturating_sub(x));
        inner.put(x, y, &text::cut(&short(fact), room), Role::Text);
        if at == screen.facts.at && focused {
            inner.mark(0, y, width, 1, Role::Selected);
            inner.put(0, y, "▌", Role::Selected);
        }
    }
}

/// What happened, in lines.
pub(super) fn story(outcome: &Outcome) -> Vec<String> {
    let promised = match outcome.acknowledged {
        None => "nothing had been acknowledged".to_owned(),
        Some(txn) => format!("acknowledged so far: txn {txn}"),
    };
    let mut chosen = format!("recovery starts from {}", outcome.chosen);
    if !outcome.reason.is_empty() {
        chosen += &format!(": {}", outcome.reason);
    }
    let mut lines = vec![promised, Printable::capped(chosen, 300).into_string()];
    if let (Some(from), Some(to)) = (outcome.checkpoint, outcome.recovered) {
        let commits = to.get().saturating_sub(from.get());
        lines.push(match commits {
            0 => format!("nothing to replay: it arrives at txn {to}"),
            n => format!("replays {} from the log, to txn {to}", text::plural(n, "commit")),
        });
    }
    lines
}

fn verdict(outcome: &Outcome) -> (Role, String) {
    let story = Printable::capped(&outcome.story, 300);
    match outcome.verdict {
        Verdict::Kept => (Role::Good, format!("✓ {}", story.as_str())),
        Verdict::NothingYet => (Role::Text, format!("· {}", story.as_str())),
        Verdict::Broken => (Role::Bad, format!("✗ PROMISE BROKEN: {}", story.as_str())),
    }
}

fn tally_line(tally: &Tally) -> (Role, String) {
    let tried = text::count(tally.tried);
    match &tally.broken {
        None => {
            let line = format!("✓ {tried} random crashes: every promise kept");
            (Role::Good, line)
        }
        Some((at, _)) => (
            Role::Bad,
            format!("✗ after {tried} random crashes: a broken promise at operation {at}"),
        ),
    }
}

fn draw_outcome(screen: &LabScreen, painter: &mut Painter<'_>) {
    let Some(outcome) = &screen.outcome else { return };
    let width = usize::from(painter.width());
    let mut y = 0;
    for line in story(outcome) {
        painter.put(0, y, &text::cut(&line, width), Role::Text);
        y += 1;
    }
    let (role, line) = verdict(outcome);
    for line in text::wrap(&line, width) {
        painter.put(0, y, &line, role);
        y += 1;
    }
    if let Some(tally) = &screen.tally {
        let (role, line) = tally_line(tally);
        painter.put(0, y, &line, role);
    }
}

pub(super) fn text(screen: &LabScreen) -> Vec<String> {
    let Some(experiment) = &screen.experiment else {
        return vec![screen.error.clone().unwrap_or_else(|| "not run".to_owned())];
    };
    let trace = &experiment.trace;
    let mut lines = vec![format!("workload: {}", screen.workload.what())];
    for at in 0..=trace.len() {
        let mark = if at == screen.timeline.at { "> power fails here, before:" } else { "" };
        if !mark.is_empty() {
            lines.push(mark.to_owned());
        }
        if at < trace.len() {
            lines.push(format!("{at:>4} {}", short(&trace.describe(at))));
        }
    }
    if let Some(outcome) = &screen.outcome {
        lines.push(String::new());
        for (fact, fate) in outcome.facts.iter().zip(&screen.fates) {
            lines.push(format!("{} {}", fate_name(*fate), short(fact)));
        }
        lines.extend(story(outcome));
        lines.push(verdict(outcome).1);
    }
    lines.extend(screen.tally.as_ref().map(|tally| tally_line(tally).1));
    lines
}
