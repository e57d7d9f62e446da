//! A baseline to compare with, and what has to be equal for that to mean anything.

use super::{Profile, plan};
use crate::job::{Data, Desk, Job};
use northstar_bench::gate::Side;
use northstar_bench::machine::Machine;
use northstar_bench::result::{BenchSummary, Identity, params_slug};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;

/// A folder of results, read.
#[derive(Clone, Debug)]
pub struct Baseline {
    /// Where it is.
    pub path: PathBuf,
    /// What is in it.
    pub side: Arc<Side>,
    /// The machine this program runs on.
    here: Arc<Machine>,
}

/// One thing that has to be equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Axis {
    /// Which: host, build, size, durability.
    pub name: &'static str,
    /// Whether it is; none when the baseline does not say.
    pub same: Option<bool>,
    /// What differs, or what is not known.
    pub why: String,
}

impl Axis {
    fn equal(name: &'static str, base: String, now: String) -> Self {
        let same = base == now;
        let why = if same { String::new() } else { format!("{base} against {now} here") };
        Self { name, same: Some(same), why }
    }
}

impl Baseline {
    /// The baseline's results of a benchmark.
    pub fn summaries(&self, id: &str) -> Vec<&BenchSummary> {
        self.side.summaries.values().filter(|summary| summary.identity.bench == id).collect()
    }

    /// What a run of `id` here and now has in common with the baseline, before it is run. Empty when
    /// the baseline has no such benchmark.
    pub fn check(&self, id: &str, profile: Profile) -> Vec<Axis> {
        let Ok(plan) = plan(id, profile, 1) else { return Vec::new() };
        let pair = plan.benches.iter().find_map(|bench| {
            self.side.summaries.get(&bench.folder).map(|base| (base, &bench.identity))
        });
        match (pair, self.summaries(id).first()) {
            (Some((base, now)), _) => self.axes(&base.identity, now),
            // The same benchmark with other parameters: the size differs.
            (None, Some(base)) => match plan.benches.first() {
                Some(bench) => self.axes(&base.identity, &bench.identity),
                None => Vec::new(),
            },
            (None, None) => Vec::new(),
        }
    }

    fn axes(&self, base: &Identity, now: &Identity) -> Vec<Axis> {
        let host = match &self.side.run {
            Some(run) => {
                let difference = run.machine.first_difference(&self.here);
                Axis {
                    name: "host",
                    same: Some(difference.is_none()),
                    why: difference.unwrap_or_default(),
                }
            }
            None => Axis {
                name: "host",
                same: None,
                why: "the baseline names no machine: its counters compare, its times do not".into(),
            },
        };
        let size = |identity: &Identity| {
            let Identity { params, ops, warmup_ops, seed, .. } = identity;
            format!("{} ops={ops} warm-up={warmup_ops} seed={seed}", params_slug(params))
        };
        let build = |identity: &Identity| {
            format!("{:?} for {}", identity.build, identity.target).to_lowercase()
        };
        let durability = |identity: &Identity| format!("{:?}", identity.storage).to_lowercase();
        vec![
            host,
            Axis::equal("build", build(base), build(now)),
            Axis::equal("size", size(base), size(now)),
            Axis::equal("durability", durability(base), durability(now)),
            Axis::equal("version", base.bench_version.to_string(), now.bench_version.to_string()),
        ]
    }
}

/// Reads a baseline.
#[derive(Debug)]
pub struct LoadBaseline {
    /// Its folder.
    pub path: PathBuf,
}

impl Job for LoadBaseline {
    fn name(&self) -> String {
        format!("read {}", self.path.display())
    }

    fn run(self: Box<Self>, _: &mut Desk<'_>) -> Result<Data, String> {
        let side = Side::read(&self.path).map_err(|error| error.to_string())?;
        if side.summaries.is_empty() {
            return Err(format!("{}: no results in there", self.path.display()));
        }
        let here = Arc::new(Machine::look(&std::env::temp_dir()));
        Ok(Box::new(Baseline { path: self.path, side: Arc::new(side), here }))
    }
}
