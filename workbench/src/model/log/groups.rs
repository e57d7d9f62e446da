//! Commits in groups: those that the log proves durable at once.
//!
//! Each record says up to where the log was known durable when it was written. A commit's proof is the first
//! record behind it that says so, and commits with the same proof are a group. That is all the log tells: a
//! group shared one sync, or several syncs ended between two records. Two commits of one group were in any
//! case written before the first of them was known durable.
//!
//! Cost: one pass over the records.

use northstar_engine::inspect::log::RecordView;
use northstar_engine::{Lsn, TxnId};

/// Commits that the log proves durable at once.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Group {
    /// The first of them,
    pub first: TxnId,
    /// and the last.
    pub last: TxnId,
    /// How many.
    pub commits: u64,
    /// Where the record of the first starts,
    pub start: Lsn,
    /// and where the record of the last does.
    pub last_start: Lsn,
    /// The record that proves them durable; none when no record does.
    pub proven_by: Option<Lsn>,
}

/// The groups of `records`, oldest first.
pub fn groups(records: &[RecordView]) -> Vec<Group> {
    let mut out: Vec<Group> = Vec::new();
    // Commits that no record has proven yet.
    let mut open: Vec<&RecordView> = Vec::new();
    for record in records {
        let proven = open.iter().take_while(|commit| commit.end_lsn <= record.durable_lsn).count();
        out.extend(group(open.drain(..proven), Some(record.lsn)));
        if record.is_commit() {
            open.push(record);
        }
    }
    out.extend(group(open.into_iter(), None));
    out
}

fn group<'a>(
    mut commits: impl Iterator<Item = &'a RecordView>,
    proven_by: Option<Lsn>,
) -> Option<Group> {
    let first = commits.next()?;
    let (last, more) = commits.fold((first, 0), |(_, count), commit| (commit, count + 1));
    Some(Group {
        first: first.txn_id,
        last: last.txn_id,
        commits: 1 + more,
        start: first.lsn,
        last_start: last.lsn,
        proven_by,
    })
}

/// The group of the commit whose record starts at `lsn`.
pub fn group_of(groups: &[Group], lsn: Lsn) -> Option<&Group> {
    let at = groups.partition_point(|group| group.last_start < lsn);
    groups.get(at).filter(|group| group.start <= lsn)
}

/// How many groups have 1 commit, 2, up to 4, up to 8, and so on: the largest of each, and how many groups.
pub fn group_sizes(groups: &[Group]) -> Vec<(u64, u64)> {
    let mut out: Vec<(u64, u64)> = Vec::new();
    for group in groups {
        let largest = group.commits.checked_next_power_of_two().unwrap_or(u64::MAX);
        match out.binary_search_by_key(&largest, |(largest, _)| *largest) {
            Ok(at) => out[at].1 += 1,
            Err(at) => out.insert(at, (largest, 1)),
        }
    }
    out
}

#[cfg(test)]
mod tests;
