//! The check of a whole log: every record of every segment, every join between them.
//!
//! Called by `Db::verify`, `check` and `logdump --verify`. Reports all LOG and SEG rules; goes on
//! behind damage. Cost: one pass, and a second one over chains of continuations.

use super::scan::{Scanner, Tail};
use super::segments::Chain;
use super::transactions::Transactions;
use crate::error::{Corrupt, Error, Place, Result};
use crate::format::log_record::RecordFault;
use crate::ids::{Lsn, TxnId};

/// Findings are listed up to this many, then only counted.
const PROBLEMS_MAX: usize = 1000;

/// What a check of the whole log found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogReport {
    /// Segments looked at.
    pub segments: u64,
    /// Bytes of records looked at.
    pub bytes: u64,
    /// Committed transactions.
    pub commits: u64,
    /// Operations in them.
    pub ops: u64,
    /// The first committed transaction there is as a whole.
    pub first_txn: Option<TxnId>,
    /// The last one.
    pub last_txn: Option<TxnId>,
    /// End of the last sound record.
    pub end_lsn: Lsn,
    /// What is broken, the first thousand.
    pub problems: Vec<Corrupt>,
    /// How much is broken.
    pub problem_count: u64,
    /// A torn tail: nothing acknowledged is in it. No problem, but worth showing.
    pub torn: Option<Torn>,
}

/// Bytes behind the last record that are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Torn {
    /// Where they start.
    pub at: Lsn,
    /// How many.
    pub bytes: u64,
    /// Why they are no record.
    pub fault: RecordFault,
}

impl LogReport {
    fn found(&mut self, corrupt: Corrupt) {
        self.problem_count += 1;
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(corrupt);
        }
    }
}

/// Checks every record of every segment. `proven`: positions below are known durable, from a meta
/// or a live log; zero when nothing is known.
///
/// # Errors
/// `Io`, `UnsupportedFormat`. Damage is no error but a finding.
pub fn verify(chain: &Chain, proven: Lsn) -> Result<LogReport> {
    let mut report = LogReport { segments: chain.segments().len() as u64, ..LogReport::default() };
    if let Some(broken) = chain.broken() {
        report.found(broken.clone());
    }
    let Some(start) = chain.start_lsn() else { return Ok(report) };
    let mut transactions =
        Transactions::new(Scanner::new(chain.clone(), start)?.proven(proven), None);
    loop {
        match check_next(&mut transactions, &mut report) {
            Ok(true) => {}
            Ok(false) => break,
            Err(Error::Corrupt(corrupt)) => {
                report.found(*corrupt);
                if !transactions.skip_damage()? {
                    break;
                }
            }
            Err(error) => return Err(error),
        }
    }
    report.end_lsn = transactions.scanner().position();
    report.bytes = report.end_lsn.get().saturating_sub(start.get());
    if let Some(Tail::Torn { at, fault, bytes }) = transactions.tail() {
        report.torn = Some(Torn { at, bytes, fault });
    } else if transactions.tail().is_some() && report.end_lsn < proven {
        let found = format!("an end at {}", report.end_lsn);
        let place = Place::Lsn(report.end_lsn);
        report.found(Corrupt::at(place, "LOG-9", format!("log up to {proven}"), found));
    }
    Ok(report)
}

fn check_next(transactions: &mut Transactions, report: &mut LogReport) -> Result<bool> {
    let Some(transaction) = transactions.next()? else { return Ok(false) };
    report.commits += 1;
    report.first_txn.get_or_insert(transaction.txn_id);
    report.last_txn = Some(transaction.txn_id);
    let mut ops = 0;
    let decoded = transactions.ops(&mut |_| {
        ops += 1;
        Ok(())
    });
    report.ops += ops;
    match decoded {
        Err(Error::Corrupt(corrupt)) => report.found(*corrupt),
        other => other?,
    }
    Ok(true)
}
