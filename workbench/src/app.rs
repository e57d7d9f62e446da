//! The application: one model, one pure `update`, one pure `draw`.
//!
//! `update` turns a message into commands; it reads no file and no clock. `draw` fills a buffer of any
//! size. The loop in [`crate::runtime`] feeds the one and shows the other; tests do the same with
//! scripts of messages. Screens sit in a table, overlays on a stack: the top one has the keys.

pub mod frame;
#[cfg(test)]
mod tests;

use crate::action::{ACTIONS, Act, Scope};
use crate::dialogs::{Dialog, Outcome, help::Help, menu::Menu, palette::Palette, prompt::Prompt};
use crate::keymap::{Key, Keymap};
use crate::model::lessons::{Course, Goal, LESSONS};
use crate::model::referrers::{FindParent, FindReferrers, Parent, Referrers};
use crate::model::summary::{Fingerprint, LoadSummary, Summary, Watch};
use crate::model::survey::{self, CheckAll};
use crate::place::{At, JumpList, Place};
use crate::runtime::clipboard::COPY_BYTES_MAX;
use crate::runtime::jobs::{Data, Job, JobEvent, JobKey, Owner};
use crate::screens::{self, Component, Context, Effect, ScreenId};
use crate::theme::Look;
use northstar_engine::inspect::Severity;
use northstar_engine::inspect::find::Survey;
use northstar_engine::limits::PAGE_BYTES;
use ratatui::crossterm::event::{KeyCode, KeyEvent, MouseButton, MouseEvent, MouseEventKind};
use std::path::PathBuf;
use std::sync::Arc;

/// Something happened.
#[derive(Debug)]
pub enum Msg {
    /// A key.
    Key(KeyEvent),
    /// The mouse.
    Mouse(MouseEvent),
    /// Text was pasted.
    Paste(String),
    /// The terminal has another size.
    Resize(u16, u16),
    /// Some time has passed.
    Tick,
    /// News of a job.
    Job {
        /// Which.
        key: JobKey,
        /// Which run of it.
        generation: u64,
        /// What.
        event: JobEvent,
    },
    /// A file was written, or not.
    Written(PathBuf, Result<(), String>),
    /// A signal that ends the program.
    Signal(i32),
    /// Asked to stop from outside.
    Suspend,
    /// Going on after a stop.
    Resumed,
    /// Keys can no longer be read.
    InputLost(String),
}

/// Something to be done outside.
#[derive(Debug)]
pub enum Cmd {
    /// Run a job.
    Run {
        /// What it is for.
        key: JobKey,
        /// Its number.
        generation: u64,
        /// The work.
        job: Box<dyn Job>,
    },
    /// Stop a job.
    Stop(u64),
    /// Put text on the clipboard.
    Copy(String),
    /// Write a file of the user's.
    Write {
        /// Where.
        path: PathBuf,
        /// What.
        text: String,
    },
    /// Draw every cell.
    Redraw,
    /// Stop the program as Ctrl-Z does.
    Suspend,
    /// The program goes on.
    Resume,
    /// Leave.
    Quit(Quit),
}

/// Why the program ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quit {
    /// The user wants to.
    Asked,
    /// A signal.
    Signal(i32),
    /// The terminal is gone.
    Lost(String),
}

/// A job under way.
#[derive(Debug)]
struct Running {
    key: JobKey,
    generation: u64,
    name: String,
    progress: Option<(u64, u64, u64)>,
}

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
    course: Option<Course>,
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

#[derive(Debug)]
struct CrashWorker;

impl Job for CrashWorker {
    fn name(&self) -> String {
        "crash".to_owned()
    }

    fn run(self: Box<Self>, _: &mut crate::runtime::jobs::Desk<'_>) -> Result<Data, String> {
        panic!("asked to crash");
    }
}

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
            course: None,
        }
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
            Msg::Tick => self.tick(&mut out),
            Msg::Job { key, generation, event } => self.job(key, generation, event, &mut out),
            Msg::Written(path, Ok(())) => self.say(format!("wrote {}", path.display())),
            Msg::Written(path, Err(why)) => self.warn(format!("{}: {why}", path.display())),
            Msg::Signal(signal) => out.push(Cmd::Quit(Quit::Signal(signal))),
            Msg::Suspend => out.push(Cmd::Suspend),
            Msg::Resumed => out.push(Cmd::Resume),
            Msg::InputLost(why) => out.push(Cmd::Quit(Quit::Lost(why))),
        }
        self.check_lesson(None);
        out
    }

    /// A job that panics: its error must become a card, and nothing else.
    pub fn crash_worker(&mut self) -> Cmd {
        let key = JobKey { owner: Owner::App, slot: CRASH };
        let mut out = Vec::new();
        self.launch(key.owner, key.slot, Box::new(CrashWorker), &mut out);
        out.remove(0)
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

    fn place(&self) -> Place {
        Place::new(self.current, self.screen(self.current).place())
    }

    fn works(&self, act: Act) -> bool {
        match act.row().scope {
            Scope::Global => match act {
                Act::JumpBack => !self.jumps.trail().is_empty(),
                Act::JumpForward => self.jumps.can_forward(),
                Act::Copy => self.screen(self.current).copy(&self.context).is_some(),
                Act::Referrers => self.selected_page().is_some(),
                Act::LessonNext | Act::LessonEnd => self.course.is_some(),
                _ => true,
            },
            _ => self.screen(self.current).works(&self.context).contains(&act),
        }
    }

    fn selected_page(&self) -> Option<northstar_engine::PageId> {
        match self.screen(self.current).place() {
            At::Page(id, _) => Some(id),
            _ => None,
        }
    }

    fn key(&mut self, event: KeyEvent, out: &mut Vec<Cmd>) {
        let key = Key::from_event(event);
        self.note = None;
        if key.ctrl && key.code == KeyCode::Char('c') {
            out.push(Cmd::Quit(Quit::Asked));
            return;
        }
        if let Some(dialog) = self.dialogs.last_mut() {
            let outcome = dialog.key(key);
            self.outcome(outcome, out);
            return;
        }
        if let KeyCode::Char(digit @ '0'..='9') = key.code
            && !key.ctrl
            && !key.alt
        {
            match ScreenId::from_digit(digit) {
                Some(screen) => self.go(Place::new(screen, At::Here), out),
                None => self.say(format!("no screen has the number {digit}")),
            }
            return;
        }
        match self.keymap.find(key, self.current, |act| self.works(act)) {
            Some(act) => self.act(act, out),
            None => self.say(format!("{} does nothing here; ? shows what does", key)),
        }
    }

    /// Goes on in the lesson; its end is noted.
    fn next_step(&mut self) {
        let Some(course) = &mut self.course else { return };
        course.step += 1;
        if course.current().is_none() {
            let lesson = course.lesson;
            self.course = None;
            if !self.context.lessons_done.contains(&lesson) {
                self.context.lessons_done.push(lesson);
            }
            let title = LESSONS.get(lesson).map_or("", |lesson| lesson.title);
            self.say(format!("lesson done: {title}"));
        }
    }

    /// Whether the lesson's step is done now; `used` is the action of this moment.
    fn check_lesson(&mut self, used: Option<Act>) {
        let Some(step) = self.course.and_then(Course::current) else { return };
        let done = match step.goal {
            Goal::Read => false,
            Goal::Screen(screen) => self.current == screen,
            Goal::Act(act) => used == Some(act),
            Goal::Achieved(screen, what) => {
                self.current == screen && self.screen(screen).achieved(what)
            }
        };
        if done {
            self.next_step();
        }
    }

    fn act(&mut self, act: Act, out: &mut Vec<Cmd>) {
        self.perform(act, out);
        self.check_lesson(Some(act));
    }

    fn perform(&mut self, act: Act, out: &mut Vec<Cmd>) {
        match act {
            Act::Quit => out.push(Cmd::Quit(Quit::Asked)),
            Act::Help => {
                let help = Help::new(self.help_rows(), self.current);
                self.dialogs.push(Dialog::Help(help));
            }
            Act::Palette => {
                let palette = Palette::new(self.palette_rows());
                self.dialogs.push(Dialog::Palette(palette));
            }
            Act::Goto => {
                let title = "go to (g: top)  p42 · 0x5a000 · txn 118 · key:abc";
                self.dialogs.push(Dialog::Prompt(Prompt::goto(title)));
            }
            Act::JumpBack => {
                let here = self.place();
                if let Some(place) = self.jumps.back(here) {
                    self.bring(place.screen, &place.at, out);
                }
            }
            Act::JumpForward => {
                let here = self.place();
                if let Some(place) = self.jumps.forward(here) {
                    self.bring(place.screen, &place.at, out);
                }
            }
            Act::NextTheme => {
                self.look.palette = self.look.palette.next();
                self.say(format!("palette: {}", self.look.palette.name()));
            }
            Act::ToggleAscii => self.look.ascii = !self.look.ascii,
            Act::Redraw => out.push(Cmd::Redraw),
            Act::Suspend => out.push(Cmd::Suspend),
            Act::Cancel => self.cancel(out),
            Act::Follow => {
                self.pinned = !self.pinned;
                if self.pinned {
                    self.say("pinned: the view stays as it is; f follows again");
                } else {
                    self.reload(out);
                }
            }
            Act::Reload => {
                self.context.reloads += 1;
                self.reload(out);
                self.check_unasked(out);
            }
            Act::CheckAll => self.launch(Owner::App, SURVEY, Box::new(CheckAll), out),
            Act::Copy => {
                if let Some((what, text)) = self.screen(self.current).copy(&self.context) {
                    self.copy(&what, text, out);
                }
            }
            Act::Export => {
                let path = PathBuf::from(format!("northstar-{}.json", self.current.name()));
                let text = format!("{:#}\n", self.json());
                out.push(Cmd::Write { path, text });
            }
            Act::Referrers => {
                if let Some(page) = self.selected_page() {
                    let job = Box::new(FindReferrers { page });
                    self.launch(Owner::App, REFERRERS, job, out);
                }
            }
            Act::LessonNext => self.next_step(),
            Act::LessonEnd => self.course = None,
            Act::NextScreen => self.step_screen(1, out),
            Act::PrevScreen => self.step_screen(ScreenId::ALL.len() - 1, out),
            act => {
                self.touch();
                let (screen, context) = self.screen_mut(self.current);
                let effects = screen.act(act, context);
                self.effects(self.current, effects, out);
            }
        }
    }

    fn step_screen(&mut self, by: usize, out: &mut Vec<Cmd>) {
        let all = ScreenId::ALL;
        let at = all.iter().position(|id| *id == self.current).unwrap_or(0);
        if let Some(screen) = all.get((at + by) % all.len()) {
            self.go(Place::new(*screen, At::Here), out);
        }
    }

    /// Touching something on a file that is being written pins the view.
    fn touch(&mut self) {
        if self.context.summary.seen_changing {
            self.pinned = true;
        }
    }

    fn copy(&mut self, what: &str, text: String, out: &mut Vec<Cmd>) {
        if text.len() > COPY_BYTES_MAX {
            self.warn(format!("{what} is too long to copy through the terminal; e exports it"));
        } else {
            self.say(format!("copied {what} through the terminal (OSC 52)"));
            out.push(Cmd::Copy(text));
        }
    }

    fn cancel(&mut self, out: &mut Vec<Cmd>) {
        let current = Owner::Screen(self.current);
        let running = self.running.iter().find(|job| job.key.owner == current);
        let Some(running) = running.or(self.running.first()) else { return };
        let (name, generation) = (running.name.clone(), running.generation);
        out.push(Cmd::Stop(generation));
        self.say(format!("stopping: {name}"));
    }

    fn reload(&mut self, out: &mut Vec<Cmd>) {
        self.pinned = false;
        self.missed = None;
        let job = Box::new(self.load_summary());
        self.launch(Owner::App, SUMMARY, job, out);
        self.reload_screens(out);
    }

    fn reload_screens(&mut self, out: &mut Vec<Cmd>) {
        self.stale.clone_from(&self.opened);
        self.freshen(out);
    }

    /// Loads the screen in front again when the file has changed since it was loaded.
    fn freshen(&mut self, out: &mut Vec<Cmd>) {
        if let Some(at) = self.stale.iter().position(|id| *id == self.current) {
            self.stale.remove(at);
            let (screen, context) = self.screen_mut(self.current);
            let effects = screen.reload(context);
            self.effects(self.current, effects, out);
        }
    }

    /// Goes somewhere, remembering where we were.
    pub fn go(&mut self, place: Place, out: &mut Vec<Cmd>) {
        let here = self.place();
        if here != place {
            self.jumps.leave(here);
        }
        self.bring(place.screen, &place.at, out);
    }

    fn bring(&mut self, screen: ScreenId, at: &At, out: &mut Vec<Cmd>) {
        self.current = screen;
        if !self.opened.contains(&screen) {
            self.opened.push(screen);
        }
        let (component, context) = self.screen_mut(screen);
        let effects = component.show(at, context);
        self.effects(screen, effects, out);
        self.freshen(out);
    }

    fn effects(&mut self, from: ScreenId, effects: Vec<Effect>, out: &mut Vec<Cmd>) {
        for effect in effects {
            match effect {
                Effect::Run(slot, job) => self.launch(Owner::Screen(from), slot, job, out),
                Effect::Stop(slot) => {
                    let key = JobKey { owner: Owner::Screen(from), slot };
                    if let Some(running) = self.running.iter().find(|job| job.key == key) {
                        out.push(Cmd::Stop(running.generation));
                    }
                }
                Effect::Go(place) => self.go(place, out),
                Effect::Copy(what, text) => self.copy(&what, text, out),
                Effect::Ask { question, title, text } => {
                    self.dialogs.push(Dialog::Prompt(Prompt::new(question, &title, text)));
                }
                Effect::Menu { title, items } => {
                    self.dialogs.push(Dialog::Menu(Menu::new(title, items)));
                }
                Effect::Lesson(lesson) => {
                    self.course = Some(Course { lesson, step: 0 });
                }
                Effect::Save(name, text) => {
                    out.push(Cmd::Write { path: PathBuf::from(name), text });
                }
                Effect::CheckAll => {
                    self.launch(Owner::App, SURVEY, Box::new(CheckAll), out);
                }
                Effect::Parent(page) => {
                    self.launch(Owner::App, REFERRERS, Box::new(FindParent { page }), out);
                }
                Effect::Say(text) => self.say(text),
            }
        }
    }

    fn launch(&mut self, owner: Owner, slot: &'static str, job: Box<dyn Job>, out: &mut Vec<Cmd>) {
        let key = JobKey { owner, slot };
        self.running.retain(|running| running.key != key);
        self.generation += 1;
        let generation = self.generation;
        self.running.push(Running { key, generation, name: job.name(), progress: None });
        out.push(Cmd::Run { key, generation, job });
    }

    fn job(&mut self, key: JobKey, generation: u64, event: JobEvent, out: &mut Vec<Cmd>) {
        let Some(at) = self.running.iter().position(|running| running.generation == generation)
        else {
            return; // A newer request has replaced it.
        };
        match event {
            JobEvent::Progress { done, total, rate } => {
                self.running[at].progress = Some((done, total, rate));
            }
            JobEvent::Part(data) => self.loaded(key, data, out),
            JobEvent::Done(data) => {
                self.running.remove(at);
                self.loaded(key, data, out);
            }
            JobEvent::Failed(why) => {
                self.running.remove(at);
                if let Owner::Screen(id) = key.owner {
                    self.screen_mut(id).0.failed(key.slot, &why);
                }
                if key.slot == SUMMARY {
                    self.context.summary.error = Some(why.clone());
                }
                self.warn(why);
            }
        }
    }

    fn loaded(&mut self, key: JobKey, data: Data, out: &mut Vec<Cmd>) {
        match key.owner {
            Owner::Screen(id) => {
                let (screen, context) = self.screen_mut(id);
                let effects = screen.loaded(key.slot, data, context);
                self.effects(id, effects, out);
            }
            Owner::App => self.app_loaded(key.slot, data, out),
        }
    }

    fn app_loaded(&mut self, slot: &'static str, data: Data, out: &mut Vec<Cmd>) {
        match slot {
            SUMMARY => {
                if let Ok(summary) = data.downcast::<Summary>() {
                    self.take_summary(*summary, out);
                }
            }
            WATCH => {
                if let Ok(fingerprint) = data.downcast::<Fingerprint>() {
                    let changed = self.fingerprint.as_ref().is_some_and(|old| *old != *fingerprint);
                    self.fingerprint = Some(*fingerprint);
                    if changed {
                        self.context.summary.seen_changing = true;
                        let job = Box::new(self.load_summary());
                        self.launch(Owner::App, SUMMARY, job, out);
                    }
                }
            }
            REFERRERS => {
                self.take_referrers(data, out);
            }
            SURVEY => {
                if let Ok(survey) = data.downcast::<Arc<Survey>>() {
                    self.take_survey(*survey, out);
                }
            }
            _ => {}
        }
    }

    fn take_referrers(&mut self, data: Data, out: &mut Vec<Cmd>) {
        let data = match data.downcast::<Referrers>() {
            Ok(found) => {
                let menu = Menu::new(found.title(), found.items());
                self.dialogs.push(Dialog::Menu(menu));
                return;
            }
            Err(data) => data,
        };
        if let Ok(found) = data.downcast::<Parent>() {
            match found.place {
                Some(place) => self.go(place, out),
                None => self.say(format!("nothing points to p{}", found.page)),
            }
        }
    }

    fn take_survey(&mut self, survey: Arc<Survey>, out: &mut Vec<Cmd>) {
        let summary = &mut self.context.summary;
        summary.checked = true;
        summary.errors = survey::count(&survey, Severity::Error) + survey.report.problems_unlisted;
        summary.warnings = survey::count(&survey, Severity::Warning);
        self.context.survey = Some(survey);
        for id in self.opened.clone() {
            let (screen, context) = self.screen_mut(id);
            let effects = screen.surveyed(context);
            self.effects(id, effects, out);
        }
    }

    /// Checks everything when the file is small enough not to ask.
    fn check_unasked(&mut self, out: &mut Vec<Cmd>) {
        if self.context.summary.bytes <= survey::CHECK_UNASKED_BYTES_MAX {
            self.launch(Owner::App, SURVEY, Box::new(CheckAll), out);
        }
    }

    fn take_summary(&mut self, mut summary: Summary, out: &mut Vec<Cmd>) {
        let before = self.context.summary.newest_txn();
        let after = summary.newest_txn();
        let first = !self.context.summary.loaded;
        let old = &self.context.summary;
        summary.seen_changing = old.seen_changing;
        (summary.checked, summary.errors, summary.warnings) =
            (old.checked, old.errors, old.warnings);
        let moved = self.context.summary.differs(&summary);
        let checkpointed = self.context.summary.checkpoint != summary.checkpoint;
        if first {
            self.context.summary = summary;
            self.reload_screens(out);
            self.check_unasked(out);
        } else if self.pinned {
            let base = self.missed.unwrap_or(0);
            let by = after.zip(before).map_or(0, |(a, b)| a.get().saturating_sub(b.get()));
            self.context.summary = summary;
            self.missed = Some(base + by);
        } else {
            self.context.summary = summary;
            if moved {
                self.reload_screens(out);
            }
            // Commits reach pages at checkpoints only: between them a new check finds nothing new.
            if checkpointed {
                self.check_unasked(out);
            }
        }
    }

    fn load_summary(&self) -> LoadSummary {
        let summary = &self.context.summary;
        let known = summary.log_known.map(|(lsn, txn)| (summary.uuid, lsn, txn));
        LoadSummary { known }
    }

    fn tick(&mut self, out: &mut Vec<Cmd>) {
        let slots = [SUMMARY, WATCH];
        let watching = self
            .running
            .iter()
            .any(|job| job.key.owner == Owner::App && slots.contains(&job.key.slot));
        if !watching {
            self.launch(Owner::App, WATCH, Box::new(Watch), out);
        }
    }

    fn outcome(&mut self, outcome: Outcome, out: &mut Vec<Cmd>) {
        match outcome {
            Outcome::Stay => {}
            Outcome::Close => {
                self.dialogs.pop();
            }
            Outcome::Act(act) => {
                self.dialogs.pop();
                self.act(act, out);
            }
            Outcome::Go(place) => {
                self.dialogs.pop();
                self.go(place, out);
            }
            Outcome::Typed(text) => match crate::place::parse(&text, PAGE_BYTES as u64) {
                Ok(place) => {
                    self.dialogs.pop();
                    self.go(place, out);
                }
                Err(why) => self.warn(why),
            },
            Outcome::Answer(question, text) => {
                self.dialogs.pop();
                let (screen, context) = self.screen_mut(self.current);
                let effects = screen.answer(question, &text, context);
                self.effects(self.current, effects, out);
            }
        }
    }

    fn mouse(&mut self, event: MouseEvent, out: &mut Vec<Cmd>) {
        if !self.dialogs.is_empty() {
            return;
        }
        match event.kind {
            MouseEventKind::ScrollDown if self.works(Act::Down) => {
                for _ in 0..3 {
                    self.act(Act::Down, out);
                }
            }
            MouseEventKind::ScrollUp if self.works(Act::Up) => {
                for _ in 0..3 {
                    self.act(Act::Up, out);
                }
            }
            MouseEventKind::Down(MouseButton::Left) => {
                let again = self.last_click == Some((event.column, event.row));
                self.last_click = (!again).then_some((event.column, event.row));
                let body = frame::body(self.size, self.course.is_some());
                if let (Some(x), Some(y)) =
                    (event.column.checked_sub(body.x), event.row.checked_sub(body.y))
                    && y < body.height
                {
                    self.touch();
                    let (screen, context) = self.screen_mut(self.current);
                    let effects = screen.click(x, y, again, context);
                    self.effects(self.current, effects, out);
                }
            }
            _ => {}
        }
    }

    fn help_rows(&self) -> Vec<(Act, String)> {
        let mut rows: Vec<(Act, String)> = Vec::new();
        let keys_of = |act: Act| {
            let keys: Vec<String> = self.keymap.keys(act).iter().map(Key::to_string).collect();
            keys.join(" ")
        };
        let own = |row: &&crate::action::Action| match row.scope {
            Scope::Global => false,
            _ => self.works(row.act),
        };
        for row in ACTIONS.iter().filter(|row| row.scope == Scope::Screen(self.current)) {
            rows.push((row.act, keys_of(row.act)));
        }
        for row in ACTIONS.iter().filter(|row| row.scope == Scope::Move).filter(own) {
            rows.push((row.act, keys_of(row.act)));
        }
        for row in ACTIONS.iter().filter(|row| row.scope == Scope::Global) {
            rows.push((row.act, keys_of(row.act)));
        }
        rows
    }

    fn palette_rows(&self) -> Vec<crate::dialogs::palette::Row> {
        use crate::dialogs::palette::{Row, Target};
        let mut rows: Vec<Row> = ScreenId::ALL
            .iter()
            .map(|id| Row {
                name: format!("screen: {}", id.name()),
                keys: id.digit().map(String::from).unwrap_or_default(),
                help: id.what(),
                target: Target::Go(Place::new(*id, At::Here)),
            })
            .collect();
        rows.extend(ACTIONS.iter().filter(|row| self.works(row.act)).map(|row| Row {
            name: row.name.to_owned(),
            keys: self.keymap.keys(row.act).first().map(Key::to_string).unwrap_or_default(),
            help: row.help,
            target: Target::Act(row.act),
        }));
        rows
    }
}
