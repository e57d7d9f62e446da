//! Paired A/B timing of two programs in one job.
//!
//! Called by `bench ab` and by the self-test. Each round runs a fresh process of either program, in turn
//! AB and BA, on memory storage so that the disk's noise is out. The null control (the baseline program
//! against itself) comes first. A suspect gets a second series of rounds with the order reversed. What the
//! baseline program cannot run (a benchmark, or a version of it, that is new) is said and not timed.
//! Rounds, not verdicts, are stored: `gate::paired` judges `OUT/ab.json` again whenever asked.

use crate::{
    error::{Error, Result},
    events::PROTOCOL,
    gate::{paired, policy::TimingPolicy},
    machine::Machine,
    plan::{Plan, Request},
    profile::Profile,
    result::{FORMAT, Identity, Measured, PlannedBench, StorageKind, store},
    runner::{Control, run_worker},
    worker::{Inject, Job},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Benchmarks of the null control: a reader and a writer.
const CONTROL: [&str; 2] = ["btree/point_get_hot_1m", "btree/point_put_update_10pct_hot"];

/// Marks an [`AbFile`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AbKind {
    /// The only value.
    #[default]
    Ab,
}

/// All rounds of a paired run. `OUT/ab.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AbFile {
    /// [`FORMAT`].
    pub format: String,
    /// "ab".
    pub kind: AbKind,
    /// What the baseline program is: a path or a revision.
    pub base: String,
    /// What the candidate program is.
    pub candidate: String,
    /// The machine.
    pub machine: Machine,
    /// The baseline program against itself.
    pub control: Vec<AbBench>,
    /// One entry a benchmark.
    pub benches: Vec<AbBench>,
}

/// The rounds of one benchmark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AbBench {
    /// What it is comparable by.
    pub identity: Identity,
    /// Its name with parameters, as a folder.
    pub folder: String,
    /// Whether a regression of it fails the gate.
    pub critical: bool,
    /// Whether the two programs computed different results in any round.
    pub checksums_differ: bool,
    /// Why the baseline program has no such benchmark; there are no rounds then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_in_base: Option<String>,
    /// Screening rounds.
    pub rounds: Vec<Round>,
    /// Fresh rounds of a suspect.
    pub confirmation: Vec<Round>,
}

/// One process of each program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Round {
    /// Whether the baseline ran first.
    pub base_first: bool,
    /// The baseline.
    pub base: Shot,
    /// The candidate.
    pub candidate: Shot,
}

/// What a round keeps of one process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shot {
    /// Operations a second.
    pub ops_per_second: f64,
    /// Median latency.
    pub p50_ns: u64,
    /// 99th percentile of latency.
    pub p99_ns: u64,
    /// Latencies measured.
    pub latency_samples: u64,
    /// CPU time an operation; absent where the system does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_ns_per_op: Option<f64>,
}

impl From<&Measured> for Shot {
    fn from(measured: &Measured) -> Self {
        let ops = measured.ops.max(1) as f64;
        Self {
            ops_per_second: measured.ops_per_second,
            p50_ns: measured.latency.p50_ns,
            p99_ns: measured.latency.p99_ns,
            latency_samples: measured.latency.samples,
            cpu_ns_per_op: measured.process.cpu_ns.map(|cpu| cpu as f64 / ops),
        }
    }
}

/// A program to measure.
#[derive(Clone, Debug)]
pub struct Program {
    /// Where it is.
    pub path: PathBuf,
    /// What it is, for people.
    pub label: String,
    /// What to break in it on purpose.
    pub inject: Inject,
}

/// What to compare.
#[derive(Clone, Debug)]
pub struct AbRequest {
    /// Which benchmarks, how large.
    pub plan: Request,
    /// The baseline program.
    pub base: Program,
    /// The candidate program.
    pub candidate: Program,
    /// Folder of the result; must exist.
    pub out: PathBuf,
    /// Only benchmarks that are critical.
    pub critical_only: bool,
}

/// Runs the paired comparison and writes `OUT/ab.json`; `told` gets a line about each benchmark.
///
/// # Errors
/// A worker that fails; a result that cannot be written; [`Error::Usage`] when nothing is left to run.
pub fn run(
    request: &AbRequest,
    policy: &TimingPolicy,
    control: &Control,
    told: &mut dyn FnMut(&str),
) -> Result<AbFile> {
    let mut plan = request.plan.clone();
    plan.storage = Some(StorageKind::Memory);
    let mut plan = Plan::new(&plan)?;
    plan.benches.retain(|bench| bench.critical || !request.critical_only);
    if plan.benches.is_empty() {
        return Err(Error::Usage("no critical benchmark is left".into()));
    }
    let mut file = AbFile {
        format: FORMAT.into(),
        kind: AbKind::Ab,
        base: request.base.label.clone(),
        candidate: request.candidate.label.clone(),
        machine: Machine::look(&request.out),
        control: Vec::new(),
        benches: Vec::new(),
    };
    let path = request.out.join("ab.json");
    let pair = Pair { request, policy, control };
    for planned in control_plan(plan.profile)? {
        told(&format!("null control: {}", planned.folder));
        let bench = pair.series(&planned, &request.base, &request.base)?;
        if let Some(reason) = &bench.not_in_base {
            told(&format!("left out of the null control: {reason}"));
        } else {
            file.control.push(bench);
        }
    }
    if file.control.is_empty() {
        return Err(Error::Usage("the baseline program runs nothing of the null control".into()));
    }
    for metric in paired::Metric::ALL {
        if !paired::control_holds(&file.control, metric, policy) {
            let name = metric.name();
            told(&format!("the null control failed: {name} is inconclusive in this run"));
        }
    }
    for planned in &plan.benches {
        let mut bench = pair.series(planned, &request.base, &request.candidate)?;
        if let Some(reason) = &bench.not_in_base {
            told(&format!("{}: not in the baseline: {reason}", planned.folder));
        } else if paired::is_suspect(&bench.rounds, policy) {
            told(&format!("{}: suspect, confirming on fresh rounds", planned.folder));
            pair.rounds(planned, &request.base, &request.candidate, &mut bench, true)?;
        }
        if bench.not_in_base.is_none() {
            let (rounds, fresh) = (bench.rounds.len(), bench.confirmation.len());
            told(&format!("{}: {rounds}+{fresh} rounds", planned.folder));
        }
        file.benches.push(bench);
        store::write(&path, &file)?;
    }
    Ok(file)
}

fn control_plan(profile: Profile) -> Result<Vec<PlannedBench>> {
    let mut request = Request::new(profile);
    request.filters = CONTROL.iter().map(ToString::to_string).collect();
    request.storage = Some(StorageKind::Memory);
    Ok(Plan::new(&request)?.benches)
}

/// Two programs under one set of rules.
struct Pair<'a> {
    request: &'a AbRequest,
    policy: &'a TimingPolicy,
    control: &'a Control,
}

impl Pair<'_> {
    fn series(&self, planned: &PlannedBench, base: &Program, other: &Program) -> Result<AbBench> {
        let mut bench = AbBench {
            identity: planned.identity.clone(),
            folder: planned.folder.clone(),
            critical: planned.critical,
            checksums_differ: false,
            not_in_base: None,
            rounds: Vec::new(),
            confirmation: Vec::new(),
        };
        // One process that is not counted, to see whether the baseline program can.
        match self.shot(planned, base) {
            Err(Error::Worker(reason)) if !self.control.is_cancelled() => {
                bench.not_in_base = Some(reason);
            }
            Err(error) => return Err(error),
            Ok(_) => self.rounds(planned, base, other, &mut bench, false)?,
        }
        Ok(bench)
    }

    /// Adds rounds to one stage of `bench` until the rule has seen enough.
    fn rounds(
        &self,
        planned: &PlannedBench,
        base: &Program,
        other: &Program,
        bench: &mut AbBench,
        confirming: bool,
    ) -> Result<()> {
        let shot = |program| {
            self.shot(planned, program).map_err(|error| match error {
                Error::Worker(reason) => Error::Worker(format!("{}: {reason}", planned.folder)),
                other => other,
            })
        };
        let mut rounds: Vec<Round> = Vec::new();
        while rounds.len() < paired::SCREEN_ROUNDS || paired::wants_more(&rounds, self.policy) {
            for _ in 0..paired::STEP_ROUNDS {
                // AB, BA, AB ...; a confirmation starts the other way round.
                let base_first = rounds.len().is_multiple_of(2) != confirming;
                let (old, new) = if base_first {
                    let old = shot(base)?;
                    (old, shot(other)?)
                } else {
                    let new = shot(other)?;
                    (shot(base)?, new)
                };
                bench.checksums_differ |= old.checksum != new.checksum;
                rounds.push(Round {
                    base_first,
                    base: Shot::from(&old),
                    candidate: Shot::from(&new),
                });
            }
        }
        if confirming {
            bench.confirmation = rounds
        } else {
            bench.rounds = rounds
        }
        Ok(())
    }

    fn shot(&self, planned: &PlannedBench, program: &Program) -> Result<Measured> {
        let folder = self.request.out.join("data");
        std::fs::create_dir_all(&folder).map_err(|e| Error::io("create", &folder, e))?;
        let job = Job {
            v: PROTOCOL,
            identity: planned.identity.clone(),
            warmup_ns: planned.warmup_ns,
            folder: folder.clone(),
            count_allocations: false,
            inject: program.inject,
        };
        let measured = run_worker(&program.path, &job, self.control, |_| Ok(()));
        std::fs::remove_dir_all(&folder).map_err(|e| Error::io("remove", &folder, e))?;
        measured
    }
}

/// Reads `OUT/ab.json`; `None` when the folder has none.
///
/// # Errors
/// [`Error::Io`], [`Error::Schema`].
pub fn read(out: &Path) -> Result<Option<AbFile>> {
    let path = out.join("ab.json");
    if path.exists() { store::read(&path).map(Some) } else { Ok(None) }
}
