//! The lesson under way: which step it is at, and whether the step is done.

use super::App;
use crate::action::Act;
use crate::model::lessons::{Course, Goal, LESSONS};

impl App {
    /// Goes on in the lesson; its end is noted.
    pub(super) fn next_step(&mut self) {
        let Some(course) = &mut self.course else { return };
        course.step += 1;
        if course.current().is_none() {
            let lesson = course.lesson;
            self.course = None;
            if !self.context.lessons_done.contains(&lesson) {
                self.context.lessons_done.push(lesson);
                self.context.version += 1;
            }
            let title = LESSONS.get(lesson).map_or("", |lesson| lesson.title);
            self.say(format!("lesson done: {title}"));
        }
    }

    /// Whether the lesson's step is done now; `used` is the action of this moment.
    pub(super) fn check_lesson(&mut self, used: Option<Act>) {
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
}
