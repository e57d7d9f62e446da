//! `bench report`: totals of a result folder, as a table, CSV, Markdown or one HTML page.

use super::told;
use crate::{
    exit::{Exit, Told},
    output::{Out, json, table::Table},
};
use clap::Args;
use color_eyre::eyre::Result;
use northstar_bench::{
    report::{
        self, Outcome, TotalsFile, count_words, html, ns_words, outcome_name, variation_words,
    },
    result::store::{self, Store},
};
use std::path::PathBuf;

/// Show a result folder: pass and fail counts, a row a benchmark
///
/// Exit 1 when a benchmark of the run failed or was not finished.
#[derive(Args, Debug)]
pub(super) struct ReportCommand {
    /// The result folder
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    folder: PathBuf,
    /// Write one self-contained page with charts
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    html: Option<PathBuf>,
    /// Write the rows as CSV
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    csv: Option<PathBuf>,
    /// Print Markdown instead of a table
    #[arg(long)]
    markdown: bool,
    /// Print the totals as one JSON document
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
}

impl ReportCommand {
    pub(super) fn run(self, out: &mut Out) -> Result<Exit> {
        let store = Store::new(&self.folder);
        let run = store.read_run().map_err(told)?;
        let totals = report::totals(&store, &run).map_err(told)?;
        if let Some(path) = &self.html {
            let page = html::page(&store).map_err(told)?;
            store::write_whole(path, page.as_bytes()).map_err(told)?;
        }
        if let Some(path) = &self.csv {
            let rows = report::csv(&totals).map_err(told)?;
            store::write_whole(path, rows.as_bytes()).map_err(told)?;
        }
        if self.json {
            json::document(out, &totals)?;
        } else if self.markdown {
            out.bytes(report::markdown(&totals).as_bytes())?;
        } else {
            print(&totals, out)?;
        }
        let bad = totals.suites.iter().map(|suite| suite.failed + suite.unfinished).sum::<u32>();
        if bad == 0 {
            Ok(Exit::Done)
        } else {
            Err(Told::no(format!("{bad} benchmarks failed or were not finished")).into())
        }
    }
}

/// Prints the rows, then the counts of each suite.
pub(super) fn print(totals: &TotalsFile, out: &mut Out) -> Result<()> {
    let mut table = Table::new([
        "benchmark",
        "parameters",
        "rate",
        "variation",
        "p50",
        "p99",
        "syncs/op",
        "written/op",
        "allocs/op",
        "outcome",
    ])
    .right(&[2, 4, 5, 6, 7, 8]);
    let known = |value: Option<f64>| match value {
        None => "unknown".to_owned(),
        Some(0.0) => "0".to_owned(),
        Some(value) if value < 10.0 => format!("{value:.3}"),
        Some(value) => count_words(value),
    };
    for row in &totals.rows {
        table.row([
            row.bench.clone(),
            row.params.clone(),
            format!("{}/s", count_words(row.ops_per_second)),
            variation_words(row),
            ns_words(row.p50_ns),
            ns_words(row.p99_ns),
            known(row.syncs_per_op),
            known(row.bytes_written_per_op),
            known(row.allocs_per_op),
            outcome_name(row.outcome).to_owned(),
        ]);
    }
    table.print(out)?;
    out.line("")?;
    let mut table =
        Table::new(["suite", "planned", "passed", "failed", "unfinished"]).right(&[1, 2, 3, 4]);
    for suite in &totals.suites {
        table.row([
            suite.suite.clone(),
            suite.planned.to_string(),
            suite.passed.to_string(),
            suite.failed.to_string(),
            suite.unfinished.to_string(),
        ]);
    }
    table.print(out)?;
    for row in totals.rows.iter().filter(|row| row.outcome == Outcome::Failed) {
        for reason in &row.reasons {
            out.line(format_args!("{} {}: {reason}", row.bench, row.params))?;
        }
    }
    Ok(())
}
