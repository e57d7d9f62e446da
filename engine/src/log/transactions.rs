//! Whole committed transactions, chains of continuations joined.
//!
//! ```text
//!  continuation 0 ─▶ continuation 1 ─▶ … ─▶ commit   = one transaction
//!  continuation 0 ─▶ … ─▶ abort flag, or another transaction's record = nothing
//! ```
//!
//! Called by recovery, replay, `commits` and cartridges. Keeps LOG-8, LOG-10 to LOG-12 and crash
//! rules 17 and 21: ids rise by exactly 1, a chain counts only with its commit. Cost: one pass; the
//! operations of a chain are read a second time, record by record, so memory stays at one record.

use super::scan::{Scanner, Tail};
use super::segments::Chain;
use crate::error::{Corrupt, Error, Place, Result};
use crate::format::log_record::{
    CommitHeader, FLAG_ABORT, FLAG_EVENTUAL, FLAG_RELOCATE, RecordHeader, RecordType, judge_commit,
};
use crate::format::op::{Op, OpReader};
use crate::ids::{Lsn, TxnId};
use crate::sabotage::{self, Switch};

/// A committed transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The state it made.
    pub txn_id: TxnId,
    /// Where its first record starts.
    pub first_lsn: Lsn,
    /// Where its commit record starts.
    pub lsn: Lsn,
    /// Where its commit record ends.
    pub end_lsn: Lsn,
    /// Generation of the commit record's segment.
    pub generation: u64,
    /// Identity of the commit record.
    pub crc: u32,
    /// Flags of the commit record.
    pub flags: u32,
    /// What the commit record says.
    pub commit: CommitHeader,
}

impl Transaction {
    /// Whether it moved pages and changed no content.
    pub const fn is_relocation(&self) -> bool {
        self.flags & FLAG_RELOCATE != 0
    }

    /// Whether it did not wait for its sync.
    pub const fn is_eventual(&self) -> bool {
        self.flags & FLAG_EVENTUAL != 0
    }
}

/// Reads the committed transactions of a chain, one behind the other.
#[derive(Debug)]
pub struct Transactions {
    scanner: Scanner,
    start: Lsn,
    last: Option<TxnId>,
    open: Option<OpenChain>,
    current: Option<Transaction>,
    failed: bool,
}

/// Continuations whose commit has not come yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct OpenChain {
    first: Lsn,
    txn_id: TxnId,
    count: u32,
    total_ops: u64,
}

impl Transactions {
    /// Reads what `scanner` yields; the first transaction must be the one behind `after`, if given.
    ///
    /// Without `after` it starts with the first transaction that is there as a whole.
    pub fn new(scanner: Scanner, after: Option<TxnId>) -> Self {
        let start = scanner.position();
        Self { scanner, start, last: after, open: None, current: None, failed: false }
    }

    /// All transactions of a chain, from its start.
    ///
    /// # Errors
    /// `Corrupt` when the chain is empty.
    pub fn of(chain: Chain) -> Result<Self> {
        let start = chain.start_lsn().unwrap_or_default();
        Ok(Self::new(Scanner::new(chain, start)?, None))
    }

    /// The next transaction; `None` at the tail, and after an error.
    ///
    /// # Errors
    /// Those of [`Scanner::next`]; `Corrupt` when ids or chains are not joined as they must be.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Transaction>> {
        self.current = None;
        if self.failed {
            return Ok(None);
        }
        let outcome = self.advance();
        self.failed = outcome.is_err();
        self.current = *outcome.as_ref().unwrap_or(&None);
        outcome
    }

    fn advance(&mut self) -> Result<Option<Transaction>> {
        loop {
            let start = self.start;
            let Some(record) = self.scanner.next()? else { return Ok(None) };
            let (lsn, header) = (record.lsn, record.header);
            let checked = match header.kind() {
                Some(RecordType::Checkpoint) | None => Ok(Step::Pass),
                Some(RecordType::Continuation) => judge_commit(record.payload, &header, lsn)
                    .and_then(|(part, _)| {
                        continued(self.open, lsn, &header, &part, start).map(Step::Open)
                    }),
                Some(RecordType::Commit) => {
                    judge_commit(record.payload, &header, lsn).and_then(|(commit, _)| {
                        let whole = committed(self.open, lsn, &commit, start)?;
                        let given_up = self.open.filter(|_| sabotage::on(Switch::JoinAnyChain));
                        let transaction = Transaction {
                            txn_id: header.txn_id,
                            first_lsn: given_up.map_or(commit.chain_first, |open| open.first),
                            lsn,
                            end_lsn: record.end_lsn,
                            generation: record.generation,
                            crc: record.crc,
                            flags: header.flags,
                            commit,
                        };
                        Ok(if whole { Step::Whole(transaction) } else { Step::Cut })
                    })
                }
            };
            let step = checked.map_err(|corrupt| self.in_file(corrupt))?;
            self.check_id(lsn, &header)?;
            match step {
                Step::Pass => {}
                Step::Open(open) => self.open = open,
                Step::Cut => (self.open, self.last) = (None, Some(header.txn_id)),
                Step::Whole(transaction) => {
                    (self.open, self.last) = (None, Some(header.txn_id));
                    return Ok(Some(transaction));
                }
            }
        }
    }

    /// LOG-8: commits and continuations are of the next transaction, other records of the last.
    fn check_id(&self, lsn: Lsn, header: &RecordHeader) -> Result<()> {
        let Some(last) = self.last else { return Ok(()) };
        let expected = match header.kind() {
            Some(RecordType::Commit | RecordType::Continuation) => last.next(),
            _ => last,
        };
        if header.txn_id == expected {
            return Ok(());
        }
        let expected = format!("a {} of transaction {expected}", name(header));
        Err(self.in_file(Corrupt::at(Place::Lsn(lsn), "LOG-8", expected, header.txn_id)))
    }

    fn in_file(&self, corrupt: Corrupt) -> Error {
        let chain = self.scanner.chain();
        let at = chain.segment_before(self.scanner.position());
        match at.and_then(|index| chain.segments().get(index)) {
            Some(segment) => corrupt.in_file(&segment.path).into(),
            None => corrupt.into(),
        }
    }

    /// Calls `visit` with each operation of the transaction that `next` gave last, in order.
    ///
    /// # Errors
    /// `Corrupt` when an operation cannot be decoded or their number differs; what `visit` returns.
    pub fn ops(&mut self, visit: &mut dyn FnMut(Op<'_>) -> Result<()>) -> Result<()> {
        let Some(transaction) = self.current else { return Ok(()) };
        if transaction.first_lsn != transaction.lsn {
            let scanner = Scanner::new(self.scanner.chain().clone(), transaction.first_lsn)?;
            let mut scanner = scanner.until(transaction.lsn);
            while let Some(record) = scanner.next()? {
                if record.header.kind() != Some(RecordType::Continuation) {
                    continue;
                }
                let judged = judge_commit(record.payload, &record.header, record.lsn);
                let (part, bytes) = judged.map_err(|corrupt| self.in_file(corrupt))?;
                if part.chain_first == transaction.first_lsn {
                    self.visit_part(&part, bytes, record.lsn, visit)?;
                }
            }
        }
        let Some(record) = self.scanner.current() else { return Ok(()) };
        let judged = judge_commit(record.payload, &record.header, record.lsn);
        let (part, bytes) = judged.map_err(|corrupt| self.in_file(corrupt))?;
        self.visit_part(&part, bytes, record.lsn, visit)
    }

    fn visit_part(
        &self,
        part: &CommitHeader,
        bytes: &[u8],
        lsn: Lsn,
        visit: &mut dyn FnMut(Op<'_>) -> Result<()>,
    ) -> Result<()> {
        for op in OpReader::new(bytes, part.op_count, lsn) {
            visit(op.map_err(|corrupt| self.in_file(corrupt))?)?;
        }
        Ok(())
    }

    /// The last transaction seen, or the one it was told to start behind.
    pub fn last_txn(&self) -> Option<TxnId> {
        self.last
    }

    /// Where a chain starts whose commit has not come yet.
    pub fn open_chain(&self) -> Option<Lsn> {
        self.open.map(|open| open.first)
    }

    /// How the scan ended, once `next` gave `None`.
    pub fn tail(&self) -> Option<Tail> {
        self.scanner.tail()
    }

    /// After `Corrupt`: goes on behind the damage; `false` when no sound record follows.
    ///
    /// # Errors
    /// `Io`.
    pub fn skip_damage(&mut self) -> Result<bool> {
        if !self.failed {
            return Ok(false);
        }
        // Where the records are sound and only their joins are not, the next one is the way on.
        let found = !self.scanner.has_failed() || self.scanner.skip_damage()?;
        if found {
            self.start = self.scanner.position();
            (self.last, self.open, self.failed) = (None, None, false);
        }
        Ok(found)
    }

    /// The scanner below.
    pub fn scanner(&self) -> &Scanner {
        &self.scanner
    }

    /// The scanner below, to go on in a chain that has grown.
    pub fn scanner_mut(&mut self) -> &mut Scanner {
        &mut self.scanner
    }
}

enum Step {
    Pass,
    Open(Option<OpenChain>),
    Cut,
    Whole(Transaction),
}

fn name(header: &RecordHeader) -> &'static str {
    header.kind().map_or("record", RecordType::name)
}

/// LOG-11 for a continuation: it starts a chain, or is the next of the open one. A chain that
/// started before the scan did is passed over.
fn continued(
    open: Option<OpenChain>,
    lsn: Lsn,
    header: &RecordHeader,
    part: &CommitHeader,
    start: Lsn,
) -> Result<Option<OpenChain>, Corrupt> {
    let bad =
        |expected: &str, found: u64| Err(Corrupt::at(Place::Lsn(lsn), "LOG-11", expected, found));
    if header.flags & FLAG_ABORT != 0 && part.chain_first < lsn {
        return match open {
            Some(open) if open.first == part.chain_first && open.count == part.chain_index => {
                Ok(Some(open).filter(|_| sabotage::on(Switch::JoinAnyChain)))
            }
            None if part.chain_first < start => Ok(None),
            _ => bad("an abort of the open chain", part.chain_first.get()),
        };
    }
    let Some(count) = part.chain_index.checked_add(1) else {
        return bad("a chain index in range", part.chain_index.into());
    };
    let next = OpenChain {
        first: part.chain_first,
        txn_id: part.txn_id,
        count,
        total_ops: part.total_ops,
    };
    if part.chain_first == lsn {
        return Ok(Some(next));
    }
    match open {
        Some(open) => {
            let joins = open.first == part.chain_first
                && open.txn_id == part.txn_id
                && open.count == part.chain_index
                && open.total_ops.checked_add(part.op_count) == Some(part.total_ops);
            if joins {
                Ok(Some(next))
            } else {
                bad("the next of the open chain", part.chain_index.into())
            }
        }
        None if part.chain_first < start => Ok(None),
        None => bad("the start of a chain", part.chain_index.into()),
    }
}

/// LOG-11 for a commit: it stands alone or ends the open chain. `false` when its chain started
/// before the scan did.
fn committed(
    open: Option<OpenChain>,
    lsn: Lsn,
    commit: &CommitHeader,
    start: Lsn,
) -> Result<bool, Corrupt> {
    if commit.chain_first == lsn {
        return Ok(true);
    }
    let joins = open.is_some_and(|open| {
        open.first == commit.chain_first
            && open.txn_id == commit.txn_id
            && open.count == commit.chain_index
            && open.total_ops.checked_add(commit.op_count) == Some(commit.total_ops)
    });
    if joins {
        return Ok(true);
    }
    if open.is_none() && commit.chain_first < start {
        return Ok(false);
    }
    let expected = "a commit that ends the open chain";
    Err(Corrupt::at(Place::Lsn(lsn), "LOG-11", expected, commit.chain_first))
}
