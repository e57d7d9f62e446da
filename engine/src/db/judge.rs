//! Which meta slot of a file counts: both are read, each is judged with its root page.
//!
//! Called by `db::open` and by `db::backup`, which checks what it wrote. The rules are
//! `format::meta`'s; the bytes come from here. Spec: `spec/file_format_v0.md`, meta; crash rule 1.
//! Keeps META-9 and FILE-1. Cost: two meta pages and two roots.

use crate::disk::File;
use crate::error::{Corrupt, Error, Place, Result};
use crate::format::meta::{Judgement, Meta, SlotChoice, is_unsupported, judge};
use crate::format::page::{PageType, verify_page};
use crate::limits::PAGE_BYTES;
use crate::log::Position;
use crate::txn::snapshot::Snapshot;
use std::sync::Arc;

/// The judged metas of an open file.
pub(crate) struct Judged {
    pub(crate) file: Arc<dyn File>,
    judgement: Judgement,
    /// Slots that are sound by themselves and whose root is not.
    pub(crate) given_up: Vec<Meta>,
}

impl Judged {
    pub(crate) fn read(file: Arc<dyn File>) -> Result<Self> {
        let mut given_up = Vec::new();
        let judgement = judge_slots(file.as_ref(), &mut given_up)?;
        Ok(Self { file, judgement, given_up })
    }

    /// The chosen meta and the other valid one.
    pub(crate) fn metas(&self) -> Result<(Meta, Option<Meta>)> {
        let Some(meta) = self.judgement.meta() else {
            return Err(refusal(&self.judgement, self.file.as_ref()));
        };
        // Asked before anything is sized by that number; a slot with a tree was judged with its root.
        let bytes = self.file.len()?;
        if bytes < meta.page_count.saturating_mul(PAGE_BYTES as u64) {
            let expected = format!("{} pages", meta.page_count);
            let corrupt = Corrupt::at(Place::File, "FILE-1", expected, format!("{bytes} bytes"));
            return Err(corrupt.in_file(self.file.path()).into());
        }
        Ok((*meta, self.judgement.other().copied()))
    }
}

/// Judges the two slots of a file, each with its root page.
pub(crate) fn judge_file(file: &dyn File) -> Result<Judgement> {
    judge_slots(file, &mut Vec::new())
}

fn judge_slots(file: &dyn File, given_up: &mut Vec<Meta>) -> Result<Judgement> {
    let bytes = file.len()?;
    let mut slots = [Vec::new(), Vec::new()];
    for (slot, buffer) in slots.iter_mut().enumerate() {
        let offset = (slot * PAGE_BYTES) as u64;
        buffer.resize(bytes.saturating_sub(offset).min(PAGE_BYTES as u64) as usize, 0);
        file.read_at(buffer, offset)?;
    }
    let mut failed = None;
    let judgement = judge([&slots[0], &slots[1]], &mut |meta| {
        let found = check_root(file, bytes, meta, &mut failed);
        found.inspect_err(|_| given_up.push(*meta))
    });
    failed.map_or(Ok(judgement), Err)
}

/// META-9: the root page is the one the meta means, and the file is as long as it says.
fn check_root(
    file: &dyn File,
    bytes: u64,
    meta: &Meta,
    failed: &mut Option<Error>,
) -> Result<(), Corrupt> {
    let root = meta.root;
    if bytes < meta.page_count.saturating_mul(PAGE_BYTES as u64) {
        let expected = format!("{} pages", meta.page_count);
        return Err(Corrupt::page(root.page, "META-9", expected, format!("{bytes} bytes")));
    }
    let mut page = vec![0; PAGE_BYTES];
    if let Err(error) = file.read_at(&mut page, root.page.get().saturating_mul(PAGE_BYTES as u64)) {
        let corrupt = Corrupt::page(root.page, "META-9", "a root that can be read", &error);
        *failed = Some(error);
        return Err(corrupt);
    }
    let header = verify_page(&page, meta.uuid, root.page)?;
    let level = meta.depth.saturating_sub(1);
    let wanted = if level == 0 { PageType::Leaf } else { PageType::Internal };
    let is_meant = header.birth == root.birth
        && header.nonce == root.nonce
        && u32::from(header.level) == level
        && header.page_type == wanted as u8;
    if is_meant {
        return Ok(());
    }
    Err(Corrupt::page(
        root.page,
        "META-9",
        format_args!("{} of level {level} for {root:?}", wanted.name()),
        format_args!("birth {}, nonce {:08x}, level {}", header.birth, header.nonce, header.level),
    ))
}

/// Why a file without a usable slot is refused.
fn refusal(judgement: &Judgement, file: &dyn File) -> Error {
    let problems = [SlotChoice::A, SlotChoice::B].map(|slot| judgement.problem(slot));
    let path = file.path().to_path_buf();
    let all = |test: &dyn Fn(&Corrupt) -> bool| problems.iter().flatten().all(|p| test(p));
    if problems.iter().all(Option::is_some) && all(&|problem| problem.rule == "META-1") {
        return Error::UnsupportedFormat { path, found: "no northstar database".to_owned() };
    }
    if let Some(problem) = problems.iter().flatten().find(|problem| is_unsupported(problem.rule)) {
        let found = format!("{} ({})", problem.found, problem.rule);
        return Error::UnsupportedFormat { path, found };
    }
    let worst = problems.into_iter().flatten().next_back().cloned();
    let none = || Corrupt::at(Place::File, "META-10", "slots of one file", &judgement.reason);
    worst.unwrap_or_else(none).in_file(path).into()
}

/// The end of the log record that made the state of `meta`.
pub(crate) fn position(meta: &Meta) -> Position {
    Position {
        lsn: meta.log_lsn,
        generation: meta.log_generation,
        crc: meta.log_crc,
        txn_id: meta.txn_id,
    }
}

/// The state that `meta` names.
pub(crate) fn snapshot(meta: &Meta) -> Snapshot {
    Snapshot {
        txn_id: meta.txn_id,
        root: meta.root,
        depth: meta.depth,
        key_count: meta.key_count,
        alias_count: meta.alias_count,
        lsn: meta.log_lsn,
    }
}
