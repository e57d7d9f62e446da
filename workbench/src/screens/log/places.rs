//! Where the keys of the selected record live in the pages of today.

use super::{Effect, LOCATE, LogScreen};
use crate::model::located::{Locate, OPS_LOCATED_MAX};
use crate::screens::Context;
use crate::screens::tree::chosen_root;
use northstar_engine::inspect::log::OpKind;

impl LogScreen {
    /// Looks where the keys of the record live, if the pages have what it did.
    pub(super) fn locate(&self, context: &Context) -> Vec<Effect> {
        let (Some(detail), Some(root)) = (&self.detail, chosen_root(context)) else {
            return Vec::new();
        };
        if context.summary.checkpoint < Some(detail.record.txn_id) {
            return Vec::new();
        }
        let ops = detail.ops.iter().take(OPS_LOCATED_MAX);
        let keys = ops.map(|op| op.key.clone()).collect();
        let job = Locate { lsn: detail.record.lsn, root, keys };
        vec![Effect::Run(LOCATE, Box::new(job))]
    }

    pub(super) fn place_list(&self) -> Vec<Option<String>> {
        let ops = self.detail.as_ref().map_or(0, |detail| detail.ops.len());
        (0..ops).map(|op| self.place_of_op(op)).collect()
    }

    /// Where the key of an operation of the selected record lives.
    pub(super) fn place_of_op(&self, op: usize) -> Option<String> {
        let detail = self.detail.as_ref()?;
        // A range has no one place.
        detail.ops.get(op).filter(|op| op.kind != OpKind::DelRange)?;
        let located = self.located.as_ref().filter(|located| located.lsn == detail.record.lsn);
        located?.in_words(op)
    }
}
