//! What an open database knows of its two meta slots.
//!
//! Filled by `db::open`, moved on by `db::checkpoint`, asked by whoever must know which roots and
//! pages the disk still needs. Keeps crash rules 1, 4 and 22.

use crate::db::chains::ChainPages;
use crate::db::options::LogRetention;
use crate::format::meta::Meta;
use crate::ids::TxnId;
use crate::pager::FreeSpace;

/// A valid meta slot and what hangs on it.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) meta: Meta,
    /// The pages of its bitmap, history and retired rows.
    pub(crate) pages: ChainPages,
    /// The states whose roots it names.
    pub(crate) roots: Vec<TxnId>,
}

/// The two meta slots, and slots that were overwritten while a reader of another process uses them.
#[derive(Debug)]
pub(crate) struct Metas {
    /// By slot number; `None` where the slot is not valid.
    pub(crate) slots: [Option<Slot>; 2],
    /// The sequence of the newest.
    pub(crate) sequence: u64,
    /// Rule 19: the chosen slot is written again and synced before the first checkpoint.
    pub(crate) rewrite: bool,
    /// Length of the file when it was last synced with its length.
    pub(crate) synced_bytes: Option<u64>,
    /// Overwritten slots that foreign readers hold locks on (rule 22).
    pub(crate) held: Vec<Slot>,
    /// Free space that is not used because a foreign reader's roots are unknown (rule 22).
    pub(crate) withheld: Option<FreeSpace>,
    /// What the next meta stores.
    pub(crate) history_limit: u64,
    pub(crate) retention: LogRetention,
    /// Numbers runs of checkpoints, backups and the like.
    pub(crate) next_run: u64,
    /// The files are no longer ours: nothing may be written.
    pub(crate) let_go: bool,
}

impl Metas {
    /// The newest slot.
    pub(crate) fn current(&self) -> &Slot {
        match &self.slots[(self.sequence & 1) as usize] {
            Some(slot) => slot,
            None => unreachable!("the chosen slot is valid"),
        }
    }

    /// The slot that the next checkpoint overwrites, when it is valid.
    pub(crate) fn older(&self) -> Option<&Slot> {
        self.slots[(self.sequence.wrapping_add(1) & 1) as usize].as_ref()
    }

    /// The page behind the last one that any needed slot names.
    pub(crate) fn page_count_min(&self) -> u64 {
        self.needed().map(|slot| slot.meta.page_count).max().unwrap_or(2)
    }

    /// All slots whose content must stay: the valid ones and those held by foreign readers.
    pub(crate) fn needed(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().flatten().chain(&self.held)
    }
}
