//! The field tree as rows: which groups are open, which row a byte is in.

use northstar_engine::inspect::{FieldView, PageView, Spot};
use std::collections::BTreeSet;

/// A visible row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// A field, by its path of child indices.
    Field {
        /// The path.
        path: Vec<usize>,
        /// Whether it is a group.
        group: bool,
    },
    /// A gap, by its index.
    Gap {
        /// The index.
        index: usize,
    },
}

/// Groups with at most this many fields are open at first.
const OPEN_MAX: usize = 30;

/// The rows that are visible.
#[derive(Debug, Default)]
pub(super) struct Rows {
    open: BTreeSet<Vec<usize>>,
    known: bool,
    pub(super) visible: Vec<Row>,
}

impl Rows {
    /// Makes the rows of `view`; what was open stays open.
    pub(super) fn rebuild(&mut self, view: &PageView) {
        if !self.known {
            self.known = true;
            for (at, field) in view.fields.iter().enumerate() {
                if !field.children.is_empty() && field.children.len() <= OPEN_MAX {
                    self.open.insert(vec![at]);
                }
            }
        }
        self.visible = flatten(view, &|path| self.open.contains(path));
    }

    /// All rows, every group open.
    pub(super) fn all(&self, view: &PageView) -> Vec<Row> {
        flatten(view, &|_| true)
    }

    /// Opens or closes a group.
    pub(super) fn toggle(&mut self, view: &PageView, path: &[usize]) {
        if !self.open.remove(path) {
            self.open.insert(path.to_vec());
        }
        self.rebuild(view);
    }

    /// Whether the group of `row` is open.
    pub(super) fn is_open(&self, field: &FieldView, row: Option<&Row>) -> bool {
        match row {
            Some(Row::Field { path, .. }) => !field.children.is_empty() && self.open.contains(path),
            _ => false,
        }
    }

    /// Opens what has to be open for the field at `byte` to be seen.
    pub(super) fn reveal(&mut self, view: &PageView, byte: usize) {
        if let Some(Spot::Field(path)) = view.at(byte) {
            for end in 1..path.len() {
                if let Some(parent) = path.get(..end) {
                    self.open.insert(parent.to_vec());
                }
            }
            self.rebuild(view);
        }
    }

    /// The row of the innermost visible field, or gap, that holds `byte`.
    pub(super) fn row_at(&self, view: &PageView, byte: usize) -> Option<usize> {
        match view.at(byte)? {
            Spot::Gap(gap) => self.visible.iter().position(|row| *row == Row::Gap { index: gap }),
            Spot::Field(mut path) => {
                while !path.is_empty() {
                    let found = self
                        .visible
                        .iter()
                        .position(|row| matches!(row, Row::Field { path: at, .. } if *at == path));
                    if found.is_some() {
                        return found;
                    }
                    path.pop();
                }
                None
            }
        }
    }

    /// The row of the group around row `at`.
    pub(super) fn parent_of(&self, at: usize) -> Option<usize> {
        let Row::Field { path, .. } = self.visible.get(at)? else { return None };
        let parent = path.get(..path.len().checked_sub(1)?)?;
        self.visible
            .iter()
            .position(|row| matches!(row, Row::Field { path, .. } if path.as_slice() == parent))
    }
}

/// Fields and gaps in the order of their bytes; fields inside a group in the group's order.
fn flatten(view: &PageView, is_open: &dyn Fn(&[usize]) -> bool) -> Vec<Row> {
    let mut tops: Vec<(usize, Row)> = view
        .fields
        .iter()
        .enumerate()
        .map(|(at, field)| {
            let group = !field.children.is_empty();
            (field.range.start, Row::Field { path: vec![at], group })
        })
        .chain(
            view.gaps.iter().enumerate().map(|(at, gap)| (gap.range.start, Row::Gap { index: at })),
        )
        .collect();
    tops.sort_by_key(|(start, _)| *start);
    let mut out = Vec::new();
    let mut stack: Vec<Row> = tops.into_iter().rev().map(|(_, row)| row).collect();
    while let Some(row) = stack.pop() {
        if let Row::Field { path, group: true } = &row
            && is_open(path)
            && let Some(field) = view.field(path)
        {
            for (at, child) in field.children.iter().enumerate().rev() {
                let mut path = path.clone();
                path.push(at);
                stack.push(Row::Field { path, group: !child.children.is_empty() });
            }
        }
        out.push(row);
    }
    out
}
