//! A look-up as steps: each comparison of a binary search, then what came of the node.

use super::column::Column;
use super::{Lookup, TreeScreen};
use northstar_engine::inspect::tree::Outcome;

/// One comparison, or what came of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) node: usize,
    /// `None`: all comparisons of the node are done.
    pub(super) comparison: Option<usize>,
}

impl TreeScreen {
    pub(super) fn steps(&self) -> Vec<Step> {
        let Some(lookup) = &self.lookup else { return Vec::new() };
        let mut steps = Vec::new();
        for (node, step) in lookup.steps.iter().enumerate() {
            let comparisons = 0..step.comparisons.len();
            steps.extend(comparisons.map(|at| Step { node, comparison: Some(at) }));
            steps.push(Step { node, comparison: None });
        }
        steps
    }

    pub(super) fn current_step(&self) -> Option<Step> {
        self.steps().get(self.step).copied()
    }

    pub(super) fn take_lookup(&mut self, lookup: Lookup) {
        self.columns = lookup
            .nodes
            .iter()
            .map(|loaded| {
                let mut column = Column::new(loaded.pointer);
                column.node = Some(loaded.node.clone());
                column
            })
            .collect();
        self.lookup = Some(lookup);
        self.select_step(0);
    }

    pub(super) fn select_step(&mut self, step: usize) {
        let steps = self.steps();
        self.step = step.min(steps.len().saturating_sub(1));
        let Some(here) = steps.get(self.step).copied() else { return };
        self.active = here.node;
        let Some(found) = self.lookup.as_ref().and_then(|lookup| lookup.steps.get(here.node))
        else {
            return;
        };
        let slot = match here.comparison {
            Some(at) => found.comparisons.get(at).map(|comparison| comparison.slot),
            None => found.chosen,
        };
        // Columns before this one show the child that was taken.
        let chosen: Vec<Option<usize>> = self
            .lookup
            .iter()
            .flat_map(|lookup| lookup.steps.iter().take(here.node))
            .map(|step| step.chosen)
            .collect();
        for (column, chosen) in self.columns.iter_mut().zip(chosen) {
            let len = column.len();
            column.cursor.select(chosen.unwrap_or(0), len);
        }
        if let (Some(column), Some(slot)) = (self.columns.get_mut(here.node), slot) {
            let len = column.len();
            column.cursor.select(slot, len);
        }
    }

    pub(super) fn outcome_line(&self, outcome: &Outcome) -> String {
        match outcome {
            Outcome::Descend(pointer) => format!("go down to p{}", pointer.page),
            Outcome::Found(value) => format!("found: a value of {} bytes", value.bytes),
            Outcome::Missing => "not there: no row has this key".to_owned(),
            Outcome::Broken => "the node cannot be read any further".to_owned(),
        }
    }
}
