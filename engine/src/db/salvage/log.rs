//! What the log holds: runs of segments that join, applied in holes or from a position on.

use super::Job;
use super::pages::{KeyRange, is_inside};
use crate::error::{Corrupt, Place, Result};
use crate::format::meta::Meta;
use crate::format::op::Op;
use crate::ids::{Lsn, TxnId};
use crate::log::verify::verify;
use crate::log::{Chain, Scanner, Transactions};

impl Job<'_> {
    /// Applies what the log still has of the time before the checkpoint, up to `until`, to the holes
    /// of the tree. A key that was touched in that time comes out right; others stay as the leaves
    /// have them. Damage of that part of the log costs nothing that is not listed as lost already.
    pub(super) fn log_in_holes(
        &mut self,
        chain: Chain,
        holes: &[KeyRange],
        until: Lsn,
    ) -> Result<()> {
        let Ok(mut transactions) = Transactions::of(chain) else { return Ok(()) };
        loop {
            match transactions.next() {
                Ok(Some(found)) if found.end_lsn > until => return Ok(()),
                Ok(Some(_)) => {
                    let applied = transactions.ops(&mut |op| self.apply_in(holes, op));
                    if applied.as_ref().is_err_and(|error| !error.is_corrupt()) {
                        return applied;
                    }
                }
                Ok(None) => return Ok(()),
                Err(_) => match transactions.skip_damage() {
                    Ok(true) => {}
                    _ => return Ok(()),
                },
            }
        }
    }

    /// Applies the part of an operation that lies in one of `holes`.
    fn apply_in(&mut self, holes: &[KeyRange], op: Op<'_>) -> Result<()> {
        match op {
            Op::Put { key, .. } | Op::Del { key } if is_inside(holes, key) => {
                self.report.ops_in_holes += 1;
                self.apply(op)
            }
            Op::Put { .. } | Op::Del { .. } => Ok(()),
            Op::DelRange { start, end, count } => {
                for (from, to) in holes {
                    let start = start.max(from.as_slice());
                    let end = match (end, to.as_deref()) {
                        (Some(end), Some(to)) => Some(end.min(to)),
                        (end, to) => end.or(to),
                    };
                    if end.is_none_or(|end| start < end) {
                        self.report.ops_in_holes += 1;
                        self.apply(Op::DelRange { start, end, count })?;
                    }
                }
                Ok(())
            }
        }
    }

    /// Applies the transactions of the log from `from` on (from its start when `None`), going on
    /// behind damage.
    pub(super) fn log(&mut self, chain: Chain, from: Option<Lsn>) -> Result<()> {
        let Some(start) = chain.start_lsn() else { return Ok(()) };
        let from = from.unwrap_or(start);
        let scanner = match Scanner::new(chain.clone(), from.max(start)) {
            Ok(scanner) => scanner,
            Err(error) => return self.log_problem(error),
        };
        let mut transactions = Transactions::new(scanner, None);
        loop {
            match self.log_step(&mut transactions) {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error) => {
                    self.log_problem(error)?;
                    match transactions.skip_damage() {
                        Ok(true) => {}
                        Ok(false) => return Ok(()),
                        Err(error) => return self.log_problem(error),
                    }
                }
            }
        }
    }

    /// One transaction; `false` at the tail.
    fn log_step(&mut self, transactions: &mut Transactions) -> Result<bool> {
        let Some(found) = transactions.next()? else { return Ok(false) };
        let expected = self.report.txn_id.map(TxnId::next);
        if expected.is_some_and(|expected| found.txn_id > expected) {
            let place = Place::Lsn(found.lsn);
            let expected = format!("transaction {}", expected.unwrap_or_default());
            let corrupt = Corrupt::at(place, "LOG-8", expected, found.txn_id);
            self.log_problem(corrupt.into())?;
        }
        if expected.is_none_or(|expected| found.txn_id >= expected) {
            transactions.ops(&mut |op| self.apply(op))?;
            self.report.transactions += 1;
            self.report.txn_id = Some(found.txn_id);
        }
        Ok(true)
    }
}

/// Whether the log holds every transaction from the first on, soundly, and reaches the meta's state.
pub(super) fn reaches_genesis(chain: &Chain, meta: Option<&Meta>) -> bool {
    let Ok(found) = verify(chain, Lsn::default()) else { return false };
    found.problems.is_empty()
        && found.first_txn == Some(TxnId::GENESIS.next())
        && found.last_txn >= meta.map(|meta| meta.txn_id)
}

/// Whether the log leads from the state of `meta` to transaction `to` at least.
pub(super) fn leads_on(chain: &Chain, meta: &Meta, to: TxnId) -> bool {
    let Ok(scanner) = Scanner::new(chain.clone(), meta.log_lsn) else { return false };
    let mut transactions = Transactions::new(scanner, Some(meta.txn_id));
    while transactions.last_txn() < Some(to) {
        let Ok(Some(_)) = transactions.next() else { return false };
    }
    true
}
