//! The log as it is read: its segments first, records in batches, then how it ends.

use super::{Effect, LogScreen};
use crate::job::Data;
use crate::model::log::{LogEnd, LogOpened, LogPart, RECORDS_MAX};
use northstar_engine::inspect::log::RecordView;

impl LogScreen {
    /// Takes in the next piece of it.
    pub(super) fn read_on(&mut self, data: Data) -> Vec<Effect> {
        let data = match data.downcast::<LogOpened>() {
            Ok(opened) => {
                self.opened(*opened);
                return Vec::new();
            }
            Err(data) => data,
        };
        let data = match data.downcast::<LogPart>() {
            Ok(part) => return self.take(part.0),
            Err(data) => data,
        };
        match data.downcast::<LogEnd>() {
            Ok(end) => self.end(*end),
            Err(_) => Vec::new(),
        }
    }

    /// What was read before stays only when the log still has it.
    fn opened(&mut self, opened: LogOpened) {
        if !opened.resumed {
            if !self.at_end && self.wanted.is_none() {
                self.wanted = Some(self.place_of_cursor());
            }
            self.records.clear();
            self.shown.clear();
            self.tail = None;
            self.ended = false;
        }
        self.log = Some(opened.log);
    }

    fn take(&mut self, records: Vec<RecordView>) -> Vec<Effect> {
        let mut from = self.records.len();
        self.records.extend(records);
        if self.records.len() > RECORDS_MAX {
            // The oldest go, an eighth at a time: what is kept is numbered anew.
            self.records.drain(..RECORDS_MAX / 8);
            self.shown.clear();
            from = 0;
        }
        self.show_new(from);
        match self.wanted.clone() {
            Some(at) => self.find(&at),
            None => Vec::new(),
        }
    }

    fn end(&mut self, end: LogEnd) -> Vec<Effect> {
        self.tail = end.0;
        self.ended = true;
        self.renew_panel();
        let len = self.len();
        if let Some(at) = self.wanted.clone() {
            return self.find(&at);
        }
        // The newest record is what most people come for.
        if self.at_end {
            self.cursor.select(self.shown.len().saturating_sub(1), len);
        }
        self.load_detail()
    }
}
