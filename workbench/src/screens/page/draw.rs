//! Drawing of the page inspector.

use super::rows::Row;
use super::{PageScreen, Pane, Seen, bits};
use crate::model::pagediff::{bytes_in, differing};
use crate::model::pages::LoadedPage;
use crate::model::told::told;
use crate::screens::Context;
use crate::theme::Role;
use crate::widgets::hexgrid::{HexGrid, columns_for, width};
use crate::widgets::{Painter, text};
use northstar_engine::inspect::{FieldValue, FieldView, Gap, Link};
use northstar_engine::printable::Printable;

/// From here on three panes stand side by side.
const WIDE: u16 = 100;

pub(super) fn draw(screen: &PageScreen, painter: &mut Painter<'_>, context: &Context) {
    let Some(page) = &screen.page else {
        let why = screen.error.clone().unwrap_or_else(|| format!("reading p{}…", screen.id));
        painter.put(1, 0, &why, Role::Dim);
        return;
    };
    let (total_width, total_height) = (painter.width(), painter.height());
    draw_head(screen, page, painter, context);
    let height = total_height.saturating_sub(1);
    if total_width >= WIDE {
        let columns = if total_width >= 144 { 16 } else { 8 };
        let hex_width = to_u16(width(columns) + 4);
        let rest = total_width.saturating_sub(hex_width);
        let fields_width = rest * 11 / 20;
        let explain_width = rest - fields_width;
        screen.seen.set(Seen {
            hex_x: 2,
            hex_width: hex_width - 2,
            fields_x: hex_width,
            fields_width,
            ..screen.seen.get()
        });
        {
            let mut hex = painter.part(0, 1, hex_width, height);
            let mut inner = hex.boxed(" bytes ", screen.pane == Pane::Hex);
            let (w, h) = (inner.width(), inner.height());
            draw_hex(screen, page, &mut inner.part(1, 0, w.saturating_sub(1), h));
        }
        {
            let mut fields = painter.part(hex_width, 1, fields_width, height);
            let mut inner = fields.boxed(" fields ", screen.pane == Pane::Fields);
            draw_fields(screen, page, &mut inner);
        }
        let mut explain = painter.part(hex_width + fields_width, 1, explain_width, height);
        let mut inner = explain.boxed(" explain ", false);
        let (w, h) = (inner.width(), inner.height());
        draw_explain(screen, page, &mut inner.part(1, 0, w.saturating_sub(2), h));
        return;
    }
    // One pane and a strip of explanation below it.
    let strip = (height / 3).clamp(3, 9);
    let above = height.saturating_sub(strip);
    screen.seen.set(Seen {
        hex_x: 1,
        hex_width: if screen.pane == Pane::Hex { total_width } else { 0 },
        fields_x: 0,
        fields_width: if screen.pane == Pane::Fields { total_width } else { 0 },
        ..screen.seen.get()
    });
    {
        let mut part = painter.part(0, 1, total_width, above);
        match screen.pane {
            Pane::Hex => {
                let mut inner = part.boxed(" bytes · Tab: fields ", true);
                draw_hex(screen, page, &mut inner);
            }
            Pane::Fields => {
                let mut inner = part.boxed(" fields · Tab: bytes ", true);
                draw_fields(screen, page, &mut inner);
            }
        }
    }
    let mut below = painter.part(1, 1 + above, total_width.saturating_sub(2), strip);
    draw_explain(screen, page, &mut below);
}

fn draw_head(screen: &PageScreen, page: &LoadedPage, painter: &mut Painter<'_>, context: &Context) {
    let mut x = painter.put(1, 0, &PageScreen::title(page), Role::Title);
    if page.bytes.is_empty() {
        let pages = text::count(context.summary.pages);
        painter.put(x + 2, 0, &format!("the file ends before it ({pages} pages)"), Role::Warn);
        return;
    }
    let mut pieces: Vec<(Role, String)> = Vec::new();
    if !screen.flipped.is_empty() {
        let bytes = text::plural(screen.flipped.len() as u64, "byte");
        pieces.push((Role::Changed, format!("WHAT IF: {bytes} flipped in memory (w: back)")));
    }
    if let Some(other) = &screen.other {
        let differ = bytes_in(&differing(&page.bytes, &other.bytes));
        let differ = text::plural(differ, "byte");
        pieces.push((Role::Changed, format!("≠ p{}: {differ} differ", other.view.id)));
    }
    let (good, line) = PageScreen::verdict_line(page);
    // All of it is in the explanation too: where it has no room whole, it is told shorter.
    let room = usize::from(painter.width().saturating_sub(x + 3));
    let alone = pieces.is_empty() && text::width(&line) <= room;
    let line = if alone || good { line } else { line.replace("checksum: stored", "checksum") };
    pieces.push((if good { Role::Good } else { Role::Bad }, line));
    let others = page.view.problems.len();
    if others > 0 {
        pieces.push((Role::Bad, text::plural(others as u64, "broken rule")));
    }
    for (at, (role, piece)) in pieces.iter().enumerate() {
        let room = usize::from(painter.width().saturating_sub(x + 3));
        if at > 0 && text::width(piece) > room {
            break;
        }
        x = painter.put(x + 2, 0, &text::cut_at_words(piece, room), *role);
    }
}

fn draw_hex(screen: &PageScreen, page: &LoadedPage, painter: &mut Painter<'_>) {
    let columns = columns_for(painter.width()).min(16);
    let height = painter.height();
    let rows = page.bytes.len().div_ceil(columns);
    let row = screen.byte / columns;
    let mut seen = screen.seen.get();
    let visible = usize::from(height.max(1));
    // The top moves only as far as it must; a change of columns keeps the cursor in sight.
    let mut top = if seen.columns == columns { seen.top } else { row.saturating_sub(visible / 3) };
    top = top.min(rows.saturating_sub(visible));
    if row < top {
        top = row;
    } else if row >= top + visible {
        top = row + 1 - visible;
    }
    seen = Seen { columns, top, height, ..seen };
    screen.seen.set(seen);
    // Roles of the visible bytes only.
    let first = top * columns;
    let end = (first + visible * columns).min(page.bytes.len());
    let mut roles = vec![Role::Text; end.saturating_sub(first)];
    for at in first..end {
        let Some(slot) = roles.get_mut(at - first) else { break };
        *slot = match page.bytes.get(at) {
            Some(0) => Role::Zero,
            Some(b' '..=b'~') => Role::Ascii,
            _ => Role::Text,
        };
    }
    let mut paint = |range: &std::ops::Range<usize>, role: Role| {
        for at in range.start.max(first)..range.end.min(end) {
            if let Some(slot) = roles.get_mut(at - first) {
                *slot = role;
            }
        }
    };
    for field in &page.view.fields {
        field.visit(&mut |field| {
            if field.range.end <= first || field.range.start >= end || !field.children.is_empty() {
                return;
            }
            if field.verdict.as_ref().is_some_and(|verdict| !verdict.ok) {
                paint(&field.range, Role::Bad);
            } else if matches!(field.link, Some(Link::Page(_) | Link::Pointer(_))) {
                paint(&field.range, Role::Link);
            }
        });
    }
    for gap in &page.view.gaps {
        if !gap.zero {
            paint(&gap.range, Role::Gap);
        }
    }
    if let Some(other) = &screen.other {
        for at in first..end {
            if page.bytes.get(at) != other.bytes.get(at)
                && let Some(slot) = roles.get_mut(at - first)
            {
                *slot = Role::Changed;
            }
        }
    }
    let grid = HexGrid {
        bytes: &page.bytes,
        columns,
        top,
        cursor: screen.byte,
        selected: screen.selected_range(),
        focused: screen.pane == Pane::Hex,
        role: &|at| at.checked_sub(first).and_then(|at| roles.get(at)).copied().unwrap_or_default(),
    };
    grid.draw(painter);
}

fn draw_fields(screen: &PageScreen, page: &LoadedPage, painter: &mut Painter<'_>) {
    let rows = &screen.rows.visible;
    let width = painter.width();
    let window = screen.list.window(rows.len(), usize::from(painter.height()));
    for (y, at) in (0_u16..).zip(window) {
        let Some(row) = rows.get(at) else { break };
        match row {
            Row::Field { path, .. } => {
                if let Some(field) = page.view.field(path) {
                    let open = screen.rows.is_open(field, Some(row));
                    let changed = screen.other.as_ref().is_some_and(|other| {
                        page.bytes.get(field.range.clone()) != other.bytes.get(field.range.clone())
                    });
                    let depth = to_u16(path.len().saturating_sub(1));
                    draw_field(painter, y, depth, field, open, changed);
                }
            }
            Row::Gap { index } => {
                if let Some(gap) = page.view.gaps.get(*index) {
                    draw_gap(painter, y, gap);
                }
            }
        }
        if at == screen.list.at {
            let focused = screen.pane == Pane::Fields;
            painter.mark(0, y, width, 1, if focused { Role::Selected } else { Role::Echo });
            painter.put(0, y, "▌", if focused { Role::Selected } else { Role::Echo });
        }
    }
}

fn draw_field(
    painter: &mut Painter<'_>,
    y: u16,
    depth: u16,
    field: &FieldView,
    open: bool,
    changed: bool,
) {
    let width = painter.width();
    let marker = match (field.children.is_empty(), open) {
        (true, _) => " ",
        (false, true) => "▾",
        (false, false) => "▸",
    };
    let x = 1 + depth * 2;
    painter.put(x, y, marker, Role::Dim);
    let group = !field.children.is_empty();
    let x = painter.put(x + 2, y, &field.name, if group { Role::Title } else { Role::Text });
    let column = x.max(22 + depth * 2) + 1;
    let value = value_text(field);
    let role = match (&field.link, group) {
        (Some(_), _) => Role::Link,
        (None, true) => Role::Dim,
        (None, false) => Role::Text,
    };
    let room = usize::from(width.saturating_sub(column).saturating_sub(3));
    let x = painter.put(column, y, &text::cut(&value, room), role);
    if let Some(verdict) = &field.verdict {
        let (mark, role) = if verdict.ok { ("✓", Role::Good) } else { ("✗", Role::Bad) };
        painter.put(x + 1, y, mark, role);
    } else if group && field.has_problem() {
        painter.put(x + 1, y, "✗", Role::Bad);
    }
    if changed {
        painter.put_right(width, y, "≠", Role::Changed);
    }
}

fn draw_gap(painter: &mut Painter<'_>, y: u16, gap: &Gap) {
    let mark = if gap.zero { "·" } else { "░" };
    let x = painter.put(1, y, mark, Role::Gap);
    let line = format!("{}, {}", gap.name, text::plural(gap.range.len() as u64, "byte"));
    painter.put(x + 1, y, &line, if gap.zero { Role::Dim } else { Role::Gap });
}

/// A field's value as text; a group says how much is in it.
fn value_text(field: &FieldView) -> String {
    match &field.value {
        FieldValue::Group if field.children.is_empty() => String::new(),
        FieldValue::Group => {
            let count = field.children.len() as u64;
            format!("{}, {}", text::plural(count, "field"), text::bytes(field.range.len() as u64))
        }
        FieldValue::Bytes { preview, total } => {
            let shown = Printable::capped(preview, 120);
            if preview.iter().all(|byte| *byte == 0) {
                format!("{} zero", text::plural(*total, "byte"))
            } else {
                format!("\"{}\"", shown.as_str())
            }
        }
        value => told(value, 200),
    }
}

/// Lines of an explanation, broken where there is no more room.
struct Lines {
    width: usize,
    lines: Vec<(Role, String)>,
}

impl Lines {
    fn say(&mut self, role: Role, text: &str) {
        let wrapped = text::wrap(text, self.width);
        self.lines.extend(wrapped.into_iter().map(|line| (role, line)));
    }
}

fn draw_explain(screen: &PageScreen, page: &LoadedPage, painter: &mut Painter<'_>) {
    let width = usize::from(painter.width()).max(1);
    let mut out = Lines { width, lines: Vec::new() };
    if let Some(field) = screen.field() {
        explain_field(&mut out, field);
        if screen.bits {
            let bits = bits::of(field, &page.bytes, width);
            out.lines.extend(bits.into_iter().map(|line| (Role::Accent, line)));
        }
        out.say(Role::Dim, &format!("spec/{}", field.anchor.replacen('#', ".md#", 1)));
    } else if let Some(gap) = screen.gap() {
        let range = &gap.range;
        let at = format!("{}  {:#06x}..{:#06x}", gap.name, range.start, range.end);
        out.say(Role::Accent, &at);
        out.say(Role::Text, gap.meaning);
        let holds = match (gap.zero, gap.name) {
            (true, _) => "All zero.",
            (false, "undecoded") => "Not all zero.",
            (false, _) => "Not all zero: old bytes are still there.",
        };
        out.say(Role::Dim, holds);
    }
    for problem in &page.view.problems {
        let line = format!(
            "✗ {}: expected {}, found {}",
            problem.rule,
            told(&problem.expected, 120),
            told(&problem.found, 120)
        );
        out.say(Role::Bad, &line);
    }
    if painter.height() > 8 {
        out.say(Role::Text, "");
        out.say(Role::Dim, &format!("at {:#06x}", screen.byte));
        for line in numbers_at(&page.bytes, screen.byte) {
            out.say(Role::Dim, &line);
        }
    }
    for (y, (role, line)) in (0_u16..).zip(&out.lines) {
        painter.put(0, y, line, *role);
    }
}

/// A field: where it is, what its rule says, what it means, where it leads, what it holds.
fn explain_field(out: &mut Lines, field: &FieldView) {
    let range = &field.range;
    let bytes = text::plural(range.len() as u64, "byte");
    let at = format!("{}  {:#06x}..{:#06x}, {bytes}", field.name, range.start, range.end);
    out.say(Role::Accent, &at);
    if let Some(verdict) = &field.verdict {
        let found = told(&verdict.found, 120);
        let rule = verdict.rule;
        match verdict.ok {
            true => out.say(Role::Good, &format!("✓ {rule}: {found}")),
            false => {
                let expected = &verdict.expected;
                out.say(Role::Bad, &format!("✗ {rule}: expected {expected}, found {found}"));
            }
        }
    }
    if field.meaning != field.name {
        out.say(Role::Text, &field.meaning);
    }
    if let Some(link) = &field.link {
        out.say(Role::Link, &link_text(link));
    }
    if !matches!(field.value, FieldValue::Group) {
        out.say(Role::Text, &format!("= {}", value_text(field)));
    }
}

fn link_text(link: &Link) -> String {
    match link {
        Link::Page(page) => format!("Enter → p{page} (a hint)"),
        Link::Pointer(pointer) => format!("Enter → p{}", pointer.page),
        Link::Lsn(lsn) => format!("Enter → log position {lsn}"),
        Link::Txn(txn) => format!("Enter → txn {txn} in the log"),
        Link::Offset(offset) => format!("Enter → offset {offset:#x} of this page"),
    }
}

/// The bytes from `at` on, read as numbers.
fn numbers_at(bytes: &[u8], at: usize) -> Vec<String> {
    let rest = bytes.get(at..).unwrap_or_default();
    let mut lines = Vec::new();
    if let Some(byte) = rest.first() {
        lines.push(format!("u8 {byte}  i8 {}  {byte:#010b}", byte.cast_signed()));
    }
    if let Some(two) = rest.first_chunk::<2>() {
        lines.push(format!(
            "u16 {}  big-endian {}",
            u16::from_le_bytes(*two),
            u16::from_be_bytes(*two)
        ));
    }
    if let Some(four) = rest.first_chunk::<4>() {
        lines.push(format!("u32 {}  {:#x}", u32::from_le_bytes(*four), u32::from_le_bytes(*four)));
    }
    if let Some(eight) = rest.first_chunk::<8>() {
        lines.push(format!("u64 {}", u64::from_le_bytes(*eight)));
    }
    lines
}

/// A row of the text form.
pub(super) fn plain_line(page: &LoadedPage, row: &Row) -> String {
    match row {
        Row::Field { path, .. } => {
            let Some(field) = page.view.field(path) else { return String::new() };
            let indent = "  ".repeat(path.len().saturating_sub(1));
            let verdict = match &field.verdict {
                Some(verdict) if verdict.ok => format!("  ✓ {}", verdict.rule),
                Some(verdict) => format!(
                    "  ✗ {}: expected {}, found {}",
                    verdict.rule,
                    verdict.expected,
                    told(&verdict.found, 120)
                ),
                None => String::new(),
            };
            let range = &field.range;
            let line = format!(
                "{:#06x} {:>5}  {indent}{:<20} {}{verdict}",
                range.start,
                range.len(),
                field.name,
                value_text(field)
            );
            line.trim_end().to_owned()
        }
        Row::Gap { index } => {
            let Some(gap) = page.view.gaps.get(*index) else { return String::new() };
            let zero = if gap.zero { "zero" } else { "not zero" };
            format!("{:#06x} {:>5}  ({}, {zero})", gap.range.start, gap.range.len(), gap.name)
        }
    }
}

fn to_u16(value: usize) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}
