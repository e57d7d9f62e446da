//! The gate tested on the real thing: identical programs pass, injected costs are caught.
//!
//! Called by `bench selftest`. Runs the program against itself, so it needs a quiet machine only as far as
//! the gate itself does. Each trial is counted: the answer is "tries and catches", not "works".

use crate::{
    ab::{self, AbRequest, Program},
    error::Result,
    gate::{
        self, Finding, Policy, Side, Verdict,
        approvals::{Approvals, Date},
    },
    plan::{Plan, Request},
    profile::Profile,
    result::{BenchSummary, Class},
    runner::{self, Control, Settings},
    worker::Inject,
};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// One line of the self-test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trial {
    /// What was tried.
    pub name: String,
    /// How often.
    pub tries: u32,
    /// How often the gate said what it must.
    pub right: u32,
    /// How often it could not say (tier 1 on a noisy machine).
    pub open: u32,
    /// What was said the first time it was not right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
}

impl Trial {
    /// Whether nothing wrong was said.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.right + self.open == self.tries && self.right > 0
    }
}

/// How much is tried.
#[derive(Clone, Debug)]
pub struct SelftestRequest {
    /// The program under test.
    pub program: PathBuf,
    /// Folder for its runs.
    pub out: PathBuf,
    /// Only trials whose name contains one of these; none for all.
    pub filters: Vec<String>,
    /// Tries of tier 0 for identical programs; 0 leaves that trial out.
    pub counter_tries: u32,
    /// Tries of each tier 1 case; 0 leaves these trials out.
    pub timing_tries: u32,
    /// Which benchmarks tier 1 is tried on.
    pub timing_filters: Vec<String>,
}

/// A cost that tier 0 must catch in every exact benchmark that pays it.
struct CounterFault {
    name: &'static str,
    inject: Inject,
    /// Counters of which one must fail.
    counters: &'static [&'static str],
    /// What the fault adds to a benchmark with these figures; 0 where it cannot show.
    adds: fn(&BenchSummary) -> u64,
}

const SYNCS: &[&str] = &["fsyncs", "fdatasyncs"];

fn syncs_of(summary: &BenchSummary) -> u64 {
    summary.counters.fsyncs.unwrap_or(0) + summary.counters.fdatasyncs.unwrap_or(0)
}

static COUNTER_FAULTS: [CounterFault; 3] = [
    CounterFault {
        name: "every sync of a file made twice",
        inject: Inject { extra_sync_every: 1, ..NO_FAULT },
        counters: SYNCS,
        adds: syncs_of,
    },
    CounterFault {
        name: "one sync more after every 100",
        inject: Inject { extra_sync_every: 100, ..NO_FAULT },
        counters: SYNCS,
        // Syncs of the set-up count along, so up to 99 in the timed section may stay without one.
        adds: |summary| syncs_of(summary) / 100,
    },
    CounterFault {
        name: "one allocation more in every operation",
        inject: Inject { alloc_every: 1, ..NO_FAULT },
        counters: &["alloc_count"],
        adds: |summary| {
            // Only what is beyond the policy's 5 % has to be caught.
            let allowed = summary.counters.alloc_count.unwrap_or(u64::MAX) / 20;
            // At least as many operations are timed alone, and each gets one.
            let added = summary.timing.as_ref().map_or(0, |timing| timing.latency_samples_min);
            if added > allowed { added } else { 0 }
        },
    },
];

const NO_FAULT: Inject = Inject {
    slow_percent: 0,
    alloc_every: 0,
    extra_sync_every: 0,
    skip_sync_every: 0,
    op_ns: 0,
    sync_ns: 0,
    write_ns: 0,
    read_ns: 0,
};

/// Runs the self-test; `told` gets a line about each trial as it ends.
///
/// # Errors
/// A worker that fails where it should not, or results that cannot be written;
/// [`Error::Usage`](crate::Error::Usage) when no trial is left.
pub fn run(
    request: &SelftestRequest,
    control: &Control,
    told: &mut dyn FnMut(&Trial),
) -> Result<Vec<Trial>> {
    let mut trials = Vec::new();
    // The side that counters are judged by; made when the first trial wants it.
    let mut base = None;
    for (name, kind) in chosen(request) {
        if base.is_none() && matches!(kind, Kind::Counters | Kind::Fault(_)) {
            base = Some(side(request, control, "aa-base", &[], NO_FAULT)?);
        }
        let trial = match (kind, &base) {
            (Kind::Counters, Some(base)) => identical_counters(request, control, base, name)?,
            (Kind::Fault(fault), Some(base)) => counter_fault(request, control, base, fault, name)?,
            (Kind::SkippedSync, _) => skipped_sync(request, control, name)?,
            (Kind::Timing { slow_percent }, _) => timing(request, control, name, slow_percent)?,
            (Kind::Counters | Kind::Fault(_), None) => continue,
        };
        told(&trial);
        trials.push(trial);
    }
    if trials.is_empty() {
        return Err(crate::Error::Usage("the filters and tries leave no trial".into()));
    }
    Ok(trials)
}

/// How a trial is made.
#[derive(Clone, Copy)]
enum Kind {
    Counters,
    Fault(&'static CounterFault),
    SkippedSync,
    Timing { slow_percent: u64 },
}

/// The trials that `request` asks for, by name.
fn chosen(request: &SelftestRequest) -> Vec<(String, Kind)> {
    let mut all = vec![("identical programs, all counters".to_owned(), Kind::Counters)];
    let fault =
        |fault: &'static CounterFault| (format!("injected: {}", fault.name), Kind::Fault(fault));
    all.extend(COUNTER_FAULTS.iter().map(fault));
    all.extend([
        ("a sync left out: pager/commit_meta_fsync fails".to_owned(), Kind::SkippedSync),
        ("identical programs, paired timing".to_owned(), Kind::Timing { slow_percent: 0 }),
        (
            "every operation 10 % slower, paired timing".to_owned(),
            Kind::Timing { slow_percent: 10 },
        ),
    ]);
    all.retain(|(name, kind)| {
        let named = request.filters.iter().any(|filter| name.contains(filter.as_str()));
        let tried = match kind {
            Kind::Counters => request.counter_tries > 0,
            Kind::Timing { .. } => request.timing_tries > 0,
            Kind::Fault(_) | Kind::SkippedSync => true,
        };
        tried && (named || request.filters.is_empty())
    });
    all
}

/// Runs the benchmarks `filter` finds, with `inject`, and reads the results.
fn side(
    request: &SelftestRequest,
    control: &Control,
    name: &str,
    filter: &[String],
    inject: Inject,
) -> Result<Side> {
    let mut plan = Request::new(Profile::Ci);
    plan.filters = filter.to_vec();
    let out = request.out.join(name);
    if out.exists() {
        std::fs::remove_dir_all(&out).map_err(|e| crate::Error::io("remove", &out, e))?;
    }
    let settings = Settings { program: request.program.clone(), inject, ..Settings::new(&out)? };
    runner::run(&Plan::new(&plan)?, &settings, control, &mut |_| {})?;
    Side::read(out)
}

fn judge(base: &Side, new: &Side) -> gate::GateReport {
    let never = Date { year: 0, month: 1, day: 1 };
    gate::judge(base, new, &Policy::committed(), &Approvals::default(), never)
}

fn worst(report: &gate::GateReport) -> String {
    report.findings.first().map_or_else(String::new, |finding| {
        let (folder, metric) = (&finding.folder, &finding.metric);
        format!("{folder} {metric}: {} ({})", finding.verdict.name(), finding.reason)
    })
}

fn identical_counters(
    request: &SelftestRequest,
    control: &Control,
    base: &Side,
    name: String,
) -> Result<Trial> {
    let mut trial = Trial { name, tries: request.counter_tries, right: 0, open: 0, example: None };
    for _ in 0..request.counter_tries {
        let report = judge(base, &side(request, control, "aa", &[], NO_FAULT)?);
        if report.failed(true) {
            trial.example.get_or_insert_with(|| worst(&report));
        } else {
            trial.right += 1;
        }
    }
    Ok(trial)
}

/// Runs everything with `fault` and looks whether each benchmark that pays for it fails the gate. The
/// other way round the change is an improvement, which must pass: one try more.
fn counter_fault(
    request: &SelftestRequest,
    control: &Control,
    base: &Side,
    fault: &CounterFault,
    name: String,
) -> Result<Trial> {
    let new = side(request, control, "fault", &[], fault.inject)?;
    let report = judge(base, &new);
    let mut trial = Trial { name, tries: 1, right: 0, open: 0, example: None };
    for (folder, summary) in &base.summaries {
        // A benchmark that notices by itself has no result; that counts as caught.
        let noticed = !new.summaries.contains_key(folder);
        if summary.identity.class != Class::Exact || (fault.adds)(summary) == 0 {
            continue;
        }
        trial.tries += 1;
        let caught = noticed
            || report.findings.iter().any(|finding| {
                finding.folder == *folder
                    && finding.verdict == Verdict::Fail
                    && fault.counters.contains(&finding.metric.as_str())
            });
        if caught {
            trial.right += 1;
        } else {
            trial.example.get_or_insert_with(|| format!("{folder}: not caught"));
        }
    }
    // Where a benchmark noticed, the faulty side lacks it: nothing to compare there.
    let mut sound = base.clone();
    sound.summaries.retain(|folder, _| new.summaries.contains_key(folder));
    let improved = judge(&new, &sound);
    if improved.failed(false) {
        trial.example.get_or_insert_with(|| format!("the other way round: {}", worst(&improved)));
    } else {
        trial.right += 1;
    }
    Ok(trial)
}

/// `pager/commit_meta_fsync` must fail when a sync is left out.
fn skipped_sync(request: &SelftestRequest, control: &Control, name: String) -> Result<Trial> {
    let filters = vec!["pager/commit_meta_fsync".to_owned()];
    let inject = Inject { skip_sync_every: 50, ..NO_FAULT };
    let side = side(request, control, "skip", &filters, inject)?;
    let failures = side.run.map(|run| run.failures).unwrap_or_default();
    let caught = failures.iter().any(|failure| failure.reason.contains("the protocol demands"));
    Ok(Trial {
        name,
        tries: 1,
        right: u32::from(caught),
        open: 0,
        example: (!caught).then(|| format!("{failures:?}")),
    })
}

fn timing(
    request: &SelftestRequest,
    control: &Control,
    name: String,
    slow_percent: u64,
) -> Result<Trial> {
    let mut trial = Trial { name, tries: 0, right: 0, open: 0, example: None };
    let policy = Policy::committed();
    for _ in 0..request.timing_tries {
        let file =
            ab::run(&ab_request(request, slow_percent)?, &policy.timing, control, &mut |_| {})?;
        let findings = gate::paired::judge(&file, &policy.timing);
        for bench in &file.benches {
            let mine = || findings.iter().filter(|finding| finding.folder == bench.folder);
            let failed = mine().any(|finding| finding.verdict == Verdict::Fail);
            let open = mine().any(|finding| finding.verdict.is_open());
            trial.tries += 1;
            match (failed, slow_percent > 0) {
                (false, false) if !open => trial.right += 1,
                (true, true) => trial.right += 1,
                (wrong, _) => {
                    trial.open += u32::from(open && !wrong);
                    let words =
                        |f: &Finding| format!("{} {}: {}", f.metric, f.verdict.name(), f.reason);
                    let say = || mine().map(words).collect::<Vec<_>>().join("; ");
                    trial.example.get_or_insert_with(|| format!("{}: {}", bench.folder, say()));
                }
            }
        }
    }
    Ok(trial)
}

fn ab_request(request: &SelftestRequest, slow_percent: u64) -> Result<AbRequest> {
    let mut plan = Request::new(Profile::Ci);
    plan.filters = request.timing_filters.clone();
    let out = request.out.join("ab");
    std::fs::create_dir_all(&out).map_err(|e| crate::Error::io("create", &out, e))?;
    let program = |label: &str, inject| Program {
        path: request.program.clone(),
        label: label.into(),
        inject,
    };
    Ok(AbRequest {
        plan,
        base: program("this program", NO_FAULT),
        candidate: program("this program", Inject { slow_percent, ..NO_FAULT }),
        out,
        critical_only: false,
    })
}

/// Whether `folder` can hold the self-test's runs.
#[must_use]
pub fn is_free(folder: &Path) -> bool {
    std::fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none())
}
