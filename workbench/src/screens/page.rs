//! The page inspector: bytes, fields and their explanation, with one selection for all three.
//!
//! Fields, gaps, verdicts and links come from `northstar_engine::inspect::page`; nothing is decoded
//! here. Three panes side by side from 100 columns on, tabs below that.

mod bits;
mod draw;
mod points;
mod rows;
mod selection;
mod words;

use super::tree::roots;
use super::{Component, Context, Effect, ScreenId};
use crate::action::Act;
use crate::job::Data;
use crate::model::pages::{FindOlder, LoadPage, LoadedPage, OlderVersion};
use crate::model::told::told;
use crate::place::{At, Place};
use crate::widgets::list::Cursor;
use crate::widgets::{Painter, hexgrid, text};
use northstar_engine::PageId;
use northstar_engine::format::page::PageType;
use northstar_engine::inspect::Link;
use rows::Rows;
use serde_json::{Value, json};
use std::cell::Cell;
use std::collections::BTreeSet;

const PAGE: &str = "page";
const OTHER: &str = "other";
const DIFF: &str = "diff";
const OLDER: &str = "older";

/// The pane that has the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum Pane {
    #[default]
    Fields,
    Hex,
}

/// How the panes lay when last drawn.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    columns: usize,
    top: usize,
    height: u16,
    hex_x: u16,
    hex_width: u16,
    fields_x: u16,
    fields_width: u16,
}

/// The screen.
#[derive(Debug, Default)]
pub struct PageScreen {
    id: PageId,
    wanted: Option<u32>,
    page: Option<LoadedPage>,
    other: Option<LoadedPage>,
    /// Bytes that were flipped in memory: the file has them otherwise.
    flipped: BTreeSet<usize>,
    /// The bits of the selected field are shown.
    bits: bool,
    rows: Rows,
    list: Cursor,
    /// The byte under the cursor.
    byte: usize,
    pane: Pane,
    seen: Cell<Seen>,
    error: Option<String>,
}

impl PageScreen {
    fn open(&mut self, id: PageId, offset: Option<u32>) -> Vec<Effect> {
        self.wanted = offset;
        if self.id != id {
            self.id = id;
            self.page = None;
            self.other = None;
            self.flipped.clear();
            self.error = None;
        }
        vec![Effect::Run(PAGE, Box::new(LoadPage { id }))]
    }

    fn follow(&mut self) -> Vec<Effect> {
        let Some(link) = self.field().and_then(|field| field.link.clone()) else {
            return self.fold();
        };
        match link {
            Link::Lsn(lsn) => go_log(At::Lsn(lsn)),
            Link::Txn(txn) => go_log(At::Txn(txn)),
            Link::Offset(offset) => {
                self.select_byte(offset);
                Vec::new()
            }
            link => match link.page() {
                Some(page) => vec![Effect::Go(Place::page(page))],
                None => Vec::new(),
            },
        }
    }

    /// Flips a bit of the byte under the cursor in memory, or back, and judges the page anew.
    fn flip(&mut self, context: &Context) {
        let Some(page) = &self.page else { return };
        let page = page.with_flip(self.byte, context.summary.uuid);
        if !self.flipped.remove(&self.byte) {
            self.flipped.insert(self.byte);
        }
        let byte = self.byte;
        self.rows.rebuild(&page.view);
        self.page = Some(page);
        self.list.clamp(self.rows.visible.len());
        self.select_byte(byte);
    }

    /// Asks for the page to compare with; the version before this one is proposed.
    fn ask_diff(older: &OlderVersion) -> Effect {
        let (title, text) = match older.found {
            Some((txn, page)) => (
                format!("compare with page (p{page}: its version in txn {txn})"),
                format!("p{page}"),
            ),
            None => ("compare with page".to_owned(), "p".to_owned()),
        };
        Effect::Ask { question: DIFF, title, text }
    }

    fn take(&mut self, page: LoadedPage) {
        let same = self.page.as_ref().is_some_and(|old| old.view.id == page.view.id);
        if !same {
            self.rows = Rows::default();
            self.list = Cursor::default();
            self.byte = 0;
        }
        self.rows.rebuild(&page.view);
        self.flipped.clear();
        self.page = Some(page);
        self.error = None;
        match self.wanted.take() {
            Some(offset) => {
                let byte = usize::try_from(offset).unwrap_or(0);
                if let Some(page) = &self.page {
                    self.rows.reveal(&page.view, byte);
                }
                self.select_byte(byte);
            }
            None => self.list.clamp(self.rows.visible.len()),
        }
    }
}

fn go_log(at: At) -> Vec<Effect> {
    vec![Effect::Go(Place::new(ScreenId::Log, at))]
}

impl Component for PageScreen {
    fn id(&self) -> ScreenId {
        ScreenId::Page
    }

    fn works(&self, _: &Context) -> Vec<Act> {
        let mut works = Vec::new();
        if let Some(field) = self.field() {
            if field.link.is_some() {
                works.push(Act::Open);
            }
            if !field.children.is_empty() {
                works.push(Act::PageExpand);
                if field.link.is_none() {
                    works.push(Act::Open);
                }
            }
        }
        works.push(Act::NextPane);
        works.push(Act::PrevPane);
        if !self.points().is_empty() {
            works.extend([Act::NextProblem, Act::PrevProblem]);
        }
        works.extend([Act::PageDiff, Act::PageFlip, Act::PageBits]);
        works.extend([Act::PageParent, Act::PageNext, Act::PagePrev]);
        works.extend([Act::Up, Act::Down, Act::Left, Act::Right]);
        works.extend([Act::PageUp, Act::PageDown, Act::Top, Act::End]);
        works
    }

    fn act(&mut self, act: Act, context: &Context) -> Vec<Effect> {
        let last = context.summary.pages.saturating_sub(1);
        match act {
            Act::NextPane | Act::PrevPane => {
                self.pane = if self.pane == Pane::Hex { Pane::Fields } else { Pane::Hex };
                Vec::new()
            }
            Act::Open => self.follow(),
            Act::PageExpand => self.fold(),
            Act::NextProblem => self.next_point(true),
            Act::PrevProblem => self.next_point(false),
            Act::PageNext if self.id.get() < last => {
                vec![Effect::Go(Place::page(PageId::new(self.id.get() + 1)))]
            }
            Act::PagePrev if self.id.get() > 0 => {
                vec![Effect::Go(Place::page(PageId::new(self.id.get() - 1)))]
            }
            Act::PageParent => vec![Effect::Parent(self.id)],
            Act::PageDiff if self.other.is_some() => {
                self.other = None;
                Vec::new()
            }
            Act::PageDiff => {
                let Some(page) = &self.page else { return Vec::new() };
                let (page, bytes) = (self.id, page.bytes.clone());
                vec![Effect::Run(OLDER, Box::new(FindOlder { page, bytes, roots: roots(context) }))]
            }
            Act::PageFlip => {
                self.flip(context);
                Vec::new()
            }
            Act::PageBits => {
                self.bits = !self.bits;
                Vec::new()
            }
            Act::Left | Act::Right if self.pane == Pane::Fields => {
                let open =
                    self.field().is_some_and(|field| self.rows.is_open(field, self.selected()));
                let group = self.field().is_some_and(|field| !field.children.is_empty());
                match (act, group, open) {
                    (Act::Right, true, false) | (Act::Left, true, true) => self.fold(),
                    (Act::Left, ..) => {
                        if let Some(at) = self.rows.parent_of(self.list.at) {
                            self.list.select(at, self.rows.visible.len());
                            self.select_row();
                        }
                        Vec::new()
                    }
                    _ => Vec::new(),
                }
            }
            act if self.pane == Pane::Hex => {
                self.move_hex(act);
                Vec::new()
            }
            act => {
                if self.list.go(act, self.rows.visible.len()) {
                    self.select_row();
                }
                Vec::new()
            }
        }
    }

    fn show(&mut self, at: &At, _: &Context) -> Vec<Effect> {
        match at {
            At::Page(id, offset) => self.open(*id, *offset),
            _ if self.page.is_none() => self.open(self.id, None),
            _ => Vec::new(),
        }
    }

    fn place(&self) -> At {
        let offset = u32::try_from(self.byte).ok().filter(|byte| *byte > 0);
        At::Page(self.id, offset)
    }

    fn reload(&mut self, _: &Context) -> Vec<Effect> {
        let mut out = vec![Effect::Run(PAGE, Box::new(LoadPage { id: self.id }))];
        if let Some(other) = &self.other {
            out.push(Effect::Run(OTHER, Box::new(LoadPage { id: other.view.id })));
        }
        out
    }

    fn loaded(&mut self, slot: &'static str, data: Data, _: &Context) -> Vec<Effect> {
        if slot == OLDER {
            let older = data.downcast::<OlderVersion>().ok().filter(|older| older.of == self.id);
            return older.map(|older| Self::ask_diff(&older)).into_iter().collect();
        }
        let Ok(page) = data.downcast::<LoadedPage>() else { return Vec::new() };
        if slot == OTHER {
            self.other = Some(*page);
            return Vec::new();
        }
        if page.view.id == self.id {
            self.take(*page);
        }
        Vec::new()
    }

    fn failed(&mut self, _: &'static str, why: &str) {
        self.error = Some(why.to_owned());
    }

    fn answer(&mut self, question: &'static str, answer: &str, _: &Context) -> Vec<Effect> {
        let number = answer.trim().trim_start_matches(['p', 'P']);
        match (question, number.parse()) {
            (DIFF, Ok(id)) => vec![Effect::Run(OTHER, Box::new(LoadPage { id: PageId::new(id) }))],
            _ => vec![Effect::Say(format!("no page: {answer}"))],
        }
    }

    fn click(&mut self, x: u16, y: u16, again: bool, _: &Context) -> Vec<Effect> {
        let seen = self.seen.get();
        let inside = |from: u16, width: u16| x >= from && x < from.saturating_add(width);
        let Some(y) = y.checked_sub(2) else { return Vec::new() };
        if inside(seen.hex_x, seen.hex_width) {
            self.pane = Pane::Hex;
            if let Some(byte) = hexgrid::byte_at(x - seen.hex_x, y, seen.columns, seen.top) {
                self.select_byte(byte);
            }
        } else if inside(seen.fields_x, seen.fields_width) {
            self.pane = Pane::Fields;
            if let Some(row) = self.list.row_at(usize::from(y), self.rows.visible.len()) {
                self.list.select(row, self.rows.visible.len());
                self.select_row();
            }
        }
        if again { self.follow() } else { Vec::new() }
    }

    fn achieved(&self, what: &str, _: &Context) -> bool {
        let page_type = self.page.as_ref().and_then(|page| page.view.page_type);
        match what {
            "root field" => self.field().is_some_and(|field| field.name == "root"),
            "meta page" => page_type == Some(PageType::Meta),
            "node page" => matches!(page_type, Some(PageType::Internal | PageType::Leaf)),
            "leaf page" => page_type == Some(PageType::Leaf),
            _ => false,
        }
    }

    fn copy(&self, _: &Context) -> Option<(String, String)> {
        if let Some(field) = self.field() {
            return Some((field.name.to_string(), field.value.to_string()));
        }
        let page = self.page.as_ref()?;
        let range = self.selected_range();
        Some(("the bytes".to_owned(), text::hex(page.bytes.get(range)?)))
    }

    fn draw(&self, painter: &mut Painter<'_>, context: &Context) {
        draw::draw(self, painter, context);
    }

    fn text(&self, _: &Context) -> Vec<String> {
        let Some(page) = &self.page else {
            return vec![self.error.clone().unwrap_or_else(|| "not read".to_owned())];
        };
        let mut lines = vec![Self::title(page), Self::verdict_line(page).1];
        for problem in &page.view.problems {
            lines.push(told(problem, 600));
        }
        lines.push(String::new());
        for row in self.rows.all(&page.view) {
            lines.push(draw::plain_line(page, &row));
        }
        if let Some(field) = self.field().filter(|_| self.bits) {
            lines.push(String::new());
            lines.push(format!("bits of {}:", field.name));
            lines.extend(bits::of(field, &page.bytes, 72));
        }
        lines
    }

    fn json(&self, _: &Context) -> Value {
        match &self.page {
            Some(page) => json!({
                "screen": "page",
                "page": page.view,
                "moved": page.moved,
                "flipped_in_memory": self.flipped,
                "selected": self.field().map(|field| &field.name),
            }),
            None => json!({ "screen": "page", "page": null }),
        }
    }
}
