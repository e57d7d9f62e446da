//! The map: every page of the file as one cell, or as a part of one.
//!
//! A background scan fills it in batches; only the visible cells are drawn. Modes: kind, state (from
//! the survey of everything reachable), age, fill, checksum, what the last checkpoint wrote, and the pool of
//! an engine that this program runs (a lesson's). `]` and `[` walk the problems, `-` and `+` change how many
//! pages a cell stands for.

mod draw;
mod grid;
mod look;

use super::{Component, Context, Effect, ScreenId};
use crate::action::Act;
use crate::job::{Data, Job};
use crate::model::pagemap::pool::{POOL_UNSEEN, PoolView, unseen_json};
use crate::model::pagemap::{Brief, Mode, PageMap};
use crate::model::pages::{LoadPage, LoadedPage, ScanDone, ScanPages, Scanned};
use crate::place::{At, Place};
use crate::text;
use crate::widgets::Painter;
use grid::{Grid, Order, Zoom};
use northstar_engine::inspect::find::PageState;
use northstar_engine::{PageId, TxnId};
use serde_json::{Value, json};
use std::cell::Cell;
use std::collections::BTreeMap;

const SCAN: &str = "scan";
const DETAIL: &str = "detail";
/// Orphans and double references listed.
const LISTED_MAX: usize = 1000;

/// The screen.
#[derive(Debug, Default)]
pub struct MapScreen {
    map: PageMap,
    zoom: Zoom,
    /// How the cells lie.
    order: Order,
    started: bool,
    /// Size, checkpoint and reloads when the scan began.
    seen: Option<(u64, Option<TxnId>, u64)>,
    selected: u64,
    mode: Mode,
    detail: Option<LoadedPage>,
    /// How the cells lay when last drawn: movement and clicks go by it.
    grid: Cell<Grid>,
    /// The cursor is on a page that only an older state uses.
    on_kept: bool,
    error: Option<String>,
}

impl MapScreen {
    /// Pages of the file.
    fn file_pages(&self, context: &Context) -> usize {
        let pages = usize::try_from(context.summary.pages).unwrap_or(usize::MAX);
        pages.max(self.map.len())
    }

    /// Pages that are shown: in the pool mode also those that only memory has.
    fn total(&self, context: &Context) -> usize {
        self.file_pages(context).max(self.map.extent(self.mode))
    }

    fn select(&mut self, id: u64, context: &Context) -> Vec<Effect> {
        let last = self.total(context).saturating_sub(1) as u64;
        self.selected = id.min(last);
        let page = PageId::new(self.selected);
        let state = context.survey.as_ref().map(|survey| survey.state(page));
        self.on_kept = matches!(state, Some(PageState::Kept | PageState::Retired));
        vec![Effect::Run(DETAIL, Box::new(LoadPage { id: page }))]
    }

    /// Moves by cells; up and down stop at the edge instead of changing the column.
    fn step(&mut self, cells: i64, context: &Context) -> Vec<Effect> {
        let by = cells.saturating_mul(i64::try_from(self.zoom.pages()).unwrap_or(i64::MAX));
        let to = self.selected.checked_add_signed(by);
        let last = self.total(context).saturating_sub(1) as u64;
        let sideways = cells.abs() == 1;
        match to.filter(|to| *to <= last) {
            Some(to) => self.select(to, context),
            None if sideways && by < 0 => self.select(0, context),
            None if sideways => self.select(last, context),
            None => Vec::new(),
        }
    }

    fn change_mode(&mut self, mode: Mode, context: &Context) -> Vec<Effect> {
        self.mode = mode;
        self.zoom.rebuild(&self.map, mode);
        // What only the pool knew is behind the end for the other modes.
        match self.selected < self.total(context) as u64 {
            true => Vec::new(),
            false => self.select(u64::MAX, context),
        }
    }

    fn orphans(context: &Context) -> Vec<Effect> {
        let Some(survey) = &context.survey else {
            let say = "checking everything first: then o lists them".to_owned();
            return vec![Effect::CheckAll, Effect::Say(say)];
        };
        let name = |what: &str, id: PageId| (format!("p{id}  {what}"), Place::page(id));
        let doubles = survey.double_references().map(|id| name("referred to twice", id));
        let orphans = survey.orphans().map(|id| name("orphan: nothing refers to it", id));
        let items: Vec<_> = doubles.chain(orphans).take(LISTED_MAX).collect();
        vec![Effect::Menu { title: "orphans and double references".to_owned(), items }]
    }

    /// Pages that the chosen meta knows and the file does not have.
    fn missing(&self, context: &Context) -> u64 {
        let known = context.summary.metas.as_ref().and_then(|metas| metas.meta());
        known.map_or(0, |meta| meta.page_count.saturating_sub(self.file_pages(context) as u64))
    }

    /// The state of the checkpoint before the newest: what is born after it was written by the last.
    fn base(context: &Context) -> Option<TxnId> {
        let judgement = &context.summary.metas.as_ref()?.judgement;
        let chosen = context.summary.metas.as_ref()?.chosen?;
        judgement.slot(chosen.other()).map(|meta| meta.txn_id)
    }
}

/// What a page holds, as data.
fn kind_name(brief: &Brief) -> &'static str {
    match brief.page_type {
        _ if brief.zero => "never written",
        Some(page_type) => page_type.name(),
        None => "unknown",
    }
}

impl Component for MapScreen {
    fn id(&self) -> ScreenId {
        ScreenId::Map
    }

    fn works(&self, context: &Context) -> Vec<Act> {
        if self.total(context) == 0 {
            return Vec::new();
        }
        let mut works = vec![Act::Open, Act::MapMode, Act::MapOrphans];
        if self.map.problems() > 0 {
            works.extend([Act::NextProblem, Act::PrevProblem]);
        }
        works.extend([Act::MapZoomOut, Act::MapZoomIn, Act::MapOrder]);
        works.extend([Act::Left, Act::Right, Act::Up, Act::Down]);
        works.extend([Act::PageUp, Act::PageDown, Act::Top, Act::End]);
        works
    }

    fn act(&mut self, act: Act, context: &Context) -> Vec<Effect> {
        let grid = self.grid.get();
        let row = i64::try_from(grid.columns.max(1)).unwrap_or(1);
        let screenful = row * i64::from((grid.height / grid.cell_rows.max(1)).max(2) - 1);
        let cell = usize::try_from(self.zoom.cell_of(self.selected)).unwrap_or(usize::MAX);
        if let Some(to) = grid.beside(cell, act, self.zoom.cells(self.total(context))) {
            return self.select(self.zoom.first_page(to), context);
        }
        match act {
            Act::Left => self.step(-1, context),
            Act::Right => self.step(1, context),
            Act::Up => self.step(-row, context),
            Act::Down => self.step(row, context),
            Act::PageUp if self.zoom.cell_of(self.selected) <= screenful.unsigned_abs() => {
                self.select(0, context)
            }
            Act::PageUp => self.step(-screenful, context),
            Act::PageDown => {
                let by = screenful.unsigned_abs().saturating_mul(self.zoom.pages());
                self.select(self.selected.saturating_add(by), context)
            }
            Act::Top => self.select(0, context),
            Act::End => self.select(u64::MAX, context),
            Act::Open => vec![Effect::Go(Place::page(PageId::new(self.selected)))],
            Act::MapMode => self.change_mode(self.mode.next(), context),
            Act::MapZoomOut | Act::MapZoomIn => {
                self.zoom.change(act == Act::MapZoomOut, self.total(context));
                self.zoom.rebuild(&self.map, self.mode);
                vec![Effect::Say(self.zoom.in_words())]
            }
            Act::MapOrder => {
                self.order = self.order.next();
                vec![Effect::Say(self.order.in_words().to_owned())]
            }
            Act::MapOrphans => Self::orphans(context),
            Act::NextProblem | Act::PrevProblem => {
                match self.map.problem_from(self.selected, act == Act::NextProblem) {
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
        if self.map.set_pool(context.pool.as_ref()) {
            self.zoom.rebuild(&self.map, self.mode);
        }
        // Pages change at checkpoints only; a live log is no reason to scan again.
        let summary = &context.summary;
        let seen = (summary.bytes, summary.checkpoint, context.reloads);
        if self.started && self.seen == Some(seen) {
            return Vec::new();
        }
        self.seen = Some(seen);
        self.started = true;
        self.error = None;
        self.map.begin(Self::base(context));
        self.map.reserve(summary.pages);
        let detail: Box<dyn Job> = Box::new(LoadPage { id: PageId::new(self.selected) });
        vec![Effect::Run(DETAIL, detail), Effect::Run(SCAN, Box::new(ScanPages))]
    }

    fn loaded(&mut self, slot: &'static str, data: Data, context: &Context) -> Vec<Effect> {
        if slot == DETAIL {
            self.detail = data.downcast::<LoadedPage>().ok().map(|page| *page);
            return Vec::new();
        }
        match data.downcast::<Scanned>() {
            Ok(part) => {
                let survey = context.survey.as_deref();
                let changed = self.map.take(part.first, &part.pages, survey);
                self.zoom.patch(&self.map, self.mode, changed);
            }
            Err(data) => {
                if data.is::<ScanDone>() {
                    self.map.end();
                    self.zoom.rebuild(&self.map, self.mode);
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

    fn surveyed(&mut self, context: &Context) -> Vec<Effect> {
        if let Some(survey) = &context.survey {
            self.map.survey(survey);
            self.zoom.rebuild(&self.map, self.mode);
        }
        Vec::new()
    }

    fn click(&mut self, x: u16, y: u16, again: bool, context: &Context) -> Vec<Effect> {
        let cell = self.grid.get().cell_at(x, y);
        let page = cell.map(|cell| (cell as u64).saturating_mul(self.zoom.pages()));
        let total = self.total(context) as u64;
        let Some(page) = page.filter(|page| *page < total) else { return Vec::new() };
        let mut out = self.select(page, context);
        if again {
            out.extend(self.act(Act::Open, context));
        }
        out
    }

    fn achieved(&self, what: &str, _: &Context) -> bool {
        match what {
            "state mode" => self.mode == Mode::State,
            "kept page" => self.on_kept,
            "dirty page" => {
                self.mode == Mode::Pool && self.map.pool().is_some_and(PoolView::has_dirty)
            }
            _ => false,
        }
    }

    fn copy(&self, _: &Context) -> Option<(String, String)> {
        Some(("the page's number".to_owned(), format!("p{}", self.selected)))
    }

    fn draw(&self, painter: &mut Painter<'_>, context: &Context) {
        self.draw_all(painter, context);
    }

    fn text(&self, context: &Context) -> Vec<String> {
        let cells = self.zoom.cells(self.total(context));
        let pages = text::plural(self.total(context) as u64, "page");
        let mut lines = vec![format!("{pages}, {}:", self.zoom.in_words())];
        lines.extend(draw::missing_line(self.missing(context)));
        for first in (0..cells).step_by(64) {
            let row: String = (first..(first + 64).min(cells))
                .map(|at| look::cell(self.zoom.class(&self.map, at, self.mode)).0)
                .collect();
            lines.push(format!("{:>8}  {row}", self.zoom.first_page(first)));
        }
        lines.push(String::new());
        if self.mode == Mode::Pool {
            let words = self.map.pool().map_or(POOL_UNSEEN.to_owned(), PoolView::in_words);
            lines.push(words);
        }
        for (class, count) in self.map.legend(self.mode) {
            let glyph = look::cell(class).0;
            lines.push(format!("{glyph}  {:<16} {}", class.name(), text::count(count)));
        }
        lines
    }

    fn json(&self, context: &Context) -> Value {
        let pages: Vec<Value> = self
            .map
            .pages()
            .iter()
            .enumerate()
            .map(|(at, brief)| {
                json!({
                    "page": at,
                    "kind": kind_name(brief),
                    "state": brief.state.map(PageState::name),
                    "level": brief.level,
                    "birth": brief.birth,
                    "fill_permille": brief.fill_permille,
                    "verified": brief.verified,
                })
            })
            .collect();
        let counts: BTreeMap<&str, u64> = self
            .map
            .legend(self.mode)
            .iter()
            .map(|(class, count)| (class.name(), *count))
            .collect();
        json!({
            "screen": "map",
            "complete": self.map.is_complete(),
            "missing": self.missing(context),
            "mode": self.mode.name(),
            "counts": counts,
            "pool": self.map.pool().map_or_else(unseen_json, PoolView::json),
            "pages": pages,
        })
    }
}
