//! Drawing of the log.

use super::list::Row;
use super::panel::group_line;
use super::{LogScreen, Pane};
use crate::model::log::{group_of, record_bytes, type_name};
use crate::model::pages::field_line;
use crate::model::told::told;
use crate::screens::Context;
use crate::theme::Role;
use crate::widgets::{Painter, text};
use northstar_engine::Lsn;
use northstar_engine::inspect::log::{OpKind, OpView, RecordDetail, RecordView, Tail};
use northstar_engine::printable::Printable;
use std::ops::Range;

/// From this width on the selected record stands beside the list,
const WIDE: u16 = 96;
/// and from this on its fields too.
const VERY_WIDE: u16 = 150;
/// Characters of an explanation at most.
const SENTENCES: usize = 2000;
/// The group that holds the commit header and the operations.
const PAYLOAD: &str = "payload";
/// Columns of the list of records.
pub(super) const LIST_WIDTH: u16 = 46;

pub(super) fn draw(screen: &LogScreen, painter: &mut Painter<'_>, context: &Context) {
    let (width, height) = (painter.width(), painter.height());
    let room = usize::from(width.saturating_sub(2));
    let (role, line) = head(screen, room);
    painter.put(1, 0, &text::cut_at_words(&line, room), role);
    if screen.len() == 0 {
        let (role, why) = nothing(screen, context);
        for (y, line) in (1..).zip(text::wrap(&why, room)) {
            painter.put(1, y, &line, role);
        }
        return;
    }
    let panel = screen.panel_rows(height);
    screen.draw_panel(&mut painter.part(0, 1, width, panel));
    let top = 1 + panel;
    screen.list_top.set(top + 1);
    let rest = height.saturating_sub(top);
    if width >= WIDE {
        draw_list(screen, &mut painter.part(0, top, LIST_WIDTH, rest), context);
        let right = width.saturating_sub(LIST_WIDTH);
        let fields = if width >= VERY_WIDE { right * 2 / 5 } else { 0 };
        let detail = right - fields;
        draw_detail(screen, &mut painter.part(LIST_WIDTH, top, detail, rest), context);
        if fields > 0 {
            let mut part = painter.part(LIST_WIDTH + detail, top, fields, rest);
            draw_fields(screen, &mut part.boxed(" fields of the record ", false));
        }
    } else {
        let list = rest / 2;
        draw_list(screen, &mut painter.part(0, top, width, list), context);
        draw_detail(screen, &mut painter.part(0, top + list, width, rest - list), context);
    }
}

/// What log it is, within `room` characters: what is wrong goes first, and a piece without room is left out.
fn head(screen: &LogScreen, room: usize) -> (Role, String) {
    let Some(log) = screen.log.as_ref().filter(|log| !log.segments.is_empty()) else {
        return (Role::Title, "commit log".to_owned());
    };
    let gaps = screen.gaps().count() as u64;
    let (role, tail) = match &screen.tail {
        Some(Tail::Torn { .. }) if gaps > 0 => (Role::Bad, Some("torn tail".to_owned())),
        Some(Tail::Corrupt { at, .. }) => (Role::Bad, Some(format!("✗ CORRUPT at {at}"))),
        _ if gaps > 0 => (Role::Bad, None),
        Some(Tail::Torn { at, bytes, .. }) => {
            (Role::Warn, Some(format!("torn tail: {bytes} B after {at}")))
        }
        Some(Tail::Clean { .. }) => (Role::Title, Some("ends clean".to_owned())),
        _ => (Role::Title, None),
    };
    let filter = Some(screen.filter.in_words()).filter(|words| !words.is_empty());
    let gaps = (gaps > 0).then(|| format!("✗ no record in {}", text::plural(gaps, "place")));
    let segments = text::plural(log.segments.len() as u64, "segment");
    let known = [
        Some(format!("commit log  {}", text::plural(screen.records.len() as u64, "record"))),
        filter,
        gaps,
        tail,
        Some(format!("{segments}, {}", text::bytes(log.bytes()))),
    ];
    let mut line = String::new();
    for piece in known.into_iter().flatten() {
        let longer =
            if line.is_empty() { piece } else { format!("{line}  {}", piece.trim_start()) };
        if line.is_empty() || text::width(&longer) <= room {
            line = longer;
        }
    }
    (role, line)
}

/// Why there is nothing to list.
fn nothing(screen: &LogScreen, context: &Context) -> (Role, String) {
    let meta = context.summary.metas.as_ref().and_then(|metas| metas.meta());
    match (&screen.error, screen.ended, meta) {
        (Some(why), ..) => (Role::Dim, why.clone()),
        (None, true, Some(meta)) if meta.log_generation != 0 => {
            let why = "✗ no log beside this file, and its meta goes by one: recovery refuses it";
            (Role::Bad, why.to_owned())
        }
        (None, true, _) => (Role::Dim, "no log beside this file".to_owned()),
        (None, false, _) => (Role::Dim, "reading the log…".to_owned()),
    }
}

fn draw_list(screen: &LogScreen, painter: &mut Painter<'_>, context: &Context) {
    let focused = screen.pane == Pane::Records;
    let mut inner = painter.boxed(" position    txn  type       ops   bytes ", focused);
    let (width, height) = (inner.width(), inner.height());
    for (y, row) in (0_u16..).zip(screen.cursor.window(screen.len(), usize::from(height))) {
        let shown = screen.shown.get(row);
        match (shown, shown.and_then(|row| screen.record_of(row))) {
            (Some(Row::Gap(gap)), _) => {
                inner.put(1, y, &gap_line(gap), Role::Bad);
            }
            (_, Some(record)) => {
                let in_pages = context.summary.checkpoint >= Some(record.txn_id);
                let role = match (&record.problem, in_pages) {
                    (Some(_), _) => Role::Bad,
                    (None, true) => Role::Text,
                    (None, false) => Role::Accent,
                };
                inner.put(1, y, &record_line(record), role);
                if let Some(bracket) = screen.bracket_at(record.lsn) {
                    inner.put_right(width.saturating_sub(2), y, bracket, Role::Dim);
                }
                // Whether pages have it too: as on the time screen.
                let (place, place_role) =
                    if in_pages { ("●", Role::Good) } else { ("○", Role::Accent) };
                inner.put_right(width.saturating_sub(1), y, place, place_role);
                let mark = if record.problem.is_some() { "✗" } else { "✓" };
                let role = if record.problem.is_some() { Role::Bad } else { Role::Good };
                inner.put_right(width, y, mark, role);
            }
            (_, None) => {
                let (role, line) = tail_line(screen.tail.as_ref());
                inner.put(1, y, &line, role);
            }
        }
        if row == screen.cursor.at {
            let role = if focused { Role::Selected } else { Role::Echo };
            inner.mark(0, y, width, 1, role);
            inner.put(0, y, "▌", role);
        }
    }
}

fn record_line(record: &RecordView) -> String {
    let bytes = record_bytes(record);
    let ops = record.ops.map(|ops| ops.to_string()).unwrap_or_default();
    let mut kind = type_name(record.record_type).to_owned();
    if record.relocate {
        kind = "relocate".to_owned();
    }
    if record.abort {
        kind = "abort".to_owned();
    }
    format!("{:<9} {:>5}  {kind:<10}{ops:>5} {bytes:>7}", record.lsn, record.txn_id)
}

fn gap_line(gap: &Range<Lsn>) -> String {
    let bytes = gap.end.get().saturating_sub(gap.start.get());
    format!("{:<9} ✗ {} that are no record", gap.start, text::plural(bytes, "byte"))
}

fn tail_line(tail: Option<&Tail>) -> (Role, String) {
    match tail {
        Some(Tail::Torn { at, bytes, .. }) => {
            (Role::Warn, format!("{at:<9} ~~ torn: {bytes} B, no record ~~"))
        }
        Some(Tail::Corrupt { at, .. }) => (Role::Bad, format!("{at:<9} ✗ corrupt")),
        Some(Tail::Clean { at }) => (Role::Dim, format!("{at:<9} end of the log")),
        _ => (Role::Dim, "the end".to_owned()),
    }
}

fn tail_text(tail: &Tail) -> String {
    match tail {
        Tail::Clean { at } => {
            format!("The log ends at {at}: only zeros, space made ready for records, follow.")
        }
        Tail::Torn { explanation, .. } | Tail::Corrupt { explanation, .. } => explanation.clone(),
    }
}

/// What is known of the bytes between two records.
fn gap_text(screen: &LogScreen, gap: &Range<Lsn>) -> String {
    let why = screen.gap.as_ref().filter(|found| found.at == gap.start);
    let why = why.map_or("looking…".to_owned(), |found| {
        found.why.as_ref().map_or("A record is there by now.".to_owned(), tail_text)
    });
    let text = format!("{why} The next record starts at {}.", gap.end);
    told(text, SENTENCES)
}

fn draw_detail(screen: &LogScreen, painter: &mut Painter<'_>, context: &Context) {
    let focused = screen.pane == Pane::Ops;
    if screen.on_tail() {
        let mut inner = painter.boxed(" how the log ends ", focused);
        let width = usize::from(inner.width().saturating_sub(2));
        let text = screen.tail.as_ref().map(tail_text).unwrap_or_default();
        let text = told(text, SENTENCES);
        for (y, line) in (0_u16..).zip(text::wrap(&text, width)) {
            inner.put(1, y, &line, Role::Text);
        }
        return;
    }
    if let Some(gap) = screen.selected_gap() {
        let mut inner = painter.boxed(" bytes that are no record ", focused);
        let width = usize::from(inner.width().saturating_sub(2));
        for (y, line) in (0_u16..).zip(text::wrap(&gap_text(screen, gap), width)) {
            inner.put(1, y, &line, Role::Text);
        }
        return;
    }
    let Some(detail) = &screen.detail else {
        painter.boxed(" record ", focused);
        return;
    };
    let record = &detail.record;
    let title = format!(" {} txn {} ", type_name(record.record_type), record.txn_id);
    let mut inner = painter.boxed(&title, focused);
    let (width, height) = (inner.width(), inner.height());
    let mut y = 0;
    for (role, line) in detail_head(screen, detail, context) {
        for line in text::wrap(&line, usize::from(width.saturating_sub(2))) {
            inner.put(1, y, &line, role);
            y += 1;
        }
    }
    let rows = usize::from(height.saturating_sub(y));
    for (y, at) in (y..).zip(screen.ops.window(detail.ops.len(), rows)) {
        let Some(op) = detail.ops.get(at) else { break };
        draw_op(&mut inner, y, detail, op, screen.place_of_op(at));
        if at == screen.ops.at && focused {
            inner.mark(0, y, width, 1, Role::Selected);
            inner.put(0, y, "▌", Role::Selected);
        }
    }
}

/// The fields of the record around its operations, a group after the other.
fn draw_fields(screen: &LogScreen, painter: &mut Painter<'_>) {
    let Some(detail) = &screen.detail else { return };
    let room = usize::from(painter.width().saturating_sub(2));
    let groups = detail.fields.iter().flat_map(|group| match group.name.as_ref() {
        // Operations stand by themselves; what is before them does not.
        PAYLOAD => group.children.get(..1).unwrap_or_default(),
        _ => std::slice::from_ref(group),
    });
    let mut y = 0;
    for group in groups {
        painter.put(1, y, &group.name, Role::Title);
        y += 1;
        for field in &group.children {
            painter.put(2, y, &text::cut(&field_line(field), room), Role::Text);
            y += 1;
        }
    }
}

fn detail_head(
    screen: &LogScreen,
    detail: &RecordDetail,
    context: &Context,
) -> Vec<(Role, String)> {
    let record = &detail.record;
    let mut lines = Vec::new();
    let crc = record.crc.map_or("not computed".to_owned(), |crc| format!("{crc:08x}"));
    let length = record_bytes(record);
    lines.push((
        Role::Dim,
        format!(
            "lsn {} to {}, {}, checksum {crc}; below {} was durable when it was written",
            record.lsn,
            record.end_lsn,
            text::bytes(length),
            record.durable_lsn
        ),
    ));
    if record.is_commit() {
        lines.extend(
            group_of(screen.shown_groups(), record.lsn).map(|group| (Role::Dim, group_line(group))),
        );
        if let Some(rows) = record.key_count {
            let eventual = if record.eventual { ", did not wait for its sync" } else { "" };
            let ops = text::plural(record.ops.unwrap_or(0), "operation");
            let line = format!("{ops}; {} rows afterwards{eventual}", text::count(rows));
            lines.push((Role::Text, line));
        }
        if context.summary.checkpoint < Some(record.txn_id) {
            let from = context.summary.metas.as_ref().and_then(|metas| Some(metas.meta()?.log_lsn));
            let before = |gap: &&Range<Lsn>| gap.start < record.lsn && Some(gap.start) >= from;
            lines.push(match screen.gaps().find(before) {
                None if from.is_none() => {
                    let line = "In no state that a valid meta names: recovery does not get here.";
                    (Role::Bad, line.to_owned())
                }
                None => {
                    let line =
                        "Not in the pages yet: only this record holds it; recovery replays it.";
                    (Role::Accent, line.to_owned())
                }
                Some(gap) => {
                    let line = "Not in the pages yet, and recovery does not get here: the bytes at";
                    (Role::Bad, format!("{line} {} are no record.", gap.start))
                }
            });
        }
    }
    for problem in &detail.problems {
        lines.push((Role::Bad, told(problem, 300)));
    }
    lines
}

fn op_text(op: &OpView) -> (&'static str, String) {
    let key = Printable::capped(&op.key, 60);
    match op.kind {
        OpKind::Put => ("put", format!("\"{}\"", key.as_str())),
        OpKind::Del => ("del", format!("\"{}\"", key.as_str())),
        OpKind::DelRange => {
            let end = op.end.as_ref().map_or("the end".to_owned(), |end| {
                format!("\"{}\"", Printable::capped(end, 60).as_str())
            });
            let removed = op.count.unwrap_or(0);
            ("del", format!("from \"{}\" to {end}: {removed} rows", key.as_str()))
        }
    }
}

fn draw_op(
    painter: &mut Painter<'_>,
    y: u16,
    detail: &RecordDetail,
    op: &OpView,
    place: Option<String>,
) {
    let (verb, what) = op_text(op);
    let role = if op.kind == OpKind::Put { Role::Added } else { Role::Removed };
    let x = painter.put(1, y, verb, role);
    let x = painter.put(x + 1, y, &what, Role::Link);
    let place = place.unwrap_or_default();
    let right = painter.width().saturating_sub(1);
    let taken = u16::try_from(text::width(&place)).unwrap_or(u16::MAX);
    if op.kind == OpKind::Put {
        let value = detail.bytes.get(op.value.clone()).unwrap_or_default();
        let room = usize::from(right.saturating_sub(x + 2).saturating_sub(taken));
        let value = Printable::capped(value, room.max(2));
        painter.put(x + 1, y, value.as_str(), Role::Dim);
    }
    if x + 1 + taken < right {
        painter.put_right(right, y, &place, Role::Dim);
    }
}

pub(super) fn text(screen: &LogScreen, context: &Context) -> Vec<String> {
    let mut lines = vec![head(screen, usize::MAX).1];
    if screen.len() == 0 {
        lines.push(nothing(screen, context).1);
        return lines;
    }
    if let Some(log) = &screen.log {
        for segment in &log.segments {
            let name = Printable::capped(segment.file.name.as_bytes(), 100);
            let start = segment.start.map_or("?".to_owned(), |start| start.to_string());
            let number = segment.number.map_or("?".to_owned(), |number| number.to_string());
            let bytes = text::bytes(segment.bytes);
            lines.push(format!("segment {number}: {} from {start}, {bytes}", name.as_str()));
            lines.extend(segment.problem.iter().map(|problem| format!("  ✗ {problem}")));
        }
        lines.extend(log.problems.iter().map(|problem| format!("✗ {problem}")));
    }
    lines.extend(screen.panel_text());
    lines.push("position    txn  type         ops   bytes".to_owned());
    for row in &screen.shown {
        if let Row::Gap(gap) = row {
            lines.push(gap_line(gap));
        }
        let Some(record) = screen.record_of(row) else { continue };
        lines.push(record_line(record));
        lines.extend(record.problem.iter().map(|problem| format!("  ✗ {problem}")));
    }
    if let Some(gap) = screen.selected_gap() {
        lines.push(gap_text(screen, gap));
    }
    if let Some(tail) = &screen.tail {
        lines.push(tail_line(Some(tail)).1);
        lines.push(told(tail_text(tail), SENTENCES));
    }
    if let Some(detail) = &screen.detail {
        lines.push(String::new());
        lines.push(format!("selected: txn {}", detail.record.txn_id));
        lines.extend(detail_head(screen, detail, context).into_iter().map(|(_, line)| line));
        for (at, op) in detail.ops.iter().enumerate() {
            let (verb, what) = op_text(op);
            let place = screen.place_of_op(at).unwrap_or_default();
            lines.push(format!("  {verb} {what} {place}").trim_end().to_owned());
        }
    }
    lines
}
