//! Collects the operations of one write transaction as the bytes of its record.
//!
//! ```text
//!  put, del, del_range ─▶ encoded at once, behind room for the headers
//!     over 1 MiB ─▶ continuation record ─▶ log ─▶ operating system; memory is free again
//!  reserve ─▶ commit ─▶ LSN, identity            abort ─▶ abort flag, if there are continuations
//! ```
//!
//! Called by `txn::write` and `txn::commit`. Bytes: `spec/commit_record_v0.md`, commit payload.
//! Keeps LOG-10, LOG-11 and crash rules 17 and 18. Cost: one copy of key and value, no allocation
//! of its own per operation, at most one record in memory.

use super::writer::{Appended, LogWriter};
use crate::error::Result;
use crate::format::log_record::{
    COMMIT_MAGIC, CommitHeader, FLAG_ABORT, RecordHeader, RecordType, record_bytes,
};
use crate::format::op::Op;
use crate::ids::{Lsn, Pointer, TxnId};

/// Room in front of the operations.
const FRONT_BYTES: usize = RecordHeader::BYTES + CommitHeader::BYTES;

/// The record of an open write transaction.
#[derive(Debug)]
pub struct RecordBuilder {
    txn_id: TxnId,
    record: Vec<u8>,
    /// Operations in the record being built.
    part_ops: u64,
    /// Operations in it and in all continuations before it.
    total_ops: u64,
    chain_first: Option<Lsn>,
    chain_count: u32,
}

/// Where a Put stands in the record being built, until that is written. Later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpPlace {
    start: usize,
    end: usize,
    key_bytes: u16,
}

/// What a commit record says besides its operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitInfo {
    /// The root it made.
    pub root: Pointer,
    /// Levels of that tree.
    pub depth: u32,
    /// Rows of that tree.
    pub key_count: u64,
    /// `FLAG_RELOCATE`, `FLAG_EVENTUAL`.
    pub flags: u32,
}

impl RecordBuilder {
    /// Starts the record of transaction `txn_id`.
    pub fn new(txn_id: TxnId) -> Self {
        Self::with_buffer(txn_id, Vec::with_capacity(512))
    }

    /// Starts the record of transaction `txn_id` in the memory of an earlier one.
    pub fn begin(log: &LogWriter, txn_id: TxnId) -> Self {
        Self::with_buffer(txn_id, log.take_record_buffer())
    }

    fn with_buffer(txn_id: TxnId, mut record: Vec<u8>) -> Self {
        record.clear();
        record.resize(FRONT_BYTES, 0);
        Self { txn_id, record, part_ops: 0, total_ops: 0, chain_first: None, chain_count: 0 }
    }

    /// The transaction.
    pub fn txn_id(&self) -> TxnId {
        self.txn_id
    }

    /// Operations so far, continuations included.
    pub fn op_count(&self) -> u64 {
        self.total_ops
    }

    /// Where the open chain's first continuation starts; a meta's position may not pass it (crash
    /// rule 3).
    pub fn chain_first(&self) -> Option<Lsn> {
        self.chain_first
    }

    /// Adds a Put; where it stands. A record that would grow past 1 MiB goes to the log as a
    /// continuation first, and all places lose their meaning.
    ///
    /// # Errors
    /// `OutOfSpace`, `Io`, `Poisoned` from writing a continuation; the operation is then not added.
    pub fn put(&mut self, log: &LogWriter, key: &[u8], value: &[u8]) -> Result<OpPlace> {
        self.push(log, Op::Put { key, value })?;
        let (value_start, end) = (self.record.len() - value.len(), self.record.len());
        Ok(OpPlace { start: value_start - key.len(), key_bytes: key.len() as u16, end })
    }

    /// Whether adding this Put writes a continuation.
    pub fn is_full_for_put(&self, log: &LogWriter, key: &[u8], value: &[u8]) -> bool {
        self.is_full_for(log, Op::Put { key, value })
    }

    fn is_full_for(&self, log: &LogWriter, op: Op<'_>) -> bool {
        let payload = self.record.len() - RecordHeader::BYTES;
        self.part_ops > 0 && payload + op.encoded_bytes() > log.config().payload_bytes_max
    }

    /// The key of the Put at `place`.
    pub(crate) fn key_at(&self, place: OpPlace) -> &[u8] {
        &self.record[place.start..place.start + usize::from(place.key_bytes)]
    }

    /// Key and value of the Put at `place`.
    pub(crate) fn row_at(&self, place: OpPlace) -> (&[u8], &[u8]) {
        self.record[place.start..place.end].split_at(place.key_bytes.into())
    }

    /// Adds a Del.
    ///
    /// # Errors
    /// As [`RecordBuilder::put`].
    pub fn del(&mut self, log: &LogWriter, key: &[u8]) -> Result<()> {
        self.push(log, Op::Del { key })
    }

    /// Adds a DelRange that removed `count` rows.
    ///
    /// # Errors
    /// As [`RecordBuilder::put`].
    pub fn del_range(
        &mut self,
        log: &LogWriter,
        start: &[u8],
        end: Option<&[u8]>,
        count: u64,
    ) -> Result<()> {
        self.push(log, Op::DelRange { start, end, count })
    }

    fn push(&mut self, log: &LogWriter, op: Op<'_>) -> Result<()> {
        if self.is_full_for(log, op) {
            self.spill(log)?;
        }
        op.encode(&mut self.record);
        self.part_ops += 1;
        self.total_ops += 1;
        Ok(())
    }

    /// Writes what there is as a continuation and starts the next record.
    fn spill(&mut self, log: &LogWriter) -> Result<()> {
        self.reserve(log)?;
        let appended = self.append(log, RecordType::Continuation, None, 0)?;
        log.wait_written(appended.end_lsn)?;
        self.chain_first.get_or_insert(appended.lsn);
        self.chain_count += 1;
        self.part_ops = 0;
        Ok(())
    }

    /// Bytes that the record takes in the log as it is now.
    pub fn record_bytes(&self) -> u64 {
        record_bytes((self.record.len() - RecordHeader::BYTES) as u64)
    }

    /// Reserves the log space of the record: call it before the TxnId counts as assigned. Afterwards
    /// [`RecordBuilder::commit`] fails only on a poisoned log.
    ///
    /// # Errors
    /// `OutOfSpace` and `Io` leave everything as it was; `Poisoned`.
    pub fn reserve(&self, log: &LogWriter) -> Result<()> {
        log.reserve(self.record_bytes())
    }

    /// Appends the commit record. Not durable yet: [`LogWriter::wait_durable`] with its end.
    ///
    /// # Errors
    /// `Poisoned`.
    pub fn commit(mut self, log: &LogWriter, info: CommitInfo) -> Result<Appended> {
        let appended = self.append(log, RecordType::Commit, Some(info), info.flags);
        log.keep_record_buffer(self.record);
        appended
    }

    /// Gives the transaction up. An open chain gets its abort flag; without one nothing is written.
    ///
    /// # Errors
    /// `OutOfSpace`, `Io`, `Poisoned`. The chain has then no commit either way: it counts for
    /// nothing.
    pub fn abort(mut self, log: &LogWriter) -> Result<()> {
        if self.chain_first.is_none() {
            return Ok(());
        }
        self.total_ops -= self.part_ops;
        self.part_ops = 0;
        self.record.truncate(FRONT_BYTES);
        self.reserve(log)?;
        self.append(log, RecordType::Continuation, None, FLAG_ABORT).map(|_| ())
    }

    fn append(
        &mut self,
        log: &LogWriter,
        record_type: RecordType,
        info: Option<CommitInfo>,
        flags: u32,
    ) -> Result<Appended> {
        let header = CommitHeader {
            magic: COMMIT_MAGIC,
            txn_id: self.txn_id,
            root: info.map_or(Pointer::NULL, |info| info.root),
            depth: info.map_or(0, |info| info.depth),
            key_count: info.map_or(0, |info| info.key_count),
            op_count: self.part_ops,
            // Filled in by the log when the record's own position is known.
            chain_first: Lsn::default(),
            chain_index: self.chain_count,
            reserved: 0,
            total_ops: self.total_ops,
            reserved2: 0,
        };
        if let Some(front) = self.record.get_mut(RecordHeader::BYTES..FRONT_BYTES) {
            front.copy_from_slice(&header.to_bytes());
        }
        let appended =
            log.append(&mut self.record, record_type, flags, self.txn_id, self.chain_first)?;
        self.record.clear();
        self.record.resize(FRONT_BYTES, 0);
        Ok(appended)
    }
}
