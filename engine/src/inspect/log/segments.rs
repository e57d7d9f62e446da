//! The segments of a log, judged alone and against each other.

use super::super::builder::Builder;
use super::super::source::{FileKind, SegmentFile, Source, read_range};
use super::super::view::FieldView;
use crate::error::{Corrupt, Place};
use crate::format::segment::{SEGMENT_MAGIC, SegmentHeader, judge_segment};
use crate::ids::Lsn;
use crate::limits::SEGMENT_HEADER_BYTES;
use serde::Serialize;
use std::ops::Range;

/// One segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SegmentView {
    /// Its file.
    pub file: SegmentFile,
    /// Bytes of the file.
    pub bytes: u64,
    /// Its header, when it is sound.
    #[serde(skip)]
    pub header: Option<SegmentHeader>,
    /// Number, from the header.
    pub number: Option<u64>,
    /// Generation, from the header.
    pub generation: Option<u64>,
    /// Position of its first record.
    pub start: Option<Lsn>,
    /// Where its successor starts: nothing behind that is read. `None` for the newest.
    pub end: Option<Lsn>,
    /// The header's fields, whether sound or not; none when it is no segment at all.
    pub fields: Vec<FieldView>,
    /// What is wrong with it.
    pub problem: Option<Corrupt>,
}

impl SegmentView {
    /// The first position that is not in this segment's file, or not its own.
    pub fn last(&self) -> Option<Lsn> {
        let header = self.header.as_ref()?;
        let room = self.bytes.saturating_sub(SEGMENT_HEADER_BYTES as u64);
        let in_file = header.start_lsn.checked_add(room)?;
        Some(self.end.map_or(in_file, |end| end.min(in_file)))
    }

    /// Bytes of this segment from `at` on.
    pub(super) fn bytes_left(&self, at: Lsn) -> usize {
        let left = self.last().and_then(|last| last.get().checked_sub(at.get()));
        usize::try_from(left.unwrap_or(0)).unwrap_or(usize::MAX)
    }
}

/// All segments beside a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LogView {
    /// Oldest first.
    pub segments: Vec<SegmentView>,
    /// What does not fit between them.
    pub problems: Vec<Corrupt>,
}

impl LogView {
    /// The first position there is; 0 without a log.
    pub fn start(&self) -> Lsn {
        self.segments.iter().find_map(|segment| segment.start).unwrap_or_default()
    }

    /// The segment that holds position `at`, with its index.
    pub fn segment_at(&self, at: Lsn) -> Option<(usize, &SegmentView)> {
        let sound =
            self.segments.iter().enumerate().filter(|(_, segment)| segment.header.is_some());
        sound.take_while(|(_, segment)| segment.start.is_some_and(|start| start <= at)).last()
    }

    /// Where the bytes are that are no record, between `end`, where one record ended, and the next at
    /// `next`: damage, or what a crash left of a write. None where no segment has bytes there.
    pub fn gap(&self, end: Lsn, next: Lsn) -> Option<Range<Lsn>> {
        let (_, segment) = self.segment_at(end)?;
        (end < next && segment.last() > Some(end)).then_some(end..next)
    }

    /// Bytes of all segment files.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).fold(0, u64::saturating_add)
    }
}

/// Finds and judges the segments beside a file. For a log segment given by itself: it and its
/// siblings.
///
/// # Errors
/// `Io`.
pub fn segments(source: &Source) -> crate::Result<LogView> {
    let mut log = LogView::default();
    for file in source.segments()? {
        // It may have been renamed or removed since it was listed: a live writer rotates.
        let Ok(handle) = source.open_beside(&file.path) else { continue };
        let bytes = handle.len()?;
        let block = read_range(handle.as_ref(), 0, SEGMENT_HEADER_BYTES)?;
        log.segments.push(segment(file, bytes, &block));
    }
    let foreign = source.kind() == FileKind::Database;
    if foreign {
        for segment in &mut log.segments {
            judge_owner(source, segment);
        }
    }
    log.segments.sort_by_key(|segment| (segment.header.is_none(), segment.number));
    join(&mut log);
    Ok(log)
}

fn segment(file: SegmentFile, bytes: u64, block: &[u8]) -> SegmentView {
    let judged = judge_segment(block);
    let claims = SegmentHeader::decode(block).filter(|header| header.magic == SEGMENT_MAGIC);
    let fields = claims
        .and_then(|_| Builder::new(block).layout("segment header", &SegmentHeader::LAYOUT, 0));
    let header = judged.as_ref().ok().copied();
    SegmentView {
        problem: judged.err().map(|corrupt| corrupt.in_file(&file.path)),
        file,
        bytes,
        number: header.map(|header| header.number),
        generation: header.map(|header| header.generation),
        start: header.map(|header| header.start_lsn),
        end: None,
        header,
        fields: fields.map(|group| group.children).unwrap_or_default(),
    }
}

/// SEG-5: a segment beside a database is that database's.
fn judge_owner(source: &Source, segment: &mut SegmentView) {
    let Some(header) = segment.header.filter(|header| header.uuid != source.uuid()) else { return };
    let problem = Corrupt::at(Place::File, "SEG-5", source.uuid(), header.uuid);
    segment.problem = Some(problem.in_file(&segment.file.path));
    segment.header = None;
    segment.start = None;
}

/// SEG-4: numbers rise by one, and each segment starts where the one before ends.
fn join(log: &mut LogView) {
    let mut sound: Vec<&mut SegmentView> =
        log.segments.iter_mut().filter(|segment| segment.header.is_some()).collect();
    let mut later: Option<SegmentHeader> = None;
    for segment in sound.iter_mut().rev() {
        let Some(header) = segment.header else { continue };
        if let Some(next) = later {
            segment.end = Some(next.start_lsn);
            let in_file = header
                .start_lsn
                .checked_add(segment.bytes.saturating_sub(SEGMENT_HEADER_BYTES as u64));
            let joined = header.number.checked_add(1) == Some(next.number)
                && header.start_lsn <= next.start_lsn
                && in_file.is_some_and(|end| end >= next.start_lsn);
            if !joined {
                let expected = format!(
                    "segment {} to be followed by {} inside its bytes",
                    header.number,
                    header.number.saturating_add(1)
                );
                let found = format!("segment {} at {}", next.number, next.start_lsn);
                let problem = Corrupt::at(Place::Lsn(next.start_lsn), "SEG-4", expected, found);
                log.problems.push(problem.in_file(&segment.file.path));
            }
        }
        later = Some(header);
    }
}
