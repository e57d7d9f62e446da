//! Lessons: one begins on its scratch database, steps end with what really happened, and the file
//! that was looked at comes back at the end.

use super::{App, Cmd};
use crate::action::Act;
use crate::job::{Data, Owner};
use crate::keymap::{Key, spelled};
use crate::model::lessons::{Course, Goal, LESSONS, Press, Stage};
use crate::model::progress::Reached;
use crate::model::scratch::{Exercised, Made, MakeScratch, Perform, Scratch};
use crate::place::{At, Place};
use crate::screens::ScreenId;
use crate::screens::lab::LabScreen;
use ratatui::crossterm::event::KeyCode;
use std::path::PathBuf;
use std::sync::Arc;

pub(super) const SCRATCH: &str = "scratch";
pub(super) const EXERCISE: &str = "exercise";

/// Something the learner has to press.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strike {
    /// A key.
    Key(Key),
    /// A key, until the step is done.
    Again(Key),
    /// A text.
    Text(&'static str),
}

/// A lesson under way.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) course: Course,
    /// Its database, and the file to go back to.
    scratch: Option<(Arc<Scratch>, PathBuf)>,
}

impl App {
    /// The lesson and its step, while one is under way.
    pub fn course(&self) -> Option<Course> {
        self.class.as_ref().map(|class| class.course)
    }

    /// Whether the file in front is a lesson's: nobody else writes it.
    pub(super) fn on_scratch(&self) -> bool {
        self.class.as_ref().is_some_and(|class| class.scratch.is_some())
    }

    /// Starts a lesson; on a scratch database it begins when that is made.
    pub(super) fn start_lesson(&mut self, lesson: usize, out: &mut Vec<Cmd>) {
        let Some(stage) = LESSONS.get(lesson).map(|lesson| lesson.stage) else { return };
        self.end_lesson(out);
        if let Stage::Lab(workload) = stage {
            self.screens[ScreenId::Lab as usize] = Box::new(LabScreen::with_workload(workload));
            self.begin(lesson, None, out);
        } else {
            self.say("making a scratch database…");
            self.launch(Owner::App, SCRATCH, Box::new(MakeScratch { lesson, stage }), out);
        }
    }

    /// The scratch database of a lesson is there.
    pub(super) fn take_scratch(&mut self, data: Data, out: &mut Vec<Cmd>) {
        if let Ok(made) = data.downcast::<Made>() {
            self.note = None;
            self.begin(made.lesson, Some(made.scratch), out);
            self.context.pool = made.pool;
        }
    }

    fn begin(&mut self, lesson: usize, scratch: Option<Arc<Scratch>>, out: &mut Vec<Cmd>) {
        let scratch = scratch.map(|scratch| {
            let home = self.file().to_owned();
            self.look_at(scratch.path().to_owned(), out);
            (scratch, home)
        });
        self.context.exercised = None;
        self.class = Some(Class { course: Course { lesson, step: 0 }, scratch });
        self.note_progress(lesson, Reached::Step(1), out);
        self.note_under_way();
    }

    /// Tells the screens which lesson is under way and what it wants pressed.
    fn note_under_way(&mut self) {
        let step = self.course().and_then(|course| Some((course.lesson, course.current()?)));
        self.context.under_way = step.map(|(lesson, step)| (lesson, self.hint(step.press)));
    }

    /// Puts the lesson away and comes back to the file that was looked at before.
    pub(super) fn end_lesson(&mut self, out: &mut Vec<Cmd>) {
        let Some(class) = self.class.take() else { return };
        self.context.exercised = None;
        self.context.under_way = None;
        if let Some((scratch, home)) = class.scratch {
            self.look_at(home, out);
            self.go(Place::new(ScreenId::Lessons, At::Here), out);
            drop(scratch);
        }
    }

    /// Goes on in the lesson; its end is noted.
    pub(super) fn next_step(&mut self, out: &mut Vec<Cmd>) {
        let Some(class) = &mut self.class else { return };
        class.course.step += 1;
        let Course { lesson, step } = class.course;
        if class.course.current().is_some() {
            self.note_progress(lesson, Reached::Step(step + 1), out);
            self.note_under_way();
            return;
        }
        self.note_progress(lesson, Reached::Done, out);
        self.end_lesson(out);
        let title = LESSONS.get(lesson).map_or("", |lesson| lesson.title);
        self.context.next_lesson = self.context.progress.open_from(lesson + 1);
        self.go(Place::new(ScreenId::Lessons, At::Here), out);
        let next = self.context.next_lesson.and_then(|next| LESSONS.get(next));
        self.say(match next {
            Some(next) => format!("✓ lesson done: {title}. Next: {}", next.title),
            None => format!("✓ lesson done: {title}. That was the last one"),
        });
    }

    fn note_progress(&mut self, lesson: usize, reached: Reached, out: &mut Vec<Cmd>) {
        if self.context.progress.reach(lesson, reached) {
            out.push(Cmd::KeepProgress(self.context.progress.print()));
        }
    }

    /// Whether the lesson's step is done now.
    pub(super) fn check_lesson(&mut self, exercised: bool, out: &mut Vec<Cmd>) {
        let Some(step) = self.course().and_then(Course::current) else { return };
        let done = match step.goal {
            Goal::Read => false,
            Goal::Screen(screen) => self.current == screen,
            Goal::Exercise => exercised,
            Goal::Achieved(screen, what) => {
                self.current == screen && self.screen(screen).achieved(what, &self.context)
            }
        };
        if done {
            self.next_step(out);
        }
    }

    /// Whether the engine of the lesson has something to do now.
    pub(super) fn can_exercise(&self) -> bool {
        let step = self.course().and_then(Course::current);
        self.on_scratch() && step.is_some_and(|step| step.exercise.is_some())
    }

    /// Lets the engine do what the step asks.
    pub(super) fn exercise(&mut self, out: &mut Vec<Cmd>) {
        let step = self.course().and_then(Course::current);
        let scratch = self.class.as_ref().and_then(|class| class.scratch.as_ref());
        if let (Some(exercise), Some((scratch, _))) = (step.and_then(|step| step.exercise), scratch)
        {
            let job = Perform { scratch: Arc::clone(scratch), exercise };
            self.launch(Owner::App, EXERCISE, Box::new(job), out);
        }
    }

    /// The engine has done it: the screens look again.
    pub(super) fn take_exercise(&mut self, data: Data, out: &mut Vec<Cmd>) {
        let Ok(exercised) = data.downcast::<Exercised>() else { return };
        let latencies = self.context.latencies.take();
        self.context.latencies = exercised.latencies.clone().or(latencies);
        self.context.pool = Some(Arc::clone(&exercised.pool));
        self.context.exercised = Some(*exercised);
        self.reload(out);
        if self.context.exercised.as_ref().is_some_and(|done| done.latencies.is_some()) {
            self.go(Place::new(ScreenId::Lessons, At::Here), out);
        }
        self.check_lesson(true, out);
    }

    /// What there is to press in a step.
    pub fn strikes(&self, press: &[Press]) -> Vec<Strike> {
        let key = |act: Act| self.keymap.keys(act).first().copied();
        let enter = Strike::Key(Key::plain(KeyCode::Enter));
        let mut strikes = Vec::new();
        for press in press {
            match press {
                Press::Do(act) => strikes.extend(key(*act).map(Strike::Key)),
                Press::Again(act) => strikes.extend(key(*act).map(Strike::Again)),
                Press::Type(text) => strikes.push(Strike::Text(text)),
                Press::Enter => strikes.push(enter.clone()),
                Press::Screen(screen) => match screen.digit() {
                    Some(digit) => strikes.push(Strike::Key(Key::plain(KeyCode::Char(digit)))),
                    // Screens without a number are reached by their name.
                    None => {
                        strikes.extend(key(Act::Goto).map(Strike::Key));
                        strikes.extend([Strike::Text(screen.name()), enter.clone()]);
                    }
                },
            }
        }
        strikes
    }

    /// The same for people.
    pub(super) fn hint(&self, press: &[Press]) -> String {
        let words = self.strikes(press).into_iter().map(|strike| match strike {
            Strike::Key(key) => spelled(key),
            Strike::Again(key) => format!("{0} {0} …", spelled(key)),
            Strike::Text(text) => text.to_owned(),
        });
        words.collect::<Vec<String>>().join("  ")
    }
}
