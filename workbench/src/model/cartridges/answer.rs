//! What a cartridge answers to a question.
//!
//! One question is put to every cartridge, each takes it in its way: a task type, or a key prefix.

use super::printable;
use northstar_engine::Result;
use northstar_engine::cartridge::Cartridge;
use northstar_engine::cartridge::prefix_counts::PrefixTable;
use northstar_engine::queue::pending_tasks::{Pending, PendingTask};
use northstar_engine::shelf::Kind;

/// Lines of an answer that are kept.
const LINES_MAX: usize = 1000;

/// An answer: its first lines, and how many there are.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Answer {
    /// The task types, in name order.
    Types {
        /// How many there are.
        total: u64,
        /// The first of them.
        types: Vec<PendingType>,
    },
    /// The ready tasks of one type, in the order of claims.
    Tasks {
        /// How many there are.
        total: u64,
        /// The first of them.
        tasks: Vec<PendingTask>,
    },
    /// The key prefixes that start with the question, in key order; to an empty one, the outermost.
    Prefixes {
        /// How many there are.
        total: u64,
        /// The first of them.
        prefixes: Vec<CountedPrefix>,
    },
}

/// A task type and its ready tasks.
#[derive(Clone, Debug, serde::Serialize)]
pub struct PendingType {
    /// The type.
    #[serde(rename = "type", serialize_with = "printable")]
    pub task_type: Vec<u8>,
    /// How many are ready.
    pub pending: u64,
    /// The one that is claimed first.
    pub first: Option<PendingTask>,
}

/// A key prefix and what lies under it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct CountedPrefix {
    /// The prefix.
    #[serde(serialize_with = "printable")]
    pub prefix: Vec<u8>,
    /// How many delimiters it ends at.
    pub depth: u32,
    /// Rows whose keys start with it.
    pub rows: u64,
    /// Bytes of their keys.
    pub key_bytes: u64,
    /// Bytes of their values.
    pub value_bytes: u64,
}

impl Answer {
    /// Asks `cartridge`, which is of type `kind`. An empty question asks for all types, or the outermost prefixes.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn of(kind: &Kind, cartridge: &Cartridge, question: &[u8]) -> Result<Self> {
        match kind {
            Kind::PendingTasks(_) if question.is_empty() => types(&Pending::new(cartridge)?),
            Kind::PendingTasks(_) => {
                let tasks = Pending::new(cartridge)?.tasks(question)?;
                let total = tasks.len() as u64;
                Ok(Self::Tasks { total, tasks: tasks.take(LINES_MAX).collect() })
            }
            Kind::PrefixCounts(_) => prefixes(&PrefixTable::new(cartridge)?, question),
        }
    }

    /// Lines that are not kept.
    pub fn unlisted(&self) -> u64 {
        let (total, listed) = match self {
            Self::Types { total, types } => (total, types.len()),
            Self::Tasks { total, tasks } => (total, tasks.len()),
            Self::Prefixes { total, prefixes } => (total, prefixes.len()),
        };
        total.saturating_sub(listed as u64)
    }
}

fn types(pending: &Pending<'_>) -> Result<Answer> {
    let mut types = Vec::new();
    for index in 0..pending.type_count().min(LINES_MAX) {
        let (name, mut tasks) = pending.type_at(index)?;
        let count = tasks.len() as u64;
        types.push(PendingType { task_type: name.to_vec(), pending: count, first: tasks.next() });
    }
    Ok(Answer::Types { total: pending.type_count() as u64, types })
}

fn prefixes(table: &PrefixTable<'_>, question: &[u8]) -> Result<Answer> {
    let (mut total, mut prefixes) = (0, Vec::new());
    for entry in table.under(question)? {
        let entry = entry?;
        if question.is_empty() && entry.depth > 1 {
            continue;
        }
        total += 1;
        if prefixes.len() < LINES_MAX {
            prefixes.push(CountedPrefix {
                prefix: entry.prefix.to_vec(),
                depth: entry.depth,
                rows: entry.rows,
                key_bytes: entry.key_bytes,
                value_bytes: entry.value_bytes,
            });
        }
    }
    Ok(Answer::Prefixes { total, prefixes })
}
