//! The screens by name: one list for keys, palette, command line and breadcrumb.

macro_rules! screens {
    ($( $id:ident, $name:literal, $what:literal; )*) => {
        /// A screen's identity.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ScreenId { $( #[doc = $what] $id, )* }

        impl ScreenId {
            /// All screens, in the order of the number keys.
            pub const ALL: &[Self] = &[ $( Self::$id, )* ];

            /// Its name: in the palette, in the breadcrumb, after `--screen`.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$id => $name, )* }
            }

            /// What it shows, in a sentence.
            pub const fn what(self) -> &'static str {
                match self { $( Self::$id => $what, )* }
            }
        }
    };
}

screens! {
    Map, "map", "Every page of the file, one cell each: kind, state, age, fill, checksum.";
    Page, "page", "One page: its bytes, what each of them means, and whether it is right.";
    Tree, "tree", "The tree by levels, and a look-up step by step.";
    Metas, "metas", "The two meta slots, recovery's rules, and which slot it would choose and why.";
    Log, "log", "The commit log: records, what each did, and how it ends.";
    Time, "time", "The states of the database, and what changed from one to the next.";
    Rows, "rows", "The data: rows in key order, from any key, in any kept state.";
    Lab, "lab", "The Crash Lab: cut the power at any disk operation and watch recovery.";
    Lessons, "lessons", "Guided tours: anatomy, one put, crashes, old readers, splits, cartridges, latencies.";
    Problems, "problems", "Everything that is wrong with the file, rule by rule.";
    Overview, "overview", "The state of everything in one place.";
    Space, "space", "What takes the space: pages by state, bytes by key prefix.";
    Queue, "queue", "The task queue: tasks by type and state.";
    Cartridges, "cartridges", "Cartridges beside the database: whole or not, fresh or behind.";
    Bench, "bench", "Benchmarks, run in a child process and watched live.";
}

impl ScreenId {
    /// The screen shown first.
    pub const FIRST: Self = Self::Map;

    /// Whether it shows something of the program's own rather than of the file.
    pub const fn is_of_program(self) -> bool {
        matches!(self, Self::Lessons | Self::Lab | Self::Bench)
    }

    /// The screen called `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|screen| screen.name() == name)
    }

    /// The screen of a number key, `1` to `9`, then `0`.
    pub fn from_digit(digit: char) -> Option<Self> {
        let digit = usize::try_from(digit.to_digit(10)?).ok()?;
        Self::ALL.get(digit.checked_sub(1).unwrap_or(9)).copied()
    }

    /// The number key that shows it, where it has one.
    pub fn digit(self) -> Option<char> {
        let at = Self::ALL.iter().position(|screen| *screen == self)?;
        match at {
            0..=8 => char::from_digit(u32::try_from(at + 1).ok()?, 10),
            9 => Some('0'),
            _ => None,
        }
    }
}
