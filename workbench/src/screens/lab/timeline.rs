//! Every disk operation of the run, and the line behind which nothing happened.

use super::draw::short;
use super::{LabScreen, Pane, Seen};
use crate::model::lab::Meaning;
use crate::model::lab::meaning::line;
use crate::text;
use crate::theme::Role;
use crate::widgets::Painter;
use northstar_engine::sim::Trace;

/// From this height on the cut has a row of its own.
const CUT_FROM_ROWS: u16 = 4;
/// What stands in it.
const CUT: &str = " the power fails here; nothing below happened ";
/// What happened last is above the cut, and counts: so many rows of it stay in view.
const ROWS_ABOVE: usize = 3;
/// Columns before an operation's line: mark, number, what it is.
const COLUMNS_BEFORE: usize = 17;

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

pub(super) fn draw_timeline(screen: &LabScreen, title: &str, painter: &mut Painter<'_>) {
    let Some(experiment) = &screen.experiment else { return };
    let focused = screen.pane == Pane::Timeline;
    let mut inner = painter.boxed(title, focused);
    let (width, height) = (inner.width(), inner.height());
    let trace = &experiment.trace;
    // The cut has a row of its own where there is room: what is below it never happened.
    let cut_rows = u16::from(height >= CUT_FROM_ROWS);
    let rows = usize::from(height.saturating_sub(cut_rows));
    let window = screen.timeline.window_below(screen.moments(), rows, ROWS_ABOVE.min(rows / 2));
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
        let ignored = experiment.is_ignored(at, screen.disk);
        draw_moment(&mut inner.part(0, y, width, 1), trace, at, screen.timeline.at, ignored);
        if here {
            let role = if focused { Role::Selected } else { Role::Echo };
            inner.mark(0, y, width, 1, role);
            inner.put(0, y, "▌", role);
        }
        y += 1;
    }
}

/// One operation, or the end of all; dim when the power failed before it happened.
fn draw_moment(painter: &mut Painter<'_>, trace: &Trace, at: usize, cut: usize, ignored: bool) {
    let Some(op) = trace.ops().get(at) else {
        painter.put(1, 0, &format!("{at:>4} after the last operation"), Role::Dim);
        return;
    };
    let meaning = Meaning::of(op);
    let what = meaning.name();
    let (label, role) = match (at < cut, what.is_empty()) {
        (false, _) => (Role::Dim, Role::Dim),
        (true, true) => (Role::Accent, Role::Accent),
        (true, false) => (meaning_role(meaning), Role::Text),
    };
    let mut x = painter.put(1, 0, &format!("{at:>4} "), Role::Dim);
    if !what.is_empty() {
        x = painter.put(x, 0, &text::fit(what, 10), label) + 1;
    }
    if ignored {
        x = painter.put(x, 0, "IGNORED: ", Role::Bad);
    }
    let room = usize::from(painter.width().saturating_sub(x));
    painter.put(x, 0, &text::cut(&short(&line(trace, at)), room), role);
}

/// The operations on both sides of the cut whose meaning does not fit into `columns`, whole.
pub(super) fn clipped(screen: &LabScreen, columns: usize) -> Vec<String> {
    let Some(experiment) = &screen.experiment else { return Vec::new() };
    let trace = &experiment.trace;
    let here = screen.timeline.at;
    (here.saturating_sub(1)..=here)
        .filter_map(|at| {
            let op = trace.ops().get(at)?;
            let line = short(&line(trace, at));
            let what = Meaning::of(op).name();
            // Where it went stands last and may be cut.
            let meaning = line.rsplit_once(" (").map_or(line.as_str(), |(meaning, _)| meaning);
            let clipped = text::width(meaning) + COLUMNS_BEFORE > columns;
            (clipped && !what.is_empty()).then(|| format!("{at} {what} {line}"))
        })
        .collect()
}
