//! The bytes in which the pages of two states differ, as lines: a page, a strip of where, and what stands there.

use super::TimeScreen;
use crate::model::pagediff::{ByteChange, PageDiff};
use crate::model::told::told;
use crate::text;
use crate::theme::Role;
use crate::widgets::bar::spark;
use northstar_engine::limits::PAGE_BYTES;

/// Cells of a strip at most.
const STRIP_MAX: usize = 64;
/// Holes that are named.
const HOLES_MAX: usize = 3;

/// The lines, for a pane of `width` columns; a strip is as long as there is room. Pages behind the first `rows`
/// lines are not looked at.
pub(super) fn lines(screen: &TimeScreen, width: usize, rows: usize) -> Vec<(Role, String)> {
    let dim = |line: &str| vec![(Role::Dim, line.to_owned())];
    let Some(found) = screen.shown() else { return Vec::new() };
    if found.pages.is_none() {
        return dim("no pages to compare: a state has none of its own");
    }
    if found.nodes.is_empty() {
        return dim("no page differs");
    }
    let Some(bytes) = screen.shown_bytes() else { return dim("comparing bytes…") };
    let mut lines = Vec::new();
    for hole in bytes.holes.iter().take(HOLES_MAX) {
        lines.push((Role::Warn, told(hole, 200)));
    }
    for page in &bytes.pages {
        if lines.len() >= rows {
            return lines;
        }
        page_lines(page, width, &mut lines);
    }
    if bytes.pages.is_empty() && bytes.holes.is_empty() {
        lines.push((Role::Dim, "no page has two versions here: each is new or gone".to_owned()));
    }
    if bytes.left_out > 0 {
        let more = text::plural(bytes.left_out as u64, "more page");
        lines.push((Role::Dim, format!("… {more}, not compared byte by byte")));
    }
    lines
}

fn page_lines(page: &PageDiff, width: usize, lines: &mut Vec<(Role, String)>) {
    let kind = match page.level {
        0 => "leaf".to_owned(),
        level => format!("level {level}"),
    };
    let bytes = text::bytes(page.bytes);
    let places = text::plural(page.ranges.len() as u64, "place");
    let head = format!("~ p{} → p{}  {kind}: {bytes} in {places}", page.earlier, page.later);
    lines.push((Role::Changed, head));
    let strip = spark(&page.density(PAGE_BYTES, width.saturating_sub(4).clamp(1, STRIP_MAX)));
    lines.push((Role::Heat(5), format!("  ▕{strip}▏")));
    lines.extend(page.changes.iter().map(|change| (Role::Text, change_line(change))));
}

fn change_line(change: &ByteChange) -> String {
    let place = format!("{:04x}..{:04x}", change.range.start, change.range.end);
    match &change.values {
        Some((old, new)) => format!("  {place} {:<9} {old} → {new}", change.what),
        None => format!("  {place} {}", change.what),
    }
}
