//! Drawing of the states and of what changed between two of them.

use super::{Side, TimeScreen, bytes};
use crate::model::states::{Evidence, State};
use crate::model::time::{Change, Comparison, PageChange};
use crate::model::told::told;
use crate::text;
use crate::theme::Role;
use crate::widgets::Painter;
use northstar_engine::printable::Printable;
use northstar_engine::{Pointer, TxnId};

/// First row of the list of states: a line and the scale stand above.
pub(super) const LIST_TOP: u16 = 2;
/// Columns of the list of states.
const LIST_WIDTH: u16 = 34;
/// From this width on changed keys stand beside changed pages and their bytes.
const WIDE: u16 = 140;

pub(super) const fn change_role(change: Change) -> Role {
    match change {
        Change::Added => Role::Added,
        Change::Removed => Role::Removed,
        Change::Changed => Role::Changed,
    }
}

pub(super) const fn evidence_role(evidence: Evidence) -> Role {
    match evidence {
        Evidence::Exact => Role::Good,
        Evidence::Partial => Role::Warn,
        Evidence::Replayed => Role::Accent,
        Evidence::LogOnly => Role::Dim,
    }
}

pub(super) fn draw(screen: &TimeScreen, painter: &mut Painter<'_>) {
    let states = &screen.list;
    let (width, height) = (painter.width(), painter.height());
    if states.is_empty() {
        let why = screen.error.as_deref().unwrap_or("no states known: no valid meta, no log");
        painter.put(1, 0, why, Role::Dim);
        return;
    }
    let playing = if screen.playing { "▶ playing   " } else { "" };
    let head = format!(
        "{playing}{}  ● own pages  ◌ replayed  ○ log only  {}",
        text::plural(states.len() as u64, "state"),
        base_text(screen)
    );
    painter.put(
        1,
        0,
        &text::cut_at_words(&head, usize::from(width.saturating_sub(2))),
        Role::Title,
    );
    draw_scale(screen, states, &mut painter.part(1, 1, width.saturating_sub(2), 1));
    let list = LIST_WIDTH.min(width / 2);
    let rest = height.saturating_sub(LIST_TOP);
    draw_states(screen, states, &mut painter.part(0, LIST_TOP, list, rest));
    let beside = width - list;
    screen.all_sides.set(width >= WIDE);
    if width >= WIDE {
        let half = beside / 2;
        let mut keys = painter.part(list, LIST_TOP, half, rest);
        draw_changes(screen, Side::Keys, &mut keys.boxed(" what changed: keys ", false));
        draw_pages_and_bytes(screen, &mut painter.part(list + half, LIST_TOP, beside - half, rest));
        return;
    }
    let title = match screen.side {
        Side::Keys => " what changed: keys · Tab: pages ",
        Side::Pages => " what changed: pages · Tab: bytes ",
        Side::Bytes => " what changed: bytes · Tab: keys ",
    };
    let mut right = painter.part(list, LIST_TOP, beside, rest);
    draw_changes(screen, screen.side, &mut right.boxed(title, false));
}

/// The pages that changed, and below them their bytes; one pane where there are none.
fn draw_pages_and_bytes(screen: &TimeScreen, painter: &mut Painter<'_>) {
    let (width, height) = (painter.width(), painter.height());
    let nodes = screen.shown().map_or(0, |found| found.nodes.len());
    let above = match nodes {
        0 => height,
        nodes => u16::try_from(nodes + 2).unwrap_or(u16::MAX).min(height / 2),
    };
    let title =
        if nodes == 0 { " what changed: pages and bytes " } else { " what changed: pages " };
    let mut pages = painter.part(0, 0, width, above);
    draw_side(screen, Side::Pages, &mut pages.boxed(title, false), 0);
    let mut below = painter.part(0, above, width, height - above);
    draw_side(screen, Side::Bytes, &mut below.boxed(" what changed: bytes ", false), 0);
}

fn base_text(screen: &TimeScreen) -> String {
    match screen.base {
        None => "against the state before".to_owned(),
        Some(TxnId::GENESIS) => "all changes since the empty state".to_owned(),
        Some(base) => format!("all changes against txn {base} (b lets go)"),
    }
}

/// All states as a line from the oldest to the newest, the selected one marked.
fn draw_scale(screen: &TimeScreen, states: &[State], painter: &mut Painter<'_>) {
    let columns = usize::from(painter.width().saturating_sub(2));
    if columns == 0 || states.is_empty() {
        return;
    }
    let last = states.len().saturating_sub(1).max(1);
    let column = |at: usize| {
        let from_oldest = states.len().saturating_sub(1).saturating_sub(at);
        u16::try_from(from_oldest * columns.saturating_sub(1) / last).unwrap_or(0)
    };
    painter.fill(1, 0, painter.width().saturating_sub(2), 1, '─', Role::Border);
    painter.put(0, 0, "├", Role::Border);
    painter.put_right(painter.width(), 0, "┤", Role::Border);
    for (at, state) in states.iter().enumerate() {
        if state.root.is_some() {
            painter.put(1 + column(at), 0, "●", Role::Good);
        }
    }
    if let Some(at) = states.iter().position(|state| Some(state.txn) == screen.base) {
        painter.put(1 + column(at), 0, "b", Role::Warn);
    }
    painter.put(1 + column(screen.cursor.at), 0, "◆", Role::Accent);
}

fn draw_states(screen: &TimeScreen, states: &[State], painter: &mut Painter<'_>) {
    let mut inner = painter.boxed(" states, newest first ", true);
    let (width, height) = (inner.width(), inner.height());
    for (y, at) in (0_u16..).zip(screen.cursor.window(states.len(), usize::from(height))) {
        let Some(state) = states.get(at) else { break };
        inner.put(1, y, state.evidence.glyph(), evidence_role(state.evidence));
        let what = match (state.ops, state.root) {
            (Some(ops), _) => {
                let noun = if ops == 1 { "op" } else { "ops" };
                format!("txn {:<7} {:>6} {noun}", state.txn, text::count(ops))
            }
            (None, Some(root)) => format!("txn {:<7} {} rows", state.txn, root.key_count),
            (None, None) => format!("txn {}", state.txn),
        };
        inner.put(3, y, &what, Role::Text);
        if Some(state.txn) == screen.base {
            inner.put_right(width, y, "base", Role::Warn);
        }
        if at == screen.cursor.at {
            inner.mark(0, y, width, 1, Role::Selected);
            inner.put(0, y, "▌", Role::Selected);
        }
    }
}

fn draw_changes(screen: &TimeScreen, side: Side, painter: &mut Painter<'_>) {
    let wide = usize::from(painter.width().saturating_sub(2));
    let Some(found) = screen.shown() else {
        let why = screen.error.as_deref().unwrap_or("comparing…");
        painter.put(1, 0, why, Role::Dim);
        return;
    };
    // A low terminal keeps its rows for what changed.
    let most = usize::from(painter.height() / 2).max(1);
    let wrapped = story(found)
        .into_iter()
        .flat_map(|(role, line)| text::wrap(&line, wide).into_iter().map(move |line| (role, line)));
    let mut y = 0;
    for (role, line) in wrapped.take(most) {
        painter.put(1, y, &line, role);
        y += 1;
    }
    draw_side(screen, side, painter, y + 1);
}

/// One side of what changed, from row `top` to the bottom.
fn draw_side(screen: &TimeScreen, side: Side, painter: &mut Painter<'_>, top: u16) {
    let wide = usize::from(painter.width().saturating_sub(2));
    let room = usize::from(painter.height().saturating_sub(top));
    let Some(found) = screen.shown() else {
        painter.put(1, top, "comparing…", Role::Dim);
        return;
    };
    match side {
        Side::Keys => {
            for (y, (change, key)) in (top..).zip(found.changes.iter().take(room)) {
                let key = Printable::capped(key, wide.saturating_sub(3).max(2));
                let x = painter.put(1, y, change.mark(), change_role(*change));
                painter.put(x + 1, y, key.as_str(), Role::Text);
            }
        }
        Side::Pages if found.pages.is_none() => {
            painter.put(1, top, "no pages to compare: a state has none of its own", Role::Dim);
        }
        Side::Pages => {
            for (y, node) in (top..).zip(found.nodes.iter().take(room)) {
                let (role, line) = node_line(node);
                painter.put(1, y, &text::cut(&line, wide), role);
            }
        }
        Side::Bytes => {
            for (y, (role, line)) in (top..).zip(bytes::lines(screen, wide, room).iter().take(room))
            {
                painter.put(1, y, &text::cut(line, wide), *role);
            }
        }
    }
}

/// Where the comparison comes from, and its sums.
fn story(found: &Comparison) -> Vec<(Role, String)> {
    let evidence = found.evidence;
    let source = format!("{} {}", evidence.glyph(), found.source());
    let mut lines = vec![(evidence_role(evidence), source), (Role::Text, found.summary())];
    if let Some(hole) = found.holes.first() {
        let holes = text::plural(found.holes.len() as u64, "hole");
        let line = format!("{holes}, the first: {}", told(hole, 200));
        lines.push((Role::Warn, line));
    }
    lines
}

/// A node that differs, indented by its level from the root down.
fn node_line(node: &PageChange) -> (Role, String) {
    let kind = if node.level == 0 { "leaf" } else { "internal" };
    let from = Printable::capped(&node.low, 24);
    let from = if node.low.is_empty() { "the first key" } else { from.as_str() };
    let page = |pointer: Option<Pointer>| pointer.map(|pointer| pointer.page);
    let (role, pages) = match (page(node.earlier), page(node.later)) {
        (Some(earlier), Some(later)) => (Role::Changed, format!("~ p{earlier} → p{later}")),
        (None, Some(later)) => (Role::Added, format!("+ p{later}")),
        (Some(earlier), None) => (Role::Removed, format!("− p{earlier}")),
        (None, None) => (Role::Dim, String::new()),
    };
    (role, format!("{pages}  {kind} level {} from {from}", node.level))
}

pub(super) fn text(screen: &TimeScreen) -> Vec<String> {
    let mut lines = Vec::new();
    for (at, state) in screen.list.iter().enumerate() {
        let source = match state.evidence {
            Evidence::Exact => "● pages".to_owned(),
            evidence => format!("{} {}", evidence.glyph(), evidence.name()),
        };
        let ops = state.ops.map(|ops| format!("{ops} operations")).unwrap_or_default();
        let mark = if at == screen.cursor.at { "> " } else { "  " };
        let line = format!("{mark}txn {:<8} {source:<10} {ops}", state.txn);
        lines.push(line.trim_end().to_owned());
    }
    if lines.is_empty() {
        lines.push("no states known".to_owned());
    }
    let Some(found) = screen.shown() else { return lines };
    lines.push(base_text(screen));
    lines.extend(story(found).into_iter().map(|(_, line)| line));
    for (change, key) in &found.changes {
        lines.push(format!("{} {}", change.mark(), Printable::capped(key, 200).as_str()));
    }
    lines.extend(found.nodes.iter().map(|node| node_line(node).1));
    lines.extend(bytes::lines(screen, 72, usize::MAX).into_iter().map(|(_, line)| line));
    lines
}
