//! Bytes worth a look on the page: where `]` and `[` go.

use super::{Effect, PageScreen};
use crate::model::pagediff::differing;

impl PageScreen {
    /// Where differences begin while two pages are compared; else gaps and broken rules.
    pub(super) fn points(&self) -> Vec<usize> {
        let Some(page) = &self.page else { return Vec::new() };
        if let Some(other) = &self.other {
            let ranges = differing(&page.bytes, &other.bytes);
            return ranges.into_iter().map(|range| range.start).collect();
        }
        let mut points: Vec<usize> = page.view.gaps.iter().map(|gap| gap.range.start).collect();
        for field in &page.view.fields {
            field.visit(&mut |field| {
                if field.verdict.as_ref().is_some_and(|verdict| !verdict.ok) {
                    points.push(field.range.start);
                }
            });
        }
        points.sort_unstable();
        points.dedup();
        points
    }

    /// To the next of them, or to the one before; round at the ends.
    pub(super) fn next_point(&mut self, forward: bool) -> Vec<Effect> {
        let points = self.points();
        let here = self.selected_range().start.min(self.byte);
        let to = if forward {
            points.iter().find(|at| **at > here).or(points.first())
        } else {
            points.iter().rev().find(|at| **at < here).or(points.last())
        };
        if let Some(to) = to {
            self.select_byte(*to);
        }
        Vec::new()
    }
}
