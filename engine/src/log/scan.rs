//! skeleton

use super::segments::Chain;
use crate::{
    error::Result,
    format::log_record::{RecordFault, RecordHeader},
    ids::Lsn,
};

/// A sound record, lent by the scanner.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Where it starts.
    pub lsn: Lsn,
    /// Where the next one starts.
    pub end_lsn: Lsn,
    /// Generation of its segment.
    pub generation: u64,
    /// Its identity: the trailer's checksum.
    pub crc: u32,
    /// Its header.
    pub header: RecordHeader,
    /// Its payload, verified but not decoded.
    pub payload: &'a [u8],
}

/// How a scan ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Only zeros follow, or the limit was reached.
    Clean {
        /// The end of the last record.
        at: Lsn,
    },
    /// Bytes follow that never were acknowledged.
    Torn {
        /// The end of the last sound record.
        at: Lsn,
        /// Why the bytes there are no record.
        fault: RecordFault,
        /// Bytes from there to the last one that is not zero.
        bytes: u64,
    },
}

/// Reads records forward.
#[derive(Debug)]
pub struct Scanner {}

impl Scanner {
    /// Reads `chain` from `from`, which must be a record's start.
    pub fn new(chain: Chain, from: Lsn) -> Result<Self> {
        let _ = (chain, from);
        todo!()
    }
    /// Positions below are known durable: a bad record there is corruption, not a torn tail.
    #[must_use]
    pub fn proven(self, lsn: Lsn) -> Self {
        let _ = lsn;
        todo!()
    }
    /// Stops at this position, which is proven.
    #[must_use]
    pub fn until(self, lsn: Lsn) -> Self {
        let _ = lsn;
        todo!()
    }
    /// The next record; `None` at the tail.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Record<'_>>> {
        todo!()
    }
    /// How the scan ended, once `next` gave `None`.
    pub fn tail(&self) -> Option<Tail> {
        todo!()
    }
}
