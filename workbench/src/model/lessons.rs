//! What a lesson is: steps with something to read, keys to press, and the real event that ends each.
//!
//! The lessons themselves are a table in `table`. Most run on a scratch database that a real engine
//! of this program writes ([`crate::model::scratch`]); the keys of each step are shown to the learner and
//! pressed by a test, so that nobody is ever told to do what does not work.

mod in_the_lab;
mod table;

use crate::action::Act;
use crate::screen_id::ScreenId;
pub use table::LESSONS;

/// Which database a lesson is taken on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Whatever is looked at: the lesson happens in the Crash Lab, on a simulated disk, and starts with
    /// this one of the lab's workloads.
    Lab(usize),
    /// The history of Unicode, ended by a power cut; no engine has it open.
    Demo,
    /// A few hundred rows in half a dozen leaves, with an engine that has them open.
    Garden,
    /// A handful of rows in nodes that hold only eight: splits and merges come soon.
    Bonsai,
}

/// What the engine of the scratch database does in a step, when asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exercise {
    /// Deeds, in words.
    Deeds(&'static str),
    /// Builds a cartridge beside the database, from the one that is there if it can.
    Cartridge,
    /// Times many commits, every fiftieth with a checkpoint.
    Measure,
}

impl Exercise {
    /// In words.
    pub const fn what(self) -> &'static str {
        match self {
            Self::Deeds(deeds) => deeds,
            Self::Cartridge => "build the cartridge",
            Self::Measure => "time 200 commits",
        }
    }
}

/// A key press, as the table writes it: by what it does, so that changed keys are shown right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Press {
    /// The key of an action.
    Do(Act),
    /// The same, until the step is done.
    Again(Act),
    /// The way to a screen.
    Screen(ScreenId),
    /// A text, typed into a prompt that is empty or gets emptied first.
    Type(&'static str),
    /// Enter, in a prompt.
    Enter,
}

/// What ends a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Reading is enough: the key for the next step.
    Read,
    /// A screen is in front.
    Screen(ScreenId),
    /// The engine did the exercise.
    Exercise,
    /// The screen in front confirms something.
    Achieved(ScreenId, &'static str),
}

/// One step.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// What to read.
    pub text: &'static str,
    /// What to press.
    pub press: &'static [Press],
    /// What ends it.
    pub goal: Goal,
    /// What the engine does when asked to.
    pub exercise: Option<Exercise>,
}

/// One lesson.
#[derive(Clone, Copy, Debug)]
pub struct Lesson {
    /// Its name where progress is kept.
    pub id: &'static str,
    /// Its title.
    pub title: &'static str,
    /// What one knows afterwards.
    pub about: &'static str,
    /// Where it is taken.
    pub stage: Stage,
    /// Its steps.
    pub steps: &'static [Step],
}

/// Where somebody is in a lesson.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Course {
    /// Index of the lesson.
    pub lesson: usize,
    /// Index of the step.
    pub step: usize,
}

impl Course {
    /// The lesson.
    pub fn lesson(self) -> Option<&'static Lesson> {
        LESSONS.get(self.lesson)
    }

    /// The step.
    pub fn current(self) -> Option<&'static Step> {
        self.lesson()?.steps.get(self.step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::deed::Script;
    use std::collections::BTreeSet;

    #[test]
    fn a_lesson_is_done_by_doing_and_ends_with_reading() {
        let mut ids = BTreeSet::new();
        for lesson in LESSONS {
            let title = lesson.title;
            assert!(ids.insert(lesson.id), "{title}: the id is taken");
            assert!(lesson.about.len() <= 73, "{title}: too long for a line of 80 columns");
            let (last, others) = lesson.steps.split_last().expect("a lesson has steps");
            assert_eq!(last.goal, Goal::Read, "{title}");
            for step in others {
                assert_ne!(step.goal, Goal::Read, "{title}: steps are done");
                assert!(!step.press.is_empty(), "{title}: nobody may be stuck: {}", step.text);
            }
            for step in lesson.steps {
                assert!(step.text.len() < 330, "{title}: {} bytes: {}", step.text.len(), step.text);
                let asked = step.press.contains(&Press::Do(Act::LessonDo));
                assert_eq!(asked, step.exercise.is_some(), "{title}: {}", step.text);
            }
        }
    }

    #[test]
    fn lessons_in_the_lab_have_their_workload() {
        use crate::model::lab::WORKLOADS;
        for lesson in LESSONS {
            if let Stage::Lab(workload) = lesson.stage {
                assert!(WORKLOADS.get(workload).is_some(), "{}", lesson.title);
            }
        }
    }

    #[test]
    fn exercises_can_be_read_and_have_an_engine() {
        for lesson in LESSONS {
            for exercise in lesson.steps.iter().filter_map(|step| step.exercise) {
                assert!(matches!(lesson.stage, Stage::Garden | Stage::Bonsai), "{}", lesson.title);
                if let Exercise::Deeds(deeds) = exercise {
                    let script: Result<Script, String> = deeds.parse();
                    assert!(script.is_ok(), "{}: {script:?}", lesson.title);
                }
            }
        }
    }
}
