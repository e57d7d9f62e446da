//! Replays the log's tail: from the meta's state to the last committed one.
//!
//! Called by `db::open`. Spec: `spec/semantics_v0.md`, recovery; crash rule 20: a root is formed for
//! every state that the history keeps, and a sorted batch never crosses one, nor a DelRange.
//! Keeps: LOG-20 (the rows after each formed root are as many as its commit says).
//! Cost: operations are sorted in batches of up to 8 MiB and applied in key order, so that a random
//! tail costs little more than a sorted one.

use crate::error::{Corrupt, Place, Result};
use crate::format::log_record::FLAG_RELOCATE;
use crate::format::op::Op;
use crate::ids::TxnId;
use crate::log::{Chain, Position, Recovery, Scanner, Transaction, Transactions};
use crate::sabotage::{self, Switch};
use crate::tree::Writer;
use crate::txn::History;
use crate::txn::core::Core;
use crate::txn::pipeline::Chained;
use crate::txn::snapshot::{Durability, Snapshot};
use std::{collections::VecDeque, ops::Bound};

/// Bytes of operations that are sorted at a time.
const BATCH_BYTES_MAX: usize = 8 << 20;
/// A value this long goes straight into the tree.
const DIRECT_BYTES_MIN: usize = 1 << 20;

/// Applies the transactions of `recovery` to the core, which stands at state `after`.
pub(crate) fn replay(
    core: &Core,
    chain: Chain,
    recovery: &Recovery,
    after: TxnId,
    keep: History,
) -> Result<()> {
    let mut boundaries = boundaries(&chain, recovery, after, keep)?;
    let mut stream = transactions(chain, recovery, after)?;
    let mut aliases = core.pipeline().tip().alias_count;
    let mut group: Option<Group> = None;
    while let Some(found) = stream.next()? {
        let Some(&boundary) = boundaries.front() else { break };
        let group_now = group.get_or_insert_with(|| Group::begin(core, boundary));
        stream.ops(&mut |op| group_now.apply(op))?;
        aliases = if found.flags & FLAG_RELOCATE != 0 { aliases.saturating_add(1) } else { 0 };
        if found.txn_id == boundary {
            boundaries.pop_front();
            if let Some(group) = group.take() {
                group.finish(core, &found, aliases)?;
            }
        }
    }
    if let Some(boundary) = boundaries.front() {
        let expected = format!("transaction {boundary} in the log");
        let found = format!("an end before {}", recovery.tail);
        return Err(Corrupt::at(Place::Lsn(recovery.tail), "LOG-20", expected, found).into());
    }
    Ok(())
}

/// Memory for roots where nothing may be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Pages that all past states together may copy.
    pub(crate) pages: u64,
    /// The most that an operation copies.
    pub(crate) pages_an_operation: u64,
    /// The most that a state copies, whatever its operations.
    pub(crate) pages_a_state: u64,
}

/// As many of the last states that `keep` asks for as have `room` for roots of their own. The others are
/// rebuilt from the log when they are asked for.
pub(crate) fn fitting(
    chain: &Chain,
    recovery: &Recovery,
    after: TxnId,
    keep: History,
    room: Room,
) -> Result<History> {
    if keep.limit() == 0 {
        return Ok(keep);
    }
    let mut stream = transactions(chain.clone(), recovery, after)?;
    let mut copied = Vec::new();
    while let Some(found) = stream.next()? {
        let pages = found.commit.total_ops.saturating_mul(room.pages_an_operation);
        copied.push(pages.min(room.pages_a_state));
    }
    let mut left = room.pages;
    let fits = |pages: &&u64| {
        let rest = left.checked_sub(**pages);
        left = rest.unwrap_or(left);
        rest.is_some()
    };
    let count = copied.iter().rev().take_while(fits).count();
    let all = count == copied.len();
    Ok(if all { keep } else { History::Last(keep.limit().min(count as u64)) })
}

/// The states that get a root: the last one, and those the history keeps. A relocation stands for
/// its predecessor.
fn boundaries(
    chain: &Chain,
    recovery: &Recovery,
    after: TxnId,
    keep: History,
) -> Result<VecDeque<TxnId>> {
    let keep = if sabotage::on(Switch::SkipReplayRoots) { History::Last(0) } else { keep };
    let mut stream = transactions(chain.clone(), recovery, after)?;
    let mut kept: VecDeque<TxnId> = VecDeque::new();
    while let Some(found) = stream.next()? {
        if found.flags & FLAG_RELOCATE != 0 {
            kept.pop_back();
        }
        kept.push_back(found.txn_id);
        if kept.len() as u64 > keep.limit().saturating_add(1) {
            kept.pop_front();
        }
    }
    Ok(kept)
}

/// Transactions that become one root.
struct Group {
    writer: Writer,
    batch: Batch,
}

impl Group {
    fn begin(core: &Core, boundary: TxnId) -> Self {
        let base = core.pipeline().tip();
        Self {
            writer: Writer::new(core.pager.edit(boundary), base.tree()),
            batch: Batch::default(),
        }
    }

    fn apply(&mut self, op: Op<'_>) -> Result<()> {
        match op {
            Op::Put { key, value } if value.len() >= DIRECT_BYTES_MIN => {
                self.batch.flush(&mut self.writer)?;
                self.writer.insert(key, value)?;
            }
            Op::Put { key, value } => self.batch.push(key, Some(value)),
            Op::Del { key } => self.batch.push(key, None),
            Op::DelRange { start, end, count } => {
                self.batch.flush(&mut self.writer)?;
                let behind = end.map_or(Bound::Unbounded, Bound::Excluded);
                let removed = self.writer.remove_range(Bound::Included(start), behind)?;
                if removed != count {
                    let expected = format!("a range of {count} rows");
                    let place = Place::File;
                    return Err(Corrupt::at(place, "LOG-20", expected, removed).into());
                }
            }
        }
        if self.batch.bytes.len() >= BATCH_BYTES_MAX {
            self.batch.flush(&mut self.writer)?;
        }
        Ok(())
    }

    /// Forms the root of `last` and makes it the visible state.
    fn finish(mut self, core: &Core, last: &Transaction, aliases: u32) -> Result<()> {
        self.batch.flush(&mut self.writer)?;
        let (tree, finished) = self.writer.finish();
        if tree.key_count != last.commit.key_count {
            let expected =
                format!("{} rows after transaction {}", last.commit.key_count, last.txn_id);
            let place = Place::Lsn(last.lsn);
            return Err(Corrupt::at(place, "LOG-20", expected, tree.key_count).into());
        }
        let snapshot = Snapshot {
            txn_id: last.txn_id,
            root: tree.root,
            depth: tree.depth,
            key_count: tree.key_count,
            alias_count: aliases,
            lsn: last.end_lsn,
        };
        let position = Position {
            lsn: last.end_lsn,
            generation: last.generation,
            crc: last.crc,
            txn_id: last.txn_id,
        };
        let commit = Chained { snapshot, position, durability: Durability::Immediate };
        core.adopt(commit, finished.retired);
        Ok(())
    }
}

/// Operations that wait to be applied in key order.
#[derive(Debug, Default)]
struct Batch {
    bytes: Vec<u8>,
    /// Key start, key end, value end; no value for a removal.
    rows: Vec<(usize, usize, Option<usize>)>,
}

impl Batch {
    fn push(&mut self, key: &[u8], value: Option<&[u8]>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        let middle = self.bytes.len();
        let end = value.map(|value| {
            self.bytes.extend_from_slice(value);
            self.bytes.len()
        });
        self.rows.push((start, middle, end));
    }

    fn flush(&mut self, writer: &mut Writer) -> Result<()> {
        let bytes = &self.bytes;
        let key = |row: &(usize, usize, Option<usize>)| &bytes[row.0..row.1];
        self.rows.sort_by(|a, b| key(a).cmp(key(b))); // Stable: of equal keys the last one counts.
        for (index, row) in self.rows.iter().enumerate() {
            if self.rows.get(index + 1).is_some_and(|next| key(next) == key(row)) {
                continue;
            }
            match row.2 {
                Some(end) => writer.insert(key(row), &bytes[row.1..end])?,
                None => writer.remove(key(row))?,
            };
        }
        self.rows.clear();
        self.bytes.clear();
        Ok(())
    }
}

/// The transactions of a scan that recovery starts.
fn transactions(chain: Chain, recovery: &Recovery, after: TxnId) -> Result<Transactions> {
    let scanner = Scanner::new(chain, recovery.from)?.until(recovery.tail);
    Ok(Transactions::new(scanner, Some(after)))
}
