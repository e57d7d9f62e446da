//! The two meta slots as recovery sees them.
//!
//! The verdicts are those of [`crate::format::meta::judge`], which recovery calls too.

use super::builder::Builder;
use super::source::Source;
use super::view::FieldView;
use crate::error::Corrupt;
use crate::format::meta::{Judgement, META_MAGIC, Meta, SlotChoice, Step, judge};
use crate::format::page::{PageHeader, check_root};
use crate::ids::{PageId, Pointer, TxnId};
use serde::Serialize;

/// One slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SlotView {
    /// A or B.
    pub slot: SlotChoice,
    /// Its page.
    pub page: PageId,
    /// Whether every rule holds for it.
    pub valid: bool,
    /// The first rule that is broken.
    pub problem: Option<Corrupt>,
    /// The meta's fields, decoded whether valid or not; empty when there is no meta at all.
    pub fields: Vec<FieldView>,
    /// Its tree.
    pub root: Option<super::tree::Root>,
}

/// Both slots, every rule with its verdict for each, and the choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MetaJudgement {
    /// A, B.
    pub slots: [SlotView; 2],
    /// The rules in the order they were asked.
    pub rules: Vec<Step>,
    /// The slot recovery would start from.
    pub chosen: Option<SlotChoice>,
    /// Why.
    pub reason: String,
    /// The engine's own judgement, for code.
    #[serde(skip)]
    pub judgement: Judgement,
}

impl MetaJudgement {
    /// The meta recovery would start from.
    pub fn meta(&self) -> Option<&Meta> {
        self.judgement.meta()
    }
}

/// A writer that checkpoints faster than this reader looks makes it look again this often.
const JUDGE_AGAIN_MAX: usize = 16;

/// Judges the metas of a file as recovery does, reading both root pages.
///
/// Never fails: what cannot be read counts as missing. A slot that is found wanting while a writer
/// overwrites it (its root may have been used again by then) is judged again as it is now.
pub fn metas(source: &Source) -> MetaJudgement {
    let mut slots = read_slots(source);
    for _ in 0..JUDGE_AGAIN_MAX {
        let judgement = judge_slots(source, &slots);
        if judgement.slots.iter().all(|slot| slot.valid) {
            return judgement;
        }
        let now = read_slots(source);
        if now == slots {
            return judgement;
        }
        slots = now;
    }
    judge_slots(source, &slots)
}

fn read_slots(source: &Source) -> [Vec<u8>; 2] {
    [0, 1]
        .map(|page| source.read_page(PageId::new(page)).map(|page| page.bytes).unwrap_or_default())
}

fn judge_slots(source: &Source, [a, b]: &[Vec<u8>; 2]) -> MetaJudgement {
    judge_pages([a, b], &mut |meta| {
        let page = source
            .read_page(meta.root.page)
            .map_err(|error| Corrupt::page(meta.root.page, "META-9", "a readable root", error))?;
        check_root(&page.bytes, meta.uuid, meta.root, meta.depth).map(|_| ())
    })
}

/// The same for the bytes of two pages that are not (or no longer) in a file: "what if B is torn?".
pub fn judge_pages(
    slots: [&[u8]; 2],
    check_root: &mut dyn FnMut(&Meta) -> Result<(), Corrupt>,
) -> MetaJudgement {
    let judgement = judge(slots, check_root);
    let view = |slot: SlotChoice, bytes: &[u8]| SlotView {
        slot,
        page: PageId::new(slot.index() as u64),
        valid: judgement.slot(slot).is_some(),
        problem: judgement.problem(slot).cloned(),
        fields: meta_fields(bytes),
        root: judgement.slot(slot).map(|meta| super::tree::Root::of_meta(meta, slot)),
    };
    let [a, b] = slots;
    MetaJudgement {
        slots: [view(SlotChoice::A, a), view(SlotChoice::B, b)],
        rules: judgement.steps.clone(),
        chosen: judgement.chosen,
        reason: judgement.reason.clone(),
        judgement,
    }
}

/// The meta's fields of a page, offsets from the page's start; none when there is no meta.
fn meta_fields(bytes: &[u8]) -> Vec<FieldView> {
    let meta = bytes.get(PageHeader::BYTES..).and_then(Meta::decode);
    if meta.is_none_or(|meta| meta.magic != META_MAGIC) {
        return Vec::new();
    }
    let mut builder = Builder::new(bytes);
    let group = builder.layout("meta", &Meta::LAYOUT, PageHeader::BYTES);
    group.map(|group| group.children).unwrap_or_default()
}

impl SlotView {
    /// The state this slot describes and its root, when the slot is valid.
    pub fn state(&self) -> Option<(TxnId, Pointer)> {
        self.root.as_ref().map(|root| (root.txn_id, root.pointer))
    }
}
