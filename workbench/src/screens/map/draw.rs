//! Drawing the map: the cells, and beside or below them the selected page and the legend.

use super::grid::Grid;
use super::look::{cell, state_role};
use super::{Context, MapScreen};
use crate::model::pagemap::pool::POOL_UNSEEN;
use crate::model::pagemap::{Class, Mode, state_text};
use crate::model::pages::LoadedPage;
use crate::model::told::told;
use crate::theme::Role;
use crate::widgets::bar::{STEPS, bar, spark};
use crate::widgets::{Painter, text};
use northstar_engine::format::page::PageType;

/// Columns the detail pane takes,
const SIDE: u16 = 38;
/// and where there is room for what the page holds.
const SIDE_WIDE: u16 = 56;
/// From this width on the pane is beside the cells,
const WIDE: u16 = 76;
/// and from this on it is the wide one.
const VERY_WIDE: u16 = 140;

/// What there is to say of pages behind the file's end.
pub(super) fn missing_line(pages: u64) -> Option<String> {
    let behind = text::plural(pages, "page");
    (pages > 0).then(|| format!("✗ the file ends early; missing: {behind} that the meta knows"))
}

/// A cell in all of `painter`: shades fill it, heat rises from its bottom, letters stand alone.
fn draw_cell(painter: &mut Painter<'_>, class: Class) {
    let (glyph, role) = cell(class);
    let (width, rows) = (painter.width(), painter.height());
    if let Some(step) = class.heat() {
        let eighths = (usize::from(step) + 1) * usize::from(rows);
        for above in 0..rows {
            let here = eighths.saturating_sub(STEPS.len() * usize::from(above)).min(STEPS.len());
            let glyph = here.checked_sub(1).and_then(|at| STEPS.get(at)).copied().unwrap_or(' ');
            painter.fill(0, rows - 1 - above, width, 1, glyph, role);
        }
    } else if "▒▓░█".contains(glyph) {
        painter.fill(0, 0, width, rows, glyph, role);
    } else {
        painter.put_char(width.saturating_sub(1) / 2, rows.saturating_sub(1) / 2, glyph, role);
    }
}

impl MapScreen {
    pub(super) fn draw_all(&self, painter: &mut Painter<'_>, context: &Context) {
        let (width, height) = (painter.width(), painter.height());
        if self.total(context) == 0 {
            let why = match (&self.error, context.summary.loaded) {
                (Some(why), _) => why.as_str(),
                (None, true) => "the file has no pages",
                (None, false) => "reading…",
            };
            painter.put(1, 0, why, Role::Dim);
            return;
        }
        if width >= WIDE {
            let side = if width >= VERY_WIDE { SIDE_WIDE } else { SIDE };
            let left = width - side - 1;
            self.draw_grid(&mut painter.part(0, 0, left, height), context);
            painter.fill(left, 0, 1, height, '│', Role::Border);
            self.draw_side(&mut painter.part(left + 2, 0, side - 2, height), context);
        } else {
            let grid = height.saturating_sub(2);
            self.draw_grid(&mut painter.part(0, 0, width, grid), context);
            self.draw_strip(&mut painter.part(1, grid, width.saturating_sub(1), 2), context);
        }
    }

    fn draw_grid(&self, painter: &mut Painter<'_>, context: &Context) {
        let cells = self.zoom.cells(self.total(context));
        let selected = usize::try_from(self.zoom.cell_of(self.selected)).unwrap_or(usize::MAX);
        let size = (painter.width(), painter.height());
        let last = self.total(context) as u64;
        let grid = Grid::new(cells, last, selected, size, self.order, self.grid.get());
        self.grid.set(grid);
        for row in 0..size.1.div_ceil(grid.cell_rows.max(1)) {
            let y = row * grid.cell_rows;
            let row = grid.top + usize::from(row);
            if let Some(first) = grid.label_of(row).filter(|first| *first < cells) {
                let label = self.zoom.first_page(first).to_string();
                painter.put_right(grid.label - 1, y, &label, Role::Dim);
            }
            for column in 0..grid.columns {
                let at = grid.cell(column, row);
                if at >= cells {
                    continue;
                }
                let class = self.zoom.class(&self.map, at, self.mode);
                let x = grid.label + u16::try_from(column).unwrap_or(u16::MAX) * grid.cell;
                let width = grid.cell.saturating_sub(1).max(1);
                draw_cell(&mut painter.part(x, y, width, grid.cell_rows), class);
                if at == selected {
                    painter.mark(x, y, width, grid.cell_rows, Role::Selected);
                }
            }
        }
    }

    fn draw_side(&self, painter: &mut Painter<'_>, context: &Context) {
        let width = usize::from(painter.width());
        painter.spans(0, 0, &self.mode_names());
        painter.put(0, 1, &self.zoom.in_words(), Role::Dim);
        let mut y = 3;
        if let Some(line) = missing_line(self.missing(context)) {
            for line in text::wrap(&line, width) {
                painter.put(0, y, &line, Role::Bad);
                y += 1;
            }
            y += 1;
        }
        for (role, line) in self.detail_lines(context) {
            for line in text::wrap(&line, width) {
                painter.put(0, y, &line, role);
                y += 1;
            }
        }
        y += 1;
        match self.mode {
            Mode::Pool => {
                let (role, what) = match self.map.pool() {
                    Some(pool) => (Role::Dim, pool.in_words()),
                    None => (Role::Warn, POOL_UNSEEN.to_owned()),
                };
                for line in text::wrap(&what, width) {
                    painter.put(0, y, &line, role);
                    y += 1;
                }
            }
            Mode::Age => self.draw_ages(&mut painter.part(0, y, painter.width(), 3)),
            Mode::Fill => {
                let scale: String = STEPS.iter().collect();
                let x = painter.put(0, y, "empty ", Role::Dim);
                let x = painter.put(x, y, &scale, Role::Heat(5));
                painter.put(x, y, " full", Role::Dim);
            }
            Mode::Changed => {
                let base = self.map.base().map_or("an older state".to_owned(), |base| {
                    format!("txn {base}, the checkpoint before the last")
                });
                painter.put(0, y, &format!("against {base}"), Role::Dim);
            }
            _ => {}
        }
        y += match self.mode {
            Mode::Age => 4,
            Mode::Fill | Mode::Changed => 2,
            Mode::Pool => 1,
            _ => 0,
        };
        // A heat has no glyphs to explain: what is counted then are the kinds.
        let heat = matches!(self.mode, Mode::Age | Mode::Fill);
        for (class, count) in self.map.legend(self.mode) {
            let (glyph, role) = cell(class);
            painter.put_char(0, y, if heat { ' ' } else { glyph }, role);
            painter.put(2, y, class.name(), Role::Dim);
            painter.put_right(28, y, &text::count(count), Role::Text);
            y += 1;
        }
        if !self.map.is_complete()
            && let Some(why) = &self.error
        {
            painter.put(0, y + 1, why, Role::Warn);
            y += 2;
        }
        if width > usize::from(SIDE) {
            self.draw_contents(painter, y + 1);
        }
    }

    /// What the selected page holds, from row `top` to the bottom.
    fn draw_contents(&self, painter: &mut Painter<'_>, top: u16) {
        let Some(page) = self.detail.as_ref().filter(|page| page.view.id.get() == self.selected)
        else {
            return;
        };
        let room = usize::from(painter.height().saturating_sub(top + 1));
        let lines = page.contents(room);
        if lines.is_empty() {
            return;
        }
        painter.put(0, top, "holds", Role::Title);
        let width = usize::from(painter.width());
        for (y, line) in (top + 1..).zip(&lines) {
            painter.put(0, y, &text::cut(line, width), Role::Text);
        }
    }

    /// How many sound pages were born when, and the scale of the cells.
    fn draw_ages(&self, painter: &mut Painter<'_>) {
        let columns = usize::from(painter.width()).min(32);
        let newest = format!("txn {}", self.map.newest());
        painter.put(0, 0, &spark(&self.map.ages(columns)), Role::Heat(6));
        let x = painter.put(0, 1, "pages by birth, txn 0 to ", Role::Dim);
        painter.put(x, 1, &newest, Role::Dim);
        let scale: String = STEPS.iter().collect();
        let x = painter.put(0, 2, "old ", Role::Dim);
        let x = painter.put(x, 2, &scale, Role::Heat(5));
        painter.put(x, 2, " new", Role::Dim);
    }

    /// Two lines below the cells, where there is no room beside them.
    fn draw_strip(&self, painter: &mut Painter<'_>, context: &Context) {
        let lines = self.detail_lines(context);
        let mut lines = lines.iter();
        let mut x = 0;
        if let Some((role, line)) = lines.next() {
            x = painter.put(0, 0, line, *role) + 2;
        }
        let x = painter.put(x, 0, &format!("[{}]", self.mode.name()), Role::Accent) + 2;
        if self.zoom.pages() > 1 {
            painter.put(x, 0, &self.zoom.in_words(), Role::Dim);
        }
        let rest: Vec<&str> = lines.map(|(_, line)| line.as_str()).collect();
        let room = usize::from(painter.width());
        painter.put(0, 1, &text::cut(&rest.join("  "), room), Role::Dim);
    }

    fn mode_names(&self) -> Vec<(Role, String)> {
        let name = |mode: Mode| match mode == self.mode {
            true => (Role::Accent, format!("[{}] ", mode.name())),
            false => (Role::Dim, format!("{} ", mode.name())),
        };
        Mode::ALL.into_iter().map(name).collect()
    }

    /// The selected page in a few lines.
    fn detail_lines(&self, context: &Context) -> Vec<(Role, String)> {
        let id = self.selected;
        let mut lines = Vec::new();
        let detail = self.detail.as_ref().filter(|detail| detail.view.id.get() == id);
        let Some(page @ LoadedPage { view, moved, .. }) = detail else {
            lines.push((Role::Title, format!("p{id}")));
            return lines;
        };
        let kind = match (view.page_type, view.zero) {
            (_, true) => "never written",
            (Some(page_type), _) => page_type.name(),
            (None, _) => "unknown",
        };
        lines.push((Role::Title, format!("p{id}  {kind}  @{:#010x}", view.offset)));
        if self.mode == Mode::Pool {
            lines.push(match self.map.pool() {
                Some(pool) => (Role::Accent, pool.page_in_words(id)),
                None => (Role::Warn, "its pool is another process's".to_owned()),
            });
        }
        let is_node = matches!(view.page_type, Some(PageType::Internal | PageType::Leaf));
        if let (Some(level), Some(birth)) = (view.level, view.birth) {
            let level = if is_node { format!("level {level}  ") } else { String::new() };
            lines.push((Role::Text, format!("{level}written by txn {birth}")));
        }
        if let Some(survey) = &context.survey {
            let state = survey.state(view.id);
            lines.push((state_role(state), state_text(state).to_owned()));
        }
        if !view.zero {
            let fill = u64::from(view.fill_permille);
            let filled = format!("{} {} %", bar(fill, 1000, 10), fill / 10);
            if is_node {
                lines.push((Role::Text, filled));
            }
            let entries = text::entries(view.entries);
            if view.page_type != Some(PageType::Meta) {
                lines.push((Role::Text, entries));
            }
            if let Some((first, last)) = page.key_range() {
                lines.push((
                    Role::Text,
                    format!("{} … {}", text::cut(&first, 24), text::cut(&last, 24)),
                ));
            }
            let stored = view.crc_stored.map_or("-".to_owned(), |crc| format!("{crc:08x}"));
            lines.push(match (view.verified, *moved) {
                (true, _) => (Role::Good, format!("✓ checksum {stored}")),
                (false, true) => (Role::Warn, "~ moved: a writer changed it".to_owned()),
                (false, false) => (Role::Bad, "✗ does not verify".to_owned()),
            });
        }
        for problem in view.problems.iter().take(2) {
            let (expected, found) = (&problem.expected, &problem.found);
            let why = format!("{}: expected {expected}, found {found}", problem.rule);
            lines.push((Role::Bad, told(&why, 160)));
        }
        lines
    }
}
