//! The bytes of nodes that two states have in different versions.
//!
//! Asked for after a comparison, which names the nodes. Only a page that still is what its pointer says is
//! compared: one that was used again holds other bytes.
//! Cost: two page reads and two passes over fields for each node, [`NODES_MAX`] at most.

use super::PageChange;
use crate::job::{Data, Desk, Job};
use crate::model::pagediff::PageDiff;
use crate::model::pages::{LoadedPage, load};
use northstar_engine::format::page::{PageHeader, check_pointer};
use northstar_engine::inspect::Source;
use northstar_engine::{Pointer, TxnId};

/// Nodes that are compared byte by byte.
const NODES_MAX: usize = 64;

/// The nodes of two states compared byte by byte.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ByteDiffs {
    /// The earlier state, the later.
    #[serde(skip)]
    pub states: (TxnId, TxnId),
    /// Each node that both have, leaves first.
    pub pages: Vec<PageDiff>,
    /// Nodes that were not compared: there are too many.
    pub left_out: usize,
    /// Pages that are no more what they were.
    pub holes: Vec<String>,
}

/// Compares them.
#[derive(Debug)]
pub struct CompareBytes {
    /// The earlier state, the later.
    pub states: (TxnId, TxnId),
    /// The nodes that differ.
    pub nodes: Vec<PageChange>,
}

impl Job for CompareBytes {
    fn name(&self) -> String {
        "compare pages byte by byte".to_owned()
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let source = desk.source()?;
        let mut pairs: Vec<(u8, Pointer, Pointer)> = self
            .nodes
            .iter()
            .filter_map(|node| Some((node.level, node.earlier?, node.later?)))
            .collect();
        // What was written is in the leaves; what is above only names them. The order of keys stays.
        pairs.sort_by_key(|(level, ..)| *level);
        let left_out = pairs.len().saturating_sub(NODES_MAX);
        let (mut pages, mut holes) = (Vec::new(), Vec::new());
        for (_, earlier, later) in pairs.into_iter().take(NODES_MAX) {
            if !desk.wanted() {
                return Err("stopped".to_owned());
            }
            match (version(&source, earlier)?, version(&source, later)?) {
                (Ok(earlier), Ok(later)) => pages.push(PageDiff::of(&earlier, &later)),
                (Err(why), _) | (_, Err(why)) => holes.push(why),
            }
        }
        Ok(Box::new(ByteDiffs { states: self.states, pages, left_out, holes }))
    }
}

/// The page that `pointer` means, or why it is not there.
///
/// # Errors
/// A sentence: the file cannot be read.
fn version(source: &Source, pointer: Pointer) -> Result<Result<LoadedPage, String>, String> {
    let page = load(source, pointer.page)?;
    if let Some(problem) = page.view.problems.first().filter(|_| !page.view.verified) {
        return Ok(Err(problem.to_string()));
    }
    Ok(match PageHeader::decode(&page.bytes).map(|header| check_pointer(&header, pointer)) {
        Some(Ok(())) => Ok(page),
        Some(Err(corrupt)) => Err(corrupt.to_string()),
        None => Err(format!("p{} is not there", pointer.page)),
    })
}
