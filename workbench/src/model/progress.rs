//! How far somebody is in the lessons, kept from one run to the next.
//!
//! A file of the user's, a line a lesson: `anatomy done` or `put 3`, the furthest step reached. Lines
//! of lessons that this program does not know are kept as they are: another version may.

use super::lessons::LESSONS;
use std::collections::BTreeMap;

/// How far somebody is in one lesson.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reached {
    /// This step, from 1.
    Step(usize),
    /// The end.
    Done,
}

/// How far somebody is in all lessons.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    reached: BTreeMap<String, Reached>,
    unknown: Vec<String>,
}

impl Progress {
    /// Reads what was kept; what cannot be read is kept as it is.
    pub fn parse(text: &str) -> Self {
        let mut progress = Self::default();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let reached = match line.split_once(' ') {
                Some((id, "done")) => Some((id, Reached::Done)),
                Some((id, step)) => step.parse().ok().map(|step| (id, Reached::Step(step))),
                None => None,
            };
            let known = reached.filter(|(id, _)| LESSONS.iter().any(|lesson| lesson.id == *id));
            match known {
                Some((id, reached)) => {
                    progress.reached.insert(id.to_owned(), reached);
                }
                None => progress.unknown.push(line.to_owned()),
            }
        }
        progress
    }

    /// The text to keep.
    pub fn print(&self) -> String {
        let known = self.reached.iter().map(|(id, reached)| match reached {
            Reached::Done => format!("{id} done\n"),
            Reached::Step(step) => format!("{id} {step}\n"),
        });
        known.chain(self.unknown.iter().map(|line| format!("{line}\n"))).collect()
    }

    /// How far somebody is in a lesson; `None` when it was never begun.
    pub fn of(&self, lesson: usize) -> Option<Reached> {
        self.reached.get(LESSONS.get(lesson)?.id).copied()
    }

    /// Notes a step reached; whether that is news.
    pub fn reach(&mut self, lesson: usize, reached: Reached) -> bool {
        let Some(lesson) = LESSONS.get(lesson) else { return false };
        let known = self.reached.get(lesson.id);
        if known.is_some_and(|known| *known >= reached) {
            return false;
        }
        self.reached.insert(lesson.id.to_owned(), reached);
        true
    }

    /// The first lesson from `lesson` on that is not done; behind the last one comes the first.
    pub fn open_from(&self, lesson: usize) -> Option<usize> {
        let open = |lesson: &usize| self.of(*lesson) != Some(Reached::Done);
        (lesson..LESSONS.len()).chain(0..lesson.min(LESSONS.len())).find(open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_reads_back_and_only_grows() {
        let mut progress = Progress::parse("anatomy 3\nfrom-the-future 2\nrubbish\n\n");
        assert_eq!(progress.of(0), Some(Reached::Step(3)));
        assert!(!progress.reach(0, Reached::Step(2)), "further already");
        assert!(progress.reach(0, Reached::Done));
        assert!(!progress.reach(0, Reached::Step(8)), "done is done");
        assert!(progress.reach(1, Reached::Step(1)));
        assert_eq!((progress.open_from(0), progress.open_from(LESSONS.len())), (Some(1), Some(1)));
        assert_eq!(progress.open_from(4), Some(4));
        let text = progress.print();
        assert_eq!(text, "anatomy done\nput 1\nfrom-the-future 2\nrubbish\n");
        assert_eq!(Progress::parse(&text), progress);
    }
}
