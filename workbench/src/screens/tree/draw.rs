//! Drawing of the tree.

use super::column::{Column, PROBLEMS_MAX};
use super::{Seen, TreeScreen};
use crate::model::told::told;
use crate::model::tree::LoadedValue;
use crate::screens::Context;
use crate::theme::Role;
use crate::widgets::bar::bar;
use crate::widgets::{Painter, text};
use northstar_engine::Corrupt;
use northstar_engine::inspect::tree::{Entry, NodeView};
use northstar_engine::printable::Printable;
use std::cmp::Ordering;

/// Narrowest useful column.
const COLUMN_MIN: u16 = 30;
/// From this width on the selected row's value is a column of its own.
const WIDE: u16 = 110;
/// Characters of a value that are shown.
const VALUE_MAX: usize = 8000;

pub(super) fn draw(screen: &TreeScreen, painter: &mut Painter<'_>, context: &Context) {
    let Some(root) = &screen.root else {
        let why = match (&screen.error, context.summary.loaded) {
            (Some(why), _) => why.as_str(),
            (None, true) => "no valid meta names a tree; the metas screen says why",
            (None, false) => "reading…",
        };
        painter.put(1, 0, why, Role::Dim);
        return;
    };
    let room = usize::from(painter.width()).saturating_sub(2);
    for (y, (role, line)) in (0_u16..).zip(head(screen, context, room)) {
        painter.put(1, y, &text::cut_at_words(&line, room), role);
    }
    if root.pointer.is_null() {
        painter.put(1, 2, "the tree is empty", Role::Dim);
        return;
    }
    if screen.shape {
        let (width, height) = (painter.width(), painter.height());
        let (width, height) = (width.saturating_sub(2), height.saturating_sub(2));
        screen.draw_shape(&mut painter.part(1, 2, width, height));
        return;
    }
    let top = 2 + draw_step(screen, &mut painter.part(1, 1, painter.width().saturating_sub(2), 4));
    let (mut width, height) = (painter.width(), painter.height().saturating_sub(top));
    if width >= WIDE
        && let Some(value) = screen.selected_value()
    {
        let beside = width / 3;
        width -= beside;
        draw_value(value, &mut painter.part(width, top, beside, height));
    }
    let shown = usize::from((width / COLUMN_MIN).clamp(1, 4)).min(screen.columns.len().max(1));
    // The active column, its parents as far as they fit, and its child.
    let last = (screen.active + 2).min(screen.columns.len());
    let first = last.saturating_sub(shown);
    let column_width = width / u16::try_from(shown).unwrap_or(1);
    screen.seen.set(Seen { top, first, width: column_width });
    let columns = screen.columns.iter().enumerate().take(last).skip(first);
    for (x, (at, column)) in (0_u16..).zip(columns) {
        let mut part = painter.part(x * column_width, top, column_width, height);
        draw_column(screen, at, column, &mut part);
    }
}

/// What tree it is, within `room` characters: the number of nodes of each level goes first.
fn head(screen: &TreeScreen, context: &Context, room: usize) -> Vec<(Role, String)> {
    let Some(root) = &screen.root else { return Vec::new() };
    let line = format!(
        "tree @txn {}  root p{}  {} rows  depth {}",
        root.txn_id,
        root.pointer.page,
        text::count(root.key_count),
        root.depth
    );
    let current = super::chosen_root(context) == Some(*root);
    if let Some(survey) = context.survey.as_ref().filter(|_| current) {
        let levels = survey.levels.iter().enumerate().rev();
        let (long, short): (Vec<String>, Vec<String>) = levels
            .map(|(level, stats)| {
                let fill = text::percent(stats.bytes_used, stats.bytes_room);
                let nodes = text::plural(stats.nodes, "node");
                (format!("level {level}: {nodes} {fill} %"), format!("{fill} %"))
            })
            .unzip();
        let long = format!("{line}  fill: {}", long.join(", "));
        let fits = text::width(&long) <= room;
        let short = || format!("{line}  fill by level {}", short.join(", "));
        return vec![(Role::Title, if fits { long } else { short() })];
    }
    vec![(Role::Title, line)]
}

/// The look-up's current step; how many lines it took.
fn draw_step(screen: &TreeScreen, painter: &mut Painter<'_>) -> u16 {
    let lines = step_lines(screen);
    for (y, (role, line)) in (0_u16..).zip(&lines) {
        painter.put(0, y, line, *role);
    }
    u16::try_from(lines.len()).unwrap_or(0)
}

fn step_lines(screen: &TreeScreen) -> Vec<(Role, String)> {
    let (Some(lookup), Some(step)) = (&screen.lookup, screen.current_step()) else {
        return Vec::new();
    };
    let Some(node) = lookup.steps.get(step.node) else { return Vec::new() };
    let key = Printable::capped(&lookup.key, 40);
    let total = screen.steps().len();
    let head = format!(
        "look-up \"{}\"  step {}/{total}  n next  N back  at p{} level {}",
        key.as_str(),
        screen.step + 1,
        node.pointer.page,
        node.level
    );
    let mut lines = vec![(Role::Accent, head)];
    let comparison = step.comparison.and_then(|at| node.comparisons.get(at));
    let line = match comparison {
        Some(comparison) => {
            let (sign, side) = match comparison.ordering {
                Ordering::Less => ("<", "look in the left half"),
                Ordering::Equal => ("=", "this is it"),
                Ordering::Greater => (">", "look in the right half"),
            };
            let slot_key = Printable::capped(&comparison.key, 40);
            let slot = comparison.slot;
            let (wanted, found) = (key.as_str(), slot_key.as_str());
            (Role::Text, format!("compare \"{wanted}\" {sign} slot[{slot}] \"{found}\": {side}"))
        }
        None => {
            let count = text::plural(node.comparisons.len() as u64, "comparison");
            let outcome = screen.outcome_line(&node.outcome);
            (Role::Good, format!("{count} among {} slots: {outcome}", node.slots))
        }
    };
    lines.push(line);
    for problem in node.problems.iter().take(1) {
        lines.push((Role::Bad, told(problem, 200)));
    }
    lines
}

/// What a column is, within `room` characters: the bar gives way first.
fn column_title(column: &Column, room: usize) -> String {
    let Some(node) = column.view() else { return format!(" p{} ", column.pointer.page) };
    let kind = if node.leaf { "leaf" } else { "internal" };
    let fill = u64::from(node.fill_permille);
    let count = node.entries.len() as u64;
    let count = match (node.leaf, count) {
        (true, count) => text::plural(count, "row"),
        (false, 1) => "1 child".to_owned(),
        (false, count) => format!("{} children", text::count(count)),
    };
    let (head, rest) =
        (format!(" p{} {kind} ", column.pointer.page), format!("{}% {count} ", fill / 10));
    let whole = format!("{head}{} {rest}", bar(fill, 1000, 5));
    if text::width(&whole) <= room { whole } else { head + &rest }
}

fn draw_column(screen: &TreeScreen, at: usize, column: &Column, painter: &mut Painter<'_>) {
    let active = at == screen.active;
    let room = usize::from(painter.width().saturating_sub(4));
    let mut inner = painter.boxed(&column_title(column, room), active);
    let (width, height) = (inner.width(), inner.height());
    let node = match &column.node {
        None => {
            inner.put(1, 0, "reading…", Role::Dim);
            return;
        }
        Some(Err(why)) => {
            let why = told(why, 400);
            let lines = text::wrap(&why, usize::from(width.saturating_sub(2)));
            for (y, line) in (0_u16..).zip(lines) {
                inner.put(1, y, &line, Role::Bad);
            }
            return;
        }
        Some(Ok(node)) => node,
    };
    let mut top = 0;
    for problem in node.problems.iter().take(PROBLEMS_MAX) {
        // The title names the page already.
        let Corrupt { rule, expected, found, .. } = problem;
        let why = told(format!("✗ {rule}: expected {expected}, found {found}"), 200);
        inner.put(0, top, &text::cut(&why, usize::from(width.saturating_sub(1))), Role::Bad);
        top += 1;
    }
    let compared: Vec<usize> = compared_slots(screen, at);
    let rows = usize::from(height.saturating_sub(top));
    for (y, index) in (top..).zip(column.cursor.window(node.entries.len(), rows)) {
        let Some(entry) = node.entries.get(index) else { break };
        let line = entry_line(node, index, entry, usize::from(width.saturating_sub(2)));
        let role = if node.leaf { Role::Text } else { Role::Internal };
        inner.put(1, y, &line, role);
        if compared.contains(&index) {
            inner.put_right(width, y, "◀", Role::Accent);
        }
        if index == column.cursor.at {
            let role = if active { Role::Selected } else { Role::Echo };
            inner.mark(0, y, width, 1, role);
            inner.put(0, y, "▌", role);
        }
    }
}

/// The last column: what the selected row holds.
fn draw_value(value: &LoadedValue, painter: &mut Painter<'_>) {
    let title = match &value.value {
        Ok(bytes) => format!(" value, {} ", text::bytes(bytes.len() as u64)),
        Err(_) => " value ".to_owned(),
    };
    let mut inner = painter.boxed(&title, false);
    let (role, text) = match &value.value {
        Ok(bytes) => {
            (Role::Text, Printable::capped(bytes, VALUE_MAX).as_str().replace("\\n", "\n"))
        }
        Err(why) => (Role::Bad, told(why, 300)),
    };
    let room = usize::from(inner.width().saturating_sub(2));
    let lines = text.lines().flat_map(|line| text::wrap(line, room));
    for (y, line) in (0..inner.height()).zip(lines) {
        inner.put(1, y, &line, role);
    }
}

/// Slots of a column that the look-up has compared so far.
fn compared_slots(screen: &TreeScreen, column: usize) -> Vec<usize> {
    let (Some(lookup), Some(step)) = (&screen.lookup, screen.current_step()) else {
        return Vec::new();
    };
    let Some(node) = lookup.steps.get(column).filter(|_| column <= step.node) else {
        return Vec::new();
    };
    let done = match step.comparison {
        Some(at) if column == step.node => at + 1,
        _ => node.comparisons.len(),
    };
    node.comparisons.iter().take(done).map(|comparison| comparison.slot).collect()
}

fn entry_line(node: &NodeView, index: usize, entry: &Entry, width: usize) -> String {
    let right = match entry {
        Entry::Child { pointer, .. } => format!(" p{}", pointer.page),
        Entry::Row { value, .. } => match value.overflow {
            Some((extent, _)) => format!(" {} → p{}", text::bytes(value.bytes), extent.page),
            None => format!(" {} B", value.bytes),
        },
    };
    let room = width.saturating_sub(text::width(&right) + 1);
    let key = match entry {
        Entry::Child { .. } if index == 0 && !node.leaf => "-∞".to_owned(),
        entry => Printable::capped(entry.key(), room.max(4)).into_string(),
    };
    format!("{}{right}", text::fit(&key, room))
}

pub(super) fn text(screen: &TreeScreen, context: &Context) -> Vec<String> {
    let mut lines: Vec<String> =
        head(screen, context, usize::MAX).into_iter().map(|(_, line)| line).collect();
    if lines.is_empty() {
        lines.push("no tree".to_owned());
    }
    if screen.shape {
        lines.extend(screen.shape_lines(72).into_iter().map(|(_, line)| line));
        return lines;
    }
    if let Some(lookup) = &screen.lookup {
        let key = Printable::capped(&lookup.key, 200);
        lines.push(format!("look-up \"{}\"", key.as_str()));
        for step in &lookup.steps {
            lines
                .push(format!("p{} level {}, {} slots", step.pointer.page, step.level, step.slots));
            for comparison in &step.comparisons {
                let sign = match comparison.ordering {
                    Ordering::Less => "<",
                    Ordering::Equal => "=",
                    Ordering::Greater => ">",
                };
                let found = Printable::capped(&comparison.key, 80);
                lines.push(format!("  {sign} slot[{}] \"{}\"", comparison.slot, found.as_str()));
            }
            lines.push(format!("  {}", screen.outcome_line(&step.outcome)));
            lines.extend(step.problems.iter().map(|problem| format!("  ✗ {problem}")));
        }
    }
    if let Some(value) = screen.selected_value() {
        let value = match &value.value {
            Ok(bytes) => Printable::capped(bytes, VALUE_MAX).into_string(),
            Err(why) => told(why, 300),
        };
        lines.push(format!("value: {value}"));
    }
    for column in &screen.columns {
        lines.push(String::new());
        lines.push(column_title(column, usize::MAX).trim().to_owned());
        match &column.node {
            None => lines.push("not read".to_owned()),
            Some(Err(why)) => lines.push(told(why, 400)),
            Some(Ok(node)) => {
                lines.extend(node.problems.iter().map(|problem| format!("✗ {problem}")));
                let entries = node.entries.iter().enumerate();
                lines.extend(entries.map(|(at, entry)| entry_line(node, at, entry, 76)));
            }
        }
    }
    lines
}
