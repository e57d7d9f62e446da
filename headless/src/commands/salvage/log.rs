//! What the log knows: everything behind the state on pages, and before it what falls into holes.

use super::{Findings, Hole, Sink};
use color_eyre::eyre::Result;
use northstar_engine::{
    Error, TxnId,
    disk::{Storage, file::RealStorage},
    format::op::Op,
    inspect::Source,
    log::{Chain, LogPaths, Scanner, Transactions},
};
use std::{ops::Bound, path::Path, sync::Arc};

/// Applies the log to the sink.
pub(super) fn save(
    path: &Path,
    source: &Source,
    sink: &mut Sink,
    findings: &mut Findings,
) -> Result<()> {
    let Some(mut transactions) = open(path, source, findings)? else { return Ok(()) };
    let mut first = true;
    let mut sound = true;
    loop {
        match transactions.next() {
            Ok(Some(transaction)) => {
                let txn_id = transaction.txn_id;
                if std::mem::take(&mut first) {
                    findings.log_is_whole = txn_id == TxnId::GENESIS.next();
                }
                let behind = txn_id > findings.txn_id;
                if behind && txn_id > findings.last_txn.next() {
                    let (last, found) = (findings.last_txn, txn_id);
                    findings
                        .log_problems
                        .push(format!("no transaction between {last} and {found} is in the log"));
                }
                apply(&mut transactions, behind, sink, findings)?;
                findings.last_txn = findings.last_txn.max(txn_id);
            }
            Ok(None) => break,
            Err(Error::Corrupt(corrupt)) => {
                findings.log_problems.push(corrupt.to_string());
                sound = false;
                if !transactions.skip_damage()? {
                    break;
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    findings.log_is_whole &= sound && findings.last_txn >= findings.txn_id;
    Ok(())
}

fn open(path: &Path, source: &Source, findings: &mut Findings) -> Result<Option<Transactions>> {
    let storage: Arc<dyn Storage> = Arc::new(RealStorage);
    let chain = match Chain::discover(&storage, &LogPaths::of_database(path)) {
        Ok(chain) => chain,
        Err(Error::Corrupt(corrupt)) => {
            findings.log_problems.push(corrupt.to_string());
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let Some(start) = chain.start_lsn() else {
        findings.log_problems.push(String::from("there is no log beside the file"));
        return Ok(None);
    };
    let is_ours = findings.txn_id == TxnId::GENESIS || chain.uuid() == Some(source.uuid());
    if !is_ours {
        findings.log_problems.push(String::from("the log beside the file is another database's"));
        return Ok(None);
    }
    Ok(Some(Transactions::new(Scanner::new(chain, start)?, None)))
}

/// Applies the transaction that was read last: all of it when it is `behind` the pages, else only
/// what falls into holes.
fn apply(
    transactions: &mut Transactions,
    behind: bool,
    sink: &mut Sink,
    findings: &mut Findings,
) -> Result<()> {
    if !behind && findings.holes.is_empty() {
        return Ok(());
    }
    let mut count = 0;
    let applied = transactions.ops(&mut |op| {
        match op {
            Op::Put { key, value } if behind || findings.is_in_hole(key) => sink.put(key, value)?,
            Op::Del { key } if behind || findings.is_in_hole(key) => {
                sink.apply(|txn| txn.del(key).map(|_| ()))?;
            }
            Op::DelRange { start, end, .. } if behind => del_range(sink, start, end)?,
            Op::DelRange { start, end, .. } => {
                for hole in &findings.holes {
                    let (start, end) = clip(hole, start, end);
                    del_range(sink, start, end)?;
                }
            }
            _ => return Ok(()),
        }
        count += 1;
        Ok(())
    });
    findings.operations_from_log += count;
    match applied {
        Err(Error::Corrupt(corrupt)) => findings.log_problems.push(corrupt.to_string()),
        other => other?,
    }
    Ok(())
}

/// The part of a range that lies in a hole.
fn clip<'a>(
    hole: &'a Hole,
    start: &'a [u8],
    end: Option<&'a [u8]>,
) -> (&'a [u8], Option<&'a [u8]>) {
    let start = start.max(hole.from.as_slice());
    let end = match (end, hole.to.as_deref()) {
        (Some(end), Some(to)) => Some(end.min(to)),
        (end, to) => end.or(to),
    };
    (start, end)
}

fn del_range(sink: &mut Sink, start: &[u8], end: Option<&[u8]>) -> northstar_engine::Result<()> {
    if end.is_some_and(|end| end <= start) {
        return Ok(());
    }
    let end = end.map_or(Bound::Unbounded, Bound::Excluded);
    sink.apply(|txn| txn.del_range::<&[u8], _>((Bound::Included(start), end)).map(|_| ()))
}
