//! A moment of a journal: what is durable by then, which facts are undecided, and the image that a
//! fate for each of them gives.
//!
//! Facts are sectors of writes, lengths and names. Within one sector a later write contains the
//! earlier ones (it went through one cached page), so the latest write that survives decides the
//! version; likewise for lengths. A garbled sector is garbled only where the write covered it.

use super::{
    facts::{Fact, FactKind, Fate, NameChange},
    image::{Content, FileId, SimImage},
    trace::{Action, Persisted, SimOp, SyncOutcome, Trace},
};
use crate::disk::{SyncKind, entropy::mix};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

impl Trace {
    /// The moment before operation `at` (`len()`: after the last one).
    ///
    /// A crash inside a write or a sync is among the states of the moment after the write and of the
    /// moment before the sync.
    pub fn crash_at(&self, at: usize) -> CrashPoint {
        self.crash_at_with_lies(at, &|_| false)
    }

    /// As [`Self::crash_at`], on a disk that did nothing in the syncs for which `lied` says so.
    pub fn crash_at_with_lies(&self, at: usize, lied: &dyn Fn(usize) -> bool) -> CrashPoint {
        let mut replay = Replay::new(self);
        for op in self.ops().iter().take(at) {
            replay.step(op, lied(op.number));
        }
        replay.point(self, at.min(self.len()))
    }

    /// The moments that cover every crash state: before each sync from operation `from` on, and the
    /// end. Between two syncs undecided facts only grow, so the states before the second one include
    /// those of every moment before it.
    pub fn crash_points(&self, from: usize) -> impl Iterator<Item = CrashPoint> + '_ {
        let mut replay = Replay::new(self);
        let mut ops = self.ops().iter();
        let mut ended = false;
        std::iter::from_fn(move || {
            for op in ops.by_ref() {
                let is_sync = matches!(op.action, Action::Sync { .. } | Action::SyncDir { .. });
                let point = (is_sync && op.number >= from).then(|| replay.point(self, op.number));
                replay.step(op, false);
                if point.is_some() {
                    return point;
                }
            }
            let first_end = !std::mem::replace(&mut ended, true);
            first_end.then(|| replay.point(self, self.len()))
        })
    }
}

/// Walks a journal and keeps what is durable and what is undecided.
struct Replay {
    sector_bytes: usize,
    names: BTreeMap<PathBuf, FileId>,
    files: BTreeMap<FileId, Content>,
    facts: Vec<Fact>,
}

impl Replay {
    pub(super) fn new(trace: &Trace) -> Self {
        let start = &trace.inner.start;
        Self {
            sector_bytes: trace.inner.sector_bytes,
            names: start.names.clone(),
            files: start.files.clone(),
            facts: Vec::new(),
        }
    }

    /// Takes in one operation; a sync on a disk that lies does nothing.
    pub(super) fn step(&mut self, op: &SimOp, lied: bool) {
        match &op.action {
            Action::Create { file } => {
                self.files.insert(*file, Content::default());
                let path = op.path.to_path_buf();
                self.name(op, NameChange::Create { file: *file, path });
            }
            Action::Rename { file, to } => {
                let (from, to) = (op.path.to_path_buf(), to.clone());
                self.name(op, NameChange::Rename { file: *file, from, to });
            }
            Action::Unlink { file } => {
                let path = op.path.to_path_buf();
                self.name(op, NameChange::Unlink { file: *file, path });
            }
            Action::Write { file, offset, bytes, len_before } => {
                self.write(op, *file, *offset, bytes, *len_before);
            }
            Action::SetLen { file, bytes, len_before } => {
                let (bytes, cut) = (*bytes, bytes < len_before);
                self.fact(op, FactKind::Length { file: *file, bytes, cut });
            }
            Action::Sync { .. } | Action::SyncDir { .. } if lied => {}
            Action::Sync { file, kind, outcome } => {
                let mine = |fact: &Fact| fact.file() == Some(*file);
                let cut = self.facts.iter().any(|fact| {
                    mine(fact) && matches!(fact.kind, FactKind::Length { cut: true, .. })
                });
                // A data sync leaves lengths undecided, unless a cut makes the order matter.
                let lengths = *kind == SyncKind::Full || cut;
                let covered = |fact: &Fact| {
                    mine(fact) && (lengths || matches!(fact.kind, FactKind::Sector { .. }))
                };
                self.sync(op.number, *outcome, &covered);
            }
            Action::SyncDir { outcome } => {
                self.sync(op.number, *outcome, &|fact| fact.is_name_in(&op.path));
            }
            Action::Mark { .. } => {}
        }
    }

    /// The moment reached.
    pub(super) fn point(&self, trace: &Trace, at: usize) -> CrashPoint {
        CrashPoint {
            trace: trace.clone(),
            at,
            names: self.names.clone(),
            files: self.files.clone(),
            facts: self.facts.clone(),
        }
    }

    fn fact(&mut self, op: &SimOp, kind: FactKind) {
        self.facts.push(Fact { op: op.number, path: Arc::clone(&op.path), kind, dropped: false });
    }

    fn name(&mut self, op: &SimOp, change: NameChange) {
        self.fact(op, FactKind::Name(change));
    }

    fn write(&mut self, op: &SimOp, file: FileId, offset: u64, bytes: &Arc<[u8]>, len: u64) {
        let sector_bytes = self.sector_bytes as u64;
        let end = offset + bytes.len() as u64;
        let mut at = offset;
        while at < end {
            let sector = at / sector_bytes;
            let stop = end.min((sector + 1) * sector_bytes);
            let range = ((at - offset) as usize, (stop - offset) as usize);
            let bytes = Arc::clone(bytes);
            self.fact(op, FactKind::Sector { file, sector, offset: at, bytes, range });
            at = stop;
        }
        if end > len {
            self.fact(op, FactKind::Length { file, bytes: end, cut: false });
        }
    }

    fn sync(&mut self, at: usize, outcome: SyncOutcome, covered: &dyn Fn(&Fact) -> bool) {
        let seed = match outcome {
            SyncOutcome::Done | SyncOutcome::Failed(Persisted::All) => None,
            SyncOutcome::Failed(Persisted::None) => {
                let lost = self.facts.iter_mut().filter(|fact| covered(fact) && !fact.is_name());
                lost.for_each(|fact| fact.dropped = true);
                return;
            }
            SyncOutcome::Failed(Persisted::Part(seed)) => Some(seed),
        };
        let mut keeps: Vec<bool> = Vec::with_capacity(self.facts.len());
        for (index, fact) in self.facts.iter_mut().enumerate() {
            let taken = covered(fact) && !fact.dropped;
            let lucky =
                seed.is_none_or(|seed| mix(seed ^ mix((at as u64) << 20 | index as u64)) & 1 == 1);
            if taken && !lucky && !fact.is_name() {
                fact.dropped = true;
            }
            keeps.push(taken && lucky);
        }
        self.settle(&keeps);
    }

    /// Makes the marked facts durable, and with a sector the earlier writes it contains.
    fn settle(&mut self, keeps: &[bool]) {
        let fate = |index: usize| if keeps[index] { Fate::Kept } else { Fate::Lost };
        let fates: Vec<Fate> = (0..self.facts.len()).map(fate).collect();
        let touched: Vec<FileId> = {
            let kept = self.facts.iter().zip(keeps).filter(|(_, keep)| **keep);
            let mut files: Vec<FileId> = kept.filter_map(|(fact, _)| fact.file()).collect();
            files.sort_unstable();
            files.dedup();
            files
        };
        for file in touched {
            let base = self.files.get(&file).cloned().unwrap_or_default();
            let content = content_after(base, file, &self.facts, &fates, &self.files);
            self.files.insert(file, content);
        }
        for (fact, keep) in self.facts.iter().zip(keeps) {
            if *keep && let FactKind::Name(change) = &fact.kind {
                apply_name(&mut self.names, change);
            }
        }
        // An earlier version of something now durable can no longer come back.
        let mut latest: BTreeMap<(FileId, Option<u64>), usize> = BTreeMap::new();
        for (index, fact) in self.facts.iter().enumerate() {
            if keeps[index]
                && let Some(version) = fact.version_of()
            {
                latest.insert(version, index);
            }
        }
        let mut index = 0;
        self.facts.retain(|fact| {
            let at = index;
            index += 1;
            let late = fact.version_of().and_then(|version| latest.get(&version));
            !keeps[at] && late.is_none_or(|&late| at > late)
        });
    }
}

fn apply_name(names: &mut BTreeMap<PathBuf, FileId>, change: &NameChange) {
    match change {
        NameChange::Create { file, path } => {
            names.insert(path.clone(), *file);
        }
        NameChange::Rename { file, from, to } => {
            if names.get(from) == Some(file) {
                names.remove(from);
            }
            names.insert(to.clone(), *file);
        }
        NameChange::Unlink { file, path } => {
            if names.get(path) == Some(file) {
                names.remove(path);
            }
        }
    }
}

/// The content of `file` when its facts have these fates. Blocks behind the length stay.
fn content_after(
    mut content: Content,
    file: FileId,
    facts: &[Fact],
    fates: &[Fate],
    files: &BTreeMap<FileId, Content>,
) -> Content {
    let mine = || facts.iter().enumerate().filter(|(_, fact)| fact.file() == Some(file));
    // The latest length that survives, and the first cut behind it that did not.
    let mut length_op = None;
    for (index, fact) in mine() {
        if let FactKind::Length { bytes, .. } = fact.kind
            && fates[index] == Fate::Kept
        {
            length_op = Some(index);
            content.set_len(bytes);
        }
    }
    let lost_cut = mine().find_map(|(index, fact)| match fact.kind {
        FactKind::Length { bytes, cut: true, .. } if length_op.is_none_or(|last| index > last) => {
            Some((index, bytes))
        }
        _ => None,
    });
    // The latest surviving version of each sector. What went behind a cut that did not happen went to
    // blocks that the file does not have.
    let mut versions: BTreeMap<u64, usize> = BTreeMap::new();
    for (index, fact) in mine() {
        if let FactKind::Sector { sector, offset, range, .. } = fact.kind
            && fates[index] != Fate::Lost
        {
            let end = offset + (range.1 - range.0) as u64;
            if lost_cut.is_none_or(|(cut, bytes)| index < cut || end <= bytes) {
                versions.insert(sector, index);
            }
        }
    }
    for (index, fact) in mine() {
        match &fact.kind {
            FactKind::Sector { sector, offset, bytes, range, .. } => {
                let Some(&version) = versions.get(sector) else { continue };
                if index > version {
                    continue;
                }
                let bytes = &bytes[range.0..range.1];
                match fates[index] {
                    Fate::Kept | Fate::Lost => content.write(bytes, *offset),
                    _ if holds(&content, bytes, *offset) => {}
                    garbled => {
                        content
                            .write(&garbage(garbled, bytes.len(), *offset, file, files), *offset);
                    }
                }
            }
            FactKind::Length { bytes, cut: true, .. } if length_op >= Some(index) => {
                content.cut(*bytes);
            }
            FactKind::Length { .. } | FactKind::Name(_) => {}
        }
    }
    content
}

/// Whether these bytes are there already: writing them again puts nothing at risk.
fn holds(content: &Content, bytes: &[u8], offset: u64) -> bool {
    let mut there = vec![0; bytes.len()];
    content.read(&mut there, offset);
    there == bytes
}

fn garbage(
    fate: Fate,
    count: usize,
    offset: u64,
    file: FileId,
    files: &BTreeMap<FileId, Content>,
) -> Vec<u8> {
    match fate {
        Fate::Ones => vec![0xff; count],
        Fate::Noise(seed) => {
            (0..count as u64).map(|at| mix(seed ^ mix(file.0) ^ mix(offset + at)) as u8).collect()
        }
        Fate::Foreign => {
            let mut bytes = vec![0; count];
            let other = files.iter().find(|(id, content)| **id != file && content.len() > 0);
            if let Some((_, content)) = other {
                content.read(&mut bytes, offset % content.len());
            }
            bytes
        }
        Fate::Zeros | Fate::Kept | Fate::Lost => vec![0; count],
    }
}

/// A moment at which the power may go.
#[derive(Clone, Debug)]
pub struct CrashPoint {
    pub(super) trace: Trace,
    at: usize,
    names: BTreeMap<PathBuf, FileId>,
    files: BTreeMap<FileId, Content>,
    facts: Vec<Fact>,
}

impl CrashPoint {
    /// The number of the operation before which it is.
    pub fn at(&self) -> usize {
        self.at
    }

    /// What is undecided, in the order of operations.
    pub fn facts(&self) -> &[Fact] {
        &self.facts
    }

    /// The image when fact i has fate i. Facts past the end of `fates` are lost.
    pub fn image(&self, fates: &[Fate]) -> SimImage {
        let mut all = fates.to_vec();
        all.resize(self.facts.len(), Fate::Lost);
        let mut names = self.names.clone();
        for (fact, fate) in self.facts.iter().zip(&all) {
            if *fate == Fate::Kept
                && let FactKind::Name(change) = &fact.kind
            {
                apply_name(&mut names, change);
            }
        }
        let mut image = SimImage::new();
        for (path, file) in names {
            let base = self.files.get(&file).cloned().unwrap_or_default();
            let mut content = content_after(base, file, &self.facts, &all, &self.files);
            content.cut(content.len());
            image.files.insert(path, content);
        }
        image
    }

    /// The image when everything undecided is kept: the process died, the machine did not.
    pub fn image_all_kept(&self) -> SimImage {
        self.image(&vec![Fate::Kept; self.facts.len()])
    }

    /// The image when everything undecided is lost.
    pub fn image_none_kept(&self) -> SimImage {
        self.image(&[])
    }

    /// Undecided facts in groups that a model decides together.
    pub(super) fn groups(&self, same: impl Fn(&Fact, &Fact) -> bool) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for (index, fact) in self.facts.iter().enumerate() {
            match groups.last_mut() {
                Some(group) if same(&self.facts[group[0]], fact) => group.push(index),
                _ => groups.push(vec![index]),
            }
        }
        groups
    }

    pub(super) fn indices(&self, of: impl Fn(&Fact) -> bool) -> Vec<usize> {
        (0..self.facts.len()).filter(|&index| of(&self.facts[index])).collect()
    }

    pub(super) fn has_names(&self) -> bool {
        self.facts.iter().any(Fact::is_name)
    }
}
