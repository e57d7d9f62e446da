//! Workloads as text: a configuration, a dash, and one letter a step. `0R5-pkP` reads: no history,
//! log kept for recovery only, sectors of 512 bytes; put, checkpoint, put a long value. With a `t`
//! behind the configuration everything is tiny: four cells a page, short segments, short records.
//!
//! Text makes a reproducer: it can be printed, shrunk letter by letter, and kept in a list.

use northstar_engine::{
    History, LogRetention,
    db::options::Tuning,
    disk::{Entropy, SeededEntropy},
};
use std::fmt;

/// One step. The letter is its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step(pub char);

/// Every step there is, with what it does.
pub const STEPS: &[(char, &str)] = &[
    ('p', "put a short row, commit"),
    ('P', "put a long value, commit"),
    ('b', "put five rows, commit"),
    ('f', "put sixty rows, commit"),
    ('m', "replace a row, commit"),
    ('d', "delete a row, commit"),
    ('r', "delete a range, commit"),
    ('e', "put a short row, commit without waiting"),
    ('E', "put a long value, commit without waiting"),
    ('G', "put more than one log record holds, commit"),
    ('a', "put a row, give up"),
    ('A', "put more than one log record holds, give up"),
    ('z', "commit nothing"),
    ('s', "sync"),
    ('k', "checkpoint"),
    ('K', "checkpoint in the middle of a transaction, of many records if tiny; commit"),
    ('i', "checkpoint with a commit between any two of its steps"),
    ('o', "open a snapshot"),
    ('c', "check and close the oldest snapshot"),
    ('x', "close and open again"),
    ('q', "die without a word and open again: what was not synced is in the page cache"),
    ('C', "compact"),
    ('B', "back up to another name, and compare"),
    ('v', "verify"),
];

/// The steps of exhaustive sequences: one of each kind that does something different to the disk.
pub const SHORT: &[char] = &['p', 'P', 'd', 'e', 's', 'k', 'o', 'x', 'q', 'C'];

/// Steps of random workloads; a letter that comes twice is twice as likely.
const RANDOM: &[char] = &[
    'p', 'p', 'p', 'P', 'b', 'f', 'm', 'm', 'd', 'd', 'r', 'e', 'e', 'e', 'E', 'a', 'z', 's', 'k',
    'k', 'o', 'c', 'x', 'q', 'C', 'K', 'A', 'B', 'i',
];

/// A configuration and its steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// `0`, `2` or `A`: past states kept.
    pub history: char,
    /// `R`, `B` or `A`: log kept.
    pub log: char,
    /// `5` or `4`: sectors of 512 or 4096 bytes.
    pub sectors: char,
    /// Four cells a page, segments of 16 KiB, records of 2 KiB: few steps reach deep trees, many
    /// segments and chains of continuations.
    pub tiny: bool,
    /// What happens.
    pub steps: Vec<Step>,
}

impl Workload {
    pub fn history(&self) -> History {
        match self.history {
            '2' => History::Last(2),
            'A' => History::All,
            _ => History::Last(0),
        }
    }

    pub fn log_retention(&self) -> LogRetention {
        match self.log {
            'B' => LogRetention::Bytes(64 << 10),
            'A' => LogRetention::All,
            _ => LogRetention::Recovery,
        }
    }

    /// The sizes inside.
    pub fn tuning(&self) -> Tuning {
        let mut tuning = Tuning::default();
        if self.tiny {
            tuning.cells_max = Some(4);
            tuning.log.segment_bytes_min = 16 << 10;
            tuning.log.segment_bytes_max = 16 << 10;
            tuning.log.payload_bytes_max = 2 << 10;
        }
        tuning
    }

    pub fn sector_bytes(&self) -> usize {
        if self.sectors == '4' { 4096 } else { 512 }
    }

    /// A workload from its text, or from a seed in digits.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Ok(seed) = text.parse::<u64>() {
            return Ok(Self::random(seed, 24));
        }
        let (config, steps) = text.split_once('-').ok_or("a workload is CONFIG-STEPS or a seed")?;
        let mut config: Vec<char> = config.chars().collect();
        let tiny = config.get(3) == Some(&'t');
        config.truncate(if tiny { 3 } else { 4 });
        let [history, log, sectors] = config[..] else {
            return Err(format!("a configuration is three characters, not {config:?}"));
        };
        let known = "02A".contains(history) && "RBA".contains(log) && "54".contains(sectors);
        if !known {
            return Err(format!("unknown configuration {config:?}"));
        }
        let steps: Vec<Step> = steps.chars().map(Step).collect();
        match steps.iter().find(|step| STEPS.iter().all(|(letter, _)| *letter != step.0)) {
            Some(step) => Err(format!("unknown step {:?}", step.0)),
            None => Ok(Self { history, log, sectors, tiny, steps }),
        }
    }

    /// The workload of a seed.
    pub fn random(seed: u64, steps: usize) -> Self {
        let entropy = SeededEntropy::new(seed ^ 0x6e73_7461_7277_6c64);
        let pick = |from: &[char]| from[entropy.below(from.len() as u64) as usize];
        let (history, log, sectors) =
            (pick(&['0', '2', 'A']), pick(&['R', 'B', 'A']), pick(&['5', '5', '4']));
        let tiny = entropy.next_u64().is_multiple_of(2);
        let steps = (0..steps).map(|_| Step(pick(RANDOM))).collect();
        Self { history, log, sectors, tiny, steps }
    }

    /// The same without step `index`.
    pub fn without(&self, index: usize) -> Self {
        let mut shorter = self.clone();
        shorter.steps.remove(index);
        shorter
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tiny = if self.tiny { "t" } else { "" };
        write!(f, "{}{}{}{tiny}-", self.history, self.log, self.sectors)?;
        self.steps.iter().try_for_each(|step| write!(f, "{}", step.0))
    }
}

#[test]
fn workloads_read_back_as_they_print() {
    for seed in 0..50 {
        let workload = Workload::random(seed, 10);
        assert_eq!(Workload::parse(&workload.to_string()), Ok(workload));
    }
    for wrong in ["", "p", "0R-p", "9R5-p", "0R5-?"] {
        assert!(Workload::parse(wrong).is_err(), "{wrong:?}");
    }
}
