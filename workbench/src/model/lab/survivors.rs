//! What is on its way to the disk, as a list for people: what goes together, and what carries what along.

use northstar_engine::sim::{Fact, FactKind, Fate};
use std::ops::Range;

/// One row of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survivor {
    /// The facts it stands for; they share a fate as long as it is chosen here.
    pub facts: Range<usize>,
    /// The number of the operation, what it wrote, and where.
    pub what: String,
}

/// The list. The sectors of zeros that one operation wrote in a row are one thing.
pub fn survivors(facts: &[Fact]) -> Vec<Survivor> {
    let mut rows: Vec<(Option<usize>, Survivor)> = Vec::new();
    for (at, fact) in facts.iter().enumerate() {
        let zeros_of = is_zeros(fact).then_some(fact.op);
        match rows.last_mut() {
            Some((of, row)) if of.is_some() && *of == zeros_of => {
                row.facts.end = at + 1;
                row.what = format!("{} {} sectors of zeros", fact.op, row.facts.len());
            }
            _ => rows.push((zeros_of, Survivor { facts: at..at + 1, what: what(fact) })),
        }
    }
    rows.into_iter().map(|(_, row)| row).collect()
}

fn is_zeros(fact: &Fact) -> bool {
    match &fact.kind {
        FactKind::Sector { bytes, range, .. } => {
            bytes.get(range.0..range.1).is_some_and(|part| part.iter().all(|byte| *byte == 0))
        }
        _ => false,
    }
}

/// `op 17: /lab.ns.log sector 8 (commit 1)`, with what it means before where it is.
fn what(fact: &Fact) -> String {
    let told = fact.to_string();
    let told = told.strip_prefix("op ").unwrap_or(&told);
    let told = told
        .replace("/lab.ns.log sector", "log sector")
        .replace("/lab.ns sector", "file sector")
        .replace("/lab.ns", "lab.ns");
    let Some((op, rest)) = told.split_once(": ") else { return told };
    match rest.split_once(" (") {
        Some((place, meaning)) if matches!(fact.kind, FactKind::Sector { .. }) => {
            format!("{op} {} ({place})", meaning.trim_end_matches(')'))
        }
        _ => format!("{op} {rest}"),
    }
}

/// The operation that carries fact `at` along although it counts as lost: a later write to the same
/// sector that arrived. A sector is written whole, with what earlier writes had put into it.
pub fn carried_by(facts: &[Fact], fates: &[Fate], at: usize) -> Option<usize> {
    let place = |fact: &Fact| match &fact.kind {
        FactKind::Sector { file, sector, offset, range, .. } => {
            Some(((*file, *sector), *offset, *offset + (range.1 - range.0) as u64))
        }
        _ => None,
    };
    let (sector, start, end) = place(facts.get(at)?)?;
    if fates.get(at) != Some(&Fate::Lost) {
        return None;
    }
    let mut carrier = None;
    for (fact, fate) in facts.iter().zip(fates).skip(at + 1) {
        match place(fact) {
            // What was written over is not carried by anything.
            Some((other, from, to)) if other == sector && from <= start && to >= end => {
                return carrier;
            }
            Some((other, ..)) if other == sector && *fate != Fate::Lost => carrier = Some(fact.op),
            _ => {}
        }
    }
    carrier
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::lab::{Experiment, LabDisk};

    fn facts(script: &str, disk: LabDisk) -> (Vec<Fact>, Experiment) {
        let run = Experiment::run(script.parse().expect("a script")).expect("the workload runs");
        let point = run.moment(run.trace.len(), disk);
        (point.facts().to_vec(), run)
    }

    #[test]
    fn a_commit_that_a_kept_sector_carries_along_is_not_lost() {
        let (facts, run) = facts("put a, put b", LabDisk::IgnoresLogSyncs);
        let rows: Vec<String> = survivors(&facts).into_iter().map(|row| row.what).collect();
        assert_eq!(rows, ["17 commit 1 (log sector 8)", "21 commit 2 (log sector 8)"]);
        let fates = [Fate::Lost, Fate::Kept];
        assert_eq!(carried_by(&facts, &fates, 0), Some(21));
        assert_eq!(carried_by(&facts, &fates, 1), None);
        assert_eq!(carried_by(&facts, &[Fate::Lost; 2], 0), None);
        // And so it is: recovery finds both.
        let outcome = run.crash(run.trace.len(), LabDisk::IgnoresLogSyncs, &fates);
        assert_eq!(outcome.recovered, outcome.acknowledged);
    }

    #[test]
    fn zeros_of_one_operation_are_one_thing() {
        let run = Experiment::run("put a".parse().expect("a script")).expect("the workload runs");
        let point = run.moment(5, LabDisk::Honest);
        let rows = survivors(point.facts());
        assert!(point.facts().len() > 50 && rows.len() < 10, "{rows:#?}");
        assert!(rows.iter().any(|row| row.what.ends_with(" sectors of zeros")), "{rows:#?}");
        let stood_for: usize = rows.iter().map(|row| row.facts.len()).sum();
        assert_eq!(stood_for, point.facts().len());
    }
}
