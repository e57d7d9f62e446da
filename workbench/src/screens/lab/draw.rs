//! Drawing of the Crash Lab.

use super::{LabScreen, Pane, Seen};
use crate::model::engine;
use crate::model::lab::case::fate_name;
use crate::model::lab::meaning::moment;
use crate::model::lab::{Meaning, Outcome, Tally, Verdict};
use crate::model::told::told;
use crate::text;
use crate::theme::Role;
use crate::widgets::Painter;
use northstar_engine::printable::Printable;
use northstar_engine::sim::{Fate, Trace};

/// From this width on what is undecided stands beside the timeline,
const WIDE: u16 = 90;
/// and from this on what recovery makes of it stands below that.
const VERY_WIDE: u16 = 140;
/// From this height of the timeline on the cut has a row of its own.
const CUT_FROM_ROWS: u16 = 4;
/// What stands in it.
const CUT: &str = " the power fails here; nothing below happened ";

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
        draw_outcome(screen, &mut inner.part(1, 0, width.saturating_sub(2), height));
        return;
    }
    // What happened matters more than one operation more; a low terminal gives each its half.
    let below = 8.min(rest / 2);
    let middle = rest.saturating_sub(below);
    let side = if width >= WIDE { width * 2 / 5 } else { 0 };
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
    draw_outcome(screen, &mut painter.part(1, y + middle, width.saturating_sub(2), below));
}

/// Where the power fails, on which disk, and what the engine held in memory then.
fn head(screen: &LabScreen) -> Vec<(Role, String)> {
    let Some(experiment) = &screen.experiment else { return Vec::new() };
    let at = screen.timeline.at;
    let mut lines = Vec::new();
    if let Some(warning) = screen.disk.warning() {
        lines.push((Role::Bad, format!("✗ {warning}: no promise holds here; d changes it")));
    }
    let place = format!("power fails before operation {at} of {}", experiment.trace.len());
    lines.push((Role::Title, format!("{place}: {}", short(&moment(&experiment.trace, at)))));
    lines.push((Role::Dim, format!("workload: {}", experiment.script)));
    if let Some(stats) = experiment.engine_at(at) {
        lines.push((Role::Dim, engine::state(stats)));
    }
    lines
}

const fn meaning_role(meaning: Meaning) -> Role {
    match meaning {
        Meaning::Note => Role::Accent,
        Meaning::LogSync | Meaning::DataSync | Meaning::DirectorySync => Role::Good,
        Meaning::LogWrite => Role::Text,
        Meaning::MetaWrite => Role::Meta,
        Meaning::PageWrite => Role::Leaf,
        Meaning::Length | Meaning::Name => Role::Dim,
    }
}

/// A file's name without the lab's directory, so that lines are short.
fn short(line: &str) -> String {
    Printable::capped(line.replace("/lab.ns", "lab.ns"), 300).into_string()
}

/// A fact for a narrow list: what is behind the sector's number says what it is, and needs the room.
fn shortest(fact: &str) -> String {
    let short = short(fact)
        .replace("lab.ns.log sector", "log sector")
        .replace("lab.ns sector", "file sector");
    short.strip_prefix("op ").map_or(short.clone(), str::to_owned)
}

fn draw_timeline(screen: &LabScreen, title: &str, painter: &mut Painter<'_>) {
    let Some(experiment) = &screen.experiment else { return };
    let focused = screen.pane == Pane::Timeline;
    let mut inner = painter.boxed(title, focused);
    let (width, height) = (inner.width(), inner.height());
    let trace = &experiment.trace;
    // The cut has a row of its own where there is room: what is below it never happened.
    let cut_rows = u16::from(height >= CUT_FROM_ROWS);
    let rows = height.saturating_sub(cut_rows);
    let window = screen.timeline.window(screen.moments(), usize::from(rows));
    let mut y = 0;
    for at in window {
        let here = at == screen.timeline.at;
        if here && cut_rows > 0 {
            inner.fill(1, y, width.saturating_sub(1), 1, '─', Role::Bad);
            inner.put(3, y, &text::cut(CUT, usize::from(width.saturating_sub(4))), Role::Bad);
            let seen = screen.seen.get();
            screen.seen.set(Seen { cut: Some(seen.top + y), ..seen });
            y += 1;
        }
        draw_moment(&mut inner.part(0, y, width, 1), trace, at, screen.timeline.at);
        if here {
            let role = if focused { Role::Selected } else { Role::Echo };
            inner.mark(0, y, width, 1, role);
            inner.put(0, y, "▌", role);
        }
        y += 1;
    }
}

/// One operation, or the end of all; dim when the power failed before it happened.
fn draw_moment(painter: &mut Painter<'_>, trace: &Trace, at: usize, cut: usize) {
    let Some(op) = trace.ops().get(at) else {
        painter.put(1, 0, &format!("{at:>4} after the last operation"), Role::Dim);
        return;
    };
    let meaning = Meaning::of(op);
    let what = meaning.name();
    let (label, line) = match (at < cut, what.is_empty()) {
        (false, _) => (Role::Dim, Role::Dim),
        (true, true) => (Role::Accent, Role::Accent),
        (true, false) => (meaning_role(meaning), Role::Text),
    };
    let mut x = painter.put(1, 0, &format!("{at:>4} "), Role::Dim);
    if !what.is_empty() {
        x = painter.put(x, 0, &text::fit(what, 10), label) + 1;
    }
    let room = usize::from(painter.width().saturating_sub(x));
    painter.put(x, 0, &text::cut(&short(&trace.describe(at)), room), line);
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
        inner.put(x, y, &text::cut(&shortest(fact), room), Role::Text);
        if at == screen.facts.at && focused {
            inner.mark(0, y, width, 1, Role::Selected);
            inner.put(0, y, "▌", Role::Selected);
        }
    }
}

/// What happened, in lines: what was promised, then each rule that had a say.
pub(super) fn story(outcome: &Outcome) -> Vec<String> {
    let promised = match outcome.acknowledged {
        None => "nothing had been acknowledged".to_owned(),
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
    let (width, height) = (usize::from(painter.width()), painter.height());
    // The verdict first: it must not fall off a low terminal.
    let (role, line) = verdict(outcome);
    let mut y = 0;
    for line in text::wrap(&line, width) {
        painter.put(0, y, &line, role);
        y += 1;
    }
    if let Some(tally) = &screen.tally {
        let (role, line) = tally_line(tally);
        painter.put(0, y, &line, role);
        y += 1;
    }
    for line in story(outcome) {
        for (at, line) in text::wrap(&line, width).iter().enumerate() {
            if y >= height {
                return;
            }
            let indent = if at == 0 { 0 } else { 10 };
            painter.put(
                indent,
                y,
                &text::cut(line, width.saturating_sub(indent.into())),
                Role::Text,
            );
            y += 1;
        }
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
