//! What a page is shown as: one of a few classes, by what the map is asked to show.

use super::Brief;
use northstar_engine::TxnId;
use northstar_engine::format::page::PageType;
use northstar_engine::inspect::find::PageState;

/// What the map shows of each page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// What it holds.
    #[default]
    Kind,
    /// What it is to the file.
    State,
    /// When it was written, from old to new.
    Age,
    /// How full it is.
    Fill,
    /// Whether it verifies.
    Checksum,
    /// Whether the last checkpoint wrote it.
    Changed,
    /// Whether and how an engine of this program holds it in memory.
    Pool,
}

impl Mode {
    /// All of them, in the order `m` walks them.
    pub const ALL: [Self; 7] =
        [Self::Kind, Self::State, Self::Age, Self::Fill, Self::Checksum, Self::Changed, Self::Pool];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::State => "state",
            Self::Age => "age",
            Self::Fill => "fill",
            Self::Checksum => "sum",
            Self::Changed => "diff",
            Self::Pool => "pool",
        }
    }

    /// The one after it, round and round.
    pub fn next(self) -> Self {
        Self::ALL[(self as usize + 1) % Self::ALL.len()]
    }

    /// The mode whose classes are counted page by page for its legend: heat has no names, and a pool is
    /// counted by what it holds.
    pub const fn counted(self) -> Self {
        match self {
            Self::Age | Self::Fill | Self::Pool => Self::Kind,
            other => other,
        }
    }
}

/// A state in words.
pub const fn state_text(state: PageState) -> &'static str {
    match state {
        PageState::Meta => "a meta slot",
        PageState::Live => "live: part of the current tree",
        PageState::Kept => "kept: only an older state uses it",
        PageState::Chain => "bookkeeping of the file",
        PageState::Retired => "retired: not yet free",
        PageState::Free => "free for reuse",
        PageState::Orphan => "orphan: in use, nothing reaches it",
        PageState::Outside => "behind the pages the meta knows",
        PageState::Bad => "broken",
        PageState::Used => "in use",
    }
}

macro_rules! classes {
    ($( $class:ident $name:literal; )*) => {
        /// What a page is shown as.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Class { $( #[doc = $name] $class, )* }

        /// How many there are.
        pub const CLASSES: usize = [$(Class::$class),*].len();

        impl Class {
            /// All of them.
            pub const ALL: [Self; CLASSES] = [$(Self::$class),*];

            /// Its name in the legend.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$class => $name, )* }
            }
        }
    };
}

classes! {
    Bad "bad";
    Orphan "orphan";
    MetaA "meta A";
    MetaB "meta B";
    Meta "meta";
    Internal "internal";
    Leaf "leaf";
    Overflow "overflow";
    Bitmap "bitmap";
    History "history";
    RetiredList "retired list";
    Live "live";
    Kept "kept";
    Chain "chain";
    Retired "retired";
    Outside "outside";
    Used "used";
    Verifies "verifies";
    FreeUnverified "free, unverified";
    Written "last checkpoint";
    Older "written before";
    Free "free";
    NeverWritten "never written";
    NotKnown "not known";
    NotSeen "not visible";
    Pinned "pinned";
    Private "being built";
    BeingWritten "being written";
    Dirty "dirty";
    Hot "clean, hot";
    Cold "clean, cold";
    NotPooled "not in the pool";
    Step0 "step 1"; Step1 "step 2"; Step2 "step 3"; Step3 "step 4";
    Step4 "step 5"; Step5 "step 6"; Step6 "step 7"; Step7 "step 8";
    Unread "not read yet";
}

impl Class {
    const STEPS: [Self; 8] = [
        Self::Step0,
        Self::Step1,
        Self::Step2,
        Self::Step3,
        Self::Step4,
        Self::Step5,
        Self::Step6,
        Self::Step7,
    ];

    fn step(step: u64) -> Self {
        Self::STEPS[usize::try_from(step).unwrap_or(7).min(7)]
    }

    /// Its place on the scale of heat, 0 to 7.
    pub fn heat(self) -> Option<u8> {
        (self as u8).checked_sub(Self::Step0 as u8).filter(|step| *step < 8)
    }

    /// Whether it is wrong.
    pub const fn is_problem(self) -> bool {
        matches!(self, Self::Bad | Self::Orphan)
    }
}

/// What `brief`, page `at` of the file, is shown as in `mode`. `newest` is the newest birth, `base` the
/// state of the checkpoint before the last.
pub(super) fn of(brief: &Brief, at: usize, mode: Mode, newest: u64, base: Option<TxnId>) -> Class {
    if mode == Mode::Pool {
        return Class::NotSeen;
    }
    if brief.is_problem() {
        return match brief.state {
            Some(PageState::Orphan) => Class::Orphan,
            _ => Class::Bad,
        };
    }
    if brief.zero {
        return Class::NeverWritten;
    }
    let free = brief.state == Some(PageState::Free);
    match mode {
        Mode::Checksum if brief.verified => Class::Verifies,
        Mode::Checksum => Class::FreeUnverified,
        _ if free => Class::Free,
        Mode::State => brief.state.map_or(Class::NotKnown, of_state),
        Mode::Age => {
            let birth = brief.birth.map_or(0, std::num::NonZero::get);
            Class::step(birth.saturating_mul(7).checked_div(newest).unwrap_or(0))
        }
        Mode::Fill => Class::step(u64::from(brief.fill_permille.min(999) / 125)),
        Mode::Changed => match base {
            Some(base) if brief.birth.is_some_and(|birth| birth.get() > base.get()) => {
                Class::Written
            }
            _ => Class::Older,
        },
        Mode::Kind | Mode::Pool => of_type(at, brief.page_type),
    }
}

const fn of_state(state: PageState) -> Class {
    match state {
        PageState::Meta => Class::Meta,
        PageState::Live => Class::Live,
        PageState::Kept => Class::Kept,
        PageState::Chain => Class::Chain,
        PageState::Retired => Class::Retired,
        PageState::Free => Class::Free,
        PageState::Orphan => Class::Orphan,
        PageState::Outside => Class::Outside,
        PageState::Bad => Class::Bad,
        PageState::Used => Class::Used,
    }
}

const fn of_type(at: usize, page_type: Option<PageType>) -> Class {
    match page_type {
        Some(PageType::Meta) => match at {
            0 => Class::MetaA,
            1 => Class::MetaB,
            _ => Class::Meta,
        },
        Some(PageType::Internal) => Class::Internal,
        Some(PageType::Leaf) => Class::Leaf,
        Some(PageType::Overflow) => Class::Overflow,
        Some(PageType::Bitmap) => Class::Bitmap,
        Some(PageType::History) => Class::History,
        Some(PageType::Retired) => Class::RetiredList,
        None => Class::Bad,
    }
}
