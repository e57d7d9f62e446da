//! Screens that are a list of lines, some of which lead somewhere: overview, space, queue, cartridges.
//!
//! Such a screen says what its lines are ([`SheetContent`]); [`SheetScreen`] makes a [`Component`] of it.
//! Lines are built when something has changed, not for every frame, and only the visible ones are drawn.
//! Where all of it fits side by side, its sections stand in columns, as many as a wide terminal holds.

mod columns;

use super::{Component, Context, Effect, ScreenId};
use crate::action::Act;
use crate::job::Data;
use crate::place::{At, Place};
use crate::text;
use crate::theme::Role;
use crate::widgets::Painter;
use crate::widgets::list::Cursor;
use columns::Columns;
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::Arc;

/// A line of a sheet.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    /// Its pieces.
    pub(super) spans: Vec<(Role, String)>,
    /// Where Enter leads.
    pub(super) place: Option<Place>,
    /// Whether a section starts with it.
    pub(super) head: bool,
    /// Which of the things that the sheet lists it is about.
    pub(super) item: Option<usize>,
}

impl Line {
    /// A heading.
    pub(super) fn head(text: impl Into<String>) -> Self {
        Self { head: true, ..Self::role(Role::Title, text) }
    }

    /// Plain text.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::role(Role::Text, text)
    }

    /// Text that means something.
    pub(super) fn role(role: Role, text: impl Into<String>) -> Self {
        Self::spans(vec![(role, text.into())])
    }

    /// Pieces.
    pub(super) fn spans(spans: Vec<(Role, String)>) -> Self {
        Self { spans, ..Self::default() }
    }

    /// A name and a value, in columns.
    pub(super) fn pair(name: &str, value: impl Into<String>) -> Self {
        Self::spans(vec![(Role::Dim, format!("  {name:<18}")), (Role::Text, value.into())])
    }

    /// Leads to `place`.
    pub(super) fn to(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Is about the thing `item` of the sheet's list.
    pub(super) fn about(mut self, item: usize) -> Self {
        self.item = Some(item);
        self
    }

    /// The line without its looks.
    pub(super) fn plain(&self) -> String {
        let line: String = self.spans.iter().map(|(_, text)| text.as_str()).collect();
        line.trim_end().to_owned()
    }
}

/// What a sheet is about: the part that differs from screen to screen.
pub(super) trait SheetContent: fmt::Debug + Default + Send {
    /// Which screen it is.
    const ID: ScreenId;

    /// Its own actions that work now, with the cursor on a line about `item`.
    fn works(&self, item: Option<usize>, context: &Context) -> Vec<Act> {
        let _ = (item, context);
        Vec::new()
    }

    /// Does one of them.
    fn act(&mut self, act: Act, item: Option<usize>, context: &Context) -> Vec<Effect> {
        let _ = (act, item, context);
        Vec::new()
    }

    /// The answer to a question it asked.
    fn answer(&mut self, question: &'static str, text: &str, context: &Context) -> Vec<Effect> {
        let _ = (question, text, context);
        Vec::new()
    }

    /// Comes to the front, at a place or where it was: what has to be loaded for it.
    fn show(&mut self, at: &At, context: &Context) -> Vec<Effect> {
        let _ = (at, context);
        Vec::new()
    }

    /// Where it is, to come back to.
    fn place(&self) -> At {
        At::Here
    }

    /// The file has changed: what has to be loaded again.
    fn reload(&mut self, context: &Context) -> Vec<Effect> {
        let _ = context;
        Vec::new()
    }

    /// Something it asked for has come.
    fn loaded(&mut self, data: Data, context: &Context) -> Vec<Effect> {
        let _ = (data, context);
        Vec::new()
    }

    /// What it asked for under the name `slot` cannot be had.
    fn failed(&mut self, slot: &'static str, why: &str) {
        let _ = (slot, why);
    }

    /// The job of `slot` is being stopped.
    fn stopping(&mut self, slot: &'static str) {
        let _ = slot;
    }

    /// Whether something that a lesson asks for is so.
    fn achieved(&self, what: &str, context: &Context) -> bool {
        let _ = (what, context);
        false
    }

    /// What of it the finder knows by name.
    fn finds(&self) -> Vec<(String, Place)> {
        Vec::new()
    }

    /// Its lines.
    fn lines(&self, context: &Context) -> Vec<Line>;

    /// The same as data.
    fn json(&self, context: &Context) -> Value;
}

/// A sheet as a screen.
#[derive(Debug, Default)]
pub(super) struct SheetScreen<C> {
    content: C,
    cursor: Cursor,
    /// The lines as of a version of the context; none after the content itself has changed.
    built: RefCell<Option<(u64, Arc<[Line]>)>>,
    /// How the sections stood when last drawn: movement and clicks go by it.
    columns: Cell<Columns>,
}

impl<C: SheetContent> SheetScreen<C> {
    fn lines(&self, context: &Context) -> Arc<[Line]> {
        let mut built = self.built.borrow_mut();
        match &*built {
            Some((version, lines)) if *version == context.version => Arc::clone(lines),
            _ => {
                let lines: Arc<[Line]> = self.content.lines(context).into();
                *built = Some((context.version, Arc::clone(&lines)));
                lines
            }
        }
    }

    fn place_at_cursor(&self, lines: &[Line]) -> Option<Place> {
        lines.get(self.cursor.at).and_then(|line| line.place.clone())
    }

    fn item_at_cursor(&self, lines: &[Line]) -> Option<usize> {
        lines.get(self.cursor.at).and_then(|line| line.item)
    }
}

impl<C: SheetContent> Component for SheetScreen<C> {
    fn id(&self) -> ScreenId {
        C::ID
    }

    fn works(&self, context: &Context) -> Vec<Act> {
        let mut works = Vec::new();
        let lines = self.lines(context);
        if self.place_at_cursor(&lines).is_some() {
            works.push(Act::Open);
        }
        works.extend(self.content.works(self.item_at_cursor(&lines), context));
        works.extend([Act::Up, Act::Down, Act::PageUp, Act::PageDown, Act::Top, Act::End]);
        if self.columns.get().count() > 1 {
            works.extend([Act::Left, Act::Right]);
        }
        works
    }

    fn act(&mut self, act: Act, context: &Context) -> Vec<Effect> {
        let lines = self.lines(context);
        match act {
            Act::Open => return self.place_at_cursor(&lines).map(Effect::Go).into_iter().collect(),
            Act::Left | Act::Right => {
                let to = self.columns.get().beside(self.cursor.at, act == Act::Right, lines.len());
                self.cursor.select(to, lines.len());
            }
            act if self.cursor.go(act, lines.len()) => {}
            act => {
                self.built.take();
                return self.content.act(act, self.item_at_cursor(&lines), context);
            }
        }
        Vec::new()
    }

    fn show(&mut self, at: &At, context: &Context) -> Vec<Effect> {
        self.built.take();
        self.content.show(at, context)
    }

    fn place(&self) -> At {
        self.content.place()
    }

    fn answer(&mut self, question: &'static str, text: &str, context: &Context) -> Vec<Effect> {
        self.built.take();
        self.content.answer(question, text, context)
    }

    fn reload(&mut self, context: &Context) -> Vec<Effect> {
        self.content.reload(context)
    }

    fn achieved(&self, what: &str, context: &Context) -> bool {
        self.content.achieved(what, context)
    }

    fn loaded(&mut self, _: &'static str, data: Data, context: &Context) -> Vec<Effect> {
        self.built.take();
        self.content.loaded(data, context)
    }

    fn failed(&mut self, slot: &'static str, why: &str) {
        self.content.failed(slot, why);
        self.built.take();
    }

    fn stopping(&mut self, slot: &'static str) {
        self.content.stopping(slot);
    }

    fn click(&mut self, x: u16, y: u16, again: bool, context: &Context) -> Vec<Effect> {
        let len = self.lines(context).len();
        let columns = self.columns.get();
        let at = match columns.count() {
            1 => self.cursor.row_at(usize::from(y), len),
            _ => columns.line_at(x, y, len),
        };
        if let Some(at) = at {
            self.cursor.select(at, len);
        }
        if again { self.act(Act::Open, context) } else { Vec::new() }
    }

    fn finds(&self, _: &Context) -> Vec<(String, Place)> {
        self.content.finds()
    }

    fn copy(&self, context: &Context) -> Option<(String, String)> {
        let lines = self.lines(context);
        let text = lines.get(self.cursor.at)?.plain().trim().to_owned();
        Some(("the line".to_owned(), text))
    }

    fn draw(&self, painter: &mut Painter<'_>, context: &Context) {
        let lines = self.lines(context);
        let (width, height) = (painter.width(), painter.height());
        let columns = Columns::of(&lines, width, height);
        self.columns.set(columns);
        if columns.count() == 1 {
            for (y, at) in (0_u16..).zip(self.cursor.window(lines.len(), usize::from(height))) {
                let Some(line) = lines.get(at) else { break };
                draw_line(&mut painter.part(0, y, width, 1), line, at == self.cursor.at);
            }
            return;
        }
        // Everything is visible: the window is the whole.
        self.cursor.window(lines.len(), lines.len());
        for column in 0..columns.count() {
            let (x, wide) = columns.place(column);
            for (y, at) in (0_u16..).zip(columns.lines(column, lines.len())) {
                let Some(line) = lines.get(at) else { break };
                draw_line(&mut painter.part(x, y, wide, 1), line, at == self.cursor.at);
            }
        }
    }

    fn text(&self, context: &Context) -> Vec<String> {
        self.lines(context).iter().map(Line::plain).collect()
    }

    fn json(&self, context: &Context) -> Value {
        self.content.json(context)
    }
}

/// One line in all of `painter`; what does not fit ends with an ellipsis.
fn draw_line(painter: &mut Painter<'_>, line: &Line, selected: bool) {
    let width = usize::from(painter.width());
    let arrow = if line.place.is_some() { 2 } else { 0 };
    let mut x = 1;
    for (role, piece) in &line.spans {
        let room = width.saturating_sub(usize::from(x) + arrow);
        x = painter.put(x, 0, &text::cut(piece, room), *role);
    }
    if arrow > 0 {
        painter.put(x + 1, 0, "›", Role::Link);
    }
    if selected {
        painter.mark(0, 0, painter.width(), 1, Role::Selected);
        painter.put(0, 0, "▌", Role::Selected);
    }
}
