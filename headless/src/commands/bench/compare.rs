//! `bench compare`: two result folders side by side.

use super::told;
use crate::{
    exit::Exit,
    output::{Out, json, table::Table},
};
use clap::Args;
use color_eyre::eyre::Result;
use northstar_bench::{compare::compare, gate::Side};
use std::path::PathBuf;

/// Put two result folders side by side; judges nothing
#[derive(Args, Debug)]
pub(super) struct Compare {
    /// The folder or baseline to compare with
    #[arg(value_name = "BASELINE", value_hint = clap::ValueHint::DirPath)]
    baseline: PathBuf,
    /// The folder to be compared
    #[arg(value_name = "CANDIDATE", value_hint = clap::ValueHint::DirPath)]
    candidate: PathBuf,
    /// Also show what did not change
    #[arg(long)]
    all: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

impl Compare {
    pub(super) fn run(self, out: &mut Out) -> Result<Exit> {
        let base = Side::read(&self.baseline).map_err(told)?;
        let new = Side::read(&self.candidate).map_err(told)?;
        let comparison = compare(&base, &new);
        if self.json {
            json::document(out, &comparison)?;
            return Ok(Exit::Done);
        }
        let mut table = Table::new(["benchmark", "metric", "baseline", "candidate", "change"])
            .right(&[2, 3, 4]);
        for bench in &comparison.benches {
            if let Some(why) = &bench.incomparable {
                let empty = || String::new();
                table.row([
                    bench.folder.clone(),
                    format!("not comparable: {why}"),
                    empty(),
                    empty(),
                    empty(),
                ]);
            }
            for metric in &bench.metrics {
                if !self.all && metric.baseline == metric.candidate {
                    continue;
                }
                let change = metric.change_percent;
                table.row([
                    bench.folder.clone(),
                    metric.metric.clone(),
                    format!("{:.0} {}", metric.baseline, metric.unit),
                    format!("{:.0} {}", metric.candidate, metric.unit),
                    change.map_or_else(|| "from 0".into(), |change| format!("{change:+.1} %")),
                ]);
            }
        }
        table.print(out)?;
        for (folders, word) in [(&comparison.missing, "missing"), (&comparison.new, "new")] {
            for folder in folders {
                out.line(format_args!("{word}: {folder}"))?;
            }
        }
        Ok(Exit::Done)
    }
}
