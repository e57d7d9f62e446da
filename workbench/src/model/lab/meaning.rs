//! What an operation of the trace means to the engine, and a moment of the trace in words.

use super::experiment::is_log;
use northstar_engine::limits::PAGE_BYTES;
use northstar_engine::sim::{Action, SimOp, Trace};

/// What an operation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A note of the program that ran: a deed, or that it returned.
    Note,
    /// Bytes of a log segment.
    LogWrite,
    /// A sync of a log segment.
    LogSync,
    /// Pages that are no meta.
    PageWrite,
    /// A meta slot.
    MetaWrite,
    /// A sync of the database file.
    DataSync,
    /// A sync of a directory.
    DirectorySync,
    /// A file got another length.
    Length,
    /// A file got, changed or lost its name.
    Name,
}

impl Meaning {
    /// Of an operation.
    pub fn of(op: &SimOp) -> Self {
        let meta_end = 2 * PAGE_BYTES as u64;
        match &op.action {
            Action::Mark { .. } => Self::Note,
            Action::Sync { .. } if is_log(op) => Self::LogSync,
            Action::Sync { .. } => Self::DataSync,
            Action::SyncDir { .. } => Self::DirectorySync,
            Action::Write { .. } if is_log(op) => Self::LogWrite,
            Action::Write { offset, .. } if *offset < meta_end => Self::MetaWrite,
            Action::Write { .. } => Self::PageWrite,
            Action::SetLen { .. } => Self::Length,
            _ => Self::Name,
        }
    }

    /// In a word or two; nothing for a note.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "",
            Self::LogWrite => "log write",
            Self::LogSync => "log sync",
            Self::PageWrite => "page write",
            Self::MetaWrite => "meta write",
            Self::DataSync => "data sync",
            Self::DirectorySync => "dir sync",
            Self::Length => "length",
            Self::Name => "name",
        }
    }
}

/// Whether an operation writes a meta again as it is. A checkpoint that is the first after the open
/// does: what the page cache showed then need not be on the disk (CRASH-19).
pub fn rewrites_meta(trace: &Trace, at: usize) -> bool {
    let Some(op) = trace.ops().get(at).filter(|op| Meaning::of(op) == Meaning::MetaWrite) else {
        return false;
    };
    let Action::Write { file, offset, bytes, .. } = &op.action else { return false };
    let before = trace.ops().iter().take(at).rev().find_map(|op| match &op.action {
        Action::Write { file: other, offset: place, bytes, .. }
            if other == file && place == offset =>
        {
            Some(bytes)
        }
        _ => None,
    });
    before.is_some_and(|before| before.starts_with(bytes))
}

/// An operation in a line that starts with what it means; where it went comes last. The word or two of
/// its [`Meaning`] stand before the line and are not in it.
pub fn line(trace: &Trace, at: usize) -> String {
    let told = trace.describe(at);
    let Some(op) = trace.ops().get(at) else { return told };
    if !matches!(op.action, Action::Write { .. }) {
        return told;
    }
    let told = told.strip_prefix("write ").unwrap_or(&told);
    let told = match Meaning::of(op) {
        Meaning::MetaWrite => told.strip_prefix("meta ").unwrap_or(told),
        _ => told,
    };
    match (rewrites_meta(trace, at), told.split_once(": "), told.rsplit_once(" (")) {
        (true, Some((slot, _)), Some((_, place))) => {
            format!("{slot} once more, unchanged (CRASH-19) ({place}")
        }
        _ => told.to_owned(),
    }
}

/// The moment before operation `at`, in words: in which deed, between which two operations.
pub fn moment(trace: &Trace, at: usize) -> String {
    let ops = trace.ops();
    let (past, future) = ops.split_at(at.min(ops.len()));
    let note = past.iter().rev().find_map(|op| match &op.action {
        Action::Mark { text } => Some(text.as_str()),
        _ => None,
    });
    let since = past.iter().rev().map(Meaning::of).next().filter(|last| *last != Meaning::Note);
    let next = future.iter().map(Meaning::of).next().filter(|next| *next != Meaning::Note);
    let mut words = note.unwrap_or("before anything happened").to_owned();
    if let Some(last) = since {
        words += &format!(": the {} is done", last.name());
    }
    match next {
        Some(next) if since.is_some() => words += &format!(", the {} is not", next.name()),
        Some(next) => words += &format!(": before the {}", next.name()),
        None => {}
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::lab::{Experiment, WORKLOADS};

    #[test]
    fn what_an_operation_means_comes_first() {
        let script = WORKLOADS[0].1.parse().expect("a script");
        let trace = Experiment::run(script).expect("the workload runs").trace;
        let metas: Vec<String> = (0..trace.len())
            .filter(|at| Meaning::of(&trace.ops()[*at]) == Meaning::MetaWrite)
            .map(|at| line(&trace, at))
            .collect();
        assert_eq!(
            metas,
            [
                "A: txn 0, log from 0, sequence 0 (/lab.ns.new 0..16384)",
                "B: txn 0, log from 0, sequence 1 (/lab.ns.new 16384..32768)",
                "B once more, unchanged (CRASH-19) (/lab.ns 16384..16896)",
                "A: txn 2, log from 360, sequence 2 (/lab.ns 0..512)",
            ]
        );
        assert_eq!(line(&trace, 17), "commit 1 (/lab.ns.log 4096..4272)");
        assert_eq!(line(&trace, 18), "sync /lab.ns.log");
        assert_eq!(line(&trace, 16), "-- put apple");
        assert_eq!(line(&trace, trace.len()), "");
    }

    #[test]
    fn every_moment_of_a_commit_has_words() {
        let script = WORKLOADS[0].1.parse().expect("a script");
        let trace = Experiment::run(script).expect("the workload runs").trace;
        let words: Vec<String> = (0..=trace.len()).map(|at| moment(&trace, at)).collect();
        for wanted in [
            "put apple: before the log write",
            "put apple: the log write is done, the log sync is not",
            "checkpoint: the page write is done, the data sync is not",
            "checkpoint: the meta write is done, the data sync is not",
            "commit returned: durable (txn 1)",
        ] {
            assert!(words.iter().any(|words| words == wanted), "{wanted}: {words:#?}");
        }
    }
}
