//! The map: every page of the file as one cell.
//!
//! A background scan fills it in batches; only the visible rows are drawn. Modes: kind, state (from
//! the survey of everything reachable), age, fill, checksum. `]` and `[` walk the bad pages.

use super::{Component, Context, Effect, ScreenId};
use crate::action::Act;
use crate::model::pages::{LoadPage, LoadedPage, ScanDone, ScanPages, Scanned};
use crate::place::{At, Place};
use crate::theme::Role;
use crate::widgets::bar::{STEPS, bar, spark};
use crate::widgets::{Painter, text};
use northstar_engine::PageId;
use northstar_engine::format::page::PageType;
use northstar_engine::inspect::find::{PageState, PageSummary};
use northstar_engine::printable::Printable;
use serde_json::{Value, json};
use std::any::Any;
use std::cell::Cell;
use std::collections::BTreeMap;

const SCAN: &str = "scan";
const DETAIL: &str = "detail";
/// Columns the detail pane takes.
const SIDE: u16 = 36;
/// Columns of the row labels.
const LABEL: u16 = 8;

/// What the cells show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum Mode {
    #[default]
    Kind,
    State,
    Age,
    Fill,
    Checksum,
}

impl Mode {
    const ALL: [Self; 5] = [Self::Kind, Self::State, Self::Age, Self::Fill, Self::Checksum];

    const fn name(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::State => "state",
            Self::Age => "age",
            Self::Fill => "fill",
            Self::Checksum => "checksum",
        }
    }
}

/// How the grid lies in its area; kept from the last drawing for movement and clicks.
#[derive(Clone, Copy, Debug, Default)]
struct Grid {
    columns: usize,
    cell: u16,
    top: usize,
    height: u16,
}

/// The screen.
#[derive(Debug, Default)]
pub struct MapScreen {
    pages: Vec<PageSummary>,
    /// The scan under way replaces pages from here; what is behind is from the scan before.
    scanned: usize,
    done: bool,
    started: bool,
    /// Size, checkpoint and reloads when the scan began.
    seen: Option<(u64, Option<northstar_engine::TxnId>, u64)>,
    selected: u64,
    mode: Mode,
    detail: Option<LoadedPage>,
    grid: Cell<Grid>,
    newest: u64,
    /// The cursor is on a page that only an older state uses.
    on_kept: bool,
    error: Option<String>,
}

impl MapScreen {
    fn total(&self, context: &Context) -> usize {
        let total = usize::try_from(context.summary.pages).unwrap_or(usize::MAX);
        total.max(self.scanned)
    }

    fn brief(&self, at: usize) -> Option<&PageSummary> {
        self.pages.get(at)
    }

    fn select(&mut self, id: u64, context: &Context) -> Vec<Effect> {
        let last = self.total(context).saturating_sub(1) as u64;
        self.selected = id.min(last);
        let state = context.survey.as_ref().map(|survey| survey.state(PageId::new(self.selected)));
        self.on_kept = matches!(state, Some(PageState::Kept | PageState::Retired));
        vec![Effect::Run(DETAIL, Box::new(LoadPage { id: PageId::new(self.selected) }))]
    }

    fn births(&self) -> impl Iterator<Item = u64> {
        let sound = self.pages.iter().filter(|brief| brief.checksum == Some(true));
        sound.filter_map(|brief| brief.birth.map(northstar_engine::TxnId::get))
    }

    fn step(&mut self, by: i64, context: &Context) -> Vec<Effect> {
        let to = self.selected.saturating_add_signed(by);
        self.select(to, context)
    }

    /// Whether a page in use is broken. A free page may hold anything.
    fn is_problem(brief: &PageSummary, context: &Context) -> bool {
        match &context.survey {
            Some(survey) => {
                matches!(survey.state(brief.id), PageState::Bad | PageState::Orphan)
            }
            None => !brief.zero && brief.checksum == Some(false),
        }
    }

    /// The next page that does not verify, in either direction, round and round.
    fn problem_from(&self, forward: bool, context: &Context) -> Option<u64> {
        let len = self.pages.len();
        let here = usize::try_from(self.selected).unwrap_or(0);
        (1..=len)
            .map(|by| if forward { here + by } else { here + len - by } % len)
            .find(|at| self.brief(*at).is_some_and(|brief| Self::is_problem(brief, context)))
            .map(|at| at as u64)
    }

    fn cell(&self, at: usize, context: &Context) -> (char, Role) {
        let Some(brief) = self.brief(at) else { return (' ', Role::Dim) };
        let state = context.survey.as_ref().map(|survey| survey.state(brief.id));
        if Self::is_problem(brief, context) {
            return match state {
                Some(PageState::Orphan) => ('?', Role::Warn),
                _ => ('✗', Role::Bad),
            };
        }
        if brief.zero || (self.mode != Mode::Checksum && state == Some(PageState::Free)) {
            return ('·', Role::Free);
        }
        match self.mode {
            Mode::Kind => kind_cell(at, brief.page_type),
            Mode::State => state.map_or(('?', Role::Dim), state_cell),
            Mode::Age => {
                let birth = brief.birth.map_or(0, northstar_engine::TxnId::get);
                let step = birth.saturating_mul(7).checked_div(self.newest).unwrap_or(0);
                let step = u8::try_from(step.min(7)).unwrap_or(7);
                (STEPS[usize::from(step)], Role::Heat(step))
            }
            Mode::Fill => {
                let step = u8::try_from((brief.fill_permille.min(999) / 125).min(7)).unwrap_or(7);
                (STEPS[usize::from(step)], Role::Heat(step))
            }
            Mode::Checksum if brief.checksum == Some(true) => ('✓', Role::Good),
            Mode::Checksum => ('x', Role::Dim),
        }
    }

    /// Columns, cell width and the first row so that the selection is visible.
    fn lay_out(&self, total: usize, width: u16, height: u16) -> Grid {
        let room = usize::from(width.saturating_sub(LABEL)).max(1);
        let height_rows = usize::from(height).max(1);
        // Wide cells when everything fits that way, else as many pages as there is room for.
        let widest = |cell: usize| {
            [256, 128, 64, 32, 16, 8]
                .into_iter()
                .find(|columns| columns * cell <= room)
                .unwrap_or(1)
        };
        let cell = [3, 2]
            .into_iter()
            .find(|cell| total.div_ceil(widest(*cell)) <= height_rows)
            .unwrap_or(1);
        let columns = widest(cell);
        let cell = u16::try_from(cell).unwrap_or(1);
        let rows = total.div_ceil(columns);
        let row = usize::try_from(self.selected).unwrap_or(0) / columns;
        let mut top = self.grid.get().top.min(rows.saturating_sub(height_rows));
        if row < top {
            top = row;
        } else if row >= top + height_rows {
            top = row + 1 - height_rows;
        }
        Grid { columns, cell, top, height }
    }

    /// Pages by what the cells show them as: glyph, role, name, count.
    fn legend(&self, context: &Context) -> Vec<(char, Role, &'static str, u64)> {
        let mut counts: BTreeMap<&'static str, (char, Role, u64)> = BTreeMap::new();
        for (at, brief) in self.pages.iter().enumerate() {
            let name = match (self.mode, &context.survey) {
                (Mode::State, Some(survey)) => survey.state(brief.id).name(),
                (Mode::Checksum, _) if brief.zero => "never written",
                (Mode::Checksum, _) if brief.checksum == Some(true) => "verifies",
                (Mode::Checksum, _) if Self::is_problem(brief, context) => "bad",
                (Mode::Checksum, _) => "free, does not verify",
                _ => kind_name(brief, context),
            };
            let glyph = match self.mode {
                Mode::Age | Mode::Fill => self.kind_glyph(at, brief, context),
                _ => self.cell(at, context),
            };
            counts.entry(name).or_insert((glyph.0, glyph.1, 0)).2 += 1;
        }
        counts.into_iter().map(|(name, (c, role, count))| (c, role, name, count)).collect()
    }

    fn kind_glyph(&self, at: usize, brief: &PageSummary, context: &Context) -> (char, Role) {
        match kind_name(brief, context) {
            "bad" => ('✗', Role::Bad),
            "free" | "never written" => ('·', Role::Free),
            _ => kind_cell(at, brief.page_type),
        }
    }

    fn draw_grid(&self, painter: &mut Painter<'_>, context: &Context) {
        let total = self.total(context);
        let (width, height) = (painter.width(), painter.height());
        let grid = self.lay_out(total, width, height);
        self.grid.set(grid);
        for y in 0..height {
            let row = grid.top + usize::from(y);
            let first = row * grid.columns;
            if first >= total {
                break;
            }
            painter.put_right(LABEL - 2, y, &first.to_string(), Role::Dim);
            for column in 0..grid.columns {
                let at = first + column;
                if at >= total {
                    break;
                }
                let (c, role) = self.cell(at, context);
                let x = LABEL - 1 + u16::try_from(column).unwrap_or(u16::MAX) * grid.cell;
                let shown: String = match grid.cell {
                    1 => c.to_string(),
                    cell if "▒▓░█▁▂▃▄▅▆▇".contains(c) => {
                        std::iter::repeat_n(c, usize::from(cell) - 1).collect()
                    }
                    _ => c.to_string(),
                };
                painter.put(x, y, &shown, role);
                if at as u64 == self.selected {
                    painter.mark(x, y, grid.cell.saturating_sub(1).max(1), 1, Role::Selected);
                }
            }
        }
    }

    fn draw_side(&self, painter: &mut Painter<'_>, context: &Context) {
        let width = usize::from(painter.width());
        let mut y = 0;
        let modes: Vec<(Role, String)> = Mode::ALL
            .iter()
            .map(|mode| match *mode == self.mode {
                true => (Role::Accent, format!("[{}] ", mode.name())),
                false => (Role::Dim, format!("{} ", mode.name())),
            })
            .collect();
        painter.spans(0, y, &modes);
        y += 2;
        for (role, line) in self.detail_lines(context) {
            for line in text::wrap(&line, width) {
                painter.put(0, y, &line, role);
                y += 1;
            }
        }
        y += 1;
        for (glyph, role, name, count) in self.legend(context) {
            let x = painter.put(0, y, &glyph.to_string(), role);
            painter.put(x + 1, y, name, Role::Dim);
            painter.put_right(22, y, &text::count(count), Role::Text);
            y += 1;
        }
        if self.mode == Mode::Age && self.newest > 0 && y + 2 < painter.height() {
            let columns = width.min(24);
            let mut ages = vec![0_u64; columns];
            for birth in self.births() {
                let at = birth.saturating_mul(columns as u64 - 1) / self.newest;
                if let Some(slot) = ages.get_mut(usize::try_from(at).unwrap_or(0)) {
                    *slot += 1;
                }
            }
            painter.put(0, y + 1, &spark(&ages), Role::Heat(6));
            painter.put(0, y + 2, &format!("txn 0 … {}", self.newest), Role::Dim);
        }
    }

    /// The selected page in a few lines.
    fn detail_lines(&self, context: &Context) -> Vec<(Role, String)> {
        let id = self.selected;
        let mut lines = Vec::new();
        let detail = self.detail.as_ref().filter(|detail| detail.view.id.get() == id);
        let Some(LoadedPage { view, moved, .. }) = detail else {
            lines.push((Role::Title, format!("p{id}")));
            return lines;
        };
        let kind = match (view.page_type, view.zero) {
            (_, true) => "never written",
            (Some(page_type), _) => page_type.name(),
            (None, _) => "unknown",
        };
        lines.push((Role::Title, format!("p{id}  {kind}  @{:#010x}", view.offset)));
        if let (Some(level), Some(birth)) = (view.level, view.birth) {
            lines.push((Role::Text, format!("level {level}  written by txn {birth}")));
        }
        if let Some(survey) = &context.survey {
            let state = survey.state(view.id);
            lines.push((state_cell(state).1, state_text(state).to_owned()));
        }
        if !view.zero {
            let fill = u64::from(view.fill_permille);
            let entries = text::plural(view.entries, "entry").replace("entrys", "entries");
            lines.push((Role::Text, format!("{} {} %", bar(fill, 1000, 10), fill / 10)));
            lines.push((Role::Text, entries));
            let stored = view.crc_stored.map_or("-".to_owned(), |crc| format!("{crc:08x}"));
            lines.push(match (view.verified, *moved) {
                (true, _) => (Role::Good, format!("✓ checksum {stored}")),
                (false, true) => (Role::Warn, "~ moved: a writer changed it".to_owned()),
                (false, false) => (Role::Bad, "✗ does not verify".to_owned()),
            });
        }
        for problem in view.problems.iter().take(2) {
            let found = Printable::capped(&problem.found, 80);
            lines.push((Role::Bad, format!("{}: {}", problem.rule, found.as_str())));
        }
        lines
    }
}

fn kind_name(brief: &PageSummary, context: &Context) -> &'static str {
    let state = context.survey.as_ref().map(|survey| survey.state(brief.id));
    match (state, brief.page_type) {
        _ if brief.zero => "never written",
        (Some(PageState::Free), _) => "free",
        _ if MapScreen::is_problem(brief, context) && state != Some(PageState::Orphan) => "bad",
        (_, Some(page_type)) => page_type.name(),
        (_, None) => "bad",
    }
}

const fn state_cell(state: PageState) -> (char, Role) {
    match state {
        PageState::Meta => ('M', Role::Meta),
        PageState::Live => ('▒', Role::Leaf),
        PageState::Kept => ('k', Role::Old),
        PageState::Chain => ('b', Role::Chain),
        PageState::Retired => ('░', Role::Old),
        PageState::Free => ('·', Role::Free),
        PageState::Orphan => ('?', Role::Warn),
        PageState::Outside => ('-', Role::Dim),
        PageState::Bad => ('✗', Role::Bad),
        _ => ('u', Role::Text),
    }
}

/// A state in words.
const fn state_text(state: PageState) -> &'static str {
    match state {
        PageState::Meta => "a meta slot",
        PageState::Live => "live: part of the current tree",
        PageState::Kept => "kept: only an older state uses it",
        PageState::Chain => "bookkeeping of the file",
        PageState::Retired => "retired: not yet free",
        PageState::Free => "free for reuse",
        PageState::Orphan => "orphan: in use, nothing reaches it",
        PageState::Outside => "behind the pages the meta knows",
        PageState::Bad => "broken",
        _ => "in use",
    }
}

fn kind_cell(at: usize, page_type: Option<PageType>) -> (char, Role) {
    match page_type {
        Some(PageType::Meta) => (if at == 0 { 'A' } else { 'B' }, Role::Meta),
        Some(PageType::Internal) => ('▓', Role::Internal),
        Some(PageType::Leaf) => ('▒', Role::Leaf),
        Some(PageType::Overflow) => ('◆', Role::Overflow),
        Some(PageType::Bitmap) => ('b', Role::Chain),
        Some(PageType::History) => ('h', Role::Chain),
        Some(PageType::Retired) => ('r', Role::Chain),
        None => ('?', Role::Warn),
    }
}

impl Component for MapScreen {
    fn id(&self) -> ScreenId {
        ScreenId::Map
    }

    fn works(&self, context: &Context) -> Vec<Act> {
        let mut works = vec![Act::Open, Act::MapMode];
        if context.survey.is_some() {
            works.push(Act::MapOrphans);
        }
        if self.problem_from(true, context).is_some() {
            works.extend([Act::NextProblem, Act::PrevProblem]);
        }
        works.extend([Act::Left, Act::Right, Act::Up, Act::Down]);
        works.extend([Act::PageUp, Act::PageDown, Act::Top, Act::End]);
        works
    }

    fn act(&mut self, act: Act, context: &Context) -> Vec<Effect> {
        let grid = self.grid.get();
        let row = i64::try_from(grid.columns.max(1)).unwrap_or(1);
        let screenful = row * i64::from(grid.height.max(2) - 1);
        match act {
            Act::Left => self.step(-1, context),
            Act::Right => self.step(1, context),
            Act::Up => {
                let by = if self.selected.cast_signed() >= row { -row } else { 0 };
                self.step(by, context)
            }
            Act::Down => self.step(row, context),
            Act::PageUp => self.step(-screenful, context),
            Act::PageDown => self.step(screenful, context),
            Act::Top => self.select(0, context),
            Act::End => self.select(u64::MAX, context),
            Act::Open => vec![Effect::Go(Place::page(PageId::new(self.selected)))],
            Act::MapMode => {
                let at = Mode::ALL.iter().position(|mode| *mode == self.mode).unwrap_or(0);
                self.mode = Mode::ALL[(at + 1) % Mode::ALL.len()];
                Vec::new()
            }
            Act::MapOrphans => {
                let Some(survey) = &context.survey else { return Vec::new() };
                let name = |what: &str, id: PageId| (format!("p{id}  {what}"), Place::page(id));
                let doubles = survey.double_references().map(|id| name("referred to twice", id));
                let orphans = survey.orphans().map(|id| name("orphan: nothing refers to it", id));
                let items: Vec<_> = doubles.chain(orphans).take(1000).collect();
                vec![Effect::Menu { title: "orphans and double references".to_owned(), items }]
            }
            Act::NextProblem | Act::PrevProblem => {
                match self.problem_from(act == Act::NextProblem, context) {
                    Some(id) => self.select(id, context),
                    None => Vec::new(),
                }
            }
            _ => Vec::new(),
        }
    }

    fn show(&mut self, at: &At, context: &Context) -> Vec<Effect> {
        let mut out = Vec::new();
        if let At::Page(id, _) = at {
            self.selected = id.get();
        }
        if !self.started {
            out.extend(self.reload(context));
        } else if matches!(at, At::Page(..)) {
            out.extend(self.select(self.selected, context));
        }
        out
    }

    fn place(&self) -> At {
        At::Page(PageId::new(self.selected), None)
    }

    fn reload(&mut self, context: &Context) -> Vec<Effect> {
        // Pages change at checkpoints only; a live log is no reason to scan again.
        let summary = &context.summary;
        let seen = (summary.bytes, summary.checkpoint, context.reloads);
        if self.started && self.seen == Some(seen) {
            return Vec::new();
        }
        self.seen = Some(seen);
        self.started = true;
        self.done = false;
        self.scanned = 0;
        self.error = None;
        vec![
            Effect::Run(DETAIL, Box::new(LoadPage { id: PageId::new(self.selected) })),
            Effect::Run(SCAN, Box::new(ScanPages)),
        ]
    }

    fn loaded(
        &mut self,
        slot: &'static str,
        data: Box<dyn Any + Send>,
        _: &Context,
    ) -> Vec<Effect> {
        if slot == DETAIL {
            self.detail = data.downcast::<LoadedPage>().ok().map(|page| *page);
            return Vec::new();
        }
        match data.downcast::<Scanned>() {
            Ok(part) => {
                let first = usize::try_from(part.first).unwrap_or(usize::MAX);
                for (brief, at) in part.pages.into_iter().zip(first..) {
                    if brief.checksum == Some(true) {
                        let birth = brief.birth.map_or(0, northstar_engine::TxnId::get);
                        self.newest = self.newest.max(birth);
                    }
                    match self.pages.get_mut(at) {
                        Some(old) => *old = brief,
                        None => self.pages.push(brief),
                    }
                    self.scanned = at + 1;
                }
            }
            Err(data) => {
                if data.is::<ScanDone>() {
                    self.done = true;
                    self.pages.truncate(self.scanned);
                }
            }
        }
        Vec::new()
    }

    fn failed(&mut self, slot: &'static str, why: &str) {
        if slot == SCAN {
            self.error = Some(why.to_owned());
        }
    }

    fn click(&mut self, x: u16, y: u16, again: bool, context: &Context) -> Vec<Effect> {
        let grid = self.grid.get();
        let Some(column) = x.checked_sub(LABEL - 1).map(|x| usize::from(x / grid.cell.max(1)))
        else {
            return Vec::new();
        };
        let at = (grid.top + usize::from(y)) * grid.columns + column;
        if column >= grid.columns || at >= self.total(context) {
            return Vec::new();
        }
        let mut out = self.select(at as u64, context);
        if again {
            out.extend(self.act(Act::Open, context));
        }
        out
    }

    fn achieved(&self, what: &str) -> bool {
        match what {
            "state mode" => self.mode == Mode::State,
            "kept page" => self.on_kept,
            _ => false,
        }
    }

    fn copy(&self, _: &Context) -> Option<(String, String)> {
        Some(("the page's number".to_owned(), format!("p{}", self.selected)))
    }

    fn draw(&self, painter: &mut Painter<'_>, context: &Context) {
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
        if width >= 76 {
            let left = width - SIDE - 1;
            self.draw_grid(&mut painter.part(1, 0, left - 1, height), context);
            painter.fill(left, 0, 1, height, '│', Role::Border);
            self.draw_side(&mut painter.part(left + 2, 0, SIDE - 2, height), context);
        } else {
            let grid = height.saturating_sub(2);
            self.draw_grid(&mut painter.part(0, 0, width, grid), context);
            let mut below = painter.part(0, grid, width, 2);
            let lines = self.detail_lines(context);
            for (y, (role, line)) in (0_u16..).zip(lines.iter().take(1)) {
                below.put(1, y, line, *role);
            }
            let rest: Vec<&str> = lines.iter().skip(1).map(|(_, line)| line.as_str()).collect();
            below.put(1, 1, &rest.join("  "), Role::Dim);
        }
    }

    fn text(&self, context: &Context) -> Vec<String> {
        let total = self.total(context);
        let mut lines = vec![format!("{} pages, one character each:", text::count(total as u64))];
        for first in (0..total).step_by(64) {
            let cells: String =
                (first..(first + 64).min(total)).map(|at| self.cell(at, context).0).collect();
            lines.push(format!("{first:>8}  {cells}"));
        }
        lines.push(String::new());
        for (glyph, _, name, count) in self.legend(context) {
            lines.push(format!("{glyph}  {name:<14} {}", text::count(count)));
        }
        lines
    }

    fn json(&self, context: &Context) -> Value {
        let pages: Vec<Value> = self
            .pages
            .iter()
            .map(|brief| {
                let state = context.survey.as_ref().map(|survey| survey.state(brief.id).name());
                json!({
                    "page": brief.id.get(),
                    "kind": kind_name(brief, context),
                    "state": state,
                    "level": brief.level,
                    "birth": brief.birth,
                    "fill_permille": brief.fill_permille,
                    "verified": brief.checksum,
                })
            })
            .collect();
        let counts: BTreeMap<&str, u64> =
            self.legend(context).into_iter().map(|(_, _, name, count)| (name, count)).collect();
        json!({ "screen": "map", "complete": self.done, "counts": counts, "pages": pages })
    }
}
