//! Checks everything: every page of every openable state, the log, the free space.
//!
//! Called by `Db::verify`, beside readers and writers. Every structure's own checker does the work:
//! `tree::check`, `log::verify`. Spec: `spec/invariants.md`.
//! Cost: reads every page once a state that uses it is checked, past the page cache's budget never.

use crate::db::shared::Shared;
use crate::db::space;
use crate::error::{Corrupt, Error, Place, Result};
use crate::ids::PageId;
use crate::inspect::{Problem, Report, Severity};
use crate::log;
use crate::pager::{FreeSpace, Run};
use crate::tree::{self, TreeRoot};
use crate::txn::core::Handle;
use crate::txn::read::ReadTxn;
use crate::txn::reclaim::Keeper;
use std::sync::Arc;

/// Checks the database as of now.
pub(crate) fn verify(handle: &Arc<Handle>, shared: &Arc<Shared>) -> Result<Report> {
    handle.check_open()?;
    let mut report = Report::default();
    if handle.log.is_some()
        && let Err(error) = space::prepare(shared)
    {
        note(&mut report, shared, error)?;
    }
    // The metas' lock keeps checkpoints away, so that what they name stays as it is.
    let metas = shared.metas();
    let pipeline = handle.pipeline();
    let visible = *pipeline.visible();
    let newest = ReadTxn::begin_kept(handle, &visible, visible.txn_id)?;
    let rows = pipeline.history().rows();
    let past: Vec<ReadTxn> =
        rows.map(|row| ReadTxn::begin_kept(handle, row, row.txn_id)).collect::<Result<_>>()?;
    let free_space = handle.pager.free_space(visible.txn_id);
    let retired = pipeline.retired.rows(visible.txn_id);
    let kept_by_others: Vec<Keeper> =
        pipeline.kept.keepers().filter(|keeper| matches!(keeper, Keeper::Running(_))).collect();
    drop(pipeline);

    let mut used = FreeSpace::empty(free_space.page_count);
    check_tree(shared, &newest, &mut used, true, &mut report)?;
    report.rows = newest.len();
    for state in &past {
        check_tree(shared, state, &mut used, false, &mut report)?;
    }
    let can_account = handle.log.is_some()
        && shared.space.get().is_some_and(Result::is_ok)
        && metas.withheld.is_none()
        && kept_by_others.is_empty();
    if can_account {
        for slot in metas.needed() {
            for &run in &slot.pages {
                used.set_used(run);
            }
        }
        for run in &retired {
            used.set_used(Run { page: run.page, count: run.count });
        }
        account(shared, &free_space, &used, &mut report);
    }
    drop(metas);
    check_log(shared, &mut report)?;
    Ok(report)
}

fn check_tree(
    shared: &Shared,
    state: &ReadTxn,
    used: &mut FreeSpace,
    is_newest: bool,
    report: &mut Report,
) -> Result<()> {
    let tree: &TreeRoot = state.tree();
    let mut pages = 0;
    let mut problems = Vec::new();
    tree::check(
        state.view(),
        tree,
        &mut |run| {
            let seen = used.set_used(run);
            if !seen {
                pages += u64::from(run.count);
            } else if is_newest {
                let expected = "a page that is used once";
                let corrupt = Corrupt::page(run.page, "TREE-4", expected, "a second pointer to it");
                report.problems.push(problem(shared, &corrupt, Severity::Error));
            }
        },
        &mut |error| problems.push(error),
    );
    report.pages += pages;
    for error in problems {
        note(report, shared, error)?;
    }
    Ok(())
}

/// MAP-5 and MAP-6: a page is used when something uses it, and only then.
fn account(shared: &Shared, free_space: &FreeSpace, used: &FreeSpace, report: &mut Report) {
    for page in (0..free_space.page_count).map(PageId::new) {
        let (reached, marked) = (used.is_used(page), free_space.is_used(page));
        if reached && !marked {
            let corrupt = Corrupt::page(page, "MAP-5", "used: it is reached", "free");
            report.problems.push(problem(shared, &corrupt, Severity::Error));
        }
        if marked && !reached {
            let corrupt = Corrupt::page(page, "MAP-6", "free: nothing reaches it", "used");
            report.problems.push(problem(shared, &corrupt, Severity::Warning));
        }
    }
}

fn check_log(shared: &Shared, report: &mut Report) -> Result<()> {
    let pin = shared.core.log.as_ref().map(|log| log.pin(crate::Lsn::new(0)));
    let chain = shared.log_chain()?;
    if chain.segments().is_empty() {
        return Ok(());
    }
    let found = log::verify::verify(&chain, shared.durable_lsn())?;
    drop(pin);
    report.log_records += found.commits;
    for corrupt in &found.problems {
        report.problems.push(problem(shared, corrupt, Severity::Error));
    }
    Ok(())
}

/// Takes a finding into the report; what is no finding ends the check.
fn note(report: &mut Report, shared: &Shared, error: Error) -> Result<()> {
    match error {
        Error::Corrupt(corrupt) => {
            report.problems.push(problem(shared, &corrupt, Severity::Error));
            Ok(())
        }
        error => Err(error),
    }
}

fn problem(shared: &Shared, corrupt: &Corrupt, severity: Severity) -> Problem {
    let log = shared.log_paths.active();
    let file = if matches!(corrupt.place, Place::Lsn(_)) { &log } else { &shared.path };
    Problem::new(severity, file, corrupt.clone())
}
