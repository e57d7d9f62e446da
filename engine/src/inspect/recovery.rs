//! What recovery makes of the log behind the metas: its own assessment, without a write or a lock.
//!
//! Called by the check of everything, and by the workbench to say what `open` would do.
//! Cost: the records behind the chosen meta, read once.

use super::metas::MetaJudgement;
use super::source::Source;
use crate::format::meta::{Meta, SlotChoice};
use crate::ids::PageId;
use crate::log::Position;
use crate::log::paths::LogPaths;
use crate::log::recover::{Recovery, assess};
use crate::log::segments::Chain;

/// What recovery finds in the log behind the chosen meta of `judgement`, which need not be that of the file
/// ("what if B is torn?"); `None` when there is no meta, or no log and none is needed (a backup).
///
/// # Errors
/// What `open` would refuse with: `Corrupt` when the log is missing, another database's, or damaged where it was
/// durable; `UnsupportedFormat`; `Io`.
pub fn recovery(source: &Source, judgement: &MetaJudgement) -> crate::Result<Option<Recovery>> {
    let Some(chosen) = judgement.meta() else { return Ok(None) };
    let chain = Chain::discover(source.storage(), &LogPaths::of_database(source.path()))?;
    if chain.segments().is_empty() && chosen.log_generation == 0 {
        return Ok(None);
    }
    let given_up = given_up(source, judgement)?;
    let metas = std::iter::once(chosen).chain(judgement.judgement.other()).chain(&given_up);
    let positions: Vec<Position> = metas.map(position).collect();
    assess(&chain, source.uuid(), &positions).map(Some)
}

/// Metas that cannot be used only because of the root they name: they still prove the log up to their position.
fn given_up(source: &Source, judgement: &MetaJudgement) -> crate::Result<Vec<Meta>> {
    let mut found = Vec::new();
    for slot in [SlotChoice::A, SlotChoice::B] {
        let problem = judgement.judgement.problem(slot);
        if problem.is_some_and(|problem| problem.rule == "META-9") {
            let number = slot.index() as u64;
            let page = source.read_page(PageId::new(number))?;
            found.extend(Meta::decode_slot(&page.bytes, number).ok());
        }
    }
    Ok(found)
}

fn position(meta: &Meta) -> Position {
    Position {
        lsn: meta.log_lsn,
        generation: meta.log_generation,
        crc: meta.log_crc,
        txn_id: meta.txn_id,
    }
}
