//! Screens: what each one must be able to do, and the list of them.
//!
//! A screen owns its state, turns an action into effects, says which of its actions work now, and
//! draws into a painter. It reads no file (it asks for a job), knows no sibling (it asks to go to a
//! place) and has no clock.

pub mod bench;
pub mod cartridges;
pub mod lab;
pub mod lessons;
pub mod log;
pub mod map;
pub mod metas;
pub mod overview;
pub mod page;
pub mod problems;
pub mod queue;
pub mod rows;
mod sheet;
pub mod space;
pub mod time;
pub mod tree;

use crate::action::Act;
use crate::job::{Data, Job};
use crate::model::latency::Latencies;
use crate::model::pagemap::pool::PoolView;
use crate::model::progress::Progress;
use crate::model::scratch::Exercised;
use crate::model::summary::Summary;
use crate::place::{At, Place};
pub use crate::screen_id::ScreenId;
use crate::widgets::Painter;
use northstar_engine::examine::Lint;
use northstar_engine::inspect::find::Survey;
use northstar_engine::{PageId, TxnId};
use serde_json::Value;
use sheet::SheetScreen;
use std::sync::Arc;

/// What every screen may look at besides its own state.
#[derive(Debug, Default)]
pub struct Context {
    /// The file as a whole, as of the last look.
    pub summary: Summary,
    /// The last check of everything.
    pub survey: Option<Arc<Survey>>,
    /// What it found that breaks no rule and is worth knowing.
    pub lints: Vec<Lint>,
    /// The cartridges it looked at.
    pub cartridges_checked: u64,
    /// The newest state there was then.
    pub checked_txn: Option<TxnId>,
    /// How often a reload was asked for: then even what looks unchanged is read again.
    pub reloads: u64,
    /// How far somebody is in the lessons.
    pub progress: Progress,
    /// The lesson to go on with after one is done.
    pub next_lesson: Option<usize>,
    /// The lesson under way, and what its step wants pressed.
    pub under_way: Option<(usize, String)>,
    /// What the engine of the lesson did last.
    pub exercised: Option<Exercised>,
    /// The pool of the engine that has the file open, as of its last work: only for an engine of this program.
    pub pool: Option<Arc<PoolView>>,
    /// What the engine of a lesson timed last.
    pub latencies: Option<Arc<Latencies>>,
    /// Rises with every change of what is in here, so that a screen may keep what it made of it.
    pub version: u64,
}

/// Something a screen wants done.
#[derive(Debug)]
pub enum Effect {
    /// Run a job; an older one of the same slot is given up.
    Run(&'static str, Box<dyn Job>),
    /// Give up the job of a slot.
    Stop(&'static str),
    /// Go somewhere.
    Go(Place),
    /// Put a text on the clipboard; the first part says what it is.
    Copy(String, String),
    /// Ask for a line of text; the answer comes back under the same name.
    Ask {
        /// Which question.
        question: &'static str,
        /// What is asked, for the title.
        title: String,
        /// The text to start from.
        text: String,
    },
    /// Offer a choice of places.
    Menu {
        /// What they are.
        title: String,
        /// Their descriptions.
        items: Vec<(String, Place)>,
    },
    /// Check everything.
    CheckAll,
    /// Start a lesson.
    Lesson(usize),
    /// Write a file of the user's in the current directory.
    Save(String, String),
    /// Go to the node that points to a page.
    Parent(PageId),
    /// Show a line until the next key.
    Say(String),
}

/// One screen.
pub trait Component: Send {
    /// Which one.
    fn id(&self) -> ScreenId;

    /// Its own and movement actions that work now, the most useful first: the footer shows the front
    /// of this, and keys of other actions do nothing.
    fn works(&self, context: &Context) -> Vec<Act>;

    /// Does one of them.
    fn act(&mut self, act: Act, context: &Context) -> Vec<Effect>;

    /// Comes to the front, at a place or where it was.
    fn show(&mut self, at: &At, context: &Context) -> Vec<Effect> {
        let _ = (at, context);
        Vec::new()
    }

    /// Where it is, to come back to.
    fn place(&self) -> At {
        At::Here
    }

    /// The file has changed, or a reload was asked for: load again what is shown.
    fn reload(&mut self, context: &Context) -> Vec<Effect> {
        let _ = context;
        Vec::new()
    }

    /// A job of `slot` is done, or has a part of its result.
    fn loaded(&mut self, slot: &'static str, data: Data, context: &Context) -> Vec<Effect> {
        let _ = (slot, data, context);
        Vec::new()
    }

    /// A job of `slot` failed.
    fn failed(&mut self, slot: &'static str, why: &str) {
        let _ = (slot, why);
    }

    /// The job of `slot` is being stopped, or the program ends: what only the screen can stop ends too.
    fn stopping(&mut self, slot: &'static str) {
        let _ = slot;
    }

    /// The answer to a question it asked.
    fn answer(&mut self, question: &'static str, text: &str, context: &Context) -> Vec<Effect> {
        let _ = (question, text, context);
        Vec::new()
    }

    /// A click at a cell of its area; `again` on the second click there.
    fn click(&mut self, x: u16, y: u16, again: bool, context: &Context) -> Vec<Effect> {
        let _ = (x, y, again, context);
        Vec::new()
    }

    /// A check of everything has come in.
    fn surveyed(&mut self, context: &Context) -> Vec<Effect> {
        let _ = context;
        Vec::new()
    }

    /// Whether something that a lesson asks for is so.
    fn achieved(&self, what: &str, context: &Context) -> bool {
        let _ = (what, context);
        false
    }

    /// What of it the finder knows by name.
    fn finds(&self, context: &Context) -> Vec<(String, Place)> {
        let _ = context;
        Vec::new()
    }

    /// What `y` copies: a name for it and the text.
    fn copy(&self, context: &Context) -> Option<(String, String)> {
        let _ = context;
        None
    }

    /// Draws itself. At any size.
    fn draw(&self, painter: &mut Painter<'_>, context: &Context);

    /// What it shows, as lines of plain text.
    fn text(&self, context: &Context) -> Vec<String>;

    /// What it shows, as data.
    fn json(&self, context: &Context) -> Value;
}

/// Makes a screen.
pub fn make(id: ScreenId) -> Box<dyn Component> {
    match id {
        ScreenId::Map => Box::<map::MapScreen>::default(),
        ScreenId::Page => Box::<page::PageScreen>::default(),
        ScreenId::Tree => Box::<tree::TreeScreen>::default(),
        ScreenId::Rows => Box::<rows::RowsScreen>::default(),
        ScreenId::Metas => Box::<metas::MetasScreen>::default(),
        ScreenId::Log => Box::<log::LogScreen>::default(),
        ScreenId::Problems => Box::<problems::ProblemsScreen>::default(),
        ScreenId::Time => Box::<time::TimeScreen>::default(),
        ScreenId::Lab => Box::<lab::LabScreen>::default(),
        ScreenId::Lessons => Box::<lessons::LessonsScreen>::default(),
        ScreenId::Overview => Box::<SheetScreen<overview::OverviewSheet>>::default(),
        ScreenId::Space => Box::<SheetScreen<space::SpaceSheet>>::default(),
        ScreenId::Queue => Box::<SheetScreen<queue::QueueSheet>>::default(),
        ScreenId::Cartridges => Box::<SheetScreen<cartridges::CartridgesSheet>>::default(),
        ScreenId::Bench => Box::<bench::BenchScreen>::default(),
    }
}
