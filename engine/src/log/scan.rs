//! Reads records forward, and tells a torn tail from corruption.
//!
//! ```text
//!          sound                    not sound: is a position beyond it proven durable?
//!  record ───────▶ next record ─▶ ┌ yes (the meta, a later record, a later segment) ─▶ Corrupt
//!                                 └ no ─▶ only zeros follow ─▶ Clean
//!                                         else              ─▶ Torn: cut there
//! ```
//!
//! Called by recovery, replay, `commits`, verify and `inspect`. Bytes: `spec/commit_record_v0.md`.
//! Keeps LOG-1 to LOG-9 and crash rules 13, 15 and 16. Cost: one pass over the bytes, a window of
//! 256 KiB, or of one record where a record is longer.

mod damage;
mod window;

use super::segments::{Chain, Segment};
use crate::error::{Corrupt, Error, Place, Result};
use crate::format::log_record::{RecordFault, RecordHeader, judge_header, judge_record};
use crate::ids::Lsn;
use window::{OpenFile, Window};

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

impl Tail {
    /// The end of the last sound record.
    pub const fn at(&self) -> Lsn {
        match *self {
            Self::Clean { at } | Self::Torn { at, .. } => at,
        }
    }
}

/// Reads the records of a chain, one behind the other.
#[derive(Debug)]
pub struct Scanner {
    chain: Chain,
    index: usize,
    file: Option<OpenFile>,
    window: Window,
    at: Lsn,
    proven: Lsn,
    claimed: Lsn,
    until: Option<Lsn>,
    previous: Previous,
    current: Option<Current>,
    tail: Option<Tail>,
    failed: bool,
}

/// What the next record must say about the one before it.
#[derive(Clone, Copy, Debug, Default)]
struct Previous {
    lsn: Option<Lsn>,
    crc: Option<u32>,
}

/// Which part of the window the last record is.
#[derive(Clone, Copy, Debug)]
struct Current {
    lsn: Lsn,
    end_lsn: Lsn,
    generation: u64,
    crc: u32,
    header: RecordHeader,
    offset: u64,
}

impl Scanner {
    /// Reads `chain` from `from`, which must be a record's start.
    ///
    /// # Errors
    /// `Corrupt`, `LOG-14`, when the chain starts behind `from` or is empty.
    pub fn new(chain: Chain, from: Lsn) -> Result<Self> {
        let Some(index) = chain.segment_at(from) else {
            let found = chain.start_lsn().map_or("no log".to_owned(), |lsn| format!("start {lsn}"));
            let expected = "a log that reaches this position";
            return Err(Corrupt::at(Place::Lsn(from), "LOG-14", expected, found)
                .in_file(chain.paths().active())
                .into());
        };
        let header = chain.segments().get(index).map(|segment| segment.header);
        let crc = header.filter(|header| header.start_lsn == from).map(|h| h.previous_crc);
        Ok(Self {
            chain,
            index,
            file: None,
            window: Window::default(),
            at: from,
            proven: Lsn::default(),
            claimed: Lsn::default(),
            until: None,
            previous: Previous { lsn: None, crc },
            current: None,
            tail: None,
            failed: false,
        })
    }

    /// Positions below are known durable: a bad record there is corruption, not a torn tail.
    #[must_use]
    pub fn proven(mut self, lsn: Lsn) -> Self {
        self.proven = self.proven.max(lsn);
        self
    }

    /// Stops at this position, below which everything is known durable.
    #[must_use]
    pub fn until(mut self, lsn: Lsn) -> Self {
        self.until = Some(lsn);
        self.proven(lsn)
    }

    /// The record that ends where the scan starts has this identity: the first one must follow it.
    #[must_use]
    pub fn behind(mut self, crc: u32) -> Self {
        self.previous.crc = Some(crc);
        self
    }

    /// Goes on where it stopped, in a chain that may have grown, up to a later limit.
    pub fn resume(&mut self, chain: Chain, until: Lsn) {
        self.until = Some(until);
        self.proven = self.proven.max(until);
        if let Some(index) = chain.segment_at(self.at) {
            self.index = index;
        }
        self.chain = chain;
        self.file = None;
        self.window.clear();
        self.current = None;
        self.tail = None;
    }

    /// The position reached: the end of the last record.
    pub fn position(&self) -> Lsn {
        self.at
    }

    /// Whether it stopped at an error.
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// The chain it reads.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The highest position that a record seen so far proves durable.
    pub fn claimed(&self) -> Lsn {
        self.claimed
    }

    /// How the scan ended, once `next` gave `None`.
    pub fn tail(&self) -> Option<Tail> {
        self.tail
    }

    /// The record that `next` gave last.
    pub fn current(&self) -> Option<Record<'_>> {
        let current = self.current?;
        let start = current.offset.checked_add(RecordHeader::BYTES as u64)?;
        let payload = self.window.get(start, current.header.payload_bytes as usize)?;
        let Current { lsn, end_lsn, generation, crc, header, .. } = current;
        Some(Record { lsn, end_lsn, generation, crc, header, payload })
    }

    /// The next record; `None` at the tail, and after an error.
    ///
    /// # Errors
    /// `Corrupt` at a position that is proven durable; `UnsupportedFormat` for a sound record of
    /// another version; `Io`. After an error [`Scanner::skip_damage`] may find a way on.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Record<'_>>> {
        self.current = None;
        if self.failed || self.tail.is_some() {
            return Ok(None);
        }
        match self.step() {
            Ok(Some(current)) => {
                self.claimed = self.claimed.max(current.header.durable_lsn);
                self.previous = Previous { lsn: Some(current.lsn), crc: Some(current.crc) };
                self.at = current.end_lsn;
                self.current = Some(current);
                Ok(self.current())
            }
            Ok(None) => Ok(None),
            Err(error) => {
                self.failed = true;
                Err(error)
            }
        }
    }

    fn step(&mut self) -> Result<Option<Current>> {
        if self.until.is_some_and(|until| self.at >= until) {
            self.tail = Some(Tail::Clean { at: self.at });
            return Ok(None);
        }
        self.enter_segment()?;
        match self.judge_here()? {
            Ok(current) => Ok(Some(current)),
            Err(fault) => {
                self.tail = Some(self.judge_fault(fault)?);
                Ok(None)
            }
        }
    }

    fn segment(&self) -> Result<&Segment> {
        self.chain
            .segments()
            .get(self.index)
            .ok_or_else(|| Corrupt::at(Place::Lsn(self.at), "LOG-14", "a segment", "none").into())
    }

    /// Goes to the segment that holds `at`, skipping those that recovery made empty.
    fn enter_segment(&mut self) -> Result<()> {
        while let Some(end) = self.segment()?.end {
            if self.at < end {
                break;
            }
            let crossed = self.at > end;
            self.index += 1;
            self.file = None;
            self.window.clear();
            let header = self.segment()?.header;
            if crossed {
                return Err(self.corrupt("LOG-4", format!("a record that ends by {end}"), self.at));
            }
            if let Some(crc) = self.previous.crc
                && crc != header.previous_crc
            {
                let expected = format!("a segment that follows record {crc:08x}");
                let found = format!("{:08x}", header.previous_crc);
                return Err(self.corrupt("LOG-7", expected, found));
            }
            self.previous.crc = Some(header.previous_crc);
        }
        Ok(())
    }

    fn corrupt(
        &self,
        rule: &'static str,
        expected: impl std::fmt::Display,
        found: impl std::fmt::Display,
    ) -> Error {
        let corrupt = Corrupt::at(Place::Lsn(self.at), rule, expected, found);
        let path = self.segment().map(|segment| segment.path.clone());
        path.map_or(corrupt.clone(), |path| corrupt.in_file(path)).into()
    }

    fn open_file(&mut self) -> Result<OpenFile> {
        if let Some(open) = &self.file {
            return Ok(open.clone());
        }
        let segment = self.segment()?;
        let file = self.chain.open_segment(segment)?;
        let mut limit = file.len()?;
        for end in [segment.end, self.until].into_iter().flatten() {
            limit = limit.min(segment.header.offset_of(end).unwrap_or(limit));
        }
        let open = OpenFile { file, limit };
        self.file = Some(open.clone());
        Ok(open)
    }

    /// Judges the bytes at the position. The inner error is the record's fault.
    fn judge_here(&mut self) -> Result<Result<Current, RecordFault>> {
        let open = self.open_file()?;
        let segment = self.segment()?;
        let place = segment.place(self.at);
        let offset = segment.header.offset_of(self.at).unwrap_or(open.limit);
        let left = open.limit.saturating_sub(offset);
        let head = self.window.fill(&open, offset, RecordHeader::BYTES as u64)?;
        let header = match judge_header(head, place) {
            Ok(header) => header,
            Err(fault) => return Ok(Err(fault)),
        };
        let needed = header.total_bytes();
        if needed > left {
            return Ok(Err(RecordFault::Short { needed, left }));
        }
        let link = |name, expected: u64, found: u64| {
            (expected != found).then_some(RecordFault::Link { name, expected, found })
        };
        let Previous { lsn, crc } = self.previous;
        let linked = lsn
            .and_then(|lsn| link("previous_lsn", lsn.get(), header.previous_lsn.get()))
            .or_else(|| {
                crc.and_then(|crc| {
                    link("previous_crc", u64::from(crc), u64::from(header.previous_crc))
                })
            });
        if let Some(fault) = linked {
            return Ok(Err(fault));
        }
        let bytes = self.window.fill(&open, offset, needed)?;
        let crc = match judge_record(bytes, &header, place) {
            Ok(crc) => crc,
            Err(fault) => return Ok(Err(fault)),
        };
        let Some(end_lsn) = self.at.checked_add(needed) else {
            return Ok(Err(RecordFault::Short { needed, left }));
        };
        let generation = place.generation;
        Ok(Ok(Current { lsn: self.at, end_lsn, generation, crc, header, offset }))
    }
}
