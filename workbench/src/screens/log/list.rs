//! The rows of the list: records that pass the filters, and the gaps between records.

use super::filter::Filter;
use super::{Effect, LogScreen};
use northstar_engine::Lsn;
use northstar_engine::inspect::log::{LogView, RecordView};
use std::ops::Range;

/// A row of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// The record with this index.
    Record(usize),
    /// Bytes that are no record, in front of one; no filter hides them.
    Gap(Range<Lsn>),
}

impl Filter {
    /// The rows of the records `new`, each behind the gap in front of it.
    pub(super) fn rows(
        &self,
        log: &LogView,
        records: &[RecordView],
        new: Range<usize>,
    ) -> Vec<Row> {
        let mut rows = Vec::new();
        for at in new {
            let Some(record) = records.get(at) else { break };
            let before = at.checked_sub(1).and_then(|before| records.get(before));
            rows.extend(before.and_then(|it| log.gap(it.end_lsn, record.lsn)).map(Row::Gap));
            if self.passes(record) {
                rows.push(Row::Record(at));
            }
        }
        rows
    }
}

impl LogScreen {
    /// Shows what passes the filters, and stays near what was selected.
    pub(super) fn narrow(&mut self) -> Vec<Effect> {
        let here = self.selected().map(|record| record.lsn);
        self.shown.clear();
        self.show_new(0);
        let at = self.shown.iter().position(|row| here.is_some() && self.lsn_of(row) >= here);
        let len = self.len();
        self.cursor.select(at.unwrap_or(0), len);
        self.load_detail()
    }

    /// Visible rows: the records, and the tail when there is something to say of it.
    pub(super) fn len(&self) -> usize {
        let segments = self.log.as_ref().map_or(0, |log| log.segments.len());
        self.shown.len() + usize::from(self.tail.is_some() && segments > 0)
    }

    /// Adds the rows of the records from `from` on.
    pub(super) fn show_new(&mut self, from: usize) {
        let Some(log) = &self.log else { return };
        self.shown.extend(self.filter.rows(log, &self.records, from..self.records.len()));
    }

    pub(super) fn record_of(&self, row: &Row) -> Option<&RecordView> {
        match row {
            Row::Record(at) => self.records.get(*at),
            Row::Gap(_) => None,
        }
    }

    pub(super) fn lsn_of(&self, row: &Row) -> Option<Lsn> {
        match row {
            Row::Record(at) => self.records.get(*at).map(|record| record.lsn),
            Row::Gap(gap) => Some(gap.start),
        }
    }

    pub(super) fn selected(&self) -> Option<&RecordView> {
        self.shown.get(self.cursor.at).and_then(|row| self.record_of(row))
    }

    pub(super) fn selected_gap(&self) -> Option<&Range<Lsn>> {
        match self.shown.get(self.cursor.at) {
            Some(Row::Gap(gap)) => Some(gap),
            _ => None,
        }
    }

    pub(super) fn gaps(&self) -> impl Iterator<Item = &Range<Lsn>> {
        self.shown.iter().filter_map(|row| match row {
            Row::Gap(gap) => Some(gap),
            Row::Record(_) => None,
        })
    }

    pub(super) fn on_tail(&self) -> bool {
        self.tail.is_some() && self.cursor.at == self.shown.len()
    }
}
