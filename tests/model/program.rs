//! Programs: which steps, how often, with which keys and values.

use northstar_engine::{History, LogRetention};

/// What programs of a kind are like.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub name: &'static str,
    pub cache_bytes: usize,
    pub cells_max: Option<usize>,
    pub segment_bytes: u64,
    pub history: History,
    pub log_retention: LogRetention,
    /// Steps of one program.
    pub steps: u64,
    /// Keys are drawn from this many.
    pub keys: u64,
    /// Most operations of one transaction.
    pub batch_max: u64,
    /// Longest value; most are much shorter.
    pub value_bytes_max: usize,
}

impl Shape {
    pub const EVERYTHING: Self = Self {
        name: "everything",
        cache_bytes: 4 << 20,
        cells_max: None,
        segment_bytes: 32 << 10,
        history: History::Last(3),
        log_retention: LogRetention::Recovery,
        steps: 400,
        keys: 600,
        batch_max: 40,
        value_bytes_max: 300,
    };

    pub const DEEP: Self = Self {
        name: "deep trees",
        cells_max: Some(4),
        keys: 3000,
        batch_max: 60,
        value_bytes_max: 40,
        ..Self::EVERYTHING
    };

    pub const SPILLING: Self = Self {
        name: "small cache",
        cache_bytes: 0,
        history: History::Last(0),
        log_retention: LogRetention::Bytes(1 << 20),
        steps: 60,
        keys: 60_000,
        batch_max: 4000,
        value_bytes_max: 400,
        ..Self::EVERYTHING
    };

    pub const LONG_VALUES: Self = Self {
        name: "long values",
        steps: 150,
        keys: 60,
        batch_max: 12,
        value_bytes_max: 120_000,
        history: History::Last(1),
        ..Self::EVERYTHING
    };

    pub const ALL_HISTORY: Self = Self {
        name: "all history",
        history: History::All,
        log_retention: LogRetention::All,
        steps: 250,
        keys: 300,
        ..Self::EVERYTHING
    };

    pub const BATCHES: Self = Self {
        name: "batches",
        cache_bytes: 16 << 20,
        steps: 80,
        keys: 40_000,
        batch_max: 5000,
        value_bytes_max: 60,
        ..Self::EVERYTHING
    };
}

/// A repeatable sequence of numbers (splitmix64).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// A key of the shape: of several lengths, some with long common fronts, one of them empty.
    pub fn key(&mut self, shape: &Shape) -> Vec<u8> {
        let n = self.below(shape.keys);
        match n % 7 {
            0 if n == 0 => Vec::new(),
            0 => format!("a/rather/long/common/front/{n:08}").into_bytes(),
            1 => n.to_be_bytes().to_vec(),
            2 => format!("{n}").into_bytes(),
            3 if n % 91 == 3 => [vec![b'x'; 1500], n.to_be_bytes().to_vec()].concat(),
            _ => format!("k{n:06}").into_bytes(),
        }
    }

    /// A value: mostly short, now and then as long as the shape allows.
    pub fn value(&mut self, shape: &Shape) -> Vec<u8> {
        let longest = match self.below(20) {
            0 => shape.value_bytes_max,
            1..=4 => shape.value_bytes_max / 8,
            _ => 24,
        };
        let bytes = self.below(longest as u64 + 1) as usize;
        let start = self.next();
        (0..bytes).map(|at| (start.wrapping_mul(at as u64 | 1) >> 56) as u8).collect()
    }
}

/// What a program does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Commit,
    CommitEventual,
    Abort,
    EmptyCommit,
    BeginSnapshot,
    EndSnapshot,
    CheckSnapshots,
    BeginPast,
    Sync,
    Checkpoint,
    CheckpointBesideWriter,
    Reopen,
    Drop,
    Compact,
    Verify,
    Diff,
    Backup,
    Read,
    Stream,
    Follow,
    History,
    BesideOpen,
    BesideClose,
    Refused,
    OtherOptions,
}

impl Step {
    /// Draws a step; writing is what happens most.
    pub fn draw(chance: &mut Chance) -> Self {
        match chance.below(100) {
            0..=36 => Self::Commit,
            37..=49 => Self::CommitEventual,
            50..=53 => Self::Abort,
            54..=55 => Self::EmptyCommit,
            56..=59 => Self::BeginSnapshot,
            60..=62 => Self::EndSnapshot,
            63..=64 => Self::CheckSnapshots,
            65..=67 => Self::BeginPast,
            68..=69 => Self::Sync,
            70..=74 => Self::Checkpoint,
            75..=77 => Self::CheckpointBesideWriter,
            78..=79 => Self::Reopen,
            80 => Self::OtherOptions,
            81 => Self::Drop,
            82 => Self::Compact,
            83..=84 => Self::Verify,
            85..=86 => Self::Diff,
            87 => Self::Backup,
            88..=91 => Self::Read,
            92 => Self::Stream,
            93..=94 => Self::Follow,
            95 => Self::History,
            96..=97 => Self::BesideOpen,
            98 => Self::BesideClose,
            _ => Self::Refused,
        }
    }
}
