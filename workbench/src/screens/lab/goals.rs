//! What steps of lessons ask for in the lab, and whether it is there.

use super::{LabDisk, LabScreen};
use crate::model::lab::meaning::rewrites_meta;
use crate::model::lab::{Meaning, Verdict};

pub(super) fn achieved(screen: &LabScreen, what: &str) -> bool {
    let Some(outcome) = &screen.outcome else { return false };
    // What is shown must be of this moment.
    if outcome.at != screen.timeline.at {
        return false;
    }
    let (acknowledged, recovered) = (outcome.acknowledged, outcome.recovered);
    let pending = |word: &str| outcome.facts.iter().any(|fact| fact.contains(word));
    let kept = outcome.verdict == Verdict::Kept;
    match what {
        // A commit on its way to the disk was lost, and nobody had been told it was safe.
        "unsynced lost" => pending("commit") && recovered.is_some() && recovered == acknowledged,
        "unacknowledged survived" => recovered > acknowledged && acknowledged.is_some(),
        "torn record" => outcome.decided_by("CRASH-15") && kept,
        "nothing in flight" => {
            outcome.facts.is_empty() && recovered == acknowledged && recovered > outcome.checkpoint
        }
        "pages in flight" => pending("(page") && !pending("(meta") && outcome.decided_by("LOG-8"),
        "meta in flight" => new_meta_in_flight(screen),
        "damaged meta" => new_meta_in_flight(screen) && outcome.slot_is_out() && kept,
        "honest" => screen.disk == LabDisk::Honest,
        "disk lies" => screen.disk == LabDisk::IgnoresLogSyncs,
        "refused" => outcome.verdict == Verdict::Broken && recovered.is_none(),
        "counted" => screen.tally.as_ref().is_some_and(|tally| tally.tried >= 100),
        _ => false,
    }
}

/// Whether the meta that would be chosen is on its way: not one that is written again as it was.
fn new_meta_in_flight(screen: &LabScreen) -> bool {
    let Some(experiment) = &screen.experiment else { return false };
    let trace = &experiment.trace;
    screen.timeline.at > experiment.opened()
        && screen.facts.iter().any(|fact| {
            let op = trace.ops().get(fact.op);
            op.is_some_and(|op| Meaning::of(op) == Meaning::MetaWrite)
                && !rewrites_meta(trace, fact.op)
        })
}
