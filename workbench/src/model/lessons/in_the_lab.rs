//! The two lessons in the Crash Lab: what a power cut does at each step of a commit, and why the log
//! is synced first.
//!
//! Where a text says "to operation N", the power cut stands before that one when the step is done; a
//! test holds the numbers to it.

use super::Goal::{Achieved, Screen as At};
use super::Press::{Again, Do, Screen};
use super::table::{read, step};
use super::{Lesson, Stage};
use crate::action::Act;
use crate::screen_id::ScreenId as Id;

pub(super) const LIFE_OF_A_COMMIT: Lesson = Lesson {
    id: "crash",
    title: "The life of a commit, and a crash at each step",
    about: "What a power cut loses at each of its steps, and which rule decides.",
    stage: Stage::Lab(0),
    steps: &[
        step(
            "The Crash Lab: a small run of the real engine on a simulated disk. The list is every disk operation; the power fails at the line drawn across; below it nothing happened. At the bottom stands what recovery makes of the rest.",
            &[Screen(Id::Lab)],
            At(Id::Lab),
        ),
        step(
            "home goes to where the database is open, ] from sync to sync. Go to operation 18: a commit's record is written and not synced. What is on its way to the disk is lost at first.",
            &[Do(Act::Top), Do(Act::LabNextSync)],
            Achieved(Id::Lab, "unsynced lost"),
        ),
        step(
            "The record is gone, and recovery arrives at the state before. Fair: commit had not returned, nobody was promised anything. Now let everything on its way survive.",
            &[Do(Act::LabKeepAll)],
            Achieved(Id::Lab, "unacknowledged survived"),
        ),
        step(
            "The commit is there although nobody was promised: in or out, but whole. Now damage the record: in the list of what is on its way, change the fate of its sector.",
            &[Do(Act::NextPane), Again(Act::LabToggle)],
            Achieved(Id::Lab, "torn record"),
        ),
        step(
            "CRASH-15: bytes that are no whole record, and nothing proves that they were durable: recovery cuts them. Now go past the log sync, to operation 20.",
            &[Do(Act::NextPane), Again(Act::Down)],
            Achieved(Id::Lab, "nothing in flight"),
        ),
        step(
            "The sync has returned: nothing is on its way, nothing can be lost, commit may return. No page was needed for that: LOG-8 replays it. Go on into the checkpoint, to operation 29: pages on their way, not synced.",
            &[Again(Act::LabNextSync)],
            Achieved(Id::Lab, "pages in flight"),
        ),
        step(
            "All of those pages are lost, and nothing is missing: the old meta names the old tree, the log has the rest. (Meta B, 25, was only written again as it was: after an open, memory is no proof of the disk.) Go to operation 31: the new meta, A, is on its way.",
            &[Do(Act::LabNextSync)],
            Achieved(Id::Lab, "meta in flight"),
        ),
        step(
            "Damage it: change the fate of its sector until it arrives as something else.",
            &[Do(Act::NextPane), Again(Act::LabToggle)],
            Achieved(Id::Lab, "damaged meta"),
        ),
        step(
            "A rule of the metas puts the damaged slot out, and META-11 takes the other: that is why there are two. Now let chance look for a moment that breaks a promise.",
            &[Do(Act::LabRandom)],
            Achieved(Id::Lab, "counted"),
        ),
        read(
            "A thousand crashes, every promise kept. w saves a case to a file, L runs it again, c lets you write a workload of your own. Next lesson: what if the log sync were left out?",
        ),
    ],
};

pub(super) const LOG_FIRST: Lesson = Lesson {
    id: "log-first",
    title: "Why the log sync comes before the meta flip",
    about: "On a disk that ignores log syncs, a harmless loss becomes a refusal.",
    stage: Stage::Lab(1),
    steps: &[
        step(
            "Two commits that do not wait for a sync (later), then a checkpoint. Nobody is promised these commits before the checkpoint returns. It syncs the log first (23), then writes pages, and last the meta that names the log (29).",
            &[Screen(Id::Lab)],
            Achieved(Id::Lab, "honest"),
        ),
        step(
            "First an honest disk. Go to operation 30: the meta is written and on its way.",
            &[Do(Act::Top), Again(Act::LabNextSync)],
            Achieved(Id::Lab, "meta in flight"),
        ),
        step(
            "The meta is lost, and both commits are there: the log was synced, the old meta replays it. Now leave that sync out. The engine never does; a disk that returns from it and has done nothing is the same. Such disks exist.",
            &[Do(Act::LabDisk)],
            Achieved(Id::Lab, "disk lies"),
        ),
        step(
            "Two commits are lost that nobody was promised, and nothing is broken: an older state is there, whole. Now one operation later, to operation 31: the meta has arrived.",
            &[Do(Act::Down)],
            Achieved(Id::Lab, "refused"),
        ),
        step(
            "The meta is on the disk and says \"log from 360\"; the log ends before that. A harmless loss has become a database that does not open. It is the log that is missing: let it arrive after all.",
            &[Do(Act::LabKeepAll)],
            Achieved(Id::Lab, "unacknowledged survived"),
        ),
        step(
            "With it, it opens. Why refuse without, when the pages hold both rows? The meta proves that the log was durable to 360 (CRASH-15); promised commits behind that may be gone too. northstar-headless salvage takes the rows out. Honest disk: d, past one that ignores page syncs.",
            &[Again(Act::LabDisk)],
            Achieved(Id::Lab, "honest"),
        ),
        read(
            "So: a meta is a statement about the log. It may be made only when everything it states is on the disk; hence log sync, page sync, meta, in that order. On an honest disk no crash can break it.",
        ),
    ],
};
