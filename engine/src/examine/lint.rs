//! What breaks no rule and is worth knowing, with its reason and what to do about it.
//!
//! Called by the parent module. The numbers are explained in `spec/invariants.md`, *Lints*.

use crate::cartridge::Cartridge;
use crate::error::{Error, Place};
use crate::ids::TxnId;
use crate::inspect::Source;
use crate::inspect::find::LevelStats;
use crate::shelf::{self, Kind};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Something worth knowing at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lint {
    /// Its number in `spec/invariants.md`.
    pub rule: &'static str,
    /// Which file.
    pub file: PathBuf,
    /// Where in it.
    pub place: Place,
    /// What is so.
    pub found: String,
    /// What can be done about it.
    pub advice: String,
}

impl std::fmt::Display for Lint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { rule, place, found, advice, .. } = self;
        write!(f, "lint: {place}: {rule}: {found}; {advice}")
    }
}

/// Levels of fewer nodes are not judged: their last node and what a root leaves over weigh too much, and
/// there is little to win.
const LEVEL_NODES_MIN: u64 = 16;
/// A level of which less than this is in use, in percent, is worth a word. A split leaves two halves, so
/// nodes that only ever grew are half full at worst; what is well below that has lost rows. The engine joins
/// neighbours only below a quarter: it does not come back before a `compact`.
const FILL_PERCENT_MIN: u64 = 40;

/// LINT-1: levels of the current tree that are mostly empty. `levels` has the leaves first.
pub(super) fn low_fill(database: &Path, levels: &[LevelStats]) -> Vec<Lint> {
    let mut lints = Vec::new();
    for (level, stats) in levels.iter().enumerate() {
        let LevelStats { nodes, bytes_used, bytes_room, .. } = *stats;
        let percent = bytes_used.saturating_mul(100).checked_div(bytes_room).unwrap_or(100);
        if nodes < LEVEL_NODES_MIN || percent >= FILL_PERCENT_MIN {
            continue;
        }
        let room = bytes_room.checked_div(nodes).unwrap_or(1).max(1);
        let needed = bytes_used.div_ceil(room);
        let (what, who) = match level {
            0 => ("leaves".to_owned(), "compact packs them, and a backup is written densely"),
            level => (format!("nodes of level {level}"), "a backup is written densely"),
        };
        lints.push(Lint {
            rule: "LINT-1",
            file: database.to_path_buf(),
            place: Place::File,
            found: format!("{nodes} {what}, {percent} % full on average: {needed} could hold all"),
            advice: format!("{who}: about {} pages less", nodes.saturating_sub(needed)),
        });
    }
    lints
}

/// LINT-2: a whole cartridge that does not answer for the state `newest` of `source`, or of which nobody can
/// tell. None for a type that this program does not have: it cannot know what such a one reads.
pub(super) fn stale(source: &Source, newest: TxnId, cartridge: &Cartridge) -> Option<Lint> {
    let kind = Kind::of(cartridge).ok()?;
    let judged = shelf::judge(source.path(), (source.uuid(), newest), &kind, cartridge);
    let found = match judged {
        Ok(staleness) if staleness.is_fresh() => return None,
        Ok(staleness) => {
            let reasons: Vec<String> = staleness.reasons.iter().map(ToString::to_string).collect();
            let (built, now) = (staleness.built_at, staleness.now_at);
            format!(
                "stale: answers for transaction {built}, the database is at {now}: {}",
                reasons.join("; ")
            )
        }
        Err(error) => format!("nobody can tell whether it is stale: {error}"),
    };
    Some(Lint {
        rule: "LINT-2",
        file: cartridge.path().to_path_buf(),
        place: Place::File,
        found,
        advice: "cartridge build, or b on the workbench's screen of cartridges, builds it again"
            .to_owned(),
    })
}

/// LINT-3: a cartridge that cannot be read.
pub(super) fn unread(path: &Path, error: &Error) -> Lint {
    Lint {
        rule: "LINT-3",
        file: path.to_path_buf(),
        place: Place::File,
        found: format!("not checked: {error}"),
        advice: "make it readable, read it with the version that wrote it, or build it again"
            .to_owned(),
    }
}
