//! The table of lessons: what to read, what to press, what ends the step.

use super::Exercise::{Cartridge, Deeds, Measure};
use super::Goal::{Achieved, Exercise as Exercised, Read, Screen as At};
use super::Press::{Again, Do, Enter, Screen, Type};
use super::in_the_lab::{LIFE_OF_A_COMMIT, LOG_FIRST};
use super::{Exercise, Goal, Lesson, Press, Stage, Step};
use crate::action::Act;
use crate::screen_id::ScreenId as Id;

pub(super) const fn step(text: &'static str, press: &'static [Press], goal: Goal) -> Step {
    Step { text, press, goal, exercise: None }
}

/// A step in which the engine does something first.
const fn does(text: &'static str, exercise: Exercise, goal: Goal) -> Step {
    Step { text, press: &[Do(Act::LessonDo)], goal, exercise: Some(exercise) }
}

pub(super) const fn read(text: &'static str) -> Step {
    step(text, &[Do(Act::LessonNext)], Read)
}

/// All lessons, the first for whoever comes first.
pub const LESSONS: &[Lesson] = &[
    ANATOMY,
    ONE_PUT,
    LIFE_OF_A_COMMIT,
    LOG_FIRST,
    OLD_READER,
    OLD_STATES,
    SPLIT,
    CARTRIDGE,
    LATENCY,
];

const ANATOMY: Lesson = Lesson {
    id: "anatomy",
    title: "What is in a file",
    about: "From the map of all pages to the bytes of one row.",
    stage: Stage::Demo,
    steps: &[
        step(
            "Each cell of the map is one page of 16 KiB. A and B, the first two, are the metas: each names a state of the file. Here B names the newer one. Open it.",
            &[Screen(Id::Map), Do(Act::Top), Do(Act::Right), Do(Act::Open)],
            Achieved(Id::Page, "meta page"),
        ),
        step(
            "Bytes, what they mean, and why. Nothing is left unexplained: what is no field is a named gap. Go down to the field called root, and stop on it.",
            &[Again(Act::Down)],
            Achieved(Id::Page, "root field"),
        ),
        step(
            "A pointer: page, birth and nonce. The page it names must carry the same birth and nonce, else it is not the page that was meant. Follow it, with the cursor on root (k goes back up).",
            &[Do(Act::Open)],
            Achieved(Id::Page, "node page"),
        ),
        step(
            "The root of the tree. Now see the tree by its levels.",
            &[Screen(Id::Tree)],
            At(Id::Tree),
        ),
        step(
            "Look a key up, as the engine does: the grinning face.",
            &[Do(Act::TreeLookup), Type("char/01F600"), Enter],
            Achieved(Id::Tree, "look-up"),
        ),
        step(
            "Each step is one comparison of a binary search. Go on until the key is found.",
            &[Again(Act::TreeStepNext)],
            Achieved(Id::Tree, "found"),
        ),
        step(
            "Found. Open it: the very bytes of that row in its leaf.",
            &[Do(Act::Open)],
            Achieved(Id::Page, "leaf page"),
        ),
        read(
            "Meta, root, leaf, row: every read of the engine goes this way, and checks each page on it. On any page, x lists who points to it, and ctrl-o goes back where you came from.",
        ),
    ],
};

const ONE_PUT: Lesson = Lesson {
    id: "put",
    title: "What does one put write?",
    about: "One record in the log and no page; a checkpoint copies the path.",
    stage: Stage::Garden,
    steps: &[
        step(
            "This is a scratch database, made for you by the real engine: 600 rows, a root and its leaves. An engine of this program has it open and does what the lesson asks.",
            &[Screen(Id::Tree)],
            At(Id::Tree),
        ),
        does(
            "Let the engine put one row, k0300, and commit. Below you will see what that wrote.",
            Deeds("put k0300"),
            Exercised,
        ),
        step(
            "One write to the log and one sync: the commit is durable. No page was written. Look at the log: its newest record is that commit.",
            &[Screen(Id::Log)],
            At(Id::Log),
        ),
        step(
            "It says: not in the pages yet. Only this record holds the new value. Follow its operation into the tree of the pages.",
            &[Do(Act::Open), Do(Act::Open)],
            At(Id::Tree),
        ),
        step(
            "The pages still show the old state, and that is fine: the log is the truth, pages are its cache. How far do the pages go? Ask the metas.",
            &[Screen(Id::Metas)],
            At(Id::Metas),
        ),
        step(
            "So far, and no further. Where is the new row in the meantime? In memory, and the map can ask for that here, because this program runs the engine: change its colours until they show the pool. ● is a page that is not written yet.",
            &[Screen(Id::Map), Again(Act::MapMode)],
            Achieved(Id::Map, "dirty page"),
        ),
        does(
            "Recovery would open the chosen meta and replay one commit. Now let the engine make a checkpoint: it brings the pages up to the log.",
            Deeds("checkpoint"),
            Exercised,
        ),
        step(
            "Pages, a sync, one meta, a sync. Which pages? Compare the newest state with the one before.",
            &[Screen(Id::Time)],
            Achieved(Id::Time, "copied path"),
        ),
        read(
            "One leaf and the way to it were written to new places; all other pages are shared by both states. No page is ever changed in place, so a crash in between leaves the old tree whole.",
        ),
    ],
};

const OLD_READER: Lesson = Lesson {
    id: "reader",
    title: "An old reader keeps pages",
    about: "Why a file grows while an old state is read, and when it stops.",
    stage: Stage::Garden,
    steps: &[
        does(
            "Let a reader open the state of now, and keep it open. Reading takes no lock and writes nothing.",
            Deeds("reader"),
            Exercised,
        ),
        does(
            "Now write beside it: most rows are deleted, others come, checkpoints in between. Watch what the reader keeps.",
            Deeds("clear k00, checkpoint, clear k01, checkpoint, fill m 300, checkpoint"),
            Exercised,
        ),
        step(
            "The reader's pages are kept: it still sees every old row, and nobody waits for anybody. Look at the map.",
            &[Screen(Id::Map)],
            At(Id::Map),
        ),
        step(
            "Change the colours of the map until they show what each page is to the file.",
            &[Again(Act::MapMode)],
            Achieved(Id::Map, "state mode"),
        ),
        does(
            "Retired pages are in no state any more but the reader's. Let the reader end, and the engine make two checkpoints.",
            Deeds("reader ends, checkpoint, put last, checkpoint, put word, checkpoint"),
            Exercised,
        ),
        read(
            "Retired pages have become free ones, to be used again; the file did not grow for nothing. A page is free when no state needs it: no reader's, no meta's, none of the history.",
        ),
    ],
};

const OLD_STATES: Lesson = Lesson {
    id: "history",
    title: "Old states can be opened",
    about: "Time travel: states that share most of their pages.",
    stage: Stage::Demo,
    steps: &[
        step(
            "This file keeps some of its past. Go to the map and change its colours until they show the state of the pages.",
            &[Screen(Id::Map), Again(Act::MapMode)],
            Achieved(Id::Map, "state mode"),
        ),
        step(
            "Some pages are kept (k): only an older state uses them. A page is never written in place, so a change leaves the old one behind. Go to one.",
            &[Again(Act::Right)],
            Achieved(Id::Map, "kept page"),
        ),
        step(
            "Now the states themselves, newest first. ● has pages of its own, ○ only a record in the log.",
            &[Screen(Id::Time)],
            At(Id::Time),
        ),
        step(
            "Go back to the second state with pages of its own.",
            &[Again(Act::Left)],
            Achieved(Id::Time, "older pages"),
        ),
        step(
            "Exactly which rows came, went and changed since the state before it. Open it: the tree as it was then.",
            &[Do(Act::Open)],
            Achieved(Id::Tree, "older state"),
        ),
        read(
            "Every page of it is still there, checked by birth and nonce; pages that both states share are stored once. When the history moves on, pages that only it needs become free.",
        ),
    ],
};

const SPLIT: Lesson = Lesson {
    id: "split",
    title: "Split and merge",
    about: "How a tree grows at its root and shrinks again, all leaves on one level.",
    stage: Stage::Bonsai,
    steps: &[
        step(
            "In this scratch database a node holds eight entries, so that you can see it full. Six rows: one leaf, which is the root.",
            &[Screen(Id::Tree)],
            At(Id::Tree),
        ),
        does(
            "Let the engine put four more rows, and write the pages.",
            Deeds("put k0006, put k0007, put k0008, put k0009, checkpoint"),
            Achieved(Id::Tree, "two levels"),
        ),
        does(
            "The leaf was full and split in two; a new root above them names both, with the key that separates them. Now seventy rows more.",
            Deeds("fill m 70, checkpoint"),
            Achieved(Id::Tree, "three levels"),
        ),
        does(
            "Leaves split, then the root itself: the tree grows at the top, never at a leaf, so every leaf is equally far from the root. Now delete those seventy.",
            Deeds("clear m, checkpoint"),
            Achieved(Id::Tree, "two levels"),
        ),
        does(
            "Neighbours that became too empty were merged, and a root with one child gave way to it. Delete almost everything.",
            Deeds("del k0000, del k0001, del k0002, del k0003, del k0004, del k0005, checkpoint"),
            Achieved(Id::Tree, "one level"),
        ),
        read(
            "One leaf again. Neither split nor merge changed a page in place: each wrote new pages and left the old tree as it was until the meta flipped.",
        ),
    ],
};

const CARTRIDGE: Lesson = Lesson {
    id: "cartridge",
    title: "A cartridge goes stale",
    about: "An answer made from the commits, and how one knows that it is old.",
    stage: Stage::Garden,
    steps: &[
        does(
            "A cartridge is a file of ready answers, made from the database: here, how many rows each prefix has. Let the engine build one.",
            Cartridge,
            Exercised,
        ),
        step(
            "It lies beside the database and says for which state it answers. Look at the cartridges.",
            &[Screen(Id::Cartridges)],
            Achieved(Id::Cartridges, "fresh"),
        ),
        does(
            "Fresh: its state is the newest one. Now commit two more rows.",
            Deeds("put k/a, put k/b"),
            Achieved(Id::Cartridges, "behind"),
        ),
        does(
            "Nothing is wrong with it: it still answers exactly, for the state it names. Only that state is no longer the newest. Build it again.",
            Cartridge,
            Achieved(Id::Cartridges, "fresh"),
        ),
        read(
            "It was made from all rows again: a count does not tell a new row from a replaced one. A cartridge that keeps its rows, as that of pending tasks does, takes the one before and only the commits since: the log is a stream of changes.",
        ),
    ],
};

const LATENCY: Lesson = Lesson {
    id: "latency",
    title: "Reading a latency histogram",
    about: "Why the mean says little, and what hides in the tail.",
    stage: Stage::Garden,
    steps: &[
        does(
            "Let the engine make 200 durable commits on your disk, one after the other, and time each. Every fiftieth also makes a checkpoint. Each bar will be a range of time twice as long as the one before, so that fast and slow both fit.",
            Measure,
            Achieved(Id::Lessons, "chart"),
        ),
        step(
            "Most commits are in one or two bars: that is p50, what one usually waits. Go down to the slowest bar and see what is in it.",
            &[Again(Act::Down)],
            Achieved(Id::Lessons, "slowest bar"),
        ),
        read(
            "Few commits, and the line below the bars says what they have in common: often a checkpoint, sometimes only a busy disk. The mean mixes fast and slow and describes neither: ask for p50, p99 and the largest, then for what the slow ones did.",
        ),
    ],
};
