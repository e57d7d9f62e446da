//! The action table: every thing the workbench can do, once, with its name, keys and help.
//!
//! Keys, the `?` overlay, the `:` palette, the footer and the configuration all read this table. A
//! screen says which of its actions work now; an action that does not is neither shown nor run.

use crate::screen_id::ScreenId;

/// Where an action's keys work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everywhere.
    Global,
    /// Movement that several screens share.
    Move,
    /// One screen.
    Screen(ScreenId),
}

/// One action.
#[derive(Clone, Copy, Debug)]
pub struct Action {
    /// Which.
    pub act: Act,
    /// Its name in the configuration, `scope.verb`.
    pub id: &'static str,
    /// Its name in the palette and the footer, a few words.
    pub name: &'static str,
    /// Keys it has unless configured otherwise.
    pub keys: &'static [&'static str],
    /// What it does, in a sentence for the help.
    pub help: &'static str,
    /// Where it works.
    pub scope: Scope,
}

macro_rules! actions {
    ($( $act:ident $scope:expr, $id:literal, $name:literal, [$($key:literal),*], $help:literal; )*) => {
        /// An action's identity.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Act { $( #[doc = $help] $act, )* }

        /// All actions, in the order of the help.
        pub const ACTIONS: &[Action] = &[ $( Action {
            act: Act::$act, id: $id, name: $name, keys: &[$($key),*], help: $help, scope: $scope,
        }, )* ];
    };
}

use Scope::{Global as G, Move as M, Screen as S};
use ScreenId as Id;

actions! {
    Quit G, "app.quit", "quit", ["q", "ctrl-c"], "Leave the workbench.";
    Help G, "app.help", "help", ["?", "f1"], "Show the keys that work here, and search them.";
    Palette G, "app.palette", "command palette", [":", "ctrl-p"], "Find any action or screen by a few letters of its name.";
    Goto G, "app.goto", "go to…", ["g"], "Go to p42, 0x5a000, p42+0x18, txn 118, lsn 4096 or key:abc; g again: to the top.";
    JumpBack G, "app.jump_back", "jump back", ["ctrl-o", "backspace", "alt-left"], "Go back to where you were before the last jump.";
    JumpForward G, "app.jump_forward", "jump forward", ["ctrl-i", "tab", "alt-right"], "Undo a jump back (Tab where the screen has no panes).";
    NextTheme G, "app.next_theme", "next palette of colours", ["ctrl-t"], "Dark, light, high-contrast, mono, and round.";
    ToggleAscii G, "app.toggle_ascii", "ASCII characters on or off", ["ctrl-a"], "Draw with ASCII characters only, or with lines and blocks.";
    Redraw G, "app.redraw", "redraw the screen", ["ctrl-l"], "Draw everything anew.";
    Suspend G, "app.suspend", "suspend", ["ctrl-z"], "Stop the program and give the shell back; fg resumes.";
    Cancel G, "app.cancel", "cancel the running job", ["esc"], "Close what is on top, or stop the running job.";
    Follow G, "app.follow", "follow changes on or off", ["f"], "Reload when the file changes; off pins the view.";
    Reload G, "app.reload", "reload", ["ctrl-r", "f5"], "Read the file again.";
    CheckAll G, "app.check", "check everything", ["ctrl-k"], "Ask every rule of every structure: pages, tree, log.";
    Copy G, "app.copy", "copy", ["y"], "Copy what is selected to the clipboard (OSC 52).";
    Export G, "app.export", "export this screen as JSON", ["e"], "Write what this screen shows to northstar-SCREEN.json here.";
    ExportPicture G, "app.export_picture", "export this screen as a picture", ["E"], "Write what is on the screen to northstar-SCREEN.svg here.";
    Referrers G, "app.referrers", "who points here", ["x"], "List the pages and slots that point to the selected page.";
    LessonDo G, "lesson.do", "let the lesson's engine work", ["!"], "Let the engine of the lesson's scratch database do what the step asks.";
    LessonNext G, "lesson.next", "next step of the lesson", ["ctrl-n"], "Go on in the lesson, whether the step is done or not.";
    LessonEnd G, "lesson.end", "end the lesson", ["ctrl-e"], "Put the lesson away.";
    NextScreen G, "app.next_screen", "next screen", ["ctrl-right", "}"], "The screen to the right in the list of screens.";
    PrevScreen G, "app.prev_screen", "previous screen", ["ctrl-left", "{"], "The screen to the left in the list of screens.";

    Up M, "move.up", "up", ["k", "up"], "Up a row.";
    Down M, "move.down", "down", ["j", "down"], "Down a row.";
    Left M, "move.left", "left", ["h", "left"], "Left, or out a level.";
    Right M, "move.right", "right", ["l", "right"], "Right, or in a level.";
    PageUp M, "move.page_up", "page up", ["ctrl-u", "ctrl-b", "pageup"], "Up a screenful.";
    PageDown M, "move.page_down", "page down", ["ctrl-d", "ctrl-f", "pagedown"], "Down a screenful.";
    Top M, "move.top", "to the top", ["home"], "To the first row (also g g).";
    End M, "move.end", "to the end", ["G", "end"], "To the last row.";
    Open M, "move.open", "open", ["enter"], "Open what is selected, or follow the pointer under the cursor.";
    NextPane M, "move.next_pane", "next pane", ["tab"], "Give the keys to the next pane.";
    PrevPane M, "move.prev_pane", "previous pane", ["backtab"], "Give the keys to the previous pane.";
    NextProblem M, "move.next_problem", "next problem", ["]"], "To the next problem or undecoded gap.";
    PrevProblem M, "move.prev_problem", "previous problem", ["["], "To the previous problem or undecoded gap.";

    MapMode S(Id::Map), "map.mode", "colour mode", ["m"], "What the cells show: kind, state, age, fill, sum, diff, pool.";
    MapOrphans S(Id::Map), "map.orphans", "orphans and double references", ["o"], "List the pages nothing refers to and the pages referred to twice.";
    MapZoomOut S(Id::Map), "map.zoom_out", "zoom out", ["-", "z"], "One cell stands for four times as many pages.";
    MapZoomIn S(Id::Map), "map.zoom_in", "zoom in", ["+", "=", "Z"], "One cell stands for a quarter of the pages, down to one.";
    MapOrder S(Id::Map), "map.order", "rows or a curve", ["c"], "Lay the pages out row by row, or along a Hilbert curve: there, what is near in the file is near on the screen.";

    PageNext S(Id::Page), "page.next", "next page", [">", "n"], "The page after this one in the file.";
    PagePrev S(Id::Page), "page.previous", "previous page", ["<", "N"], "The page before this one in the file.";
    PageParent S(Id::Page), "page.parent", "parent", ["u"], "The node that points to this page.";
    PageDiff S(Id::Page), "page.diff", "diff with another page", ["d"], "Compare with another page or an older version of this one, byte by byte and field by field; again to stop.";
    PageFlip S(Id::Page), "page.flip", "what if a bit flips?", ["w"], "Flip a bit of the byte under the cursor in memory, and see which checks fire; again flips it back.";
    PageBits S(Id::Page), "page.bits", "bits of the field", ["b"], "Show the bits of the selected field with their positions, where it is a number; again to hide them.";
    PageExpand S(Id::Page), "page.expand", "expand or fold", ["space"], "Show or hide the fields of a group.";

    TreeLookup S(Id::Tree), "tree.lookup", "look a key up", ["s", "/"], "Follow a key from the root to its leaf, one comparison at a time.";
    TreeStepNext S(Id::Tree), "tree.step_next", "next step", ["n", "space"], "The next comparison of the look-up.";
    TreeStepPrev S(Id::Tree), "tree.step_previous", "previous step", ["N", "p"], "The previous comparison of the look-up.";
    TreeVersions S(Id::Tree), "tree.versions", "versions of the key", ["v"], "Look the key up in every state that has pages of its own.";
    TreeShape S(Id::Tree), "tree.shape", "shape of the whole tree", ["i"], "Draw all levels to scale: how many nodes, how full.";
    TreeGraph S(Id::Tree), "tree.graph", "export as a graph", ["D"], "Write the nodes and pointers of the whole tree to northstar-tree.dot, for Graphviz.";
    TreeState S(Id::Tree), "tree.state", "another state", ["o"], "Show the tree of another state that a meta or the history names.";

    TimeRows S(Id::Time), "time.rows", "rows of this state", ["r"], "Show the rows of the selected state: from its pages, or replayed from the log.";
    TimeBase S(Id::Time), "time.base", "pin as base", ["b"], "Compare every state with the selected one; again to compare with the state before.";
    TimeAll S(Id::Time), "time.all", "all changes", ["a"], "Add up all changes since the empty state; again to compare with the state before.";
    TimePlay S(Id::Time), "time.play", "play", ["space"], "Walk from state to state by itself, oldest to newest; again to stop.";
    TimeFilm S(Id::Time), "time.film", "export a film…", ["F"], "Write all states and their changes as a film: an asciicast for terminals, or a moving SVG picture.";

    MetasWhatIf S(Id::Metas), "metas.what_if", "what if a slot is torn?", ["w"], "Tear slot B, slot A or both in memory and let recovery judge again.";

    LogType S(Id::Log), "log.type", "filter by type", ["t"], "Show all records, commits only, checkpoints only, and round.";
    LogKey S(Id::Log), "log.key", "filter by key", ["/"], "Show only commits that touch a key with this prefix; empty shows all.";
    LogTxn S(Id::Log), "log.txn", "filter by transaction", ["T"], "Show only records of a transaction, or of a range of them; empty shows all.";
    LogPage S(Id::Log), "log.page", "filter by page", ["p"], "Show only commits that touch keys of a leaf; empty shows all.";
    LogHistogram S(Id::Log), "log.histogram", "sizes, groups", ["i"], "Show how large the commits are, then which of them the log proves durable at once, then neither.";

    BenchRun S(Id::Bench), "bench.run", "run", ["enter", "r"], "Run the selected benchmark in child processes; Esc stops it.";
    BenchPause S(Id::Bench), "bench.pause", "hold or go on", ["p", "space"], "Hold the run before its next repeat, or let it go on.";
    BenchBaseline S(Id::Bench), "bench.baseline", "baseline…", ["b"], "Take a folder of results to compare with; an empty name takes none.";
    BenchReplay S(Id::Bench), "bench.replay", "replay…", ["o"], "Show a stored events.jsonl; Left and Right step through it.";
    BenchObserver S(Id::Bench), "bench.observer", "cost of watching", ["w"], "Run it in pairs, watched and unseen, and show what watching costs.";
    BenchSize S(Id::Bench), "bench.size", "trimmed or full size", ["s"], "Run at the trimmed sizes in memory, or at the full sizes on the disk of the temporary folder.";
    BenchFilter S(Id::Bench), "bench.filter", "filter…", ["/"], "Show only benchmarks whose names have these letters.";

    CartridgesQuery S(Id::Cartridges), "cartridges.query", "query…", ["/", "s"], "Ask the cartridges: for the tasks of a type, the counts under a key prefix, or an overview.";
    CartridgesRebuild S(Id::Cartridges), "cartridges.rebuild", "rebuild…", ["b"], "Build the selected cartridge again from the database, once you have said yes; nothing but the cartridge is written.";

    LabNextSync S(Id::Lab), "lab.next_sync", "next sync", ["]"], "Let the power fail just before the next sync: the moments with most on the way.";
    LabPrevSync S(Id::Lab), "lab.previous_sync", "previous sync", ["["], "Let the power fail just before the sync before.";
    LabKeepAll S(Id::Lab), "lab.keep_all", "all survive", ["a"], "Everything on its way to the disk got there.";
    LabLoseAll S(Id::Lab), "lab.lose_all", "none survive", ["z"], "Nothing on its way to the disk got there.";
    LabTear S(Id::Lab), "lab.tear", "tear", ["t"], "Every second sector on its way got there.";
    LabToggle S(Id::Lab), "lab.toggle", "kept, lost, zeros, noise", ["space", "enter"], "Change what becomes of the selected thing.";
    LabRandom S(Id::Lab), "lab.random", "crash at random", ["r"], "A thousand crashes at random moments with random survivors, counted.";
    LabDisk S(Id::Lab), "lab.disk", "honest or lying disk", ["d"], "Let the disk keep its promises, ignore syncs of the log, or ignore syncs of pages and metas.";
    LabWorkload S(Id::Lab), "lab.workload", "another workload", ["o"], "Run the next of the ready workloads on the simulated disk.";
    LabCompose S(Id::Lab), "lab.compose", "write a workload", ["c"], "Type what the engine shall do: put apple, checkpoint, del apple.";
    LabSave S(Id::Lab), "lab.save", "save this case", ["w"], "Write the case to northstar-crash.json, so that it can be run again.";
    LabLoad S(Id::Lab), "lab.load", "load a case", ["L"], "Run a case that was saved, and stand where it crashed.";

    RowsSeek S(Id::Rows), "rows.seek", "seek", ["s"], "Go to the first row at or after a key.";
    TreeFromRow S(Id::Rows), "rows.lookup", "look it up in the tree", ["t"], "Follow the selected key from the root to its leaf on the tree screen.";
    RowsPrefix S(Id::Rows), "rows.prefix", "only a prefix", ["/"], "Show only rows whose keys start so; empty shows all.";
    RowsState S(Id::Rows), "rows.state", "another state", ["o"], "Show the rows of another state: one with pages of its own, or one replayed from the log.";
    RowsFormat S(Id::Rows), "rows.format", "value format", ["v"], "Show values as text, JSON, hexadecimal or integers.";
}

impl Act {
    /// Its row of the table.
    pub fn row(self) -> &'static Action {
        // The macro makes one row for each variant, so the first row always exists.
        ACTIONS.iter().find(|row| row.act == self).unwrap_or(&ACTIONS[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_and_names_are_unique() {
        let mut ids = BTreeSet::new();
        let mut names = BTreeSet::new();
        for row in ACTIONS {
            assert!(ids.insert(row.id), "{} twice", row.id);
            let scoped = format!("{:?} {}", row.scope, row.name);
            assert!(names.insert(scoped.clone()), "{scoped} twice");
            assert!(row.help.ends_with('.') || row.help.ends_with(')'), "{}", row.id);
            assert_eq!(row.act.row().id, row.id);
        }
    }

    #[test]
    fn a_key_means_one_thing_in_a_scope() {
        for (at, row) in ACTIONS.iter().enumerate() {
            for other in ACTIONS.iter().skip(at + 1).filter(|other| other.scope == row.scope) {
                for key in row.keys {
                    assert!(!other.keys.contains(key), "{key}: {} and {}", row.id, other.id);
                }
            }
        }
    }
}
