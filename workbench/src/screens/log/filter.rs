//! What the list of records is narrowed to: a type, transactions, keys, all at once if wanted.

use crate::model::log::{Touching, type_name};
use northstar_engine::TxnId;
use northstar_engine::format::log_record::RecordType;
use northstar_engine::inspect::log::RecordView;

/// The filters.
#[derive(Debug, Default)]
pub(super) struct Filter {
    pub(super) only: Option<RecordType>,
    pub(super) touching: Option<Touching>,
    /// From this transaction to that one.
    pub(super) txns: Option<(TxnId, TxnId)>,
}

impl Filter {
    /// Whether a record is shown.
    pub(super) fn passes(&self, record: &RecordView) -> bool {
        self.only.is_none_or(|only| record.record_type == only)
            && self.txns.is_none_or(|(from, to)| (from..=to).contains(&record.txn_id))
            && self.touching.as_ref().is_none_or(|touching| touching.found.contains(&record.lsn))
    }

    /// The next type, and round.
    pub(super) fn next_type(&mut self) {
        self.only = match self.only {
            None => Some(RecordType::Commit),
            Some(RecordType::Commit) => Some(RecordType::Checkpoint),
            Some(RecordType::Checkpoint) => Some(RecordType::Continuation),
            Some(RecordType::Continuation) => None,
        };
    }

    /// What is shown, in words; nothing when everything is.
    pub(super) fn in_words(&self) -> String {
        let mut words = String::new();
        if let Some(only) = self.only {
            words += &format!("  only {}", type_name(only));
        }
        if let Some((from, to)) = self.txns {
            words +=
                &if from == to { format!("  txn {from}") } else { format!("  txn {from}..{to}") };
        }
        if let Some(touching) = &self.touching {
            words += &format!("  {}", touching.wanted);
        }
        words
    }

    /// Reads `118` or `110..118`.
    pub(super) fn read_txns(text: &str) -> Option<(TxnId, TxnId)> {
        let number = |text: &str| text.trim().parse().ok().map(TxnId::new);
        match text.split_once("..") {
            Some((from, to)) => Some((number(from)?, number(to)?)),
            None => number(text).map(|txn| (txn, txn)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transactions_are_read() {
        let txn = TxnId::new;
        for (text, want) in [
            ("118", Some((txn(118), txn(118)))),
            (" 110 .. 118 ", Some((txn(110), txn(118)))),
            ("", None),
            ("110..", None),
            ("a..b", None),
        ] {
            assert_eq!(Filter::read_txns(text), want, "{text}");
        }
    }
}
