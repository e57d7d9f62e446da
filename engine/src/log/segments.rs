//! The segments of a log, judged against each other.
//!
//! Called by the writer, by every reader of the stream and by `inspect`. Bytes:
//! `spec/commit_record_v0.md`, segments. Keeps SEG-1 to SEG-7 and crash rules 13 and 14: numbers
//! rise by 1; a segment ends where its successor starts; without `app.ns.log` the highest number is
//! the newest; `.log.next` is never read. Cost: one open and one 4 KiB read a segment.

use super::paths::{LogPaths, parse_number};
use super::position::Position;
use crate::disk::{File, OpenMode, Storage};
use crate::error::{Corrupt, Error, Place, Result};
use crate::format::log_record::{
    RecordHeader, RecordPlace, RecordTrailer, RecordType, judge_header, judge_record,
};
use crate::format::segment::{SegmentHeader, judge_segment};
use crate::ids::{FileUuid, Lsn, TxnId};
use crate::limits::SEGMENT_HEADER_BYTES;
use crate::sabotage::{self, Switch};
use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A listing that a live writer's rotation overtook is taken again this often.
const DISCOVER_TRIES: usize = 4;

/// One segment of a judged chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its header.
    pub header: SegmentHeader,
    /// Its file.
    pub path: PathBuf,
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Where its successor starts; `None` for the newest.
    pub end: Option<Lsn>,
}

impl Segment {
    /// The place of a record in this segment.
    pub fn place(&self, lsn: Lsn) -> RecordPlace {
        RecordPlace { uuid: self.header.uuid, generation: self.header.generation, lsn }
    }
}

/// The segments of a log, oldest first, judged against each other.
#[derive(Clone, Debug)]
pub struct Chain {
    storage: Arc<dyn Storage>,
    paths: LogPaths,
    segments: Arc<[Segment]>,
    broken: Option<Corrupt>,
    leftovers: Vec<PathBuf>,
    second_name: Option<PathBuf>,
}

impl Chain {
    /// Finds and judges the segments. Empty when there is no log at all.
    ///
    /// Older segments that do not join the newest ones (a gap, a damaged header) are left out and
    /// told by [`Chain::broken`]: whether they are needed is for the caller to say.
    ///
    /// # Errors
    /// `Corrupt` when the newest segment's header is damaged or older than a segment beside it;
    /// `UnsupportedFormat` when it is of another version; `Io`.
    pub fn discover(storage: &Arc<dyn Storage>, paths: &LogPaths) -> Result<Self> {
        let mut tries = 1;
        loop {
            match Self::discover_once(storage, paths) {
                // A live writer renames segments while we list them.
                Err(error) if tries < DISCOVER_TRIES && is_overtaken(&error) => tries += 1,
                outcome => return outcome,
            }
        }
    }

    fn discover_once(storage: &Arc<dyn Storage>, paths: &LogPaths) -> Result<Self> {
        let (has_active, mut numbers) = names(storage, paths)?;
        let mut chain = Self::of(Arc::clone(storage), paths.clone(), Vec::new());
        let newest_path = match (has_active, numbers.last()) {
            (true, _) => paths.active(),
            (false, Some(&highest)) => paths.numbered(highest),
            (false, None) => return Ok(chain),
        };
        let newest = read_segment(storage, &newest_path)?;
        let number = newest.header.number;
        let numbered = paths.numbered(number);
        if has_active
            && numbers.last() == Some(&number)
            && is_one_file(storage, &newest_path, &numbered)?
        {
            numbers.pop();
            chain.second_name = Some(numbered);
        }
        if let Some(&above) = numbers.last()
            && (above > number
                || (has_active && above == number)
                || (!has_active && above != number))
        {
            let expected = format!("no segment numbered {number} or above beside this one");
            return Err(Corrupt::at(Place::Offset(24), "SEG-4", expected, format!(".{above}"))
                .in_file(newest_path)
                .into());
        }
        let mut segments = vec![newest];
        let mut older: Vec<u64> = numbers.into_iter().filter(|&each| each < number).collect();
        while let Some(&candidate) = older.last() {
            let newer = segments.last().expect("the newest is in it");
            match read_older(storage, paths, candidate, newer)? {
                Ok(segment) => segments.push(segment),
                Err(corrupt) => {
                    chain.broken = Some(corrupt);
                    break;
                }
            }
            older.pop();
        }
        chain.leftovers = older.into_iter().map(|each| paths.numbered(each)).collect();
        segments.reverse();
        chain.segments = segments.into();
        Ok(chain)
    }

    /// A chain of segments that the writer knows to be joined.
    pub(crate) fn of(storage: Arc<dyn Storage>, paths: LogPaths, segments: Vec<Segment>) -> Self {
        let (segments, leftovers) = (segments.into(), Vec::new());
        Self { storage, paths, segments, broken: None, leftovers, second_name: None }
    }

    /// The same log as it is now: a writer of another process may have gone on, and trimmed it.
    ///
    /// # Errors
    /// As [`Chain::discover`].
    pub(crate) fn again(&self) -> Result<Self> {
        Self::discover(&self.storage, &self.paths)
    }

    /// The segments, oldest first.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The newest segment.
    pub fn newest(&self) -> Option<&Segment> {
        self.segments.last()
    }

    /// The first position there is.
    pub fn start_lsn(&self) -> Option<Lsn> {
        self.segments.first().map(|segment| segment.header.start_lsn)
    }

    /// The database the log belongs to.
    pub fn uuid(&self) -> Option<FileUuid> {
        self.newest().map(|segment| segment.header.uuid)
    }

    /// Bytes of all its files.
    pub fn file_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.file_bytes).sum()
    }

    /// The names it was found under.
    pub fn paths(&self) -> &LogPaths {
        &self.paths
    }

    /// Why older segments beside the log could not be joined to it.
    pub fn broken(&self) -> Option<&Corrupt> {
        self.broken.as_ref()
    }

    /// Older segments that are not joined: what an interrupted trim left, or what [`Chain::broken`]
    /// tells of.
    pub fn leftovers(&self) -> &[PathBuf] {
        &self.leftovers
    }

    /// Another name of the newest segment: where a new name is a link, a crash before the old one was removed
    /// leaves both.
    pub fn second_name(&self) -> Option<&Path> {
        self.second_name.as_deref()
    }

    /// Index of the segment that holds the byte at `lsn`; the newest for any position behind it.
    pub fn segment_at(&self, lsn: Lsn) -> Option<usize> {
        self.segments.partition_point(|segment| segment.header.start_lsn <= lsn).checked_sub(1)
    }

    /// Index of the segment that holds the byte before `lsn`.
    pub fn segment_before(&self, lsn: Lsn) -> Option<usize> {
        self.segments.partition_point(|segment| segment.header.start_lsn < lsn).checked_sub(1)
    }

    /// Where to start reading so as to meet the whole of transaction `txn_id`: the start of the last
    /// segment whose first record is of an earlier one, or the start of the chain.
    ///
    /// Cost: one small read a segment.
    ///
    /// # Errors
    /// `Io`; `Corrupt` when a segment is gone.
    pub fn start_for(&self, txn_id: TxnId) -> Result<Lsn> {
        for segment in self.segments.iter().rev() {
            let start = segment.header.start_lsn;
            if segment.end == Some(start) {
                continue;
            }
            let file = self.open_segment(segment)?;
            let mut bytes = [0; RecordHeader::BYTES];
            let first = SEGMENT_HEADER_BYTES as u64;
            if file.len()? < first + bytes.len() as u64 {
                continue;
            }
            file.read_at(&mut bytes, first)?;
            // A segment that does not start with a sound record is for the scan to judge.
            let Ok(header) = judge_header(&bytes, segment.place(start)) else { continue };
            let of_txn = match header.kind() {
                Some(RecordType::Commit | RecordType::Continuation) => header.txn_id,
                // It names the last commit, and may stand inside the chain of the next one.
                _ => header.txn_id.next(),
            };
            if of_txn < txn_id {
                return Ok(start);
            }
        }
        Ok(self.start_lsn().unwrap_or_default())
    }

    /// Opens a segment for reading, wherever a rotation has renamed it to meanwhile.
    ///
    /// # Errors
    /// `Io`; `Corrupt` when neither name holds it any more.
    pub fn open_segment(&self, segment: &Segment) -> Result<Arc<dyn File>> {
        let numbered = self.paths.numbered(segment.header.number);
        let mut last = None;
        for path in [&segment.path, &numbered, &segment.path] {
            match open_judged(&self.storage, path) {
                Ok((file, header)) if header == segment.header => return Ok(file),
                Ok((_, header)) => {
                    let expected = format!("segment number {}", segment.header.number);
                    let found = Corrupt::at(Place::Offset(24), "SEG-4", expected, header.number);
                    last = Some(found.in_file(path).into());
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.expect("three names were tried"))
    }

    /// The record that ends at `lsn`, found by its trailer; `None` at the start of the chain.
    ///
    /// # Errors
    /// `Corrupt` when there is no sound record before `lsn`; `Io`.
    pub fn record_before(&self, lsn: Lsn) -> Result<Option<RecordBefore>> {
        let Some(segment) = self.segment_before(lsn).and_then(|index| self.segments.get(index))
        else {
            return Ok(None);
        };
        let file = self.open_segment(segment)?;
        let bad = |expected: &str, found: String| -> Error {
            Corrupt::at(Place::Lsn(lsn), "LOG-6", expected, found).in_file(&segment.path).into()
        };
        let room = lsn.get().saturating_sub(segment.header.start_lsn.get());
        let mut bytes = [0; RecordTrailer::BYTES];
        let file_bytes = file.len()?;
        let end = segment.header.offset_of(lsn).filter(|&end| end <= file_bytes);
        let Some(end) = end.filter(|_| room >= bytes.len() as u64) else {
            return Err(bad("a record that ends here", format!("{file_bytes} bytes of segment")));
        };
        file.read_at(&mut bytes, end - RecordTrailer::BYTES as u64)?;
        let total = RecordTrailer::decode(&bytes).map_or(0, |trailer| trailer.total_bytes);
        let least = (RecordHeader::BYTES + RecordTrailer::BYTES) as u64;
        if u64::from(total) < least || u64::from(total) > room {
            return Err(bad("the trailer of a record", format!("a length of {total}")));
        }
        let start = Lsn::new(lsn.get() - u64::from(total));
        let mut record = vec![0; total as usize];
        file.read_at(&mut record, end - u64::from(total))?;
        let place = segment.place(start);
        let in_file = |corrupt: Corrupt| Error::from(corrupt.in_file(&segment.path));
        let header = judge_header(&record, place).map_err(|fault| in_file(fault.at(start)))?;
        if header.total_bytes() != u64::from(total) {
            return Err(bad("the length in the record's header", total.to_string()));
        }
        let crc =
            judge_record(&record, &header, place).map_err(|fault| in_file(fault.at(start)))?;
        Ok(Some(RecordBefore { lsn: start, crc, header }))
    }

    /// Whether `position` names a place of this chain: the byte before it is in a segment of its
    /// generation (or of one that superseded it), and the record that ends there is the one it
    /// means (rule 13).
    ///
    /// # Errors
    /// `Corrupt`, `LOG-14`, when not; `Io`.
    pub fn check_position(&self, position: Position) -> Result<()> {
        self.record_at_position(position).map(drop)
    }

    /// [`Chain::check_position`], and the record that ends there; `None` at the start of the chain.
    pub(super) fn record_at_position(&self, position: Position) -> Result<Option<RecordBefore>> {
        let bad = |expected: String, found: String| -> Error {
            let corrupt = Corrupt::at(Place::Lsn(position.lsn), "LOG-14", expected, found);
            corrupt.in_file(self.paths.active()).into()
        };
        let Some(first) = self.segments.first() else {
            return Err(bad("a log that reaches this position".into(), "no log".into()));
        };
        let start = first.header.start_lsn;
        if position.lsn < start {
            let corrupt = self.broken.clone();
            return Err(corrupt.map_or_else(
                || bad("a log that reaches this position".into(), format!("a start at {start}")),
                Error::from,
            ));
        }
        let Some(index) = self.segment_before(position.lsn) else {
            // The start of the chain: the byte before it is gone or never was.
            return if first.header.previous_crc == position.crc {
                Ok(None)
            } else {
                let found = format!("{:08x}", first.header.previous_crc);
                Err(bad(format!("a log that follows record {:08x}", position.crc), found))
            };
        };
        if position.generation != 0 && !self.is_generation(index, position) {
            let found = self.segments.get(index).map_or(0, |segment| segment.header.generation);
            let expected = format!("generation {:016x}", position.generation);
            return Err(bad(expected, format!("{found:016x}")));
        }
        let same = self.segments.get(index).map(|segment| segment.header.generation)
            == Some(position.generation);
        let before = self.record_before(position.lsn)?;
        match before {
            Some(record) if same && record.crc != position.crc => {
                Err(bad(format!("record {:08x}", position.crc), format!("{:08x}", record.crc)))
            }
            _ => Ok(before),
        }
    }

    /// Whether the segment at `index` is of the position's generation, or its records below
    /// copied-through were copied from it, perhaps over several recoveries.
    fn is_generation(&self, index: usize, position: Position) -> bool {
        let Some(segment) = self.segments.get(index) else { return false };
        let mut header = &segment.header;
        for _ in 0..=self.segments.len() {
            if header.generation == position.generation {
                return true;
            }
            if header.superseded == 0 || position.lsn > header.copied_through {
                return false;
            }
            if header.superseded == position.generation {
                return true;
            }
            let older = self.segments.iter().take(index).rev();
            match older.map(|each| &each.header).find(|each| each.generation == header.superseded) {
                Some(found) => header = found,
                None => return false,
            }
        }
        false
    }
}

/// A record found from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordBefore {
    /// Where it starts.
    pub lsn: Lsn,
    /// Its identity.
    pub crc: u32,
    /// Its header.
    pub header: RecordHeader,
}

fn is_one_file(storage: &Arc<dyn Storage>, one: &Path, other: &Path) -> Result<bool> {
    let identity = |path| storage.open(path, OpenMode::Read)?.identity();
    Ok(identity(one)? == identity(other)?)
}

/// Whether a listing may have been overtaken by a rotation: names that went, numbers that rose.
fn is_overtaken(error: &Error) -> bool {
    match error {
        Error::Io { source, .. } => source.kind() == ErrorKind::NotFound,
        Error::Corrupt(corrupt) => corrupt.rule == "SEG-4",
        _ => false,
    }
}

fn open_judged(storage: &Arc<dyn Storage>, path: &Path) -> Result<(Arc<dyn File>, SegmentHeader)> {
    let file = storage.open(path, OpenMode::Read)?;
    let mut block = vec![0; file.len()?.min(SEGMENT_HEADER_BYTES as u64) as usize];
    file.read_at(&mut block, 0)?;
    match judge_segment(&block) {
        Ok(header) => Ok((file, header)),
        Err(corrupt) if corrupt.rule == "SEG-2" => Err(Error::UnsupportedFormat {
            path: path.to_path_buf(),
            found: format!("{} where {} was expected", corrupt.found, corrupt.expected),
        }),
        Err(corrupt) => Err(corrupt.in_file(path).into()),
    }
}

/// Whether there is an active segment, and the numbers of the others, lowest first.
pub(super) fn names(storage: &Arc<dyn Storage>, paths: &LogPaths) -> Result<(bool, Vec<u64>)> {
    let base = paths.base_name();
    let mut numbers = Vec::new();
    let mut has_active = false;
    for name in storage.list(&paths.directory(), &base)? {
        match name.strip_prefix(&base) {
            Some("") => has_active = true,
            Some(rest) => numbers.extend(rest.strip_prefix('.').and_then(parse_number)),
            None => {}
        }
    }
    numbers.sort_unstable();
    Ok((has_active, numbers))
}

pub(super) fn read_segment(storage: &Arc<dyn Storage>, path: &Path) -> Result<Segment> {
    let (file, header) = open_judged(storage, path)?;
    Ok(Segment { header, path: path.to_path_buf(), file_bytes: file.len()?, end: None })
}

/// Reads segment `number` and judges it against its successor. The inner error says why it does
/// not join; the outer one is of the operating system.
pub(super) fn read_older(
    storage: &Arc<dyn Storage>,
    paths: &LogPaths,
    number: u64,
    newer: &Segment,
) -> Result<Result<Segment, Corrupt>> {
    let path = paths.numbered(number);
    let bad = |offset, rule, expected: String, found: String| {
        Ok(Err(Corrupt::at(Place::Offset(offset), rule, expected, found).in_file(&path)))
    };
    if number.checked_add(1) != Some(newer.header.number) {
        let expected = format!("segment {}", newer.header.number.saturating_sub(1));
        return bad(0, "SEG-4", expected, format!("segment {number} as the next older one"));
    }
    let segment = match read_segment(storage, &path) {
        Ok(segment) => segment,
        Err(Error::Corrupt(corrupt)) => return Ok(Err(*corrupt)),
        Err(Error::UnsupportedFormat { found, .. }) => {
            return bad(8, "SEG-2", "a version this program reads".into(), found);
        }
        Err(error) => return Err(error),
    };
    let (header, next) = (&segment.header, &newer.header);
    if header.uuid != next.uuid {
        return bad(16, "SEG-5", next.uuid.to_string(), header.uuid.to_string());
    }
    if header.number != number {
        return bad(32, "SEG-4", number.to_string(), header.number.to_string());
    }
    if header.generation != next.generation && header.generation != next.superseded {
        let expected = format!("a generation that {:016x} continues", next.generation);
        return bad(40, "SEG-6", expected, format!("{:016x}", header.generation));
    }
    let end = next.start_lsn;
    match header.offset_of(end) {
        Some(offset) if offset <= segment.file_bytes => {
            let end = (!sabotage::on(Switch::ReadPastSegment)).then_some(end);
            Ok(Ok(Segment { end, ..segment }))
        }
        Some(offset) => bad(
            segment.file_bytes,
            "SEG-7",
            format!("{offset} bytes"),
            segment.file_bytes.to_string(),
        ),
        None => {
            bad(48, "SEG-6", format!("a start at or before {end}"), header.start_lsn.to_string())
        }
    }
}

#[cfg(test)]
mod tests;
