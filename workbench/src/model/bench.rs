//! Benchmarks: the catalog, and a run whose events are passed on. The work is done in a child process
//! by the runner of `northstar_bench`; this program is its own worker.

use crate::runtime::jobs::{Data, Desk, Job};
use northstar_bench::events::Event;
use northstar_bench::plan::{Plan, Request};
use northstar_bench::profile::Profile;
use northstar_bench::runner::{Control, Settings, run};

/// Repeats of a run from the screen: enough for a spread, short enough to watch.
pub const REPEATS: u32 = 3;

/// One benchmark of the catalog.
#[derive(Clone, Debug, serde::Serialize)]
pub struct BenchEntry {
    /// `suite/name`.
    pub id: &'static str,
    /// What it is for.
    pub why: &'static str,
    /// Whether a regression fails the gate.
    pub critical: bool,
}

/// The catalog.
pub fn catalog() -> Vec<BenchEntry> {
    northstar_bench::catalog::all()
        .into_iter()
        .map(|entry| BenchEntry { id: entry.id, why: entry.why, critical: entry.critical })
        .collect()
}

/// The end of a run.
#[derive(Debug)]
pub struct RunEnded;

/// Runs one benchmark at the size of the `ci` profile.
#[derive(Debug)]
pub struct RunBench {
    /// Its id.
    pub id: &'static str,
}

impl Job for RunBench {
    fn name(&self) -> String {
        format!("bench {}", self.id)
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let folder = tempfile::Builder::new()
            .prefix("northstar-bench-")
            .tempdir()
            .map_err(|error| error.to_string())?;
        let request = Request {
            filters: vec![self.id.to_owned()],
            repeats: Some(REPEATS),
            ..Request::new(Profile::Ci)
        };
        let plan = Plan::new(&request).map_err(|error| error.to_string())?;
        let settings =
            Settings::new(folder.path().join("results")).map_err(|error| error.to_string())?;
        let control = Control::default();
        let stop = control.clone();
        let mut watch = |event: &Event| {
            desk.part(Box::new(event.clone()));
            if !desk.wanted() {
                stop.cancel();
            }
        };
        run(&plan, &settings, &control, &mut watch).map_err(|error| error.to_string())?;
        Ok(Box::new(RunEnded))
    }
}
