//! The lessons: what to read, and what to do to go on. Each step ends with a real event: a screen
//! reached, an action used, a state that a screen confirms.

use crate::action::Act;
use crate::screen_id::ScreenId;

/// What ends a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Reading is enough: the key for the next step.
    Read,
    /// A screen is in front.
    Screen(ScreenId),
    /// An action was used.
    Act(Act),
    /// The screen in front confirms something.
    Achieved(ScreenId, &'static str),
}

/// One step.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// What to read.
    pub text: &'static str,
    /// What ends it.
    pub goal: Goal,
}

/// One lesson.
#[derive(Clone, Copy, Debug)]
pub struct Lesson {
    /// Its title.
    pub title: &'static str,
    /// What one knows afterwards.
    pub about: &'static str,
    /// Its steps.
    pub steps: &'static [Step],
}

const fn step(text: &'static str, goal: Goal) -> Step {
    Step { text, goal }
}

use Goal::{Achieved, Read, Screen};
use ScreenId as Id;

/// All lessons.
pub const LESSONS: &[Lesson] = &[
    Lesson {
        title: "What is in a file",
        about: "From the map of all pages to the bytes of one row.",
        steps: &[
            step(
                "Each cell of the map is one page of 16 KiB. A and B are the two meta slots: the file's state. Press 1 for the map, go to A (g g) and press Enter.",
                Achieved(Id::Page, "meta page"),
            ),
            step(
                "The bytes, what they mean, and why. A pointer is underlined: page, birth and nonce. Go down to the field root (fold the page header with Space) and press Enter.",
                Achieved(Id::Page, "node page"),
            ),
            step(
                "This node is the root of the tree. The page it names must carry the same birth and nonce, else it is not the page that was meant. Press 3 to see the tree by its levels.",
                Screen(Id::Tree),
            ),
            step(
                "Look a key up: press s, type char/01F600 and Enter. Then n, again and again: each step is one comparison of a binary search. Go on until it is found.",
                Achieved(Id::Tree, "found"),
            ),
            step(
                "Found. Press Enter: you see the very bytes of that row in its leaf.",
                Achieved(Id::Page, "leaf page"),
            ),
            step(
                "Meta, root, leaf, row: every read of the engine takes this way. x lists who points to a page, ctrl-o goes back where you came from. ctrl-n ends the lesson.",
                Read,
            ),
        ],
    },
    Lesson {
        title: "What does one commit write?",
        about: "A record in the log, and no page at all; what recovery does with it.",
        steps: &[
            step(
                "Press 5: the log. A commit is one record with its operations. It is synced once, and the commit has happened.",
                Screen(Id::Log),
            ),
            step(
                "The newest commit is selected, and says: not in the pages yet. Only this record holds it. Press Enter to go to its operations, and Enter again: the tree of the pages is asked for that key.",
                Screen(Id::Tree),
            ),
            step(
                "The pages show an older state: they are written at checkpoints only. The log is the truth, pages are its cache. Press 4: how far do the pages go?",
                Screen(Id::Metas),
            ),
            step(
                "Recovery takes the valid meta with the highest sequence and replays the commits behind it. Press w: what if a slot were torn by a power cut?",
                Achieved(Id::Metas, "torn"),
            ),
            step(
                "It takes the other slot and replays more: nothing that was acknowledged is lost. That is why there are two. Now the end of the log: press 5, then G.",
                Achieved(Id::Log, "tail"),
            ),
            step(
                "The last write was cut short by a power failure. Nobody had been told that it was done, so recovery may leave it out, and does. ctrl-n ends the lesson.",
                Read,
            ),
        ],
    },
    Lesson {
        title: "Pull the plug",
        about: "The real engine on a simulated disk: what is lost, what never is, and why the log goes first.",
        steps: &[
            step(
                "Press 8: the Crash Lab. The list is every disk operation of a small run. The power fails at the selected line.",
                Screen(Id::Lab),
            ),
            step(
                "Find a moment after a log write and before its log sync (] goes from sync to sync), where a record is on its way to the disk. Everything on its way is lost at first.",
                Achieved(Id::Lab, "unsynced lost"),
            ),
            step(
                "The record is gone, and recovery arrives at the commit before. Fair: commit had not returned, nobody was promised anything. Now press a: everything on its way reached the disk.",
                Achieved(Id::Lab, "unacknowledged survived"),
            ),
            step(
                "The commit is there although nobody was promised. In or out, but whole. Now go to a moment when a meta is on its way (after the checkpoint's data sync).",
                Achieved(Id::Lab, "meta in flight"),
            ),
            step(
                "Press t to let only every second sector survive, a and z for all and none. Whatever happens to this meta, the other one is untouched, and the log behind it is already synced.",
                Goal::Act(Act::LabTear),
            ),
            step(
                "So: the log is synced before the meta flips, because a meta that names a state nobody can rebuild would be a broken promise. Let chance try to break it: press r for a thousand crashes.",
                Achieved(Id::Lab, "counted"),
            ),
            step("Every promise was kept. w saves a case to a file. ctrl-n ends the lesson.", Read),
        ],
    },
    Lesson {
        title: "Old states keep pages",
        about: "Why a file has pages that the current state does not use.",
        steps: &[
            step(
                "Press 1 and then m until the mode is state: each cell shows what a page is to the file.",
                Achieved(Id::Map, "state mode"),
            ),
            step(
                "Some pages are kept (k): only an older state uses them. A page is never written in place, so a change leaves the old one behind. Go to one of them.",
                Achieved(Id::Map, "kept page"),
            ),
            step(
                "Press x: who points here? Close the list with Esc, then press 6: time. ● are states with pages of their own.",
                Screen(Id::Time),
            ),
            step(
                "Go to an older ● state and press Enter: its tree, exactly as it was. Shared pages are stored once.",
                Achieved(Id::Tree, "older state"),
            ),
            step(
                "History keeps these states openable; so does a reader that is still at work. A page is free again only when no state needs it. ctrl-n ends the lesson.",
                Read,
            ),
        ],
    },
];

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

    #[test]
    fn every_lesson_ends_with_something_to_read() {
        for lesson in LESSONS {
            let last = lesson.steps.last().expect("a lesson has steps");
            assert_eq!(last.goal, Read, "{}", lesson.title);
            let others = lesson.steps.iter().rev().skip(1);
            assert!(
                others.clone().all(|step| step.goal != Read),
                "{}: steps are done",
                lesson.title
            );
            for step in lesson.steps {
                assert!(step.text.len() < 330, "{}: {} bytes", lesson.title, step.text.len());
            }
        }
    }
}
