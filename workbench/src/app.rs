//! The application: one model, one pure `update`, one pure `draw`.
//!
//! `update` turns a message into commands; it reads no file and no clock. `draw` fills a buffer of any
//! size. The loop in [`crate::runtime`] feeds the one and shows the other; tests do the same with
//! scripts of messages. Screens sit in a table, overlays on a stack: the top one has the keys.
//!
//! The parts, each an `impl App` of its own: [`message`] (what comes in and goes out), `keys` and `mouse`
//! (what a person does), `overlays` (what lies on top), `navigation` (places), `jobs` (work elsewhere),
//! `follow` (a file that changes), `course` and `strip` (the lesson), [`frame`] (everything drawn around a screen).

mod course;
mod follow;
pub mod frame;
mod jobs;
mod keys;
pub mod message;
mod mouse;
mod navigation;
mod overlays;
mod strip;
#[cfg(test)]
mod tests;

use crate::action::Act;
use crate::dialogs::Dialog;
use crate::job::{JobKey, Owner};
use crate::keymap::{Keymap, short};
use crate::model::lessons::LESSONS;
use crate::model::progress::Progress;
use crate::model::summary::{Fingerprint, Summary};
use crate::place::{At, JumpList, Place};
use crate::screens::{self, Component, Context, ScreenId};
use crate::theme::{Look, Palette};
use course::Class;
pub use course::Strike;
use jobs::{CrashWorker, Running};
pub use message::{Cmd, Msg, Quit};
use std::path::Path;

/// A line at the bottom.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Note {
    text: String,
    bad: bool,
}

/// The whole state.
pub struct App {
    look: Look,
    keymap: Keymap,
    size: (u16, u16),
    context: Context,
    screens: Vec<Box<dyn Component>>,
    current: ScreenId,
    opened: Vec<ScreenId>,
    stale: Vec<ScreenId>,
    dialogs: Vec<Dialog>,
    jumps: JumpList,
    running: Vec<Running>,
    generation: u64,
    note: Option<Note>,
    fingerprint: Option<Fingerprint>,
    pinned: bool,
    missed: Option<u64>,
    last_click: Option<(u16, u16)>,
    start_at: Option<Place>,
    class: Option<Class>,
    /// The palette follows what is found out about the terminal.
    palette_found: bool,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("current", &self.current).finish_non_exhaustive()
    }
}

const SUMMARY: &str = "summary";
const WATCH: &str = "watch";
const CRASH: &str = "crash";
const REFERRERS: &str = "referrers";
const SURVEY: &str = "survey";

impl App {
    /// An application that looks at the file described by `summary`, which may be empty yet.
    pub fn new(look: Look, keymap: Keymap, summary: Summary, start_at: Option<Place>) -> Self {
        Self {
            look,
            keymap,
            size: (80, 24),
            context: Context { summary, ..Context::default() },
            screens: ScreenId::ALL.iter().map(|id| screens::make(*id)).collect(),
            current: start_at.as_ref().map_or(ScreenId::FIRST, |place| place.screen),
            opened: Vec::new(),
            stale: Vec::new(),
            dialogs: Vec::new(),
            jumps: JumpList::default(),
            running: Vec::new(),
            generation: 0,
            note: None,
            fingerprint: None,
            pinned: false,
            missed: None,
            last_click: None,
            start_at,
            class: None,
            palette_found: false,
        }
    }

    /// Goes on from what was kept of the lessons.
    #[must_use]
    pub fn with_progress(mut self, progress: Progress) -> Self {
        self.context.progress = progress;
        self
    }

    /// The first commands.
    pub fn start(&mut self) -> Vec<Cmd> {
        let mut out = Vec::new();
        let job = Box::new(self.load_summary());
        self.launch(Owner::App, SUMMARY, job, &mut out);
        let at = self.start_at.take().map_or(At::Here, |place| place.at);
        self.bring(self.current, &at, &mut out);
        out
    }

    /// Takes a message in; what is to be done because of it.
    pub fn update(&mut self, message: Msg) -> Vec<Cmd> {
        let mut out = Vec::new();
        match message {
            Msg::Key(event) => self.key(event, &mut out),
            Msg::Mouse(event) => self.mouse(event, &mut out),
            Msg::Paste(text) => {
                if let Some(Dialog::Prompt(prompt)) = self.dialogs.last_mut() {
                    prompt.paste(&text);
                }
            }
            Msg::Resize(width, height) => self.size = (width, height),
            Msg::Background { light } if self.palette_found => {
                self.look.palette = if light { Palette::Light } else { Palette::Dark };
            }
            Msg::Background { .. } => {}
            Msg::Tick => self.tick(&mut out),
            Msg::Job { key, generation, event } => self.job(key, generation, event, &mut out),
            Msg::Written(path, Ok(())) => self.say(format!("wrote {}", path.display())),
            Msg::Written(path, Err(why)) => self.warn(format!("{}: {why}", path.display())),
            Msg::Signal(signal) => out.push(Cmd::Quit(Quit::Signal(signal))),
            Msg::Suspend => out.push(Cmd::Suspend),
            Msg::Resumed => out.push(Cmd::Resume),
            Msg::InputLost(why) => out.push(Cmd::Quit(Quit::Lost(why))),
        }
        self.check_lesson(false, &mut out);
        if out.iter().any(|command| matches!(command, Cmd::Quit(_))) {
            self.stop_all();
        }
        out
    }

    /// A job that panics: its error must become a card, and nothing else.
    pub fn crash_worker(&mut self) -> Cmd {
        let key = JobKey { owner: Owner::App, slot: CRASH };
        let mut out = Vec::new();
        self.launch(key.owner, key.slot, Box::new(CrashWorker), &mut out);
        out.remove(0)
    }

    /// The file that is looked at.
    pub fn file(&self) -> &Path {
        &self.context.summary.file
    }

    /// The screen in front.
    pub fn current(&self) -> ScreenId {
        self.current
    }

    /// Whether a job is under way or the screen in front still waits for one.
    pub fn is_busy(&self) -> bool {
        !self.running.is_empty()
    }

    /// Where we are, as a person would write it.
    pub fn place_text(&self) -> String {
        self.place().to_string()
    }

    /// The screen in front, as lines of text.
    pub fn text(&self) -> Vec<String> {
        self.screen(self.current).text(&self.context)
    }

    /// The screen in front, as data.
    pub fn json(&self) -> serde_json::Value {
        self.screen(self.current).json(&self.context)
    }

    /// What went wrong last, if it is still shown.
    pub fn complaint(&self) -> Option<&str> {
        self.note.as_ref().filter(|note| note.bad).map(|note| note.text.as_str())
    }

    /// The line at the bottom, if there is one.
    pub fn note(&self) -> Option<&str> {
        self.note.as_ref().map(|note| note.text.as_str())
    }

    /// Keys and what they do here, as the help shows them.
    pub fn help(&self) -> Vec<(String, &'static str)> {
        self.help_rows().into_iter().map(|(act, keys)| (keys, act.row().help)).collect()
    }

    /// What lies on top of the screen, as lines of text.
    pub fn overlay_text(&self) -> Option<Vec<String>> {
        self.dialogs.last().map(Dialog::text)
    }

    /// Lets the terminal's background choose between the dark and the light palette.
    #[must_use]
    pub fn with_found_palette(mut self) -> Self {
        self.palette_found = true;
        self
    }

    /// Says where to begin, until the first key, to whoever has begun no lesson yet.
    #[must_use]
    pub fn with_welcome(mut self) -> Self {
        let begun = (0..LESSONS.len()).any(|lesson| self.context.progress.of(lesson).is_some());
        if !begun {
            let key = |act: Act| self.keymap.keys(act).first().map(|key| short(*key));
            let (help, quit) =
                (key(Act::Help).unwrap_or_default(), key(Act::Quit).unwrap_or_default());
            self.say(format!(
                "new here? 9 leads to the lessons, {help} shows the keys, {quit} quits"
            ));
        }
        self
    }

    /// Whether the terminal's background is of interest.
    pub fn finds_palette(&self) -> bool {
        self.palette_found
    }

    fn screen(&self, id: ScreenId) -> &dyn Component {
        self.screens[id as usize].as_ref()
    }

    fn screen_mut(&mut self, id: ScreenId) -> (&mut dyn Component, &Context) {
        (self.screens[id as usize].as_mut(), &self.context)
    }

    fn say(&mut self, text: impl Into<String>) {
        self.note = Some(Note { text: text.into(), bad: false });
    }

    fn warn(&mut self, text: impl Into<String>) {
        self.note = Some(Note { text: text.into(), bad: true });
    }
}
