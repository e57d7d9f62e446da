//! Records go to the end of the log: their place, what they follow, their checksums.
//!
//! Part of [`super::LogWriter`]. Keeps crash rules 18 and 23: space is reserved before a TxnId counts, and
//! a last commit gets a record behind it that proves it durable. Cost: one pass over the record for its
//! checksum, one copy into the group's buffer.

use super::super::position::Position;
use super::super::segment_file::count;
use super::LogWriter;
use crate::error::Result;
use crate::format::field::Crc;
use crate::format::log_record::{
    CommitHeader, RECORD_MAGIC, RecordHeader, RecordPlace, RecordType, record_bytes, seal_record,
};
use crate::ids::{Lsn, TxnId};
use crate::sync::MutexGuard;
use std::sync::{PoisonError, atomic::Ordering};

/// Where an appended record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its start.
    pub lsn: Lsn,
    /// Its end: what to wait for.
    pub end_lsn: Lsn,
    /// Its identity.
    pub crc: u32,
    /// Generation of its segment.
    pub generation: u64,
}

impl Appended {
    /// The position a meta of transaction `txn_id`, whose commit record this is, stores.
    pub const fn position(&self, txn_id: TxnId) -> Position {
        Position { lsn: self.end_lsn, generation: self.generation, crc: self.crc, txn_id }
    }
}

/// Where the next record goes and what it follows.
#[derive(Debug)]
pub(super) struct Appender {
    pub(super) at: Lsn,
    pub(super) previous_lsn: Lsn,
    pub(super) previous_crc: u32,
    /// Bytes that the open transaction has reserved behind `at`.
    pub(super) reserved: u64,
    /// Whether a commit was appended that no later record could prove durable.
    pub(super) unproven: bool,
    /// The newest transaction appended by this writer.
    pub(super) last_txn: Option<TxnId>,
}

impl LogWriter {
    pub(super) fn appender(&self) -> MutexGuard<'_, Appender> {
        self.appender.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes sure that `bytes` more of records fit behind the end: preallocates or rotates when
    /// they do not. Called by the one writer, before its TxnId counts (rule 18).
    ///
    /// # Errors
    /// `OutOfSpace` and most `Io` leave everything as it was; `Poisoned`.
    pub fn reserve(&self, bytes: u64) -> Result<()> {
        let mut appender = self.appender();
        self.check_sound()?;
        self.last_reserved.store(bytes, Ordering::Relaxed);
        self.make_room(&mut appender, bytes)?;
        appender.reserved = bytes;
        Ok(())
    }

    /// Memory to build a record in.
    pub(in crate::log) fn take_record_buffer(&self) -> Vec<u8> {
        std::mem::take(&mut *self.record_buffer.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps the memory of a record for the next one, unless a single value made it large.
    pub(in crate::log) fn keep_record_buffer(&self, buffer: Vec<u8>) {
        if buffer.capacity() <= 2 * self.config.payload_bytes_max {
            let mut kept = self.record_buffer.lock().unwrap_or_else(PoisonError::into_inner);
            *kept = buffer;
        }
    }

    /// Appends a record of the one writer: `record` holds room for the header, then the payload.
    /// Fills in what depends on its place. The space must have been reserved.
    pub(in crate::log) fn append(
        &self,
        record: &mut Vec<u8>,
        record_type: RecordType,
        flags: u32,
        txn_id: TxnId,
        chain_first: Option<Lsn>,
    ) -> Result<Appended> {
        let mut appender = self.appender();
        self.check_sound()?;
        let bytes = record_bytes((record.len() - RecordHeader::BYTES) as u64);
        if let Some(front) = record.get_mut(RecordHeader::BYTES..)
            && matches!(record_type, RecordType::Commit | RecordType::Continuation)
        {
            let first = chain_first.unwrap_or(appender.at);
            patch_chain_first(front, first);
        }
        appender.reserved = appender.reserved.saturating_sub(bytes);
        appender.unproven |= record_type == RecordType::Commit;
        Ok(self.seal_and_push(&mut appender, record, record_type, flags, txn_id))
    }

    fn seal_and_push(
        &self,
        appender: &mut Appender,
        record: &mut Vec<u8>,
        record_type: RecordType,
        flags: u32,
        txn_id: TxnId,
    ) -> Appended {
        // Who asks for a record that is no commit may have looked at the tip before another thread
        // appended: LOG-8 goes by what is in the log.
        let txn_id = match record_type {
            RecordType::Commit => *appender.last_txn.insert(txn_id),
            RecordType::Continuation => txn_id,
            _ => appender.last_txn.unwrap_or(txn_id),
        };
        let lsn = appender.at;
        let header = RecordHeader {
            magic: RECORD_MAGIC,
            version: 0,
            record_type: record_type as u8,
            header_bytes: 0,
            flags,
            payload_bytes: 0,
            txn_id,
            previous_lsn: appender.previous_lsn,
            durable_lsn: self.group.progress().0.durable,
            previous_crc: appender.previous_crc,
            payload_crc: Crc(0),
            header_crc: Crc(0),
            reserved: 0,
        };
        let place = RecordPlace { uuid: self.uuid, generation: self.generation, lsn };
        let crc = seal_record(record, header, place);
        let end_lsn = Lsn::new(lsn.get() + record.len() as u64);
        assert!(
            end_lsn.get() <= self.prepared.load(Ordering::Acquire),
            "a record was appended for which no space was reserved"
        );
        count(&self.port.counters.records, 1);
        count(&self.port.counters.record_bytes, record.len() as u64);
        appender.at = end_lsn;
        appender.previous_lsn = lsn;
        appender.previous_crc = crc;
        self.group.push(record, end_lsn);
        Appended { lsn, end_lsn, crc, generation: self.generation }
    }

    /// Appends one unsynced checkpoint-type record when the last commit is durable but nothing in
    /// the log proves it yet (rule 23); whether it did. `last` is the newest chained TxnId.
    ///
    /// # Errors
    /// `OutOfSpace`, `Io`, `Poisoned`.
    pub fn prove_idle(&self, last: TxnId) -> Result<bool> {
        let end_lsn = {
            let mut appender = self.appender();
            self.check_sound()?;
            let (progress, end) = self.group.progress();
            if !appender.unproven || progress.durable < end {
                return Ok(false);
            }
            let needed = record_bytes(0).saturating_add(appender.reserved);
            self.make_room(&mut appender, needed)?;
            appender.unproven = false;
            let mut record = vec![0; RecordHeader::BYTES];
            self.seal_and_push(&mut appender, &mut record, RecordType::Checkpoint, 0, last).end_lsn
        };
        self.wait_written(end_lsn)?;
        Ok(true)
    }
}

fn patch_chain_first(payload: &mut [u8], first: Lsn) {
    const OFFSET: usize = chain_first_offset();
    if let Some(field) = payload.get_mut(OFFSET..OFFSET + 8) {
        field.copy_from_slice(&first.get().to_le_bytes());
    }
}

/// Where `chain_first` stands in a commit payload.
const fn chain_first_offset() -> usize {
    let fields = CommitHeader::LAYOUT.fields;
    let mut index = 0;
    while index < fields.len() {
        if matches!(fields[index].name.as_bytes(), b"chain_first") {
            return fields[index].offset;
        }
        index += 1;
    }
    panic!("the commit header has a field chain_first")
}
