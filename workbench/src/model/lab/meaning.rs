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
