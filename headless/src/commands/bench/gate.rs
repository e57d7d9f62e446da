//! `bench gate`: may this change land?

use super::told;
use crate::{
    exit::{Exit, Told},
    output::{Out, json, note, table::Table},
};
use clap::Args;
use color_eyre::eyre::Result;
use northstar_bench::{
    ab,
    gate::{
        self, GateReport, Policy, Side, Verdict,
        approvals::{Approvals, Date},
        paired,
    },
};
use std::path::{Path, PathBuf};

/// Where approvals are when nothing else is said.
const APPROVALS: &str = "bench/approvals.toml";

/// Decide whether a change may land; exit 4 on a critical regression
///
/// Judges counters against the baseline (exact), paired timings where the candidate has an ab.json, and
/// stored timings for the profile dev_nvme on the baseline's own machine. What cannot be judged warns,
/// and is a failure with --strict.
#[derive(Args, Debug)]
pub(super) struct Gate {
    /// The folder or baseline to judge by
    #[arg(value_name = "BASELINE", value_hint = clap::ValueHint::DirPath)]
    baseline: PathBuf,
    /// The folder to be judged
    #[arg(value_name = "CANDIDATE", value_hint = clap::ValueHint::DirPath)]
    candidate: PathBuf,
    #[command(flatten)]
    rules: Rules,
}

/// By what rules, and how the answer is printed.
#[derive(Args, Clone, Debug)]
pub(super) struct Rules {
    /// What cannot be judged is a failure too
    #[arg(long)]
    pub(super) strict: bool,
    /// Other thresholds than bench/policy.toml as compiled in
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    policy: Option<PathBuf>,
    /// Approved regressions [default: bench/approvals.toml, where there is one]
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    approvals: Option<PathBuf>,
    /// Also show what passed
    #[arg(long)]
    all: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

impl Rules {
    pub(super) fn policy(&self) -> Result<Policy> {
        match &self.policy {
            Some(path) => Policy::read(path).map_err(told),
            None => Ok(Policy::committed()),
        }
    }

    pub(super) fn approvals(&self) -> Result<Approvals> {
        match &self.approvals {
            Some(path) => Approvals::read(path).map_err(told),
            None if Path::new(APPROVALS).is_file() => {
                Approvals::read(Path::new(APPROVALS)).map_err(told)
            }
            None => Ok(Approvals::default()),
        }
    }

    /// Prints `report` and turns it into an exit status.
    pub(super) fn conclude(&self, report: &GateReport, out: &mut Out) -> Result<Exit> {
        let failed = report.failed(self.strict);
        if self.json {
            json::document(out, report)?;
        } else {
            self.print(report, out)?;
        }
        for warning in &report.warnings {
            note(format_args!("warning: {warning}"));
        }
        let open = report.findings.iter().filter(|finding| finding.verdict.is_open()).count();
        if open > 0 && !self.strict {
            note(format_args!(
                "warning: {open} findings could not be judged (--strict fails on them)"
            ));
        }
        Ok(if failed { Exit::Gate } else { Exit::Done })
    }

    fn print(&self, report: &GateReport, out: &mut Out) -> Result<()> {
        let mut table = Table::new(["verdict", "benchmark", "metric", "worse", "allowed", "why"])
            .right(&[3, 4]);
        let percent = |value: Option<f64>| match value {
            None => String::new(),
            Some(value) if value.is_infinite() => "from 0".into(),
            Some(value) => format!("{value:+.1} %"),
        };
        let shown = report.findings.iter().filter(|f| self.all || f.verdict != Verdict::Pass);
        let mut rows = 0;
        for finding in shown {
            rows += 1;
            table.row([
                finding.verdict.name().into(),
                finding.folder.clone(),
                finding.metric.clone(),
                percent(finding.worse_percent),
                percent(finding.max_percent),
                finding.reason.clone(),
            ]);
        }
        if rows > 0 {
            table.print(out)?;
        }
        let counts = [
            Verdict::Pass,
            Verdict::Fail,
            Verdict::Missing,
            Verdict::Inconclusive,
            Verdict::Incomparable,
            Verdict::New,
            Verdict::Accepted,
        ];
        let words: Vec<String> = counts
            .iter()
            .map(|verdict| (verdict, report.count(*verdict)))
            .filter(|(_, count)| *count > 0)
            .map(|(verdict, count)| format!("{count} {}", verdict.name()))
            .collect();
        let answer = if report.failed(self.strict) { "GATE FAILED" } else { "gate passed" };
        out.line(format_args!("{answer}: {}", words.join(", ")))
    }
}

impl Gate {
    pub(super) fn run(self, out: &mut Out) -> Result<Exit> {
        let (policy, approvals) = (self.rules.policy()?, self.rules.approvals()?);
        let base = Side::read(&self.baseline).map_err(told)?;
        let new = Side::read(&self.candidate).map_err(told)?;
        let paired = ab::read(&self.candidate).map_err(told)?;
        if new.summaries.is_empty() && paired.is_none() {
            return Err(Told::usage("the candidate has no results").into());
        }
        // Nothing is approved yet: approvals are applied to everything together, once.
        let report = gate::judge(&base, &new, &policy, &Approvals::default(), Date::today());
        let mut findings = report.findings;
        findings.extend(paired.iter().flat_map(|file| paired::judge(file, &policy.timing)));
        let report = gate::conclude(findings, &approvals, Date::today());
        self.rules.conclude(&report, out)
    }
}
