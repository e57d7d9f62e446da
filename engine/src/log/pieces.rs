//! What is left of a log whose segments do not all join: the runs that do, and damaged headers made anew
//! from the records behind them.
//!
//! ```text
//!  app.ns.log.3  .4  (.5: damaged header)  .6  app.ns.log
//!  └── run ────┘      └─ mended in memory ┘ └── run ────┘
//! ```
//!
//! Called by salvage only: to open a database the log has to be whole. Bytes:
//! `spec/commit_record_v0.md`, segments. A header is believed when a record's own checksum, which is
//! seeded with what the header says, holds. Cost: one read of each header; a damaged segment is read
//! whole, up to 64 MiB.

use super::paths::LogPaths;
use super::scan::Scanner;
use super::segment_file::header_of;
use super::segments::{Chain, Segment, names, read_older, read_segment};
use crate::disk::{File, MemoryStorage, OpenMode, Storage};
use crate::error::{Corrupt, Error, Place, Result};
use crate::format::log_record::{RecordHeader, RecordPlace, judge_header};
use crate::format::segment::SegmentHeader;
use crate::ids::{FileUuid, Lsn};
use crate::limits::{SEGMENT_BYTES_MAX, SEGMENT_HEADER_BYTES};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// No segment that is longer is read into memory.
const MENDED_BYTES_MAX: u64 = SEGMENT_BYTES_MAX;

/// The log of a database, as far as there is any.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    /// Runs of joined segments, oldest first.
    pub(crate) chains: Vec<Chain>,
    /// What is wrong with headers and joins.
    pub(crate) problems: Vec<Corrupt>,
    /// Whether the newest segment is sound: else the log may have had more.
    pub(crate) newest_is_sound: bool,
}

/// A run, by the number of its newest segment.
type Run = (u64, Chain);

/// Finds what there is. `generations` are those that the metas name.
///
/// # Errors
/// `Io`.
pub(crate) fn pieces(
    storage: &Arc<dyn Storage>,
    paths: &LogPaths,
    uuid: FileUuid,
    mut generations: Vec<u64>,
) -> Result<Pieces> {
    let (has_active, numbers) = names(storage, paths)?;
    let mut files: Vec<(u64, PathBuf)> =
        numbers.iter().map(|&number| (number, paths.numbered(number))).collect();
    if has_active {
        let above = numbers.last().map_or(1, |last| last.saturating_add(1));
        files.push((above, paths.active()));
    }
    let mut problems = Vec::new();
    let mut runs: Vec<Run> = Vec::new();
    let mut damaged: Vec<(u64, PathBuf)> = Vec::new();
    let mut open: Vec<Segment> = Vec::new();
    let close = |open: &mut Vec<Segment>, runs: &mut Vec<Run>| {
        let segments: Vec<Segment> = open.drain(..).rev().collect();
        if let Some(newest) = segments.last() {
            let number = newest.header.number;
            runs.push((number, Chain::of(Arc::clone(storage), paths.clone(), segments)));
        }
    };
    for (number, path) in files.into_iter().rev() {
        if let Some(newer) = open.last() {
            match read_older(storage, paths, number, newer)? {
                Ok(segment) => {
                    generations.extend([segment.header.generation, segment.header.superseded]);
                    open.push(segment);
                    continue;
                }
                Err(corrupt) => problems.push(corrupt),
            }
            close(&mut open, &mut runs);
        }
        match found(read_segment(storage, &path))? {
            Ok(segment) => {
                generations.extend([segment.header.generation, segment.header.superseded]);
                open.push(segment);
            }
            Err(corrupt) => {
                if !problems.contains(&corrupt) {
                    problems.push(corrupt);
                }
                damaged.push((number, path));
            }
        }
    }
    close(&mut open, &mut runs);
    // Newest first: what is damaged and was not the first is older.
    let newest_is_sound =
        has_active && damaged.first().is_none_or(|(_, path)| *path != paths.active());
    for (number, path) in damaged {
        let mut starts = vec![Lsn::new(0)];
        starts.extend(runs.iter().filter_map(|(_, chain)| end_of(chain)));
        let Some(memory) = copy_of(storage, &path, &paths.active())? else { continue };
        let file = memory.open(&paths.active(), OpenMode::ReadWrite)?;
        let header = header_behind(file.as_ref(), number, uuid, &generations, starts);
        if let Some(header) = header {
            file.write_at(&header.seal(), 0)?;
            let segment = read_segment(&memory, &paths.active())?;
            runs.push((number, Chain::of(memory, paths.clone(), vec![segment])));
        }
    }
    runs.sort_by_key(|(number, _)| *number);
    let chains = runs.into_iter().map(|(_, chain)| chain).collect();
    Ok(Pieces { chains, problems, newest_is_sound })
}

/// Damage as a finding, whatever of it an error tells.
fn found(read: Result<Segment>) -> Result<Result<Segment, Corrupt>> {
    match read {
        Ok(segment) => Ok(Ok(segment)),
        Err(Error::Corrupt(corrupt)) => Ok(Err(*corrupt)),
        Err(Error::UnsupportedFormat { path, found }) => {
            let expected = "a version this program reads";
            Ok(Err(Corrupt::at(Place::Offset(8), "SEG-2", expected, found).in_file(path)))
        }
        Err(Error::Io { path, source, .. }) if source.kind() == ErrorKind::UnexpectedEof => {
            Ok(Err(Corrupt::at(Place::File, "SEG-1", "a header", source).in_file(path)))
        }
        Err(error) => Err(error),
    }
}

/// Where the records of a run end.
fn end_of(chain: &Chain) -> Option<Lsn> {
    let mut scanner = Scanner::new(chain.clone(), chain.start_lsn()?).ok()?;
    while let Ok(Some(_)) = scanner.next() {}
    Some(scanner.position())
}

/// The bytes of a damaged segment in memory, under the name of the active one: what else there is, is in
/// other runs.
fn copy_of(
    storage: &Arc<dyn Storage>,
    path: &Path,
    name: &Path,
) -> Result<Option<Arc<dyn Storage>>> {
    const CHUNK_BYTES: u64 = 1 << 20;
    let from = storage.open(path, OpenMode::Read)?;
    let bytes = from.len()?;
    if bytes > MENDED_BYTES_MAX {
        return Ok(None);
    }
    let memory: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let to = memory.open(name, OpenMode::CreateNew)?;
    let mut chunk = Vec::new();
    for at in (0..bytes).step_by(CHUNK_BYTES as usize) {
        chunk.resize((bytes - at).min(CHUNK_BYTES) as usize, 0);
        from.read_at(&mut chunk, at)?;
        to.write_at(&chunk, at)?;
    }
    Ok(Some(memory))
}

/// The header of the record at `offset`.
fn record_at(file: &dyn File, offset: u64) -> Option<[u8; RecordHeader::BYTES]> {
    let mut bytes = [0; RecordHeader::BYTES];
    let fits = offset.checked_add(bytes.len() as u64)? <= file.len().ok()?;
    (fits && file.read_at(&mut bytes, offset).is_ok()).then_some(bytes)
}

/// The header that the first record behind it proves. The second record names where the first starts;
/// else it starts where a run ends.
fn header_behind(
    file: &dyn File,
    number: u64,
    uuid: FileUuid,
    generations: &[u64],
    mut starts: Vec<Lsn>,
) -> Option<SegmentHeader> {
    let first_at = SEGMENT_HEADER_BYTES as u64;
    let bytes = record_at(file, first_at)?;
    let first = RecordHeader::decode(&bytes)?;
    let second = record_at(file, first_at.saturating_add(first.total_bytes()));
    let second = second.and_then(|bytes| RecordHeader::decode(&bytes));
    starts.extend(second.map(|second| second.previous_lsn));
    let mut places = generations.iter().flat_map(|&generation| {
        starts.iter().map(move |&lsn| RecordPlace { uuid, generation, lsn })
    });
    let place = places.find(|place| judge_header(&bytes, *place).is_ok())?;
    let capacity = file.len().ok()?.saturating_sub(first_at);
    Some(header_of(uuid, number, place.generation, place.lsn, first.previous_crc, capacity))
}
