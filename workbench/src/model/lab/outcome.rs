//! What came of a crash: which rules decided, where recovery arrived, and whether the promise held.
//!
//! The rules are read off the engine's own judgements (`inspect::metas`, `inspect::log`, the error of
//! recovery itself); nothing is judged here but rows against rows.

use super::experiment::{DATABASE, Experiment, open};
use crate::model::deed::Rows;
use northstar_engine::disk::Storage;
use northstar_engine::format::meta::StepResult;
use northstar_engine::inspect::log::{Tail, records, segments};
use northstar_engine::inspect::{self, Source};
use northstar_engine::sim::{SimDisk, SimImage};
use northstar_engine::{Corrupt, Error, Lsn, Place, Result, TxnId};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;

/// Records read in one go.
const BATCH: usize = 512;

/// What came of a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The operation before which the power went.
    pub at: usize,
    /// What was undecided then.
    pub facts: Vec<String>,
    /// The newest state somebody was promised.
    pub acknowledged: Option<TxnId>,
    /// What decided, in the order it was asked.
    pub decided: Vec<Decision>,
    /// The state of the meta recovery started from.
    pub checkpoint: Option<TxnId>,
    /// The state recovery arrived at.
    pub recovered: Option<TxnId>,
    /// Whether the promise was kept.
    pub verdict: Verdict,
    /// In a sentence.
    pub story: String,
}

/// A rule, and what it decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Its id in `spec/invariants.md`.
    pub rule: &'static str,
    /// What came of it here.
    pub what: String,
}

/// Whether a promise was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything acknowledged is there, and nothing is half there.
    Kept,
    /// Nothing had been promised.
    NothingYet,
    /// An acknowledged commit is lost, or a state is not what it was.
    Broken,
}

impl Verdict {
    /// In words.
    pub const fn what(self) -> &'static str {
        match self {
            Self::Kept => "every promise kept",
            Self::NothingYet => "nothing promised yet",
            Self::Broken => "a promise broken",
        }
    }
}

impl Outcome {
    /// Whether a rule had a say.
    pub fn decided_by(&self, rule: &str) -> bool {
        self.decided.iter().any(|decision| decision.rule == rule)
    }

    /// Whether a meta slot was put out by a rule.
    pub fn slot_is_out(&self) -> bool {
        self.decided.iter().any(|decision| decision.what.contains("is out: "))
    }

    fn decide(&mut self, rule: &'static str, what: impl Into<String>) {
        self.decided.push(Decision { rule, what: what.into() });
    }
}

/// Recovers from `image`, as the disk was before operation `at` of `experiment`.
pub(super) fn of_crash(
    experiment: &Experiment,
    at: usize,
    facts: Vec<String>,
    image: &SimImage,
) -> Outcome {
    let acknowledged = experiment.acknowledged_at(at);
    let promised = acknowledged.is_some();
    let mut outcome = Outcome {
        at,
        facts,
        acknowledged,
        decided: Vec::new(),
        checkpoint: None,
        recovered: None,
        verdict: Verdict::Kept,
        story: String::new(),
    };
    let refused = if promised { Verdict::Broken } else { Verdict::NothingYet };
    if image.len_of(DATABASE).is_none() {
        outcome.decide("CRASH-7", "the file has not got its name yet: there is no database");
        outcome.verdict = refused;
        outcome.story = match promised {
            true => "open had returned, and the file is gone".to_owned(),
            false => "open had not returned: nobody was promised anything".to_owned(),
        };
        return outcome;
    }
    let disk = Arc::new(image.to_disk());
    // A disk of its own: the one that is recovered on loses its torn tail.
    let source = Source::open_on(Arc::new(image.to_disk()) as Arc<dyn Storage>, DATABASE)
        .map_err(|error| outcome.decide("FILE-1", error.to_string()))
        .ok();
    let chosen = source.as_ref().and_then(|source| judge(source, &mut outcome));
    match recover(&disk) {
        Ok((txn, rows)) => {
            // A recovery that refuses replays and cuts nothing.
            if let (Some(source), Some((_, from))) = (&source, chosen) {
                judge_log(source, from, &mut outcome);
            }
            compare(experiment, txn, &rows, &mut outcome);
        }
        Err(error) => {
            outcome.story = match &error {
                Error::Corrupt(corrupt) => refuse(corrupt, chosen, &mut outcome),
                _ => format!("recovery refuses: {error}"),
            };
            outcome.verdict = refused;
        }
    }
    outcome
}

/// Which rule recovery gives for refusing, and where, in words for people.
fn refuse(corrupt: &Corrupt, chosen: Option<(&str, Lsn)>, outcome: &mut Outcome) -> String {
    let what = match (corrupt.rule, &corrupt.place, chosen) {
        ("LOG-6", Place::Lsn(at), Some((slot, lsn))) if *at == lsn => {
            format!("meta {slot} says the log reaches {lsn}; no record ends there")
        }
        _ => format!("expected {}, found {}", corrupt.expected, corrupt.found),
    };
    outcome.decide(corrupt.rule, what);
    match &corrupt.place {
        Place::Lsn(at) => format!("recovery refuses: the log is damaged at position {at}"),
        place => {
            let name = corrupt.file.as_deref().and_then(Path::file_name);
            let name = name.map_or_else(|| "a file".to_owned(), |name| name.display().to_string());
            format!("recovery refuses: {name} is damaged at {place}")
        }
    }
}

/// Asks the metas what recovery will go by; the slot it chooses, and the log position it names.
fn judge(source: &Source, outcome: &mut Outcome) -> Option<(&'static str, Lsn)> {
    let judgement = inspect::metas(source);
    for (slot, name) in ["A", "B"].into_iter().enumerate() {
        let broken = judgement.rules.iter().find_map(|step| match step.slots.get(slot)? {
            StepResult::Broken { expected, found } => Some((step.rule, expected, found)),
            _ => None,
        });
        // Rules about the two together name the loser too: those are told by the choice.
        if let Some((rule, expected, found)) = broken.filter(|(rule, ..)| *rule != "META-11") {
            outcome.decide(rule, format!("meta {name} is out: found {found}, expected {expected}"));
        }
    }
    outcome.checkpoint = judgement.meta().map(|meta| meta.txn_id);
    let (Some(slot), Some(meta)) = (judgement.chosen, judgement.meta()) else {
        outcome.decide("META-11", "no slot is left to choose");
        return None;
    };
    outcome.decide(
        "META-11",
        format!(
            "meta {} is chosen (txn {}, log from {}): {}",
            slot.name(),
            meta.txn_id,
            meta.log_lsn,
            judgement.reason
        ),
    );
    Some((slot.name(), meta.log_lsn))
}

/// What recovery finds in the log behind the chosen meta.
fn judge_log(source: &Source, from: Lsn, outcome: &mut Outcome) {
    let Ok(log) = segments(source) else { return };
    let mut at = from;
    let mut commits: Option<(TxnId, TxnId)> = None;
    let tail = loop {
        let Ok(part) = records(source, &log, at, BATCH) else { return };
        for record in part.records.iter().filter(|record| record.is_commit()) {
            let first = commits.map_or(record.txn_id, |(first, _)| first);
            commits = Some((first, record.txn_id));
        }
        match part.next {
            Some(next) if next > at => at = next,
            _ => break part.tail,
        }
    };
    match commits {
        Some((first, last)) if first == last => {
            outcome.decide("LOG-8", format!("the log continues the meta: txn {last} is replayed"));
        }
        Some((first, last)) => outcome.decide(
            "LOG-8",
            format!("the log continues the meta: txn {first} to {last} are replayed"),
        ),
        None => {}
    }
    if let Some(Tail::Torn { at, fault, bytes, .. }) = tail {
        let what = format!(
            "{bytes} B behind position {at} are no whole record ({}) and nothing proves them durable: cut",
            fault.rule()
        );
        outcome.decide("CRASH-15", what);
    }
}

fn compare(experiment: &Experiment, txn: TxnId, rows: &Rows, outcome: &mut Outcome) {
    outcome.recovered = Some(txn);
    let whole = experiment.states.get(&txn) == Some(rows);
    let promised = outcome.acknowledged.unwrap_or(TxnId::GENESIS);
    (outcome.verdict, outcome.story) = if !whole {
        (Verdict::Broken, format!("txn {txn} is there, but not with the rows it had"))
    } else if txn < promised {
        (Verdict::Broken, format!("{}: txn {txn} is there", lost(txn.next(), promised)))
    } else if txn > promised {
        let more = format!("txn {txn} had not been acknowledged yet, but is there, whole");
        (Verdict::Kept, more)
    } else {
        let plainly = match outcome.acknowledged {
            None => "nothing had been acknowledged; an empty database is there",
            Some(TxnId::GENESIS) => "no commit had been acknowledged, and none is there",
            Some(_) => "exactly what was acknowledged is there",
        };
        (Verdict::Kept, format!("{plainly}: txn {txn}"))
    };
}

/// The commits that are gone though somebody was told that they are safe.
fn lost(first: TxnId, last: TxnId) -> String {
    match last.get() - first.get() {
        0 => format!("txn {last} was acknowledged and is lost"),
        1 => format!("txn {first} and {last} were acknowledged and are lost"),
        _ => format!("txn {first} to {last} were acknowledged and are lost"),
    }
}

fn recover(disk: &Arc<SimDisk>) -> Result<(TxnId, Rows)> {
    let db = open(disk, false)?;
    let read = db.begin_read()?;
    let mut rows = Rows::new();
    for row in read.iter()? {
        let (key, value) = row?;
        rows.insert(key.to_vec(), value.to_vec());
    }
    Ok((read.txn_id(), rows))
}
